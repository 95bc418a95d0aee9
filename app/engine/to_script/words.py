"""What of a recipe has no plain form in a script, in sentences."""

from __future__ import annotations

from app.design.augment import live, value_of
from app.design.values import DataStep, Design
from app.engine.walk import Walk


def left_out(design: Design, walk: Walk, needed: set[str], counted: list[str]) -> tuple[str, ...]:
    """What the script does not do, a sentence each."""
    recipe = design.recipe
    said = []
    if steps := [step.kind for step in live(recipe.augment) if not _is_plain(step)]:
        said.append(f"No augmentation: {', '.join(dict.fromkeys(steps))}.")
    if counted:
        said.append(f"Metrics that are counted over a whole split: {', '.join(counted)}.")
    if followers := sorted({s.call.follows for id, s in walk.steps.items() if id in needed and s.call.follows}):
        said.append(f"Weights that follow others ({', '.join(followers)}) stay as they begin.")
    if recipe.truncate:
        said.append("Recurrent layers pass the gradient back through all time.")
    if recipe.precision not in ("32", "bf16"):
        said.append(f"Precision {recipe.precision}: it trains in float32.")
    if any(rule.unfreeze or rule.freeze for rule in recipe.nodes):
        said.append("Nothing is frozen or unfrozen at an epoch: each node stays as it begins.")
    if recipe.batch_size == 0:
        said.append("The batch size is 64, not the largest that fits.")
    if recipe.skip_bad_samples:
        said.append("A sample that cannot be read ends it: none is left out.")
    if recipe.weights:
        said.append("It begins with new weights: --weights FILE takes others.")
    return tuple(said)


def _is_plain(step: DataStep) -> bool:
    """Whether the script does it: pictures are read as large as the Input, whatever becomes of their proportions."""
    return step.kind == "normalise" or (
        step.kind == "resize"
        and value_of(step, "fit") == "stretch"
        and not (value_of(step, "height") or value_of(step, "width"))
    )
