"""A batch under way from the reader to the network, and how what belongs to a picture moves with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch.nn import functional

Role = Literal["picture", "clean", "map", "boxes", "still"]
"""`clean` is the sample as a Target: it moves as the picture does, but its colours stay. `still` never changes."""

NO_CLASS = -100
"""In masks, where there is no picture: losses and metrics pass over it."""
SEEN = 0.1
"""Of the area of a box that must be left in the picture; else it is gone."""


@dataclass(frozen=True)
class Part:
    """A tensor of the batch. Pictures and maps are (B, C, H, W) here; boxes (B, N, 5)."""

    role: Role
    values: torch.Tensor
    shape: tuple[int, ...] = ()
    """A sample's shape as the network takes it."""
    empty: float = 0.0
    """What a map has where there is no picture."""
    view: int = 0
    """Of which view it is."""

    @property
    def lies(self) -> bool:
        """Whether it has a place for each pixel."""
        return self.role in ("picture", "clean", "map")


@dataclass
class Batch:
    """`size` is height and width of the pictures, in which boxes are measured; `out` is that of the first Input."""

    parts: list[Part]
    size: tuple[int, int]
    out: tuple[int, int]
    view: int = 0
    """The view that is being changed: parts of another one stand by."""
    normal: bool = False
    """Whether values have been normalised: they lie about 0 then, not from 0 to 1."""

    def change(self, of: Role | tuple[Role, ...], change: Callable[[Part], torch.Tensor]) -> None:
        """Put `change(part)` in the place of the values of each part of these roles."""
        roles = (of,) if isinstance(of, str) else of
        for i, part in enumerate(self.parts):
            if part.role in roles and part.view == self.view:
                self.parts[i] = replace(part, values=change(part))


def flip(batch: Batch, chosen: torch.Tensor, axis: int) -> None:
    """Mirror the chosen samples (B, bool): axis 3 left and right, axis 2 top and bottom."""
    if not chosen.any():
        return

    which = chosen.nonzero()[:, 0]

    def mirrored(part: Part) -> torch.Tensor:
        whole = part.values.clone()
        whole[which] = part.values[which].flip(axis)
        return whole

    def boxes(part: Part) -> torch.Tensor:
        low, high, length = (0, 2, batch.size[1]) if axis == 3 else (1, 3, batch.size[0])
        turned = part.values.clone()
        turned[..., low], turned[..., high] = length - part.values[..., high], length - part.values[..., low]
        real = (part.values[..., 4:] >= 0) & chosen.view(-1, 1, 1)
        return torch.where(real, turned, part.values)

    batch.change(("picture", "clean", "map"), mirrored)
    batch.change("boxes", boxes)


def cut(batch: Batch, top: torch.Tensor, left: torch.Tensor, padding: int, fill: float) -> None:
    """Cut pieces as large as the Input: `top` and `left` (B, whole numbers) count from the padded picture's corner.

    No pixel is mixed with another: the piece is exact. Maps of another resolution move by the same share.
    """
    out_high, out_wide = batch.out

    def piece(part: Part) -> torch.Tensor:
        empty = part.empty if part.role == "map" else fill
        if part.values.shape[2:] != batch.size:
            return _scaled_piece(part.values, batch, top, left, padding, empty)
        padded = functional.pad(part.values, (padding,) * 4, value=empty) if padding else part.values
        places = zip(padded, top.tolist(), left.tolist(), strict=True)
        return torch.stack([one[:, y : y + out_high, x : x + out_wide] for one, y, x in places])

    def boxes(part: Part) -> torch.Tensor:
        shift = torch.stack([left - padding, top - padding, left - padding, top - padding], -1)[:, None].float()
        return bounded(part.values, part.values[..., :4] - shift, batch.out)

    batch.change(("picture", "clean", "map"), piece)
    batch.change("boxes", boxes)


def _scaled_piece(
    values: torch.Tensor, batch: Batch, top: torch.Tensor, left: torch.Tensor, padding: int, empty: float
) -> torch.Tensor:  # fmt: skip
    """As `cut`, of maps that have another number of pixels than the picture."""
    own = values.shape[2:]
    rows, columns = (
        _places(start - padding, batch.size[axis], batch.out[axis], own[axis])
        for axis, start in enumerate((top, left))
    )
    outside = ((rows < 0) | (rows >= own[0]))[:, :, None] | ((columns < 0) | (columns >= own[1]))[:, None, :]
    number = torch.arange(len(values)).view(-1, 1, 1, 1)
    channel = torch.arange(values.shape[1]).view(1, -1, 1, 1)
    row = rows.clamp(0, own[0] - 1)[:, None, :, None]
    column = columns.clamp(0, own[1] - 1)[:, None, None, :]
    return values[number, channel, row, column].masked_fill(outside[:, None], empty)


def _places(start: torch.Tensor, whole: int, out: int, own: int) -> torch.Tensor:
    """From which rows (or columns) of a map with `own` of them those of its piece come: (B, n)."""
    count = round(out * own / whole)
    centre = (torch.arange(count) + 0.5) * (out / count)
    return (start[:, None] + centre).mul(own / whole).floor().long()


def warp(
    batch: Batch, theta: torch.Tensor, fill: float, chosen: torch.Tensor | None = None,
    out: tuple[int, int] | None = None,
) -> None:  # fmt: skip
    """Move the chosen samples (all) by `theta` (B, 2, 3): for a place in the new picture the one in the old, both from
    -1 to 1 as in torch's affine_grid. Pictures are read bilinearly, maps at the nearest pixel. The size becomes `out`
    (only for all of them), else it stays.
    """
    if chosen is not None and not chosen.any():
        return
    out = out or batch.size
    which = torch.arange(len(theta)) if chosen is None else chosen.nonzero()[:, 0]
    scale = out[0] / batch.size[0], out[1] / batch.size[1]

    def moved(part: Part) -> torch.Tensor:
        values, own = part.values[which], part.values.shape[2:]
        size = [len(which), values.shape[1], round(own[0] * scale[0]), round(own[1] * scale[1])]
        empty = part.empty if part.role == "map" else fill
        grid = functional.affine_grid(theta[which].to(torch.float32), size, align_corners=False)
        real = values.float() - empty if empty else values.float()
        mode = "nearest" if part.role == "map" else "bilinear"
        found = functional.grid_sample(real, grid, mode=mode, padding_mode="zeros", align_corners=False)
        found = (found + empty if empty else found).to(values.dtype)
        if chosen is None:
            return found
        whole = part.values.clone()
        whole[which] = found
        return whole

    def boxes(part: Part) -> torch.Tensor:
        high, wide = batch.size
        rows = part.values[which]
        square = torch.tensor([0.0, 0.0, 1.0]).expand(len(which), 1, 3)
        back = torch.linalg.inv(torch.cat([theta[which].double(), square.double()], 1))[:, :2]  # old -> new
        x, y = rows[..., [0, 2, 0, 2]].double(), rows[..., [1, 1, 3, 3]].double()  # four corners: (B, N, 4)
        corners = torch.stack([x * 2 / wide - 1, y * 2 / high - 1, torch.ones_like(x)], -1)
        new = torch.einsum("bij,bnkj->bnki", back, corners)
        x = (new[..., 0] + 1) * out[1] / 2
        y = (new[..., 1] + 1) * out[0] / 2
        around = torch.stack([x.amin(-1), y.amin(-1), x.amax(-1), y.amax(-1)], -1).float()
        whole = part.values.clone()
        whole[which] = bounded(rows, around, out)
        return whole

    batch.change(("picture", "clean", "map"), moved)
    batch.change("boxes", boxes)


def bounded(rows: torch.Tensor, boxes: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Boxes (B, N, 4) that were moved, cut to the picture; of those of which hardly anything is left rows of -1 stay,
    which go to the end."""
    limit = torch.tensor([size[1], size[0], size[1], size[0]], dtype=boxes.dtype)
    clipped = torch.minimum(boxes.clamp(min=0), limit)
    stays = (rows[..., 4] >= 0) & (_area(clipped) >= SEEN * _area(boxes)) & (_area(clipped) > 0)
    made = torch.cat([clipped, rows[..., 4:]], -1).masked_fill(~stays[..., None], -1)
    order = (~stays).long().argsort(dim=1, stable=True)
    return made.gather(1, order[..., None].expand_as(made))


def _area(boxes: torch.Tensor) -> torch.Tensor:
    return (boxes[..., 2] - boxes[..., 0]).clamp(min=0) * (boxes[..., 3] - boxes[..., 1]).clamp(min=0)
