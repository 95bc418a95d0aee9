"""The examples that are objectives: siamese, SimCLR, MoCo, rotation, auxiliary head, two tasks, autoencoder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from msgspec.structs import replace

from app.design import file
from app.design.values import Design
from app.engine import checkpoint
from app.engine.compile import Network, compile_design, shared_analyser
from app.engine.data import open_data
from app.engine.evaluation import evaluate
from app.engine.runs import load_run, read_metrics
from app.engine.train import evaluate_run, train
from app.messages import Progress
from examples import path

NAMES = ("siamese", "simclr", "moco", "rotation", "auxiliary", "two_tasks", "autoencoder")
STEPS = 40


def drawn(name: str) -> Design:
    return file.load(path(name), shared_analyser().cards)


def short(design: Design, run: Path, steps: int, *, resume: bool = False) -> None:
    """Train so many steps, and stop."""
    asked = iter(range(1, 10**9))
    recipe = replace(design.recipe, epochs=50, batch_size=64)
    stops = lambda: next(asked) >= steps  # noqa: E731
    train(design, recipe, run=run, device="cpu", cancelled=stops, resume=resume)


def validation_loss(network: Network) -> float:
    data = open_data("digits", network.inputs, network.targets)
    return evaluate(Fabric(accelerator="cpu"), network, data, "validation", 64)["loss"]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "moco"])
def test_the_loss_falls_in_a_few_steps(name: str, tmp_path: Path) -> None:
    """On the validation split, whose views, turns and pairs are the same ones each time."""
    design = drawn(name)
    short(design, tmp_path / "run", 1)
    before = validation_loss(load_run(tmp_path / "run", "last").training)
    short(design, tmp_path / "run", STEPS, resume=True)
    after = validation_loss(load_run(tmp_path / "run", "last").training)
    assert after < 0.95 * before, (before, after)


def test_the_loss_of_moco_falls_once_its_queue_is_full_of_true_strangers(tmp_path: Path) -> None:
    """The random directions that lie in the queue at first are no rivals, so the first epoch does not count."""
    short(drawn("moco"), tmp_path / "run", 80)
    rows = [row for row in read_metrics(tmp_path / "run" / "metrics.csv") if row.split == "train"]
    means = {row.epoch: row.value for row in rows if row.name == "loss"}  # the last row is of the whole epoch
    assert means[2] > means[3] > means[4], means
    assert means[4] < 0.95 * means[2], means


def test_the_siamese_network_verifies_by_the_line_that_validation_drew(tmp_path: Path) -> None:
    run = tmp_path / "run"
    design = drawn("siamese")
    seen: list[Progress] = []
    train(design, replace(design.recipe, epochs=3), run=run, device="cpu", on_progress=seen.append)
    best = checkpoint.load_weights(run / "checkpoints" / "best")
    assert best["judge.threshold"] != 0.5, "the ROC of the validation split has set it"
    assert not any(key.startswith("verify") for key in best), "it shares the weights of `judge`"
    judged = [p for p in seen if p.split == "validation"][-1].values["judge"]
    assert isinstance(judged, float) and judged > 0.8
    told = evaluate_run(run, "test", device="cpu")
    assert told["judge"] > 0.75
    assert load_run(run).training.root.get_buffer("judge.threshold") == best["judge.threshold"]

    network = load_run(run).network
    assert network is not None and [spec.name for spec in network.inputs] == ["first", "second"]
    data = open_data("digits", network.inputs)
    labels = data.splits["test"].labels
    assert labels is not None
    image, _ = data.splits["test"].take(torch.arange(100))
    network.module.eval()
    with torch.no_grad():
        same = network.module(image[:50], image[50:])
        assert network.module(image, image).all(), "an image is the same as itself"
    assert set(same.tolist()) == {0.0, 1.0}
    right = (same > 0) == (labels[:50] == labels[50:100])
    assert right.float().mean() > 0.75


def test_moco_keeps_its_average_and_its_queue_over_a_resume(tmp_path: Path) -> None:
    design = drawn("moco")
    short(design, tmp_path / "straight", 16)
    short(design, tmp_path / "halved", 12)
    torch.manual_seed(99)
    short(design, tmp_path / "halved", 4, resume=True)
    one, two = (checkpoint.load_weights(tmp_path / name / "checkpoints" / "last") for name in ("straight", "halved"))
    assert one.keys() == two.keys() and all(torch.equal(one[k], two[k]) for k in one)
    assert int(one["queue.at"]) == 16 * 64 % 512
    weight = "stem.conv.conv.weight"
    assert 0 < (one[f"encoder.{weight}"] - one[f"encoder_key.{weight}"]).abs().max() < 1


@pytest.mark.parametrize("name", ["simclr", "moco", "rotation"])
def test_what_is_used_later_is_the_encoder_alone(name: str) -> None:
    network = compile_design(drawn(name))
    called = {str(node.target).split(".")[0] for node in network.module.graph.nodes if node.op == "call_module"}
    assert called == {"encoder"} and network.outputs == ("features",)
    with torch.no_grad():
        assert network.module.eval()(torch.rand(3, 1, 8, 8)).shape == (3, 64)
