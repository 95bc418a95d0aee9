"""The notice over the canvas while a layout takes a while, with the button that stops it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFrame, QHBoxLayout

from app.window.notice import Notice
from app.window.theme import theme

if TYPE_CHECKING:
    from app.window.canvas.view import CanvasView

FROM_TOP, HEIGHT = 16, 48


class Waiting(QFrame):
    """Stands at the top of the canvas."""

    def __init__(self, view: CanvasView) -> None:
        super().__init__(view)
        self._view = view
        self.setObjectName("waiting")
        self.notice = Notice(self)
        box = QHBoxLayout(self)
        box.setContentsMargins(14, 8, 8, 8)
        box.addWidget(self.notice)
        view.arranger.under_way.connect(self._tell)
        theme.changed.connect(self._dress)
        self._dress()
        self.hide()

    def _dress(self) -> None:
        look = theme.tokens
        self.setStyleSheet(
            f"#waiting {{ background: {look.panel}; border: 1px solid {look.line}; border-radius: 9px; }}"
        )

    def _tell(self, sentence: str) -> None:
        if not sentence:
            self.hide()
            return
        self.notice.say("info", sentence, ("Cancel", self._view.arranger.stop), main=False)
        self.setFixedSize(min(360, self._view.width() - 24), HEIGHT)
        self.move((self._view.width() - self.width()) // 2, FROM_TOP)
        self.raise_()
        self.show()
