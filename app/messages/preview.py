"""What each node makes of one sample, in small pictures: the question and its answer."""

from __future__ import annotations

from typing import Literal

import msgspec

from app.design.values import Design

Form = Literal["maps", "colour", "heat", "values", "none"]


class GetPreview(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """Ask for a preview. Of several that wait only the newest is answered.

    The sample is the picture in `picture` (the bytes of a file), or without one the `sample`-th of the drawing's data,
    in which the classes take turns. The weights are those of the run folder `run`, or of the file `file` (both on the
    engine's machine), or random; `seed` also makes what a run or file does not fill. Of the node `detail` (its path)
    there are more and larger pictures. `target` is the class whose saliency is asked for; None: the likeliest.
    """

    job: str
    design: Design
    variant: str = ""
    sample: int = 0
    picture: bytes = b""
    run: str = ""
    file: str = ""
    seed: int = 0
    detail: str = ""
    target: int | None = None


class Tile(msgspec.Struct, frozen=True):
    """One of the pictures of a Look: which channel (head, filter) it is, and what its numbers are. `zeros` is the share
    of them that are 0."""

    channel: int
    low: float
    high: float
    mean: float
    zeros: float


class Look(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a tensor looks.

    `maps` are grey pictures, one a tile, each from its lowest number (0) to its highest (255); `colour` are pictures of
    three bytes a pixel; `heat` is to be shown in a scale of colours, grey bytes like `maps`; `values` are numbers.
    `none` is what has no picture; `said` says why.
    """

    form: Form
    shape: tuple[int, ...] = ()
    """Of the whole tensor, the batch first."""
    width: int = 0
    height: int = 0
    pixels: bytes = b""
    """The tiles one after another, each row by row. In JSON as base64."""
    tiles: tuple[Tile, ...] = ()
    """One a picture; of `values` one for all of them."""
    values: tuple[float, ...] = ()
    of: int = 0
    """How many channels (or values) there are, of which these are some."""
    said: str = ""
    """What is to be known besides, as a sentence."""


class PortLook(msgspec.Struct, frozen=True):
    """What leaves a port of the node `id` (its path): one tensor, or a pyramid's several, finest first."""

    id: str
    port: str
    looks: tuple[Look, ...]


class SameLook(msgspec.Struct, frozen=True):
    """The port of a Group, or what arrives at an Output (its port is ""), looks as `of_port` of `of` does."""

    id: str
    port: str
    of: str
    of_port: str


class Inside(msgspec.Struct, frozen=True):
    """Something found in a module of the node `id`: filters, or where an attention looks (a tile a head). `path` is the
    module's inside the node, "" for the node itself."""

    id: str
    path: str
    look: Look


class Skipped(msgspec.Struct, frozen=True):
    """A node that has no picture, and why."""

    id: str
    why: str


class Choice(msgspec.Struct, frozen=True, omit_defaults=True):
    """A sample that can be chosen: its number, its class, and how it looks."""

    sample: int
    label: str
    look: Look


class Chance(msgspec.Struct, frozen=True):
    """One class: its index, its name (its index in words where it has none), its probability."""

    index: int
    label: str
    probability: float


class Saliency(msgspec.Struct, frozen=True):
    """How much each pixel of the Input `id` moves the score of the class `target`."""

    id: str
    target: int
    label: str
    look: Look


class Whose(msgspec.Struct, frozen=True):
    """Whose weights they are: in words, and how many of the drawing's tensors they fill. `kind` is run, file or
    random."""

    kind: Literal["run", "file", "random"]
    words: str
    filled: int
    needed: int


class Preview(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """The answer to GetPreview.

    `outputs` has a small picture for every port, `detail` the larger ones of the node that was asked for (a Group has
    those of its outputs), with `attention` and the `filters` of the first convolutions.
    """

    job: str
    whose: Whose
    sample: str
    """What was shown to the network, in words."""
    outputs: tuple[PortLook, ...] = ()
    same: tuple[SameLook, ...] = ()
    detail: tuple[PortLook, ...] = ()
    attention: tuple[Inside, ...] = ()
    filters: tuple[Inside, ...] = ()
    answers: tuple[Chance, ...] = ()
    """The likeliest classes, in order; empty where no Output gives one number a class."""
    classes: int = 0
    saliency: Saliency | None = None
    choices: tuple[Choice, ...] = ()
    """Samples of the drawing's data, the asked one among them."""
    samples: int = 0
    """How many there are to choose from."""
    skipped: tuple[Skipped, ...] = ()
    said: tuple[str, ...] = ()
    """What is to be known of the whole, a sentence each."""
