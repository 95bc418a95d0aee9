"""Activations: the bends between layers, without which a deep network would be one linear map."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import torch
from torch import nn

from blocks.declare import block, port, setting

Activation = Literal[
    "relu", "relu6", "leaky_relu", "elu", "gelu", "silu", "mish", "hardswish", "hardsigmoid", "sigmoid", "tanh",
    "gelu_tanh", "prelu", "selu", "softplus", "none",
]  # fmt: skip
"""What a composite block offers as its activation."""

_GELU = Literal["none", "tanh"]
_DIM = setting("Along which size the values sum to 1: 1 is the channels or classes, -1 the last size.")
_ANY: dict[str, Any] = {"inputs": {"x": "B *S"}, "outputs": {"out": "B *S"}, "category": "Layer"}


@block("ReLU", paper="torch.nn.ReLU", icon="trending-up", aliases=("activation", "rectifier"), **_ANY)
class ReLU(nn.ReLU):
    """Keep what is positive, set the rest to 0.

    The usual activation: cheap, and its gradient does not fade where it is positive.
    """

    def __init__(self) -> None:
        super().__init__()


@block("ReLU6", paper="torch.nn.ReLU6", icon="trending-up", aliases=("activation", "rectifier"), **_ANY)
class ReLU6(nn.ReLU6):
    """Keep what lies between 0 and 6, set the rest to the nearer of both.

    The upper bound keeps the values small enough for arithmetic with few bits, as on phones.
    """

    def __init__(self) -> None:
        super().__init__()


@block(
    "Leaky ReLU", paper="torch.nn.LeakyReLU", icon="trending-up", aliases=("activation", "lrelu"), **_ANY,
    negative_slope=setting("By how much negative values are multiplied.", min=0, max=1),
)  # fmt: skip
class LeakyReLU(nn.LeakyReLU):
    """Keep what is positive, let a little of the rest through.

    Like ReLU, but a unit that is always negative still learns.
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__(negative_slope)


@block(
    "ELU", paper="torch.nn.ELU (Clevert et al. 2015, arXiv:1511.07289)", icon="trending-up", aliases=("activation",),
    **_ANY, alpha=setting("The value that large negative inputs approach, with a minus.", min=0),
)  # fmt: skip
class ELU(nn.ELU):
    """Keep what is positive, bend the rest smoothly towards -alpha.

    Its outputs are nearer to mean 0 than those of ReLU, which can speed up learning.
    """

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__(alpha)


@block(
    "GELU", paper="torch.nn.GELU (Hendrycks and Gimpel 2016, arXiv:1606.08415)", icon="trending-up",
    aliases=("activation",), **_ANY,
    approximate=setting("`none` is exact; `tanh` is the faster formula that some published networks use."),
)  # fmt: skip
class GELU(nn.GELU):
    """Multiply each value by the chance that a normal random number lies below it.

    A smooth ReLU, and the usual activation of transformers.
    """

    def __init__(self, approximate: _GELU = "none") -> None:
        super().__init__(approximate)


@block(
    "SiLU", paper="torch.nn.SiLU (Ramachandran et al. 2017, arXiv:1710.05941)", icon="trending-up",
    aliases=("activation", "swish"), **_ANY,
)  # fmt: skip
class SiLU(nn.SiLU):
    """Multiply each value by its own sigmoid, also known as Swish.

    A smooth ReLU that EfficientNet and the YOLO family use.
    """

    def __init__(self) -> None:
        super().__init__()


@block(
    "Hardswish", paper="torch.nn.Hardswish (Howard et al. 2019, arXiv:1905.02244)", icon="trending-up",
    aliases=("activation", "hswish", "h-swish"), **_ANY,
)  # fmt: skip
class Hardswish(nn.Hardswish):
    """SiLU drawn with straight lines, so that small devices compute it quickly.

    It comes from MobileNetV3 and suits networks that will run on phones.
    """

    def __init__(self) -> None:
        super().__init__()


@block(
    "Mish", paper="torch.nn.Mish (Misra 2019, arXiv:1908.08681)", icon="trending-up", aliases=("activation",), **_ANY
)
class Mish(nn.Mish):
    """Multiply each value by the tanh of its softplus.

    Smooth like SiLU, with a slightly deeper dip below 0. The YOLOv4 family uses it.
    """

    def __init__(self) -> None:
        super().__init__()


@block(
    "Hardsigmoid", paper="torch.nn.Hardsigmoid (Howard et al. 2019, arXiv:1905.02244)", icon="spline",
    aliases=("activation", "hsigmoid", "gate"), **_ANY,
)  # fmt: skip
class Hardsigmoid(nn.Hardsigmoid):
    """A sigmoid drawn with straight lines: 0 below -3, 1 above 3.

    It is cheap on small devices and stands in the gates of MobileNetV3.
    """

    def __init__(self) -> None:
        super().__init__()


@block("Sigmoid", paper="torch.nn.Sigmoid", icon="spline", aliases=("activation", "logistic", "gate"), **_ANY)
class Sigmoid(nn.Sigmoid):
    """Squeeze each value into 0 to 1.

    Use it for gates, and for answers that are each yes or no by themselves.
    """

    def __init__(self) -> None:
        super().__init__()


@block("Tanh", paper="torch.nn.Tanh", icon="spline", aliases=("activation", "hyperbolic tangent"), **_ANY)
class Tanh(nn.Tanh):
    """Squeeze each value into -1 to 1.

    It is centred on 0; large values lose their gradient, so it is rare in deep stacks.
    """

    def __init__(self) -> None:
        super().__init__()


@block(
    "PReLU", paper="torch.nn.PReLU (He et al. 2015, arXiv:1502.01852)", icon="trending-up",
    aliases=("activation", "parametric"), category="Layer",
    inputs={"x": "B C *S"}, outputs={"out": "B C *S"},
    per_channel=setting("Learn a slope for each channel rather than one for all."),
    initial=setting("The slope at the start of training."),
)  # fmt: skip
class PReLU(nn.PReLU):
    """Keep what is positive, multiply the rest by a slope that is learned.

    A leaky ReLU whose leak the network finds by itself, for the whole layer or for each channel.
    """

    def __init__(self, C: int, per_channel: bool = False, initial: float = 0.25) -> None:
        super().__init__(C if per_channel else 1, initial)


@block(
    "SELU", paper="torch.nn.SELU (Klambauer et al. 2017, arXiv:1706.02515)", icon="trending-up",
    aliases=("activation", "self-normalising"), **_ANY,
)  # fmt: skip
class SELU(nn.SELU):
    """An ELU with two fixed scales that keep mean 0 and variance 1 from layer to layer.

    Stacks of linear layers then train without norms. It wants weights that begin normal, and alpha dropout.
    """

    def __init__(self) -> None:
        super().__init__()


@block(
    "QuickGELU", paper="Hendrycks and Gimpel 2016, arXiv:1606.08415", icon="trending-up",
    aliases=("activation", "clip", "gelu"), **_ANY,
)  # fmt: skip
class QuickGELU(nn.Module):
    """Multiply each value by the sigmoid of 1.702 times itself.

    The cheap approximation of GELU with which CLIP was trained: its weights want this one, not the exact form.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.sigmoid(1.702 * x)


@block(
    "Hardtanh", paper="torch.nn.Hardtanh", icon="spline", aliases=("activation", "clip", "clamp"), **_ANY,
    lowest=setting("What smaller values become."), highest=setting("What larger values become."),
)  # fmt: skip
class Hardtanh(nn.Hardtanh):
    """Keep what lies between two bounds, set the rest to the nearer of both.

    A tanh drawn with straight lines; with other bounds it clips values into any range.
    """

    def __init__(self, lowest: float = -1.0, highest: float = 1.0) -> None:
        if lowest >= highest:
            raise ValueError(f"lowest is {lowest:g} and highest {highest:g}, but lowest must be less: exchange them")
        super().__init__(lowest, highest)


@block(
    "Softplus", paper="torch.nn.Softplus", icon="trending-up", aliases=("activation", "smooth"), **_ANY,
    beta=setting("How sharp the bend is: a large value is nearly a ReLU.", min=0.001),
)  # fmt: skip
class Softplus(nn.Softplus):
    """A ReLU with a round corner, whose values are always positive.

    Use it where a number must be positive, such as a scale or a variance that the network predicts.
    """

    def __init__(self, beta: float = 1.0) -> None:
        super().__init__(beta)


@block("Softsign", paper="torch.nn.Softsign", icon="spline", aliases=("activation",), **_ANY)
class Softsign(nn.Softsign):
    """Divide each value by one plus its size, which brings it into -1 to 1.

    Like tanh, but it approaches its bounds more slowly, so that large values keep some gradient.
    """

    def __init__(self) -> None:
        super().__init__()


@block(
    "Maxout", paper="Goodfellow et al. 2013, arXiv:1302.4389", icon="trending-up", aliases=("activation", "max"),
    category="Layer", inputs={"x": "B C%pieces *S"},
    outputs={"out": port("B K *S", "The largest channel of each piece: C divided by `pieces`.")},
    pieces=setting("How many channels that follow one another compete for one that comes out.", min=1, shown=True),
)  # fmt: skip
class Maxout(nn.Module):
    """Of every few channels keep the largest, place by place.

    With a convolution or linear layer before it, each unit learns its own bend from straight pieces, in place of a
    fixed activation.
    """

    def __init__(self, pieces: int = 2) -> None:
        super().__init__()
        self.pieces = pieces

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.unflatten(1, (-1, self.pieces)).amax(2)  # (B, C / pieces, pieces, *S) before the maximum


@block(
    "Softmax", paper="torch.nn.Softmax", icon="percent", aliases=("probabilities", "activation"), **_ANY,
    dim=_DIM,
)  # fmt: skip
class Softmax(nn.Softmax):
    """Turn scores into probabilities that sum to 1.

    Cross-entropy does this itself while training: put a softmax only where probabilities should leave the network.
    """

    def __init__(self, dim: int = 1) -> None:
        _check_dim(dim)
        super().__init__(dim)


@block(
    "Log softmax", paper="torch.nn.LogSoftmax", icon="percent", aliases=("probabilities", "log-likelihood"), **_ANY,
    dim=_DIM,
)  # fmt: skip
class LogSoftmax(nn.LogSoftmax):
    """Turn scores into the logarithms of probabilities.

    More exact than the logarithm of a softmax. A loss that takes log-probabilities wants it; cross-entropy takes the
    raw scores.
    """

    def __init__(self, dim: int = 1) -> None:
        _check_dim(dim)
        super().__init__(dim)


def _check_dim(dim: int) -> None:
    if dim == 0:
        raise ValueError("dim is 0, the batch, and would mix samples: use 1 (classes) or -1 (the last size)")


_MADE: dict[str, Callable[[], nn.Module]] = {
    "relu": ReLU, "relu6": ReLU6, "leaky_relu": LeakyReLU, "elu": ELU, "gelu": GELU, "silu": SiLU, "mish": Mish,
    "hardswish": Hardswish, "hardsigmoid": Hardsigmoid, "sigmoid": Sigmoid, "tanh": Tanh,
    "prelu": partial(PReLU, 1), "selu": SELU, "softplus": Softplus,
}  # fmt: skip


def make_activation(name: Activation) -> nn.Module | None:
    """The activation of that name, for a composite block; None for "none"."""
    if name == "gelu_tanh":
        return GELU("tanh")
    return None if name == "none" else _MADE[name]()
