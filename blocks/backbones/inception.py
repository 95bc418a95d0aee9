"""The Inception networks: GoogLeNet, Inception v3 and v4, Inception-ResNet v1 and v2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import nn

from blocks.attention.choice import ATTENTION, MapAttention
from blocks.backbones.base import LEVELS, PYRAMID, Backbone, Stage
from blocks.declare import block, setting
from blocks.layers.composite import ConvNormAct
from blocks.layers.normalisation import LocalResponseNorm, Norm
from blocks.layers.pooling import MaxPool2d
from blocks.stages.inception import (
    V1,
    V3,
    V4,
    VERSION,
    InceptionResNetBlock,
    InceptionResNetReduction,
    InceptionV1,
    InceptionV3,
    InceptionV4,
    ResidualKind,
    V3Kind,
    V4Kind,
    Version,
)

Form = Literal["torchvision", "published"]


def _stage(modules: Sequence[nn.Module], stride: int, channels: int) -> Stage:
    """A stage of unlike modules as one: what attends follows the whole stage."""
    return Stage([nn.Sequential(*modules)], stride, channels)


_V1_WIDTHS: tuple[tuple[tuple[int, ...], ...], ...] = (
    ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)),
    ((192, 96, 208, 16, 48, 64),),
    ((160, 112, 224, 24, 64, 64), (128, 128, 256, 24, 64, 64), (112, 144, 288, 32, 64, 64)),
    ((256, 160, 320, 32, 128, 128),),
    ((256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)),
)
"""Table 1 of the paper, rows 3a-3b, 4a, 4b-4d, 4e, 5a-5b: the auxiliary classifiers stand behind 4a and 4d."""


@block(
    "GoogLeNet backbone", category="Backbone", paper=V1, icon="boxes", aliases=("inception", "inception v1"),
    helps="Teaching and history: 69.8 % top-1 with 6.6 M weights and 1.5 GMACs in torchvision's form.",
    hurts="A ResNet-18 is as accurate, with simpler wiring and faster kernels. The published form has no norms and "
          "trains slowly: take it for history, `torchvision` for work.",
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID},
    form=setting(
        "`torchvision`: batch norm, 3x3 windows for 5x5; `published`: 5x5 windows, local response norm.", shown=True
    ),
    attention=ATTENTION, levels=LEVELS,
)  # fmt: skip
class GoogLeNetBackbone(Backbone):
    """The stages of GoogLeNet behind its first convolution, made of Inception v1 modules.

    Stage 1 holds the plain convolutions, 2 the modules 3a and 3b, 3 to 5 the modules 4a, 4b to 4d and 4e, 6 the
    modules 5a and 5b. The published network's auxiliary classifiers stand behind stages 3 and 4.
    """

    def __init__(
        self, C: int, form: Form = "torchvision", attention: MapAttention = "none", levels: tuple[int, ...] = ()
    ) -> None:
        plain = form == "published"
        norm: Norm = "none" if plain else "batch"
        eps = 1e-3
        respond = [LocalResponseNorm() if plain else None for _ in range(2)]
        first = [
            MaxPool2d(3, 2, ceil_mode=True), respond[0], ConvNormAct(C, 64, 1, norm=norm, eps=eps),
            ConvNormAct(64, 192, 3, norm=norm, eps=eps), respond[1],
        ]  # fmt: skip
        stages = [_stage([module for module in first if module is not None], 2, 192)]
        C = 192
        for i, rows in enumerate(_V1_WIDTHS):
            stride = 2 if i in (0, 1, 4) else 1
            size = 2 if i == 4 and not plain else 3
            modules: list[nn.Module] = [MaxPool2d(size, 2, ceil_mode=True)] if stride == 2 else []
            for widths in rows:
                module = InceptionV1(C, widths, "5" if plain else "3", norm)
                modules.append(module)
                C = module.channels
            stages.append(_stage(modules, stride, C))
        super().__init__(stages, levels, attention)


@block(
    "Inception v3 backbone", category="Backbone", paper=V3, icon="boxes", aliases=("inception",),
    helps="Inception score, FID and other measures that are defined on its weights, and fine-tuning at 299 pixels.",
    hurts="Images of less than 75 pixels vanish in its windows without padding, and levels are no exact halves for a "
          "neck. For new work a residual or ConvNeXt backbone is easier to change.",
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID}, attention=ATTENTION, levels=LEVELS,
)  # fmt: skip
class InceptionV3Backbone(Backbone):
    """The stages of Inception v3 behind its five plain convolutions.

    Their windows have no padding where they halve the size: 71 becomes 35, 17 and 8. The auxiliary classifier stands
    behind stage 2.
    """

    def __init__(self, C: int, attention: MapAttention = "none", levels: tuple[int, ...] = ()) -> None:
        table: list[list[tuple[V3Kind, int | None]]] = [
            [("a", 32), ("a", 64), ("a", 64)],
            [("b_reduce", None), ("c", 128), ("c", 160), ("c", 160), ("c", 192)],
            [("d_reduce", None), ("e", None), ("e", None)],
        ]
        stages = []
        for i, row in enumerate(table):
            modules: list[nn.Module] = [] if i else [MaxPool2d(3, 2)]
            for kind, width in row:
                module = InceptionV3(C, kind, width)
                modules.append(module)
                C = module.channels
            stages.append(_stage(modules, 2, C))
        super().__init__(stages, levels, attention)


@block(
    "Inception v4 backbone", category="Backbone", paper=V4, icon="boxes", aliases=("inception",),
    helps="Comparisons with 2016: 80.0 % top-1 on a single crop at 299 pixels, without a single connection around.",
    hurts="More than 40 M weights of unlike modules, which no scale setting shrinks. Inception-ResNet learns faster "
          "to the same accuracy, EfficientNet needs a fraction of it.",
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID},
    depths=setting("Modules a, b and c, beside the reductions.", min=1, max=100, shown=True),
    attention=ATTENTION, levels=LEVELS,
)  # fmt: skip
class InceptionV4Backbone(Backbone):
    """The stages of Inception v4 behind its first three convolutions.

    Stage 1 is the stem's first branching, 2 the rest of the stem and the modules a, 3 the modules b, 4 the modules c.
    """

    def __init__(
        self,
        C: int,
        depths: tuple[int, ...] = (4, 7, 3),
        attention: MapAttention = "none",
        levels: tuple[int, ...] = (),
    ) -> None:
        if len(depths) != 3:
            raise ValueError(f"depths has {len(depths)} numbers, but it needs 3: how many modules a, b and c")
        a, b, c = depths
        rows: tuple[tuple[tuple[V4Kind, int], ...], ...] = (
            (("stem_a_reduce", 1),), (("stem_b", 1), ("stem_c_reduce", 1), ("a", a)), (("a_reduce", 1), ("b", b)),
            (("b_reduce", 1), ("c", c)),
        )  # fmt: skip
        stages = []
        for row in rows:
            modules = []
            for kind in (kind for kind, count in row for _ in range(count)):
                modules.append(InceptionV4(C, kind))
                C = modules[-1].channels
            stages.append(_stage(modules, 2, C))
        super().__init__(stages, levels, attention)


@block(
    "Inception-ResNet backbone", category="Backbone", paper=V4, icon="boxes", aliases=("inception", "facenet"),
    helps="Face embeddings after FaceNet (v1 at 160 pixels in its usual code), or v2 for 19.9 % top-1 error on a "
          "single crop.",
    hurts="v2 has about 54 M weights and many small kernels. At scale 1 throughout it would diverge; its own scales "
          "are set. As a pyramid it is awkward: 35, 17 and 8 are no halves.",
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID}, version=VERSION,
    depths=setting("Residual modules a, b and c; the last c has no bend.", min=1, max=100, shown=True),
    attention=ATTENTION, levels=LEVELS,
)  # fmt: skip
class InceptionResNetBackbone(Backbone):
    """The stages of Inception-ResNet behind its plain convolutions.

    v2 is the larger one; v1 carries FaceNet. Each stage is a reduction and a row of residual modules.
    """

    def __init__(
        self,
        C: int,
        version: Version = "v2",
        depths: tuple[int, ...] = (10, 20, 10),
        attention: MapAttention = "none",
        levels: tuple[int, ...] = (),
    ) -> None:
        if len(depths) != 3:
            raise ValueError(f"depths has {len(depths)} numbers, but it needs 3: how many modules a, b and c")
        kinds: tuple[ResidualKind, ...] = ("a", "b", "c")
        reductions = [InceptionResNetReduction(C, "stem", version)]
        reductions.append(InceptionResNetReduction(reductions[-1].channels, "a_reduce", version))
        reductions.append(InceptionResNetReduction(reductions[-1].channels, "b_reduce", version))
        stages = []
        for kind, reduction, depth, scale in zip(kinds, reductions, depths, (0.17, 0.1, 0.2), strict=True):
            width = reduction.channels
            before: list[nn.Module] = [MaxPool2d(3, 2)] if kind == "a" and version == "v2" else []
            last = depth - 1 if kind == "c" else -1  # the very last block has scale 1 and no bend
            blocks = [
                InceptionResNetBlock(width, kind, version, 1.0 if i == last else scale, final_activation=i != last)
                for i in range(depth)
            ]
            after = [ConvNormAct(width, 1536, 1, eps=1e-3)] if kind == "c" and version == "v2" else []
            stages.append(_stage([*before, reduction, *blocks, *after], 2, 1536 if after else width))
        super().__init__(stages, levels, attention)
