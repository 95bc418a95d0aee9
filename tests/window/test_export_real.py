"""The export dialog with the real engine: the certificate of a small network, and of weights of a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

import examples
from app.design import file
from app.window.export_dialog import ExportDialog
from app.window.main_window import MainWindow
from app.window.runs import Runs
from tests.window.conftest import ENGINE

LEFT = Qt.MouseButton.LeftButton


@pytest.mark.slow
def test_a_network_gets_its_certificate_and_weights_of_a_file(
    qtbot: Any, real_window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = real_window
    document, engines = window.document, window.engines
    document.load(file.load(examples.path("digits"), document.catalogue), None, "digits")
    dialog = ExportDialog(document, engines, Runs.of(document, engines), window)
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitUntil(lambda: document.analysis is not None, timeout=ENGINE)

    def export(to: str) -> None:
        dialog.choose(to)
        QTest.mouseClick(dialog.export_button, LEFT)
        assert dialog.busy
        qtbot.waitUntil(lambda: not dialog.busy, timeout=2 * ENGINE)

    export("safetensors")
    weights = tmp_path / "digits.safetensors"
    assert weights.is_file()
    monkeypatch.setattr(QFileDialog, "getOpenFileName", staticmethod(lambda *_: (str(weights), "")))
    QTest.mouseClick(dialog.weights.browse, LEFT)
    steps: list[str] = []
    dialog.choose("onnx")
    QTest.mouseClick(dialog.onnx.separate_data, LEFT)
    QTest.mouseClick(dialog.export_button, LEFT)
    dialog._job.progress.connect(lambda told: steps.append(told.step))
    qtbot.waitUntil(lambda: not dialog.busy, timeout=2 * ENGINE)
    page = dialog.certificate
    assert page.isVisible() and page.verdict.text() == "Passed", dialog.notice.text
    assert len(steps) >= 3 and all(steps)
    told = page.certificate
    assert told is not None and len({each.batch for each in told.compared}) >= 2 and told.operators
    assert (tmp_path / "digits.onnx.data").is_file()
    kept = json.loads((tmp_path / "digits.certificate.json").read_text())
    assert kept["sha256"] == told.sha256 and kept["passed"] is True
    assert any("digits.safetensors" in line for line in dialog.report_lines())

    QTest.mouseClick(dialog.back_button, LEFT)
    before = (tmp_path / "digits.onnx").read_bytes()
    QTest.mouseClick(dialog.export_button, LEFT)
    QTest.mouseClick(dialog.close_button, LEFT)
    assert not dialog.busy and "was cancelled" in dialog.notice.text
    assert (tmp_path / "digits.onnx").read_bytes() == before
