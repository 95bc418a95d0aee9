"""Weights that follow others as their moving average: MoCo's key encoder, BYOL's target, a mean teacher."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

import torch
from torch import nn

T = TypeVar("T")


class Follower(NamedTuple):
    """A module whose weights follow those of another: both paths in the root, and what it keeps at each step."""

    path: str
    leader: str
    momentum: float


def begin(root: nn.Module, followers: Iterable[Follower]) -> None:
    """Give each follower its leader's weights, as it begins."""
    for one in followers:
        root.get_submodule(one.path).load_state_dict(root.get_submodule(one.leader).state_dict())


def loading(root: nn.Module, followers: Iterable[Follower], load: Callable[[], T]) -> T:
    """Load weights by `load`; a follower of which they hold nothing begins as its leader again."""
    before = [(f, [t.clone() for t in _tensors(root.get_submodule(f.path)).values()]) for f in followers]
    result = load()
    for follower, was in before:
        now = _tensors(root.get_submodule(follower.path)).values()
        if all(torch.equal(a, b) for a, b in zip(was, now, strict=True)):
            begin(root, [follower])
    return result


class Following:
    """The followers of a network. `step` belongs after each step of the optimizer.

    A weight becomes `momentum * itself + (1 - momentum) * the leader's` (He et al. 2020, arXiv:1911.05722, eq. 2). The
    statistics of batch norms follow alike (EMAN, Cai et al. 2021, arXiv:2101.08482): a follower runs as in use, so that
    nothing of one sample leaks to another through a batch.
    """

    def __init__(self, root: nn.Module, followers: Iterable[Follower]) -> None:
        self._pairs: dict[float, tuple[list[torch.Tensor], list[torch.Tensor]]] = {}
        self._counts: list[tuple[torch.Tensor, torch.Tensor]] = []
        """Whole numbers, such as the batches that a norm has seen: they are taken over."""
        for one in followers:
            theirs = _tensors(root.get_submodule(one.leader))
            for name, mine in _tensors(root.get_submodule(one.path)).items():
                if mine.is_floating_point():
                    averages, leaders = self._pairs.setdefault(one.momentum, ([], []))
                    averages.append(mine)
                    leaders.append(theirs[name])
                else:
                    self._counts.append((mine, theirs[name]))

    def others(self, weights: Iterable[tuple[str, nn.Parameter]]) -> tuple[tuple[str, nn.Parameter], ...]:
        """Of these weights those that follow none: what the recipe may freeze and set free."""
        mine = {id(weight) for averages, _ in self._pairs.values() for weight in averages}
        return tuple((name, weight) for name, weight in weights if id(weight) not in mine)

    def step(self) -> None:
        """Move every follower on towards its leader."""
        if not self._pairs and not self._counts:
            return
        with torch.no_grad():
            for momentum, (averages, leaders) in self._pairs.items():
                torch._foreach_lerp_(averages, leaders, 1 - momentum)
            for mine, theirs in self._counts:
                mine.copy_(theirs)


def _tensors(module: nn.Module) -> dict[str, torch.Tensor]:
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}
