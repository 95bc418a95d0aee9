"""The weights of a file beside the drawing: a row a node, how its tensors fit, and "Take what fits"."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)

from app.design import edits
from app.messages.weights import By, CompareWeights, WeightsCompared
from app.window import parts
from app.window.document import Document
from app.window.engines import Engines
from app.window.questions import Questions
from app.window.rate_edit import mono
from app.window.theme import theme
from app.window.transfer_dialog import WEIGHTS
from app.window.weights_tree import WeightsTree

WAYS: dict[By, tuple[str, str]] = {
    "name": ("Names, key maps", "Tensors of the same name, also by what torchvision and timm call them"),
    "shape": ("… and single shapes", "Also what is the only one of its shape left on both sides: a guess, look at it"),
    "order": ("… and order", "Also equal shapes in the order in which they stand: a guess, look at it"),
}
WAIT = 300
"""Milliseconds after an edit until it is asked again: more edits may follow."""


class WeightsDialog(QDialog):
    """Compares as soon as a file is chosen, and again when the drawing changes. `lead` is told the analysis path of
    the node that one clicks; what is taken is the recipe's, as one step to undo."""

    lead = Signal(str)

    def __init__(self, document: Document, engines: Engines, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._questions = Questions(document, engines, self)
        self.told: WeightsCompared | None = None
        self.setWindowTitle("Weights")
        self.resize(1040, 580)
        recipe = document.design.recipe
        self.path = QLineEdit(recipe.weights)
        self.path.setFont(mono())
        self.path.setPlaceholderText("A safetensors file, or a .pt or .pth file of a state_dict")
        self.path.setAccessibleName("File of weights")
        self.path.setToolTip("Nothing in the file is run")
        self.browse = parts.button("Browse…", "", "Choose the file of weights")
        self.way = QComboBox()
        self.way.setAccessibleName("How tensors are matched")
        for by, (title, tip) in WAYS.items():
            self.way.addItem(title, by)
            self.way.setItemData(self.way.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.way.setCurrentIndex(max(self.way.findData(recipe.weights_by), 0))
        self.wrong = QCheckBox("Only what does not fit")
        self.wrong.setToolTip("Hide the nodes whose tensors all have theirs")
        self.words = parts.label("", wrap=True)
        self.why = parts.label("", "error", wrap=True)
        self.share = QProgressBar()
        self.share.setTextVisible(False)
        self.share.setAccessibleName("Share of the tensors that fit")
        self.tree = WeightsTree()
        self.leave = parts.button("Begin with new ones", "", "Let the recipe name no file of weights any more")
        self.shut = parts.button("Close")
        self.take = parts.button("Take what fits", "primary", "Training begins with them, and exports can have them")
        for each in (self.browse, self.leave, self.shut, self.take):
            each.setAutoDefault(False)
        self._lay()
        self.path.editingFinished.connect(self._typed)
        self.browse.clicked.connect(self._browse)
        self.way.activated.connect(lambda _index: self.compare())
        self.wrong.toggled.connect(self.tree.show_wrong)
        self.tree.lead.connect(self.lead)
        self.leave.clicked.connect(self._leave)
        self.shut.clicked.connect(self.close)
        self.take.clicked.connect(self._take)
        document.changed.connect(self._follow)
        theme.changed.connect(self._show)
        self._asked: tuple[str, str] | None = None
        self._show()
        self.compare()

    def _lay(self) -> None:
        label = parts.label("File", "soft")
        label.setBuddy(self.path)
        by = parts.label("Match by", "soft")
        by.setBuddy(self.way)
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(8)
        grid.setColumnStretch(1, 1)
        grid.addWidget(label, 0, 0)
        grid.addWidget(self.path, 0, 1)
        grid.addWidget(self.browse, 0, 2)
        grid.addWidget(by, 1, 0)
        line = QHBoxLayout()
        line.setSpacing(16)
        line.addWidget(self.way)
        line.addWidget(self.wrong)
        line.addStretch(1)
        grid.addLayout(line, 1, 1, 1, 2)
        foot = QHBoxLayout()
        foot.setSpacing(8)
        foot.addWidget(self.leave)
        foot.addStretch(1)
        foot.addWidget(self.shut)
        foot.addWidget(self.take)
        box = QVBoxLayout(self)
        box.setContentsMargins(20, 16, 20, 16)
        box.setSpacing(12)
        box.addLayout(grid)
        box.addWidget(self.words)
        box.addWidget(self.share)
        box.addWidget(self.why)
        box.addWidget(self.tree, 1)
        box.addLayout(foot)

    def sizeHint(self) -> QSize:
        return QSize(1040, 580)

    # asking -----------------------------------------------------------------------------------------------------------

    @property
    def file(self) -> str:
        return self.path.text().strip()

    @property
    def by(self) -> By:
        chosen: By = self.way.currentData()
        return chosen

    def choose(self, path: str) -> None:
        """Compare with this file."""
        self.path.setText(path)
        self.compare()

    def compare(self, wait: int = 0) -> None:
        """Ask the engine what fits."""
        if not self.file:
            self.told, self._asked = None, None
            self._questions.drop()
            self._show()
            return
        self._asked = self.file, self.by
        document, request = self._document, CompareWeights("", self._document.design, self.file, self.by)
        self._show(f"Reading {Path(self.file).name}…")
        self._questions.ask(
            lambda: replace(request, design=document.design, variant=""), self._answered, self._failed, wait=wait
        )

    def _answered(self, told: WeightsCompared) -> None:
        self.told = told
        self._show()

    def _failed(self, why: str) -> None:
        self.told = None
        self._show(wrong=why)

    def _typed(self) -> None:
        if self._asked is None or self._asked[0] != self.file:
            self.compare()

    def _follow(self, before: object, after: object) -> None:
        """Ask again where nodes changed; what is chosen here alone says nothing new."""
        same = all(getattr(before, part) == getattr(after, part) for part in ("nodes", "wires", "groups"))
        if self.file and not same:
            self.compare(WAIT)
        else:
            self._show()

    # showing ----------------------------------------------------------------------------------------------------------

    def _show(self, busy: str = "", wrong: str = "") -> None:
        told, recipe = self.told, self._document.design.recipe
        if busy:
            self.words.setText(busy)
        elif wrong:
            self.words.setText("")
        elif told is None:
            self.words.setText("Choose a file: the table then says which of its tensors fit which node.")
        else:
            self.words.setText(f"{told.summary} Names as in {told.layout}.")
        unfit = ""
        if told is not None and told.unfit and not busy:
            unfit = f"{told.unfit[:1].upper()}{told.unfit[1:]}."
            if told.by == "name" and told.taken:
                unfit += " Match by single shapes too, to take what fits all the same."
        self.why.setText(wrong or unfit)
        self.why.setVisible(bool(wrong or unfit))
        self.words.setVisible(bool(self.words.text()))
        self.share.setVisible(bool(busy) or (told is not None and not wrong))
        if busy:
            self.share.setRange(0, 0)
        elif told is not None:
            self.share.setRange(0, max(told.needed, 1))
            self.share.setValue(told.taken)
            self.share.setToolTip(f"{told.taken:,} of {told.needed:,} tensors")
        self.tree.show_told(None if wrong else told)
        self.tree.setEnabled(not busy)
        can = told is not None and not told.unfit and told.taken > 0 and not busy and not wrong
        taken = told is not None and (recipe.weights, recipe.weights_by) == (told.file, told.by)
        self.take.setEnabled(can and not taken)
        self.take.setText("Taken" if can and taken else "Take what fits")
        self.leave.setVisible(bool(recipe.weights))
        self.wrong.setEnabled(told is not None)

    # doing ------------------------------------------------------------------------------------------------------------

    def _take(self) -> None:
        told = self.told
        if told is None:
            return
        self._document.edit(
            f"Take weights of {Path(told.file).name}",
            lambda d: edits.set_recipe(d, replace(d.recipe, weights=told.file, weights_by=told.by)),
        )

    def _leave(self) -> None:
        self._document.edit(
            "Begin with new weights",
            lambda d: edits.set_recipe(d, replace(d.recipe, weights="", weights_by="name")),
        )

    def _browse(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Choose a file of weights", self.file, WEIGHTS)
        if path:
            self.choose(path)

    def closeEvent(self, event: QCloseEvent) -> None:
        self._questions.drop()
        super().closeEvent(event)
