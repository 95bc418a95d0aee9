"""Normalising with numbers that are known: by the step itself, and where a trained network is shown a sample."""

from __future__ import annotations

from pathlib import Path

import torch

from app.design import file
from app.design.augment import live
from app.design.values import Recipe

Numbers = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and spread: one for all channels, or one each."""


def normalised(x: torch.Tensor, numbers: Numbers) -> torch.Tensor:
    """Pictures (B, C, H, W) about 0."""
    mean, std = (torch.tensor(each, dtype=torch.float32).view(1, -1, 1, 1) for each in numbers)
    return (x - mean) / std


def numbers_of(recipe: Recipe, run: str = "") -> Numbers | None:
    """What the weights of the run folder `run` were trained with, or those of this recipe would be; None where nothing
    is normalised, or it is yet to be measured."""
    if run:
        recipe = file.load(Path(run) / "design.netloom").recipe
    step = next((s for s in live(recipe.augment) if s.kind == "normalise" and s.settings.get("mean")), None)
    return (step.settings["mean"], step.settings["std"]) if step is not None else None  # type: ignore[return-value]


def as_trained(x: torch.Tensor, numbers: Numbers | None) -> torch.Tensor:
    """A picture as an Input takes it (the batch first, any shape), normalised where training did so."""
    if numbers is None:
        return x
    if x.ndim == 4:
        return normalised(x, numbers)
    return (x - numbers[0][0]) / numbers[1][0]
