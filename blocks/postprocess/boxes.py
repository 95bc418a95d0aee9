"""Anchors, and boxes from what a head says about them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from blocks.declare import block, port, setting
from blocks.necks.levels import LEVELS_IN

_ANCHORS = port("B L 4", "The anchor of each prediction: left, top, right, bottom in pixels.")
_BOXES = port("B L 4", "Boxes: left, top, right, bottom in pixels.")


@block(
    "Anchors", category="Postprocess", paper="Ren et al. 2015, arXiv:1506.01497", icon="scan",
    helps="Detectors that correct boxes of known forms: three sizes and three ratios at a place, as in RetinaNet, "
          "come near most objects. With one size and one form they are the points of FCOS and YOLOv8.",
    hurts="Objects that are much longer or smaller than every anchor match none and are not learned. Nine forms at a "
          "place are nine times the predictions to score and to suppress.",
    aliases=("priors", "grid", "points", "boxes", "detection"), inputs={"x": LEVELS_IN}, outputs={"out": _ANCHORS},
    scale=setting("The side of the smallest square anchor, in steps of its level: 4 for RetinaNet, 1 for FCOS.",
                  min=0.01, shown=True),
    sizes=setting("How many sizes at each place, evenly within one doubling: 3 for RetinaNet, 1 for FCOS.", min=1),
    ratios=setting("Height over width of each form of the anchors.", min=0.01),
    centred=setting("Anchors stand on the middle of their place (YOLO), not on its corner (torchvision)."),
    exempt={"gradient": "anchors follow from the levels' sizes, not from their values"},
)  # fmt: skip
class Anchors(nn.Module):
    """The boxes that a detection head starts from, at every place of every level.

    They come in the order of a head's predictions: level after level, place after place, form after form. With one
    size and one form they are the grid of points of heads without anchors, and as large as the level's step.
    """

    def __init__(
        self,
        strides: list[float],
        scale: float = 4.0,
        sizes: int = 3,
        ratios: tuple[float, ...] = (0.5, 1.0, 2.0),
        centred: bool = False,
    ) -> None:
        super().__init__()
        self.strides = strides
        self.offset = 0.5 if centred else 0.0
        sides = [scale * 2 ** (i / sizes) for i in range(sizes)]
        self.forms = [(side / math.sqrt(ratio), side * math.sqrt(ratio)) for ratio in ratios for side in sides]

    def forward(self, x: Sequence[torch.Tensor]) -> torch.Tensor:
        levels = []
        for level, stride in zip(x, self.strides, strict=True):
            height, width = level.shape[2:]
            across = (torch.arange(width, dtype=level.dtype, device=level.device) + self.offset) * stride
            down = (torch.arange(height, dtype=level.dtype, device=level.device) + self.offset) * stride
            middle = torch.stack([across.expand(height, width), down[:, None].expand(height, width)], 2)  # (H, W, 2)
            middle = middle[:, :, None].expand(height, width, len(self.forms), 2)
            half = torch.tensor(self.forms, dtype=level.dtype, device=level.device) * (stride / 2)
            levels.append(torch.cat([middle - half, middle + half], 3).flatten(0, 2))
        return torch.cat(levels).expand(x[0].shape[0], -1, -1)


@block(
    "Decode boxes", category="Postprocess", paper="Girshick et al. 2013, arXiv:1311.2524", icon="scan",
    helps="Heads trained on offsets from anchors: moves count in the anchor's sides and growth in logarithms, so "
          "large and small objects weigh alike in training.",
    hurts="The divisors must be those of training (1 and 1, or 10 and 5): others shift and shrink every box, and "
          "nothing complains. Heads that give distances to four sides need Decode distances.",
    aliases=("deltas", "offsets", "regression", "detection"),
    inputs={"x": port("B L 4", "How each anchor's middle moves, in its sides, and the logarithms of its growth."),
            "anchors": _ANCHORS},
    outputs={"out": _BOXES},
    centre_weight=setting("By what the moves are divided: 1 for RetinaNet, 10 for Faster R-CNN.", min=0.001),
    size_weight=setting("By what the logarithms are divided: 1 for RetinaNet, 5 for Faster R-CNN.", min=0.001),
)  # fmt: skip
class DecodeBoxes(nn.Module):
    """Move and resize each anchor as the head says.

    The growth is limited to 62.5 times, so that no answer of an untrained network overflows.
    """

    def __init__(self, centre_weight: float = 1.0, size_weight: float = 1.0) -> None:
        super().__init__()
        self.centre_weight = centre_weight
        self.size_weight = size_weight

    def forward(self, x: torch.Tensor, anchors: torch.Tensor) -> torch.Tensor:
        sides = anchors[..., 2:] - anchors[..., :2]
        middle = anchors[..., :2] + sides / 2 + x[..., :2] / self.centre_weight * sides
        half = (x[..., 2:] / self.size_weight).clamp(max=math.log(1000 / 16)).exp() * sides / 2
        return torch.cat([middle - half, middle + half], -1)


@block(
    "Decode distances", category="Postprocess", paper="Tian et al. 2019, arXiv:1904.01355", icon="scan",
    helps="Heads without anchors of set forms, such as FCOS and YOLOv8: nothing has to be tuned to the objects of the "
          "data, and each place predicts one box.",
    hurts="Negative distances turn a box inside out, so the head must end in something positive. Where two objects "
          "overlap, a place can answer for one only; and pixels taken for steps give boxes off by the stride.",
    aliases=("fcos", "yolo", "ltrb", "anchor-free", "detection"),
    inputs={"x": port("B L 4", "Distances to left, top, right and bottom, in the anchor's sides."),
            "anchors": _ANCHORS},
    outputs={"out": _BOXES},
)  # fmt: skip
class DecodeDistances(nn.Module):
    """Make boxes of the distances from each anchor's middle to the four sides.

    Where the anchors are as large as a level's step, the distances count in steps: FCOS and YOLOv8 are so.
    """

    def forward(self, x: torch.Tensor, anchors: torch.Tensor) -> torch.Tensor:
        sides = anchors[..., 2:] - anchors[..., :2]
        middle = anchors[..., :2] + sides / 2
        return torch.cat([middle - x[..., :2] * sides, middle + x[..., 2:] * sides], -1)


@block(
    "Clip boxes", category="Postprocess", paper="Girshick et al. 2013, arXiv:1311.2524", icon="scissors",
    helps="Before boxes are measured, drawn or cut out: one that reaches beyond the image has too large an area, and "
          "so a wrong overlap with others.",
    hurts="A box wholly outside is left as a line without area instead of being dropped. Sides beyond the edge get no "
          "gradient, and in a padded image the edge is that of the padding.",
    aliases=("crop", "detection"), inputs={"x": _BOXES, "like": port("B k h w", "The image.")}, outputs={"out": _BOXES},
)  # fmt: skip
class ClipBoxes(nn.Module):
    """Cut boxes off at the edges of the image.

    What a head predicts near an edge often reaches beyond it.
    """

    def forward(self, x: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        height, width = like.shape[2:]
        across, down = x[..., 0::2].clamp(0, width), x[..., 1::2].clamp(0, height)
        return torch.stack([across[..., 0], down[..., 0], across[..., 1], down[..., 1]], -1)
