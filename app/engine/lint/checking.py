"""The check of a whole drawing: what of it would not go into an ONNX file, besides what is declared."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from msgspec.structs import replace

from app.design.changes import set_setting
from app.design.expand import TooLargeError
from app.design.values import Design
from app.engine import problems
from app.engine.compile import InputSpec
from app.engine.lint import tracing
from app.engine.lint.declared import exported, ran
from app.engine.surroundings import problem
from app.engine.walk import Step, Walk
from app.messages import Analysis
from app.messages.lint import ExportChecked
from app.messages.reports import Fix, PortShape, Problem

if TYPE_CHECKING:
    from app.engine.analysis import Analyser

BUDGET = 1.0
"""Seconds after which an answer is given, though not all is known: other questions wait in the same line."""
LARGER = 1.5
"""How much larger an image is, at the least, that shows whether a network takes others."""
MIXED = (
    "it puts the samples of a batch together: the first size of what it gives stays the same however many there are, "
    "and another grows; keep the first size as it comes, such as `a.flatten(1)`"
)
"""What is said of lines that lay several samples into one row."""
SHIPPED = "blocks."
"""Where the classes of the catalogue live."""


def check(
    analyser: Analyser,
    design: Design,
    *,
    any_size: bool = False,
    cancelled: Callable[[], bool] = lambda: False,
    job: str = "",
    budget: float = BUDGET,
) -> ExportChecked:
    """What of `design` would not export, besides what is `declared`. Never raises for a bad design: what does not run
    has problems of its own."""
    try:
        walk = analyser.walk(design)
        own = [step for step in exported(walk) if _own(analyser, step)]
        any_size = any_size and _takes_an_image(walk)
        if not own and not any_size:
            return ExportChecked(job)
        two, three = (analyser.walk(design, batch=batch) for batch in (2, 3))
        size, found = _by_size(analyser, design, walk) if any_size else (None, None)
    except TooLargeError:
        return ExportChecked(job)
    other = size or two
    told: list[Problem] = [*_of_batch(design, walk, two)]
    told += [found] if found is not None else []
    known = {p.id for p in told}
    left, began = 0, time.monotonic()
    for step in own:
        if step.call.id in known or not all(ran(w, step) for w in (two, three)):
            continue
        if _mixes(two.steps[step.call.id], three.steps[step.call.id]):
            told.append(problem(step, "warning", "export-batch", MIXED))
            continue
        walks = (two, three, other) if ran(other, step) else (two, three, two)
        asked = tracing.Asked.of(analyser.measurer.classes[step.call.block], *(w.steps[step.call.id] for w in walks))
        look = tracing.known(asked)
        if look is None and (cancelled() or time.monotonic() - began > budget):
            left += 1
            continue
        look = look or tracing.look(asked)
        if look.code:
            fixes = tuple(_fix(walk.steps[step.call.id], *fix) for fix in look.fixes)
            told.append(replace(problem(step, "warning", look.code, look.message), fixes=fixes))
    return ExportChecked(job, _once(walk, told), left)


def with_export(analyser: Analyser, design: Design, analysis: Analysis) -> Analysis:
    """The analysis with what would not export among its problems, all of it looked at."""
    found = check(analyser, design, budget=math.inf).problems
    rank = {"error": 0, "warning": 1, "hint": 2}
    problems = sorted((*analysis.problems, *found), key=lambda each: rank[each.severity])
    return replace(analysis, problems=tuple(problems)) if found else analysis


def _fix(step: Step, title: str, setting: str, value: str) -> Fix:
    assert step.card is not None and step.measured is not None
    ports = zip(step.card.outputs, step.measured.outputs, strict=False)
    change = set_setting(step.call.where, step.call.node, setting, value)
    return Fix(title, 0, (change,), tuple(PortShape(port.name, port.kind, value) for port, value in ports))


def _once(walk: Walk, told: list[Problem]) -> tuple[Problem, ...]:
    """In the order of the network; the repetitions of a Group are told once."""
    order = {id: n for n, id in enumerate(walk.steps)}
    unique: dict[tuple[str, str, str], Problem] = {}
    for each in sorted(told, key=lambda p: order.get(p.id, 0)):
        unique.setdefault((each.where, each.node, each.code), each)
    return tuple(unique.values())


def _takes_an_image(walk: Walk) -> bool:
    """Whether there is a height and a width that an export could leave open."""
    inputs = [step.measured for step in walk.steps.values() if step.call.block == "Input"]
    given = [each.outputs[0][0] for each in inputs if each is not None and each.refusal is None]
    return any(InputSpec("", tensor.shape[1:], tensor.dtype).is_image for tensor in given)


def _own(analyser: Analyser, step: Step) -> bool:
    """Whether nobody but its author knows whether it exports: code, or a module of the user's own."""
    cls = analyser.measurer.classes.get(step.call.block)
    if cls is None or step.card is None or step.card.category == "Ends":
        return False
    code = [s for s in step.card.settings if s.type == "code"]
    written = any(step.call.settings.get(s.name, s.default) != s.default for s in code)
    return written or not cls.__module__.startswith(SHIPPED)


def _mixes(two: Step, three: Step) -> bool:
    """Whether several samples end up in one row. One that stands elsewhere, as in (L, B, C), grows by 1."""
    assert two.measured is not None and three.measured is not None
    for a, b in zip(two.measured.outputs, three.measured.outputs, strict=False):
        for one, other in zip(a, b, strict=False):
            if len(one.shape) != len(other.shape) or len(one.shape) < 2 or one.shape[0] != other.shape[0]:
                continue
            if any(n - m > 1 for m, n in zip(one.shape[1:], other.shape[1:], strict=True)):
                return True
    return False


def _of_batch(design: Design, walk: Walk, two: Walk) -> Iterator[Problem]:
    """Where two samples at once stop a network that takes one."""
    stopped = [s for s in exported(walk) if not ran(two, s) and any(two.steps[s.call.id].inputs.values())]
    if not stopped:
        return
    errors = {p.id: p for p in problems.find(design, two) if p.severity == "error"}
    for step in stopped:
        error = errors.get(step.call.id)
        if error is None or error.code in ("missing-input", "consent"):
            continue
        guilty = walk.steps.get(error.blame, step)
        if guilty.call.block in ("Input", "Target"):
            guilty = step
        why = error.message.removeprefix(f"{step.call.name}: ").rstrip(".")
        at = "" if guilty is step else f" at {step.call.name}"
        said = f"it takes one sample at a time: with a batch of two, {why}{at}; leave the first size as it comes"
        yield problem(guilty, "warning", "export-batch", said)


def _by_size(analyser: Analyser, design: Design, walk: Walk) -> tuple[Walk | None, Problem | None]:
    """The walk at another size that the network takes as it is built, or the problem of the node that takes none."""
    from app.engine.symbols.checking import check_sizes
    from app.engine.symbols.inputs import free_sizes, resized

    frees = free_sizes(walk)
    tried = check_sizes(analyser, design).tried if frees else ()
    own = tuple(free.size for free in frees)
    # Sizes that round to the same further on fit always; those that are clearly larger show that the size is free.
    larger = [each for each in tried if all(a >= LARGER * b for a, b in zip(each.sizes, own, strict=True))]
    larger.sort(key=lambda each: math.prod(each.sizes))
    if any(each.fits for each in larger):
        fitting = [each.sizes for each in tried if each.fits]
        uneven = [size for size in fitting if len(set(size)) == len(size) and set(size).isdisjoint(own)]
        sizes = dict(zip((free.letter for free in frees), (uneven or fitting)[0], strict=True))
        return analyser.walk(resized(design, frees, sizes, walk), batch=2), None
    first = next((each for each in (*larger, *tried) if each.id in walk.steps), None)
    if first is None:
        return None, None
    step = walk.steps[first.id]
    shown = " × ".join(map(str, first.sizes))
    why = first.message.removeprefix(f"{first.name}: ").rstrip(".")
    said = f"its size is baked in, so an export for images of any size fails; at {shown}, {why}"
    return None, problem(step, "warning", "export-size", said)
