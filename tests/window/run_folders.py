"""Run folders as the engine leaves them, written at once."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from app.design import file
from app.design.values import Design, Recipe
from app.window import theme as themes
from app.window.engines import Engines
from app.window.main_window import MainWindow
from app.window.runs_panel import RunsPanel
from tests.window.canvas_hands import CARDS

FAKE = [sys.executable, "-P", str(Path(__file__).with_name("fake_engine.py"))]

STEPS = 20
"""In an epoch."""


def run_folder(
    place: Path, design: Design, *, epochs: int = 3, scale: float = 1.0, state: str = "finished",
    began: str = "2026-01-02 10:00:00", **recipe: Any,
) -> Path:
    """A run whose train loss is `scale` / step and whose validation loss is 1.1 times that, with checkpoints that are
    there by name alone."""
    place.mkdir(parents=True)
    chosen = {"data": "digits", "epochs": epochs, **recipe}
    file.save(replace(design, recipe=Recipe(**chosen)), place / "design.netloom")
    rows, pace = ["epoch,step,split,name,value"], ["step,seconds,rate,memory,gpu_memory"]
    for epoch in range(1, epochs + 1):
        for step in range(STEPS * (epoch - 1) + 5, STEPS * epoch + 1, 5):
            rows.append(f"{epoch},{step},train,loss,{scale / step!r}")
            rows.append(f"{epoch},{step},train,accuracy,{1 - scale / (step + 10)!r}")
            pace.append(f"{step},{step / 10},1000.0,300000000,0")
        step = STEPS * epoch
        rows.append(f"{epoch},{step},validation,loss,{1.1 * scale / step!r}")
        rows.append(f"{epoch},{step},validation,accuracy,{0.99 - scale / (step + 10)!r}")
    if state == "finished":
        rows.append(f"{epochs},{STEPS * epochs},test,accuracy,0.9")
    (place / "metrics.csv").write_text("\n".join([*rows, ""]), encoding="utf-8")
    (place / "speed.csv").write_text("\n".join([*pace, ""]), encoding="utf-8")
    (place / "log.txt").write_text(f"{began} Data digits.\n", encoding="utf-8")
    (place / "state.json").write_text(json.dumps({"state": state}), encoding="utf-8")
    (place / "data.json").write_text(json.dumps({"kind": "classes", "classes": ["a", "b"]}), encoding="utf-8")
    for name in ("best", "last"):
        (place / "checkpoints" / name).mkdir(parents=True)
        (place / "checkpoints" / name / "weights.safetensors").write_bytes(b"")
    return place


def runs_in_a_window(qtbot: Any, monkeypatch: pytest.MonkeyPatch, count: int) -> Iterator[RunsPanel]:
    """The list of so many runs of this folder, in the real window with an engine that does nothing."""
    themes.load_fonts()
    window = MainWindow(engines=Engines(command=FAKE))
    monkeypatch.setattr(window.files, "ask_save", lambda: "discard")
    window.document.set_catalogue(CARDS)
    window.resize(1366, 900)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    window.bottom.show_tab("Runs")
    qtbot.waitUntil(lambda: len(window.shelf.runs) == count)
    found = window.bottom.panel("Runs")
    assert isinstance(found, RunsPanel)
    yield found
    window.close()
    window.deleteLater()
