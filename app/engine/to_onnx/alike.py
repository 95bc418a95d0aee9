"""Whether a block that was made for one size is the block that would be made for another."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

_APART = ("_parameters", "_buffers", "_modules")
_PLAIN = (int, float, complex, str, bytes, bool, type(None), torch.dtype, torch.device, torch.Size, range)


def alike(one: nn.Module, other: nn.Module) -> bool:
    """Whether both do the same with the same weights: they are built of the same classes with tensors of the same
    shapes and equal attributes. They may be on meta; whatever cannot be compared counts as a difference."""
    if type(one) is not type(other) or one._modules.keys() != other._modules.keys():
        return False
    if not _forms(one._parameters, other._parameters) or not _forms(one._buffers, other._buffers):
        return False
    if any(b is not None for b in one._buffers.values()) and not isinstance(one, _NormBase):
        return False  # what is counted in there may hang on the size
    mine, its = vars(one), vars(other)
    if mine.keys() != its.keys() or not all(_equal(mine[name], its[name]) for name in mine if name not in _APART):
        return False
    pairs = zip(one._modules.values(), other._modules.values(), strict=True)
    return all(a is b if a is None or b is None else alike(a, b) for a, b in pairs)


def _forms(mine: dict[str, Any], its: dict[str, Any]) -> bool:
    def form(tensor: torch.Tensor | None) -> object:
        return tensor if tensor is None else (tensor.shape, tensor.dtype)

    return {name: form(tensor) for name, tensor in mine.items()} == {name: form(tensor) for name, tensor in its.items()}


def _equal(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, set | frozenset):
        return one == other
    if isinstance(one, partial):
        return _equal((one.func, one.args, one.keywords), (other.func, other.args, other.keywords))
    return isinstance(one, _PLAIN) and bool(one == other)
