"""Losses for boxes that measure how well they cover each other."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import nn

from blocks.declare import block, port, preset, setting
from blocks.losses.common import NO_EXPORT, WEIGHT, mean_of, wide

Overlap = Literal["iou", "giou", "diou", "ciou"]


@block(
    "Box overlap loss", category="Loss", paper="Rezatofighi et al. 2019, arXiv:1902.09630; Zheng et al. 2019, "
    "arXiv:1911.08287", icon="scan",
    helps="Boxes whose predictions are matched with their truths: it trains the very number that detectors are judged "
          "by, and large and small boxes count alike. CIoU trains YOLO from v4 on, GIoU trains DETR.",
    hurts="Plain IoU has no gradient between boxes that do not touch, and GIoU first grows a box before it moves it. "
          "Sides in the wrong order or another form of boxes (centre and size) give nonsense without an error.",
    aliases=("iou", "giou", "diou", "ciou", "detection", "boxes", "intersection over union"),
    inputs={"x": port("B *S 4", "The boxes that the network gives: left, top, right, bottom."),
            "target": port("B *S 4", "The box that each of them should be; one without area is padding.")},
    outputs={"loss": "scalar"}, exempt={"onnx": NO_EXPORT}, weight=WEIGHT,
    form=setting("`iou`: overlap alone; `giou`: and the empty rest of the box around both; `diou`: and the distance of "
                 "the centres; `ciou`: and the ratio of the sides.", shown=True),
    presets={
        "iou": preset("Overlap alone: needs boxes that touch.", title="IoU loss", form="iou"),
        "giou": preset("With the empty rest of the box around both.", title="GIoU loss", form="giou"),
        "diou": preset("With the distance of the centres.", title="DIoU loss", form="diou"),
        "ciou": preset("With the centres and the ratio of the sides.", title="CIoU loss", form="ciou"),
    },
)  # fmt: skip
class BoxIoULoss(nn.Module):
    """One minus the intersection over union of each box and its target, with what the form adds to it.

    GIoU takes away the share of the smallest box around both that neither fills. DIoU adds the squared distance of the
    centres over the squared diagonal of that box; CIoU adds to this how much the ratio of width and height differs,
    weighted by how well both overlap already. Targets without area do not count.
    """

    def __init__(self, weight: float = 1.0, form: Overlap = "ciou") -> None:
        super().__init__()
        self.weight = weight
        self.form = form

    def forward(self, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        x, target = wide(x), wide(target)
        sides = (target[..., 2:] - target[..., :2]).clamp(min=0)
        return self.weight * mean_of(1 - covering(x, target, self.form), (sides.prod(-1) > 0).to(x.dtype))


def covering(x: torch.Tensor, target: torch.Tensor, form: Overlap = "iou") -> torch.Tensor:
    """How well boxes (*S, 4) cover others, one for one: (*S), at most 1; IoU, or what `form` makes of it."""
    eps = 1e-7
    mine, theirs = (x[..., 2:] - x[..., :2]).clamp(min=0), (target[..., 2:] - target[..., :2]).clamp(min=0)
    common = (torch.minimum(x[..., 2:], target[..., 2:]) - torch.maximum(x[..., :2], target[..., :2])).clamp(min=0)
    both = common.prod(-1)
    union = mine.prod(-1) + theirs.prod(-1) - both
    iou = both / (union + eps)
    if form == "iou":
        return iou
    around = torch.maximum(x[..., 2:], target[..., 2:]) - torch.minimum(x[..., :2], target[..., :2])
    if form == "giou":
        hull = around.prod(-1)
        return iou - (hull - union) / (hull + eps)
    apart = (x[..., :2] + x[..., 2:] - target[..., :2] - target[..., 2:]) / 2
    near = iou - apart.square().sum(-1) / (around.square().sum(-1) + eps)
    if form == "diou":
        return near
    turn = [torch.atan(side[..., 0] / (side[..., 1] + eps)) for side in (theirs, mine)]
    differ = (turn[0] - turn[1]).square() * (4 / math.pi**2)
    with torch.no_grad():
        share = differ / (1 - iou + differ + eps)
    return near - share * differ
