"""The formulas of torch's layers on random settings: sizes of a real forward, parameters, MACs as torch counts them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from app.design.expand import Call
from app.design.values import Settings
from app.engine.compile import shared_analyser
from app.engine.reckoning import reckon_step
from app.engine.reckoning.macs import product_of, summed
from app.engine.reckoning.rules import Seen, explained
from app.engine.reckoning.trace import shapes, trace
from app.engine.reckoning.weights import neurons, parameters
from app.engine.walk import Step
from app.messages.reports import Tensor
from tests.blocks.samples import CARDS
from tests.engine.reckoned import about, check, counted_macs, worked_out


def check_layer(module: nn.Module, x: torch.Tensor) -> None:
    """The formulas of sizes against a real forward, of parameters against their numbers, of MACs against the counter.

    Only what the layer refuses itself is not looked at.
    """
    try:
        made = module(x)
    except RuntimeError:
        return
    tensors = [t for t in (made if isinstance(made, tuple) else (made,)) if isinstance(t, torch.Tensor)]
    axes = explained(module, Seen([tuple(x.shape)], [tuple(t.shape) for t in tensors]))
    assert axes is not None
    for axis, size in enumerate(tensors[0].shape):
        formula = axes[0].get(axis)
        told = x.shape[axis] if formula is None else worked_out(formula.numbers)
        assert told == size, (module, axis, formula)
    assert worked_out(parameters(module).numbers) == sum(p.numel() for p in module.parameters())
    module.to("meta")
    value = (Tensor(tuple(x.shape), str(x.dtype).removeprefix("torch.")),)
    seen = trace(module, [value], ["tensor"], set())
    products = [p for found in seen.products.values() for p in found]
    counted = counted_macs(module, x.to("meta"))
    assert worked_out(summed(products).numbers or "0") == counted, module
    assert shapes(seen.made[0]) == tuple(tensors[0].shape)
    check(neurons(module, Seen([tuple(x.shape)], [tuple(t.shape) for t in tensors])))


small = st.integers(1, 3)
FEW = settings(max_examples=15)


@st.composite
def per_axis(draw: st.DrawFn, values: st.SearchStrategy[int], count: int) -> tuple[int, ...]:
    return tuple(draw(values) for _ in range(count))


@FEW
@given(st.data(), st.integers(1, 3), st.booleans())
def test_convolutions(data: st.DataObject, n: int, bias: bool) -> None:
    groups = data.draw(small)
    channels, out = groups * data.draw(small), groups * data.draw(small)
    kernel, stride, dilation = (data.draw(per_axis(small, n)) for _ in range(3))
    padding = data.draw(per_axis(st.integers(0, 3), n) | st.just("same") | st.just("valid"))
    if padding == "same":
        stride = (1,) * n
    cls = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[n - 1]
    module = cls(channels, out, kernel, stride, padding, dilation, groups, bias)  # type: ignore[arg-type]
    check_layer(module, torch.randn(data.draw(small), channels, *data.draw(per_axis(st.integers(1, 12), n))))


@FEW
@given(st.data(), st.integers(1, 3), st.booleans())
def test_transposed_convolutions(data: st.DataObject, n: int, bias: bool) -> None:
    groups = data.draw(small)
    channels, out = groups * data.draw(small), groups * data.draw(small)
    kernel, stride, dilation = (data.draw(per_axis(small, n)) for _ in range(3))
    padding, more = (data.draw(per_axis(st.integers(0, 2), n)) for _ in range(2))
    more = tuple(min(m, max(s, d) - 1) for m, s, d in zip(more, stride, dilation, strict=True))
    cls = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)[n - 1]
    module = cls(channels, out, kernel, stride, padding, more, groups, bias, dilation)  # type: ignore[arg-type]
    check_layer(module, torch.randn(data.draw(small), channels, *data.draw(per_axis(st.integers(1, 7), n))))


@FEW
@given(st.data(), st.integers(1, 3), st.sampled_from(["Max", "Avg"]), st.booleans())
def test_pooling(data: st.DataObject, n: int, kind: str, ceil: bool) -> None:
    kernel, stride = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 5))
    padding = data.draw(st.integers(0, kernel // 2))
    more = {"dilation": data.draw(small)} if kind == "Max" else {}
    module = getattr(nn, f"{kind}Pool{n}d")(kernel, stride, padding, ceil_mode=ceil, **more)
    check_layer(module, torch.randn(2, 3, *data.draw(per_axis(st.integers(1, 12), n))))


@FEW
@given(st.data(), st.sampled_from(["Max", "Avg"]), st.integers(1, 3), st.booleans())
def test_other_pooling(data: st.DataObject, kind: str, n: int, ceil: bool) -> None:
    sizes = data.draw(per_axis(st.integers(4, 12), n))
    wished = data.draw(per_axis(st.integers(1, 6), n))
    check_layer(getattr(nn, f"Adaptive{kind}Pool{n}d")(wished if n > 1 else wished[0]), torch.randn(2, 3, *sizes))
    power = getattr(nn, f"LPPool{n}d")(2.0, data.draw(st.integers(1, 4)), data.draw(small), ceil_mode=ceil)
    check_layer(power, torch.randn(2, 3, *sizes))


@FEW
@given(st.data(), st.booleans())
def test_linear_and_embedding(data: st.DataObject, bias: bool) -> None:
    features, out, batch = (data.draw(st.integers(1, 9)) for _ in range(3))
    further = data.draw(st.lists(small, max_size=2))
    check_layer(nn.Linear(features, out, bias), torch.randn(batch, *further, features))
    check_layer(nn.Embedding(out, features), torch.randint(0, out, (batch, *further)))


@FEW
@given(st.data(), st.sampled_from([nn.RNN, nn.LSTM, nn.GRU]), st.booleans(), st.booleans())
def test_recurrent_layers(data: st.DataObject, cls: type[nn.RNNBase], both: bool, bias: bool) -> None:
    hidden = data.draw(st.integers(2, 5))
    more = {"proj_size": data.draw(st.integers(0, hidden - 1))} if cls is nn.LSTM else {}
    module = cls(
        data.draw(st.integers(1, 5)), hidden, data.draw(small), bias=bias, batch_first=True, bidirectional=both, **more
    )
    check_layer(module, torch.randn(data.draw(small), data.draw(st.integers(1, 4)), module.input_size))


@FEW
@given(st.data(), st.sampled_from([nn.RNNCell, nn.LSTMCell, nn.GRUCell]), st.booleans())
def test_recurrent_cells(data: st.DataObject, cls: Any, bias: bool) -> None:
    inputs, hidden = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 6))
    check_layer(cls(inputs, hidden, bias=bias), torch.randn(data.draw(small), inputs))


@pytest.mark.parametrize(
    "module", [nn.BatchNorm2d(6), nn.LayerNorm((6, 4, 4)), nn.GroupNorm(3, 6), nn.InstanceNorm2d(6, affine=True),
               nn.RMSNorm((4, 4)), nn.Bilinear(3, 4, 5), nn.Bilinear(3, 4, 5, bias=False), nn.PReLU(6)],
)  # fmt: skip
def test_parameters_of_other_layers(module: nn.Module) -> None:
    assert worked_out(parameters(module).numbers) == sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("mask", [False, True])
@FEW
@given(batch=small, heads=small, queries=st.integers(1, 6), keys=st.integers(1, 6), size=small, out=small)
def test_attention_counts(mask: bool, batch: int, heads: int, queries: int, keys: int, size: int, out: int) -> None:
    """Two products of matrices, whether torch fuses them or not."""
    card = CARDS["DotProductAttention"]
    found = [(batch, heads, queries, size), (batch, heads, keys, size), (batch, heads, keys, out)]
    inputs: dict[str, Any] = {p: (Tensor(s),) for p, s in zip("qkv", found, strict=True)}
    inputs["mask"] = (Tensor((batch, keys), "int64"),) if mask else None
    measured = shared_analyser().measurer.measure(card.id, Settings(), tuple(inputs.values()), tuple(inputs))
    call = Call("a", "a", "", "a", card.id, Settings(), "a", False)
    told = reckon_step(shared_analyser(), Step(call, card, inputs, (), tuple(inputs), measured))
    check(told.lines)
    assert about(told.lines, "MACs").result == batch * heads * queries * keys * (size + out)


def test_a_fused_attention_has_its_formula() -> None:
    q, k, v = torch.empty(2, 3, 5, 4), torch.empty(2, 3, 7, 4), torch.empty(2, 3, 7, 6)
    fused = torch.ops.aten._scaled_dot_product_flash_attention.default
    found = product_of(fused, (q, k, v), {}, None)
    assert worked_out(found.formula.numbers) == found.macs == 2 * 3 * 5 * 7 * (4 + 6)


def test_a_class_of_ones_own_is_not_taken_for_another_of_its_name() -> None:
    class Flatten(nn.Module):
        pass

    class Narrow(nn.Conv2d):
        pass

    assert explained(Flatten(), Seen([(1, 2, 3)], [(1, 2)])) is None
    assert explained(Narrow(3, 4, 1), Seen([(1, 3, 5, 5)], [(1, 4, 5, 5)])) is not None
