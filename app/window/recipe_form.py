"""The form of a design's recipe: data, epochs, batch size, optimizer, learning rate, and the rest under "More"."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QHideEvent, QShowEvent, QStandardItemModel
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.design.schedule import arithmetic_words
from app.messages import Device, Devices
from app.messages.data import Dataset
from app.window import parts
from app.window import theme as look
from app.window.document import Document
from app.window.rate_edit import RateEdit
from app.window.recipe_details import PresetBox, RecipeDetails, set_field
from app.window.sample_count import SampleCount
from app.window.sentences import rich
from app.window.topics import first_sentence
from blocks.card import Page

_IN_FOLDERS = frozenset({"images", "masks", "cifar"})
"""Kinds of data whose path is a folder; that of others is a file."""


class RecipeForm(QWidget):
    """Edits `document.design.recipe`, undoably. `device` is the window's own: it does not travel with a design."""

    device_changed = Signal()

    refusal_changed = Signal()

    def __init__(self, document: Document, engines: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._devices: Devices | None = None
        self.data = QComboBox(self)
        self.path = QLineEdit(self)
        self.browse = parts.button("Browse", "", "Choose the folder or file of the data")
        self.epochs = self._whole("epochs", 1, 100_000)
        self.batch_size = self._whole("batch_size", 0, 1_000_000)
        self.arithmetic = parts.label("", "soft", wrap=True)
        self.optimizer = QComboBox(self)
        self.learning_rate = RateEdit(0, self, positive=True)
        self.device_box = QComboBox(self)
        self.more = parts.button("More", "flat", "Show the settings that rarely change")
        """Stands beside the panel's Start button, where it costs the form no line."""
        self.schedule = QComboBox(self)
        self.infos = {name: parts.IconButton("info", "", side=24) for name in ("optimizer", "schedule")}
        """They show what the optimizer or schedule chosen does."""
        self.seed = self._whole("seed", 0, 2**31 - 1)
        self.weight_decay = RateEdit(0, self)
        self.help = parts.label("", "soft", wrap=True)
        self.reason = parts.label("", "soft", wrap=True)
        self.preset = PresetBox(document, self.reason)
        self.details = RecipeDetails(document, engines, lambda: self.device, self._numbers)
        self._samples = SampleCount(document, engines, self)
        self._arrange()
        self._connect()
        self.set_devices(None)

    # making -----------------------------------------------------------------------------------------------------------

    def _whole(self, field: str, low: int, high: int) -> QSpinBox:
        box = QSpinBox(self)
        box.setRange(low, high)
        box.setFont(look.font(look.BODY, mono=True))
        box.setAlignment(Qt.AlignmentFlag.AlignRight)
        box.setKeyboardTracking(False)
        box.valueChanged.connect(lambda value: self._set(field, value))
        return box

    def _arrange(self) -> None:
        self.path.setPlaceholderText("Folder or file")
        self.more.setCheckable(True)
        self.batch_size.setSpecialValueText("largest")
        self.batch_size.setToolTip("Samples in a batch; 0: the largest that fits into memory, found as training begins")
        choices = (self.data, self.device_box, self.optimizer, self.schedule, self.preset)
        for box in choices:
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(6)
        numbers = (self.epochs, self.batch_size, self.learning_rate, self.seed, self.weight_decay)
        for field in (*numbers, *choices):
            field.setMinimumWidth(72)
            field.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(6)
        path = QGridLayout()
        path.setSpacing(8)
        path.addWidget(self.path, 0, 0)
        path.addWidget(self.browse, 0, 1)
        self._labels: dict[str, QLabel] = {}

        def place(row: int, column: int, text: str, field: QWidget, *, wide: bool = False) -> None:
            label = parts.label(text, "soft")
            label.setBuddy(field)
            field.setAccessibleName(text)
            self._labels[text] = label
            grid.addWidget(label, row, column)
            grid.addWidget(self._with_info(field), row, column + 1, 1, 3 if wide else 1)

        place(0, 0, "Data", self.data, wide=True)
        grid.addLayout(path, 1, 1, 1, 3)
        grid.addWidget(self.help, 2, 1, 1, 3)
        place(3, 0, "Epochs", self.epochs)
        place(3, 2, "Batch size", self.batch_size)
        grid.addWidget(self.arithmetic, 4, 1, 1, 3)
        place(5, 0, "Optimizer", self.optimizer)
        place(5, 2, "Learning rate", self.learning_rate)
        place(6, 0, "Device", self.device_box, wide=True)
        place(7, 0, "Preset", self.preset, wide=True)
        grid.addWidget(self.reason, 8, 1, 1, 3)
        place(9, 0, "Schedule", self.schedule)
        place(9, 2, "Weight decay", self.weight_decay)
        place(10, 0, "Seed", self.seed)
        grid.setColumnStretch(1, 1)
        grid.setColumnMinimumWidth(3, 84)  # 6.25e-05, largest
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(grid)
        layout.addWidget(self.details)
        layout.addStretch(1)
        self._show_more(False)

    def _with_info(self, field: QWidget) -> QWidget:
        """The field, and where there is a page on what is chosen in it the button that shows it."""
        info = next((made for name, made in self.infos.items() if getattr(self, name) is field), None)
        if info is None:
            return field
        both = QWidget()
        row = QHBoxLayout(both)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(field, 1)
        row.addWidget(info)
        return both

    def _connect(self) -> None:
        self.data.activated.connect(lambda _index: self._set_data())
        self.path.editingFinished.connect(self._set_data)
        self.browse.clicked.connect(self._browse)
        self.optimizer.activated.connect(lambda _i: self._set("optimizer", self.optimizer.currentData()))
        self.schedule.activated.connect(lambda _i: self._set("schedule", self.schedule.currentData()))
        self.learning_rate.committed.connect(lambda value: self._set("learning_rate", value))
        self.weight_decay.committed.connect(lambda value: self._set("weight_decay", value))
        for rate in (self.learning_rate, self.weight_decay):
            rate.marked.connect(self.refusal_changed)
        self.details.marked.connect(self.refusal_changed)
        self.details.changed.connect(self._set)
        self._samples.changed.connect(self._show_numbers)
        self.device_box.activated.connect(lambda _index: self.device_changed.emit())
        self.more.toggled.connect(self._show_more)
        for name, info in self.infos.items():
            box = getattr(self, name)
            info.clicked.connect(lambda _on=False, box=box: self._document.explanation_wanted.emit(self.topic(box)))
            box.currentIndexChanged.connect(lambda _i: self._show_infos())
        self._document.changed.connect(lambda before, after: self._follow() if before.recipe != after.recipe else None)

    def _show_more(self, shown: bool) -> None:
        for text in ("Preset", "Schedule", "Weight decay", "Seed"):
            self._labels[text].setVisible(shown)
        fields = (self.preset, self.schedule, self.infos["schedule"], self.weight_decay, self.seed, self.details)
        for field in fields:
            field.setVisible(shown)
        self.more.setText("Less" if shown else "More")
        self._show_numbers()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._samples.want(True)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._samples.want(False)

    # what can be chosen -----------------------------------------------------------------------------------------------

    def set_devices(self, devices: Devices | None) -> None:
        """Take what an engine says there is; None while none has spoken."""
        self._devices = devices
        found = devices or Devices((), (), (), ())
        with QSignalBlocker(self.data):
            self.data.clear()
            self.data.setPlaceholderText("Choose data" if devices else "The engine is starting")
            for dataset in found.datasets:
                self.data.addItem(dataset.title, dataset.kind)
                self.data.setItemData(self.data.count() - 1, dataset.help, Qt.ItemDataRole.ToolTipRole)
        self._offer(self.optimizer, found.optimizers)
        self._offer(self.schedule, found.schedules)
        chosen = self.device
        self.device_box.clear()
        if not any(device.id == "auto" for device in found.devices):
            self._offer_device(Device("auto", "Automatic"))
        for device in found.devices:
            self._offer_device(device)
        self.device_box.setCurrentIndex(max(self.device_box.findData(chosen), 0))
        self._follow()

    def _offer(self, box: QComboBox, pages: tuple[Page, ...]) -> None:
        box.clear()
        for page in pages:
            box.addItem(page.title, page.id)
            box.setItemData(box.count() - 1, rich(first_sentence(page.text)), Qt.ItemDataRole.ToolTipRole)

    def _offer_device(self, device: Device) -> None:
        self.device_box.addItem(device.title, device.id)
        index = self.device_box.count() - 1
        if device.absent:
            model = self.device_box.model()
            assert isinstance(model, QStandardItemModel)
            model.item(index).setEnabled(False)
            self.device_box.setItemData(index, device.absent, Qt.ItemDataRole.ToolTipRole)

    def topic(self, at: QWidget) -> str:
        """What there is to read about the field or info button `at`; "" for others."""
        for name, info in self.infos.items():
            box: QComboBox = getattr(self, name)
            if at in (box, info) and box.currentData(Qt.ItemDataRole.ToolTipRole):
                return f"{name}:{box.currentData()}"
        return ""

    def _show_infos(self) -> None:
        for name, info in self.infos.items():
            box: QComboBox = getattr(self, name)
            said = box.currentData(Qt.ItemDataRole.ToolTipRole)
            info.setEnabled(bool(said))
            info.setAccessibleName(f"What {box.currentText()} does")
            info.setToolTip(f"{said}<br>Click for its page." if said else "Nothing is known of it yet")

    @property
    def refusal(self) -> str:
        """Why the form does not say what to train with: what stands in a field cannot be taken."""
        rates = {"Learning rate": self.learning_rate, "Weight decay": self.weight_decay}
        own = next((f"{name}: {field.refusal}." for name, field in rates.items() if field.refusal), "")
        return own or self.details.refusal

    @property
    def device(self) -> str:
        """The id of the device chosen."""
        return str(self.device_box.currentData() or "auto")

    @property
    def dataset(self) -> Dataset | None:
        """The data chosen; None when nothing is, or its kind is not known."""
        kind = self._document.design.recipe.data.partition(":")[0]
        return self.dataset_of(kind)

    def dataset_of(self, kind: str) -> Dataset | None:
        return next((d for d in (self._devices.datasets if self._devices else ()) if d.kind == kind), None)

    # showing and editing the recipe -----------------------------------------------------------------------------------

    def _follow(self) -> None:
        """Show the recipe."""
        recipe = self._document.design.recipe
        kind, _, path = recipe.data.partition(":")
        self._choose(self.data, kind, unknown=bool(kind))
        dataset = self.dataset
        needs_path = bool(path) or (dataset is not None and dataset.needs_path)
        self.path.setVisible(needs_path)
        self.browse.setVisible(needs_path)
        if not self.path.hasFocus():
            self.path.setText(path)
        self.data.setToolTip(dataset.help if dataset else "")
        self.help.setText(dataset.help if dataset and dataset.needs_path else "")
        self.help.setVisible(bool(self.help.text()))
        for field, box in (("epochs", self.epochs), ("batch_size", self.batch_size), ("seed", self.seed)):
            with QSignalBlocker(box):
                box.setValue(getattr(recipe, field))
        self._choose(self.optimizer, recipe.optimizer, unknown=True)
        self._choose(self.schedule, recipe.schedule, unknown=True)
        self.learning_rate.set_value(recipe.learning_rate)
        self.weight_decay.set_value(recipe.weight_decay)
        self._show_numbers()

    def _numbers(self) -> tuple[int | None, int]:
        """Samples for training and classes of the data chosen, as far as they are known."""
        return self._samples.samples, len(self.dataset.classes) if self.dataset is not None else 0

    def _show_numbers(self) -> None:
        """Show what the recipe comes to: steps, the rate over the run, the preset that it is."""
        recipe, samples = self._document.design.recipe, self._samples.samples
        self.arithmetic.setText(arithmetic_words(recipe, samples) if samples else "")
        self.arithmetic.setVisible(bool(samples))
        if self.more.isChecked():
            self.preset.show_recipe(recipe)
            self.details.show_recipe(recipe, samples)
        self.reason.setVisible(self.more.isChecked() and bool(self.reason.text()))

    def _choose(self, box: QComboBox, value: str, *, unknown: bool) -> None:
        """Select `value`; with `unknown` one that is not offered is listed as it is."""
        index = box.findData(value)
        if index < 0 and unknown:
            box.addItem(value, value)
            index = box.count() - 1
        box.setCurrentIndex(index)

    def _set(self, field: str, value: Any) -> None:
        set_field(self._document, field, value)

    def choose_data(self, kind: str) -> None:
        """Train on this data from now on."""
        path = self._document.design.recipe.data.partition(":")[2]
        dataset = self.dataset_of(kind)
        self._set("data", f"{kind}:{path}" if path and dataset and dataset.needs_path else kind)

    def _set_data(self) -> None:
        kind = self.data.currentData()
        if not kind:
            return
        dataset = self.dataset_of(kind)
        path = self.path.text().strip()
        if dataset is not None and not dataset.needs_path:
            path = ""
        self._set("data", f"{kind}:{path}" if path else kind)

    def _browse(self) -> None:
        if self.data.currentData() in _IN_FOLDERS:
            chosen = QFileDialog.getExistingDirectory(self, "Choose the folder of the data", self.path.text())
        else:
            chosen, _ = QFileDialog.getOpenFileName(self, "Choose the file of the data", self.path.text())
        if chosen:
            self.path.setText(chosen)
            self._set_data()
