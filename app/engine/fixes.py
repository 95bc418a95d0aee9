"""Repairs: for each problem the edits that could mend it, tried out on the design before they are offered.

A candidate is kept only if the design after it no longer has the problem and has no more errors than before; its change
in parameters is that of the analysed result, not an estimate. What takes away something drawn ranks last and says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec.structs import replace

from app.design import changes, edits
from app.design.ports import ports
from app.design.values import Design, End, Node, Settings, Wire
from app.design.wires import kinds_fit, reaches
from app.messages import Analysis, Fix, Problem

if TYPE_CHECKING:
    from app.engine.analysis import Analyser, Walk

MAX_PROBLEMS = 12
"""For how many problems repairs are tried: the rest get theirs once these are mended."""
MAX_FIXES = 4

Candidate = tuple[str, tuple[changes.Change, ...]]


def offer(analyser: Analyser, design: Design, walk: Walk, analysis: Analysis, batch: int) -> Analysis:
    """The analysis with fixes added to its problems."""
    errors = sum(p.severity == "error" for p in analysis.problems)
    mended = []
    for place, problem in enumerate(analysis.problems):
        found: list[Fix] = []
        for title, edit in _candidates(analyser, design, walk, problem) if place < MAX_PROBLEMS else ():
            try:
                after = changes.apply(design, edit, analyser.cards)
            except (edits.EditError, ValueError):  # the idea does not fit this drawing: it is no candidate
                continue
            result = analyser.analyse(after, batch=batch, with_fixes=False)
            left = [p for p in result.problems if p.severity == "error"]
            gone = not any((p.id, p.code, p.port) == (problem.id, problem.code, problem.port) for p in result.problems)
            if gone and (len(left) < errors or (problem.severity != "error" and len(left) <= errors)):
                found.append(Fix(title, result.parameters - analysis.parameters, edit))
            if len(found) == MAX_FIXES:
                break
        mended.append(replace(problem, fixes=tuple(found)))
    return replace(analysis, problems=tuple(mended))


def _candidates(analyser: Analyser, design: Design, walk: Walk, problem: Problem) -> Iterator[Candidate]:
    match problem.code:
        case "missing-input":
            yield from _wire_up(analyser, design, problem)
        case "differs":
            yield from _match_shapes(analyser, design, walk, problem)
        case "divides":
            yield from _make_divide(analyser, design, walk, problem)
        case "rank":
            yield from _change_rank(analyser, design, problem)
        case "kernel" | "padding":
            yield from _smaller_kernel(analyser, design, walk, problem)
        case "setting" | "setting-unknown":
            yield from _reset_setting(design, walk, problem)
        case "no-output":
            yield from _add_end(analyser, design, "Output")
        case "no-input":
            yield from _add_input(analyser, design)
    if problem.node and problem.code not in ("differs", "divides", "rank", "kernel", "padding", "setting"):
        name = design.graph(problem.where).by_id[problem.node].name
        yield f"Remove {name}", (changes.Remove(problem.where, (problem.node,)),)


def _wire_up(analyser: Analyser, design: Design, problem: Problem) -> Iterator[Candidate]:
    """Wire the nearest outputs to the left that fit."""
    graph = design.graph(problem.where)
    node = graph.by_id[problem.node]
    port = ports(design, graph, node, analyser.cards).input(problem.port)
    if port is None:
        return
    target = End(node.id, problem.port)
    offers = []
    for other in graph.nodes:
        if other is node or reaches(graph, node.id, other.id):
            continue
        for output in ports(design, graph, other, analyser.cards).outputs:
            if kinds_fit(output.kind, port.kind) and (port.dtype == "int") == (other.block == "Target"):
                free = not any(w.source == End(other.id, output.name) for w in graph.wires)
                distance = math.hypot(node.x - other.x, 2 * (node.y - other.y)) + (1e4 if other.x >= node.x else 0)
                offers.append((not free, distance, other, output.name))
    for _taken, _distance, other, output_name in sorted(offers, key=lambda o: o[:2])[:6]:
        yield f"Wire {other.name} to it", (changes.connect(problem.where, End(other.id, output_name), target),)
    if port.dtype == "int" and "Target" in analyser.cards and not problem.where:
        target_node = edits.new_node(design, "", "Target", name="target", x=node.x - 260, y=node.y + 120)
        wire = changes.connect("", End(target_node.id, "out"), target)
        yield "Add a Target", (changes.AddNode("", target_node), wire)
    elif "Input" in analyser.cards and not problem.where and port.kind == "tensor":
        input_node = edits.new_node(design, "", "Input", name="image", x=node.x - 260, y=node.y)
        wire = changes.connect("", End(input_node.id, "out"), target)
        yield "Add an Input", (changes.AddNode("", input_node), wire)


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


def _make_divide(analyser: Analyser, design: Design, walk: Walk, problem: Problem) -> Iterator[Candidate]:
    """Choose a divisor that divides, or a number of channels above that is a multiple."""
    step = walk.steps[problem.id]
    refusal = step.measured.refusal if step.measured else None
    if refusal is None:
        return
    size, by, setting = refusal.detail.get("size", 0), refusal.detail.get("by", 0), refusal.detail.get("setting", "")
    if size and by:
        below = max(d for d in range(1, min(size, max(by, 1)) + 1) if size % d == 0)
        if step.card and step.card.setting(setting):
            yield f"Set {setting} to {below}", (changes.set_setting(problem.where, problem.node, setting, below),)
        above = walk.steps.get(problem.blame)
        if above and above.card and above.card.setting("out_channels"):
            wanted = math.ceil(size / by) * by
            title = f"Set {above.call.name}'s out_channels to {wanted}"
            yield title, (changes.set_setting(above.call.where, above.call.node, "out_channels", wanted),)


def _change_rank(analyser: Analyser, design: Design, problem: Problem) -> Iterator[Candidate]:
    """Between an image and a vector: flatten it or pool it."""
    graph = design.graph(problem.where)
    wire = graph.wire_into(End(problem.node, problem.port))
    if wire is None:
        return
    for block, title in (("Flatten", "Flatten it first"), ("GlobalAvgPool", "Pool it to a vector first")):
        if block in analyser.cards:
            yield title, (_between(design, problem.where, wire, block, block.lower(), Settings()),)


def _smaller_kernel(analyser: Analyser, design: Design, walk: Walk, problem: Problem) -> Iterator[Candidate]:
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


def _reset_setting(design: Design, walk: Walk, problem: Problem) -> Iterator[Candidate]:
    node = design.graph(problem.where).by_id[problem.node]
    step = walk.steps.get(problem.id)
    if step is None or step.card is None:
        return
    for name, value in node.settings.items():
        setting = step.card.setting(name)
        if setting is None:
            title = f"Forget {name}"
        else:
            try:
                setting.accept(step.call.settings.get(name, value))
                continue
            except ValueError:
                title = f"Set {name} back to {setting.default}"
        yield title, (changes.set_setting(problem.where, problem.node, name, None),)


def _add_end(analyser: Analyser, design: Design, block: str) -> Iterator[Candidate]:
    """Wire the last nodes whose output goes nowhere to a new Output."""
    ends: list[tuple[Node, str]] = []
    for node in design.nodes:
        outputs = ports(design, design, node, analyser.cards).outputs
        if outputs and not design.out_of.get(node.id) and node.block not in ("Input", "Target"):
            ends.append((node, outputs[0].name))
    for node, port in sorted(ends, key=lambda e: -e[0].x)[:3]:
        output = edits.new_node(design, "", block, name="output", x=node.x + 260, y=node.y)
        wire = changes.connect("", End(node.id, port), End(output.id, "x"))
        yield f"Add an Output after {node.name}", (changes.AddNode("", output), wire)


def _add_input(analyser: Analyser, design: Design) -> Iterator[Candidate]:
    for node in design.nodes:
        for port in ports(design, design, node, analyser.cards).inputs:
            if port.kind == "tensor" and not port.optional and design.wire_into(End(node.id, port.name)) is None:
                new = edits.new_node(design, "", "Input", name="image", x=node.x - 260, y=node.y)
                wire = changes.connect("", End(new.id, "out"), End(node.id, port.name))
                yield f"Add an Input before {node.name}", (changes.AddNode("", new), wire)
                return
