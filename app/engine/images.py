"""A folder of class folders as data: pictures read when they are needed, kept in memory where they are few."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from app.engine.data import Data, Source, Split, Wanted, check_classes, stratified, target_sources
from app.engine.fit import SUFFIXES, DataError, Frame, fit_picture, frame_of, read_picture

KEEP_BYTES = 512 * 2**20
"""A split that takes no more than this, fitted, is read from disk once."""

_NAMES = {"train": ("train", "training"), "validation": ("val", "valid", "validation"), "test": ("test",)}


class PictureSource:
    """Pictures of a split, fitted to one Input. Reading is a pure function of the file."""

    lazy = True

    def __init__(self, files: Sequence[Path], frame: Frame) -> None:
        self._files, self._frame = files, frame
        size = (len(files), frame.channels, frame.height, frame.width)
        small = int(np.prod(size, dtype=np.int64)) <= KEEP_BYTES
        self._kept = torch.empty(size, dtype=torch.uint8) if small else None
        self._known = np.zeros(len(files), dtype=bool)

    def take(self, indices: torch.Tensor) -> torch.Tensor:
        pictures = torch.stack([self._picture(i) for i in indices.tolist()])
        return pictures.float().div_(255).reshape(len(pictures), *self._frame.shape)

    def _picture(self, index: int) -> torch.Tensor:
        if self._kept is not None and self._known[index]:
            return self._kept[index]
        picture = fit_picture(read_picture(self._files[index]), self._frame)
        if self._kept is not None:  # two threads may both write the same bytes: harmless
            self._kept[index] = picture
            self._known[index] = True
        return picture


def open_images(folder: Path, wanted: Wanted, seed: int) -> Data:
    """Open a folder of class folders, or one of train / val / test folders of them. Raises DataError."""
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}: choose one that holds a folder of pictures for each class.")
    frames = [frame_of(spec, "a folder of images") for spec in wanted.inputs]
    places = {
        split: next((folder / n for n in names if (folder / n).is_dir()), None) for split, names in _NAMES.items()
    }
    top = places["train"] or folder
    classes = _classes(top)
    notes: list[str] = []
    found = {"train": _files(top, classes)}
    check_classes(classes, wanted, top)
    for split in ("validation", "test"):
        place = places[split]
        if places["train"] and place:
            if strange := sorted(set(_classes(place)) - set(classes)):
                raise DataError(f"{place} has a class `{strange[0]}` that {top} lacks: they need the same classes.")
            found[split] = _files(place, classes)
    if not places["train"]:
        parts = stratified(np.array([label for _, label in found["train"]]), (0.7, 0.1, 0.2))
        files = found["train"]
        found = {s: [files[i] for i in p] for s, p in zip(("train", "validation", "test"), parts, strict=True)}
        notes.append("The folder is not divided: 70 % serve training, 10 % validation, 20 % the test, always the same.")
    elif "validation" not in found:
        files = found["train"]
        train, validation = stratified(np.array([label for _, label in files]), (0.9, 0.1))
        found["train"], found["validation"] = [files[i] for i in train], [files[i] for i in validation]
        notes.append(f"{folder} has no folder val: 10 % of train serve validation.")
    notes += [f"Pictures are resized to {f.size} for `{s.name}`." for f, s in zip(frames, wanted.inputs, strict=True)]
    splits = {}
    for split, members in found.items():
        if members:
            paths = [path for path, _ in members]
            labels = torch.tensor([label for _, label in members], dtype=torch.int64)
            inputs: list[Source] = [PictureSource(paths, frame) for frame in frames]
            targets = target_sources(wanted, "a folder of images", labels, None, inputs)
            splits[split] = Split(len(paths), (*inputs, *targets), labels)
    return Data("images", f"images:{folder}", classes, splits, seed, notes)


def _classes(folder: Path) -> tuple[str, ...]:
    names = tuple(sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")))
    if not names:
        raise DataError(f"{folder} holds no classes: it needs a folder of pictures for each class.")
    return names


def _files(folder: Path, classes: tuple[str, ...]) -> list[tuple[Path, int]]:
    files: list[tuple[Path, int]] = []
    for label, name in enumerate(classes):
        place = folder / name
        if place.is_dir():
            own = (p for p in place.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
            files += [(path, label) for path in sorted(own)]
    if not files:
        raise DataError(f"{folder} holds no pictures in its class folders: use PNG, JPEG, BMP, GIF, WebP or TIFF.")
    return files
