"""The design as PyTorch code, beside the drawing: it follows what is drawn and selected, and what is chosen in it is
selected on the canvas. Edited, it is read back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from app.design.paths import way_into
from app.design.read_back import Base
from app.design.values import Design
from app.messages.code import Code
from app.window.code_asking import Asking
from app.window.code_editing import Editing
from app.window.code_file import CodeFile
from app.window.code_find import FindBar
from app.window.code_lines import line_map
from app.window.code_outline import Outline
from app.window.code_view import CodeView
from app.window.document import Document
from app.window.notice import Notice
from app.window.parts import ElidedLabel, IconButton, button, label
from app.window.theme import font

LATE = "This is the code of the drawing before the last edits"
NARROW = 560
"""Pixels: in less the buttons that edit stand below the others."""


class CodePanel(QWidget):
    """Asks for the code while it can be seen. `engines` answer GetCode with Code."""

    node_wanted = Signal(str)
    """A line was chosen: the analysis path of the node that it is of."""
    problems_wanted = Signal()

    def __init__(self, document: Document, engines: Any) -> None:
        super().__init__()
        self.document = document
        self.engines = engines
        self._asking = Asking(document, engines, self)
        self.base: Base | None = None
        """The code that was made last, and of which lines its nodes are."""
        self.base_design = Design()
        """What it is the code of."""
        self._selected: tuple[str, ...] = ()
        self._leading = False
        self._asked_of: Design | None = None
        self._said_late = False
        """Whether it is said that the code is not of what is drawn now."""
        self.view = CodeView()
        self.view.setAccessibleName("Code")
        self.find_bar = FindBar(self.view)
        self.notice = Notice()
        self.outline = Outline()
        self._arrange()
        self.editing = Editing(self)
        self.file = CodeFile(self)
        self._connect()
        self._drawn()

    # parts ------------------------------------------------------------------------------------------------------------

    def _arrange(self) -> None:
        self.title = ElidedLabel("")
        self.title.setFont(font(12, mono=True))
        self.title.setMinimumWidth(48)
        self.lines = label("", "soft")
        self.find_button = IconButton("search", "Find in the code (Ctrl+F)", side=28)
        self.copy_button = IconButton("copy", "Copy all of the code", side=28)
        self.save_button = IconButton("save", "Save the code as a file", side=28)
        self.read_button = IconButton("folder-open", "Read edited code back from a file", side=28)
        self.beside_button = IconButton("panel-right", "Show the code beside the canvas", side=28)
        self.beside_button.setCheckable(True)
        self.edit_button = button("Edit", "chip", "Edit the code; applied, it is an edit of the drawing")
        self.edit_button.setCheckable(True)
        self.revert_button = button("Revert", "", "Give the edit of the code up (Escape)")
        self.apply_button = button("Apply", "primary", "Make what is listed an edit of the drawing (Ctrl+Enter)")
        first, second = QHBoxLayout(), QHBoxLayout()
        first.addWidget(self.title, 1)
        first.addWidget(self.lines)
        for made in (
            self.find_button, self.copy_button, self.save_button, self.read_button, self.beside_button
        ):  # fmt: skip
            first.addWidget(made)
        for each in (self.edit_button, self.revert_button, self.apply_button):
            second.addWidget(each)
        top = self._top = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        top.setContentsMargins(14, 6, 12, 4)
        top.addLayout(first, 1)
        top.addLayout(second)
        for row in (first, second, top):
            row.setSpacing(8)
        self._second = second
        said = QHBoxLayout()
        said.setContentsMargins(14, 2, 12, 4)
        said.addWidget(self.notice)
        self.said = QWidget()
        self.said.setLayout(said)
        self.said.hide()
        self.split = QSplitter(Qt.Orientation.Horizontal)
        self.split.setChildrenCollapsible(False)
        self.split.setHandleWidth(1)
        code = QWidget()
        inner = QVBoxLayout(code)
        inner.setContentsMargins(12, 0, 12, 10)
        inner.addWidget(self.view)
        self.split.addWidget(code)
        self.split.addWidget(self.outline)
        self.split.setStretchFactor(0, 5)
        self.split.setStretchFactor(1, 3)
        self.view.setMinimumWidth(220)
        self.outline.setMinimumWidth(170)
        body = QWidget()
        box = QVBoxLayout(body)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addLayout(top)
        box.addWidget(self.find_bar)
        box.addWidget(self.said)
        box.addWidget(self.split, 1)
        self.empty = Notice(tall=True)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.empty)
        self.pages.addWidget(body)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.pages)

    def _connect(self) -> None:
        self.document.changed.connect(lambda _old, _new: self._drawn())
        self.document.opened.connect(self._opened)
        self.document.file_changed.connect(self._retitle)
        self.document.place_changed.connect(lambda: self.light(scroll=False))
        self.document.analysed.connect(self._drawn)
        if hasattr(self.engines, "ready"):
            self.engines.ready.connect(self._drawn)
        self._asking.answered.connect(self._take)
        self._asking.failed.connect(self._failed)
        self.view.line_chosen.connect(self._lead)
        self.view.find_wanted.connect(self.find_bar.open)
        self.find_button.clicked.connect(self.find_bar.open)
        self.copy_button.clicked.connect(self.copy)
        self.save_button.clicked.connect(lambda _on=False: self.file.save())
        self.read_button.clicked.connect(lambda _on=False: self.file.read())
        self._retitle()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        narrow = self.width() < NARROW
        self._top.setDirection(QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight)
        self._second.setAlignment(Qt.AlignmentFlag.AlignRight if narrow else Qt.AlignmentFlag(0))
        below = self.height() > 0.8 * self.width()
        self.split.setOrientation(Qt.Orientation.Vertical if below else Qt.Orientation.Horizontal)

    def say(self, tone: str, sentence: str, *buttons: Any, main: bool = True) -> None:
        """Say something above the code; nothing with an empty sentence."""
        self._said_late &= sentence.startswith(LATE)
        self.notice.say(tone, sentence, *buttons, main=main)
        self.said.setVisible(bool(sentence))

    def _retitle(self) -> None:
        self.title.say(self.file_name)

    @property
    def file_name(self) -> str:
        """What a file of the code is called: the drawing's name, so that Python can import it."""
        words = re.sub(r"\W+", "_", self.document.title, flags=re.ASCII).strip("_").lower() or "network"
        return f"{'n' if words[0].isdigit() else ''}{words}.py"

    # the code ---------------------------------------------------------------------------------------------------------

    def _opened(self) -> None:
        """Another drawing is shown: what was of the one before goes."""
        self.editing.leave()
        self._asking.drop()
        self._asked_of = None
        self.base = None
        self._selected = ()
        self.view.show_text("")
        self.view.light(())
        self.file.follow()
        self.editing.resume()
        self._drawn()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._drawn()

    def _drawn(self) -> None:
        """The drawing may be another: ask for its code, once edits pause."""
        design = self.document.design
        if not design.nodes:
            self._asking.drop()
            self._asked_of = None
            self.pages.setCurrentIndex(0)
            self.empty.say("none", "Draw something: its PyTorch code stands here.")
            return
        if self.base is not None and self.base_design is design:
            if self._asked_of is not None:  # it is again what it was
                self._asking.drop()
                self._asked_of = None
                self._shown()
            return
        if not self.isVisible() or self._asked_of is design:
            return
        self._asked_of = design
        if self.base is None:
            self.pages.setCurrentIndex(0)
            self.empty.say("none", "Writing the code…")
        self._asking.ask()

    def _take(self, reply: Code) -> None:
        """Show the code that an engine has written."""
        self._asked_of = None
        if not reply.text:
            self._failed(reply.problem)
            return
        self.pages.setCurrentIndex(1)
        base = Base(reply.text, reply.places)
        before, self.base, self.base_design = self.base, base, self.document.design
        if self.editing.touched:
            self.editing.rebase(before, base)
        else:
            self.view.show_text(base.text)
            self.editing.refresh()
        self._shown()

    def _shown(self) -> None:
        """What is shown is the code of what is drawn."""
        self.view.set_dim(False)
        if self._said_late:
            self.say("none", "")
        self.lines.setText(f"{self.view.blockCount():,} lines")
        self.light(scroll=False)

    def _failed(self, sentence: str) -> None:
        """There is no code of what is drawn now."""
        self._asked_of = self.document.design  # asked again once it is another
        problems = [p for p in self.document.open_problems if p.severity == "error"]
        why = sentence or (problems[0].message if problems else "The code could not be written.")
        buttons = [("Show problems", self.problems_wanted.emit)] if problems else [("Try again", self._again)]
        if self.base is None:
            self.empty.say("warn", f"There is no code yet: {why}", *buttons)
            self.pages.setCurrentIndex(0)
            return
        self.view.set_dim(not self.editing.on)
        self._said_late = True
        self.say("warn", f"{LATE}: {why}", *buttons, main=False)

    def _again(self) -> None:
        self._asked_of = None
        self._drawn()

    # following --------------------------------------------------------------------------------------------------------

    def follow(self, ids: Iterable[str]) -> None:
        """Nodes of the graph looked at are selected: light their lines, and show them."""
        self._selected = tuple(ids)
        self.light(scroll=not self._leading)

    def light(self, *, scroll: bool = True) -> None:
        """Light the lines of what is selected."""
        if self.base is None:
            return
        where = self.document.where
        keys = [f"{where}/{id}" if where else id for id in self._selected]
        lines = [line for key in keys for line in self.base.places.get(key, ())]
        if self.view.changed:
            now = line_map(self.base.text, self.view.text)
            lines = [now[line] for line in lines if line in now]
        self.view.light(lines, scroll=scroll and self.isVisible())

    def node_at(self, line: int) -> str:
        """The analysis path of the node that a line is of; "" for a line of none."""
        if self.base is None:
            return ""
        if self.view.changed:
            back = {now: then for then, now in line_map(self.base.text, self.view.text).items()}
            line = back.get(line, 0)
        for key, lines in self.base.places.items():
            if line in lines:
                where, _, id = key.rpartition("/")
                here = self.document.where == where
                way = self.document.path if here else way_into(self.document.design, where)
                if way is not None:
                    return "/".join((*way, id))
        return ""

    def _lead(self, line: int) -> None:
        if path := self.node_at(line):
            self._leading = True
            self.node_wanted.emit(path)
            self._leading = False

    # out of here ------------------------------------------------------------------------------------------------------

    def copy(self) -> None:
        """Put all of the code on the clipboard."""
        QGuiApplication.clipboard().setText(self.view.text)
        self.said_for_now("The code is on the clipboard.")

    def said_for_now(self, sentence: str) -> None:
        """A sentence that needs no button."""
        self.say("ok", sentence)

    def ask_path(self, *, save: bool) -> str:
        """Ask where the code is saved, or from which file it is read; "" for none."""
        from PySide6.QtWidgets import QFileDialog

        folder = self.file.path.parent if self.file.path is not None else Path.cwd()
        if save:
            return QFileDialog.getSaveFileName(self, "Save the code", str(folder / self.file_name), "Python (*.py)")[0]
        return QFileDialog.getOpenFileName(self, "Read code back", str(folder), "Python (*.py);;All files (*)")[0]
