"""Weights that follow others: they begin alike, are not trained, and move after each step; resumed bit for bit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from msgspec.structs import replace
from safetensors.torch import save_file

from app.design import edits
from app.design.values import Design, Group, Node, NodeRule
from app.engine import checkpoint
from app.engine.compile import build_root, compile_design, shared_analyser
from app.engine.following import Following
from app.engine.runs import load_run
from app.engine.stepping import set_training
from app.engine.train import train
from tests.drawing import node
from tests.drawing import wire as line
from tests.engine.designs import SHORT, digits, wire
from tests.engine.test_resume import after, assert_same

ONE = replace(SHORT, epochs=2)


def teacher(momentum: float = 0.9) -> Design:
    """A classifier of digits whose scores should be those of its own moving average, too."""
    design = digits()
    nodes = (
        Node("slow_stem", block="ConvStem", settings=design.by_id["stem"].settings, follows="stem", momentum=momentum),
        Node("slow_flatten", block="Flatten"),
        replace(design.by_id["head"], id="slow_head", name="slow_head", follows="head", momentum=momentum),
        Node("agree", block="MSELoss"),
    )
    wires = (
        wire("image", "slow_stem"), wire("slow_stem", "slow_flatten"), wire("slow_flatten", "slow_head"),
        wire("head", "agree"), wire("slow_head", "agree", "target"),
    )  # fmt: skip
    return replace(design, nodes=(*design.nodes, *nodes), wires=(*design.wires, *wires))


def test_a_follower_begins_as_its_leader_and_is_not_trained() -> None:
    network = compile_design(teacher(), "training")
    weights = network.root.state_dict()
    assert torch.equal(weights["slow_head.weight"], weights["head.weight"])
    assert all(torch.equal(v, weights["slow_" + k]) for k, v in weights.items() if k.startswith("stem."))
    trained = {name for name, p in network.root.named_parameters() if p.requires_grad}
    assert trained and not any(name.startswith("slow") for name in trained)
    assert network.followers == (("slow_stem", "stem", 0.9), ("slow_head", "head", 0.9))
    assert compile_design(teacher(), "inference").followers == ()
    analysis = shared_analyser().analyse(teacher())
    assert analysis.valid
    plain = shared_analyser().analyse(digits())
    assert analysis.trainable_parameters == plain.trainable_parameters
    assert analysis.parameters == 2 * plain.parameters


def test_every_step_is_the_average_of_before_and_the_leader() -> None:
    torch.manual_seed(0)
    network = compile_design(teacher(0.75), "training")
    following = Following(network.root, network.followers)
    optimizer = torch.optim.SGD([p for p in network.module.parameters() if p.requires_grad], lr=0.5)
    set_training(network.module)
    slow = {k: v.clone() for k, v in network.root.state_dict().items() if k.startswith("slow")}
    for _ in range(3):
        values = network.module(torch.rand(16, 1, 8, 8), torch.randint(10, (16,)))
        (values["loss"] + values["agree"]).backward()
        optimizer.step()
        optimizer.zero_grad()
        now = network.root.state_dict()
        assert all(torch.equal(now[k], v) for k, v in slow.items()), "only `step` moves them"
        following.step()
        now = network.root.state_dict()
        for name, before in slow.items():
            leader = now[name.removeprefix("slow_")]
            wanted = 0.75 * before + 0.25 * leader if before.is_floating_point() else leader
            assert torch.allclose(now[name], wanted, atol=1e-7), name
            assert not torch.equal(now[name], before), name
        slow = {k: now[k].clone() for k in slow}


def test_a_followed_run_resumes_bit_for_bit_and_keeps_the_average(tmp_path: Path) -> None:
    train(teacher(), ONE, run=tmp_path / "straight", device="cpu")
    train(teacher(), ONE, run=tmp_path / "halved", device="cpu", cancelled=after(27))
    torch.manual_seed(99)
    train(teacher(), ONE, run=tmp_path / "halved", device="cpu", resume=True)
    assert_same(tmp_path / "straight", tmp_path / "halved")
    weights = checkpoint.load_weights(tmp_path / "straight" / "checkpoints" / "last")
    apart = (weights["slow_head.weight"] - weights["head.weight"]).abs().max()
    assert 0 < apart < 0.5
    assert load_run(tmp_path / "straight").network is not None


BODY = Group(
    name="body",
    nodes=(node("x", "GroupInput"), node("conv", "Conv2d", out_channels=1, padding=(1, 1)), node("norm", "BatchNorm2d"),
           node("out", "GroupOutput")),
    wires=(line("x", "conv"), line("conv", "norm"), line("norm", "out")),
)  # fmt: skip


def groups(**fields: object) -> Design:
    """An image through a Group, and through another that follows it, which a third one shares."""
    return Design(
        nodes=(node("image", "Input", size=(1, 8, 8)), node("fast", group="body", repeat=2),
               node("slow", group="body", repeat=2, **fields), node("again", group="body", repeat=2, shares="slow"),
               node("loss", "MSELoss"), node("output", "Output")),
        wires=(line("image", "fast"), line("image", "slow"), line("slow", "again"), line("fast", "loss"),
               line("again", "loss.target"), line("fast", "output")),
        groups=(BODY,),
    )  # fmt: skip


def test_a_group_follows_part_by_part_and_those_that_share_it_too() -> None:
    design = groups(follows="fast", momentum=0.5)
    network = compile_design(design, "training")
    assert {(f.path, f.leader) for f in network.followers} == {
        (f"slow.{i}.{part}", f"fast.{i}.{part}") for i in range(2) for part in ("conv", "norm")
    }
    trained = {name.split(".")[0] for name, p in network.root.named_parameters() if p.requires_grad}
    assert trained == {"fast"}
    set_training(network.module)
    slow, fast = (network.root.get_submodule(f"{one}.0.norm") for one in ("slow", "fast"))
    before = slow.running_mean.clone()
    network.module(torch.rand(4, 1, 8, 8) + 3)
    assert torch.equal(slow.running_mean, before), "a follower runs as in use"
    Following(network.root, network.followers).step()
    assert torch.allclose(slow.running_mean, 0.5 * before + 0.5 * fast.running_mean)


def test_what_follows_in_a_group_stays_apart_when_the_group_is_opened_or_its_leader_goes() -> None:
    design = edits.set_follows(edits.set_follows(groups(), "", "slow", "fast"), "", "slow", "")
    assert compile_design(design, "training").followers == ()
    gone = edits.remove(edits.set_follows(groups(), "", "slow", "fast"), "", ["fast"])
    assert gone.by_id["slow"].follows == "" and gone.by_id["again"].shares == "slow"
    assert gone.by_id["slow"] == groups().by_id["slow"]


@pytest.mark.parametrize("needed", [None, {"slow_stem", "image"}])
def test_part_of_a_drawing_is_built_without_its_leader(needed: set[str] | None) -> None:
    root = build_root(shared_analyser().walk(teacher()), needed)
    assert "slow_stem.conv.conv.weight" in root.state_dict()


def test_loaded_weights_reach_those_that_follow_them(tmp_path: Path) -> None:
    """A file that knows the leader only gives the follower its weights too; one that has both keeps both."""
    fine = replace(ONE, learning_rate=1e-30, epochs=1, optimizer="sgd", weight_decay=0.0)
    file = tmp_path / "some.safetensors"
    for design, wanted in ((digits(), 1.0), (teacher(), 3.0)):
        given = {k: v.clone() for k, v in compile_design(design, "training").root.state_dict().items()}
        given["head.bias"].fill_(1.0)
        if "slow_head.bias" in given:
            given["slow_head.bias"].fill_(3.0)
        save_file(given, file)
        train(teacher(1 - 1e-9), fine, run=tmp_path / str(wanted), device="cpu", weights=file)
        weights = checkpoint.load_weights(tmp_path / str(wanted) / "checkpoints" / "last")
        assert torch.allclose(weights["slow_head.bias"], torch.full((10,), wanted), atol=1e-5), wanted


def test_a_rule_of_the_recipe_does_not_set_a_follower_free(tmp_path: Path) -> None:
    recipe = replace(ONE, epochs=1, nodes=(NodeRule("slow_head", rate=2.0), NodeRule("head", rate=2.0)))
    design = teacher(1 - 1e-9)
    train(design, recipe, run=tmp_path / "run", device="cpu")
    weights = checkpoint.load_weights(tmp_path / "run" / "checkpoints" / "last")
    checkpoint.seed_all(recipe.seed)
    begun = compile_design(design, "training").root.state_dict()
    assert torch.allclose(weights["slow_head.weight"], begun["slow_head.weight"], atol=1e-5), "it was not trained"
    assert not torch.allclose(weights["head.weight"], begun["head.weight"], atol=1e-3)
