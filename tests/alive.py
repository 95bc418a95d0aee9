"""Networks made small, and with weights by which their answers hang on the samples."""

from __future__ import annotations

import math
from typing import Any

import torch

from app.design.paths import set_at
from app.design.values import Design
from app.engine.compile import InputSpec, Network, TargetSpec, shared_analyser

SETTINGS = ("depths", "transformer_depths", "depth", "middle")
"""Those that say how many blocks stand in a row. The default run exports one, because time grows with them."""

Ends = tuple[InputSpec | TargetSpec, ...]


def with_few_blocks(design: Design, most: int) -> Design:
    cards = shared_analyser().cards
    for node in design.nodes:
        card = cards[node.block]
        for setting in card.settings:
            value = node.settings.get(setting.name, setting.default)
            if setting.name not in SETTINGS or value is None:
                continue
            if isinstance(value, tuple):
                few: Any = tuple(min(n, most) for n in value)
            else:
                few = min(value, most) if isinstance(value, int) else value / 4  # a multiplier
            design = set_at(design, f"{node.name}.{setting.name}", few, cards)
    return design


def samples(ends: Ends, batch: int = 2) -> list[torch.Tensor]:
    return [
        torch.randint(0, 2, (batch, *end.shape)) if end.dtype.startswith("int") else torch.randn(batch, *end.shape)
        for end in ends
    ]


def enliven(network: Network, batch: int = 16) -> None:
    """Give weights to branches that begin at zero too, and the statistics of a batch to the batch norms.

    Through a new network whose batch norms have seen nothing the signal dies out or grows: any answer would do. A batch
    of 2 is too few for the last levels, 2 x 2 pixels: other samples lie far outside what it gave, EfficientNet-B1
    answers in thousands, and float32 is off by 1 from float64 in torch alone. Where half of each channel is cut, a
    batch norm enlarges every error, by up to 1.21 a layer (Yang et al. 2019, arXiv:1902.08129): of Inception-v4's 75
    layers 0.1 % is left to chance. So their biases let most through.
    """
    with torch.no_grad():
        for name, weight in network.root.named_parameters():
            if name.endswith("bias"):
                weight.normal_(0, 0.1)
            elif weight.squeeze().dim() < 2:
                weight.normal_(1, 0.1)
            else:
                weight.normal_(0, math.sqrt(2 / weight[0].numel()))
        norms = [m for m in network.root.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
        for norm in norms:
            norm.momentum = 1.0
            if norm.bias is not None:
                norm.bias.normal_(1, 0.1)
        if norms:
            network.module.train()(*samples(network.inputs, batch))
