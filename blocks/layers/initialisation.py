"""How weights begin: one setting of every layer that has some."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

from blocks.declare import setting

Init = Literal["default", "xavier", "he", "normal", "zero", "orthogonal", "truncated_normal"]

INIT = setting(
    "How the weights begin. `default`: as torch does it; `xavier`: uniform, for sigmoid and tanh; `he`: normal, for "
    "ReLU; `normal` and `truncated_normal`: standard deviation 0.02; but for `default`, biases begin at 0."
)

_DEVIATION = 0.02


def initialise(module: nn.Module, init: Init) -> None:
    """Fill the layer's own weights by the named rule and its biases with 0; "default" leaves torch's values."""
    if init == "default":
        return
    for name, parameter in module.named_parameters(recurse=False):
        if "bias" in name:
            nn.init.zeros_(parameter)
        else:
            fill(parameter, init)


def fill(weight: torch.Tensor, init: Init) -> None:
    """Fill one weight, (out, in, *window), by the named rule; "default" leaves it as it is."""
    match init:
        case "xavier":
            nn.init.xavier_uniform_(weight)
        case "he":
            nn.init.kaiming_normal_(weight, nonlinearity="relu")
        case "normal":
            nn.init.normal_(weight, std=_DEVIATION)
        case "zero":
            nn.init.zeros_(weight)
        case "orthogonal":
            nn.init.orthogonal_(weight)
        case "truncated_normal":
            nn.init.trunc_normal_(weight, std=_DEVIATION, a=-2 * _DEVIATION, b=2 * _DEVIATION)
