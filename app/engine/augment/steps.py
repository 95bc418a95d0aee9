"""What each kind of step does to a batch. `training` is whether chance takes part."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch

from app.design.augment import KINDS, value_of
from app.design.values import DataStep
from app.engine.augment import colour
from app.engine.augment.batch import Batch, Part, cut, flip, warp
from app.engine.augment.draws import Draws
from app.engine.augment.normal import normalised
from app.engine.augment.policies import auto_augment, rand_augment, turned

TRIES = 10
"""How often a piece of the wished size and proportions is sought that lies in the picture, as the papers' code does."""


def run(step: DataStep, batch: Batch, draws: Draws, training: bool) -> None:
    """Do a step. Those of reading and of whole batches are done elsewhere."""
    kind = KINDS[step.kind]
    settings = {setting.name: value_of(step, setting.name) for setting in kind.settings}
    if training and step.kind in _IN_TRAINING:
        _IN_TRAINING[step.kind](batch, draws, **settings)
    elif step.kind in ("crop", "zoom"):
        middle(batch)
    elif step.kind == "normalise":
        normalise(batch, **settings)  # type: ignore[arg-type]


def middle(batch: Batch) -> None:
    """Cut the middle, as large as the Input."""
    if batch.size != batch.out:
        count = len(batch.parts[0].values)
        top, left = ((batch.size[i] - batch.out[i]) // 2 for i in (0, 1))
        cut(batch, torch.full((count,), top), torch.full((count,), left), 0, 0.0)


def _crop(batch: Batch, draws: Draws, padding: int, fill: float) -> None:
    top = draws.whole(0, batch.size[0] + 2 * padding - batch.out[0] + 1)
    left = draws.whole(1, batch.size[1] + 2 * padding - batch.out[1] + 1)
    cut(batch, torch.from_numpy(top), torch.from_numpy(left), padding, fill)


def _zoom(batch: Batch, draws: Draws, least: float, most: float, ratio: float) -> None:
    high, wide = batch.size
    count = len(draws.key)
    rows, columns, found = np.full(count, float(high)), np.full(count, float(wide)), np.zeros(count, dtype=bool)
    for turn in range(TRIES):
        area = draws.uniform(2 * turn, least, most) * high * wide
        form = np.exp(draws.uniform(2 * turn + 1, -math.log(ratio), math.log(ratio)))
        w, h = np.round(np.sqrt(area * form)), np.round(np.sqrt(area / form))
        fits = ~found & (w >= 1) & (h >= 1) & (w <= wide) & (h <= high)
        rows, columns, found = np.where(fits, h, rows), np.where(fits, w, columns), found | fits
    top = np.floor(draws.uniform(100) * (high - rows + 1))
    left = np.floor(draws.uniform(101) * (wide - columns + 1))
    theta = np.zeros((count, 2, 3))
    theta[:, 0, 0], theta[:, 1, 1] = columns / wide, rows / high
    theta[:, 0, 2], theta[:, 1, 2] = (2 * left + columns) / wide - 1, (2 * top + rows) / high - 1
    warp(batch, torch.from_numpy(theta), 0.0, out=batch.out)


def _flip(batch: Batch, draws: Draws, direction: str, probability: float) -> None:
    for number, (name, axis) in enumerate((("horizontal", 3), ("vertical", 2))):
        if direction in (name, "both"):
            flip(batch, torch.from_numpy(draws.happens(number, probability)), axis)


def _rotate(batch: Batch, draws: Draws, degrees: float, shift: float, zoom: float, fill: float) -> None:
    angle = torch.from_numpy(np.radians(draws.uniform(0, -degrees, degrees)))
    x, y = (torch.from_numpy(draws.uniform(number, -shift, shift)) for number in (1, 2))
    larger = torch.from_numpy(np.exp(draws.uniform(3, -1, 1) * math.log(1 + zoom)))
    warp(batch, turned(angle, batch.size, larger, x, y), fill)


def _colour(
    batch: Batch, draws: Draws, brightness: float, contrast: float, saturation: float, hue: float, grey: float,
    probability: float,
) -> None:  # fmt: skip
    happens = draws.happens(0, probability)
    factors = [
        torch.from_numpy(draws.uniform(number + 1, max(1 - width, 0), 1 + width))
        for number, width in enumerate((brightness, contrast, saturation))
    ]
    turn = torch.from_numpy(draws.uniform(4, -hue, hue))
    bare = torch.from_numpy(draws.happens(5, grey))

    def changed(x: torch.Tensor, which: torch.Tensor) -> torch.Tensor:
        for change, factor, width in zip(
            (colour.brightness, colour.contrast, colour.saturation), factors, (brightness, contrast, saturation),
            strict=True,
        ):  # fmt: skip
            x = change(x, factor[which]) if width else x
        x = colour.hue(x, turn[which]) if hue else x
        if grey and x.shape[1] == 3:
            x = torch.where(bare[which].view(-1, 1, 1, 1), colour.grey(x).expand_as(x), x)
        return x

    _some(batch, happens, changed)


def _blur(batch: Batch, draws: Draws, least: float, most: float, probability: float) -> None:
    sigma = torch.from_numpy(draws.uniform(1, least, most))
    _some(batch, draws.happens(0, probability), lambda x, which: colour.blur(x, sigma[which]))


def _some(batch: Batch, chosen: np.ndarray, change: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> None:
    """Change the pictures of the chosen samples."""
    which = torch.from_numpy(chosen.nonzero()[0])
    if not len(which):
        return

    def changed(part: Part) -> torch.Tensor:
        if len(which) == len(chosen):
            return change(part.values, which)
        whole = part.values.clone()
        whole[which] = change(part.values[which], which)
        return whole

    batch.change("picture", changed)


def _erase(
    batch: Batch, draws: Draws, probability: float, least: float, most: float, ratio: float, fill: str
) -> None:  # fmt: skip
    chosen = np.flatnonzero(draws.happens(0, probability))
    area = draws.uniform(1, least, most)
    form = np.exp(draws.uniform(2, math.log(ratio), -math.log(ratio)))
    down, across = draws.uniform(3), draws.uniform(4)

    def changed(part: Part) -> torch.Tensor:
        channels, high, wide = part.values.shape[1:]
        whole = part.values.clone() if len(chosen) else part.values
        for i in chosen.tolist():
            rows = min(max(round(math.sqrt(area[i] * high * wide * form[i])), 1), high)
            columns = min(max(round(math.sqrt(area[i] * high * wide / form[i])), 1), wide)
            top, left = int(down[i] * (high - rows + 1)), int(across[i] * (wide - columns + 1))
            cover = torch.zeros(())
            if fill == "noise":
                cover = torch.from_numpy(draws.take(np.array([i])).under(9).noise(channels * rows * columns))
                cover = cover.view(channels, rows, columns)
                if not normal:
                    cover = (0.5 + 0.25 * cover).clamp(0, 1)
            whole[i, :, top : top + rows, left : left + columns] = cover
        return whole

    normal = batch.normal
    batch.change("picture", changed)


def normalise(batch: Batch, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    """Take away the mean and divide by the spread: a number for each channel, or one for all."""
    if not mean:
        return
    batch.change(("picture", "clean"), lambda part: normalised(part.values, (mean, std)))
    batch.normal = True


_IN_TRAINING: dict[str, Callable[..., None]] = {
    "crop": _crop, "zoom": _zoom, "flip": _flip, "rotate": _rotate, "colour": _colour, "blur": _blur, "erase": _erase,
    "randaugment": rand_augment, "autoaugment": auto_augment,
}  # fmt: skip
