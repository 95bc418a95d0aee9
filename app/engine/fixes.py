"""Fixes: for each problem the repairs that do mend it, tried out on the design before they are offered.

A candidate (`app.engine.repairs`) is kept only if the design after it no longer has the problem and has no more errors
than before; its change in parameters is that of the analysed result, not an estimate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from app.design import changes
from app.design.values import Design
from app.engine import repairs
from app.messages import Analysis
from app.messages.reports import Fix

if TYPE_CHECKING:
    from app.engine.analysis import Analyser
    from app.engine.walk import Walk

MAX_PROBLEMS = 12
"""For how many problems repairs are tried: the rest get theirs once these are mended."""
MAX_FIXES = 4
BUDGET = 15_000
"""How many blocks are walked in all while repairs are tried, so that a large broken design is answered nearly as fast
as a sound one. Counted, not timed: the same design always gets the same fixes, by the same numbers."""

HINTED = 400
"""Larger drawings get no fixes for hints: a hint must not make every edit slower."""


def offer(analyser: Analyser, design: Design, walk: Walk, analysis: Analysis, batch: int) -> Analysis:
    """The analysis with fixes added to its problems."""
    errors = sum(p.severity == "error" for p in analysis.problems)
    trials = max(1, BUDGET // max(len(walk.steps), 1))
    mended = list(analysis.problems)
    for place, problem in enumerate(analysis.problems[:MAX_PROBLEMS]):
        if problem.severity == "hint" and len(walk.steps) > HINTED:
            continue
        found: list[Fix] = []
        for title, edit in repairs.candidates(analyser, design, walk, problem):
            if not trials or len(found) == MAX_FIXES:
                break
            if any(edit == fix.changes for fix in found):  # another idea came to the same
                continue
            try:
                after = changes.apply(design, edit, analyser.cards)
            except ValueError:  # a rule of drawing forbids the idea here: it is no candidate
                continue
            trials -= 1
            result = analyser.analyse(after, batch=batch, with_fixes=False)
            left = sum(p.severity == "error" for p in result.problems)
            gone = not any((p.id, p.code, p.port) == (problem.id, problem.code, problem.port) for p in result.problems)
            if gone and (left < errors or (problem.severity != "error" and left <= errors)):
                gives = next((r.outputs for r in (*result.nodes, *result.groups) if r.id == problem.id), ())
                found.append(Fix(title, result.parameters - analysis.parameters, edit, gives))
        mended[place] = replace(problem, fixes=tuple(found))
        if not trials:
            break
    return replace(analysis, problems=tuple(mended))
