"""What of a recipe a run cannot change on its way: a position counts batches, and the optimizer's state has groups."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from app.design.augment import Steps, measured_as, read_steps, steps_words
from app.design.schedule import decays_all
from app.design.values import Recipe
from app.engine.checkpoint import CheckpointError

_BEFORE: dict[str, Any] = {"accumulate": 1, "decay_all": True, "nodes": "", "augment": "none"}
"""What runs had that were made before there was a choice."""
_WORDS = {"nodes": "rules for nodes", "decay_all": "decay_all", "augment": "augmentation"}


def settled(recipe: Recipe) -> dict[str, Any]:
    """Goes into every checkpoint."""
    names = ("batch_size", "seed", "optimizer", "data", "accumulate")
    rules = "; ".join(f"{r.node} ×{r.rate:g}, unfreeze {r.unfreeze}, freeze {r.freeze}" for r in recipe.nodes)
    return {**{name: getattr(recipe, name) for name in names}, "decay_all": decays_all(recipe), "nodes": rules,
            "augment": steps_words(recipe.augment)}  # fmt: skip


def _steps(words: str) -> Steps:
    try:
        return read_steps(words)
    except ValueError:  # a newer version's: the words themselves are compared
        return ()


def going_on(recipe: Recipe, state: dict[str, Any]) -> Recipe:
    """The recipe for the rest of the run whose checkpoint has `state`: what it leaves open is as it was. Raises
    CheckpointError where it wants what the run cannot change."""
    known = {**_BEFORE, **state["recipe"]}
    if not recipe.batch_size:
        recipe = replace(recipe, batch_size=known["batch_size"])
    if recipe.decay_all is None:
        recipe = replace(recipe, decay_all=known["decay_all"])
    recipe = replace(recipe, augment=measured_as(recipe.augment, _steps(known["augment"])))
    wished = settled(recipe)
    for name, value in known.items():
        if wished[name] != value:
            said, wish = (str(one).lower() if isinstance(one, bool) else one or "none" for one in (value, wished[name]))
            raise CheckpointError(
                f"The run has {_WORDS.get(name, name)} {said}, but {wish} is asked for: "
                f"resume with {said}, or start a new run."
            )
    return recipe
