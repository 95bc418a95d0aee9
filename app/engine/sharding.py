"""Fully sharded data parallelism: each device holds a part of every weight, and asks for the rest when it is needed.

It is FSDP2, torch's `fully_shard` (Zhao et al. 2023, arXiv:2304.11277), under Fabric's strategy for it: Fabric's older
`fsdp` runs on GPUs alone, this one on the CPU too. A checkpoint holds whole tensors, as with one device: all processes
gather them together. Without sharding every function here gives back what it was given.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.distributed.tensor import DTensor, distribute_tensor

LEAST = 100_000
"""Weights of a part of the network that are gathered on their own, while the part before still computes."""


def strategy(world: int) -> Any:
    """Fabric's strategy for `world` processes."""
    from lightning_fabric.strategies import ModelParallelStrategy

    return ModelParallelStrategy(_shard, data_parallel_size=world, tensor_parallel_size=1)


def _shard(module: nn.Module, mesh: Any) -> nn.Module:
    from torch.distributed.fsdp import fully_shard

    along = mesh["data_parallel"]
    for part in module.children():
        if sum(weight.numel() for weight in part.parameters()) >= LEAST:
            fully_shard(part, mesh=along)
    fully_shard(module, mesh=along)
    return module


def is_sharded(module: nn.Module) -> bool:
    return any(isinstance(weight, DTensor) for weight in module.parameters())


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor itself, put together from its parts where it has parts: all processes must ask."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def put(value: torch.Tensor, into: torch.Tensor) -> None:
    """Copy a whole tensor into one that may have parts; all processes have the same value."""
    with torch.no_grad():
        into.copy_(like(value, into))


def like(value: torch.Tensor, model: torch.Tensor) -> torch.Tensor:
    """The value in parts, where `model` is, and on its device."""
    if not isinstance(model, DTensor) or isinstance(value, DTensor):
        return value
    return distribute_tensor(value.to(model.device), model.device_mesh, model.placements, src_data_rank=None)


def optimizer_state(optimizer: Any) -> dict[str, Any]:
    """Its state_dict with whole tensors."""
    found: dict[str, Any] = _map(optimizer.state_dict())
    return found


def _map(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return whole(value)
    if isinstance(value, dict):
        return {key: _map(item) for key, item in value.items()}
    return [_map(item) for item in value] if isinstance(value, list) else value


def load_optimizer(optimizer: Any, state: dict[str, Any]) -> None:
    """Load a state_dict with whole tensors, from a run on however many devices."""
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    if any(isinstance(weight, DTensor) for weight in weights):
        parts = {}
        for number, kept in state["state"].items():
            weight = weights[number]
            parts[number] = {
                key: like(value, weight) if isinstance(value, torch.Tensor) and value.shape == weight.shape else value
                for key, value in kept.items()
            }
        state = {**state, "state": parts}
    optimizer.load_state_dict(state)
