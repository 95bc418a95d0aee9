"""What is measured inside a network while it trains: each node's weights and gradients, and what goes wrong there."""

from __future__ import annotations

from pathlib import Path

import msgspec

from app.design.file import dec_hook, enc_hook
from app.messages.reports import Fix, Problem

NAME = "watch.jsonl"
"""In a run folder: one `Watched` a line."""


class Histogram(msgspec.Struct, frozen=True, array_like=True):
    """How values are spread: thousandths of them in bins of equal width from `low` to `high`. What lies outside is in
    the outermost bins; with `log` the bins are those of log10 |value|."""

    low: float
    high: float
    parts: tuple[int, ...]
    log: bool = False


class LayerWatch(msgspec.Struct, frozen=True, omit_defaults=True):
    """One node at one step. Figures are None where they are not known, or no number. `id` and `name` are paths.

    `weight` and `gradient` are root mean squares over the node's weights, `output` that of what the node gave.
    """

    id: str
    name: str
    weights: Histogram | None = None
    gradients: Histogram | None = None
    weight: float | None = None
    gradient: float | None = None
    output: float | None = None
    dead: float | None = None
    """The share of units of a ReLU, or its like, that were never active in the last measured batches."""
    saturated: float | None = None
    """The share of values of a sigmoid or tanh that lie where its slope is nearly 0."""

    @property
    def relative(self) -> float | None:
        """The gradient beside the weights, both as root mean squares; None where it is not known."""
        if self.gradient is None or self.weight is None:
            return None
        return self.gradient / max(self.weight, LEAST_WEIGHT)


VANISHING, EXPLODING = 1e-4, 1e3
"""A gradient beside its weights: this share of the strongest one has vanished, this many times as large explodes.
`app.engine.watch_judge` says where the limits come from."""
LEAST_WEIGHT = 0.01
"""A gradient is set beside weights of at least this size: those that begin at 0 would make any gradient look large."""


class Trouble(msgspec.Struct, frozen=True, omit_defaults=True):
    """What goes wrong in training, at which node, why, and what helps. `id`, `name`, `where` and `node` are those of
    a `Problem`; `others` are the paths of further nodes that it shows at."""

    code: str
    """vanishing, exploding, dead, saturated, or not-finite; of what would not export, the problem's."""
    severity: str
    id: str
    name: str
    where: str
    node: str
    message: str
    others: tuple[str, ...] = ()
    fixes: tuple[Fix, ...] = ()

    @property
    def problem(self) -> Problem:
        """As it stands in the list of problems."""
        return Problem(
            self.severity, self.id, self.name, self.where, self.node, "", self.code, self.message, fixes=self.fixes
        )


class Watched(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """The nodes after a step, in the order in which they run, and what is wrong just then."""

    job: str
    epoch: int
    step: int
    layers: tuple[LayerWatch, ...] = ()
    troubles: tuple[Trouble, ...] = ()


_decoder = msgspec.json.Decoder(Watched, dec_hook=dec_hook)
_encoder = msgspec.json.Encoder(enc_hook=enc_hook)


def encode(told: Watched) -> bytes:
    """As one line of the file, without its end."""
    return _encoder.encode(told)


def decode(line: bytes) -> Watched:
    """Raises msgspec.MsgspecError, UnicodeDecodeError or RecursionError on a line that is none."""
    return _decoder.decode(line)


def read(folder: Path) -> list[Watched]:
    """What a run folder tells of its nodes, oldest first; nothing where it has no such file. A line that was cut short
    by a crash is left out."""
    try:
        lines = (folder / NAME).read_bytes().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            found.append(decode(line))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
    return found
