"""Changes of colour on pictures (B, C, H, W) from 0 to 1, C 1 or 3, with a strength for each sample (B). Each gives
new pictures. Their definitions are Pillow's (`ImageEnhance`, `ImageOps`), which the papers' code used."""

from __future__ import annotations

import math

import torch
from torch.nn import functional

GREY = (0.299, 0.587, 0.114)
_YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
_RGB = torch.linalg.inv(_YIQ)
_SMOOTH = torch.tensor([[1.0, 1.0, 1.0], [1.0, 5.0, 1.0], [1.0, 1.0, 1.0]]) / 13


def _each(strength: torch.Tensor) -> torch.Tensor:
    return strength.to(torch.float32).view(-1, 1, 1, 1)


def grey(x: torch.Tensor) -> torch.Tensor:
    """Luma, (B, 1, H, W)."""
    if x.shape[1] == 1:
        return x
    return x[:, :1] * GREY[0] + x[:, 1:2] * GREY[1] + x[:, 2:] * GREY[2]


def _blend(other: torch.Tensor, x: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    """`other` at 0, the picture at 1, beyond it above."""
    return (other + (x - other) * _each(factor)).clamp_(0, 1)


def brightness(x: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    return (x * _each(factor)).clamp_(0, 1)


def contrast(x: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    return _blend(grey(x).mean((1, 2, 3), keepdim=True), x, factor)


def saturation(x: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    return _blend(grey(x), x, factor) if x.shape[1] == 3 else x


def hue(x: torch.Tensor, turn: torch.Tensor) -> torch.Tensor:
    """Turn the colours by a share of the circle, in YIQ: luma stays, and it is one small matrix a sample."""
    if x.shape[1] != 3:
        return x
    angle = turn.to(torch.float32) * 2 * math.pi
    cos, sin, one, none = angle.cos(), angle.sin(), torch.ones_like(angle), torch.zeros_like(angle)
    rows = (one, none, none, none, cos, -sin, none, sin, cos)
    matrix = _RGB @ torch.stack(rows, 1).view(-1, 3, 3) @ _YIQ
    return torch.bmm(matrix, x.flatten(2)).view_as(x).clamp_(0, 1)


def invert(x: torch.Tensor, _strength: torch.Tensor) -> torch.Tensor:
    return 1 - x


def solarize(x: torch.Tensor, threshold: torch.Tensor) -> torch.Tensor:
    """Invert what is at least as bright as the threshold (0 to 1)."""
    return torch.where(x >= _each(threshold), 1 - x, x)


def posterize(x: torch.Tensor, bits: torch.Tensor) -> torch.Tensor:
    """Keep so many of the 8 bits of each value."""
    step = _each(2.0 ** (8 - bits.float()))
    return (x * 255).round().div(step).floor_().mul_(step).div_(255)


def sharpness(x: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    """0 is smoothed, 1 the picture, 2 sharpened; the border stays as it is."""
    if min(x.shape[2:]) < 3:
        return x
    channels = x.shape[1]
    smooth = x.clone()
    kernel = _SMOOTH.expand(channels, 1, 3, 3)
    smooth[..., 1:-1, 1:-1] = functional.conv2d(x, kernel, groups=channels)
    return _blend(smooth, x, factor)


def autocontrast(x: torch.Tensor, _strength: torch.Tensor) -> torch.Tensor:
    """Each channel from its darkest value at 0 to its brightest at 1."""
    low, high = x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
    span = high - low
    return torch.where(span > 1e-6, (x - low) / span.clamp(min=1e-6), x)


def equalize(x: torch.Tensor, _strength: torch.Tensor) -> torch.Tensor:
    """Each channel's 256 values spread so that all are about as frequent, by Pillow's rule."""
    batch, channels, high, wide = x.shape
    values = (x * 255).round().long().clamp_(0, 255).view(batch * channels, -1)
    rows = torch.arange(batch * channels).unsqueeze(1)
    counts = torch.bincount((values + rows * 256).view(-1), minlength=256 * batch * channels).view(-1, 256)
    last = 255 - (counts > 0).flip(1).long().argmax(1)
    step = (counts.sum(1) - counts.gather(1, last[:, None])[:, 0]) // 255
    before = counts.cumsum(1) - counts
    table = ((before + step[:, None] // 2) // step.clamp(min=1)[:, None]).clamp_(0, 255)
    table = torch.where(step[:, None] > 0, table, torch.arange(256).expand_as(table))
    return table.gather(1, values).view(batch, channels, high, wide).float() / 255


def blur(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """A Gaussian of this sigma in pixels, cut at three sigma; edges are mirrored."""
    reach = min(math.ceil(3 * float(sigma.max())), min(x.shape[2:]) - 1)
    if reach < 1:
        return x
    batch, channels, high, wide = x.shape
    at = torch.arange(-reach, reach + 1, dtype=torch.float32)
    weights = torch.exp(-0.5 * (at / sigma.to(torch.float32).view(-1, 1)) ** 2)
    weights = weights * (at.abs() <= torch.ceil(3 * sigma.to(torch.float32)).view(-1, 1))  # not by what others have
    kernel = (weights / weights.sum(1, keepdim=True)).repeat_interleave(channels, 0)[:, None]  # (B·C, 1, n)
    rows = functional.pad(x.reshape(1, batch * channels, high, wide), (reach, reach, reach, reach), mode="reflect")
    across = functional.conv2d(rows, kernel[:, :, None, :], groups=batch * channels)
    return functional.conv2d(across, kernel[:, :, :, None], groups=batch * channels).view_as(x)
