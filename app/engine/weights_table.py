"""The table of a file of weights beside a design: a row a node, each with its tensors and how they fit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from app.design.expand import Call
from app.design.values import Design
from app.engine.compile import InvalidDesignError, build_root, shared_analyser
from app.engine.matching import Fitting, fit
from app.engine.weights import read
from app.messages.weights import COUNTER, By, NodeFit, TensorFit, WeightsCompared

LISTED = 2
"""So many modules whose sizes differ are named in the summary."""


def compare_weights(design: Design, file: str | Path, by: By = "name", job: str = "") -> WeightsCompared:
    """Which tensors of `file` fit `design`, without allocating its weights. Raises WeightsError, CheckpointError or
    InvalidDesignError."""
    needed, given, calls = beside(design, file)
    return table(fit(needed, given, by), needed, given, calls, file, by, job)


def beside(
    design: Design, file: str | Path
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor], dict[str, Call]]:
    """The tensors that a design needs, on meta; those that a file has; and the first call of each module."""
    given = read(file)
    analyser = shared_analyser()
    errors = [p for p in analyser.analyse(design, with_fixes=False).problems if p.severity == "error"]
    if errors:
        raise InvalidDesignError(errors[0].message, tuple(errors))
    walk = analyser.walk(design)
    with torch.device("meta"):
        needed = build_root(walk).state_dict()
    return needed, given, {call.module: call for call in reversed(walk.expanded.calls)}


def table(
    found: Fitting, needed: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor], calls: Mapping[str, Call],
    file: str | Path, by: By, job: str = "",
) -> WeightsCompared:  # fmt: skip
    """Put the matches under the nodes that they belong to; `calls` are the first ones of each module."""
    rows: dict[str, list[TensorFit]] = {}
    unused: list[TensorFit] = []
    for match in found.matches:
        held = tuple(given[match.theirs].shape) if match.theirs else None
        want = tuple(needed[match.ours].shape) if match.ours else None
        row = TensorFit(match.theirs, match.ours, held, want, match.how, match.taken)
        if match.ours:
            rows.setdefault(_module(match.ours, calls), []).append(row)
        elif match.theirs in found.unexpected:
            unused.append(row)
    nodes = []
    for module, tensors in rows.items():
        call = calls.get(module)
        told = (call.id, call.name, call.where, call.node, call.block) if call else ("", module or "?", "", "", "")
        nodes.append(NodeFit(*told, tuple(tensors)))
    return WeightsCompared(
        job, str(file), by, found.layout, summary(found, needed, given), found.unfit, tuple(nodes), tuple(unused)
    )


def _module(key: str, calls: Mapping[str, Call]) -> str:
    """The module of a call that a tensor belongs to."""
    module = key
    while module := module.rpartition(".")[0]:
        if module in calls:
            return module
    return key.partition(".")[0]


def summary(found: Fitting, needed: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor]) -> str:
    """"157 of 161 tensors fit; fc differs: 1000 classes in the file, 10 here."; one sentence, and one more where
    numbers are not finite."""
    counted = [name for name in needed if not name.endswith(COUNTER)]
    taken = sum(name in found.tensors for name in counted)
    parts = [f"{taken:,} of {len(counted):,} tensors fit"]
    last = next((name.rpartition(".")[0] for name in reversed(counted)), "")
    differing: dict[str, str] = {}
    sources = {match.ours: match.theirs for match in found.matches}
    for name in found.mismatched:
        module = name.rpartition(".")[0] or name
        if module in differing:
            continue
        have, want = tuple(given[sources[name]].shape), tuple(needed[name].shape)
        if have and want and have[1:] == want[1:]:
            what = "classes" if module == last else "outputs"
            differing[module] = f"{module} differs: {have[0]:,} {what} in the file, {want[0]:,} here"
        else:
            sizes = ["×".join(map(str, shape)) or "one number" for shape in (have, want)]
            differing[module] = f"{module} differs: {sizes[0]} in the file, {sizes[1]} here"
    parts += list(differing.values())[:LISTED]
    if len(differing) > LISTED:
        parts.append(f"{len(differing) - LISTED} more differ")
    offered = [m for m in found.matches if m.how in ("shape", "order") and not m.taken]
    guessed = sum(not match.ours.endswith(COUNTER) for match in offered)
    missing = len(found.missing) - guessed
    if missing > 0:
        parts.append(f"the file has nothing for {missing:,}")
    if guessed > 0:
        parts.append(f"{guessed:,} more would fit by shape or order")
    if left := len(found.unexpected) - len(offered):
        parts.append(f"{left:,} of the file {'is' if left == 1 else 'are'} not needed")
    return " ".join(["; ".join(parts) + ".", *filter(None, [found.broken])])
