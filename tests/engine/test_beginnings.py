"""How weights begin: generated code says it as the drawing has it, and is read back where it is edited by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from app.design.build import chain, node
from app.design.read_back import read_back
from app.design.values import Design
from app.engine.compile import compile_design, shared_analyser
from app.engine.to_python import generate
from tests.engine.generated import opened
from tests.engine.test_read_back import assert_read, base_of, read

RULES = chain(
    node("image", "Input", size=(3, 16, 16)), node("he", "Conv2d", out_channels=64, init="he"), node("act", "ReLU"),
    node("normal", "Conv2d", out_channels=64, init="normal", bias=False), node("pool", "GlobalAvgPool"),
    node("ortho", "Linear", out_features=64, init="orthogonal"), node("cut", "Linear", out_features=64,
    init="truncated_normal"), node("usual", "Linear", out_features=64), node("zero", "Linear", out_features=8,
    init="zero"), node("output", "Output"),
)  # fmt: skip


def begun(design: Design, seed: int = 0) -> tuple[nn.Module, dict[str, torch.Tensor]]:
    """The module that the code makes, and the weights of Netloom's own."""
    names: dict[str, Any] = {"__name__": "generated"}
    made = generate(design, name="net")
    exec(compile(made.text, "generated.py", "exec"), names)
    torch.manual_seed(seed)
    module = names["Net"]()
    torch.manual_seed(seed)
    return module, dict(compile_design(design).root.state_dict())


@pytest.mark.parametrize("name", ["", "yolov8n", "fcos_resnet50_fpn", "internimage_t", "dcgan_generator", "bert_base"])
def test_weights_begin_as_the_drawing_has_them(name: str) -> None:
    design = opened(name) if name else RULES
    module, wanted = begun(design)
    ours = module.state_dict()
    assert set(ours) == set(wanted) and hasattr(module, "init_weights")
    for key, value in wanted.items():
        if not value.is_floating_point():
            continue
        mine, theirs = ours[key].double(), value.double()
        if theirs.numel() == 1 or theirs.std() == 0:
            assert torch.equal(ours[key], value), key  # zeros, priors
            continue
        spread = 4 / math.sqrt(2 * theirs.numel())  # of a deviation, by chance
        assert mine.std() == pytest.approx(theirs.std(), rel=max(spread, 0.02)), key


def test_weights_that_begin_as_torch_has_them_need_no_line() -> None:
    assert "init" not in generate(opened("resnet18"), name="net").text.replace("__init__", "")


HE = "        nn.init.kaiming_normal_(self.he.weight, nonlinearity=\"relu\")\n"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([("self.he ", "self.first "), ("self.he.", "self.first."), ("self.he(", "self.first("), ('"he.', '"first.')],
         {("changed", "he", "name", "he", "first")}),
        ([("64, 3, padding=1, bias", "32, 3, padding=1, bias")], {("changed", "normal", "out_channels", "64", "32")}),
    ],
)  # fmt: skip
def test_other_edits_leave_it(changes: list[tuple[str, str]], words: set[tuple[str, ...]]) -> None:
    assert_read(RULES, changes, words)


@pytest.mark.parametrize(
    ("before", "after", "part", "words"),
    [
        ("nonlinearity=\"relu\"", "nonlinearity=\"tanh\"", "tanh", "a node's setting"),
        (HE, "", "def init_weights", "a line is gone"),
        ("        self.init_weights()\n", "", "def __init__", "a line of `__init__` is gone"),
    ],
)
def test_what_it_says_is_a_setting(before: str, after: str, part: str, words: str) -> None:
    base = base_of(RULES)
    assert before in base.text
    text = base.text.replace(before, after, 1)
    (trouble,) = read_back(text, base, RULES, shared_analyser().cards).troubles
    assert words in trouble.message and part in text.split("\n")[trouble.line - 1]


def test_a_node_takes_its_lines_along() -> None:
    """Removed on the canvas it is gone from the code, and that reads back; left in the code it is pointed at."""
    cards = shared_analyser().cards
    base = base_of(RULES)
    text = base.text
    for line in text.split("\n"):
        if "self.normal = " in line or "normal = self.normal" in line:
            text = text.replace(line + "\n", "")
    text = text.replace("normal.mean(", "act.mean(")
    (trouble,) = read_back(text, base, RULES, cards).troubles
    assert trouble.message.startswith("`normal` is gone") and "normal.weight" in text.split("\n")[trouble.line - 1]
    text = "\n".join(line for line in text.split("\n") if "nn.init.normal_" not in line)
    found = read(RULES, base, text)
    assert found.troubles == () and "normal" not in found.design.by_name
