"""The table of a drawing: what a node is made of, down to each torch module, and receptive fields."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

import msgspec

from app.design.values import Design
from app.messages.reports import Tensor
from blocks.card import Kind


class Field(msgspec.Struct, frozen=True):
    """How much of the network's input the element of a tensor that sees most sees, along each of the input's `axes`
    (`H`, `W`): in pixels, None for the whole input. `steps` are the pixels from one element to its neighbour, None
    where all elements see the same."""

    axes: tuple[str, ...]
    sizes: tuple[int | None, ...]
    steps: tuple[float | None, ...]


class PartValue(msgspec.Struct, frozen=True, omit_defaults=True):
    """What goes into a part or comes out of it: one tensor, or a pyramid's several (finest first). `dims` holds a
    letter for each size of each of them."""

    tensors: tuple[Tensor, ...]
    dims: tuple[tuple[str, ...], ...]
    port: str = ""
    """Empty where the part is no block."""
    fields: tuple[Field | None, ...] = ()
    """The receptive field of each; None for what does not depend on an Input. Empty where they were not asked for."""


class Part(msgspec.Struct, frozen=True, omit_defaults=True):
    """A row of the table: a Group, one call of a block, one call of a torch module inside it, or of a function that
    multiplies and adds. Rows stand in the order in which they begin, each before what it holds, `depth` steps in.

    `parameters`, `trainable`, `buffers`, `macs` and `activations` (bytes) are those of the row and all that it holds;
    `own_...` those of the row alone. Weights count where they are used first.
    """

    depth: int
    path: str
    """Of the module inside the node, as in its state_dict (`stages.0.conv`); of a call in a Group its id. Empty for
    the node itself."""
    name: str
    kind: Literal["group", "block", "module", "function"]
    block: str
    """A Group's name, a block's id, the class of a torch module or the name of a function."""
    title: str = ""
    inputs: tuple[PartValue, ...] = ()
    outputs: tuple[PartValue, ...] = ()
    parameters: int = 0
    trainable: int = 0
    buffers: int = 0
    macs: int = 0
    activations: int = 0
    own_parameters: int = 0
    own_trainable: int = 0
    own_buffers: int = 0
    own_macs: int = 0
    own_activations: int = 0
    shared: bool = False
    """Whether it uses weights that were counted in an earlier row, or at an earlier node."""
    called: bool = True
    """False for a module that holds weights, but whose parent uses them without calling it."""
    ok: bool = True
    """False for a block that has an error or an open input: what it holds is not known."""


class GetParts(msgspec.Struct, frozen=True, tag=True):
    """Ask what the node `node` of the Group `where` ("" for the top) is made of. Of a Group that is used several times
    its first use is told."""

    job: str
    design: Design
    where: str
    node: str
    variant: str = ""
    batch: int = 1
    fields: bool = True
    """Whether receptive fields are worked out, too."""


class Parts(msgspec.Struct, frozen=True, tag=True):
    """The answer to GetParts."""

    job: str
    rows: tuple[Part, ...]


class GetFields(msgspec.Struct, frozen=True, tag=True):
    """Ask for the receptive field at every output of every call, and for the connections of its layers."""

    job: str
    design: Design
    variant: str = ""
    batch: int = 1


class OutputFields(msgspec.Struct, frozen=True):
    """The receptive fields of a call's output: one, or one for each level of a pyramid."""

    id: str
    port: str
    fields: tuple[Field | None, ...]


class Fields(msgspec.Struct, frozen=True, tag=True):
    """The answer to GetFields. `connections` are those of fully connected and convolutional layers for one sample, by
    the id of the call (LeCun et al. 1998, LeNet-5); calls without such layers are not in it."""

    job: str
    outputs: tuple[OutputFields, ...]
    connections: dict[str, int] = {}


BY_RANK: dict[int, tuple[str, ...]] = {
    0: (), 1: ("B",), 2: ("B", "D"), 3: ("B", "L", "D"), 4: ("B", "C", "H", "W"), 5: ("B", "C", "L", "H", "W"),
}  # fmt: skip
"""What sizes are called where no pattern names them; a volume's depth is L, as in the blocks' patterns."""

_SPATIAL = {0: (), 1: ("L",), 2: ("H", "W"), 3: ("L", "H", "W")}


def dimensions(pattern: str, rank: int, kind: Kind = "tensor") -> tuple[str, ...]:
    """The letter of each size of a tensor at a port: `B C%groups H W` gives B, C, H, W.

    New channels and features, which patterns call K beside an input's C, are C in front of space and else D.
    A pyramid's pattern is that of each level. An open place (`*S`) takes its letters from the rank: `B *S` is B, C, H,
    W at 4 sizes; between channels and nothing, or in front of features, it is space (`B C *S` at 3 sizes is B, C, L).
    Where the pattern does not fit, or there is none (""), the rank alone decides; unknown sizes are `?`.
    """
    if kind in ("scalar", "any"):
        return _by_rank(rank)
    words = pattern_words(pattern)
    letters = [_letter(word) for word in words]
    open_at = next((i for i, word in enumerate(words) if word.startswith("*")), None)
    if not words or (open_at is None and len(words) != rank) or rank < len(words) - 1:
        return _by_rank(rank)
    if open_at is None:
        return _filled(letters, rank)
    before, behind = letters[:open_at], letters[open_at + 1 :]
    spare = rank - len(before) - len(behind)
    if not behind and before in ([], ["B"]):
        return (*before, *_by_rank(rank)[len(before) :])
    if spare not in _SPATIAL:
        return (*before, *["?"] * spare, *behind)
    return _filled([*before, *_SPATIAL[spare], *behind], rank)


def pattern_words(pattern: str) -> list[str]:
    """The sizes that a port's pattern lists: `int:B L` gives B, L; of a pyramid those of each level."""
    body = re.sub(r"^(?:(?:int|number|boxes|detections|any|scalar):\s*)+", "", pattern.strip())
    return re.sub(r"^\[(.*)\](?: \d+\+)?$", r"\1", body).split()


def sizes_of(pattern: str) -> str:
    """A port's sizes as a person reads them: `B C%groups H W` is B C H W; what must divide shows when it does not."""
    return " ".join(word.partition("%")[0] for word in pattern_words(pattern))


def takes_rank(pattern: str, rank: int) -> bool:
    """Whether a port of this pattern takes a tensor of so many sizes, the batch among them."""
    words = pattern_words(pattern)
    wide = any(word.startswith("*") for word in words)
    return rank >= len(words) - 1 if wide else not words or rank == len(words)


def _by_rank(rank: int) -> tuple[str, ...]:
    return BY_RANK.get(rank, ("B", *["?"] * (rank - 1)))


def _letter(word: str) -> str:
    """`C%heads` -> C; `h` -> H, a size that each level or wire has of its own; a number names nothing."""
    return "" if word.isdigit() else word.lstrip("*").partition("%")[0].upper()


def _filled(letters: Iterable[str], rank: int) -> tuple[str, ...]:
    """The letters with K told as C or D, and with names for sizes that the pattern gives as numbers: the rank's, where
    it is not used otherwise."""
    found = list(letters)
    for i, name in enumerate(found):
        spatial = i == 1 and any(other in ("L", "H", "W") for other in found[2:])
        if name == "K" and i and (new := "C" if spatial else "D") not in found:
            found[i] = new
    spoken = [name if name not in found else "D" if "D" not in found else "?" for name in _by_rank(rank)]
    return tuple(letter or spare for letter, spare in zip(found, spoken, strict=True))
