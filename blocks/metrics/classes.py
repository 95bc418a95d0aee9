"""Metrics of classification: how often the right class is named, and which is taken for which."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import torch
from torch import nn

from blocks.declare import block, port, setting
from blocks.losses.common import IGNORE
from blocks.metrics.counted import (
    AVERAGE,
    CLASS,
    EXEMPT,
    SCORES,
    UNCHECKED,
    ByClass,
    Counted,
    chosen,
    probabilities,
)

if TYPE_CHECKING:
    from torchmetrics import Metric

Weighting = Literal["macro", "weighted"]

_SHARE = port("scalar", "A share from 0 to 1.")


@block(
    "Accuracy", category="Metric", paper="torchmetrics.classification.MulticlassAccuracy", icon="goal",
    helps="Classes that are about equally frequent, and comparison with published results: top-1, or with `top` 5 the "
          "number that ImageNet papers give beside it.",
    hurts="Where 95 % are of one class, always naming it scores 95 %. It says nothing of how sure the answers are, "
          "and with many pixels of background a map without any object scores well.",
    aliases=("top-1", "top-5", "correct", "score"),
    inputs={"x": SCORES, "target": CLASS},
    outputs={"value": _SHARE}, exempt=EXEMPT,
    top=setting("An answer counts as right when the class is among this many best scores.", min=1, shown=True),
)  # fmt: skip
class Accuracy(nn.Module):
    """The share of samples whose class has the largest score.

    With `top` 5, the right class needs only to be among the five best. With one score it is yes above 0.
    """

    def __init__(self, K: int, top: int = 1) -> None:
        super().__init__()
        if top > K:
            raise ValueError(f"top is {top}, but there are only {K} classes: use at most {max(K - 1, 1)}")
        self.top = top

    def forward(self, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        if x.shape[1] == 1:
            return (chosen(x) == target).float().mean()
        best = x.topk(self.top, 1).indices
        return (best == target.unsqueeze(1)).any(1).float().mean()


@block(
    "Precision", category="Metric", paper="torchmetrics.classification.MulticlassPrecision", icon="crosshair",
    helps="A false alarm is what costs: spam that is none, an operation for nothing. Of the answers that name a class "
          "it says how many are right.",
    hurts="A network that names a class only when it is certain scores 1 and misses nearly all: look at recall too. "
          "A class that is never named counts 0 in the macro mean.",
    aliases=("positive predictive value", "false positives"),
    inputs={"x": SCORES, "target": CLASS}, outputs={"value": _SHARE}, exempt=EXEMPT,
    average=AVERAGE, ignore_index=IGNORE,
)  # fmt: skip
class Precision(ByClass):
    """Of all answers that name a class, the share that is right.

    It is counted over the whole split. With one score it is that of the answer yes.
    """

    def kinds(self) -> tuple[Callable[..., Metric], Callable[..., Metric]]:
        from torchmetrics.classification import BinaryPrecision, MulticlassPrecision

        return BinaryPrecision, MulticlassPrecision


@block(
    "Recall", category="Metric", paper="torchmetrics.classification.MulticlassRecall", icon="search",
    helps="A miss is what costs: an illness, a defect, an intruder. Its macro mean is the balanced accuracy, in which "
          "rare classes count like frequent ones.",
    hurts="Always naming the class scores 1 for it: look at precision too. With few samples of a class one of them "
          "moves the number by much.",
    aliases=("sensitivity", "true positive rate", "hit rate", "balanced accuracy"),
    inputs={"x": SCORES, "target": CLASS}, outputs={"value": _SHARE}, exempt=EXEMPT,
    average=AVERAGE, ignore_index=IGNORE,
)  # fmt: skip
class Recall(ByClass):
    """Of all samples of a class, the share that is found.

    It is counted over the whole split. With one score it is that of the answer yes.
    """

    def kinds(self) -> tuple[Callable[..., Metric], Callable[..., Metric]]:
        from torchmetrics.classification import BinaryRecall, MulticlassRecall

        return BinaryRecall, MulticlassRecall


@block(
    "F1 score", category="Metric", paper="torchmetrics.classification.MulticlassF1Score", icon="scale",
    helps="One number for rare classes, high only where both precision and recall are: `macro` where each class "
          "matters alike, `weighted` where frequent ones matter more.",
    hurts="It weighs misses and false alarms alike, which few tasks do, and does not count what is rightly left out. "
          "With one label a sample its micro mean is the accuracy.",
    aliases=("f-score", "f-measure", "imbalance"),
    inputs={"x": SCORES, "target": CLASS}, outputs={"value": _SHARE}, exempt=EXEMPT,
    average=AVERAGE, ignore_index=IGNORE,
)  # fmt: skip
class F1Score(ByClass):
    """The harmonic mean of precision and recall.

    It is counted over the whole split. With one score it is that of the answer yes.
    """

    def kinds(self) -> tuple[Callable[..., Metric], Callable[..., Metric]]:
        from torchmetrics.classification import BinaryF1Score, MulticlassF1Score

        return BinaryF1Score, MulticlassF1Score


@block(
    "ROC AUC", category="Metric", paper="torchmetrics.classification.MulticlassAUROC", icon="trending-up",
    helps="How well the scores rank, before a threshold is chosen: 0.5 is chance, 1 is perfect. For medical tests and "
          "risks, whose threshold depends on what each error costs.",
    hurts="With very rare positives it looks good while most alarms are false. Without `bins` it keeps all scores of "
          "a split in memory, and a class that is absent from the split drops out of the mean.",
    aliases=("auroc", "roc", "area under the curve", "ranking"),
    inputs={"x": SCORES, "target": CLASS}, outputs={"value": _SHARE}, exempt=EXEMPT,
    average=setting("How the classes are joined: each alike, or as often as it occurs.", shown=True),
    bins=setting("Thresholds to try instead of all: memory then does not grow, and the value is approximate.", min=2),
    ignore_index=IGNORE,
)  # fmt: skip
class ROCAUC(Counted):
    """The probability that a sample of a class gets a higher score for it than one of another class.

    It is the area under the curve of hits against false alarms, over all thresholds: one class against the rest.
    """

    def __init__(
        self, K: int, average: Weighting = "macro", bins: int | None = None, ignore_index: int | None = None
    ) -> None:
        super().__init__()
        self.K = K
        self.average = average
        self.bins = bins
        self.ignore_index = ignore_index

    def prepare(self, x: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return probabilities(x), target

    def meter(self) -> Metric:
        from torchmetrics.classification import BinaryAUROC, MulticlassAUROC

        made: Metric
        if self.K == 1:
            made = BinaryAUROC(thresholds=self.bins, ignore_index=self.ignore_index, **UNCHECKED)
        else:
            made = MulticlassAUROC(
                self.K, average=self.average, thresholds=self.bins, ignore_index=self.ignore_index, **UNCHECKED
            )
        if self.bins is None:  # lists of all scores: begun with none, but with their sizes
            made.preds = [torch.zeros((0,) if self.K == 1 else (0, self.K))]
            made.target = [torch.zeros(0, dtype=torch.long)]
        return made


@block(
    "Confusion matrix", category="Metric", paper="torchmetrics.classification.MulticlassConfusionMatrix",
    icon="grid-3x3",
    helps="It shows what a single number hides: which class is taken for which. Two that are often swapped need more "
          "data, better labels, or to be one class.",
    hurts="With a thousand classes nobody reads it. Its counts follow how frequent the classes are: compare rows by "
          "their shares.",
    aliases=("errors", "mistakes", "table", "contingency"),
    inputs={"x": SCORES, "target": CLASS},
    outputs={"counts": port("K K", "How often a class (row) was taken for each class (column).")},
    exempt=EXEMPT, ignore_index=IGNORE,
)  # fmt: skip
class ConfusionMatrix(Counted):
    """A table of the right classes against those that were named.

    It is counted over the whole split and kept for the validation and test splits; it is no curve.
    """

    def __init__(self, K: int, ignore_index: int | None = None) -> None:
        super().__init__()
        self.K = K
        self.ignore_index = ignore_index

    def meter(self) -> Metric:
        from torchmetrics.classification import BinaryConfusionMatrix, MulticlassConfusionMatrix

        if self.K == 1:
            return BinaryConfusionMatrix(ignore_index=self.ignore_index, **UNCHECKED)
        return MulticlassConfusionMatrix(self.K, ignore_index=self.ignore_index, **UNCHECKED)

    def sizes(self) -> tuple[int, ...]:
        return (max(self.K, 2),) * 2

    def kind(self) -> torch.dtype:
        return torch.int64
