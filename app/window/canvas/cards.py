"""The pictures under the nodes' feet while a preview is on: where there is room for one.

A picture is as high whether there is something to show yet or not, so nothing jumps while answers come. Where the next
node below leaves no room, it takes the place of the settings on the node.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from app.window.canvas.face import Face
from app.window.canvas.thumbs import Thumb

if TYPE_CHECKING:
    from app.window.canvas.scene import Scene

CARD, SHORT, LEAST = 80.0, 30.0, 44.0
"""Heights in scene units: of a picture, of a number, of the lowest picture that is worth its place."""
CLEAR = 14.0
"""Free space that stays between a picture and the node below it."""
STRIP = 240.0
NUMBERS = ("Loss", "Metric")
"""Categories whose nodes give a number, as a Target does."""
WITHOUT = ("GroupInput", "GroupOutput")
"""Blocks that hand on what their Group gets and gives: the Group's own node shows it."""


class Cards:
    """Gives the nodes of a scene their pictures while `pictures` says which."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._pictures: Callable[[str], Thumb | None] | None = None
        self._old = False
        self._rooms: dict[str, tuple[float, bool]] = {}
        self._worn = False

    @property
    def on(self) -> bool:
        return self._pictures is not None

    def turn(self, pictures: Callable[[str], Thumb | None] | None) -> None:
        """Show the pictures that `pictures` gives by a node's id; None: none any more."""
        if (pictures is None) != (self._pictures is None):
            self._pictures = pictures
            self._rooms = {}
            self.settle()

    def refresh(self, old: bool = False) -> None:
        """The pictures are new, or no longer true (`old`)."""
        self._old = old
        for id, item in self._scene.nodes.items():
            item.show_picture(self._pictures(id) if self._pictures is not None else None, old)

    def dressed(self, id: str, face: Face) -> Face:
        """The face with room for a picture."""
        below, within = self._rooms.get(id, (0.0, False))
        return replace(face, below=below, within=within) if below or within else face

    def settle(self) -> None:
        """Find each node's picture a place, after nodes came, went or moved."""
        if not (self.on or self._worn):
            return
        self._worn = self.on
        rooms = self._find() if self.on else {}
        moved = []
        for id, item in self._scene.nodes.items():
            below, within = rooms.get(id, (0.0, False))
            self._rooms[id] = below, within
            if (item.face.below, item.face.within) != (below, within) and item.show_face(
                item.node, replace(item.face, below=below, within=within)
            ):
                moved.append(id)
        if moved:
            self._scene.follow(moved)
            self._scene.shown.emit()
        self.refresh(self._old)

    def _find(self) -> dict[str, tuple[float, bool]]:
        """Node -> how high the picture below it is, and whether it is on the node instead."""
        columns: dict[int, list[tuple[float, float, float]]] = {}  # strips of the scene: (top, left, right) of nodes
        for item in self._scene.nodes.values():
            left, right = item.pos().x(), item.pos().x() + item.geometry.width
            for strip in _strips(left, right):
                columns.setdefault(strip, []).append((item.pos().y(), left, right))
        rooms: dict[str, tuple[float, bool]] = {}
        for id, item in self._scene.nodes.items():
            if item.node.block in WITHOUT:
                continue
            wanted = SHORT if item.face.category in NUMBERS or item.node.block == "Target" else CARD
            left, right = item.pos().x() - CLEAR, item.pos().x() + item.geometry.width + CLEAR
            own = item.pos().y()
            foot = own + item.geometry.base
            room = wanted
            for strip in _strips(left, right):
                for top, other_left, other_right in columns.get(strip, ()):
                    if own < top < foot + wanted + CLEAR and other_left < right and other_right > left:
                        room = min(room, top - foot - CLEAR)
            room = wanted if room >= wanted else room // 4 * 4
            rooms[id] = (room, False) if room >= min(LEAST, wanted) else (0.0, True)
        return rooms


def _strips(left: float, right: float) -> range:
    return range(int(left // STRIP), int(right // STRIP) + 1)
