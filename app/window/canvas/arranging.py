"""Arranging nodes: the layout of all or of the selection, in a thread of its own, and lining up what is selected."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QThread, QTimer, Signal

from app.design import edits
from app.design.layout import Box, Cancelled, Direction, Layout, Watch, lay_out
from app.design.values import Design, Graph
from app.window.canvas import lining
from app.window.canvas.glide import Glide
from app.window.canvas.scene import Scene

if TYPE_CHECKING:
    from app.window.canvas.view import CanvasView

PATIENCE = 300
"""Milliseconds after which a layout under way is announced, with a button that stops it."""
_BREATH = 0.004
"""Seconds of work after which the thread lets the window have its turn: Python runs one of them at a time."""


def boxes(scene: Scene) -> dict[str, Box]:
    """How large each node is drawn, and where its ports lie."""
    found = {}
    for id, item in scene.nodes.items():
        shape = item.geometry
        ins, outs = ({name: at.y() for name, at in side.items()} for side in (shape.inputs, shape.outputs))
        found[id] = Box(shape.width, shape.height, ins, outs)
    return found


class _Work(QThread):
    """Works a layout out."""

    def __init__(self, graph: Graph, sizes: Mapping[str, Box], direction: Direction, only: set[str] | None) -> None:
        super().__init__()
        self._job = graph, sizes, direction, only
        self.layout: Layout | None = None
        self.done = 0.0
        self._stopped = False
        self._breathed = 0.0

    def stop(self) -> None:
        self._stopped = True

    def _cancelled(self) -> bool:
        now = time.monotonic()
        if now - self._breathed > _BREATH:
            time.sleep(0.0005)
            self._breathed = time.monotonic()
        return self._stopped

    def _progress(self, done: float) -> None:
        self.done = done

    def run(self) -> None:
        graph, sizes, direction, only = self._job
        last = [node.id for node in graph.nodes if node.block == "GroupOutput"]  # a Group's ports line up at its end
        watch = Watch(self._cancelled, self._progress)
        try:
            self.layout = lay_out(graph, sizes, direction=direction, only=only, last=last, watch=watch)
        except Cancelled:
            self.layout = None


class Arranger(QObject):
    """Lays the drawing of a canvas out, one layout at a time."""

    under_way = Signal(str)
    """A layout takes a while: the sentence; "" when it is over."""
    arranged = Signal()
    """Nodes have been put in new places, and glide there."""

    def __init__(self, view: CanvasView) -> None:
        super().__init__(view)
        self._view = view
        self.direction: Direction = "right"
        self.last: Layout | None = None
        """What the last layout found."""
        self._work: _Work | None = None
        self._late = QTimer(self)
        self._late.setSingleShot(True)
        self._late.setInterval(PATIENCE)
        self._late.timeout.connect(self._announce)
        self.glide = Glide(view.scene_)

    @property
    def busy(self) -> bool:
        """Whether a layout is under way."""
        return self._work is not None

    def lay_out(self, *, only_selected: bool = False) -> None:
        """Find new places for all nodes looked at, or for the selected ones, as one undo step."""
        view = self._view
        graph, where = view.document.graph, view.document.where
        ids = set(view.selected_ids()) if only_selected else None
        if only_selected and len(ids or ()) < 2:
            view.hint.emit("Select two nodes or more to lay them out")
            return
        if self._work is not None or not graph.nodes:
            return
        self.glide.finish()
        work = self._work = _Work(graph, boxes(view.scene_), self.direction, ids)
        work.finished.connect(lambda: self._finished(work, graph, where, only_selected))
        self._late.start()
        work.start()

    def lay_out_heap(self) -> None:
        """Lay out a drawing whose nodes all lie on one place: nobody has placed them."""
        nodes = self._view.document.graph.nodes
        if len(nodes) > 1 and len({(node.x, node.y) for node in nodes}) == 1:
            self.lay_out()

    def stop(self) -> None:
        """Leave everything as it is."""
        if self._work is not None:
            self._work.stop()

    def wait(self) -> None:
        """Stop, and wait until the thread has ended: the window is about to go."""
        self.stop()
        if self._work is not None:
            self._work.wait()

    def _announce(self) -> None:
        if self._work is not None:
            count = len(self._view.document.graph.nodes)
            self.under_way.emit(f"Laying out {count:,} nodes…")

    def _finished(self, work: _Work, graph: Graph, where: str, selected: bool) -> None:
        self._late.stop()
        self._work = None
        self.under_way.emit("")
        view, document = self._view, self._view.document
        work.wait()
        layout = self.last = work.layout
        if layout is None:
            view.hint.emit("The layout was stopped: everything is where it was")
            return
        if document.where != where or document.graph is not graph:
            view.hint.emit("The drawing changed while it was being laid out: lay it out again")
            return
        self.move("Lay out the selection" if selected else "Lay out all", layout.places)
        if not selected:
            self.arranged.emit()

    def move(self, text: str, places: Mapping[str, tuple[float, float]]) -> None:
        """Put nodes in new places, as one undo step; they glide there."""
        document, where = self._view.document, self._view.document.where
        old = {id: document.graph.by_id[id] for id in places}
        starts = {id: (node.x, node.y) for id, node in old.items() if (node.x, node.y) != places[id]}
        if not starts:
            self._view.hint.emit("Nothing had to move")
            return

        def change(design: Design) -> Design:
            return edits.move(design, where, places)

        if document.edit(text, change):
            self.glide.from_(starts)

    def line_up(self, text: str, how: Callable[[Mapping[str, lining.Rect]], dict[str, tuple[float, float]]]) -> None:
        """Line the selected nodes up."""
        view = self._view
        rects = {id: lining.Rect.of(view.scene_.nodes[id].rect) for id in view.selected_ids()}
        least = 3 if how in (lining.spread_across, lining.spread_down) else 2
        if len(rects) < least:
            view.hint.emit(f"Select {'three' if least == 3 else 'two'} nodes or more for this")
            return
        self.glide.finish()
        self.move(text, how(rects))

    def straighten(self) -> None:
        """Put the chains of the selection on one level, by their ports."""
        view = self._view
        ids = set(view.selected_ids())
        wires = [w for w in view.document.graph.wires if w.source.node in ids and w.target.node in ids]
        if not wires:
            view.hint.emit("Select nodes that are wired to each other to straighten them")
            return
        self.glide.finish()
        scene = view.scene_
        tops = {id: scene.nodes[id].rect.top() for id in ids}
        lefts = {id: scene.nodes[id].rect.left() for id in ids}
        joints = [
            (w.source.node, w.target.node, scene.place_of(w.source, output=True).y() - tops[w.source.node],
             scene.place_of(w.target, output=False).y() - tops[w.target.node])
            for w in wires
        ]  # fmt: skip
        self.move("Straighten", lining.straightened(lefts, tops, joints))
