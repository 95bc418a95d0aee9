"""Which tensors of a file of weights go where in a drawing: asked before they are taken."""

from __future__ import annotations

from typing import Literal

import msgspec

from app.design.values import Design

COUNTER = "num_batches_tracked"
By = Literal["name", "shape", "order"]
How = Literal["name", "map", "shape", "order", "size", "missing", "unused"]
TITLES: dict[How, str] = {
    "name": "name", "map": "key map", "shape": "shape", "order": "order", "size": "another size",
    "missing": "not there", "unused": "not needed",
}  # fmt: skip
"""How a tensor of the file and one of the drawing were brought together, in a word or two."""


class CompareWeights(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """Ask which tensors of `file`, on the engine's machine, fit the drawing; `by` allows guesses by shape or order."""

    job: str
    design: Design
    file: str
    by: By = "name"
    variant: str = ""


class TensorFit(msgspec.Struct, frozen=True, omit_defaults=True):
    """A tensor of the file (`theirs`, "" for none) beside one of the drawing (`ours`, "" for none), with their shapes;
    whether it is taken, and how they were brought together."""

    theirs: str
    ours: str
    held: tuple[int, ...] | None
    needed: tuple[int, ...] | None
    how: How
    taken: bool


class NodeFit(msgspec.Struct, frozen=True, omit_defaults=True):
    """A node's tensors. `id`, `where` and `node` are those of its report; all empty: what the file has besides."""

    id: str
    name: str
    where: str
    node: str
    block: str
    tensors: tuple[TensorFit, ...]

    @property
    def counted(self) -> tuple[TensorFit, ...]:
        """All but a batch norm's counter of steps, which means nothing to outputs and may be absent."""
        return tuple(t for t in self.tensors if not t.ours.endswith(COUNTER))

    @property
    def taken(self) -> int:
        return sum(t.taken for t in self.counted)

    @property
    def offered(self) -> int:
        """So many more would fit by a guess."""
        return sum(t.how in ("shape", "order") and not t.taken for t in self.counted)

    @property
    def whole(self) -> bool:
        return self.taken == len(self.counted)

    @property
    def how(self) -> str:
        """In words how its tensors fit, the most frequent first, a guess that is not taken with a question mark; what
        does not fit at the end."""
        counts: dict[How, int] = {}
        for tensor in self.counted:
            counts[tensor.how] = counts.get(tensor.how, 0) + 1
        order = sorted(counts, key=lambda how: (how in ("size", "missing", "unused"), -counts[how]))
        taken = {tensor.how for tensor in self.counted if tensor.taken}
        return ", ".join(TITLES[how] + "?" * (how in ("shape", "order") and how not in taken) for how in order)


class WeightsCompared(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """The answer to CompareWeights. `summary` is a sentence; `unfit` says why they cannot be taken, "" where they can.
    `layout` is whose names the file has."""

    job: str
    file: str
    by: By
    layout: str
    summary: str
    unfit: str
    nodes: tuple[NodeFit, ...]
    unused: tuple[TensorFit, ...]

    @property
    def taken(self) -> int:
        return sum(node.taken for node in self.nodes)

    @property
    def needed(self) -> int:
        return sum(len(node.counted) for node in self.nodes)

    @property
    def offered(self) -> int:
        return sum(node.offered for node in self.nodes)
