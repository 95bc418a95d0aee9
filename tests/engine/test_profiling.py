"""Each node of a drawing is measured as it runs: time, memory, and what is refused before it begins."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import pytest
import torch
from msgspec.structs import replace

from app import trust
from app.design.values import Design, Group, Node
from app.engine import profiling, room, timed
from app.engine.compile import InvalidDesignError, compile_design, shared_analyser
from app.engine.forecast import ForecastError
from app.engine.profiling import profile
from app.engine.server import Server
from app.engine.timed import ProfileError
from app.messages import Cancel
from app.messages.profile import GetProfile, Profile
from tests.drawing import IMAGE, OUTPUT, chain, node, wire

STAGE = Group(
    name="stage",
    nodes=(node("in", "GroupInput", name="x"), node("conv", "Conv2d", out_channels=8), node("act", "ReLU"),
           node("out", "GroupOutput", name="y")),
    wires=(wire("in", "conv"), wire("conv", "act"), wire("act", "out")),
)  # fmt: skip
REPEATED = chain(
    IMAGE, node("first", "Conv2d", out_channels=8), groups=(STAGE,),
    more=(node("stage", group="stage", repeat=2), node("again", "Conv2d", out_channels=8),
          node("same", "Conv2d", out_channels=8, shares="again"), OUTPUT),
    wires=(wire("first", "stage.x"), wire("stage.y", "again"), wire("again", "same"), wire("same", "output")),
)  # fmt: skip
CALLS = ["first", "stage/0/conv", "stage/0/act", "stage/1/conv", "stage/1/act", "again", "same"]
KIBI = 1024


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fewest repeats, unless a test asks for more."""
    monkeypatch.setattr(timed, "SECONDS", 0.0)


def learner(*body: Node) -> Design:
    head = node("head", "ClassificationHead", classes=10)
    return chain(IMAGE, *body, head, OUTPUT, more=(node("label", "Target"), node("loss", "CrossEntropy")),
                 wires=(wire("head", "loss.x"), wire("label", "loss.target")))  # fmt: skip


def memory(told: Profile) -> dict[str, int]:
    return {one.id: one.memory for one in (*told.nodes, *told.groups)}


# what is measured -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("training", [False, True])
def test_every_call_has_a_figure_and_a_group_the_sum_of_its_calls(training: bool) -> None:
    told = profile(REPEATED, batch=2, device="cpu", training=training, job="7")
    assert (told.job, told.device, told.batch, told.repeats, told.training) == ("7", "cpu", 2, 3, training)
    assert told.title.startswith("CPU") and told.threads == 1 and told.stand_in is training
    assert [one.id for one in told.nodes] == CALLS
    assert all(one.forward > 0 for one in told.nodes)
    assert all((one.backward > 0) is training for one in told.nodes)
    assert (told.backward > 0) is training
    (stage,) = told.groups
    inside = [one for one in told.nodes if one.id.startswith("stage/")]
    assert stage.id == "stage" and len(inside) == 4
    for name in ("forward", "backward", "memory", "share"):
        assert getattr(stage, name) == pytest.approx(sum(getattr(one, name) for one in inside))
    assert sum(one.share for one in told.nodes) == pytest.approx(1)


def test_nodes_add_up_to_the_whole_and_large_ones_take_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """By wide margins: the machine does other things, too."""
    monkeypatch.setattr(timed, "SECONDS", 0.4)
    design = learner(
        node("small", "Conv2d", out_channels=3, kernel_size=(1, 1)),
        node("large", "Conv2d", out_channels=64, kernel_size=(7, 7), padding=(3, 3)),
    )
    reports = {report.id: report for report in shared_analyser().analyse(design).nodes}
    assert reports["large"].macs > 100 * reports["small"].macs
    told = profile(design, batch=8, device="cpu", training=True)
    times = {one.id: one for one in told.nodes}
    assert times["large"].forward > 3 * times["small"].forward
    assert times["large"].backward > 3 * times["small"].backward
    assert times["large"].share > 0.5 and not told.stand_in and "loss" in times
    assert told.time / 4 < told.attributed < told.time * 4
    assert 3 < told.repeats <= timed.MOST


def test_memory_is_that_of_the_outputs_and_of_what_is_kept_for_the_way_back() -> None:
    body = (node("conv", "Conv2d", out_channels=8), node("norm", "BatchNorm2d"), node("act", "GELU"),
            node("flat", "Flatten"), node("fc", "Linear", out_features=10))  # fmt: skip
    image = 4 * 8 * 32 * 32 * 4  # 4 samples of 8 x 32 x 32 floats
    used = memory(profile(chain(IMAGE, *body, OUTPUT), batch=4, device="cpu"))
    assert used == {"conv": image, "norm": image, "act": image, "flat": 0, "fc": 4 * 10 * 4}
    kept = memory(profile(chain(IMAGE, *body, OUTPUT), batch=4, device="cpu", training=True))
    statistics = 2 * 8 * 4  # a batch norm keeps the mean and the spread of each channel
    assert kept == used | {"norm": image + statistics}
    block = chain(IMAGE, node("block", "BasicBlock", channels=8), OUTPUT)
    light, heavy = (memory(profile(block, batch=4, device="cpu", training=how))["block"] for how in (False, True))
    assert light == image and heavy >= 4 * image, "in training what is inside is kept as well"


def test_what_hands_its_input_on_takes_nothing_on_the_way_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_analyser().measurer, "trusted", trust.Everything())
    body = node("conv", "Conv2d"), node("plain", "Code", source="x"), node("act", "ReLU")
    told = {one.id: one for one in profile(chain(IMAGE, *body, OUTPUT), batch=2, device="cpu", training=True).nodes}
    assert told["plain"].backward == 0 and told["plain"].memory == 0 and told["plain"].forward > 0
    assert told["conv"].backward > 0 and told["act"].backward > 0


@pytest.mark.parametrize("precision", ["bf16", "64"])
def test_other_precisions(precision: str) -> None:
    design = chain(IMAGE, node("conv", "Conv2d", out_channels=8), OUTPUT)
    told = profile(design, batch=2, device="cpu", precision=precision, training=True)
    assert told.precision == precision
    item = 2 if precision == "bf16" else 8
    assert memory(told)["conv"] >= 2 * 8 * 32 * 32 * item
    assert memory(profile(design, batch=2, device="cpu", precision=precision))["conv"] == 2 * 8 * 32 * 32 * item
    assert torch.get_default_dtype() is torch.float32


def test_tokens_are_within_the_vocabulary() -> None:
    design = chain(
        node("tokens", "Input", size=(32,), dtype="int64"), node("table", "Embedding", vocabulary=5, features=8), OUTPUT
    )
    (tokens,) = timed.samples(compile_design(design), 4, "cpu", torch.float32)
    assert tokens.shape == (4, 32) and tokens.dtype == torch.int64 and set(tokens.flatten().tolist()) == set(range(5))
    assert memory(profile(design, batch=4, device="cpu")) == {"table": 4 * 32 * 8 * 4}


def test_it_leaves_everything_as_it_was() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    before = torch.get_num_threads()
    profile(REPEATED, device="cpu", training=True)
    assert torch.equal(torch.rand(2), expected) and torch.get_num_threads() == before


# what is refused ------------------------------------------------------------------------------------------------------


@pytest.fixture
def nothing_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    def built(*_: object) -> None:
        raise AssertionError("the network was built")

    monkeypatch.setattr(profiling, "_compiled", built)


@pytest.mark.usefixtures("nothing_is_built")
@pytest.mark.parametrize("training", [False, True])
def test_a_batch_that_does_not_fit_is_refused_with_its_numbers(training: bool) -> None:
    said = r"batch 1,000,000 would take about [\d,.]+ GB, but [\d,.]+ [MG]B of memory are free: use a batch of [\d,]+"
    with pytest.raises(ProfileError, match=said):
        profile(REPEATED, batch=10**6, device="cpu", training=training)


@pytest.mark.usefixtures("nothing_is_built")
@pytest.mark.parametrize(
    ("design", "how", "sentence"),
    [
        (chain(IMAGE, node("bad", "Conv2d", out_channels=0), OUTPUT), {}, "out_channels.*Mend that, then measure"),
        (chain(IMAGE, node("conv", "Conv2d")), {"precision": "8"}, "There is no precision `8`"),
        (REPEATED, {"precision": "16"}, "Precision 16 needs a GPU"),
        (REPEATED, {"batch": 0}, "batch size is 0"),
        (REPEATED, {"batch": 10**12}, "no machine holds that"),
        (REPEATED, {"cancelled": lambda: True}, "was stopped"),
    ],
)
def test_what_cannot_be_measured_is_said_before_anything_is_built(
    design: Design, how: dict[str, object], sentence: str
) -> None:
    with pytest.raises((ProfileError, InvalidDesignError), match=sentence) as raised:
        profile(design, device="cpu", **how)  # type: ignore[arg-type]
    assert "\n" not in str(raised.value)


def test_the_batch_that_is_advised_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiling, "free_memory", lambda device: 3 * KIBI * KIBI)
    with pytest.raises(ProfileError, match="use a batch of") as raised:
        profile(REPEATED, batch=500, device="cpu")
    advised = int(str(raised.value).split("use a batch of ")[1].split(" ")[0])
    assert 1 < advised < 500
    assert profile(REPEATED, batch=advised, device="cpu").batch == advised
    monkeypatch.setattr(profiling, "free_memory", lambda device: 2 * KIBI)
    with pytest.raises(ProfileError, match="use a smaller network"):
        profile(REPEATED, batch=1, device="cpu")


@pytest.mark.parametrize(
    ("design", "sentence"),
    [
        (chain(IMAGE, node("relu", "ReLU"), OUTPUT), "No weight of the design can be trained"),
        (chain(IMAGE, node("conv", "Conv2d", frozen=True), OUTPUT), "No weight of the design can be trained"),
        (chain(IMAGE, node("conv", "Conv2d")), "Output"),
        (chain(IMAGE, node("conv", "Conv2d", kernel_size=(32, 32), padding=(0, 0)), node("norm", "BatchNorm2d"),
               OUTPUT), "A batch norm gets one value a channel at batch size 1"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_is_said(design: Design, sentence: str) -> None:
    with pytest.raises((ProfileError, InvalidDesignError, ForecastError), match=sentence) as raised:
        profile(design, device="cpu", training=True)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("looks", [1, 4, 20, 40])
def test_it_stops_when_it_is_cancelled_wherever_it_is(monkeypatch: pytest.MonkeyPatch, looks: int) -> None:
    monkeypatch.setattr(timed, "SECONDS", 60.0)
    asked = itertools.count(1)
    with pytest.raises(ProfileError) as raised:
        profile(REPEATED, device="cpu", cancelled=lambda: next(asked) >= looks)
    assert str(raised.value) == timed.STOPPED and next(asked) == looks + 1


def test_a_cancel_reaches_the_question_through_the_server() -> None:
    server = Server(io.BytesIO())
    server.inbox.put(Cancel("1"))
    with pytest.raises(ProfileError, match="was stopped"):
        server.answer(GetProfile("1", REPEATED, device="cpu"))
    server.answer(GetProfile("2", REPEATED, device="cpu"))
    assert b'"type":"Profile"' in server._output.getvalue()  # type: ignore[attr-defined]


# memory that is left --------------------------------------------------------------------------------------------------


def test_free_memory_is_read_off_the_system(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal:  100 kB\nMemFree:  10 kB\nMemAvailable:   40 kB\n")
    assert room._available(tmp_path / "meminfo") == 40 * KIBI
    assert room._available(tmp_path / "none") is None
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("700\n")
    assert room._group(tmp_path) is None, "no limit"
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.stat").write_text("anon 500\ninactive_file 150\n")
    assert room._group(tmp_path) == 1000 - 700 + 150
    free = room.free_memory("cpu")
    assert free is not None and free > 2**20


def test_figures_cross_the_pipe_as_they_are() -> None:
    from app.messages import decode_reply, encode

    told = profile(REPEATED, device="cpu")
    assert decode_reply(encode(told)) == told
    assert replace(told, job="x").attributed == pytest.approx(sum(one.forward for one in told.nodes))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA here")
@pytest.mark.parametrize("training", [False, True])
def test_cuda_measures_too(training: bool) -> None:
    told = profile(REPEATED, batch=8, device="cuda", training=training)
    assert told.threads == 0 and [one.id for one in told.nodes] == CALLS
    assert all(one.forward > 0 and one.memory >= 8 * 8 * 32 * 32 * 4 for one in told.nodes if "conv" in one.id)
