"""The row that finds text in the code: it opens with Ctrl+F above the lines and goes with Escape."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from app.window.code_view import MOST_FOUND, CodeView
from app.window.parts import IconButton, label


class FindBar(QWidget):
    """A field, how many places there are, and the ways to the next and the one before."""

    def __init__(self, view: CodeView) -> None:
        super().__init__()
        self._view = view
        self._start = 0
        self.field = QLineEdit()
        self.field.setPlaceholderText("Find in the code")
        self.field.setAccessibleName("Find in the code")
        self.field.setClearButtonEnabled(False)
        self.field.setMaximumWidth(320)
        self.count = label("", "monosoft")
        self.count.setMinimumWidth(self.count.fontMetrics().horizontalAdvance("2,000 of 2,000") + 8)
        self.before = IconButton("chevron-up", "The place before (Shift+Enter)", side=28)
        self.next = IconButton("chevron-down", "The next place (Enter)", side=28)
        self.close_button = IconButton("x", "Close (Escape)", side=28)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 6, 12, 2)
        row.setSpacing(6)
        row.addWidget(self.field, 3)
        row.addWidget(self.count)
        for made in (self.before, self.next, self.close_button):
            row.addWidget(made)
        row.addStretch(1)
        self.field.textChanged.connect(self._look)
        self.before.clicked.connect(lambda: self._step(-1))
        self.next.clicked.connect(lambda: self._step(1))
        self.close_button.clicked.connect(self.shut)
        self.hide()

    def open(self) -> None:
        """Show the row, with the word that is selected in the code."""
        self._start = self._view.textCursor().selectionStart()
        word = self._view.textCursor().selectedText()
        if word and "\u2029" not in word:  # one line of it
            self.field.setText(word)
        self.show()
        self.field.setFocus()
        self.field.selectAll()
        self._look(self.field.text())

    def shut(self) -> None:
        """Hide the row; what was found last stays selected."""
        self._view.find_all("")
        self.hide()
        self._view.setFocus()

    def _look(self, wish: str) -> None:
        self._found = self._view.find_all(wish)
        at = self._view.step(1, self._start) if self._found else 0
        self._say(at)

    def _step(self, by: int) -> None:
        self._found = self._view.find_all(self.field.text())  # the code may be another by now
        self._say(self._view.step(by))

    def _say(self, at: int) -> None:
        more = "+" if self._found >= MOST_FOUND else ""
        self.count.setText("" if not self.field.text() else f"{at:,} of {self._found:,}{more}" if at else "none")
        for made in (self.before, self.next):
            made.setEnabled(self._found > 0)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.shut()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._step(-1 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1)
        else:
            super().keyPressEvent(event)
