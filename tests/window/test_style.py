"""Dressing the application: what Python does in the middle of it must not break it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from PySide6.QtWidgets import QApplication, QCheckBox

from app.window import style

COLLECTS = """
import gc
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication, QLabel
from app.window import style

class Lost(QLabel):
    def __init__(self):
        super().__init__("nobody has it any more but itself")
        self.own = self

class Busy(QLabel):
    def event(self, event):
        if event.type() == QEvent.Type.StyleChange and gc.isenabled():
            gc.collect()  # as the collector may at any time, while it is on
        return super().event(event)

app = QApplication([])
gc.set_threshold(1_000_000)
kept = [Busy("busy") for _ in range(20)]
for label in kept:
    label.show()
for _ in range(300):
    Lost().show()
style.apply(app)
assert gc.isenabled()
gc.collect()
print(len(app.topLevelWidgets()))
"""


def test_what_the_collector_takes_is_not_taken_while_all_widgets_are_dressed() -> None:
    """Qt goes over all widgets by bare pointers then; handlers in Python run in between."""
    done = subprocess.run([sys.executable, "-c", COLLECTS], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout) == (0, "20\n"), done.stderr


def test_what_is_checked_shows_it_also_where_it_cannot_be_changed(qtbot: Any, qapp: QApplication) -> None:
    style.apply(qapp)
    pictures = {}
    for checked in (False, True):
        box = QCheckBox("Any batch")
        box.setChecked(checked)
        box.setEnabled(False)
        qtbot.addWidget(box)
        box.resize(120, 24)
        pictures[checked] = box.grab().toImage()
    without, tick = pictures[False], pictures[True]
    places = [(x, y) for x in range(without.width()) for y in range(without.height())]
    seen = [abs(tick.pixelColor(*at).lightness() - without.pixelColor(*at).lightness()) for at in places]
    assert sum(difference > 30 for difference in seen) >= 8
