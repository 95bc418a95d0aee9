"""The inspector on real widgets: typed values, steps, refusals, expressions, Groups."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.design import edits, grouping
from app.design.values import Design, Expression, Node, Settings
from app.messages import Analysis
from app.messages.reports import Fix, Memory, NodeReport, PortShape, Problem, Tensor
from app.window.canvas.face import face_of
from app.window.document import Document
from app.window.engines import Engines
from app.window.fields import NumberEdit, PairField, SwitchField, read_expression, show_text
from app.window.inspector import Inspector
from app.window.layers import LayersPanel
from app.window.problems import ProblemsPanel
from blocks.card import Setting
from tests.window.fake_engine import CARDS


@pytest.fixture
def document(qapp: object) -> Document:
    made = Document()
    made.set_catalogue(CARDS)
    nodes = (Node("image", block="Input"), Node("conv", block="Conv2d"), Node("other", block="Conv2d"))
    made.load(Design(nodes=nodes), None)
    return made


@pytest.fixture
def inspector(qtbot: QtBot, document: Document) -> Inspector:
    made = Inspector(document, Engines())
    made.resize(300, 700)
    qtbot.addWidget(made)
    made.show()
    return made


def _show(inspector: Inspector, *ids: str) -> QWidget:
    inspector.set_selection(list(ids))
    inspector.refresh()
    return inspector.page


def _number(page: QWidget, name: str) -> NumberEdit:
    found = page.findChild(NumberEdit, f"setting-{name}")
    assert found is not None
    return found


def _type(qtbot: QtBot, edit: QWidget, text: str) -> None:
    line = edit if isinstance(edit, QLineEdit) else edit.findChild(QLineEdit)
    assert line is not None
    line.selectAll()
    qtbot.keyClicks(edit, text)
    qtbot.keyClick(edit, Qt.Key.Key_Return)


def _error(page: QWidget, name: str) -> str:
    found = page.findChild(QLabel, f"error-{name}")
    assert found is not None
    return "" if found.isHidden() else found.text()


def test_a_typed_value_is_one_undo_step(qtbot: QtBot, document: Document, inspector: Inspector) -> None:
    page = _show(inspector, "conv")
    _type(qtbot, _number(page, "out_channels"), "128")
    assert document.graph.by_id["conv"].settings == Settings(out_channels=128)
    _type(qtbot, _number(page, "out_channels"), "256")
    document.undo_stack.undo()
    assert document.graph.by_id["conv"].settings == Settings(out_channels=128)
    inspector.refresh()
    assert _number(inspector.page, "out_channels").lineEdit().text() == "128"


def test_steps_in_a_row_are_one_undo_step(qtbot: QtBot, document: Document, inspector: Inspector) -> None:
    edit = _number(_show(inspector, "conv"), "out_channels")
    for _ in range(3):
        qtbot.keyClick(edit, Qt.Key.Key_Up)
    assert document.graph.by_id["conv"].settings["out_channels"] == 67
    document.undo_stack.undo()
    assert "out_channels" not in document.graph.by_id["conv"].settings


def test_steps_stop_at_the_bounds(qtbot: QtBot, document: Document, inspector: Inspector) -> None:
    edit = _number(_show(inspector, "conv"), "out_channels")
    _type(qtbot, edit, "1")
    qtbot.keyClick(edit, Qt.Key.Key_Down)
    assert document.graph.by_id["conv"].settings["out_channels"] == 1


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("0", "conv: out_channels is 0, but it needs a whole number of at least 1"),
        (
            "many",
            "`many` was typed, but out_channels needs a whole number of at least 1. Expressions work inside a Group.",
        ),
    ],
)
def test_a_refusal_stands_under_the_field(
    qtbot: QtBot, document: Document, inspector: Inspector, typed: str, sentence: str
) -> None:
    page = _show(inspector, "conv")
    edit = _number(page, "out_channels")
    _type(qtbot, edit, typed)
    assert _error(page, "out_channels") == sentence
    assert edit.lineEdit().text() == typed, "what was typed stays, to be mended"
    assert document.graph.by_id["conv"].settings == Settings()
    qtbot.keyClick(edit, Qt.Key.Key_Escape)
    assert _error(page, "out_channels") == ""
    assert edit.lineEdit().text() == "64"


def test_undo_in_a_settled_field_is_the_drawings(qtbot: QtBot, document: Document, inspector: Inspector) -> None:
    edit = _number(_show(inspector, "conv"), "out_channels")
    _type(qtbot, edit, "128")
    inspector.addAction(document.undo_stack.createUndoAction(inspector))
    inspector.actions()[0].setShortcut("Ctrl+Z")
    edit.setFocus()
    qtbot.keyClick(edit, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert document.graph.by_id["conv"].settings == Settings()


def test_a_pair_is_linked_and_an_optional_one_can_be_auto(
    qtbot: QtBot, document: Document, inspector: Inspector
) -> None:
    page = _show(inspector, "conv")
    _type(qtbot, _number(page, "kernel_size-1"), "5")
    assert document.graph.by_id["conv"].settings["kernel_size"] == (5, 5)
    (kernel, padding) = page.findChildren(PairField)
    qtbot.mouseClick(kernel.link, Qt.MouseButton.LeftButton)
    _type(qtbot, _number(page, "kernel_size-2"), "1")
    assert document.graph.by_id["conv"].settings["kernel_size"] == (5, 1)
    _type(qtbot, _number(page, "padding-1"), "2")
    assert document.graph.by_id["conv"].settings["padding"] == (2, 2)
    line = padding.edits[0].lineEdit()
    line.clear()
    qtbot.keyClick(padding.edits[0], Qt.Key.Key_Return)
    assert document.graph.by_id["conv"].settings["padding"] is None


def test_switch_choice_and_list(qtbot: QtBot, document: Document, inspector: Inspector) -> None:
    page = _show(inspector, "conv")
    switch = page.findChild(SwitchField)
    assert switch is not None
    qtbot.mouseClick(switch.switch, Qt.MouseButton.LeftButton)
    assert document.graph.by_id["conv"].settings["bias"] is False
    box = page.findChild(QComboBox, "setting-padding_mode")
    assert box is not None
    box.setFocus()
    qtbot.keyClick(box, Qt.Key.Key_Down)
    assert document.graph.by_id["conv"].settings["padding_mode"] == "reflect"
    page = _show(inspector, "image")
    size = page.findChild(QLineEdit, "setting-size")
    assert size is not None
    assert size.text() == "3, 224, 224"
    _type(qtbot, size, "1, 8, 8")
    assert document.graph.by_id["image"].settings["size"] == (1, 8, 8)
    _type(qtbot, size, "1, x, 8")
    assert "`x` was typed" in _error(page, "size")


def test_sizes_take_letters(qtbot: QtBot, document: Document, inspector: Inspector) -> None:
    page = _show(inspector, "image")
    line = page.findChild(QLineEdit, "setting-size")
    assert line is not None and page.findChild(QWidget, "setting-letters") is None, "one field for both"

    def typed(text: str) -> tuple[object, object, str]:
        _type(qtbot, line, text)
        settings = document.design.by_id["image"].settings
        return settings.get("size"), settings.get("letters"), line.text()

    assert typed("3 x H x W") == ((3, 224, 224), ("", "H", "W"), "3, H=224, W=224"), "numbers stay as examples"
    assert document.undo_stack.count() == 1, "one undo step"
    assert typed("3xH=96xW") == ((3, 96, 224), ("", "H", "W"), "3, H=96, W=224")
    assert typed("3, w, h") == ((3, 224, 96), ("", "W", "H"), "3, W=224, H=96"), "a letter keeps its number"
    assert typed("C=4 × H2=50 × W") == ((4, 50, 224), ("C", "H2", "W"), "C=4, H2=50, W=224")
    for bad, why in (("3, B, W", "B is the batch"), ("H, H, W", "H names two sizes"), ("3, HW, 5", "`HW` was typed"),
                     ("H, W, L, T", "H has no number yet"),
                     ("3, x, 5", "`x` was typed"), ("3, H=0, W=5", "0")):  # fmt: skip
        before = document.design
        _type(qtbot, line, bad)
        assert document.design is before and why in _error(page, "size"), bad
    assert typed("3, 32, 32") == ((3, 32, 32), None, "3, 32, 32"), "without letters there are none"
    document.undo_stack.undo()
    inspector.refresh()
    assert line.text() == "C=4, H2=50, W=224"
    (rows,) = [face_of(document, document.graph, n, None, []).rows for n in document.design.nodes if n.id == "image"]
    assert rows == (("size", "C×H2×W"),)


def test_rename_freeze_and_share(qtbot: QtBot, document: Document, inspector: Inspector) -> None:
    page = _show(inspector, "conv")
    name = page.findChild(QLineEdit, "node-name")
    assert name is not None
    _type(qtbot, name, "stem")
    assert document.graph.by_id["conv"].name == "stem"
    _type(qtbot, name, "forward")
    assert document.graph.by_id["conv"].name == "stem"
    frozen = page.findChild(QWidget, "frozen")
    assert frozen is not None
    qtbot.mouseClick(frozen, Qt.MouseButton.LeftButton)
    assert document.graph.by_id["conv"].frozen
    shares = page.findChild(QComboBox, "shares")
    assert shares is not None
    shares.setFocus()
    qtbot.keyClick(shares, Qt.Key.Key_Down)
    assert document.graph.by_id["conv"].shares == "other"
    momentum = page.findChild(NumberEdit, "setting-average_momentum")
    assert momentum is not None and not momentum.isVisibleTo(page)
    qtbot.keyClick(shares, Qt.Key.Key_Down)
    assert (document.graph.by_id["conv"].shares, document.graph.by_id["conv"].follows) == ("", "other")
    _type(qtbot, momentum, "0.9")
    assert document.graph.by_id["conv"].momentum == 0.9
    document.undo_stack.undo()
    document.undo_stack.undo()
    assert document.graph.by_id["conv"].shares == "other"


def test_expressions_work_inside_a_group_only(qtbot: QtBot, document: Document, inspector: Inspector) -> None:
    group, id = grouping.collapse(document.design, "", ["conv"], "stage", document.catalogue)
    document.load(group, None)
    page = _show(inspector, id)
    enter = page.findChild(QPushButton, "enter-group")
    assert enter is not None
    qtbot.mouseClick(enter, Qt.MouseButton.LeftButton)
    assert document.where == "stage"
    page = _show(inspector)
    add = page.findChild(QPushButton, "add-group-setting")
    assert add is not None
    qtbot.mouseClick(add, Qt.MouseButton.LeftButton)
    assert document.design.groups[0].settings == (Setting("width", "int", 1),)
    page = _show(inspector)
    row = page.findChild(QWidget, "group-setting-width")
    assert row is not None
    name = row.findChild(QLineEdit, "name")
    assert name is not None
    _type(qtbot, name, "channels")
    assert document.design.groups[0].settings[0].name == "channels"
    page = _show(inspector, "conv")
    _type(qtbot, _number(page, "out_channels"), "channels * 2")
    assert document.graph.by_id["conv"].settings["out_channels"] == Expression("channels * 2")
    assert _number(page, "out_channels").lineEdit().text() == "= channels * 2"
    _type(qtbot, _number(page, "out_channels"), "channels *")
    assert "is not arithmetic" in _error(page, "out_channels")
    document.leave()
    page = _show(inspector, id)
    _type(qtbot, _number(page, "repeat"), "3")
    assert document.graph.by_id[id].repeat == 3


def test_facts_follow_the_analysis(document: Document, inspector: Inspector) -> None:
    shapes = (PortShape("out", "pyramid", (Tensor((1, 64, 28, 28), stride=8.0), Tensor((1, 64, 14, 14), stride=16.0))),)
    report = NodeReport(
        "conv", "conv", "", "conv", "Conv2d", outputs=shapes, parameters=1792, macs=10, activations=2048
    )
    memory = Memory(activations=4096)
    document.set_analysis(Analysis(document.revision, True, False, 3584, macs=20, memory=memory, nodes=(report,)))
    page = _show(inspector, "conv")
    assert page.shapes.texts() == [("out", "B × 64 × 28 × 28  /8"), ("", "B × 64 × 14 × 14  /16")]  # type: ignore[attr-defined]
    assert page.costs.texts() == ["1,792", "10", "2.0 kB"]  # type: ignore[attr-defined]
    assert _show(inspector, "conv", "other").title.text() == "2 nodes"  # type: ignore[attr-defined]
    assert ("parameters", "3,584") in _show(inspector).totals.texts()  # type: ignore[attr-defined]


def test_an_edit_keeps_the_page(document: Document, inspector: Inspector) -> None:
    page = _show(inspector, "conv")
    document.edit("Move", lambda d: edits.move(d, "", {"conv": (8, 8)}))
    inspector.refresh()
    assert inspector.page is page, "nothing is built anew while one types"


def test_problems_lead_to_nodes_and_offer_fixes(qtbot: QtBot, document: Document) -> None:
    from app.design.changes import set_setting

    panel = ProblemsPanel(document)
    qtbot.addWidget(panel)
    document.set_analysis(Analysis(document.revision, True, False))
    assert panel.state.text() == "No problems"
    fix = Fix("Use 64 channels", 1792, (set_setting("", "conv", "out_channels", 128),))
    sentence = "conv: 63 were got, 64 are needed."
    problem = Problem("error", "conv", "conv", "", "conv", "x", "odd", sentence, fixes=(fix,))
    document.set_analysis(Analysis(document.revision, False, False, problems=(problem,)))
    panel.resize(600, 200)
    panel.show()
    (row,) = panel.rows
    with qtbot.waitSignal(panel.chosen) as chosen:
        qtbot.mouseClick(row, Qt.MouseButton.LeftButton)
    assert chosen.args == [problem]
    with qtbot.waitSignal(panel.chosen):
        qtbot.keyClick(row, Qt.Key.Key_Return)
    (button,) = row.findChildren(QPushButton)
    assert button.text() == "Use 64 channels  +1.79 k"
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert document.graph.by_id["conv"].settings["out_channels"] == 128
    assert document.undo_stack.count() == 1


def test_layer_names_are_whole_where_there_is_room(qtbot: QtBot, document: Document) -> None:
    panel = LayersPanel(document, Engines())
    qtbot.addWidget(panel)
    panel.resize(1060, 240)
    panel.show()
    report = NodeReport("backbone/stage1", "backbone/stage1", "", "stage1", "Conv2d", parameters=123_456_789)
    document.set_analysis(Analysis(document.revision, True, False, nodes=(report,)))
    shown = [c for c in range(panel.model.columnCount()) if not panel.table.isColumnHidden(c)]
    for column in shown:
        words = panel.model.index(0, column).data() or ""
        assert panel.table.columnWidth(column) >= panel.table.fontMetrics().horizontalAdvance(words) + 16
        assert panel.foot.columnWidth(column) == panel.table.columnWidth(column)
    assert sum(panel.table.columnWidth(c) for c in shown) == panel.table.viewport().width()


def test_no_field_is_squeezed_where_sentences_wrap(qtbot: QtBot, document: Document, inspector: Inspector) -> None:
    inspector.resize(260, 900)
    inspector.show()
    for id in document.design.by_id:
        inspector.set_selection([id])
        inspector.refresh()
        qtbot.wait(20)
        page = inspector.page
        assert page.height() >= page.heightForWidth(page.width())
        for field in page.findChildren(QWidget):
            if field.isVisible() and field.objectName().startswith("setting-"):
                assert field.height() >= field.minimumSizeHint().height(), (id, field.objectName())


def test_long_names_and_many_fixes_stay_within_their_panels(qtbot: QtBot, document: Document) -> None:
    long = "a_very_long_name_that_somebody_typed_for_this_convolution_layer"
    document.edit("Rename", lambda d: edits.rename(d, "", "conv", long))
    fixes = tuple(Fix(f"Set `stride` of {long[:20]} to {i}", 1000 * i, ()) for i in range(4))
    sentence = f"{long}: `x` is 1x3, but it needs 1x64."
    problem = Problem("error", "conv", long, "", "conv", "x", "c", sentence, fixes=fixes)
    document.set_analysis(Analysis(document.revision, False, True, problems=(problem,)))
    panel, inspector = ProblemsPanel(document), Inspector(document, Engines())
    for widget, width in ((panel, 620), (inspector, 290)):
        qtbot.addWidget(widget)
        widget.resize(width, 500)
        widget.show()
    inspector.set_selection(["conv"])
    inspector.refresh()
    qtbot.wait(50)
    for area in (panel, inspector):
        edge = area.viewport().width()
        assert area.widget().width() <= edge
        for child in area.widget().findChildren(QWidget):
            if child.isVisible():
                right = child.mapTo(area.viewport(), child.rect().topRight()).x()
                assert right < edge, (type(child).__name__, child.objectName(), right, edge)
    tops = {b.mapTo(panel, b.rect().topLeft()).y() for b in panel.rows[0].findChildren(QPushButton)}
    assert len(tops) > 1, "the fixes stand on several lines"


def test_the_layer_table_holds_thousands(qtbot: QtBot, document: Document) -> None:
    panel = LayersPanel(document, Engines())
    qtbot.addWidget(panel)
    panel.show()
    nodes = tuple(NodeReport(f"n{i}", f"n{i}", "", f"n{i}", "Conv2d", parameters=1) for i in range(5000))
    document.set_analysis(Analysis(document.revision, True, False, 5000, nodes=nodes))
    assert panel.model.rowCount() == 5000
    assert [panel.totals.index(0, c).data() for c in (1, 7)] == ["5,000 weighted, 0 wires", "5,000"]
    panel.table.setCurrentIndex(panel.sorted.index(4999, 0))
    assert panel.table.as_text().splitlines()[1].startswith("n4999\tConvolution")


def test_expressions_are_told_from_numbers() -> None:
    assert read_expression("width * 2") == Expression("width * 2")
    assert read_expression("= width") == Expression("width")
    assert read_expression("2 + 3") == Expression("2 + 3")
    assert read_expression("-3") is None
    assert read_expression("1e-3") is None
    assert read_expression("= 64") is None
    assert show_text(0.001) == "0.001"
    assert show_text((1, Expression("w"))) == "1, = w"
