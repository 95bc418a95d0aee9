"""Losses for choosing classes: one of several, or yes and no."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F

from blocks.declare import block, port, setting
from blocks.losses.common import (
    CLASS_WEIGHTS,
    IGNORE,
    NO_EXPORT,
    ONE_A_CLASS,
    WEIGHT,
    check_weights,
    counted,
    log_probability,
    matching,
    mean_of,
    wide,
)  # fmt: skip

SCORES = port("B K *S", "One score a class, before any softmax.")
CLASS = port("int:B *S", "The number of the right class.")
Over = Literal["sum", "mean"]
Division = Literal["places", "positives"]


@block(
    "Cross-entropy", category="Loss", paper="torch.nn.CrossEntropyLoss", icon="trending-down",
    helps="Exactly one class is right for each sample or each pixel: classification and semantic segmentation. Label "
          "smoothing of 0.1 keeps the network from being too sure where labels are partly wrong.",
    hurts="Samples with several labels at once need one yes or no a class instead. Frequent classes drown rare ones, "
          "as the background does in segmentation; and a softmax before it makes learning slow.",
    aliases=("ce", "softmax", "nll", "classification"),
    inputs={"x": SCORES, "target": CLASS},
    outputs={"loss": "scalar"}, exempt={"onnx": NO_EXPORT, "settings:class_weights": ONE_A_CLASS},
    weight=WEIGHT,
    label_smoothing=setting("The share of certainty that is spread over all classes.", min=0, max=1),
    class_weights=CLASS_WEIGHTS, ignore_index=IGNORE,
)  # fmt: skip
class CrossEntropy(nn.Module):
    """The usual loss for choosing one of several classes.

    It takes raw scores and is small when the right class has the largest one. Scores and targets may also be maps, one
    class a pixel. With class weights it is the weighted mean, as torch has it.
    """

    class_weights: torch.Tensor | None

    def __init__(
        self, K: int, weight: float = 1.0, label_smoothing: float = 0.0, class_weights: tuple[float, ...] = (),
        ignore_index: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.weight = weight
        self.label_smoothing = label_smoothing
        self.ignore_index = ignore_index
        self.register_buffer("class_weights", check_weights(class_weights, K), persistent=False)

    def forward(self, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        if self.ignore_index is None:
            return self.weight * F.cross_entropy(x, target, self.class_weights, label_smoothing=self.label_smoothing)
        total = F.cross_entropy(
            x, target, self.class_weights, label_smoothing=self.label_smoothing, ignore_index=self.ignore_index,
            reduction="sum",
        )  # fmt: skip
        target, counts = counted(target, self.ignore_index)
        if self.class_weights is not None:
            counts = counts * self.class_weights[target]
        return self.weight * total / counts.sum().clamp(min=1e-12)  # torch's mean is no number where nothing counts


@block(
    "Binary cross-entropy", category="Loss", paper="torch.nn.BCEWithLogitsLoss", icon="trending-down",
    helps="Yes or no for each value: several labels at once, one class against the rest, a mask of one kind of "
          "object, the discriminator of a GAN. Targets between 0 and 1 are probabilities to be met.",
    hurts="Where exactly one class is right, its answers do not sum to 1, and cross-entropy learns faster. A sigmoid "
          "before it is one too many; and rare positives need `positive_weight`, or all answers become no.",
    aliases=("bce", "sigmoid", "logits", "multi-label", "yes or no"),
    inputs={"x": port("B *S", "A score for yes, before any sigmoid."),
            "target": port("number:B *T", "1 for yes, 0 for no, in the sizes of the scores.")},
    outputs={"loss": "scalar"},
    exempt={"onnx": NO_EXPORT, "settings:ignore_index": "the samples' targets are fractions, and it is a whole number"},
    weight=WEIGHT,
    positive_weight=setting("How much a yes counts against a no: with 1 positive in 10, try 9.", min=0, shown=True),
    ignore_index=setting("The number in the target whose places do not count, such as 255 for unlabelled pixels."),
)  # fmt: skip
class BinaryCrossEntropy(nn.Module):
    """The loss for answers of yes or no, each value by itself.

    It takes raw scores; the sigmoid is inside, where it loses no digits. It is the mean over all values.
    """

    def __init__(self, weight: float = 1.0, positive_weight: float = 1.0, ignore_index: int | None = None) -> None:
        super().__init__()
        self.weight = weight
        self.positive_weight = positive_weight
        self.ignore_index = ignore_index

    def forward(self, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        x, target = wide(x), matching(x, target)
        target, counts = counted(target, self.ignore_index)
        favour = x.new_full((), self.positive_weight)
        losses = F.binary_cross_entropy_with_logits(x, target, pos_weight=favour, reduction="none")
        return self.weight * mean_of(losses, counts)


@block(
    "Focal loss", category="Loss", paper="Lin et al. 2017, arXiv:1708.02002", icon="focus",
    helps="Some classes are rare, or most places are easy: what is answered well already hardly counts, so learning "
          "goes into the hard rest. Segmentation of small structures, long-tailed classes.",
    hurts="Wrong labels are the hardest of all, and it learns those above all. Probabilities come out too cautious; "
          "and with balanced, clean classes cross-entropy is as good, with no gamma to tune.",
    aliases=("imbalance", "rare", "hard examples", "retinanet"),
    inputs={"x": SCORES, "target": CLASS},
    outputs={"loss": "scalar"}, exempt={"onnx": NO_EXPORT, "settings:class_weights": ONE_A_CLASS},
    weight=WEIGHT, gamma=setting("How fast easy places lose their say; 0 is cross-entropy.", min=0, shown=True),
    class_weights=CLASS_WEIGHTS, ignore_index=IGNORE,
)  # fmt: skip
class FocalLoss(nn.Module):
    """Cross-entropy that looks at what is still hard: each place counts (1 - p)^gamma, p its right class's probability.

    It takes raw scores of several classes, of which one is right. It is the mean over the samples or pixels.
    """

    class_weights: torch.Tensor | None

    def __init__(
        self, K: int, weight: float = 1.0, gamma: float = 2.0, class_weights: tuple[float, ...] = (),
        ignore_index: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.weight = weight
        self.gamma = gamma
        self.ignore_index = ignore_index
        self.register_buffer("class_weights", check_weights(class_weights, K), persistent=False)

    def forward(self, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        target, counts = counted(target, self.ignore_index)
        log_p = log_probability(x, target)
        losses = -((1 - log_p.exp()).clamp(min=1e-12) ** self.gamma) * log_p  # the gradient of 0^gamma may be infinite
        if self.class_weights is not None:
            losses = losses * self.class_weights[target]
        return self.weight * mean_of(losses, counts)


@block(
    "Binary focal loss", category="Loss", paper="Lin et al. 2017, arXiv:1708.02002, section 3", icon="focus",
    helps="Yes or no for very many places of which few are yes: the anchors of a one-stage detector, cracks and "
          "vessels in images. RetinaNet has alpha 0.25, gamma 2, and divides by the positives.",
    hurts="Begin with the last bias at about -4.6, so that all say no with 99 %: else the first steps are swamped. "
          "Divided by the positives it jumps where a batch has few of them.",
    aliases=("sigmoid focal", "retinanet", "imbalance", "detection"),
    inputs={"x": port("B *S", "A score for yes at each place."),
            "target": port("number:B *T", "1 where yes is right and 0 elsewhere, in the sizes of `x`.")},
    outputs={"loss": "scalar"}, exempt={"onnx": NO_EXPORT},
    weight=WEIGHT, gamma=setting("How fast easy places fade; 0 is binary cross-entropy.", min=0, shown=True),
    alpha=setting("The share of a yes against a no, which has the rest to 1; empty: both count whole.", min=0, max=1),
    divide=setting("By what the sum is divided: all places, or those whose target is yes (at least one)."),
)  # fmt: skip
class BinaryFocalLoss(nn.Module):
    """Binary cross-entropy in which places that are answered well already hardly count.

    A place counts (1 - p)^gamma, where p is the probability that it gives to what is right.
    """

    def __init__(
        self, weight: float = 1.0, gamma: float = 2.0, alpha: float | None = 0.25, divide: Division = "places"
    ) -> None:
        super().__init__()
        self.weight = weight
        self.gamma = gamma
        self.alpha = alpha
        self.divide = divide

    def forward(self, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        x, target = wide(x), matching(x, target)
        losses = F.binary_cross_entropy_with_logits(x, target, reduction="none")
        p = x.sigmoid()
        wrong = p * (1 - target) + (1 - p) * target
        losses = losses * wrong.clamp(min=1e-12) ** self.gamma
        if self.alpha is not None:
            losses = losses * (self.alpha * target + (1 - self.alpha) * (1 - target))
        if self.divide == "positives":
            return self.weight * losses.sum() / target.sum().clamp(min=1)
        return self.weight * losses.mean()


@block(
    "Multi-class hinge", category="Loss", paper="Weston and Watkins 1999, Support Vector Machines for Multi-Class "
    "Pattern Recognition", icon="chart-line",
    helps="A support vector machine as the last layer: a sample whose class leads by the margin teaches nothing any "
          "more, so the rest gets all attention. With a penalty on the weights it seeks the widest gap.",
    hurts="Scores have no probabilities behind them, so thresholds and confidence mean little. Cross-entropy usually "
          "trains deep networks faster, and compares with what others publish.",
    aliases=("svm", "margin", "max-margin", "support vector machine"),
    inputs={"x": SCORES, "target": CLASS},
    outputs={"loss": "scalar"}, exempt={"onnx": NO_EXPORT},
    weight=WEIGHT, margin=setting("By how much the right class should lead every other one.", min=0, shown=True),
    power=setting("1 for the plain hinge, 2 for its square, which punishes wide misses more.", min=1, max=2),
    classes=setting("`sum`: over the other classes, as textbooks have it; `mean`: divided by all classes, as torch."),
)  # fmt: skip
class HingeLoss(nn.Module):
    """Every other class that does not stay a margin below the right one counts by how much it fails to.

    It takes raw scores. Scores 3.2, 5.1 and -1.7 with class 0 right and a margin of 1 give 2.9, or 0.967 with `mean`.
    """

    def __init__(self, weight: float = 1.0, margin: float = 1.0, power: int = 1, classes: Over = "sum") -> None:
        super().__init__()
        self.weight = weight
        self.margin = margin
        self.power = power
        self.classes = classes

    def forward(self, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        x, right = wide(x), target.unsqueeze(1)  # (B, K, *S) and (B, 1, *S)
        misses = (self.margin - x.gather(1, right) + x).clamp(min=0) ** self.power
        misses = misses.scatter(1, right, torch.zeros_like(right, dtype=misses.dtype))
        losses = misses.sum(1) if self.classes == "sum" else misses.mean(1)
        return self.weight * losses.mean()
