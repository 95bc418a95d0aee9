"""The heads of YOLOv8: detection with distributions for the sides of boxes, and segmentation of instances."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from blocks.connectors.pyramid import JoinLevels
from blocks.declare import block, port, setting
from blocks.heads.detection import CLASSES
from blocks.layers.convolution import Conv2d
from blocks.layers.convolution_forms import ConvTranspose2d
from blocks.necks.levels import LEVELS_IN
from blocks.stages.yolo import V8, conv

_DFL = "Li et al. 2020, arXiv:2006.04388"
_FIXED = {"gradient": "the integral's weights are 0, 1, 2, ... and stay so; the heads' own test looks at all others"}
_BINS = setting("Into how many steps the distance to each side of a box is divided.", min=2, max=1000)
_OUTPUTS = {
    "boxes": port("B K L", "For each side of a box (left, top, right, bottom) one score a step; levels finest first."),
    "scores": port("B N L", "One score a class of each place, before any sigmoid."),
    "distances": port("B L 4", "How far each side is from the place, in steps of its level, for Decode distances."),
}


@block(
    "Integral of distributions", category="Postprocess", paper=_DFL, icon="sigma",
    helps="Heads in the manner of YOLOv8 or generalised focal loss, between their scores and Decode distances; at "
          "training the loss also looks at the scores before it.",
    hurts="It cannot say more than the number of steps less one: with 16 at stride 32, 480 pixels a side; larger "
          "objects are cut. Exports for int8 chips often cut it off and compute it apart.",
    aliases=("dfl", "distribution focal loss", "expectation", "yolov8"),
    inputs={"x": port("B C%4 L", "For each of four sides one score a step.")},
    outputs={"out": port("B L 4", "The four distances, in steps.")}, exempt=_FIXED,
)  # fmt: skip
class DistributionIntegral(nn.Module):
    """Make one distance of the scores of its steps: a softmax, then the mean of 0, 1, 2, ... weighted by it.

    A head that gives a distribution can say that it is unsure about a side. The steps are frozen weights, as in the
    published networks.
    """

    def __init__(self, C: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.arange(C // 4, dtype=torch.float32), requires_grad=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        steps = x.unflatten(1, (4, -1)).softmax(2)  # (B, 4, bins, L)
        return (steps * self.weight[:, None]).sum(2).transpose(1, 2)


@block(
    "YOLOv8 head", category="Head", paper=V8, icon="scan",
    helps="Real-time detection behind CSP-PAN: separate branches for boxes and classes and a distribution for each "
          "side give more AP than YOLOv5's joint, anchored outputs.",
    hurts="Its targets need a task-aligned assignment and the DFL loss, more than focal loss on anchors asks. "
          "Branches are not shared among levels as in FCOS, and NMS is still needed; YOLOv10 trained it away.",
    aliases=("yolo", "detection", "anchor-free", "dfl", "decoupled", "detector"),
    inputs={"x": LEVELS_IN}, outputs=_OUTPUTS, classes=CLASSES, bins=_BINS, exempt=_FIXED,
)  # fmt: skip
class YOLOHead(nn.Module):
    """Classify every place of every level, and say by distributions how far it is to the four sides of its object.

    Each level has two branches of its own, one for boxes and one for classes. There are no anchors and no objectness.
    For detections wire `distances` to Decode distances and `scores`, through a Sigmoid, to NMS.
    """

    def __init__(self, c: list[int], strides: list[float], classes: int = 80, bins: int = 16) -> None:
        super().__init__()
        width, class_width = max(16, c[0] // 4, 4 * bins), max(c[0], min(classes, 100))
        self.box_branches = nn.ModuleList(_branch(C, width, 4 * bins) for C in c)
        self.class_branches = nn.ModuleList(_branch(C, class_width, classes) for C in c)
        self.join = JoinLevels()
        self.integral = DistributionIntegral(4 * bins)
        for boxes, scores, stride in zip(self.box_branches, self.class_branches, strides, strict=True):
            nn.init.constant_(boxes[-1].bias, 2.0)  # type: ignore[index]
            # about five objects of all classes in an image of 640 x 640
            nn.init.constant_(scores[-1].bias, math.log(5 / classes / (640 / stride) ** 2))  # type: ignore[index]

    def forward(self, x: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        boxes = self.join([branch(level) for branch, level in zip(self.box_branches, x, strict=True)])
        scores = self.join([branch(level) for branch, level in zip(self.class_branches, x, strict=True)])
        return boxes, scores, self.integral(boxes)


@block(
    "Mask prototypes", category="Head", paper="Bolya et al. 2019, arXiv:1904.02689", icon="image",
    helps="Instance masks in real time, beside a head that gives coefficients, as in YOLACT: its 3x3 convolutions run "
          "once an image, however many objects there are.",
    hurts="Feed it the finest level: masks have but twice its size. Prototypes see the whole image, so touching twins "
          "leak into each other; RoI align and a small FCN, as in Mask R-CNN, are sharper.",
    aliases=("proto", "yolact", "yolov8", "instance segmentation"), inputs={"x": "B C H W"},
    outputs={"out": port("B K h w", "Prototypes at twice the size.")},
    prototypes=setting("How many prototypes come out.", min=1, shown=True),
    width=setting("Channels of the convolutions.", min=1, shown=True),
)  # fmt: skip
class MaskPrototypes(nn.Module):
    """Make a few maps of the whole image, of which the mask of any object is a weighted sum.

    Masks so cost hardly more than boxes: each object brings only its weights.
    """

    def __init__(self, C: int, prototypes: int = 32, width: int = 64) -> None:
        super().__init__()
        self.conv1 = conv(C, width, 3)
        self.upsample = ConvTranspose2d(width, width, 2, 2)
        self.conv2 = conv(width, width, 3)
        self.conv3 = conv(width, prototypes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv3(self.conv2(self.upsample(self.conv1(x))))


@block(
    "YOLOv8 segmentation head", category="Head", paper=V8, icon="scan",
    helps="Instances with outlines at almost the speed of boxes: one more branch a level and prototypes at a quarter "
          "of the image for strides 8, 16, 32.",
    hurts="Masks at stride 4 lose thin parts, and boxes too tight cut them off. Data needs outlines, not boxes alone: "
          "else take YOLOv8 head. Whole-image classes want a semantic head.",
    aliases=("yolo", "instance segmentation", "masks", "proto", "yolact"), inputs={"x": LEVELS_IN},
    outputs={
        **_OUTPUTS,
        "coefficients": port("B M L", "The weights of the prototypes in each place's mask."),
        "masks": port("B M h w", "The prototypes, at twice the size of the finest level."),
    },
    classes=CLASSES, bins=_BINS, prototypes=setting("Of how many prototypes a mask is made.", min=1),
    width=setting("Channels of the prototypes' convolutions: 64 for n, 128 for s, 192 for m, 256 for l.", min=1),
    exempt=_FIXED,
)  # fmt: skip
class YOLOSegmentationHead(YOLOHead):
    """The detection head, and for every place the weights of prototypes that add up to its object's mask.

    The prototypes are made of the finest level. A mask is the sigmoid of the weighted sum, cut out by the box.
    """

    def __init__(
        self,
        c: list[int],
        strides: list[float],
        classes: int = 80,
        bins: int = 16,
        prototypes: int = 32,
        width: int = 64,
    ) -> None:
        super().__init__(c, strides, classes, bins)
        self.mask_branches = nn.ModuleList(_branch(C, max(c[0] // 4, prototypes), prototypes) for C in c)
        self.prototypes = MaskPrototypes(c[0], prototypes, width)

    def forward(self, x: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        boxes, scores, distances = super().forward(x)
        weights = self.join([branch(level) for branch, level in zip(self.mask_branches, x, strict=True)])
        return boxes, scores, distances, weights, self.prototypes(x[0])


def _branch(C: int, width: int, channels: int) -> nn.Sequential:
    return nn.Sequential(conv(C, width, 3), conv(width, width, 3), Conv2d(width, channels, 1, padding=0))
