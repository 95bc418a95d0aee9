"""How long a start takes until the window is painted, beside an empty window that wears the same theme.

    python -m tests.benchmarks.bench_start

Each start is a process of its own, timed from its beginning to the end of the window's first paint; the two kinds
alternate. Prints the medians in milliseconds and their ratio, which the project wants to be at most 2.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

PAIRS = 11
WANTED = 2.0

COMMON = """
import sys, time
from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QApplication, QMainWindow
class Watch(QObject):
    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Paint:
            watched.removeEventFilter(self)
            QTimer.singleShot(0, painted)
        return False
def painted():
    print(time.monotonic())
    sys.stdout.flush()
    QApplication.exit()
application = QApplication(["netloom"])
from app.window import style, theme
theme.load_fonts()
watch = Watch()
"""
EMPTY = """
theme.theme.follow()
window = QMainWindow()
style.apply(application)
window.resize(1440, 900)
"""
WHOLE = """
from app.window.main_window import MainWindow
window = MainWindow()
"""
SHOW = """
window.installEventFilter(watch)
window.show()
application.exec()
"""


def start(code: str, environment: dict[str, str]) -> float:
    """Seconds from the start of a process to its painted window."""
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", COMMON + code + SHOW], env=environment, capture_output=True, text=True, check=True
    )
    return float(done.stdout.split()[-1]) - begun


def main() -> None:
    from blocks.catalogue import load  # late: this process alone needs torch

    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "netloom" / "catalogue.json"
        cache.parent.mkdir()
        cache.write_bytes(msgspec.json.encode(tuple(load().values())))  # a second start: the palette is full at once
        environment = os.environ | {
            "QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen"),
            "NETLOOM_SETTINGS": folder, "XDG_CACHE_HOME": folder,
        }  # fmt: skip
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for code in (EMPTY, WHOLE):  # bytecode and the disk's cache are warm afterwards
            start(code, environment)
        empty, whole = [], []
        for _ in range(PAIRS):
            empty.append(start(EMPTY, environment))
            whole.append(start(WHOLE, environment))
    for name, values in (("an empty window", empty), ("the whole window", whole)):
        print(f"{name:18} {statistics.median(values) * 1000:6.0f} ms   (of {PAIRS}, worst {max(values) * 1000:.0f})")
    ratio = statistics.median(whole) / statistics.median(empty)
    print(f"{'ratio':18} {ratio:6.2f}      (at most {WANTED:g} is wanted)")


if __name__ == "__main__":
    main()
