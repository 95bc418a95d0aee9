"""The part of a training script that reads the data, as Netloom divides and fits it."""

from __future__ import annotations

from typing import NamedTuple

from app.design.augment import live
from app.design.values import Design
from app.engine.walk import Walk

_STRATIFIED = '''

def divided(labels: np.ndarray, shares: tuple[float, ...]) -> list[np.ndarray]:
    """Indices of train, validation and test, each class divided in the same shares, always the same."""
    random = np.random.default_rng(0)
    parts: list[list[np.ndarray]] = [[] for _ in shares]
    for label in np.unique(labels):
        members = random.permutation(np.flatnonzero(labels == label))
        ends = np.floor(np.cumsum(shares[::-1])[:-1] * len(members) + 1e-9).astype(int)
        for part, piece in zip(parts[::-1], np.split(members, ends), strict=True):
            part.append(piece)
    return [np.sort(np.concatenate(pieces)) for pieces in parts]
'''
_DIGITS = '''

def load() -> dict[str, Split]:
    """The digits that come with scikit-learn: 1,257 to train, 180 for validation, 360 for the test."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    bunch = load_digits()
    rest, test = train_test_split(np.arange(len(bunch.target)), test_size=0.2, stratify=bunch.target, random_state=0)
    train, validation = train_test_split(rest, test_size=1 / 8, stratify=bunch.target[rest], random_state=0)
    pictures = torch.from_numpy((bunch.images / 16.0).astype(np.float32)).unsqueeze(1)  # (N, 1, 8, 8)
    labels = torch.from_numpy(bunch.target.astype(np.int64))
    parts = {{"train": train, "validation": validation, "test": test}}
    {fit}
    return {{name: ({take}) for name, chosen in parts.items()}}
'''
_IMAGES = '''

class Pictures(Dataset[tuple[torch.Tensor, ...]]):
    """Picture files with their classes."""

    def __init__(self, files: list[tuple[Path, int]]) -> None:
        self.files = files

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, ...]:
        path, label = self.files[index]
        with Image.open(path) as opened:
            picture = opened.convert("{mode}").resize(({width}, {height}), Image.Resampling.BILINEAR)
        image = torch.from_numpy(np.array(picture, dtype=np.float32)).div_(255)
        image = image.reshape({height}, {width}, {channels}).permute(2, 0, 1)  # (C, H, W)
        return {one}


def load(folder: Path = Path({path!r})) -> dict[str, Split]:
    """A folder of pictures for each class; folders train, val and test are used if there are any."""

    def files(place: Path) -> list[tuple[Path, int]]:
        found = [(p, classes.index(p.relative_to(place).parts[0])) for p in sorted(place.glob("*/**/*")) if p.is_file()]
        return [(p, label) for p, label in found if p.suffix.lower() in SUFFIXES]

    top = folder / "train" if (folder / "train").is_dir() else folder
    classes = sorted(p.name for p in top.iterdir() if p.is_dir() and not p.name.startswith("."))
    found = {{"train": files(top)}}
    if top != folder:
        found |= {{s: files(folder / p) for s, p in (("validation", "val"), ("test", "test")) if (folder / p).is_dir()}}
    shares = {shares} if top == folder else {two}
    if "validation" not in found:
        labels = np.array([label for _, label in found["train"]])
        parts = divided(labels, shares)
        whole = found["train"]
        names = ("train", "validation", "test")
        found |= {{name: [whole[i] for i in part] for name, part in zip(names, parts, strict=False) if len(part)}}
    return {{name: Pictures(members) for name, members in found.items()}}
'''
_ARRAYS = '''

def fitted(values: np.ndarray, shape: tuple[int, ...]) -> torch.Tensor:
    """Samples in the form that the network takes: of pictures bytes become 0 to 1, and channels come first."""
    x = torch.from_numpy(values).float()
    if values.dtype == np.uint8 and x.ndim >= 3:
        x = x / 255
    if x.shape[1:] == shape or len(shape) != 3:
        return x.reshape(len(x), *shape)
    if x.ndim == 3:
        x = x.unsqueeze(1)
    elif x.shape[1] not in (1, 3):
        x = x.permute(0, 3, 1, 2)
    if x.shape[2:] != shape[1:]:
        x = nn.functional.interpolate(x, size=shape[1:], mode="bilinear", antialias=True).clamp(0, 1)
    return x.expand(-1, shape[0], -1, -1).contiguous()


def load(file: Path = Path({path!r})) -> dict[str, Split]:
    """NumPy arrays: of each split those that are called as the network's inputs and targets, such as `x_train`."""
    arrays = np.load(file)
    ends = {{"train": "_train", "validation": "_val", "test": "_test"}}
    names = {names!r}  # of each input and target, the arrays that may hold it

    def column(may_be: tuple[str, ...], end: str) -> np.ndarray:
        return next(arrays[name + end] for name in may_be if name + end in arrays)

    def tensors(columns: list[np.ndarray]) -> tuple[torch.Tensor, ...]:
        fields = zip(columns, KINDS, SHAPES, strict=True)
        return tuple(
            fitted(c, shape) if kind is None else torch.from_numpy(c).to(kind).reshape(len(c), *shape)
            for c, kind, shape in fields
        )

    if any(name + "_train" in arrays for name in names[0]):
        there = [(split, end) for split, end in ends.items() if any(name + end in arrays for name in names[0])]
        return {{split: tensors([column(may_be, end) for may_be in names]) for split, end in there}}
    whole = [column(may_be, "") for may_be in names]
    parts = divided({labels}, {shares})
    return {{
        name: tensors([c[part] for c in whole]) for name, part in zip(ends, parts, strict=True) if len(part)
    }}
'''
_TABLE = '''

def load(file: Path = Path({path!r})) -> dict[str, Split]:
    """A table in CSV: numbers to mean 0 and spread 1 by the train split; the column `{label}` is the target."""
    with file.open(newline="", encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    names = [name for name in rows[0] if name != {label!r}]
    x = torch.tensor([[float(row[name]) for name in names] for row in rows])
    words = [row[{label!r}] for row in rows]
    {target}
    parts = dict(zip(("train", "validation", "test"), divided({groups}, {shares}), strict=True))
    mean, std = x[parts["train"]].mean(0), x[parts["train"]].std(0, unbiased=False).clamp(min=1e-12)
    return {{name: ((x[part] - mean) / std, y[part]) for name, part in parts.items() if len(part)}}
'''
_OTHER = '''

def load(file: Path = Path("data.npz")) -> dict[str, Split]:
    """Arrays in an .npz file: {wanted}, each with _train, _validation and _test behind its name."""
    arrays = np.load(file)
    names = {names!r}
    splits = [s for s in ("train", "validation", "test") if f"{{names[0]}}_{{s}}" in arrays]
    return {{s: tuple(torch.from_numpy(arrays[f"{{name}}_{{s}}"]) for name in names) for s in splits}}
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


class Reading(NamedTuple):
    """The code of `load`, and what it does otherwise than Netloom."""

    code: str
    remarks: tuple[str, ...]


class _Field(NamedTuple):
    name: str
    field: str
    """The data's field that a Target takes; empty for an Input."""
    shape: tuple[int, ...]
    dtype: str


def reading(design: Design, walk: Walk, needed: set[str]) -> Reading:
    """How the recipe's data is read for the Inputs and Targets that are needed."""
    fields = _fields(walk, needed)
    kind, _, path = design.recipe.data.partition(":")
    recipe = design.recipe
    shares = (1 - recipe.validation_share - recipe.test_share, recipe.validation_share, recipe.test_share)
    shown = tuple(round(share, 12) for share in shares)
    remarks: list[str] = []
    plain = all(f.field in ("", "label", "input") for f in fields)
    if kind == "digits" and plain:
        code = _digits(fields, remarks)
    elif kind == "images" and plain and all(len(f.shape) == 3 for f in fields if not f.field):
        code = _images(fields, path, shown, recipe.validation_share)
    elif kind == "arrays":
        code = _arrays(fields, path, shown)
    elif kind == "table" and path.lower().endswith(".csv") and len(fields) == 2:
        code = _table(fields, path, shown, remarks)
    else:
        names = [f.name for f in fields]
        code = _OTHER.format(names=tuple(names), wanted=", ".join(names))
        remarks.append(
            f"The data `{recipe.data or 'not chosen yet'}` is not read as Netloom does: put it as arrays into data.npz."
        )
    if any(step.kind == "normalise" for step in live(recipe.augment)):
        code += _NORMALISED
    return Reading(_HEAD + code, tuple(remarks))


_NORMALISED = '''

def normalised(splits: dict[str, Split]) -> dict[str, Split]:
    """The first input to mean 0 and spread 1, each channel by the train split."""
    first = splits["train"]
    if isinstance(first, Dataset):
        raise TypeError("normalise pictures where they are read: in Pictures.__getitem__")
    axes = (0, *range(2, first[0].ndim))
    mean, std = first[0].mean(axes, keepdim=True), first[0].std(axes, unbiased=False, keepdim=True)
    return {name: ((s[0] - mean) / std, *s[1:]) for name, s in splits.items() if not isinstance(s, Dataset)}
'''


def _fields(walk: Walk, needed: set[str]) -> list[_Field]:
    found: list[_Field] = []
    for block in ("Input", "Target"):
        for id, step in walk.steps.items():
            if step.call.block == block and id in needed and step.measured is not None:
                tensor = step.measured.outputs[0][0]
                field = str(step.call.settings.get("field", "label")) if block == "Target" else ""
                found.append(_Field(step.call.name, field, tensor.shape[1:], tensor.dtype))
    return found


def _targets(fields: list[_Field], image: str, label: str) -> str:
    """What a sample or a split gives: one value for each field."""
    made = []
    for f in fields:
        if f.field == "label":
            made.append(f"{label}.float()" if f.dtype.startswith("float") else label)
        else:
            made.append(image)
    return ", ".join(made) + ("," if len(made) == 1 else "")


def _digits(fields: list[_Field], remarks: list[str]) -> str:
    shape = next(f.shape for f in fields if not f.field)
    fit = "del rest"
    if shape != (1, 8, 8):
        channels, height, width = shape if len(shape) == 3 else (1, 8, 8)
        steps = []
        if (height, width) != (8, 8):
            steps.append(
                f"pictures = nn.functional.interpolate(pictures, size=({height}, {width}), mode='bilinear', "
                "antialias=True).clamp(0, 1)"
            )
        if channels == 3:
            steps.append("pictures = pictures.expand(-1, 3, -1, -1)")
        if len(shape) != 3:
            steps.append(f"pictures = pictures.reshape(-1, {', '.join(map(str, shape))})")
        fit = "\n    ".join(steps)
    return _DIGITS.format(fit=fit, take=_targets(fields, "pictures[chosen]", "labels[chosen]")).replace(
        "    del rest\n", ""
    )


def _images(fields: list[_Field], path: str, shares: tuple[float, ...], validation: float) -> str:
    channels, height, width = next(f.shape for f in fields if not f.field)
    one = _targets(fields, "image", "torch.tensor(label)")
    suffixes = '\nSUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"}\n'
    made = _IMAGES.format(
        mode="L" if channels == 1 else "RGB", width=width, height=height, channels=channels, one=one.rstrip(","),
        path=path, shares=shares, two=(1 - validation, validation),
    )  # fmt: skip
    return "\nfrom PIL import Image\n" + suffixes + _STRATIFIED + made


def _arrays(fields: list[_Field], path: str, shares: tuple[float, ...]) -> str:
    names: list[tuple[str, ...]] = []
    for f in fields:
        if not f.field or f.field == "input":
            names.append((f.name, "x", "images", "image", "data", "inputs", "features", "arr_0"))
        elif f.field == "label":
            names.append(("y", "label", "labels", "target", "targets", "classes"))
        else:
            names.append((f.field,))
    of_classes = next((k for k, f in enumerate(fields) if f.field == "label" and f.dtype == "int64"), None)
    labels = "np.zeros(len(whole[0]))" if of_classes is None else f"whole[{of_classes}].reshape(-1)"
    kinds = ", ".join("None" if not f.field and f.dtype == "float32" else f"torch.{f.dtype}" for f in fields)
    shapes = ", ".join(repr(f.shape) for f in fields)
    head = f"\nKINDS = ({kinds},)  # None: samples of numbers, or pictures\nSHAPES = ({shapes},)\n"
    return head + _STRATIFIED + _ARRAYS.format(path=path, names=tuple(names), labels=labels, shares=shares)


def _table(fields: list[_Field], path: str, shares: tuple[float, ...], remarks: list[str]) -> str:
    target = fields[1]
    remarks.append("Columns of words are not turned into numbers: the table needs numbers beside its target.")
    if target.dtype == "int64":
        code, groups = "y = torch.tensor([sorted(set(words)).index(word) for word in words])", "y.numpy()"
    else:
        shape = ", ".join(map(str, target.shape))
        code = f"y = torch.tensor([float(word) for word in words]).reshape(-1, {shape})".replace(", )", ")")
        groups = "np.zeros(len(rows))"
    made = _TABLE.format(path=path, label=target.field, target=code, groups=groups, shares=shares)
    return "\nimport csv\n" + _STRATIFIED + made
