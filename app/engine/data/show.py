"""A look at the data that a design is trained on: some samples, how many there are of each class, the splits."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from msgspec.structs import replace
from PIL import Image

from app.design.values import Design
from app.engine.compile import InputSpec, TargetSpec
from app.engine.data import python
from app.engine.data.base import Data, Options, Split, Watch, options_of
from app.engine.data.fit import DataError, written
from app.engine.data.images import pictures_in
from app.engine.data.kinds import dataset_of, forget, open_data
from app.engine.data.masks import PASSED_OVER
from app.messages.data import Dataset, DataShown, GetData, ShownSample, SplitShown, Working
from app.messages.preview import Look, Tile

SIDE = 96
"""Height and width of pictures that have no size of their own."""
TOKENS, LENGTH = 64, 64
NAMED = 1000
"""So many class names are told."""
MEASURED = 200
"""So many pictures' sizes are looked at."""
COUNTED = 32
"""In so many samples of a split the pixels of each class are counted."""
SAMPLE = "`sample`"
"""The name of the Input that a look is made with: what notes say of it is not of the design's."""
APART = 0.1
"""Seconds between two reports of how far it is."""


class _Opened(NamedTuple):
    key: object
    data: Data
    fields: tuple[str, ...]


_opened: _Opened | None = None
"""The data that was looked at last: to turn a page must not open it anew."""


def show(
    request: GetData, design: Design, tell: Callable[[Working], None], cancelled: Callable[[], bool]
) -> DataShown:
    """The answer. The data is shown as it is, whatever the design's Inputs take. Raises DataError."""
    global _opened
    if request.anew:
        _opened = None
        forget()
    spec = design.recipe.data
    card = dataset_of(spec)
    if card is None or (card.needs_path and not spec.partition(":")[2]):
        open_data(spec, (InputSpec("sample", (1,), "float32"),))  # it says what is missing
        raise DataError(f"The data `{spec}` cannot be shown.")
    if card.kind == "python":
        try:
            card = python.look_closely(_path(spec))
        except python.Unallowed as error:
            return DataShown(request.job, card, (), code=error.code)
    told = 0.0

    def step(done: int, total: int) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= APART:
            told = now
            tell(Working(request.job, done, total))

    opened = _open(spec, card, design, options_of(design.recipe)._replace(steps=()), Watch(step, cancelled))
    data = opened.data
    if data.classes and card.form != "tokens":  # with masks the ground is one of them
        card = replace(card, classes=data.classes[:NAMED])
    split = request.split if request.split in data.splits else "train"
    own = data.splits[split]
    start = max(min(request.start, own.size - 1), 0)
    numbers = range(start, min(start + request.count, own.size))
    samples = _samples(data, card, own, opened.fields, numbers)
    masks = "mask" if "mask" in opened.fields else ""
    notes = tuple(note for note in data.notes if SAMPLE not in note)
    return DataShown(
        request.job, replace(card, classes=card.classes[:NAMED]),
        tuple(SplitShown(name, each.size, _counts(data, each, opened.fields)) for name, each in data.splits.items()),
        split, samples, data.columns, notes, _sizes(spec, card, data), masks,
    )  # fmt: skip


def _path(spec: str) -> Path:
    return Path(spec.partition(":")[2]).expanduser()


def _open(spec: str, card: Dataset, design: Design, options: Options, watch: Watch) -> _Opened:
    global _opened
    inputs, targets = _asked(card, design)
    path = python.place_of(_path(spec))[0] if card.needs_path else None
    stamp = path.stat().st_mtime_ns if path is not None and path.exists() else 0
    key = (spec, inputs, targets, options, stamp)
    if _opened is None or _opened.key != key:
        _opened = _Opened(key, open_data(spec, inputs, targets, 0, options, watch), tuple(t.field for t in targets))
    return _opened


def _asked(card: Dataset, design: Design) -> tuple[tuple[InputSpec, ...], tuple[TargetSpec, ...]]:
    """Inputs and Targets that show all of it: pictures at their size or as small ones, rows and texts as they are."""
    named = {node.settings.get("field", "label") for node in design.nodes if node.block == "Target"}
    known = [field for field in card.fields if field.name in ("label", "mask", "boxes")]
    wished = [field for field in known if field.name in named] or known
    if card.form == "tokens":
        sample = card.sample if len(card.sample) == 1 else (_token_length(design),)
        fields = [field for field in wished if field.name == "label"]
        return (InputSpec("sample", sample, "int64"),), tuple(TargetSpec(f.name, f.name, (), f.dtype) for f in fields)
    if card.form == "pictures":
        size = card.sample if len(card.sample) == 3 and max(card.sample) <= 128 else (3, SIDE, SIDE)
        shapes = {"label": (), "mask": size[1:], "boxes": (4, 5)}
        wished = [f for f in wished if card.kind != "python" or f.shape == shapes[f.name]]
        targets = tuple(TargetSpec(f.name, f.name, shapes[f.name], f.dtype) for f in wished)
        return (InputSpec("sample", size, "float32"),), targets
    fields = [field for field in wished if field.name == "label" and not field.shape]
    return (InputSpec("sample", card.sample or (LENGTH,), "float32"),), tuple(
        TargetSpec(f.name, f.name, (), f.dtype) for f in fields
    )


def _token_length(design: Design) -> int:
    """As many tokens as the design's Input takes."""
    for node in design.nodes:
        size = node.settings.get("size")
        if node.block != "Input" or node.settings.get("dtype") != "int64" or not isinstance(size, tuple):
            continue
        if len(size) == 1 and isinstance(size[0], int):
            return max(size[0], 1)
    return TOKENS


def _samples(
    data: Data, card: Dataset, split: Split, fields: tuple[str, ...], numbers: range
) -> tuple[ShownSample, ...]:
    taken = split.take(torch.tensor(list(numbers)))
    values, known = taken[0], dict(zip(fields, taken[1:], strict=True))
    shown = []
    for place, number in enumerate(numbers):
        sample = ShownSample(number, _label(data, known["label"][place]) if "label" in known else "")
        if card.form == "pictures":
            picture = values[place]
            sample = replace(sample, look=_picture(picture))
            if "mask" in known:
                sample = replace(sample, mask=_mask(known["mask"][place]))
            if "boxes" in known:
                sample = replace(sample, boxes=_boxes(known["boxes"][place], picture))
        elif card.form == "tokens":
            sample = replace(sample, text=_text(data, values[place].tolist()))
        elif split.cells is not None:
            sample = replace(sample, cells=split.cells(number))
        else:
            sample = replace(sample, cells=tuple(f"{v:.4g}" for v in values[place].reshape(-1)[:64].tolist()))
        shown.append(sample)
    return tuple(shown)


def _label(data: Data, value: torch.Tensor) -> str:
    if value.dtype.is_floating_point:
        return f"{float(value):.6g}"
    at = int(value)
    return data.classes[at] if 0 <= at < len(data.classes) else str(at)


def _picture(picture: torch.Tensor) -> Look:
    """Three bytes a pixel. What does not lie in 0..1 is cut off."""
    picture = picture.expand(3, -1, -1) if picture.shape[0] == 1 else picture
    _, high, wide = picture.shape
    values = (picture.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous()
    low, top, mean = float(picture.min()), float(picture.max()), float(picture.mean())
    tile = Tile(0, low, top, mean, float((picture == 0).float().mean()))
    return Look("colour", tuple(picture.shape), wide, high, bytes(values.numpy().tobytes()), (tile,), of=1)


def _mask(mask: torch.Tensor) -> Look:
    """A byte a pixel: its class, 255 where it has none."""
    high, wide = mask.shape
    values = mask.masked_fill(mask == PASSED_OVER, 255).to(torch.uint8).contiguous()
    tile = Tile(0, float(mask.min()), float(mask.max()), 0.0, 0.0)
    return Look("maps", (1, high, wide), wide, high, bytes(values.numpy().tobytes()), (tile,), of=1)


def _boxes(boxes: torch.Tensor, picture: torch.Tensor) -> tuple[tuple[float, ...], ...]:
    _, high, wide = picture.shape
    real = boxes[boxes[:, 4] >= 0] / torch.tensor([wide, high, wide, high, 1.0])
    return tuple(tuple(round(v, 4) for v in row) for row in real.tolist())


def _text(data: Data, tokens: list[int]) -> str:
    names = data.classes
    if data.kind not in ("characters", "words"):
        return " ".join(map(str, tokens))
    return ("" if data.kind == "characters" else " ").join(names[t] for t in tokens)


def _counts(data: Data, split: Split, fields: tuple[str, ...]) -> tuple[int, ...]:
    """Samples of each class; with masks, pixels of each class in some samples."""
    classes = len(data.classes)
    if not classes or classes > NAMED:
        return ()
    if split.labels is not None:
        return tuple(torch.bincount(split.labels, minlength=classes)[:classes].tolist())
    if "mask" in fields:
        source = split.sources[1 + fields.index("mask")]
        mask = source.take(torch.arange(min(split.size, COUNTED)))
        return tuple(torch.bincount(mask[mask >= 0], minlength=classes)[:classes].tolist())
    return ()


def _sizes(spec: str, card: Dataset, data: Data) -> str:
    """What samples measure, in words."""
    if card.kind in ("images", "masks"):
        return _picture_sizes(_path(spec) / ("images" if card.kind == "masks" else ""))
    if card.form == "tokens":
        return f"{len(data.classes):,} tokens" if data.kind in ("characters", "words") else written(card.sample)
    if card.form == "pictures":
        return "any size" if card.kind == "shapes" else f"{written(card.sample)} pixels"
    return f"{math.prod(card.sample):,} numbers a sample" if card.sample else "any length"


def _picture_sizes(folder: Path) -> str:
    sizes = set()
    for path in pictures_in(folder if folder.is_dir() else folder.parent, MEASURED):
        try:
            with Image.open(path) as picture:
                sizes.add(picture.size)
        except (OSError, ValueError, SyntaxError):
            continue  # such a picture is named when it is read
    if not sizes:
        return ""
    (low_w, low_h), (high_w, high_h) = (tuple(f(s[i] for s in sizes) for i in (0, 1)) for f in (min, max))
    return f"{low_h}×{low_w} pixels" if len(sizes) == 1 else f"{low_h}×{low_w} to {high_h}×{high_w} pixels"
