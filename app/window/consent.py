"""Code that came with a drawing: what of it the user has allowed to run, and the dialog that shows it and asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QDialog, QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app import trust
from app.design import edits
from app.design.file import FileError
from app.window import log
from app.window.code_edit import CodeEdit
from app.window.parts import area, button, label
from blocks.card import Setting

if TYPE_CHECKING:
    from app.window.document import Document


class Consent(QObject):
    """What may run. It is kept for this user; where it cannot be kept it holds until the window closes."""

    changed = Signal()
    wanted = Signal()
    """The user wants to read the code of the drawing and to decide."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._hashes = dict.fromkeys(trust.read().code)

    @property
    def hashes(self) -> tuple[str, ...]:
        """The hashes of all code that may run."""
        return tuple(self._hashes)

    def allow(self, *sources: str) -> None:
        """Let these pieces of code run from now on."""
        new = [source for source in sources if trust.digest(source) not in self._hashes]
        if not new:
            return
        self._hashes.update(dict.fromkeys(map(trust.digest, new)))
        try:
            trust.allow(*new)
        except (OSError, FileError) as error:
            log.write("window", f"what was allowed cannot be kept: {error}")
        self.changed.emit()

    def typed(self, setting: Setting, before: object, value: object) -> None:
        """The user typed code in place of `before`: it is allowed, unless some of it is from what was not allowed."""
        if setting.type == "code" and isinstance(value, str) and not self.asks(setting, before):
            self.allow(value)

    def asks(self, setting: Setting, value: object) -> bool:
        """Whether this value of a setting is code that nobody has allowed yet."""
        code = setting.type == "code" and isinstance(value, str) and value != setting.default
        return code and trust.digest(str(value)) not in self._hashes


def waiting(document: Document) -> list[tuple[str, str]]:
    """The code in the drawing that is not allowed yet, each piece once: the name of its node, and the lines."""
    found: dict[str, str] = {}
    for name, setting, value in _codes(document):
        if document.consent.asks(setting, value):
            found.setdefault(str(value), name)
    return [(name, source) for source, name in found.items()]


def _codes(document: Document) -> Iterator[tuple[str, Setting, object]]:
    design = document.design
    for graph in (design, *design.groups):
        for node in graph.nodes:
            for setting in edits.settings_of(design, node, document.catalogue) or ():
                yield node.name, setting, node.settings.get(setting.name)
    for group in design.groups:  # what a Group's use hands down unless it says otherwise: no default of the house
        for setting in group.settings:
            if setting.type == "code":
                yield group.name, Setting(setting.name, "code", ""), setting.default


class ConsentDialog(QDialog):
    """Shows all code in the drawing that is not allowed yet, or the `pieces` of its data, and allows it."""

    def __init__(
        self, document: Document, parent: QWidget | None = None, pieces: list[tuple[str, str]] | None = None
    ) -> None:
        super().__init__(parent)
        self._document = document
        self.pieces = waiting(document) if pieces is None else pieces
        what = "drawing" if pieces is None else "data"
        self.setWindowTitle(f"Python in this {what}")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(640, 480)
        box = QVBoxLayout(self)
        box.setContentsMargins(20, 18, 20, 16)
        box.setSpacing(12)
        box.addWidget(label(f"This {what} holds Python code", "title"))
        box.addWidget(label(
            "It runs on the engine's computer with your rights: it can read and write files and use the network. "
            "Allow it only when you have read it, or trust who wrote it.", "soft", wrap=True,
        ))  # fmt: skip
        holder = area("content")
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        self.codes: list[CodeEdit] = []
        for name, source in self.pieces:
            column.addWidget(label(name, "heading"))
            code = CodeEdit()
            code.setReadOnly(True)
            code.show_text(source)
            code.setAccessibleName(f"the code of {name}")
            column.addWidget(code)
            self.codes.append(code)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(holder)
        box.addWidget(scroll, 1)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addStretch(1)
        self.refuse_button = button("Not now", tip="It does not run; the rest of the drawing is untouched (Esc)")
        self.refuse_button.clicked.connect(self.reject)
        count = len(self.pieces)
        text = "Allow" if count <= 1 else f"Allow all {count}"
        self.allow_button = button(text, "primary", "Let exactly these lines run, now and later; other lines are asked")
        self.allow_button.clicked.connect(self.accept)
        self.allow_button.setEnabled(count > 0)
        for made in (self.refuse_button, self.allow_button):
            row.addWidget(made)
        self.allow_button.setAutoDefault(False)
        self.refuse_button.setDefault(True)
        box.addLayout(row)
        self.refuse_button.setFocus()

    def accept(self) -> None:
        self._document.consent.allow(*(source for _, source in self.pieces))
        super().accept()
