"""Schedules are those that torch has, rules for nodes follow the drawing, presets and texts say what they set."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import msgspec
import pytest
import torch
from msgspec.structs import replace
from torch.optim import lr_scheduler as theirs

from app.design import edits, file, grouping
from app.design.presets import KEPT, PRESETS, preset, with_preset
from app.design.recipe_text import RecipeTextError, read_changes, with_rule
from app.design.schedule import arithmetic, arithmetic_words, curve, decays_all, frozen_in, rate_at, rule_for
from app.design.values import Design, End, Group, Node, NodeRule, Recipe, Settings, Variant, Wire
from app.engine.stepping import Plateau
from blocks.card import Card, Port

STEPS, EPOCHS = 120, 12
FAST = Recipe(learning_rate=0.4, epochs=EPOCHS)
A_STEP = STEPS // EPOCHS
Make = Callable[[torch.optim.Optimizer], theirs.LRScheduler]


def of_torch(make: Make, steps: int = STEPS) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.4)
    scheduler, rates = make(optimizer), []
    for _ in range(steps):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    return rates


SCHEDULES: dict[str, tuple[Recipe, Make]] = {
    "constant": (replace(FAST, schedule="constant"), lambda o: theirs.ConstantLR(o, factor=1.0)),
    "step": (
        replace(FAST, schedule="step", every=2, gamma=0.5), lambda o: theirs.StepLR(o, 2 * A_STEP, 0.5)
    ),
    "step, thirds": (replace(FAST, schedule="step"), lambda o: theirs.StepLR(o, STEPS // 3, 0.1)),
    "multi-step": (
        replace(FAST, schedule="multi-step", milestones=(9, 3), gamma=0.2),
        lambda o: theirs.MultiStepLR(o, [3 * A_STEP, 9 * A_STEP], 0.2),
    ),
    "multi-step, usual": (
        replace(FAST, schedule="multi-step"), lambda o: theirs.MultiStepLR(o, [STEPS // 2, STEPS * 3 // 4], 0.1)
    ),
    "exponential": (
        replace(FAST, schedule="exponential", every=1, gamma=0.9),
        lambda o: theirs.ExponentialLR(o, 0.9 ** (1 / A_STEP)),
    ),
    "linear": (
        replace(FAST, schedule="linear", final=0.25), lambda o: theirs.LinearLR(o, 1.0, 0.25, STEPS)
    ),
    "cosine": (
        replace(FAST, schedule="cosine", warm_up=0.0, final=0.05),
        lambda o: theirs.CosineAnnealingLR(o, STEPS, eta_min=0.4 * 0.05),
    ),
    "one-cycle": (
        replace(FAST, schedule="one-cycle"),
        lambda o: theirs.OneCycleLR(o, 0.4, total_steps=STEPS, cycle_momentum=False),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_is_torchs(name: str) -> None:
    recipe, make = SCHEDULES[name]
    own = [rate_at(recipe, step, STEPS) for step in range(STEPS)]
    wanted = of_torch(make, STEPS - 1 if name == "one-cycle" else STEPS)
    assert own[: len(wanted)] == pytest.approx(wanted, rel=1e-6, abs=1e-12)


def test_cosine_and_its_kin_are_to_the_last_bit_what_old_runs_had() -> None:
    """As they were written before there was a warm-up to set: a run from then goes on with the same rates."""
    old: dict[str, Callable[[float], float]] = {
        "cosine": lambda t: (
            min(1.0, 0.01 + t / 0.05) if t < 0.05 else 0.5 + 0.5 * math.cos(math.pi * (t - 0.05) / (1 - 0.05))
        ),
        "constant": lambda t: 1.0,
        "linear": lambda t: 1.0 - t,
        "step": lambda t: 0.1 ** (int(t * 3 + 1e-9)),
    }
    for name, form in old.items():
        for rate in (0.001, 0.3):
            recipe = Recipe(schedule=name, learning_rate=rate)
            for steps in (1, 7, 600):
                for step in range(steps):
                    assert rate_at(recipe, step, steps) == rate * form(step / steps), (name, step)


def test_warm_up_rises_in_equal_parts_and_then_the_schedule_follows() -> None:
    for name in ("constant", "linear", "cosine", "step", "multi-step", "exponential", "plateau"):
        recipe = replace(FAST, schedule=name, warm_up=2)
        rates = [rate_at(recipe, step, STEPS) for step in range(STEPS)]
        assert rates[:20] == pytest.approx([0.4 * (i + 1) / 20 for i in range(20)]), name
        rest = replace(recipe, warm_up=0.0)
        if name in ("linear", "cosine"):
            assert rates[20] == 0.4 and rates[70] == pytest.approx(0.2)
        else:
            assert rates[20:] == [rate_at(rest, step, STEPS) for step in range(20, STEPS)], name


def test_plateau_is_torchs() -> None:
    losses = [1.0, 0.9, 0.95, 0.9, 0.89995, 0.9, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.4]
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = theirs.ReduceLROnPlateau(optimizer, factor=0.3, patience=2)
    own = Plateau(Recipe(gamma=0.3, plateau=2))
    for index, loss in enumerate(losses):
        if index == 8:  # as a resumed run has it
            state, own = own.state(), Plateau(Recipe(gamma=0.3, plateau=2))
            own.restore(state)
        scheduler.step(loss)
        own.see(loss)
        assert own.factor == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12), index
    assert own.factor < 0.1


def test_the_arithmetic_of_steps() -> None:
    recipe = Recipe(batch_size=64, epochs=10)
    assert arithmetic(recipe, 60_000) == (60_000, 938, 938, 9_380)
    assert arithmetic_words(recipe, 60_000) == "60,000 samples / 64 = 938 steps, × 10 epochs = 9,380"
    four = arithmetic_words(replace(recipe, accumulate=4), 60_000)
    assert four == "60,000 samples / 64 = 938 batches, / 4 = 235 steps, × 10 epochs = 2,350"
    assert "as large as fit" in arithmetic_words(replace(recipe, batch_size=0), 60_000)


def test_the_curve_for_drawing_has_the_ends() -> None:
    points = curve(FAST, 9_380)
    assert len(points) <= 400 and points[0] == (0.0, rate_at(FAST, 0, 9_380))
    assert points[-1][1] == rate_at(FAST, 9_379, 9_380) and points[-1][0] == pytest.approx(EPOCHS, rel=1e-3)
    assert curve(FAST, 1) == [(0.0, rate_at(FAST, 0, 1))]


# what is in a file ----------------------------------------------------------------------------------------------------


def test_a_recipe_of_defaults_writes_nothing_and_an_old_one_opens() -> None:
    assert msgspec.json.encode(Recipe()) == b"{}"
    old = b'{"netloom": 1, "nodes": [], "recipe": {"data": "digits", "optimizer": "sgd", "schedule": "step"}}'
    recipe = file.loads(old).recipe
    assert recipe == Recipe(data="digits", optimizer="sgd", schedule="step") and decays_all(recipe)
    full = replace(recipe, nodes=(NodeRule("a/b", 0.1, 3),), milestones=(3, 6), momentum=0.5, compile=True)
    assert file.loads(file.dumps(Design(recipe=full))).recipe == full


# rules for nodes ------------------------------------------------------------------------------------------------------

CATALOGUE = {
    "Linear": Card("Linear", "Linear", "Layer", inputs=(Port("x", "B C"),), outputs=(Port("out", "B D"),)),
}


def nested() -> Design:
    """encoder (a Group of `one` and `two`), then `head`."""
    inside = Group(
        name="enc",
        nodes=(Node("x", "GroupInput"), Node("one", "Linear"), Node("two", "Linear"), Node("y", "GroupOutput")),
        wires=(Wire(End("x", "out"), End("one", "x")), Wire(End("one", "out"), End("two", "x")),
               Wire(End("two", "out"), End("y", "x"))),
    )  # fmt: skip
    rules = (NodeRule("encoder", 0.1), NodeRule("encoder/two", unfreeze=3), NodeRule("head", 2.0), NodeRule("gone"))
    return Design(
        nodes=(Node("encoder", group="enc"), Node("head", "Linear")),
        wires=(Wire(End("encoder", "y"), End("head", "x")),),
        groups=(inside,), recipe=Recipe(nodes=rules), variants=(Variant("v", Settings({"head.bias": False})),),
    )  # fmt: skip


def paths(design: Design) -> list[str]:
    return [rule.node for rule in design.recipe.nodes]


def test_rules_follow_a_node_that_is_renamed() -> None:
    design = edits.rename(nested(), "", "encoder", "trunk")
    assert paths(design) == ["trunk", "trunk/two", "head", "gone"]
    design = edits.rename(design, "enc", "two", "last")
    assert paths(design) == ["trunk", "trunk/last", "head", "gone"]
    assert design.recipe.nodes[1].unfreeze == 3


def test_rules_go_with_a_node_that_is_removed() -> None:
    assert paths(edits.remove(nested(), "", ["head"])) == ["encoder", "encoder/two", "gone"]
    assert paths(edits.remove(nested(), "enc", ["two"])) == ["encoder", "head", "gone"]
    assert paths(edits.remove(nested(), "", ["encoder"])) == ["head", "gone"]


def test_rules_follow_into_a_group_and_out_of_it() -> None:
    design, made = grouping.collapse(nested(), "", ["head"], "tail", CATALOGUE)
    assert paths(design) == ["encoder", "encoder/two", f"{made}/head", "gone"]
    back, _ = grouping.ungroup(design, "", made)
    assert paths(back) == ["encoder", "encoder/two", "head", "gone"]
    apart, _ = grouping.ungroup(nested(), "", "encoder")
    assert paths(apart) == ["one", "two", "head", "gone"] and apart.recipe.nodes[1].unfreeze == 3
    inner, made = grouping.collapse(nested(), "enc", ["two"], "part", CATALOGUE)
    assert paths(inner) == ["encoder", f"encoder/{made}/two", "head", "gone"]


def test_the_longest_path_holds_and_repetitions_are_passed_over() -> None:
    recipe = nested().recipe
    found = {key: rule_for(recipe, key) for key in ("encoder.0.two.weight", "encoder.one.bias", "encoders.weight")}
    assert [rule.node if rule else None for rule in found.values()] == ["encoder/two", "encoder", None]


def test_when_a_rule_freezes() -> None:
    def frozen(rule: NodeRule | None, node: bool = False) -> list[int]:
        return [epoch for epoch in range(1, 6) if frozen_in(rule, epoch, node)]

    assert frozen(None) == [] and frozen(None, True) == [1, 2, 3, 4, 5]
    assert frozen(NodeRule("a", unfreeze=3)) == frozen(NodeRule("a", unfreeze=3), True) == [1, 2]
    assert frozen(NodeRule("a", freeze=4)) == [4, 5]
    assert frozen(NodeRule("a", unfreeze=2, freeze=4)) == [1, 4, 5]
    assert frozen(NodeRule("a", 0.1), True) == [1, 2, 3, 4, 5]


# presets and texts ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [p.id for p in PRESETS])
def test_a_preset_can_be_followed_and_names_its_source(name: str) -> None:
    from app.engine.recipe import check_recipe

    chosen = preset(name)
    assert chosen is not None
    assert re.search(r"\b20\d\d\b.*arXiv:\d{4}\.\d{5}", chosen.source) and len(chosen.reason) > 60
    for epochs in (1, 10, 90):
        before = Recipe(data="digits", epochs=epochs, batch_size=128, seed=4, nodes=(NodeRule("a", 0.5),), l1=0.3)
        after = with_preset(before, chosen)
        check_recipe(after)
        assert all(getattr(after, kept) == getattr(before, kept) for kept in KEPT) and after.l1 == 0
        assert with_preset(after, chosen) == after, "choosing it again changes nothing"


def test_presets_scale_the_rate_by_the_batch() -> None:
    def rate(name: str, **fields: int) -> float:
        chosen = preset(name)
        assert chosen is not None
        return with_preset(Recipe(epochs=90, **fields), chosen).learning_rate

    assert rate("scratch", batch_size=256) == 0.1 and rate("scratch", batch_size=64) == 0.025
    assert rate("large-batch", batch_size=512, accumulate=16) == 3.2
    assert rate("transformers", batch_size=1024) == 1e-3 and rate("efficientnet", batch_size=4096) == 0.256


def test_changes_as_one_writes_them() -> None:
    texts = ["preset=efficientnet", "milestones=30,60", "nesterov=yes", "momentum=usual", "batch_size=largest",
             "encoder.rate=0.1", "encoder.unfreeze=3", "encoder/two.freeze=5", "clip_norm=1",
             "compile=true"]  # fmt: skip
    recipe = read_changes(Recipe(), texts)
    assert (recipe.optimizer, recipe.milestones, recipe.momentum) == ("rmsprop", (30.0, 60.0), None)
    assert recipe.nesterov is True and recipe.compile is True and recipe.batch_size == 0 and recipe.clip_norm == 1.0
    assert recipe.nodes == (NodeRule("encoder", 0.1, 3), NodeRule("encoder/two", freeze=5))
    assert with_rule(with_rule(recipe, "encoder", rate=1.0), "encoder", unfreeze=0).nodes == recipe.nodes[1:]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("epochs", "write KEY=VALUE"), ("speed=3", "write KEY=VALUE"), ("epochs=many", "epochs needs a whole number"),
        ("ema=slow", "ema needs a number"), ("compile=maybe", "compile needs true or false"),
        ("milestones=a", "numbers with commas"), ("preset=best", "no preset `best`: choose one of scratch"),
        ("stem.rate=x", "rate needs a number"), ("stem.freeze=x", "the number of an epoch"),
        ("stem.colour=x", "NODE.rate"),
    ],
)  # fmt: skip
def test_changes_that_cannot_be_read(text: str, said: str) -> None:
    with pytest.raises(RecipeTextError, match=said):
        read_changes(Recipe(), [text])
