"""The part of a training script that reads the data, as Netloom divides and fits it."""

from __future__ import annotations

from typing import NamedTuple

from app.design.augment import live
from app.design.augment_check import size_of
from app.design.values import DataStep, Design
from app.engine.to_script.fields import Asked, asked
from app.engine.to_script.numbers import arrays, table, text
from app.engine.to_script.pictures import digits, images, masks
from app.engine.walk import Walk

_OTHER = '''

def load(file: Path = Path("data.npz")) -> dict[str, Split]:
    """Arrays in an .npz file: {wanted}, each with _train, _validation and _test behind its name."""
    arrays = np.load(file)
    names, kinds = {names!r}, ({kinds},)
    splits = [s for s in ("train", "validation", "test") if f"{{names[0]}}_{{s}}" in arrays]
    fields = list(zip(names, kinds, strict=True))
    return {{s: tuple(torch.from_numpy(arrays[f"{{name}}_{{s}}"]).to(kind) for name, kind in fields) for s in splits}}
'''
_HEAD = '''
import argparse
import math
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset

Split = Sequence[torch.Tensor] | Dataset[tuple[torch.Tensor, ...]]
"""Its tensors, one for each input and target; or samples that are read one by one."""
'''
_MEASURED = '''

def measured(split: Split) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and spread of each channel in samples of the train split, 2,000 at most."""
    size = len(split) if isinstance(split, Dataset) else len(split[0])  # type: ignore[arg-type]
    count = min(size, 2000)
    total = squares = torch.zeros({channels}, dtype=torch.float64)
    for k in (i * size // count for i in range(count)):
        picture = split[k][{first}] if isinstance(split, Dataset) else split[{first}][k]
        values = picture.double().reshape({channels}, -1)
        total, squares = total + values.mean(1), squares + values.square().mean(1)
    mean = total / count
    std = (squares / count - mean.square()).clamp(min=0).sqrt()
    return mean.float(), std.where(std > 1e-6, 1.0).float()
'''
_GIVEN = '''

def normalised(splits: dict[str, Split]) -> dict[str, Split]:
    """Pictures about 0: without the mean, divided by the spread, channel by channel."""
    mean, std = {numbers}

    def about_0(x: torch.Tensor) -> torch.Tensor:
        return {formula}
'''
_OF_TENSORS = """
    return {{
        name: tuple(about_0(x) if k in {places} else x for k, x in enumerate(split)) for name, split in splits.items()
    }}
"""
_OF_FILES = '''
    return {{name: Normalised(split, about_0) for name, split in splits.items() if isinstance(split, Pictures)}}


class Normalised(Dataset[tuple[torch.Tensor, ...]]):
    """Samples whose pictures are normalised when they are read."""

    def __init__(self, pictures: Pictures, about_0: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self.pictures, self.about_0 = pictures, about_0

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, ...]:
        return tuple(self.about_0(x) if k in {places} else x for k, x in enumerate(self.pictures[index]))
'''


class Reading(NamedTuple):
    """The code of `load`, what it does otherwise than Netloom, and whether `normalised` stands behind it."""

    code: str
    remarks: tuple[str, ...]
    normalises: bool


def reading(design: Design, walk: Walk, needed: set[str]) -> Reading:
    """How the recipe's data is read for the Inputs and Targets that are needed."""
    wanted = asked(design, walk, needed)
    recipe = design.recipe
    kind, _, path = recipe.data.partition(":")
    remarks: list[str] = []
    code = _known(wanted, kind, path)
    files = code is not None and kind in ("images", "masks")
    if code is None:
        names = [f.name for f in wanted.all]
        kinds = ", ".join(f.torch_dtype for f in wanted.all)
        code = _OTHER.format(names=tuple(names), wanted=", ".join(names), kinds=kinds)
        remarks.append(
            f"The data `{recipe.data or 'not chosen yet'}` is not read as Netloom does: put it as arrays into data.npz."
        )
    step = next((step for step in live(recipe.augment) if step.kind == "normalise"), None)
    normal = _normalised(wanted, step, kind == "digits", files) if step is not None else ""
    return Reading(_HEAD + code + normal, tuple(remarks), bool(normal))


def _known(wanted: Asked, kind: str, path: str) -> str | None:
    """The code of `load` for the kinds of data that a script reads itself."""
    plane = all(len(spec.shape) in (2, 3) for spec in wanted.inputs)
    if kind == "digits" and wanted.plain:
        return digits(wanted)
    if kind == "images" and wanted.plain and plane:
        return images(wanted, path)
    if kind == "masks" and wanted.only("mask") and plane:
        return masks(wanted, path)
    if kind == "arrays":
        return arrays(wanted, path)
    if kind == "table" and path.lower().endswith((".csv", ".tsv", ".txt")):
        return table(wanted, path)
    if kind in ("characters", "words") and wanted.only("next"):
        return text(wanted, kind, path)
    return None


def _normalised(wanted: Asked, step: DataStep, flat: bool, files: bool) -> str:
    """The code of `normalised`; nothing where no Input takes a picture."""
    shapes = [spec.shape for spec in wanted.inputs]
    pictures = [k for k, shape in enumerate(shapes) if size_of(shape) or (flat and len(shape) == 1)]
    if not pictures:
        return ""
    places = [*pictures, *(
        len(shapes) + k for k, t in enumerate(wanted.targets) if t.field == "input" and wanted.same(t) in pictures
    )]  # fmt: skip
    first = pictures[0]
    channels = (size_of(shapes[first]) or (1,))[0]
    mean, std = step.settings.get("mean"), step.settings.get("std")
    given = f"torch.tensor({mean!r}), torch.tensor({std!r})"
    formula = "(x - mean.view(-1, 1, 1)) / std.view(-1, 1, 1)"
    if any(len(shapes[k]) != 3 for k in pictures):
        formula = "(x - mean) / std"  # of one channel
    code = "" if mean else _MEASURED.format(channels=channels, first=first)
    code += _GIVEN.format(numbers=given if mean else 'measured(splits["train"])', formula=formula)
    code += (_OF_FILES if files else _OF_TENSORS).format(places=tuple(places))
    return ("\nfrom collections.abc import Callable\n" if files else "") + code
