"""Groups that a person keeps: saved from the canvas, listed in the palette, placed, renamed, deleted."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QInputDialog, QMenu, QMessageBox, QPushButton, QTreeWidgetItem

from app.design import edits, file
from app.design.values import Design, Group, Node
from app.window import palette_mine
from app.window.canvas import menus
from app.window.canvas.drops import MINE_MIME
from app.window.canvas.view import CanvasView
from app.window.document import Document
from app.window.engines import Engines
from app.window.inspector import Inspector
from app.window.my_groups import MyGroups
from app.window.palette import Palette
from app.window.palette_rows import KEY
from tests.window.canvas_hands import CHAIN, drop, node, shown, wire


def stage(block: str = "Conv2d") -> Design:
    """One node of the Group `stage`, which uses the Group `unit`."""
    unit = Group(
        name="unit", nodes=(node("x", "GroupInput", 0), node("act", block, 260), node("out", "GroupOutput", 520)),
        wires=(wire("x", "act"), wire("act", "out")),
    )  # fmt: skip
    outer = Group(
        name="stage", help="A stage of units.",
        nodes=(node("x", "GroupInput", 0), Node(id="unit", group="unit", x=260), node("out", "GroupOutput", 520)),
        wires=(),
    )  # fmt: skip
    return Design(nodes=(Node(id="stage", group="stage"),), groups=(outer, unit))


@pytest.fixture
def groups(document: Document, tmp_path: Path) -> MyGroups:
    document.my_groups.folder = tmp_path / "groups"
    return document.my_groups


@pytest.fixture
def canvas(qtbot, document: Document, groups: MyGroups) -> CanvasView:  # type: ignore[no-untyped-def]
    document.load(stage(), None)
    return shown(qtbot, document)


@pytest.fixture
def palette(qtbot, document: Document, groups: MyGroups) -> Palette:  # type: ignore[no-untyped-def]
    made = Palette(document)
    qtbot.addWidget(made)
    made.resize(240, 700)
    made.show()
    return made


def row(palette: Palette, key: str) -> QTreeWidgetItem:
    return next(item for item in palette.rows() if item.data(0, KEY) == key)


def at(palette: Palette, key: str) -> QPoint:
    palette.list.scrollToItem(row(palette, key))
    return palette.list.visualItemRect(row(palette, key)).center()


def choose(menu: QMenu, text: str) -> None:
    next(a for a in menu.actions() if a.text() == text).trigger()


def keep(view: CanvasView) -> None:
    choose(menus.menu_at(view, view.scene_.nodes["stage"].rect.center()), "Save to my Groups")


def test_saved_from_the_canvas_it_stands_in_the_palette(canvas: CanvasView, palette: Palette, groups: MyGroups) -> None:
    said: list[str] = []
    groups.said.connect(said.append)
    keep(canvas)
    path = groups.folder / "stage.group.netloom"
    assert set(file.load(path).group_by_name) == {"stage", "unit"}, "with the Group that it uses"
    assert said == ["stage is one of your Groups now: every drawing finds it in the palette"]
    assert row(palette, "mine:stage").text(0) == "stage"
    assert "A stage of units." in row(palette, "mine:stage").toolTip(0)
    assert canvas.document.undo_stack.count() == 0
    keep(canvas)
    assert len(groups.listed) == 1, "the same once more is asked nothing"


def test_a_double_click_places_it_and_undo_takes_it_away(
    canvas: CanvasView, palette: Palette, document: Document
) -> None:
    keep(canvas)
    document.load(CHAIN, None)
    palette.mine_chosen.connect(canvas.add_mine)
    where = at(palette, "mine:stage")
    QTest.mouseClick(palette.list.viewport(), Qt.MouseButton.LeftButton, pos=where)
    QTest.mouseDClick(palette.list.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert canvas.selected_ids() == ["stage"]
    assert set(document.design.group_by_name) == {"stage", "unit"}
    canvas.add_mine("stage")
    assert canvas.selected_ids() == ["stage_2"] and len(document.design.groups) == 2, "the same one is used again"
    document.undo_stack.undo()
    document.undo_stack.undo()
    assert document.design == CHAIN


def test_a_drop_places_it_and_a_taken_name_gets_a_free_one(canvas: CanvasView, document: Document) -> None:
    keep(canvas)
    document.load(stage("ReLU"), None)
    drop(canvas, MINE_MIME, "stage", QPoint(600, 500))
    placed = document.design.by_id[canvas.selected_ids()[0]]
    assert placed.group == "stage_2"
    assert document.design.group_by_name["stage_2"].nodes[1].group == "unit_2"
    assert document.design.group_by_name["unit_2"].by_id["act"].block == "Conv2d"
    assert document.undo_stack.count() == 1
    document.undo_stack.undo()
    assert document.design == stage("ReLU")


def test_a_drop_on_a_wire_goes_into_it(canvas: CanvasView, document: Document) -> None:
    keep(canvas)
    document.load(CHAIN, None)
    canvas.fit_all()
    curve = canvas.scene_.wires[CHAIN.wires[0]]
    drop(canvas, MINE_MIME, "stage", canvas.mapFromScene(curve.shape().boundingRect().center()))
    assert {(w.source.node, w.target.node) for w in document.design.wires} >= {("image", "stage"), ("stage", "conv")}


def test_it_cannot_stand_inside_itself(canvas: CanvasView, document: Document) -> None:
    keep(canvas)
    said: list[str] = []
    document.refused.connect(said.append)
    document.enter("stage")
    assert canvas.add_mine("stage") == ""
    assert said == ["`stage` contains `stage`: a Group cannot stand inside itself"]
    assert document.design == stage()


@pytest.mark.parametrize(
    ("answer", "names"), [("replace", ["stage"]), ("beside", ["stage", "stage_2"]), ("", ["stage"])]
)
def test_another_of_the_same_name_is_asked_about(
    canvas: CanvasView, document: Document, groups: MyGroups, monkeypatch: pytest.MonkeyPatch, answer: str,
    names: list[str],
) -> None:  # fmt: skip
    keep(canvas)
    document.load(stage("ReLU"), None)
    monkeypatch.setattr(palette_mine, "ask_replace", lambda _parent, _name: answer)
    keep(canvas)
    assert [kept.name for kept in groups.listed] == names
    first = groups.listed[0].drawing
    assert first is not None
    assert first.group_by_name["unit"].by_id["act"].block == ("ReLU" if answer == "replace" else "Conv2d")
    if answer == "beside":
        assert groups.listed[1].group is not None and groups.listed[1].group.name == "stage_2"


def test_rename_and_delete_by_the_menu(
    canvas: CanvasView, palette: Palette, groups: MyGroups, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    groups.said.connect(said.append)
    keep(canvas)
    monkeypatch.setattr(QInputDialog, "getText", lambda *_args, **_named: ("not a name", True))
    choose(palette.menu_at(at(palette, "mine:stage")), "Rename…")
    assert "cannot be a name" in said[-1] and groups.find("stage") is not None
    monkeypatch.setattr(QInputDialog, "getText", lambda *_args, **_named: ("tower", True))
    choose(palette.menu_at(at(palette, "mine:stage")), "Rename…")
    assert [p.name for p in groups.folder.iterdir()] == ["tower.group.netloom"]
    kept = groups.find("tower")
    assert kept is not None and kept.group is not None and kept.group.name == "tower"
    monkeypatch.setattr(palette_mine, "ask_delete", lambda _parent, _name: False)
    choose(palette.menu_at(at(palette, "mine:tower")), "Delete…")
    assert groups.find("tower") is not None
    monkeypatch.setattr(palette_mine, "ask_delete", lambda _parent, _name: True)
    choose(palette.menu_at(at(palette, "mine:tower")), "Delete…")
    assert not groups.listed and not list(groups.folder.iterdir())
    assert not [item for item in palette.rows() if str(item.data(0, KEY)).startswith("mine:")]


def test_bad_files_are_told_in_a_sentence(canvas: CanvasView, palette: Palette, groups: MyGroups) -> None:
    groups.folder.mkdir()
    (groups.folder / "broken.group.netloom").write_text("{")
    file.save(CHAIN, groups.folder / "chain.group.netloom")
    (groups.folder / "notes.txt").write_text("not listed")
    groups._read_again()
    assert [kept.name for kept in groups.listed] == ["broken", "chain"]
    assert "is not a Netloom design" in row(palette, "mine:broken").toolTip(0)
    said: list[str] = []
    canvas.document.refused.connect(said.append)
    canvas.add_mine("broken")
    canvas.add_mine("chain")
    canvas.add_mine("gone")
    assert "broken.group.netloom is not a Netloom design" in said[0]
    assert "not of one Group alone" in said[1] and "any more" in said[2]
    assert canvas.document.design == stage()


def test_what_another_window_saves_appears_by_itself(canvas: CanvasView, groups: MyGroups, qtbot) -> None:  # type: ignore[no-untyped-def]
    keep(canvas)
    assert len(groups.listed) == 1
    other = MyGroups(groups.folder)
    with qtbot.waitSignal(groups.changed):
        other.save(edits.add_group(stage(), Group(name="lone")), "lone")
    assert [kept.name for kept in groups.listed] == ["lone", "stage"]


def test_the_search_and_the_inspector_know_them(
    qtbot, canvas: CanvasView, palette: Palette, document: Document, groups: MyGroups
) -> None:  # type: ignore[no-untyped-def]
    inspector = Inspector(document, Engines())
    qtbot.addWidget(inspector)
    inspector.show()
    inspector.set_selection(["stage"])
    inspector.refresh()
    button = inspector.page.findChild(QPushButton, "keep-group")
    assert button is not None
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert groups.find("stage") is not None
    document.load(CHAIN, None)
    QTest.keyClicks(palette.search, "stage")
    assert [item.data(0, KEY) for item in palette.rows()] == ["mine:stage"]
    with qtbot.waitSignal(palette.mine_chosen) as chosen:
        QTest.keyClick(palette.search, Qt.Key.Key_Return)
    assert chosen.args == ["stage"]


@pytest.mark.parametrize(("press", "answer"), [("Replace", "replace"), ("Keep both", "beside"), ("Cancel", "")])
def test_the_question_has_three_answers(qtbot, canvas: CanvasView, press: str, answer: str) -> None:  # type: ignore[no-untyped-def]
    def click() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        QTest.mouseClick(next(b for b in box.buttons() if b.text() == press), Qt.MouseButton.LeftButton)

    QTimer.singleShot(0, click)
    assert palette_mine.ask_replace(canvas, "stage") == answer


@pytest.mark.parametrize("press", ["Delete", "Cancel"])
def test_a_deletion_is_asked_about(qtbot, canvas: CanvasView, press: str) -> None:  # type: ignore[no-untyped-def]
    def click() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        QTest.mouseClick(next(b for b in box.buttons() if b.text() == press), Qt.MouseButton.LeftButton)

    QTimer.singleShot(0, click)
    assert palette_mine.ask_delete(canvas, "stage") == (press == "Delete")
