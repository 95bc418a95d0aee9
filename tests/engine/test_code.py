"""The Code block: what it calculates, how it says what is wrong, and that nothing runs which was not allowed."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from msgspec.structs import replace

from app import trust
from app.cli import main
from app.design import file
from app.design.build import wire
from app.design.values import Design, Expression, Group, Node, Settings
from app.engine.analysis import Analyser
from app.engine.measure import CONSENT
from app.messages import Analysis
from blocks import catalogue
from blocks.card import Setting
from blocks.code import Code
from tests.drawing import OUTPUT, node
from tests.engine.designs import SHORT
from tests.engine.designs import digits as digits_design


def drawn(source: Any, inputs: int = 2) -> Design:
    letters = "abcdefgh"[:inputs]
    ends = [node(f"in_{name}", "Input", size=(4, 6)) for name in letters]
    return Design(
        nodes=(*ends, node("mine", "Code", source=source), OUTPUT),
        wires=(*(wire(f"in_{name}", f"mine.{name}") for name in letters), wire("mine", "output")),
    )


def analysed(design: Design, trusted: Any = None) -> Analysis:
    analyser = Analyser(catalogue.load(), catalogue.classes())
    analyser.measurer.trusted = trust.Everything() if trusted is None else trusted
    return analyser.analyse(design)


def with_code(path: Path, source: str) -> Path:
    """The digits design with a Code block between its stem and its head."""
    design = digits_design()
    wires = tuple(w for w in design.wires if w.target.node != "dropout")
    design = replace(
        design, nodes=(*design.nodes, node("mine", "Code", source=source)),
        wires=(*wires, wire("flatten", "mine.a"), wire("mine", "dropout")), recipe=replace(SHORT, epochs=1),
    )  # fmt: skip
    file.save(design, path)
    return path


@pytest.mark.parametrize(
    ("source", "shape"),
    [
        ("return a * torch.sigmoid(b)", (1, 4, 6)),
        ("a * torch.sigmoid(b)", (1, 4, 6)),
        ("scale = math.sqrt(a.shape[-1])\nscores = a @ b.transpose(1, 2) / scale\nF.softmax(scores, -1)", (1, 4, 4)),
        ("def twice(x):\n    return 2 * x\n\ntwice(a).flatten(1)", (1, 24)),
    ],
)
def test_its_shape_is_what_its_lines_give(source: str, shape: tuple[int, ...]) -> None:
    analysis = analysed(drawn(source))
    assert analysis.valid, analysis.problems
    assert analysis.outputs[0].tensors[0].shape == shape


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("x = a\nx +* 2", "mine: line 2 of its code is not Python (invalid syntax): `x +* 2`"),
        ("x = a\n\nx @ b", "mine: line 3 of its code: Expected size for first two dimensions of batch2"),
        ("y = a\ny * c", "mine: line 2 of its code: `c` is not known: it knows a, b, torch, nn, F, math"),
        ("x = a", "mine: its code gives nothing, but a block gives one tensor"),
        ("a.shape", "mine: its code gives a value of type Size, but a block gives one tensor"),
        ("# nothing yet", "mine: its code is empty"),
        ("(" * 500 + "a" + ")" * 500, "mine: "),
        ("raise SystemExit", "mine: its code ends the program, which no block may"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(source: str, sentence: str) -> None:
    (problem,) = [p for p in analysed(drawn(source)).problems if p.severity == "error"]
    assert problem.message.startswith(sentence), problem.message
    assert "\n" not in problem.message


def test_a_port_keeps_its_letter_when_the_one_before_it_is_open() -> None:
    design = drawn("a - c", inputs=3)
    design = replace(design, wires=tuple(w for w in design.wires if w.target.port != "b"))
    assert analysed(design).valid
    assert not analysed(replace(design, nodes=drawn("a - b", inputs=3).nodes)).valid


def test_it_is_refused_until_it_is_allowed_and_the_refusal_is_not_remembered() -> None:
    analyser = Analyser(catalogue.load(), catalogue.classes())
    design = drawn("a + b")
    for _ in range(2):
        (problem,) = analyser.analyse(design).problems
        assert (problem.code, problem.message, problem.node) == ("consent", f"mine: {CONSENT}", "mine")
    assert analyser.measurer.runs == 0
    analyser.measurer.trusted = {trust.digest("a + b")}
    assert analyser.analyse(design).valid
    assert not analyser.analyse(drawn("a + b + 0")).valid, "other code is another hash"
    analyser.measurer.trusted = frozenset()
    assert not analyser.analyse(design).valid, "what was withdrawn does not run, remembered or not"
    assert analyser.analyse(drawn("a")).valid, "the block's own line needs nobody's leave"


def test_code_that_a_group_hands_down_is_refused_too() -> None:
    inside = Group(
        name="Own",
        settings=(Setting("lines", "code", "a"),),
        nodes=(
            Node("x", block="GroupInput"), Node("mine", block="Code", settings=Settings(source=Expression("lines"))),
            Node("out", block="GroupOutput"),
        ),
        wires=(wire("x", "mine.a"), wire("mine", "out")),
    )  # fmt: skip
    outer = Node("part", group="Own", settings=Settings(lines="a * 3"))
    design = Design(
        nodes=(node("image", "Input", size=(4,)), outer, OUTPUT),
        wires=(wire("image", "part.x"), wire("part.out", "output")), groups=(inside,),
    )  # fmt: skip
    refused = analysed(design, frozenset())
    assert [p.code for p in refused.problems] == ["consent"]
    assert analysed(design, {trust.digest("a * 3")}).valid


def test_it_rebuilds_its_function_after_pickling() -> None:
    made = Code(["a", "b"], "y = a * 2\ny + b")  # type: ignore[arg-type]
    kept = pickle.dumps(made)
    assert b"y = a * 2" in kept and b"function" not in kept
    x = torch.ones(2, 3)
    assert torch.equal(pickle.loads(kept)(x, x), torch.full((2, 3), 3.0))


def test_it_exports_to_onnx_with_equal_numbers(tmp_path: Path) -> None:
    path, target = tmp_path / "it.netloom", tmp_path / "it.onnx"
    file.save(drawn("gate = torch.sigmoid(b)\na * gate - a.mean(-1, keepdim=True)"), path)
    assert main(["export", str(path), "--to", "onnx", "-o", str(target), "--allow-code"]) == 0
    a, b = np.random.default_rng(0).standard_normal((2, 3, 4, 6)).astype(np.float32)
    (got,) = onnxruntime.InferenceSession(target.read_bytes()).run(None, {"in_a": a, "in_b": b})
    np.testing.assert_allclose(got, a / (1 + np.exp(-b)) - a.mean(-1, keepdims=True), rtol=1e-5, atol=1e-5)


# nothing runs ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "settings"
    monkeypatch.setenv("NETLOOM_SETTINGS", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


def test_no_command_runs_code_that_nobody_allowed(
    tmp_path: Path, settings: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    marker, run = tmp_path / "ran", tmp_path / "run"
    source = f"open({str(marker)!r}, 'a').close()\na * 1.0"
    path = str(with_code(tmp_path / "it.netloom", source))
    digit = str(Path("digit.png"))
    torch.manual_seed(0)
    from PIL import Image

    Image.new("L", (8, 8), 255).save(digit)
    train = ("train", path, "--run", str(run), "--device", "cpu")
    onnx = ("--to", "onnx", "-o", str(tmp_path / "it.onnx"))

    def refused(*command: str) -> None:
        assert main(command) == 1, command
        out, err = capfd.readouterr()
        assert "has not been allowed to run here" in out + err and "--allow-code" in out + err, (command, out, err)
        assert not marker.exists(), command

    for command in (("check", path), ("check", path, "--json"), train, ("export", path, *onnx)):
        if "--json" in command:
            assert main(command) == 1 and '"code":"consent"' in capfd.readouterr().out and not marker.exists()
        else:
            refused(*command)
    assert main((*train, "--allow-code")) == 0
    assert marker.exists()
    marker.unlink()
    capfd.readouterr()
    after = [
        ("evaluate", str(run)), ("predict", str(run), digit), ("export", path, "--run", str(run), *onnx),
        (*train, "--resume", "--epochs", "2"),
    ]  # fmt: skip
    for command in after:
        refused(*command)
        assert main((*command, "--allow-code")) == 0, (command, capfd.readouterr())
        assert marker.exists(), command
        marker.unlink()
        capfd.readouterr()


def test_a_command_runs_what_was_allowed_in_the_window(tmp_path: Path, settings: Path) -> None:
    path = tmp_path / "it.netloom"
    file.save(drawn("a + 2 * b"), path)
    assert main(["check", str(path)]) == 1
    trust.allow("a + 2 * b")
    assert main(["check", str(path)]) == 0
    (settings / "trust.json").write_text("{ damaged")
    assert main(["check", str(path)]) == 1, "what cannot be read allows nothing"
