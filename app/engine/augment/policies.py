"""AutoAugment and RandAugment: changes with a strength each, which of them a sample gets, and how strong they are.

The policies are those of AutoAugment (Cubuk et al. 2018, arXiv:1805.09501, appendix A: ImageNet, CIFAR-10, SVHN); the
fourteen changes and their ranges those of RandAugment (Cubuk et al. 2019, arXiv:1909.13719, section 3).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch

from app.engine.augment import colour
from app.engine.augment.batch import Batch, Part, warp
from app.engine.augment.draws import Draws

SIGNED = frozenset({"ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Brightness", "Color", "Contrast",
                    "Sharpness"})  # fmt: skip
"""Those that go either way."""
MOVE = 150 / 331
"""The farthest move, as a share of the side."""
_COLOURS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "Brightness": colour.brightness, "Color": colour.saturation, "Contrast": colour.contrast,
    "Sharpness": colour.sharpness, "Posterize": colour.posterize, "Solarize": colour.solarize,
    "AutoContrast": colour.autocontrast, "Equalize": colour.equalize, "Invert": colour.invert,
}  # fmt: skip
OPERATIONS = (
    "Identity", "ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Brightness", "Color", "Contrast",
    "Sharpness", "Posterize", "Solarize", "AutoContrast", "Equalize",
)  # fmt: skip
"""RandAugment's."""
LEVELS = {"randaugment": 30, "autoaugment": 9}
"""The strongest level of each."""

_POLICIES = {
    "imagenet": """
        Posterize .4 8, Rotate .6 9; Solarize .6 5, AutoContrast .6; Equalize .8, Equalize .6;
        Posterize .6 7, Posterize .6 6; Equalize .4, Solarize .2 4; Equalize .4, Rotate .8 8;
        Solarize .6 3, Equalize .6;
        Posterize .8 5, Equalize 1; Rotate .2 3, Solarize .6 8; Equalize .6, Posterize .4 6; Rotate .8 8, Color .4 0;
        Rotate .4 9, Equalize .6; Equalize 0, Equalize .8; Invert .6, Equalize 1; Color .6 4, Contrast 1 8;
        Rotate .8 8, Color 1 2; Color .8 8, Solarize .8 7; Sharpness .4 7, Invert .6; ShearX .6 5, Equalize 1;
        Color .4 0, Equalize .6; Equalize .4, Solarize .2 4; Solarize .6 5, AutoContrast .6; Invert .6, Equalize 1;
        Color .6 4, Contrast 1 8; Equalize .8, Equalize .6""",
    "cifar10": """
        Invert .1, Contrast .2 6; Rotate .7 2, TranslateX .3 9; Sharpness .8 1, Sharpness .9 3;
        ShearY .5 8, TranslateY .7 9; AutoContrast .5, Equalize .9; ShearY .2 7, Posterize .3 7;
        Color .4 3, Brightness .6 7; Sharpness .3 9, Brightness .7 9; Equalize .6, Equalize .5;
        Contrast .6 7, Sharpness .6 5; Color .7 7, TranslateX .5 8; Equalize .3, AutoContrast .4;
        TranslateY .4 3, Sharpness .2 6; Brightness .9 6, Color .2 8; Solarize .5 2, Invert 0;
        Equalize .2, AutoContrast .6;
        Equalize .2, Equalize .6; Color .9 9, Equalize .6; AutoContrast .8, Solarize .2 8; Brightness .1 3, Color .7 0;
        Solarize .4 5, AutoContrast .9; TranslateY .9 9, TranslateY .7 9; AutoContrast .9, Solarize .8 3;
        Equalize .8, Invert .1; TranslateY .7 9, AutoContrast .9""",
    "svhn": """
        ShearX .9 4, Invert .2; ShearY .9 8, Invert .7; Equalize .6, Solarize .6 6; Invert .9, Equalize .6;
        Equalize .6, Rotate .9 3; ShearX .9 4, AutoContrast .8; ShearY .9 8, Invert .4; ShearY .9 5, Solarize .2 6;
        Invert .9, AutoContrast .8; Equalize .6, Rotate .9 3; ShearX .9 4, Solarize .3 3; ShearY .8 8, Invert .7;
        Equalize .9, TranslateY .6 6; Invert .9, Equalize .6; Contrast .3 3, Rotate .8 4; Invert .8, TranslateY 0 2;
        ShearY .7 6, Solarize .4 8; Invert .6, Rotate .8 4; ShearY .3 7, TranslateX .9 3; ShearX .1 6, Invert .6;
        Solarize .7 2, TranslateY .6 7; ShearY .8 4, Invert .8; ShearX .7 9, TranslateY .8 3;
        ShearY .8 5, AutoContrast .7; ShearX .7 2, Invert .1""",
}

Change = tuple[str, float, float]
"""A change, how likely it is, and its level."""


def _read(text: str) -> tuple[tuple[Change, Change], ...]:
    pairs = []
    for pair in text.split(";"):
        first, second = (part.split() for part in pair.split(","))
        pairs.append((_change(first), _change(second)))
    return tuple(pairs)


def _change(words: list[str]) -> Change:
    return words[0], float(words[1]), float(words[2]) if len(words) > 2 else 0.0


POLICIES = {name: _read(text) for name, text in _POLICIES.items()}


def rand_augment(batch: Batch, draws: Draws, operations: int, magnitude: int, fill: float = 0.5) -> None:
    """Give each sample `operations` changes, each one of fourteen, all of the strength `magnitude` of 30."""
    for turn in range(operations):
        own = draws.under(turn)
        which = own.whole(0, len(OPERATIONS))
        for number, name in enumerate(OPERATIONS):
            apply(batch, name, which == number, np.full(len(which), magnitude / 30), own, fill)


def auto_augment(batch: Batch, draws: Draws, policy: str, fill: float = 0.5) -> None:
    """Give each sample one of the policy's pairs of changes."""
    pairs = POLICIES[policy]
    which = draws.whole(0, len(pairs))
    for place in (0, 1):
        own = draws.under(place + 1)
        chance = own.uniform(1)
        likely = np.array([pair[place][1] for pair in pairs])[which]
        strength = np.array([pair[place][2] for pair in pairs])[which] / LEVELS["autoaugment"]
        names = np.array([pair[place][0] for pair in pairs])[which]
        for name in sorted(set(names.tolist())):
            apply(batch, name, (names == name) & (chance < likely), strength, own, fill)


def apply(batch: Batch, name: str, chosen: np.ndarray, strength: np.ndarray, draws: Draws, fill: float) -> None:
    """Make one change on the chosen samples; `strength` (B) is from 0 to 1."""
    if name == "Identity" or not chosen.any():
        return
    sign = np.where(draws.happens(2, 0.5), -1.0, 1.0) if name in SIGNED else np.ones(len(chosen))
    if name in _COLOURS:
        which = torch.from_numpy(chosen.nonzero()[0])
        value = torch.from_numpy(_value(name, strength, sign)[chosen])

        def changed(part: Part) -> torch.Tensor:
            whole = part.values.clone()
            whole[which] = _COLOURS[name](part.values[which], value)
            return whole

        batch.change("picture", changed)
        return
    warp(batch, moves(name, strength * sign, batch.size), fill, torch.from_numpy(chosen))


def _value(name: str, strength: np.ndarray, sign: np.ndarray) -> np.ndarray:
    match name:
        case "Posterize":
            return 8 - np.round(strength * 4)
        case "Solarize":
            return 1 - strength
        case "AutoContrast" | "Equalize" | "Invert":
            return strength
    return 1 + 0.9 * strength * sign


def moves(name: str, amount: np.ndarray, size: tuple[int, int]) -> torch.Tensor:
    """The `theta` of `warp` for a change of place; `amount` (B) is from -1 to 1."""
    theta = torch.eye(2, 3, dtype=torch.float64).repeat(len(amount), 1, 1)
    value = torch.from_numpy(amount)
    high, wide = size
    match name:
        case "ShearX":
            theta[:, 0, 1] = 0.3 * value * high / wide
        case "ShearY":
            theta[:, 1, 0] = 0.3 * value * wide / high
        case "TranslateX":
            theta[:, 0, 2] = 2 * MOVE * value
        case "TranslateY":
            theta[:, 1, 2] = 2 * MOVE * value
        case "Rotate":
            theta = turned(value * math.radians(30), size)
    return theta


def turned(
    angle: torch.Tensor, size: tuple[int, int], zoom: torch.Tensor | None = None, x: torch.Tensor | None = None,
    y: torch.Tensor | None = None,
) -> torch.Tensor:  # fmt: skip
    """The `theta` that turns by `angle` (B, radians, clockwise on the screen), zooms, and moves by x and y (shares)."""
    high, wide = size
    zoom = torch.ones_like(angle) if zoom is None else zoom
    none = torch.zeros_like(angle)
    x, y = none if x is None else x, none if y is None else y
    cos, sin = angle.cos() / zoom, angle.sin() / zoom
    first = torch.stack([cos, sin * high / wide, -2 * (cos * x + sin * high / wide * y)], 1)
    second = torch.stack([-sin * wide / high, cos, -2 * (-sin * wide / high * x + cos * y)], 1)
    return torch.stack([first, second], 1)
