"""A Group as one works with it: its ports, its repeat, and what is wrong inside it, seen from outside."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit, QPushButton, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from app.design import edits, frames
from app.design.expand import expand
from app.design.ports import group_ports
from app.design.values import Design, End, Expression, Frame, Group, Node, Wire
from app.messages import Analysis
from app.messages.reports import Problem
from app.window.canvas import tips
from app.window.canvas.rename import InPlace
from app.window.canvas.scene import Hit
from app.window.canvas.view import CanvasView
from app.window.code_edit import CodeEdit
from app.window.document import Document
from app.window.engines import Engines
from app.window.inspector import Inspector
from app.window.main_window import MainWindow
from app.window.number_edit import NumberEdit
from app.window.palette_mine import keep
from app.window.palette_rows import KEY
from blocks.card import Setting
from tests.window.canvas_hands import CARDS, body, node, wire

MIX = Group(
    name="mix", settings=(Setting("depth", "int", 2, min=1),),
    nodes=(node("a", "GroupInput", 0), node("b", "GroupInput", 0, 160), node("conv", "Conv2d", 260),
           node("out", "GroupOutput", 520), Node(id="deep", group="core", x=260, y=300)),
    wires=(wire("a", "conv"), wire("conv", "out")),
)  # fmt: skip
CORE = Group(name="core", nodes=(node("act", "ReLU", 0), node("more", "ReLU", 260)))
DRAWING = Design(
    nodes=(node("image", "Input", 0), Node(id="mix", group="mix", x=260, repeat=2)),
    wires=(Wire(End("image", "out"), End("mix", "a")), Wire(End("image", "out"), End("mix", "b"))),
    groups=(MIX, CORE),
)


@pytest.fixture
def view(view: CanvasView) -> CanvasView:
    view.document.load(DRAWING, None)
    view.fit_all()
    return view


@pytest.fixture
def inspector(qtbot: QtBot, document: Document) -> Inspector:
    document.load(DRAWING, None)
    made = Inspector(document, Engines())
    made.resize(300, 800)
    qtbot.addWidget(made)
    made.show()
    made.activateWindow()
    qtbot.waitExposed(made)
    document.enter("mix")
    made.refresh()
    return made


def row(inspector: Inspector, id: str) -> QWidget:
    inspector.refresh()
    (found,) = [w for w in inspector.page.findChildren(QWidget, f"port-{id}") if w.isVisible()]
    return found


def part(row: QWidget, name: str) -> QToolButton:
    found = row.findChild(QToolButton, name)
    assert found is not None
    return found


def name(row: QWidget) -> QLineEdit:
    found = row.findChild(QLineEdit, "name")
    assert found is not None
    return found


def inputs(document: Document) -> list[str]:
    return [p.name for p in group_ports(document.design.group_by_name["mix"]).inputs]


def test_ports_are_renamed_by_typing(document: Document, inspector: Inspector) -> None:
    field = name(row(inspector, "b"))
    field.selectAll()
    QTest.keyClicks(field, "skip")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert inputs(document) == ["a", "skip"]
    assert Wire(End("image", "out"), End("mix", "skip")) in document.design.wires, "the wires outside follow"
    assert document.undo_stack.count() == 1
    field = name(row(inspector, "a"))
    field.selectAll()
    QTest.keyClicks(field, "no name")
    QTest.keyClick(field, Qt.Key.Key_Return)
    error = inspector.page.findChild(QLabel, "port-error")
    assert error is not None and not error.isHidden() and "cannot be a name" in error.text()
    assert inputs(document) == ["a", "skip"]
    document.undo_stack.undo()
    assert document.design == DRAWING
    assert name(row(inspector, "b")).text() == "b"


def test_ports_are_ordered_by_buttons_and_keys(document: Document, inspector: Inspector) -> None:
    assert not part(row(inspector, "a"), "up").isEnabled() and not part(row(inspector, "b"), "down").isEnabled()
    QTest.mouseClick(part(row(inspector, "b"), "up"), Qt.MouseButton.LeftButton)
    assert inputs(document) == ["b", "a"] and document.design.wires == DRAWING.wires
    assert not part(row(inspector, "b"), "up").isEnabled()
    field = name(row(inspector, "b"))
    field.setFocus()
    QTest.keyClick(field, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert inputs(document) == ["a", "b"]
    assert name(row(inspector, "b")).hasFocus(), "the focus stays with the port"
    assert document.undo_stack.count() == 2
    document.undo_stack.undo()
    assert inputs(document) == ["b", "a"]


def test_a_group_repeats_as_often_as_a_setting_says(document: Document, inspector: Inspector) -> None:
    inspector.set_selection(["deep"])
    inspector.refresh()
    field = inspector.page.findChild(NumberEdit, "setting-repeat")
    assert field is not None
    field.lineEdit().selectAll()
    QTest.keyClicks(field, "= depth")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert document.graph.by_id["deep"].repeat == Expression("depth")
    runs = [c.id for c in expand(document.design).calls if c.block == "ReLU" and c.node == "act"]
    assert len(runs) == 4, "twice in each of the two repetitions around it"
    document.edit("Set", lambda d: edits.set_setting(d, "", "mix", "depth", 3, document.catalogue))
    assert len([c for c in expand(document.design).calls if c.node == "act"]) == 6


def problems(document: Document) -> Analysis:
    def wrong(id: str, where: str, node: str) -> Problem:
        return Problem("error", id, id, where, node, "x", "odd", f"{node}: 63 were got, 64 are needed.")

    found = [wrong(f"mix/{i}/{id}", where, id.split("/")[-1]) for i in (0, 1)
             for id, where in (("conv", "mix"), ("deep/act", "core"))]  # fmt: skip
    return Analysis(document.revision, False, False, problems=tuple(found))


def test_problems_inside_are_counted_outside_and_lead_inside(view: CanvasView) -> None:
    document = view.document
    document.set_analysis(problems(document))
    face = view.scene_.nodes["mix"].face
    assert face.inside == 2, "each once, however often the Group repeats"
    assert face.problem == "conv: 63 were got, 64 are needed."
    assert "2 problems inside" in tips.tip(view.scene_, Hit(node=view.scene_.nodes["mix"]))
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=body(view, "mix"))
    assert view.bubble.isVisible()
    words = view.bubble.findChild(QLabel, "inside")
    lead = view.bubble.findChild(QPushButton, "lead")
    assert words is not None and words.text() == "2 problems inside; the first, at conv:"
    assert lead is not None
    QTest.mouseClick(lead, Qt.MouseButton.LeftButton)
    assert document.path == ("mix",) and view.selected_ids() == ["conv"]
    assert view.bubble.isVisible() and not words.isVisible(), "here the problem is the node's own"
    assert view.bubble.findChild(QPushButton, "lead") is None or not lead.isVisible()
    assert view.scene_.nodes["deep"].face.inside == 1 and view.scene_.nodes["conv"].face.inside == 0


def test_a_problem_of_the_group_itself_is_no_problem_inside(view: CanvasView) -> None:
    own = Problem("error", "mix", "mix", "", "mix", "a", "odd", "mix: `a` is not wired.")
    view.document.set_analysis(Analysis(view.document.revision, False, False, problems=(own,)))
    assert view.scene_.nodes["mix"].face.inside == 0 and view.scene_.nodes["mix"].face.problem == own.message
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=body(view, "mix") + QPoint(4, 0))
    assert view.bubble.isVisible() and view.bubble.findChild(QPushButton, "lead") is None


def test_a_group_is_renamed_and_described_on_its_page(document: Document, inspector: Inspector) -> None:
    field, help = (inspector.page.findChild(QLineEdit, f"group-{what}") for what in ("name", "help"))
    assert field is not None and help is not None
    QTest.keyClicks(help, "Mixes two maps.")
    QTest.keyClick(help, Qt.Key.Key_Return)
    assert document.design.group_by_name["mix"].help == "Mixes two maps."
    inspector.refresh()
    field.selectAll()
    QTest.keyClicks(field, "core")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert document.where == "mix", "a name that is taken is refused"
    assert any("already" in said.text() for said in inspector.page.findChildren(QLabel) if said.isVisible())
    field.selectAll()
    QTest.keyClicks(field, "blend")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert document.where == "blend" and document.design.by_id["mix"].group == "blend"
    assert document.undo_stack.count() == 2
    document.undo_stack.undo()
    assert document.where == "mix"


def test_the_page_of_a_frame(document: Document, inspector: Inspector) -> None:
    document.edit("Add", lambda d: frames.add_frame(d, "mix", Frame("note", "Here", "", 0, 0, 300, 200)))
    inspector.set_selection([], ["note"])
    inspector.refresh()
    title = inspector.page.findChild(QLineEdit, "frame-title")
    note = inspector.page.findChild(CodeEdit, "frame-note")
    colour = inspector.page.findChild(QComboBox, "frame-colour")
    assert title is not None and note is not None and colour is not None and title.text() == "Here"
    title.selectAll()
    QTest.keyClicks(title, "There")
    QTest.keyClick(title, Qt.Key.Key_Return)
    QTest.keyClicks(note, "for and while")
    QTest.keyClick(note, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    colour.setFocus()
    QTest.keyClick(colour, Qt.Key.Key_Down)
    (frame,) = document.design.group_by_name["mix"].frames
    assert (frame.title, frame.text, frame.colour) == ("There", "for and while", colour.itemData(1))
    assert document.undo_stack.count() == 4
    document.edit("Remove", lambda d: frames.remove_frames(d, "mix", ["note"]))
    inspector.refresh()
    assert inspector.page.findChild(QLineEdit, "frame-title") is None


def test_in_the_window_keys_menus_and_palette_work_together(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETLOOM_SETTINGS", str(tmp_path))
    window = MainWindow()
    qtbot.addWidget(window)
    monkeypatch.setattr(window.files, "ask_save", lambda: "discard")
    document, canvas = window.document, window.canvas
    document.my_groups.folder = tmp_path / "groups"
    document.set_catalogue(CARDS)
    document.load(DRAWING, None)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    canvas.setFocus()
    canvas.scene_.select(["mix"])
    QTest.keyClick(canvas, Qt.Key.Key_J, Qt.KeyboardModifier.ControlModifier)
    (field,) = [f for f in canvas.viewport().findChildren(InPlace) if f.isVisible()]
    QTest.keyClicks(field, "Mixing")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert document.design.frames[0].title == "Mixing" and document.undo_stack.count() == 1
    window.inspector.refresh()
    title = window.inspector.page.findChild(QLineEdit, "frame-title")
    assert title is not None and title.text() == "Mixing"
    keep(document, "mix", window)
    document.new()
    (row,) = [r for r in window.palette_panel.rows() if r.data(0, KEY) == "mine:mix"]
    window.palette_panel.list.scrollToItem(row)
    at = window.palette_panel.list.visualItemRect(row).center()
    QTest.mouseClick(window.palette_panel.list.viewport(), Qt.MouseButton.LeftButton, pos=at)
    QTest.mouseDClick(window.palette_panel.list.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert set(document.design.group_by_name) == {"mix", "core"} and canvas.selected_ids() == ["mix"]
    QTest.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert document.design == Design()
    window.end()
