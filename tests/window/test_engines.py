"""Engines are real processes here: they start, answer, are killed, and others take over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from pytestqt.qtbot import QtBot

from app.design import edits
from app.design.values import Design, Node, Recipe
from app.messages import Analysis, Catalogue, Export, Exported, Predict, Prediction, Train, Trained
from app.window import engines as engines_module
from app.window import kept
from app.window.document import Document
from app.window.engine_process import engine_command, engine_environment
from app.window.engines import Engines
from app.window.kept import catalogue_file, load_catalogue

FAKE = [sys.executable, str(Path(__file__).with_name("fake_engine.py"))]


@pytest.fixture
def document(qapp: object) -> Document:
    return Document()


@pytest.fixture
def engines(qtbot: QtBot, document: Document, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engines]:
    monkeypatch.setattr(kept, "catalogue_file", lambda: tmp_path / "cache" / "catalogue.json")
    monkeypatch.setenv("NETLOOM_FAKE_CRASHED", str(tmp_path / "crashed"))
    made = Engines(command=FAKE)
    made.watch(document)
    with qtbot.waitSignal(made.ready, timeout=10_000):
        made.start()
    yield made
    made.close()


def _add(document: Document, block: str) -> None:
    node = edits.new_node(document.design, "", block)
    document.edit("Add", lambda d: edits.add_node(d, "", node))


def test_each_edit_is_analysed_and_the_catalogue_arrives(qtbot: QtBot, document: Document, engines: Engines) -> None:
    qtbot.waitUntil(lambda: "Conv2d" in document.catalogue, timeout=5000)
    for _ in range(20):
        _add(document, "Conv2d")
    qtbot.waitUntil(lambda: document.analysis is not None and len(document.analysis.nodes) == 20, timeout=5000)
    assert document.analysis is not None
    assert document.analysis.revision == document.revision
    qtbot.waitUntil(lambda: engines.last_devices is not None)
    kept = load_catalogue()
    assert kept.cards == tuple(document.catalogue.values())
    assert kept.pages == tuple(document.pages.values()) and "adamw" in document.pages


def test_bad_cache_is_replaced(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, document: Document
) -> None:
    file = tmp_path / "catalogue.json"
    file.write_bytes(b'[{"id": 3}]')
    monkeypatch.setattr(kept, "catalogue_file", lambda: file)
    engines = Engines(command=FAKE)
    engines.watch(document)
    assert document.catalogue == {}
    with qtbot.waitSignal(engines.catalogue, timeout=10_000):
        engines.start()
    assert load_catalogue().cards
    engines.close()
    again, fresh = Engines(command=FAKE), Document()
    again.watch(fresh)
    assert fresh.catalogue == document.catalogue, "full before any engine runs"
    assert catalogue_file != file
    file.write_bytes(msgspec.json.encode(load_catalogue().cards))
    assert load_catalogue() == Catalogue(tuple(document.catalogue.values())), "a version before kept the cards alone"


def test_a_killed_engine_is_replaced_by_the_spare(qtbot: QtBot, document: Document, engines: Engines) -> None:
    qtbot.waitUntil(lambda: engines.spare_ready, timeout=10_000)
    (spare,) = set(engines.pids) - {engines.analysis_pid}
    with qtbot.waitSignal(engines.died, timeout=5000) as died:
        os.kill(engines.analysis_pid, signal.SIGKILL)
    assert died.args == ["The engine was killed (signal 9). The drawing is untouched; another engine takes over."]
    assert engines.analysis_pid == spare, "it is warm, so nobody waits"
    _add(document, "Conv2d")
    qtbot.waitUntil(lambda: document.analysis is not None and len(document.analysis.nodes) == 1, timeout=5000)
    assert engines.analysis_pid == spare
    qtbot.waitUntil(lambda: engines.spare_ready, timeout=10_000)


def test_without_a_spare_a_new_engine_starts(qtbot: QtBot, document: Document, engines: Engines) -> None:
    _add(document, "Conv2d")
    with qtbot.waitSignal(engines.restarted, timeout=5000):
        os.kill(engines.analysis_pid, signal.SIGKILL)
    _add(document, "Conv2d")
    qtbot.waitUntil(lambda: document.analysis is not None and len(document.analysis.nodes) == 2, timeout=5000)


def test_analysis_is_asked_again_once(qtbot: QtBot, document: Document, engines: Engines) -> None:
    _add(document, "CrashOnce")
    with qtbot.waitSignal(engines.restarted, timeout=5000):
        pass
    qtbot.waitUntil(lambda: document.analysis is not None and len(document.analysis.nodes) == 1, timeout=10_000)
    assert document.analysis is not None
    assert document.analysis.valid


def test_a_node_that_kills_two_engines_is_named(qtbot: QtBot, document: Document, engines: Engines) -> None:
    _add(document, "Conv2d")
    _add(document, "Crash")
    qtbot.waitUntil(lambda: document.analysis is not None and bool(document.analysis.problems), timeout=15_000)
    assert document.analysis is not None
    (problem,) = document.analysis.problems
    assert (problem.node, problem.name) == ("crash", "crash")
    assert "signal 9" in problem.message
    qtbot.waitUntil(lambda: engines.is_ready, timeout=10_000)
    qtbot.waitUntil(lambda: not engines.busy, timeout=5000)
    assert [r.id for r in document.analysis.nodes] == ["conv2d"], "the next engine does the rest"
    assert document.analysis.problems == (problem,)
    pid = engines.analysis_pid
    _add(document, "Conv2d")
    qtbot.waitUntil(lambda: document.analysis is not None and len(document.analysis.nodes) == 2, timeout=5000)
    assert engines.analysis_pid == pid, "it is not run again"
    document.undo_stack.undo()
    document.undo_stack.undo()
    qtbot.waitUntil(lambda: document.analysis is not None and document.analysis.valid, timeout=5000)


def test_a_hang_is_ended_and_named(
    qtbot: QtBot, document: Document, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines_module, "PATIENCE", 300)
    _add(document, "Hang")
    with qtbot.waitSignal(engines.died, timeout=5000) as died:
        pass
    assert "hung" in died.args[0]
    assert document.analysis is not None
    assert document.analysis.problems[0].node == "hang"
    _add(document, "Conv2d")
    qtbot.waitUntil(lambda: document.analysis is not None and len(document.analysis.nodes) == 1, timeout=10_000)
    assert document.analysis.problems[0].node == "hang", "the rest is analysed, and it is still named"
    document.undo_stack.undo()
    document.undo_stack.undo()
    qtbot.waitUntil(lambda: document.analysis is not None and document.analysis.valid, timeout=10_000)


def test_a_run_reports_and_ends(qtbot: QtBot, engines: Engines) -> None:
    job = engines.run(Train("", Design(), Recipe(epochs=2)))
    points: list[object] = []
    job.progress.connect(points.append)
    with qtbot.waitSignal(job.finished, timeout=10_000) as ended:
        pass
    assert isinstance(ended.args[0], Trained)
    assert len(points) == 4
    assert not job.alive


def test_cancel_ends_a_run(qtbot: QtBot, engines: Engines) -> None:
    job = engines.run(Train("", Design(), Recipe(epochs=1000)))
    with qtbot.waitSignal(job.progress, timeout=10_000):
        pass
    with qtbot.waitSignal(job.finished, timeout=10_000) as ended:
        job.cancel()
    assert ended.args[0].stopped


def test_a_killed_run_says_so_and_analysis_goes_on(qtbot: QtBot, document: Document, engines: Engines) -> None:
    job = engines.run(Train("", Design(), Recipe(epochs=1000)))
    with qtbot.waitSignal(job.progress, timeout=10_000):
        pass
    with qtbot.waitSignal(job.failed, timeout=5000) as failed:
        os.kill(job.engine.pid, signal.SIGKILL)
    assert "killed (signal 9)" in failed.args[0]
    assert "The drawing is untouched" in failed.args[0]
    _add(document, "Conv2d")
    qtbot.waitUntil(lambda: document.analysis is not None and len(document.analysis.nodes) == 1, timeout=5000)
    with qtbot.waitSignal(engines.run(Train("", Design(), Recipe(epochs=1))).finished, timeout=10_000):
        pass


def test_exports_bring_their_files(qtbot: QtBot, engines: Engines) -> None:
    job = engines.run(Export("", Design()))
    with qtbot.waitSignal(job.finished, timeout=10_000) as ended:
        pass
    assert isinstance(ended.args[0], Exported)
    assert job.files == {"model.onnx": b"abcdef"}


def test_predictions_share_one_engine(qtbot: QtBot, engines: Engines) -> None:
    first = engines.run(Predict("", "runs/fake", b"x"))
    with qtbot.waitSignal(first.finished, timeout=10_000) as ended:
        pass
    assert isinstance(ended.args[0], Prediction)
    second = engines.run(Predict("", "runs/fake", b"bad"))
    with qtbot.waitSignal(second.failed, timeout=5000) as failed:
        pass
    assert failed.args == ["That is not an image: choose a PNG or JPEG."]
    assert second.engine is first.engine


def test_close_ends_every_engine(qtbot: QtBot, document: Document, tmp_path: Path) -> None:
    engines = Engines(command=FAKE)
    with qtbot.waitSignal(engines.ready, timeout=10_000):
        engines.start()
    job = engines.run(Train("", Design(nodes=(Node("a", block="Input"),)), Recipe(epochs=1000)))
    with qtbot.waitSignal(job.progress, timeout=10_000):
        pass
    pids = engines.pids
    assert len(pids) >= 2
    engines.close()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_an_engine_that_cannot_start_is_given_up(qtbot: QtBot) -> None:
    engines = Engines(command=[sys.executable, "-c", "import sys; sys.exit('no torch here')"])
    with qtbot.waitSignal(engines.died, timeout=10_000, check_params_cb=lambda text: "3 times" in text) as died:
        engines.start()
    assert "no torch here" in died.args[0]
    assert engines.stopped
    engines.close()


def test_an_edit_while_no_engine_runs_is_not_called_checked(document: Document) -> None:
    engines = Engines(command=[sys.executable, "-c", "raise SystemExit(3)"])
    engines.watch(document)
    document.set_analysis(Analysis(document.revision, valid=True, partial=False))
    engines.stopped = "The engine ended with code 3 3 times while it started."
    document.edit("Add", lambda d: edits.add_node(d, "", Node("late", block="Input")))
    assert document.analysis is None
    engines.close()


def test_a_file_app_py_in_the_present_folder_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("raise SystemExit('the wrong app')")
    command = [*engine_command()[:-2], "-c", "import app.messages; print(app.messages.CHUNK_BYTES)"]
    environment = dict(entry.partition("=")[::2] for entry in engine_environment().toStringList())
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "262144", done.stderr
