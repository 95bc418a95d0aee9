"""Networks made to vanish, explode, die and break, each named with its node and cause by the real engine; and healthy
ones, of which nothing is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from msgspec.structs import replace
from safetensors.torch import save_file

import examples
from app.cli import main
from app.design import file
from app.design.paths import apply_variant
from app.design.usual import usual_loss
from app.design.values import Design, Node, Recipe, Settings
from app.engine import checkpoint
from app.engine import train as training
from app.engine.compile import compile_design, shared_analyser
from app.engine.data import TensorSource
from app.engine.loop import TrainingError
from app.engine.train import train
from app.engine.watch import FIRST, SHARE, Watch
from app.engine.watch_causes import Probe, forward_words
from app.messages.watch import NAME, Trouble, Watched, read
from app.trust import Everything
from blocks import catalogue
from tests.engine.designs import digits, wire
from tests.engine.test_resume import after, assert_same

RECIPE = Recipe(
    data="digits", epochs=2, batch_size=64, learning_rate=0.01, optimizer="sgd", schedule="constant", seed=3
)  # fmt: skip


@pytest.fixture(autouse=True)
def code_runs() -> Iterator[None]:
    measurer = shared_analyser().measurer
    kept, measurer.trusted = measurer.trusted, Everything()  # type: ignore[assignment]
    yield
    measurer.trusted = kept


def chain(*blocks: tuple[str, str, dict[str, object]], recipe: Recipe = RECIPE) -> Design:
    """Digits through these nodes into a cross-entropy, or whatever `loss` stands last."""
    nodes = [Node("image", block="Input", settings=Settings(size=(1, 8, 8))), Node("flat", block="Flatten")]
    nodes += [Node(name, block=block, settings=Settings(settings)) for name, block, settings in blocks]
    wires = [wire(a.id, b.id, "a" if b.block == "Code" else "x") for a, b in pairwise(nodes)]
    last = nodes[-1].id
    nodes += [Node("label", block="Target"), Node("loss", block="CrossEntropy")]
    wires += [wire(last, "loss"), wire("label", "loss", "target")]
    return Design(nodes=tuple(nodes), wires=tuple(wires), recipe=recipe)


def layers(count: int, act: str, width: int = 32, **settings: object) -> list[tuple[str, str, dict[str, object]]]:
    found: list[tuple[str, str, dict[str, object]]] = []
    for i in range(1, count + 1):
        found += [(f"fc{i}", "Linear", {"out_features": width, **settings}), (f"act{i}", act, {})]
    return [*found, ("head", "Linear", {"out_features": 10})]


def watched(design: Design, run: Path, **options: object) -> list[Watched]:
    heard: list[Watched] = []
    train(design, design.recipe, run=run, device="cpu", watch="closely", on_watched=heard.append, **options)  # type: ignore[arg-type]
    return heard


def troubles(heard: list[Watched]) -> dict[str, Trouble]:
    return {trouble.code: trouble for told in heard for trouble in told.troubles}


def lowered(design: Design, bias: str, place: Path) -> None:
    """Save the design's weights with a bias at -100."""
    checkpoint.seed_all(0)
    weights = compile_design(design, "training").root.state_dict()
    save_file({**weights, bias: torch.full_like(weights[bias], -100.0)}, place)


# what is named --------------------------------------------------------------------------------------------------------


def test_thirty_sigmoids_make_the_gradient_vanish(tmp_path: Path) -> None:
    found = troubles(watched(chain(*layers(30, "Sigmoid")), tmp_path / "run"))
    assert set(found) == {"vanishing"}
    said = found["vanishing"]
    assert said.id == "fc1" and "fc2" in said.others and "head" not in said.others
    assert "through 30 sigmoids" in said.message and "a quarter of it at most" in said.message
    assert "Use ReLU in place of sigmoid" in said.message
    heard = read(tmp_path / "run")
    rates = {layer.id: layer.gradient for layer in heard[-1].layers if layer.gradient is not None}
    assert rates["fc1"] < 1e-9 * rates["head"]


def test_large_weights_without_a_norm_make_outputs_explode(tmp_path: Path) -> None:
    design = chain(*layers(12, "ReLU"), recipe=replace(RECIPE, learning_rate=1e-30))
    checkpoint.seed_all(0)
    weights = compile_design(design, "training").root.state_dict()
    large = {name: value * (40 if name == "fc5.weight" else 6) for name, value in weights.items()}
    save_file(large, tmp_path / "large.safetensors")
    found = troubles(watched(design, tmp_path / "run", weights=tmp_path / "large.safetensors"))
    assert set(found) == {"exploding"}
    said = found["exploding"]
    assert said.id == "fc5" and "the outputs explode" in said.message and "`he` would have them at 0.25" in said.message
    assert said.fixes[0].title == "Begin `fc5` with he weights"


def test_a_gradient_that_dwarfs_the_weights_is_named_unless_it_is_clipped(tmp_path: Path) -> None:
    design = chain(*layers(2, "Tanh"), recipe=replace(RECIPE, learning_rate=1e-30))
    nodes = tuple(replace(n, settings=Settings(weight=1e8)) if n.id == "loss" else n for n in design.nodes)
    design = replace(design, nodes=nodes)
    found = troubles(watched(design, tmp_path / "run"))
    assert "exploding" in found and "the gradient explodes" in found["exploding"].message
    assert found["exploding"].fixes[0].title == "Clip the gradient to norm 1"
    clipped = replace(design, recipe=replace(design.recipe, clip_norm=1.0))
    assert "exploding" not in troubles(watched(clipped, tmp_path / "clipped"))


def test_a_relu_with_a_bias_far_below_0_is_dead(tmp_path: Path) -> None:
    design = chain(*layers(3, "ReLU"))
    lowered(design, "fc2.bias", tmp_path / "low.safetensors")
    found = troubles(watched(design, tmp_path / "run", weights=tmp_path / "low.safetensors"))
    assert set(found) == {"dead"}, "that the gradient stops there is the same trouble"
    said = found["dead"]
    assert said.id == "act2" and said.others == ("fc2",)
    assert said.message.startswith("`act2`: 100 % of its units were never active")
    assert "The biases of `fc2` are about -9" in said.message and "LeakyReLU" in said.message


def test_a_dead_unit_inside_a_composite_is_named_at_its_node_with_a_fix(tmp_path: Path) -> None:
    design = digits()
    design = replace(design, recipe=replace(RECIPE, learning_rate=1e-30))
    lowered(design, "stem.conv.norm.bias", tmp_path / "low.safetensors")
    found = troubles(watched(design, tmp_path / "run", weights=tmp_path / "low.safetensors"))
    assert found["dead"].id == "stem"
    assert found["dead"].fixes[0].title == "Give `stem` a leaky ReLU"


def test_saturated_sigmoids_are_named(tmp_path: Path) -> None:
    blocks = [("fc1", "Linear", {"out_features": 32}), ("wide", "Scale", {"factor": 500.0}), ("act1", "Sigmoid", {}),
              ("head", "Linear", {"out_features": 10})]  # fmt: skip
    found = troubles(watched(chain(*blocks, recipe=replace(RECIPE, learning_rate=1e-6)), tmp_path / "run"))
    assert found["saturated"].id == "act1" and "where a sigmoid is flat" in found["saturated"].message


CODE = {
    "torch.log(torch.relu(a))": ("calc", "the logarithm of 0", "clamp"),
    "torch.log(a - 1000)": ("calc", "the logarithm of a negative number", "clamp"),
    "torch.sqrt(a - 1000)": ("calc", "the square root of a negative number", "clamp"),
    "a / (a - a)": ("calc", "a division by 0", "below the fraction"),
    "torch.exp(a * 1e4)": ("calc", "an overflow: exp of", "put a norm before it"),
    "a + torch.sqrt((a - a) ** 2)": ("calc", "the gradient of a root at 0 is infinite", "clamp"),
}


@pytest.mark.parametrize("source", CODE)
def test_a_loss_that_is_no_number_is_traced_to_its_node_and_cause(source: str, tmp_path: Path) -> None:
    node, cause, help = CODE[source]
    blocks = [("fc1", "Linear", {"out_features": 32}), ("calc", "Code", {"source": source}),
              ("head", "Linear", {"out_features": 10})]  # fmt: skip
    heard: list[Watched] = []
    with pytest.raises(TrainingError) as told:
        design = chain(*blocks)
        train(design, RECIPE, run=tmp_path / "run", device="cpu", on_watched=heard.append)
    said = str(told.value)
    assert "not a number any more at epoch 1" in said and f"`{node}`" in said and cause in said and help in said
    assert heard[-1].troubles[0].id == node and heard[-1].troubles[0].severity == "error"
    assert read(tmp_path / "run")[-1].troubles[0].message in said
    assert cause in (tmp_path / "run" / "log.txt").read_text()


def test_a_learning_rate_that_is_too_high_is_named_with_the_weights_that_it_blew_up(tmp_path: Path) -> None:
    recipe = replace(RECIPE, learning_rate=1e4, epochs=3)
    design = chain(*layers(4, "ReLU"), recipe=recipe)
    heard: list[Watched] = []
    with pytest.raises(TrainingError, match=r"learning rate is too high\. 10000 made its weights grow from 0\.\d+ to"):
        train(design, recipe, run=tmp_path / "run", device="cpu", on_watched=heard.append)
    assert heard[-1].troubles[0].fixes[0].title == "Lower the learning rate to 1000"


def test_the_cause_is_found_from_a_checkpoint_in_the_midst_of_a_run(tmp_path: Path) -> None:
    """The weights shrink until a root of them goes below 0, long after the first checkpoint."""
    design = chain(("fc1", "Linear", {"out_features": 10}), ("calc", "Code", {"source": "torch.log(9 - a.abs())"}),
                   recipe=replace(RECIPE, epochs=30, learning_rate=0.3))  # fmt: skip
    with pytest.raises(TrainingError, match="the logarithm of a negative number") as told:
        train(design, design.recipe, run=tmp_path / "run", device="cpu")
    epoch = int(str(told.value).split("epoch ")[1].split(",")[0])
    assert epoch > 1 and checkpoint.place(tmp_path / "run" / "checkpoints" / "last")


def test_the_cause_is_found_with_the_weights_that_the_run_began_with(tmp_path: Path) -> None:
    design = chain(("fc1", "Linear", {"out_features": 10}), ("calc", "Code", {"source": "torch.log(9 - a.abs())"}))
    checkpoint.seed_all(0)
    weights = compile_design(design, "training").root.state_dict()
    save_file({name: 50 * value for name, value in weights.items()}, tmp_path / "large.safetensors")
    with pytest.raises(TrainingError, match=r"step 1\. `calc` gave what is no number: the logarithm of a negative"):
        train(design, RECIPE, run=tmp_path / "run", device="cpu", weights=tmp_path / "large.safetensors")


def test_the_terminal_tells_each_trouble_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "sigmoids.netloom"
    file.save(chain(*layers(12, "Sigmoid")), place)
    given = ["train", str(place), "--run", str(tmp_path / "run"), "--device", "cpu", "--epochs", "1", "--json"]
    assert main([*given, "--watch", "closely"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (trouble,) = [each for each in told if each["event"] == "trouble"]
    assert (trouble["code"], trouble["node"]) == ("vanishing", "fc1") and "12 sigmoids" in trouble["message"]


def test_an_overflow_of_half_precision_is_told_from_others() -> None:
    large = torch.full((2,), 300.0)
    for dtype, kind in ((torch.float16, "half"), (torch.float32, "")):
        probe = Probe({})
        probe.run(lambda dtype=dtype: large.to(dtype) * large.to(dtype))  # type: ignore[misc]
        found = probe.forward_culprit()
        assert (forward_words(found)[0] if found is not None else "") == kind
    assert found is None


def test_a_bad_sample_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = training.open_data

    def with_a_hole(*arguments: object) -> object:
        data = opened(*arguments)  # type: ignore[arg-type]
        first, *rest = data.splits["train"].sources
        values = first.take(torch.arange(data.splits["train"].size)).clone()
        values[777, 0, 3, 3] = torch.nan
        split = replace_split(data.splits["train"], (TensorSource(values), *rest))
        data.splits["train"] = split
        return data

    monkeypatch.setattr(training, "open_data", with_a_hole)
    said = r"`image`: sample 777 of the train split of digits holds what is no number"
    with pytest.raises(TrainingError, match=said):
        train(digits(), replace(RECIPE, epochs=1), run=tmp_path / "run", device="cpu")


def replace_split(split: object, sources: tuple[object, ...]) -> object:
    import dataclasses

    return dataclasses.replace(split, sources=sources)  # type: ignore[type-var]


# what is not touched --------------------------------------------------------------------------------------------------


def test_watching_changes_no_number_of_the_training(tmp_path: Path) -> None:
    recipe = replace(RECIPE, optimizer="adamw", learning_rate=0.01, epochs=3)
    for how in ("off", "closely"):
        train(digits(), recipe, run=tmp_path / how, device="cpu", watch=how)
    assert_same(tmp_path / "off", tmp_path / "closely")
    assert not (tmp_path / "off" / NAME).exists() and len(read(tmp_path / "closely")) == 12
    run = tmp_path / "resumed"
    assert train(digits(), recipe, run=run, device="cpu", watch="closely", cancelled=after(27)).stopped
    train(digits(), recipe, run=run, device="cpu", watch="closely", resume=True)
    assert_same(tmp_path / "off", run)
    assert [t.step for t in read(run)] == [t.step for t in read(tmp_path / "closely")]
    assert [t.layers[0].weights for t in read(run)] == [t.layers[0].weights for t in read(tmp_path / "closely")]


def test_lightly_takes_a_small_part_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    design = digits()
    network = compile_design(design, "training")
    watch = Watch(network, design, RECIPE, None, lambda told: None)
    watch.spread_over(4000)
    clock = watch._began
    monkeypatch.setattr("app.engine.watch.time.monotonic", lambda: clock)
    assert watch.due(0), "the first ones are made whatever they cost"
    watch._made, watch._spent, watch._last = FIRST, 0.01 * FIRST, 100
    clock += 0.01 * FIRST / SHARE
    assert not watch.due(200), "one more would take more than its share"
    clock += 0.01 / SHARE
    assert watch.due(200) and not watch.due(109) and watch.due(110), "nor is more written than 400 points"
    assert watch.share == pytest.approx(0.8 * SHARE)


def test_what_is_kept_tells_how_weights_and_gradients_are_spread(tmp_path: Path) -> None:
    heard = watched(digits(), tmp_path / "run")
    last = heard[-1]
    assert [layer.id for layer in last.layers] == ["stem", "flatten", "dropout", "head", "loss", "accuracy"]
    head = next(layer for layer in last.layers if layer.id == "head")
    weights = checkpoint.load_weights(tmp_path / "run" / "checkpoints" / "last")
    values = np.concatenate([weights[f"head.{name}"].numpy().ravel() for name in ("weight", "bias")])
    assert head.weights is not None and head.gradients is not None
    assert abs(head.weight - np.sqrt((values**2).mean())) < 0.02 * head.weight  # type: ignore[operator]
    wanted, _ = np.histogram(values, np.linspace(head.weights.low, head.weights.high, len(head.weights.parts) + 1))
    assert np.abs(np.array(head.weights.parts) - 1000 * wanted / len(values)).sum() < 60, "they are a step older"
    assert 990 <= sum(head.gradients.parts) <= 1010 and head.gradients.log
    assert replace(last, job="") == read(tmp_path / "run")[-1]
    assert (tmp_path / "run" / NAME).stat().st_size < 40_000
    events = b"".join(path.read_bytes() for path in (tmp_path / "run" / "events").iterdir())
    assert b"head/gradients" in events and b"stem/weights" in events, "TensorBoard has them too"


# healthy ones ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["digits", "lenet5", "resnet20_cifar"])
def test_nothing_is_said_of_a_healthy_network(name: str, tmp_path: Path) -> None:
    found = examples.find(name)
    assert found
    cards = catalogue.load()
    design = file.load(found[0])
    design = apply_variant(design, found[1], cards) if found[1] else design
    if name == "resnet20_cifar":  # smaller pictures: it is to be quick
        nodes = [replace(n, settings=Settings(size=(3, 16, 16))) if n.block == "Input" else n for n in design.nodes]
        design = replace(design, nodes=tuple(nodes))
    recipe = replace(RECIPE, batch_size=16, epochs=1, optimizer="adamw", learning_rate=0.003)
    if not any(node.block == "CrossEntropy" for node in design.nodes):
        design = usual_loss(design, None, cards)
    heard = watched(replace(design, recipe=recipe), tmp_path / "run", cancelled=after(45))
    assert len(heard) == 9 and troubles(heard) == {}
