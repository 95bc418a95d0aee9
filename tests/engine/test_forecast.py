"""The memory forecast holds against what the profiler sees of real training steps."""

from __future__ import annotations

import msgspec
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from app.design import file
from app.design.values import Design, Node
from app.engine.compile import compile_design, shared_analyser
from app.engine.forecast import Forecaster, ForecastError, forecast_memory, largest_batch
from app.messages.forecast import ForecastMemory, MemoryForecast, MemoryParts
from examples import path
from tests.benchmarks.bench_memory import NETWORKS, measured, small, stepper
from tests.drawing import IMAGE, OUTPUT, chain, node, wire

QUICK = ("resnet18", "convnext_atto", "lstm_text_classifier")
MEBI = 2**20


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """The forecast of kernels is that of one thread; other tests may have left more."""
    torch.set_num_threads(1)


def learner(*body: Node, classes: int = 10) -> Design:
    """A drawing with a loss: an image of 3 x 32 x 32, the body, a head of so many classes."""
    head = node("head", "ClassificationHead", classes=classes)
    return chain(IMAGE, *body, head, OUTPUT, more=(node("label", "Target"), node("loss", "CrossEntropy")),
                 wires=(wire("head", "loss.x"), wire("label", "loss.target")))  # fmt: skip


SMALL = learner(
    node("conv1", "Conv2d", out_channels=24), node("norm", "BatchNorm2d"), node("relu", "ReLU"),
    node("conv2", "Conv2d", out_channels=64),
)  # fmt: skip


def agrees(design: Design, *batches: int, precision: str = "32", optimizer: str = "adamw") -> None:
    forecaster = Forecaster(design, precision, optimizer, "cpu")
    for batch in batches:
        peak = forecaster.peak(batch)
        truth = measured(design, batch, precision, optimizer)
        assert peak.bytes == pytest.approx(truth, rel=0.1), (peak, truth)
        assert peak.parts.total == peak.bytes


@pytest.mark.parametrize("name", QUICK)
def test_a_zoo_network_takes_what_was_forecast(name: str) -> None:
    agrees(small(name, NETWORKS[name]), 8, 32)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_every_kind_of_network_takes_what_was_forecast(name: str) -> None:
    agrees(small(name, NETWORKS[name]), 6, 24)


@pytest.mark.parametrize(
    ("precision", "optimizer", "batch"),
    [("32", "adamw", 1), ("32", "sgd", 16), ("bf16", "adam", 16), ("bf16", "adamw", 12), ("64", "rmsprop", 8)],
)
def test_a_drawing_with_a_loss_takes_what_was_forecast(precision: str, optimizer: str, batch: int) -> None:
    agrees(SMALL, batch, precision=precision, optimizer=optimizer)


def test_the_digits_example_takes_what_was_forecast() -> None:
    agrees(file.load(path("digits"), shared_analyser().cards), 16, 64)


@pytest.mark.parametrize(("optimizer", "states"), [("adamw", 2), ("adam", 2), ("sgd", 1), ("rmsprop", 1)])
def test_the_parts_are_those_of_the_real_network(optimizer: str, states: int) -> None:
    real = list(compile_design(SMALL, "training").module.parameters())
    size = sum(p.nbytes for p in real)
    answer = forecast_memory(SMALL, batch=4, optimizer=optimizer, device="cpu", job="7")
    assert (answer.job, answer.device, answer.batch, answer.largest_batch) == ("7", "cpu", 4, None)
    assert (answer.parameters, answer.gradients) == (size, size)
    steps = 0 if optimizer == "sgd" else 4 * len(real)  # a float32 counter each
    assert answer.optimizer == states * size + steps
    assert answer.at_peak.total == answer.peak
    assert answer.at_peak.parameters == size
    assert answer.at_peak.optimizer == answer.optimizer
    assert answer.at_peak.inputs == 4 * (3 * 32 * 32 * 4 + 8)
    assert not answer.stand_in


def test_the_activations_are_those_that_autograd_keeps() -> None:
    """What torch's own hooks see packed for the backward pass, beside the scores' losses and what no call keeps."""
    network = compile_design(SMALL, "training")
    network.module.train()
    weights = {t.untyped_storage().data_ptr() for t in network.root.state_dict(keep_vars=True).values()}
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    samples = torch.randn(4, 3, 32, 32), torch.zeros(4, dtype=torch.int64)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        network.module(*samples)
    others = weights | {sample.untyped_storage().data_ptr() for sample in samples}
    expected = sum(size for address, size in kept.items() if address not in others)
    assert Forecaster(SMALL, device="cpu").peak(4).activations == pytest.approx(expected, abs=64)


def test_frozen_weights_have_no_gradients_and_shared_ones_count_once() -> None:
    def two(**of_second: object) -> Design:
        first = node("a", "Conv2d", out_channels=3)
        return chain(IMAGE, first, msgspec.structs.replace(node("b", "Conv2d", out_channels=3), **of_second), OUTPUT)

    size = 4 * (3 * 3 * 9 + 3)
    sizes = [Forecaster(two(**how), device="cpu") for how in ({}, {"shares": "a"}, {"frozen": True})]
    for forecaster in sizes:
        forecaster.peak(2)
    assert [f.sizes()[:2] for f in sizes] == [(2 * size, 2 * size), (size, size), (2 * size, size)]


def test_where_the_peak_falls() -> None:
    wide = chain(IMAGE, node("flat", "Flatten"), node("fc", "Linear", out_features=2000), OUTPUT)
    assert forecast_memory(wide, batch=1, device="cpu").moment == "optimizer"
    answer = forecast_memory(SMALL, batch=64, device="cpu")
    assert answer.moment in ("forward", "backward")
    assert answer.at_peak.activations + answer.at_peak.temporary > answer.peak / 2
    assert forecast_memory(wide, batch=1, device="cpu").stand_in


def test_nothing_real_is_allocated() -> None:
    """A network of 1.4 TB is forecast, and the profiler sees none of it."""
    body = (
        node("flat", "Flatten"),
        node("a", "Linear", out_features=300_000),
        node("b", "Linear", out_features=300_000),
    )
    with torch.profiler.profile(profile_memory=True, activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
        answer = forecast_memory(chain(IMAGE, *body, OUTPUT), batch=1000, device="cpu")
    events = profiler.profiler.kineto_results.events()
    assert sum(max(e.nbytes(), 0) for e in events if e.name() == "[memory]") < MEBI
    assert answer.parameters == 4 * (3072 * 300_000 + 300_000**2 + 2 * 300_000)
    assert answer.peak > 4 * answer.parameters


_forecaster: list[Forecaster] = []


def shared() -> Forecaster:
    if not _forecaster:
        _forecaster.append(Forecaster(SMALL, device="cpu"))
    return _forecaster[0]


@settings(max_examples=5)
@given(limit=st.integers(MEBI // 2, 2**36), begin=st.integers(1, 500))
def test_the_largest_batch_fits_and_the_next_does_not(limit: int, begin: int) -> None:
    forecaster = shared()
    found = largest_batch(forecaster, limit, begin)
    assert found == 0 or forecaster.peak(found).bytes <= limit
    assert forecaster.peak(found + 1).bytes > limit


def test_limits_that_nothing_fits_or_that_never_end() -> None:
    assert forecast_memory(SMALL, batch=8, limit=1, device="cpu").largest_batch == 0
    assert forecast_memory(SMALL, batch=8, limit=2**60, device="cpu").largest_batch == MEBI
    assert forecast_memory(SMALL, batch=8, device="cpu").largest_batch is None


def test_the_search_is_short() -> None:
    forecaster = Forecaster(SMALL, device="cpu")
    runs: list[int] = []
    step = forecaster._step
    forecaster._step = lambda batch: runs.append(batch) or step(batch)  # type: ignore[assignment,func-returns-value,method-assign]
    largest_batch(forecaster, 2**33, 1)
    assert len(runs) < 14, runs


def test_a_batch_norm_that_refuses_one_sample() -> None:
    body = node("conv", "Conv2d", kernel_size=(32, 32), padding=(0, 0)), node("norm", "BatchNorm2d")
    design = chain(IMAGE, *body, OUTPUT)
    with pytest.raises(ForecastError, match="A batch norm gets one value a channel at batch size 1"):
        forecast_memory(design, batch=1, device="cpu")
    assert forecast_memory(design, batch=2, limit=1, device="cpu").largest_batch == 0


@pytest.mark.parametrize(
    ("design", "how", "sentence"),
    [
        (chain(IMAGE, node("bad", "Conv2d", out_channels=0), OUTPUT), {}, "out_channels"),
        (chain(IMAGE, node("relu", "ReLU"), OUTPUT), {}, "No weight of the design can be trained"),
        (chain(IMAGE, node("conv", "Conv2d")), {}, "Output"),
        (SMALL, {"precision": "16"}, "Precision 16 needs a GPU"),
        (SMALL, {"precision": "8"}, "There is no precision `8`"),
        (SMALL, {"optimizer": "lion"}, "There is no optimizer `lion`"),
        (SMALL, {"batch": 0}, "batch size is 0"),
        (SMALL, {"limit": -1}, "limit -1"),
        (SMALL, {"batch": 10**17}, "larger than any machine holds"),
    ],
)
def test_what_cannot_be_forecast_gets_a_sentence(design: Design, how: dict[str, object], sentence: str) -> None:
    with pytest.raises(ForecastError, match=sentence) as raised:
        forecast_memory(design, device="cpu", **how)  # type: ignore[arg-type]
    assert "\n" not in str(raised.value)


def test_messages_survive_the_pipe() -> None:
    encode = msgspec.json.Encoder(enc_hook=file.enc_hook).encode
    ask = ForecastMemory("1", SMALL, batch=3, precision="bf16", limit=5)
    assert msgspec.json.decode(encode(ask), type=ForecastMemory, dec_hook=file.dec_hook) == ask
    answer = MemoryForecast("1", "cpu", 3, 9, "backward", MemoryParts(parameters=4, temporary=5), largest_batch=0)
    assert msgspec.json.decode(encode(answer), type=MemoryForecast) == answer


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA here")
@pytest.mark.parametrize("batch", [8, 32])
@pytest.mark.parametrize("name", QUICK)
def test_cuda_takes_what_was_forecast(name: str, batch: int) -> None:
    """Without what cuBLAS and cuDNN hold for themselves: the benchmark mode is off, and the limit is wider."""
    design = small(name, NETWORKS[name])
    before = torch.cuda.memory_allocated()
    step, _held = stepper(design, batch, "32", "adamw", "cuda")
    step()
    torch.cuda.reset_peak_memory_stats()
    step()
    truth = torch.cuda.max_memory_allocated() - before
    assert Forecaster(design, device="cuda").peak(batch).bytes == pytest.approx(truth, rel=0.1)
