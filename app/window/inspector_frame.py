"""The inspector's page of one frame: its title, note and colour, and what stands in it."""

from __future__ import annotations

from PySide6.QtWidgets import QComboBox, QGridLayout, QLineEdit

from app.design.frames import change_frame
from app.design.values import Frame
from app.window.canvas.frame_menu import COLOURS, swatch
from app.window.code_edit import CodeEdit
from app.window.document import Document
from app.window.engines import Engines
from app.window.inspector_pages import Page
from app.window.parts import label
from app.window.theme import font


class _Prose(CodeEdit):
    """Lines of a note: words, no code."""

    def __init__(self) -> None:
        super().__init__()
        self._colours.setDocument(None)  # type: ignore[arg-type]
        self.setFont(font())
        self.setLineWrapMode(CodeEdit.LineWrapMode.WidgetWidth)


class FramePage(Page):
    """One frame of the present graph."""

    def __init__(self, document: Document, ids: list[str], engines: Engines) -> None:
        super().__init__(document, ids, engines)
        self._id, self._where = ids[0], document.where
        self.box.addWidget(label("Frame", "title"))
        self.box.addWidget(label("A remark on the drawing: it is no part of the network.", "soft", wrap=True))
        form = QGridLayout()
        form.setHorizontalSpacing(12)
        form.setVerticalSpacing(6)
        form.setColumnStretch(1, 1)
        self.title = QLineEdit()
        self.title.setObjectName("frame-title")
        self.title.setAccessibleName("Title of the frame")
        self.title.editingFinished.connect(self._rename)
        self.colour = QComboBox()
        self.colour.setObjectName("frame-colour")
        self.colour.setAccessibleName("Colour of the frame")
        for name in COLOURS:
            self.colour.addItem(swatch(name), name or "Grey", name)
        self.colour.activated.connect(lambda i: self._change("Colour a frame", colour=self.colour.itemData(i)))
        for row, (name, field) in enumerate((("title", self.title), ("colour", self.colour))):
            form.addWidget(label(name, "soft"), row, 0)
            form.addWidget(field, row, 1)
        self.box.addLayout(form)
        self.box.addWidget(label("note", "soft"))
        self.note = _Prose()
        self.note.setObjectName("frame-note")
        self.note.setAccessibleName("Note in the frame")
        self.note.setToolTip("Stands under the title. Ctrl+Return, or leaving the field, takes the lines over.")
        self.note.typed.connect(lambda text: self._change("Write a note", text=text.strip()))
        self.box.addWidget(self.note)
        self.error = label("", "error", wrap=True)
        self.error.hide()
        self.box.addWidget(self.error)

    @staticmethod
    def key(document: Document, ids: list[str]) -> object:
        return document.path, ids[0]

    @property
    def frame(self) -> Frame:
        return self.document.design.graph(self._where).frame_by_id[self._id]

    def refresh(self) -> None:
        frame = self.frame
        if self.title.text() != frame.title and (not self.title.hasFocus() or not self.title.isModified()):
            self.title.setText(frame.title)
            self.title.setCursorPosition(0)
        self.colour.setCurrentIndex(max(self.colour.findData(frame.colour), 0))
        self.note.show_text(frame.text)

    def _rename(self) -> None:
        title = self.title.text().strip()
        self.title.setModified(False)
        if self._id in self.document.design.graph(self._where).frame_by_id and title != self.frame.title:
            self._change("Rename a frame", title=title)

    def _change(self, step: str, **fields: object) -> None:
        refusal = self.try_edit(step, lambda d: change_frame(d, self._where, self._id, **fields))
        self.error.setText(refusal)
        self.error.setVisible(bool(refusal))
