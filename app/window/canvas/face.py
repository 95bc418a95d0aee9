"""What a node shows, worked out once per change: its texts, ports and marks. Painting and measuring read only this."""

from __future__ import annotations

from dataclasses import dataclass

from app.design.ports import ports
from app.design.shapes import SHOWN, WITHOUT_COSTS
from app.design.values import Graph, Node
from app.messages.reports import NodeReport, Problem
from app.window import figures
from app.window.canvas import texts
from app.window.canvas.heat import Heat
from app.window.document import Document
from blocks.card import Card, Port

ICONS = {
    "Ends": "circle-dot", "Stem": "scan", "Backbone": "layers", "Attention": "focus", "Neck": "git-merge",
    "Head": "target", "Layer": "square", "Connector": "plug", "Loss": "trending-down", "Postprocess": "filter",
    "Metric": "gauge", "Own blocks": "puzzle", "Group": "boxes",
}  # fmt: skip
_BLOCK_ICONS = {
    "Input": "image", "Target": "flag", "Output": "log-out", "GroupInput": "log-in", "GroupOutput": "log-out",
}  # fmt: skip


@dataclass(frozen=True)
class Face:
    """One node as it is seen."""

    name: str
    title: str
    category: str
    icon: str
    rows: tuple[tuple[str, str], ...] = ()
    foot: bool = False
    parameters: str = ""
    macs: str = ""
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
    group: bool = False
    missing: bool = False
    frozen: bool = False
    shares: bool = False
    repeat: str = ""
    problem: str = ""
    """The first error's sentence; empty when there is none."""
    inside: int = 0
    """How many errors there are inside a Group; 0 where none is."""
    trouble: str = ""
    """What the last run found wrong here, or why it would not export; empty when nothing is."""
    broken: bool = False
    """Whether that ended the run."""
    exported: bool = False
    """Whether the trouble is one of the export."""
    bad_ports: frozenset[str] = frozenset()
    heat: Heat | None = None
    """What it shows of the measure that nodes are coloured by."""
    below: float = 0.0
    """Height of the preview's picture under the foot."""
    within: bool = False
    """The picture stands in place of settings and costs, for want of room below."""


def icon_of(card: Card | None, category: str) -> str:
    """The lucide icon of a block: its card's, or its category's."""
    if card is None:
        return ICONS.get(category, "box")
    return card.icon or _BLOCK_ICONS.get(card.id) or ICONS.get(category, "box")


def category_of(document: Document, node: Node) -> str:
    """The category that gives a node its colour."""
    if node.group:
        return "Group"
    card = document.catalogue.get(node.block)
    return card.category if card else "Connector"


def unexported(problems: list[Problem]) -> Problem | None:
    """The first of these that says of a block that it does not export."""
    return next((problem for problem in problems if problem.code.startswith("export-")), None)


def face_of(document: Document, graph: Graph, node: Node, report: NodeReport | None, problems: list[Problem]) -> Face:
    """Work out what `node` of `graph` shows."""
    category = category_of(document, node)
    card = document.catalogue.get(node.block)
    group = document.design.group_by_name.get(node.group) if node.group else None
    missing = card is None if not node.group else group is None
    # Until the first catalogue is there nothing is known to be missing.
    waiting = not document.catalogue and not node.group
    found = ports(document.design, graph, node, document.catalogue)
    if node.group:
        title = "Group" if node.group == node.name else node.group
        settings = group.settings if group else ()
        shown = tuple(s.name for s in settings)
    else:
        title = card.title if card else node.block
        settings = card.settings if card else ()
        shown = card.shown if card else tuple(node.settings)
    declared = {s.name: s for s in settings}
    defaults = {s.name: s.default for s in settings}
    letters = {s.letters_of: node.settings.get(s.name) for s in settings if s.letters_of}
    rows = tuple(
        (
            name.replace("_", " "),
            texts.value(
                texts.lettered(node.settings.get(name, defaults.get(name)), letters.get(name)), declared.get(name)
            ),
        )
        for name in shown[:SHOWN]
    )
    errors = [p for p in problems if p.severity == "error"]
    cost = report if report and report.ok else None  # of what failed nothing is known
    ill = document.findings.at(document.id_path(node.id)) or unexported(problems)
    repeat = texts.value(node.repeat).removeprefix("= ") if node.repeat != 1 else ""
    return Face(
        name=node.name,
        title=title,
        category=category,
        icon=icon_of(card, category),
        rows=rows,
        foot=category not in WITHOUT_COSTS and not (missing and not waiting),
        parameters=figures.short(cost.parameters) if cost else "",
        macs=figures.short(cost.macs) if cost else "",
        inputs=found.inputs,
        outputs=found.outputs,
        group=bool(node.group),
        missing=missing and not waiting,
        frozen=node.frozen,
        shares=bool(node.shares or node.follows),
        repeat=f"{texts.TIMES}{repeat}" if repeat else "",
        problem=errors[0].message if errors else "",
        inside=len(inside_of(node, errors)) if node.group else 0,
        trouble=ill.message if ill is not None else "",
        broken=ill is not None and ill.severity == "error",
        exported=ill is not None and ill.code.startswith("export-"),
        bad_ports=frozenset(p.port for p in errors if p.port and p.node == node.id),
    )


def inside_of(node: Node, problems: list[Problem]) -> list[Problem]:
    """Of the problems at a Group's node those of a node inside, each once however often the Group repeats."""
    found = {(p.where, p.node, p.port, p.code): p for p in reversed(problems) if p.id.split("/")[-1] != node.id}
    return list(reversed(found.values()))
