"""What analysis says of a drawing: shapes, costs, problems and their fixes."""

from __future__ import annotations

import msgspec

from app.design.changes import Change
from blocks.card import Kind


class Tensor(msgspec.Struct, frozen=True, omit_defaults=True):
    """One tensor on a wire: its shape with the batch first, its dtype (`float32`), its stride in pixels of the
    input."""

    shape: tuple[int, ...]
    dtype: str = "float32"
    stride: float | None = None


class PortShape(msgspec.Struct, frozen=True):
    """What stands at a port: one tensor, or a pyramid's several (finest first)."""

    port: str
    kind: Kind
    tensors: tuple[Tensor, ...]


class NodeReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """One call of one block, or (in `Analysis.groups`) a whole Group. Weights shared with an earlier call count 0.

    `id` and `name` are paths; `where` and `node` name the drawn node. `activations` is in bytes.
    """

    id: str
    name: str
    where: str
    node: str
    block: str
    inputs: tuple[PortShape, ...] = ()
    outputs: tuple[PortShape, ...] = ()
    parameters: int = 0
    trainable: int = 0
    buffers: int = 0
    macs: int = 0
    activations: int = 0
    opens: bool = False
    """Whether the block opens up into smaller ones."""
    ok: bool = True


class Fix(msgspec.Struct, frozen=True):
    """A repair: its title, the change in parameters that it brings, the edits that make it, and what the node gives
    once they are made (nothing where it is gone, or is no node's problem)."""

    title: str
    parameters: int
    changes: tuple[Change, ...]
    outputs: tuple[PortShape, ...] = ()


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is wrong, where, and what would mend it. `severity` is error, warning or hint; only errors make a design
    invalid. `id` is the path of the node, `blame` the path of the upstream node that introduced the difference."""

    severity: str
    id: str
    name: str
    where: str
    node: str
    port: str
    code: str
    message: str
    blame: str = ""
    fixes: tuple[Fix, ...] = ()


class Memory(msgspec.Struct, frozen=True):
    """Bytes for the parameters, the activations of one forward pass, and one training step."""

    parameters: int = 0
    activations: int = 0
    training: int = 0


class Named(msgspec.Struct, frozen=True):
    """An input or output of the whole network."""

    name: str
    tensors: tuple[Tensor, ...]
    kind: Kind = "tensor"


class Uncounted(msgspec.Struct, frozen=True):
    """An operation whose multiply-adds are not counted."""

    node: str
    operation: str
