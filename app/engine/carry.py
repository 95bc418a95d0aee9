"""Continue with a changed design: the weights of a run go into another design as far as they fit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from app.design import file
from app.design.expand import expand
from app.design.values import Design
from app.engine import checkpoint
from app.engine.runs import checkpoint_of
from app.engine.weights import COUNTER
from app.messages.training import Carried

__all__ = ["carry"]


def carry(root: nn.Module, design: Design, run: Path) -> Carried:
    """Fill the weights of `design` in `root` with the last ones of a run folder, and say what became of each.

    A tensor of the same name and shape is kept. Where only sizes differ, the part that both have is taken, from the
    first element on in each dimension, and the rest stays new. A node that was renamed is known by its id. Raises
    RunError, CheckpointError or FileError.
    """
    given = checkpoint.load_weights(checkpoint_of(run, "last"))
    sources = _sources(file.load(run / "design.netloom"), design)
    kept: list[str] = []
    sliced: list[str] = []
    fresh: list[str] = []
    used: set[str] = set()
    state = root.state_dict()  # shares its memory with the weights: what is copied into it is in the network
    for key, want in state.items():
        name = _source(key, sources)
        have = given.get(name)
        counter = key.endswith(COUNTER)
        if have is None or have.ndim != want.ndim or have.dtype.is_floating_point != want.dtype.is_floating_point:
            fresh += [] if counter else [key]
            continue
        used.add(name)
        place = tuple(slice(0, min(a, b)) for a, b in zip(have.shape, want.shape, strict=True))
        with torch.no_grad():
            want[place].copy_(have[place])
        if have.shape != want.shape:
            sliced.append(f"{key}: {_size(want[place])} of {_size(want)}")
        elif not counter:
            kept.append(key)
    dropped = tuple(name for name in given if name not in used and not name.endswith(COUNTER))
    return Carried("", str(run), tuple(kept), tuple(sliced), tuple(fresh), dropped)


def _sources(before: Design, after: Design) -> dict[str, str]:
    """Where the weights of each module of `after` are in `before`; "" where its block is another one."""
    old = {call.id: call for call in expand(before).calls}
    found: dict[str, str] = {}
    for call in expand(after).calls:
        if call.id in old:
            same = old[call.id].block == call.block
            found.setdefault(call.module, old[call.id].module if same else "")
    return found


def _source(key: str, sources: Mapping[str, str]) -> str:
    """The old name of a weight: that of the module that it belongs to, and the rest as it is."""
    module = key
    while module := module.rpartition(".")[0]:
        if module in sources:
            return f"{sources[module]}{key[len(module) :]}" if sources[module] else ""
    return key


def _size(tensor: torch.Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "one number"
