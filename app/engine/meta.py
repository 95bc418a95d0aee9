"""Runs on meta, brief: what an operation makes of tensors of one form is remembered instead of worked out anew.

Torch works most shapes out in Python, 0.2 to 3 ms an operation, and a deep network asks the same again and again.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode

MOST = 50_000
"""How many answers are kept."""


class _Form(NamedTuple):
    """What makes a new tensor on meta."""

    shape: tuple[int, ...]
    steps: tuple[int, ...]
    """From one element of each dimension to the next, in elements: torch calls these strides."""
    dtype: torch.dtype


_answers: dict[Any, list[_Form]] = {}
_pure: dict[Any, bool] = {}


def forget() -> None:
    """Let go of all answers."""
    _answers.clear()


class Remembering(TorchDispatchMode):
    """Answers an operation on meta tensors with new tensors of the form that it gave before.

    Only what gives new tensors is remembered: no views, nothing in place, no numbers. Enter it before other modes, so
    that they see every operation.
    """

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        given: list[torch.Tensor] = []
        key = (func, _key(args, given), _key(tuple(sorted(kwargs.items())), given)) if _is_pure(func) else None
        if key is None or not all(t.is_meta for t in given):
            return func(*args, **kwargs)
        known = _answers.get(key) or _plain(func, args)
        if known is None:
            result = func(*args, **kwargs)
            forms = _forms(result, given)
            if forms is not None and len(_answers) < MOST:
                _answers[key] = forms
            return result
        made = [_new(form) for form in known]
        return made[0] if len(func._schema.returns) == 1 else tuple(made)


def at_once(func: Any, args: tuple[Any, ...]) -> Any:
    """What a plain operation without products gives, worked out here: other modes would take it apart first. None
    where it is another operation."""
    if func not in _LIKE_THE_FIRST and func is not torch.ops.aten.native_batch_norm.default:
        return None
    forms = _plain(func, args) if args[0].is_meta else None
    if forms is None:
        return None
    made = [_new(form) for form in forms]
    return made[0] if len(made) == 1 else tuple(made)


_LIKE_THE_FIRST = {
    getattr(torch.ops.aten, name).default
    for name in ("relu", "sigmoid", "tanh", "silu", "gelu", "hardswish", "hardsigmoid", "hardtanh", "elu", "leaky_relu")
}


def _plain(func: Any, args: tuple[Any, ...]) -> list[_Form] | None:
    """The form of what is as large as the argument; for torch these are the slowest to work out."""
    first = args[0] if args else None
    if not isinstance(first, torch.Tensor) or first.dtype != torch.float32 or not first.is_contiguous():
        return None
    same = _Form(tuple(first.shape), first.stride(), first.dtype)
    if func in _LIKE_THE_FIRST:
        return [same]
    if func is torch.ops.aten.native_batch_norm.default and not args[5]:
        mean = _Form((first.shape[1],), (1,), first.dtype)
        return [same, mean, mean]
    return None


def _is_pure(func: Any) -> bool:
    """Whether the operation gives tensors alone, none of which is said to be one of its arguments."""
    if func not in _pure:
        schema = func._schema
        _pure[func] = (
            schema.name.startswith("aten::")
            and not schema.is_mutable
            and bool(schema.returns)
            and all(r.alias_info is None and str(r.type) == "Tensor" for r in schema.returns)
        )
    return _pure[func]


def _key(value: Any, given: list[torch.Tensor]) -> Any:
    """The value with each tensor's form in its place; the tensors are added to `given`."""
    if isinstance(value, torch.Tensor):
        given.append(value)
        return value.shape, value.stride(), value.dtype
    if isinstance(value, list | tuple):
        return tuple(_key(part, given) for part in value)
    return type(value), value  # 1, 1.0 and True are equal, but give different dtypes


def _forms(result: Any, given: list[torch.Tensor]) -> list[_Form] | None:
    """The forms of the results; None where one is no new tensor: `_unsafe_view` gives its argument's storage."""
    made = [result] if isinstance(result, torch.Tensor) else list(result)
    storages = {storage(t) for t in given}
    forms = []
    for tensor in made:
        form = _Form(tuple(tensor.shape), tensor.stride(), tensor.dtype)
        if not tensor.is_meta or storage(tensor) in storages or _bytes(_new(form)) != _bytes(tensor):
            return None
        storages.add(storage(tensor))
        forms.append(form)
    return forms


def _new(form: _Form) -> torch.Tensor:
    return torch.empty_strided(form.shape, form.steps, dtype=form.dtype, device="meta")


def storage(tensor: torch.Tensor) -> int:
    """The number of the memory that the tensor lies in; another tensor may get it when this one is gone."""
    return int(tensor.untyped_storage()._cdata)


def _bytes(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().nbytes()


def tensors_in(value: Any) -> list[torch.Tensor]:
    """The tensors in a value of lists, tuples and dicts, in order."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [t for part in value for t in tensors_in(part)] if isinstance(value, list | tuple) else []
