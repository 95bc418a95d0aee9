"""Receptive fields against real modules: what is changed at one pixel, or what a gradient reaches."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from app.design.paths import set_from_text
from app.design.values import End
from app.engine.compile import shared_analyser
from app.engine.measure import build
from app.engine.reach import Fields, Tracking, carried
from app.engine.reach import fields as reach_fields
from app.engine.reach.fields import hand
from app.engine.reach.tensors import Reach, image, mixed, seen
from app.messages.parts import Field
from blocks import catalogue
from blocks.patterns import parse
from tests.blocks import samples
from tests.drawing import OUTPUT, chain, node
from tests.layers import down_to_layers, drawn

AXES = {"H": 2, "W": 3}


def sees(module: nn.Module, *shape: int) -> tuple[Reach, set[str]]:
    """What the module's output sees of an input of that shape, and the operations that were not known."""
    x = torch.empty(shape, device="meta")
    hand(x, image(shape, AXES))
    with torch.no_grad(), torch.device("meta"), Tracking() as tracking:
        y = copy.deepcopy(module).float().to("meta").eval()(x)
    reach = carried(y)
    assert reach is not None
    assert reach.shape == tuple(y.shape)
    return reach, tracking.unknown


class Both(nn.Module):
    """Two branches, added or side by side, the longer one cut at its end."""

    def __init__(self, a: nn.Module, b: nn.Module, dim: int, add: bool) -> None:
        super().__init__()
        self.a, self.b, self.dim, self.add = a, b, dim, add

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a, b = self.a(x), self.b(x)
        n = min(a.shape[self.dim], b.shape[self.dim])
        a, b = a.narrow(self.dim, 0, n), b.narrow(self.dim, 0, n)
        return a + b if self.add else torch.cat([a, b], 1).sum(1, keepdim=True)


class Along(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x)


def windows(dim: int, size: int, shift: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """Each window along `dim` is replaced by its mean plus itself, as attention within windows mixes them."""

    def forward(x: torch.Tensor) -> torch.Tensor:
        x = x.narrow(dim, 0, x.shape[dim] // size * size).roll(shift, dim)
        split = x.reshape(*x.shape[:dim], -1, size, *x.shape[dim + 1 :])
        mixed = split.softmax(dim + 1) + split.mean(dim + 1, keepdim=True)
        return mixed.reshape(x.shape).roll(-shift, dim)

    return forward


def positive(module: nn.Module) -> nn.Module:
    """No two paths cancel: all weights lie above 0."""
    for parameter in module.parameters():
        nn.init.uniform_(parameter, 0.5, 1.0)
    return module.double()


@st.composite
def layer(draw: st.DrawFn, dim: int, deep: bool = True) -> nn.Module:
    """A layer that reads along one dimension."""
    here = dim == 2

    def pair(n: int, other: int) -> tuple[int, int]:
        return (n, other) if here else (other, n)

    kinds = ["conv", "max", "average", "transposed", "nearest", "bilinear", "corners", "resize", "zeros", "reflect",
             "slice", "shuffle", "unshuffle", "windows", "bicubic", "flip"]  # fmt: skip
    kind = draw(st.sampled_from([*kinds, "add", "cat", "add"] if deep else kinds))
    k, s, p = draw(st.integers(1, 5)), draw(st.integers(1, 3)), draw(st.integers(0, 3))
    d = draw(st.integers(1, 3))
    match kind:
        case "conv":
            return nn.Conv2d(1, 1, pair(k, 1), pair(s, 1), pair(p, 0), pair(d, 1))
        case "max":
            return nn.MaxPool2d(
                pair(k, 1), pair(s, 1), pair(min(p, k // 2), 0), pair(d, 1), ceil_mode=draw(st.booleans())
            )
        case "average":
            return nn.AvgPool2d(pair(k, 1), pair(s, 1), pair(min(p, k // 2), 0))
        case "transposed":
            return nn.ConvTranspose2d(1, 1, pair(k, 1), pair(s, 1), pair(min(p, k - 1), 0), dilation=pair(d, 1))
        case "nearest" | "bilinear" | "bicubic":
            return nn.Upsample(scale_factor=tuple(map(float, pair(s, 1))), mode=kind)
        case "corners":
            return Along(lambda x: F.interpolate(x, pair(2 * x.shape[dim] - 1, 1), mode="bilinear", align_corners=True))
        case "resize":
            return Along(lambda x: F.interpolate(x, pair(max(1, 3 * x.shape[dim] // 4), 1), mode="nearest"))
        case "zeros":
            return nn.ZeroPad2d((0, 0, p, d) if here else (p, d, 0, 0))
        case "reflect":
            return nn.ReflectionPad2d((0, 0, p, d) if here else (p, d, 0, 0))
        case "slice":
            return Along(lambda x: x[:, :, p::s] if here else x[:, :, :, p::s])
        case "shuffle":  # what a sub-pixel convolution does along one dimension
            return Along(lambda x: torch.stack([x] * s, dim + 1).flatten(dim, dim + 1))
        case "unshuffle":
            return Along(lambda x: x.narrow(dim, 0, x.shape[dim] // s * s).unflatten(dim, (-1, s)).sum(dim + 1))
        case "windows":
            return Along(windows(dim, k, p))
        case "flip":
            return Along(lambda x: x.flip(dim))
    branches = [nn.Sequential(*draw(st.lists(layer(dim, deep=False), max_size=2))) for _ in range(2)]
    return Both(*branches, dim, add=kind == "add")


LENGTH = 150


def dependence(module: nn.Module, dim: int, length: int) -> torch.Tensor:
    """Which outputs change with which input pixel along `dim`: (outputs, pixels)."""
    shape = (1, 1, length, 1) if dim == 2 else (1, 1, 1, length)
    x = torch.rand(shape, dtype=torch.float64) + 1
    changed = x.repeat(length, 1, 1, 1)
    for i in range(length):  # each sample of the batch has one pixel that is much larger
        changed.select(dim, i)[i] += 50
    with torch.no_grad():
        difference = (module(changed) - module(x)).abs()
    return difference.flatten(1).T > 0


CHECKS = [HealthCheck.filter_too_much, HealthCheck.too_slow]


@pytest.mark.parametrize("dim", [2, 3])
@settings(max_examples=20, suppress_health_check=CHECKS)
@given(data=st.data())
def test_chains_see_what_they_depend_on(dim: int, data: st.DataObject) -> None:
    check_chain(data.draw(st.lists(layer(dim), min_size=1, max_size=4)), dim)


@pytest.mark.slow
@pytest.mark.parametrize("dim", [2, 3])
@settings(max_examples=200, suppress_health_check=CHECKS)
@given(data=st.data())
def test_many_chains_see_what_they_depend_on(dim: int, data: st.DataObject) -> None:
    check_chain(data.draw(st.lists(layer(dim), min_size=1, max_size=5)), dim)


def check_chain(chain_of: list[nn.Module], dim: int) -> None:
    """At every output whose span lies well inside, the first and the last pixel are those that change it."""
    module = positive(nn.Sequential(*chain_of)).eval()
    shape = (1, 1, LENGTH, 1) if dim == 2 else (1, 1, 1, LENGTH)
    try:
        with torch.no_grad():
            module(torch.rand(shape, dtype=torch.float64))
    except RuntimeError:  # a kernel larger than what is left, a padding larger than that
        assume(False)
    reach, unknown = sees(module, *shape)
    assert not unknown
    (term,) = [t for t in reach.terms if t.axis == "HW"[dim - 2]]
    assume(term.places == ((dim, 0),) and len(reach.dims[dim]) == 1)
    found = dependence(module, dim, LENGTH)
    checked = 0
    for j in range(found.shape[0]):
        first, last = term.spans.at(j)
        if first > last:
            assert not found[j].any()
        elif first >= LENGTH // 4 and last < 3 * LENGTH // 4:
            at = found[j].nonzero()
            got = int(at.min()), int(at.max())
            if isinstance(first, int) and isinstance(last, int):
                assert got == (first, last), (j, chain_of)
            else:  # more phases than are kept: an upper bound
                assert first <= got[0] and got[1] <= last, (j, chain_of)
            checked += 1
    assume(checked)
    sizes = [term.spans.at(j) for j in range(found.shape[0])]
    size, step = seen(reach, term.axis)
    assert size is not None
    assert size >= max(b - a + 1 for a, b in sizes if a <= b)
    assert step is not None


# the catalogue --------------------------------------------------------------------------------------------------------


def pictures() -> list[str]:
    """The blocks with one image in and one image out."""
    found = []
    for id, card in samples.CARDS.items():
        if len(card.inputs) != 1 or len(card.outputs) != 1 or card.inputs[0].many or card.outputs[0].many:
            continue
        dims = [[d.name.upper() for d in parse(p.pattern).dims] for p in (*card.inputs, *card.outputs)]
        kinds = {p.kind for p in (*card.inputs, *card.outputs)}
        if kinds == {"tensor"} and all(len(d) == 4 and d[2:] == ["H", "W"] for d in dims):
            found.append(id)
    return found


_OFFSETS = "it reads where its offsets point, which depends on the image"
_PATCHES = "it attends to the same place of every patch: the last of them begins before the edge"
_TABLE = "it reads a table of places, which meta does not know"
_RUNS = "it attends within runs of places, row after row, which cut across rows"

UPPER = {
    "DeformConv2d": _OFFSETS, "DeformConvV3": _OFFSETS, "DeformDown": _OFFSETS, "InternImageBlock": _OFFSETS,
    "InternImageStage": _OFFSETS, "BiLevelRoutingAttention": "it attends to the most alike windows, wherever they lie",
    "PatchAttention": _PATCHES, "SeparableSelfAttention": _PATCHES, "PatchTransformerBlock": _PATCHES,
    "AdaptiveMaxPool2d": _TABLE, "FractionalMaxPool2d": _TABLE, "RunAttend": _RUNS, "DualResolutionAttention": _RUNS,
}  # fmt: skip
"""Blocks whose field is said to be the whole image where a random one shows less, and why."""

SMOOTH = {nn.ReLU, nn.ReLU6, nn.Hardswish, nn.Hardsigmoid, nn.LeakyReLU, nn.Hardtanh}


def smooth(module: nn.Module) -> nn.Module:
    """No gradient is 0 by chance: kinks become curves, maxima means, and no weight is 0."""
    for parent in module.modules():
        for name, child in list(parent.named_children()):
            if any(isinstance(child, kink) for kink in SMOOTH):
                setattr(parent, name, nn.Softplus())
            elif isinstance(child, nn.MaxPool2d):
                setattr(parent, name, nn.AvgPool2d(child.kernel_size, child.stride, child.padding, child.ceil_mode))
    generator = torch.Generator().manual_seed(0)
    for parameter in module.parameters():
        if parameter.is_floating_point():
            parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.float64) / 4
    return module.double()


def reached(module: nn.Module, x: torch.Tensor, h: int, w: int) -> torch.Tensor:
    """The rows and columns that the output at (h, w) depends on, by its gradient: (H, W)."""
    x = x.double().requires_grad_()
    module(x)[0, :, h, w].square().sum().backward()
    assert x.grad is not None
    return x.grad[0].abs().sum(0) > 0


SLOW = (
    "ConvolutionalHead", "LocallyEnhancedAttention", "MobileViTBlock", "DeformableAttention", "LocallyConnected2d",
    "InceptionResNetReduction", "FeaturePyramidAttention", "RepHMS", "DenseBlock", "MaskPrototypes",
    "InternImageStage", "NonLocal", "PatchTransformerBlock", "MSBlock", "InceptionV3", "GELAN", "SelectiveBottleneck",
    "PatchAttention", "InceptionV4", "PyramidStage", "BiFormerStage", "InceptionV2", "VANStage",
    "ResidualStage", "SelectiveBasicBlock", "Bottleneck", "InceptionResNetBlock", "ELAN", "InceptionV1", "Res2NetBlock",
)  # fmt: skip
"""What takes long on an image of 48 x 48 pixels."""


@pytest.mark.parametrize("id", [pytest.param(i, marks=[pytest.mark.slow] if i in SLOW else []) for i in pictures()])
def test_blocks_see_what_their_gradient_reaches(id: str) -> None:
    card = samples.CARDS[id]
    channels = 64 if id == "GlobalContext" else 16  # a quarter of 16 is one channel, which a norm makes nothing of
    sizes = {**samples.SIZES[0], "B": 1, "C": channels, "H": 48, "W": 48}
    sample = samples.sample(card, sizes)
    (x,) = sample.inputs
    module = smooth(samples.build(card, sample.reads)).eval()
    reach, _ = sees(module, *x.shape)
    reach = mixed(reach, reach.places_in([0, 1]))  # all channels together, as the gradient of all of them is
    h, w = (n // 2 for n in reach.shape[2:])
    found = reached(module, x, h, w)
    for axis, dim, at in (("H", 2, h), ("W", 3, w)):
        lines = found.any(3 - dim).nonzero()
        got = (int(lines.min()), int(lines.max()))
        size, _ = seen(reach, axis)
        if size is None:
            said = (0, x.shape[dim] - 1)
            if id in UPPER:
                assert got != said or axis == "W", "it is exact by now: take it off the list"
        else:
            (term,) = [t for t in reach.terms if t.axis == axis]
            said = tuple(int(v) for v in term.spans.at(at))
            assert said[1] - said[0] + 1 <= size
            said = (max(0, said[0]), min(x.shape[dim] - 1, said[1]))
        assert said[0] <= got[0] and got[1] <= said[1], (axis, said, got)
        if id not in UPPER:
            assert got == said, (axis, got, said)


# drawings -------------------------------------------------------------------------------------------------------------


def fields_of(name: str, *set_to: str) -> dict[str, tuple[Field | None, ...]]:
    """The fields at the first output of each call of a network of the zoo."""
    analyser = shared_analyser()
    design = set_from_text(drawn(name), list(set_to), analyser.cards)
    found = Fields(analyser.measurer).fields(analyser.walk(design))
    return {end.node: fields for end, fields in reversed(found.items())}


def sizes(fields: tuple[Field | None, ...]) -> list[int | None]:
    assert all(f is not None and f.axes == ("H", "W") and f.sizes[0] == f.sizes[1] for f in fields)
    return [f.sizes[0] for f in fields if f is not None]


def test_networks_have_the_fields_of_the_literature() -> None:
    """Araujo et al. 2019, Computing receptive fields of convolutional neural networks, Distill, table 1: AlexNet 195,
    VGG-16 212; conv5_3 before its last pool sees 196."""
    assert sizes(fields_of("vgg16")["backbone"])[-2:] == [196, 212]
    assert sizes(fields_of("alexnet")["pool5"]) == [195]
    # The table has 483 for ResNet-50, whose steps are in the first 1x1 convolution; in the 3x3 one they make it 427.
    assert sizes(fields_of("resnet50")["last"]) == [427]
    assert sizes(fields_of("resnet50", "backbone.strided=first")["last"]) == [483]
    assert fields_of("resnet50")["head"] == (Field(("H", "W"), (None, None), (None, None)),)


@pytest.mark.parametrize(("strided", "size"), [("middle", 427), ("first", 483)])
def test_a_narrow_resnet50_sees_what_its_gradient_reaches(strided: str, size: int) -> None:
    stem = catalogue.classes()["ConvStem"](C=1, channels=2, pool=False)
    body = catalogue.classes()["ResidualBackbone"](
        C=2, kind="bottleneck", depths=(3, 4, 6, 3), widths=(1, 1, 1, 1), pool=True, strided=strided, levels=(4,)
    )
    module = positive(smooth(nn.Sequential(stem, body))).eval()
    x = torch.rand(1, 1, 640, 640, dtype=torch.float64).requires_grad_()
    y: Any = module(x)
    y[0][0, :, 10, 10].sum().backward()
    assert x.grad is not None
    seen_rows, seen_columns = ((x.grad[0, 0] != 0).any(dim).sum() for dim in (1, 0))
    assert (int(seen_rows), int(seen_columns)) == (size, size)


@pytest.mark.parametrize(
    "name", ["resnet18", *(pytest.param(n, marks=pytest.mark.slow) for n in ("swin_t", "mobilevit_s", "convnext_tiny"))]
)
def test_a_network_sees_the_same_when_it_is_opened(name: str) -> None:
    """Blocks are put together from their single layers, each run by itself, without any loss."""
    analyser, reach = shared_analyser(), Fields(shared_analyser().measurer)
    design = drawn(name)
    closed = reach.fields(analyser.walk(design))
    walk = analyser.walk(down_to_layers(design, alike=True).design)
    opened = reach.fields(walk)
    groups = {g.id: g.outputs for g in walk.expanded.groups}
    compared = 0
    for end, fields in closed.items():
        inside = groups.get(end.node, {}).get(end.port) or end
        if inside in opened and len(opened[inside]) == len(fields):
            assert opened[inside] == fields, end
            compared += 1
    assert compared > 3


def test_sequences_have_a_field_along_their_length() -> None:
    """A causal stack in the manner of WaveNet: kernels of 2 at steps of 1, 2, 4, 8 see 16 samples."""
    analyser = shared_analyser()
    layers = [node(f"c{d}", "Conv1d", out_channels=4, kernel_size=2, dilation=d, padding=0) for d in (1, 2, 4, 8)]
    design = chain(node("sound", "Input", size=(1, 64)), *layers, OUTPUT)
    found = Fields(analyser.measurer).fields(analyser.walk(design))
    assert [found[End(f"c{d}", "out")][0] for d in (1, 2, 4, 8)] == [Field(("L",), (n,), (1.0,)) for n in (2, 4, 8, 16)]


def test_what_is_written_over_a_part_is_seen_by_all_of_it() -> None:
    def forward(x: torch.Tensor) -> torch.Tensor:
        y = torch.zeros_like(x)
        y[:, :, 1:] = x[:, :, :-1]
        return y

    reach, _ = sees(Along(forward), 1, 1, 8, 8)
    assert seen(reach, "H") == (None, None)


def test_an_operation_without_a_rule_sees_everything_and_is_named() -> None:
    reach, unknown = sees(Along(lambda x: torch.fft.fft2(x).real), 1, 1, 8, 8)
    assert seen(reach, "H") == seen(reach, "W") == (None, None)
    assert unknown


def test_equal_runs_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []
    monkeypatch.setattr(reach_fields, "build", lambda *args: runs.append(args) or build(*args))
    analyser = shared_analyser()
    reach, walk = Fields(analyser.measurer), analyser.walk(drawn("vgg16"))
    first = reach.fields(walk)
    assert 0 < len(runs) <= len(walk.steps)
    runs.clear()
    assert reach.fields(walk) == first
    assert not runs
