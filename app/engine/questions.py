"""Answers what the window asks about a drawing besides its analysis; each answer has the job of its question."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from app.design.paths import apply_variant
from app.engine.compile import shared_analyser
from app.messages import Answers, OpenedUp, OpenUp, Question, Survey, Surveyed
from app.messages.augment import GetAugmented
from app.messages.code import Code, GetCode
from app.messages.data import FindKind, GetData, KindFound, Working
from app.messages.forecast import ForecastMemory
from app.messages.lint import CheckExport
from app.messages.parts import Fields, GetFields, GetParts, OutputFields, Parts
from app.messages.preview import GetPreview
from app.messages.profile import GetProfile
from app.messages.recipe import CountSamples, FindRate, Samples
from app.messages.reckoning import Reckon
from app.messages.solving import Solve
from app.messages.symbols import CheckSizes, GetSymbols
from app.messages.totals import GetTotals, Totals
from app.messages.trial import TryOut
from app.messages.weights import CompareWeights

if TYPE_CHECKING:
    from app.engine import reach
    from app.engine.connections import Connections


def answer(
    request: Question,
    cancelled: Callable[[], bool] = lambda: False,
    tell: Callable[[Working], None] = lambda working: None,
) -> Answers:
    """The answer. Raises what the part of the engine that knows it raises, always with a sentence for the user.

    What takes seconds asks `cancelled` now and then whether anybody still waits, and may `tell` how far it is.
    """
    analyser = shared_analyser()
    design = request.design
    if request.variant:
        design = apply_variant(design, request.variant, analyser.cards)
    match request:
        case Survey(job=job):
            return Surveyed(job, analyser.analyse(design))
        case OpenUp(job=job, where=where, node=node):
            from app.engine.opening import open_node

            return OpenedUp(job, open_node(design, where, node).group)
        case Solve():
            from app.engine.solve import answer as solved

            return solved(analyser, request)
        case Reckon(job=job, where=where, node=node):
            from app.engine.reckoning import reckon

            return reckon(analyser, design, where, node, job)
        case GetParts(job=job, where=where, node=node, batch=batch, fields=fields):
            from app.engine.parts import parts

            return Parts(job, parts(analyser, design, where, node, batch=batch, reach=_fields() if fields else None))
        case GetFields(job=job, batch=batch):
            walk = analyser.walk(design, batch=batch)
            found = _fields().fields(walk)
            outputs = tuple(OutputFields(end.node, end.port, fields) for end, fields in found.items())
            return Fields(job, outputs, _connections().of(walk))
        case TryOut(job=job, id=id):
            from app.engine.trial import try_out

            return try_out(analyser, design, id, job)
        case GetSymbols(job=job):
            from app.engine.symbols import symbols

            return symbols(analyser, design, job)
        case CheckSizes(job=job, sizes=sizes):
            from app.engine.symbols import check_sizes

            return check_sizes(analyser, design, sizes, job)
        case ForecastMemory(job=job):
            from app.engine.forecast import forecast_memory

            return forecast_memory(
                design, batch=request.batch, precision=request.precision, optimizer=request.optimizer,
                limit=request.limit, device=request.device, job=job,
            )  # fmt: skip
        case GetProfile(job=job):
            from app.engine.profiling import profile

            return profile(
                design, batch=request.batch, device=request.device, precision=request.precision,
                training=request.training, cancelled=cancelled, job=job,
            )  # fmt: skip
        case GetTotals(job=job, batch=batch):
            analysis = analyser.analyse(design, batch=batch, with_fixes=False)
            problem = next((p.message for p in analysis.problems if p.severity == "error"), "")
            return Totals(job, analysis.parameters, analysis.macs, analysis.memory, analysis.outputs, problem)
        case CountSamples(job=job):
            from app.engine.recipe import count_samples

            return Samples(job, count_samples(design))
        case FindRate(job=job):
            from app.engine.rate_finder import find_rate

            return find_rate(
                design, design.recipe, device=request.device, low=request.low, high=request.high, steps=request.steps,
                cancelled=cancelled, job=job,
            )  # fmt: skip
        case GetData():
            from app.engine.data.show import show

            return show(request, design, tell, cancelled)
        case GetAugmented():
            from app.engine.augment.show import show_steps

            return show_steps(request, design)
        case FindKind(job=job, path=path):
            from app.engine.data.guess import kind_of

            return KindFound(job, kind_of(Path(path).expanduser()), path)
        case CompareWeights(job=job):
            from app.engine.weights_table import compare_weights

            return compare_weights(design, Path(request.file).expanduser(), request.by, job)
        case GetCode(job=job, name=name):
            from app.engine.compile import InvalidDesignError
            from app.engine.to_python import generate

            try:
                made = generate(design, name=name)
            except InvalidDesignError as error:
                return Code(job, "", problem=str(error))
            return Code(job, made.text, made.places, made.name)
        case CheckExport(job=job, any_size=any_size):
            from app.engine.lint.checking import check

            return check(analyser, design, any_size=any_size, cancelled=cancelled, job=job)
        case GetPreview():
            from app.engine.preview import preview

            return preview(analyser, design, request, cancelled)


@lru_cache(maxsize=1)
def _fields() -> reach.Fields:
    """What is known of receptive fields so far: equal runs are made once."""
    from app.engine import reach

    return reach.Fields(shared_analyser().measurer)


@lru_cache(maxsize=1)
def _connections() -> Connections:
    """What is known of connections so far."""
    from app.engine.connections import Connections

    return Connections(shared_analyser().measurer)
