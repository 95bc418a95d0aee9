"""Training with steps on samples: mixed batches, runs that resume to the bit, and use that agrees with training."""

from __future__ import annotations

import io
import json
from itertools import islice
from pathlib import Path

import onnx
import pytest
import torch
from msgspec.structs import replace
from PIL import Image
from safetensors import safe_open

from app.cli import main
from app.design.augment import read_steps, steps_words
from app.design.values import DataStep, Design, Node, Settings
from app.engine import checkpoint
from app.engine.augment.mixing import for_mixed, mix
from app.engine.checkpoint import CheckpointError
from app.engine.compile import compile_design, shared_analyser
from app.engine.data import DataError, open_data, options_of
from app.engine.export import export
from app.engine.predict import predict
from app.engine.preview import preview
from app.engine.runs import load_run
from app.engine.train import evaluate_run, train
from app.messages.preview import GetPreview
from tests.engine.designs import SHORT, digits, wire
from tests.engine.test_resume import after, assert_same

ALL = "resize height=10 width=10; crop padding=1; rotate; colour; randaugment; normalise; erase; mixup; cutmix"
AUGMENTED = replace(SHORT, augment=read_steps(ALL))
NORMAL = replace(SHORT, epochs=3, augment=read_steps("rotate; normalise"))


# mixed batches --------------------------------------------------------------------------------------------------------


def mixed_batch(words: str, number: int = 0) -> tuple[torch.Tensor, ...]:
    network = compile_design(digits(), "training")
    recipe = replace(SHORT, augment=read_steps(words))
    data = open_data("digits", network.inputs, network.targets, 3, options_of(recipe))
    return next(islice(data.batches("train", 64, epoch=1), number, None))


def plain_batch(number: int = 0) -> tuple[torch.Tensor, ...]:
    network = compile_design(digits(), "training")
    data = open_data("digits", network.inputs, network.targets, 3)
    return next(islice(data.batches("train", 64, epoch=1), number, None))


@pytest.mark.parametrize("words", ["mixup alpha=1", "cutmix"])
def test_the_loss_of_a_mixed_batch_is_that_of_soft_labels(words: str) -> None:
    """To rounding, by torch's own cross-entropy on class probabilities; and the network is run once."""
    torch.manual_seed(0)
    network = compile_design(digits(), "training")
    module = for_mixed(network).eval()
    runs: list[int] = []
    network.root.get_submodule("stem").register_forward_hook(lambda *_: runs.append(1))
    for number in range(3):
        x, first, second, share = mixed_batch(words, number)
        runs.clear()
        values = module(x, first, second, share)
        assert len(runs) == 1
        scores = compile_design(digits(), "inference", network.root).module.eval()(x)
        soft = share * torch.nn.functional.one_hot(first, 10) + (1 - share) * torch.nn.functional.one_hot(second, 10)
        torch.testing.assert_close(values["loss"], torch.nn.functional.cross_entropy(scores, soft), rtol=1e-5, atol=0)
        right = share * (scores.argmax(1) == first).float() + (1 - share) * (scores.argmax(1) == second).float()
        torch.testing.assert_close(values["accuracy"], right.mean(), rtol=1e-5, atol=1e-6)


def test_a_counted_metric_sees_the_class_of_the_larger_share() -> None:
    design = digits()
    nodes = tuple(replace(n, block="F1Score") if n.id == "accuracy" else n for n in design.nodes)
    network = compile_design(replace(design, nodes=nodes), "training")
    module = for_mixed(network).eval()
    x, first, second = torch.rand(4, 1, 8, 8), torch.arange(4), torch.arange(4) + 4
    for share in (0.3, 0.5, 0.8):
        _scores, seen = module(x, first, second, torch.tensor(share))["accuracy"]
        assert torch.equal(seen, first if share >= 0.5 else second)


def test_samples_are_mixed_in_the_share_that_is_said() -> None:
    for number in range(4):
        plain, labels = plain_batch(number)
        x, first, second, share = mixed_batch("mixup alpha=1", number)
        partner = torch.arange(64).roll(-32)
        assert torch.equal(first, labels) and torch.equal(second, labels[partner])
        torch.testing.assert_close(x, share * plain + (1 - share) * plain[partner], rtol=0, atol=1e-6)
        batch = torch.rand(6, 3, 16, 16), torch.arange(6)
        x, first, second, share = mix(read_steps("cutmix"), batch, 1, 0, 1, number)
        other = (x != batch[0]).any(0)[0]
        partner = torch.arange(6).roll(-3)
        assert torch.equal(x, torch.where(other, batch[0][partner], batch[0])) and torch.equal(second, partner)
        rows, columns = other.any(1).sum(), other.any(0).sum()
        assert other.sum() == rows * columns, "a rectangle of the partner's"
        assert abs(float(share) - (1 - float(rows * columns) / 256)) < 1e-6


def test_chance_decides_between_the_ways_and_whether_anything_is_mixed() -> None:
    batch = (torch.rand(8, 1, 4, 4), torch.arange(8))
    shares = [float(mix(read_steps("mixup probability=0.5"), batch, 1, 0, 1, n)[-1]) for n in range(200)]
    assert 70 < sum(share == 1 for share in shares) < 130
    assert mix(read_steps("mixup"), tuple(t[:1] for t in batch), 1, 0, 1, 0)[-1] == 1, "one sample has no partner"


def test_devices_that_share_a_batch_find_the_same_pairs_as_one_alone() -> None:
    network = compile_design(digits(), "training")
    recipe = replace(SHORT, augment=read_steps("rotate; mixup; cutmix"))
    data = open_data("digits", network.inputs, network.targets, 3, options_of(recipe))
    for number in range(3):
        alone = next(islice(data.batches("train", 64, epoch=2), number, None))
        for rank in (0, 1):
            share = next(islice(data.batches("train", 64, epoch=2, rank=rank, world=2), number, None))
            for whole, part in zip(alone, share, strict=True):
                torch.testing.assert_close(part, whole if whole.ndim == 0 else whole[rank::2], rtol=0, atol=1e-6)


# runs -----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("augmented") / "run"
    train(digits(), AUGMENTED, run=run, device="cpu")
    return run


def test_a_run_with_every_step_resumes_to_the_bit(straight: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert train(digits(), AUGMENTED, run=run, device="cpu", cancelled=after(7)).stopped
    torch.manual_seed(99)
    assert not train(digits(), AUGMENTED, run=run, device="cpu", resume=True).stopped
    assert_same(straight, run)
    log = (run / "log.txt").read_text()
    assert "Steps on samples: resize height=10 width=10; crop padding=1; rotate; colour;" in log


def test_a_run_goes_on_with_its_own_steps(straight: Path) -> None:
    other = replace(AUGMENTED, augment=read_steps("flip"))
    with pytest.raises(CheckpointError, match=r"The run has augmentation resize .*, but flip is asked for"):
        train(digits(), other, run=straight, device="cpu", resume=True)
    state = checkpoint.load_state(straight / "checkpoints" / "last")
    assert "normalise mean=0." in state["recipe"]["augment"], "what was measured, not that it was"


def test_a_run_from_before_there_were_steps_resumes(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert train(digits(), SHORT, run=run, device="cpu", cancelled=after(5)).stopped
    place = run / "checkpoints" / "last"
    state = checkpoint.load_state(place)
    del state["recipe"]["augment"]
    checkpoint.save(place, checkpoint.load_weights(place), state)
    assert not train(digits(), SHORT, run=run, device="cpu", resume=True).stopped


def test_use_agrees_with_training(tmp_path: Path) -> None:
    """What was measured goes with the run: evaluation, prediction and export need what training saw."""
    run = tmp_path / "run"
    trained = train(digits(), NORMAL, run=run, device="cpu")
    loaded = load_run(run)
    (_, step) = loaded.design.recipe.augment
    assert step.settings["mean"] == (0.304882,) and step.settings["std"] == (0.375835,)
    assert evaluate_run(run, device="cpu")["accuracy"] == pytest.approx(trained.values["accuracy"])

    assert loaded.network is not None
    data = open_data("digits", loaded.network.inputs, (), 3, options_of(loaded.design.recipe))
    split = data.splits["test"]
    bare = open_data("digits", loaded.network.inputs).splits["test"]
    loaded.network.module.eval()
    for number in range(3):
        picture = io.BytesIO()
        grey = (bare.take(torch.tensor([number]))[0][0, 0] * 255).round().to(torch.uint8)
        Image.fromarray(grey.numpy()).save(picture, "PNG")
        said = {a.label: a.probability for a in predict(loaded, [picture.getvalue()])[0].answers}
        with torch.no_grad():
            own = loaded.network.module(split.take(torch.tensor([number]))[0]).softmax(1)[0]
        assert [said[str(i)] for i in range(10)] == pytest.approx(own.tolist(), abs=0.02)

    told = preview(shared_analyser(), digits(), GetPreview("", digits(), run=str(run), sample=0))
    grey = next(p.looks[0] for p in told.outputs if p.id == "image")
    picture = io.BytesIO()
    Image.frombytes("L", (grey.width, grey.height), grey.pixels).save(picture, "PNG")
    (said_of_it,) = predict(loaded, [picture.getvalue()])
    top = {a.label: a.probability for a in told.answers}
    assert {a.label: a.probability for a in said_of_it.answers if a.label in top} == pytest.approx(top, abs=0.02)

    report = export(loaded.design, "onnx", run, tmp_path)
    wanted = "values from 0 to 1, then normalise mean=0.304882 std=0.375835"
    assert any(wanted in line for line in report.lines)
    (note,) = (p for p in onnx.load(str(report.file)).metadata_props if p.key == "netloom.preprocessing")
    assert json.loads(note.value) == {
        "values": [0, 1], "sizes": {"image": [1, 8, 8]},
        "steps": [{"step": "normalise", "mean": [0.304882], "std": [0.375835]}],
    }  # fmt: skip
    report = export(loaded.design, "safetensors", run, tmp_path)
    with safe_open(str(report.file), "pt") as file:
        assert json.loads(file.metadata()["netloom.preprocessing"])["steps"][0]["std"] == [0.375835]


def test_the_command_line_takes_steps_and_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    from app.design import file

    design = tmp_path / "digits.netloom"
    file.save(digits(), design)
    call = ["train", str(design), "--epochs", "1", "--device", "cpu"]
    run = tmp_path / "run"
    assert main([*call, "--recipe", "augment=rotate degrees=5; normalise; mixup", "--run", str(run)]) == 0
    assert steps_words(load_run(run).design.recipe.augment).startswith("rotate degrees=5; normalise mean=0.3")
    light = tmp_path / "light"
    assert main([*call, "--recipe", "augment=light", "--run", str(light)]) == 0
    assert load_run(light).design.recipe.augment[0].settings["padding"] == 1, "an eighth of 8 pixels"
    capsys.readouterr()
    assert main([*call, "--recipe", "augment=spin", "--run", str(tmp_path / "no")]) == 2
    assert "there is no step `spin`: choose of resize, letterbox, crop" in capsys.readouterr().err
    assert main([*call, "--recipe", "augment=crop padding=-1", "--run", str(tmp_path / "no")]) == 2
    assert "crop: padding is -1, but it needs a whole number from 0" in capsys.readouterr().err
    assert main([*call, "--recipe", "augment=normalise mean=1,2,3 std=1,1,1", "--run", str(tmp_path / "no")]) == 2
    assert "Normalise has 3 means" in capsys.readouterr().err


def test_a_step_of_a_newer_version_is_a_sentence(tmp_path: Path) -> None:
    recipe = replace(SHORT, augment=(DataStep("solar wind", Settings(strength=3)),))
    with pytest.raises(DataError, match="There is no step `solar wind`: choose of resize"):
        train(digits(), recipe, run=tmp_path / "run", device="cpu")


def test_two_views_train_a_pair_of_encoders() -> None:
    """A drawing that has two Inputs, whose encoder is the same."""
    views = Design(
        nodes=(
            *(Node(name, block="Input", settings=Settings(size=(1, 8, 8))) for name in ("a", "b")),
            Node("flat_a", block="Flatten"), Node("flat_b", block="Flatten"),
            Node("encoder", block="Linear", settings=Settings(out_features=16)),
            Node("twin", block="Linear", settings=Settings(out_features=16), shares="encoder"),
            Node("loss", block="InfoNCE"),
        ),
        wires=(
            wire("a", "flat_a"), wire("b", "flat_b"), wire("flat_a", "encoder"), wire("flat_b", "twin"),
            wire("encoder", "loss", "a"), wire("twin", "loss", "b"),
        ),
        recipe=replace(SHORT, augment=read_steps("contrastive", 8)),
    )  # fmt: skip
    network = compile_design(views, "training")
    data = open_data("digits", network.inputs, network.targets, 3, options_of(views.recipe))
    one, two = next(data.batches("train", 64, epoch=1))
    assert not torch.equal(one, two)
    assert torch.isfinite(network.module(one, two)["loss"])
