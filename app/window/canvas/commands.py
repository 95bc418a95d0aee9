"""What the canvas does to the drawing: each function asks the document for one edit and selects what came of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QPointF, QRectF

from app.design import chains, edits, frames, grouping
from app.design.bringing import bring_groups
from app.design.values import Design, End, Frame, Node, Settings, Wire
from app.window.canvas import clipboard
from app.window.canvas.face import face_of
from app.window.canvas.geometry import measure, snap
from app.window.canvas.wire_item import WireItem
from app.window.document import Document

if TYPE_CHECKING:
    from app.window.canvas.view import CanvasView

Bring = Callable[[Design], Design]

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


def put_at(view: CanvasView, node: Node, at: QPointF, free: bool) -> Node:
    """The node with its middle at `at`, on the grid; with `free`, moved down until it covers nothing."""
    document = view.document
    size = measure(face_of(document, document.graph, node, None, []))
    x, y = snap(at.x() - size.width / 2), snap(at.y() - size.height / 2)
    while free and any(
        item.rect.intersects(QRectF(x, y, size.width, size.height).adjusted(-12, -12, 12, 12))
        for item in view.scene_.nodes.values()
    ):
        y += 24
    return msgspec.structs.replace(node, x=x, y=y)


def as_it_is(design: Design) -> Design:
    """What a node needs in the design before it can stand there: nothing."""
    return design


def place(view: CanvasView, node: Node, at: QPointF, free: bool = False, bring: Bring = as_it_is) -> str:
    """Place a node with its middle at `at`; with `free`, moved down until it covers nothing. Returns its id.

    `bring` adds the Groups to the design that the node needs.
    """
    document, where = view.document, view.document.where
    placed = put_at(view, node, at, free)
    if not document.edit(f"Add {placed.name}", lambda d: edits.add_node(bring(d), where, placed)):
        return ""
    view.scene_.select([placed.id])
    return placed.id


def way_through(view: CanvasView, node: Node, wire: WireItem, bring: Bring = as_it_is) -> tuple[End, End] | None:
    """The ports through which `node` could stand in the middle of a wire; None when kinds do not fit."""
    document = view.document
    return chains.through(bring(document.design), document.graph, wire.wire, node, node, document.catalogue)


def insert(view: CanvasView, node: Node, at: QPointF, wire: WireItem, bring: Bring = as_it_is) -> str:
    """Place `node` in the middle of a wire, or beside it where it does not fit. Returns its id."""
    document, where = view.document, view.document.where
    through = way_through(view, node, wire, bring)
    if through is None:
        added = place(view, node, at, bring=bring)
        if added:
            view.hint.emit(f"{node.name} does not fit into that wire: it stands beside it")
        return added
    placed, ends = put_at(view, node, at, False), wire.wire
    if not document.edit(
        f"Insert {placed.name}",
        lambda d: edits.insert_on_wire(
            bring(d), where, ends, placed, through[0].port, through[1].port, document.catalogue
        ),
    ):
        return ""
    view.scene_.select([placed.id])
    return placed.id


def cut(view: CanvasView) -> None:
    """Copy what is selected, and take away what was copied."""
    view.copy_selection()
    delete(view, view.scene_.frames.taken())


def delete(view: CanvasView, framed: Collection[str] | None = None, *, heal: bool = True) -> None:
    """Delete what is selected: nodes with all their wires, wires, and frames alone: what stands in them stays. The
    frames may be given.

    With `heal`, what fed a node in a chain is wired to what that node fed.
    """
    document, where, graph = view.document, view.document.where, view.document.graph
    nodes, wires = view.scene_.selected_ids(), view.scene_.selected_wires()
    framed = view.scene_.frames.selected() if framed is None else framed
    if not nodes and not wires and not framed:
        return
    if len(nodes) == 1:
        words = graph.by_id[nodes[0]].name
    elif nodes:
        words = f"{len(nodes)} nodes"
    elif framed:
        words = "a frame" if len(framed) == 1 else f"{len(framed)} frames"
    else:
        words = "a wire" if len(wires) == 1 else f"{len(wires)} wires"
    healed: tuple[Wire, ...] = ()

    def change(design: Design) -> Design:
        nonlocal healed
        if heal:
            design, healed = chains.remove_and_heal(design, where, nodes, wires, document.catalogue)
        else:
            design = edits.remove(design, where, nodes, wires)
        return frames.remove_frames(design, where, framed)

    if document.edit(f"Delete {words}", change) and healed:
        names = [graph.by_id[end.node].name for end in (healed[0].source, healed[0].target)]
        more = f", and {len(healed) - 1} more" if len(healed) > 1 else ""
        view.hint.emit(f"{names[0]} now feeds {names[1]}{more}. Ctrl+Delete leaves the gap open.")


def duplicate(view: CanvasView, dx: float, dy: float) -> None:
    """Put copies of the selected nodes, with the wires between them, and of their frames beside them."""
    where, graph = view.document.where, view.document.graph
    ids, framed = set(view.scene_.selected_ids()), view.scene_.frames.taken()
    nodes = [n for n in graph.nodes if n.id in ids]
    if not nodes and not framed:
        return
    words = nodes[0].name if len(nodes) == 1 else f"{len(nodes)} nodes" if nodes else "a frame"

    def change(design: Design) -> tuple[Design, tuple[str, ...], tuple[str, ...]]:
        design, fresh = edits.paste(design, where, nodes, graph.wires, dx=dx, dy=dy)
        copies = [graph.frame_by_id[id] for id in framed]
        design, drawn = frames.add_copies(design, where, copies, dx=dx, dy=dy)
        return design, fresh, drawn

    edit_and_select(view, f"Duplicate {words}", change)


def paste(view: CanvasView, at: QPointF | None) -> None:
    """Paste what was copied: about `at`, or a little beside where it came from."""
    document, where = view.document, view.document.where
    try:
        held = clipboard.read(document.catalogue)
    except clipboard.NothingToPasteError as error:
        view.hint.emit(str(error))
        return
    nodes = [n for n in held.nodes if not misplaced(n.block, where)]
    if left := [n.name for n in held.nodes if misplaced(n.block, where)]:
        place = "inside a Group" if where else "at the top"
        view.hint.emit(f"{', '.join(left)} cannot stand {place} and was left out")
    things: list[Node | Frame] = [*nodes, *held.frames]
    if not things:
        return
    if at is not None:
        dx = snap(at.x() - (min(n.x for n in things) + max(n.x for n in things)) / 2 - 80)
        dy = snap(at.y() - (min(n.y for n in things) + max(n.y for n in things)) / 2 - 40)
    else:
        dx = dy = 32.0
        there: list[Node | Frame] = [*document.graph.nodes, *document.graph.frames]
        taken = {(n.x, n.y) for n in there}
        while any((n.x + dx, n.y + dy) in taken for n in things):
            dx, dy = dx + 32, dy + 32

    def change(design: Design) -> tuple[Design, tuple[str, ...], tuple[str, ...]]:
        design, brought = bring_groups(design, held.groups, nodes)
        design, fresh = edits.paste(design, where, brought, held.wires, dx=dx, dy=dy)
        design, drawn = frames.add_copies(design, where, held.frames, dx=dx, dy=dy)
        return design, fresh, drawn

    edit_and_select(view, "Paste", change)


def group(view: CanvasView) -> None:
    """Collapse the selected nodes into a Group."""
    document, where, graph = view.document, view.document.where, view.document.graph
    ids = view.scene_.selected_ids()
    ends = [graph.by_id[id] for id in ids if graph.by_id[id].block in (*TOP_ONLY, *INSIDE_ONLY)]
    if ends:
        document.refused.emit(f"{ends[0].name} cannot go into a Group: take it out of the selection, then group")
        return

    framed = view.scene_.frames.taken()

    def change(design: Design) -> tuple[Design, tuple[str, ...], tuple[str, ...]]:
        design, id = grouping.collapse(design, where, ids, "group", document.catalogue, framed)
        node = design.graph(where).by_id[id]
        return edits.move(design, where, {id: (snap(node.x), snap(node.y))}), (id,), ()

    edit_and_select(view, "Group", change)


def ungroup(view: CanvasView) -> None:
    """Put the inside of the selected Groups in their places."""
    document, where, graph = view.document, view.document.where, view.document.graph
    groups = [id for id in view.scene_.selected_ids() if graph.by_id[id].group]
    if not groups:
        document.refused.emit("no Group is selected: select one, then ungroup")
        return

    def change(design: Design) -> tuple[Design, tuple[str, ...], tuple[str, ...]]:
        fresh: tuple[str, ...] = ()
        for id in groups:
            design, ids = grouping.ungroup(design, where, id)
            fresh += ids
        return design, fresh, ()

    edit_and_select(view, "Ungroup", change)


def nudge(view: CanvasView, dx: float, dy: float) -> None:
    """Move the selected nodes, and frames with what stands in them, a little; nudges in a row are one step."""
    nodes, framed = view.scene_.frames.moving()
    names = [view.document.graph.by_id[id].name for id in nodes]
    words = f"{len(names)} nodes" if len(names) > 1 else names[0] if names else "a frame"
    shift(view, f"Move {words}", nodes, framed, dx, dy)


def shift(
    view: CanvasView, text: str, nodes: Collection[str], framed: Collection[str], dx: float, dy: float,
    also: Callable[[Design], Design] = as_it_is,
) -> bool:  # fmt: skip
    """Move nodes and frames by (dx, dy), and do what is to be done with it, as one step."""
    document, where, graph = view.document, view.document.where, view.document.graph
    places = {id: (graph.by_id[id].x + dx, graph.by_id[id].y + dy) for id in nodes}
    frame_places = {id: (graph.frame_by_id[id].x + dx, graph.frame_by_id[id].y + dy) for id in framed}

    def change(design: Design) -> Design:
        design = edits.move(design, where, places) if places else design
        return also(frames.move_frames(design, where, frame_places) if frame_places else design)

    merge = move_key(where, [*nodes, *framed]) if also is as_it_is else ""
    return document.edit(text, change, merge=merge, within=ONE_MOVE)


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


def follow(view: CanvasView, id: str, other: str) -> None:
    """Let a node's weights be the moving average of another's."""
    document, where = view.document, view.document.where
    document.edit("Follow weights", lambda d: edits.set_follows(d, where, id, other))


def repeat(view: CanvasView, id: str, times: int) -> None:
    document, where = view.document, view.document.where
    document.edit("Repeat", lambda d: edits.set_repeat(d, where, id, times))


def rename(view: CanvasView, id: str, name: str) -> bool:
    """Give a node another name; False when the name is refused."""
    document, where = view.document, view.document.where
    return document.edit(f"Rename to {name}", lambda d: edits.rename(d, where, id, name))


def edit_and_select(
    view: CanvasView, text: str, change: Callable[[Design], tuple[Design, tuple[str, ...], tuple[str, ...]]]
) -> bool:
    """Make an edit that also says which nodes and frames came of it, and select those."""
    fresh: tuple[str, ...] = ()
    drawn: tuple[str, ...] = ()

    def only_design(design: Design) -> Design:
        nonlocal fresh, drawn
        design, fresh, drawn = change(design)
        return design

    done = view.document.edit(text, only_design)
    if done:
        view.scene_.select(fresh)
        view.scene_.frames.select(drawn, keep=True)
    return done
