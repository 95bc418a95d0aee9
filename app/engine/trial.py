"""What a node would give in a drawing that nobody has drawn yet: the whole of it is run on meta, as any other."""

from __future__ import annotations

from app.design.values import Design
from app.engine.analysis import Analyser
from app.messages.trial import TriedOut


def try_out(analyser: Analyser, design: Design, id: str, job: str = "") -> TriedOut:
    """The outputs of the call at the path `id`, or the first sentence of what is wrong there.

    That it waits for further wires is not held against it.
    """
    analysis = analyser.analyse(design, with_fixes=False)
    errors = [p for p in analysis.problems if p.severity == "error" and (p.id == id or p.id.startswith(f"{id}/"))]
    wrong = next((p.message for p in errors if p.code != "missing-input"), "")
    if errors:
        return TriedOut(job, sentence=wrong)
    report = next((r for r in (*analysis.nodes, *analysis.groups) if r.id == id), None)
    return TriedOut(job, report.outputs if report is not None else ())
