"""The window for everybody: names for a reader, focus by keys, contrast, and words that fit at 200 %."""

from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMenuBar,
    QPlainTextEdit,
    QRadioButton,
    QTabBar,
    QTextBrowser,
    QWidget,
)

import app.window
from app.messages.training import Carried
from app.window import style
from app.window import theme as themes
from app.window.canvas import painting
from app.window.carried_dialog import CarriedDialog
from app.window.compare_dialog import CompareDialog, Given
from app.window.consent import ConsentDialog
from app.window.contrast import MARK, TEXT, ratio
from app.window.explanation import Explanation
from app.window.export_dialog import FORMATS, ExportDialog
from app.window.gallery import Gallery
from app.window.get_weights import GetWeightsDialog
from app.window.journal import Claim
from app.window.letters import SizesDialog
from app.window.main_window import MainWindow
from app.window.own_dialog import OwnDialog
from app.window.panels import PANELS
from app.window.recovery import RecoveryDialog
from app.window.run_compare import RunCompare
from app.window.run_folder import Kept, Reader
from app.window.runs import Runs
from app.window.shortcuts import ShortcutsDialog
from app.window.steps import History
from app.window.theme import CATEGORY_COLOURS, DARK, LIGHT, Tokens, theme
from app.window.transfer_dialog import TransferDialog
from app.window.variants_table import VariantsDialog
from app.window.weights_dialog import WeightsDialog
from tests.window.canvas_hands import CARDS, CHAIN
from tests.window.fake_engines import FakeEngines
from tests.window.run_folders import run_folder

CONTROLS = (QAbstractButton, QLineEdit, QComboBox, QAbstractSpinBox, QPlainTextEdit, QTabBar)


@pytest.fixture(scope="module")
def window(qapp: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MainWindow]:
    patch = pytest.MonkeyPatch()
    patch.setenv("NETLOOM_SETTINGS", str(tmp_path_factory.mktemp("settings")))
    themes.load_fonts()
    made = MainWindow()
    made.document.set_catalogue(CARDS)
    made.resize(1366, 768)
    made.show()
    made.activateWindow()
    made.document.load(CHAIN, None)
    yield made
    made.document.undo_stack.setClean()
    made.close()
    made.deleteLater()
    patch.undo()


# names and focus ------------------------------------------------------------------------------------------------------


def controls(root: QWidget) -> list[QWidget]:
    """What a person can act on in a widget; the inner field of a spin box or a list is not asked by itself."""
    found = []
    for kind in CONTROLS:
        for widget in root.findChildren(kind):
            inner = widget.parentWidget()
            if widget.objectName().startswith(("qt_", "ScrollLeftButton", "ScrollRightButton")):
                continue
            if isinstance(widget, QLineEdit) and isinstance(inner, (QAbstractSpinBox, QComboBox)):
                continue
            if isinstance(inner, QLineEdit) or not widget.isVisibleTo(root):
                continue
            found.append(widget)
    return found


def said(widget: QWidget) -> str:
    """What a screen reader would say of a control."""
    return widget.accessibleName() or (widget.text() if isinstance(widget, QAbstractButton) else "")


def faults(root: QWidget) -> list[str]:
    found = []
    for widget in controls(root):
        name = widget.objectName() or said(widget)
        at = f"{type(widget).__name__} {name!r} in {type(widget.parentWidget()).__name__}"
        if not said(widget) and not isinstance(widget, QTabBar):
            found.append(f"{at} has no name")
        if isinstance(widget, QAbstractButton) and not widget.text() and not widget.toolTip():
            found.append(f"{at} is a picture alone and has no tooltip")
        of_a_set = isinstance(widget, QRadioButton) and not widget.isChecked()  # arrow keys lead from the chosen one
        if widget.isEnabled() and not of_a_set and not widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
            found.append(f"{at} cannot be reached with Tab")
    return found


@pytest.mark.parametrize("tab", list(PANELS))
@pytest.mark.parametrize("chosen", ["", "conv"])
def test_every_control_has_a_name_and_is_reached_with_tab(window: MainWindow, tab: str, chosen: str) -> None:
    window.canvas.scene_.select([chosen] if chosen else [])
    window.bottom.show_tab(tab)
    QApplication.processEvents()
    assert len(controls(window)) > 9
    assert faults(window) == []


def dialogs() -> set[type[QDialog]]:
    """Every dialog of the window's own."""
    for module in pkgutil.iter_modules(app.window.__path__, "app.window."):
        importlib.import_module(module.name)
    return {kind for kind in QDialog.__subclasses__() if kind.__module__.startswith("app.window.")}


def test_dialogs_have_names_too(window: MainWindow, tmp_path: Path) -> None:
    document, engines = window.document, FakeEngines()
    for name in ("one", "two"):
        run = run_folder(tmp_path / "runs" / name, CHAIN)
        window.shelf.runs[run] = Kept(run)
        news = Reader(run).read()
        assert news is not None
        window.shelf.runs[run].take(news)
    left = [(Claim.take(tmp_path / name), History(CHAIN, name=name)) for name in ("one", "two")]
    made: list[QDialog] = [
        ShortcutsDialog(window.actions_, window), SizesDialog(document, window.engines, window),
        OwnDialog(window.engines.own, window), Gallery(document, window.files, window),
        Explanation(document, window.engines, window), ConsentDialog(document, window),
        ExportDialog(document, engines, Runs.of(document, engines), window, window.canvas.scene_),
        CompareDialog(Given("one", CHAIN), Given("two", CHAIN), CARDS, engines, window),
        VariantsDialog(document, window.engines, window), RecoveryDialog(left, window),  # type: ignore[arg-type]
        CarriedDialog(Carried("", "runs/one", ("a.weight",), ("b.weight: 1 of 2",), ()), window),
        RunCompare(window.shelf, list(window.shelf.runs.values()), window),
        TransferDialog(document, 1257, 10, window), GetWeightsDialog(print, (), window, folder=tmp_path),
        WeightsDialog(document, window.engines, window),
    ]  # fmt: skip
    assert {type(dialog) for dialog in made} == dialogs(), "a new dialog is to be asked as well"
    for dialog in made:
        pages: list[object] = [None]
        if isinstance(dialog, ExportDialog):
            pages = [form.to for form in FORMATS]
        for page in pages:
            if page is not None:
                dialog.choose(page)  # type: ignore[attr-defined]
            dialog.show()
            QApplication.processEvents()
            assert dialog.windowTitle()
            assert faults(dialog) == [], (type(dialog).__name__, page)
            texts = [*dialog.findChildren(QTextBrowser), *dialog.findChildren(QAbstractItemView)]
            shown = [view for view in texts if view.isVisibleTo(dialog) and not isinstance(view, QHeaderView)]
            assert [view for view in shown if not view.accessibleName()] == [], (type(dialog).__name__, page)
        dialog.close()
        dialog.deleteLater()


def test_tab_goes_through_the_window_in_the_order_that_one_reads(window: MainWindow) -> None:
    window.canvas.scene_.select(["conv"])
    window.bottom.show_tab("Problems")
    order: list[QWidget] = []
    widget: QWidget | None = window.topbar.name
    while widget is not None and widget not in order:
        order.append(widget)
        widget = widget.nextInFocusChain()
    reached = [w for w in order if w.isVisible() and w.focusPolicy() & Qt.FocusPolicy.TabFocus]
    areas = window.actions_.reach.areas()
    firsts = [min(i for i, w in enumerate(reached) if area is w or area.isAncestorOf(w)) for area in areas]
    assert len(reached) > 12
    assert sorted(firsts) == firsts, [area.objectName() for area in areas]


# contrast -------------------------------------------------------------------------------------------------------------

GROUNDS = ("window", "panel", "raised", "canvas", "node")


@pytest.fixture(params=[DARK, LIGHT], ids=["dark", "light"])
def tokens(request: pytest.FixtureRequest) -> Iterator[Tokens]:
    kept, theme.tokens = theme.tokens, request.param
    painting.inks.cache_clear()
    yield request.param
    theme.tokens = kept
    painting.inks.cache_clear()


def test_text_can_be_read_on_every_ground(tokens: Tokens) -> None:
    pairs = {
        (ink, ground): ratio(theme.color(ink), theme.color(ground))
        for ink in ("text", "soft", "accent", "ok", "warn", "error") for ground in GROUNDS
    } | {("on_accent", "accent"): ratio(theme.color("on_accent"), theme.color("accent"))}  # fmt: skip
    accent = QColor(tokens.accent)
    hovered = accent.lighter(112) if tokens.dark else accent.darker(112)
    pairs["on_accent", "accent under the pointer"] = ratio(theme.color("on_accent"), hovered)
    pairs["soft", "line"] = ratio(theme.color("soft"), theme.color("line"))
    hint = style._palette(tokens).color(QPalette.ColorRole.PlaceholderText)
    pairs["placeholder", "raised"] = ratio(hint, theme.color("raised"))
    assert {pair: round(value, 2) for pair, value in pairs.items() if value < TEXT} == {}


def test_nodes_can_be_read_in_every_category(tokens: Tokens) -> None:
    low = {}
    for category in CATEGORY_COLOURS:
        ink = painting.inks(category, tokens.dark)
        for name, colour, ground, least in (
            ("name on the header", ink.text, ink.header, TEXT), ("title on the header", ink.title, ink.header, TEXT),
            ("repeats on the header", ink.repeat, ink.header, TEXT), ("missing", ink.missing, ink.header, TEXT),
            ("settings", ink.soft, ink.body, TEXT), ("value", ink.text, ink.body, TEXT),
            ("name from afar", ink.text, ink.plate, TEXT), ("icon on its tile", ink.mark, ink.category, MARK),
            ("port", ink.category, ink.canvas, MARK), ("port on the node", ink.category, ink.body, MARK),
            ("selected edge", ink.accent, ink.canvas, MARK), ("problem's edge", ink.error, ink.canvas, MARK),
            ("badge", ink.mark, ink.error, MARK), ("wire", theme.color("wire"), ink.canvas, MARK),
        ):  # fmt: skip
            if (value := ratio(colour, ground)) < least:
                low[category, name] = round(value, 2)
    assert low == {}


# 200 % ----------------------------------------------------------------------------------------------------------------


def cut(root: QWidget) -> list[str]:
    """The words that have less room than they need, and the controls that stand past the window's edge."""
    found = []
    for widget in (*root.findChildren(QLabel), *root.findChildren(QAbstractButton)):
        if not widget.isVisible() or not widget.text() or widget.visibleRegion().isEmpty():
            continue
        rich = isinstance(widget, QLabel) and (widget.wordWrap() or not widget.pixmap().isNull())
        lines = widget.text().split("\n")
        needed = max(widget.fontMetrics().horizontalAdvance(line) for line in lines)
        if isinstance(widget, QAbstractButton):
            needed = widget.sizeHint().width()  # with the room around its words, which are cut where that is not
        if not rich and widget.sizePolicy().horizontalPolicy().name != "Ignored" and needed > widget.width() + 1:
            found.append(f"{widget.text()!r} needs {needed} px and has {widget.width()}")
        if widget.fontMetrics().height() > widget.height() + 1:
            found.append(f"{widget.text()!r} is {widget.height()} px high")
        corner = widget.mapTo(root, QPoint(widget.width(), widget.height()))
        if isinstance(widget, QAbstractButton) and widget.window() is root and corner.x() > root.width():
            found.append(f"{widget.text()!r} stands past the edge")
    for menus in root.findChildren(QMenuBar):
        if menus.width() < menus.sizeHint().width():
            found.append(f"the menus need {menus.sizeHint().width()} px and have {menus.width()}")
    return found


SCALED = """
import sys
from PySide6.QtWidgets import QApplication
from app.window import theme
application = QApplication([])
theme.load_fonts()
from app.window.explanation import Explanation
from app.window.export_dialog import FORMATS, ExportDialog
from app.window.gallery import Gallery
from app.window.journal import Claim
from app.window.letters import SizesDialog
from app.window.main_window import MainWindow
from app.window.own_dialog import OwnDialog
from app.window.panels import PANELS
from tests.window.canvas_hands import CARDS
from tests.window.test_access import cut
from tests.window.test_commands import NESTED
window = MainWindow()
window.document.set_catalogue(CARDS)
window.document.load(NESTED, None)
window.resize(960, 540)
window.show()
window.canvas.scene_.select(["conv"])
print(window.devicePixelRatioF(), window.width(), window.height())
for tab in PANELS:
    window.bottom.show_tab(tab)
    for _ in range(20):
        application.processEvents()
    for fault in cut(window):
        print(tab, fault)
    if len(sys.argv) > 1:
        window.grab().save(f"{sys.argv[1]}-{tab}.png")
window.actions_.reach.commands()
for _ in range(20):
    application.processEvents()
for fault in cut(window):
    print("commands", fault)
if len(sys.argv) > 1:
    window.grab().save(f"{sys.argv[1]}-commands.png")
window.hide()
"""


def test_at_200_percent_on_a_screen_of_1920_by_1080_nothing_is_cut(tmp_path: Any) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCALED], capture_output=True, text=True, check=False, timeout=120,
        env=os.environ | {"QT_SCALE_FACTOR": "2", "NETLOOM_SETTINGS": str(tmp_path), "QT_QPA_PLATFORM": "offscreen"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first, *found = done.stdout.splitlines()
    assert first.split() == ["2.0", "960", "540"]
    assert found == []


