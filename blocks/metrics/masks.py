"""Metrics of segmentation: pixels that are right, and regions that overlap."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from blocks.declare import block, port, setting
from blocks.losses.common import IGNORE
from blocks.metrics.counted import AVERAGE, CLASS, EXEMPT, SCORES, UNCHECKED, ByClass, Counted

if TYPE_CHECKING:
    from torchmetrics import Metric

_SHARE = port("scalar", "A share from 0 (nothing fits) to 1 (all of it does).")


@block(
    "Mean IoU", category="Metric", paper="torchmetrics.classification.MulticlassJaccardIndex; Everingham et al. 2010, "
    "doi:10.1007/s11263-009-0275-4", icon="combine",
    helps="The number that segmentation is published with (mIoU): each class counts alike, small objects as much as "
          "the sky, and both misses and false alarms lower it.",
    hurts="Classes of few pixels make it jump. It is counted over all images, so one image that fails hides among "
          "many; and whether unlabelled pixels are left out changes it by much.",
    aliases=("miou", "jaccard", "intersection over union", "segmentation"),
    inputs={"x": SCORES, "target": CLASS}, outputs={"value": _SHARE}, exempt=EXEMPT,
    average=AVERAGE, ignore_index=IGNORE,
)  # fmt: skip
class MeanIoU(ByClass):
    """Intersection over union of each class, over all pixels of the split, averaged over the classes.

    Classes that occur neither in the targets nor in the answers are left out of the mean.
    """

    def kinds(self) -> tuple[Callable[..., Metric], Callable[..., Metric]]:
        from torchmetrics.classification import BinaryJaccardIndex, MulticlassJaccardIndex

        return BinaryJaccardIndex, MulticlassJaccardIndex


@block(
    "Pixel accuracy", category="Metric", paper="Long et al. 2014, FCN, arXiv:1411.4038, section 5", icon="goal",
    helps="A first look at a segmentation, easy to explain: of all labelled pixels, how many have the right class. "
          "Unlabelled ones can be left out.",
    hurts="Background and large classes make nearly all of it: 95 % may mean that no object was found. Mean IoU is "
          "what to choose networks by.",
    aliases=("segmentation", "correct pixels", "overall accuracy"),
    inputs={"x": SCORES, "target": CLASS}, outputs={"value": _SHARE}, exempt=EXEMPT, ignore_index=IGNORE,
)  # fmt: skip
class PixelAccuracy(Counted):
    """The share of pixels that get their right class, over all pixels of the split that count.

    Images with many unlabelled pixels therefore weigh less.
    """

    def __init__(self, K: int, ignore_index: int | None = None) -> None:
        super().__init__()
        self.K = K
        self.ignore_index = ignore_index

    def meter(self) -> Metric:
        from torchmetrics.classification import BinaryAccuracy, MulticlassAccuracy

        if self.K == 1:
            return BinaryAccuracy(ignore_index=self.ignore_index, **UNCHECKED)
        return MulticlassAccuracy(self.K, average="micro", ignore_index=self.ignore_index, **UNCHECKED)


@block(
    "Dice score", category="Metric", paper="Dice 1945, doi:10.2307/1932409; torchmetrics.segmentation.DiceScore",
    icon="combine",
    helps="Medical segmentation, whose results are compared by it. It is kinder than IoU (0.8 is an IoU of 0.67) and "
          "ranks networks the same way class by class.",
    hurts="It is counted over all images here, while many papers take the mean over the images, which is another "
          "number. Thin structures score low although a shift of one pixel is all that is wrong.",
    aliases=("f1", "sorensen", "overlap", "medical", "segmentation"),
    inputs={"x": SCORES, "target": CLASS}, outputs={"value": _SHARE}, exempt=EXEMPT,
    background=setting("Whether class 0 counts too in the mean over the classes."), ignore_index=IGNORE,
)  # fmt: skip
class DiceScore(Counted):
    """Twice what the answer and the truth share, divided by the sizes of both, averaged over the classes.

    It is counted over all pixels of the split, which makes it the F1 score of pixels. Classes that occur neither in the
    targets nor in the answers are left out of the mean.
    """

    def __init__(self, K: int, background: bool = True, ignore_index: int | None = None) -> None:
        super().__init__()
        self.K = K
        self.background = background
        self.ignore_index = ignore_index

    def meter(self) -> Metric:
        from torchmetrics.classification import BinaryF1Score, MulticlassStatScores

        if self.K == 1:
            return BinaryF1Score(ignore_index=self.ignore_index, **UNCHECKED)
        return MulticlassStatScores(self.K, average=None, ignore_index=self.ignore_index, **UNCHECKED)

    def value(self, meter: Metric) -> torch.Tensor:
        counts = meter.compute()
        if self.K == 1:
            return counts
        hits, wrong, _, missed, _ = counts[0 if self.background else 1 :].double().unbind(1)  # (K) each
        sizes = 2 * hits + wrong + missed
        return (2 * hits / sizes.clamp(min=1)).sum() / (sizes > 0).sum()
