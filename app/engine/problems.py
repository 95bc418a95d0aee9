"""What is wrong with a drawing, in sentences: what was got, what is needed, what to do; and which node began it."""

from __future__ import annotations

from typing import Any

from app.design.expand import Call
from app.design.values import Design, End
from app.engine import habits
from app.engine.arguments import Refusal
from app.engine.lint import declared
from app.engine.surroundings import first_to_change, problem
from app.engine.walk import Step, Walk, arguments_of, reaching
from app.messages.reports import Problem


def find(design: Design, walk: Walk) -> tuple[Problem, ...]:
    """All problems, errors first, each in the order in which the network runs."""
    names = {call.id: call.name for call in walk.expanded.calls}
    found = [
        Problem("error", t.id, names.get(t.id, t.id), t.where, t.node, "", t.code, t.message)
        for t in walk.expanded.troubles
    ]
    for step in walk.steps.values():
        found += _of_step(design, walk, step)
    found += _of_sharing(walk)
    found += _of_following(walk)
    found += _of_whole(design, walk)
    found += habits.find(design, walk)
    found += declared.find(walk)
    # A node that failed because of an expression would be named twice, the second time without the cause.
    troubled = {t.id for t in walk.expanded.troubles}
    found = [p for p in found if p.id not in troubled or p.code in ("expression", "group-missing", "repeat", "setting")]
    rank = {"error": 0, "warning": 1, "hint": 2}
    seen: set[tuple[str, str, str, str]] = set()
    unique = []
    for each in sorted(found, key=lambda p: rank[p.severity]):
        # The repetitions of a Group fail alike: say it once, for the first.
        key = (each.where, each.node, each.port, each.message)
        if key not in seen or not each.where:
            unique.append(each)
        seen.add(key)
    return tuple(unique)


def _of_step(design: Design, walk: Walk, step: Step) -> list[Problem]:
    call = step.call
    if step.card is None:
        message = f"the block `{call.block}` is not known here; remove it or install what it comes from"
        return [problem(step, "error", "block-missing", message)]
    found = []
    if strange := sorted(name for name in call.settings if step.card.setting(name) is None):
        names = ", ".join(f"`{name}`" for name in strange[:6]) + (" and others" if len(strange) > 6 else "")
        what = f"no setting {names}; it is" if len(strange) == 1 else f"no settings {names}; they are"
        found.append(problem(step, "warning", "setting-unknown", f"{step.card.title} has {what} ignored"))
    if step.measured is not None and step.measured.refusal is None:  # what it needs is there
        return found
    sources = walk.expanded.sources[call.id]
    missing = [p for p in step.ports if p.name not in sources and not p.optional]
    many = next((p for p in step.card.inputs if p.many == "*"), None)
    if many:
        wired = [p for p in step.ports if p.name in sources]
        fixed = {p.name for p in step.card.inputs if not p.many}
        short = len([p for p in wired if p.name not in fixed]) < many.at_least
        missing = [p for p in missing if p.name in fixed] + [p for p in missing if p.name not in fixed][: int(short)]
    if missing:
        port = missing[0]
        least = f"at least {many.at_least} input{'s' * (many.at_least != 1)}" if many else ""
        need = least if many and port.name not in fixed else f"a {port.kind}"
        need = "a value" if port.kind == "any" else need
        wire = design.graph(call.where).wire_into(End(call.node, port.name))
        if wire is None:
            message = f"nothing is wired to `{port.name}`, but it needs {need}; wire an output to it"
        else:
            message = f"nothing reaches `{port.name}`: {_dry(design, call.where, wire.source)}"
        found.append(problem(step, "error", "missing-input", message, port.name))
    elif step.measured is not None and step.measured.refusal is not None:
        refusal = step.measured.refusal
        blame = _blame(walk, step, refusal)
        told = bool(blame) and refusal.code in ("differs", "rank", "divides")
        tail = f" (from {walk.steps[blame].call.name})" if told else ""
        found.append(problem(step, "error", refusal.code, f"{refusal.message}{tail}", refusal.port, blame))
    return found


def _dry(design: Design, where: str, end: End) -> str:
    """Why nothing comes out of `end`, which is drawn: a port of a Group to which nothing is wired."""
    node = design.graph(where).by_id[end.node]
    if node.block == "GroupInput" and not where:
        return f"{node.name} is the port of a Group, but stands in none; use an Input in its place"
    if node.block == "GroupInput":
        return f"the Group's `{node.name}` is wired to nothing where the Group is used; wire an output to it there"
    if node.group in design.group_by_name:
        return f"inside {node.name}, nothing is wired to `{end.port}`; open it and wire an output to that"
    return f"{node.name} gives nothing; mend that first"


def _of_sharing(walk: Walk) -> list[Problem]:
    """Calls of one module need to build it alike: the settings and the sizes read off the wires are the module's."""
    found: list[Problem] = []
    first: dict[str, Step] = {}
    known: set[tuple[Any, ...]] = set()
    for step in walk.steps.values():
        if step.card is None or step.measured is None or step.measured.refusal is not None:
            continue
        owner = first.setdefault(step.call.module, step)
        if owner is step:
            continue
        key = (step.call.module, step.call.settings, tuple(step.inputs.items()))
        if key in known:
            continue
        known.add(key)
        own, other = arguments_of(step), arguments_of(owner)
        differing = next((name for name in own if own[name] != other[name]), None)
        if differing is not None:
            values = f"{differing} is {own[differing]} here and {other[differing]} there"
            message = (
                f"it uses the weights of {owner.call.name}, but {values}; make them equal or give it weights of its own"
            )
            found.append(problem(step, "error", "shares", message, blame=owner.call.id))
    return found


def _of_following(walk: Walk) -> list[Problem]:
    """Weights that follow others need a leader that is there, and is built alike."""
    found: list[Problem] = []
    first: dict[str, Step] = {}
    for step in walk.steps.values():
        first.setdefault(step.call.module, step)
    said: set[tuple[str, ...]] = set()
    for step in walk.steps.values():
        ran = step.measured is not None and step.measured.refusal is None
        drawn = step.call.where, step.call.node, step.call.follows.split(".")[0]
        if not step.call.follows or not ran or drawn in said:
            continue
        said.add(drawn)
        leader = first.get(step.call.follows)
        if leader is None:
            wanted = step.call.follows.replace(".", "/")
            message = f"it follows the weights of {wanted}, which is not there; repeat both alike, or train its own"
            found.append(problem(step, "error", "follows", message))
            continue
        if leader.measured is None or leader.measured.refusal is not None:
            continue  # the leader's own problem says why
        own, other = arguments_of(step), arguments_of(leader)
        differing = next((name for name in own if own[name] != other[name]), None)
        if differing is not None:
            values = f"{differing} is {own[differing]} here and {other[differing]} there"
            message = f"it follows the weights of {leader.call.name}, but {values}; make them equal or train its own"
            found.append(problem(step, "error", "follows", message, blame=leader.call.id))
    return found


FROM_ABOVE = ("differs", "rank", "divides", "size", "levels", "strides", "dtype", "kernel", "one-value", "refused")
"""What a node refuses because of what it is given. Else the fault is its own."""


def _blame(walk: Walk, step: Step, refusal: Refusal) -> str:
    """The call that introduced what a port does not take: going up from it, the first that changed those sizes."""
    if refusal.code not in FROM_ABOVE:
        return ""
    sources = walk.expanded.sources[step.call.id]
    port = refusal.port
    end = sources.get(port) or (next(iter(sources.values())) if len(sources) == 1 else None)
    if end is None:
        return ""
    if refusal.code == "refused" and not refusal.multiple:
        return ""
    got = walk.values.get(end)
    if got is None or len(got) != 1 or refusal.code in ("levels", "strides"):
        return end.node
    shape = got[0].shape
    if refusal.code == "differs":
        others = [walk.values.get(e) for p, e in sources.items() if p != port]
        wanted = next((v for v in others if v is not None), None)
        if wanted is None or len(wanted) != 1 or len(wanted[0].shape) != len(shape):
            return end.node
        places = [i for i, (a, b) in enumerate(zip(shape, wanted[0].shape, strict=True)) if a != b]
    elif refusal.code in ("kernel", "one-value"):
        places = list(range(2, len(shape)))
    else:
        places = [refusal.detail["place"]] if "place" in refusal.detail else [1] if refusal.multiple else []
    return first_to_change(walk, end, places)


def _of_whole(design: Design, walk: Walk) -> list[Problem]:
    """What no single node shows: no Output, dead branches, a loss without a target."""
    if not design.nodes:
        return [Problem("error", "", "", "", "", "", "empty", "The drawing is empty: drag a block onto the canvas")]
    found = []
    outputs = [s for s in walk.steps.values() if s.call.block == "Output"]
    losses = [s for s in walk.steps.values() if s.card is not None and s.card.category == "Loss"]
    if not outputs and not losses:
        message = "The design has no Output, so nothing of it would be kept: wire the last block to an Output"
        found.append(Problem("error", "", "", "", "", "", "no-output", message))
    if not any(s.call.block == "Input" for s in walk.steps.values()):
        message = "The design has no Input, so no size is known: add an Input and wire it to the first block"
        found.append(Problem("error", "", "", "", "", "", "no-input", message))
    goals = {s.call.id for s in walk.steps.values() if s.card and s.card.category in ("Loss", "Metric")}
    if outputs or losses:
        found += _left_out(design, walk, reaching(walk, goals | {s.call.id for s in outputs}))
    for output in outputs:
        needed = reaching(walk, {output.call.id})
        target = next((s for id, s in walk.steps.items() if id in needed and s.call.block == "Target"), None)
        if target is not None:
            message = (
                f"it needs {target.call.name}, and a Target is there in training only; wire it to what the "
                "network gives without it"
            )
            found.append(problem(output, "error", "target-output", message, "x", target.call.id))
    return found


def _given(design: Design, call: Call) -> bool:
    """Whether an output of the Group that the call stands in is wired to it."""
    graph = design.graph(call.where)
    return any(graph.by_id[w.target.node].block == "GroupOutput" for w in graph.out_of.get(call.node, ()))


def _left_out(design: Design, walk: Walk, used: set[str]) -> list[Problem]:
    """The ends of branches that lead nowhere: what only feeds them goes with them. A Group of such is named itself.

    What a Group gives and this use of it does not take is no mistake, no more than a block's output without a wire.
    """
    feeding = {end.node for sources in walk.expanded.sources.values() for end in sources.values()}
    whole = [g for g in walk.expanded.groups if g.members and used.isdisjoint(g.members)]
    why = "feeds no Output and no loss: it is left out; wire it on or remove it"
    found: list[Problem] = []
    said: set[str] = set()
    for id, step in walk.steps.items():
        if id in used or id in feeding or not (walk.expanded.sources[id] or step.call.block in ("Input", "Target")):
            continue
        group = next((g for g in whole if id in g.members), None)
        end = group or step.call
        if end.id in said or (group is None and _given(design, step.call)):
            continue
        said.add(end.id)
        message = f"{end.name} {why}"
        found.append(Problem("warning", end.id, end.name, end.where, end.node, "", "dead-branch", message))
    return found
