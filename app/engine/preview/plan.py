"""What of a drawing can be previewed, what of it is asked for, and whether a machine can be expected to do it."""

from __future__ import annotations

from typing import NamedTuple

from app.design.expand import GroupCall
from app.design.values import Design, End
from app.engine import problems
from app.engine.walk import Walk
from app.messages.preview import SameLook, Skipped
from blocks.card import Kind

MAX_BYTES = 6 * 2**30
"""Weights and activations of one sample that need more are refused before anything is made."""
MAX_MACS = 250 * 10**9
"""Multiply-adds of one sample: a quarter of a minute on a small machine."""
MAX_LOOKS = 600
"""So many outputs have a picture: the drawing's own first, then those inside Groups, in the order in which they run."""


class PreviewError(ValueError):
    """A drawing of which nothing can be shown, and why."""


class Plan(NamedTuple):
    """Calls that can run, and whose outputs are looked at."""

    valid: set[str]
    ports: dict[str, dict[str, Kind]]
    """Call -> its output ports and the kind of each."""
    shown: set[End]
    detail: dict[End, list[str]]
    """An output that is asked for -> what it is called at the node that was named."""
    attend: set[str]
    """Calls whose attention is asked for."""
    inputs: dict[str, str]
    """The ids of the Inputs that run, by name."""
    targets: dict[str, str]
    skipped: tuple[Skipped, ...]
    said: tuple[str, ...]


def plan_of(design: Design, walk: Walk, detail: str) -> Plan:
    """Find out what can run, and check that it is not too much. Raises PreviewError."""
    errors = {p.id: p.message for p in problems.find(design, walk) if p.severity == "error"}
    valid: set[str] = set()
    skipped: list[Skipped] = []
    for id, step in walk.steps.items():
        fed = all(end.node in valid for end in walk.expanded.sources[id].values())
        ran = step.measured is not None and step.measured.refusal is None
        if ran and fed and id not in errors:
            valid.add(id)
        else:
            skipped.append(Skipped(id, errors.get(id) or "It is not run: what feeds it has an error or an open input."))
    inputs = {walk.steps[id].call.name: id for id in valid if walk.steps[id].call.block == "Input"}
    if not inputs:
        why = next((errors[id] for id, step in walk.steps.items() if step.call.block == "Input" and id in errors), "")
        why = why or "the drawing has no Input. Add one and wire it to a block."
        raise PreviewError(f"Nothing can be shown: {why}")
    _check(walk, valid)
    ports = {id: {end.port: walk.kinds[end] for end in walk.given.get(id, ())} for id in valid}
    shown, said = _shown(walk, valid)
    group = next((g for g in walk.expanded.groups if g.id == detail), None)
    return Plan(
        valid, ports, shown, _detail(walk, valid, detail, group), _attend(valid, detail, group), inputs,
        {walk.steps[id].call.name: id for id in valid if walk.steps[id].call.block == "Target"},
        tuple(skipped), tuple(said),
    )  # fmt: skip


def _check(walk: Walk, valid: set[str]) -> None:
    homes: dict[str, int] = {}
    activations = macs = 0
    for id in valid:
        step = walk.steps[id]
        assert step.measured is not None
        homes[step.call.module] = step.measured.weight_bytes
        activations += step.measured.activations
        macs += step.measured.macs
    size = sum(homes.values()) + activations
    if size > MAX_BYTES:
        raise PreviewError(
            f"One sample takes {size / 2**30:.1f} GB, weights included; a preview is given {MAX_BYTES / 2**30:.0f} GB. "
            "Make the Input smaller, or the network."
        )
    if macs > MAX_MACS:
        raise PreviewError(
            f"One sample takes {macs / 1e9:,.0f} G multiply-adds; a preview is given {MAX_MACS / 1e9:.0f} G. Make the "
            "Input smaller, or the network."
        )


def _shown(walk: Walk, valid: set[str]) -> tuple[set[End], list[str]]:
    """The outputs that are looked at, the drawing's own before those inside Groups."""
    ends = [end for id in walk.steps if id in valid for end in walk.given.get(id, ())]
    own = {end for group in walk.expanded.groups if not group.where for end in group.outputs.values()}
    first = [end for end in ends if not walk.steps[end.node].call.where or end in own]
    order = list(dict.fromkeys([*first, *ends]))
    if len(order) <= MAX_LOOKS:
        return set(order), []
    return set(order[:MAX_LOOKS]), [f"{MAX_LOOKS} of {len(order):,} outputs have a picture."]


def _detail(walk: Walk, valid: set[str], detail: str, group: GroupCall | None) -> dict[End, list[str]]:
    found: dict[End, list[str]] = {}
    if group is not None:
        for port, end in group.outputs.items():
            if end is not None and end.node in valid:
                found.setdefault(end, []).append(port)
    elif detail in valid and walk.steps[detail].call.block == "Output":
        found[walk.expanded.sources[detail]["x"]] = ["x"]
    elif detail in valid:
        found = {end: [end.port] for end in walk.given.get(detail, ())}
    return found


def _attend(valid: set[str], detail: str, group: GroupCall | None) -> set[str]:
    return set(group.members) & valid if group is not None else {detail} & valid


def same(walk: Walk, seen: set[End]) -> tuple[SameLook, ...]:
    """The ports of Groups and what arrives at Outputs, as far as it was `seen`."""
    ends = [(g.id, port, end) for g in walk.expanded.groups for port, end in g.outputs.items()]
    ends += [
        (id, "", walk.expanded.sources[id].get("x")) for id, step in walk.steps.items() if step.call.block == "Output"
    ]
    return tuple(SameLook(id, port, end.node, end.port) for id, port, end in ends if end is not None and end in seen)


def not_run(walk: Walk, plan: Plan, seen: set[str], failed: dict[str, str]) -> tuple[Skipped, ...]:
    """The valid calls that gave nothing after all, and why: they failed, or what feeds them did or is not known."""
    found: dict[str, str] = {}
    for id in walk.steps:
        step = walk.steps[id]
        if id not in plan.valid or id in seen or step.call.block == "Output":
            continue
        feeds = [end.node for end in walk.expanded.sources[id].values()]
        why = next((found[feed] for feed in feeds if feed in found), "It could not be run.")
        if id in failed:
            why = f"It could not be run: {failed[id]}"
        elif step.call.block == "Target":
            why = "The sample has none."
        elif why == "The sample has none.":
            why = "It needs a Target, which this sample has not."
        found[id] = why
    return tuple(Skipped(id, why) for id, why in found.items())
