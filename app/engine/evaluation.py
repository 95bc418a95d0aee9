"""What a network measures in a batch, and its losses and metrics over a whole split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from app.engine.compile import Network
from app.engine.data import Data
from app.engine.data.base import share_of
from app.engine.meters import Meters, metric_name


def value_names(network: Network) -> tuple[str, ...]:
    """What is measured in each batch: `loss` (the total), each part of it where there are several, each metric that is
    a mean over samples. The others are counted by `Meters`."""
    parts = [f"loss/{name}" for name in network.losses] if len(network.losses) > 1 else []
    metrics = [metric_name(name) for name in network.metrics if name not in network.counted]
    return ("loss", *parts, *metrics)


def row_of(values: Mapping[str, torch.Tensor], loss: torch.Tensor, network: Network) -> list[torch.Tensor]:
    """The values in the order of `value_names`, without the graphs behind them."""
    row = [loss, *(values[name] for name in network.losses)] if len(network.losses) > 1 else [loss]
    row += [values[name] for name in network.metrics if name not in network.counted]
    # asked first: a call into torch that changes nothing still takes a thousandth of a small network's step
    row = [value.detach() if value.requires_grad else value for value in row]
    return [value if value.dtype is torch.float32 else value.float() for value in row]


def total_loss(values: Mapping[str, torch.Tensor], losses: tuple[str, ...]) -> torch.Tensor:
    loss = values[losses[0]]
    for name in losses[1:]:
        loss = loss + values[name]
    return loss


def has_batch_norm(module: nn.Module) -> bool:
    return any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in module.modules())


def evaluate(
    fabric: Any, network: Network, data: Data, split: str, batch_size: int, *, rank: int = 0, world: int = 1,
    meters: Meters | None = None,
) -> dict[str, float]:  # fmt: skip
    """Losses and metrics of a whole split, in eval mode, with Fabric's precision and device.

    `meters`, which have seen nothing, count the metrics that are no mean over samples; their tables are read there. The
    validation split also sets what a block takes from a whole split: the threshold of Verify.
    """
    names, meters = value_names(network), meters or Meters(network, fabric.device)
    kind = torch.float32 if fabric.device.type == "mps" else torch.float64
    sums = torch.zeros(len(names) + 1, dtype=kind, device=fabric.device)
    module = network.module
    module.eval()
    with torch.no_grad():
        size = data.splits[split].size
        for i, batch in enumerate(data.batches(split, batch_size, rank=rank, world=world)):
            with fabric.autocast():
                values = module(*fabric.to_device(batch))
            count = share_of(min(batch_size, size - i * batch_size), rank, world)
            if not count:  # this device had nothing of a small last batch: it ran a sample so that no other waits
                continue
            row = row_of(values, total_loss(values, network.losses), network)
            sums[:-1].add_(torch.stack(row), alpha=count)
            sums[-1] += count
            meters.show(values)
    if world > 1:
        sums = fabric.all_reduce(sums, reduce_op="sum")
    if split == "validation":
        meters.settle(together=world > 1)
    *totals, count = sums.tolist()
    means = {name: value / count for name, value in zip(names, totals, strict=True)}
    return {**means, **meters.read(together=world > 1)}
