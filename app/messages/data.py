"""What crosses between window and engine about data: the kinds that there are, and a look at the data chosen."""

from __future__ import annotations

from typing import Literal

import msgspec

from app.design.values import Design
from app.messages.preview import Look

PathKind = Literal["", "file", "folder", "either"]
Form = Literal["pictures", "numbers", "tokens"]
PROBLEM_CODES = (
    "class-count", "sample-size", "sample-dtype", "target-field", "target-size", "target-dtype", "vocabulary",
    "value-range", "one-sample",
)  # fmt: skip
"""The codes of the problems that say how a drawing and its data do not fit each other."""


class DataField(msgspec.Struct, frozen=True, omit_defaults=True):
    """A field that a Target may name. `shape` is one sample's, where all have the same; `classes` is how many classes
    its whole numbers stand for, 0 where they are none or not known."""

    name: str
    help: str
    dtype: str = "int64"
    shape: tuple[int, ...] = ()
    classes: int = 0


INPUT_FIELD = DataField("input", "The sample itself, as an autoencoder gives it back.", "float32")
"""Every kind of data has it."""


class Dataset(msgspec.Struct, frozen=True, omit_defaults=True):
    """Data that a design can be trained on. `sample` is the shape of one sample without the batch."""

    kind: str
    title: str
    help: str
    sample: tuple[int, ...] = ()
    classes: tuple[str, ...] = ()
    needs_path: bool = False
    path: PathKind = ""
    """What the path leads to."""
    suffixes: tuple[str, ...] = ()
    """How the names of its files end, for a dialog."""
    form: Form = "numbers"
    fields: tuple[DataField, ...] = ()
    """What a Target may name besides `input`; the first is the usual one."""
    more_fields: str = ""
    """What else a Target may name, in words, where names differ with the data ("a column's name")."""
    divided: bool = False
    """It has its train, validation and test samples already, whatever shares are asked for."""
    vocabulary: int = 0
    """How many tokens there are, where samples are tokens."""
    high: float = 0.0
    """The largest number in the samples looked at, where they are pictures that are used as they are; else 0."""


class GetData(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """Ask for a look at the data that the design's recipe names: `count` samples of a split from the `start`-th on."""

    job: str
    design: Design
    variant: str = ""
    split: str = "train"
    start: int = 0
    count: int = 24
    anew: bool = False
    """Read it from the disk again, though it was looked at before."""


class FindKind(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """Ask which kind of data a file or folder is."""

    job: str
    design: Design
    path: str
    variant: str = ""


class KindFound(msgspec.Struct, frozen=True, tag=True):
    """The answer to FindKind."""

    job: str
    kind: str
    path: str


class Working(msgspec.Struct, frozen=True, tag=True):
    """How far a job is that has no epochs: `done` of `total` samples, or steps of an export, where `step` says what is
    being done."""

    job: str
    done: int
    total: int
    step: str = ""


class ShownSample(msgspec.Struct, frozen=True, omit_defaults=True):
    """A sample: its number in the split, its label, and how it looks: a picture, the cells of a row, or a text."""

    number: int
    label: str = ""
    look: Look | None = None
    mask: Look | None = None
    """Grey bytes as large as the picture: the class of each pixel. `maps` of one tile."""
    boxes: tuple[tuple[float, ...], ...] = ()
    """Left, top, right and bottom as shares of the picture, and the class."""
    cells: tuple[str, ...] = ()
    text: str = ""


class SplitShown(msgspec.Struct, frozen=True, omit_defaults=True):
    """A split: how many samples, and how many of each class where samples have one."""

    name: str
    size: int
    counts: tuple[int, ...] = ()


class DataShown(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """The answer to GetData. `dataset` is the card with what is known of this very data."""

    job: str
    dataset: Dataset
    splits: tuple[SplitShown, ...]
    split: str = ""
    samples: tuple[ShownSample, ...] = ()
    columns: tuple[str, ...] = ()
    """What the cells of a row are."""
    notes: tuple[str, ...] = ()
    sizes: str = ""
    """What samples measure, in words."""
    masks: str = ""
    """Of which field the masks shown are."""
    code: str = ""
    """The data is Python that nobody has allowed to run: its text. Nothing else is known then."""
