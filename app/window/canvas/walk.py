"""From node to node by keys: along wires to the left and right, to the nearest one above and below."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF

from app.window.canvas.flight import fly
from app.window.canvas.node_item import NodeItem

if TYPE_CHECKING:
    from app.window.canvas.view import CanvasView

_ASIDE = 2.0
"""How much more a step aside counts than one straight on."""


def to_feeding(view: CanvasView) -> None:
    """Select the node that feeds the selected one."""
    _along(view, feeding=True)


def to_fed(view: CanvasView) -> None:
    """Select the node that the selected one feeds."""
    _along(view, feeding=False)


def to_above(view: CanvasView) -> None:
    """Select the nearest node above."""
    _beside(view, -1)


def to_below(view: CanvasView) -> None:
    """Select the nearest node below."""
    _beside(view, 1)


def _here(view: CanvasView) -> NodeItem | None:
    """The node to go from; where none is selected, the one nearest to the middle is selected, and that was the step."""
    scene = view.scene_
    chosen = scene.selected_ids()
    if chosen:
        return scene.nodes[chosen[-1]]
    if near := _nearest(scene.nodes.values(), view.middle()):
        _go(view, near)
    return None


def _along(view: CanvasView, *, feeding: bool) -> None:
    here = _here(view)
    if here is None:
        return
    graph, id = view.scene_.graph, here.node.id
    wires = (graph.into if feeding else graph.out_of).get(id, ())
    ends = {wire.source.node if feeding else wire.target.node for wire in wires} - {id}
    there = _nearest((view.scene_.nodes[end] for end in ends), here.rect.center())
    if there is None:
        view.hint.emit(f"Nothing feeds {here.node.name}" if feeding else f"{here.node.name} feeds nothing")
    else:
        _go(view, there)


def _beside(view: CanvasView, way: int) -> None:
    here = _here(view)
    if here is None:
        return
    edge = here.rect.bottom() if way > 0 else here.rect.top()  # what stands in the same row is not below or above
    others = [item for item in view.scene_.nodes.values() if way * (item.rect.center().y() - edge) > 0]
    there = _nearest(others, here.rect.center())
    if there is None:
        view.hint.emit(f"There is no node {'below' if way > 0 else 'above'} {here.node.name}")
    else:
        _go(view, there)


def _nearest(items: Iterable[NodeItem], at: QPointF) -> NodeItem | None:
    def far(item: NodeItem) -> tuple[float, str]:
        away = item.rect.center() - at
        return abs(away.y()) + _ASIDE * abs(away.x()), item.node.id

    return min(items, key=far, default=None)


def _go(view: CanvasView, item: NodeItem) -> None:
    view.scene_.select([item.node.id])
    seen = view.mapFromScene(item.rect).boundingRect()
    if not view.viewport().rect().contains(seen):
        fly(view, item.node.id, zoom=view.zoom)
    view.hint.emit(f"{item.node.name}, {item.face.title}")
