"""The drawing from afar: what the kept tiles show is what is there, and panning paints nothing anew."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QPoint, QPointF, QRectF
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QApplication

from app.design import edits
from app.design.values import Design
from app.messages import Analysis
from app.messages.reports import NodeReport, PortShape, Problem, Tensor
from app.window.canvas import painting
from app.window.canvas.node_item import NodeItem
from app.window.canvas.view import CanvasView
from app.window.document import Document
from app.window.theme import theme
from tests.window.canvas_hands import body, drag, node, shown, wire

ACROSS = 12
BLOCKS = ("Conv2d", "ReLU", "Input", "ResNet", "FPN")


@pytest.fixture
def far(qtbot: Any, document: Document) -> CanvasView:
    nodes = tuple(node(f"n{i}", BLOCKS[i % 5], (i % ACROSS) * 300, (i // ACROSS) * 400) for i in range(60))
    wires = tuple(wire(f"n{i}", f"n{i + 1}") for i in range(0, 59) if BLOCKS[i % 5] == "Conv2d")
    document.load(Design(nodes=nodes, wires=wires), None)
    view = shown(qtbot, document)
    look(view, 0.1)
    return view


def look(view: CanvasView, zoom: float, at: QPointF | None = None) -> None:
    view.set_zoom(zoom)
    view.look_at(at or view.scene_.bounds().center())
    settle()


def settle() -> None:
    for _ in range(60):
        QApplication.processEvents()


def colours(view: CanvasView) -> dict[str, QColor]:
    """The colour at the middle of every node that is seen whole."""
    picture = view.viewport().grab().toImage()
    ratio = picture.devicePixelRatio()
    found = {}
    for id, item in view.scene_.nodes.items():
        place = view.mapFromScene(item.rect).boundingRect()
        if view.viewport().rect().contains(place):
            found[id] = picture.pixelColor(QPoint(place.center()) * ratio)
    return found


@pytest.mark.parametrize("mode", ["dark", "light"])
@pytest.mark.parametrize("zoom", [0.15, 0.1, 0.05])
def test_far_out_each_node_has_its_categorys_colour(far: CanvasView, mode: str, zoom: float) -> None:
    kept = theme.mode
    theme.set_mode(mode)
    look(far, zoom)
    seen = colours(far)
    dark = theme.tokens.dark
    wanted = {id: painting.inks(far.scene_.nodes[id].face.category, dark).far.name() for id in seen}
    theme.set_mode(kept)
    assert len(seen) > 40
    assert {id: colour.name() for id, colour in seen.items()} == wanted
    assert len(set(wanted.values())) == 4


def test_near_the_nodes_change_their_colours_with_the_theme(far: CanvasView) -> None:
    kept = theme.mode
    grounds = []
    for mode in ("dark", "light"):
        theme.set_mode(mode)
        look(far, 1.0)
        place = far.mapFromScene(far.scene_.nodes["n30"].rect.topLeft() + QPointF(60, 40))
        picture = far.viewport().grab().toImage()
        grounds.append(picture.pixelColor(place * picture.devicePixelRatio()).name() == theme.tokens.node)
    theme.set_mode(kept)
    assert grounds == [True, True]


def test_selecting_breaking_moving_and_editing_are_seen_at_once(far: CanvasView, qtbot: Any) -> None:
    accent, error = theme.tokens.accent, theme.tokens.error
    far.scene_.select(["n7"])
    settle()
    seen = colours(far)
    assert [id for id, colour in seen.items() if colour.name() == accent] == ["n7"]
    far.scene_.clearSelection()
    problem = Problem("error", "n8", "n8", "", "n8", "x", "odd", "n8: odd")
    far.document.set_analysis(Analysis(far.document.revision, False, False, problems=(problem,)))
    settle()
    assert [id for id, colour in colours(far).items() if colour.name() == error] == ["n8"]
    before = far.mapFromScene(far.scene_.nodes["n20"].rect.center())
    drag(far, body(far, "n20"), body(far, "n20") + QPoint(0, 20))
    far.scene_.clearSelection()
    settle()
    assert far.viewport().grab().toImage().pixelColor(before).name() == theme.tokens.canvas
    assert colours(far)["n20"].name() == painting.inks("Layer", theme.tokens.dark).far.name()
    far.document.edit("Delete", lambda d: edits.remove(d, "", ["n31"]))
    far.document.undo_stack.undo()
    settle()
    assert colours(far)["n31"].name() == painting.inks("Layer", theme.tokens.dark).far.name()


def test_panning_paints_no_node(far: CanvasView, monkeypatch: pytest.MonkeyPatch) -> None:
    look(far, 0.3)
    painted: list[str] = []
    monkeypatch.setattr(NodeItem, "paint", lambda item, *_rest: painted.append(item.node.id))
    tiles = far.tiles.painted
    far.scroll(QPoint(40, 20))
    far.scroll(QPoint(-40, -20))
    settle()
    assert painted == [] and far.tiles.painted == tiles
    far.document.edit("Set", lambda d: edits.set_setting(d, "", "n30", "out_channels", 8, far.document.catalogue))
    settle()
    assert painted == [] and tiles < far.tiles.painted <= tiles + 4  # those that the node lies on


@pytest.mark.parametrize("zoom", [0.3, 0.2])
def test_tiles_show_what_items_would(far: CanvasView, zoom: float) -> None:
    look(far, zoom)
    tiled = far.viewport().grab().toImage()
    whole = tiled.copy()
    whole.fill(theme.color("canvas"))
    painter = QPainter(whole)
    painter.setRenderHints(far.renderHints())
    painter.setTransform(far.viewportTransform())
    for item in far.scene_.nodes.values():
        painter.save()
        painter.translate(item.pos())
        painting.paint(painter, item.face, item.geometry, item.state, zoom)
        painter.restore()
    painter.end()
    for id in ("n16", "n28", "n29", "n40"):
        place = far.mapFromScene(far.scene_.nodes[id].rect).boundingRect().adjusted(2, 2, -2, -2)
        assert far.viewport().rect().contains(place)
        assert tiled.copy(place) == whole.copy(place), id


def test_a_drawing_is_built_once_when_it_is_loaded(qtbot: Any, document: Document) -> None:
    view = shown(qtbot, document)
    view.scene_.refreshed = 0
    nodes = tuple(node(f"n{i}", "Conv2d", i * 240) for i in range(50))
    document.load(Design(nodes=nodes, wires=tuple(wire(f"n{i}", f"n{i + 1}") for i in range(49))), None)
    assert view.scene_.refreshed == 50 + 49
    document.load(Design(nodes=nodes[:2]), None)  # another drawing with nodes of the same ids
    assert set(view.scene_.nodes) == {"n0", "n1"} and not view.scene_.wires
    assert view.scene_.bounds().right() == view.scene_.nodes["n1"].rect.right()


def test_the_map_is_drawn_again_where_nodes_are_elsewhere_only(far: CanvasView) -> None:
    look(far, 1.0)
    settle()
    drawn = far.minimap._map
    assert drawn is not None
    far.document.edit("Set", lambda d: edits.set_setting(d, "", "n0", "out_channels", 8, far.document.catalogue))
    settle()
    assert far.minimap._map is drawn
    far.document.edit("Move", lambda d: edits.move(d, "", {"n0": (-900.0, 0.0)}))
    settle()
    assert far.minimap._map is not drawn


def test_many_nodes_are_moved_at_once_and_their_shapes_follow_while_the_window_lives(
    qtbot: Any, document: Document
) -> None:
    count, across = 450, 30
    nodes = tuple(node(f"n{i}", "Conv2d", (i % across) * 300, (i // across) * 200) for i in range(count))
    wires = tuple(wire(f"n{i}", f"n{i + 1}") for i in range(count - 1))
    document.load(Design(nodes=nodes, wires=wires), None)
    view = shown(qtbot, document)
    seen = (PortShape("out", "tensor", (Tensor((1, 8, 30, 30)),)),)
    reports = tuple(NodeReport(f"n{i}", f"n{i}", "", f"n{i}", "Conv2d", outputs=seen) for i in range(count))
    document.set_analysis(Analysis(document.revision, True, False, nodes=reports))
    scene = view.scene_
    assert len(scene.pills.wanted) > 300, "some had to be left for later"
    qtbot.waitUntil(lambda: not scene.pills.wanted)
    assert all(scene.pills.box(w) is not None for w in wires if int(w.source.node[1:]) % across < across - 1)
    turned = {f"n{i}": (float((i // across) * 300), float((i % across) * 200 + 2000)) for i in range(count)}
    for places, undo in ((turned, False), ({n.id: (n.x, n.y) for n in nodes}, True)):
        if undo:
            document.undo_stack.undo()
        else:
            document.edit("Turn", lambda d: edits.move(d, "", turned))
        qtbot.waitUntil(lambda: not scene.pills.wanted)
        boxes = []
        for id, at in places.items():
            item = scene.nodes[id]
            assert (item.pos().x(), item.pos().y()) == at
            hit = scene.hit(item.rect.center(), 1.0)
            assert hit.node is item, id
            boxes.append(item.rect)
        for w, item in scene.wires.items():
            assert item.curve.start == scene.place_of(w.source, output=True)
            assert item.curve.end == scene.place_of(w.target, output=False)
        shapes = [QRectF(QPointF(*box[:2]), QPointF(*box[2:])) for w in wires if (box := scene.pills.box(w))]
        assert len(shapes) > 0.9 * len(wires)
        assert not any(shape.intersects(rect) for shape in shapes for rect in boxes)
        assert view.scene_.bounds().contains(boxes[-1])
