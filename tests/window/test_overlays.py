"""The colours on the nodes, by keys and mouse: which measure, its figures and legend, and the labels on the wires."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.design import edits
from app.design.values import Design, End, Group, Node, Wire
from app.messages import Analysis
from app.messages.parts import Field, Fields, GetFields, OutputFields
from app.messages.reports import Named, NodeReport, PortShape, Tensor
from app.window import theme as themes
from app.window.canvas.view import CanvasView
from app.window.document import Document
from app.window.export_dialog import ExportDialog
from app.window.main_window import MainWindow
from app.window.overlay_bar import OverlayBar
from tests.window.canvas_hands import CARDS, body, node, shown
from tests.window.fake_engines import FakeEngines

CTRL, ALT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.AltModifier
STAGE = Group(
    name="stage",
    nodes=(node("in", "GroupInput", 0), node("conv", "Conv2d", 260), node("act", "ReLU", 520),
           node("out", "GroupOutput", 780)),
    wires=(Wire(End("in", "out"), End("conv", "x")), Wire(End("conv", "out"), End("act", "x")),
           Wire(End("act", "out"), End("out", "x"))),
)  # fmt: skip
DESIGN = Design(
    nodes=(node("image", "Input", 0), node("conv", "Conv2d", 260), Node("stage", group="stage", repeat=2, x=520),
           node("output", "Output", 800)),
    wires=(Wire(End("image", "out"), End("conv", "x")), Wire(End("conv", "out"), End("stage", "in")),
           Wire(End("stage", "out"), End("output", "x"))),
    groups=(STAGE,),
)  # fmt: skip
OUT = PortShape("out", "tensor", (Tensor((1, 16, 32, 32)),))
CALLS = {  # parameters, MACs, bytes of activations
    "conv": (100, 8000, 2048), "stage/0/conv": (150, 1000, 1024), "stage/0/act": (0, 0, 1024),
    "stage/1/conv": (150, 1000, 1024), "stage/1/act": (0, 0, 1024),
}  # fmt: skip


def report(id: str, parameters: int, macs: int, activations: int) -> NodeReport:
    return NodeReport(id, id, "", id, "", (), (OUT,), parameters=parameters, macs=macs, activations=activations)


def analysis_of(document: Document) -> Analysis:
    whole = tuple(sum(CALLS[f"stage/{i}/{id}"][k] for i in (0, 1) for id in ("conv", "act")) for k in range(3))
    return Analysis(
        document.revision, True, False, inputs=(Named("image", (Tensor((1, 3, 32, 32)),)),),
        nodes=(report("image", 0, 0, 0), *(report(id, *costs) for id, costs in CALLS.items())),
        groups=(report("stage", *whole),),
    )  # fmt: skip


def texts(view: CanvasView) -> dict[str, str | None]:
    faces = {id: item.face for id, item in view.scene_.nodes.items()}
    return {id: face.heat.text if face.heat is not None else None for id, face in faces.items()}


def shade(view: CanvasView, id: str) -> QColor:
    """The colour of a node's body, clear of its texts."""
    QApplication.processEvents()
    item = view.scene_.nodes[id]
    at = view.mapFromScene(item.rect.left() + 6, item.rect.top() + 36)
    return view.viewport().grab().toImage().pixelColor(at)


def warmth(colour: QColor) -> int:
    return colour.red() - colour.blue()


def show(document: Document) -> None:
    document.load(DESIGN, None)
    document.set_analysis(analysis_of(document))


@pytest.fixture
def window(qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    yield open_window(qtbot, tmp_path, monkeypatch)
    themes.theme.set_mode("system")


def open_window(qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MainWindow:
    monkeypatch.setenv("NETLOOM_SETTINGS", str(tmp_path / "settings"))
    themes.load_fonts()
    made = MainWindow()
    qtbot.addWidget(made)
    monkeypatch.setattr(made.files, "ask_save", lambda: "discard")
    made.document.set_catalogue(CARDS)
    show(made.document)
    made.resize(1366, 768)
    made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    return made


def bar_of(window: MainWindow) -> OverlayBar:
    (bar,) = window.findChildren(OverlayBar)
    return bar


@pytest.mark.parametrize("mode", ["dark", "light"])
def test_keys_choose_what_colours_the_nodes(window: MainWindow, mode: str) -> None:
    themes.theme.set_mode(mode)
    view, overlay = window.canvas, window.document.overlay
    cool = {id: shade(view, id) for id in ("conv", "stage", "output")}
    QTest.keyClick(window, Qt.Key.Key_5, CTRL)
    bar = bar_of(window)
    assert bar.isVisible() and bar.title.text() == "Parameters"
    assert texts(view) == {"image": "", "conv": "100, 25 %", "stage": "300, 75 %", "output": ""}
    assert bar.total.text() == "400 in all" and bar.scale.legend.high == "300" and "linear" in bar.words.text()
    warm = {id: warmth(shade(view, id)) for id in cool}
    assert warm["stage"] > warm["conv"] > warm["output"] == warmth(cool["output"])
    QTest.keyClick(window, Qt.Key.Key_6, CTRL)
    assert texts(view)["conv"] == "8.00 k, 80 %" and bar.total.text() == "10.0 k in all"
    assert warmth(shade(view, "conv")) > warmth(shade(view, "stage"))
    QTest.keyClick(window, Qt.Key.Key_7, CTRL)
    assert texts(view)["stage"] == "4.0 kB, 67 %" and bar.title.text() == "Activations"
    assert window.actions_["overlay activations"].isChecked() and not window.actions_["overlay macs"].isChecked()

    # the time has a bar of its own, and one measure is shown at a time
    QTest.keyClick(window, Qt.Key.Key_T, CTRL)
    assert not bar.isVisible() and window.overlays.profile().isVisible() and overlay.measure == "time"
    assert texts(view) == dict.fromkeys(texts(view)), "nothing is measured yet"
    QTest.keyClick(window, Qt.Key.Key_6, CTRL)
    assert bar.isVisible() and not window.overlays.profile().isVisible() and texts(view)["conv"] == "8.00 k, 80 %"

    # off again: by the button, by the same key, by that for none
    for end in (lambda: QTest.mouseClick(bar.close_button, Qt.MouseButton.LeftButton),
                lambda: QTest.keyClick(window, Qt.Key.Key_6, CTRL),
                lambda: QTest.keyClick(window, Qt.Key.Key_9, CTRL)):  # fmt: skip
        if not overlay.measure:
            QTest.keyClick(window, Qt.Key.Key_6, CTRL)
        assert bar.isVisible()
        end()
        assert not bar.isVisible() and not overlay.measure and window.actions_["overlay "].isChecked()
        assert {id: shade(view, id) for id in cool} == cool


def test_inside_a_group_shares_are_of_what_is_seen_there(qtbot: Any, document: Document) -> None:
    show(document)
    view = shown(qtbot, document)
    document.overlay.show("activations")
    QTest.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, pos=body(view, "stage"))
    assert document.path == ("stage",)
    assert texts(view) == {"in": "", "conv": "1.0 kB, 50 %", "act": "1.0 kB, 50 %", "out": ""}
    assert document.overlay.legend().total == "2.0 kB"
    QTest.keyClick(view, Qt.Key.Key_U)
    assert texts(view)["stage"] == "4.0 kB, 67 %"


def test_far_out_the_colours_alone_are_seen_and_each_analysis_brings_new_ones(qtbot: Any, document: Document) -> None:
    show(document)
    view = shown(qtbot, document)
    document.overlay.show("parameters")

    def far(id: str) -> int:
        QApplication.processEvents()
        at = view.mapFromScene(view.scene_.nodes[id].rect.center())
        return warmth(view.viewport().grab().toImage().pixelColor(at))

    view.set_zoom(0.1)
    assert far("stage") > far("conv") > far("output")
    view.set_zoom(0.3)
    assert far("stage") > far("output")
    document.edit("Set", lambda d: edits.set_setting(d, "", "conv", "out_channels", 8, document.catalogue))
    fewer = analysis_of(document)
    nodes = tuple(report("conv", 900, 8000, 1) if n.id == "conv" else n for n in fewer.nodes)
    document.set_analysis(Analysis(fewer.revision, True, False, nodes=nodes, groups=fewer.groups))
    assert texts(view)["conv"] == "900, 75 %" and far("conv") > far("stage")


class Engines(FakeEngines):
    stopped = ""


def field(*sizes: int | None) -> tuple[Field, ...]:
    return (Field(("H", "W"), sizes, (1.0,) * len(sizes)),)


def told(job: str, last: tuple[Field, ...]) -> Fields:
    seen = {"image": field(1, 1), "conv": field(3, 3), "stage/0/conv": field(5, 5), "stage/0/act": field(5, 5),
            "stage/1/conv": last, "stage/1/act": last}  # fmt: skip
    return Fields(job, tuple(OutputFields(id, "out", fields) for id, fields in seen.items()))


def test_receptive_fields_are_asked_for_and_a_group_has_that_of_its_output(qtbot: Any, document: Document) -> None:
    show(document)
    view, engines = shown(qtbot, document), Engines()
    bar = OverlayBar(document, engines)  # type: ignore[arg-type]
    qtbot.addWidget(bar)
    document.overlay.show("field")
    assert bar.isVisible() and "worked out" in bar.words.text()
    qtbot.waitUntil(lambda: bool(engines.started))
    assert engines.started[0].request == GetFields("", document.design)
    engines.started[0].finished.emit(told("", field(9, 7)))
    assert texts(view) == {"image": "1 × 1", "conv": "3 × 3", "stage": "9 × 7", "output": ""}
    assert bar.scale.legend.high == "9 × 7" and "logarithmic" in bar.words.text() and not bar.total.isVisible()
    steps = {id: item.face.heat.step for id, item in view.scene_.nodes.items()}  # type: ignore[union-attr]
    assert (steps["image"], steps["conv"], steps["stage"]) == (0, 10, 20), "3 is half way from 1 to 9"

    # an edit asks again; what sees all of the input is as warm as can be, others beside the input's size
    document.edit("Set", lambda d: edits.set_setting(d, "", "conv", "out_channels", 8, document.catalogue))
    assert len(engines.started) == 1, "not before it is analysed"
    document.set_analysis(analysis_of(document))
    assert "worked out" in bar.words.text()
    qtbot.waitUntil(lambda: len(engines.started) == 2)
    engines.started[1].finished.emit(told("", field(None, None)))
    assert texts(view)["stage"] == "whole" == bar.scale.legend.high
    steps = {id: item.face.heat.step for id, item in view.scene_.nodes.items()}  # type: ignore[union-attr]
    assert steps["stage"] == 20 and 0 < steps["conv"] < 10, "3 of 32"
    document.edit("Set", lambda d: edits.set_setting(d, "", "conv", "out_channels", 4, document.catalogue))
    document.set_analysis(analysis_of(document))
    qtbot.waitUntil(lambda: len(engines.started) == 3)
    engines.started[2].failed.emit("The engine for this question ended. Ask again.")
    assert bar.words.text() == "The engine for this question ended. Ask again."
    assert texts(view)["conv"] == "3 × 3", "what was known stands until there is better"
    show(document)
    assert texts(view)["conv"] == "", "another drawing"


def test_labels_on_wires_go_by_a_key_and_that_is_remembered(
    window: MainWindow, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = window.canvas
    (wire,) = [w for w in view.scene_.wires if w.target.node == "output"]
    box = view.scene_.pills.box(wire)
    assert box is not None

    def there() -> Any:
        QApplication.processEvents()
        corners = view.mapFromScene(box[0], box[1]), view.mapFromScene(box[2], box[3])
        return view.viewport().grab().toImage().copy(*corners[0].toTuple(), *(corners[1] - corners[0]).toTuple())

    with_labels = there()
    QTest.keyClick(window, Qt.Key.Key_L, ALT)
    assert not window.actions_["wire labels"].isChecked() and there() != with_labels
    view.scene_.rebuild()
    assert not view.scene_.pills.isVisible(), "another graph is looked at"
    window.close()
    again = open_window(qtbot, tmp_path, monkeypatch)
    assert not again.canvas.scene_.pills.isVisible() and not again.actions_["wire labels"].isChecked()
    QTest.keyClick(again, Qt.Key.Key_L, ALT)
    assert again.canvas.scene_.pills.isVisible()


def test_the_menu_has_all_measures_and_no_key_is_used_twice(window: MainWindow) -> None:
    names = [a.text() for name, a in window.actions_.items() if name.startswith("overlay ")]
    assert names == ["None", "Parameters", "MACs", "Activations", "Receptive field", "Measured time"]
    keys = [k.toString() for a in window.actions_.values() for k in a.shortcuts()]
    assert len(keys) == len(set(keys))


def test_the_file_menu_draws_what_is_on_the_canvas(
    window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    QTest.keyClick(window, Qt.Key.Key_5, CTRL)
    window.canvas.scene_.select(["conv", "stage"])

    def draw(dialog: ExportDialog) -> None:
        assert dialog.format.to == "svg" and dialog.picture.part.count() == 2
        dialog.path.setText(str(tmp_path / "canvas.svg"))
        QTest.mouseClick(dialog.export_button, Qt.MouseButton.LeftButton)

    monkeypatch.setattr(ExportDialog, "exec", lambda dialog: (dialog.show(), draw(dialog), dialog.close()))
    window.actions_["export picture"].trigger()
    text = (tmp_path / "canvas.svg").read_text(encoding="utf-8")
    assert ">Parameters<" in text and ">300, 75 %<" in text and ">output<" in text
    assert set(window.canvas.selected_ids()) == {"conv", "stage"}, "the canvas itself is left as it was"
