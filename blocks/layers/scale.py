"""Learned scales."""

from __future__ import annotations

import torch
from torch import nn

from blocks.declare import block, port, setting

_CAIT = "Touvron et al. 2021, arXiv:2103.17239"
_INITIAL = setting("The scale at the start of training.", shown=True)


@block(
    "Layer scale", category="Layer", paper=_CAIT, icon="sliders-horizontal", aliases=("gamma", "residual"),
    helps="Transformers of 18 layers and more: before Drop path and Add it lets every block begin as nearly nothing. "
          "CaiT starts at 0.1 up to 18 layers, 1e-5 at 24 and 1e-6 beyond.",
    hurts="Off a residual branch it multiplies the signal by 1e-5 and stops the network. Up to some 12 layers it is "
          "hardly needed, and in a short run branches may not grow out of so small a start.",
    inputs={"x": port("B *S D", "Features in the last size.")}, outputs={"out": "B *S D"}, initial=_INITIAL,
)  # fmt: skip
class LayerScale(nn.Module):
    """Multiply each feature by a learned number, small at first.

    At the end of a residual branch it lets very deep transformers begin near the identity.
    """

    def __init__(self, D: int, initial: float = 1e-5) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((D,), initial))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.gamma


@block(
    "Layer scale 2d", category="Layer", paper=_CAIT, icon="sliders-horizontal", aliases=("gamma", "residual"),
    helps="The end of residual branches on maps, as in ConvNeXt, which begins at 1e-6, and VAN, which begins at 0.01. "
          "In use it can be multiplied into the convolution before it.",
    hurts="At 1e-6 a branch is silent for long: few epochs or a low learning rate want 0.1, or none of it. ConvNeXt "
          "V2 dropped it for Global response norm.",
    inputs={"x": "B C H W"}, outputs={"out": "B C H W"}, initial=_INITIAL,
)  # fmt: skip
class LayerScale2d(nn.Module):
    """Multiply each channel of feature maps by a learned number, small at first.

    At the end of a residual branch it lets very deep networks begin near the identity.
    """

    def __init__(self, C: int, initial: float = 1e-6) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((C, 1, 1), initial))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.gamma


@block(
    "Scale", category="Layer", paper="Vaswani et al. 2017, arXiv:1706.03762", icon="percent",
    helps="A factor known beforehand: 0.5 makes Add an average, and Inception-ResNet steadies its branches by 0.1 to "
          "0.3 before the addition.",
    hurts="Right before Batch norm or Layer norm it has no effect, since they divide it out again. Where the factor "
          "is not known, Learned scale finds one, and Layer scale one for each feature.",
    aliases=("multiply", "factor", "constant", "divide"), inputs={"x": "B *S"}, outputs={"out": "B *S"},
    factor=setting("By how much each value is multiplied.", shown=True),
)  # fmt: skip
class Scale(nn.Module):
    """Multiply all values by a number that is not learned.

    A half after an addition makes it an average; transformers multiply embeddings by the root of their width.
    """

    def __init__(self, factor: float = 0.5) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.factor


@block(
    "Learned scale", category="Layer", paper="Tian et al. 2019, arXiv:1904.01355", icon="percent",
    helps="One head shared by all levels of a pyramid, as in FCOS: a scale at each level lets the same weights "
          "predict short distances on fine maps and long ones on coarse maps.",
    hurts="All channels get the same factor; Layer scale 2d has one for each. Weight decay pulls it towards 0, it may "
          "turn negative, and before a norm it is divided out again.",
    aliases=("multiply", "factor", "scalar"), inputs={"x": "B *S"}, outputs={"out": "B *S"}, initial=_INITIAL,
)  # fmt: skip
class LearnedScale(nn.Module):
    """Multiply all values by one learned number.

    Heads whose weights all levels share can so answer on another scale at each level.
    """

    def __init__(self, initial: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(initial))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.weight
