"""A design's recipe as a training script in plain PyTorch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from app.design.schedule import SCHEDULES
from app.design.values import DataStep, Design, NodeRule, Recipe, Settings
from app.engine.checkpoint import seed_all
from app.engine.compile import InvalidDesignError
from app.engine.data import open_data, options_of
from app.engine.evaluation import has_batch_norm, total_loss
from app.engine.optim import make_optimizer, rate_at
from app.engine.runs import compile_both
from app.engine.stepping import Average, Stepper, set_training
from app.engine.to_script import write_script
from tests.engine.generated import assert_clean, opened, run_scripts

STEPS = 5


def _still(recipe: Recipe) -> Design:
    """The digits without dropout: nothing in its training is by chance but the order of the samples."""
    design = opened("digits")
    nodes = tuple(replace(n, settings=n.settings.without("dropout")) if n.name == "head" else n for n in design.nodes)
    return replace(design, nodes=nodes, recipe=recipe)


def own_losses(design: Design, weights: Path) -> list[float]:
    """The losses of the first steps as Netloom itself makes them, beginning with weights that it writes to a file."""
    recipe = design.recipe
    seed_all(recipe.seed)
    network, _ = compile_both(design)
    torch.save(network.root.state_dict(), weights)
    data = open_data(recipe.data, network.inputs, network.targets, recipe.seed, options_of(recipe))
    optimizer = make_optimizer(network.module.named_parameters(), recipe)
    stepper = Stepper(optimizer, None, recipe)
    average = Average(network.root, recipe.ema or 0.5)
    set_training(network.module)
    least = 2 if has_batch_norm(network.module) else 1
    batches = data.steps("train", recipe.batch_size, least=least)
    total = -(-batches // recipe.accumulate) * recipe.epochs
    losses: list[float] = []
    step = 0
    for k, batch in enumerate(data.batches("train", recipe.batch_size, epoch=1, least=least)):
        loss = total_loss(network.module(*batch), network.losses)
        (loss / recipe.accumulate).backward()
        if (k + 1) % recipe.accumulate:
            continue
        stepper.set_rate(rate_at(recipe, step, total))
        stepper.step(measure=False)
        step += 1
        average.update(step)
        losses.append(loss.item())
        if step == STEPS:
            return losses
    raise AssertionError("an epoch is shorter than that")


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(data="digits", epochs=2, batch_size=32, learning_rate=0.003, weight_decay=0.05),
        Recipe(
            data="digits", epochs=3, batch_size=16, optimizer="sgd", nesterov=True, learning_rate=0.05, clip_norm=0.5,
            accumulate=2, ema=0.9, schedule="linear", warm_up=0.5, l2=0.01, seed=7,
        ),
    ],
    ids=["adamw", "sgd"],
)  # fmt: skip
def test_the_script_descends_as_netloom_does(recipe: Recipe, tmp_path: Path) -> None:
    design = _still(recipe)
    wanted = own_losses(design, tmp_path / "begin.pt")
    made = write_script(design, "digits")
    assert made.remarks == ()
    file = tmp_path / "train.py"
    file.write_text(made.text, encoding="utf-8")
    assert_clean(file)
    line = [sys.executable, "-I", "train.py", "--device", "cpu", "--weights", "begin.pt", "--steps", str(STEPS)]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    got = [float(row.rpartition(" ")[2]) for row in done.stdout.splitlines()]
    np.testing.assert_allclose(got, wanted, rtol=0, atol=2e-6)


def test_what_a_recipe_has_and_the_script_has_not_is_said() -> None:
    recipe = Recipe(data="digits", augment=(DataStep("mixup"),), truncate=3)
    made = write_script(_still(recipe), "digits")
    assert len(made.remarks) == 2 and "mixup" in made.remarks[0]
    assert "mixup" in made.text.split('"""')[1]


def test_scripts_of_drawings_of_all_kinds_run_to_their_end(tmp_path: Path) -> None:
    """With frozen nodes that have no weights, losses without labels, and a design called as something in the script."""
    recipe = Recipe(
        data="digits", epochs=2, batch_size=64, optimizer="rmsprop", schedule="plateau", early_stop=1, ema=0.9, l1=1e-4,
        clip_value=0.1, augment=(DataStep("normalise"),), nodes=(NodeRule("stage1", rate=0.1),),
    )  # fmt: skip
    kinds = {"Dataset": _still(recipe), **{name: opened(name) for name in ("moco", "autoencoder", "rotation")}}
    for name, design in kinds.items():
        (tmp_path / name).mkdir()
        text = write_script(design, name).text
        (tmp_path / name / "train.py").write_text(text, encoding="utf-8")
    assert_clean(*tmp_path.glob("*/train.py"))
    run_scripts(tmp_path, list(kinds)[1:], "--steps", "2")
    assert any(line.startswith("test: loss") for line in run_scripts(tmp_path, ["Dataset"])["Dataset"])


def test_what_a_script_does_otherwise_is_said() -> None:
    def said(*steps: DataStep, **fields: object) -> tuple[str, ...]:
        return write_script(_still(Recipe(data="digits", augment=steps, **fields)), "digits").remarks  # type: ignore[arg-type]

    assert said(DataStep("resize")) == ()
    assert "resize" in said(DataStep("resize", settings=Settings(fit="fill")))[0]
    assert "cannot be read" in said(skip_bad_samples=True)[0]
    assert "stays as it begins" in said(nodes=(NodeRule("stem", freeze=1),))[0]


def test_rates_and_decay_find_the_weights_that_netloom_finds() -> None:
    """Numbers of repetitions are passed over, and a bias is called so: `stem_bias` is a weight as others."""
    recipe = Recipe(data="digits", weight_decay=0.5, nodes=(NodeRule("stages/conv", rate=0.1),))
    text = write_script(_still(recipe), "digits").text
    begin = text.index("def make_optimizer")
    names: dict[str, object] = {"torch": torch, "nn": torch.nn, "RATE": 1.0}
    exec("from __future__ import annotations\n" + text[begin : text.index("\n\n\n", begin)], names)
    model = torch.nn.Module()
    model.stages = torch.nn.ModuleList([torch.nn.ModuleDict({"conv": torch.nn.Linear(2, 2)})])
    model.stem_bias = torch.nn.Parameter(torch.zeros(2, 2))
    made = names["make_optimizer"](model)  # type: ignore[operator]
    wanted = make_optimizer(model.named_parameters(), recipe)
    for own, other in zip(made.param_groups, wanted.param_groups, strict=True):
        assert own["factor"] == other["factor"] and own["weight_decay"] == other["weight_decay"]
        assert [id(w) for w in own["params"]] == [id(w) for w in other["params"]]


@pytest.mark.parametrize("schedule", sorted(SCHEDULES))
@pytest.mark.parametrize("warm_up", [None, 1.0])
def test_the_rate_is_that_of_the_recipe(schedule: str, warm_up: float | None) -> None:
    recipe = Recipe(data="digits", epochs=4, schedule=schedule, warm_up=warm_up, final=0.1, learning_rate=0.2)
    text = write_script(_still(recipe), "digits").text
    begin = text.index("def rate_at")
    names: dict[str, object] = {"RATE": recipe.learning_rate, "EPOCHS": recipe.epochs, "math": __import__("math")}
    exec(text[begin : text.index("\n\n\n", begin)], names)
    got = [names["rate_at"](step, 40) for step in range(40)]  # type: ignore[operator]
    np.testing.assert_allclose(got, [rate_at(recipe, step, 40) for step in range(40)], rtol=1e-9)


def test_a_design_without_a_loss_is_refused() -> None:
    with pytest.raises(InvalidDesignError, match="no loss"):
        write_script(opened("resnet18"))
