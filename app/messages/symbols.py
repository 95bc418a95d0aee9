"""Sizes as letters: what a tensor's size is at any height, width or length of the Inputs, and at which sizes a
drawing works.

A size is written in a small grammar:

    size    := part (" × " part)*                    B × 64 × H/4 × W/4
    part    := sum | "f(" letter (", " letter)* ")"  the latter: it hangs on these letters, no expression is known
    sum     := ["-"] term ((" + " | " - ") term)*    HW/256 + 1
    term    := product ["/" number]                  / divides all of the product before it
    product := (number | letter | "(" sum ")" | "⌈" sum "⌉" | "⌊" sum "⌋")+     what stands side by side is multiplied
    letter  := a capital letter, with a number from the second on: B H W L H2 W2

`B` is the batch. `⌈ ⌉` rounds up and `⌊ ⌋` down to a whole number. What is written was found by running the drawing at
several sizes and held at further ones; it is not derived from the layers.
"""

from __future__ import annotations

import msgspec

from app.design.values import Design
from blocks.card import Kind


class GetSymbols(msgspec.Struct, frozen=True, tag=True):
    """Ask for the sizes of all tensors as letters."""

    job: str
    design: Design
    variant: str = ""


class CheckSizes(msgspec.Struct, frozen=True, tag=True):
    """Ask at which sizes the drawing works. One of `sizes` holds a number for each letter, in the order in which
    `Symbols.letters` has them (height and width of an image, without its channels); empty: a usual set is tried."""

    job: str
    design: Design
    variant: str = ""
    sizes: tuple[tuple[int, ...], ...] = ()


class Letter(msgspec.Struct, frozen=True, omit_defaults=True):
    """A size that may change. `size` is what it is in the drawing, `inputs` names the Inputs and Targets that have
    it."""

    name: str
    size: int
    inputs: tuple[str, ...] = ()
    step: int = 1
    """The texts hold where the letter is `size` plus or minus a multiple of this."""
    accepts: int = 1
    """The exact texts hold where it is `size` plus or minus a multiple of this: the drawing takes no finer steps (1:
    any size)."""


class SymbolicPort(msgspec.Struct, frozen=True, omit_defaults=True):
    """What stands at a port, one text a tensor (a pyramid: finest first): `B × 64 × H/4 × W/4`."""

    port: str
    kind: Kind
    tensors: tuple[str, ...]
    exact: tuple[str, ...] = ()
    """What holds at every size that the drawing takes: `B × 64 × ⌈H/4⌉ × ⌈W/4⌉`, one text a tensor, "" where none is
    known. Empty where it is no other than `tensors`."""
    only: bool = False
    """Whether it was seen at the drawing's own size only: the numbers may hang on the letters, the nodes before it
    took no other size."""


class NodeSymbols(msgspec.Struct, frozen=True, omit_defaults=True):
    """One call of one block, or a whole Group, as `NodeReport` has it."""

    id: str
    where: str
    node: str
    inputs: tuple[SymbolicPort, ...] = ()
    outputs: tuple[SymbolicPort, ...] = ()


class Symbols(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """The answer to GetSymbols, for the part of the drawing that runs. `problem` says why there is less than that."""

    job: str
    letters: tuple[Letter, ...] = ()
    nodes: tuple[NodeSymbols, ...] = ()
    groups: tuple[NodeSymbols, ...] = ()
    walks: int = 0
    """At how many sizes the drawing was run to find and to test the expressions."""
    problem: str = ""


class SizeTried(msgspec.Struct, frozen=True, omit_defaults=True):
    """One size, a number a letter. `id`, `where` and `node` name the first node that fails, `message` says why."""

    sizes: tuple[int, ...]
    valid: bool
    """Whether the drawing has no errors at this size."""
    fits: bool = True
    """Whether the network as it is built at the drawing's own size, weights and all, takes this size too."""
    id: str = ""
    name: str = ""
    where: str = ""
    node: str = ""
    message: str = ""


class SizesChecked(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """The answer to CheckSizes: what was tried, and in a sentence or two which sizes work."""

    job: str
    letters: tuple[Letter, ...] = ()
    tried: tuple[SizeTried, ...] = ()
    summary: str = ""
    walks: int = 0
