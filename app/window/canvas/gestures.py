"""What a pressed mouse button is doing: drawing a wire, moving nodes, choosing with a rubber band, panning.

A gesture changes nothing until it is released; then it makes one edit. `cancel` leaves everything as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from app.design import chains, edits
from app.design.values import Design, End, Wire
from app.window.canvas import commands
from app.window.canvas.adapters import adapters, offer_adapters
from app.window.canvas.drops import Lit
from app.window.canvas.fitting import Fitting
from app.window.canvas.frame_item import FrameItem
from app.window.canvas.geometry import RADIUS, snap
from app.window.canvas.node_item import NodeItem
from app.window.canvas.outcome import Outcome
from app.window.canvas.painting import inks
from app.window.canvas.search_box import open_search
from app.window.canvas.tag import draw_tag
from app.window.canvas.wire_item import Curve, WireItem, draw_curve, wire_colour
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
        self._kept_frames = view.scene_.frames.selected() if keep else []
        if not keep:
            view.scene_.clearSelection()

    def move(self, at: QPointF, screen: QPoint) -> None:
        self._rect = QRectF(self._from, at).normalized()
        touched = [item for item in self.view.scene_.items(self._rect) if isinstance(item, NodeItem)]
        ids = [item.node.id for item in touched if item.rect.intersects(self._rect)]
        self.view.scene_.select(dict.fromkeys([*self._kept, *ids]))
        framed = [id for id, item in self.view.scene_.frames.items.items() if self._rect.contains(item.rect)]
        self.view.scene_.frames.select([*self._kept_frames, *framed], keep=True)
        self.view.viewport().update()

    def release(self, at: QPointF) -> None:
        if not self._rect.isNull() and not self.view.scene_.selected_ids() and not self.view.scene_.frames.selected():
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
    """Move the selected nodes, or with Alt leave them and put copies where the pointer lets go.

    Nodes that no wire holds go into the wire on which they are let go.
    """

    def __init__(
        self, view: CanvasView, at: QPointF, pressed: NodeItem | FrameItem, *, copy: bool, narrow: bool
    ) -> None:
        super().__init__(view)
        self._from = at
        self._pressed = pressed
        self._origin = pressed.pos()
        self._copy = copy
        self._narrow = narrow
        self._ids, framed = (view.scene_.selected_ids(), []) if copy else view.scene_.frames.moving()
        self._frames = {id: view.scene_.frames.items[id].pos() for id in framed}
        self._start = {id: QPointF(view.scene_.nodes[id].node.x, view.scene_.nodes[id].node.y) for id in self._ids}
        self._offset = QPointF()
        self._under_way = False
        self._lit = Lit()
        self._loose = None if copy or framed else chains.loose(view.scene_.graph, self._ids)

    def move(self, at: QPointF, screen: QPoint) -> None:
        delta = at - self._from
        if not self._under_way and delta.manhattanLength() * self.view.zoom < 4:
            return
        self._under_way = True
        origin = self._origin
        # The node under the pointer keeps to the grid, the others keep their distance from it.
        self._offset = QPointF(snap(origin.x() + delta.x()) - origin.x(), snap(origin.y() + delta.y()) - origin.y())
        if not self._copy:
            self._put(self._offset)
            self._look_for_wire(at)
        self.view.viewport().update()

    def _look_for_wire(self, at: QPointF) -> None:
        """Light up the wire that the nodes would go into."""
        if self._loose is None:
            return
        wire = self.view.scene_.wire_at(at)
        before = self._lit.wire
        self._lit.show(wire if wire is not None and self._through(wire.wire) is not None else None)
        if self._lit.wire is not None:
            self.view.hint.emit(f"Release to put {self._words()} into the wire")
        elif before is not None:
            self.view.hint.emit("")

    def _through(self, wire: Wire) -> tuple[End, End] | None:
        document = self.view.document
        if self._loose is None or wire.source.node in self._start or wire.target.node in self._start:
            return None
        return chains.through(document.design, document.graph, wire, *self._loose, document.catalogue)

    def _put(self, offset: QPointF) -> None:
        scene = self.view.scene_
        for id, start in self._start.items():
            if id in scene.nodes:
                scene.nodes[id].setPos(start + offset)
        for id, start in self._frames.items():
            if id in scene.frames.items:
                scene.frames.items[id].setPos(start + offset)
        scene.follow(self._start, sticky=True)
        scene.shown.emit()

    def release(self, at: QPointF) -> None:
        if not self._under_way:
            self._clicked()
            return
        offset, document = self._offset, self.view.document
        into = self._lit.wire.wire if self._lit.wire is not None else None
        self._lit.show(None)
        if self._copy:
            self.view.viewport().update()
            commands.duplicate(self.view, offset.x(), offset.y())
            return
        if offset.isNull():
            return
        where = document.where
        through = self._through(into) if into is not None else None

        def insert(design: Design) -> Design:
            assert into is not None and through is not None
            return chains.splice(design, where, into, *through, document.catalogue)

        words = f"{'Insert' if through else 'Move'} {self._words()}"
        if not commands.shift(
            self.view, words, list(self._start), list(self._frames), offset.x(), offset.y(),
            also=insert if through else commands.as_it_is,
        ):
            self._put(QPointF())
        self.view.scene_.follow(self._start)

    def _clicked(self) -> None:
        """Released where it was pressed."""
        assert isinstance(self._pressed, NodeItem)
        if self._narrow:  # a click on one of several selected nodes chooses that one
            self.view.scene_.select([self._pressed.node.id])
        if self._pressed.geometry.picture.contains(self._from - self._pressed.pos()):
            self.view.picture_chosen.emit(self._pressed.node.id)

    def _words(self) -> str:
        """What is moved, for the undo step."""
        assert isinstance(self._pressed, NodeItem)
        return self._pressed.node.name if len(self._start) == 1 else f"{len(self._start)} nodes"

    def cancel(self) -> None:
        if self._under_way and not self._copy:
            self._put(QPointF())
            self.view.scene_.follow(self._start)
        self._lit.show(None)
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
    """Draw a wire from a port, or take one off an end and put it elsewhere. Let go over the void, a new wire asks what
    it shall lead to."""

    def __init__(self, view: CanvasView, fixed: End, *, from_output: bool, moved: Wire | None = None) -> None:
        super().__init__(view)
        self.wiring = Wiring(view.document, fixed, from_output=from_output, moved=moved)
        self._at = view.scene_.place_of(fixed, output=from_output)
        self._home = self._at
        self._target: End | None = None
        """Where the wire would be put on release."""
        self._over = ""
        """Why it would not be."""
        self._misfit: Wire | None = None
        """The wire that an adapter would make possible."""
        self._bridged: dict[Wire, bool] = {}
        """Whether there is one for such a wire."""
        self._away = False
        self._pointer = self._at
        self.outcome = Outcome(view, self.wiring, self._say)
        if moved is not None and moved in view.scene_.wires:
            free = moved.target if from_output else moved.source
            self._at = view.scene_.place_of(free, output=not from_output)
            view.scene_.wires[moved].setVisible(False)
        view.scene_.show_wiring(self.wiring)
        view.bubble.hide()  # it would stand over the ports that are looked for

    def move(self, at: QPointF, screen: QPoint) -> None:
        self._target, self._over, self._misfit = None, "", None
        self._at = self._pointer = at
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
            if self._over:
                self._misfit = wiring.misfit(id, hit.port if hit.output != wiring.from_output else "")
                self._over += self._way_out()
        if self._target is not None and not self._over:
            self._at = scene.place_of(self._target, output=not wiring.from_output)
        self.outcome.look_at(self._target if not self._over else None)
        self._say()

    def _say(self) -> None:
        """Say what a release would do: in the status line, and beside the pointer."""
        come = self.outcome.words
        self.view.hint.emit(self._over or self._words() + (f": {come}" if come else ""))
        self.view.viewport().update()

    def _way_out(self) -> str:
        """What a release would do about a wire that does not fit."""
        misfit = self._misfit
        if misfit is None:
            return ""
        if misfit not in self._bridged:
            self._bridged[misfit] = bool(adapters(self.view.document, misfit))
        return ". Release to choose what leads from one to the other" if self._bridged[misfit] else ""

    def _words(self) -> str:
        if self._target is None:
            moved = self.wiring.moved is not None
            if moved:
                return "Release to take the wire away"
            return "Release on a port that is lit to connect, or here to search what fits"
        wire = self.wiring.wire_to(self._target)
        names = self.wiring.graph.by_id
        source, target = names[wire.source.node].name, names[wire.target.node].name
        words = f"Release to connect {source} to {target}.{wire.target.port}"
        old = self.wiring.replaced(self._target)
        return f"{words} in place of {names[old.source.node].name}" if old is not None else words

    def release(self, at: QPointF) -> None:
        target, over, misfit = self._target, self._over, self._misfit
        self.cancel()
        document, wiring = self.view.document, self.wiring
        where, moved = document.where, wiring.moved
        if misfit is not None and offer_adapters(self.view, misfit, at, moved):
            return
        if target is None and over:
            document.refused.emit(over)
            self.view.hint.emit(over)
            return
        if target is None:
            if moved is not None and self._away:
                document.edit("Take away a wire", lambda d: edits.disconnect(d, where, [moved]))
            elif moved is None and self._away and self.view.scene_.hit(at).node is None:
                ends = (wiring.fixed, None) if wiring.from_output else (None, wiring.fixed)
                open_search(self.view, at, Fitting(document, *ends))
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
        self.outcome.end()
        self.view.bubble.refresh()
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
        spot = QPointF(self.view.mapFromScene(self._pointer))
        if self._over:
            draw_tag(painter, self.view.viewport(), spot, self._over, "error")
        else:
            doubtful = self.outcome.doubtful
            token = "warn" if doubtful else "ok"
            draw_tag(painter, self.view.viewport(), spot, self.outcome.words, token, mono=not doubtful)


class PullWire(Gesture):
    """A press on a wire chooses it; drawn away, the end that is nearer comes off and can be put elsewhere."""

    def __init__(self, view: CanvasView, at: QPointF, pressed: WireItem) -> None:
        super().__init__(view)
        self._from = at
        self._wire = pressed.wire
        start, end = at - pressed.curve.start, at - pressed.curve.end
        self._at_start = QPointF.dotProduct(start, start) < QPointF.dotProduct(end, end)

    def move(self, at: QPointF, screen: QPoint) -> None:
        if (at - self._from).manhattanLength() * self.view.zoom < 6:
            return
        fixed = self._wire.target if self._at_start else self._wire.source
        self.view.gesture = DrawWire(self.view, fixed, from_output=not self._at_start, moved=self._wire)
        self.view.gesture.move(at, screen)
