"""A block or a Group dragged from the palette: dropped on the canvas it is added, on a wire it goes into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QMimeData
from PySide6.QtGui import QDragMoveEvent, QDropEvent

from app.design import edits
from app.design.values import Node
from app.window.canvas import commands, mine
from app.window.canvas.wire_item import WireItem

if TYPE_CHECKING:
    from app.window.canvas.view import CanvasView

BLOCK_MIME = "application/x-netloom-block"
GROUP_MIME = "application/x-netloom-group"
MINE_MIME = "application/x-netloom-my-group"


class Lit:
    """The wire that is lit because what is held over it would go into it."""

    def __init__(self) -> None:
        self.wire: WireItem | None = None

    def show(self, wire: WireItem | None) -> None:
        """Light up a wire in place of the last one; None: no wire."""
        if self.wire is not None and self.wire is not wire and self.wire.scene() is not None:
            self.wire.offer(False)
        self.wire = wire
        if wire is not None:
            wire.offer(True)


class Drops:
    """The canvas' side of a drag from the palette."""

    def __init__(self, view: CanvasView) -> None:
        self._view = view
        self._lit = Lit()

    def enter(self, event: QDragMoveEvent) -> None:
        if any(map(event.mimeData().hasFormat, (BLOCK_MIME, GROUP_MIME, MINE_MIME))):
            event.acceptProposedAction()
        else:
            event.ignore()

    def move(self, event: QDragMoveEvent) -> None:
        held = self._held(event.mimeData())
        if held is None:
            event.ignore()
            return
        view, (node, bring) = self._view, held
        wire = view.scene_.wire_at(view.mapToScene(event.position().toPoint()))
        if wire is not None and commands.way_through(view, node, wire, bring) is None:
            view.hint.emit(f"{node.name} does not fit into that wire: it would stand beside it")
            wire = None
        elif wire is not None:
            view.hint.emit(f"Release to put {node.name} into the wire")
        else:
            view.hint.emit(commands.misplaced(node.block, view.document.where))
        self._lit.show(wire)
        event.acceptProposedAction()

    def leave(self) -> None:
        self._lit.show(None)
        self._view.hint.emit("")

    def drop(self, event: QDropEvent) -> None:
        view = self._view
        held = self._held(event.mimeData())
        self.leave()
        if held is None:
            event.ignore()
            return
        node, bring = held
        at = view.mapToScene(event.position().toPoint())
        wire = view.scene_.wire_at(at)
        if reason := commands.misplaced(node.block, view.document.where):
            view.document.refused.emit(reason)
        elif wire is not None:
            commands.insert(view, node, at, wire, bring)
        else:
            commands.place(view, node, at, bring=bring)
        view.setFocus()
        event.acceptProposedAction()

    def _held(self, data: QMimeData) -> tuple[Node, commands.Bring] | None:
        """The node that a drop would place, and what brings its Groups; None when what is dragged is nothing of
        ours."""
        document = self._view.document
        if data.hasFormat(BLOCK_MIME):
            return commands.new_node(document, bytes(data.data(BLOCK_MIME).data()).decode()), commands.as_it_is
        if data.hasFormat(GROUP_MIME):
            group = bytes(data.data(GROUP_MIME).data()).decode()
            return edits.new_group_node(document.design, document.where, group), commands.as_it_is
        if data.hasFormat(MINE_MIME):
            return mine.held(document, bytes(data.data(MINE_MIME).data()).decode())
        return None
