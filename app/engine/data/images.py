"""A folder of class folders as data: pictures read when they are needed, kept in memory where they are few."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from msgspec.structs import replace

from app.engine.data.base import (
    Data,
    Source,
    Split,
    Wanted,
    check_classes,
    divided,
    label_field,
    some_for_validation,
    target_sources,
)
from app.engine.data.fit import SUFFIXES, DataError, Frame, fit_picture, frame_of, read_picture
from app.engine.data.store import ReadSource, kept, readable
from app.messages.data import DataField, Dataset

CARD = Dataset(
    "images",
    "Folder of images",
    "A folder with one folder of pictures for each class; folders train, val and test are used if any.",
    needs_path=True,
    path="folder",
    form="pictures",
    fields=(DataField("label", "The class: the folder that the picture lies in."),),
)

FOLDERS = {"train": ("train", "training"), "validation": ("val", "valid", "validation"), "test": ("test",)}
"""What the folder of a split may be called."""


def picture_source(files: Sequence[Path], frame: Frame) -> Source:
    """Pictures of a split, fitted to one Input."""

    def read(index: int) -> torch.Tensor:
        return fit_picture(read_picture(files[index]), frame)

    def form(pictures: torch.Tensor) -> torch.Tensor:
        return pictures.float().div_(255).reshape(len(pictures), *frame.shape)

    return ReadSource(len(files), (frame.channels, frame.height, frame.width), torch.uint8, read, form)


def open_images(folder: Path, wanted: Wanted, seed: int) -> Data:
    """Open a folder of class folders, or one of train / val / test folders of them. Raises DataError."""
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}: choose one that holds a folder of pictures for each class.")
    frames = [frame_of(spec, "a folder of images") for spec in wanted.inputs]
    places = split_folders(folder)
    top = places.get("train", folder)
    classes = _classes(top)
    notes: list[str] = []
    found = {"train": _files(top, classes)}
    check_classes(classes, wanted, top)
    for split in ("validation", "test") if "train" in places else ():
        if place := places.get(split):
            if strange := sorted(set(_classes(place)) - set(classes)):
                raise DataError(f"{place} has a class `{strange[0]}` that {top} lacks: they need the same classes.")
            found[split] = _files(place, classes)
    if wanted.options.skip_bad:
        found = _without_bad(found, wanted, notes)
    if "train" not in places:
        files = found["train"]
        parts, note = divided(np.array([label for _, label in files]), wanted.options, "pictures")
        found = {split: kept(files, part) for split, part in parts.items()}
        notes.append(f"The folder is not divided: {note}")
    elif "validation" not in found:
        files = found["train"]
        train, validation = some_for_validation(np.array([label for _, label in files]), wanted.options)
        found["train"], found["validation"] = kept(files, train), kept(files, validation)
        notes.append("There is no folder val: some of train serve as validation, always the same.")
    notes += [f"Pictures are resized to {f.size} for `{s.name}`." for f, s in zip(frames, wanted.inputs, strict=True)]
    splits = {}
    for split, members in found.items():
        if members:
            paths = [path for path, _ in members]
            labels = torch.tensor([label for _, label in members], dtype=torch.int64)
            inputs = [picture_source(paths, frame) for frame in frames]
            fields = {"label": label_field("a folder of images", labels)}
            targets = target_sources(wanted, "a folder of images", fields, inputs)
            splits[split] = Split(len(paths), (*inputs, *targets), labels)
    return Data("images", f"images:{folder}", classes, splits, seed, notes)


def look_at_images(folder: Path) -> Dataset:
    """The card of this folder: its classes, without reading a picture. Raises DataError."""
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}.")
    classes = _classes(split_folders(folder).get("train", folder))
    label = replace(CARD.fields[0], classes=len(classes))
    return replace(CARD, title=f"The folder {folder.name}", classes=classes, fields=(label,))


def split_folders(folder: Path) -> dict[str, Path]:
    """The folders of the splits that there are, by the split's name."""
    found = {}
    for split, names in FOLDERS.items():
        if place := next((folder / name for name in names if (folder / name).is_dir()), None):
            found[split] = place
    return found


def _without_bad(
    found: dict[str, list[tuple[Path, int]]], wanted: Wanted, notes: list[str]
) -> dict[str, list[tuple[Path, int]]]:
    """The pictures that can be read, each decoded once."""
    every = [(split, member) for split, members in found.items() for member in members]
    good = readable(len(every), lambda i: read_picture(every[i][1][0]), wanted.watch, notes, "pictures")
    left: dict[str, list[tuple[Path, int]]] = {split: [] for split in found}
    for split, member in kept(every, good):
        left[split].append(member)
    if not left["train"]:
        raise DataError(f"No picture of train can be read. {notes[-1]}")
    return {split: members for split, members in left.items() if members}


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
            files += [(path, label) for path in pictures_in(place)]
    if not files:
        raise DataError(f"{folder} holds no pictures in its class folders: use PNG, JPEG, BMP, GIF, WebP or TIFF.")
    return files


def pictures_in(folder: Path, most: int | None = None) -> list[Path]:
    """The pictures in a folder and in those inside it, in order; with `most` only so many, as they are found."""
    found = (p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    return sorted(islice(found, most))
