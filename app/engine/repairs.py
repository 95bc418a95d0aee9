"""Repairs: ideas for mending a problem, the likeliest first; `app.engine.fixes` tries them out.

What takes away something drawn comes last and says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec.structs import replace

from app.design import changes, edits
from app.design.edits import settings_of
from app.design.paths import show_value
from app.design.ports import ports
from app.design.values import Design, End, Expression, Node, Settings, SettingValue, Wire
from app.design.wires import downstream, kinds_fit
from app.messages.reports import Problem
from blocks.card import Port, Setting

if TYPE_CHECKING:
    from app.engine.analysis import Analyser
    from app.engine.walk import Walk

Candidate = tuple[str, tuple[changes.Change, ...]]

NEAREST = 6
"""So many outputs are offered to an input that lacks one."""
MAX_SIZE = 10**12
"""Larger sizes have their divisors left unsearched."""


def candidates(analyser: Analyser, design: Design, walk: Walk, problem: Problem) -> Iterator[Candidate]:
    """Ideas for mending `problem`."""
    match problem.code:
        case "missing-input":
            yield from _wire_up(analyser, design, problem)
        case "differs":
            yield from _match_shapes(analyser, design, walk, problem)
            yield from _match_target(walk, problem)
        case "divides":
            yield from _make_divide(walk, problem)
        case "rank":
            yield from _change_rank(analyser, design, problem)
        case "levels":
            yield from _more_levels(analyser, design, problem)
        case "dtype":
            yield from _change_dtype(walk, problem)
        case "kernel" | "padding":
            yield from _smaller_kernel(walk, problem)
        case "setting" | "setting-unknown" | "expression" | "too-large" | "refused" | "failed":
            yield from _reset_setting(analyser, design, walk, problem)
        case "shares":
            yield from _unshare(design, walk, problem)
        case "no-output":
            yield from _add_output(analyser, design)
        case "no-input":
            yield from _add_input(analyser, design)
    if problem.node and problem.code in ("missing-input", "dead-branch", "target-output", "block-missing",
                                         "group-missing", "failed", "refused"):  # fmt: skip
        yield from _remove(design, problem)


def _wire_up(analyser: Analyser, design: Design, problem: Problem) -> Iterator[Candidate]:
    """Wire the nearest outputs to the left that fit."""
    graph = design.graph(problem.where)
    node = graph.by_id[problem.node]
    port = ports(design, graph, node, analyser.cards).input(problem.port)
    if port is None:
        return
    target = End(node.id, problem.port)
    place = f"{node.name}.{problem.port}" if len(ports(design, graph, node, analyser.cards).inputs) > 1 else node.name
    if (drawn := graph.wire_into(target)) is not None:
        place += f" instead of {graph.by_id[drawn.source.node].name}"
    offers: list[tuple[bool, float, int, str, End]] = []
    fed = downstream(graph, node.id)
    for other in graph.nodes:
        if other.id in fed:
            continue
        outputs = ports(design, graph, other, analyser.cards).outputs
        for output in outputs:
            end = End(other.id, output.name)
            if not kinds_fit(output.kind, port.kind) or (port.dtype == "int") != (other.block == "Target"):
                continue
            if drawn is not None and drawn.source == end:
                continue
            taken = any(w.source == end for w in graph.out_of.get(other.id, ()))
            distance = math.hypot(node.x - other.x, 2 * (node.y - other.y)) + (1e4 if other.x >= node.x else 0)
            name = f"{other.name}.{output.name}" if len(outputs) > 1 else other.name
            offers.append((taken, distance, len(offers), name, end))
    for _taken, _distance, _order, name, end in sorted(offers)[:NEAREST]:
        yield f"Wire {name} to {place}", (changes.connect(problem.where, end, target),)
    if port.dtype == "int" and "Target" in analyser.cards and not problem.where:
        target_node = edits.new_node(design, "", "Target", name="target", x=node.x - 260, y=node.y + 120)
        wire = changes.connect("", End(target_node.id, "out"), target)
        yield f"Add a Target before {node.name}", (changes.AddNode("", target_node), wire)
    elif "Input" in analyser.cards and not problem.where and port.kind == "tensor":
        yield _new_input(design, node, port)


def _match_shapes(analyser: Analyser, design: Design, walk: Walk, problem: Problem) -> Iterator[Candidate]:
    """Bring one input to the shape of the others: by a 1x1 convolution with a stride, or by interpolation."""
    step = walk.steps[problem.id]
    graph = design.graph(problem.where)
    known = {p: v[0].shape for p, v in step.inputs.items() if v is not None and len(v) == 1}
    got = known.get(problem.port)
    first = next((p for p in known if p != problem.port), None)
    if got is None or first is None or len(got) != 4 or len(known[first]) != 4:
        return
    for port, shape, aim in ((problem.port, got, known[first]), (first, known[first], got)):
        wire = graph.wire_into(End(problem.node, port))
        if wire is None:
            continue
        source = graph.by_id[wire.source.node]
        strides = [max(1, round(a / b)) for a, b in zip(shape[2:], aim[2:], strict=True)]
        settings = Settings(out_channels=aim[1], kernel_size=(1, 1), padding=(0, 0))
        if strides != [1, 1]:
            settings = settings.with_("stride", tuple(strides))
        if step.call.block != "Concat" and "Conv2d" in analyser.cards:
            title = f"Conv 1x1{f' stride {strides[0]}' if strides != [1, 1] else ''} after {source.name}"
            yield title, (_between(design, problem.where, wire, "Conv2d", "match", settings),)
        if (shape[2:] != aim[2:] and shape[1] == aim[1]) or step.call.block == "Concat":
            for block, name in (("AdaptiveAvgPool2d", "pool"), ("Interpolate", "resize")):
                card = analyser.cards.get(block)
                size = card.setting("output_size") or card.setting("size") if card else None
                if size:
                    title = f"Resize {source.name} to {aim[2]}x{aim[3]}"
                    yield title, (_between(design, problem.where, wire, block, name, Settings({size.name: aim[2:]})),)
                    break


def _between(
    design: Design, where: str, wire: Wire, block: str, name: str, settings: Settings, input: str = "x"
) -> changes.InsertOnWire:
    graph = design.graph(where)
    a, b = graph.by_id[wire.source.node], graph.by_id[wire.target.node]
    node = replace(
        edits.new_node(design, where, block, name=name, x=(a.x + b.x) / 2, y=(a.y + b.y) / 2), settings=settings
    )
    return changes.InsertOnWire(where, wire, node, input, "out")


def _match_target(walk: Walk, problem: Problem) -> Iterator[Candidate]:
    """Give a Target the size of what it is compared with."""
    step, above = walk.steps[problem.id], walk.steps.get(problem.blame)
    refusal = step.measured.refusal if step.measured else None
    needed = refusal.detail.get("needed") if refusal else None
    if above is not None and above.call.block == "Target" and isinstance(needed, tuple):
        title = f"Set {above.call.name}'s size to {'x'.join(map(str, needed)) or 'one number'}"
        yield title, (changes.set_setting(above.call.where, above.call.node, "size", needed),)


def _change_dtype(walk: Walk, problem: Problem) -> Iterator[Candidate]:
    """Let the Input or Target that the value comes from give the other type."""
    step = walk.steps[problem.id]
    refusal = step.measured.refusal if step.measured else None
    end = walk.expanded.sources[problem.id].get(problem.port)
    while end is not None and walk.expanded.sources[end.node]:
        end = next(iter(walk.expanded.sources[end.node].values()))
    if refusal is None or end is None or walk.steps[end.node].call.block not in ("Input", "Target"):
        return
    call, needed = walk.steps[end.node].call, refusal.detail.get("needed", "")
    yield f"Set {call.name}'s dtype to {needed}", (changes.set_setting(call.where, call.node, "dtype", needed),)


def _make_divide(walk: Walk, problem: Problem) -> Iterator[Candidate]:
    """Choose a divisor that divides, or a number of channels above that is a multiple."""
    step = walk.steps[problem.id]
    refusal = step.measured.refusal if step.measured else None
    if refusal is None:
        return
    size, by, setting = refusal.detail.get("size", 0), refusal.detail.get("by", 0), refusal.detail.get("setting", "")
    if not size or not by or size > MAX_SIZE:
        return
    if step.card and step.card.setting(setting):
        below = _divisor(size, by)
        yield f"Set {setting} to {below}", (changes.set_setting(problem.where, problem.node, setting, below),)
    above = walk.steps.get(problem.blame)
    if above and above.card and above.card.setting("out_channels"):
        wanted = math.ceil(size / by) * by
        title = f"Set {above.call.name}'s out_channels to {wanted}"
        yield title, (changes.set_setting(above.call.where, above.call.node, "out_channels", wanted),)


def _divisor(size: int, most: int) -> int:
    """The largest divisor of `size` that is at most `most`."""
    pairs = ((d, size // d) for d in range(1, math.isqrt(size) + 1) if size % d == 0)
    return max(d for pair in pairs for d in pair if d <= most)


def _change_rank(analyser: Analyser, design: Design, problem: Problem) -> Iterator[Candidate]:
    """Between an image and a vector: flatten it or pool it."""
    graph = design.graph(problem.where)
    wire = graph.wire_into(End(problem.node, problem.port))
    if wire is None:
        return
    for block, title in (("Flatten", "Flatten it first"), ("GlobalAvgPool", "Pool it to a vector first")):
        if block in analyser.cards:
            yield title, (_between(design, problem.where, wire, block, block.lower(), Settings()),)


def _more_levels(analyser: Analyser, design: Design, problem: Problem) -> Iterator[Candidate]:
    """Let the source give all its levels, or make several out of the last one."""
    graph = design.graph(problem.where)
    wire = graph.wire_into(End(problem.node, problem.port))
    if wire is None:
        return
    source = graph.by_id[wire.source.node]
    if "levels" in source.settings:
        yield f"Let {source.name} give all its levels", (
            changes.set_setting(problem.where, source.id, "levels", None),
        )  # fmt: skip
    if "SimpleFeaturePyramid" in analyser.cards:
        between = _between(design, problem.where, wire, "SimpleFeaturePyramid", "pyramid", Settings())
        yield "Make several levels by a simple feature pyramid", (between,)


def _smaller_kernel(walk: Walk, problem: Problem) -> Iterator[Candidate]:
    step = walk.steps[problem.id]
    shape = next((v[0].shape for v in step.inputs.values() if v), ())
    if step.card is None or len(shape) != 4:
        return
    kernel = step.call.settings.get("kernel_size")
    setting = step.card.setting("kernel_size")
    if setting is None:
        return
    kernel = setting.default if kernel is None else kernel
    if isinstance(kernel, tuple) and len(kernel) == 2:
        fitting = tuple(min(int(k), s) for k, s in zip(kernel, shape[2:], strict=True))  # type: ignore[arg-type]
        title = f"Set kernel_size to {fitting[0]}x{fitting[1]}"
        yield title, (changes.set_setting(problem.where, problem.node, "kernel_size", fitting),)
        same = tuple(int(k) // 2 for k in kernel)  # type: ignore[arg-type]
        title = f"Set padding to {same[0]}x{same[1]}"
        yield title, (changes.set_setting(problem.where, problem.node, "padding", same),)


def _reset_setting(analyser: Analyser, design: Design, walk: Walk, problem: Problem) -> Iterator[Candidate]:
    """Put back what the node does not accept."""
    node = design.graph(problem.where).by_id[problem.node]
    declared = settings_of(design, node, analyser.cards)
    if declared is None:
        return
    by_name = {s.name: s for s in declared}
    resolved = walk.steps[problem.id].call.settings if problem.id in walk.steps else node.settings
    if problem.code == "setting-unknown":
        strange = [name for name in node.settings if name not in by_name]
        title = f"Forget {', '.join(strange[:3])}" + (f" and {len(strange) - 3} more" if len(strange) > 3 else "")
        yield title, tuple(changes.set_setting(problem.where, problem.node, name, None) for name in strange)
        return
    for name, value in node.settings.items():
        setting = by_name.get(name)
        if setting is None or (problem.code == "setting" and _accepted(setting, resolved.get(name, value))):
            continue
        if problem.code == "expression" and not _calculated(value):
            continue
        title = f"Set {name} back to {show_value(setting.default)}"
        yield title, (changes.set_setting(problem.where, problem.node, name, None),)


def _accepted(setting: Setting, value: SettingValue) -> bool:
    try:
        setting.accept(value)
    except ValueError:
        return isinstance(value, Expression)
    return True


def _calculated(value: SettingValue) -> bool:
    return isinstance(value, Expression) or (isinstance(value, tuple) and any(map(_calculated, value)))


def _unshare(design: Design, walk: Walk, problem: Problem) -> Iterator[Candidate]:
    """Set what differs as the owner of the weights has it, or stop sharing."""
    node = design.graph(problem.where).by_id[problem.node]
    owner = design.graph(problem.where).by_id.get(node.shares)
    if owner is not None and owner is not node:
        settings = {**dict.fromkeys(node.settings), **owner.settings}
        differing = {k: v for k, v in settings.items() if node.settings.get(k) != v}
        if differing:
            edit = tuple(changes.set_setting(problem.where, node.id, k, v) for k, v in differing.items())
            yield f"Set {', '.join(differing)} as in {owner.name}", edit
    places = [(problem.where, problem.node)]
    places += [(g.where, g.node) for g in walk.expanded.groups if problem.id in g.members]
    for where, id in places:
        sharer = design.graph(where).by_id[id]
        if sharer.shares:
            each = "each repetition" if sharer.shares == sharer.id else sharer.name
            yield f"Give {each} weights of its own", (changes.SetShares(where, id, ""),)


def _remove(design: Design, problem: Problem) -> Iterator[Candidate]:
    """Take the node away; where it stands between two others, these are wired to each other."""
    graph = design.graph(problem.where)
    name, id = graph.by_id[problem.node].name, problem.node
    gone = changes.Remove(problem.where, (id,))
    into, out = graph.into.get(id, ()), graph.out_of.get(id, ())
    if len(into) == 1 and out:
        before = graph.by_id[into[0].source.node].name
        wires = tuple(changes.connect(problem.where, into[0].source, w.target) for w in out)
        yield f"Remove {name} and wire {before} in its place", (gone, *wires)
    yield f"Remove {name}", (gone,)


def _add_output(analyser: Analyser, design: Design) -> Iterator[Candidate]:
    """Wire the last nodes whose answers go nowhere, or only to a loss or a metric, to a new Output."""
    judges = {c.id for c in analyser.cards.values() if c.category in ("Loss", "Metric")}
    ends: list[tuple[Node, str]] = []
    for node in design.nodes:
        outputs = ports(design, design, node, analyser.cards).outputs
        fed = {design.by_id[w.target.node].block for w in design.out_of.get(node.id, ())}
        if outputs and fed <= judges and node.block not in ("Input", "Target", *judges):
            ends.append((node, outputs[0].name))
    for node, port in sorted(ends, key=lambda e: -e[0].x)[:3]:
        output = edits.new_node(design, "", "Output", name="output", x=node.x + 260, y=node.y)
        wire = changes.connect("", End(node.id, port), End(output.id, "x"))
        yield f"Add an Output after {node.name}", (changes.AddNode("", output), wire)


def _add_input(analyser: Analyser, design: Design) -> Iterator[Candidate]:
    for node in design.nodes:
        for port in ports(design, design, node, analyser.cards).inputs:
            if port.kind == "tensor" and not port.optional and design.wire_into(End(node.id, port.name)) is None:
                yield _new_input(design, node, port)
                return


def _new_input(design: Design, node: Node, port: Port) -> Candidate:
    new = edits.new_node(design, "", "Input", name="image", x=node.x - 260, y=node.y)
    wire = changes.connect("", End(new.id, "out"), End(node.id, port.name))
    return f"Add an Input before {node.name}", (changes.AddNode("", new), wire)
