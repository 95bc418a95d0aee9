"""What is remembered of runs on meta is what torch would work out."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from app.engine import measure, meta
from app.engine.analysis import Analyser
from app.engine.meta import Remembering
from blocks import catalogue
from tests.layers import drawn


@pytest.mark.parametrize(
    "name", ["resnet18", "swin_t", "gpt2_small", "yolov8n", "hrnet_w18_small", "lstm_text_classifier"]
)
def test_an_analysis_with_memory_is_one_without(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cards, design = catalogue.load(), drawn(name)
    for _ in range(2):  # the second finds everything remembered
        remembered = Analyser(cards, catalogue.classes()).analyse(design)
    monkeypatch.setattr(measure, "Remembering", contextlib.nullcontext)
    assert remembered == Analyser(cards, catalogue.classes()).analyse(design)


def test_only_new_tensors_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: dict[object, object] = {}
    monkeypatch.setattr(meta, "_answers", answers)
    x = torch.empty(2, 3, 4, device="meta")
    with Remembering():
        assert torch.ops.aten._unsafe_view(x, (6, 4)).untyped_storage()._cdata == x.untyped_storage()._cdata
        assert x.view(6, 4).transpose(0, 1).stride() == (1, 4)
        assert x.add_(1) is x
        assert answers == {}, "views and what works in place"
        assert torch.relu(torch.ones(2)).tolist() == [1, 1] and answers == {}, "real numbers"
        first, second = torch.exp(x), torch.exp(x)
    assert len(answers) == 1
    assert (first.shape, first.dtype, first.device) == (second.shape, second.dtype, second.device)
    assert first.untyped_storage()._cdata != second.untyped_storage()._cdata


def test_what_differs_is_told_apart() -> None:
    """Numbers of another type, strides and dtypes; an error is one again."""
    x = torch.empty(2, 3, device="meta", dtype=torch.int64)
    with Remembering():
        for _ in range(2):
            assert (x * 2).dtype == torch.int64 and (x * 2.0).dtype == torch.float32
            assert (x.t() * 2).stride() == (1, 3) and (x * 2).stride() == (3, 1)
            assert torch.cat([x, x]).shape == (4, 3) and torch.cat([x, x], 1).shape == (2, 6)
            assert [t.shape for t in torch.topk(x.float(), 2)] == [(2, 2), (2, 2)]
            with pytest.raises(RuntimeError, match="must match"):
                torch.cat([x, x.t()])


def test_gradients_flow_through_what_is_remembered() -> None:
    x = torch.empty(2, 3, device="meta", requires_grad=True)
    with Remembering():
        for _ in range(2):
            x.grad = None
            torch.sigmoid(x).sum().backward()
            assert x.grad is not None and x.grad.shape == x.shape


LIKE_THE_FIRST = (
    torch.relu, torch.sigmoid, torch.tanh, functional.silu, functional.gelu, functional.hardswish,
    functional.hardsigmoid, functional.hardtanh, functional.relu6, functional.elu, functional.leaky_relu,
    nn.BatchNorm2d(3, device="meta").eval(), nn.BatchNorm2d(3, affine=False, device="meta").eval(),
    nn.BatchNorm2d(3, device="meta").train(), nn.BatchNorm2d(3, track_running_stats=False, device="meta").eval(),
)  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("call", LIKE_THE_FIRST, ids=lambda call: getattr(call, "__name__", str(call)))
def test_what_is_known_without_a_run_is_what_a_run_gives(
    call: Callable[[torch.Tensor], torch.Tensor], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meta, "_answers", {})
    x = torch.empty(2, 3, 4, 6, device="meta", dtype=dtype, requires_grad=True)
    for given in (x, x.to(memory_format=torch.channels_last), x.transpose(2, 3), x[:, :, ::2], x.expand(2, 3, 4, 6)):
        kept: list[tuple[Any, ...]] = []
        for mode in (contextlib.nullcontext(), Remembering()):
            saved: list[torch.Tensor] = []
            keeping = torch.autograd.graph.saved_tensors_hooks(lambda t, saved=saved: saved.append(t) or t, lambda t: t)
            with mode, keeping:
                y = call(given)
            kept.append(tuple((t.shape, t.stride(), t.dtype) for t in (y, *saved)))
        assert kept[0] == kept[1]
