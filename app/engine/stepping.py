"""What happens between the gradients and the next batch: penalties, clipping, the optimizer's step, the average."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.distributed.tensor import DTensor

from app.design.values import Recipe
from app.engine.optim import FACTOR, PULLED, use_fused
from app.engine.sharding import put, whole


def set_training(module: nn.Module) -> None:
    """Training mode; but what is frozen stays as it is in use, so that its statistics do not move either."""
    module.train()
    if all(weight.requires_grad for weight in module.parameters()):
        return
    for part in module.modules():
        own = list(part.parameters())
        if own and not any(p.requires_grad for p in own):
            part.eval()


class Stepper:
    """Makes the optimizer's steps as the recipe has them."""

    def __init__(self, optimizer: Any, precision: Any, recipe: Recipe) -> None:
        self._recipe = recipe
        self._bare = getattr(optimizer, "optimizer", optimizer)
        """Under Fabric's wrapper: what a scaler of gradients knows."""
        use_fused(self._bare)
        self._scaled = precision if getattr(precision, "scaler", None) is not None else None
        self._optimizer = optimizer if self._scaled is not None else self._bare  # the wrapper's work is the scaler's
        self._changes = bool(recipe.l1 or recipe.l2 or recipe.clip_norm or recipe.clip_value)
        weights = [w for group in self._bare.param_groups for w in group["params"]]
        kinds = {(w.device, w.dtype, isinstance(w, DTensor)) for w in weights}
        self._alike = len(kinds) == 1 and not any(parts for *_, parts in kinds)

    def set_rate(self, rate: float) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = rate * group[FACTOR]

    def step(self, *, measure: bool, look: Callable[[], None] | None = None) -> torch.Tensor | None:
        """One step. With `measure` it returns the length of the whole gradient, penalties included, before it is
        clipped: a tensor on the device, which nothing waits for. `look` may look at that gradient, weight by weight."""
        recipe = self._recipe
        norm: torch.Tensor | None = None
        if measure or look is not None or self._changes:
            if self._scaled is not None:
                self._scaled.unscale_gradients(self._bare)
            self._add_penalties()
            weights = (w for group in self._optimizer.param_groups for w in group["params"])
            gradients = [w.grad for w in weights if w.grad is not None]
            if measure or recipe.clip_norm:
                norm = self._length(gradients)
            if look is not None:
                look()
            if recipe.clip_value:
                torch._foreach_clamp_min_(gradients, -recipe.clip_value)
                torch._foreach_clamp_max_(gradients, recipe.clip_value)
            if recipe.clip_norm:
                cut = self._length(gradients) if recipe.clip_value else norm
                assert cut is not None
                # torch's own clip_grad_norm_, once the length is known
                torch._foreach_mul_(gradients, torch.clamp(recipe.clip_norm / (cut + 1e-6), max=1.0))
        self._optimizer.step()
        self._optimizer.zero_grad()
        return None if norm is None else whole(norm)

    def _length(self, gradients: list[torch.Tensor]) -> torch.Tensor:
        """Of all gradients as one vector."""
        if not self._alike or not gradients or any(g.is_sparse for g in gradients):
            return torch.nn.utils.get_total_norm(gradients)
        # the same without sorting them by device and dtype first, which takes as long as the norm of a small network
        return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))

    def _add_penalties(self) -> None:
        """The penalties' gradients: `l1 · sign(w) + l2 · w`, exactly what descending on them too would add."""
        l1, l2 = self._recipe.l1, self._recipe.l2
        if not (l1 or l2):
            return
        for group in self._optimizer.param_groups:
            if not group[PULLED]:
                continue
            weights = [w for w in group["params"] if w.grad is not None]
            if not weights:
                continue
            gradients = [w.grad for w in weights]
            if l1:
                torch._foreach_add_(gradients, torch._foreach_sign([w.detach() for w in weights]), alpha=l1)
            if l2:
                torch._foreach_add_(gradients, [w.detach() for w in weights], alpha=l2)


class Average:
    """A moving average of the weights and of what norms have measured; counters are copied.

    In its first steps it forgets faster, `(1 + n) / (10 + n)` at step n, as in EfficientNet's code (TensorFlow's
    ExponentialMovingAverage with num_updates): a short run is not judged by the weights that it began with.
    """

    def __init__(self, root: nn.Module, decay: float) -> None:
        self._root, self._decay = root, decay
        self.values = {name: value.detach().clone() for name, value in root.state_dict().items()}

    def update(self, step: int) -> None:
        """Take in the weights after step `step` (from 1)."""
        share = 1 - min(self._decay, (1 + step) / (10 + step))
        weights = self._root.state_dict()
        real = [name for name, value in weights.items() if value.is_floating_point()]
        torch._foreach_lerp_([self.values[n] for n in real], [weights[n] for n in real], share)
        for name in weights.keys() - set(real):
            self.values[name].copy_(weights[name])

    @contextlib.contextmanager
    def put_in(self) -> Iterator[None]:
        """In here the network has the average as its weights."""
        weights = self._root.state_dict()
        kept = {name: value.clone() for name, value in weights.items()}
        _copy(self.values, weights)
        try:
            yield
        finally:
            _copy(kept, weights)

    def state(self) -> dict[str, torch.Tensor]:
        """For a checkpoint, on the CPU."""
        return {name: whole(value).to("cpu", copy=True).contiguous() for name, value in self.values.items()}

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        _copy(state, self.values)


def _copy(source: dict[str, torch.Tensor], into: dict[str, torch.Tensor]) -> None:
    for name, value in into.items():
        put(source[name], value)


class Plateau:
    """Lowers the rate where the loss gets no better, as torch's ReduceLROnPlateau does with its threshold of 1e-4."""

    THRESHOLD = 1e-4

    def __init__(self, recipe: Recipe) -> None:
        self._patience, self._gamma = recipe.plateau, recipe.gamma
        self.factor = 1.0
        self._best, self._bad = float("inf"), 0

    def see(self, loss: float) -> None:
        """An epoch has ended with this loss."""
        if loss < self._best * (1 - self.THRESHOLD):
            self._best, self._bad = loss, 0
        else:
            self._bad += 1
        if self._bad > self._patience:
            self.factor *= self._gamma
            self._bad = 0

    def state(self) -> dict[str, float]:
        return {"factor": self.factor, "best": self._best, "bad": self._bad}

    def restore(self, state: dict[str, float]) -> None:
        self.factor, self._best, self._bad = state["factor"], state["best"], int(state["bad"])
