"""Compilation: the state_dict's names, equal numbers to hand-written torch, sharing, dropping, purposes, pyramids."""

from __future__ import annotations

import copy
import io

import pytest
import torch
from torch import nn

from app.design import file
from app.design.values import Design, Group
from app.engine.compile import InvalidDesignError, compile_design, shared_analyser
from examples import path
from tests.drawing import IMAGE, OUTPUT, chain, node, wire
from tests.engine.test_analysis import SMALL, stage


def test_numbers_equal_a_hand_written_module() -> None:
    torch.manual_seed(0)
    network = compile_design(SMALL)
    by_hand = nn.Sequential(
        nn.Conv2d(3, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1024, 10)
    )
    theirs = by_hand.state_dict()
    names = {"conv": "0", "norm": "1", "fc": "5"}
    ours = network.root.state_dict()
    assert {f"{names[k.split('.')[0]]}.{k.split('.')[1]}" for k in ours} == set(theirs)
    by_hand.load_state_dict({f"{names[k.split('.')[0]]}.{k.split('.')[1]}": v for k, v in ours.items()})
    x = torch.randn(4, 3, 32, 32)
    for train in (True, False):
        torch.testing.assert_close(network.module.train(train)(x), by_hand.train(train)(x), rtol=0, atol=0)


def test_both_purposes_use_the_same_weights() -> None:
    design = file.load(path("digits"))
    training = compile_design(design, "training")
    inference = compile_design(design, "inference", training.root)
    assert (training.losses, training.metrics, training.targets[0].field) == (("loss",), ("accuracy",), "label")
    assert inference.outputs == ("output",) and inference.inputs[0].shape == (1, 8, 8)
    x, label = torch.rand(6, 1, 8, 8), torch.arange(6)
    inference.module.eval()
    result = training.module(x, label)
    logits = inference.module(x)
    torch.testing.assert_close(result["loss"], nn.functional.cross_entropy(logits, label))
    torch.testing.assert_close(result["accuracy"], (logits.argmax(1) == label).float().mean())
    assert {id(p) for p in inference.module.parameters()} <= {id(p) for p in training.root.parameters()}


def test_inference_drops_what_no_output_needs() -> None:
    design = chain(
        IMAGE, node("head", "ClassificationHead", classes=5), OUTPUT,
        more=(node("aux", "ClassificationHead", classes=5), node("label", "Target"), node("loss", "CrossEntropy")),
        wires=(wire("image", "aux"), wire("aux", "loss"), wire("label", "loss.target")),
    )  # fmt: skip
    network = compile_design(design)
    assert not any(key.startswith("aux") for key in network.module.state_dict())
    assert any(key.startswith("aux") for key in network.root.state_dict())
    assert "label" not in network.module.code


def test_shared_weights_are_one_module() -> None:
    design = chain(node("image", "Input", size=(8, 4, 4)), node("one", "Conv2d", out_channels=8),
                   node("two", "Conv2d", out_channels=8, shares="one"), OUTPUT)  # fmt: skip
    network = compile_design(design)
    assert set(network.root.state_dict()) == {"one.weight", "one.bias"}
    x = torch.randn(2, 8, 4, 4)
    conv = network.root.one
    torch.testing.assert_close(network.module(x), conv(conv(x)))


def test_a_repeated_group_runs_its_repetitions() -> None:
    design = Design(
        nodes=(node("image", "Input", size=(16, 8, 8)), node("a", group="stage", repeat=3), OUTPUT),
        wires=(wire("image", "a.x"), wire("a.y", "output")),
        groups=(stage(),),
    )
    network = compile_design(design)
    x = torch.randn(2, 16, 8, 8)
    expected = x
    for i in range(3):
        expected = getattr(network.root.a, str(i)).conv(expected).relu()
    torch.testing.assert_close(network.module(x), expected)


def test_submodules_are_reached_without_a_detour_and_copies_stay_whole() -> None:
    design = Design(
        nodes=(node("image", "Input", size=(16, 8, 8)), node("a", group="stage"), OUTPUT),
        wires=(wire("image", "a.x"), wire("a.y", "output")), groups=(stage(),),
    )  # fmt: skip
    module = compile_design(design).module.eval()
    assert module.__dict__["a"] is module._modules["a"]
    assert module.a.__dict__["conv"] is module.a._modules["conv"]
    x = torch.randn(1, 16, 8, 8)
    copied = copy.deepcopy(module)
    with torch.no_grad():
        next(module.parameters()).add_(1)
    assert not torch.equal(copied(x), module(x))
    buffer = io.BytesIO()
    torch.save(copied, buffer)
    buffer.seek(0)
    loaded = torch.load(buffer, weights_only=False)
    torch.testing.assert_close(loaded(x), copied(x))


def test_pyramids_pass_as_lists() -> None:
    design = file.load(path("pyramid"))
    network = compile_design(design)
    spec = network.inputs[0]
    out = network.module.eval()(torch.rand(2, *spec.shape))
    analysis = shared_analyser().analyse(design, batch=2)
    assert tuple(out.shape) == analysis.outputs[0].tensors[0].shape


def test_frozen_parts_get_no_gradient() -> None:
    design = chain(IMAGE, node("conv", "Conv2d", frozen=True), node("head", "ClassificationHead"), OUTPUT)
    network = compile_design(design)
    assert [n for n, p in network.root.named_parameters() if not p.requires_grad] == ["conv.weight", "conv.bias"]


def test_what_cannot_be_compiled_says_why() -> None:
    with pytest.raises(InvalidDesignError, match="groups = 4"):
        compile_design(chain(IMAGE, node("conv", "Conv2d", groups=4), OUTPUT))
    with pytest.raises(InvalidDesignError, match="no loss"):
        compile_design(SMALL, "training")


def test_inputs_whose_names_would_meet_are_told_apart() -> None:
    inner = Group(name="s", nodes=(node("image", "Input", size=(3, 8, 8)), node("out", "GroupOutput")),
                  wires=(wire("image", "out"),))  # fmt: skip
    design = Design(
        nodes=(node("s_image", "Input", size=(3, 8, 8)), node("s", group="s"), node("add", "Add"), OUTPUT),
        wires=(wire("s_image", "add.a"), wire("s.out", "add.b"), wire("add", "output")), groups=(inner,),
    )  # fmt: skip
    network = compile_design(design)
    assert {spec.name for spec in network.inputs} == {"s_image", "s/image"}
    ones = torch.ones(1, 3, 8, 8)
    assert torch.equal(network.module(ones, 2 * ones), 3 * ones)
