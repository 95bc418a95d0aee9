"""The line at the foot of the window: a sentence for a while at the left, how the engine is at the right."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.window.parts import button, label, mark
from app.window.sentences import Elided, plain

HEIGHT = 28
SHOWN = 8000
"""Milliseconds that a sentence stays."""


class StatusLine(QWidget):
    """Says hints and refusals, and the engine's state with the button that starts it again."""

    start_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("statusline")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(HEIGHT)
        self.hint = Elided("soft")
        self.state = label("Engine starting", "soft")
        self.again = button("Start the engine", "link", "Try to start the engine again")
        self.again.hide()
        self.again.clicked.connect(self.start_wanted)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 0, 14, 0)
        row.setSpacing(12)
        row.addWidget(self.hint, 1)
        row.addWidget(self.again)
        row.addWidget(self.state)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SHOWN)
        self._timer.timeout.connect(lambda: self.hint.setText(""))

    def say(self, sentence: str, *, stays: bool = False) -> None:
        """A sentence for a while, or with `stays` until the next."""
        self._timer.stop()
        self.hint.setText(sentence)
        if not stays:
            self._timer.start()

    def tell(self, state: str, *, error: str = "", stopped: bool = False) -> None:
        """The engine's state in two or three words; `error` is the sentence behind a bad one."""
        self.state.setText(state)
        self.state.setToolTip(plain(error))
        mark(self.state, "role", "error" if error else "soft")
        self.again.setVisible(stopped)
