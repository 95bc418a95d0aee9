"""What regions of interest see of a feature map, whatever their size: the middle of detectors with two stages.

A region is a row of five numbers: which image of the batch, and its box: left, top, right, bottom.
"""

from __future__ import annotations

import torch
from torch import nn

from blocks.declare import block, port, setting
from blocks.layers.sizes import Size, pair

_MAP = port("B C H W", "The feature maps that the regions look at.")
_REGIONS = port("N 5", "A region a row: number of its image, then left, top, right and bottom in points of the image.")
_OUT = port("N C h w", "What each region sees, all in one size.")
_SIZE = setting("Height and width that come out for every region.", min=1, shown=True)
_SCALE = setting("Points of the feature map for a point of the image: 1 divided by the map's stride.", min=1e-6,
                 shown=True)  # fmt: skip


@block(
    "Boxes to regions", category="Connector", paper="Girshick 2015, arXiv:1504.08083", icon="list",
    helps="Between proposals and RoI align or RoI pool in detectors of two stages: B x L boxes become one list, so "
          "that all regions pass the head as one batch.",
    hurts="Every image gives the same L, so that boxes that only fill up are pooled as well. It does not check the "
          "form: middle and size instead of corners are read as boxes elsewhere.",
    aliases=("roi", "rois", "proposals", "batch index"),
    inputs={"boxes": port("B L 4", "Boxes of each image: left, top, right, bottom.")},
    outputs={"out": port("N 5", "The boxes of all images, each with the number of its image in front.")},
)  # fmt: skip
class BoxesToRegions(nn.Module):
    """Write the boxes of all images in one list, each with the number of its image in front.

    RoI pooling and RoI align take such a list.
    """

    def forward(self, boxes: torch.Tensor) -> torch.Tensor:
        image = torch.arange(boxes.shape[0], dtype=boxes.dtype, device=boxes.device)[:, None, None]
        return torch.cat((image.expand(-1, boxes.shape[1], 1), boxes), 2).flatten(0, 1)


@block(
    "RoI align", category="Layer", paper="He et al. 2017, arXiv:1703.06870", icon="crosshair",
    helps="Masks, keypoints and small boxes, as in Mask R-CNN with 7 x 7 for boxes and 14 x 14 for masks: nothing is "
          "rounded, and box coordinates get a gradient too.",
    hurts="With 2 points a side in each bin, a region much larger than 2 x h places is read with gaps: send large "
          "boxes to a coarser level, or raise `sampling`. Detectors with adaptive sampling give slightly other values.",
    aliases=("region", "proposal", "mask r-cnn", "faster r-cnn"),
    inputs={"x": _MAP, "regions": _REGIONS}, outputs={"out": _OUT}, output_size=_SIZE, scale=_SCALE,
    sampling=setting("Points along each side of a bin at which the map is read.", min=1),
    aligned=setting("Take a point of the map as the middle of its square, half a point off its corner."),
)  # fmt: skip
class RoIAlign(nn.Module):
    """Read each region at evenly spread points between the map's places, and average them bin by bin.

    Nothing is rounded, so that masks and small boxes come out exactly. The number of points a bin is fixed: there is
    no form that grows with the region.
    """

    def __init__(
        self, output_size: Size = 7, scale: float = 1.0, sampling: int = 2, aligned: bool = True
    ) -> None:
        super().__init__()
        self.output_size = pair(output_size)
        self.scale, self.sampling, self.aligned = scale, sampling, aligned

    def forward(self, x: torch.Tensor, regions: torch.Tensor) -> torch.Tensor:
        offset = 0.5 if self.aligned else 0.0
        left, top, right, bottom = (regions[:, 1:] * self.scale - offset).unbind(1)
        rows = self._lines(top, bottom, self.output_size[0])  # (N, h * sampling)
        columns = self._lines(left, right, self.output_size[1])
        seen = _read(x, _image(regions, x), rows, columns)  # (N, h * sampling, w * sampling, C)
        bins = seen.unflatten(2, (-1, self.sampling)).unflatten(1, (-1, self.sampling)).mean((2, 4))
        return bins.permute(0, 3, 1, 2)

    def _lines(self, start: torch.Tensor, end: torch.Tensor, bins: int) -> torch.Tensor:
        """Where along one side the points of each region lie."""
        size = end - start if self.aligned else (end - start).clamp(min=1)
        count = bins * self.sampling
        steps = (torch.arange(count, dtype=start.dtype, device=start.device) + 0.5) / count
        return start[:, None] + size[:, None] * steps


def _image(regions: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return regions[:, 0].long().clamp(0, x.shape[0] - 1)


def _read(x: torch.Tensor, image: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """The map of each region's image, read between its places where rows and columns meet: (N, rows, columns, C).

    Up to one place outside the edge counts as the edge; farther out lie zeros.
    """
    flat = x.permute(0, 2, 3, 1).flatten(0, 2)  # (B * H * W, C)
    height, width = x.shape[2:]
    corners = []
    lines, across_lines = _neighbours(rows, height), _neighbours(columns, width)
    for y, down in lines:
        for across, right in across_lines:
            places = (image[:, None, None] * height + y[:, :, None]) * width + across[:, None, :]
            corners.append(flat[places] * (down[:, :, None] * right[:, None, :])[..., None])
    return torch.stack(corners).sum(0)


def _neighbours(at: torch.Tensor, size: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The places before and after each point along one side, and how much each counts."""
    inside = ((at >= -1) & (at <= size)).to(at.dtype)
    held = at.clamp(0, size - 1)
    before = held.floor()
    part = held - before
    after = before + (before < size - 1).to(at.dtype)
    return [(before.long(), (1 - part) * inside), (after.long(), part * inside)]


@block(
    "RoI pool", category="Layer", paper="Girshick 2015, arXiv:1504.08083", icon="crosshair",
    helps="Weights of Fast R-CNN or the first Faster R-CNN, and naming what is in a region: every place of a bin is "
          "looked at, however large the region is.",
    hurts="A coordinate moves by up to half a place, at stride 16 by 8 pixels, which spoils masks and small boxes, "
          "and boxes get no gradient. RoI align rounds nothing.",
    aliases=("region", "proposal", "fast r-cnn"),
    inputs={"x": _MAP, "regions": _REGIONS}, outputs={"out": _OUT}, output_size=_SIZE, scale=_SCALE,
)  # fmt: skip
class RoIPool(nn.Module):
    """Cut each region into bins and keep the largest value of each.

    Regions and bins are rounded to whole places, as in Fast R-CNN; RoI align does not round. An empty bin gives 0.
    """

    def __init__(self, output_size: Size = 7, scale: float = 1.0) -> None:
        super().__init__()
        self.output_size = pair(output_size)
        self.scale = scale

    def forward(self, x: torch.Tensor, regions: torch.Tensor) -> torch.Tensor:
        left, top, right, bottom = _nearest(regions[:, 1:] * self.scale).unbind(1)
        rows = _bins(top, bottom, self.output_size[0], x.shape[2])
        columns = _bins(left, right, self.output_size[1], x.shape[3])
        return _largest(x, _image(regions, x), rows, columns)


def _nearest(x: torch.Tensor) -> torch.Tensor:
    """The nearest whole number; of two equally near ones that farther from 0 (torch.round takes the even one)."""
    return x.sign() * (x.abs() + 0.5).floor()


def _bins(start: torch.Tensor, end: torch.Tensor, bins: int, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The first place of each region's bins, and the place after the last one: (N, bins)."""
    step = (end - start + 1).clamp(min=1)[:, None] / bins
    number = torch.arange(bins, dtype=start.dtype, device=start.device)
    first = (number * step).floor() + start[:, None]
    last = ((number + 1) * step).ceil() + start[:, None]
    return first.clamp(0, size).long(), last.clamp(0, size).long()


def _largest(
    x: torch.Tensor, image: torch.Tensor, rows: tuple[torch.Tensor, torch.Tensor],
    columns: tuple[torch.Tensor, torch.Tensor],
) -> torch.Tensor:  # fmt: skip
    """The largest values of rectangles of any size: (N, C, bins, bins); 0 where one is empty.

    The maxima of all rectangles whose sides are powers of 2 are made first; four of them cover any other one.
    """
    height, width = x.shape[2:]
    tables = torch.stack([torch.stack(_doubled(t, 3)) for t in _doubled(x, 2)])  # (rows, columns, B, C, H, W)
    flat = tables.permute(0, 1, 2, 4, 5, 3).flatten(0, 4)  # one row of C numbers for each
    row_level, *row_places = _cover(*rows, height)
    column_level, *column_places = _cover(*columns, width)
    table = row_level[:, :, None] * tables.shape[1] + column_level[:, None, :]  # (N, h, w)
    table = table * x.shape[0] + image[:, None, None]
    corners = [
        flat[(table * height + y[:, :, None]) * width + across[:, None, :]]
        for y in row_places for across in column_places
    ]  # fmt: skip
    out = torch.stack(corners).amax(0).permute(0, 3, 1, 2)
    filled = (rows[1] > rows[0])[:, :, None] & (columns[1] > columns[0])[:, None, :]
    return out * filled[:, None].to(out.dtype)


def _doubled(x: torch.Tensor, dim: int) -> list[torch.Tensor]:
    """The maxima along `dim` of 1, 2, 4, ... places from each place on."""
    out, step = [x], 1
    while 2 * step <= x.shape[dim]:
        last = out[-1]
        kept = last.narrow(dim, 0, x.shape[dim] - step)
        ahead = last.narrow(dim, step, x.shape[dim] - step)
        out.append(torch.cat((torch.maximum(kept, ahead), last.narrow(dim, x.shape[dim] - step, step)), dim))
        step *= 2
    return out


def _cover(first: torch.Tensor, last: torch.Tensor, size: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Which power of 2 covers first to last by two overlapping stretches, and where both begin."""
    powers = [max(n, 1).bit_length() - 1 for n in range(size + 1)]
    table = torch.tensor([powers, [2**power for power in powers]], device="cpu").to(first.device)
    level, side = table[:, (last - first).clamp(min=0)].unbind(0)
    begin = first.clamp(max=size - 1)
    end = (last - side).clamp(min=0)
    return level, begin, torch.maximum(end, begin)
