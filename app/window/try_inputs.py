"""Where one types a sample for a trained network: a row in named fields or as a line of CSV, or a text."""

from __future__ import annotations

import csv
from pathlib import Path

from PySide6.QtCore import QMimeData, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.messages.predictions import SampleForm
from app.window import parts
from app.window import theme as look

FIELDS = 64
"""Rows of more cells than these are given as a line alone."""
TYPED = 350
"""Milliseconds after the last key until the network is asked."""
MOST = 2**20
"""Bytes of a text file that are read, from its end."""


class RowInput(QWidget):
    """A field for each cell, filled with what is usual; and one for a whole line."""

    row = Signal(tuple)
    """The cells, as they are typed."""
    line = Signal(str)
    """A line that does not fill the fields: the engine says why."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.fields: list[QLineEdit] = []
        self.whole = QLineEdit(self)
        self.whole.setPlaceholderText("Paste a line of CSV, then Enter")
        self.whole.setAccessibleName("A line of CSV")
        self.whole.setToolTip("All cells in the order of the fields, with commas, semicolons or tabs between")
        self.button = parts.button("Predict", "", "Show these values to the network")
        self._holder = parts.area("content")
        self._grid = QGridLayout(self._holder)
        self._grid.setContentsMargins(0, 0, 8, 0)
        self._grid.setHorizontalSpacing(10)
        self._grid.setVerticalSpacing(6)
        scroll = QScrollArea(self)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(self._holder)
        self._scroll = scroll
        foot = QHBoxLayout()
        foot.setSpacing(8)
        foot.addWidget(self.whole, 1)
        foot.addWidget(self.button)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(8)
        box.addWidget(scroll, 1)
        box.addLayout(foot)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(TYPED)
        self._timer.timeout.connect(self.ask)
        self.button.clicked.connect(lambda _on=False: self.ask())
        self.whole.returnPressed.connect(self._take_line)

    def show_form(self, form: SampleForm) -> None:
        """Make the fields of a network."""
        for widget in self._holder.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly):
            widget.hide()
            widget.deleteLater()
        self.fields = []
        self.whole.clear()
        names = form.fields if len(form.fields) <= FIELDS else ()
        columns = 2 if len(names) > 5 else 1
        for at, name in enumerate(names):
            field = QLineEdit(form.usual[at] if at < len(form.usual) else "0")
            field.setAccessibleName(name)
            field.setFont(look.font(look.SECONDARY + 1, mono=True))
            field.textEdited.connect(lambda _text: self._timer.start())
            field.returnPressed.connect(self.ask)
            title = parts.label(name, "soft")
            title.setMaximumWidth(150)
            title.setToolTip(name)
            title.setBuddy(field)
            row, column = divmod(at, columns)
            self._grid.addWidget(title, row, 2 * column)
            self._grid.addWidget(field, row, 2 * column + 1)
            self.fields.append(field)
        self._grid.setRowStretch(self._grid.rowCount(), 1)
        self._scroll.setVisible(bool(names))
        self.button.setVisible(bool(names))

    def ask(self) -> None:
        """Show the values to the network."""
        self._timer.stop()
        self.row.emit(tuple(field.text().strip() for field in self.fields))

    def _take_line(self) -> None:
        text = self.whole.text().strip()
        if not text:
            return
        mark = max("\t;,", key=text.count)
        try:
            cells = next(csv.reader([text], delimiter=mark, skipinitialspace=True), [])
        except csv.Error:
            cells = []
        if len(cells) == len(self.fields):
            for field, cell in zip(self.fields, cells, strict=True):
                field.setText(cell.strip())
            self.ask()
        else:
            self._timer.stop()
            self.line.emit(text)


class TextBox(QPlainTextEdit):
    """Takes what is typed, pasted, or the end of a text file that is dropped."""

    refused = Signal(str)

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        return source.hasUrls() or super().canInsertFromMimeData(source)

    def insertFromMimeData(self, source: QMimeData) -> None:
        files = [url.toLocalFile() for url in source.urls() if url.isLocalFile()]
        if not files:
            super().insertFromMimeData(source)
            return
        path = Path(files[0])
        try:
            with path.open("rb") as file:
                file.seek(max(path.stat().st_size - MOST, 0))
                text = file.read(MOST).decode("utf-8")
        except OSError as error:
            self.refused.emit(f"{path.name} cannot be opened: {error.strerror or error}.")
        except UnicodeDecodeError:
            self.refused.emit(f"{path.name} is not UTF-8 text: choose a text file.")
        else:
            self.setPlainText(text)


class TextInput(QWidget):
    """A text, which is shown to the network a moment after the last key."""

    text = Signal(str)
    refused = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.box = TextBox(self)
        self.box.setAccessibleName("Text to go on with")
        self.box.setTabChangesFocus(True)
        self.box.setPlaceholderText("Write, paste, or drop a text file here")
        self.box.setFont(look.font(look.BODY, mono=True))
        self.hint = parts.label("", "soft")
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(TYPED)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(6)
        box.addWidget(self.box, 1)
        box.addWidget(self.hint)
        self._timer.timeout.connect(self.ask)
        self.box.textChanged.connect(self._timer.start)
        self.box.refused.connect(self.refused)

    def show_form(self, form: SampleForm) -> None:
        """Say what the network reads."""
        self.hint.setText(f"The network reads the last {form.length:,} {form.unit}.")

    def ask(self) -> None:
        """Show the text to the network."""
        self._timer.stop()
        if self.box.toPlainText():
            self.text.emit(self.box.toPlainText())
