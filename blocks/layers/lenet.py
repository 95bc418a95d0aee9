"""The layers of LeNet-5 that later networks left out: LeCun et al. 1998, Gradient-Based Learning Applied to Document
Recognition, Proc. IEEE 86(11), section II.B."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from blocks.declare import block, port, setting
from blocks.layers.initialisation import INIT, Init, initialise
from blocks.layers.sizes import Size, pair

LENET = "LeCun et al. 1998, Proc. IEEE 86(11), section II.B"

_DIGITS = (
    "003c224242424242243c0000", "001868480808080808080000", "003c224202040810207e0000", "003c2242060c0242623c0000",
    "00040c141424447e04040000", "003e20605c660242663c0000", "001c26425c664242663c0000", "007e06040808101020200000",
    "003c4242423c4242423c0000", "003c664242663a4264380000",
)  # fmt: skip
"""The ten digits as bitmaps of 12 rows of 7 points, a byte a row."""


@block(
    "Trained subsampling", category="Layer", paper=LENET, icon="minimize-2", aliases=("lenet", "pooling", "s2"),
    helps="LeNet-5 as it was published: its layers S2 and S4, each followed by Scaled tanh, with 12 and 32 weights.",
    hurts="Without an activation behind it a following convolution could do it all alone, and rows that do not fill a "
          "window are dropped. Later networks use Max pool 2d, or Average pool 2d without weights.",
    inputs={"x": "B C H W"}, outputs={"out": "B C H W"},
    kernel_size=setting("Height and width of the windows, which do not overlap.", min=1, shown=True),
)  # fmt: skip
class TrainedSubsampling(nn.Module):
    """Add up each window, times a learned number a channel, plus another one.

    It is the pooling of LeNet-5: two weights a channel decide whether it blurs, counts or passes on.
    """

    def __init__(self, C: int, kernel_size: Size = 2) -> None:
        super().__init__()
        self.kernel_size = pair(kernel_size)
        self.weight = nn.Parameter(torch.full((C, 1, 1), 1 / (self.kernel_size[0] * self.kernel_size[1])))
        self.bias = nn.Parameter(torch.zeros(C, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        height, width = self.kernel_size
        return F.avg_pool2d(x, self.kernel_size) * (height * width) * self.weight + self.bias


@block(
    "Table conv 2d", category="Layer", paper=LENET, icon="grid-3x3", aliases=("lenet", "sparse", "c3"),
    helps="Layer C3 of LeNet-5: 1,516 weights where a full convolution has 2,416, and filters that cannot all become "
          "alike.",
    hurts="Each filter is a convolution call of its own, 16 at C = 6, which no device runs well, and it has no stride "
          "or padding. A grouped Conv 2d with Channel shuffle is sparse too, Conv 2d simpler.",
    inputs={"x": "B C H W"}, outputs={"out": port("B K H W", "For 6 channels 16 come out, as in LeNet-5.")},
    kernel_size=setting("Height and width of the window that each filter looks at.", min=1, shown=True), init=INIT,
)  # fmt: skip
class TableConv2d(nn.Module):
    """A convolution whose filters each see some of the channels, by LeNet-5's table (C3).

    Of C channels, C filters see three neighbours each, C see four, C/2 see two pairs half of the channels apart, and
    one sees all. Filters that see different things learn different things.
    """

    def __init__(self, C: int, kernel_size: Size = 5, init: Init = "default") -> None:
        super().__init__()
        if C < 6:
            raise ValueError(f"`x` has {C} channels, but the table needs 6 or more: set the layer before to 6, say")
        half = C // 2
        rows = [
            *([(i + k) % C for k in range(3)] for i in range(C)),
            *([(i + k) % C for k in range(4)] for i in range(C)),
            *([(i + k) % C for k in (0, 1, half, half + 1)] for i in range(half)),
            list(range(C)),
        ]
        self.table = tuple(tuple(sorted(row)) for row in rows)
        height, width = pair(kernel_size)
        self.weight = nn.Parameter(torch.empty(sum(map(len, self.table)), height, width))  # one window a connection
        self.bias = nn.Parameter(torch.zeros(len(self.table)))
        nn.init.uniform_(self.weight, -0.1, 0.1)
        initialise(self, init)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        windows = self.weight.split([len(row) for row in self.table])
        maps = [F.conv2d(x[:, row], w[None]) for row, w in zip(self.table, windows, strict=True)]
        return torch.cat(maps, 1) + self.bias[:, None, None]


@block(
    "Scaled tanh", category="Layer", paper=f"{LENET}, appendix A", icon="spline", aliases=("lenet", "activation"),
    helps="Small networks of the LeNet kind with targets of 1 and -1: of the variance of normal inputs it keeps 0.75 "
          "where Tanh keeps 0.39, so that a few layers can follow one another without a norm.",
    hurts="It saturates beyond about 3 as Tanh does, and reaches 1.7159, so that images from -1 to 1 want Tanh. ReLU "
          "with Batch norm 2d has replaced it in deep networks.",
    inputs={"x": "B *S"}, outputs={"out": "B *S"},
)  # fmt: skip
class ScaledTanh(nn.Module):
    """1.7159 tanh(2x/3): a tanh that leaves 1 and -1 where they are.

    Its slope is steepest between them, so targets of 1 and -1 do not saturate it.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 1.7159 * torch.tanh(x * 2 / 3)


@block(
    "Radial basis output", category="Head", paper=LENET, icon="badge-check", aliases=("lenet", "rbf", "prototypes"),
    helps="The original output of LeNet-5: a sample far from all patterns gives low scores everywhere and can be "
          "rejected, where a softmax would still name a class.",
    hurts="Patterns stay as they are, and features must come near 1 or -1 to meet them: put Scaled tanh before it. "
          "Distances over D features make large scores; Linear with Cross-entropy learns its own.",
    inputs={"x": "B D"}, outputs={"out": port("B K", "Minus the squared distance to each class's pattern.")},
    classes=setting("How many classes there are to tell apart.", min=1, shown=True),
)  # fmt: skip
class RadialBasisOutput(nn.Module):
    """Compare the features with a fixed pattern of -1 and 1 a class: the nearest wins.

    For 84 features and up to ten classes the patterns are the digits as 7x12 bitmaps, as LeNet-5 has them; otherwise
    they are drawn once, always the same. Nothing here is learned.
    """

    patterns: torch.Tensor

    def __init__(self, D: int, classes: int = 10) -> None:
        super().__init__()
        self.register_buffer("patterns", _patterns(classes, D))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return -(x[:, None] - self.patterns).square().sum(2)


def _patterns(classes: int, features: int) -> torch.Tensor:
    if features == 84 and classes <= 10:
        rows = [[2.0 * (byte >> (6 - bit) & 1) - 1 for byte in bytes.fromhex(digit) for bit in range(7)]
                for digit in _DIGITS[:classes]]  # fmt: skip
        return torch.tensor(rows, device="cpu").to(torch.get_default_device())
    drawn = torch.randint(0, 2, (classes, features), generator=torch.Generator().manual_seed(1998), device="cpu")
    return (2.0 * drawn - 1).to(torch.get_default_device())
