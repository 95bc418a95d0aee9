"""The scene: one item a node and a wire of the graph that is looked at. On a change it touches only what changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from PySide6.QtCore import QObject, QPointF, QRectF, QTimer, Signal
from PySide6.QtWidgets import QGraphicsScene

from app.design.values import Design, End, Graph, Group, Node, Wire
from app.messages.reports import NodeReport, Problem
from app.messages.watch import Trouble
from app.window.canvas import texts
from app.window.canvas.cards import Cards
from app.window.canvas.face import Face, face_of
from app.window.canvas.frame_item import FrameItem
from app.window.canvas.frames import Frames
from app.window.canvas.heat import Heat, heats
from app.window.canvas.node_item import PORT_REACH, NodeItem
from app.window.canvas.pills import PillLayer, box_of
from app.window.canvas.trails import Trails
from app.window.canvas.wire_item import Curve, WireItem, WireLook
from app.window.canvas.wiring import Wiring
from app.window.document import Document
from app.window.theme import theme

_ROOM = 1000.0
"""How far past the outermost nodes Qt's index reaches: so far they may move before it is made anew."""

_DEEPEST = 16
"""How often Qt's index is cut in two at most: left to itself it is so coarse that every frame asks ten times as many
items for their place as it paints."""
_MANY = 200
"""From so many moved items on Qt's index is made anew instead of kept up."""
_FEW, _SLICE = 300, 0.008
"""So many pills find their places at once; more in slices of so many seconds, between which the window lives."""


@dataclass(frozen=True)
class Hit:
    """What lies under the pointer: a port (its name and side), a node's body, a wire, a part of a frame, or nothing."""

    node: NodeItem | None = None
    port: str = ""
    output: bool = False
    wire: WireItem | None = None
    frame: FrameItem | None = None
    part: str = ""
    """Of the frame: "title", or the edges to drag."""


class Scene(QGraphicsScene):
    """Shows `document.graph` and follows it."""

    shown = Signal()
    """The drawing looks different: the minimap must follow."""

    def __init__(self, document: Document, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.document = document
        self.nodes: dict[str, NodeItem] = {}
        self.wires: dict[Wire, WireItem] = {}
        self.laid = 0
        """Counts up when a node comes, goes, or changes its place, size or category: what the map shows."""
        self._bounds: QRectF | None = None
        self._indexed = QRectF()
        self._path: tuple[str, ...] = ()
        self.refreshed = 0
        """How many times an item was made or asked to show something new."""
        self._graph = Graph()
        self._groups: Mapping[str, Group] = {}
        self._problems: dict[str, list[Problem]] = {}
        self._told: dict[str, tuple[NodeReport | None, list[Problem] | None, Trouble | None]] = {}
        """What analysis said of each node when its face was made."""
        self.letters: Callable[[str, str], str] = lambda id, port: ""
        """What a wire says in place of its shape, by the path of its node and the port; "" for the shape."""
        self._heats: dict[str, Heat] = {}
        self.trails = Trails(self)
        """Which wires stand out, and the node that is blamed."""
        self.cards = Cards(self)
        """The nodes' pictures while a preview is on."""
        self.pills = PillLayer()
        self.addItem(self.pills)
        self._pilling = QTimer(self)
        self._pilling.setInterval(0)
        self._pilling.timeout.connect(self._place_some)
        self.labels_shown = True
        document.changed.connect(self._changed)
        document.place_changed.connect(self._place_changed)
        document.analysed.connect(self._analysed)
        document.catalogue_changed.connect(self.rebuild)
        document.overlay.changed.connect(self._warmed)
        theme.changed.connect(self._repaint)
        self.selectionChanged.connect(self._light_blame)
        self.frames = Frames(self)
        self.rebuild()

    # following the document -------------------------------------------------------------------------------------------

    def rebuild(self) -> None:
        """Show the graph that is looked at from scratch; what is selected stays so where it is still there."""
        selected = self.selected_ids()
        for item in (*self.wires.values(), *self.nodes.values()):
            self.removeItem(item)
        self.removeItem(self.pills)
        self.nodes, self.wires = {}, {}
        self.pills = PillLayer()
        self.pills.setVisible(self.labels_shown)
        self.addItem(self.pills)
        self._graph, self._path = Graph(), self.document.path
        self._told = {}
        self._index_problems()
        self._heats = heats(self.document)
        self._sync()
        self._told = self._tell()
        self.select(selected)

    def _place_changed(self) -> None:
        if self.document.path != self._path or self.document.graph is not self._graph:
            self.rebuild()  # else another drawing was loaded, and is shown already

    def _changed(self, _before: Design, _after: Design) -> None:
        if not self.document.opening:  # all is made anew in a moment
            self._sync()

    def _sync(self) -> None:
        old, new = self._graph, self.document.graph
        groups = self.document.design.group_by_name
        self._graph = new
        gone_wires: set[Wire] = set()
        new_wires: set[Wire] = set()
        if new.wires is not old.wires:
            gone_wires, new_wires = self.wires.keys() - set(new.wires), set(new.wires) - self.wires.keys()
        for wire in gone_wires:
            self._drop_wire(wire)
        for id in self.nodes.keys() - new.by_id.keys():
            self._drop_node(id)
        stale = {end.node for wire in gone_wires | new_wires for end in (wire.source, wire.target)}
        before, self._groups = self._groups, groups
        regrouped = {name for name in groups.keys() | before.keys() if groups.get(name) is not before.get(name)}
        differ = [
            node
            for id, node in new.by_id.items()
            if (item := self.nodes.get(id)) is None or item.node is not node or id in stale or node.group in regrouped
        ]
        with self._indexed_once(len(differ)):
            moved, renewed = self._renew(differ, stale | {node.id for node in differ if node.group in regrouped})
            self._wire_up(new_wires)
            self.relabel([w for w in self._wires_of(renewed) if w not in new_wires])
            self.follow(moved, fresh=new_wires)
            self.cards.settle()
        if new is not old:
            self._index(self.bounds())
            self.shown.emit()

    def _renew(self, nodes: Iterable[Node], stale: set[str]) -> tuple[list[str], list[str]]:
        """Give these nodes their items. Returns which must be followed by their wires, and which look different."""
        moved: list[str] = []
        renewed: list[str] = []
        for node in nodes:
            item = self.nodes.get(node.id)
            if item is None:
                self._add_node(node)
                moved.append(node.id)
            elif node.id not in stale and item.move(node):
                self.refreshed += 1
                moved.append(node.id)
            else:
                renewed.append(node.id)
                if self._refresh(item, node):
                    moved.append(node.id)
        return moved, renewed

    def _wires_of(self, ids: Iterable[str]) -> dict[Wire, None]:
        """The wires that end at these nodes."""
        graph = self._graph
        return {wire: None for id in ids for wire in (*graph.into.get(id, ()), *graph.out_of.get(id, ()))}

    @contextmanager
    def _indexed_once(self, count: int) -> Iterator[None]:
        """So many items change their places: where they are many, Qt's index is made anew after them and not kept up
        with each, which costs it more the more items lie near each other."""
        if count < _MANY:
            yield
            return
        self.setItemIndexMethod(QGraphicsScene.ItemIndexMethod.NoIndex)
        try:
            yield
        finally:
            self.setItemIndexMethod(QGraphicsScene.ItemIndexMethod.BspTreeIndex)
            self._indexed = QRectF()
            self.setSceneRect(self._indexed)  # a new index hears of its place when that changes
            self._index(self.bounds())

    def _index(self, bounds: QRectF) -> None:
        """Tell Qt's index where things are: it must cut up this, not the boundless layer of the pills."""
        if not self._indexed.contains(bounds):
            self._indexed = bounds.adjusted(-_ROOM, -_ROOM, _ROOM, _ROOM)
            self.setBspTreeDepth(min(len(self.nodes).bit_length() + 4, _DEEPEST))
            self.setSceneRect(self._indexed)

    def _add_node(self, node: Node) -> None:
        item = NodeItem(node, self._face(node))
        self.refreshed += 1
        self.nodes[node.id] = item
        self.addItem(item)

    def _drop_node(self, id: str) -> None:
        self.removeItem(self.nodes.pop(id))
        self.pills.nodes.drop(id)
        self._relaid()

    def _relaid(self) -> None:
        self.laid += 1
        self._bounds = None

    def _drop_wire(self, wire: Wire) -> None:
        self.pills.remove(wire)
        item = self.wires.pop(wire)
        self.removeItem(item)
        self.trails.drop(item)

    def _refresh(self, item: NodeItem, node: Node) -> bool:
        self.refreshed += 1
        face = self._face(node)
        self.laid += face.category != item.face.category
        return item.show_face(node, face)

    def _face(self, node: Node) -> Face:
        report, problems = self.document.report(node.id), self._problems.get(node.id, [])
        self._told[node.id] = report, self._problems.get(node.id), self._found(node.id)
        face = face_of(self.document, self._graph, node, report, problems)
        if (heat := self._heats.get(node.id)) is not None:
            face = replace(face, heat=heat)
        return self.cards.dressed(node.id, face)

    def _wire_up(self, wires: Iterable[Wire]) -> None:
        for wire in wires:
            item = WireItem(wire, self._curve(wire), self._look(wire))
            item.when_hovered = self.trails.follow
            self.refreshed += 1
            self.wires[wire] = item
            self.addItem(item)

    def _curve(self, wire: Wire) -> Curve:
        return Curve.between(
            self.nodes[wire.source.node].port_place(wire.source.port, output=True),
            self.nodes[wire.target.node].port_place(wire.target.port, output=False),
        )

    def _look(self, wire: Wire) -> WireLook:
        source, target = self.nodes[wire.source.node].face, self.nodes[wire.target.node].face
        kinds = [p.kind for p in source.outputs if p.name == wire.source.port]
        kinds += [p.kind for p in target.inputs if p.name == wire.target.port]
        seen = texts.at_port(self.document.report(wire.source.node), wire.source.port, output=True) or texts.at_port(
            self.document.report(wire.target.node), wire.target.port, output=False
        )
        kind = next((k for k in kinds if k != "any"), seen.kind if seen else "tensor")
        label = texts.port_shape(seen) if seen else ""
        label = self.letters(self.document.id_path(wire.source.node), wire.source.port) or label
        return WireLook(kind, source.category, label, wire.target.port in target.bad_ports)

    def _analysed(self) -> None:
        self._index_problems()
        told = self._tell()
        fresh = [id for id, seen in told.items() if self._told.get(id) != seen]  # of the others nothing new is said
        self._told = told
        self._show_faces(fresh)
        self.relabel(self._wires_of(fresh))
        self._light_blame()
        self.shown.emit()

    def _tell(self) -> dict[str, tuple[NodeReport | None, list[Problem] | None, Trouble | None]]:
        return {id: (self.document.report(id), self._problems.get(id), self._found(id)) for id in self._graph.by_id}

    def _found(self, id: str) -> Trouble | None:
        return self.document.findings.at(self.document.id_path(id)) if self.document.findings.troubles else None

    def _warmed(self) -> None:
        before, self._heats = self._heats, heats(self.document)
        self._show_faces([id for id in self._graph.by_id if before.get(id) != self._heats.get(id)])

    def _show_faces(self, ids: Iterable[str]) -> None:
        for id in ids:
            node, item = self._graph.by_id[id], self.nodes[id]
            face = self._face(node)
            if face != item.face:
                self.refreshed += 1
                item.show_face(node, face)

    def relabel(self, wires: Iterable[Wire] | None = None) -> None:
        """Let these wires (all without) say what is known of them now."""
        again = []
        for wire in list(self.wires) if wires is None else wires:
            wired = self.wires[wire]
            look = self._look(wire)
            if look != wired.look:
                self.refreshed += 1
                if look.label != wired.look.label:
                    again.append(wired)
                else:
                    self.pills.repaint(wire)
                wired.show_look(look)
        self._place(again)

    def show_labels(self, on: bool) -> None:
        """Let wires say what goes through them, or not."""
        self.labels_shown = on
        self.pills.setVisible(on)

    def keep(self, ids: Iterable[str]) -> None:
        """Show these nodes and the wires between them alone: for a picture of a selection."""
        kept = set(ids)
        for wire in [w for w in self.wires if not {w.source.node, w.target.node} <= kept]:
            self._drop_wire(wire)
        for id in [id for id in self.nodes if id not in kept]:
            self._drop_node(id)
        self.pills.want(self.wires.values())
        self.pills.settle()

    def _light_blame(self) -> None:
        chosen = self.selected_ids()
        self.trails.blame(chosen, self._problems.get(chosen[0], []) if len(chosen) == 1 else [])

    def _index_problems(self) -> None:
        """Sort the problems by the node of this graph that shows them, once for all nodes."""
        self._problems = {}
        analysis = self.document.analysis
        if analysis is None:
            return
        prefix = self.document.id_path("")
        for problem in analysis.problems:
            if problem.id.startswith(prefix):
                self._problems.setdefault(problem.id[len(prefix) :].split("/")[0], []).append(problem)

    def follow(self, ids: Iterable[str], *, fresh: Iterable[Wire] = (), sticky: bool = False) -> None:
        """Let wires and pills follow nodes that were moved or changed their size."""
        moved, made = dict.fromkeys(ids), set(fresh)
        all_anew = not sticky and len(moved) >= _MANY and 2 * len(moved) > len(self.nodes)
        touched = dict.fromkeys(self.wires if all_anew else (*fresh, *self._wires_of(moved)))
        if all_anew:
            self.pills.clear()
        if moved:
            self._relaid()
        for id in moved:
            item = self.nodes.get(id)
            if item is not None:
                self.pills.nodes.put(id, box_of(item.rect))
                if not all_anew:
                    touched.update(dict.fromkeys(self.pills.wires_under(box_of(item.rect, 5))))
        for wire in touched:
            item_of = self.wires[wire]
            if wire not in made:  # those are drawn where their nodes are now
                item_of.follow(self._curve(wire))
            self.pills.follow(item_of)
        self._place([self.wires[wire] for wire in touched], sticky=sticky)

    def _place(self, wires: list[WireItem], *, sticky: bool = False) -> None:
        """Find places for pills: a few at once, many in the window's idle time."""
        self.pills.want(wires, sticky=sticky)
        if len(self.pills.wanted) <= _FEW:
            self.pills.settle()
        else:
            self._pilling.start()

    def _place_some(self) -> None:
        if self.pills.settle(seconds=_SLICE):
            self._pilling.stop()

    def _repaint(self) -> None:
        for item in self.nodes.values():
            item.update()  # each keeps its picture
        self.update()
        self.shown.emit()

    # what is where ----------------------------------------------------------------------------------------------------

    @property
    def graph(self) -> Graph:
        return self._graph

    def bounds(self) -> QRectF:
        """The rectangle around all nodes and frames; null when there are none."""
        if not self.nodes:
            return self.frames.bounds()
        if self._bounds is None:
            rects = [item.rect for item in self.nodes.values()]
            left, top = min(r.left() for r in rects), min(r.top() for r in rects)
            right, bottom = max(r.right() for r in rects), max(r.bottom() for r in rects)
            self._bounds = QRectF(left, top, right - left, bottom - top)
        return self._bounds.united(self.frames.bounds())

    def hit(self, at: QPointF, reach: float = PORT_REACH) -> Hit:
        """What lies at `at`: a port within reach wins over a body, a body over a wire, all over a frame."""
        pad = max(reach, 0.5)  # Qt finds nothing in a rectangle without an inside
        around = QRectF(at.x() - pad, at.y() - pad, 2 * pad, 2 * pad)
        best: tuple[float, NodeItem, str, bool] | None = None
        body: NodeItem | None = None
        wire: WireItem | None = None
        for item in self.items(around):
            if isinstance(item, NodeItem):
                near = item.geometry.nearest_port(at - item.pos(), reach)
                if near is not None and (best is None or near[2] < best[0]):
                    best = (near[2], item, near[0], near[1])
                if body is None and item.rect.contains(at):
                    body = item
            elif isinstance(item, WireItem) and wire is None and item.shape().contains(at):
                wire = item
        if best is not None:
            return Hit(best[1], best[2], best[3])
        if body is not None or wire is not None:
            return Hit(node=body) if body is not None else Hit(wire=wire)
        frame, part = self.frames.hit(at)
        return Hit(frame=frame, part=part)

    def wire_at(self, at: QPointF) -> WireItem | None:
        """The wire under a point, nodes or not."""
        return next((i for i in self.items(at) if isinstance(i, WireItem)), None)

    def place_of(self, end: End, *, output: bool) -> QPointF:
        """Where a port is on the scene."""
        return self.nodes[end.node].port_place(end.port, output=output)

    # selection --------------------------------------------------------------------------------------------------------

    def selected_ids(self) -> list[str]:
        return [item.node.id for item in self.selectedItems() if isinstance(item, NodeItem)]

    def selected_wires(self) -> list[Wire]:
        return [item.wire for item in self.selectedItems() if isinstance(item, WireItem)]

    def select(self, ids: Iterable[str], *, keep: bool = False) -> None:
        """Select nodes; what else was selected is not any more, unless `keep`."""
        if not keep:
            self.clearSelection()
        for id in ids:
            if id in self.nodes:
                self.nodes[id].setSelected(True)

    # a wire in the hand -----------------------------------------------------------------------------------------------

    def show_wiring(self, wiring: Wiring | None) -> None:
        """Light up the ports that would take the wire in the hand and dim the others; None ends that."""
        for item in self.nodes.values():
            item.show_wiring(wiring)
