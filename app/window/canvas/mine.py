"""A Group that a person keeps is placed: it is copied into the drawing, with the Groups that it uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF

from app.design import edits
from app.design.bringing import bring_groups
from app.design.edits import EditError
from app.design.values import Design, Node
from app.window.canvas import commands
from app.window.document import Document

if TYPE_CHECKING:
    from app.window.canvas.view import CanvasView


def held(document: Document, name: str) -> tuple[Node, commands.Bring] | None:
    """A node of the kept Group `name`, not yet on the canvas, and what brings its Groups into the design; None where
    there is none to place."""
    kept = document.my_groups.find(name)
    if kept is None or kept.drawing is None:
        return None
    drawing = kept.drawing

    def bring(design: Design) -> Design:
        return bring_groups(design, drawing.groups, drawing.nodes)[0]

    try:
        design, (node,) = bring_groups(document.design, drawing.groups, drawing.nodes)
    except EditError:
        return None
    return edits.new_group_node(design, document.where, node.group), bring


def place(view: CanvasView, name: str, at: QPointF, *, free: bool = False) -> str:
    """Place a kept Group with its middle at `at`. Returns the node's id; "" where it is refused, in a sentence."""
    document = view.document
    found = held(document, name)
    if found is not None:
        return commands.place(view, found[0], at, free, found[1])
    kept = document.my_groups.find(name)
    gone = f"there is no `{name}` among your Groups any more"
    document.refused.emit((kept.trouble if kept is not None else "") or gone)
    return ""
