"""Learned scales."""

from __future__ import annotations

import torch
from torch import nn

from blocks.declare import block, port, setting

_CAIT = "Touvron et al. 2021, arXiv:2103.17239"
_INITIAL = setting("The scale at the start of training.", shown=True)


@block(
    "Layer scale", category="Layer", paper=_CAIT, icon="sliders-horizontal", aliases=("gamma", "residual"),
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
