"""What a preview shows is what the compiled drawing gives: its numbers, its pictures, its attention, its gradients."""

from __future__ import annotations

import copy
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from msgspec.structs import replace
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from app import messages as m
from app.design import edits
from app.design.expand import expand
from app.design.values import Design, End, Group, Recipe, Wire
from app.engine.checkpoint import CheckpointError
from app.engine.compile import compile_design, shared_analyser
from app.engine.data import DataError, open_data
from app.engine.preview import PreviewError, Stopped, looks, preview
from app.engine.preview.weights import make_root
from app.engine.runs import RunError, load_run
from app.engine.server import Inbox
from app.engine.train import train
from app.engine.weights import WeightsError
from app.messages.preview import GetPreview, Look, Preview
from tests.drawing import IMAGE, OUTPUT, chain, node, wire
from tests.engine.designs import SHORT, digits

CONV = chain(
    IMAGE, node("conv", "Conv2d", out_channels=5), node("act", "ReLU"),
    node("pool", "AdaptiveAvgPool2d"), node("flat", "Flatten"), node("head", "Linear", out_features=4), OUTPUT,
)  # fmt: skip


def ask(design: Design, **fields: Any) -> Preview:
    return preview(shared_analyser(), design, GetPreview("j", design, **fields))


def root_of(design: Design, **fields: Any) -> nn.Module:
    """The modules that a preview of the design has, all of whose calls are valid."""
    walk = shared_analyser().walk(design)
    return copy.deepcopy(make_root(walk, set(walk.steps), **fields)[0])


def png(values: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray((values * 255).round().astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


def colours(seed: int = 0, side: int = 32) -> np.ndarray:
    return np.random.default_rng(seed).random((side, side, 3))


def tile(look: Look, index: int = 0) -> np.ndarray:
    depth = 3 if look.form == "colour" else 1
    size = look.width * look.height * depth
    shape = (look.height, look.width, 3) if depth == 3 else (look.height, look.width)
    return np.frombuffer(look.pixels, np.uint8)[index * size : (index + 1) * size].reshape(shape)


def detail(told: Preview, port: str = "out") -> Look:
    return next(p.looks[0] for p in told.detail if p.port == port)


def summary(told: Preview, id: str, port: str = "out") -> Look:
    return next(p.looks[0] for p in told.outputs if (p.id, p.port) == (id, port))


# pictures -------------------------------------------------------------------------------------------------------------


def test_maps_are_those_of_a_plain_forward_with_hooks() -> None:
    picture = colours()
    design = chain(*CONV.nodes, recipe=Recipe())
    kept: dict[str, torch.Tensor] = {}
    network = compile_design(design, "inference", root_of(design, seed=7))
    for name in ("conv", "act", "head"):
        part = network.root.get_submodule(name)
        part.register_forward_hook(lambda _m, _i, out, name=name: kept.update({name: out[0]}))
    pixels = torch.from_numpy((picture * 255).round() / 255).float().permute(2, 0, 1)[None]
    with torch.no_grad():
        network.module.eval()(pixels)

    for name in ("conv", "act"):
        told = ask(design, picture=png(picture), seed=7, detail=name)
        look = detail(told)
        assert (look.form, look.shape, look.of, len(look.tiles)) == ("maps", (1, 5, 32, 32), 5, 5)
        for channel, each in enumerate(look.tiles):
            value = kept[name][channel]
            low, high = float(value.min()), float(value.max())
            assert (each.channel, each.low, each.high) == (channel, pytest.approx(low), pytest.approx(high))
            assert each.mean == pytest.approx(float(value.mean()), abs=1e-6)
            assert each.zeros == pytest.approx(float((value == 0).float().mean()))
            wanted = ((value - low) / (high - low) * 255).round().numpy()
            assert np.abs(tile(look, channel).astype(int) - wanted).max() <= 1
        small = summary(told, name)
        assert small.width <= looks.SMALL.side and len(small.pixels) <= looks.SMALL.pixels
    assert summary(told, "act").tiles[0].zeros > 0.1, "a ReLU cuts something off"
    head = detail(ask(design, picture=png(picture), seed=7, detail="head"))
    assert head.form == "values" and head.values == pytest.approx(kept["head"].tolist(), abs=1e-5)
    shown = detail(ask(design, picture=png(picture), detail="image"))
    assert shown.form == "colour" and np.array_equal(tile(shown), (picture * 255).round().astype(np.uint8))


def test_large_maps_are_made_smaller_and_only_the_liveliest_are_shown() -> None:
    maps = torch.zeros(1, 200, 300, 150)
    maps[0, 150:] = torch.rand(50, 300, 150, generator=torch.Generator().manual_seed(1))
    look = looks.look(maps, looks.LARGE)
    assert (look.height, look.width, len(look.tiles), look.of) == (96, 48, 64, 200)
    assert {t.channel for t in look.tiles} >= set(range(150, 200)) and look.said == (
        "64 of 200 are shown: those that vary most."
    )
    small = looks.look(maps, looks.SMALL)
    assert 1 <= len(small.tiles) <= 8 and len(small.pixels) <= looks.SMALL.pixels
    assert all(t.channel >= 150 for t in small.tiles)
    vector = looks.look(torch.arange(1000.0)[None], looks.SMALL)
    assert len(vector.values) == 64 and vector.of == 1000 and vector.tiles[0].high == 999
    heat = looks.look(torch.rand(1, 500, 700), looks.SMALL)
    assert heat.form == "heat" and (heat.height, heat.width) == (26, 36)
    assert looks.look(torch.full((1, 2, 4, 4), 3.0), looks.LARGE).pixels == bytes(32), "constant maps are black"
    broken = looks.look(torch.tensor([[1.0, float("nan"), float("inf")]]), looks.LARGE)
    assert broken.values == (1, 0, 0) and "2 of its 3 numbers" in broken.said
    assert looks.look(torch.rand(1, 3, 5, 6, 7), looks.LARGE).said == "Slice 3 of 5 is shown."


def test_filters_of_the_first_convolution_are_shown_in_colour_or_grey() -> None:
    told = ask(CONV, seed=3, detail="conv")
    weight = root_of(CONV, seed=3).get_parameter("conv.weight").detach()
    (found,) = told.filters
    assert (found.id, found.path, found.look.form, len(found.look.tiles)) == ("conv", "", "colour", 5)
    one = weight[2]
    wanted = ((one - one.min()) / (one.max() - one.min()) * 255).round().permute(1, 2, 0).numpy()
    assert np.abs(tile(found.look, 2).astype(int) - wanted).max() <= 1
    assert not ask(CONV, detail="head").filters
    grey = chain(
        node("image", "Input", size=(1, 8, 8)), node("norm", "BatchNorm2d"), node("stem", "ConvStem", channels=4),
        node("next", "Conv2d", out_channels=3), OUTPUT,
    )  # fmt: skip
    (stem,) = ask(grey, detail="stem").filters
    assert stem.look.form == "maps" and stem.look.of == 4 and stem.path
    assert not ask(grey, detail="next").filters, "the second convolution sees no pixels"


# saliency and answers -------------------------------------------------------------------------------------------------


def test_saliency_is_the_gradient_of_the_class_score() -> None:
    picture = colours(4)
    told = ask(CONV, picture=png(picture), seed=5, target=2)
    root = root_of(CONV, seed=5)
    network = compile_design(CONV, "inference", root)
    pixels = torch.from_numpy((picture * 255).round() / 255).float().permute(2, 0, 1)[None].requires_grad_()
    scores = network.module.eval()(pixels)
    scores[0, 2].backward()
    assert pixels.grad is not None
    wanted = pixels.grad[0].abs().amax(0)
    assert told.saliency is not None and (told.saliency.id, told.saliency.target) == ("image", 2)
    look = told.saliency.look
    assert (look.width, look.height, look.tiles[0].high) == (32, 32, pytest.approx(float(wanted.max())))
    grey = ((wanted - wanted.min()) / (wanted.max() - wanted.min()) * 255).round().numpy()
    assert np.abs(tile(look).astype(int) - grey).max() <= 1
    chances = torch.softmax(scores.detach()[0], 0)
    assert [c.index for c in told.answers] == chances.argsort(descending=True).tolist()
    assert told.answers[0].probability == pytest.approx(float(chances.max()))
    likeliest = ask(CONV, picture=png(picture), seed=5)
    assert likeliest.saliency is not None and likeliest.saliency.target == told.answers[0].index


# weights --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("preview") / "run"
    train(digits(), replace(SHORT, epochs=1), run=folder, device="cpu")
    return folder


def test_a_run_shows_its_trained_weights_and_the_samples_of_its_data(run: Path) -> None:
    loaded = load_run(run)
    assert loaded.network is not None
    data = open_data("digits", loaded.network.inputs)
    told = ask(digits(), run=str(run), sample=13, detail="stem")
    assert told.whose.words == f"Weights of the run run: all {told.whose.needed} tensors." and told.whose.kind == "run"
    label = data.splits["test"].labels
    assert label is not None and told.samples == len(label) == 360
    assert [c.label for c in told.choices] == list("0123456789") and told.choices[0].sample == 10
    digit = tile(told.choices[3].look)
    same = [i for i in range(360) if np.array_equal(tile(looks_of(data, i)), digit)]
    assert same and int(label[same[0]]) == 3, "the fourth of each row is a 3"
    with torch.no_grad():
        pixels = data.splits["test"].take(torch.tensor(same[:1]))[0]
        scores = loaded.network.module(pixels)
        value = loaded.root.get_submodule("stem")(pixels)[0]
    assert told.answers[0].label == str(int(scores.argmax())) and told.classes == 10
    assert [t.high for t in detail(told).tiles] == pytest.approx(value.amax((1, 2)).tolist(), abs=1e-5)
    loss = summary(told, "loss", "loss")
    assert loss.values == pytest.approx([float(nn.functional.cross_entropy(scores, label[same[:1]]))], abs=1e-4)
    assert summary(told, "label").values == (3,)


def looks_of(data: Any, index: int) -> Look:
    return looks.look(data.splits["test"].take(torch.tensor([index]))[0], looks.LARGE)


def test_a_run_fills_what_fits_after_an_edit_and_says_the_rest(run: Path, tmp_path: Path) -> None:
    cards = shared_analyser().cards
    edited = edits.set_setting(digits(), "", "head", "out_features", 7, cards)
    told = ask(edited, run=str(run))
    assert told.whose.needed - told.whose.filled == 2
    assert told.whose.words.endswith("random with seed 0: head.weight, head.bias.")
    with pytest.raises(RunError, match="no run folder"):
        ask(digits(), run=str(tmp_path / "none"))
    (tmp_path / "design.netloom").write_text("{}")
    with pytest.raises(CheckpointError, match="no checkpoint yet"):
        ask(digits(), run=str(tmp_path))


def test_a_file_fills_what_it_names(run: Path, tmp_path: Path) -> None:
    design = digits()
    state = {k: torch.full_like(v, 0.25) for k, v in root_of(design).state_dict().items() if v.is_floating_point()}
    save_file(state, tmp_path / "own.safetensors")
    told = ask(design, file=str(tmp_path / "own.safetensors"), detail="head")
    assert told.whose.words.startswith(f"Weights of own.safetensors: all {told.whose.needed} tensors.")
    scores = detail(told).values
    assert scores == pytest.approx([scores[0]] * 10, rel=1e-5), "equal weights, equal scores"
    (tmp_path / "bad.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0nonsense")
    with pytest.raises((WeightsError, CheckpointError), match=r"bad\.safetensors"):
        ask(design, file=str(tmp_path / "bad.safetensors"))
    save_file({"else.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match="No tensor of other"):
        ask(design, file=str(tmp_path / "other.safetensors"))
    with pytest.raises(WeightsError, match="cannot be opened"):
        ask(design, file=str(tmp_path / "none.pt"))


def test_random_weights_follow_the_seed_and_outlast_edits_elsewhere() -> None:
    first, again, other = ask(CONV), ask(CONV), ask(CONV, seed=1)
    assert first == again and first.whose.words == "Random weights, seed 0."
    assert summary(other, "conv") != summary(first, "conv")
    wider = edits.set_setting(CONV, "", "head", "out_features", 9, shared_analyser().cards)
    assert summary(ask(wider), "conv") == summary(first, "conv"), "its weights are its own"
    twins = chain(IMAGE, node("a", "Conv2d", out_channels=3), node("b", "Conv2d", out_channels=3), OUTPUT)
    root = root_of(twins)
    assert not torch.equal(root.get_parameter("a.weight"), root.get_parameter("b.weight"))
    before = torch.get_rng_state()
    ask(CONV, seed=2)
    assert torch.equal(torch.get_rng_state(), before)


# drawings -------------------------------------------------------------------------------------------------------------


STAGE = Group(
    name="stage",
    nodes=(node("x", "GroupInput"), node("conv", "Conv2d", out_channels=4), node("out", "GroupOutput")),
    wires=(wire("x", "conv"), wire("conv", "out")),
)


def test_groups_and_repetitions_have_the_paths_of_the_analysis() -> None:
    design = chain(
        node("image", "Input", size=(4, 8, 8)), node("stage", group="stage", repeat=3), OUTPUT, groups=(STAGE,)
    )
    analysis = shared_analyser().analyse(design)
    told = ask(design, detail="stage")
    ids = {port.id for port in told.outputs}
    assert {"stage/0/conv", "stage/1/conv", "stage/2/conv", "image"} == ids
    assert ids <= {report.id for report in analysis.nodes}
    pairs = {(s.id, s.port): (s.of, s.of_port) for s in told.same}
    assert pairs == {("stage", "out"): ("stage/2/conv", "out"), ("output", ""): ("stage/2/conv", "out")}
    assert detail(told) == detail(ask(design, detail="stage/2/conv")) != detail(ask(design, detail="stage/0/conv"))
    assert ask(design, detail="output").detail[0].looks == told.detail[0].looks


def test_a_pyramid_shows_its_levels_and_what_is_no_tensor_is_named() -> None:
    design = chain(IMAGE, node("body", "ResidualBackbone", depths=(1, 1, 1), widths=(4, 8, 16)), OUTPUT)
    told = ask(design, detail="body")
    (port,) = told.detail
    sizes = [look.shape for look in port.looks]
    assert len(sizes) > 2 and sizes == sorted(sizes, key=lambda s: -s[2])
    small = next(p for p in told.outputs if p.id == "body")
    assert sum(len(look.pixels) for look in small.looks) <= looks.SMALL.pixels


def test_the_valid_part_of_a_drawing_with_errors_is_shown() -> None:
    broken = replace(
        CONV, nodes=(*CONV.nodes, node("lost", "ReLU"), node("wrong", "Conv2d", groups=2)),
        wires=(*CONV.wires, Wire(End("image", "out"), End("wrong", "x"))),
    )  # fmt: skip
    told = ask(broken)
    why = {s.id: s.why for s in told.skipped}
    assert summary(told, "conv") == summary(ask(CONV), "conv") and set(why) == {"lost", "wrong"}
    assert "nothing is wired" in why["lost"] and "groups" in why["wrong"]
    with pytest.raises(PreviewError, match="has no Input"):
        ask(Design())
    with pytest.raises(PreviewError, match="has no Input"):
        ask(Design(nodes=(node("act", "Conv2d"),)))
    with pytest.raises(PreviewError, match="Nothing can be shown: image: size"):
        ask(chain(node("image", "Input", size=(0, 1)), OUTPUT))


def test_what_fails_only_as_it_runs_is_said_and_the_rest_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    def forward(_self: Any, x: torch.Tensor) -> torch.Tensor:
        raise ArithmeticError("no such luck")

    told = ask(CONV)
    monkeypatch.setattr(nn.Flatten, "forward", forward)
    failing = ask(CONV)
    assert summary(failing, "conv") == summary(told, "conv") and not failing.answers
    why = {s.id: s.why for s in failing.skipped}
    assert "no such luck" in why["flat"] and set(why) == {"flat", "head"}
    assert any("flat could not be run: no such luck" in said for said in failing.said)


def test_what_is_too_much_is_refused_with_its_numbers() -> None:
    huge = chain(node("image", "Input", size=(3, 8192, 8192)), node("conv", "Conv2d", out_channels=64), OUTPUT)
    with pytest.raises(PreviewError, match=r"One sample takes \d+\.\d GB"):
        ask(huge)
    slow = chain(
        node("image", "Input", size=(64, 96, 96)), node("conv", "Conv2d", out_channels=4096, kernel_size=(31, 31)),
        OUTPUT,
    )  # fmt: skip
    with pytest.raises(PreviewError, match="G multiply-adds"):
        ask(slow)


def test_only_so_many_nodes_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    from app.engine.preview import plan

    monkeypatch.setattr(plan, "MAX_LOOKS", 3)
    design = chain(
        node("image", "Input", size=(4, 8, 8)), node("stage", group="stage", repeat=4), OUTPUT, groups=(STAGE,)
    )
    told = ask(design)
    assert {p.id for p in told.outputs} == {"image", "stage/0/conv", "stage/3/conv"} and len(expand(design).calls) == 6
    assert any("3 of 5 outputs" in said for said in told.said)


# samples --------------------------------------------------------------------------------------------------------------


def test_pictures_that_cannot_be_read_or_taken_are_refused() -> None:
    with pytest.raises(DataError, match="not a picture"):
        ask(CONV, picture=b"hello")
    tokens = chain(
        node("words", "Input", size=(12,), dtype="int64"), node("embed", "Embedding", vocabulary=50, features=8),
        OUTPUT,
    )  # fmt: skip
    told = ask(tokens, detail="embed")
    assert "`words` is random: whole numbers below" in told.sample and not told.choices
    assert detail(told).form == "heat" and ask(tokens, sample=1).outputs != told.outputs
    with pytest.raises(DataError, match="`words` takes int64"):
        ask(tokens, picture=png(colours()))


def test_a_digit_stands_in_where_the_drawing_names_no_data() -> None:
    told = ask(CONV)
    assert any("handwritten digit stands in" in said for said in told.said) and told.answers[0].label.isdigit()
    gone = replace(CONV, recipe=Recipe(data="images:nowhere"))
    assert any("no folder nowhere" in said for said in ask(gone).said)


# the engine's queue ---------------------------------------------------------------------------------------------------


def test_a_newer_preview_takes_the_place_of_one_that_waits() -> None:
    inbox = Inbox()
    first, second = GetPreview("a", CONV), GetPreview("b", CONV)
    assert inbox.put(first) == [] and inbox.put(m.GetCatalogue()) == []
    assert inbox.put(second) == [first] and inbox.overtaken("x")
    assert [inbox.next(), inbox.next()] == [m.GetCatalogue(), second]
    assert not inbox.overtaken("b")
    inbox.put(m.Cancel("b"))
    assert inbox.overtaken("b")
    with pytest.raises(Stopped):
        preview(shared_analyser(), CONV, second, lambda: True)
