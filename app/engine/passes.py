"""A forward pass and the scalar to go back from, as training has them, for what runs the network but trains it not."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

from app.engine.compile import Network
from app.engine.evaluation import total_loss
from app.engine.recipe import PRECISIONS

UNLED = "No Output leads a gradient to a weight: add a Target and a loss to train on."


@contextlib.contextmanager
def precisely(precision: str, device: str) -> Iterator[None]:
    """Around a forward pass on a kind of device (`cuda`) what Fabric's precision of that name does."""
    name = PRECISIONS[precision]
    with contextlib.ExitStack() as around:
        if name.endswith("-mixed"):
            dtype = torch.bfloat16 if name == "bf16-mixed" else torch.float16
            around.enter_context(torch.autocast(device, dtype=dtype))
        elif name == "64-true":
            around.callback(torch.set_default_dtype, torch.get_default_dtype())
            torch.set_default_dtype(torch.float64)
        yield


def loss_of(network: Network, values: Any) -> torch.Tensor | None:
    """The scalar to go back from: the sum of the losses, or without one a plain one of the outputs; None where none of
    them leads to a weight."""
    if network.losses:
        return total_loss(values, network.losses)
    outputs = [t for t in tree_leaves(values) if isinstance(t, torch.Tensor) and t.requires_grad]
    return stand_in_loss(outputs) if outputs else None


def stand_in_loss(outputs: list[torch.Tensor]) -> torch.Tensor:
    """Half the sum of squares. Its gradient is a tensor as large as the output, as that of a real loss is; that of a
    plain sum is one number spread out, which kernels copy inside."""
    return torch.stack([output.float().square().sum() / 2 for output in outputs]).sum()
