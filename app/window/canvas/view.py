"""The canvas: a view on the scene that pans, zooms, and turns mouse and keys into gestures and commands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QCursor,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QMenu, QToolTip, QWidget

from app.window.canvas import clipboard, commands, far, frames, gestures, keys, menus, mine, presses, tips
from app.window.canvas.arranging import Arranger
from app.window.canvas.bubble import Bubble
from app.window.canvas.drops import Drops
from app.window.canvas.fitting import Fitting
from app.window.canvas.invitation import Invitation
from app.window.canvas.minimap import Minimap
from app.window.canvas.painting import NEAR
from app.window.canvas.rename import Rename
from app.window.canvas.scene import Scene
from app.window.canvas.search_box import Recent, SearchBox, open_search
from app.window.canvas.sheet import Sheet
from app.window.canvas.slicing import Slice
from app.window.canvas.tiles import Tiles
from app.window.canvas.waiting import Waiting
from app.window.document import Document

if TYPE_CHECKING:
    from app.window.trials import Trials


@dataclass(frozen=True)
class Look:
    """Where one looks at a drawing, and what is selected."""

    places: dict[tuple[str, ...], tuple[float, QPointF]] = field(default_factory=dict)
    """Zoom and middle of each Group that was looked at."""
    selected: tuple[str, ...] = ()


class CanvasView(Sheet):
    """Shows and edits the graph that the document looks at."""

    selection_changed = Signal()
    hint = Signal(str)
    """A sentence for the status line: why a wire does not fit, what a release would do; "" takes it away."""
    picture_chosen = Signal(str)
    """The preview's picture of a node was clicked: its id."""
    open_up_wanted = Signal()
    """The selected block shall be opened up into its parts."""
    open_example = Signal(str)
    """The invitation of an empty canvas was taken: the name of an example or known architecture."""
    gallery_wanted = Signal()
    """All known architectures shall be shown."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.document = document
        # The view owns the scene: a dying scene still tells of its selection, and then nobody must listen any more.
        self.scene_ = Scene(document, self)
        self.setScene(self.scene_)
        self.setObjectName("canvas")
        self.setAccessibleName("Canvas")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setAcceptDrops(True)
        self.viewport().setMouseTracking(True)
        self.gesture: gestures.Gesture | None = None
        self.space_held = False
        self._drops = Drops(self)
        self._places: dict[tuple[str, ...], tuple[float, QPointF]] = {}
        """Zoom and middle of each Group that was looked at."""
        self._place = document.path
        self._fit_wanted = True
        self.recent = Recent(document, self)
        self.search: SearchBox | None = None
        self.trials: Trials | None = None
        """Says what would come out of a node if the wire in the hand led there."""
        self.minimap = Minimap(self)
        self.invitation = Invitation(self)
        self.bubble = Bubble(self)
        self.tiles = Tiles(self, self._draw_far, ahead=True)
        self.scene_.changed.connect(self._touched)
        self.arranger = Arranger(self)
        self.arrange_menu: QMenu | None = None
        """The window's menu of what arranges, for the context menus."""
        self.waiting = Waiting(self)
        self.arranger.arranged.connect(self.fit_all)
        self.invitation.open_example.connect(self.open_example)
        self.invitation.gallery_wanted.connect(self.gallery_wanted)
        self.scene_.selectionChanged.connect(self._selection_changed)
        self.scene_.shown.connect(self._shown)
        document.place_changed.connect(self._place_changed)
        document.file_changed.connect(self._file_changed)
        self._file = document.file
        self._shown()

    # what the window asks for -----------------------------------------------------------------------------------------

    @property
    def reach(self) -> float:
        """How far from a port a press still takes it, in scene units: at least 12 px on the screen, within reason."""
        return min(max(12.0, 9.0 / self.zoom), 22.0)

    def fit_all(self) -> None:
        """Show the whole drawing, at most at 100 %."""
        self._fit(self.scene_.bounds())

    def fit_selection(self) -> None:
        """Show what is selected; without a selection the whole drawing."""
        rects = [self.scene_.nodes[id].rect for id in self.scene_.selected_ids()]
        rects += [self.scene_.frames.items[id].rect for id in self.scene_.frames.selected()]
        bounds = QRectF()
        for rect in rects:
            bounds = bounds.united(rect)
        self._fit(bounds if rects else self.scene_.bounds())

    def reveal(self, node_id: str) -> None:
        """Select a node of the graph looked at and bring it to the middle."""
        item = self.scene_.nodes.get(node_id)
        if item is None:
            return
        self.scene_.select([node_id])
        if self.zoom < 0.5:
            self.set_zoom(1.0)
        self._centre(item.rect.center())
        seen = self.mapFromScene(item.rect).boundingRect()
        if self.bubble.isVisible() and self.bubble.geometry().intersects(seen):
            self.scroll(QPoint(0, 24 - seen.top()))  # the node to the top, so that its bubble has room under it

    def selected_ids(self) -> list[str]:
        return self.scene_.selected_ids()

    def selected(self) -> tuple[list[str], list[str]]:
        """The nodes and the frames that are selected."""
        return self.scene_.selected_ids(), self.scene_.frames.selected()

    def select_all(self) -> None:
        self.scene_.select(self.scene_.nodes)
        self.scene_.frames.select(self.scene_.frames.items, keep=True)

    def delete_selection(self) -> None:
        commands.delete(self)

    def delete_open(self) -> None:
        """Delete what is selected, and leave the gap where it stood in a chain."""
        commands.delete(self, heal=False)

    def add(self) -> None:
        """Open the search for a block at the pointer, or in the middle of what is seen."""
        self.cancel_gesture()
        open_search(self)

    def duplicate_selection(self) -> None:
        commands.duplicate(self, 32, 32)

    def copy_selection(self) -> None:
        ids, framed = self.scene_.selected_ids(), self.scene_.frames.taken()
        if ids or framed:
            clipboard.write(self.document.design, self.document.graph, ids, framed)

    def cut_selection(self) -> None:
        commands.cut(self)

    def paste(self) -> None:
        commands.paste(self, None)

    def group_selection(self) -> None:
        commands.group(self)

    def ungroup_selection(self) -> None:
        commands.ungroup(self)

    def rename(self, node_id: str) -> None:
        """Open the field that renames a node in its place."""
        if node_id in self.scene_.nodes:
            Rename(self, self.scene_.nodes[node_id])

    def look_at(self, at: QPointF) -> None:
        """Bring a point of the scene to the middle."""
        self._centre(at)

    def rename_selection(self) -> bool:
        """Open the field of the one node or frame that is selected; False where it is not one."""
        ids, framed = self.selected_ids(), self.scene_.frames.selected()
        if len(ids) == 1:
            self.rename(ids[0])
        elif not ids and len(framed) == 1:
            frames.rename(self, framed[0])
        return len(ids) == 1 or (not ids and len(framed) == 1)

    def frame_selection(self) -> None:
        """Draw a frame around what is selected, or an empty one at the pointer."""
        frames.frame_selection(self)

    def pointer(self) -> QPointF:
        """Where the pointer is on the scene; the middle of what is seen while it is elsewhere."""
        at = self.viewport().mapFromGlobal(QCursor.pos())
        return self.mapToScene(at) if self.viewport().rect().contains(at) else self.middle()

    def add_block(self, block: str) -> str:
        """Place a block in the middle of what is seen, clear of other nodes; returns its id."""
        return commands.add_block(self, block, self.middle(), free=True)

    def add_group(self, group: str) -> str:
        """Place another node that uses the Group `group` in the middle of what is seen; returns its id."""
        return commands.add_group(self, group, self.middle(), free=True)

    def add_mine(self, name: str) -> str:
        """Place a Group that the user keeps in the middle of what is seen; returns its id."""
        return mine.place(self, name, self.middle(), free=True)

    def _moved(self) -> None:
        self.minimap.follow()
        self.bubble.follow()

    def leave(self) -> Look:
        """Drop what the mouse is doing; how one looks is given, for `look` when this drawing is shown again."""
        self.cancel_gesture()
        room = self.viewport().rect()
        middle = self.mapToScene(QPoint(0, 0)) + QPointF(room.width() / 2, room.height() / 2) / self.zoom
        return Look({**self._places, self._place: (self.zoom, middle)}, tuple(self.selected_ids()))

    def look(self, look: Look | None) -> None:
        """Look at the drawing as it was left; None: nobody has looked at it yet."""
        look = look or Look()
        self._places = dict(look.places)
        if (kept := self._places.get(self.document.path)) is not None:
            self._fit_wanted = False
            self.setTransform(self.transform().fromScale(kept[0], kept[0]))
            self._centre(kept[1])
        self.scene_.select(look.selected)

    # following --------------------------------------------------------------------------------------------------------

    def _shown(self) -> None:
        self._grow_sheet(self.scene_.bounds())
        empty = not self.scene_.nodes and not self.scene_.frames.items
        self.invitation.show_for(empty, top=not self.document.path)
        self.minimap.refresh()
        self.bubble.refresh()

    def _selection_changed(self) -> None:
        self.scene_.pills.update()
        self.minimap.update()
        self.bubble.refresh()
        self.selection_changed.emit()

    def _place_changed(self) -> None:
        self.cancel_gesture()
        if self._place != self.document.path:
            self._places[self._place] = (self.zoom, self.middle())
        self._place = self.document.path
        self._shown()
        kept = self._places.get(self._place)
        if kept is None:
            self._fit_wanted = True
            self._fit_if_wanted()
        else:
            self.setTransform(self.transform().fromScale(kept[0], kept[0]))
            self._centre(kept[1])

    def _file_changed(self) -> None:
        # Another drawing was loaded when undo cannot reach back: look at all of it.
        if not self.document.undo_stack.count() and (self.document.file != self._file or self._fit_wanted):
            self._places.clear()
            self._fit_wanted = True
            self._fit_if_wanted()
        self._file = self.document.file

    def _fit_if_wanted(self) -> None:
        if self._fit_wanted and self.isVisible():
            self._fit_wanted = False
            self.fit_all()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._fit_if_wanted()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.minimap.place()
        self.invitation.place()
        self._moved()

    # painting ---------------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.zoom >= NEAR:
            super().paintEvent(event)
            return
        painter = QPainter(self.viewport())
        self.tiles.paint(painter, event.rect())
        painter.setRenderHints(self.renderHints())
        painter.setTransform(self.viewportTransform())
        self.drawForeground(painter, self.mapToScene(event.rect()).boundingRect())
        painter.end()

    def _draw_far(self, painter: QPainter, place: QRectF) -> None:
        self.draw_ground(painter, place)
        far.draw(self.scene_, painter, place, self.zoom)

    def _touched(self, places: list[QRectF]) -> None:
        self.tiles.touch(places)
        if self.zoom < NEAR:
            self.viewport().update()

    def _recolour(self) -> None:
        self.tiles.forget()
        super()._recolour()

    def drawForeground(self, painter: QPainter, rect: QRectF | QRect) -> None:
        if self.gesture is not None:
            self.gesture.paint(painter)
        if self.search is not None:
            self.search.paint(painter)

    # the mouse --------------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        at, screen = self.mapToScene(event.position().toPoint()), event.position().toPoint()
        if self.gesture is not None:
            return
        middle = event.button() == Qt.MouseButton.MiddleButton
        if middle or (self.space_held and event.button() == Qt.MouseButton.LeftButton):
            self.gesture = gestures.Pan(self, screen)
        elif event.button() == Qt.MouseButton.RightButton and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.gesture = Slice(self, at)
        elif event.button() == Qt.MouseButton.LeftButton:
            self.gesture = presses.begin(self, at, event.modifiers())
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.gesture is None:
            super().mouseMoveEvent(event)
            hit = self.scene_.hit(self.mapToScene(event.position().toPoint()), self.reach)
            shape = Qt.CursorShape.CrossCursor if hit.port else frames.cursor(hit.part)
            if self.space_held:
                shape = Qt.CursorShape.OpenHandCursor
            if self.viewport().cursor().shape() != shape:
                self.viewport().setCursor(shape)
            return
        screen = event.position().toPoint()
        self.gesture.move(self.mapToScene(screen), screen)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        slices = isinstance(self.gesture, Slice)
        ends = (Qt.MouseButton.RightButton,) if slices else (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton)
        if self.gesture is not None and event.button() in ends:
            gesture, self.gesture = self.gesture, None
            gesture.release(self.mapToScene(event.position().toPoint()))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        at = self.mapToScene(event.position().toPoint())
        hit = self.scene_.hit(at, self.reach)
        if hit.wire is not None:
            open_search(self, at, Fitting.between(self.document, hit.wire.wire), hit.wire.wire)
        elif hit.frame is not None and hit.part == "title":
            self.cancel_gesture()
            frames.rename(self, hit.frame.frame.id)
        elif hit.node is None and hit.frame is None:
            open_search(self, at)
        elif hit.node is None or hit.port:
            self.mousePressEvent(event)
        elif hit.node.node.group:
            self.cancel_gesture()
            self.document.enter(hit.node.node.id)
        else:
            self.rename(hit.node.node.id)

    def cancel_gesture(self) -> bool:
        """Drop what the mouse is doing; False when it does nothing."""
        gesture, self.gesture = self.gesture, None
        if gesture is not None:
            gesture.cancel()
        return gesture is not None

    def viewportEvent(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            text = tips.tip(self.scene_, self.scene_.hit(self.mapToScene(event.pos()), self.reach))
            QToolTip.showText(event.globalPos(), text, self.viewport())
            return True
        return super().viewportEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        mouse = event.reason() == QContextMenuEvent.Reason.Mouse
        if mouse and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            return  # a stroke through wires begins or ends with the same button
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            self.open_menu()
        elif not self.cancel_gesture():
            self._show_menu(self.mapToScene(event.pos()), event.globalPos())

    def open_menu(self) -> None:
        """Open the menu of what is selected, without a selection that of the canvas."""
        at = menus.place_of_selection(self)
        self._show_menu(at, self.viewport().mapToGlobal(self.mapFromScene(at)))

    def _show_menu(self, at: QPointF, where: QPoint) -> None:
        menu = menus.menu_at(self, at)
        menu.exec(where)
        menu.deleteLater()

    # keys and drops ---------------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not keys.press(self, event):
            super().keyPressEvent(event)

    def focusNextPrevChild(self, next: bool) -> bool:
        """Tab opens the search while the canvas has the focus; Shift+Tab leads out of it."""
        return False if next and self.hasFocus() else super().focusNextPrevChild(next)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self.space_held = False
            self.viewport().unsetCursor()
        super().keyReleaseEvent(event)

    def dragEnterEvent(self, event) -> None:  # type: ignore[no-untyped-def]
        self._drops.enter(event)

    def dragMoveEvent(self, event) -> None:  # type: ignore[no-untyped-def]
        self._drops.move(event)

    def dragLeaveEvent(self, event) -> None:  # type: ignore[no-untyped-def]
        self._drops.leave()

    def dropEvent(self, event) -> None:  # type: ignore[no-untyped-def]
        self._drops.drop(event)
