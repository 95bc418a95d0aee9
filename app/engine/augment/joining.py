"""Where the steps meet the rest of the engine: training, prediction, export."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from msgspec.structs import replace
from torch import nn

from app.design.augment import KINDS, live, measured_as, mixes, step_words, value_of
from app.design.values import Recipe
from app.engine.augment.mixing import for_mixed
from app.engine.augment.plan import Preparation
from app.engine.compile import InputSpec, Network
from app.engine.data import Data, dataset_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.design.augment import Steps

PREPROCESSING = "netloom.preprocessing"
"""Under this key an exported file says what its inputs need."""


def for_training(network: Network, recipe: Recipe) -> nn.Module:
    """The module that takes the batches which training gets."""
    return for_mixed(network) if mixes(recipe.augment) else network.module


def with_measured(recipe: Recipe, data: Data) -> Recipe:
    """The recipe with mean and spread as measured: whoever uses the run later must not measure anew."""
    if data.prepared is None:
        return recipe
    return replace(recipe, augment=measured_as(recipe.augment, data.prepared.settled))


def said_of(data: Data) -> list[str]:
    """What is done to samples, for the log."""
    return [] if data.prepared is None else [f"Steps on samples: {data.prepared.words}."]


def preparation_of(recipe: Recipe, inputs: tuple[InputSpec, ...]) -> Preparation | None:
    """What is done to samples of one's own before a trained network sees them; None where nothing is."""
    kept = tuple(step for step in live(recipe.augment) if not _of_training(step.kind))
    return Preparation(kept, inputs, (), dataset_of(recipe.data), recipe.seed) if kept else None


def _of_training(kind: str) -> bool:
    return kind in KINDS and KINDS[kind].chance and kind not in ("crop", "zoom")


def preprocessing(steps: Steps, inputs: Sequence[InputSpec]) -> tuple[str, str]:
    """What an exported network's samples need: a sentence, and the same as JSON. Both empty where there is no step."""
    kept = [step for step in live(steps) if not _of_training(step.kind)]
    if not kept:
        return "", ""
    settings = {kind.id: [setting.name for setting in kind.settings] for kind in KINDS.values()}
    facts = [{"step": step.kind, **{name: value_of(step, name) for name in settings[step.kind]}} for step in kept]
    sizes = {spec.name: list(spec.shape) for spec in inputs}
    said = "; ".join("crop the middle" if step.kind in ("crop", "zoom") else step_words(step) for step in kept)
    return (
        f"Its inputs need what training gave them: values from 0 to 1, then {said}.",
        json.dumps({"values": [0, 1], "sizes": sizes, "steps": facts}),
    )
