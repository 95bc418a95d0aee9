"""What would not export is a warning on its node before anybody presses Export, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from app import trust
from app.cli import main
from app.design import changes, file
from app.design.build import wire
from app.design.values import Design
from app.engine import own, questions
from app.engine.analysis import Analyser
from app.engine.compile import shared_analyser
from app.engine.lint import tracing
from app.engine.lint.checking import check
from app.engine.lint.loosening import loosened
from app.engine.to_onnx import ExportError, export_onnx
from app.messages import OwnFile
from app.messages.lint import CheckExport, ExportChecked
from app.messages.reports import Problem
from blocks import catalogue
from examples import zoo
from tests.drawing import OUTPUT, node

LONG = 60.0
"""Seconds: each look is made."""


def analyser() -> Analyser:
    made = Analyser(catalogue.load(), catalogue.classes())
    made.measurer.trusted = trust.Everything()
    return made


def coded(source: str, size: tuple[int, ...] = (3, 8, 8)) -> Design:
    return Design(
        nodes=(node("image", "Input", size=size), node("mine", "Code", source=source), OUTPUT),
        wires=(wire("image", "mine.a"), wire("mine", "output")),
    )


def told(design: Design, *, any_size: bool = False, by: Analyser | None = None) -> tuple[Problem, ...]:
    checked = check(by or analyser(), design, any_size=any_size, budget=LONG)
    assert checked.left == 0
    assert all(p.severity == "warning" and p.code.startswith("export-") for p in checked.problems)
    return checked.problems


def exports(design: Design, tmp_path: Any) -> bool:
    """Whether torch's exporter itself writes it, for any batch, with equal numbers."""
    from app.engine.compile import compile_design

    shared_analyser().measurer.trusted = trust.Everything()
    try:
        export_onnx(compile_design(design, "inference"), tmp_path / "model.onnx", batches=(1, 3))
    except ExportError:
        return False
    return True


@pytest.mark.parametrize(
    ("source", "code", "words"),
    [
        ("a + torch.special.i0(a)", "export-operator", "`special_i0`"),
        ("a.reshape(int(a.shape[0]), -1)", "export-batch", "bakes the batch in"),
        ("b = a + 1\ntorch.linalg.eigvalsh(b)", "export-operator", "mine: line 2 of its code uses `linalg_eigvalsh`"),
        ("b = a + 1\nn = len(b)\nb.reshape(n, -1)", "export-batch", "line 2 of its code bakes the batch in, so"),
        ("b = torch.erfinv(a)\nb + torch.erfinv(b)", "export-operator", "mine: its code uses `erfinv`, for which"),
        ("a.reshape(1, -1)", "export-batch", "it puts the samples of a batch together: the first size"),
        ("a.reshape(1, 3, 64)", "export-batch", "it takes one sample at a time: with a batch of two, line 1 of its"),
    ],
)
def test_code_that_would_not_export_is_told_with_its_reason(source: str, code: str, words: str) -> None:
    design = coded(source)
    assert analyser().analyse(design).valid, "nothing else says so"
    (problem,) = told(design)
    assert (problem.node, problem.code) == ("mine", code) and problem.message.startswith("mine: ")
    assert words in problem.message


@pytest.mark.parametrize(
    "source",
    [
        "a + torch.zeros(1, 1, 8, 8)", "b = F.softmax(a.flatten(2) @ a.flatten(2).mT, -1)\nb @ a.flatten(2)",
        "torch.where(a > 0, a, a.mean((2, 3), keepdim=True)).reshape(a.shape[0], -1)",
    ],
)  # fmt: skip
def test_code_that_exports_gets_no_warning(source: str) -> None:
    assert told(coded(source)) == ()


def test_the_fix_of_a_baked_batch_is_tried_and_exports(tmp_path: Any) -> None:
    design = coded("n = int(a.shape[0])  # the batch\na.reshape(n, -1)")
    (problem,) = told(design)
    (fix,) = problem.fixes
    assert fix.title == "Write `a.shape[0]` for `int(a.shape[0])`" and fix.parameters == 0
    mended = changes.apply(design, fix.changes, catalogue.load())
    assert mended.by_id["mine"].settings["source"] == "n = a.shape[0]  # the batch\na.reshape(n, -1)"
    assert told(mended) == () and exports(mended, tmp_path) and not exports(design, tmp_path)


def test_sizes_are_loosened_where_they_stand() -> None:
    assert loosened("é = int(a.size(2)) + len(a) + len(é)", ["a"]) == (
        "Write `a.size(2)` for `int(a.size(2))` and its like", "é = a.size(2) + a.shape[0] + len(é)",
    )  # fmt: skip
    assert loosened("a.reshape(2, -1)", ["a"]) is None and loosened("a +", ["a"]) is None


def test_a_size_is_baked_in_only_where_any_is_wanted() -> None:
    resized = "F.interpolate(a, size=(int(a.shape[2]) * 2, 2 * a.shape[3]))"
    assert told(coded(resized)) == ()
    (problem,) = told(coded(resized), any_size=True)
    assert problem.code == "export-size" and "bakes in the size 8" in problem.message and problem.fixes
    flat = Design(
        nodes=(node("image", "Input", size=(3, 8, 8)), node("flat", "Flatten"), node("linear", "Linear"), OUTPUT),
        wires=(wire("image", "flat"), wire("flat", "linear"), wire("linear", "output")),
    )
    assert told(flat) == ()
    (problem,) = told(flat, any_size=True)
    assert problem.node == "linear" and "so an export for images of any size fails; at 12 × 12," in problem.message
    pooled = replace(
        flat, nodes=(*flat.nodes, node("pool", "AdaptiveAvgPool2d")),
        wires=(wire("image", "pool"), wire("pool", "flat"), *flat.wires[1:]),
    )  # fmt: skip
    assert told(pooled, any_size=True) == ()


def test_of_what_takes_no_image_no_size_is_asked() -> None:
    """An export leaves heights and widths open, not the length of a text."""
    text = file.load(Path(__file__).parents[2] / "examples" / "training" / "characters.netloom")
    assert shared_analyser().analyse(text).valid and told(text, any_size=True) == ()


def test_what_hangs_on_values_is_an_error_of_its_own() -> None:
    for source, words in (("a.nonzero()", "as its values say (nonzero"), ("a * a[a > 0].sum()", "a mask as an index"),
                          ("a if a.sum() > 0 else -a", "or an `if` on one")):  # fmt: skip
        (problem,) = [p for p in analyser().analyse(coded(source)).problems if p.severity == "error"]
        assert problem.node == "mine" and "line 1 of its code: " in problem.message and words in problem.message
        assert told(coded(source)) == (), "it is told once"


OWN = '''
import torch
from torch import Tensor, nn

class Bare(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.is_meta or x.sum() > 0 else -x

class Wild(nn.Module):
    """Sorts rows by the spectrum of their squares."""
    def __init__(self, in_channels: int, width: int = 4) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, width, 3)
    def forward(self, x: Tensor) -> Tensor:
        return torch.cummax(self.conv(x), 1)[0]

class Tame(nn.Module):
    def __init__(self, in_channels: int, width: int = 4) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, width, 3)
        self.register_buffer("scale", torch.linspace(0, 1, width))
    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) * self.scale.view(1, -1, 1, 1)
'''


@pytest.fixture
def loaded() -> Iterator[None]:
    own.load((OwnFile("mine.py", OWN),))
    yield
    own.load(())


def test_own_modules_are_looked_at(loaded: None) -> None:
    def of(block: str) -> tuple[Problem, ...]:
        design = Design(
            nodes=(node("image", "Input", size=(3, 8, 8)), node("mine", block), OUTPUT),
            wires=(wire("image", "mine"), wire("mine", "output")),
        )
        assert shared_analyser().analyse(design).valid
        return told(design, by=shared_analyser())

    (wild,), (bare,) = of("Wild"), of("Bare")
    assert wild.message == (
        "mine: it uses `cummax`, for which ONNX has no operator, so it would not export; write it otherwise"
    )
    assert bare.code == "export-data" and "hangs on the values of a tensor" in bare.message
    assert of("Tame") == ()


def test_a_block_that_is_exempt_says_so_at_once() -> None:
    cards = catalogue.load()
    cards = {**cards, "ReLU": replace(cards["ReLU"], exempt=(("onnx", "it is written in Fortran."),))}
    design = Design(
        nodes=(node("image", "Input", size=(3, 8, 8)), node("act", "ReLU"), node("off", "ReLU"), OUTPUT),
        wires=(wire("image", "act"), wire("act", "output"), wire("image", "off")),
    )
    found = Analyser(cards, catalogue.classes()).analyse(design).problems
    warnings = [p for p in found if p.code == "export-exempt"]
    assert [(p.severity, p.node, p.message) for p in warnings] == [
        ("warning", "act", "act: it does not export: it is written in Fortran")
    ], "what no Output needs is not exported"


def test_a_look_is_made_once_and_answers_come_bit_by_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    tracing._memo.clear()
    made: list[Any] = []
    look = tracing._look
    monkeypatch.setattr(tracing, "_look", lambda asked: made.append(asked) or look(asked))
    letters = [f"code_{n}" for n in range(4)]
    sources = ("a * 3", "a * 5", "a * 3", "torch.linalg.inv(a)")
    ends = ["image", *letters, "output"]
    design = Design(
        nodes=(node("image", "Input", size=(3, 8, 8)), OUTPUT,
               *(node(name, "Code", source=source) for name, source in zip(letters, sources, strict=True))),
        wires=tuple(wire(a, b if b == "output" else f"{b}.a") for a, b in pairwise(ends)),
    )  # fmt: skip
    shared_analyser().measurer.trusted = trust.Everything()
    request = CheckExport("7", design)
    monkeypatch.setattr("app.engine.lint.checking.BUDGET", 0.0)
    first = check(analyser(), design, budget=0.0)
    while (checked := questions.answer(request)).left:  # type: ignore[union-attr]
        assert isinstance(checked, ExportChecked) and checked.job == "7"
    assert first.left >= 2 and len(made) == 3 and [p.node for p in checked.problems] == ["code_3"]  # type: ignore[union-attr]
    assert check(analyser(), design, budget=0.0).problems == checked.problems and len(made) == 3  # type: ignore[union-attr]


def test_the_command_line_tells_it_and_makes_the_fix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawn, mended = tmp_path / "drawn.netloom", tmp_path / "mended.netloom"
    file.save(coded("a.reshape(len(a), -1)"), drawn)
    call = ["check", str(drawn), "--allow-code", "--json"]
    assert main(call) == 0, "a warning leaves a design valid"
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert (problem["severity"], problem["code"], problem["node"]) == ("warning", "export-batch", "mine")
    assert main([*call, "--fix", "1", "-o", str(mended)]) == 0
    assert json.loads(capsys.readouterr().out)["problems"] == []
    assert file.load(mended).by_id["mine"].settings["source"] == "a.reshape(a.shape[0], -1)"


def known(name: str) -> Design:
    path = zoo.find(name)
    assert path is not None
    return file.load(path)


def test_known_architectures_get_no_false_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    by = analyser()
    for name in ("resnet18", "yolov8n", "vit_tiny_patch16_224"):
        design = known(name)
        assert not [p for p in by.analyse(design, with_fixes=False).problems if p.code.startswith("export-")]
        assert told(design, by=by) == (), "blocks of the catalogue are known to export, so none is looked at"
    monkeypatch.setattr("app.engine.lint.checking.SHIPPED", "nobody.")
    assert told(known("lenet5"), by=by) == (), "and where they are looked at as if they were one's own, none is refused"
