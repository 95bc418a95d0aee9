"""The frames of the graph that is looked at: their items, which are selected, and what stands in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPointF, QRectF, Qt

from app.design.frames import SMALLEST as SMALLEST_SIDE
from app.design.frames import add_frame, change_frame, new_frame
from app.design.values import Design
from app.window.canvas.frame_item import BAR, FrameItem
from app.window.canvas.geometry import snap
from app.window.canvas.rename import InPlace

if TYPE_CHECKING:
    from app.window.canvas.scene import Scene
    from app.window.canvas.view import CanvasView

AROUND = 24.0
"""Free space between a new frame's edge and what it was drawn around."""
EMPTY = (320.0, 200.0)
"""The size of a frame around nothing."""
_CURSORS = {
    "n": Qt.CursorShape.SizeVerCursor, "s": Qt.CursorShape.SizeVerCursor, "w": Qt.CursorShape.SizeHorCursor,
    "e": Qt.CursorShape.SizeHorCursor, "nw": Qt.CursorShape.SizeFDiagCursor, "se": Qt.CursorShape.SizeFDiagCursor,
    "ne": Qt.CursorShape.SizeBDiagCursor, "sw": Qt.CursorShape.SizeBDiagCursor,
}  # fmt: skip


def cursor(part: str) -> Qt.CursorShape:
    """How the pointer looks over a part of a frame."""
    return _CURSORS.get(part, Qt.CursorShape.ArrowCursor)


class Frames(QObject):
    """One item a frame; it follows the document."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._scene = scene
        self.items: dict[str, FrameItem] = {}
        scene.document.changed.connect(lambda _before, _after: self._sync())
        scene.document.place_changed.connect(self._begin)
        self._sync()

    def _begin(self) -> None:
        """Another graph is looked at."""
        for item in self.items.values():
            self._scene.removeItem(item)
        self.items = {}
        self._sync()

    def _sync(self) -> None:
        known = self._scene.document.graph.frame_by_id
        fresh = False
        for id in [id for id in self.items if id not in known]:
            self._scene.removeItem(self.items.pop(id))
            fresh = True
        for id, frame in known.items():
            item = self.items.get(id)
            if item is None:
                item = self.items[id] = FrameItem(frame)
                self._scene.addItem(item)
                fresh = True
            elif item.frame is not frame:
                item.show_frame(frame)
                fresh = True
        if fresh:
            for id, item in self.items.items():
                outer = any(other.rect.contains(item.rect) for key, other in self.items.items() if key != id)
                item.show_nested(outer)
            self._scene.shown.emit()

    # what is where ----------------------------------------------------------------------------------------------------

    @property
    def zoom(self) -> float:
        """That of the view: how near one must be to an edge, and how high a title bar is, depend on it."""
        views = self._scene.views()
        return views[0].transform().m11() if views else 1.0

    def hit(self, at: QPointF) -> tuple[FrameItem | None, str]:
        """The frame whose title or edge lies at a point, and which of them."""
        zoom = self.zoom
        for item in sorted(self.items.values(), key=lambda item: -item.zValue()):
            if part := item.part(at, zoom):
                return item, part
        return None, ""

    def bounds(self) -> QRectF:
        """The rectangle around all frames; null when there are none."""
        bounds = QRectF()
        for item in self.items.values():
            bounds = bounds.united(item.rect)
        return bounds

    def inside(self, id: str) -> tuple[list[str], list[str]]:
        """The nodes whose middle lies in a frame, and the frames that lie in it whole."""
        rect = self.items[id].rect
        nodes = [node for node, item in self._scene.nodes.items() if rect.contains(item.rect.center())]
        return nodes, [other for other, item in self.items.items() if other != id and rect.contains(item.rect)]

    # selection --------------------------------------------------------------------------------------------------------

    def selected(self) -> list[str]:
        return [id for id, item in self.items.items() if item.isSelected()]

    def select(self, ids: Iterable[str], *, keep: bool = False) -> None:
        """Select frames; what else was selected is not any more, unless `keep`."""
        if not keep:
            self._scene.clearSelection()
        for id in ids:
            if id in self.items:
                self.items[id].setSelected(True)

    def select_next(self, step: int = 1) -> str:
        """Select the next frame, in reading order; returns its id, "" where there is none."""
        order = sorted(self.items, key=lambda id: (self.items[id].frame.y, self.items[id].frame.x))
        if not order:
            return ""
        chosen = self.selected()
        at = order.index(chosen[0]) + step if len(chosen) == 1 else 0 if step > 0 else -1
        self.select([order[at % len(order)]])
        return order[at % len(order)]

    def moving(self) -> tuple[list[str], list[str]]:
        """The nodes and frames that move with the selection: what stands in a selected frame moves with it."""
        nodes, framed = dict.fromkeys(self._scene.selected_ids()), dict.fromkeys(self.selected())
        for id in list(framed):
            more, within = self.inside(id)
            nodes.update(dict.fromkeys(more))
            framed.update(dict.fromkeys(within))
        return list(nodes), list(framed)

    def taken(self) -> list[str]:
        """The frames that go with the selection when it is copied or grouped: those selected, and those in which
        nothing stands but selected nodes."""
        chosen, framed = set(self._scene.selected_ids()), set(self.selected())
        for id in self.items:
            nodes = self.inside(id)[0]
            if nodes and chosen.issuperset(nodes):
                framed.add(id)
        return [id for id in self.items if id in framed]


# what is done with frames ---------------------------------------------------------------------------------------------


def frame_selection(view: CanvasView, at: QPointF | None = None, *, alone: bool = False) -> str:
    """Draw a frame around what is selected, or with nothing selected, or `alone`, an empty one at the pointer; its
    title can be typed at once. Returns its id."""
    scene, document, where = view.scene_, view.document, view.document.where
    around = QRectF()
    for id in scene.selected_ids():
        around = around.united(scene.nodes[id].rect)
    for id in scene.frames.selected():
        around = around.united(scene.frames.items[id].rect)
    if around.isNull() or alone:
        at = at if at is not None else view.pointer()
        left, top, wide, high = snap(at.x()), snap(at.y()), *EMPTY
    else:
        around = around.adjusted(-AROUND, -AROUND - BAR, AROUND, AROUND)
        left, top = snap(around.left()), snap(around.top())
        wide, high = snap(around.width()), snap(around.height())
    frame = new_frame(document.graph, "Frame", left, top, wide, high)
    step = f"new frame {where} {frame.id}"
    if not document.edit("Add a frame", lambda d: add_frame(d, where, frame), merge=step):
        return ""
    scene.frames.select([frame.id])
    rename(view, frame.id, merge=step)
    return frame.id


def rename(view: CanvasView, id: str, *, merge: str = "") -> None:
    """Open the field that gives a frame another title, in its place."""
    item = view.scene_.frames.items.get(id)
    if item is None:
        return

    def take(title: str) -> bool:
        return change(view, id, "Rename a frame", merge=merge, title=title)

    bar = item.bar(view.zoom)
    bar.setWidth(min(bar.width(), 420 / view.zoom))
    InPlace(view, item.frame.title, bar, take, "Title of the frame")


def change(view: CanvasView, id: str, step: str, *, merge: str = "", **fields: object) -> bool:
    """Give a frame another title, text, place, size or colour, as one step."""
    where = view.document.where

    def changed(design: Design) -> Design:
        return change_frame(design, where, id, **fields)

    return view.document.edit(step, changed, merge=merge)


def resize(view: CanvasView, dx: float, dy: float) -> None:
    """Make the one selected frame larger or smaller at its right and lower edge; in a row that is one step."""
    chosen = view.scene_.frames.selected()
    if len(chosen) == 1:
        frame = view.document.graph.frame_by_id[chosen[0]]
        wide, high = max(frame.width + dx, SMALLEST_SIDE), max(frame.height + dy, SMALLEST_SIDE)
        step = f"resize {view.document.where} {frame.id}"
        change(view, frame.id, "Resize a frame", merge=step, width=wide, height=high)


def select_inside(view: CanvasView, id: str) -> None:
    """Select what stands in a frame."""
    nodes, within = view.scene_.frames.inside(id)
    view.scene_.select(nodes)
    view.scene_.frames.select(within, keep=True)
