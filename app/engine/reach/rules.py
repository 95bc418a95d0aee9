"""What each of torch's operations does to receptive fields.

An operation without a rule may mix everything: its output is said to see the whole input along every axis that any of
its arguments sees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from app.engine.reach.spans import Reads
from app.engine.reach.tensors import (
    Reach,
    along,
    blind,
    freed,
    hull,
    inserted,
    mixed,
    permuted,
    picked,
    reshaped,
    tiled,
    without,
)


class UnknownError(Exception):
    """An operation is used in a way that its rule does not cover."""


class Op:
    """One call of an operation: its arguments by the names of its schema, with what a tensor sees in its place."""

    def __init__(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], shapes: list[tuple[int, ...]]) -> None:
        self.name = func._schema.name.removeprefix("aten::").rstrip("_")
        self.shapes = shapes
        """Of the outputs."""
        self.tagged_pointwise = torch.Tag.pointwise in func.tags
        arguments = func._schema.arguments
        self._given = {a.name: a.default_value for a in arguments if a.has_default_value()}
        self._given.update(zip((a.name for a in arguments), args, strict=False))
        self._given.update(kwargs)

    def __getitem__(self, name: str) -> Any:
        return self._given[name]

    def get(self, name: str) -> Any:
        return self._given.get(name)

    def reach(self, name: str) -> Reach:
        """What the tensor `name` sees; nothing, where it does not depend on the network's input."""
        value = self._given[name]
        assert isinstance(value, Reach)
        return value

    def parts(self) -> list[Reach]:
        """What all arguments see that see anything."""
        return [value for value in _flat(self._given.values()) if isinstance(value, Reach) and value.terms]

    def pair(self, name: str, count: int) -> list[int]:
        """A list of `count` whole numbers, given as such or as one for all."""
        value = list(self._given[name] or [])
        return value * count if len(value) == 1 else value


def _flat(values: Iterable[Any]) -> Iterable[Any]:
    for value in values:
        if isinstance(value, list | tuple) and not isinstance(value, Reach):
            yield from _flat(value)
        else:
            yield value


Rule = Callable[[Op], list[Reach]]
RULES: dict[str, Rule] = {}


def after(op: Op) -> tuple[list[Reach], bool]:
    """What the outputs see, one after another, and whether that is known: else it is an upper bound."""
    how = RULES.get(op.name)
    if how is None and op.tagged_pointwise:
        how = _pointwise
    try:
        made = how(op) if how else []
    except UnknownError:
        made = []
    known = bool(made) and made[0].shape == op.shapes[0]
    axes = frozenset(axis for part in op.parts() for axis in part.axes)
    made = made if known else []
    for shape in op.shapes[len(made) :]:  # further outputs, as a norm's means, are seldom read
        made.append(blind(shape, axes))
    return made, known


def rule(*names: str) -> Callable[[Rule], Rule]:
    def keep(rule: Rule) -> Rule:
        for name in names:
            RULES[name] = rule
        return rule

    return keep


# element by element ---------------------------------------------------------------------------------------------------


@rule(
    "_prelu_kernel", "_to_copy", "alias", "clone", "contiguous", "copy", "detach", "dropout", "floor_divide",
    "hardsigmoid", "hardswish", "leaky_relu", "lift_fresh", "log_sigmoid_forward", "masked_fill", "native_dropout",
    "threshold", "celu", "rrelu", "expand_as", "positive",
)  # fmt: skip
def _pointwise(op: Op) -> list[Reach]:
    return [hull(op.parts(), op.shapes[0])]


@rule("zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like", "new_zeros", "new_ones",
       "new_full", "new_empty", "fill", "zero")  # fmt: skip
def _fresh(op: Op) -> list[Reach]:
    return [Reach(tuple((n,) for n in op.shapes[0]), ())]


@rule("native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training")
def _batch_norm(op: Op) -> list[Reach]:
    x = op.reach("input")
    if op.get("training"):  # an instance norm, too, is a batch norm that takes its means from what is given
        return [mixed(x, x.places_in([d for d in range(len(x.dims)) if d != 1]))]
    return [x]


@rule("embedding")
def _embedding(op: Op) -> list[Reach]:
    if op.reach("weight").terms:
        raise UnknownError(op.name)
    indices = op.reach("indices")
    return [inserted(indices, len(indices.dims), op.shapes[0][-1])]


# all along some dimensions --------------------------------------------------------------------------------------------


@rule("native_layer_norm")
def _layer_norm(op: Op) -> list[Reach]:
    x = op.reach("input")
    return [mixed(x, x.places_in(range(len(x.dims) - len(op["normalized_shape"]), len(x.dims))))]


@rule("_softmax", "_log_softmax", "_safe_softmax", "cumsum", "cumprod", "sort", "topk", "logcumsumexp")
def _all_along(op: Op) -> list[Reach]:
    x = op.reach("self")
    dim = op["dim"] % len(x.dims)
    return [freed(x, dim, op.shapes[0][dim])] * len(op.shapes) if op.name == "topk" else [
        mixed(x, x.places_in([dim]))
    ] * len(op.shapes)  # fmt: skip


@rule("sum", "mean", "amax", "amin", "prod", "var", "std", "linalg_vector_norm", "argmax", "argmin", "any", "all",
       "logsumexp", "max", "min")  # fmt: skip
def _reduced(op: Op) -> list[Reach]:
    x = op.reach("self")
    given = op.get("dim")
    dims = [given] if isinstance(given, int) else list(given) if given else list(range(len(x.dims)))
    keep = len(op.shapes[0]) == len(x.dims)
    for dim in sorted((d % len(x.dims) for d in dims), reverse=True):
        x = freed(x, dim, 1) if keep else without(x, dim)
    return [x] * len(op.shapes)


@rule("mm", "addmm", "bmm", "baddbmm")
def _matmul(op: Op) -> list[Reach]:
    a, b, added = op.get("self"), op.get("mat2"), None
    if op.name == "addmm":
        a, b, added = op["mat1"], op["mat2"], op["self"]
    elif op.name == "baddbmm":
        a, b, added = op["batch1"], op["batch2"], op["self"]
    *_, rows, columns = shape = op.shapes[0]
    parts = [freed(a, len(shape) - 1, columns), freed(b, len(shape) - 2, rows)]
    return [hull(parts if added is None else [*parts, added], shape)]


@rule("_scaled_dot_product_attention_math", "_scaled_dot_product_flash_attention",
       "_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_efficient_attention",
       "_scaled_dot_product_cudnn_attention", "_scaled_dot_product_fused_attention_overrideable")  # fmt: skip
def _attention(op: Op) -> list[Reach]:
    shape = op.shapes[0]
    last = len(shape) - 1
    parts = []
    for name in ("query", "key", "value", "attn_mask", "attn_bias"):
        part = op.get(name)
        if isinstance(part, Reach):
            part = freed(part, last, shape[last])
            parts.append(part if name in ("query", "attn_mask", "attn_bias") else freed(part, last - 1, 1))
    return [hull(parts, shape)]


@rule("gather")
def _gather(op: Op) -> list[Reach]:
    x, shape = op.reach("self"), op.shapes[0]
    dim = op["dim"] % len(x.dims)
    x = freed(x, dim, shape[dim])
    if x.shape != tuple(shape):
        raise UnknownError(op.name)
    return [hull([x, op.reach("index")], shape)]


@rule("index")
def _indexed(op: Op) -> list[Reach]:
    """A table of places, as `x[:, places]`: which of them is not known, so that all along the dimension is mixed."""
    x, shape = op.reach("self"), op.shapes[0]
    dims = [dim for dim, index in enumerate(op["indices"]) if index is not None]
    if any(op["indices"][dim].terms for dim in dims) or dims != list(range(dims[0], dims[-1] + 1)):
        raise UnknownError(op.name)
    for dim in reversed(dims):
        x = without(x, dim)
    for at in range(dims[0], dims[0] + len(shape) - len(x.dims)):
        x = inserted(x, at, shape[at])
    return [x]


# rearranged -----------------------------------------------------------------------------------------------------------


@rule("view", "_unsafe_view", "reshape", "unsqueeze", "squeeze", "flatten", "unflatten", "_reshape_alias")
def _view(op: Op) -> list[Reach]:
    x = op.reach("self")
    if op.name == "unsqueeze":
        return [inserted(x, op["dim"] % (len(x.dims) + 1))]
    return [reshaped(x, op.shapes[0])]


@rule("permute", "transpose", "t", "movedim")
def _permute(op: Op) -> list[Reach]:
    x = op.reach("self")
    order = list(range(len(x.dims)))
    if op.name == "permute":
        order = [d % len(x.dims) for d in op["dims"]]
    elif op.name == "t":
        order.reverse()
    else:
        a, b = op["dim0"], op["dim1"]
        order[a], order[b] = order[b], order[a]
    return [permuted(x, order)]


@rule("expand")
def _expand(op: Op) -> list[Reach]:
    return [hull([op.reach("self")], op.shapes[0])]


@rule("repeat")
def _repeat(op: Op) -> list[Reach]:
    return [tiled(op.reach("self"), op["repeats"])]


@rule("select", "unbind")
def _picked(op: Op) -> list[Reach]:
    x = op.reach("self")
    dim = op["dim"] % len(x.dims)
    size = x.shape[dim]
    return [picked(x, dim, i) for i in ([op["index"] % size] if op.name == "select" else range(size))]


@rule("slice")
def _slice(op: Op) -> list[Reach]:
    x = op.reach("self")
    dim, size = op["dim"] % len(x.dims), op.shapes[0][op["dim"]]
    start, step = op["start"] or 0, op["step"]
    start = max(0, start + x.shape[dim] if start < 0 else start)
    if size == x.shape[dim]:
        return [x]
    return [along(x, dim, Reads(lambda j: (start + j * step,), 1, step), size)]


@rule("split", "split_with_sizes", "unsafe_split", "unsafe_split_with_sizes", "chunk", "unsafe_chunk")
def _split(op: Op) -> list[Reach]:
    x = op.reach("self")
    dim = op["dim"] % len(x.dims)
    made, start = [], 0
    for shape in op.shapes:
        made.append(along(x, dim, Reads(lambda j, start=start: (start + j,)), shape[dim]))  # type: ignore[misc]
        start += shape[dim]
    return made if len(made) > 1 else [x]


@rule("cat", "stack")
def _cat(op: Op) -> list[Reach]:
    tensors: list[Reach] = list(op["tensors"])
    shape = op.shapes[0]
    dim = op["dim"] % len(shape)
    if op.name == "stack":
        return [hull([inserted(part, dim) for part in tensors], shape)]
    telling = [i for i, part in enumerate(tensors) if part.terms]
    if len(telling) == 1:  # as padding does
        before = sum(part.shape[dim] for part in tensors[: telling[0]])
        return [along(tensors[telling[0]], dim, Reads(lambda j: (j - before,)), shape[dim])]
    return [hull([freed(tensors[i], dim, shape[dim]) for i in telling], shape)]


@rule("roll")
def _roll(op: Op) -> list[Reach]:
    x = op.reach("self")
    if not op["dims"]:
        raise UnknownError(op.name)
    for dim, shift in zip(op["dims"], op["shifts"], strict=True):
        x = along(x, dim % len(x.dims), Reads(lambda j, shift=shift: (j - shift,)), x.shape[dim])  # type: ignore[misc]
    return [x]


@rule("flip")
def _flip(op: Op) -> list[Reach]:
    x = op.reach("self")
    for dim in op["dims"]:
        last = x.shape[dim] - 1
        x = along(x, dim % len(x.dims), Reads(lambda j, last=last: (last - j,), 1, -1), last + 1)  # type: ignore[misc]
    return [x]


@rule("pixel_shuffle", "pixel_unshuffle")
def _pixels(op: Op) -> list[Reach]:
    x = op.reach("self")
    *lead, c, h, w = x.shape
    n = len(lead)
    if op.name == "pixel_shuffle":
        r = op["upscale_factor"]
        x = reshaped(x, (*lead, c // r**2, r, r, h, w))
        x = permuted(x, [*range(n), n, n + 3, n + 1, n + 4, n + 2])
    else:
        r = op["downscale_factor"]
        x = reshaped(x, (*lead, c, h // r, r, w // r, r))
        x = permuted(x, [*range(n), n, n + 2, n + 4, n + 1, n + 3])
    return [reshaped(x, op.shapes[0])]
