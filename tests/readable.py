"""Whether a drawing can be read: what lies over what on a scene."""

from __future__ import annotations

from app.window.canvas.scene import Scene

TOUCH = 4
"""Scene units by which a wire may touch a node's rim."""


def covered(scene: Scene) -> list[tuple[str, str]]:
    """Pairs of nodes that lie over each other."""
    places = {id: item.rect for id, item in scene.nodes.items()}
    names = list(places)
    return [(a, b) for i, a in enumerate(names) for b in names[i + 1 :] if places[a].intersects(places[b])]


def crossed(scene: Scene) -> list[tuple[str, str, str]]:
    """Wires that run over a node which they do not join: the nodes at their ends, and that node."""
    inner = {id: item.rect.adjusted(TOUCH, TOUCH, -TOUCH, -TOUCH) for id, item in scene.nodes.items()}
    return [
        (wire.source.node, wire.target.node, id)
        for wire, item in scene.wires.items()
        for id, place in inner.items()
        if id not in (wire.source.node, wire.target.node) and item.curve.path().intersects(place)
    ]
