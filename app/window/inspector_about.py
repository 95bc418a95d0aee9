"""What the drawing is: its title, year, paper, idea and task, to be read and to be written."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget

from app.design import edits
from app.design.values import About
from app.window.document import Document
from app.window.papers import PaperLabel
from app.window.parts import button, label, mark

FIELDS = {
    "title": "What it is called",
    "year": "The year in which it was published",
    "task": "What it is for: classification, detection, segmentation, language, generation",
    "paper": "Authors, year, title and where to read it: arXiv:1512.03385 becomes a link",
    "introduced": "What it was the first to do, in a sentence",
}


class AboutBox(QWidget):
    """Reads as a paragraph; a button opens the form. Each field that is left is one undo step."""

    def __init__(self, document: Document) -> None:
        super().__init__()
        self._document = document
        self._title, self._what = label("", wrap=True), label("", "soft", wrap=True)
        self._introduced, self.paper = label("", "soft", wrap=True), PaperLabel()
        self._read = QWidget()
        lines = QVBoxLayout(self._read)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.setSpacing(4)
        for widget in (self._title, self._what, self._introduced, self.paper):
            lines.addWidget(widget)
        self._form = QWidget()
        grid = QGridLayout(self._form)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(6)
        self.fields: dict[str, QLineEdit | _Text] = {}
        for row, (name, tip) in enumerate(FIELDS.items()):
            field = _Text(lambda name=name: self._take(name)) if name in ("paper", "introduced") else QLineEdit()  # type: ignore[misc]
            field.setObjectName(f"about-{name}")
            field.setAccessibleName(name)
            field.setToolTip(tip)
            if isinstance(field, QLineEdit):
                field.editingFinished.connect(lambda name=name: self._take(name))
            self.fields[name] = field
            grid.addWidget(label(name, "soft"), row, 0)
            grid.addWidget(field, row, 1)
        self.error = label("", "error", wrap=True)
        self.error.hide()
        grid.addWidget(self.error, len(FIELDS), 0, 1, 2)
        self._form.hide()
        self.toggle = button("", "link", "Say what this drawing is: it is kept in its file")
        self.toggle.setObjectName("about-edit")
        self.toggle.clicked.connect(self._turn)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(6)
        box.addWidget(self._read)
        box.addWidget(self._form)
        box.addWidget(self.toggle, 0, Qt.AlignmentFlag.AlignLeft)
        self.refresh()

    def refresh(self) -> None:
        """Show what the design says of itself."""
        about = self._document.design.about
        for widget, text in (
            (self._title, about.title), (self._introduced, about.introduced), (self.paper, about.paper),
            (self._what, " · ".join(filter(None, (str(about.year or ""), about.task)))),
        ):  # fmt: skip
            widget.setText(text)
            widget.setVisible(bool(text))
        for name, field in self.fields.items():
            if not field.hasFocus():
                self._show(name)
        editing = not self._form.isHidden()
        self._read.setVisible(not editing and about != About())
        self.toggle.setText("Done" if editing else "Edit" if about != About() else "Describe this drawing")

    def _turn(self) -> None:
        self._form.setVisible(self._form.isHidden())
        self.refresh()
        if not self._form.isHidden():
            self.fields["title"].setFocus()

    def _show(self, name: str) -> None:
        value = getattr(self._document.design.about, name)
        text = str(value or "")
        if self._text(name) != text:
            field = self.fields[name]
            field.setText(text) if isinstance(field, QLineEdit) else field.setPlainText(text)

    def _text(self, name: str) -> str:
        field = self.fields[name]
        return field.text().strip() if isinstance(field, QLineEdit) else " ".join(field.toPlainText().split())

    def _take(self, name: str) -> None:
        """Keep what was typed in a field."""
        text = self._text(name)
        trouble = name == "year" and not _is_year(text)
        mark(self.fields[name], "refused", bool(trouble))
        if name == "year":
            self.error.setText(f"year is `{text}`, but it needs four digits, or nothing" if trouble else "")
            self.error.setVisible(trouble)
        if trouble:
            return
        value = int(text or 0) if name == "year" else text
        if value == getattr(self._document.design.about, name):
            return
        self._document.edit(f"Set {name}", lambda d: edits.set_about(d, replace(d.about, **{name: value})))


def _is_year(text: str) -> bool:
    return not text or (text.isascii() and text.isdigit() and len(text) == 4)


class _Text(QPlainTextEdit):
    """A few lines of text; Tab leaves them, and what was typed is kept then."""

    def __init__(self, left: Callable[[], None]) -> None:
        super().__init__()
        self._left = left
        self.setTabChangesFocus(True)
        self.setFixedHeight(74)

    def focusOutEvent(self, event) -> None:  # type: ignore[no-untyped-def]
        super().focusOutEvent(event)
        self._left()
