"""Where one looks: the drawing's name, and the Groups that were entered, each a way back."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QWidget

from app.window.document import Document
from app.window.theme import BODY, font, icon, theme


class Breadcrumbs(QWidget):
    """Hidden at the top of the drawing, where there is nowhere to go back to."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.document = document
        self.setObjectName("breadcrumbs")
        self.setAccessibleName("Groups entered")
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(12, 4, 12, 4)
        self._row.setSpacing(2)
        document.place_changed.connect(self.refresh)
        document.changed.connect(self.refresh)
        document.file_changed.connect(self.refresh)
        theme.changed.connect(self._redraw)
        self._shown: list[tuple[str, tuple[str, ...]]] = []
        self.refresh()

    def crumbs(self) -> list[tuple[str, tuple[str, ...]]]:
        """(name, path that a click goes to), from the drawing to the Group looked at."""
        document = self.document
        found: list[tuple[str, tuple[str, ...]]] = [(document.title, ())]
        for depth in range(len(document.path)):
            graph = document.design.graph(document.where_of(document.path[:depth]))
            found.append((graph.by_id[document.path[depth]].name, document.path[: depth + 1]))
        return found

    def refresh(self) -> None:
        """Follow the document; buttons are made anew only where the way changed."""
        wanted = self.crumbs()
        if wanted != self._shown:
            self._shown = wanted
            self._redraw()
        self.setVisible(len(wanted) > 1)

    def _redraw(self) -> None:
        while (held := self._row.takeAt(0)) is not None:
            widget = held.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for i, (name, path) in enumerate(self._shown):
            if i:
                mark = QLabel()
                mark.setPixmap(icon("chevron-right", theme.tokens.faint, 14).pixmap(14, 14))
                self._row.addWidget(mark)
            self._row.addWidget(self._crumb(name, path, last=i == len(self._shown) - 1))
        self._row.addStretch()

    def _crumb(self, name: str, path: tuple[str, ...], *, last: bool) -> QToolButton:
        button = QToolButton()
        button.setText(name)
        button.setFont(font(BODY, weight=QFont.Weight.DemiBold if last else QFont.Weight.Normal))
        button.setAccessibleName(f"Go to {name}")
        button.setAutoRaise(True)
        button.setCursor(Qt.CursorShape.PointingHandCursor)
        look = theme.tokens
        button.setStyleSheet(
            f"QToolButton {{ color: {look.text if last else look.soft}; background: transparent; border: none;"
            f" border-radius: 6px; padding: 3px 7px; }}"
            f"QToolButton:hover, QToolButton:focus {{ background: {look.raised}; color: {look.text}; }}"
        )
        button.clicked.connect(lambda _checked=False, path=path: self.document.go(path))
        return button
