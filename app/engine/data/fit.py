"""Pictures made to fit an Input: read with bounds, resized bilinearly, grey to colour and back."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch.nn import functional

from app.engine.fitting import STRETCH, Fit, corner, resized

if TYPE_CHECKING:
    from app.engine.compile import InputSpec

MAX_PIXELS = 64_000_000
"""Larger pictures are refused before they are decoded: a small file can unfold to gigabytes."""

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"})


class DataError(ValueError):
    """Data that cannot be used as it is; the message is one sentence for the user."""


class Frame(NamedTuple):
    """The picture that an Input takes: its size, and the Input's own shape, into which the picture is viewed."""

    channels: int
    height: int
    width: int
    shape: tuple[int, ...]
    fit: Fit = STRETCH

    @property
    def size(self) -> str:
        return f"{self.channels}×{self.height}×{self.width}"


def frame_of(spec: InputSpec, kind: str, native: tuple[int, int, int] | None = None) -> Frame:
    """How a picture is fed to the Input `spec`. `native` is the data's own size where all its pictures have one.

    Raises DataError where no picture can be made to fit.
    """
    if spec.dtype != "float32":
        raise DataError(f"`{spec.name}` takes {spec.dtype}, but {kind} gives pictures: set it to float32.")
    match spec.shape:
        case (1 | 3 as channels, height, width):
            return Frame(channels, height, width, spec.shape, spec.fit)
        case (height, width):
            return Frame(1, height, width, spec.shape, spec.fit)
        case (length,) if native and length == native[0] * native[1] * native[2]:
            return Frame(*native, spec.shape)
    wanted = f"1×{native[1]}×{native[2]}" if native else "3×224×224"
    raise DataError(
        f"`{spec.name}` takes {written(spec.shape)}, but {kind} gives pictures: set its shape to {wanted}, say "
        "(1 or 3 channels, then height and width)."
    )


def written(shape: tuple[int, ...]) -> str:
    """A shape in words for people: 3×224×224."""
    return "×".join(map(str, shape)) if shape else "one number"


def fit_tensor(pictures: torch.Tensor, frame: Frame) -> torch.Tensor:
    """Pictures N×C×H×W in 0..1, in the form that the Input takes: N times its shape."""
    if pictures.shape[2:] != (frame.height, frame.width):
        size = (frame.height, frame.width)
        own = resized((pictures.shape[2], pictures.shape[3]), size, frame.fit)
        pictures = functional.interpolate(pictures, size=own, mode="bilinear", antialias=True, align_corners=False)
        if own != size:  # bars on all sides, or (below 0) what juts out
            top, left = corner(own, size)
            around = (left, size[1] - own[1] - left, top, size[0] - own[0] - top)
            pictures = functional.pad(pictures, around, value=frame.fit.fill)
    if frame.channels == 3 and pictures.shape[1] == 1:
        pictures = pictures.expand(-1, 3, -1, -1)
    elif frame.channels == 1 and pictures.shape[1] == 3:
        weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
        pictures = (pictures * weights).sum(1, keepdim=True)
    return pictures.clamp(0, 1).reshape(len(pictures), *frame.shape).contiguous()


def fit_picture(picture: Image.Image, frame: Frame) -> torch.Tensor:
    """One picture as bytes 0..255 of the frame's channels, height and width."""
    picture = picture.convert("L" if frame.channels == 1 else "RGB")
    picture = fitted(picture, (frame.height, frame.width), frame.fit, Image.Resampling.BILINEAR)
    values = torch.from_numpy(np.array(picture, dtype=np.uint8))
    return values.unsqueeze(0) if values.ndim == 2 else values.permute(2, 0, 1).contiguous()


def fitted(
    picture: Image.Image, size: tuple[int, int], fit: Fit, way: Image.Resampling, bars: int | None = None
) -> Image.Image:
    """A picture at another size; bars hold `bars`, else the grey that `fit` says."""
    if picture.size == (size[1], size[0]):
        return picture
    own = resized((picture.height, picture.width), size, fit)
    picture = picture.resize((own[1], own[0]), way)
    if own == size:
        return picture
    top, left = corner(own, size)
    grey = round(fit.fill * 255)
    whole = Image.new(picture.mode, (size[1], size[0]), bars if bars is not None else (grey,) * len(picture.getbands()))
    whole.paste(picture, (left, top))
    return whole


def read_picture(source: bytes | Path) -> Image.Image:
    """Open and decode a picture, upright. Raises DataError on anything that is none, or is too large."""
    name = "The sample" if isinstance(source, bytes) else str(source)
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as picture:
            width, height = picture.size
            if width * height > MAX_PIXELS:
                raise DataError(f"{name} has {width}×{height} pixels: at most {MAX_PIXELS // 10**6} million are read.")
            picture.load()
            return _plain(picture)
    except UnidentifiedImageError:
        raise DataError(f"{name} is not a picture that can be read: use PNG, JPEG, BMP, GIF, WebP or TIFF.") from None
    except Image.DecompressionBombError:
        raise DataError(f"{name} has more than {MAX_PIXELS // 10**6} million pixels: scale it down.") from None
    except OSError as error:
        reason = error.strerror or "the file is damaged or cut short"
        raise DataError(f"{name} cannot be read: {reason}.") from None
    except (ValueError, SyntaxError, EOFError) as error:  # what Pillow's decoders raise on damaged files
        raise DataError(f"{name} cannot be read: the file is damaged ({error}).") from None


def _plain(picture: Image.Image) -> Image.Image:
    """Upright, without transparency (on white, as viewers show it), 8 bits a channel."""
    orientation = {3: 180, 6: 270, 8: 90}.get(picture.getexif().get(0x0112, 1))
    if picture.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
        values = np.asarray(picture, dtype=np.float64)
        top = 65535.0 if picture.mode.startswith("I") and values.max(initial=0) > 255 else 255.0
        picture = Image.fromarray((values.clip(0, top) * (255.0 / top)).astype(np.uint8))
    if "A" in picture.getbands() or "transparency" in picture.info:
        with_alpha = picture.convert("RGBA")
        ground = Image.new("RGBA", with_alpha.size, "white")
        picture = Image.alpha_composite(ground, with_alpha).convert("RGB")
    if picture.mode not in ("L", "RGB"):
        picture = picture.convert("RGB")
    return picture.rotate(orientation, expand=True) if orientation else picture.copy()
