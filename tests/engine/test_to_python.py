"""A design as PyTorch code."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import msgspec
import pytest
import torch

from app.engine import questions
from app.engine.compile import InvalidDesignError
from app.engine.to_python import generate
from app.messages.code import Code, GetCode
from examples.zoo import networks
from tests.engine.generated import assert_clean, differences, opened, prepare, run

HERE = Path(__file__).resolve().parents[1]
HAND_WRITTEN = {
    "resnet50": ("resnet50", "ResNet50"),
    "unet_original": ("unet", "UNet"),
    "vit_b_16": ("vit", "ViT"),
    "yolov8n": ("yolov8n", "YOLOv8n"),
}
"""Network of the zoo -> the module under tests/readable_code and its class."""
LONGEST = 1.5
"""How much longer than by hand generated code may be."""
SAMPLE = ("digits", "resnet20_cifar", "lstm_text_classifier", "pyramid")


@pytest.mark.parametrize("name", HAND_WRITTEN)
def test_the_hand_written_networks_are_those_of_the_zoo(name: str) -> None:
    file, cls = HAND_WRITTEN[name]
    (known,) = [network for network in networks() if network.name == name]
    with torch.device("meta"):
        model = getattr(importlib.import_module(f"tests.readable_code.{file}"), cls)()
        model(*(torch.empty(shape) for shape in known.inputs))
    assert sum(p.numel() for p in model.parameters()) == known.parameters
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == known.trainable


def _lines(text: str) -> tuple[int, int]:
    """The lines that are not empty; and those of them that are no docstring and no comment alone."""
    filled = {k for k, line in enumerate(text.splitlines(), 1) if line.strip()}
    said = {k for k in filled if text.splitlines()[k - 1].strip().startswith("#")}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            said |= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return len(filled), len(filled - said)


@pytest.mark.parametrize("name", HAND_WRITTEN)
def test_the_code_is_hardly_longer_than_by_hand(name: str) -> None:
    by_hand = (HERE / "readable_code" / f"{HAND_WRITTEN[name][0]}.py").read_text(encoding="utf-8")
    made = generate(opened(name), name=name).text
    for written, own in zip(_lines(made), _lines(by_hand), strict=True):
        assert written <= LONGEST * own, f"{written} lines for {own}"


def test_code_of_a_few_networks_gives_what_the_networks_give(tmp_path: Path) -> None:
    wanted = {name: prepare(opened(name), name, tmp_path) for name in SAMPLE}
    for name, got in run(list(wanted), tmp_path).items():
        assert "error" not in got, f"{name}: {got['error']}"
        assert differences(wanted[name][1], got["result"]) == [], name
        assert_clean(tmp_path / f"{name}.py")


def test_each_node_knows_its_lines() -> None:
    made = generate(opened("digits"))
    lines = made.text.splitlines()
    assert set(made.places) >= {"stem", "head"}
    for node, places in made.places.items():
        assert all(node.rpartition("/")[2] in lines[line - 1] for line in places), node
    assert lines[made.places["stem"][0] - 1].strip().startswith("self.stem = ")


def test_a_design_with_errors_says_what_is_wrong() -> None:
    design = opened("digits")
    wires = tuple(w for w in design.wires if w.target.node != "output")
    with pytest.raises(InvalidDesignError):
        generate(msgspec.structs.replace(design, wires=wires))
    answer = questions.answer(GetCode("1", msgspec.structs.replace(design, wires=wires)))
    assert isinstance(answer, Code) and not answer.text and answer.problem


def test_the_window_is_given_the_code() -> None:
    answer = questions.answer(GetCode("1", opened("digits"), name="digits"))
    assert isinstance(answer, Code) and answer.name == "Digits"
    assert "class Digits(nn.Module):" in answer.text and answer.places["stem"]
