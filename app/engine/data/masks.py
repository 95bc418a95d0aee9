"""Pictures with a mask each, as data for segmentation: folders `images` and `masks` with files of equal names."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from msgspec.structs import replace
from PIL import Image, UnidentifiedImageError

from app.engine.data.base import (
    Data,
    Field,
    Source,
    Split,
    Wanted,
    divided,
    skipped_note,
    some_for_validation,
    target_sources,
)
from app.engine.data.fit import MAX_PIXELS, DataError, fitted, frame_of, read_picture, written
from app.engine.data.images import picture_source, pictures_in, split_folders
from app.engine.data.store import ReadSource, kept, readable
from app.messages.data import DataField, Dataset

if TYPE_CHECKING:
    from app.engine.compile import TargetSpec

IGNORED = 255
"""Pixels of this value belong to no class, as in PASCAL VOC and Cityscapes: losses pass over them."""
PASSED_OVER = -100
LOOKED_AT = 200
"""Where no classes.txt names the classes, so many masks are read to find out how many there are."""
MASK_FOLDERS = ("masks", "mask", "labels", "annotations")

CARD = Dataset(
    "masks",
    "Images with masks",
    "A folder with the folders images and masks, whose files have equal names; a mask is a grey or palette PNG that "
    "holds each pixel's class. Folders train, val and test of such are used if any; classes.txt may name the classes.",
    needs_path=True,
    path="folder",
    form="pictures",
    fields=(DataField("mask", "The class of each pixel (H×W), or one map of 0 and 1 for each class (K×H×W)."),),
)

Pair = tuple[Path, Path]


def read_mask(path: Path) -> np.ndarray:
    """The class of each pixel, H×W bytes. Raises DataError."""
    try:
        with Image.open(io.BytesIO(path.read_bytes())) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise DataError(f"{path} has {picture.width}×{picture.height} pixels: that is too many.")
            if picture.mode not in ("1", "L", "P", "I", "I;16"):
                raise DataError(
                    f"{path} is a colour picture: a mask needs one class number a pixel, in a grey or palette PNG."
                )
            picture.load()
            values = np.asarray(picture)
    except UnidentifiedImageError:
        raise DataError(f"{path} is not a picture that can be read: masks are grey or palette PNGs.") from None
    except Image.DecompressionBombError:
        raise DataError(f"{path} has more than {MAX_PIXELS // 10**6} million pixels: that is too many.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or 'the file is damaged or cut short'}.") from None
    except (ValueError, SyntaxError, EOFError) as error:
        raise DataError(f"{path} cannot be read: the file is damaged ({error}).") from None
    if values.max(initial=0) > IGNORED:
        raise DataError(f"{path} holds the class {int(values.max())}: classes are numbers from 0 to 254.")
    return values.astype(np.uint8)


class Meaning:
    """What the numbers in masks mean: which classes there are, and whether 255 stands for the one class besides 0."""

    def __init__(self, classes: tuple[str, ...], binary: bool, named: bool) -> None:
        self.classes, self.binary, self.named = classes, binary, named

    def classed(self, path: Path) -> np.ndarray:
        """The mask of a file with classes from 0 on, and IGNORED. Raises DataError where it holds other numbers."""
        values = read_mask(path)
        if self.binary:
            return (values > 0).astype(np.uint8)
        wrong = (values >= len(self.classes)) & (values != IGNORED)
        if wrong.any():
            found = "classes.txt names" if self.named else f"the {LOOKED_AT} masks that were looked at hold"
            raise DataError(
                f"{path} holds the class {int(values[wrong][0])}, but {found} only {len(self.classes)} classes, from "
                "0 on: mend it, or name all classes in classes.txt."
            )
        return values


def find_meaning(folder: Path, masks: list[Path], skip_bad: bool) -> Meaning:
    """What the masks mean, by classes.txt or by what some of them hold. Raises DataError."""
    names = folder / "classes.txt"
    if names.is_file():
        try:
            lines = [line.strip() for line in names.read_text(encoding="utf-8").splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{names} cannot be read: {error}.") from None
        classes = tuple(line for line in lines if line)
        if not classes:
            raise DataError(f"{names} is empty: it needs the name of a class on each line, the first for 0.")
        return Meaning(classes, False, True)
    seen: set[int] = set()
    for path in masks[:: max(len(masks) // LOOKED_AT, 1)][:LOOKED_AT]:
        try:
            seen |= set(np.unique(read_mask(path)).tolist())
        except DataError:
            if not skip_bad:
                raise
    if seen <= {0, IGNORED}:
        return Meaning(("ground", "object"), True, False)
    return Meaning(tuple(map(str, range(max(seen - {IGNORED}, default=0) + 1))), False, False)


def find_pairs(folder: Path) -> tuple[list[Pair], list[str]]:
    """Each picture with its mask, and a sentence for each that has none. Raises DataError."""
    images = folder / "images"
    masks = next((folder / name for name in MASK_FOLDERS if (folder / name).is_dir()), None)
    if not images.is_dir() or masks is None:
        raise DataError(f"{folder} needs a folder `images` and a folder `masks` with files of equal names.")
    by_stem = {path.relative_to(masks).with_suffix("").as_posix(): path for path in pictures_in(masks)}
    pairs, alone = [], []
    for image in pictures_in(images):
        stem = image.relative_to(images).with_suffix("").as_posix()
        mask = next((by_stem[s] for s in (stem, f"{stem}_mask", f"{stem}_label") if s in by_stem), None)
        if mask is None:
            alone.append(f"{image} has no mask: it needs {masks / stem}.png.")
        else:
            pairs.append((image, mask))
    if not pairs:
        raise DataError(alone[0] if alone else f"{images} holds no pictures: use PNG, JPEG, BMP, GIF, WebP or TIFF.")
    return pairs, alone


def mask_field(masks: list[Path], meaning: Meaning) -> Field:
    """Masks of a split at the size that a Target asks for, by the nearest pixel: classes are never mixed."""

    def make(target: TargetSpec) -> Source:
        size, stacked = mask_size(target, len(meaning.classes))

        def read(index: int) -> torch.Tensor:
            picture = Image.fromarray(meaning.classed(masks[index]))
            picture = fitted(picture, size, target.fit, Image.Resampling.NEAREST, IGNORED)
            return torch.from_numpy(np.array(picture))

        def form(values: torch.Tensor) -> torch.Tensor:
            return formed_mask(values, target, len(meaning.classes), stacked)

        return ReadSource(len(masks), size, torch.uint8, read, form)

    return make


def mask_size(target: TargetSpec, classes: int) -> tuple[tuple[int, int], bool]:
    """Height and width of the masks that a Target wants, and whether one map a class is. Raises DataError."""
    match target.shape:
        case (high, wide):
            return (high, wide), False
        case (count, high, wide) if count in (1, classes) and target.dtype == "float32":
            return (high, wide), count > 1
    raise DataError(
        f"`{target.name}` wants a mask of shape {written(target.shape)}: set its size to height and width for classes "
        f"(int64), or to {classes}, height and width for one map a class (float32)."
    )


def formed_mask(values: torch.Tensor, target: TargetSpec, classes: int, stacked: bool) -> torch.Tensor:
    """Bytes N×H×W as the Target wants them: classes, with PASSED_OVER for pixels of none; or maps of 0 and 1, in which
    such pixels are 0."""
    whole = values.long()
    if target.dtype == "int64":
        return whole.masked_fill(values == IGNORED, PASSED_OVER)
    none = values == IGNORED
    if stacked:
        maps = torch.nn.functional.one_hot(whole.masked_fill(none, 0), classes).movedim(-1, 1)
        return maps.masked_fill(none.unsqueeze(1), 0).float()
    return ((values > 0) & ~none).float().reshape(len(values), *target.shape)


def open_masks(folder: Path, wanted: Wanted, seed: int) -> Data:
    """Open pictures with masks. Raises DataError, which names a picture without a mask, or a damaged file."""
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}: choose one with the folders images and masks.")
    frames = [frame_of(spec, "a folder of images") for spec in wanted.inputs]
    places = split_folders(folder) if not (folder / "images").is_dir() else {}
    found: dict[str, list[Pair]] = {}
    lonely: list[str] = []
    for split, place in (places or {"train": folder}).items():
        found[split], alone = find_pairs(place)
        lonely += alone
    if "train" not in found:
        raise DataError(f"{folder} has no folder train: it needs one with the folders images and masks.")
    notes: list[str] = []
    if lonely and not wanted.options.skip_bad:
        raise DataError(lonely[0])
    if lonely:
        notes.append(skipped_note(lonely))
    meaning = find_meaning(folder, [mask for _, mask in found["train"]], wanted.options.skip_bad)
    if wanted.options.skip_bad:
        found = _without_bad(found, meaning, wanted, notes)
    if set(found) == {"train"}:
        pairs = found["train"]
        parts, note = divided(np.zeros(len(pairs), dtype=np.int64), wanted.options, "pictures")
        found = {split: kept(pairs, part) for split, part in parts.items()}
        notes.append(f"The folder is not divided: {note}")
    elif "validation" not in found:
        pairs = found["train"]
        rest, held = some_for_validation(np.zeros(len(pairs), dtype=np.int64), wanted.options)
        found["train"], found["validation"] = kept(pairs, rest), kept(pairs, held)
    notes += [f"Pictures are resized to {f.size} for `{s.name}`." for f, s in zip(frames, wanted.inputs, strict=True)]
    splits = {}
    for split in ("train", "validation", "test"):
        if split in found:
            pairs = found[split]
            inputs = [picture_source([image for image, _ in pairs], frame) for frame in frames]
            fields = {"mask": mask_field([mask for _, mask in pairs], meaning)}
            splits[split] = Split(len(pairs), (*inputs, *target_sources(wanted, "such a folder", fields, inputs)))
    return Data("masks", f"masks:{folder}", meaning.classes, splits, seed, notes)


def _without_bad(
    found: dict[str, list[Pair]], meaning: Meaning, wanted: Wanted, notes: list[str]
) -> dict[str, list[Pair]]:
    every = [(split, pair) for split, pairs in found.items() for pair in pairs]

    def read(index: int) -> None:
        image, mask = every[index][1]
        read_picture(image)
        meaning.classed(mask)

    good = readable(len(every), read, wanted.watch, notes, "pictures and masks")
    left: dict[str, list[Pair]] = {split: [] for split in found}
    for split, pair in kept(every, good):
        left[split].append(pair)
    if not left["train"]:
        raise DataError(f"No picture of train can be read with its mask. {notes[-1]}")
    return {split: pairs for split, pairs in left.items() if pairs}


def look_at_masks(folder: Path) -> Dataset:
    """The card of this folder: its classes, from classes.txt or from a few masks. Raises DataError."""
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}.")
    top = folder if (folder / "images").is_dir() else split_folders(folder).get("train", folder)
    place = next((top / name for name in MASK_FOLDERS if (top / name).is_dir()), None)
    if place is None:
        raise DataError(f"{folder} needs a folder `images` and a folder `masks` with files of equal names.")
    meaning = find_meaning(folder, pictures_in(place, 8), skip_bad=True)
    count = len(meaning.classes) if meaning.named or meaning.binary else 0  # eight masks do not show every class
    mask = replace(CARD.fields[0], classes=count)
    return replace(CARD, title=f"The folder {folder.name}", classes=meaning.classes if count else (), fields=(mask,))
