"""Whose weights a preview shows: a run's, a file's, or random ones that stay the same while one edits."""

from __future__ import annotations

import zlib
from collections.abc import Hashable
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from app.engine import checkpoint
from app.engine import weights as files
from app.engine.checkpoint import WEIGHTS, CheckpointError
from app.engine.compile import build_root, make_block
from app.engine.runs import checkpoint_of
from app.engine.walk import Step, Walk, arguments_of
from app.engine.weights import COUNTER, WeightsError
from app.messages.preview import Whose
from blocks import catalogue

_kept: dict[Hashable, nn.Module] = {}
"""The modules of the last preview: an edit makes only what it changes anew."""
_left: set[str] = set()
"""What the run or file of the last preview did not fill."""
_read: tuple[Hashable, dict[str, torch.Tensor]] | None = None
"""The tensors that were read last, and from where."""
LISTED = 3


def make_root(walk: Walk, needed: set[str], *, run: str = "", file: str = "", seed: int = 0) -> tuple[nn.Module, Whose]:
    """The modules of the calls `needed`, none of which learns, with the weights of the run folder or of the file; what
    those do not fill is random.

    Raises RunError, CheckpointError or WeightsError.
    """
    global _left
    given, source = _given(run, file)
    root = _random_root(walk, needed, seed, source)
    state = {name: value for name, value in root.state_dict().items() if not name.endswith(COUNTER)}
    if not (run or file):
        return root, Whose("random", f"Random weights, seed {seed}.", 0, len(state))
    if run:
        fits = {key: given[key] for key, value in state.items() if key in given and given[key].shape == value.shape}
        more = ""
    else:
        fits, more = _fits(state, given, Path(file).name)
    left = state.keys() - fits.keys()
    if left - _left:  # a kept module may have been filled where it is random now
        _kept.clear()
        root = _random_root(walk, needed, seed, source)
    _left = left
    return root, _filled(root, state, fits, "run" if run else "file", Path(run or file).name, seed, more)


def _random_root(walk: Walk, needed: set[str], seed: int, source: Hashable) -> nn.Module:
    """Each module has random numbers of its own: an edit at one node leaves what the others show as it is."""
    global _kept
    made: dict[Hashable, nn.Module] = {}

    def make(step: Step) -> nn.Module:
        call = step.call
        cls = catalogue.classes()[call.block]
        key = (call.module, cls, repr(sorted(arguments_of(step).items())), seed, source)
        if key not in made:
            if key in _kept:
                made[key] = _kept[key]
            else:
                torch.manual_seed(zlib.crc32(f"{seed}/{call.module}".encode()))
                made[key] = make_block(step)
        return made[key]

    with torch.random.fork_rng(devices=[]):
        root = build_root(walk, needed, make)
    _kept = made
    return root.eval().requires_grad_(False)


def _given(run: str, file: str) -> tuple[dict[str, torch.Tensor], Hashable]:
    """The tensors of a run or file, and what tells them from those of another one."""
    global _read
    if not (run or file):
        return {}, ""
    if run:
        found = checkpoint_of(Path(run))
        place = (checkpoint.place(found) or found) / WEIGHTS
    else:
        place = Path(file).expanduser()
    try:
        state = place.stat()
    except OSError as error:
        raise WeightsError(f"{place} cannot be opened: {error.strerror or error}.") from None
    source = (str(place), state.st_mtime_ns, state.st_size)
    if _read is None or _read[0] != source:
        _read = None  # not two of them at a time
        _read = source, checkpoint.read_weights(place) if run else files.read(place)
    return _read[1], source


def _fits(
    state: dict[str, torch.Tensor], given: dict[str, torch.Tensor], name: str
) -> tuple[dict[str, torch.Tensor], str]:
    """The tensors of a file that fit, by our names, and what is to be said of it besides."""
    found = files.fit(state, given)
    if not found.tensors:
        raise WeightsError(
            f"No tensor of {name} fits this drawing: choose the weights of this network, or a run's, or random ones."
        )
    strange = f" {found.unfit[:1].upper()}{found.unfit[1:]}." if found.unfit else ""
    return found.tensors, f" Named as in {found.layout}.{strange}"


def _filled(
    root: nn.Module, state: dict[str, torch.Tensor], fits: dict[str, torch.Tensor], kind: Literal["run", "file"],
    name: str, seed: int, more: str,
) -> Whose:  # fmt: skip
    try:
        root.load_state_dict(fits, strict=False)
    except RuntimeError as error:  # a block of one's own may refuse what has the right shape
        raise CheckpointError(f"The weights of {name} cannot be loaded: {str(error).splitlines()[0]}") from None
    left = [key for key in state if key not in fits]
    words = f"Weights of {'the run ' if kind == 'run' else ''}{name}: "
    if not left:
        words += f"all {len(state)} tensors." if state else "the drawing has none."
    else:
        some = ", ".join(left[:LISTED]) + (f" and {len(left) - LISTED} more" if len(left) > LISTED else "")
        words += f"{len(fits)} of {len(state)} tensors; random with seed {seed}: {some}."
    return Whose(kind, words + more, len(fits), len(state))
