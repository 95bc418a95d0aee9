"""What the canvas does to the drawing: each function asks the document for one edit and selects what came of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QPointF, QRectF

from app.design import edits, grouping
from app.design.ports import ports
from app.design.values import Design, Node, Settings
from app.design.wires import kinds_fit
from app.window.canvas import clipboard
from app.window.canvas.face import face_of
from app.window.canvas.geometry import measure, snap
from app.window.canvas.wire_item import WireItem
from app.window.document import Document

if TYPE_CHECKING:
    from app.window.canvas.view import CanvasView

TOP_ONLY = ("Input", "Target", "Output")
"""Blocks that stand at the top of a drawing only."""
INSIDE_ONLY = ("GroupInput", "GroupOutput")
"""Blocks that stand inside a Group only."""
ONE_MOVE = 3.0
"""Seconds: moves of the same nodes that follow each other sooner are one step."""


def move_key(where: str, ids: Iterable[str]) -> str:
    """What the moves of these nodes merge by."""
    return f"move {where} {' '.join(sorted(ids))}"


def misplaced(block: str, where: str) -> str:
    """Why `block` cannot stand in the graph `where`; empty when it can."""
    if where and block in TOP_ONLY:
        return f"{block} stands at the top of the drawing only: inside a Group use GroupInput and GroupOutput"
    if not where and block in INSIDE_ONLY:
        return f"{block} stands inside a Group only: at the top use Input and Output"
    return ""


def new_node(document: Document, what: str) -> Node:
    """A node of a block (`Conv2d`) or of one of its presets (`Input:tokens`), not yet on the canvas."""
    block, _, name = what.partition(":")
    card = document.catalogue.get(block)
    presets = card.presets if card is not None else ()
    preset = next((p for p in presets if p.name == name or not (name or p.settings)), None)
    if preset is None:
        return edits.new_node(document.design, document.where, block)
    made = edits.new_node(document.design, document.where, block, name=preset.node)
    return msgspec.structs.replace(made, settings=Settings(preset.settings))


def add_block(view: CanvasView, what: str, at: QPointF, *, free: bool = False) -> str:
    """Place a block or a preset with its middle at `at`; with `free`, moved down until it covers nothing.

    Returns the new node's id.
    """
    node = new_node(view.document, what)
    if reason := misplaced(node.block, view.document.where):
        view.document.refused.emit(reason)
        return ""
    return place(view, node, at, free)


def add_group(view: CanvasView, group: str, at: QPointF, *, free: bool = False) -> str:
    """Place another node that uses a Group of the design. Returns its id."""
    document = view.document
    return place(view, edits.new_group_node(document.design, document.where, group), at, free)


def _placed(view: CanvasView, node: Node, at: QPointF, free: bool) -> Node:
    document = view.document
    size = measure(face_of(document, document.graph, node, None, []))
    x, y = snap(at.x() - size.width / 2), snap(at.y() - size.height / 2)
    while free and any(
        item.rect.intersects(QRectF(x, y, size.width, size.height).adjusted(-12, -12, 12, 12))
        for item in view.scene_.nodes.values()
    ):
        y += 24
    return msgspec.structs.replace(node, x=x, y=y)


def place(view: CanvasView, node: Node, at: QPointF, free: bool = False) -> str:
    """Place a node with its middle at `at`; with `free`, moved down until it covers nothing. Returns its id."""
    document, where = view.document, view.document.where
    placed = _placed(view, node, at, free)
    if not document.edit(f"Add {placed.name}", lambda d: edits.add_node(d, where, placed)):
        return ""
    view.scene_.select([placed.id])
    return placed.id


def way_through(view: CanvasView, node: Node, wire: WireItem) -> tuple[str, str] | None:
    """The ports through which `node` could stand in the middle of a wire; None when kinds do not fit."""
    document, graph = view.document, view.document.graph
    ends = wire.wire
    output = ports(document.design, graph, graph.by_id[ends.source.node], document.catalogue).output(ends.source.port)
    input = ports(document.design, graph, graph.by_id[ends.target.node], document.catalogue).input(ends.target.port)
    own = ports(document.design, graph, node, document.catalogue)
    if output is None or input is None:
        return None
    into = next((p.name for p in own.inputs if kinds_fit(output.kind, p.kind)), None)
    out = next((p.name for p in own.outputs if kinds_fit(p.kind, input.kind)), None)
    return (into, out) if into and out else None


def insert(view: CanvasView, node: Node, at: QPointF, wire: WireItem) -> str:
    """Place `node` in the middle of a wire, or beside it where it does not fit. Returns its id."""
    document, where = view.document, view.document.where
    through = way_through(view, node, wire)
    if through is None:
        added = place(view, node, at)
        if added:
            view.hint.emit(f"{node.name} does not fit into that wire: it stands beside it")
        return added
    placed, ends = _placed(view, node, at, False), wire.wire
    if not document.edit(
        f"Insert {placed.name}",
        lambda d: edits.insert_on_wire(d, where, ends, placed, through[0], through[1], document.catalogue),
    ):
        return ""
    view.scene_.select([placed.id])
    return placed.id


def delete(view: CanvasView) -> None:
    """Delete what is selected: nodes with all their wires, and wires."""
    document, where, graph = view.document, view.document.where, view.document.graph
    nodes, wires = view.scene_.selected_ids(), view.scene_.selected_wires()
    if not nodes and not wires:
        return
    if len(nodes) == 1:
        words = graph.by_id[nodes[0]].name
    else:
        words = f"{len(nodes)} nodes" if nodes else "a wire" if len(wires) == 1 else f"{len(wires)} wires"
    document.edit(f"Delete {words}", lambda d: edits.remove(d, where, nodes, wires))


def duplicate(view: CanvasView, dx: float, dy: float) -> None:
    """Put copies of the selected nodes, with the wires between them, beside them."""
    where, graph = view.document.where, view.document.graph
    ids = set(view.scene_.selected_ids())
    nodes = [n for n in graph.nodes if n.id in ids]
    if not nodes:
        return
    words = nodes[0].name if len(nodes) == 1 else f"{len(nodes)} nodes"
    _edit_and_select(view, f"Duplicate {words}", lambda d: edits.paste(d, where, nodes, graph.wires, dx=dx, dy=dy))


def paste(view: CanvasView, at: QPointF | None) -> None:
    """Paste what was copied: about `at`, or a little beside where it came from."""
    held = clipboard.read()
    if held is None:
        view.hint.emit("There is nothing to paste: copy some nodes first")
        return
    document, where = view.document, view.document.where
    nodes = [n for n in held.nodes if not misplaced(n.block, where)]
    if left := [n.name for n in held.nodes if misplaced(n.block, where)]:
        place = "inside a Group" if where else "at the top"
        view.hint.emit(f"{', '.join(left)} cannot stand {place} and was left out")
    if not nodes:
        return
    if at is not None:
        dx = snap(at.x() - (min(n.x for n in nodes) + max(n.x for n in nodes)) / 2 - 80)
        dy = snap(at.y() - (min(n.y for n in nodes) + max(n.y for n in nodes)) / 2 - 40)
    else:
        dx = dy = 32.0
        taken = {(n.x, n.y) for n in document.graph.nodes}
        while any((n.x + dx, n.y + dy) in taken for n in nodes):
            dx, dy = dx + 32, dy + 32

    def change(design: Design) -> tuple[Design, tuple[str, ...]]:
        design, brought = clipboard.bring_groups(design, held.groups, nodes)
        return edits.paste(design, where, brought, held.wires, dx=dx, dy=dy)

    _edit_and_select(view, "Paste", change)


def group(view: CanvasView) -> None:
    """Collapse the selected nodes into a Group."""
    document, where, graph = view.document, view.document.where, view.document.graph
    ids = view.scene_.selected_ids()
    ends = [graph.by_id[id] for id in ids if graph.by_id[id].block in (*TOP_ONLY, *INSIDE_ONLY)]
    if ends:
        document.refused.emit(f"{ends[0].name} cannot go into a Group: take it out of the selection, then group")
        return

    def change(design: Design) -> tuple[Design, tuple[str, ...]]:
        design, id = grouping.collapse(design, where, ids, "group", document.catalogue)
        node = design.graph(where).by_id[id]
        return edits.move(design, where, {id: (snap(node.x), snap(node.y))}), (id,)

    _edit_and_select(view, "Group", change)


def ungroup(view: CanvasView) -> None:
    """Put the inside of the selected Groups in their places."""
    document, where, graph = view.document, view.document.where, view.document.graph
    groups = [id for id in view.scene_.selected_ids() if graph.by_id[id].group]
    if not groups:
        document.refused.emit("no Group is selected: select one, then ungroup")
        return

    def change(design: Design) -> tuple[Design, tuple[str, ...]]:
        fresh: tuple[str, ...] = ()
        for id in groups:
            design, ids = grouping.ungroup(design, where, id)
            fresh += ids
        return design, fresh

    _edit_and_select(view, "Ungroup", change)


def nudge(view: CanvasView, dx: float, dy: float) -> None:
    """Move the selected nodes a little; nudges in a row are one step."""
    document, where, graph = view.document, view.document.where, view.document.graph
    ids = sorted(view.scene_.selected_ids())
    places = {id: (graph.by_id[id].x + dx, graph.by_id[id].y + dy) for id in ids}
    words = graph.by_id[ids[0]].name if len(ids) == 1 else f"{len(ids)} nodes"
    merge = move_key(where, ids)
    document.edit(f"Move {words}", lambda d: edits.move(d, where, places), merge=merge, within=ONE_MOVE)


def set_frozen(view: CanvasView, ids: Collection[str], frozen: bool) -> None:
    """Freeze or release the weights of nodes."""
    document, where = view.document, view.document.where

    def change(design: Design) -> Design:
        for id in ids:
            design = edits.set_frozen(design, where, id, frozen)
        return design

    document.edit("Freeze" if frozen else "Unfreeze", change)


def share(view: CanvasView, id: str, other: str) -> None:
    """Let a node use the weights of another ("" for its own)."""
    document, where = view.document, view.document.where
    document.edit("Share weights" if other else "Use own weights", lambda d: edits.set_shares(d, where, id, other))


def repeat(view: CanvasView, id: str, times: int) -> None:
    document, where = view.document, view.document.where
    document.edit("Repeat", lambda d: edits.set_repeat(d, where, id, times))


def rename(view: CanvasView, id: str, name: str) -> bool:
    """Give a node another name; False when the name is refused."""
    document, where = view.document, view.document.where
    return document.edit(f"Rename to {name}", lambda d: edits.rename(d, where, id, name))


def _edit_and_select(view: CanvasView, text: str, change: Callable[[Design], tuple[Design, tuple[str, ...]]]) -> None:
    fresh: tuple[str, ...] = ()

    def only_design(design: Design) -> Design:
        nonlocal fresh
        design, fresh = change(design)
        return design

    if view.document.edit(text, only_design):
        view.scene_.select(fresh)
