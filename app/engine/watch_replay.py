"""When a loss is no number any more: trains again from the last checkpoint up to that batch, and finds out why.

A run is a pure function of its checkpoint, so the same batch comes out wrong again; a checkpoint is at most some
seconds old. Nothing is written meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from msgspec.structs import replace
from torch import nn

from app.design.changes import SetRecipe
from app.design.expand import expand
from app.design.values import Design
from app.engine import checkpoint
from app.engine.loop import Loop, NotFiniteError, Parts, Position, TrainingError
from app.engine.optim import make_optimizer
from app.engine.watch import Node, calls_of, nodes_of
from app.engine.watch_causes import Probe, Step, backward_words, forward_words
from app.engine.watch_judge import rate_fix
from app.engine.watch_listen import Ear, Heard
from app.messages.reports import Fix
from app.messages.watch import Trouble

GREW = 10.0
"""So many times as large as at the checkpoint: weights that did are said to have exploded."""
LARGE = 100.0
"""Weights, as a root mean square, that no training leads to: they have exploded, whenever that began."""


class Start(NamedTuple):
    """Where a run stood before its first checkpoint."""

    fill: Callable[[], None]
    """Puts the first weights back."""
    random: dict[str, Any]
    precision: dict[str, Any]


class _Found(Exception):
    def __init__(self, trouble: Trouble | None) -> None:
        self.trouble = trouble


def explained(
    error: NotFiniteError, parts: Parts, at: Position, design: Design, start: Start, cancelled: Callable[[], bool]
) -> str:
    """The sentence for a run that broke, with its cause where that is found; the watch is told of it too."""
    try:
        trouble = find_cause(parts, design, start, cancelled)
    except (RuntimeError, ValueError, MemoryError) as other:  # memory for a second optimizer, say
        if parts.folder is not None:
            parts.folder.log(f"Why it broke could not be found out: {str(other).splitlines()[0]}")
        trouble = None
    if trouble is None:
        return str(error)
    if parts.watch is not None:
        parts.watch.not_finite(at.epoch, at.step, trouble)
    return f"{error.what}. {trouble.message} The last checkpoint from before is kept."


def find_cause(parts: Parts, design: Design, start: Start, cancelled: Callable[[], bool]) -> Trouble | None:
    """Why the loss of a run is no number; None where it does not happen again."""
    if parts.fabric.world_size > 1 or parts.folder is None:
        return None  # the other devices have gone
    parts.folder.log("The loss is no number: it is trained again from the last checkpoint, to find out why.")
    last = parts.folder.last
    state = checkpoint.load_state(last) if checkpoint.place(last) else None
    if state is None:
        start.fill()
    else:
        checkpoint.fill(parts.network.root, checkpoint.load_weights(last), str(last))
    optimizer = parts.fabric.setup_optimizers(make_optimizer(parts.network.module.named_parameters(), parts.recipe))
    replay = _Replay(parts._replace(optimizer=optimizer, folder=None, watch=None), design, cancelled)
    if state is None:
        parts.fabric.strategy.precision.load_state_dict(start.precision)
        checkpoint.restore_random(start.random)
    else:
        replay.restore(state)
        checkpoint.restore_random(state["random"])
    try:
        replay.run()
    except _Found as found:
        return found.trouble
    except TrainingError:
        return None
    return None


class _Replay(Loop):
    """A loop that stops at the first batch whose loss or gradient is no number."""

    def __init__(self, parts: Parts, design: Design, cancelled: Callable[[], bool]) -> None:
        super().__init__(parts, lambda progress: None, cancelled)
        self.nodes, self.calls = nodes_of(parts.network, design), expand(design).calls
        self._first = {node.call.id: _size(node) for node in self.nodes}
        self._begun = self.at.step
        self._scales = getattr(parts.fabric.strategy.precision, "scaler", None) is not None

    def _descend(self, batch: tuple[torch.Tensor, ...], steps: bool) -> Any:
        kept = checkpoint.random_state()
        values, loss = super()._descend(batch, steps)
        if not bool(torch.isfinite(loss)):
            raise _Found(self._why(batch, kept, backward=False))
        if not self._scales and self._gradients_broken():
            raise _Found(self._why(batch, kept, backward=True))
        return values, loss

    def _gradients_broken(self) -> bool:
        found = [w.grad for w in self.parts.network.module.parameters() if w.grad is not None]
        if not found:
            return False
        return not bool(torch.isfinite(torch.stack([g.abs().max().float() for g in found])).all())

    # why --------------------------------------------------------------------------------------------------------------

    def _why(self, batch: tuple[torch.Tensor, ...], random: dict[str, Any], *, backward: bool) -> Trouble | None:
        if (bad := self._bad_sample(batch)) is not None:
            return bad
        parts = self.parts
        placed = parts.fabric.to_device(batch)
        losses = parts.network.losses
        probe, ear = Probe(calls_of(parts.network)), Ear(calls_of(parts.network))

        def forward() -> torch.Tensor:
            checkpoint.restore_random(random)
            with parts.fabric.autocast():
                values = parts.network.module(*placed)
            total: torch.Tensor = torch.stack([values[name].float() for name in losses]).sum()
            return total

        with torch.no_grad(), ear.listening():
            forward()
        heard = ear.heard()
        loss = probe.run(forward)
        if not backward:
            culprit = probe.forward_culprit()
            return self._trouble(culprit, forward_words(culprit), heard, "") if culprit is not None else None
        parts.network.module.zero_grad()
        loss.backward()
        culprit = probe.backward_culprit(iter(parts.network.module.parameters()))
        said = "on the way back "
        return self._trouble(culprit, backward_words(culprit), heard, said) if culprit is not None else None

    def _trouble(self, step: Step, words: tuple[str, str, str], heard: Heard, way: str) -> Trouble | None:
        kind, what, help = words
        node = next((n for n in self.nodes if n.call.id == step.call), self.nodes[-1])
        if kind in ("overflow", "power") and (grown := self._exploded(node, what, heard)) is not None:
            return grown
        recipe = self.parts.recipe
        fixes: tuple[Fix, ...] = (rate_fix(recipe),)
        if kind == "half":
            fixes = (Fix("Train with precision bf16", 0, (SetRecipe(replace(recipe, precision="bf16")),)), *fixes)
        help = help or f"Lower the learning rate to {recipe.learning_rate / 10:g}, or put norms between the layers"
        message = f"`{node.call.name}` {way}gave what is no number: {what}. {help}."
        return _told(node, message, (), fixes)

    def _exploded(self, at: Node, what: str, heard: Heard) -> Trouble | None:
        """Where numbers are too large everywhere: the weights that grew, or the node whose output first grew."""
        recipe, lower = self.parts.recipe, self.parts.recipe.learning_rate / 10
        sizes = {n.call.id: _size(n) for n in self.nodes if n.weights}
        grown = {id: size / max(self._first[id], 1e-3) for id, size in sizes.items()}
        worst = max(grown, key=lambda id: grown[id], default="")
        if worst and (grown[worst] >= GREW or (sizes[worst] >= LARGE and self.at.step)):
            node = next(n for n in self.nodes if n.call.id == worst)
            before = f"from {self._first[worst]:.2g} to {sizes[worst]:.2g}" if grown[worst] >= GREW else (
                f"to {sizes[worst]:.2g}")  # fmt: skip
            steps = self.at.step - self._begun
            message = (
                f"`{node.call.name}`: the learning rate is too high. {recipe.learning_rate:g} made its weights grow "
                f"{before} in {steps:,} step{'s' * (steps != 1)}, until `{at.call.name}` gave what is no number ({what}"
                f"). Lower the learning rate to {lower:g}, or clip the gradient."
            )
            clip = Fix("Clip the gradient to norm 1", 0, (SetRecipe(replace(recipe, clip_norm=1.0)),))
            others = (at.call.id,) if at is not node else ()
            return _told(node, message, others, (rate_fix(recipe), clip))
        gains = {
            id: size / heard.input[id] for id, size in heard.output.items() if heard.input.get(id) and size < 1e38
        }
        most = max(gains, key=lambda id: gains[id], default="")
        if not most or gains[most] < GREW or most == at.call.id:
            return None
        node = next(n for n in self.nodes if n.call.id == most)
        message = (
            f"`{node.call.name}`: the outputs explode, most here ({gains[most]:.2g} times), until `{at.call.name}` "
            f"gave what is no number ({what}). Begin with `he` or `xavier` weights, or put a norm behind it."
        )
        return _told(node, message, (at.call.id,), (rate_fix(recipe),))

    def _bad_sample(self, batch: tuple[torch.Tensor, ...]) -> Trouble | None:
        """The first sample of the batch that holds what is no number."""
        data, at = self.parts.data, self.at
        names = [*(i.name for i in self.parts.network.inputs), *(t.name for t in self.parts.network.targets)]
        for name, field in zip(names, batch, strict=False):
            if not field.is_floating_point():
                continue
            wrong = (~torch.isfinite(field.reshape(len(field), -1)).all(1)).nonzero()
            if not len(wrong):
                continue
            place = at.batch * self.parts.recipe.batch_size + int(wrong[0, 0])
            index = int(data._order(data.splits["train"].size, at.epoch)[place])
            split = data.splits["train"]
            row = f" ({', '.join(split.cells(index))[:80]})" if split.cells is not None else ""
            more = f", and {len(wrong) - 1} more of this batch" if len(wrong) > 1 else ""
            message = (
                f"`{name}`: sample {index:,} of the train split of {data.spec}{row}{more} holds what is no number: "
                "mend or take out the sample."
            )
            call = next((c for c in self._ends if c.name == name), None)
            return Trouble(
                "not-finite", "error", call.id if call else name, name, call.where if call else "",
                call.node if call else name, message,
            )  # fmt: skip
        return None

    @property
    def _ends(self) -> list[Any]:
        return [call for call in self.calls if call.block in ("Input", "Target")]


def _told(node: Node, message: str, others: tuple[str, ...], fixes: tuple[Fix, ...]) -> Trouble:
    call = node.call
    return Trouble("not-finite", "error", call.id, call.name, call.where, call.node, message, others, fixes)


def _size(node: Node) -> float:
    """The weights' root mean square; the largest of their matrices, where there are any."""
    weights: list[nn.Parameter] = [w for w in node.weights if w.ndim > 1] or list(node.weights)
    return max((float(w.detach().double().pow(2).mean().sqrt()) for w in weights), default=0.0)
