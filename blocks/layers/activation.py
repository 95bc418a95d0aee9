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


@block(
    "ReLU", paper="torch.nn.ReLU",
    helps="The default behind a convolution and its norm, with `he` weights: one comparison a value, exact zeros, and "
          "engines that run networks merge it into the convolution before it, in eight bits too.",
    hurts="A unit that is negative for every sample gets no gradient and stays dead, most often at high learning "
          "rates: Leaky ReLU keeps it alive. Transformers are mostly trained with GELU, EfficientNets with SiLU.",
    icon="trending-up", aliases=("activation", "rectifier"), **_ANY,
)  # fmt: skip
class ReLU(nn.ReLU):
    """Keep what is positive, set the rest to 0.

    The usual activation: cheap, and its gradient does not fade where it is positive.
    """

    def __init__(self) -> None:
        super().__init__()


@block(
    "ReLU6", paper="torch.nn.ReLU6",
    helps="MobileNetV2 and networks like it that will run in eight bits or less: the range of 0 to 6 is known "
          "beforehand, so that no outlier can coarsen the steps of the quantisation.",
    hurts="The gradient is 0 above 6 as well as below 0, and strong responses are clipped. In floating point it has "
          "no advantage over ReLU; MobileNetV3 went on to Hardswish in its deeper half.",
    icon="trending-up", aliases=("activation", "rectifier"), **_ANY,
)  # fmt: skip
class ReLU6(nn.ReLU6):
    """Keep what lies between 0 and 6, set the rest to the nearer of both.

    The upper bound keeps the values small enough for arithmetic with few bits, as on phones.
    """

    def __init__(self) -> None:
        super().__init__()


@block(
    "Leaky ReLU", paper="torch.nn.LeakyReLU", icon="trending-up", aliases=("activation", "lrelu"), **_ANY,
    helps="Where ReLU units would die: GAN discriminators (DCGAN takes a slope of 0.2) and Darknet up to YOLOv3 (0.1) "
          "are trained with it. It costs no more than ReLU and has no weights.",
    hurts="At the default slope of 0.01 its inventors measured next to no gain over ReLU (Maas et al. 2013), and it "
          "gives no exact zeros. PReLU learns the slope; ELU levels off below 0 and damps outliers.",
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
    helps="Deep stacks without norms: negative outputs pull the mean of a layer back towards 0, and with `alpha` 1 "
          "value and slope have no jump at 0.",
    hurts="Every negative value costs an exponential, and far below 0 the gradient fades as in Tanh. Behind a batch "
          "norm, which centres values anyway, ReLU is cheaper; without any norm SELU fixes the variance too.",
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
    helps="Feed-forward layers of transformers and the blocks of ConvNeXt. BERT, GPT-2 and ViT were trained with it: "
          "a checkpoint wants the form it had, which is `tanh` for GPT-2.",
    hurts="It takes an error function or a tanh for every value, and ONNX has an operator for it only from opset 20 "
          "on; before, it is a chain of others. For phones and eight bits take Hardswish or ReLU.",
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
    helps="Deep convolutional networks with batch norm, such as EfficientNet and YOLOv5 to v8. Put in ReLU's place it "
          "raised Mobile NASNet-A by 0.9 points on ImageNet, and gained more in deeper networks than in shallow ones.",
    hurts="A sigmoid for every value is slow on small processors, and quantised runtimes approximate it each in their "
          "own way: take Hardswish there. It dips to -0.28 near -1.3; below that, a larger input gives a smaller "
          "output.",
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
    helps="The deeper half of networks for phones, in SiLU's place: nearly as accurate, made of ReLU6 and a product "
          "alone, and the same in every quantised runtime.",
    hurts="Below -3 value and gradient are 0, so that units can die as under ReLU. On large early maps it costs more "
          "than it gives: MobileNetV3 has ReLU there. On a GPU, where memory sets the pace, SiLU is no slower.",
    aliases=("activation", "hswish", "h-swish"), **_ANY,
)  # fmt: skip
class Hardswish(nn.Hardswish):
    """SiLU drawn with straight lines, so that small devices compute it quickly.

    It comes from MobileNetV3 and suits networks that will run on phones.
    """

    def __init__(self) -> None:
        super().__init__()


@block(
    "Mish", paper="torch.nn.Mish (Misra 2019, arXiv:1908.08681)", icon="trending-up", aliases=("activation",), **_ANY,
    helps="CSPDarknet53 of YOLOv4 and networks that start from its weights. Small negative values pass on in part "
          "rather than being cut off; the lowest output is -0.31, near -1.2.",
    hurts="An exponential, a logarithm and a tanh for every value make it the dearest of its family, and ONNX has it "
          "only from opset 18 on. SiLU draws nearly the same curve for one sigmoid.",
)  # fmt: skip
class Mish(nn.Mish):
    """Multiply each value by the tanh of its softplus.

    Smooth like SiLU, with a slightly deeper dip below 0. The YOLOv4 family uses it.
    """

    def __init__(self) -> None:
        super().__init__()


@block(
    "Hardsigmoid", paper="torch.nn.Hardsigmoid (Howard et al. 2019, arXiv:1905.02244)", icon="spline",
    helps="Gates of squeeze-and-excitation in networks for phones or eight bits: a division by 6, an addition and a "
          "clamp, with no exponential to approximate.",
    hurts="A gate that has gone past -3 or 3 gets no gradient and stays shut or open; Sigmoid never quite stops. As a "
          "network's answer its exact 0 and 1 make the logarithm in a cross-entropy infinite.",
    aliases=("activation", "hsigmoid", "gate"), **_ANY,
)  # fmt: skip
class Hardsigmoid(nn.Hardsigmoid):
    """A sigmoid drawn with straight lines: 0 below -3, 1 above 3.

    It is cheap on small devices and stands in the gates of MobileNetV3.
    """

    def __init__(self) -> None:
        super().__init__()


@block(
    "Sigmoid", paper="torch.nn.Sigmoid",
    helps="Gates and masks, and labels of which several may hold at once: each answer stands by itself, where Softmax "
          "would make them compete.",
    hurts="Its slope is 1/4 at most, so that between layers gradients shrink to a quarter or less each time: use ReLU "
          "or GELU there. Left before a loss that takes raw scores, the sigmoid is taken twice.",
    icon="spline", aliases=("activation", "logistic", "gate"), **_ANY,
)  # fmt: skip
class Sigmoid(nn.Sigmoid):
    """Squeeze each value into 0 to 1.

    Use it for gates, and for answers that are each yes or no by themselves.
    """

    def __init__(self) -> None:
        super().__init__()


@block(
    "Tanh", paper="torch.nn.Tanh",
    helps="Outputs that must lie between -1 and 1, such as the images of a GAN's generator, and the states of RNN, "
          "LSTM and GRU, which must not grow from step to step.",
    hurts="The slope is 1 only at 0 and below 0.1 from about 1.8 on, so that deep stacks of it stop learning: ReLU or "
          "GELU stand there today. Targets of exactly 1 pull weights to infinity; Scaled tanh reaches them.",
    icon="spline", aliases=("activation", "hyperbolic tangent"), **_ANY,
)  # fmt: skip
class Tanh(nn.Tanh):
    """Squeeze each value into -1 to 1.

    It is centred on 0; large values lose their gradient, so it is rare in deep stacks.
    """

    def __init__(self) -> None:
        super().__init__()


@block(
    "PReLU", paper="torch.nn.PReLU (He et al. 2015, arXiv:1502.01852)", icon="trending-up",
    helps="Where the right leak is not known beforehand, as in SRResNet and FSRCNN for super-resolution: one more "
          "weight, or C with `per_channel`, settles it while training.",
    hurts="Weight decay draws the slope to 0 and so back to ReLU: torch's documentation advises to leave it out. "
          "Nothing holds the slope between 0 and 1; Leaky ReLU keeps it fixed and needs no care.",
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
    helps="Deep stacks of Linear without norms, for tables say: mean and variance are proved to be drawn to 0 and 1. "
          "It wants weights of variance 1 / D, as `xavier` gives between equal widths, and Alpha dropout.",
    hurts="`default` weights are too small for its fixed point, and ordinary Dropout, norms or residual additions "
          "push values off it. In convolutional networks ReLU with Batch norm 2d, in transformers GELU are the tested "
          "choice.",
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
    helps="Loading OpenAI's CLIP weights: both of its towers were trained with this formula, and the exact GELU, up "
          "to 0.02 away, shifts the output of every layer.",
    hurts="A network trained anew gains nothing: the `tanh` form of GELU is some forty times nearer to the exact one, "
          "and torch computes it in one pass where this is two products and a sigmoid, each written to memory.",
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
    helps="Networks with binary weights or activations, whose straight-through gradient should flow between -1 and 1 "
          "only, and clipping an output to a known range, such as 0 to 1 for pixels.",
    hurts="Outside the bounds the gradient is exactly 0, so that a value which starts there cannot come back; Tanh "
          "still pulls. For a range of 0 to 6 there is ReLU6, for a gate Hardsigmoid.",
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
    helps="A standard deviation, rate or scale that the network predicts: unlike ReLU it does not stop at 0, and "
          "unlike an exponential it grows only linearly and so does not overflow.",
    hurts="As a bend between layers it costs an exponential and a logarithm, and Glorot et al. 2011 found ReLU as "
          "good or better in deep networks. It gives 0.69 for 0, so that the mean of every layer moves up.",
    beta=setting("How sharp the bend is: a large value is nearly a ReLU.", min=0.001),
)  # fmt: skip
class Softplus(nn.Softplus):
    """A ReLU with a round corner, whose values are always positive.

    Use it where a number must be positive, such as a scale or a variance that the network predicts.
    """

    def __init__(self, beta: float = 1.0) -> None:
        super().__init__(beta)


@block(
    "Softsign", paper="torch.nn.Softsign",
    helps="A bounded activation that saturates late: its slope falls with the square of the input rather than "
          "exponentially as Tanh's does, and it needs no exponential.",
    hurts="An input of 9 gives only 0.9, so that it makes a poor gate and an output that hardly reaches its bounds: "
          "take Sigmoid or Tanh. In deep stacks ReLU behind a norm has replaced it.",
    icon="spline", aliases=("activation",), **_ANY,
)  # fmt: skip
class Softsign(nn.Softsign):
    """Divide each value by one plus its size, which brings it into -1 to 1.

    Like tanh, but it approaches its bounds more slowly, so that large values keep some gradient.
    """

    def __init__(self) -> None:
        super().__init__()


@block(
    "Maxout", paper="Goodfellow et al. 2013, arXiv:1302.4389", icon="trending-up", aliases=("activation", "max"),
    helps="Networks trained with dropout, for which it was made: it is never flat, so that some gradient always "
          "flows, and with enough pieces it can take any convex form.",
    hurts="For the same width the layer before it needs `pieces` times the weights and arithmetic; later networks "
          "spend these on more width or depth with ReLU and batch norm. It gives no zeros that could be skipped.",
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
    helps="The end of an exported classifier whose classes exclude one another, and the weights inside attention, "
          "which must sum to 1 over the places looked at (`dim` -1).",
    hurts="Before Cross-entropy, which takes raw scores, it is applied twice: of ten classes none can then exceed "
          "0.23, and the loss stays high. For labels that can hold together take Sigmoid, for logarithms Log softmax.",
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
    helps="Before losses on log-probabilities, such as negative log-likelihood, KL divergence or CTC, and for adding "
          "up scores in a beam search: it never takes the logarithm of a probability that was rounded to 0.",
    hurts="Its outputs are 0 or less and do not sum to 1, so that thresholds and averages over models need Softmax. "
          "Before Cross-entropy it is wasted: a second log softmax changes nothing.",
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
