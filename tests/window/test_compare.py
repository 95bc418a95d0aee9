"""Two drawings side by side, driven by mouse and keys; a fake plays the engine's part."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu

from app.design import edits, file, grouping
from app.design.values import Design, Settings, Variant
from app.messages import Analysis, Survey, Surveyed
from app.messages.reports import Memory, NodeReport, PortShape, Tensor
from app.window import theme as themes
from app.window.compare_dialog import CompareDialog, Given
from app.window.compare_side import Side
from app.window.main_window import MainWindow
from tests.window.canvas_hands import CARDS, CHAIN, node
from tests.window.fake_engines import FakeEngines

LEFT = Qt.MouseButton.LeftButton
BY_ID = {card.id: card for card in CARDS}
WIDER = edits.add_node(
    edits.remove(edits.set_setting(CHAIN, "", "conv", "out_channels", 128, BY_ID), "", ["output"]), "",
    node("sum", "Add", 900, 200),
)  # fmt: skip


def analysis(design: Design) -> Analysis:
    """As an engine would answer: a convolution has ten parameters a filter."""
    reports = []
    for one in design.nodes:
        filters = one.settings.get("out_channels", 64)
        out = PortShape("out", "tensor", (Tensor((1, filters, 32, 32)),))
        has = 10 * filters if one.block == "Conv2d" else 0
        reports.append(NodeReport(one.id, one.name, "", one.id, one.block, (), (out,), has, has, 0, 100 * has))
    total = sum(r.parameters for r in reports)
    return Analysis(1, True, False, total, total, 0, 100 * total, Memory(4 * total, 10, 20), nodes=tuple(reports))


@pytest.fixture
def engines() -> FakeEngines:
    return FakeEngines()


@pytest.fixture
def dialog(qtbot: Any, engines: FakeEngines) -> Iterator[CompareDialog]:
    themes.load_fonts()
    made = CompareDialog(Given("narrow", CHAIN, analysis(CHAIN)), Given("wide", WIDER), CARDS, engines)
    qtbot.addWidget(made)
    made.resize(1300, 720)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.close()


def answer(engines: FakeEngines) -> None:
    (job,) = engines.started
    assert isinstance(job.request, Survey)
    job.finished.emit(Surveyed(job.request.job, analysis(job.request.design)))


def table(dialog: CompareDialog) -> list[tuple[str, ...]]:
    rows, columns = dialog.table.rowCount(), dialog.table.columnCount()
    return [tuple(dialog.table.item(row, column).text() for column in range(columns)) for row in range(rows)]


def at(side: Side, id: str) -> QPoint:
    return side.mapFromScene(side.scene_.nodes[id].rect.center())


def test_what_is_drawn_is_compared_at_once_and_figures_follow(dialog: CompareDialog, engines: FakeEngines) -> None:
    left, right = dialog.sides
    assert dialog.waiting and dialog.busy.isVisible() and "Analysing wide" in dialog.notice.text
    assert table(dialog) == [
        ("+", "sum", "Add", "node", "not there", "there"),
        ("≠", "conv", "Convolution", "out_channels", "64", "128"),
        ("−", "output", "Output", "node", "there", "not there"),
    ]
    assert dialog.sums.rowCount() == 0
    answer(engines)
    assert not dialog.waiting and not dialog.busy.isVisible()
    assert [row[3:] for row in table(dialog)[1:5]] == [
        ("out_channels", "64", "128"), ("output", "B × 64 × 32 × 32", "B × 128 × 32 × 32"),
        ("parameters", "640", "1,280"), ("MACs", "64,000", "128,000"),
    ]  # fmt: skip
    assert dialog.sums.item(0, 3).text() == "+640 (+100.0 %)" and dialog.sums.item(2, 3).text() == "equal"
    assert dialog.summary.text() == "1 node differs, 1 only left, 1 only right"
    assert [left.mark_of(id) for id in ("image", "conv", "relu", "output")] == ["", "≠", "", "−"]
    assert [right.mark_of(id) for id in ("conv", "sum")] == ["≠", "+"]


def test_marks_are_painted_around_the_nodes_that_differ(dialog: CompareDialog) -> None:
    QApplication.processEvents()
    side = dialog.sides[0]
    shot = side.viewport().grab().toImage()

    def edge(id: str) -> tuple[int, int, int]:
        rect = side.scene_.nodes[id].rect
        place = side.mapFromScene(QPointF(rect.center().x(), rect.top() - 5))
        found = [shot.pixelColor(place.x(), place.y() + by) for by in (-1, 0, 1)]
        return max((colour.getRgb()[:3] for colour in found), key=lambda rgb: max(rgb) - min(rgb))

    conv, relu = edge("conv"), edge("relu")
    assert max(conv) - min(conv) > 60 > max(relu) - min(relu), (conv, relu)


def test_both_sides_move_together_until_they_shall_not(dialog: CompareDialog) -> None:
    left, right = dialog.sides
    zoom, before = left.zoom, (left.centre(), right.centre())
    assert right.zoom == zoom
    start = QPoint(200, 60)
    QTest.mousePress(left.viewport(), LEFT, pos=start)
    QTest.mouseMove(left.viewport(), start + QPoint(40, 30))
    QTest.mouseRelease(left.viewport(), LEFT, pos=start + QPoint(40, 30))
    for side, was in zip(dialog.sides, before, strict=True):
        assert (side.centre() - was + QPointF(40, 30) / zoom).manhattanLength() < 3 / zoom
    place = QPointF(120, 90)
    turn = QWheelEvent(place, QPointF(right.mapToGlobal(place.toPoint())), QPoint(), QPoint(0, 240), Qt.MouseButton(0),
                       Qt.KeyboardModifier(0), Qt.ScrollPhase.NoScrollPhase, False)  # fmt: skip
    QApplication.sendEvent(right.viewport(), turn)
    assert right.zoom > zoom and left.zoom == right.zoom
    QTest.mouseClick(dialog.together, LEFT)
    kept = left.zoom, left.centre()
    QApplication.sendEvent(right.viewport(), turn)
    assert right.zoom > left.zoom and (left.zoom, left.centre()) == kept
    QTest.mouseClick(dialog.together, LEFT)
    assert right.zoom == left.zoom
    QTest.mouseClick(dialog.fit_button, LEFT)
    for side in dialog.sides:
        assert side.mapToScene(side.viewport().rect()).boundingRect().contains(side.scene_.bounds())


def test_a_line_flies_to_its_node_and_a_node_finds_its_line(dialog: CompareDialog) -> None:
    left, right = dialog.sides
    where = dialog.table.visualItemRect(dialog.table.item(1, 1)).center()
    QTest.mouseClick(dialog.table.viewport(), LEFT, pos=where)
    for side in dialog.sides:
        assert side.scene_.selected_ids() == ["conv"]
        assert (side.centre() - side.scene_.nodes["conv"].rect.center()).manhattanLength() < 3
    QTest.keyClick(dialog.table, Qt.Key.Key_Down)
    assert left.scene_.selected_ids() == ["output"] and right.scene_.selected_ids() == []
    relu = right.scene_.nodes["relu"].rect.center()
    assert (right.centre() - relu).manhattanLength() < 3, "there it would stand behind this one"
    QTest.mouseClick(dialog.fit_button, LEFT)
    QTest.mouseClick(right.viewport(), LEFT, pos=at(right, "sum"))
    assert dialog.table.currentRow() == 0 and right.scene_.selected_ids() == ["sum"]
    QTest.mouseClick(right.viewport(), LEFT, pos=at(right, "relu"))
    assert left.scene_.selected_ids() == right.scene_.selected_ids() == ["relu"] and dialog.table.currentRow() == -1


def test_groups_are_entered_on_both_sides(qtbot: Any, engines: FakeEngines) -> None:
    grouped, name = grouping.collapse(CHAIN, "", ["conv", "relu"], "stage", BY_ID)
    wider = edits.set_setting(grouped, grouped.groups[0].name, "conv", "out_channels", 8, BY_ID)
    done = Analysis(0, True, False)
    dialog = CompareDialog(Given("a", grouped, done), Given("b", wider, done), CARDS, engines)
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitExposed(dialog)
    left, right = dialog.sides
    (group,) = (n.id for n in grouped.nodes if n.group)
    assert not engines.started and left.mark_of(group) == "…", name
    QTest.mouseDClick(left.viewport(), LEFT, pos=at(left, group))
    assert left.document.path == right.document.path == (group,) and right.mark_of("conv") == "≠"
    assert dialog.heads[1].text() == "b / stage"
    QTest.keyClick(right, Qt.Key.Key_U)
    assert left.document.path == right.document.path == ()
    dialog.table.setFocus()
    QTest.mouseClick(dialog.table.viewport(), LEFT, pos=dialog.table.visualItemRect(dialog.table.item(0, 1)).center())
    assert left.document.path == right.document.path == (group,) and left.scene_.selected_ids() == ["conv"]
    dialog.close()


def test_the_list_is_copied_and_written(
    dialog: CompareDialog, engines: FakeEngines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(engines)
    QTest.mouseClick(dialog.copy_button, LEFT)
    copied = QGuiApplication.clipboard().text()
    assert "| ≠ | conv | Conv2d | out_channels | 64 | 128 |" in copied.splitlines()
    assert "| parameters | 640 | 1,280 | +640 (+100.0 %) |" in copied.splitlines()
    for name, line in (("list.md", "| − | output | Output | node | there | not there |"), ("list.txt", "+ sum (Add)")):
        monkeypatch.setattr(dialog, "ask_path", lambda name=name: str(tmp_path / name))
        QTest.mouseClick(dialog.save_button, LEFT)
        assert line in (tmp_path / name).read_text(encoding="utf-8").splitlines()
    monkeypatch.setattr(dialog, "ask_path", lambda: str(tmp_path / "no" / "such.md"))
    QTest.mouseClick(dialog.save_button, LEFT)
    assert "such.md cannot be written" in dialog.notice.text


def test_an_engine_that_fails_leaves_what_is_drawn(dialog: CompareDialog, engines: FakeEngines) -> None:
    (job,) = engines.started
    job.failed.emit("The engine was killed.")
    assert "wide could not be analysed" in dialog.notice.text and "was killed" in dialog.notice.text
    assert len(table(dialog)) == 3 and not dialog.waiting


def test_closing_gives_the_question_up(dialog: CompareDialog, engines: FakeEngines) -> None:
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible() and engines.started[0].cancelled


@pytest.fixture
def window(qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    monkeypatch.setenv("NETLOOM_SETTINGS", str(tmp_path / "settings"))
    themes.load_fonts()
    made = MainWindow()
    monkeypatch.setattr(made.files, "ask_save", lambda: "discard")
    made.document.set_catalogue(CARDS)
    made.show()
    yield made
    made.close()
    made.deleteLater()


def test_the_menu_compares_with_tabs_variants_files_and_networks(
    window: MainWindow, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare, asked = window.actions_.compare, FakeEngines()
    monkeypatch.setattr(window.engines, "run", asked.run)
    variants = tuple(Variant(f"v{n}", Settings({"conv.out_channels": n})) for n in (64, 96))
    path = tmp_path / "other.netloom"
    file.save(WIDER, path)
    window.tabs.open(WIDER, None, "wide")
    window.tabs.open(replace(CHAIN, variants=variants), None, "chain")
    monkeypatch.setattr(compare, "ask_file", lambda: str(path))
    monkeypatch.setattr(compare, "ask_known", lambda: "resnet18")
    design = window.document.design

    def choose(*words: str) -> CompareDialog:
        whole = menu = QMenu()
        compare.fill(whole)
        for word in words[:-1]:
            menu = next(a for a in menu.actions() if a.text() == word).menu()  # type: ignore[assignment]
        next(a for a in menu.actions() if a.text() == words[-1]).trigger()
        assert compare.shown is not None and compare.shown.isVisible()
        titles.append(compare.shown.titles)
        shown, found = compare.shown, compare.shown.found
        shown.close()
        differences.append(len(found.differences))
        return shown

    titles: list[tuple[str, str]] = []
    differences: list[int] = []
    choose("wide")
    choose("A variant of it", "v96")
    choose("A file…")
    choose("A known architecture…")
    assert window.document.design is design and len(window.tabs) == 2, "nothing that is open is touched"
    assert titles == [("chain", "wide"), ("chain", "v96"), ("chain", "other"), ("chain", "resnet18")]
    assert differences[:3] == [3, 1, 3] and differences[3] > 3
    window.files.open(path)
    window.document.edit("Add", lambda d: edits.add_node(d, "", node("more", "Conv2d", 0)))
    choose("The saved version")
    assert titles[-1] == ("other, saved", "other") and differences[-1] == 1
