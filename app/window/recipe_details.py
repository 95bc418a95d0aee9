"""What of a recipe stands under "More", below the form's own fields: the curve of the rate, folds, the rate finder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace
from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QComboBox, QLabel, QVBoxLayout, QWidget

from app.design import edits
from app.design.presets import PRESETS, with_preset
from app.design.schedule import PLATEAU, SCHEDULES, arithmetic, curve
from app.design.values import Recipe
from app.window import parts
from app.window.document import Document
from app.window.rate_curve import RateCurve
from app.window.rate_finder_box import RateFinderBox
from app.window.recipe_more import RecipeMore
from app.window.recipe_rules import RulesFold
from app.window.sentences import rich
from app.window.weights_row import WeightsRow

UNKNOWN_STEPS = 100
"""Steps of an epoch in the curve while the number of samples is not known: its form hardly hangs on them."""
OWN = "Settings of your own"


class PresetBox(QComboBox):
    """The presets. It shows the one that the recipe is, whoever made it so, and `reason` says why one would."""

    def __init__(self, document: Document, reason: QLabel) -> None:
        super().__init__()
        self._document, self._reason = document, reason
        self.setPlaceholderText(OWN)
        self.setToolTip("What the literature advises, with the reason; data, epochs and batch size stay as they are")
        for each in PRESETS:
            self.addItem(each.title, each.id)
            self.setItemData(self.count() - 1, rich(f"{each.reason} {each.source}."), Qt.ItemDataRole.ToolTipRole)
        self.activated.connect(self._choose)

    def show_recipe(self, recipe: Recipe) -> None:
        index = next((i for i, each in enumerate(PRESETS) if with_preset(recipe, each) == recipe), -1)
        with QSignalBlocker(self):
            self.setCurrentIndex(index)
        self._reason.setText(f"{PRESETS[index].reason} ({PRESETS[index].source})" if index >= 0 else "")

    def _choose(self, index: int) -> None:
        chosen = PRESETS[index]
        self._document.edit(
            f"Use preset “{chosen.title.partition(':')[0]}”",
            lambda design: edits.set_recipe(design, with_preset(design.recipe, chosen)),
        )
        self.show_recipe(self._document.design.recipe)  # also where it was so already


class RecipeDetails(QWidget):
    """`changed` tells a field and its new value; rules for single nodes edit the document themselves. `data` tells the
    number of samples (None: not known) and of classes (0: none)."""

    changed = Signal(str, object)
    marked = Signal()
    """A field's refusal is new."""

    def __init__(
        self, document: Document, engines: Any, device: Callable[[], str], data: Callable[[], tuple[int | None, int]]
    ) -> None:
        super().__init__()
        self._document = document
        self.curve = RateCurve("Learning rate", lambda x, y: f"epoch {x:.3g}: rate {y:.3g}")
        self.remark = parts.label("", "soft", wrap=True)
        self.weights = WeightsRow(document, engines, lambda path: self.changed.emit("weights", path), data)
        self.more = RecipeMore()
        self.rules = RulesFold(document)
        self.finder = RateFinderBox(document, engines, device, lambda rate: self.changed.emit("learning_rate", rate))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for part in (self.curve, self.remark, self.weights, self.finder, self.more, self.rules):
            layout.addWidget(part)
        self.more.changed.connect(self.changed)
        self.more.marked.connect(self.marked)
        self.rules.marked.connect(self.marked)

    @property
    def refusal(self) -> str:
        """Why what stands in a field cannot be taken."""
        return self.more.refusal or self.rules.refusal

    def show_recipe(self, recipe: Recipe, samples: int | None) -> None:
        """Show the recipe; the curve hangs on the number of samples too, where that is known."""
        self.more.show_recipe(recipe)
        self.weights.show_recipe(recipe)
        known = recipe.schedule in SCHEDULES
        self.curve.setVisible(known)
        remark = ""
        if known:
            steps = UNKNOWN_STEPS * recipe.epochs
            if samples and recipe.batch_size:
                steps = arithmetic(recipe, samples).total
            points = curve(recipe, steps)
            self.curve.show_points(points, ("epoch 0", f"epoch {recipe.epochs:,}"))
            if recipe.schedule == PLATEAU:
                remark = f"It is multiplied by {recipe.gamma:g} whenever the loss stays: when, only the run can tell."
            elif recipe.warm_up is not None and recipe.warm_up >= recipe.epochs:
                remark = "The warm-up takes the whole run: make it shorter, or train for more epochs."
        self.remark.setText(remark)
        self.remark.setVisible(bool(remark))


def set_field(document: Document, field: str, value: Any) -> None:
    """Change one field of the recipe, as one undo step."""
    more = {"weights_by": "name"} if field == "weights" else {}  # what was guessed of another file says nothing of it
    document.edit(
        f"Change {field.replace('_', ' ')}",
        lambda design: edits.set_recipe(design, replace(design.recipe, **{field: value}, **more)),
        merge=f"recipe.{field}",
    )
