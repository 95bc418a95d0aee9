"""Which wires of a scene stand out: those through the one under the pointer, and those from a fault to who has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from app.design.values import Wire
from app.messages.reports import Problem
from app.window.canvas.wire_item import WireItem

if TYPE_CHECKING:
    from app.window.canvas.scene import Scene


class Trails:
    """The ways that tensors take through the drawing, as far as they are lit up."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._lit: set[Wire] = set()
        """The wires from the node that is blamed to the selected one."""

    def follow(self, hovered: WireItem) -> None:
        """Brighten the whole path through the wire under the pointer: all that feeds it, all that it feeds."""
        self._show(self._through(hovered.wire) if hovered.hovered else self._lit)

    def blame(self, chosen: list[str], problems: list[Problem]) -> None:
        """Light up the node that began the `problems` of the one node `chosen`, and the wires between."""
        scene = self._scene
        blame = next((p.blame for p in problems if p.blame), "")
        prefix = scene.document.id_path("")
        blamed = blame.removeprefix(prefix).split("/")[0] if blame.startswith(prefix) else ""
        for id, item in scene.nodes.items():
            item.show_blame(id == blamed and id not in chosen)
        lit = self._between(blamed, chosen[0]) if blamed in scene.nodes and blamed not in chosen else set()
        if lit != self._lit:
            self._lit = lit
            self._show(lit)

    def drop(self, item: WireItem) -> None:
        """A wire is gone."""
        self._lit.discard(item.wire)
        if item.on_path:
            item.hovered = False
            self.follow(item)

    def _show(self, path: set[Wire]) -> None:
        for wire, item in self._scene.wires.items():
            item.show_path(wire in path)
        self._scene.pills.update()

    def _between(self, start: str, end: str) -> set[Wire]:
        """The wires on the ways from one node to another."""
        graph = self._scene.graph
        return _reached([end], graph.into, "source") & _reached([start], graph.out_of, "target")

    def _through(self, wire: Wire) -> set[Wire]:
        graph = self._scene.graph
        above = _reached([wire.source.node], graph.into, "source")
        return {wire} | above | _reached([wire.target.node], graph.out_of, "target")


def _reached(todo: list[str], edges: Mapping[str, tuple[Wire, ...]], side: str) -> set[Wire]:
    """All wires that one comes by, going from the nodes `todo` always to that side."""
    path: set[Wire] = set()
    while todo:
        for further in edges.get(todo.pop(), ()):
            if further not in path:
                path.add(further)
                todo.append(getattr(further, side).node)
    return path
