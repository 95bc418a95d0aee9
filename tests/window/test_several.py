"""Training in the real window on two devices, and with an engine that has too little memory; by mouse and keys."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox

from app.design.file import load as load_file
from app.design.file import save
from app.window.main_window import MainWindow
from app.window.runs import FAILED, STOPPED
from tests.engine.designs import digits
from tests.window.conftest import ENGINE
from tests.window.test_whole import analysed, click_button, click_tab

LIMITED = """
import os, resource, runpy, sys, torch
import app.engine.train, lightning_fabric, sklearn.datasets, tensorboardX
pages = int(open("/proc/self/statm").read().split()[0])
most = pages * os.sysconf("SC_PAGE_SIZE") + 2**29
resource.setrlimit(resource.RLIMIT_AS, (most, most))
runpy.run_module("app.engine", run_name="__main__", alter_sys=True)
"""


def choose(box: QComboBox, id: str) -> None:
    """Go down in the list by the arrow key."""
    box.setFocus()
    for _ in range(box.count()):
        if box.currentData() == id:
            return
        QTest.keyClick(box, Qt.Key.Key_Down)
    raise AssertionError(f"{id} is not offered")


@pytest.mark.slow  # 30 s: what is told, paused and ended is tried in the engine's tests
def test_two_devices_are_trained_on_like_one(real_window: MainWindow, qtbot: Any, tmp_path: Path) -> None:
    window = real_window
    devices = window.engines.last_devices
    assert devices is not None
    if not any(d.id == "cpu*2" for d in devices.devices):
        pytest.skip("the machine has one core")
    design = digits()
    save(replace(design, recipe=replace(design.recipe, batch_size=256, epochs=50_000)), tmp_path / "small.netloom")
    window.files.open(tmp_path / "small.netloom")
    panel = click_tab(window, "Training")
    choose(panel.form.device_box, "cpu*2")
    qtbot.waitUntil(lambda: analysed(window) and window.document.analysis.valid, timeout=5000)
    click_button(panel, "Start")
    run = panel.runs.last
    qtbot.waitUntil(lambda: ("validation", "loss") in run.points, timeout=2 * ENGINE)  # three processes have to start
    assert "epoch" in panel.status.text() and "samples/s" in panel.status.text()
    click_button(panel, "Pause")
    qtbot.waitUntil(lambda: run.paused, timeout=10_000)
    held = run.progress.step
    qtbot.wait(1200)  # longer than what the others are told of a pause at a time
    assert run.progress.step == held and run.active
    click_button(panel, "Go on")
    qtbot.waitUntil(lambda: run.progress.step > held and not run.paused, timeout=10_000)
    click_button(panel, "Stop")
    qtbot.waitUntil(lambda: not panel.running, timeout=20_000)
    assert run.state == STOPPED, run.message
    folder = tmp_path / run.folder
    assert " on cpu and 1 other with " in (folder / "log.txt").read_text()
    assert json.loads((folder / "state.json").read_text())["state"] == "stopped"


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is limited by what /proc says")
def test_an_engine_without_memory_costs_its_run_alone(real_window: MainWindow, qtbot: Any, tmp_path: Path) -> None:
    window = real_window
    wide, design = tmp_path / "wide.netloom", digits(channels=4096)
    save(replace(design, recipe=replace(design.recipe, batch_size=1257)), wide)
    window.files.open(wide)
    qtbot.waitUntil(lambda: analysed(window) and window.document.analysis.valid, timeout=5000)
    window.engines._command = [sys.executable, "-P", "-c", LIMITED]
    panel = click_tab(window, "Training")
    before = window.document.design
    click_button(panel, "Start")
    run = panel.runs.last
    qtbot.waitUntil(lambda: not panel.running, timeout=ENGINE)
    assert run.state == FAILED and "emory ran out" in run.message, run.message
    assert panel.empty.isVisible() and run.message in panel.empty.text
    assert window.document.design is before
    assert load_file(tmp_path / run.folder / "design.netloom").nodes == before.nodes
    state = json.loads((tmp_path / run.folder / "state.json").read_text())
    assert state["state"] == "failed" and state["message"] == run.message
    answering = window.engines.analysis_pid
    node = before.nodes[1].id
    window.canvas.setFocus()
    window.canvas.scene_.select([node])
    QTest.keyClick(window.canvas, Qt.Key.Key_Delete)
    assert len(window.document.design.nodes) == len(before.nodes) - 1
    qtbot.waitUntil(lambda: analysed(window), timeout=5000)
    assert window.engines.analysis_pid == answering, "the drawing's own engine is the one it was"
