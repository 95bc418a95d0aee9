"""Losses for quantities: how far numbers are from numbers."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from blocks.declare import block, port, setting
from blocks.losses.common import NO_EXPORT, WEIGHT, matching, wide

_X = port("B *S", "What the network says: one number, or as many as the target has.")
_TARGET = port("number:B *T", "The right numbers, in the sizes of `x`.")


@block(
    "MSE loss", category="Loss", paper="torch.nn.MSELoss", icon="trending-down",
    helps="Quantities with errors that scatter evenly around 0, and autoencoders: the best answer to it is the mean. "
          "Large errors count most, by their square.",
    hurts="One outlier can outweigh a whole batch: Huber or L1 stands it. Targets in the thousands make a loss in the "
          "millions, so bring them to about -1 to 1. Reconstructions of images come out blurred.",
    aliases=("mean squared error", "l2", "regression", "reconstruction", "quadratic"),
    inputs={"x": _X, "target": _TARGET}, outputs={"loss": "scalar"}, exempt={"onnx": NO_EXPORT}, weight=WEIGHT,
)  # fmt: skip
class MSELoss(nn.Module):
    """The mean of the squared differences: the usual loss for quantities.

    All values of a batch count alike.
    """

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return self.weight * F.mse_loss(wide(x), matching(x, target))


@block(
    "L1 loss", category="Loss", paper="torch.nn.L1Loss", icon="trending-down",
    helps="Quantities with outliers, whose best answer is then the median; images to be rebuilt, which stay sharper "
          "than with MSE; depth and flow.",
    hurts="Its gradient is as large at a small error as at a large one, so the end of training jitters unless the "
          "learning rate falls. Smooth L1 and Huber are round where it has a corner.",
    aliases=("mean absolute error", "mae", "regression", "reconstruction", "absolute"),
    inputs={"x": _X, "target": _TARGET}, outputs={"loss": "scalar"}, exempt={"onnx": NO_EXPORT}, weight=WEIGHT,
)  # fmt: skip
class L1Loss(nn.Module):
    """The mean of the absolute differences.

    An error counts by its size, not by its square, so that single bad targets do little.
    """

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return self.weight * F.l1_loss(wide(x), matching(x, target))


@block(
    "Smooth L1 loss", category="Loss", paper="Girshick 2015, Fast R-CNN, arXiv:1504.08083", icon="trending-down",
    helps="The offsets of boxes in detectors from Fast R-CNN on: steady in the first steps, when errors are huge, and "
          "round near 0.",
    hurts="Where it turns from a square into a line is in the units of the target: with targets in pixels, a beta of 1 "
          "is an L1 loss. It treats the sides of a box as if they were independent; IoU losses do not.",
    aliases=("detection", "boxes", "regression", "robust"),
    inputs={"x": _X, "target": _TARGET}, outputs={"loss": "scalar"}, exempt={"onnx": NO_EXPORT}, weight=WEIGHT,
    beta=setting("Errors below this count by their square divided by twice this; 0 is L1.", min=0, shown=True),
)  # fmt: skip
class SmoothL1Loss(nn.Module):
    """The square of small errors and the plain size of large ones; the slope far out is 1 whatever beta is.

    It is the Huber loss divided by its delta.
    """

    def __init__(self, weight: float = 1.0, beta: float = 1.0) -> None:
        super().__init__()
        self.weight = weight
        self.beta = beta

    def forward(self, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return self.weight * F.smooth_l1_loss(wide(x), matching(x, target), beta=self.beta)


@block(
    "Huber loss", category="Loss", paper="Huber 1964, doi:10.1214/aoms/1177703732", icon="trending-down",
    helps="Measurements of which a few are wrong: like MSE where errors are usual, like L1 where they are not. The "
          "temporal-difference errors of reinforcement learning.",
    hurts="Delta must fit the spread of the errors: too large it is MSE, too small it is L1 with a small slope, so "
          "that learning is slow. Bring the targets to a known scale first.",
    aliases=("robust", "outliers", "regression"),
    inputs={"x": _X, "target": _TARGET}, outputs={"loss": "scalar"}, exempt={"onnx": NO_EXPORT}, weight=WEIGHT,
    delta=setting("The error from which on it grows in a line; the slope there is this.", min=1e-6, shown=True),
)  # fmt: skip
class HuberLoss(nn.Module):
    """Half the square of errors up to delta, and a line with that slope beyond.

    So one outlier pulls no more than an error of delta does.
    """

    def __init__(self, weight: float = 1.0, delta: float = 1.0) -> None:
        super().__init__()
        self.weight = weight
        self.delta = delta

    def forward(self, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return self.weight * F.huber_loss(wide(x), matching(x, target), delta=self.delta)
