"""The block of RepVGG: branches while it learns, one convolution afterwards."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from blocks.attention.choice import ATTENTION, MapAttention, make_attention
from blocks.declare import block, setting
from blocks.layers.activation import Activation, make_activation
from blocks.layers.composite import ACTIVATION, EPS, MOMENTUM, ConvNormAct
from blocks.layers.convolution import Conv2d
from blocks.layers.normalisation import BatchNorm2d
from blocks.stages.shortcut import CHANNELS, OUT

REPVGG = "Ding et al. 2021, arXiv:2101.03697"
DEPLOY = setting("The form for inference: one 3x3 convolution with a bias in place of the branches and their norms.")


@block(
    "RepVGG block", category="Backbone", paper=REPVGG, icon="git-merge",
    helps="Low latency on GPUs and accelerators built for 3x3 convolutions: once folded no branch has to wait or be "
          "kept in memory. YOLOv6 and YOLOv9 use it so.",
    hurts="Only folding makes it fast: in training it runs up to three branches. Folded weights lose much accuracy in "
          "plain int8 quantisation (QARepVGG was made against that); a basic block is easier there.",
    aliases=("re-parameterisation", "reparam", "plain", "deploy"),
    inputs={"x": "B C%groups H W"}, outputs={"out": OUT},
    channels=CHANNELS, stride=setting("Steps of the convolutions: 2 halves height and width.", min=1, shown=True),
    groups=setting("Groups of both convolutions.", min=1), attention=ATTENTION, activation=ACTIVATION, deploy=DEPLOY,
    identity=setting("Add what comes in through a norm, where the shape stays; RepConv of YOLOv9 leaves it out."),
    eps=EPS, momentum=MOMENTUM,
)  # fmt: skip
class RepVGGBlock(nn.Module):
    """A 3x3 and a 1x1 convolution and, where the shape stays, a plain connection, side by side and added up.

    Each branch ends in a norm and nothing bends before the sum, so that after training all of it is one 3x3
    convolution: as accurate as a residual network, as fast as a plain one.
    """

    window: Any
    point: Any
    around: Any
    fused: Any

    def __init__(
        self,
        C: int,
        channels: int = 64,
        stride: int = 1,
        groups: int = 1,
        attention: MapAttention = "none",
        activation: Activation = "relu",
        deploy: bool = False,
        identity: bool = True,
        eps: float = 1e-5,
        momentum: float = 0.1,
    ) -> None:
        super().__init__()
        self.window = self.point = self.around = self.fused = None
        if deploy:
            self.fused = Conv2d(C, channels, 3, stride, groups=groups)
        else:
            norm = {"activation": "none", "eps": eps, "momentum": momentum}
            self.window = ConvNormAct(C, channels, 3, stride, groups=groups, **norm)  # type: ignore[arg-type]
            self.point = ConvNormAct(C, channels, 1, stride, groups=groups, **norm)  # type: ignore[arg-type]
            around = identity and stride == 1 and channels == C
            self.around = BatchNorm2d(C, eps, momentum) if around else None
        self.attention = make_attention(attention, channels)
        self.act = make_activation(activation)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.point(x) + self.window(x) if self.fused is None else self.fused(x)
        if self.around is not None:
            y = y + self.around(x)
        if self.attention is not None:
            y = self.attention(y)
        return y if self.act is None else self.act(y)

    def fuse(self) -> None:
        """Put one convolution in place of the branches, which gives the same in eval mode."""
        if self.fused is not None:
            return
        conv = self.window.conv
        weight, bias = _folded(conv.weight, self.window.norm)
        point, offset = _folded(self.point.conv.weight, self.point.norm)
        weight, bias = weight + F.pad(point, (1, 1, 1, 1)), bias + offset
        if self.around is not None:
            identity = torch.zeros_like(conv.weight)
            nn.init.dirac_(identity, conv.groups)
            same, offset = _folded(identity, self.around)
            weight, bias = weight + same, bias + offset
        fused = Conv2d(conv.in_channels, conv.out_channels, 3, conv.stride[0], groups=conv.groups).to(weight)
        with torch.no_grad():
            fused.weight.copy_(weight)
            fused.bias.copy_(bias)  # type: ignore[union-attr]
        self.fused, self.window, self.point, self.around = fused.train(self.training), None, None, None


def _folded(weight: torch.Tensor, norm: nn.Module | None) -> tuple[torch.Tensor, torch.Tensor]:
    """A convolution's weight with the batch norm after it multiplied in, and the bias that then is needed."""
    assert isinstance(norm, BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return weight * scale.reshape(-1, 1, 1, 1), norm.bias - norm.running_mean * scale


def reparameterised(module: nn.Module) -> nn.Module:
    """A copy in which every RepVGG block has its form for inference; it gives the same in eval mode.

    Its state_dict is that of the same network built with `deploy`.
    """
    module = copy.deepcopy(module)
    for part in module.modules():
        if isinstance(part, RepVGGBlock):
            part.fuse()
    return module
