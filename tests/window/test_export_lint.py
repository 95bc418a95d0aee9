"""What would not export is lit on its node and listed while one draws; the fix is a click, and undo."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from app.design.build import wire
from app.design.values import Design, Node, Settings
from app.messages import Analysis
from app.messages.lint import CheckExport, ExportChecked
from app.messages.reports import Problem
from app.window.canvas.tips import tip
from app.window.canvas.view import CanvasView
from app.window.document import Document
from app.window.export_lint import ExportLint
from app.window.main_window import MainWindow
from app.window.problems import ProblemsPanel
from blocks.card import Card, Port, Setting
from tests.window.fake_engines import CARDS, FakeEngines, small_design

LEFT = Qt.MouseButton.LeftButton
CODE = Card("Code", "Code", "Connector", inputs=(Port("a", "*S"),), outputs=(Port("out", "*S"),),
            settings=(Setting("source", "code", "a"),))  # fmt: skip


def coded(source: str) -> Design:
    return Design(
        nodes=(Node("image", "Input", settings=Settings(size=(3, 8, 8))),
               Node("mine", "Code", x=240.0, settings=Settings(source=source)), Node("answer", "Output", x=480.0)),
        wires=(wire("image", "mine.a"), wire("mine", "answer")),
    )  # fmt: skip


def warning(words: str) -> Problem:
    return Problem("warning", "mine", "mine", "", "mine", "", "export-operator", f"mine: {words}")


def test_catalogue_drawings_ask_nothing_and_code_asks_bit_by_bit(qtbot: Any) -> None:
    document, engines = Document(), FakeEngines()
    document.set_catalogue((*CARDS, CODE))
    lint = ExportLint(document, engines)

    def analysed(design: Design) -> None:
        if design is not document.design:
            document.load(design, None)
        document.set_analysis(Analysis(document.revision, valid=True, partial=False))

    analysed(small_design())
    assert not lint.waiting
    analysed(coded("torch.linalg.inv(a)"))
    qtbot.waitUntil(lambda: len(engines.started) == 1)
    request = engines.started[0].request
    assert isinstance(request, CheckExport) and request.design is document.design and not request.any_size
    told = warning("it would not export")
    engines.started[0].finished.emit(ExportChecked("", (told,), left=1))
    assert document.open_problems == (told,) and document.findings.at("mine") is not None
    qtbot.waitUntil(lambda: len(engines.started) == 2)
    engines.started[1].finished.emit(ExportChecked("", (told,)))
    assert not lint.waiting

    document.edit("Move", lambda d: d)
    analysed(document.design)
    assert document.open_problems == (told,), "it stays until more is known"
    qtbot.waitUntil(lambda: len(engines.started) == 3)
    engines.started[2].failed.emit("The engine for this question crashed.")
    document.set_analysis(Analysis(document.revision, valid=True, partial=False))
    assert not lint.waiting, "what ends an engine is not tried again and again"
    lint.want_any_size(True)
    qtbot.waitUntil(lambda: len(engines.started) == 4)
    assert engines.started[3].request.any_size
    analysed(small_design())
    qtbot.waitUntil(lambda: len(engines.started) == 5)
    assert document.open_problems == () and engines.started[4].request.design is document.design


def test_a_baked_batch_is_told_and_mended_with_the_real_engine(qtbot: Any, real_window: MainWindow) -> None:
    document = real_window.document
    source = "a.reshape(int(a.shape[0]), -1)"
    document.consent.allow(source)
    document.load(coded(source), None)
    qtbot.waitUntil(lambda: document.findings.at("mine") is not None, timeout=60_000)
    (problem,) = document.open_problems
    assert problem.severity == "warning" and "bakes the batch in" in problem.message
    assert document.analysis is not None and document.analysis.valid
    assert real_window.canvas.scene_.nodes["mine"].face.trouble == problem.message
    scene = real_window.canvas.scene_
    assert "On export: " in tip(scene, scene.hit(scene.nodes["mine"].rect.center()))
    real_window.bottom.show_tab("Problems")
    (panel,) = real_window.findChildren(ProblemsPanel)
    (row,) = panel.rows
    (button,) = [b for b in row.findChildren(QPushButton) if "a.shape[0]" in b.text()]
    QTest.mouseClick(button, LEFT)
    assert document.design.by_id["mine"].settings["source"] == "a.reshape(a.shape[0], -1)"
    assert document.open_problems == ()
    qtbot.waitUntil(lambda: document.analysis is not None and document.analysis.revision == document.revision)
    qtbot.waitUntil(lambda: not real_window.export_lint.waiting, timeout=60_000)
    assert document.open_problems == (), "the code that the fix writes may run, and exports"
    document.undo_stack.undo()
    assert document.findings.at("mine") is None or document.design.by_id["mine"].settings["source"] == source


def test_a_block_that_says_itself_that_it_does_not_export_is_lit(view: CanvasView, document: Document) -> None:
    problem = Problem("warning", "conv", "conv", "", "conv", "", "export-exempt", "conv: it does not export: it is odd")
    document.set_analysis(Analysis(document.revision, valid=True, partial=False, problems=(problem,)))
    face = view.scene_.nodes["conv"].face
    assert face.trouble == problem.message and face.exported and not face.broken and not face.problem
    view.scene_.select(["conv"])
    assert view.bubble.isVisible() and view.bubble._sentence.text() == problem.message
