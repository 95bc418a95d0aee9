"""The nodes that ended an engine, by crash or by hanging: the engines that follow leave them out, and do the rest."""

from __future__ import annotations

from msgspec.structs import replace

from app.design.paths import locate
from app.design.values import Design, Node
from app.messages import Ended


class Verdicts:
    """What was found, each for as long as the node is what it was; whether its inputs are is for the engine to see."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[Node, str]] = {}
        self._last = -1
        self._blamed: set[str] = set()

    def add(self, revision: int, design: Design, id: str, why: str) -> bool:
        """Note that the call `id` ended an engine; whether it makes sense to ask again without it: not where it was
        left out already, and where no such node is drawn."""
        node = _drawn(design, id)
        if revision != self._last:
            self._last, self._blamed = revision, set()
        if node is None or id in self._blamed:
            return False
        self._blamed.add(id)
        self._found[id] = (node, why)
        return True

    def of(self, design: Design) -> tuple[Ended, ...]:
        """What still holds of this design."""
        self._found = {id: (node, why) for id, (node, why) in self._found.items() if _drawn(design, id) == node}
        return tuple(Ended(id, why) for id, (_, why) in self._found.items())

    def clear(self) -> None:
        """Let all be tried again: the code that they run is another one."""
        self._found.clear()


def _drawn(design: Design, id: str) -> Node | None:
    """The node of a call, wherever it stands."""
    _, where, node = locate(design, id)
    return replace(design.graph(where).by_id[node], x=0.0, y=0.0) if node else None
