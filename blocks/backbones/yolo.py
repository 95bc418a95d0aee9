"""The backbones of YOLOv5 and YOLOv8."""

from __future__ import annotations

from torch import nn

from blocks.attention.choice import ATTENTION, MapAttention, make_attention
from blocks.backbones.base import LEVELS, PYRAMID, Backbone, Stage
from blocks.backbones.darknet import DEPTHS, WIDTHS, check_table
from blocks.declare import block, setting
from blocks.stages.yolo import V8, YoloStage, conv, make_stage

KIND = setting("The stages: `c2f` those of YOLOv8, `c3` those of YOLOv5.", shown=True)


@block(
    "YOLO backbone", category="Backbone", paper=V8, icon="boxes", aliases=("yolov8", "yolov5", "cspdarknet", "c2f"),
    helps="Real-time detection and YOLOv5 or YOLOv8 weights: two multipliers span sizes n to x, levels of strides 8, "
          "16 and 32 fit CSP-PAN and YOLOv8 head.",
    hurts="As a classifier it is mediocre for its weights. Widths are rounded to multiples of 8 and `most` caps the "
          "widest stage, so a wrong pair of multipliers loads no published weights.",
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID},
    kind=KIND, depths=DEPTHS, widths=WIDTHS,
    depth=setting("By what the depths are multiplied: 0.33 for n and s, 0.67 for m.", min=0.01, max=100, shown=True),
    width=setting("By what the widths are multiplied: 0.25 for n, 0.5 for s.", min=0.01, max=100, shown=True),
    most=setting("The most channels of a stage before they are multiplied: 768 for m, 512 for l and x.", min=1),
    attention=ATTENTION, levels=LEVELS,
)  # fmt: skip
class YOLOBackbone(Backbone):
    """A convolution with stride 2 and a partial stage in turns; each pair gives one level of a pyramid.

    It stands after a 3x3 convolution with stride 2. The detectors of the family take levels 2, 3 and 4, of strides
    8, 16 and 32, the coarsest after SPPF. The sizes n, s, m, l and x differ by the multipliers.
    """

    def __init__(
        self,
        C: int,
        kind: YoloStage = "c2f",
        depths: tuple[int, ...] = (3, 6, 6, 3),
        widths: tuple[int, ...] = (128, 256, 512, 1024),
        depth: float = 0.33,
        width: float = 0.25,
        most: int = 1024,
        attention: MapAttention = "none",
        levels: tuple[int, ...] = (),
    ) -> None:
        check_table(depths, widths)
        stages: list[Stage] = []
        for blocks, full in zip(depths, widths, strict=True):
            channels = -(-int(min(full, most) * width) // 8) * 8
            repeats = max(round(blocks * depth), 1) if blocks > 1 else blocks
            modules: list[nn.Module] = [conv(C, channels, 3, 2), make_stage(kind, channels, channels, repeats, True)]
            gate = make_attention(attention, channels)
            stages.append(Stage(modules if gate is None else [*modules, gate], 2, channels))
            C = channels
        super().__init__(stages, levels)
