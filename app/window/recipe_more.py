"""The parts of a recipe that rarely change, folded away by what they are about."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QFormLayout, QSizePolicy, QSpinBox, QVBoxLayout, QWidget

from app.design.schedule import PLATEAU, RISES, WITH_MOMENTUM, decays_all, eps_of, momentum_of
from app.design.values import Recipe
from app.window import parts
from app.window import theme as look
from app.window.fold import Fold
from app.window.rate_edit import NumbersEdit, RateEdit

Shown = Callable[[Recipe], bool]
SGD: Shown = lambda r: r.optimizer == "sgd"  # noqa: E731
ADAM: Shown = lambda r: r.optimizer in ("adam", "adamw")  # noqa: E731
FALLS: Shown = lambda r: r.schedule in ("step", "multi-step", "exponential", PLATEAU)  # noqa: E731
PRECISIONS = (
    ("32", "32 bits"), ("bf16", "bfloat16, mixed"), ("16", "16 bits, mixed (GPU)"), ("64", "64 bits"),
)  # fmt: skip
YES, NO = "On", "Off"
LABELS = 124
"""Width of what stands beside the fields: they begin on one line in all folds."""


class Field(NamedTuple):
    """One field of the recipe: what stands beside it, what it does, and when it matters."""

    name: str
    title: str
    tip: str
    kind: str = "number"
    below: float = math.inf
    most: float = math.inf
    positive: bool = False
    shown: Shown = lambda recipe: True
    usual: Callable[[Recipe], str] | None = None
    """What nothing stands for, where the field may be left empty."""


FOLDS: dict[str, tuple[str, tuple[Field, ...]]] = {
    "Rate over the run": ("Warm-up, falls and the curve that they give", (
        Field("warm_up", "Warm-up, epochs", "Epochs over which the rate rises to all of it; empty: a twentieth of the "
              "run with Cosine, none with the others.", shown=lambda r: r.schedule not in RISES,
              usual=lambda r: f"{r.epochs / 20:g}" if r.schedule == "cosine" else "0"),
        Field("gamma", "Factor", "What the rate is multiplied by at each fall.", most=1, positive=True, shown=FALLS),
        Field("every", "Falls after, epochs", "Epochs between two falls; 0: a third of the run.",
              shown=lambda r: r.schedule in ("step", "exponential")),
        Field("milestones", "Falls after epochs", "The epochs after which it falls, with commas between; empty: half "
              "and three quarters of the run.", "numbers", shown=lambda r: r.schedule == "multi-step",
              usual=lambda r: f"{r.epochs / 2:g}, {r.epochs * 3 / 4:g}"),
        Field("plateau", "Waits, epochs", "Epochs without a better validation loss before it falls.", "whole",
              shown=lambda r: r.schedule == PLATEAU),
        Field("final", "Ends at share", "The share of the rate at which it ends.", most=1,
              shown=lambda r: r.schedule in ("cosine", "linear")),
    )),
    "Optimizer and penalties": ("Momentum, running means, L1 and L2", (
        Field("momentum", "Momentum", "How much of the last step is kept in the next one.", below=1,
              shown=lambda r: r.optimizer in WITH_MOMENTUM, usual=lambda r: f"{momentum_of(r):g}"),
        Field("nesterov", "Nesterov", "Look ahead along the momentum before the gradient is taken.", "switch",
              shown=SGD),
        Field("beta1", "Beta 1", "How slowly the running mean of the gradient forgets.", below=1, shown=ADAM),
        Field("beta2", "Beta 2", "How slowly the running mean of its square forgets.", below=1, shown=ADAM),
        Field("alpha", "Alpha", "How slowly the running mean of the gradient's square forgets.", below=1,
              shown=lambda r: r.optimizer == "rmsprop"),
        Field("eps", "Epsilon", "What is added below the fraction, against division by nearly 0.",
              shown=lambda r: r.optimizer != "sgd", usual=lambda r: f"{eps_of(r):g}"),
        Field("decay_all", "Decay norms, biases", "Whether weight decay and penalties pull on norms and biases too. "
              "BERT, GPT and ViT, trained with AdamW, spare them; the papers with SGD do not.", "choice",
              usual=lambda r: YES if decays_all(r) else NO),
        Field("l1", "L1 penalty", "Adds this times the sum of all |w| to what is descended on: weights become 0."),
        Field("l2", "L2 penalty", "Adds half of this times the sum of all w² to what is descended on."),
    )),
    "Steps and average": ("Clipping, accumulation, a moving average, precision", (
        Field("clip_norm", "Clip to length", "A longer gradient, all weights taken together, is cut to this; 0: none."),
        Field("clip_value", "Clip to value", "Larger numbers in a gradient are cut to this; 0: none."),
        Field("accumulate", "Batches a step", "Batches whose gradients are averaged for one step: as large a batch as "
              "one likes, in the memory of a small one.", "count"),
        Field("truncate", "Back through time", "Steps of a sequence that recurrent layers pass the gradient back; "
              "what lies farther back is remembered; long sequences train steadier and quicker. 0: all.", "whole"),
        Field("ema", "Average of weights", "How slowly a moving average of the weights forgets, 0.999 say; it is what "
              "is then evaluated, kept and exported. 0: none.", below=1),
        Field("early_stop", "Stop early, epochs", "Ends training after so many epochs without a better validation "
              "loss; 0: it goes on to its last epoch.", "whole"),
        Field("precision", "Precision", "In how many bits the network is computed.", "precision"),
        Field("workers", "Workers", "Threads that read samples from disk ahead of the network; 0: none. They change "
              "no batch, only how soon it comes.", "whole", most=64),
        Field("compile", "torch.compile", "Kernels are made for the network before it is trained: that takes a minute, "
              "and then steps are quicker.", "switch"),
    )),
}  # fmt: skip


class RecipeMore(QWidget):
    """Folds with the fields of FOLDS. What does not matter with the optimizer and schedule chosen is hidden."""

    changed = Signal(str, object)
    """A field and its new value."""
    marked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.fields: dict[str, QWidget] = {}
        self.folds: dict[str, Fold] = {}
        self._forms: dict[str, QFormLayout] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for title, (tip, fields) in FOLDS.items():
            fold = self.folds[title] = Fold(title, tip)
            form = QFormLayout()
            form.setHorizontalSpacing(12)
            form.setVerticalSpacing(6)
            for field in fields:
                widget = self.fields[field.name] = self._made(field)
                widget.setAccessibleName(field.title)
                name = parts.label(field.title, "soft")
                name.setBuddy(widget)
                name.setToolTip(field.tip)
                name.setMinimumWidth(LABELS)
                name.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
                form.addRow(name, widget)
                self._forms[field.name] = form
            fold.body.addLayout(form)
            layout.addWidget(fold)

    def _made(self, field: Field) -> QWidget:
        widget: QWidget
        if field.kind in ("whole", "count"):
            box = QSpinBox()
            box.setRange(1 if field.kind == "count" else 0, int(min(field.most, 100_000)))
            box.setKeyboardTracking(False)
            box.setFont(look.font(look.BODY, mono=True))
            box.setAlignment(Qt.AlignmentFlag.AlignRight)
            box.valueChanged.connect(lambda value: self.changed.emit(field.name, value))
            widget = box
        elif field.kind == "switch":
            check = QCheckBox()
            check.toggled.connect(lambda on: self.changed.emit(field.name, on))
            widget = check
        elif field.kind in ("choice", "precision"):
            combo = QComboBox()
            known = PRECISIONS if field.kind == "precision" else ((None, ""), (True, YES), (False, NO))
            for value, title in known:
                combo.addItem(title, value)
            combo.activated.connect(lambda _index: self.changed.emit(field.name, combo.currentData()))
            widget = combo
        else:
            kind = NumbersEdit if field.kind == "numbers" else RateEdit
            edit = kind(0, positive=field.positive, below=field.below, most=field.most,
                        optional=field.usual is not None, tip=field.tip)  # fmt: skip
            edit.committed.connect(lambda value: self.changed.emit(field.name, value))
            edit.marked.connect(self.marked)
            widget = edit
        widget.setToolTip(field.tip)
        widget.setMinimumWidth(72)
        widget.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        return widget

    def show_recipe(self, recipe: Recipe) -> None:
        """Show the recipe's values, and only the fields that matter with it."""
        for _, fields in FOLDS.values():
            for field in fields:
                self._show(field, getattr(recipe, field.name), recipe)
                self._forms[field.name].setRowVisible(self.fields[field.name], field.shown(recipe))

    def _show(self, field: Field, value: Any, recipe: Recipe) -> None:
        widget = self.fields[field.name]
        with QSignalBlocker(widget):
            match widget:
                case QSpinBox():
                    widget.setValue(value)
                case QCheckBox():
                    widget.setChecked(value)
                case QComboBox():
                    if field.usual is not None:
                        widget.setItemText(0, f"Usual: {field.usual(recipe).lower()}")
                    index = next((i for i in range(widget.count()) if widget.itemData(i) == value), 0)
                    widget.setCurrentIndex(index)
                case RateEdit():
                    widget.set_value(value)
                    if field.usual is not None:
                        widget.setPlaceholderText(field.usual(recipe))

    @property
    def refusal(self) -> str:
        """Why what stands in a field cannot be taken."""
        for _, fields in FOLDS.values():
            for field in fields:
                widget = self.fields[field.name]
                if isinstance(widget, RateEdit) and widget.refusal:
                    return f"{field.title}: {widget.refusal}."
        return ""
