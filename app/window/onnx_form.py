"""What can be chosen of an ONNX file in the export dialog; what cannot apply to the drawing says why."""

from __future__ import annotations

from typing import Any, ClassVar, cast
from weakref import WeakKeyDictionary

from msgspec.structs import replace
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import QCheckBox, QComboBox, QGridLayout, QSpinBox, QVBoxLayout, QWidget

from app.design.augment import live
from app.design.values import Design, Recipe
from app.messages.onnx import OnnxOptions, Precision
from app.window import parts
from app.window.document import Document
from app.window.flow import Flow

OPSETS = (0, *range(23, 13, -1))
"""Those that the engine writes; 0: the exporter's own."""
SCORED = ("CrossEntropy", "FocalLoss", "BinaryCrossEntropy", "BinaryFocalLoss", "Sigmoid", "Softmax")
"""Blocks that say what a classifier's scores mean."""
PRECISIONS: tuple[tuple[Precision, str, str], ...] = (
    ("fp32", "32 bits", "As torch computes: what differs is rounding alone"),
    ("fp16", "16 bits", "Half the size, and fast on graphics cards; numbers have three digits"),
    ("int8", "8 bits, weights", "A quarter of the size: weights in 8 bits, activations measured while it runs"),
    ("int8-static", "8 bits, calibrated", "Weights and activations in 8 bits, as samples of the training split show"),
)  # fmt: skip


class OnnxForm(QWidget):
    """Opset, numbers, axes, and what stands before and after the network. What is chosen holds for the session."""

    changed = Signal()
    _chosen: ClassVar[WeakKeyDictionary[Document, OnnxOptions]] = WeakKeyDictionary()

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self.precision = QComboBox()
        self.calibration = QSpinBox()
        self.opset = QComboBox()
        self.any_batch = QCheckBox("Any batch")
        self.any_size = QCheckBox("Any image size")
        self.preprocess = QCheckBox("Normalise inside")
        self.postprocess = QCheckBox("Postprocess as drawn")
        self.probabilities = QCheckBox("Probabilities")
        self.separate_data = QCheckBox("Weights in a file beside it")
        self._ticks = {name: each for name in OnnxOptions.__struct_fields__
                       if isinstance(each := getattr(self, name), QCheckBox)}  # fmt: skip
        self.why = parts.label("", "soft", wrap=True)
        """Why something cannot be chosen."""
        self._fill()
        self._arrange()
        self._wish = self._chosen.get(document, OnnxOptions())
        self.show_for(document.design.recipe)
        self.precision.activated.connect(lambda _index: self._take(precision=self.precision.currentData()))
        self.opset.activated.connect(lambda _index: self._take(opset=self.opset.currentData()))
        self.calibration.valueChanged.connect(lambda count: self._take(calibration=count))
        for name, tick in self._ticks.items():
            tick.clicked.connect(lambda on, name=name: self._take(**{name: on}))

    def _fill(self) -> None:
        for precision, text, tip in PRECISIONS:
            self.precision.addItem(text, precision)
            self.precision.setItemData(self.precision.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        for opset in OPSETS:
            self.opset.addItem(f"Opset {opset}" if opset else "Usual opset", opset)
        self.opset.setToolTip("The version of ONNX's operators: an older one loads in older programs")
        self.opset.setAccessibleName("Opset")
        self.precision.setAccessibleName("Numbers")
        self.calibration.setRange(1, 100_000)
        self.calibration.setSuffix(" samples")
        self.calibration.lineEdit().setTextMargins(6, 0, 0, 0)
        self.calibration.setAccessibleName("Calibration samples")
        self.calibration.setToolTip("So many samples of the training split show how large activations become")
        self.any_batch.setToolTip("The file takes any number of samples at once; else one")
        self.separate_data.setToolTip("The model is small and its weights lie beside it, as very large networks need")

    def _arrange(self) -> None:
        numbers = Flow(12)
        for widget in (self.precision, self.calibration, self.opset):
            numbers.addWidget(widget)
        grid = QGridLayout()
        grid.setHorizontalSpacing(20)
        grid.setVerticalSpacing(8)
        for n, tick in enumerate(self._ticks.values()):
            grid.addWidget(tick, n // 2, n % 2)
        grid.setColumnStretch(2, 1)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(10)
        box.addLayout(numbers)
        box.addLayout(grid)
        box.addWidget(self.why)

    # what applies -----------------------------------------------------------------------------------------------------

    def show_for(self, recipe: Recipe) -> None:
        """Offer what applies to weights that were trained by this recipe."""
        design = self._document.design
        blocks = {node.block for graph in (design, *design.groups) for node in graph.nodes}
        known = self._document.catalogue
        decodes = any(known[block].category == "Postprocess" for block in blocks if block in known)
        normalises = any(step.kind == "normalise" for step in live(recipe.augment))
        no_size = "" if _has_picture(design) else "no Input is an image"
        no_pre = "" if normalises else "the recipe has no step that normalises"
        no_post = "" if decodes else "no block decodes boxes"
        no_scores = "" if blocks & set(SCORED) else "no loss says what scores mean"
        no_data = "" if recipe.data else "the recipe names no data to measure on"
        self._offer(self.any_size, no_size, "Height and width of images are free, where the network takes other ones")
        self._offer(self.preprocess, no_pre, "The file takes pixels from 0 to 1 and normalises them as training did")
        self._offer(self.postprocess, no_post, "Decoding and suppression of boxes stay; else heads answer as they are")
        self._offer(self.probabilities, no_scores, "A classifier's scores become probabilities")
        self._measures = bool(recipe.data)
        item = cast(QStandardItemModel, self.precision.model()).item(self.precision.findData("int8-static"))
        item.setEnabled(self._measures)
        item.setToolTip(f"Not here: {no_data}" if no_data else PRECISIONS[-1][2])
        said = [(self.any_size.text(), no_size), (self.preprocess.text(), no_pre),
                (self.probabilities.text(), no_scores), (PRECISIONS[-1][1], no_data)]  # fmt: skip
        self.why.setText("\n".join(f"{what}: not here, {why}" for what, why in said if why))
        self.why.setVisible(bool(self.why.text()))
        self._show()

    def _offer(self, tick: QCheckBox, why: str, tip: str) -> None:
        tick.setEnabled(not why)
        tick.setToolTip(f"Not here: {why}" if why else tip)

    def _take(self, **changes: Any) -> None:
        """Take what the user has changed, and remember it."""
        self._wish = self._chosen[self._document] = replace(self._wish, **changes)
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        """What does not apply is shown as off; it is remembered for where it does."""
        options = self.options
        self.precision.setCurrentIndex(self.precision.findData(options.precision))
        self.precision.setToolTip(next(tip for name, _, tip in PRECISIONS if name == options.precision))
        self.opset.setCurrentIndex(self.opset.findData(options.opset))
        self.calibration.setVisible(options.precision == "int8-static")
        self.calibration.blockSignals(True)
        self.calibration.setValue(options.calibration)
        self.calibration.blockSignals(False)
        for name, tick in self._ticks.items():
            tick.setChecked(tick.isEnabled() and getattr(options, name))

    @property
    def options(self) -> OnnxOptions:
        """What is chosen, as far as it applies."""
        off = {name: False for name, tick in self._ticks.items() if not tick.isEnabled() and name != "postprocess"}
        precision = self._wish.precision
        if precision == "int8-static" and not self._measures:
            precision = "fp32"
        return replace(self._wish, precision=precision, **off)


def _has_picture(design: Design) -> bool:
    """Whether an Input gives images: channels, height and width."""
    sizes = (node.settings.get("size", (3, 224, 224)) for node in design.nodes if node.block == "Input")
    return any(isinstance(size, tuple) and len(size) == 3 for size in sizes)
