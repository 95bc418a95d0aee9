"""Layers of torch as the calls that make them, read off the layers themselves."""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any

import torch
from torch import nn

from app.engine.to_python.record import is_torch

RECURRENT = ("input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional")
_DEFAULTS = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0, "bidirectional": False}
_SKIPPED = {"device", "dtype", "_weight", "_freeze", "_bias"}


class NoFormError(ValueError):
    """A module that cannot be written as a call of its class."""


def torch_base(cls: type) -> type:
    """The first of torch's own classes that this one is or inherits from."""
    return next(c for c in cls.__mro__ if is_torch(c))


@cache
def parameters_of(base: type) -> dict[str, Any]:
    """The constructor's parameters with their defaults (`inspect.Parameter.empty`: it has none)."""
    if issubclass(base, nn.RNNBase):
        return {name: _DEFAULTS.get(name, inspect.Parameter.empty) for name in RECURRENT}
    found = list(inspect.signature(base.__init__).parameters.values())[1:]  # type: ignore[misc]
    return {p.name: p.default for p in found if p.name not in _SKIPPED and p.kind == p.POSITIONAL_OR_KEYWORD}


def arguments_of_layer(module: nn.Module, base: type) -> dict[str, Any]:
    """What the constructor of `base` has to be told for a layer like this one; defaults are left out."""
    given: dict[str, Any] = {}
    for name, default in parameters_of(base).items():
        if name == "inplace" and not getattr(module, name, False):
            continue
        if name == "bias":
            value: Any = module.bias if isinstance(module.bias, bool) else module.bias is not None
            if isinstance(module, nn.LayerNorm) and not module.elementwise_affine:
                continue
        elif hasattr(module, name):
            value = getattr(module, name)
            value = tuple(value) if name == "normalized_shape" and len(value) > 1 else plain(value)
        else:
            raise NoFormError(f"{base.__name__} does not keep its `{name}`")
        if name == "stride" and default is None and value == plain(module.kernel_size):
            continue
        if not (type(value) is type(default) and value == default) and not _equal(value, default):
            given[name] = value
    return given


def _equal(value: Any, default: Any) -> bool:
    return isinstance(value, int | float) and isinstance(default, int | float) and value == default


def plain(value: Any) -> Any:
    """A number in place of a tuple of equal ones."""
    if isinstance(value, torch.Size | list):
        value = tuple(value)
    if isinstance(value, tuple) and value and all(v == value[0] for v in value) and isinstance(value[0], int):
        return value[0]
    if value is not None and not isinstance(value, bool | int | float | str | tuple):
        raise NoFormError(f"{type(value).__name__} has no form in code")
    return value
