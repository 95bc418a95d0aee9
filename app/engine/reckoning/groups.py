"""A Group's numbers: the sums over the nodes drawn in it."""

from __future__ import annotations

from app.design.values import Design
from app.engine.analysis import Analyser
from app.engine.reckoning.formulas import line
from app.engine.reckoning.inside import summed
from app.messages.reckoning import Part, Reckoning


def reckon_group(analyser: Analyser, design: Design, where: str, node: str, job: str) -> Reckoning:
    """The parameters and MACs of a Group as the sums over all blocks that run in it, repetitions counted."""
    analysis = analyser.analyse(design, with_fixes=False)
    drawn = design.graph(where).by_id[node]
    report = next((g for g in analysis.groups if g.where == where and g.node == node), None)
    if report is None:
        return Reckoning(job, sentence=f"{drawn.name} is not run: an input of it is not there yet.")
    inside = [r for r in analysis.nodes if r.id.startswith(f"{report.id}/")]
    merged: dict[tuple[str, int, int], Part] = {}
    for r in inside:
        if r.parameters or r.macs:
            key = r.block, r.parameters, r.macs
            before = merged.get(key)
            name = before.name if before else r.name.removeprefix(f"{report.name}/")
            merged[key] = Part(name, r.block, before.times + 1 if before else 1, r.parameters, r.macs)
    parts = tuple(merged.values())
    lines = []
    if report.parameters:
        lines.append(line("parameters", summed((p.parameters, p.times) for p in parts), report.parameters))
    if report.macs:
        lines.append(line("MACs", summed((p.macs, p.times) for p in parts), report.macs))
    text = f"{drawn.name} is a Group of {len(inside)} blocks; its numbers are their sums."
    return Reckoning(job, tuple(lines), None, parts, text)
