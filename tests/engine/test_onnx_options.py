"""What an ONNX export can be told, by the command line and ONNX Runtime: each option changes the file as it says."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto
from rich.console import Console

from app.cli import main
from app.design import file
from app.design.build import chain, node, wire
from app.design.values import DataStep, Design, Recipe, Settings
from app.engine.compile import compile_design
from app.engine.to_onnx import write
from app.messages.onnx import OnnxOptions
from tests.engine.test_detector import detector

MEAN, STD = 0.3, 0.4
SHAPE = (1, 8, 8)


def tiny(**recipe: Any) -> Design:
    """A classifier of digits that takes images of any size; its batch norm is a node of its own."""
    steps = (DataStep("flip"), DataStep("normalise", Settings(mean=(MEAN,), std=(STD,))))
    return chain(
        node("image", "Input", size=SHAPE),
        node("conv", "Conv2d", out_channels=16, padding=1), node("norm", "BatchNorm2d"), node("act", "ReLU"),
        node("deep", "Conv2d", out_channels=32, padding=1), node("pool", "GlobalAvgPool"),
        node("head", "Linear", out_features=10), node("output", "Output"),
        more=(node("label", "Target"), node("loss", "CrossEntropy")),
        wires=(wire("head", "loss"), wire("label", "loss.target")),
        recipe=Recipe(data="digits", augment=steps, **recipe),
    )  # fmt: skip


class Exported(NamedTuple):
    file: Path
    said: dict[str, Any]
    model: onnx.ModelProto
    screen: str
    """What a terminal was sent by the progress bar."""

    @property
    def session(self) -> onnxruntime.InferenceSession:
        return onnxruntime.InferenceSession(self.file, providers=["CPUExecutionProvider"])

    def __call__(self, images: np.ndarray) -> np.ndarray:
        return self.session.run(None, {"image": images})[0]

    @property
    def properties(self) -> dict[str, str]:
        return {p.key: p.value for p in self.model.metadata_props}

    @property
    def dtypes(self) -> set[int]:
        return {tensor.data_type for tensor in self.model.graph.initializer if len(tensor.dims) > 1}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Exports `tiny` with these options, once for all tests."""
    folder = tmp_path_factory.mktemp("onnx")
    file.save(tiny(), folder / "tiny.netloom")
    made: dict[tuple[str, ...], Exported] = {}

    def export(*options: str) -> Exported:
        if options not in made:
            target = folder / f"{len(made)}.onnx"
            with pytest.MonkeyPatch.context() as patch:
                printed: list[Any] = []
                screen = Console(file=io.StringIO(), force_terminal=True, width=100)
                patch.setattr("app.engine.commands.onnx_options.console", lambda stderr: screen)
                patch.setattr("app.engine.commands.export.print_json", printed.append)
                code = main(["export", str(folder / "tiny.netloom"), "--to", "onnx", "-o", str(target), "--json",
                             *options])  # fmt: skip
            assert code == 0
            made[options] = Exported(target, printed[0], onnx.load(target), screen.file.getvalue())
        return made[options]

    return export


FIRST = ("--opset", "17", "--any-size", "--separate-data", "--preprocess", "--probabilities")
SECOND = ("--raw", "--fixed-batch")


def images(count: int, side: int = 8) -> np.ndarray:
    return np.random.default_rng(count).random((count, 1, side, side), dtype=np.float32)


def test_axes_have_names_and_any_size_is_taken(exported: Any) -> None:
    given = exported(*FIRST)
    (image,) = given.model.graph.input
    assert [d.dim_param or d.dim_value for d in image.type.tensor_type.shape.dim] == ["batch", 1, "height", "width"]
    for count, high, wide in ((1, 8, 8), (5, 12, 9)):
        assert given(np.zeros((count, 1, high, wide), np.float32)).shape == (count, 10)
    (image,) = exported(*SECOND).model.graph.input
    assert [d.dim_value for d in image.type.tensor_type.shape.dim] == [1, *SHAPE]


def test_the_opset_is_the_one_asked_for(exported: Any) -> None:
    assert [(o.domain, o.version) for o in exported(*FIRST).model.opset_import] == [("", 17)]
    assert "opset 17" in exported(*FIRST).said["report"][0]
    assert exported(*SECOND).model.opset_import[0].version >= 18


def test_weights_stand_beside_the_model(exported: Any) -> None:
    given, one = exported(*FIRST), exported(*SECOND)
    data = given.file.with_name(given.file.name + ".data")
    proofs = [str(each.file.with_suffix(".certificate.json")) for each in (given, one)]
    assert given.said["beside"] == [str(data), proofs[0]]
    assert data.stat().st_size > 16 * 32 * 9 * 4 > given.file.stat().st_size / 2
    bare = onnx.load(given.file, load_external_data=False)
    places = {e.value for t in bare.graph.initializer for e in t.external_data if e.key == "location"}
    assert places == {data.name}
    assert one.said["beside"] == [proofs[1]] and not one.file.with_name(one.file.name + ".data").exists()
    assert not [p for p in given.file.parent.iterdir() if p.name.startswith(".")]


def test_pixels_are_normalised_and_scores_become_probabilities_inside(exported: Any) -> None:
    """Both files have the weights that the recipe's seed makes."""
    whole, raw = exported(*FIRST), exported(*SECOND)
    pixels = images(3)
    scores = np.concatenate([raw((one[None] - MEAN) / STD) for one in pixels])
    assert np.allclose(whole(pixels), torch.from_numpy(scores).softmax(1), atol=1e-5)
    assert np.allclose(whole(pixels).sum(1), 1, atol=1e-5) and not np.allclose(scores.sum(1), 1, atol=0.1)
    assert "Softmax" not in {n.op_type for n in raw.model.graph.node}


def test_a_bar_shows_the_steps_and_goes(exported: Any) -> None:
    screen = exported(*FIRST).screen
    assert "Tracing the network" in screen and "Comparing with torch" in screen
    assert screen.rstrip("\n").endswith("\x1b[2K"), "at last its line is wiped"


def test_the_file_says_what_it_is(exported: Any) -> None:
    whole, raw = exported(*FIRST), exported(*SECOND)
    said = {key.removeprefix("netloom."): value for key, value in whole.properties.items()}
    assert said["design"] == "tiny" and json.loads(said["classes"]) == [str(i) for i in range(10)]
    assert json.loads(said["inputs"]) == {"image": ["batch", 1, "height", "width"]}
    assert json.loads(said["outputs"]) == {"output": "probabilities"} and said["version"]
    assert json.loads(said["normalisation"]) == {"image": {"mean": [MEAN], "std": [STD], "inside": True}}
    assert "preprocessing" not in said, "samples need nothing any more"
    assert json.loads(raw.properties["netloom.normalisation"])["image"]["inside"] is False
    assert json.loads(raw.properties["netloom.preprocessing"])["steps"][0]["step"] == "normalise"
    assert "netloom.outputs" not in raw.properties and whole.model.producer_name == "netloom"


def test_every_node_says_where_on_the_canvas_it_comes_from(exported: Any) -> None:
    for given, more in ((exported(*FIRST), {"preprocess image", "postprocess output"}), (exported(*SECOND), set())):
        found = {}
        for each in given.model.graph.node:
            said = {p.key: p.value for p in each.metadata_props}
            found.setdefault(said["netloom.node"], set()).update({each.op_type, *said.get("netloom.also", "").split()})
            assert each.name.startswith(said["netloom.node"] + "/")
        # the optimizer folds the norm into the convolution: the one node is both
        assert set(found) == {"norm", "act", "deep", "pool", "head"} | more
        assert found["norm"] == {"Conv", "conv"} and found["act"] == {"Relu"}
        made = {name for each in given.model.graph.node for name in each.output}
        assert {"norm", "act", "deep", "pool", "output"} <= made, "values are called by what gives them"


@pytest.mark.parametrize("precision", ["fp16", "int8", "int8-static"])
def test_fewer_bits(precision: str, exported: Any) -> None:
    more = ("--calibration", "8") if precision == "int8-static" else ()
    narrow, full = exported("--precision", precision, "--preprocess", "--probabilities", *more), exported(*FIRST)
    wanted = {"fp16": TensorProto.FLOAT16, "int8": TensorProto.UINT8, "int8-static": TensorProto.INT8}[precision]
    assert narrow.dtypes == {wanted} and full.dtypes == {TensorProto.FLOAT}
    share = narrow.file.stat().st_size / full.said["bytes"]
    assert share < (0.65 if precision == "fp16" else 0.6)
    ends = (*narrow.model.graph.input, *narrow.model.graph.output)
    assert {v.type.tensor_type.elem_type for v in ends} == {TensorProto.FLOAT}
    pixels = images(5)
    assert np.abs(narrow(pixels) - full(pixels)).max() < (1e-3 if precision == "fp16" else 2e-2)
    kinds = {n.op_type for n in narrow.model.graph.node}
    assert ("QuantizeLinear" in kinds, "ConvInteger" in kinds) == (precision == "int8-static", precision == "int8")
    assert narrow.properties["netloom.design"] == "tiny"
    assert all(any(p.key == "netloom.node" for p in n.metadata_props) for n in narrow.model.graph.node)
    if precision == "int8-static":
        assert any("8 training samples" in line for line in narrow.said["report"])


def test_a_detector_without_postprocess_gives_its_heads(tmp_path: Path) -> None:
    design = detector()
    network = compile_design(design)
    network.module.eval()
    written = write(network, tmp_path / "raw.onnx", OnnxOptions(postprocess=False), design=design)
    assert written.outputs == ("head/scores", "head/boxes")
    model = onnx.load(written.file)
    assert [v.name for v in model.graph.output] == ["head/scores", "head/boxes"]
    assert not {"NonMaxSuppression", "Sigmoid", "TopK"} & {n.op_type for n in model.graph.node}
    image = torch.rand(2, 3, 64, 64)
    session = onnxruntime.InferenceSession(written.file, providers=["CPUExecutionProvider"])
    with torch.no_grad():
        for mine, theirs in zip(written.module(image), session.run(None, {"image": image.numpy()}), strict=True):
            assert np.allclose(mine, theirs, atol=1e-4)
    assert "`nms`" in " ".join(written.remarks) and "`sigmoid`" in " ".join(written.remarks)


def test_what_is_drawn_as_postprocess_keeps_32_bits(tmp_path: Path) -> None:
    """Two blocks that read one value of 16 bits: onnxruntime's converter casts it twice under one name."""
    design = chain(
        node("image", "Input", size=SHAPE), node("conv", "Conv2d", out_channels=4), node("low", "ScoreThreshold"),
        node("output", "Output"), more=(node("high", "ScoreThreshold", threshold=0.9), node("other", "Output")),
        wires=(wire("conv", "high"), wire("high", "other")),
    )  # fmt: skip
    network = compile_design(design)
    written = write(network, tmp_path / "half.onnx", OnnxOptions(precision="fp16"), design=design)
    session = onnxruntime.InferenceSession(written.file, providers=["CPUExecutionProvider"])
    image = torch.rand(2, *SHAPE)
    with torch.no_grad():
        for mine, theirs in zip(written.module(image), session.run(None, {"image": image.numpy()}), strict=True):
            assert np.allclose(mine, theirs, atol=2e-3)
    properties = [p for n in onnx.load(written.file).graph.node for p in n.metadata_props]
    assert {p.value for p in properties if p.key == "netloom.node"} == {"conv", "low", "high"}


def test_a_wish_that_changes_nothing_is_said(tmp_path: Path) -> None:
    design = chain(node("image", "Input", size=SHAPE), node("conv", "Conv2d", out_channels=4), node("output", "Output"))
    options = OnnxOptions(postprocess=False, probabilities=True)
    remarks = write(compile_design(design), tmp_path / "m.onnx", options, design=design).remarks
    assert "No postprocess is drawn, so there was nothing to leave off." in remarks
    assert "No output gives probabilities: no loss is drawn that says what its scores mean." in remarks
    both = write(compile_design(tiny()), tmp_path / "m.onnx", OnnxOptions(), design=tiny()).remarks
    assert not [line for line in both if "nothing to leave" in line or "No output" in line]

@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--opset", "3"), "choose one from 14 to 23"),
        (("--precision", "int4"), "choose one of fp32, fp16, int8, int8-static"),
        (("--calibration", "8"), "--calibration is for --precision int8-static"),
        (("--precision", "int8-static", "--calibration", "0"), "at least 1 sample"),
        (("--to", "csv", "--raw", "--opset", "17"), "--opset, --raw: that is for --to onnx, but --to is csv"),
        (("-o", "nowhere/m.onnx"), "no folder nowhere"),
    ],
)
def test_wrong_wishes_are_one_line(
    options: tuple[str, ...], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    code = main(["export", "digits", *([] if "--to" in options else ["--to", "onnx"]), *options])
    out, err = capsys.readouterr()
    assert code == 2 and out == "" and len(err.splitlines()) == 1 and sentence in err, err
    assert list(tmp_path.iterdir()) == []


def test_static_ranges_need_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    design = tiny()
    file.save(chain(*design.nodes[:8]), tmp_path / "it.netloom")
    code = main(["export", str(tmp_path / "it.netloom"), "--to", "onnx", "--precision", "int8-static",
                 "-o", str(tmp_path / "m.onnx")])  # fmt: skip
    err = capsys.readouterr().err
    assert code == 2 and "names no data" in err and len(err.splitlines()) == 1


def test_ctrl_c_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither while torch traces nor once the file stands aside."""
    (tmp_path / "m.onnx").write_bytes(b"what was there")

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for where in ("torch.onnx.export", "onnx.checker.check_model"):
        with monkeypatch.context() as patch:
            patch.setattr(where, stop)
            code = main(["export", "digits", "--to", "onnx", "-o", str(tmp_path / "m.onnx")])
        assert code == 130 and capsys.readouterr().err.strip() == "netloom: stopped"
        assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"what was there"]


def test_numbers_of_several_channels_meet_rows_and_images() -> None:
    from app.engine.to_onnx.whole import Normalise

    image = torch.rand(2, 3, 4, 5)
    numbers = ((0.1, 0.2, 0.3), (0.5, 0.6, 0.7))
    wanted = Normalise(numbers, (3, 4, 5))(image)
    assert torch.allclose(wanted[:, 1], (image[:, 1] - 0.2) / 0.6)
    assert torch.equal(Normalise(numbers, (60,))(image.flatten(1)), wanted.flatten(1))
