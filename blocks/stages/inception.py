"""The modules of the Inception networks: convolutions of several kinds side by side."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

from blocks.declare import block, port, preset, setting
from blocks.layers.activation import Activation, make_activation
from blocks.layers.composite import ACTIVATION, EPS, NORM
from blocks.layers.convolution import Conv2d
from blocks.layers.normalisation import Norm
from blocks.layers.scale import Scale
from blocks.stages.branches import Branch, Branches, Conv, Fork, Look, Pool

V1 = "Szegedy et al. 2014, arXiv:1409.4842"
V2 = "Ioffe and Szegedy 2015, arXiv:1502.03167"
V3 = "Szegedy et al. 2015, arXiv:1512.00567"
V4 = "Szegedy et al. 2016, arXiv:1602.07261"
JOINED = port("B K H W", "The branches' channels behind one another.")
KIND = setting("Which of the paper's modules; those called `reduce` halve height and width.", shown=True)

V1Kernel = Literal["5", "3"]
V2Pool = Literal["avg", "max"]
V3Kind = Literal["a", "b_reduce", "c", "d_reduce", "e"]
V4Kind = Literal["stem_a_reduce", "stem_b", "stem_c_reduce", "a", "a_reduce", "b", "b_reduce", "c"]
ResidualKind = Literal["a", "b", "c"]
ReductionKind = Literal["stem", "a_reduce", "b_reduce"]
Version = Literal["v1", "v2"]

_PASS = Pool("max", 2)
_AVG, _AVG_INSIDE = Pool("avg"), Pool("avg", edges=False)


def _widths(widths: tuple[int, ...], names: str) -> tuple[int, ...]:
    needed = names.split(", ")
    if len(widths) != len(needed):
        raise ValueError(f"widths has {len(widths)} numbers, but it needs {len(needed)}: {names}")
    return widths


@block(
    "Inception, naive", category="Backbone", paper=V1, icon="git-fork", aliases=("googlenet", "branches"),
    helps="To show why the later modules begin with 1x1 convolutions, or for a network of one or two modules on few "
          "channels.",
    hurts="The 5x5 window sees all C channels and the pool hands all of them on, so at the defaults C + 224 come out "
          "and the next module costs more still. Inception v1 bounds both.",
    inputs={"x": "B C H W"}, outputs={"out": JOINED},
    widths=setting("Channels of the 1x1, 3x3 and 5x5 convolutions.", min=1, shown=True),
    norm=NORM, activation=ACTIVATION, eps=EPS,
)  # fmt: skip
class InceptionNaive(Branches):
    """1x1, 3x3 and 5x5 convolutions and a max pool side by side.

    It looks at things of several sizes at once. The pool hands all its channels on, so the channels only grow: the
    later modules bring them down first.
    """

    def __init__(
        self,
        C: int,
        widths: tuple[int, ...] = (64, 128, 32),
        norm: Norm = "batch",
        activation: Activation = "relu",
        eps: float = 1e-3,
    ) -> None:
        one, three, five = _widths(widths, "1x1, 3x3, 5x5")
        table: list[Branch] = [(Conv(one),), (Conv(three, 3),), (Conv(five, 5),), (Pool("max"),)]
        super().__init__(C, table, Look(norm, activation, eps))


@block(
    "Inception v1", category="Backbone", paper=V1, icon="git-fork", aliases=("googlenet", "branches"),
    helps="Rebuilding GoogLeNet, or looking for several sizes at once with few weights: the whole network has about 7 "
          "M, where AlexNet has 60.",
    hurts="Six widths to choose by hand, many small kernels for a GPU, and no connection around it: past some twenty "
          "layers it trains badly. Bottleneck or Inception-ResNet block are easier to scale.",
    inputs={"x": "B C H W"}, outputs={"out": JOINED},
    widths=setting("Channels: 1x1; before the 3x3, 3x3; before the 5x5, 5x5; after the pool.", min=1, shown=True),
    kernel=setting("Window of the largest branch: 5 as published, 3 as torchvision has it.", shown=True),
    norm=NORM, activation=ACTIVATION, eps=EPS,
    presets={
        "3x3": preset("The largest window is 3x3 instead of 5x5, as torchvision has it.", title="Inception v1 with 3x3",
                      kernel="3"),
    },
)  # fmt: skip
class InceptionV1(Branches):
    """1x1, 3x3 and 5x5 convolutions and a max pool side by side, with 1x1 convolutions that bring channels down.

    GoogLeNet is nine of them.
    """

    def __init__(
        self,
        C: int,
        widths: tuple[int, ...] = (64, 96, 128, 16, 32, 32),
        kernel: V1Kernel = "5",
        norm: Norm = "batch",
        activation: Activation = "relu",
        eps: float = 1e-3,
    ) -> None:
        one, r3, three, r5, five, after = _widths(widths, "1x1, reduce 3x3, 3x3, reduce 5x5, 5x5, pool")
        table: list[Branch] = [
            (Conv(one),),
            (Conv(r3), Conv(three, 3)),
            (Conv(r5), Conv(five, int(kernel))),
            (Pool("max"), Conv(after)),
        ]
        super().__init__(C, table, Look(norm, activation, eps))


@block(
    "Inception v2", category="Backbone", paper=V2, icon="git-fork", aliases=("bn-inception", "branches"),
    helps="BN-Inception, on whose weights much of action recognition and metric learning was built. With its batch "
          "norms it needed 14 times fewer steps than Inception v1 for the same accuracy.",
    hurts="All its convolutions are followed by batch norms, so batches of a few samples harm it. In the reducing "
          "form the pool hands its C channels on, on top of what the branches give.",
    inputs={"x": "B C H W"}, outputs={"out": JOINED},
    widths=setting("Channels: 1x1; before the 3x3, 3x3; before the two 3x3, both of them; after the pool.", min=0,
                   shown=True),
    pool=setting("Kind of the pooling branch."),
    reduce=setting("Halve height and width: no 1x1 branch then, and the pool hands its channels on.", shown=True),
    norm=NORM, activation=ACTIVATION, eps=EPS,
)  # fmt: skip
class InceptionV2(Branches):
    """The module of BN-Inception: two 3x3 convolutions stand for the 5x5 one of Inception v1.

    They see as far with fewer weights.
    """

    def __init__(
        self,
        C: int,
        widths: tuple[int, ...] = (64, 64, 64, 64, 96, 32),
        pool: V2Pool = "avg",
        reduce: bool = False,
        norm: Norm = "batch",
        activation: Activation = "relu",
        eps: float = 1e-3,
    ) -> None:
        one, r3, three, rd, double, after = _widths(widths, "1x1, reduce 3x3, 3x3, reduce two 3x3, two 3x3, pool")
        step = 2 if reduce else 1
        table: list[Branch] = [
            *([] if reduce else [(Conv(one),)]),
            (Conv(r3), Conv(three, 3, step)),
            (Conv(rd), Conv(double, 3), Conv(double, 3, step)),
            (Pool("max", 2, padded=True),) if reduce else (Pool(pool), Conv(after)),
        ]
        super().__init__(C, table, Look(norm, activation, eps))


@block(
    "Inception v3", category="Backbone", paper=V3, icon="git-fork", aliases=("branches", "factorised"),
    helps="Classifiers for 299 pixels and the features that FID compares. Take the kind by the map's side: rows and "
          "columns of 7 pay between 12 and 20 places (the paper's finding).",
    hurts="The widths are those of the tables, so it scales badly. The reducing kinds have no padding: levels are no "
          "exact halves, and maps of less than 3 places fail. Bottlenecks are the simpler choice.",
    inputs={"x": "B C H W"}, outputs={"out": JOINED}, kind=KIND,
    width=setting("a: channels after the pool (32); c: of the 7x7 branches (128); empty: as in brackets.", min=1),
    activation=ACTIVATION,
)  # fmt: skip
class InceptionV3(Branches):
    """The modules of Inception v3: large windows become rows of small ones, 7x7 becomes 1x7 and 7x1.

    a for 35x35 maps, b_reduce to 17x17, c for these, d_reduce to 8x8, e for these.
    """

    def __init__(self, C: int, kind: V3Kind = "a", width: int | None = None, activation: Activation = "relu") -> None:
        super().__init__(C, _v3(kind, width), Look(activation=activation))


def _v3(kind: V3Kind, width: int | None) -> list[Branch]:
    match kind:
        case "a":
            return [
                (Conv(64),), (Conv(48), Conv(64, 5)), (Conv(64), Conv(96, 3), Conv(96, 3)), (_AVG, Conv(width or 32)),
            ]  # fmt: skip
        case "b_reduce":
            return [(Conv(384, 3, 2, True),), (Conv(64), Conv(96, 3), Conv(96, 3, 2, True)), (_PASS,)]
        case "c":
            w, across, down = width or 128, (1, 7), (7, 1)
            return [
                (Conv(192),), (Conv(w), Conv(w, across), Conv(192, down)),
                (Conv(w), Conv(w, down), Conv(w, across), Conv(w, down), Conv(192, across)), (_AVG, Conv(192)),
            ]  # fmt: skip
        case "d_reduce":
            return [
                (Conv(192), Conv(320, 3, 2, True)),
                (Conv(192), Conv(192, (1, 7)), Conv(192, (7, 1)), Conv(192, 3, 2, True)), (_PASS,),
            ]  # fmt: skip
    fork = Fork((Conv(384, (1, 3)), Conv(384, (3, 1))))
    return [(Conv(320),), (Conv(384), fork), (Conv(448), Conv(384, 3), fork), (_AVG, Conv(192))]


_ROW7, _COLUMN7 = (1, 7), (7, 1)
_FORK256 = Fork((Conv(256, (1, 3)), Conv(256, (3, 1))))
_V4: dict[V4Kind, list[Branch]] = {
    "stem_a_reduce": [(_PASS,), (Conv(96, 3, 2, True),)],
    "stem_b": [
        (Conv(64), Conv(96, 3, 1, True)), (Conv(64), Conv(64, _ROW7), Conv(64, _COLUMN7), Conv(96, 3, 1, True)),
    ],
    "stem_c_reduce": [(Conv(192, 3, 2, True),), (_PASS,)],
    "a": [
        (Conv(96),), (Conv(64), Conv(96, 3)), (Conv(64), Conv(96, 3), Conv(96, 3)), (_AVG_INSIDE, Conv(96)),
    ],
    "a_reduce": [(Conv(384, 3, 2, True),), (Conv(192), Conv(224, 3), Conv(256, 3, 2, True)), (_PASS,)],
    "b": [
        (Conv(384),), (Conv(192), Conv(224, _ROW7), Conv(256, _COLUMN7)),
        (Conv(192), Conv(192, _COLUMN7), Conv(224, _ROW7), Conv(224, _COLUMN7), Conv(256, _ROW7)),
        (_AVG_INSIDE, Conv(128)),
    ],
    "b_reduce": [
        (Conv(192), Conv(192, 3, 2, True)),
        (Conv(256), Conv(256, _ROW7), Conv(320, _COLUMN7), Conv(320, 3, 2, True)), (_PASS,),
    ],
    "c": [
        (Conv(256),), (Conv(384), _FORK256), (Conv(384), Conv(448, (3, 1)), Conv(512, (1, 3)), _FORK256),
        (_AVG_INSIDE, Conv(256)),
    ],
}  # fmt: skip


@block(
    "Inception v4", category="Backbone", paper=V4, icon="git-fork", aliases=("branches", "factorised"),
    helps="Rebuilding Inception v4, which shows that depth works without connections too: 20.0 % top-1 error on a "
          "single crop, Inception-ResNet-v2 19.9.",
    hurts="It takes longer to train than Inception-ResNet blocks, which is what the paper found. The kinds have to "
          "follow in their order, as each is cut for the channels and sizes of one grid.",
    inputs={"x": "B C H W"}, outputs={"out": JOINED}, kind=KIND, activation=ACTIVATION,
)  # fmt: skip
class InceptionV4(Branches):
    """The modules of Inception v4, more of one kind than those of v3.

    Three for the stem, a for 35x35 maps, b for 17x17, c for 8x8, and reductions between them.
    """

    def __init__(self, C: int, kind: V4Kind = "a", activation: Activation = "relu") -> None:
        super().__init__(C, _V4[kind], Look(activation=activation))


_REDUCTIONS: dict[tuple[ReductionKind, Version], list[Branch]] = {
    ("stem", "v1"): [(Conv(256, 3, 2, True),)],
    ("stem", "v2"): [
        (Conv(96),), (Conv(48), Conv(64, 5)), (Conv(64), Conv(96, 3), Conv(96, 3)), (_AVG_INSIDE, Conv(64)),
    ],
    ("a_reduce", "v1"): [(Conv(384, 3, 2, True),), (Conv(192), Conv(192, 3), Conv(256, 3, 2, True)), (_PASS,)],
    ("a_reduce", "v2"): [(Conv(384, 3, 2, True),), (Conv(256), Conv(256, 3), Conv(384, 3, 2, True)), (_PASS,)],
    ("b_reduce", "v1"): [
        (Conv(256), Conv(384, 3, 2, True)), (Conv(256), Conv(256, 3, 2, True)),
        (Conv(256), Conv(256, 3), Conv(256, 3, 2, True)), (_PASS,),
    ],
    ("b_reduce", "v2"): [
        (Conv(256), Conv(384, 3, 2, True)), (Conv(256), Conv(288, 3, 2, True)),
        (Conv(256), Conv(288, 3), Conv(320, 3, 2, True)), (_PASS,),
    ],
}  # fmt: skip
_RESIDUAL: dict[tuple[ResidualKind, Version], list[Branch]] = {
    ("a", "v1"): [(Conv(32),), (Conv(32), Conv(32, 3)), (Conv(32), Conv(32, 3), Conv(32, 3))],
    ("a", "v2"): [(Conv(32),), (Conv(32), Conv(32, 3)), (Conv(32), Conv(48, 3), Conv(64, 3))],
    ("b", "v1"): [(Conv(128),), (Conv(128), Conv(128, _ROW7), Conv(128, _COLUMN7))],
    ("b", "v2"): [(Conv(192),), (Conv(128), Conv(160, _ROW7), Conv(192, _COLUMN7))],
    ("c", "v1"): [(Conv(192),), (Conv(192), Conv(192, (1, 3)), Conv(192, (3, 1)))],
    ("c", "v2"): [(Conv(192),), (Conv(192), Conv(224, (1, 3)), Conv(256, (3, 1)))],
}
VERSION = setting("v1 is the smaller network, which FaceNet uses; v2 the larger one.", shown=True)


@block(
    "Inception-ResNet reduction", category="Backbone", paper=V4, icon="git-fork", aliases=("branches",),
    helps="Only between rows of Inception-ResNet blocks: a pool and strided convolutions side by side halve the map, "
          "and the channels grow at the same time.",
    hurts="Windows without padding lose the edge, 35 becomes 17 and 17 becomes 8, so that necks must resize. Its "
          "`version` has to be that of the blocks around it; elsewhere a strided convolution does.",
    inputs={"x": "B C H W"}, outputs={"out": JOINED}, kind=KIND, version=VERSION, activation=ACTIVATION,
)  # fmt: skip
class InceptionResNetReduction(Branches):
    """What stands between the residual modules of Inception-ResNet: branches that make the maps smaller.

    `stem` is the last module of the stem, which gives the 35x35 maps.
    """

    def __init__(
        self, C: int, kind: ReductionKind = "a_reduce", version: Version = "v2", activation: Activation = "relu"
    ) -> None:
        super().__init__(C, _REDUCTIONS[kind, version], Look(activation=activation))


@block(
    "Inception-ResNet block", category="Backbone", paper=V4, icon="git-merge", aliases=("branches", "residual"),
    helps="FaceNet's network and classifiers for 299 pixels: with the connection an Inception network trains much "
          "faster than without, and the scale keeps widths of a thousand filters and more alive.",
    hurts="Scaled by 1, wide networks of it die early in training: all outputs turn to zero, and neither a lower rate "
          "nor more norms prevent it. Windows of 1x7 are wasted on maps smaller than that.",
    inputs={"x": "B C H W"}, outputs={"out": port("B C H W", "As many channels as come in.")}, kind=KIND,
    version=VERSION, scale=setting("By how much the branches are scaled before the addition.", min=0),
    activation=ACTIVATION, final_activation=setting("The bend after the addition; the last block has none."),
)  # fmt: skip
class InceptionResNetBlock(nn.Module):
    """Branches of several windows whose scaled sum is added to the input.

    a for 35x35 maps, b for 17x17, c for 8x8. The scale, 0.1 to 0.2, keeps wide residual networks from diverging.
    """

    def __init__(
        self,
        C: int,
        kind: ResidualKind = "a",
        version: Version = "v2",
        scale: float = 0.17,
        activation: Activation = "relu",
        final_activation: bool = True,
    ) -> None:
        super().__init__()
        self.branches = Branches(C, _RESIDUAL[kind, version], Look(activation=activation))
        self.up = Conv2d(self.branches.channels, C, 1, padding=0)
        self.scale = Scale(scale)
        self.act = make_activation(activation) if final_activation else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.scale(self.up(self.branches(x))) + x
        return x if self.act is None else self.act(x)
