"""Random layers, each as a block with settings and, made independently, as torch's own module: what we say of the
first is held against what others say of the second."""

from __future__ import annotations

import copy
import math
from typing import Any, NamedTuple

import torch
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from app.design.values import Settings
from app.engine.compile import shared_analyser
from app.engine.measure import Measured
from app.messages.reports import Tensor


class Peer(NamedTuple):
    """A block with its settings, torch's layer made with the same numbers, and what both are given."""

    block: str
    settings: dict[str, Any]
    module: nn.Module
    shape: tuple[int, ...]
    whole: bool = False
    """It takes whole numbers."""

    def given(self, device: str = "cpu") -> torch.Tensor:
        if self.whole:
            return torch.zeros(self.shape, dtype=torch.int64, device=device)
        return torch.zeros(self.shape, device=device)


small = st.integers(1, 3)


@st.composite
def per_axis(draw: st.DrawFn, values: st.SearchStrategy[int], count: int) -> tuple[int, ...]:
    return tuple(draw(values) for _ in range(count))


def _plain(sizes: tuple[int, ...]) -> Any:
    """As the block takes it: one number for one size."""
    return sizes if len(sizes) > 1 else sizes[0]


@st.composite
def convolutions(draw: st.DrawFn) -> Peer:
    n, groups, turned = draw(st.integers(1, 3)), draw(small), draw(st.booleans())
    channels, out = groups * draw(small), groups * draw(small)
    kernel, stride, dilation = (draw(per_axis(small, n)) for _ in range(3))
    padding = draw(per_axis(st.integers(0, 3), n))
    shape = (draw(small), channels, *draw(per_axis(st.integers(1, 12), n)))
    bias = draw(st.booleans())
    name = f"Conv{'Transpose' if turned else ''}{n}d"
    settings = {"out_channels": out, "groups": groups, "bias": bias, "kernel_size": _plain(kernel),
                "stride": _plain(stride), "padding": _plain(padding), "dilation": _plain(dilation)}  # fmt: skip
    more: dict[str, Any] = {}
    if turned:
        wished = draw(per_axis(st.integers(0, 2), n))
        added = tuple(min(m, max(s, d) - 1) for m, s, d in zip(wished, stride, dilation, strict=True))
        settings["output_padding"], more = _plain(added), {"output_padding": added}
    cls = getattr(nn, name)
    module = cls(channels, out, kernel, stride=stride, padding=padding, dilation=dilation, groups=groups, bias=bias,
                 **more)  # fmt: skip
    return Peer(name, settings, module, shape)


@st.composite
def linears(draw: st.DrawFn) -> Peer:
    features, out, bias = draw(st.integers(1, 40)), draw(st.integers(1, 40)), draw(st.booleans())
    shape = (draw(small), *draw(st.lists(small, max_size=2)), features)
    return Peer("Linear", {"out_features": out, "bias": bias}, nn.Linear(features, out, bias), shape)


@st.composite
def poolings(draw: st.DrawFn) -> Peer:
    n, kind = draw(st.integers(1, 3)), draw(st.sampled_from(["Max", "Avg"]))
    shape = (draw(small), draw(small), *draw(per_axis(st.integers(1, 12), n)))
    if draw(st.booleans()):
        wished = draw(per_axis(st.integers(1, 6), n))
        name = f"AdaptiveAvgPool{n}d"
        return Peer(name, {"output_size": _plain(wished)}, getattr(nn, name)(_plain(wished)), shape)
    kernel, stride = draw(per_axis(st.integers(1, 4), n)), draw(per_axis(small, n))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    settings = {"kernel_size": _plain(kernel), "stride": _plain(stride), "padding": _plain(padding),
                "ceil_mode": draw(st.booleans())}  # fmt: skip
    return Peer(f"{kind}Pool{n}d", settings, getattr(nn, f"{kind}Pool{n}d")(**settings), shape)


@st.composite
def norms(draw: st.DrawFn) -> Peer:
    channels, affine = 2 * draw(small), draw(st.booleans())
    name = draw(st.sampled_from(["BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "LayerNorm", "GroupNorm",
                                 "InstanceNorm2d", "RMSNorm"]))  # fmt: skip
    sizes = draw(per_axis(st.integers(2, 6), {"1": 1, "3": 3}.get(name[-2], 2)))
    batch, settings = draw(small), {"affine": affine}
    module: nn.Module
    if name in ("LayerNorm", "RMSNorm"):
        return Peer(
            name, settings, getattr(nn, name)(channels, elementwise_affine=affine), (batch, *sizes, channels)
        )
    if name == "GroupNorm":
        module = nn.GroupNorm(2, channels, affine=affine)
        return Peer(name, settings | {"groups": 2}, module, (batch, channels, *sizes))
    return Peer(name, settings, getattr(nn, name)(channels, affine=affine), (batch, channels, *sizes))


@st.composite
def recurrent(draw: st.DrawFn) -> Peer:
    name, features, hidden = draw(st.sampled_from(["RNN", "LSTM", "GRU"])), draw(small), draw(st.integers(1, 6))
    layers, both = draw(small), draw(st.booleans())
    module = getattr(nn, name)(features, hidden, layers, batch_first=True, bidirectional=both)
    settings = {"hidden": hidden, "layers": layers, "bidirectional": both}
    return Peer(name, settings, module, (draw(small), draw(st.integers(1, 5)), features))


@st.composite
def others(draw: st.DrawFn) -> Peer:
    features, batch = draw(st.integers(1, 9)), draw(small)
    sizes = draw(per_axis(st.integers(1, 6), 2))
    if draw(st.booleans()):
        module = nn.Embedding(7, features)
        return Peer("Embedding", {"vocabulary": 7, "features": features}, module, (batch, *sizes), whole=True)
    each = draw(st.booleans())
    return Peer("PReLU", {"per_channel": each}, nn.PReLU(features if each else 1), (batch, features, *sizes))


layers = st.one_of(convolutions(), convolutions(), linears(), poolings(), norms(), recurrent(), others())


def ours(peer: Peer) -> Measured:
    """What the analysis says of the block."""
    value = (Tensor(peer.shape, "int64" if peer.whole else "float32"),)
    return shared_analyser().measurer.measure(peer.block, Settings(peer.settings), (value,), ("x",))


def first(made: Any) -> torch.Tensor:
    """The output of a layer that may give its state too."""
    return made[0] if isinstance(made, tuple) else made


def compare(peer: Peer) -> torch.Tensor | None:
    """Hold our shape, parameters and MACs against torch's own layer; its output on real tensors, None where torch
    refuses it (and then we must, too)."""
    said = ours(peer)
    peer.module.eval()
    try:
        made = first(peer.module(peer.given()))
    except (RuntimeError, ValueError):
        assert said.refusal is not None, f"torch refuses {peer}, we do not"
        return None
    if made.numel() == 0 and said.refusal is not None:
        return None
    assert said.refusal is None, f"{peer}: {said.refusal}"
    assert said.outputs[0][0].shape == tuple(made.shape), peer
    assert said.parameters == sum(p.numel() for p in peer.module.parameters()), peer
    assert said.macs == counted(peer), peer
    return made


def counted(peer: Peer) -> int:
    """torch's own count of the multiply-adds: on meta, since on the CPU it misses an LSTM."""
    counter = FlopCounterMode(display=False)
    module = copy.deepcopy(peer.module).to("meta")
    with counter, torch.device("meta"):
        module(peer.given("meta"))
    return counter.get_total_flops() // 2


def torchinfo_differs_by(peer: Peer, made: tuple[int, ...]) -> int:
    """By how much torchinfo's multiply-adds exceed ours, from what its source counts: every weight and bias once a
    place, whether it multiplies there or not.

    - Conv: the biases too. Transposed: once for each place that comes out, where it multiplies at each that comes in.
    - Linear: once a sample, whatever sizes stand between; the bias too.
    - Norms, PReLU, Embedding: each weight once a sample, though a norm scales (and an embedding looks up).
    - RNN, LSTM, GRU: the biases too.
    """
    module = peer.module
    parameters = dict(module.named_parameters())
    bias = sum(p.numel() for name, p in parameters.items() if "bias" in name)
    weight = sum(p.numel() for name, p in parameters.items() if "bias" not in name)
    batch = peer.shape[0]
    if "ConvTranspose" in peer.block:
        places_in, places_out = batch * math.prod(peer.shape[2:]), batch * math.prod(made[2:])
        return (weight + bias) * places_out - weight * places_in
    if "Conv" in peer.block:
        return bias * batch * math.prod(made[2:])
    if peer.block == "Linear":
        return (weight + bias) * batch - weight * math.prod(peer.shape[:-1])
    if peer.block in ("RNN", "LSTM", "GRU"):
        return bias * math.prod(peer.shape[:2])
    return (weight + bias) * batch
