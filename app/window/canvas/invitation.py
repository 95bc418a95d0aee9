"""What an empty canvas says: where to begin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.window.theme import SECONDARY, font, icon, theme

if TYPE_CHECKING:
    from app.window.canvas.view import CanvasView

EXAMPLES = (
    ("digits", "Digits", "A small classifier, trained in a minute", "image"),
    ("pyramid", "Pyramid", "Backbone, neck and head on three levels", "pyramid"),
)


class Invitation(QWidget):
    """Stands in the middle of an empty canvas; the canvas around it stays as it is."""

    open_example = Signal(str)

    def __init__(self, view: CanvasView) -> None:
        super().__init__(view)
        self._view = view
        self.setObjectName("invitation")
        self._words = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)  # type: ignore[call-overload]
        self._words.setFont(font(15))
        self._cards = QWidget()
        self._cards.setObjectName("examples")
        row = QHBoxLayout(self._cards)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        self._buttons: list[tuple[QPushButton, str, QLabel, QLabel]] = []
        for name, title, about, mark in EXAMPLES:
            row.addWidget(self._card(name, title, about, mark))
        column = QVBoxLayout(self)
        column.setSpacing(20)
        column.addWidget(self._words)
        column.addWidget(self._cards, alignment=Qt.AlignmentFlag.AlignCenter)
        theme.changed.connect(self._dress)
        self._dress()

    def _card(self, name: str, title: str, about: str, mark: str) -> QPushButton:
        button = QPushButton()
        button.setObjectName(f"example-{name}")
        button.setAccessibleName(f"Open the example {title}")
        button.setCursor(Qt.CursorShape.PointingHandCursor)
        button.setFixedSize(QSize(300, 76))
        button.clicked.connect(lambda _checked=False, name=name: self.open_example.emit(name))
        picture, head, foot = QLabel(), QLabel(title), QLabel(about)
        for label in (picture, head, foot):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        head.setFont(font(13))
        foot.setFont(font(SECONDARY))
        texts = QVBoxLayout()
        texts.setSpacing(2)
        texts.addStretch()
        texts.addWidget(head)
        texts.addWidget(foot)
        texts.addStretch()
        inside = QHBoxLayout(button)
        inside.setContentsMargins(16, 8, 12, 8)
        inside.setSpacing(12)
        inside.addWidget(picture)
        inside.addLayout(texts, 1)
        self._buttons.append((button, mark, picture, foot))
        return button

    def _dress(self) -> None:
        look = theme.tokens
        self.setStyleSheet("#invitation, #examples { background: transparent; }")
        self._words.setStyleSheet(f"color: {look.soft}; background: transparent; font-size: 15px;")
        for button, mark, picture, foot in self._buttons:
            button.setStyleSheet(
                f"QPushButton {{ background: {look.panel}; border: 1px solid {look.line}; border-radius: 9px;"
                f" text-align: left; }}"
                f"QPushButton:hover, QPushButton:focus {{ border-color: {look.accent}; background: {look.raised}; }}"
                f"QLabel {{ background: transparent; color: {look.text}; font-size: 13px; }}"
            )
            picture.setPixmap(icon(mark, look.accent, 28).pixmap(28, 28))
            foot.setStyleSheet(f"color: {look.soft}; font-size: {SECONDARY:g}px;")

    def show_for(self, empty: bool, *, top: bool) -> None:
        """Show the invitation on an empty canvas, with the examples at the top of the drawing."""
        self._words.setText("Drag a block here, or start from" if top else "Drag a block here to fill this Group")
        self._cards.setVisible(top)
        self.setVisible(empty)
        self.place()

    def place(self) -> None:
        """Stand in the middle of the canvas."""
        self.adjustSize()
        self.move((self._view.width() - self.width()) // 2, (self._view.height() - self.height()) // 2)
