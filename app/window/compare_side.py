"""One of two drawings side by side: a canvas to look at, with a mark on each node that differs."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPen, QResizeEvent
from PySide6.QtWidgets import QToolTip, QWidget

from app.design.compare import Difference, Place
from app.design.values import Design
from app.messages import Analysis
from app.window.canvas import tips
from app.window.canvas.scene import Scene
from app.window.canvas.sheet import Sheet
from app.window.compare_words import KINDS
from app.window.document import Document
from app.window.theme import font, theme
from blocks.card import Card

BADGE = 9.0
"""Half the width of a mark, in px on the screen."""
CLICK = 4
"""Pixels that the pointer may move while a click is a click."""


class Side(Sheet):
    """A drag pans, the wheel zooms, a double click enters a Group, a click chooses a node."""

    moved = Signal()
    """What is seen is another part, or larger, or smaller."""
    chosen = Signal(str)
    """A node was clicked: its id; "" for the bare canvas."""
    enter_wanted = Signal(str)
    leave_wanted = Signal()

    def __init__(self, cards: tuple[Card, ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.document = Document(self)
        self.document.set_catalogue(cards)
        self.scene_ = Scene(self.document, self)
        self.setScene(self.scene_)
        self.setObjectName("canvas")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setMouseTracking(True)
        self.quiet = False
        """While it is moved by the other side it does not tell of it."""
        self._marks: dict[Place, Difference] = {}
        self._inside: set[Place] = set()
        self._held: QPoint | None = None
        self._pressed = QPoint()

    def show_design(self, design: Design, title: str, analysis: Analysis | None) -> None:
        """Show a drawing, and what is known of it."""
        self.document.load(design, None, title)
        self.show_analysis(analysis)
        self._grow_sheet(self.scene_.bounds())
        self.setAccessibleName(f"Drawing {title}")

    def show_analysis(self, analysis: Analysis | None) -> None:
        """Show what is known of the drawing by now."""
        self.document.analysis = analysis
        self.document.analysed.emit()

    def show_marks(self, marks: dict[Place, Difference]) -> None:
        """Mark the nodes that differ, and the Groups that hold some."""
        self._marks = marks
        self._inside = {place[:depth] for place in marks for depth in range(1, len(place))}
        self.viewport().update()

    def mark_of(self, id: str) -> str:
        """The mark that a node of the graph looked at bears: `+`, `−`, `≠`, `…` for a Group that holds some, or ""."""
        place = (*self.document.path, id)
        if place in self._marks:
            return KINDS[self._marks[place].kind]
        return "…" if place in self._inside else ""

    def go(self, path: Place) -> None:
        """Look at a graph, all of it where it is another one than before."""
        if path != self.document.path:
            self.document.go(path)
            self._grow_sheet(self.scene_.bounds())
            self.fit()

    def fit(self) -> None:
        """Show the whole graph."""
        self._fit(self.scene_.bounds())

    def fly_to(self, place: Place | None) -> None:
        """Bring a node to the middle and choose it; without one choose nothing."""
        if place is None:
            self.scene_.clearSelection()
            return
        self.go(place[:-1])
        if (item := self.scene_.nodes.get(place[-1])) is not None:
            self.scene_.select([place[-1]])
            if self.zoom < 0.5:
                self.set_zoom(1.0)
            self._centre(item.rect.center())

    def centre(self) -> QPointF:
        """The exact middle of what is seen."""
        room = self.viewport().rect()
        return self.mapToScene(QPoint(0, 0)) + QPointF(room.width() / 2, room.height() / 2) / self.zoom

    def place_at(self, zoom: float, middle: QPointF) -> None:
        """Look as the other side does, without telling of it."""
        self.quiet = True
        self.setTransform(self.transform().fromScale(zoom, zoom))
        self._centre(middle)
        self.quiet = False

    def _moved(self) -> None:
        if not self.quiet:
            self.moved.emit()

    # painting ---------------------------------------------------------------------------------------------------------

    def drawForeground(self, painter: QPainter, rect: QRectF | QRect) -> None:
        near = QRectF(rect).adjusted(-40 / self.zoom, -40 / self.zoom, 40 / self.zoom, 40 / self.zoom)
        for id, item in self.scene_.nodes.items():
            sign = self.mark_of(id)
            if sign and near.intersects(item.rect):
                self._paint_mark(painter, item.rect, sign)

    def _paint_mark(self, painter: QPainter, around: QRectF, sign: str) -> None:
        colour = mark_colour(sign)
        pen = QPen(colour, 2)
        pen.setCosmetic(True)
        if sign in ("−", "…"):
            pen.setStyle(Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        gap = 5.0
        painter.drawRoundedRect(around.adjusted(-gap, -gap, gap, gap), 12, 12)
        half = BADGE / self.zoom
        badge = QRectF(around.left() - gap - half, around.top() - gap - half, 2 * half, 2 * half)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawEllipse(badge)
        painter.save()
        painter.translate(badge.center())
        painter.scale(1 / self.zoom, 1 / self.zoom)
        painter.setFont(font(14, weight=font().Weight.Bold))
        painter.setPen(theme.color("on_accent" if sign != "−" else "canvas"))
        painter.drawText(QRectF(-BADGE, -BADGE, 2 * BADGE, 2 * BADGE), Qt.AlignmentFlag.AlignCenter, sign)
        painter.restore()

    # the mouse and keys -----------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            self._held = self._pressed = event.position().toPoint()
            self.viewport().setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._held is not None:
            at = event.position().toPoint()
            self.scroll(at - self._held)
            self._held = at

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._held is None:
            return
        self._held = None
        self.viewport().unsetCursor()
        at = event.position().toPoint()
        if event.button() == Qt.MouseButton.LeftButton and (at - self._pressed).manhattanLength() <= CLICK:
            hit = self.scene_.hit(self.mapToScene(at), 0.0)
            self.chosen.emit(hit.node.node.id if hit.node is not None else "")

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        hit = self.scene_.hit(self.mapToScene(event.position().toPoint()), 0.0)
        if hit.node is not None and hit.node.node.group:
            self.enter_wanted.emit(hit.node.node.id)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        match event.key():
            case Qt.Key.Key_Home:
                self.fit()
            case Qt.Key.Key_U | Qt.Key.Key_Backspace:
                self.leave_wanted.emit()
            case _:
                super().keyPressEvent(event)

    def viewportEvent(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            hit = self.scene_.hit(self.mapToScene(event.pos()), 0.0)
            text = tips.tip(self.scene_, hit)
            found = self._marks.get((*self.document.path, hit.node.node.id)) if hit.node is not None else None
            for detail in found.details if found is not None else ():
                text += f"<br>{escape(detail.what)}: {escape(detail.before)} → {escape(detail.after)}"
            QToolTip.showText(event.globalPos(), text, self.viewport())
            return True
        return super().viewportEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.oldSize().width() <= 0:
            self.fit()


def mark_colour(sign: str) -> QColor:
    """Green for what is new, blue for what is another thing, the colour of text for what is gone: red is for
    problems."""
    return theme.color({"+": "ok", "−": "text"}.get(sign, "accent"))
