"""Where attention looks, as a preview tells it: the weights give what the block itself gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from app.engine.preview import attention
from blocks import catalogue
from tests.drawing import OUTPUT, chain, node
from tests.engine.test_preview import ask, tile


def attended(block: nn.Module, *inputs: torch.Tensor) -> tuple[list[attention.Attended], torch.Tensor]:
    with torch.no_grad(), attention.watched(block.eval()) as found:
        return found, block(*inputs)


@pytest.mark.parametrize(
    ("settings", "masked"),
    [({}, False), ({"causal": True}, False), ({"causal": True}, True), ({"positions": "rotary"}, True),
     ({"positions": "relative"}, False), ({"positions": "relative", "causal": True}, True)],
)  # fmt: skip
def test_the_weights_of_self_attention_give_what_the_block_gives(settings: dict[str, Any], masked: bool) -> None:
    torch.manual_seed(0)
    block = catalogue.classes()["MultiHeadSelfAttention"](D=24, heads=3, **settings)
    x = torch.randn(1, 9, 24)
    mask = [torch.tensor([[1] * 7 + [0] * 2])] if masked else []
    (one,), given = attended(block, x, *mask)
    assert one.path == "attend" and one.weights is not None and one.values is not None and one.groups == 1
    assert torch.allclose(one.weights.sum(-1), torch.ones(3, 9))
    again = block.project(block.merge((one.weights @ one.values)[None]))
    assert torch.allclose(again, given, atol=1e-5)
    if settings.get("causal"):
        assert not one.weights.triu(1).any()


def test_the_weights_of_cross_attention_give_what_the_block_gives() -> None:
    torch.manual_seed(0)
    block = catalogue.classes()["MultiHeadCrossAttention"](D=16, C=12, heads=4)
    (one,), given = attended(block, torch.randn(1, 5, 16), torch.randn(1, 8, 12), torch.tensor([[1] * 6 + [0] * 2]))
    assert one.weights is not None and one.values is not None and one.size == (4, 5, 8)
    assert torch.allclose(block.project(block.merge((one.weights @ one.values)[None])), given, atol=1e-5)
    assert not one.weights[:, :, 6:].any(), "nobody looks at padding"


@pytest.mark.parametrize("cosine", [False, True])
@pytest.mark.parametrize("shift", [0, 2])
def test_the_weights_of_a_window_give_what_stands_in_the_window(cosine: bool, shift: int) -> None:
    torch.manual_seed(0)
    block = catalogue.classes()["WindowAttention"](C=8, heads=2, window=4, shift=shift, cosine=cosine)
    x = torch.randn(1, 8, 12, 8).permute(0, 3, 1, 2)
    kept: dict[str, Any] = {}
    block.attend.register_forward_hook(lambda _m, given, out: kept.update(given=given, out=out))
    (one,), _ = attended(block, x)
    assert (one.path, one.groups, one.size) == ("attend", 6, (2, 16, 16)) and one.weights is not None
    values, out = (t.roll((-shift, -shift), (2, 3)) for t in (kept["given"][2], kept["out"]))
    window = block.attend._partition(values)[0, one.group]  # (heads, 16, D)
    assert torch.allclose(one.weights @ window, block.attend._partition(out)[0, one.group], atol=1e-5)


def test_of_attention_in_parts_the_middle_one_is_shown() -> None:
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 1, 8, 4, 6)
    (column,), given = attended(catalogue.classes()["AxialAttend"](heads=2), q, k, v)
    assert column.weights is not None and (column.group, column.groups, column.size) == (3, 6, (2, 4, 4))
    values = v[0, :, :, 3].unflatten(0, (2, 4)).transpose(1, 2)  # (heads, places of the column, D)
    again = (column.weights @ values).transpose(1, 2).flatten(0, 1)
    assert torch.allclose(again, given[0, :, :, 3], atol=1e-5)
    assert attention.heat("a", column).look.said == "Part 4 of 6. 2 heads, 4 × 4."
    for block in (catalogue.classes()["RoutedAttend"](2, 2, 2), catalogue.classes()["PatchAttend"](2, 2)):
        (one,), _ = attended(block, q, k, v)
        assert one.weights is not None and one.values is not None and one.result is not None and one.groups == 4
        assert torch.allclose(one.weights @ one.values, one.result, atol=1e-5)


def test_attention_on_maps_and_its_picture() -> None:
    torch.manual_seed(0)
    classes = catalogue.classes()
    q, k, v, bias = torch.randn(1, 8, 3, 4), *torch.randn(2, 1, 8, 2, 2), torch.randn(1, 2, 12, 4)
    for extra in ((), (bias,)):
        block = classes["Attend2d"](heads=2)
        (one,), given = attended(block, q, k, v, *extra)
        assert one.weights is not None and one.size == (2, 12, 4)
        values = v.flatten(2).unflatten(1, (2, -1)).transpose(2, 3)
        again = (one.weights @ values).transpose(2, 3).flatten(1, 2).unflatten(2, (3, 4))
        assert torch.allclose(again, given, atol=1e-5)
    found = attention.heat("a", one)
    wanted = one.weights[1]
    wanted = ((wanted - wanted.min()) / (wanted.max() - wanted.min()) * 255).round().numpy()
    assert found.look.form == "heat" and np.abs(tile(found.look, 1).astype(int) - wanted).max() <= 1
    assert found.look.said == "2 heads, 12 × 4."
    (none, given) = attended(nn.Linear(3, 3), torch.rand(2, 3))
    assert none == [] and given.shape == (2, 3)


def test_attention_is_found_in_a_drawing_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    design = chain(
        node("x", "Input", size=(6, 16)), node("block", "TransformerEncoderLayer", heads=2, hidden=16), OUTPUT,
    )  # fmt: skip
    told = ask(design, detail="block")
    assert [a.look.shape for a in told.attention] == [(2, 6, 6)] and told.attention[0].path.endswith("attend")
    assert not ask(design, detail="x").attention
    assert "random numbers, which mean nothing" in told.sample and told.saliency is None
    monkeypatch.setattr(attention, "LARGEST", 10)
    (large,) = ask(design, detail="block").attention
    assert large.look.form == "none" and "too many" in large.look.said
