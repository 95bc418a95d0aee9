"""Nodes that come with their wires: put behind an output, before an input or between both, in one edit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF

from app.design import edits
from app.design.values import Design, End, Node
from app.window.canvas import commands
from app.window.canvas.face import face_of
from app.window.canvas.fitting import Fitting
from app.window.canvas.geometry import measure

if TYPE_CHECKING:
    from app.window.canvas.view import CanvasView


def place_joined(view: CanvasView, node: Node, at: QPointF, fitting: Fitting) -> str:
    """Place `node` with its port at `at` (its middle where it is wired on both sides) and wire it; returns its id.

    A wire that ends at the fitting's target makes room for the new one, and so does the one that was moved.
    """
    document, where = view.document, view.document.where
    ends = fitting.ends(node)
    if ends is None:
        document.refused.emit(f"{node.name} has no port that fits there: choose another block")
        return ""
    geometry = measure(face_of(document, document.graph, node, None, []))
    middle = QPointF(geometry.width / 2, geometry.height / 2)
    if fitting.target is None:
        at = at + middle - geometry.port(ends[0], output=False)
    elif fitting.source is None:
        at = at + middle - geometry.port(ends[1], output=True)
    placed = commands.put_at(view, node, at, True)

    def change(design: Design) -> Design:
        if fitting.moved is not None:
            design = edits.disconnect(design, where, [fitting.moved])
        design = edits.add_node(design, where, placed)
        if fitting.source is not None:
            design = edits.connect(design, where, fitting.source, End(placed.id, ends[0]), document.catalogue)
        if fitting.target is not None:
            out = End(placed.id, ends[1])
            design = edits.connect(design, where, out, fitting.target, document.catalogue, replace_wire=True)
        return design

    if not document.edit(f"Add {placed.name}", change):
        return ""
    view.scene_.select([placed.id])
    return placed.id
