"""Variants in the window: what choosing one says, and the table of all of them, by mouse and keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QToolTip

from app.design import edits
from app.design.paths import variant_changes
from app.design.values import Design, Settings, Variant
from app.messages.reports import Memory, Named, Tensor
from app.messages.totals import GetTotals, Totals
from app.window import theme as themes
from app.window.document import Document
from app.window.main_window import MainWindow
from app.window.variants_table import VariantsDialog
from tests.window.canvas_hands import CARDS, CHAIN
from tests.window.fake_engines import FakeEngines

LEFT = Qt.MouseButton.LeftButton
DESIGN = replace(
    CHAIN,
    variants=(Variant("small", Settings({"conv.out_channels": 8})),
              Variant("wide", Settings({"conv.out_channels": 64})),
              Variant("far", Settings({"conv.out_channels": 32, "conv.kernel_size": (5, 5)}))),
)  # fmt: skip


class Engines(FakeEngines):
    stopped = ""


def told(design: Design) -> Totals:
    """Totals that hang on the number of channels."""
    channels = int(design.by_id["conv"].settings.get("out_channels", 64))  # type: ignore[call-overload]
    memory = Memory(4 * channels, 1024 * channels, 10_000 * channels)
    outputs = (Named("output", (Tensor((1, channels, 32, 32)),)),)
    return Totals("", 1000 * channels, 2_000_000 * channels, memory, outputs)


def answer_all(qtbot: Any, engines: FakeEngines, dialog: VariantsDialog) -> list[GetTotals]:
    """Play the engine until nothing is asked any more; what was asked."""
    asked: list[GetTotals] = []
    while not all(row.done for row in dialog.rows.values()):
        count = len(engines.started)
        if not count or not engines.started[-1].alive:
            qtbot.waitUntil(lambda count=count: len(engines.started) > count)
        job = engines.started[-1]
        job.alive = False
        asked.append(job.request)
        job.finished.emit(told(job.request.design))
    return asked


def lines(dialog: VariantsDialog) -> list[list[str]]:
    table = dialog.table
    return [[table.item(r, c).text() for c in range(table.columnCount())] for r in range(table.rowCount())]


def click_at(dialog: VariantsDialog, row: int, double: bool = False) -> None:
    place = dialog.table.visualItemRect(dialog.table.item(row, 1)).center()
    QTest.mouseClick(dialog.table.viewport(), LEFT, pos=place)
    if double:
        QTest.mouseDClick(dialog.table.viewport(), LEFT, pos=place)


def click_heading(dialog: VariantsDialog, column: int) -> None:
    header = dialog.table.horizontalHeader()
    QTest.mouseClick(header.viewport(), LEFT, pos=QPoint(header.sectionViewportPosition(column) + 12, 8))


@pytest.fixture
def window(qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    monkeypatch.setenv("NETLOOM_SETTINGS", str(tmp_path / "settings"))
    themes.load_fonts()
    made = MainWindow()
    qtbot.addWidget(made)
    monkeypatch.setattr(made.files, "ask_save", lambda: "discard")
    made.document.set_catalogue(CARDS)
    made.document.load(DESIGN, None)
    made.resize(1366, 768)
    made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    yield made
    QToolTip.hideText()


@pytest.fixture
def made(qtbot: Any, document: Document) -> tuple[Document, Engines, VariantsDialog]:
    document.load(DESIGN, None)
    engines = Engines()
    dialog = VariantsDialog(document, engines)  # type: ignore[arg-type]
    qtbot.addWidget(dialog)
    dialog.show()
    return document, engines, dialog


@pytest.mark.qt_log_ignore("does not support raise", "grabbing the keyboard", extend=True)
def test_choosing_a_variant_says_what_it_has_set(window: MainWindow) -> None:
    box, document = window.topbar.variant, window.document
    assert box.isVisible() and box.currentText() == "wide", "that is what is drawn"
    assert box.tip("small") == "<b>small</b><br>conv.out_channels = 8 (now 64)"
    assert box.tip("wide") == "<b>wide</b><br>conv.out_channels = 64"
    box.setFocus()
    QTest.keyClick(box, Qt.Key.Key_Down)
    assert document.variant == "far"
    assert QToolTip.text() == "<b>far</b><br>conv.out_channels = 32 (was 64)<br>conv.kernel_size = 5×5 (was 3×3)"
    box.showPopup()
    tips = [box.itemData(i, Qt.ItemDataRole.ToolTipRole) for i in range(3)]
    box.hidePopup()
    assert tips[0] == "<b>small</b><br>conv.out_channels = 8 (now 32)<br>conv.kernel_size = 3×3 (now 5×5)"
    assert variant_changes(document.design, "far", document.catalogue) == ()


def test_the_table_opens_from_the_bar_and_from_the_menu(
    window: MainWindow, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines = Engines()
    monkeypatch.setattr(window.engines, "run", engines.run)
    QTest.mouseClick(window.topbar.compare, LEFT)
    (dialog,) = window.findChildren(VariantsDialog)
    assert answer_all(qtbot, engines, dialog) and dialog.bar.isHidden()
    click_at(dialog, 0, double=True)
    assert window.document.variant == window.topbar.variant.currentText() == "small"
    QTest.mouseClick(dialog.shut, LEFT)
    assert not dialog.isVisible()
    window.actions_["compare variants"].trigger()
    assert any(other.isVisible() for other in window.findChildren(VariantsDialog))
    window.document.load(CHAIN, None)
    assert not window.actions_["compare variants"].isEnabled() and not window.topbar.compare.isVisible()


def test_rows_come_one_by_one_and_can_be_sorted_chosen_and_copied(qtbot: Any, made: Any) -> None:
    document, engines, dialog = made
    assert "0 of 3" in dialog.words.text() and dialog.bar.isVisible()
    assert [line[:2] for line in lines(dialog)] == [["small", "…"], ["wide", "…"], ["far", "…"]]
    qtbot.waitUntil(lambda: bool(engines.started))
    engines.started[0].finished.emit(told(engines.started[0].request.design))
    assert "1 of 3" in dialog.words.text() and lines(dialog)[0][1] == "8,000" and dialog.bar.value() == 1
    answer_all(qtbot, engines, dialog)
    assert lines(dialog) == [
        ["small", "8,000", "16.0 M", "32 B", "8.0 kB", "≈ 78 kB", "B × 8 × 32 × 32"],
        ["wide", "64,000", "128 M", "256 B", "64 kB", "≈ 625 kB", "B × 64 × 32 × 32"],
        ["far", "32,000", "64.0 M", "128 B", "32 kB", "≈ 312 kB", "B × 32 × 32 × 32"],
    ]
    assert dialog.name_at(dialog.table.currentRow()) == "wide", "the drawing is that one"

    click_heading(dialog, 1)
    assert [line[0] for line in lines(dialog)] == ["small", "far", "wide"], "by number, not by letter"
    click_heading(dialog, 1)
    assert [line[0] for line in lines(dialog)] == ["wide", "far", "small"]
    click_at(dialog, 1)
    QTest.keyClick(dialog.table, Qt.Key.Key_Return)
    assert document.variant == "far" and "Totals" in dialog.words.text(), "no row is asked for again"
    document.undo_stack.undo()
    assert document.design == DESIGN

    QTest.keyClick(dialog.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    copied = QGuiApplication.clipboard().text().split("\n")
    assert copied[0].startswith("Variant\tParameters") and len(copied) == 4 and copied[1].startswith("wide\t64,000")
    assert dialog.as_csv().splitlines()[1] == "wide,64000,128000000,256,65536,640000,B × 64 × 32 × 32"
    assert "Weights (bytes)" in dialog.as_csv() and dialog.as_markdown().splitlines()[1].startswith("| --- | ---: |")


def test_an_edit_asks_for_what_it_changes_and_for_no_more(qtbot: Any, made: Any) -> None:
    document, engines, dialog = made
    answer_all(qtbot, engines, dialog)
    document.edit("Set", lambda d: edits.set_setting(d, "", "conv", "kernel_size", (7, 7), document.catalogue))
    assert [row.name for row in dialog.rows.values() if not row.done] == ["small", "wide"], "`far` sets it"
    asked = answer_all(qtbot, engines, dialog)
    assert [request.design.by_id["conv"].settings["kernel_size"] for request in asked] == [(7, 7), (7, 7)]


def test_what_fails_is_said_in_its_row(
    qtbot: Any, document: Document, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = Variant("lost", Settings({"nobody.width": 3}))
    document.load(replace(DESIGN, variants=(*DESIGN.variants[:2], lost)), None)
    engines = Engines()
    dialog = VariantsDialog(document, engines)  # type: ignore[arg-type]
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitUntil(lambda: bool(engines.started))
    engines.started[0].failed.emit("The engine for this question ended. Ask again.")
    qtbot.waitUntil(lambda: len(engines.started) == 2)
    engines.started[1].finished.emit(Totals("", problem="`conv`: 3 groups do not divide 64 channels."))
    last = [line[-1] for line in lines(dialog)]
    assert last[0] == "The engine for this question ended. Ask again."
    assert last[1] == "conv: 3 groups do not divide 64 channels." and "there is no node nobody" in last[2]
    assert lines(dialog)[2][1] == "–" and dialog.bar.isHidden()
    for name, begin in (("table.csv", "Variant,Parameters"), ("table.md", "| Variant | Parameters")):
        monkeypatch.setattr(QFileDialog, "getSaveFileName", staticmethod(lambda *_, n=name: (str(tmp_path / n), "")))
        QTest.mouseClick(dialog.save, LEFT)
        assert (tmp_path / name).read_text(encoding="utf-8").startswith(begin)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", staticmethod(lambda *_: (str(tmp_path), "")))
    QTest.mouseClick(dialog.save, LEFT)
    assert "cannot be written" in dialog.words.text()
