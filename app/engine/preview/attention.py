"""Where attention looks: the weights of every head, taken from the run itself.

Most blocks hand queries, keys and values to torch's `scaled_dot_product_attention`, which keeps its weights to itself:
they are worked out again from what it was given. Blocks that compare by hand make them with a softmax: its result is
taken. Blocks that weigh in another way have no such picture.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from app.engine.preview import looks
from app.messages.preview import Inside, Look
from blocks import catalogue

BY_HAND = ("WindowAttend", "CosineWindowAttend", "Attend2d")
"""Blocks whose softmax is taken over the keys that each head weighs."""
MOST = 12
"""So many attentions of one node are shown."""
LARGEST = 32 * 2**20
"""More weights than these are not worked out."""


class Attended(NamedTuple):
    """One attention of the first sample: its weights (heads, queries, keys) and, where torch's function was called, the
    values that they weigh and what came of it. Where queries are in groups that look only at their own (windows), this
    is the `group`-th of `groups`."""

    path: str
    weights: torch.Tensor | None
    group: int
    groups: int
    size: tuple[int, ...]
    values: torch.Tensor | None = None
    result: torch.Tensor | None = None


@contextmanager
def watched(module: nn.Module) -> Iterator[list[Attended]]:
    """Note every attention while `module` is called."""
    found: list[Attended] = []
    inside: list[tuple[str, nn.Module]] = []
    hooks = []
    for path, part in module.named_modules():
        hooks.append(part.register_forward_pre_hook(lambda m, _i, path=path: inside.append((path, m))))
        hooks.append(part.register_forward_hook(lambda _m, _i, _o: _left(inside)))
    try:
        with _Watch(inside, found):
            yield found
    finally:
        for hook in hooks:
            hook.remove()


def _left(inside: list[tuple[str, nn.Module]]) -> None:
    inside.pop()


class _Watch(TorchFunctionMode):
    def __init__(self, inside: list[tuple[str, nn.Module]], found: list[Attended]) -> None:
        super().__init__()
        self._inside, self._found = inside, found
        self._by_hand = tuple(cls for name, cls in catalogue.classes().items() if name in BY_HAND)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if self._inside and len(self._found) < MOST:
            path, module = self._inside[-1]
            if func is F.scaled_dot_product_attention:
                self._found.append(_from_product(path, result, *args, **(kwargs or {})))
            elif func is torch.Tensor.softmax and isinstance(module, self._by_hand):
                self._found.append(_from_softmax(path, result))
        return result


def _from_product(
    path: str,
    result: torch.Tensor,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    **_others: Any,
) -> Attended:
    *lead, heads, queries, width = (1, *query.shape) if query.ndim == 3 else query.shape
    size = (heads, queries, key.shape[-2])
    groups = math.prod(lead)
    group = groups // 2
    if math.prod(size) > LARGEST:
        return Attended(path, None, group, groups, size)

    def picked(tensor: torch.Tensor) -> torch.Tensor:
        whole = tensor.expand(*lead, *tensor.shape[-3:]) if tensor.ndim < len(lead) + 3 else tensor
        return whole.detach().reshape(-1, *tensor.shape[-3:])[group].float()  # (heads, L, D)

    q, k, v = picked(query), picked(key), picked(value)
    scores = q @ k.transpose(-2, -1) * (width**-0.5 if scale is None else scale)
    if is_causal:
        scores = scores.masked_fill(~torch.ones(size[1:], dtype=torch.bool).tril(), -math.inf)
    if attn_mask is not None:
        mask = attn_mask.detach().expand(*lead, *size).reshape(-1, *size)[group]
        scores = scores.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else scores + mask
    return Attended(path, scores.softmax(-1), group, groups, size, v, picked(result))


def _from_softmax(path: str, weights: torch.Tensor) -> Attended:
    *lead, heads, queries, keys = weights.shape
    groups = math.prod(lead)
    group = groups // 2
    size = (heads, queries, keys)
    kept = weights.detach().reshape(-1, *size)[group].float() if math.prod(size) <= LARGEST else None
    return Attended(path, kept, group, groups, size)


def heat(id: str, attended: Attended) -> Inside:
    """An attention as pictures: a tile a head, queries downwards, keys to the right."""
    heads, queries, keys = attended.size
    if attended.weights is None:
        look: Look = looks.nothing(f"{heads} heads of {queries:,} × {keys:,} weights: too many to work out.")
    else:
        look = looks.pictures(attended.weights, looks.LARGE, "heat")
        part = "Window" if attended.values is None else "Part"
        group = f"{part} {attended.group + 1} of {attended.groups}. " if attended.groups > 1 else ""
        words = f"{group}{heads} head{'s' * (heads != 1)}, {queries:,} × {keys:,}."
        look = Look(look.form, attended.size, look.width, look.height, look.pixels, look.tiles, of=heads, said=words)
    return Inside(id, attended.path, look)
