"""The window without a mouse: the command palette, the page of shortcuts, find, walking and connecting by keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QContextMenuEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu

from app.design import edits
from app.design.values import Design, End, Group, Node, Wire
from app.messages import Analysis
from app.messages.reports import Problem
from app.window import theme as themes
from app.window.canvas import flight
from app.window.canvas.connecting import Connect
from app.window.canvas.find import Find, find
from app.window.canvas.view import CanvasView
from app.window.command_palette import CommandPalette, commands
from app.window.main_window import MainWindow
from app.window.shortcuts import ShortcutsDialog, plain_page
from tests.window.canvas_hands import CARDS, CHAIN, node, wire

CONTROL, SHIFT, ALT = (
    Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.AltModifier,
)  # fmt: skip
INSIDE = Group(
    name="stage",
    nodes=(node("x", "GroupInput", 0), node("deep", "Conv2d", 260, kernel_size=(7, 7))),
    wires=(wire("x", "deep"),),
)
NESTED = Design(
    nodes=(
        node("image", "Input", 0), Node("first", name="first", group="stage", x=260.0),
        Node("second", name="second", group="stage", x=520.0), node("conv", "Conv2d", 780, out_channels=7),
    ),
    wires=(Wire(End("image", "out"), End("first", "x")),), groups=(INSIDE,),
)  # fmt: skip


@pytest.fixture(scope="module")
def made(qapp: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MainWindow]:
    """One window without an engine for all the tests here."""
    patch = pytest.MonkeyPatch()
    patch.setenv("NETLOOM_SETTINGS", str(tmp_path_factory.mktemp("settings")))
    themes.load_fonts()
    window = MainWindow()
    window.document.set_catalogue(CARDS)
    window.resize(1366, 768)
    window.show()
    window.activateWindow()
    yield window
    window.document.undo_stack.setClean()
    window.close()
    window.deleteLater()
    patch.undo()


@pytest.fixture
def window(made: MainWindow, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> MainWindow:
    monkeypatch.setattr(flight, "motion", lambda _widget: 0)
    made.document.load(CHAIN, None)
    made.settings.remove("window/commands")
    made.activateWindow()
    made.canvas.setFocus()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is made.canvas)
    return made


def press(key: Qt.Key | str, held: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """Press a key, or type words, where the focus is."""
    focused = QApplication.focusWidget()
    assert focused is not None
    if isinstance(key, str):
        QTest.keyClicks(focused, key)
    else:
        QTest.keyClick(focused, key, held)


def palette_of(window: MainWindow) -> CommandPalette:
    (palette,) = window.findChildren(CommandPalette)
    return palette


# the command palette --------------------------------------------------------------------------------------------------


def test_the_palette_lists_every_action_with_its_menus_and_keys(window: MainWindow) -> None:
    press(Qt.Key.Key_K, CONTROL)
    palette = palette_of(window)
    assert palette.isVisible() and QApplication.focusWidget() is palette.field
    listed = {row.data.name: row for row in palette.shown_rows()}  # type: ignore[attr-defined]
    assert set(window.actions_) - {"commands"} <= set(listed)
    assert listed["save"].detail == "File" and listed["save"].keys == "Ctrl+S" and listed["save"].icon == "save"
    assert listed["theme dark"].detail == "View › Theme"
    assert "there is nothing to undo" in listed["undo"].why
    press(Qt.Key.Key_Escape)
    assert palette.isHidden() and QApplication.focusWidget() is window.canvas


def test_a_command_is_found_run_and_comes_first_afterwards(window: MainWindow) -> None:
    window.palette_panel.search.setFocus()
    press(Qt.Key.Key_K, CONTROL)
    press("selec al")
    palette = palette_of(window)
    assert palette.shown_rows()[0].text == "Select all"
    press(Qt.Key.Key_Return)
    assert palette.isHidden() and QApplication.focusWidget() is window.palette_panel.search
    assert len(window.canvas.selected_ids()) == 4
    press(Qt.Key.Key_K, CONTROL)
    assert palette.shown_rows()[0].text == "Select all" and "recent" in palette.shown_rows()[0].detail
    press("dark theme")  # words in another order
    assert palette.shown_rows()[0].text == "Dark"
    press(Qt.Key.Key_K, CONTROL)
    assert palette.isHidden()


def test_a_command_that_cannot_be_run_stays_and_says_why(window: MainWindow) -> None:
    press(Qt.Key.Key_K, CONTROL)
    press("open up")
    palette = palette_of(window)
    row = palette.shown_rows()[0]
    assert row.text == "Open up" and row.why
    press(Qt.Key.Key_Return)
    assert palette.isVisible()
    press("qqq")
    assert "No command is called" in palette.nothing.text()
    window.inspector.setFocus()
    window.canvas.setFocus()  # as by a click elsewhere
    assert palette.isHidden()


# the page of shortcuts ------------------------------------------------------------------------------------------------


def test_every_shortcut_is_there_once_and_on_the_page(window: MainWindow) -> None:
    listed = commands(window.actions_.menus, window.actions_)
    keys = [key for command in listed for key in command.keys]
    assert len(keys) > 50
    assert sorted(set(keys)) == sorted(keys)
    assert {id(command.action) for command in listed} >= {id(action) for action in window.actions_.values()}
    press(Qt.Key.Key_Slash, CONTROL)
    (dialog,) = window.findChildren(ShortcutsDialog)
    text = dialog.text.toPlainText()
    assert [key for key in keys if key not in text] == []
    QTest.mouseClick(dialog.copy, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == plain_page(window.actions_)
    assert "Ctrl+K" in plain_page(window.actions_)
    dialog.accept()


def test_the_keys_of_the_canvas_edit_text_in_a_field(window: MainWindow) -> None:
    window.canvas.select_all()
    window.palette_panel.search.setFocus()
    press("fuw")
    press(Qt.Key.Key_Home)
    press(Qt.Key.Key_Delete)
    assert window.palette_panel.search.text() == "uw"
    assert window.document.design == CHAIN and len(window.canvas.selected_ids()) == 4
    window.palette_panel.search.clear()


# find -----------------------------------------------------------------------------------------------------------------


def test_find_goes_from_one_to_the_next_and_into_groups(window: MainWindow) -> None:
    window.document.load(NESTED, None)
    press(Qt.Key.Key_F, CONTROL)
    (field,) = window.findChildren(Find)
    assert "Shift+Enter" in field.nothing.text()
    press("convolution")
    assert [(row.text, row.keys) for row in field.shown_rows()] == [("conv", ""), ("deep", "first")]
    press(Qt.Key.Key_Return)
    assert window.document.path == () and window.canvas.selected_ids() == ["conv"]
    press(Qt.Key.Key_Return)
    assert window.document.path == ("first",) and window.canvas.selected_ids() == ["deep"]
    press(Qt.Key.Key_Return, SHIFT)
    assert window.document.path == () and window.canvas.selected_ids() == ["conv"]
    press(Qt.Key.Key_Down)
    assert window.document.path == ("first",)
    press(Qt.Key.Key_Escape)
    assert field.isHidden() and QApplication.focusWidget() is window.canvas
    window.document.go(("second",))
    press(Qt.Key.Key_F, CONTROL)
    press("deep")
    press(Qt.Key.Key_Return)
    assert window.document.path == ("second",)  # the same Group: one looks at it already
    press(Qt.Key.Key_Escape)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("kernel_size 7", ["deep"]), ("kernel_size 3", ["conv"]), ("kernel 7x7", ["deep"]),
        ("conv2d 7", ["conv", "deep"]), ("out_channels 7", ["conv"]), ("ends", ["image", "x"]),
        ("stage", ["first", "second"]), ("kernel_size 9", []), ("odd channels", ["conv"]),
    ],
)  # fmt: skip
def test_find_looks_at_names_blocks_categories_settings_and_problems(
    window: MainWindow, query: str, names: list[str]
) -> None:
    window.document.load(NESTED, None)
    problem = Problem("error", "conv", "conv", "", "conv", "x", "odd", "conv: odd channels were got")
    window.document.set_analysis(Analysis(window.document.revision, False, False, problems=(problem,)))
    assert [found.node.name for found in find(window.document, query)] == names


def test_find_flies(window: MainWindow, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    window.document.load(NESTED, None)
    canvas = window.canvas
    canvas.set_zoom(0.1)
    press(Qt.Key.Key_F, CONTROL)
    press("image")
    press(Qt.Key.Key_Return)
    assert canvas.zoom < 1 and canvas.selected_ids() == ["image"]
    qtbot.waitUntil(lambda: canvas.zoom == 1 and not canvas.findChildren(flight.Flight), timeout=3000)
    assert (canvas.middle() - canvas.scene_.nodes["image"].rect.center()).manhattanLength() < 4
    press(Qt.Key.Key_Escape)


# the canvas by keys ---------------------------------------------------------------------------------------------------


def test_alt_and_arrows_walk_along_wires(window: MainWindow) -> None:
    canvas = window.canvas
    press(Qt.Key.Key_Right, ALT)  # nothing is selected: the node nearest to the middle
    assert len(canvas.selected_ids()) == 1
    canvas.scene_.select(["image"])
    press(Qt.Key.Key_Right, ALT)
    assert canvas.selected_ids() == ["conv"]
    press(Qt.Key.Key_Right, ALT)
    assert canvas.selected_ids() == ["conv"]  # it feeds nothing
    press(Qt.Key.Key_Left, ALT)
    assert canvas.selected_ids() == ["image"]
    window.document.edit("Move", lambda d: edits.move(d, "", {"relu": (0.0, 4000.0)}))
    press(Qt.Key.Key_Down, ALT)
    assert canvas.selected_ids() == ["relu"]
    seen = canvas.mapFromScene(canvas.scene_.nodes["relu"].rect).boundingRect()
    assert canvas.viewport().rect().contains(seen)
    press(Qt.Key.Key_Up, ALT)
    assert canvas.selected_ids() != ["relu"]
    assert window.document.path == ()


def test_two_nodes_are_connected_and_parted_by_keys(window: MainWindow) -> None:
    window.canvas.scene_.select(["conv"])
    press(Qt.Key.Key_W)
    (connect,) = window.findChildren(Connect)
    assert [row.text for row in connect.shown_rows()] == ["out", "x"]
    press(Qt.Key.Key_Return)
    assert connect.shown_rows()[0].text == "relu.x"
    press("relu")
    press(Qt.Key.Key_Return)
    assert Wire(End("conv", "out"), End("relu", "x")) in window.document.design.wires
    assert QApplication.focusWidget() is window.canvas
    window.canvas.scene_.select(["relu"])
    press(Qt.Key.Key_W)
    press("x")
    press(Qt.Key.Key_Return)
    press(Qt.Key.Key_Return)  # the first row takes the wire away
    assert Wire(End("conv", "out"), End("relu", "x")) not in window.document.design.wires
    window.document.undo_stack.undo()
    window.document.undo_stack.undo()
    assert window.document.design == CHAIN


def test_a_port_that_was_chosen_can_be_given_up(window: MainWindow, qtbot: Any) -> None:
    window.canvas.scene_.select(["output"])
    press(Qt.Key.Key_W)
    press(Qt.Key.Key_Return)
    connect = next(c for c in window.findChildren(Connect) if c.isVisible())
    assert "in place of relu" in " ".join(row.detail for row in connect.shown_rows())
    press(Qt.Key.Key_Backspace)
    assert [row.text for row in connect.shown_rows()] == ["x"]
    press(Qt.Key.Key_Escape)
    assert window.document.design == CHAIN
    window.canvas.scene_.clearSelection()
    press(Qt.Key.Key_W)
    assert "Select one node" in window.status.hint.text()


def test_f6_goes_from_area_to_area_and_back(window: MainWindow) -> None:
    areas = window.actions_.reach.areas()
    assert len(areas) == 5
    start = areas.index(window.canvas)
    for step in range(1, 6):
        press(Qt.Key.Key_F6)
        area = areas[(start + step) % 5]
        focused = QApplication.focusWidget()
        assert focused is not None and (focused is area or area.isAncestorOf(focused)), area.objectName()
    press(Qt.Key.Key_F6, SHIFT)
    assert window.palette_panel.isAncestorOf(QApplication.focusWidget())
    window.toggle_panel("inspector")
    assert window.inspector not in window.actions_.reach.areas()
    window.toggle_panel("inspector")


@pytest.mark.qt_log_ignore("This plugin does not support")
@pytest.mark.parametrize("chosen", [["conv"], []])
def test_the_menu_key_opens_the_menu_of_the_selection(
    window: MainWindow, chosen: list[str]
) -> None:
    shown: list[list[str]] = []

    def look() -> None:
        menu = QApplication.activePopupWidget()
        assert isinstance(menu, QMenu)
        shown.append([action.text() for action in menu.actions() if action.text()])
        menu.close()

    window.canvas.scene_.select(chosen)
    QTimer.singleShot(0, look)
    press(Qt.Key.Key_F10, SHIFT)
    centre = window.canvas.viewport().rect().center()
    event = QContextMenuEvent(
        QContextMenuEvent.Reason.Keyboard, centre, window.canvas.viewport().mapToGlobal(centre),
    )  # fmt: skip
    QTimer.singleShot(0, look)
    QApplication.sendEvent(window.canvas.viewport(), event)
    assert len(shown) == 2 and shown[0] == shown[1]
    assert ("Rename" in shown[0]) == bool(chosen)
    assert ("Fit the drawing" in shown[0]) != bool(chosen)


def test_keys_zoom_where_the_canvas_stands_alone(qtbot: Any, view: CanvasView) -> None:
    view.set_zoom(1.0)
    QTest.keyClick(view, Qt.Key.Key_Plus, CONTROL | SHIFT)
    assert view.zoom > 1
    QTest.keyClick(view, Qt.Key.Key_0, CONTROL)
    assert view.zoom == 1
    QTest.keyClick(view, Qt.Key.Key_Minus, CONTROL)
    assert view.zoom < 1


