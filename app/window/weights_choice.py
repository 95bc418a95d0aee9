"""Whose weights an export takes: those of a run, of a file, or new ones."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QSizePolicy, QWidget

from app.design.values import Recipe
from app.window import parts
from app.window.document import Document
from app.window.runs import Run, Runs
from app.window.transfer_dialog import WEIGHTS


class WeightsChoice(QWidget):
    """A list of the runs that left weights, the newest first, and a button that adds a file to it."""

    changed = Signal()

    def __init__(self, document: Document, runs: Runs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._runs: list[Run] = [run for run in reversed(runs.all) if run.usable]
        self.list = QComboBox()
        self.list.setAccessibleName("Weights")
        self.list.setToolTip("The weights that are written: trained by a run, of a file, or new ones")
        self.list.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.list.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        for run in self._runs:
            self.list.addItem(f"Trained, of the run {run.name}", (run.folder, ""))
        if chosen := document.design.recipe.weights:  # those that training begins with
            self._add_file(chosen)
        self.list.addItem("Untrained", ("", ""))
        self.setFocusProxy(self.list)
        self.browse = parts.button("From a file", "", "Take the weights of a file: safetensors or .pth")
        self.browse.setAutoDefault(False)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.list, 1)
        row.addWidget(self.browse)
        self.list.currentIndexChanged.connect(lambda _index: self.changed.emit())
        self.browse.clicked.connect(self._browse)

    @property
    def run(self) -> str:
        """The folder of the run; "" where none is chosen."""
        return str(self.list.currentData()[0])

    @property
    def file(self) -> str:
        """The file of weights; "" where none is chosen."""
        return str(self.list.currentData()[1])

    @property
    def recipe(self) -> Recipe:
        """What the weights were trained by, or would be."""
        run = next((run for run in self._runs if run.folder == self.run), None)
        return run.design.recipe if run is not None else self._document.design.recipe

    def currentText(self) -> str:
        """What is chosen, in words."""
        return self.list.currentText()

    def _add_file(self, path: str) -> None:
        self.list.addItem(f"File {Path(path).name}", ("", path))
        self.list.setItemData(self.list.count() - 1, path, Qt.ItemDataRole.ToolTipRole)

    def _browse(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Choose a file of weights", self.file, WEIGHTS)
        if not path:
            return
        known = [self.list.itemData(n)[1] for n in range(self.list.count())]
        if path not in known:
            self._add_file(path)
            known.append(path)
        self.list.setCurrentIndex(known.index(path))
