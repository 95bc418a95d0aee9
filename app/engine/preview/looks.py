"""Tensors as small pictures: maps one a channel, vectors as numbers, sequences as a map of heat. All is bounded."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch.nn import functional

from app.messages.preview import Form, Look, Tile

HUGE = 64 * 2**20
"""A tensor of more numbers is not looked at."""


class Bounds(NamedTuple):
    """How much of a tensor is shown."""

    side: int
    """The longer side of a picture, at most."""
    tiles: int
    pixels: int
    """Of all tiles together; one is shown in any case."""
    values: int


SMALL = Bounds(side=36, tiles=8, pixels=4096, values=64)
"""The picture that every node has."""
LARGE = Bounds(side=96, tiles=64, pixels=64 * 96 * 96, values=256)
"""Those of the node that is asked for."""
WHOLE = Bounds(side=192, tiles=1, pixels=192 * 192, values=256)
"""The sample itself, where it is asked for."""


def shared(bounds: Bounds, levels: int) -> Bounds:
    """The bounds of one of several tensors that share the room that is due to one."""
    return bounds._replace(pixels=bounds.pixels // max(levels, 1))


def nothing(said: str, shape: tuple[int, ...] = ()) -> Look:
    """What has no picture."""
    return Look("none", shape, said=said)


def look(tensor: torch.Tensor, bounds: Bounds, *, colour: bool = False) -> Look:
    """How the first sample of `tensor` (the batch first) looks. With `colour` three channels of 0..1 are one picture.

    1 size behind the batch: numbers. 2: heat. 3: maps, one a channel (or head). 4: the middle slice of each volume.
    """
    shape = tuple(tensor.shape)
    if tensor.numel() > HUGE:
        return nothing(f"It has {tensor.numel():,} numbers: a picture is made of {HUGE:,} at most.", shape)
    if not tensor.numel():
        return nothing("It is empty.", shape)
    sample = tensor.detach()[0] if tensor.ndim else tensor.detach().reshape(1)
    sample, said = _finite(sample.float())
    if sample.ndim <= 1:
        made = _values(sample.reshape(-1), bounds)
    elif sample.ndim == 2:
        made = pictures(sample[None], bounds, "heat")
    elif sample.ndim == 3 and colour and sample.shape[0] == 3:
        made = _coloured(sample, bounds)
    elif sample.ndim == 3:
        made = pictures(sample, bounds, "maps")
    elif sample.ndim == 4:
        middle = sample.shape[1] // 2
        said.append(f"Slice {middle + 1} of {sample.shape[1]} is shown.")
        made = pictures(sample[:, middle], bounds, "maps")
    else:
        return nothing(f"It has {sample.ndim} sizes behind the batch: at most 4 are shown.", shape)
    return _told(made, shape, said)


def _told(made: Look, shape: tuple[int, ...], said: list[str]) -> Look:
    return Look(
        made.form, shape, made.width, made.height, made.pixels, made.tiles, made.values, made.of,
        " ".join(filter(None, [*said, made.said])),
    )  # fmt: skip


def _finite(values: torch.Tensor) -> tuple[torch.Tensor, list[str]]:
    """Without what is no number, and a sentence about that."""
    good = torch.isfinite(values)
    if bool(good.all()):
        return values, []
    bad = int(values.numel() - good.sum())
    return values.nan_to_num(0.0, 0.0, 0.0), [f"{bad:,} of its {values.numel():,} numbers are infinite or none."]


def _values(values: torch.Tensor, bounds: Bounds) -> Look:
    shown = values[: bounds.values]
    said = f"The first {len(shown):,} of {len(values):,} numbers." if len(shown) < len(values) else ""
    whole = _tile(0, values)
    return Look("values", tiles=(whole,), values=tuple(map(float, shown.tolist())), of=len(values), said=said)


def pictures(maps: torch.Tensor, bounds: Bounds, form: Form) -> Look:
    """One tile for each of `maps` (N, H, W), from its lowest number (0) to its highest (255); where they are too many,
    for those that vary most, in their order."""
    count, high, wide = maps.shape
    size = _size(high, wide, bounds.side)
    most = min(bounds.tiles, max(bounds.pixels // (size[0] * size[1]), 1))
    chosen, said = _liveliest(maps, most)
    small = fitted(maps[chosen], bounds.side)
    tiles = tuple(_tile(i, maps[i]) for i in chosen)
    low = torch.tensor([t.low for t in tiles]).view(-1, 1, 1)
    span = torch.tensor([t.high - t.low for t in tiles]).view(-1, 1, 1)
    grey = (small - low) / span.where(span > 0, torch.ones_like(span))
    return Look(form, width=size[1], height=size[0], pixels=_bytes(grey), tiles=tiles, of=count, said=said)


def _coloured(sample: torch.Tensor, bounds: Bounds) -> Look:
    """One picture of three channels in 0..1, as the network gets it."""
    small = fitted(sample, bounds.side)
    _, high, wide = small.shape
    return Look(
        "colour", width=wide, height=high, pixels=_bytes(small.permute(1, 2, 0)), tiles=(_tile(0, sample),), of=1,
    )  # fmt: skip


def filters(weight: torch.Tensor, bounds: Bounds = LARGE) -> Look:
    """The filters of a convolution (out, in, H, W): in colour where they take three channels, else grey, one for each
    pair of channels. A colour filter goes from its own lowest number to its highest."""
    weight, said = _finite(weight.detach().float())
    if weight.shape[1] != 3:
        return _told(pictures(weight.flatten(0, 1), bounds, "maps"), tuple(weight.shape), said)
    chosen, few = _liveliest(weight, bounds.tiles)
    said.append(few)
    tiles = tuple(_tile(i, weight[i]) for i in chosen)
    shown = torch.stack([_normal(weight[i]) for i in chosen])
    small = fitted(shown.flatten(0, 1), bounds.side)
    high, wide = small.shape[1:]
    pixels = _bytes(small.reshape(-1, 3, high, wide).permute(0, 2, 3, 1))
    return Look("colour", tuple(weight.shape), wide, high, pixels, tiles, (), len(weight), " ".join(filter(None, said)))


def _liveliest(maps: torch.Tensor, most: int) -> tuple[list[int], str]:
    """The indices of the `most` that vary most, in order, and a sentence where that is not all."""
    if len(maps) <= most:
        return list(range(len(maps))), ""
    chosen = maps.flatten(1).std(1, correction=0).topk(most).indices.tolist()
    verb = "is shown: the one that varies" if most == 1 else "are shown: those that vary"
    return sorted(chosen), f"{most} of {len(maps):,} {verb} most."


def _normal(values: torch.Tensor) -> torch.Tensor:
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else torch.zeros_like(values)


def _size(high: int, wide: int, side: int) -> tuple[int, int]:
    """Height and width of a picture that is made to fit; small ones stay as they are."""
    scale = min(side / max(high, wide), 1.0)
    return max(round(high * scale), 1), max(round(wide * scale), 1)


def fitted(maps: torch.Tensor, side: int) -> torch.Tensor:
    """Maps (N, H, W) with their longer side at most `side`: each pixel is the mean of those that it stands for."""
    size = _size(maps.shape[1], maps.shape[2], side)
    return maps if size == tuple(maps.shape[1:]) else functional.adaptive_avg_pool2d(maps[None], size)[0]


def _tile(channel: int, values: torch.Tensor) -> Tile:
    low, high = float(values.min()), float(values.max())
    mean = float(values.double().mean())
    zeros = float((values == 0).sum()) / values.numel()
    return Tile(channel, low, high, mean if math.isfinite(mean) else 0.0, zeros)


def _bytes(values: torch.Tensor) -> bytes:
    """Values 0..1 as bytes."""
    grey = (values.clamp(0, 1) * 255).round().to(torch.uint8).contiguous()
    return bytes(grey.numpy().tobytes())
