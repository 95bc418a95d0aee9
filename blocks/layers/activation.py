"""Activations: the bends between layers, without which a deep network would be one linear map."""

from __future__ import annotations

from typing import Any, Literal

from torch import nn

from blocks.declare import block, setting

Activation = Literal["relu", "leaky_relu", "elu", "gelu", "silu", "hardswish", "sigmoid", "tanh", "none"]
"""What a composite block offers as its activation."""

_GELU = Literal["none", "tanh"]
_ANY: dict[str, Any] = {"inputs": {"x": "B *S"}, "outputs": {"out": "B *S"}, "category": "Layer"}


@block("ReLU", paper="torch.nn.ReLU", icon="trending-up", aliases=("activation", "rectifier"), **_ANY)
class ReLU(nn.ReLU):
    """Keep what is positive, set the rest to 0.

    The usual activation: cheap, and its gradient does not fade where it is positive.
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
    "Softmax", paper="torch.nn.Softmax", icon="percent", aliases=("probabilities", "activation"), **_ANY,
    dim=setting("Along which size the values sum to 1: 1 is the channels or classes, -1 the last size."),
)  # fmt: skip
class Softmax(nn.Softmax):
    """Turn scores into probabilities that sum to 1.

    Cross-entropy does this itself while training: put a softmax only where probabilities should leave the network.
    """

    def __init__(self, dim: int = 1) -> None:
        if dim == 0:
            raise ValueError("dim is 0, the batch, and would mix samples: use 1 (classes) or -1 (the last size)")
        super().__init__(dim)


_MADE: dict[str, type[nn.Module]] = {
    "relu": ReLU, "leaky_relu": LeakyReLU, "elu": ELU, "gelu": GELU, "silu": SiLU, "hardswish": Hardswish,
    "sigmoid": Sigmoid, "tanh": Tanh,
}  # fmt: skip


def make_activation(name: Activation) -> nn.Module | None:
    """The activation of that name, for a composite block; None for "none"."""
    return None if name == "none" else _MADE[name]()
