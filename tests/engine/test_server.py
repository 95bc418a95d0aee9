"""The engine as its own process: real pipes, real lines."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

import app
from app import messages as m
from app.design import file
from app.design.values import Design
from examples import path
from tests.drawing import IMAGE, OUTPUT, chain, node

HOME = str(Path(app.__file__).resolve().parent.parent)


class Engine:
    """An engine and its pipe."""

    def __init__(self, cwd: Path) -> None:
        self.folder = cwd
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "app.engine"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, cwd=cwd, env={**os.environ, "PYTHONPATH": HOME},
        )  # fmt: skip

    def send(self, *requests: m.Request) -> None:
        assert self.process.stdin
        self.process.stdin.write(b"".join(map(m.encode, requests)))
        self.process.stdin.flush()

    def next(self, kind: type) -> Any:
        """The next reply of a kind; what comes before it is passed over."""
        assert self.process.stdout
        for line in self.process.stdout:
            reply = m.decode_reply(line)
            if isinstance(reply, kind):
                return reply
            assert not isinstance(reply, m.Failed), reply
        raise AssertionError(f"the engine ended without {kind.__name__}: {self.process.stderr.read().decode()}")  # type: ignore[union-attr]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe
            pipe.close()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Engine]:
    """For a test that ends it."""
    made = Engine(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, m.Ready]]:
    """One for all tests that leave it as it was: it takes 3 s to start. Where it stands lies a file `app.py`."""
    folder = tmp_path_factory.mktemp("engine")
    (folder / "app.py").write_text("raise SystemExit('the wrong app')")
    made = Engine(folder)
    yield made, made.next(m.Ready)
    made.close()


_revisions = itertools.count(10**6)


@pytest.fixture
def engine(shared: tuple[Engine, m.Ready]) -> Engine:
    """The shared one, once all that it was asked before is answered."""
    made, _ = shared
    revision = next(_revisions)
    made.send(m.Analyse(revision, Design()))
    while made.next(m.Analysis).revision != revision:
        pass
    return made


def test_a_file_named_app_in_the_folder_is_not_run(shared: tuple[Engine, m.Ready]) -> None:
    engine, ready = shared
    assert (engine.folder / "app.py").is_file() and ready.version == app.__version__
    assert engine.process.poll() is None


def test_answers_catalogue_devices_and_analysis(engine: Engine) -> None:
    design = file.load(path("digits"))
    engine.send(m.GetCatalogue(), m.GetDevices())
    catalogue = engine.next(m.Catalogue)
    cards = {card.id: card for card in catalogue.cards}
    assert {card.category for card in cards.values()} < {page.id for page in catalogue.pages}
    assert {"Conv2d", "FPN", "Input", "CrossEntropy"} <= set(cards)
    devices = engine.next(m.Devices)
    assert devices.devices[0].id == "cpu" and "digits" in {d.kind for d in devices.datasets}
    assert [p.title for p in (*devices.optimizers, *devices.schedules)][:2] == ["AdamW", "SGD"]
    present = ("cpu*", "cuda:", "cuda*")
    assert all(d.absent for d in devices.devices if d.id not in ("cpu", "mps") and not d.id.startswith(present))
    engine.send(m.Analyse(7, design))
    analysis = engine.next(m.Analysis)
    assert (analysis.revision, analysis.valid) == (7, True)


def test_only_the_newest_of_waiting_analyses_is_answered(engine: Engine) -> None:
    slow = chain(IMAGE, *(node(f"c{i}", "Conv2d", out_channels=8 + i) for i in range(60)), OUTPUT)
    engine.send(*(m.Analyse(revision, slow) for revision in range(30)))
    answered = []
    while not answered or answered[-1] != 29:
        answered.append(engine.next(m.Analysis).revision)
    assert len(answered) < 30 and answered == sorted(answered)


def test_a_line_that_is_no_request_is_answered_and_survived(engine: Engine) -> None:
    assert engine.process.stdin and engine.process.stdout
    for line in (b"{}\n", b"not json\n", b"\xff\xfe\n", b"[" * 5000 + b"\n", b'{"type":"Analyse","revision":"x"}\n'):
        engine.process.stdin.write(line)
        engine.process.stdin.flush()
        reply = m.decode_reply(engine.process.stdout.readline())
        assert isinstance(reply, m.Failed) and "cannot read" in reply.message
    engine.send(m.Analyse(1, Design()))
    assert engine.next(m.Analysis).revision == 1


def test_prints_of_libraries_do_not_reach_the_pipe() -> None:
    code = "import os, sys; import app.engine.__main__; print('stray'); os.write(1, b'stray from C\\n')"
    environment = {**os.environ, "PYTHONPATH": HOME}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=True)
    assert done.stdout == b"" and done.stderr.count(b"stray") == 2


def test_the_end_of_input_ends_the_engine(own: Engine) -> None:
    own.next(m.Ready)
    assert own.process.stdin
    own.process.stdin.close()
    assert own.process.wait(30) == 0


def test_an_unknown_variant_is_a_problem(engine: Engine) -> None:
    engine.send(m.Analyse(1, file.load(path("digits")), variant="xxl"))
    analysis = engine.next(m.Analysis)
    assert not analysis.valid and "xxl" in analysis.problems[0].message


def test_training_streams_progress_and_a_cancel_leaves_a_checkpoint(engine: Engine) -> None:
    design = file.load(path("digits"))
    engine.send(m.Train("one", design, design.recipe, name="digits", device="cpu"))
    first = engine.next(m.Progress)
    assert first.job == "one" and "loss" in first.values
    engine.send(m.Cancel("one"))
    trained = engine.next(m.Trained)
    assert trained.stopped and (engine.folder / trained.run / "checkpoints").is_dir()


@pytest.mark.parametrize("first", ["input", "output"])
def test_a_training_engine_whose_window_is_gone_writes_a_checkpoint_and_ends(
    own: Engine, tmp_path: Path, first: str
) -> None:
    """Whichever pipe's end it meets first: which one that is, is chance."""
    design = file.load(path("digits"))
    recipe = replace(design.recipe, epochs=1000)
    own.send(m.Train("one", design, recipe, run=str(tmp_path / "run"), device="cpu"))
    own.next(m.Progress)
    assert own.process.stdin and own.process.stdout
    (own.process.stdin if first == "input" else own.process.stdout).close()
    assert own.process.wait(60) == 0
    assert list((tmp_path / "run" / "checkpoints" / "last").rglob("weights.safetensors"))


def test_an_exported_file_and_its_weights_arrive_in_chunks(engine: Engine, tmp_path: Path) -> None:
    engine.send(m.Export("e", file.load(path("digits")), name="net", onnx=m.OnnxOptions(separate_data=True)))
    files: dict[str, bytes] = {}
    steps: list[m.Working] = []
    while True:
        assert engine.process.stdout
        reply = m.decode_reply(engine.process.stdout.readline())
        if isinstance(reply, m.Chunk):
            assert reply.offset == len(files.setdefault(reply.file, b""))
            files[reply.file] += reply.data
        elif isinstance(reply, m.Working):
            steps.append(reply)
        elif isinstance(reply, m.Exported):
            break
        assert not isinstance(reply, m.Failed), reply
    import onnx

    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    onnx.checker.check_model(tmp_path / "net.onnx")
    assert {n.external_data[0].value for n in onnx.load(tmp_path / "net.onnx", load_external_data=False).graph
            .initializer if n.external_data} == {"net.onnx.data"}  # fmt: skip
    assert dict(reply.beside)["net.onnx.data"] == len(files["net.onnx.data"]) and list(files)[-1] == "net.onnx"
    assert set(files) == {"net.onnx", *dict(reply.beside)}
    assert reply.bytes == len(files["net.onnx"]) and reply.difference is not None and reply.difference < 1e-4
    done = [step.done for step in steps]
    assert done == sorted(done) and done[-1] == steps[-1].total and any("Tracing" in step.step for step in steps)

    engine.send(m.Export("late", file.load(path("digits"))), m.Cancel("late"))
    assert engine.process.stdout
    while not isinstance(reply := m.decode_reply(engine.process.stdout.readline()), m.Failed):
        assert isinstance(reply, m.Working) and reply.job == "late"
    assert reply.job == "late" and "cancelled" in reply.message
