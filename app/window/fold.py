"""A part of a panel that is folded away until it is wanted."""

from __future__ import annotations

from typing import ClassVar

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.window.parts import button
from app.window.theme import icon, theme


class Fold(QWidget):
    """A line to click, and under it `body`. What was opened once stays open for whatever is selected next."""

    turned = Signal(bool)
    _open: ClassVar[set[str]] = set()
    """The titles of those that are open."""

    def __init__(self, title: str, tip: str) -> None:
        super().__init__()
        self._title = title
        self.toggle = button(title, "fold", tip)
        self.toggle.setIconSize(QSize(14, 14))
        self.toggle.clicked.connect(lambda: self.set_open(not self.is_open))
        self._holder = QWidget()
        self.body = QVBoxLayout(self._holder)
        self.body.setContentsMargins(0, 2, 0, 4)
        self.body.setSpacing(9)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 4, 0, 0)
        box.setSpacing(4)
        box.addWidget(self.toggle, 0, Qt.AlignmentFlag.AlignLeft)
        box.addWidget(self._holder)
        theme.changed.connect(self._show)
        self._show()

    @property
    def is_open(self) -> bool:
        return self._title in self._open

    def set_open(self, on: bool) -> None:
        """Open or fold away."""
        (self._open.add if on else self._open.discard)(self._title)
        self._show()
        self.turned.emit(on)

    def _show(self) -> None:
        self._holder.setVisible(self.is_open)
        self.toggle.setIcon(icon("chevron-down" if self.is_open else "chevron-right"))
        self.toggle.setAccessibleName(f"{self._title}: {'open' if self.is_open else 'folded away'}")
