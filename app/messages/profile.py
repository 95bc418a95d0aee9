"""What running the network took on this machine, node by node: the question and its answer."""

from __future__ import annotations

import msgspec

from app.design.values import Design


class GetProfile(msgspec.Struct, frozen=True, tag=True):
    """Ask for the time and memory of each node: of a forward pass with `batch` samples, and with `training` of a
    forward pass in training mode and the backward pass after it. `precision` is as a Recipe names it."""

    job: str
    design: Design
    variant: str = ""
    batch: int = 1
    device: str = "auto"
    precision: str = "32"
    training: bool = False


class NodeTime(msgspec.Struct, frozen=True, omit_defaults=True):
    """One call of a block that ran, or the sum of the calls in a Group. `id` is a path, as in `NodeReport`.

    Times are seconds: medians over the repeats, each with a spread (half of what lies between the quartiles).
    """

    id: str
    forward: float = 0.0
    forward_spread: float = 0.0
    backward: float = 0.0
    backward_spread: float = 0.0
    memory: int = 0
    """Bytes that it made in the forward pass and that stayed when it was done: its outputs and, in training, what it
    keeps for the backward pass. Nothing for a view of its input."""
    share: float = 0.0
    """Its part of the time of all nodes, 0 to 1."""

    @property
    def time(self) -> float:
        return self.forward + self.backward


class Profile(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """The answer to GetProfile. `forward` and `backward` are the times of the whole network as it is used, with nothing
    measured in between; `nodes` come from other passes, each in turn with one of those."""

    job: str
    device: str
    title: str
    """The device in words."""
    batch: int
    repeats: int
    forward: float
    forward_spread: float = 0.0
    backward: float = 0.0
    backward_spread: float = 0.0
    threads: int = 0
    """Of the CPU; 0 on another device."""
    precision: str = "32"
    training: bool = False
    stand_in: bool = False
    """The drawing has no loss: half the sum of the outputs' squares stood in for one, and belongs to no node."""
    nodes: tuple[NodeTime, ...] = ()
    groups: tuple[NodeTime, ...] = ()

    @property
    def time(self) -> float:
        return self.forward + self.backward

    @property
    def attributed(self) -> float:
        """What the nodes took together; the difference to `time` is noise, and what no node does."""
        return sum(node.time for node in self.nodes)
