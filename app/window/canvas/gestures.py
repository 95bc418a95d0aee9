"""What a pressed mouse button is doing: drawing a wire, moving nodes, choosing with a rubber band, panning.

A gesture changes nothing until it is released; then it makes one edit. `cancel` leaves everything as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from app.design import edits
from app.design.values import Design, End, Wire
from app.window.canvas import commands
from app.window.canvas.geometry import RADIUS, snap
from app.window.canvas.node_item import NodeItem
from app.window.canvas.painting import inks
from app.window.canvas.wire_item import Curve, draw_curve, wire_colour
from app.window.canvas.wiring import Wiring
from app.window.theme import theme

if TYPE_CHECKING:
    from app.window.canvas.view import CanvasView


class Gesture:
    """One press of the mouse, until its release."""

    def __init__(self, view: CanvasView) -> None:
        self.view = view

    def move(self, at: QPointF, screen: QPoint) -> None:
        """The pointer is at `at` on the scene, `screen` on the viewport."""

    def release(self, at: QPointF) -> None:
        """The button is up: make the edit."""

    def cancel(self) -> None:
        """Put everything back."""

    def paint(self, painter: QPainter) -> None:
        """Draw over the scene, in its coordinates."""


class Pan(Gesture):
    """Drag the sheet."""

    def __init__(self, view: CanvasView, screen: QPoint) -> None:
        super().__init__(view)
        self._last = screen
        view.viewport().setCursor(Qt.CursorShape.ClosedHandCursor)

    def move(self, at: QPointF, screen: QPoint) -> None:
        self.view.scroll(screen - self._last)
        self._last = screen

    def release(self, at: QPointF) -> None:
        self.cancel()

    def cancel(self) -> None:
        self.view.viewport().unsetCursor()


class Rubber(Gesture):
    """Choose the nodes that a rectangle touches; where it touches none, the wires."""

    def __init__(self, view: CanvasView, at: QPointF, *, keep: bool) -> None:
        super().__init__(view)
        self._from = at
        self._rect = QRectF()
        self._kept = view.scene_.selected_ids() if keep else []
        if not keep:
            view.scene_.clearSelection()

    def move(self, at: QPointF, screen: QPoint) -> None:
        self._rect = QRectF(self._from, at).normalized()
        touched = [item for item in self.view.scene_.items(self._rect) if isinstance(item, NodeItem)]
        ids = [item.node.id for item in touched if item.rect.intersects(self._rect)]
        self.view.scene_.select(dict.fromkeys([*self._kept, *ids]))
        self.view.viewport().update()

    def release(self, at: QPointF) -> None:
        if not self._rect.isNull() and not self.view.scene_.selected_ids():
            for wire in self.view.scene_.wires.values():
                wire.setSelected(wire.shape().intersects(self._rect))
        self.view.viewport().update()

    def cancel(self) -> None:
        self._rect = QRectF()
        self.view.viewport().update()

    def paint(self, painter: QPainter) -> None:
        fill = theme.color("accent")
        fill.setAlpha(28)
        pen = QPen(theme.color("accent"), 1)
        pen.setCosmetic(True)
        painter.setPen(pen)
        painter.setBrush(fill)
        painter.drawRect(self._rect)


class Move(Gesture):
    """Move the selected nodes, or with Alt leave them and put copies where the pointer lets go."""

    def __init__(self, view: CanvasView, at: QPointF, pressed: NodeItem, *, copy: bool, narrow: bool) -> None:
        super().__init__(view)
        self._from = at
        self._pressed = pressed
        self._copy = copy
        self._narrow = narrow
        self._ids = view.scene_.selected_ids()
        self._start = {id: QPointF(view.scene_.nodes[id].node.x, view.scene_.nodes[id].node.y) for id in self._ids}
        self._offset = QPointF()
        self._under_way = False

    def move(self, at: QPointF, screen: QPoint) -> None:
        delta = at - self._from
        if not self._under_way and delta.manhattanLength() * self.view.zoom < 4:
            return
        self._under_way = True
        origin = self._start[self._pressed.node.id]
        # The node under the pointer keeps to the grid, the others keep their distance from it.
        self._offset = QPointF(snap(origin.x() + delta.x()) - origin.x(), snap(origin.y() + delta.y()) - origin.y())
        if not self._copy:
            self._put(self._offset)
        self.view.viewport().update()

    def _put(self, offset: QPointF) -> None:
        scene = self.view.scene_
        for id, start in self._start.items():
            if id in scene.nodes:
                scene.nodes[id].setPos(start + offset)
        scene.follow(self._start, sticky=True)
        scene.shown.emit()

    def release(self, at: QPointF) -> None:
        if not self._under_way:
            if self._narrow:  # a click on one of several selected nodes chooses that one
                self.view.scene_.select([self._pressed.node.id])
            if self._pressed.geometry.picture.contains(self._from - self._pressed.pos()):
                self.view.picture_chosen.emit(self._pressed.node.id)
            return
        offset, document = self._offset, self.view.document
        if self._copy:
            self.view.viewport().update()
            commands.duplicate(self.view, offset.x(), offset.y())
            return
        if offset.isNull():
            return
        places = {id: (start.x() + offset.x(), start.y() + offset.y()) for id, start in self._start.items()}
        where = document.where
        words = self._pressed.node.name if len(places) == 1 else f"{len(places)} nodes"
        merge = commands.move_key(where, places)
        if not document.edit(
            f"Move {words}", lambda d: edits.move(d, where, places), merge=merge, within=commands.ONE_MOVE
        ):
            self._put(QPointF())
        self.view.scene_.follow(self._start)

    def cancel(self) -> None:
        if self._under_way and not self._copy:
            self._put(QPointF())
            self.view.scene_.follow(self._start)
        self._under_way = False
        self.view.viewport().update()

    def paint(self, painter: QPainter) -> None:
        if not (self._copy and self._under_way):
            return
        for id in self._ids:
            item = self.view.scene_.nodes[id]
            colour = QColor(inks(item.face.category, theme.tokens.dark).category)
            painter.setPen(QPen(colour, 1.5, Qt.PenStyle.DashLine))
            colour.setAlpha(40)
            painter.setBrush(colour)
            painter.drawRoundedRect(item.rect.translated(self._offset), RADIUS, RADIUS)


class DrawWire(Gesture):
    """Draw a wire from a port, or take one off an input and put it elsewhere."""

    def __init__(self, view: CanvasView, fixed: End, *, from_output: bool, moved: Wire | None = None) -> None:
        super().__init__(view)
        self.wiring = Wiring(view.document, fixed, from_output=from_output, moved=moved)
        self._at = view.scene_.place_of(fixed, output=from_output)
        self._home = self._at
        self._target: End | None = None
        """Where the wire would be put on release."""
        self._over = ""
        """Why it would not be."""
        self._away = False
        if moved is not None and moved in view.scene_.wires:
            self._at = view.scene_.place_of(moved.target, output=False)
            view.scene_.wires[moved].setVisible(False)
        view.scene_.show_wiring(self.wiring)

    def move(self, at: QPointF, screen: QPoint) -> None:
        self._target, self._over = None, ""
        self._at = at
        scene, wiring = self.view.scene_, self.wiring
        hit = scene.hit(at, self.view.reach)
        self._away = self._away or hit.node is None or hit.node.node.id != wiring.fixed.node
        if hit.node is not None and (hit.node.node.id != wiring.fixed.node or self._away):
            id = hit.node.node.id
            if hit.port and hit.output != wiring.from_output:
                reason = wiring.reason(id, hit.port)
                self._target = End(id, hit.port)
                self._over = reason
            elif id != wiring.fixed.node:
                name = wiring.first_fit(id)
                if name:
                    self._target = End(id, name)
                else:
                    self._over = wiring.node_reason(id)
        if self._target is not None and not self._over:
            self._at = scene.place_of(self._target, output=not wiring.from_output)
        self.view.hint.emit(self._over or self._words())
        self.view.viewport().update()

    def _words(self) -> str:
        if self._target is None:
            moved = self.wiring.moved is not None
            return "Release to take the wire away" if moved else "Release on a port that is lit to connect"
        wire = self.wiring.wire_to(self._target)
        names = self.wiring.graph.by_id
        source, target = names[wire.source.node].name, names[wire.target.node].name
        words = f"Release to connect {source} to {target}.{wire.target.port}"
        old = self.wiring.replaced(self._target)
        return f"{words} in place of {names[old.source.node].name}" if old is not None else words

    def release(self, at: QPointF) -> None:
        target, over = self._target, self._over
        self.cancel()
        document, wiring = self.view.document, self.wiring
        where, moved = document.where, wiring.moved
        if target is None and over:
            document.refused.emit(over)
            self.view.hint.emit(over)
            return
        if target is None:
            if moved is not None and self._away:
                document.edit("Take away a wire", lambda d: edits.disconnect(d, where, [moved]))
            return
        wire = wiring.wire_to(target)
        if wire in (moved, wiring.replaced(target)):
            return

        def change(design: Design) -> Design:
            if moved is not None:
                design = edits.disconnect(design, where, [moved])
            return edits.connect(design, where, wire.source, wire.target, document.catalogue, replace_wire=True)

        names = wiring.graph.by_id
        if not document.edit(f"Connect {names[wire.source.node].name} to {names[wire.target.node].name}", change):
            self.view.hint.emit(over)

    def cancel(self) -> None:
        scene, moved = self.view.scene_, self.wiring.moved
        scene.show_wiring(None)
        if moved is not None and moved in scene.wires:
            scene.wires[moved].setVisible(True)
        self.view.hint.emit("")
        self.view.viewport().update()

    def paint(self, painter: QPainter) -> None:
        wiring = self.wiring
        ends = (self._home, self._at) if wiring.from_output else (self._at, self._home)
        colour = wire_colour(wiring.kind, self.view.scene_.nodes[wiring.fixed.node].face.category)
        pen = QPen(colour, 2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap)
        if self._over:
            pen.setColor(theme.color("error"))
            pen.setStyle(Qt.PenStyle.DashLine)
        elif self._target is not None:
            pen.setColor(theme.color("accent"))
        draw_curve(painter, Curve.between(*ends).path(), wiring.kind, pen)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(pen.color())
        painter.drawEllipse(self._at, 3.5, 3.5)
