"""Connecting two nodes by keys: choose a port of the selected node, then a port that takes the wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent

from app.design import edits
from app.design.values import End, Wire
from app.window.canvas.wiring import Wiring
from app.window.chooser import Chooser, Row
from app.window.ranking import rank
from app.window.theme import theme

if TYPE_CHECKING:
    from app.window.canvas.view import CanvasView

MOST = 200
"""So many ports are listed; typing narrows them."""


@dataclass(frozen=True)
class _Start:
    """The port that the wire begins or ends at."""

    end: End
    output: bool


class Connect(Chooser):
    """Lists the ports of one node, then what each fits."""

    def __init__(self, view: CanvasView, id: str) -> None:
        super().__init__(view.window(), "Connect", "")
        self._view, self._id = view, id
        self._start: _Start | None = None
        self._wiring: Wiring | None = None
        self._say()

    @property
    def _name(self) -> str:
        return self._view.scene_.graph.by_id[self._id].name

    def _say(self) -> None:
        if self._start is None:
            words = f"A port of {self._name} to connect"
        else:
            way = "to" if self._start.output else "from"
            words = f"{self._name}.{self._start.end.port} {way} …   (Backspace: another port)"
        self.field.setPlaceholderText(words)

    def rows(self, query: str) -> list[Row]:
        return self._ports(query) if self._start is None else self._targets(query, self._start)

    def nothing_words(self, query: str) -> str:
        if query:
            return super().nothing_words(query)
        return f"No port of another node takes this wire: add a node that {self._name} fits, or choose another port."

    def _ports(self, query: str) -> list[Row]:
        scene = self._view.scene_
        face, graph = scene.nodes[self._id].face, scene.graph
        found = []
        for output, ports in ((True, face.outputs), (False, face.inputs)):
            wires = (graph.out_of if output else graph.into).get(self._id, ())
            for port in ports:
                if query and rank(query, port.name) is None:
                    continue
                ends = [
                    wire.target if output else wire.source
                    for wire in wires
                    if (wire.source if output else wire.target) == End(self._id, port.name)
                ]
                others = ", ".join(graph.by_id[end.node].name for end in ends)
                joined = f"{'feeds' if output else 'fed by'} {others}" if others else ""
                kind = "anything" if port.kind == "any" else f"a {port.kind}"
                detail = f"gives {kind}" if output else f"takes {kind}"
                icon = "log-out" if output else "log-in"
                start = _Start(End(self._id, port.name), output)
                found.append(Row(port.name, detail + (f", {joined}" if joined else ""), icon=icon, data=start))
        return found

    def _targets(self, query: str, start: _Start) -> list[Row]:
        scene = self._view.scene_
        assert self._wiring is not None
        found: list[tuple[float, Row]] = []
        held = scene.graph.wire_into(start.end) if not start.output else None
        if held is not None and not query:
            words = f"Take away the wire from {scene.graph.by_id[held.source.node].name}"
            found.append((-1, Row(words, icon="x", data=held)))
        here = scene.nodes[self._id].rect.center()
        for id, item in scene.nodes.items():
            for port in item.face.inputs if start.output else item.face.outputs:
                if not self._wiring.fits(id, port.name):
                    continue
                end = End(id, port.name)
                far = (item.rect.center() - here).manhattanLength()
                name = f"{item.face.name}.{port.name}"
                ranked = rank(query, item.face.name, name, item.face.title, port.name) if query else 0
                wire = self._wiring.wire_to(end)
                if ranked is None or wire in scene.wires:
                    continue
                old = self._wiring.replaced(end) if start.output else held
                instead = f", in place of {scene.graph.by_id[old.source.node].name}" if old is not None else ""
                colour = theme.category(item.face.category).name()
                row = Row(name, item.face.title + instead, icon=item.face.icon, colour=colour, data=wire)
                found.append((ranked * 1e6 + far, row))
        return [row for _, row in sorted(found, key=lambda one: one[0])[:MOST]]

    def take(self) -> None:
        row = self.current()
        if row is None:
            return
        if isinstance(row.data, _Start):
            self._start = row.data
            self._wiring = Wiring(self._view.document, row.data.end, from_output=row.data.output)
            self._again()
            return
        assert isinstance(row.data, Wire)
        self.shut()
        self._change(row.data)

    def _change(self, wire: Wire) -> None:
        document, names = self._view.document, self._view.scene_.graph.by_id
        where = document.where
        if wire in self._view.scene_.wires:
            document.edit("Take away a wire", lambda d: edits.disconnect(d, where, [wire]))
            return
        document.edit(
            f"Connect {names[wire.source.node].name} to {names[wire.target.node].name}",
            lambda d: edits.connect(d, where, wire.source, wire.target, document.catalogue, replace_wire=True),
        )

    def _again(self) -> None:
        self._say()
        if self.field.text():
            self.field.clear()
        else:
            self.refresh()

    def key(self, event: QKeyEvent) -> bool:
        if event.key() == Qt.Key.Key_Backspace and self._start is not None and not self.field.text():
            self._start = self._wiring = None
            self._again()
            return True
        return super().key(event)

    def _go(self) -> None:
        gone = not self.isHidden()
        super()._go()
        if gone:
            self.deleteLater()


def begin(view: CanvasView) -> None:
    """Connect the selected node."""
    ids = view.selected_ids()
    if len(ids) != 1:
        view.hint.emit("Select one node to connect it: Alt and an arrow key go from node to node.")
        return
    Connect(view, ids[0]).open()
