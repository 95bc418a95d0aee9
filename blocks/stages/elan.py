"""Layer aggregation: ELAN, GELAN, and the multi-scale blocks of YOLO-MS and MAF-YOLO."""

from __future__ import annotations

import torch
from torch import nn

from blocks.attention.choice import ATTENTION, MapAttention, make_attention
from blocks.connectors.parts import Split
from blocks.declare import block, setting
from blocks.layers.activation import Activation, make_activation
from blocks.layers.channels import SplitInTwo
from blocks.layers.composite import ACTIVATION, ConvNormAct
from blocks.layers.normalisation import BatchNorm2d
from blocks.stages.darknet import CHANNELS, MAPS, SAME
from blocks.stages.yolo import C3, NORMS, conv

_MAF = "Yang et al. 2024, arXiv:2407.04381"
_BRANCHES: dict[int, tuple[tuple[int, int], ...]] = {
    3: ((3, 1), (1, 1)), 5: ((3, 1), (1, 1)), 7: ((5, 1), (3, 1)), 9: ((7, 1), (5, 1), (3, 1)),
    11: ((5, 1), (5, 2), (3, 3), (3, 4), (3, 5)), 13: ((5, 1), (7, 2), (3, 3), (3, 4), (3, 5)),
    15: ((5, 1), (7, 2), (3, 3), (3, 5), (3, 7)), 17: ((5, 1), (9, 2), (3, 4), (3, 5), (3, 7)),
}  # fmt: skip
"""For a large window: window and dilation of each small one that learns beside it."""


@block(
    "ELAN", category="Backbone", paper="Wang et al. 2022, arXiv:2207.02696", icon="layers",
    helps="Real-time detectors on GPUs: plain convolutions of equal width, which keeps memory traffic low, and a join "
          "that sees every second of them. YOLOv7 has 4 convolutions in each, its X form 6.",
    hurts="Nothing is added, so it cannot be stacked at will: with ever more convolutions each weight is used less "
          "(YOLOv7, section 3). GELAN lets blocks with connections stand inside it.",
    aliases=("yolov7", "efficient layer aggregation"), inputs={"x": "B C H W"}, outputs={"out": MAPS},
    channels=CHANNELS, width=setting("Channels of the two 1x1 convolutions.", min=1, shown=True),
    inner=setting("Channels of the 3x3 convolutions; empty: `width`.", min=1),
    depth=setting("How many 3x3 convolutions follow one another.", min=1, max=100, shown=True),
    every=setting("Of the 3x3 convolutions every n-th is joined, counted from the last: 2 in YOLOv7's backbone, 1 in "
                  "its neck.", min=1),
    activation=ACTIVATION,
)  # fmt: skip
class ELAN(nn.Module):
    """3x3 convolutions in a row, of which several are joined with two 1x1 views of what comes in.

    The shortest and the longest way of a gradient are both controlled, so that deep networks of it learn well. YOLOv7
    is made of it.
    """

    def __init__(
        self,
        C: int,
        channels: int = 128,
        width: int = 32,
        inner: int | None = None,
        depth: int = 4,
        every: int = 2,
        activation: Activation = "silu",
    ) -> None:
        super().__init__()
        inner = inner or width
        self.around = conv(C, width, activation=activation)
        self.first = conv(C, width, activation=activation)
        self.row = nn.ModuleList(
            conv(inner if i else width, inner, 3, activation=activation) for i in range(depth)
        )  # fmt: skip
        self.joined = [i for i in range(depth) if (depth - 1 - i) % every == 0]
        self.join = conv(2 * width + len(self.joined) * inner, channels, activation=activation)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        now = self.first(x)
        seen = [now, self.around(x)]
        for i, layer in enumerate(self.row):
            now = layer(now)
            if i in self.joined:
                seen.insert(0, now)
        return self.join(torch.cat(seen, 1))


@block(
    "GELAN", category="Backbone", paper="Wang et al. 2024, arXiv:2402.13616", icon="layers",
    helps="YOLOv9 gets the accuracy of YOLOv7's ELAN with markedly fewer weights and operations by it. Any block "
          "could stand in its branches; here these are C3 stages of bottlenecks that can be folded.",
    hurts="Two whole C3 stages in a row make it the deeper and slower block in training than C2f. Measured unfolded "
          "it looks worse than it is: the 1x1 convolution beside each first 3x3 one still runs.",
    aliases=("yolov9", "repncspelan4", "generalized elan", "csp-elan"), inputs={"x": "B C H W"}, outputs={"out": MAPS},
    channels=CHANNELS, width=setting("Channels before the split; even.", min=2, shown=True),
    inner=setting("Channels of each of the two branches in a row.", min=1, shown=True),
    depth=setting("Bottlenecks of each partial stage.", min=1, max=100, shown=True),
)  # fmt: skip
class GELAN(nn.Module):
    """ELAN whose layers are partial stages of re-parameterised bottlenecks, each with a 3x3 convolution after it.

    One half of the channels passes two of them in a row, and all that each gave is joined. YOLOv9 is made of it.
    """

    def __init__(
        self, C: int, channels: int = 64, width: int = 64, inner: int = 32, depth: int = 1
    ) -> None:
        super().__init__()
        self.conv1 = conv(C, width)
        self.split = SplitInTwo(width)
        self.stage1, self.conv2 = C3(width - width // 2, inner, depth, reparameterised=True), conv(inner, inner, 3)
        self.stage2, self.conv3 = C3(inner, inner, depth, reparameterised=True), conv(inner, inner, 3)
        self.conv4 = conv(width + 2 * inner, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first, second = self.split(self.conv1(x))
        third = self.conv2(self.stage1(second))
        fourth = self.conv3(self.stage2(third))
        return self.conv4(torch.cat([first, second, third, fourth], 1))


@block(
    "MSBlock", category="Backbone", paper="Chen et al. 2023, arXiv:2308.05480", icon="layers",
    helps="Detection where sizes of objects differ much: three parts see ever farther through cheap depthwise "
          "windows. YOLO-MS takes windows of 3, 5, 7 and 9 from its first to its last stage.",
    hurts="Each part waits for the one before and consists of small depthwise steps, which fill a GPU badly: at equal "
          "MACs C2f or ELAN are faster. The first convolution widens to 3 C channels.",
    aliases=("yolo-ms", "multi-scale"), inputs={"x": "B C H W"}, outputs={"out": MAPS},
    channels=CHANNELS, kernels=setting("Window of each part; 1 hands the part on as it is.", min=1, shown=True),
    depth=setting("Inverted bottlenecks of each part.", min=1, max=100, shown=True),
    expand=setting("By how much the first convolution multiplies the channels that come in.", min=0.1, max=16),
    inner=setting("By how much each bottleneck multiplies the channels of its part.", min=0.1, max=16),
    attention=ATTENTION, activation=ACTIVATION,
)  # fmt: skip
class MSBlock(nn.Module):
    """Split the channels into parts; each adds what the part before it gave and looks through windows of its own.

    Later parts so see farther, and all of them are joined. The windows of YOLO-MS grow from 3 in the first stage to
    9 in the last.
    """

    def __init__(
        self,
        C: int,
        channels: int = 64,
        kernels: tuple[int, ...] = (1, 3, 3),
        depth: int = 3,
        expand: float = 3.0,
        inner: float = 2.0,
        attention: MapAttention = "none",
        activation: Activation = "silu",
    ) -> None:
        super().__init__()
        part = int(C * expand) // max(len(kernels), 1)
        if part < 1:
            raise ValueError(
                f"{C} channels times {expand:g} are too few for {len(kernels)} parts: each needs one or more"
            )
        self.conv1 = conv(C, part * len(kernels), activation=activation)
        self.split = Split(part * len(kernels), len(kernels))
        self.branches = nn.ModuleList(
            nn.Sequential(*(_inverted(part, int(part * inner), size, activation) for _ in range(depth) if size > 1))
            for size in kernels
        )
        self.conv2 = conv(part * len(kernels), channels, activation=activation)
        self.attention = make_attention(attention, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = self.split(self.conv1(x))
        seen: list[torch.Tensor] = []
        for i, branch in enumerate(self.branches):
            now = parts[i] + seen[-1] if seen else parts[i]
            seen.append(branch(now))
        x = self.conv2(torch.cat(seen, 1))
        return x if self.attention is None else self.attention(x)


def _inverted(C: int, width: int, kernel_size: int, activation: Activation) -> nn.Sequential:
    return nn.Sequential(
        conv(C, width, activation=activation), conv(width, width, kernel_size, groups=width, activation=activation),
        conv(width, C, activation=activation),
    )  # fmt: skip


@block(
    "Re-parameterised large kernel", category="Layer", paper="Ding et al. 2023, arXiv:2311.15599", icon="grid-3x3",
    helps="Depthwise windows of 7 to 17 that shall learn fine patterns as well, as in UniRepLKNet and MAF-YOLO: small "
          "dilated branches teach it what a single large window misses.",
    hurts="Until they are folded 2 to 5 further convolutions with norms run beside the large one and keep their maps "
          "in training. For a window of 3 or 5 a plain Depthwise conv 2d does.",
    aliases=("unireplknet", "dilated reparam", "depthwise", "large kernel"), inputs={"x": "B C H W"},
    outputs={"out": SAME}, kernel_size=setting("The large window: odd, 3 to 17.", min=3, max=17, shown=True),
    activation=ACTIVATION,
)  # fmt: skip
class RepLargeKernel(nn.Module):
    """A depthwise convolution with a large window and small, partly dilated ones beside it, added up and normed.

    Small windows find what is near, which a large one alone learns badly. After training all of them can be folded
    into the large one.
    """

    def __init__(self, C: int, kernel_size: int = 5, activation: Activation = "silu") -> None:
        super().__init__()
        if kernel_size not in _BRANCHES:
            raise ValueError(f"kernel_size is {kernel_size}, but it needs an odd number from 3 to 17")
        self.large = _depthwise(C, kernel_size)
        self.small = nn.ModuleList(_depthwise(C, kernel, dilation) for kernel, dilation in _BRANCHES[kernel_size])
        self.norm = BatchNorm2d(C, NORMS["eps"], NORMS["momentum"])
        self.act = make_activation(activation)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.large(x)
        for branch in self.small:
            y = y + branch(x)
        y = self.norm(y)
        return y if self.act is None else self.act(y)


def _depthwise(C: int, kernel_size: int, dilation: int = 1) -> ConvNormAct:
    return ConvNormAct(C, C, kernel_size, dilation=dilation, groups=C, activation="none", **NORMS)  # type: ignore[arg-type]


@block(
    "RepHMS", category="Backbone", paper=_MAF, icon="layers",
    helps="The stage of MAF-YOLO: wider windows from stage to stage enlarge what a detector sees without more levels "
          "or attention, and after folding they cost as plain depthwise ones.",
    hurts="The dearest of the YOLO stages in training: every bottleneck has two large windows with their branches, "
          "and the parts wait for one another. C2f trains far quicker.",
    aliases=("maf-yolo", "mhaf-yolo", "heterogeneous kernels", "multi-scale"), inputs={"x": "B C H W"},
    outputs={"out": MAPS}, channels=CHANNELS,
    parts=setting("Into how many parts the channels are split; the first is handed on as it is.", min=2, shown=True),
    depth=setting("Bottlenecks of each of the other parts.", min=1, max=100, shown=True),
    kernel_size=setting("The large window of the bottlenecks: 3 to 9, larger in coarser stages.", min=3, max=17,
                        shown=True),
    expand=setting("By how much each bottleneck multiplies the channels of its part.", min=0.1, max=16),
    share=setting("Channels of each part, as a share of those that come out.", min=0.01, max=4),
)  # fmt: skip
class RepHMS(nn.Module):
    """Split the channels into parts that pass bottlenecks with large windows, each part added to the next.

    Each bottleneck looks twice through a re-parameterised large window between 1x1 convolutions. All that the
    bottlenecks gave is joined, so that near and far views stand side by side.
    """

    def __init__(
        self,
        C: int,
        channels: int = 64,
        parts: int = 3,
        depth: int = 1,
        kernel_size: int = 5,
        expand: float = 2.0,
        share: float = 0.5,
    ) -> None:
        super().__init__()
        width = max(int(channels * share), 1)
        inner = max(int(width * expand), 1)
        self.conv1 = conv(C, parts * width)
        self.split = Split(parts * width, parts)
        self.branches = nn.ModuleList(
            nn.ModuleList(_heterogeneous(width, inner, kernel_size) for _ in range(depth)) for _ in range(parts - 1)
        )
        self.conv2 = conv(width * (1 + (parts - 1) * depth), channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = self.split(self.conv1(x))
        seen = [parts[0]]
        before = [parts[0]]  # what each bottleneck of the branch before gave
        for i, branch in enumerate(self.branches, 1):
            now = parts[i]
            given: list[torch.Tensor] = []
            for j, bottleneck in enumerate(branch.children()):
                if j < len(before):
                    now = now + before[j]
                now = bottleneck(now)
                given.append(now)
            seen += given
            before = given
        return self.conv2(torch.cat(seen, 1))


def _heterogeneous(C: int, width: int, kernel_size: int) -> nn.Sequential:
    return nn.Sequential(
        conv(C, width), RepLargeKernel(width, kernel_size), conv(width, width), RepLargeKernel(width, kernel_size),
        conv(width, C),
    )  # fmt: skip
