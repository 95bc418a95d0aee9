"""The head of RetinaNet."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from blocks.declare import block, port, setting
from blocks.heads.detection import CLASSES, CONVS, PRIOR, SCORES, WIDTH, DenseHead
from blocks.layers.convolution import Conv2d
from blocks.layers.normalisation import Norm
from blocks.necks.levels import LEVELS_IN


@block(
    "RetinaNet head", category="Head", paper="Lin et al. 2017, arXiv:1708.02002", icon="scan",
    helps="Dense detection with published weights and known sizes of objects: 9 anchors a place on levels 3 to 7 of "
          "an FPN, and the focal loss keeps the easy background from ruling.",
    hurts="Nine rows a place make some 100,000 for an image of 800 pixels, and anchors have to fit the data: odd "
          "shapes are missed. FCOS and YOLOv8 head need none and are lighter.",
    aliases=("detection", "anchors", "focal loss", "boxes", "detector"), inputs={"x": LEVELS_IN},
    outputs={
        "scores": SCORES,
        "boxes": port("B L N", "How each anchor is to be moved and resized: four numbers a prediction."),
    },
    classes=CLASSES, anchors=setting("Anchors at each place: their sizes times their forms.", min=1, shown=True),
    convs=CONVS, norm=setting("The normalisation in the towers: `none` as published."), prior=PRIOR, width=WIDTH,
)  # fmt: skip
class RetinaNetHead(DenseHead):
    """Classify every anchor at every place of every level, and say how it is to be moved to fit the object.

    Two towers of convolutions, one for classes and one for boxes, serve all levels. Train it with the focal loss. The
    blocks Anchors, Decode boxes and NMS make detections of what it gives.
    """

    def __init__(
        self,
        c: list[int],
        classes: int = 91,
        anchors: int = 9,
        convs: int = 4,
        norm: Norm = "none",
        prior: float = 0.01,
        width: int | None = None,
    ) -> None:
        super().__init__(c, width, convs, norm, None, classes, prior)
        self.scores = Conv2d(self.width, anchors * classes)
        self.boxes = Conv2d(self.width, anchors * 4)
        self.start(self.scores)

    def forward(self, x: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        levels = self.fitted(x)
        scores = [self.rows(self.scores(self.classify(level))) for level in levels]
        boxes = [self.box_rows(self.boxes(self.regress(level))) for level in levels]
        return torch.cat(scores, 1), torch.cat(boxes, 1)
