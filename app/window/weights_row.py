"""The file of weights that a run begins with, and the guide to transfer learning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QGridLayout, QHBoxLayout, QLineEdit, QSizePolicy, QWidget

from app.design.values import Recipe
from app.window import parts
from app.window.document import Document
from app.window.get_weights import GetWeightsDialog
from app.window.rate_edit import mono
from app.window.transfer_dialog import WEIGHTS, TransferDialog
from app.window.weights_dialog import WeightsDialog


class WeightsRow(QWidget):
    """`set_file` takes the path that is chosen; `data` tells the number of samples (None: not known) and classes."""

    def __init__(
        self, document: Document, engines: Any, set_file: Callable[[str], object],
        data: Callable[[], tuple[int | None, int]],
    ) -> None:  # fmt: skip
        super().__init__()
        self._document, self._engines, self._set_file, self._data = document, engines, set_file, data
        self.path = QLineEdit()
        self.path.setFont(mono())
        self.path.setPlaceholderText("New weights")
        self.path.setToolTip("A file of weights that a new run begins with, as far as they fit; empty: new ones")
        self.path.setAccessibleName("Begin with weights of a file")
        self.path.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.browse = parts.button("Browse", "", "Choose the file of weights")
        self.fits = parts.button("What fits…", "", "See which tensors of the file fit which node")
        self.guide = parts.button("Transfer learning…", "", "Make the drawing ready for other classes, tasks or data")
        self.get = parts.button("Get weights…", "", "See what there is for networks of the zoo: source, licence, size")
        label = parts.label("Begin with", "soft")
        label.setBuddy(self.path)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(8)
        grid.setColumnStretch(1, 1)
        grid.addWidget(label, 0, 0)
        grid.addWidget(self.path, 0, 1)
        grid.addWidget(self.browse, 0, 2)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.fits, 1)
        row.addWidget(self.guide, 1)
        row.addWidget(self.get, 1)
        grid.addLayout(row, 1, 0, 1, 3)
        self.path.editingFinished.connect(lambda: self._take(self.path.text().strip()))
        self.browse.clicked.connect(self._browse)
        self.fits.clicked.connect(self.open_fits)
        self.guide.clicked.connect(self.open_guide)
        self.get.clicked.connect(self.open_offer)

    def show_recipe(self, recipe: Recipe) -> None:
        if not (self.path.hasFocus() and self.path.isModified()):
            self.path.setText(recipe.weights)
            self.path.setToolTip(recipe.weights or "A file of weights that a new run begins with, as far as they fit")

    def open_fits(self) -> WeightsDialog:
        """Show which tensors of the file fit which node; a row that is clicked leads to its node."""
        dialog = WeightsDialog(self._document, self._engines, self.window())
        if (lead := getattr(self.window(), "lead", None)) is not None:  # a panel may stand by itself
            dialog.lead.connect(lead)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.show()
        return dialog

    def open_guide(self) -> TransferDialog:
        """Show the guide over the window."""
        dialog = TransferDialog(self._document, *self._data(), self.window())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()
        return dialog

    def open_offer(self) -> GetWeightsDialog:
        """Show which weights can be got."""
        names = (self._document.variant, self._document.title)
        dialog = GetWeightsDialog(self._take, names, self.window())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()
        return dialog

    def _take(self, path: str) -> None:
        self.path.setModified(False)
        if path != self._document.design.recipe.weights:
            self._set_file(path)

    def _browse(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Choose a file of weights", self.path.text(), WEIGHTS)
        if path:
            self._take(path)
