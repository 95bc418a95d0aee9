"""Each option of the recipe does what a plain hand-written PyTorch loop does, step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace
from torch import nn

from app.design.schedule import rate_at
from app.design.values import Design, Node, NodeRule, Recipe, Settings
from app.engine import checkpoint
from app.engine.compile import compile_design
from app.engine.data import open_data
from app.engine.loop import Loop, Parts, TrainingError
from app.engine.optim import make_optimizer
from app.engine.runs import load_run, read_metrics
from app.engine.train import make_fabric, train
from tests.engine.designs import SHORT, digits

FEW = replace(SHORT, epochs=2, batch_size=256, schedule="linear", learning_rate=0.02, optimizer="sgd")
"""Five steps an epoch, the last of them on 233 samples."""
STEPS = 10
Weights = dict[str, torch.Tensor]


def plain_digits() -> Design:
    """Without batch norm and dropout, so that it does not matter how samples are put together."""
    design = digits()
    stem = Node("stem", block="Conv2d", settings=Settings(out_channels=4, kernel_size=3))
    dropout = replace(design.by_id["dropout"], settings=Settings(p=0.0))
    return replace(design, nodes=tuple({"stem": stem, "dropout": dropout}.get(n.id, n) for n in design.nodes))


def start(design: Design) -> tuple[Any, Any]:
    checkpoint.seed_all(FEW.seed)
    network = compile_design(design, "training")
    return network, open_data("digits", network.inputs, network.targets, FEW.seed)


def ours(recipe: Recipe, design: Design) -> tuple[list[Weights], Loop]:
    """The weights after each step of our loop."""
    network, data = start(design)
    fabric, _ = make_fabric("cpu", 1, 1, "32", 0)
    optimizer = make_optimizer(network.module.named_parameters(), recipe)
    module, optimizer = fabric.setup(network.module, optimizer)
    seen: list[Weights] = []

    def after_a_step() -> bool:
        seen.append({k: v.clone() for k, v in network.root.state_dict().items()})
        return False

    loop = Loop(Parts(fabric, network, module, optimizer, data, recipe, None), lambda _: None, after_a_step)
    for _ in range(recipe.epochs):
        loop._train_epoch()
        loop.at.epoch, loop.at.batch, loop.at.count = loop.at.epoch + 1, 0, 0
    return seen, loop


def by_hand(
    recipe: Recipe, design: Design, make: Callable[[nn.Module], torch.optim.Optimizer],
    between: Callable[[nn.Module], object] = lambda module: None,
) -> Iterator[nn.Module]:
    """The same as one writes it: the network after each step."""
    network, data = start(design)
    module = network.module
    optimizer, step = make(module), 0
    module.train()
    for epoch in range(1, recipe.epochs + 1):
        for batch in data.batches("train", recipe.batch_size, epoch=epoch, least=2):
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * (1 - step / (5 * recipe.epochs))
            module(*batch)["loss"].backward()
            between(module)
            optimizer.step()
            optimizer.zero_grad()
            step += 1
            yield network.root


def spared(module: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Weight decay for matrices and kernels alone, as it is written everywhere."""
    weights = list(module.parameters())
    return [
        {"params": [w for w in weights if w.ndim > 1], "weight_decay": decay},
        {"params": [w for w in weights if w.ndim <= 1], "weight_decay": 0.0},
    ]


SGD = torch.optim.SGD
OPTIMIZERS: dict[str, tuple[dict[str, Any], Callable[[nn.Module], torch.optim.Optimizer]]] = {
    "sgd": ({"weight_decay": 0.01}, lambda m: SGD(m.parameters(), lr=1, momentum=0.9, weight_decay=0.01)),
    "sgd, plain": ({"momentum": 0.0, "weight_decay": 0.0}, lambda m: SGD(m.parameters(), lr=1)),
    "sgd, nesterov": (
        {"momentum": 0.8, "nesterov": True, "weight_decay": 0.1, "decay_all": False},
        lambda m: SGD(spared(m, 0.1), lr=1, momentum=0.8, nesterov=True),
    ),
    "adam": ({"optimizer": "adam"}, lambda m: torch.optim.Adam(m.parameters(), weight_decay=0.01, fused=True)),
    "adamw": (
        {"optimizer": "adamw", "weight_decay": 0.2, "beta1": 0.8, "beta2": 0.95, "eps": 1e-6},
        lambda m: torch.optim.AdamW(spared(m, 0.2), betas=(0.8, 0.95), eps=1e-6, fused=True),
    ),
    "adamw, all": (
        {"optimizer": "adamw", "weight_decay": 0.2, "decay_all": True},
        lambda m: torch.optim.AdamW(m.parameters(), weight_decay=0.2, fused=True),
    ),
    "rmsprop": (
        {"optimizer": "rmsprop", "momentum": 0.9, "alpha": 0.9, "eps": 1e-3, "learning_rate": 0.001},
        lambda m: torch.optim.RMSprop(m.parameters(), momentum=0.9, alpha=0.9, eps=1e-3, weight_decay=0.01),
    ),
    "adagrad": ({"optimizer": "adagrad"}, lambda m: torch.optim.Adagrad(m.parameters(), weight_decay=0.01)),
}


def assert_same(seen: list[Weights], hand: Iterator[nn.Module], **near: float) -> None:
    count = 0
    for weights, root in zip(seen, hand, strict=True):
        count += 1
        for name, value in root.state_dict().items():
            if near:
                assert torch.allclose(weights[name], value, **near), (count, name)  # type: ignore[arg-type]
            else:
                assert torch.equal(weights[name], value), (count, name)
    assert count == STEPS and seen


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_makes_the_steps_that_torchs_own_makes(name: str) -> None:
    change, make = OPTIMIZERS[name]
    recipe = replace(FEW, **change)
    assert_same(ours(recipe, digits())[0], by_hand(recipe, digits(), make))


CLIPS: dict[str, tuple[dict[str, float], Callable[[nn.Module], object]]] = {
    "norm": ({"clip_norm": 0.5}, lambda m: nn.utils.clip_grad_norm_(m.parameters(), 0.5)),
    "value": ({"clip_value": 0.01}, lambda m: nn.utils.clip_grad_value_(m.parameters(), 0.01)),
    "both": (
        {"clip_norm": 0.05, "clip_value": 0.01},
        lambda m: (nn.utils.clip_grad_value_(m.parameters(), 0.01), nn.utils.clip_grad_norm_(m.parameters(), 0.05)),
    ),
}


@pytest.mark.parametrize("name", CLIPS)
def test_clipping_is_torchs_own(name: str) -> None:
    change, between = CLIPS[name]
    recipe = replace(FEW, **change)
    seen, _ = ours(recipe, digits())
    assert_same(seen, by_hand(recipe, digits(), OPTIMIZERS["sgd"][1], between))
    unclipped, _ = ours(FEW, digits())
    assert not torch.equal(seen[-1]["head.weight"], unclipped[-1]["head.weight"])


def test_penalties_are_those_of_a_longer_loss() -> None:
    recipe = replace(FEW, l1=0.01, l2=0.05, decay_all=False, weight_decay=0.0)

    def penalty(module: nn.Module) -> None:
        weights = [w for w in module.parameters() if w.ndim > 1]
        sum(0.01 * w.abs().sum() + 0.05 / 2 * w.square().sum() for w in weights).backward()  # type: ignore[union-attr]

    hand = by_hand(recipe, digits(), lambda m: SGD(m.parameters(), lr=1, momentum=0.9), penalty)
    assert_same(ours(recipe, digits())[0], hand, rtol=1e-4, atol=1e-6)


def test_the_average_of_the_weights() -> None:
    recipe = replace(FEW, ema=0.6)
    seen, loop = ours(recipe, digits())
    network, _ = start(digits())
    wanted = {k: v.clone() for k, v in network.root.state_dict().items()}
    for step, weights in enumerate(seen, 1):
        decay = min(0.6, (1 + step) / (10 + step))
        for name, value in weights.items():
            wanted[name] = torch.lerp(wanted[name], value, 1 - decay) if value.is_floating_point() else value
    assert loop._average is not None
    assert all(torch.equal(loop._average.values[name], value) for name, value in wanted.items())
    with loop._average.put_in():
        assert torch.equal(loop.parts.network.root.state_dict()["head.weight"], wanted["head.weight"])
    assert torch.equal(loop.parts.network.root.state_dict()["head.weight"], seen[-1]["head.weight"])


def test_accumulated_batches_are_one_of_their_samples() -> None:
    """k batches of n against one of k · n, the shorter last one of an epoch too."""
    small, large = replace(FEW, batch_size=64, accumulate=4), FEW
    many, loop = ours(small, plain_digits())
    once, _ = ours(large, plain_digits())
    assert loop.batches == 20 and loop.steps == 5 and len(many) == len(once) == STEPS
    for one, two in zip(many, once, strict=True):
        assert all(torch.allclose(one[k], two[k], rtol=1e-5, atol=1e-6) for k in one)
    uneven, loop = ours(replace(FEW, batch_size=100, accumulate=5), plain_digits())  # 13 batches: 5, 5 and 3, of 57
    assert loop.steps == 3 and len(uneven) == 6
    wide, _ = ours(replace(FEW, batch_size=500), plain_digits())
    for one, two in zip(uneven, wide, strict=True):
        assert all(torch.allclose(one[k], two[k], rtol=1e-5, atol=1e-6) for k in one)


def test_accumulation_as_one_writes_it() -> None:
    recipe = replace(FEW, batch_size=128, accumulate=2, epochs=1)
    seen, _ = ours(recipe, digits())
    network, data = start(digits())
    network.module.train()
    optimizer, step = SGD(network.module.parameters(), lr=1, momentum=0.9, weight_decay=0.01), 0
    sizes = [128] * 9 + [105]
    for index, batch in enumerate(data.batches("train", 128, epoch=1, least=2)):
        both = sizes[index // 2 * 2] + sizes[index // 2 * 2 + 1]
        (network.module(*batch)["loss"] * (sizes[index] / both)).backward()
        if index % 2:
            optimizer.param_groups[0]["lr"] = 0.02 * (1 - step / 5)
            optimizer.step()
            optimizer.zero_grad()
            assert all(torch.equal(v, seen[step][k]) for k, v in network.root.state_dict().items())
            step += 1
    assert step == len(seen) == 5


def test_a_factor_of_the_rate_for_a_node() -> None:
    recipe = replace(FEW, nodes=(NodeRule("stem", rate=0.1),))

    def make(module: nn.Module) -> torch.optim.Optimizer:
        low = [w for k, w in module.named_parameters() if k.startswith("stem.")]
        rest = [w for k, w in module.named_parameters() if not k.startswith("stem.")]
        both = [{"params": low, "factor": 0.1}, {"params": rest, "factor": 1.0}]
        return SGD(both, lr=1, momentum=0.9, weight_decay=0.01)

    seen, _ = ours(replace(recipe, epochs=1), digits())
    network, data = start(digits())
    network.module.train()
    optimizer, step = make(network.module), 0
    for batch in data.batches("train", 256, epoch=1, least=2):
        for group in optimizer.param_groups:
            group["lr"] = 0.02 * (1 - step / 5) * group["factor"]
        network.module(*batch)["loss"].backward()
        optimizer.step()
        optimizer.zero_grad()
        assert all(torch.equal(v, seen[step][k]) for k, v in network.root.state_dict().items())
        step += 1
    assert step == len(seen)


def test_freezing_and_unfreezing_at_an_epoch() -> None:
    recipe = replace(FEW, epochs=3, nodes=(NodeRule("stem", unfreeze=2), NodeRule("head", freeze=3)))
    seen, _ = ours(recipe, digits())
    network, _ = start(digits())
    ends = [network.root.state_dict(), seen[4], seen[9], seen[14]]

    def moved(prefix: str) -> list[bool]:
        keys = [k for k in ends[0] if k.startswith(prefix) and "tracked" not in k]
        return [any(not torch.equal(a[k], b[k]) for k in keys) for a, b in pairwise(ends)]

    assert moved("stem.") == [False, True, True], "neither weights nor what its norm has measured"
    assert moved("head.") == [True, True, False]
    frozen = digits(frozen=True)
    thawed, _ = ours(replace(recipe, nodes=(NodeRule("stem", unfreeze=3),)), frozen)
    stem = [next(v for k, v in w.items() if k.startswith("stem.") and k.endswith("conv.weight")) for w in thawed]
    assert torch.equal(stem[0], stem[9]) and not torch.equal(stem[9], stem[14])


def test_rates_and_gradient_norms_are_written_with_the_curve(tmp_path: Path) -> None:
    recipe = replace(FEW, epochs=1, clip_norm=0.1)
    train(digits(), recipe, run=tmp_path / "run", device="cpu")
    rows = {(r.step, r.name): r.value for r in read_metrics(tmp_path / "run" / "metrics.csv") if r.split == "train"}
    norms: list[float] = []

    def clip(module: nn.Module) -> None:
        norms.append(nn.utils.clip_grad_norm_(module.parameters(), 0.1).item())

    make = OPTIMIZERS["sgd"][1]
    assert len(list(by_hand(recipe, digits(), make, clip))) == 5
    assert rows[5, "lr"] == rate_at(recipe, 4, 5) == 0.02 * (1 - 4 / 5)
    assert rows[5, "grad_norm"] == pytest.approx(norms[4], rel=1e-6) and norms[4] > 0.1, "before it is clipped"


def test_the_average_is_what_is_judged_and_kept(tmp_path: Path) -> None:
    recipe = replace(SHORT, epochs=2, ema=0.95)
    run = tmp_path / "run"
    train(digits(), recipe, run=run, device="cpu")
    best = checkpoint.load_weights(run / "checkpoints" / "best")
    state = checkpoint.load_state(run / "checkpoints" / "last")
    last = checkpoint.load_weights(run / "checkpoints" / "last")
    assert checkpoint.load_state(run / "checkpoints" / "best")["epoch"] == 2
    assert all(torch.equal(best[k], v) for k, v in state["ema"].items())
    assert not torch.equal(best["head.weight"], last["head.weight"])
    assert torch.equal(load_run(run).root.state_dict()["head.weight"], best["head.weight"])


def test_early_stopping_ends_the_run_and_says_so(tmp_path: Path) -> None:
    run = tmp_path / "run"
    recipe = replace(FEW, epochs=30, learning_rate=1e-12, schedule="constant", early_stop=2, weight_decay=0.0)
    frozen = replace(recipe, nodes=(NodeRule("stem", freeze=1),))  # nothing measured either: no epoch is better
    trained = train(digits(), frozen, run=run, device="cpu")
    rows = [r.value for r in read_metrics(run / "metrics.csv") if (r.split, r.name) == ("validation", "loss")]
    best = rows.index(min(rows)) + 1
    assert not trained.stopped and trained.epochs == len(rows) == best + 2 < 30
    said = f"Ended after epoch {trained.epochs}: the validation loss was no better for 2 epochs."
    assert said in (run / "log.txt").read_text()
    tests = [r.epoch for r in read_metrics(run / "metrics.csv") if r.split == "test"]
    assert set(tests) == {trained.epochs}
    again = train(digits(), frozen, run=run, device="cpu", resume=True)
    assert again.epochs == trained.epochs


def test_the_largest_batch_that_fits_is_said_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.engine import recipe as recipes

    monkeypatch.setattr(recipes, "free_memory", lambda device: 2**20)  # 1 MB
    notes: list[str] = []
    run = tmp_path / "run"
    train(digits(), replace(SHORT, batch_size=0, epochs=1), run=run, device="cpu", on_note=notes.append)
    (said,) = (note for note in notes if "Batch size" in note)
    size = load_run(run).design.recipe.batch_size
    assert size > 1 and f"Batch size {size}: a step with " in said and said in (run / "log.txt").read_text()
    monkeypatch.setattr(recipes, "free_memory", lambda device: 2**40)
    train(digits(), replace(SHORT, batch_size=0, epochs=2), run=run, device="cpu", resume=True)
    assert load_run(run).design.recipe.batch_size == size, "a run goes on with its own"
    large, said = recipes.with_batch(digits(), replace(SHORT, batch_size=0), 1257, "cpu")
    assert large.batch_size == 120 and "an epoch of 1,257 samples keeps 10 steps" in said
    monkeypatch.setattr(recipes, "free_memory", lambda device: 2**10)
    with pytest.raises(TrainingError, match="Not even one sample fits"):
        recipes.with_batch(digits(), replace(SHORT, batch_size=0), 1257, "cpu")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"momentum": 1.0}, "momentum is 1.0, but it needs a number from 0 to less than 1"),
        ({"ema": 1.0}, "ema is 1.0"),
        ({"gamma": 0.0}, "gamma is 0.0"),
        ({"accumulate": 0}, "accumulate is 0"),
        ({"clip_norm": -1.0}, "clip_norm is -1.0"),
        ({"l1": float("inf")}, "l1 is inf"),
        ({"nesterov": True, "optimizer": "adam"}, "needs SGD with a momentum above 0"),
        ({"nesterov": True, "momentum": 0.0}, "needs SGD with a momentum above 0"),
        ({"warm_up": 2.0}, "The warm-up takes 2 of 2 epochs"),
        ({"warm_up": 1.0, "schedule": "one-cycle"}, "has a rise of its own"),
        ({"nodes": (NodeRule("stem", rate=0.0),)}, "The rate of `stem` is 0.0"),
        ({"nodes": (NodeRule("stem", unfreeze=3, freeze=2),)}, "freeze it later"),
        ({"nodes": (NodeRule("trunk", rate=0.5),)}, "a rule for `trunk`, but there is no such node"),
        ({"nodes": (NodeRule("stem", freeze=2), NodeRule("head", freeze=2))}, "No weight of the design can be trained"),
    ],
)
def test_what_cannot_be_followed_is_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(TrainingError) as caught:
        train(digits(), replace(FEW, **change), run=tmp_path / "run", device="cpu")
    assert said in str(caught.value) and not (tmp_path / "run").exists()


def test_a_rule_that_changes_nothing_is_remarked(tmp_path: Path) -> None:
    recipe = replace(FEW, epochs=1, nodes=(NodeRule("flatten", rate=0.5),))
    train(digits(), recipe, run=tmp_path / "run", device="cpu")
    assert "The rule for `flatten` changes nothing" in (tmp_path / "run" / "log.txt").read_text()


def rows(bidirectional: bool = False) -> Design:
    """The digits read row by row."""
    design = plain_digits()
    nodes = {
        "stem": Node("stem", block="Reshape", settings=Settings(size=(8, 8))),  # (B, 8, 8)
        "flatten": Node("flatten", block="GRU", settings=Settings(steps="last", bidirectional=bidirectional)),
    }
    return replace(design, nodes=tuple(nodes.get(n.id, n) for n in design.nodes))


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_the_gradient_goes_back_through_time_so_many_steps(kind: str) -> None:
    from app.engine.truncation import truncate
    from blocks.layers import recurrent

    torch.manual_seed(1)
    layer = getattr(recurrent, kind)(5, hidden=6, layers=2)
    x = torch.randn(3, 11, 5)
    plain = getattr(torch.nn, kind)(5, 6, 2, batch_first=True)
    plain.load_state_dict(layer.state_dict())
    state, told = None, []
    for begin in range(0, 11, 4):
        one, state = plain(x[:, begin : begin + 4], state)
        told.append(one)
        state = tuple(s.detach() for s in state) if kind == "LSTM" else state.detach()
    torch.cat(told, 1).square().sum().backward()
    whole = layer(x)
    assert truncate(layer, 4) == []
    cut = layer(x)
    assert torch.allclose(whole, cut, atol=1e-6), "what is remembered goes on"
    cut.square().sum().backward()
    for (name, ours), theirs in zip(layer.named_parameters(), plain.parameters(), strict=True):
        assert torch.allclose(ours.grad, theirs.grad, atol=1e-5), name
    short = {n: w.grad.clone() for n, w in layer.named_parameters()}
    layer.zero_grad()
    truncate(layer, 0)
    layer(x).square().sum().backward()
    assert any((w.grad - short[n]).abs().max() > 1e-3 for n, w in layer.named_parameters()), "the whole one is another"


def test_training_cuts_the_gradient_through_time_and_says_where_it_cannot(tmp_path: Path) -> None:
    runs = {}
    for steps in (0, 3, 8):
        recipe = replace(FEW, epochs=1, truncate=steps)
        runs[steps] = train(rows(), recipe, run=tmp_path / str(steps), device="cpu").values["loss"]
    assert runs[0] == runs[8] != runs[3]
    with pytest.raises(TrainingError, match="`flatten` reads the sequence from the end as well"):
        train(rows(bidirectional=True), replace(FEW, truncate=3), run=tmp_path / "two", device="cpu")
    train(digits(), replace(FEW, epochs=1, truncate=3), run=tmp_path / "none", device="cpu")
    assert "truncate changes nothing" in (tmp_path / "none" / "log.txt").read_text()


def test_mixed_precision_computes_in_bfloat16_and_keeps_weights_in_32_bits(tmp_path: Path) -> None:
    seen: set[torch.dtype] = set()
    linear = torch.nn.functional.linear

    def watch(*arguments: Any) -> torch.Tensor:
        told = linear(*arguments)
        seen.add(told.dtype)
        return told

    run = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.functional, "linear", watch)
        train(digits(), replace(FEW, precision="bf16", epochs=1), run=run, device="cpu")
    assert torch.bfloat16 in seen
    weights = checkpoint.load_weights(run / "checkpoints" / "last")
    assert {w.dtype for w in weights.values() if w.is_floating_point()} == {torch.float32}


def test_compiling_is_asked_of_torch_and_its_failure_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import lightning_fabric.wrappers  # noqa: F401  (puts its own torch.compile in the place of torch's, once)
    from torch._dynamo.exc import BackendCompilerFailed

    def broken(*_arguments: Any) -> Any:
        raise RuntimeError("no working C++ compiler was found")

    compile_module = torch.compile
    monkeypatch.setattr(torch, "compile", lambda module, **_: compile_module(module, backend=broken))
    with pytest.raises(TrainingError, match=r"torch\.compile does not work here or with this network: train without"):
        train(digits(), replace(FEW, epochs=1, compile=True), run=tmp_path / "run", device="cpu")
    assert issubclass(BackendCompilerFailed, RuntimeError)
    monkeypatch.setattr(torch, "compile", lambda module, **_: compile_module(module, backend="eager"))
    values = train(digits(), replace(FEW, epochs=1, compile=True), run=tmp_path / "two", device="cpu").values
    bare = train(digits(), replace(FEW, epochs=1), run=tmp_path / "three", device="cpu").values
    assert values["loss"] == pytest.approx(bare["loss"], rel=1e-4)
