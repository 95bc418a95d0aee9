"""The head of FCOS."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from blocks.declare import block, port, setting
from blocks.heads.detection import CLASSES, CONVS, PRIOR, SCORES, WIDTH, DenseHead, PredictionRows
from blocks.layers.activation import ReLU
from blocks.layers.convolution import Conv2d
from blocks.layers.normalisation import Norm
from blocks.layers.scale import LearnedScale
from blocks.necks.levels import LEVELS_IN


@block(
    "FCOS head", category="Head", paper="Tian et al. 2019, arXiv:1904.01355", icon="scan",
    helps="Detection without tuning anchors: one prediction a place, a ninth of RetinaNet's rows. Centreness lifted "
          "AP from 33.5 to 37.1 in the paper.",
    hurts="It needs FPN levels with a range of sizes each, as overlapping objects compete for a place. Multiply "
          "scores and centreness before NMS, else poor boxes win. YOLOv8 head does without centreness.",
    aliases=("detection", "anchor-free", "centreness", "centerness", "boxes", "detector"), inputs={"x": LEVELS_IN},
    outputs={
        "scores": SCORES,
        "boxes": port("B L N", "Distances from each place to the box's left, top, right and bottom, none negative."),
        "centreness": port("B L M", "How near each place is to the middle of its box, before any sigmoid."),
    },
    classes=CLASSES, convs=CONVS, norm=setting("The normalisation in the towers."),
    scales=setting("Multiply the distances of each level by a learned number, as the paper does."),
    prior=PRIOR, width=WIDTH,
)  # fmt: skip
class FCOSHead(DenseHead):
    """Classify every place of every level, and say how far it is to the four sides of the object around it.

    There are no anchors. A third answer, the centreness, lowers the scores of places far from the middle, whose boxes
    are poor. The distances are in steps of their level.
    """

    def __init__(
        self,
        c: list[int],
        classes: int = 91,
        convs: int = 4,
        norm: Norm = "group",
        scales: bool = False,
        prior: float = 0.01,
        width: int | None = None,
    ) -> None:
        super().__init__(c, width, convs, norm, True, classes, prior)
        self.scores = Conv2d(self.width, classes)
        self.boxes = Conv2d(self.width, 4)
        self.centreness = Conv2d(self.width, 1)
        self.scales = nn.ModuleList(LearnedScale() for _ in c if scales)
        self.act = ReLU()
        self.single_rows = PredictionRows(1)
        self.start(self.scores)

    def forward(self, x: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        scores, boxes, centres = [], [], []
        for i, level in enumerate(self.fitted(x)):
            scores.append(self.rows(self.scores(self.classify(level))))
            seen = self.regress(level)
            distances = self.boxes(seen)
            if self.scales:
                distances = self.scales[i](distances)
            boxes.append(self.box_rows(self.act(distances)))
            centres.append(self.single_rows(self.centreness(seen)))
        return torch.cat(scores, 1), torch.cat(boxes, 1), torch.cat(centres, 1)
