"""Frames on the canvas under real mouse and key events."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QAction, QGuiApplication, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QInputDialog, QMenu

from app.design import file
from app.design.values import Design, Frame
from app.window.canvas import menus
from app.window.canvas.frame_item import bar_height
from app.window.canvas.rename import InPlace
from app.window.canvas.view import CanvasView
from tests.window.canvas_hands import CHAIN, body, drag, key

CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


def field(view: CanvasView) -> InPlace:
    found = [f for f in view.viewport().findChildren(InPlace) if f.isVisible()]
    assert len(found) == 1
    return found[0]


def frame_two(view: CanvasView, title: str = "Trunk") -> Frame:
    """Frame conv and relu with keys, and type the title."""
    view.scene_.select(["conv", "relu"])
    key(view, Qt.Key.Key_J, CONTROL)
    QTest.keyClicks(field(view), title)
    QTest.keyClick(field(view), Qt.Key.Key_Return)
    return view.document.design.frames[-1]


def title_of(view: CanvasView, id: str = "frame") -> QPoint:
    return view.mapFromScene(view.scene_.frames.items[id].bar(view.zoom).center())


def hover(view: CanvasView, at: QPoint) -> None:
    """Move the pointer there, whatever other window the screen has over this one."""
    place, none = QPointF(at), Qt.MouseButton.NoButton
    where = QPointF(view.viewport().mapToGlobal(at))
    event = QMouseEvent(QEvent.Type.MouseMove, place, where, none, none, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(view.viewport(), event)


def entry(menu: QMenu, text: str) -> QAction:
    return next(a for a in menu.actions() if a.text() == text)


def test_a_selection_is_framed_and_titled_in_one_step(view: CanvasView) -> None:
    frame = frame_two(view)
    rect = view.scene_.frames.items[frame.id].rect
    assert frame.title == "Trunk" and view.scene_.frames.selected() == ["frame"] and not view.selected_ids()
    assert all(rect.contains(view.scene_.nodes[id].rect) for id in ("conv", "relu"))
    assert not rect.intersects(view.scene_.nodes["image"].rect)
    assert view.scene_.frames.inside("frame") == (["conv", "relu"], [])
    assert view.document.undo_stack.count() == 1
    view.document.undo_stack.undo()
    assert view.document.design == CHAIN and not view.scene_.frames.items
    view.document.undo_stack.redo()
    assert view.document.design.frames == (frame,)


def test_escape_keeps_the_frame_under_its_first_title(view: CanvasView) -> None:
    view.scene_.select(["conv"])
    key(view, Qt.Key.Key_J, CONTROL)
    QTest.keyClick(field(view), Qt.Key.Key_Escape)
    assert [f.title for f in view.document.design.frames] == ["Frame"]


def test_an_empty_frame_at_the_pointer(view: CanvasView) -> None:
    at = QPointF(300, 400)
    menu = menus.menu_at(view, at)
    entry(menu, "Add a frame").trigger()
    QTest.keyClick(field(view), Qt.Key.Key_Return)
    (frame,) = view.document.design.frames
    assert (frame.x, frame.y) == (at.x(), at.y()) and frame.width > 200


def test_a_drag_by_the_title_takes_what_stands_in_it_along(view: CanvasView) -> None:
    frame = frame_two(view)
    before = view.document.design
    view.scene_.clearSelection()
    drag(view, title_of(view), title_of(view) + QPoint(0, 80))
    after = view.document.design
    moved = after.frames[0].y - frame.y
    assert moved > 40 and after.frames[0].x == frame.x
    assert [after.by_id[id].y - before.by_id[id].y for id in before.by_id] == [0, moved, moved, 0]
    assert view.document.undo_stack.count() == 2
    view.document.undo_stack.undo()
    assert view.document.design == before
    assert view.scene_.nodes["conv"].pos().y() == before.by_id["conv"].y
    assert view.scene_.frames.items["frame"].pos() == QPointF(frame.x, frame.y)


def test_a_dragged_node_leaves_its_frame_and_escape_puts_a_drag_back(view: CanvasView) -> None:
    frame = frame_two(view)
    view.scene_.clearSelection()
    drag(view, title_of(view), title_of(view) + QPoint(0, 80), release=False)
    assert view.scene_.frames.items["frame"].pos().y() > frame.y
    key(view, Qt.Key.Key_Escape)
    assert view.scene_.frames.items["frame"].pos().y() == frame.y
    QTest.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, pos=title_of(view))
    drag(view, body(view, "conv"), body(view, "conv") + QPoint(0, 260))
    assert view.document.design.frames == (frame,)
    assert view.scene_.frames.inside("frame")[0] == ["relu"]


@pytest.mark.parametrize(("corner", "part"), [("topLeft", "nw"), ("bottomRight", "se")])
def test_corners_and_edges_resize(view: CanvasView, corner: str, part: str) -> None:
    frame = frame_two(view)
    view.scene_.clearSelection()
    at = view.mapFromScene(getattr(view.scene_.frames.items["frame"].rect, corner)())
    hover(view, at)
    assert view.viewport().cursor().shape() == Qt.CursorShape.SizeFDiagCursor
    way = 60 if part == "se" else -60
    drag(view, at, at + QPoint(way, way))
    after = view.document.design.frames[0]
    assert after.width > frame.width + 30 and after.height > frame.height + 30
    assert (after.x, after.y) == (frame.x, frame.y) if part == "se" else after.x < frame.x - 30
    assert after.x + after.width == frame.x + frame.width if part == "nw" else True
    assert view.document.undo_stack.count() == 2
    drag(view, view.mapFromScene(view.scene_.frames.items["frame"].rect.topLeft()), QPoint(1190, 690))
    assert view.document.design.frames[0].width == 48, "no frame is turned inside out"


def test_a_double_click_renames_and_delete_takes_the_frame_alone(view: CanvasView) -> None:
    frame_two(view)
    QTest.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, pos=title_of(view))
    QTest.keyClicks(field(view), "Body")
    QTest.keyClick(field(view), Qt.Key.Key_Return)
    assert view.document.design.frames[0].title == "Body"
    key(view, Qt.Key.Key_Delete)
    assert view.document.design == CHAIN
    assert view.document.undo_stack.count() == 3


def test_the_menu_colours_and_writes_a_note(view: CanvasView, monkeypatch: pytest.MonkeyPatch) -> None:
    frame_two(view)
    at = view.mapToScene(title_of(view))
    menu = menus.menu_at(view, at)
    colours = entry(menu, "Colour").menu()
    assert isinstance(colours, QMenu)
    entry(colours, "Backbone").trigger()
    monkeypatch.setattr(QInputDialog, "getMultiLineText", lambda *_args: ("Kept small\n", True))
    entry(menus.menu_at(view, at), "Write a note…").trigger()
    frame = view.document.design.frames[0]
    assert (frame.colour, frame.text) == ("Backbone", "Kept small")
    entry(menus.menu_at(view, at), "Select what stands in it").trigger()
    assert sorted(view.selected_ids()) == ["conv", "relu"]


def test_keys_alone_will_do(view: CanvasView, qtbot) -> None:  # type: ignore[no-untyped-def]
    with qtbot.waitSignal(view.hint) as hint:
        key(view, Qt.Key.Key_J)
    assert "no frames" in hint.args[0]
    frame = frame_two(view)
    view.scene_.clearSelection()
    key(view, Qt.Key.Key_J)
    assert view.scene_.frames.selected() == ["frame"]
    key(view, Qt.Key.Key_Right, SHIFT)
    key(view, Qt.Key.Key_Right, SHIFT)
    design = view.document.design
    assert design.frames[0].x == frame.x + 40 and design.by_id["conv"].x == 300 and design.by_id["image"].x == 0
    assert view.document.undo_stack.count() == 2, "nudges in a row are one step"
    key(view, Qt.Key.Key_Down, CONTROL)
    assert view.document.design.frames[0].height == frame.height + 20
    key(view, Qt.Key.Key_F2)
    QTest.keyClicks(field(view), "Middle")
    QTest.keyClick(field(view), Qt.Key.Key_Return)
    assert view.document.design.frames[0].title == "Middle"
    key(view, Qt.Key.Key_Return)
    assert sorted(view.selected_ids()) == ["conv", "relu"]


def test_copy_is_text_that_comes_back_from_a_chat_with_its_frame(view: CanvasView) -> None:
    frame_two(view)
    key(view, Qt.Key.Key_Return)
    key(view, Qt.Key.Key_C, CONTROL)
    text = QGuiApplication.clipboard().text()
    held = file.loads(text.encode())
    assert [n.id for n in held.nodes] == ["conv", "relu"] and [f.title for f in held.frames] == ["Trunk"]
    QGuiApplication.clipboard().setText(f"\n  Here it is:\n\n```json\n{text}```\nWorks for me.\n")
    key(view, Qt.Key.Key_V, CONTROL)
    design = view.document.design
    assert sorted(view.selected_ids()) == ["conv_2", "relu_2"] and view.scene_.frames.selected() == ["frame_2"]
    assert design.frames[1].x - design.frames[0].x == design.by_id["conv_2"].x - design.by_id["conv"].x > 0
    view.document.undo_stack.undo()
    assert len(view.document.design.frames) == 1 and len(view.document.design.nodes) == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no drawing at all", "a text that is no drawing"),
        ('{"netloom": 1, "nodes": [{"id": "a b", "block": "ReLU"}]}', "`a b` cannot be a name"),
        ('{"netloom": 1}', "the copied drawing is empty"),
        ('```\n{"some": "other json"}\n```', "not a Netloom design"),
        ('{"netloom": 1, "nodes": [{"id": "a", "block": "ReLU"}, {"id": "b", "block": "ReLU"}], '
         '"wires": [{"source": ["a", "out"], "target": ["b", "nowhere"]}]}', "no input `nowhere`"),
    ],
)  # fmt: skip
def test_other_text_is_refused_in_a_sentence(view: CanvasView, qtbot, text: str, said: str) -> None:  # type: ignore[no-untyped-def]
    QGuiApplication.clipboard().setText(text)
    with qtbot.waitSignal(view.hint) as hint:
        key(view, Qt.Key.Key_V, CONTROL)
    assert hint.args[0].startswith("There is nothing to paste: ") and said in hint.args[0]
    assert view.document.design == CHAIN


def test_a_cut_takes_what_the_paste_brings_back(view: CanvasView) -> None:
    frame_two(view)
    key(view, Qt.Key.Key_Return)
    key(view, Qt.Key.Key_X, CONTROL)
    assert [n.id for n in view.document.design.nodes] == ["image", "output"] and not view.document.design.frames
    assert view.document.undo_stack.count() == 2
    key(view, Qt.Key.Key_V, CONTROL)
    assert len(view.document.design.nodes) == 4 and len(view.document.design.frames) == 1


def test_a_duplicate_takes_the_frame_along(view: CanvasView) -> None:
    frame_two(view)
    key(view, Qt.Key.Key_Return)
    key(view, Qt.Key.Key_D, CONTROL)
    design = view.document.design
    assert len(design.frames) == 2 and len(design.nodes) == 6
    assert view.document.undo_stack.count() == 2


def test_a_group_takes_the_frame_of_its_nodes_inside(view: CanvasView) -> None:
    frame = frame_two(view)
    key(view, Qt.Key.Key_Return)
    key(view, Qt.Key.Key_G, CONTROL)
    (group,) = view.document.design.groups
    assert group.frames == (frame,) and view.document.design.frames == () and not view.scene_.frames.items
    key(view, Qt.Key.Key_Return)
    assert view.document.where == group.name and list(view.scene_.frames.items) == ["frame"]
    key(view, Qt.Key.Key_U)
    assert not view.scene_.frames.items
    key(view, Qt.Key.Key_G, CONTROL | SHIFT)
    assert [f.title for f in view.document.design.frames] == ["Trunk"]


def test_a_rubber_band_and_select_all_take_whole_frames(view: CanvasView) -> None:
    frame_two(view)
    rect = view.scene_.frames.items["frame"].rect.adjusted(-20, -20, 20, 20)
    view.scene_.clearSelection()
    drag(view, view.mapFromScene(rect.topLeft()), view.mapFromScene(rect.bottomRight()))
    assert view.scene_.frames.selected() == ["frame"] and sorted(view.selected_ids()) == ["conv", "relu"]
    view.scene_.clearSelection()
    inner = view.scene_.frames.items["frame"].rect.adjusted(10, bar_height(1) + 4, -10, -10)
    drag(view, view.mapFromScene(inner.topLeft()), view.mapFromScene(inner.center()))
    assert view.scene_.frames.selected() == [] and view.selected_ids() == ["conv"]
    key(view, Qt.Key.Key_A, CONTROL)
    assert view.scene_.frames.selected() == ["frame"] and len(view.selected_ids()) == 4


def test_far_out_the_title_grows_and_can_still_be_taken(view: CanvasView) -> None:
    frame = frame_two(view)
    view.set_zoom(0.1)
    bar = view.mapFromScene(view.scene_.frames.items["frame"].bar(view.zoom)).boundingRect()
    assert bar.height() >= 22
    view.scene_.clearSelection()
    drag(view, bar.center(), bar.center() + QPoint(0, 30))
    assert view.document.design.frames[0].y > frame.y + 200


def test_frames_alone_are_a_drawing_that_is_seen(view: CanvasView) -> None:
    view.document.load(Design(frames=(Frame("note", "To do", "Begin here", 0, 0, 300, 200),)), None)
    assert view.scene_.bounds().width() == 300 and not view.invitation.isVisible()


@pytest.mark.parametrize("zoom", [1.0, 0.6, 0.3])
def test_the_title_stands_on_one_tone(view: CanvasView, zoom: float) -> None:
    frame_two(view)
    view.scene_.clearSelection()
    view.set_zoom(zoom)
    view.look_at(view.scene_.frames.items["frame"].rect.center())
    QApplication.processEvents()
    bar = view.mapFromScene(view.scene_.frames.items["frame"].bar(view.zoom)).boundingRect()
    picture = view.viewport().grab().toImage()
    seen = {picture.pixelColor(bar.right() - 8, y).name() for y in range(bar.top() + 4, bar.bottom() - 3)}
    assert len(seen) == 1, seen
