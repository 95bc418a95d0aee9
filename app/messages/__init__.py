"""What crosses between the window and an engine: typed messages, one JSON document a line.

`Request` goes to the engine, `Reply` comes back. A run or export is named by `job`, which the window chooses; analysis
is named by the document's `revision`. Nothing here assumes that both sides see the same files: what is made arrives as
`Chunk`s.
"""

from __future__ import annotations

from typing import Any

import msgspec

from app.design.file import dec_hook, enc_hook
from app.design.values import Design, Group, Recipe, Settings
from app.messages.augment import Augmented, GetAugmented
from app.messages.code import Code, GetCode
from app.messages.confusion import Confusion
from app.messages.data import Dataset, DataShown, FindKind, GetData, KindFound, Working
from app.messages.forecast import ForecastMemory, MemoryForecast
from app.messages.lint import CheckExport, ExportChecked
from app.messages.onnx import Certificate, OnnxOptions
from app.messages.parts import Fields, GetFields, GetParts, Parts
from app.messages.predictions import Answer as Answer
from app.messages.predictions import GetForm, Predict, Predicted, Prediction, SampleForm
from app.messages.preview import GetPreview, Preview
from app.messages.profile import GetProfile, Profile
from app.messages.recipe import CountSamples, FindRate, RateFound, Samples
from app.messages.reckoning import Reckon, Reckoning
from app.messages.reports import Memory, Named, NodeReport, Problem, Uncounted
from app.messages.solving import Solve, Solved
from app.messages.symbols import CheckSizes, GetSymbols, SizesChecked, Symbols
from app.messages.totals import GetTotals, Totals
from app.messages.training import Carried, Note, Pause
from app.messages.trial import TriedOut, TryOut
from app.messages.watch import Watched
from app.messages.weights import CompareWeights, WeightsCompared
from blocks.card import Card, Page

CHUNK_BYTES = 256 * 1024


# window -> engine -----------------------------------------------------------------------------------------------------


class GetCatalogue(msgspec.Struct, frozen=True, tag=True):
    """Ask for every block's card."""


class Ended(msgspec.Struct, frozen=True):
    """The call `id` has crashed or hung an engine, and how ("it did not finish within 10 s")."""

    id: str
    why: str


class Analyse(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """Ask for shapes, costs and problems. Only the newest of several waiting requests is answered. What is in `ended`
    is not run again while its settings and inputs are what they were."""

    revision: int
    design: Design
    batch: int = 1
    variant: str = ""
    ended: tuple[Ended, ...] = ()


class Train(msgspec.Struct, frozen=True, tag=True):
    """Start a run. `run` names the run folder on the engine's machine; empty: one is made under `runs`."""

    job: str
    design: Design
    recipe: Recipe
    name: str = "design"
    device: str = "auto"
    variant: str = ""
    run: str = ""
    resume: bool = False
    begin_with: str = ""
    """A run folder whose last weights it begins with, as far as they fit: a Carried says which did."""
    weights: str = ""
    """A file of weights that it begins with."""
    devices: int = 1
    nodes: int = 1
    strategy: str = "auto"
    watch: str = "lightly"
    """How closely its nodes are watched: off, lightly (for four thousandths of its time) or closely."""


class Export(msgspec.Struct, frozen=True, tag=True):
    """Write the design in another form; with `run` that run's trained weights go into it, with `weights` those of a
    file. `name` is the file's, without its suffix."""

    job: str
    design: Design
    to: str = "onnx"
    variant: str = ""
    run: str = ""
    name: str = "model"
    weights: str = ""
    """A file whose weights go into it as far as they fit, matched as the design's recipe says."""
    onnx: OnnxOptions = OnnxOptions()


class OpenUp(msgspec.Struct, frozen=True, tag=True):
    """Ask what a block is made of: that of the node `node`, in the Group `where` ("" for the top)."""

    job: str
    design: Design
    where: str
    node: str
    variant: str = ""


class Survey(msgspec.Struct, frozen=True, tag=True):
    """Ask for the analysis of a drawing that is not the one being edited: the one that it is compared with, say."""

    job: str
    design: Design
    variant: str = ""


class Trust(msgspec.Struct, frozen=True, tag=True):
    """The hashes (`app.trust.digest`) of all code that the user has allowed to run. Other code in a design is
    refused."""

    hashes: tuple[str, ...]


class OwnFile(msgspec.Struct, frozen=True):
    """One of the user's Python files: its name without a folder, and what it holds."""

    name: str
    text: str


class LoadBlocks(msgspec.Struct, frozen=True, tag=True):
    """Make the nn.Module classes in these files blocks, in place of those loaded before. A Catalogue is the answer; a
    Loading goes before each file."""

    files: tuple[OwnFile, ...]


class GetDevices(msgspec.Struct, frozen=True, tag=True):
    """Ask which devices and data there are to train with."""


class Cancel(msgspec.Struct, frozen=True, tag=True):
    """End a job. A run writes its checkpoint first."""

    job: str


Question = (
    Survey | OpenUp | Solve | Reckon | GetParts | GetFields | TryOut
    | ForecastMemory | GetSymbols | CheckSizes | GetProfile | GetPreview | GetTotals | CountSamples | FindRate | GetData
    | FindKind | GetAugmented | CompareWeights | GetCode | CheckExport
)  # fmt: skip
"""What an engine is asked about the drawing, besides its analysis."""
LongQuestion = (
    Survey | ForecastMemory | GetSymbols | CheckSizes | GetProfile | GetPreview | GetTotals | CountSamples | FindRate
    | GetData | FindKind | GetAugmented | CompareWeights | GetCode | CheckExport
)  # fmt: skip
"""Those that may take many seconds: they are for an engine that no edit waits for."""
Request = (
    GetCatalogue | GetDevices | Trust | LoadBlocks | Analyse | Question | Train | Export | Predict | GetForm | Pause
    | Cancel
)


# engine -> window -----------------------------------------------------------------------------------------------------


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The engine is warm."""

    version: str
    torch: str


class Catalogue(msgspec.Struct, frozen=True, tag=True):
    cards: tuple[Card, ...]
    troubles: tuple[Problem, ...] = ()
    """What is wrong with the user's own files."""
    pages: tuple[Page, ...] = ()
    """What each category of blocks is for, and Groups (`Group`)."""


class Loading(msgspec.Struct, frozen=True, tag=True):
    """The engine is about to run this file of own blocks: if no Catalogue follows, this one hangs."""

    file: str


class Device(msgspec.Struct, frozen=True):
    """A place to train. Where it is absent, `absent` says why."""

    id: str
    title: str
    absent: str = ""


class Devices(msgspec.Struct, frozen=True, tag=True):
    devices: tuple[Device, ...]
    datasets: tuple[Dataset, ...]
    optimizers: tuple[Page, ...]
    """What a recipe may choose: a page's id is the recipe's value."""
    schedules: tuple[Page, ...]


class Analysis(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """The answer to Analyse: exact for the part that is valid, `partial` where something failed."""

    revision: int
    valid: bool
    partial: bool
    parameters: int = 0
    trainable_parameters: int = 0
    buffers: int = 0
    macs: int = 0
    memory: Memory = Memory()
    inputs: tuple[Named, ...] = ()
    outputs: tuple[Named, ...] = ()
    nodes: tuple[NodeReport, ...] = ()
    groups: tuple[NodeReport, ...] = ()
    problems: tuple[Problem, ...] = ()
    uncounted: tuple[Uncounted, ...] = ()


class Running(msgspec.Struct, frozen=True, tag=True):
    """The engine is about to run this node for the first time: if no answer follows, this one hangs."""

    revision: int
    id: str


class Progress(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """Where a job stands. `split` is train (a point each few steps, running mean), validation or test (one an epoch).

    `step` of `steps` counts over the whole run. `values` holds `loss` and each metric by its node's name; `left` is
    seconds, None until known; `rate` samples/s. `seconds` is how long the run has trained, pauses left out; `memory`
    and `gpu_memory` are bytes, 0 where they are not known.
    """

    job: str
    epoch: int
    epochs: int
    step: int
    steps: int
    split: str = "train"
    values: Settings = Settings()
    left: float | None = None
    rate: float = 0.0
    confusions: tuple[Confusion, ...] = ()
    """Of validation and test: what the design's ConfusionMatrix blocks counted."""
    seconds: float = 0.0
    memory: int = 0
    gpu_memory: int = 0
    paused: bool = False


class Trained(msgspec.Struct, frozen=True, tag=True):
    """A run ended: finished, stopped by the user, or resumed to its end. `values` are the test split's."""

    job: str
    run: str
    stopped: bool
    epochs: int
    values: Settings


class Exported(msgspec.Struct, frozen=True, tag=True):
    """An export is complete: its file, and those `beside` it, have arrived as Chunks. `report` says what was checked,
    one line each; `difference` is the largest absolute difference to torch."""

    job: str
    file: str
    bytes: int
    report: tuple[str, ...]
    difference: float | None = None
    beside: tuple[tuple[str, int], ...] = ()
    """Names and bytes: weights that stand apart, the certificate"""
    certificate: Certificate | None = None


class Chunk(msgspec.Struct, frozen=True, tag=True):
    """A piece of the file `file` that belongs to a job. In JSON the bytes are base64."""

    job: str
    file: str
    offset: int
    data: bytes


class Surveyed(msgspec.Struct, frozen=True, tag=True):
    """The answer to Survey; the revision in it means nothing."""

    job: str
    analysis: Analysis


class OpenedUp(msgspec.Struct, frozen=True, tag=True):
    """The Group that a block opens into; its ports are the block's."""

    job: str
    group: Group


class Failed(msgspec.Struct, frozen=True, tag=True):
    """A request could not be carried out. `message` is for the user; `job` is empty for analysis; `detail` is for a
    log. `certificate` is that of an ONNX file that was not written because of it."""

    message: str
    job: str = ""
    revision: int = -1
    detail: str = ""
    certificate: Certificate | None = None


Answers = (
    Surveyed | OpenedUp | Solved | Reckoning | Parts | Fields | TriedOut
    | MemoryForecast | Symbols | SizesChecked | Profile | Preview | Totals | Samples | RateFound | DataShown
    | KindFound | Augmented | WeightsCompared | Code | ExportChecked
)  # fmt: skip
"""What comes back for each Question."""
Reply = (
    Ready | Catalogue | Loading | Devices | Analysis | Running | Answers | Working | Progress | Carried | Note
    | Trained
    | Exported | Watched
    | Chunk | Prediction | Predicted | SampleForm | Failed
)  # fmt: skip

_encoder = msgspec.json.Encoder(enc_hook=enc_hook)
_requests: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Request, dec_hook=dec_hook)
_replies: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Reply, dec_hook=dec_hook)


def encode(message: Request | Reply) -> bytes:
    """One line, its newline included."""
    return _encoder.encode(message) + b"\n"


def decode_request(line: bytes) -> Request:
    """Raises msgspec.MsgspecError, UnicodeDecodeError or RecursionError on a line that is no request."""
    return _requests.decode(line)  # type: ignore[no-any-return]


def decode_reply(line: bytes) -> Reply:
    """Raises as `decode_request` does."""
    return _replies.decode(line)  # type: ignore[no-any-return]
