"""Which of many predictions to keep."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from blocks.declare import block, port, setting
from blocks.operators import nms_keep, top

_BOXES = port("B L 4", "Boxes: left, top, right, bottom in pixels.")
_SCORES = port("B L K", "A score a class of each box, from 0 to 1: a sigmoid stands before.")


class Detections(NamedTuple):
    """What a detector found. All are padded to one length; the first `count` are meant."""

    boxes: torch.Tensor
    scores: torch.Tensor
    classes: torch.Tensor
    count: torch.Tensor  # type: ignore[assignment]


@block(
    "NMS", category="Postprocess", paper="torchvision.ops.batched_nms (Girshick et al. 2013, arXiv:1311.2524)",
    helps="Detectors that answer at many neighbouring places, as all dense heads do. A lower `overlap` suits objects "
          "that stand apart, a higher one those that crowd.",
    hurts="In a crowd it drops true neighbours that overlap more than `overlap`. Its choice has no gradient, its cost "
          "grows with the square of `candidates`, and detectors trained for one box an object do not need it.",
    icon="filter", aliases=("non-maximum suppression", "non-max suppression", "detections", "duplicates"),
    inputs={"boxes": _BOXES, "scores": _SCORES},
    outputs={"out": port("detections", "Boxes, scores, classes and their count; the rest is 0, and -1 as class.")},
    overlap=setting(
        "The intersection over union from which on the poorer of two boxes is dropped.", min=0, max=1, shown=True
    ),
    threshold=setting("Boxes with a lower score are dropped.", min=0, max=1, shown=True),
    detections=setting("How many detections an image has at most; fewer are filled up.", min=1),
    candidates=setting("How many of the best scores are looked at.", min=1),
    agnostic=setting("A box drops boxes of other classes too."),
    exempt={
        "settings:candidates": "the samples hold fewer boxes than are looked at; a test of its own has more",
        "settings:overlap": "boxes of random numbers hardly overlap; a test of its own has ones that do",
        "settings:agnostic": "boxes of random numbers hardly overlap; a test of its own has ones that do",
    },
)  # fmt: skip
class NMS(nn.Module):
    """Keep the best box of each object: of boxes of one class that overlap much, only that with the best score.

    How many remain depends on the image, so that the result has a fixed length and a count. In ONNX it becomes the
    operator NonMaxSuppression.
    """

    def __init__(
        self,
        overlap: float = 0.5,
        threshold: float = 0.05,
        detections: int = 100,
        candidates: int = 1000,
        agnostic: bool = False,
    ) -> None:
        super().__init__()
        self.overlap = overlap
        self.threshold = threshold
        self.detections = detections
        self.candidates = candidates
        self.agnostic = agnostic

    def forward(self, boxes: torch.Tensor, scores: torch.Tensor) -> Detections:
        kinds = scores.shape[2]
        best, at = _best(scores.flatten(1), min(self.candidates, scores.shape[1] * kinds))  # (B, N)
        classes = at % kinds
        boxes = _rows(boxes, at // kinds)
        apart = boxes
        if not self.agnostic:  # boxes of each class in a place of their own, where no other class reaches
            span = boxes.amax((1, 2), keepdim=True) - boxes.amin((1, 2), keepdim=True) + 1
            apart = boxes + classes[:, :, None] * span
        keep = nms_keep(apart.detach().float(), best.detach().float(), self.overlap) & (best > self.threshold)
        scores, order = _best(torch.where(keep, best, -1), min(self.detections, best.shape[1]))
        found = scores > 0
        fill = self.detections - scores.shape[1]
        return Detections(
            F.pad(torch.where(found[:, :, None], _rows(boxes, order), 0), (0, 0, 0, fill)),
            F.pad(torch.where(found, scores, 0), (0, fill)),
            F.pad(torch.where(found, classes.gather(1, order), -1), (0, fill), value=-1),
            found.sum(1),
        )


def _best(scores: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The `count` best scores of each row and their places; of equal ones the first, as ONNX has it."""
    places = top(scores.detach(), count)
    return scores.gather(1, places), places


def _rows(boxes: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    return boxes.gather(1, rows[:, :, None].expand(-1, -1, 4))


@block(
    "Top boxes", category="Postprocess", paper="torch.topk", icon="list", aliases=("top-k", "best", "detection"),
    helps="Ahead of NMS on many thousands of predictions, and as the last step of detectors that are trained to give "
          "one box an object, such as RT-DETR.",
    hurts="It does not compare boxes: the best 300 of a dense head may all lie on one large object while the small "
          "ones fall out.",
    inputs={"boxes": _BOXES, "scores": _SCORES},
    outputs={
        "top_boxes": port("B N 4", "The boxes with the best scores, best first."),
        "top_scores": port("B N K", "Their scores."),
    },
    count=setting("How many boxes to keep at most.", min=1, shown=True),
    exempt={"settings:count": "the samples hold fewer boxes than are kept; a test of its own has more"},
)  # fmt: skip
class TopBoxes(nn.Module):
    """Keep the boxes whose best class has the highest score.

    Before non-maximum suppression it saves time; detectors without it, such as RT-DETR, end with it.
    """

    def __init__(self, count: int = 300) -> None:
        super().__init__()
        self.count = count

    def forward(self, boxes: torch.Tensor, scores: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        rows = _best(scores.amax(2), min(self.count, scores.shape[1]))[1]
        return _rows(boxes, rows), scores.gather(1, rows[:, :, None].expand(-1, -1, scores.shape[2]))


@block(
    "Score threshold", category="Postprocess", paper="torch.nn.Threshold", icon="funnel",
    helps="To silence answers that are hardly meant before they are shown or counted. On validation data one chooses "
          "how many misses to trade for how many false alarms.",
    hurts="What was cut gets no gradient. Average precision is measured over weak detections too, so a high threshold "
          "lowers it; and a number found for one network does not suit the next.",
    aliases=("confidence", "filter", "cut"), inputs={"x": "B *S"}, outputs={"out": "B *S"},
    threshold=setting("Scores that are not above this become 0.", shown=True),
)  # fmt: skip
class ScoreThreshold(nn.Threshold):
    """Set scores that are not above a threshold to 0, and leave the others as they are."""

    def __init__(self, threshold: float = 0.5) -> None:
        super().__init__(threshold, 0.0)


@block(
    "Centred scores", category="Postprocess", paper="Tian et al. 2019, arXiv:1904.01355", icon="crosshair",
    helps="FCOS and its relatives: places near an object's edge score as high as central ones though their boxes are "
          "poorer, and so fall behind them before NMS.",
    hurts="Without a trained centreness branch it only lowers good scores. Thresholds found for plain scores are too "
          "high or low for these roots, and a head whose scores already tell the overlap gains nothing.",
    aliases=("fcos", "centreness", "centerness"),
    inputs={
        "scores": port("B L K", "One score a class of each prediction, before any sigmoid."),
        "centreness": port("B L 1", "How near each place is to the middle of its box, before any sigmoid."),
    },
    outputs={"out": port("B L K", "Scores from 0 to 1.")},
)  # fmt: skip
class CentredScores(nn.Module):
    """Weigh each score by how near its place is to the middle of its box: the root of the product of both.

    Places far from the middle give poor boxes, which the suppression then drops.
    """

    def forward(self, scores: torch.Tensor, centreness: torch.Tensor) -> torch.Tensor:
        return (scores.sigmoid() * centreness.sigmoid()).sqrt()


@block(
    "Argmax", category="Postprocess", paper="torch.argmax", icon="goal", aliases=("class", "mask", "label", "best"),
    helps="The last step where only the winner counts: a class for a photo, a mask for a scene. The exported network "
          "then gives one whole number in place of a score for every class.",
    hurts="No gradient passes, so losses must be wired before it. How sure the network was is lost, and with it "
          "thresholds, the five best and any averaging with other networks.",
    inputs={"x": port("B C *S", "One score a class, at one place or at many.")},
    outputs={"out": port("int:B *S", "The number of the class with the best score.")},
    exempt={"gradient": "the number of a class is a whole number, through which no gradient flows"},
)  # fmt: skip
class Argmax(nn.Module):
    """Give the number of the class with the highest score, for each sample or for each pixel."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.argmax(1)
