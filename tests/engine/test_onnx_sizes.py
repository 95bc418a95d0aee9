"""An ONNX file for images of any size: which networks take them, which sizes, and what is said of the others."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from app.cli import main
from app.design import file
from app.design.build import chain, node, wire
from app.design.values import Design
from app.engine.compile import compile_design
from app.engine.to_onnx import ExportError, export_onnx, write
from app.engine.to_onnx.alike import alike
from app.engine.to_onnx.sizes import other_size
from app.messages.onnx import OnnxOptions
from blocks import catalogue
from tests.engine.designs import digits
from tests.layers import drawn

SHAPE = (1, 8, 8)


def test_a_network_that_fixes_the_size_names_the_node(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.save(digits(), tmp_path / "it.netloom")
    code = main(["export", str(tmp_path / "it.netloom"), "--to", "onnx", "--any-size", "-o", str(tmp_path / "m.onnx")])
    err = capsys.readouterr().err
    assert code == 2 and len(err.splitlines()) == 1, err
    assert "`head` (Linear) fixes the image to 8×8" in err and "pool before it" in err
    assert [p.name for p in tmp_path.iterdir()] == ["it.netloom"]


def test_a_mask_of_one_size_keeps_no_image_from_being_larger() -> None:
    """The loss that is held against it is not in the file."""
    design = file.load(Path(__file__).parents[2] / "examples" / "training" / "shapes_unet.netloom")
    other_size(design, compile_design(design).inputs)


def _with_a_block_that(forward: Any, monkeypatch: pytest.MonkeyPatch) -> Design:
    """A drawing with a block that does this."""
    monkeypatch.setattr(catalogue.classes()["Interpolate"], "forward", forward)
    return chain(
        node("image", "Input", size=SHAPE), node("conv", "Conv2d", out_channels=4), node("block", "Interpolate"),
        node("output", "Output"),
    )  # fmt: skip


def test_a_size_that_a_block_works_out_once_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch's exporter itself takes it without a word."""

    def resized(self: nn.Module, x: torch.Tensor, like: object = None) -> torch.Tensor:
        high, wide = x.shape[2:]
        return nn.functional.interpolate(x, size=(int(high * 1.5), int(wide * 1.5)))

    design = _with_a_block_that(resized, monkeypatch)
    with pytest.raises(ExportError, match=r"`block` \(.*\) would give \d+ in the file whatever the image"):
        write(compile_design(design), tmp_path / "m.onnx", OnnxOptions(any_size=True), design=design)
    assert not list(tmp_path.iterdir())


def _at(network: Any, model: Path, *size: int) -> float:
    """The largest difference between torch and ONNX Runtime at this size of image."""
    image = torch.randn(2, network.inputs[0].shape[0], *size)
    with torch.no_grad():
        wanted = network.module(image)
    given = onnxruntime.InferenceSession(str(model)).run(None, {network.inputs[0].name: image.numpy()})
    wanted = wanted if isinstance(wanted, tuple) else (wanted,)
    return max(float((torch.from_numpy(a) - b).abs().max()) for a, b in zip(given, wanted, strict=True))


def test_pools_that_round_up_take_any_size(tmp_path: Path) -> None:
    design = drawn("squeezenet1_0")
    network = compile_design(design)
    network.module.eval()
    written = write(network, tmp_path / "m.onnx", OnnxOptions(any_size=True), design=design)
    assert {name: rule.step for name, rule in written.rules.items()} == {"height": 1, "width": 1}
    assert max(_at(network, written.file, *size) for size in ((57, 83), (64, 64), (90, 61))) < 1e-5


def _pyramid(size: int) -> Design:
    return chain(
        node("image", "Input", size=(3, size, size)), node("stem", "Conv2d", out_channels=8, stride=2),
        node("stage", "PyramidStage", channels=16, depth=1, heads=2, reduction=2, v2=True), node("output", "Output"),
    )  # fmt: skip


def test_a_block_that_is_told_a_size_and_makes_nothing_of_it_takes_any(tmp_path: Path) -> None:
    design = _pyramid(32)
    network = compile_design(design)
    network.module.eval()
    written = write(network, tmp_path / "m.onnx", OnnxOptions(any_size=True), design=design)
    larger = compile_design(_pyramid(56))
    larger.module.eval()
    larger.root.load_state_dict(network.root.state_dict())
    assert _at(larger, written.file, 56, 56) < 1e-5, "the file is the network that is drawn for that size"
    design = chain(
        node("image", "Input", size=(3, 32, 32)), node("stem", "Conv2d", out_channels=8, stride=2),
        node("local", "LocallyConnected2d"), node("output", "Output"),
    )  # fmt: skip
    with pytest.raises(ExportError, match=r"`local` \(.*\) fixes the image to 32×32: it is made for H = 16"):
        write(compile_design(design), tmp_path / "other.onnx", OnnxOptions(any_size=True), design=design)


@pytest.mark.parametrize("pool", ["AdaptiveAvgPool2d", "AdaptiveMaxPool2d"])
@pytest.mark.parametrize("size", [(3, 5), (1, 1), (1, 4), (8, 8)])
def test_an_adaptive_pool_takes_any_size(pool: str, size: tuple[int, int], tmp_path: Path) -> None:
    """torch's exporter would take it apart for the size that it is traced at."""
    design = chain(
        node("image", "Input", size=(3, 24, 16)), node("conv", "Conv2d", out_channels=4),
        node("pool", pool, output_size=size), node("output", "Output"),
    )  # fmt: skip
    network = compile_design(design)
    network.module.eval()
    for any_size, images in ((True, ((24, 16), (13, 40), (3, 5), (8, 8))), (False, ((24, 16),))):
        written = write(network, tmp_path / f"{any_size}.onnx", OnnxOptions(any_size=any_size), design=design)
        assert max(_at(network, written.file, *image) for image in images) < 1e-5


@pytest.mark.parametrize(("block", "settings"), [("SwinBlock", {}), ("SwinBlock", {"cosine": True, "shift": 0}),
                                                 ("PatchMerging", {}), ("DeformConvV3", {"groups": 2})])  # fmt: skip
def test_windows_follow_a_size_that_is_left_open(block: str, settings: dict[str, Any], tmp_path: Path) -> None:
    """Also where there is but one window, which is not shifted, and where the last is filled up."""
    design = chain(
        node("image", "Input", size=(3, 16, 16)), node("conv", "Conv2d", out_channels=8, stride=2),
        node("block", block, **({"window": 4, "shift": 2, "heads": 2, **settings} if "Swin" in block else settings)),
        node("output", "Output"),
    )  # fmt: skip
    network = compile_design(design)
    network.module.eval()
    written = write(network, tmp_path / "m.onnx", OnnxOptions(any_size=True), design=design)
    images = ((16, 16), (8, 8), (8, 30), (26, 14), (6, 40))
    assert max(_at(network, written.file, *image) for image in images) < 1e-5


@pytest.mark.parametrize(("block", "settings"), [("CMTStage", {}), ("PyramidStage", {"v2": False})])
def test_positions_that_are_resized_follow_a_size_that_is_left_open(
    block: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    """Drawn for a larger image the network would have more of them; the one that is drawn resizes its own."""
    design = chain(
        node("image", "Input", size=(3, 16, 24)), node("conv", "Conv2d", out_channels=8),
        node("stage", block, channels=8, depth=1, heads=2, reduction=2, **settings), node("output", "Output"),
    )  # fmt: skip
    network = compile_design(design)
    network.module.eval()
    written = write(network, tmp_path / "m.onnx", OnnxOptions(any_size=True), design=design)
    assert max(_at(network, written.file, *image) for image in ((16, 24), (24, 16), (40, 30), (8, 8))) < 1e-5


@pytest.mark.parametrize("settings", [{"stride": 2}, {"stride": 3, "kernel_size": 5, "dilation": 2}])
def test_what_is_added_at_the_edges_follows_an_uneven_size(settings: dict[str, Any], tmp_path: Path) -> None:
    """Sizes are rounded up there, which ONNX does not do where torch does."""
    design = chain(
        node("image", "Input", size=(3, 16, 24)), node("conv", "Conv2d", out_channels=4, fit="same", **settings),
        node("output", "Output"),
    )  # fmt: skip
    network = compile_design(design)
    network.module.eval()
    written = write(network, tmp_path / "m.onnx", OnnxOptions(any_size=True), design=design)
    assert max(_at(network, written.file, *image) for image in ((16, 24), (17, 31), (33, 14), (7, 7))) < 1e-5


def test_a_map_may_shrink_to_one_place_in_the_drawing_and_not_elsewhere(tmp_path: Path) -> None:
    """torch would take it for granted that there is one, for the order in memory hangs on that."""
    design = chain(
        node("image", "Input", size=(3, 16, 16)), node("down", "Conv2d", out_channels=8, stride=4, kernel_size=4),
        node("judge", "Conv2d", out_channels=2, kernel_size=4, padding=0), node("output", "Output"),
    )  # fmt: skip
    network = compile_design(design)
    network.module.eval()
    assert network.module(torch.zeros(1, 3, 16, 16)).shape == (1, 2, 1, 1)
    written = write(network, tmp_path / "m.onnx", OnnxOptions(any_size=True), design=design)
    assert max(_at(network, written.file, *image) for image in ((16, 16), (40, 16), (33, 70))) < 1e-5


def test_the_middle_of_a_map_follows_a_size_that_is_left_open(tmp_path: Path) -> None:
    """A U-Net without padding cuts the finer map to what its convolutions leave."""
    design = chain(
        node("image", "Input", size=(3, 24, 32)), node("fine", "Conv2d", out_channels=4),
        node("coarse", "MaxPool2d", kernel_size=2), node("up", "UNetUp", channels=4, fit="valid", up="transposed"),
        node("output", "Output"), more=(node("cut", "Crop"), node("small", "Output")),
        wires=(wire("fine", "up.skip"), wire("fine", "cut"), wire("up", "cut.like"), wire("cut", "small")),
    )  # fmt: skip
    network = compile_design(design)
    network.module.eval()
    written = write(network, tmp_path / "m.onnx", OnnxOptions(any_size=True), design=design)
    assert max(_at(network, written.file, *image) for image in ((24, 32), (26, 44), (60, 30))) < 1e-5


class _Told(nn.Module):
    """Told a size, it keeps what the test says of it."""

    def __init__(self, kept: Any, table: torch.Tensor | None = None) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
        self.inner.kept = kept
        self.register_buffer("table", table)


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ((1,), (1,), True), ((1,), (2,), False), ((1,), (1.0,), False), (((1, [2]),), ((1, [2]),), True),
        (({"a": {1, 2}},), ({"a": {1, 2}},), True), (({"a": 1},), ({"a": 2},), False),
        ((partial(max, default=1),), (partial(max, default=1),), True),
        ((partial(max, default=1),), (partial(max, default=2),), False),
        ((len,), (len,), True), ((len,), (min,), False), ((object(),), (object(),), False),
        ((1, torch.ones(2)), (1, torch.ones(2)), False), ((torch.ones(2),), (torch.ones(2),), False),
    ],
)  # fmt: skip
def test_two_modules_are_alike_where_all_that_they_keep_is_equal(one: Any, other: Any, equal: bool) -> None:
    assert alike(_Told(*one), _Told(*other)) is equal
    assert not alike(_Told(*one), nn.Sequential())


def test_what_sizes_a_network_asks_for_is_said(tmp_path: Path) -> None:
    design = chain(
        node("image", "Input", size=(3, 24, 16)), node("down", "PixelUnshuffle", factor=4),
        node("conv", "Conv2d", out_channels=4), node("output", "Output"),
    )  # fmt: skip
    network = compile_design(design)
    network.module.eval()
    report = export_onnx(network, tmp_path / "m.onnx", OnnxOptions(any_size=True), design=design)
    said = r"It takes a height of multiples of 4 from \d on and a width of multiples of 4 from \d on: of other sizes"
    assert any(re.match(said, line) for line in report.lines), report.lines
    properties = {p.key: p.value for p in onnx.load(tmp_path / "m.onnx").metadata_props}
    rules = json.loads(properties["netloom.sizes"])
    assert [(name, rule["multiple_of"], rule["least"] <= 8) for name, rule in rules.items()] == [
        ("height", 4, True), ("width", 4, True)
    ]  # fmt: skip
    assert report.certificate is not None and len({row.inputs[0][2:] for row in report.certificate.compared}) == 2
    assert _at(network, tmp_path / "m.onnx", 8, 44) < 1e-5
    with pytest.raises(Exception, match=r"INVALID_ARGUMENT|dimension|reshape"):
        onnxruntime.InferenceSession(str(tmp_path / "m.onnx")).run(None, {"image": np.zeros((1, 3, 8, 45), np.float32)})


def test_a_network_that_holds_for_few_sizes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It works at every size, but one of its two ways is in the file."""

    def either(self: nn.Module, x: torch.Tensor, like: object = None) -> torch.Tensor:
        return x if x.shape[2] < 40 else x * 2

    design = _with_a_block_that(either, monkeypatch)
    with pytest.raises(ExportError, match=r"holds for a height of 1 to 39 alone, not for all: leave any size off"):
        write(compile_design(design), tmp_path / "m.onnx", OnnxOptions(any_size=True), design=design)
    assert not list(tmp_path.iterdir())
