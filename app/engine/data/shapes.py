"""Pictures of circles, squares and triangles, made on the spot, for trying: with class, boxes, masks and instances.

A scene is a pure function of its number and of the picture's size, so nothing of it is kept but what was used lately.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from app.engine.data.base import SPLIT_SEED, Data, Field, MadeSource, Source, Wanted, label_field
from app.engine.data.fit import DataError, Frame, fit_tensor, frame_of, written
from app.engine.data.masks import formed_mask, mask_size
from app.engine.data.parted import Part, data_of
from app.engine.data.store import KEEP_BYTES
from app.messages.data import DataField, Dataset

if TYPE_CHECKING:
    from app.engine.compile import TargetSpec

SHAPES = ("circle", "square", "triangle")
CLASSES = ("ground", *SHAPES)
COUNT, MOST = 2000, 4
NATIVE = (3, 64, 64)
CARD = Dataset(
    "shapes",
    "Shapes (generated)",
    f"{COUNT:,} pictures of 1 to {MOST} circles, squares and triangles on a noisy ground, at the Input's size; with a "
    "Target of label or one, each holds one shape.",
    NATIVE,
    SHAPES,
    form="pictures",
    fields=(
        DataField("label", "Which shape it is.", classes=len(SHAPES)),
        DataField("mask", "The class of each pixel, 0 the ground (H×W); or one map of 0 and 1 a class (4×H×W).",
                  shape=NATIVE[1:], classes=len(CLASSES)),
        DataField("boxes", "A row for each shape: left, top, right, bottom in pixels, then the class (N×5); rows of -1 "
                           f"fill up to N = {MOST}.", "float32", (MOST, 5)),
        DataField("instances", "Which shape each pixel belongs to, 0 none (H×W, int64), or a map of 0 and 1 for each "
                               f"({MOST}×H×W, float32).", shape=NATIVE[1:], classes=MOST + 1),
    ),
)  # fmt: skip
LEAST = 12
"""Smaller pictures show no shapes that can be told apart."""


class Scene(NamedTuple):
    """A picture (3×H×W bytes), the number of the shape at each pixel (H×W, 0 none), and each shape's class from 0."""

    picture: np.ndarray
    instances: np.ndarray
    kinds: tuple[int, ...]


def make_scene(number: int, high: int, wide: int, single: bool) -> Scene:
    """The scene of a number: the same each time. A single shape is of the class `number % 3`."""
    random = np.random.default_rng([SPLIT_SEED, 3, number])
    rows, columns = np.mgrid[0:high, 0:wide].astype(np.float32) + 0.5
    ground = random.uniform(0.0, 0.5, 3)
    picture = np.broadcast_to(ground[:, None, None], (3, high, wide)).copy()
    instances = np.zeros((high, wide), dtype=np.uint8)
    kinds: list[int] = []
    side = min(high, wide)
    for place in range(1 if single else int(random.integers(1, MOST + 1))):
        kind = number % 3 if single and not place else int(random.integers(3))
        size = side * random.uniform(0.25, 0.4) if single else side * random.uniform(0.12, 0.26)
        y, x = random.uniform(size, high - size), random.uniform(size, wide - size)
        dy, dx = (rows - y) / size, (columns - x) / size
        if kind == 0:
            inside = dy**2 + dx**2 <= 1
        elif kind == 1:
            inside = np.maximum(np.abs(dy), np.abs(dx)) <= 0.85
        else:
            inside = (dy <= 0.8) & (dy >= 2 * np.abs(dx) - 1)
        visible = [int((instances == i + 1).sum() - ((instances == i + 1) & inside).sum()) for i in range(len(kinds))]
        if any(left < 8 for left in visible) or inside.sum() < 4:
            continue  # it would hide another one whole
        kinds.append(kind)
        instances[inside] = len(kinds)
        colour = random.uniform(0.35, 1.0, 3)
        colour[random.integers(3)] = 1.0
        picture[:, inside] = colour[:, None]
    noise = random.normal(0, 0.04, picture.shape)
    return Scene(((picture + noise).clip(0, 1) * 255).astype(np.uint8), instances, tuple(kinds))


def boxes_of(scene: Scene, rows: int) -> np.ndarray:
    """Left, top, right, bottom (in pixels, right and bottom outside) and class of what is seen of each shape; rows of
    -1 fill up to `rows`."""
    made = np.full((rows, 5), -1, dtype=np.float32)
    for i, kind in enumerate(scene.kinds[:rows]):
        y, x = np.nonzero(scene.instances == i + 1)
        made[i] = x.min(), y.min(), x.max() + 1, y.max() + 1, kind
    return made


def open_shapes(wanted: Wanted, seed: int) -> Data:
    """Scenes at the size of the first Input. Raises DataError."""
    frames = [frame_of(spec, "shapes") for spec in wanted.inputs]
    high, wide = frames[0].height, frames[0].width
    if min(high, wide) < LEAST or high * wide > 2**22:
        name = wanted.inputs[0].name
        raise DataError(
            f"Shapes are made from {LEAST}×{LEAST} to 2048×2048 pixels, but `{name}` takes {high}×{wide}: set another "
            "size."
        )
    single = wanted.asks("label") or not wanted.asks("mask", "boxes", "instances")
    numbers = np.arange(COUNT)

    @lru_cache(maxsize=max(min(COUNT, KEEP_BYTES // (4 * high * wide)), 64))
    def scene(number: int) -> Scene:
        return make_scene(number, high, wide, single)

    def each(rows: np.ndarray, of: Callable[[Scene], np.ndarray]) -> MadeSource:
        return MadeSource(lambda i: torch.from_numpy(np.stack([of(scene(int(n))) for n in rows[i.numpy()]])))

    def inputs(rows: np.ndarray) -> list[Source]:
        pictures = each(rows, lambda s: s.picture)
        return [MadeSource(lambda i, f=f: fit_tensor(pictures.take(i).float() / 255, f)) for f in frames]  # type: ignore[misc]

    def fields(rows: np.ndarray) -> dict[str, Field]:
        found = {
            "mask": _mask_field(each(rows, _classes)),
            "boxes": _boxes_field(rows, each),
            "instances": _instances_field(each(rows, lambda s: s.instances), frames[0]),
        }
        if single:
            found["label"] = label_field("shapes", torch.from_numpy(rows % 3))
        return found

    labels = numbers % 3 if single else None
    classes = CLASSES if not single or (wanted.asks("mask") and not wanted.asks("label")) else SHAPES
    part = Part(COUNT, labels, inputs, fields)
    return data_of("shapes", "shapes", "shapes", {"train": part}, wanted, seed, classes, [])


def _classes(scene: Scene) -> np.ndarray:
    """0 for the ground, 1 to 3 for the shapes."""
    return np.array([0, *(kind + 1 for kind in scene.kinds)], dtype=np.uint8)[scene.instances]


def _sized(source: Source, size: tuple[int, int]) -> MadeSource:
    """Maps N×H×W of whole numbers at another size, by the nearest pixel."""

    def make(indices: torch.Tensor) -> torch.Tensor:
        values = source.take(indices)
        if tuple(values.shape[1:]) == size:
            return values
        resized = torch.nn.functional.interpolate(values[:, None].float(), size=size, mode="nearest-exact")
        return resized[:, 0].to(values.dtype)

    return MadeSource(make)


def _mask_field(source: Source) -> Field:
    def make(target: TargetSpec) -> Source:
        size, stacked = mask_size(target, len(CLASSES))
        sized = _sized(source, size)
        return MadeSource(lambda i: formed_mask(sized.take(i), target, len(CLASSES), stacked))

    return make


def _boxes_field(rows: np.ndarray, each: Callable[[np.ndarray, Callable[[Scene], np.ndarray]], MadeSource]) -> Field:
    def make(target: TargetSpec) -> Source:
        if len(target.shape) != 2 or target.shape[1] != 5 or target.shape[0] < MOST or target.dtype != "float32":
            raise DataError(
                f"`{target.name}` wants boxes of shape {written(target.shape)} ({target.dtype}), but they are {MOST}×5 "
                "(float32), or longer: set its size and dtype to those."
            )
        return each(rows, lambda s: boxes_of(s, target.shape[0]))

    return make


def _instances_field(source: Source, frame: Frame) -> Field:
    def make(target: TargetSpec) -> Source:
        match target.shape, target.dtype:
            case (high, wide), "int64":
                sized = _sized(source, (high, wide))
                return MadeSource(lambda i: sized.take(i).long())
            case (count, high, wide), "float32" if count >= MOST:
                sized = _sized(source, (high, wide))
                one = torch.arange(1, count + 1).view(1, -1, 1, 1)
                return MadeSource(lambda i: (sized.take(i).unsqueeze(1) == one).float())
        raise DataError(
            f"`{target.name}` wants instances of shape {written(target.shape)} ({target.dtype}), but they are "
            f"{frame.height}×{frame.width} (int64) or {MOST}×{frame.height}×{frame.width} (float32): set those."
        )

    return make
