"""Cross stage partial backbones: CSPDarknet, CSPResNet, CSPResNeXt and the C3 form of Darknet."""

from __future__ import annotations

from blocks.attention.choice import ATTENTION, MapAttention
from blocks.backbones.base import LEVELS, PYRAMID, Backbone, Stage
from blocks.backbones.darknet import DEPTHS, WIDTHS, check_table
from blocks.declare import block, setting
from blocks.layers.activation import Activation
from blocks.layers.composite import ACTIVATION
from blocks.layers.pooling import MaxPool2d
from blocks.stages.csp import CSP, EXPAND, FORM, GROUPS, GROW, KIND, LINEAR, WIDTH, CSPBlock, CSPForm, CSPStage
from blocks.stages.darknet import DROP_PATH


@block(
    "CSP backbone", category="Backbone", paper=CSP, icon="boxes",
    helps="YOLOv4's CSPDarknet-53, or ResNet-50 and ResNeXt-50 made partial, with up to a fifth fewer operations at "
          "the same accuracy on ImageNet.",
    hurts="With depths of 1 the split costs what it saves; the plain Darknet or residual backbone is then simpler. "
          "For a new detector YOLO backbone has the newer stages and sizes n to x.",
    aliases=("cspdarknet", "cspresnet", "cspresnext", "cs3darknet", "yolo", "yolov4"),
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID},
    kind=KIND, form=FORM, depths=DEPTHS, widths=WIDTHS, width=WIDTH, expand=EXPAND, groups=GROUPS, grow=GROW,
    linear=LINEAR,
    whole_first=setting("Split twice the channels in the first stage, so that all of them pass its narrow block."),
    pool=setting("Begin with a 3x3 max pool that halves the size, in place of the first stage's step."),
    attention=ATTENTION, activation=ACTIVATION, drop_path=DROP_PATH, levels=LEVELS,
)  # fmt: skip
class CSPBackbone(Backbone):
    """Stages of which only half the channels pass the blocks; each gives one level of a pyramid.

    With Darknet blocks it is CSPDarknet-53, the backbone of YOLOv4; with bottlenecks and a pool CSPResNet-50. The form
    `csp3` with SiLU is that of YOLOv5. Every stage halves height and width, or the pool does it for the first.
    """

    def __init__(
        self,
        C: int,
        kind: CSPBlock = "darknet",
        form: CSPForm = "csp",
        depths: tuple[int, ...] = (1, 1, 1, 1),
        widths: tuple[int, ...] = (64, 128, 256, 512),
        width: float = 1.0,
        expand: float = 1.0,
        groups: int = 1,
        grow: bool = False,
        linear: bool = False,
        whole_first: bool = False,
        pool: bool = False,
        attention: MapAttention = "none",
        activation: Activation = "leaky_relu",
        drop_path: float = 0.0,
        levels: tuple[int, ...] = (),
    ) -> None:
        check_table(depths, widths)
        stages: list[Stage] = []
        for i, (depth, channels) in enumerate(zip(depths, widths, strict=True)):
            inner, wider = (0.5, 2.0) if whole_first and i == 0 else (width, expand)
            stride = 1 if pool and i == 0 else 2
            stage = CSPStage(
                C, channels, depth, stride, kind, form, inner, wider, groups, grow, linear, attention, activation,
                drop_path,
            )  # fmt: skip
            stages.append(Stage([stage], stride, channels))
            C = channels
        super().__init__(stages, levels, pool=MaxPool2d(3, 2, 1) if pool else None)
