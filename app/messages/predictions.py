"""What a network says of samples: of a few fixed ones while it learns, and of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from app.messages.data import ShownSample
from app.messages.preview import Look

ReadingKind = Literal["classes", "mask", "picture", "numbers", "tokens", "none"]
MOST = 24
"""So many epochs' predictions are kept of a run."""


class Answer(msgspec.Struct, frozen=True):
    """One class and its probability."""

    label: str
    probability: float


class Reading(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one Output says of a sample; or, of the same kind, what would be right.

    `classes` are answers; `mask` is a look whose bytes are the class of each pixel (255: none), named by `names`;
    `picture` is a look; `numbers` have `names` where they have any; `tokens` are a text, with the answers for the token
    that comes next. `none` cannot be shown: `said` says why.
    """

    kind: ReadingKind = "none"
    output: str = ""
    """The Output's name."""
    answers: tuple[Answer, ...] = ()
    """The most probable first. What is right has one alone."""
    look: Look | None = None
    names: tuple[str, ...] = ()
    numbers: tuple[float, ...] = ()
    text: str = ""
    right: float | None = None
    """The share that is right: of the pixels, the tokens, or of one class 0 or 1. None where that is not known."""
    error: float | None = None
    """The mean squared difference to what is right, of pictures and numbers."""
    said: str = ""


class Shown(msgspec.Struct, frozen=True, omit_defaults=True):
    """A sample, and what would be right of it, for each Output (kind none where nothing is known)."""

    sample: ShownSample
    truths: tuple[Reading, ...] = ()


class Predicted(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """What a network that learns says of some samples of the validation split, the same ones each time: for each
    sample a Reading of each Output."""

    job: str
    epoch: int
    step: int
    samples: tuple[Shown, ...]
    readings: tuple[tuple[Reading, ...], ...]
    columns: tuple[str, ...] = ()
    """What the cells of samples are, where those are rows."""
    of: int = 0
    """How many samples the split has."""


class Predict(msgspec.Struct, frozen=True, tag=True):
    """Show a sample to the network of a finished run: the bytes of a picture's file, the cells of a row, or a text, as
    GetForm says. A row may be given as a `text` too: a line of CSV."""

    job: str
    run: str
    sample: bytes = b""
    """In JSON as base64."""
    row: tuple[str, ...] = ()
    text: str = ""


class Prediction(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """What the network says of a sample: the classes of its first Output that has such, most probable first; the sample
    as the network saw it (grey, 0..255); and what each Output says."""

    job: str
    answers: tuple[Answer, ...]
    width: int = 0
    height: int = 0
    seen: bytes = b""
    readings: tuple[Reading, ...] = ()
    sample: ShownSample | None = None
    """The sample as the network saw it."""
    said: str = ""
    """What was done to the sample so that it fits, in a sentence."""


class GetForm(msgspec.Struct, frozen=True, tag=True):
    """Ask what samples the network of a run takes."""

    job: str
    run: str


OfOwn = Predict | GetForm
"""What an engine is asked about samples of one's own."""


class SampleForm(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """The answer to GetForm: pictures, rows of numbers (`fields` names them, `usual` has one such row), or text of up
    to `length` tokens."""

    job: str
    form: Literal["pictures", "row", "text"]
    fields: tuple[str, ...] = ()
    usual: tuple[str, ...] = ()
    length: int = 0
    unit: str = ""
    """What the tokens of a text are: characters, words or numbers."""
    drawn: bool = False
    """Whether a drawing may stand for a picture: it takes grey ones."""


def thinned(epochs: Sequence[int], most: int = MOST) -> list[int]:
    """The epochs to keep, in order: the first, the last, and of those between where they lie closest none."""
    kept = sorted(set(epochs))
    while len(kept) > most:
        gaps = [kept[i + 1] - kept[i - 1] for i in range(1, len(kept) - 1)]
        del kept[1 + gaps.index(min(gaps))]
    return kept
