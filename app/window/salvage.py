"""What still holds of an analysis when the engine could not finish the next one."""

from __future__ import annotations

from msgspec.structs import replace

from app.design.edits import used_groups
from app.design.values import Design, Node
from app.messages import Analyse, Analysis
from app.messages.reports import Memory, Problem


def salvage(known: tuple[Analyse, Analysis] | None, asked: Analyse, blamed: str, problem: Problem) -> Analysis:
    """An answer to `asked` in the engine's place: `problem`, and what was `known` of the nodes that neither changed
    nor lie behind one that did, or behind the node `blamed`. Sums are those of that part."""
    if known is None or known[0].variant != asked.variant:
        return Analysis(asked.revision, valid=False, partial=True, problems=(problem,))
    before, now, analysis = known[0].design, asked.design, known[1]
    stale = _changed(before, now) | {blamed}
    todo = list(stale)
    while todo:
        for wire in now.out_of.get(todo.pop(), ()):
            if wire.target.node not in stale:
                stale.add(wire.target.node)
                todo.append(wire.target.node)
    nodes = tuple(r for r in analysis.nodes if r.id.split("/")[0] not in stale)
    groups = tuple(r for r in analysis.groups if r.id.split("/")[0] not in stale)
    return Analysis(
        asked.revision,
        valid=False,
        partial=True,
        parameters=sum(r.parameters for r in nodes),
        trainable_parameters=sum(r.trainable for r in nodes),
        buffers=sum(r.buffers for r in nodes),
        macs=sum(r.macs for r in nodes),
        memory=Memory(activations=sum(r.activations for r in nodes)),
        nodes=nodes,
        groups=groups,
        problems=(problem,),
    )


def _changed(before: Design, now: Design) -> set[str]:
    """The nodes of the top graph that are new, gone or not what they were; where they stand does not count."""
    ids = before.by_id.keys() | now.by_id.keys()
    return {id for id in ids if _essence(before, id) != _essence(now, id)}


def _essence(design: Design, id: str) -> object:
    node: Node | None = design.by_id.get(id)
    if node is None:
        return None
    groups = {name: design.group_by_name[name] for name in used_groups(design, node.group)} if node.group else {}
    return replace(node, x=0.0, y=0.0), set(design.into.get(id, ())), groups
