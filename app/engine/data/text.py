"""Text as data: samples are stretches of characters or words, and what is to be told is the one that comes next."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from msgspec.structs import replace

from app.engine.data.base import (
    NOBODY,
    SPLITS,
    Data,
    Field,
    MadeSource,
    Source,
    Split,
    Wanted,
    Watch,
    check_dtype,
    target_sources,
)
from app.engine.data.fit import DataError, written
from app.engine.data.store import Growing
from app.messages.data import DataField, Dataset

if TYPE_CHECKING:
    from app.engine.compile import TargetSpec

CHUNK = 2**20
"""So many bytes are read at once."""
MOST_WORDS = 20_000
UNKNOWN = "<unknown>"
GLANCE = 2**20
"""So many bytes are read to know the vocabulary at a glance."""
_WORD = re.compile(r"\w+|[^\w\s]")

_NEXT = DataField("next", "The token after each of the sample's (L), or the one after the whole sample (one number).")
CHARACTERS = Dataset(
    "characters",
    "Text, character by character",
    "A text file in UTF-8, or a folder of .txt files. A sample is as long as the Input; the end of the text is kept "
    "for validation and test.",
    needs_path=True,
    path="either",
    suffixes=(".txt", ".md", ".csv", ".py"),
    form="tokens",
    fields=(_NEXT,),
)
WORDS = replace(
    CHARACTERS,
    kind="words",
    title="Text, word by word",
    help="A text file in UTF-8, or a folder of .txt files, cut into words and punctuation; the rarest beyond "
    f"{MOST_WORDS:,} are one token. The end of the text is kept for validation and test.",
)


class Reading:
    """Reads files piece by piece. Bytes that are no UTF-8 are refused, or with `skip_bad` left out and counted."""

    def __init__(self, files: list[Path], skip_bad: bool, watch: Watch) -> None:
        self.files, self._skip, self._watch = files, skip_bad, watch
        self.total = sum(file.stat().st_size for file in files)
        self.bad: Counter[Path] = Counter()

    def pieces(self, most: int | None = None) -> Iterator[str]:
        """The text, each file's end a line break. Raises DataError."""
        self.bad.clear()
        done = 0
        for path in self.files:
            decoder = codecs.getincrementaldecoder("utf-8-sig")("replace" if self._skip else "strict")
            at = 0
            try:
                with path.open("rb") as file:
                    while piece := file.read(CHUNK if most is None else min(CHUNK, most)):
                        self._watch.step(done + at, self.total)
                        text = decoder.decode(piece)
                        at += len(piece)
                        if most is not None and done + at >= most:
                            yield self._good(text, path)
                            return
                        yield self._good(text, path)
                    yield self._good(decoder.decode(b"", True), path) + ("\n" if len(self.files) > 1 else "")
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{path} is not UTF-8 text near byte {at + error.start:,}: save it as UTF-8, or let bad samples be "
                    "skipped."
                ) from None
            except OSError as error:
                raise DataError(f"{path} cannot be read: {error.strerror or error}.") from None
            done += at

    def _good(self, text: str, path: Path) -> str:
        if not self._skip or "\ufffd" not in text:
            return text
        self.bad[path] += text.count("\ufffd")
        return text.replace("\ufffd", "")


def find_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DataError(f"There is no file or folder {path}: choose a text file.")
    files = sorted(p for p in path.rglob("*.txt") if p.is_file())
    if not files:
        raise DataError(f"{path} holds no .txt files: choose a text file, or a folder of them.")
    return files


def words_of(pieces: Iterator[str]) -> Iterator[list[str]]:
    """The words of a text; one that lies across two pieces is found whole."""
    rest = ""
    for piece in pieces:
        text = rest + piece
        cut = max(text.rfind(" "), text.rfind("\n"))
        cut = len(text) if cut < 0 and len(text) > 10 * CHUNK else cut + 1
        rest = text[cut:]
        yield _WORD.findall(text[:cut])
    yield _WORD.findall(rest)


def _characters(reading: Reading) -> tuple[tuple[str, ...], np.ndarray]:
    seen: set[str] = set()
    for piece in reading.pieces():
        seen.update(piece)
    names = tuple(sorted(seen))
    codes = np.array([ord(name) for name in names], dtype=np.uint32)
    tokens = Growing(_small(len(names)))
    for piece in reading.pieces():
        tokens.add(np.searchsorted(codes, np.frombuffer(piece.encode("utf-32-le"), dtype=np.uint32)))
    return names, tokens.finish()


def _words(reading: Reading) -> tuple[tuple[str, ...], np.ndarray]:
    counts: Counter[str] = Counter()
    for words in words_of(reading.pieces()):
        counts.update(words)
    often = sorted(counts, key=lambda word: (-counts[word], word))[:MOST_WORDS]
    names = (UNKNOWN, *often)
    place = {word: i for i, word in enumerate(names)}
    tokens = Growing(_small(len(names)))
    for words in words_of(reading.pieces()):
        tokens.add(np.array([place.get(word, 0) for word in words], dtype=np.int64))
    return names, tokens.finish()


def _small(count: int) -> type:
    return np.uint8 if count <= 2**8 else np.uint16 if count <= 2**16 else np.int32


def stretch(starts: Callable[[np.ndarray], np.ndarray], tokens: np.ndarray, length: int) -> Source:
    """The `length` tokens from each sample's start on. N×L whole numbers."""

    def make(indices: torch.Tensor) -> torch.Tensor:
        begin = starts(indices.numpy())
        return torch.from_numpy(tokens[begin[:, None] + np.arange(length)].astype(np.int64))

    return MadeSource(make)


def open_text(kind: str, path: Path, wanted: Wanted, seed: int) -> Data:
    """Open text as samples of tokens. Raises DataError.

    Samples lie one behind the other; where a Target wants the one token after a sample, there is a sample at every
    token.
    """
    check_dtype(wanted, "text", "tokens", "int64")
    for spec in wanted.inputs:
        if len(spec.shape) != 1:
            raise DataError(
                f"`{spec.name}` takes {written(spec.shape)}, but text gives tokens: set its size to one number, how "
                "many tokens a sample has."
            )
    length = max(spec.shape[0] for spec in wanted.inputs)
    reading = Reading(find_files(path), wanted.options.skip_bad, wanted.watch)
    names, tokens = (_words if kind == "words" else _characters)(reading)
    notes = [f"{count:,} characters of {file} are no UTF-8 and are left out." for file, count in reading.bad.items()]
    step = 1 if any(t.field == "next" and t.shape in ((), (1,)) for t in wanted.targets) else length
    splits: dict[str, Split] = {}
    ends = np.floor(np.cumsum((0, *wanted.options.shares)) * len(tokens) + 1e-9).astype(int)
    for name, begin, end in zip(SPLITS, ends[:-1].tolist(), ends[1:].tolist(), strict=True):
        count = max((end - begin - length - 1) // step + 1, 0) if end - begin > length else 0
        if not count and name == "train":
            raise DataError(
                f"{path} has {len(tokens):,} {kind}, {end - begin:,} of them to train on: one sample needs "
                f"{length + 1:,}. Take a longer text, or a shorter Input."
            )
        if count:
            starts = partial(_starts, begin, step)
            inputs = [stretch(starts, tokens, spec.shape[0]) for spec in wanted.inputs]
            fields = {"next": _next_field(begin, step, tokens, length)}
            splits[name] = Split(count, (*inputs, *target_sources(wanted, "text", fields, inputs)))
    train, validation, test = (f"{100 * share:.3g} %" for share in wanted.options.shares)
    notes.append(f"The first {train} of the text serve training, then {validation} validation and {test} the test.")
    notes.append(f"The text has {len(tokens):,} {kind}, {len(names):,} different ones.")
    return Data(kind, f"{kind}:{path}", names, splits, seed, notes)


def _starts(begin: int, step: int, indices: np.ndarray) -> np.ndarray:
    return begin + indices * step


def _next_field(begin: int, step: int, tokens: np.ndarray, length: int) -> Field:
    def make(target: TargetSpec) -> Source:
        if target.dtype != "int64":
            raise DataError(f"`{target.name}` takes {target.dtype}, but the next tokens are int64: set its dtype.")
        if target.shape in ((), (1,)):
            source = stretch(lambda i: _starts(begin, step, i) + length, tokens, 1)
            return source if target.shape else MadeSource(lambda i: source.take(i)[:, 0])
        if target.shape != (length,):
            raise DataError(
                f"`{target.name}` wants next tokens of shape {written(target.shape)}, but samples have {length}: set "
                f"its size to {length}, or to none for the one token after the sample."
            )
        return stretch(lambda i: _starts(begin, step, i) + 1, tokens, length)

    return make


def look_at_text(kind: str, path: Path) -> Dataset:
    """The card of this text, from its beginning. Raises DataError."""
    card = WORDS if kind == "words" else CHARACTERS
    files = find_files(path)
    reading = Reading(files, True, NOBODY)
    if kind == "words":
        found = {word for words in words_of(reading.pieces(GLANCE)) for word in words}
        count = min(len(found), MOST_WORDS) + 1
    else:
        count = len({each for piece in reading.pieces(GLANCE) for each in piece})
    whole = reading.total <= GLANCE
    field = replace(_NEXT, classes=count if whole else 0)
    return replace(card, title=path.name, fields=(field,), vocabulary=count)
