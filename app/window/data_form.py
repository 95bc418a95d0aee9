"""Which data the design is trained on: its kind, where it lies, how it is divided, what becomes of bad samples."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.design import edits
from app.messages import Devices
from app.messages.data import Dataset
from app.window import parts
from app.window import theme as look
from app.window.document import Document

MOST = 90.0
"""Percent that validation or the test may take."""


class DataForm(QWidget):
    """Edits what the design's recipe says of data, undoably."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._devices: Devices | None = None
        self.setObjectName("content")
        self.kind = QComboBox(self)
        self.path = QLineEdit(self)
        self.folder = parts.IconButton("folder-open", "Choose a folder", side=30)
        self.file = parts.IconButton("file", "Choose a file", side=30)
        self.help = parts.label("", "soft", wrap=True)
        self.validation = self._share("validation_share", "Validation", "Share of the samples that serves validation")
        self.test = self._share("test_share", "Test", "Share of the samples that is kept for the test")
        self.skip = QCheckBox("Skip samples that cannot be read", self)
        self._arrange()
        self.kind.activated.connect(lambda _index: self._choose_kind())
        self.path.editingFinished.connect(self._take_path)
        self.folder.clicked.connect(lambda: self._browsed(self.ask_folder()))
        self.file.clicked.connect(lambda: self._browsed(self.ask_file()))
        self.skip.toggled.connect(lambda on: self._set("Skip bad samples", skip_bad_samples=on))
        document.changed.connect(lambda before, after: self.follow() if before.recipe != after.recipe else None)
        document.opened.connect(self.follow)

    def _share(self, field: str, name: str, tip: str) -> QDoubleSpinBox:
        box = QDoubleSpinBox(self)
        box.setRange(0, MOST)
        box.setDecimals(0)
        box.setSingleStep(5)
        box.setSuffix(" %")
        box.setFont(look.font(look.BODY, mono=True))
        box.setAlignment(Qt.AlignmentFlag.AlignRight)
        box.setKeyboardTracking(False)
        box.setAccessibleName(f"{name} share")
        box.setToolTip(f"{tip}, where the data is not divided yet")
        box.setMinimumWidth(64)
        box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        box.valueChanged.connect(lambda value: self._set("Change the split", **{field: round(value / 100, 4)}))
        return box

    def _arrange(self) -> None:
        self.kind.setAccessibleName("Kind of data")
        self.kind.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.kind.setMinimumContentsLength(8)
        self.path.setAccessibleName("Where the data lies")
        self.path.setPlaceholderText("Folder or file")
        self.skip.setToolTip("They are left out and named; otherwise the first one ends the run with a sentence")
        place = QHBoxLayout()
        place.setSpacing(4)
        place.addWidget(self.path, 1)
        place.addWidget(self.folder)
        place.addWidget(self.file)
        shares = QGridLayout()
        shares.setHorizontalSpacing(8)
        shares.setVerticalSpacing(6)
        for at, (text, box) in enumerate((("Validation", self.validation), ("Test", self.test))):
            shares.addWidget(parts.label(text, "soft"), 0, 2 * at)
            shares.addWidget(box, 0, 2 * at + 1)
            shares.setColumnStretch(2 * at + 1, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 6, 0)
        column.setSpacing(8)
        column.addWidget(self.kind)
        column.addLayout(place)
        column.addLayout(shares)
        column.addWidget(self.skip)
        column.addWidget(self.help)
        column.addStretch(1)

    # what can be chosen -----------------------------------------------------------------------------------------------

    def set_devices(self, devices: Devices | None) -> None:
        """Take what kinds of data an engine says there are; None while none has spoken."""
        self._devices = devices
        with QSignalBlocker(self.kind):
            self.kind.clear()
            self.kind.setPlaceholderText("Choose data" if devices else "The engine is starting")
            for dataset in devices.datasets if devices else ():
                self.kind.addItem(dataset.title, dataset.kind)
                self.kind.setItemData(self.kind.count() - 1, dataset.help, Qt.ItemDataRole.ToolTipRole)
        self.follow()

    @property
    def dataset(self) -> Dataset | None:
        """The card of the kind chosen; None when nothing is, or the kind is not known."""
        return self.dataset_of(self._document.design.recipe.data.partition(":")[0])

    def dataset_of(self, kind: str) -> Dataset | None:
        return next((d for d in (self._devices.datasets if self._devices else ()) if d.kind == kind), None)

    @property
    def needs_place(self) -> bool:
        """Whether the data chosen lies somewhere, and nobody has said where."""
        dataset = self.dataset
        return dataset is not None and dataset.needs_path and not self._document.design.recipe.data.partition(":")[2]

    # showing and editing ----------------------------------------------------------------------------------------------

    def follow(self) -> None:
        """Show the recipe."""
        recipe, dataset = self._document.design.recipe, self.dataset
        kind, _, path = recipe.data.partition(":")
        index = self.kind.findData(kind)
        if index < 0 and kind:
            self.kind.addItem(kind, kind)
            index = self.kind.count() - 1
        self.kind.setCurrentIndex(index)
        placed = bool(path) or (dataset is not None and dataset.needs_path)
        leads = dataset.path if dataset is not None else ""
        self.path.setVisible(placed)
        self.folder.setVisible(placed and leads != "file")
        self.file.setVisible(placed and leads != "folder")
        if not self.path.hasFocus():
            self.path.setText(path)
            self.path.setToolTip(path)
        self.help.setText(dataset.help if dataset is not None else "")
        fixed = dataset is not None and dataset.divided
        for box, share in ((self.validation, recipe.validation_share), (self.test, recipe.test_share)):
            with QSignalBlocker(box):
                box.setValue(100 * share)
            box.setEnabled(not fixed)
        with QSignalBlocker(self.skip):
            self.skip.setChecked(recipe.skip_bad_samples)
        self.skip.setEnabled(dataset is None or dataset.needs_path)

    def _set(self, text: str, **fields: Any) -> None:
        merge = "recipe." + ",".join(sorted(fields))
        self._document.edit(
            text, lambda design: edits.set_recipe(design, replace(design.recipe, **fields)), merge=merge
        )

    def choose(self, kind: str, path: str = "") -> None:
        """Train on this data from now on."""
        self._set("Change data", data=f"{kind}:{path}" if path else kind)

    def skip_bad(self) -> None:
        """Leave out what cannot be read from now on."""
        self.skip.setChecked(True)

    def _choose_kind(self) -> None:
        kind = str(self.kind.currentData() or "")
        dataset, before = self.dataset_of(kind), self.dataset
        if kind:  # a place is kept where it may be one for the new kind too: a folder is no file
            keeps = dataset is not None and dataset.needs_path
            if dataset is not None and before is not None and {dataset.path, before.path} == {"file", "folder"}:
                keeps = False
            self.choose(kind, self.path.text().strip() if keeps else "")

    def _take_path(self) -> None:
        kind = str(self.kind.currentData() or "")
        if kind and self.path.isVisible():
            self.choose(kind, self.path.text().strip())

    def browse(self) -> None:
        """Ask where the data lies: for a folder, or for a file where that is what it takes."""
        dataset = self.dataset
        if dataset is not None and dataset.path == "file":
            self._browsed(self.ask_file())
        else:
            self._browsed(self.ask_folder())

    def ask_folder(self) -> str:
        """Ask for a folder; "" for none."""
        return QFileDialog.getExistingDirectory(self, "Choose the folder of the data", self.path.text())

    def ask_file(self) -> str:
        """Ask for a file; "" for none."""
        dataset = self.dataset
        kinds = " ".join(f"*{suffix}" for suffix in dataset.suffixes) if dataset is not None else ""
        filters = f"{dataset.title.split(' (')[0]} ({kinds});;All files (*)" if kinds and dataset is not None else ""
        return QFileDialog.getOpenFileName(self, "Choose the file of the data", self.path.text(), filters)[0]

    def _browsed(self, chosen: str) -> None:
        if chosen and (kind := str(self.kind.currentData() or "")):
            self.choose(kind, chosen)
            self.path.setText(chosen)
