"""What an empty canvas says: where to begin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

import examples
from app.window.parts import button
from app.window.theme import SECONDARY, font, icon, theme

if TYPE_CHECKING:
    from app.window.canvas.view import CanvasView

CARDS = (
    ("digits", "Digits", "A small classifier, trained in a minute", "image"),
    ("resnet50", "ResNet-50", "The usual backbone for images", "layers"),
    ("unet_original", "U-Net", "A label for every pixel", "spline"),
    ("vit_b_16", "Vision Transformer", "Attention over patches of an image", "focus"),
    ("yolov8n", "YOLOv8", "Boxes in one look at the image", "scan"),
    ("transformer_base", "Transformer", "Encoder and decoder of sequences", "list-tree"),
    ("pyramid", "Pyramid", "Backbone, neck and head on three levels", "pyramid"),
)
SHOWN, PER_LINE = 6, 3
"""The first so many of those that there are, and how many stand side by side at most."""
SIZE, WORDS = QSize(256, 72), 130
"""A card, and the height of the words around them."""


class Invitation(QWidget):
    """Stands in the middle of an empty canvas; the canvas around it stays as it is."""

    open_example = Signal(str)
    gallery_wanted = Signal()

    def __init__(self, view: CanvasView) -> None:
        super().__init__(view)
        self._view = view
        self.setObjectName("invitation")
        self._words = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)  # type: ignore[call-overload]
        self._words.setFont(font(15))
        self._cards = QWidget()
        self._cards.setObjectName("examples")
        grid = self._grid = QGridLayout(self._cards)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(12)
        self._buttons: list[tuple[QPushButton, str, QLabel, QLabel]] = []
        for i, card in enumerate([c for c in CARDS if examples.find(c[0])][:SHOWN]):
            grid.addWidget(self._card(*card), i // PER_LINE, i % PER_LINE)
        self._room = PER_LINE, SHOWN
        """How many cards fit side by side and one above another."""
        tip = "Search the networks of the literature (Ctrl+Shift+O)"
        self.gallery = button("All known architectures…", "link", tip)
        self.gallery.clicked.connect(self.gallery_wanted)
        grid.addWidget(self.gallery, SHOWN, 0, 1, PER_LINE, Qt.AlignmentFlag.AlignHCenter)
        column = self._column = QVBoxLayout(self)
        column.setSpacing(20)
        column.addWidget(self._words)
        column.addWidget(self._cards, alignment=Qt.AlignmentFlag.AlignCenter)
        theme.changed.connect(self._dress)
        self._dress()

    def _card(self, name: str, title: str, about: str, mark: str) -> QPushButton:
        made = QPushButton()
        made.setObjectName(f"example-{name}")
        made.setAccessibleName(f"Open {title}: {about}")
        made.setCursor(Qt.CursorShape.PointingHandCursor)
        made.setFixedSize(SIZE)
        made.clicked.connect(lambda _checked=False, name=name: self.open_example.emit(name))
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
        inside = QHBoxLayout(made)
        inside.setContentsMargins(16, 8, 12, 8)
        inside.setSpacing(12)
        inside.addWidget(picture)
        inside.addLayout(texts, 1)
        self._buttons.append((made, mark, picture, foot))
        return made

    def _dress(self) -> None:
        look = theme.tokens
        self.setStyleSheet("#invitation, #examples { background: transparent; }")
        self._words.setStyleSheet(f"color: {look.soft}; background: transparent; font-size: 15px;")
        for card, mark, picture, foot in self._buttons:
            card.setStyleSheet(
                f"QPushButton {{ background: {look.panel}; border: 1px solid {look.line}; border-radius: 9px;"
                f" text-align: left; }}"
                f"QPushButton:hover, QPushButton:focus {{ border-color: {look.accent}; background: {look.raised}; }}"
                f"QLabel {{ background: transparent; color: {look.text}; font-size: 13px; }}"
            )
            picture.setPixmap(icon(mark, look.accent, 28).pixmap(28, 28))
            foot.setStyleSheet(f"color: {look.soft}; font-size: {SECONDARY:g}px;")

    def show_for(self, empty: bool, *, top: bool) -> None:
        """Show the invitation on an empty canvas, with the examples at the top of the drawing."""
        words = "press Tab, or start from" if top else "or press Tab, to fill this Group"
        self._words.setText(f"Drag a block here, {words}")
        self._cards.setVisible(top)
        self.setVisible(empty)
        self.place()

    def place(self) -> None:
        """Stand in the middle of the canvas."""
        fits = min(max((self._view.width() - 12) // (SIZE.width() + 12), 1), PER_LINE)
        lines = max((self._view.height() - WORDS) // (SIZE.height() + 12), 1)
        if (fits, lines) != self._room:
            self._room = fits, lines
            for i, (card, *_) in enumerate(self._buttons):
                self._grid.addWidget(card, i // fits, i % fits)
                card.setVisible(i // fits < lines)
            self._grid.addWidget(self.gallery, SHOWN, 0, 1, fits, Qt.AlignmentFlag.AlignHCenter)
            self._cards.updateGeometry()  # else its size stays that of the former lines
            self._column.activate()
        self.adjustSize()
        self.move((self._view.width() - self.width()) // 2, (self._view.height() - self.height()) // 2)
