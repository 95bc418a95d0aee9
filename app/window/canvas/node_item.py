"""A node on the scene: it holds what is shown, and asks `painting` to draw it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPainter, QPainterPath
from PySide6.QtWidgets import (
    QGraphicsItem,
    QGraphicsSceneHoverEvent,
    QStyleOptionGraphicsItem,
    QWidget,
)

from app.design.values import Node
from app.window.canvas import painting
from app.window.canvas.face import Face
from app.window.canvas.geometry import Geometry, measure
from app.window.canvas.thumbs import Thumb

if TYPE_CHECKING:
    from app.window.canvas.wiring import Wiring

PORT_REACH = 12.0
"""How far from its middle a port can still be hit, in px at 100 %."""


_LASTING = tuple(field for field in Node.__struct_fields__ if field not in ("x", "y"))
"""What a move leaves as it is, down to the very objects."""


class NodeItem(QGraphicsItem):
    """The picture of one Node. The scene gives it a new Face when the Node, its wires or its analysis change."""

    def __init__(self, node: Node, face: Face) -> None:
        super().__init__()
        self.node = node
        self.face = face
        self.geometry: Geometry = measure(face)
        self.wiring: Wiring | None = None
        self._bounds = self.geometry.bounds
        self._hovered = False
        self.blamed = False
        self.picture: Thumb | None = None
        self._picture_old = False
        self.setFlag(QGraphicsItem.GraphicsItemFlag.ItemIsSelectable)
        self.setAcceptHoverEvents(True)
        self.setZValue(2)
        self.setCacheMode(QGraphicsItem.CacheMode.DeviceCoordinateCache)  # panning draws no node anew
        self._rect: QRectF | None = None
        self.setPos(node.x, node.y)

    def setPos(self, *at: Any) -> None:
        super().setPos(*at)
        self._rect = None

    def move(self, node: Node) -> bool:
        """Take a Node that differs in its place alone; False, and nothing is taken, where it differs in more."""
        if any(getattr(node, field) is not getattr(self.node, field) for field in _LASTING):
            return False
        self.node = node
        self.setPos(node.x, node.y)
        return True

    def show_face(self, node: Node, face: Face) -> bool:
        """Take a new Node and Face; True when places changed, so that wires must follow."""
        moved = self.pos() != QPointF(node.x, node.y)
        self.node = node
        if moved:
            self.setPos(node.x, node.y)
        if face == self.face:
            return moved
        self.face = face
        geometry = measure(face)
        if geometry != self.geometry:
            self.prepareGeometryChange()
            self.geometry = geometry
            self._bounds = geometry.bounds
            self._rect = None
            moved = True
        self.update()
        return moved

    def show_wiring(self, wiring: Wiring | None) -> None:
        """Show which ports would take the wire that is being drawn; None when there is none."""
        self.wiring = wiring
        self.update()

    def show_picture(self, picture: Thumb | None, old: bool) -> None:
        """Show what a preview makes of it; `old`: of the drawing before the edit."""
        if picture is not self.picture or old != self._picture_old:
            self.picture, self._picture_old = picture, old
            self.update()

    def show_blame(self, blamed: bool) -> None:
        """Light up as the node that began what is wrong with the selected one."""
        if blamed != self.blamed:
            self.blamed = blamed
            self.update()

    def port_place(self, name: str, *, output: bool) -> QPointF:
        """Where a port is on the scene."""
        return self.pos() + self.geometry.port(name, output=output)

    @property
    def rect(self) -> QRectF:
        """The node's own rectangle on the scene."""
        if self._rect is None:
            self._rect = self.geometry.rect.translated(self.pos())
        return self._rect

    def boundingRect(self) -> QRectF:
        return self._bounds

    def shape(self) -> QPainterPath:
        path = QPainterPath()
        path.addRect(self.geometry.rect.adjusted(-PORT_REACH, 0, PORT_REACH, 0))
        return path

    def hoverEnterEvent(self, event: QGraphicsSceneHoverEvent) -> None:
        self._hovered = True
        self.update()

    def hoverLeaveEvent(self, event: QGraphicsSceneHoverEvent) -> None:
        self._hovered = False
        self.update()

    @property
    def state(self) -> painting.State:
        """What pointer, selection, preview and a wire in the hand add to its look."""
        return painting.State(
            self.isSelected(), self._hovered, self.blamed, self._port_state if self.wiring else None, self.picture,
            self._picture_old,
        )  # fmt: skip

    def _port_state(self, name: str, output: bool) -> str:
        assert self.wiring is not None
        return self.wiring.state(self.node.id, name, output=output)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        zoom = option.levelOfDetailFromTransform(painter.worldTransform())
        painting.paint(painter, self.face, self.geometry, self.state, zoom)
