"""The layer table in the real window: parts down to each module, receptive fields, sorting, filtering, saving."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import QItemSelectionModel, QModelIndex, Qt
from PySide6.QtTest import QTest

from app.window.layer_rows import COLUMNS
from app.window.layers import LayersPanel
from app.window.main_window import MainWindow
from app.window.theme import theme
from tests.drawing import OUTPUT, chain, node
from tests.window.conftest import ENGINE

DESIGN = chain(
    node("image", "Input", size=(3, 64, 64)),
    node("stem", "Conv2d", out_channels=8, kernel_size=(7, 7), stride=(2, 2), padding=(3, 3)),
    node("stage", "BasicBlock", channels=16, stride=2), node("pool", "GlobalAvgPool"),
    node("fc", "Linear", out_features=10), OUTPUT,
)  # fmt: skip
AT = {column.heading: i for i, column in enumerate(COLUMNS) if column.heading}

pytestmark = pytest.mark.xdist_group("insight")


@pytest.fixture
def panel(qtbot: Any, one_window: MainWindow) -> Iterator[LayersPanel]:
    window = one_window
    window.document.load(DESIGN, None)
    window.bottom.set_folded(False)
    window.bottom.show_tab("Layers")
    qtbot.waitUntil(lambda: bool(window.findChildren(LayersPanel)))
    (panel,) = window.findChildren(LayersPanel)
    qtbot.waitUntil(lambda: len(panel.model.rows) == 6 and bool(cell(panel, 1, "Sees")), timeout=ENGINE)
    yield panel
    panel.last.setChecked(False)
    panel.table.clearSelection()
    panel.show_column(AT["Buffers"], False)


def cell(panel: LayersPanel, row: int, column: str, parent: QModelIndex = QModelIndex()) -> str:  # noqa: B008
    return str(panel.sorted.index(row, AT[column], parent).data())


def column(panel: LayersPanel, name: str, parent: QModelIndex = QModelIndex()) -> list[str]:  # noqa: B008
    return [cell(panel, i, name, parent) for i in range(panel.sorted.rowCount(parent))]


def test_rows_say_what_a_layer_sees_and_open_down_to_modules(qtbot: Any, panel: LayersPanel) -> None:
    assert column(panel, "Sees") == ["1 × 1", "7 × 7", "19 × 19", "whole", "whole", ""]
    assert column(panel, "Stride")[:3] == ["1", "2", "4"]
    theme.changed.emit()
    assert column(panel, "Sees")[1] == "7 × 7" and not panel._questions.waiting, "new rows, but nothing new to ask"
    counts = [int(text.replace(",", "")) for text in column(panel, "Connections") if text]
    assert len(counts) == 3 and f"{sum(counts):,}" == str(panel.totals.index(0, AT["Connections"]).data())
    assert str(panel.totals.index(0, AT["Block"]).data()) == "3 weighted, 5 wires"
    stage = panel.sorted.index(2, 0)
    assert panel.sorted.hasChildren(stage) and not panel.sorted.hasChildren(panel.sorted.index(1, 0))
    panel.table.expand(stage)
    qtbot.waitUntil(lambda: panel.sorted.rowCount(stage) > 0, timeout=ENGINE)
    names = column(panel, "Layer", stage)
    assert {"conv1", "conv2"} <= set(names)
    whole = int(cell(panel, 2, "Parameters").replace(",", ""))
    assert sum(int(n.replace(",", "")) for n in column(panel, "Parameters", stage)) == whole
    inner = panel.sorted.index(names.index("conv1"), 0, stage)
    panel.table.expand(inner)
    assert "conv" in column(panel, "Layer", inner), "down to each module"
    text = panel.table.as_text().splitlines()
    assert any(line.startswith("    conv\t") for line in text), text
    document = panel._document
    document.edit("Set", lambda d: edits_set(d, document.catalogue))
    qtbot.waitUntil(lambda: cell(panel, 2, "Output") == "B × 24 × 16 × 16", timeout=ENGINE)
    assert panel.sorted.rowCount(panel.sorted.index(2, 0)) == 0, "the parts were those of another width"


def edits_set(design: Any, catalogue: Any) -> Any:
    from app.design.edits import set_setting

    return set_setting(design, "", "stage", "channels", 24, catalogue)


def test_it_sorts_filters_and_counts_between_two_rows(qtbot: Any, panel: LayersPanel) -> None:
    as_drawn = column(panel, "Layer")
    header = panel.table.header()

    def click(name: str) -> None:
        at = header.sectionViewportPosition(AT[name]) + 6
        QTest.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=header.rect().topLeft() + _point(at, 8))

    click("Parameters")
    counts = [int(n.replace(",", "")) for n in column(panel, "Parameters")]
    assert counts == sorted(counts, reverse=True) and counts[0] > counts[-1]
    click("Parameters")
    click("Parameters")
    assert column(panel, "Layer") == as_drawn
    QTest.keyClicks(panel.filter, "conv")
    assert column(panel, "Layer") == ["stem"]
    panel.filter.clear()
    for row in (1, 3):
        flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
        panel.table.selectionModel().select(panel.sorted.index(row, 0), flags)
    assert panel.between.text() == "stem to pool: 8,192 to 16 elements, 512 : 1"
    panel.last.setChecked(True)
    assert cell(panel, 1, "Output") == "B × 32 × 32 × 8"


def _point(x: int, y: int) -> Any:
    from PySide6.QtCore import QPoint

    return QPoint(x, y)


def test_it_saves_what_is_shown(panel: LayersPanel) -> None:
    panel.show_column(AT["Buffers"], True)
    rows = list(csv.DictReader(io.StringIO(panel.as_csv())))
    assert [row["Layer"] for row in rows] == ["image", "stem", "stage", "pool", "fc", "output"]
    assert int(rows[1]["Parameters"]) == 7 * 7 * 3 * 8 + 8 and int(rows[2]["Buffers"]) > 0
    lines = panel.as_markdown().splitlines()
    assert lines[0].startswith("| Layer | Block | Output | Parameters |") and lines[-1].startswith("| Total")
    assert all(line.count("|") == lines[0].count("|") for line in lines)
    analysis = panel._document.analysis
    assert analysis is not None and f"{analysis.parameters:,}" in lines[-1]
