"""Exports: ONNX equal to torch at any batch, weights under the nodes' names, tables and graphs as text."""

from __future__ import annotations

import csv
import operator
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import pytest
import torch
from msgspec.structs import replace
from safetensors.torch import load_file, save_file
from torch import fx, nn

from app.design import file
from app.engine import checkpoint
from app.engine.compile import InputSpec, Network, compile_design, shared_analyser
from app.engine.export import FORMATS, SUFFIXES, ExportError, Wishes, export
from app.engine.runs import Run, load_run
from app.engine.to_onnx import export_onnx
from app.engine.train import train
from app.messages.onnx import OnnxOptions
from tests.engine.designs import SHORT, digits

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("export") / "run"
    train(digits(), SHORT, run=folder, device="cpu")
    return load_run(folder)


def test_a_trained_network_is_equal_on_held_out_digits(run: Run, tmp_path: Path) -> None:
    report = export(run.design, "onnx", run, tmp_path)
    assert report.file == tmp_path / "model.onnx" and report.bytes == report.file.stat().st_size
    assert report.difference is not None and report.difference < 1e-4
    text = " ".join(report.lines)
    assert "real samples at batch 1, 3, 64" in text and "ONNX checker" in text and f"opset {report.opset}" in text
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.certificate.json", "model.onnx"]

    model = onnx.load(str(report.file))
    onnx.checker.check_model(model, full_check=True)
    assert [v.name for v in model.graph.input] == ["image"] and [v.name for v in model.graph.output] == ["output"]
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    session = onnxruntime.InferenceSession(str(report.file))
    images = torch.rand(7, 1, 8, 8)
    assert run.network is not None
    with torch.no_grad():
        expected = run.network.module(images)
    assert torch.allclose(torch.from_numpy(session.run(None, {"image": images.numpy()})[0]), expected, atol=1e-5)


def test_without_a_run_the_weights_are_said_to_be_untrained(tmp_path: Path) -> None:
    report = export(digits(), "onnx", None, tmp_path)
    assert any("untrained" in line for line in report.lines) and report.difference is not None


def test_the_pyramid_example_exports(tmp_path: Path) -> None:
    report = export(file.load(EXAMPLES / "pyramid.netloom"), "onnx", None, tmp_path)
    assert report.difference is not None and report.difference < 1e-4


def test_pyramids_and_several_outputs_keep_their_names(tmp_path: Path) -> None:
    class Levels(nn.Module):
        def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
            return [x * 2, x[:, :, ::2]]

    root = nn.Module()
    root.add_module("levels", Levels())
    root.add_module("line", nn.Linear(8, 3))
    graph = fx.Graph()
    x, y = graph.placeholder("x"), graph.placeholder("y")
    graph.output((graph.call_module("levels", (x,)), graph.call_module("line", (y,))))
    specs = (InputSpec("x", (3, 8), "float32"), InputSpec("y", (8,), "float32"))
    network = Network(fx.GraphModule(root, graph), root, specs, (), ("maps", "scores"), (), ())
    report = export_onnx(network, tmp_path / "model.onnx", batches=(1, 5))
    model = onnx.load(str(tmp_path / "model.onnx"))
    assert [v.name for v in model.graph.output] == ["maps/0", "maps/1", "scores"]
    assert [v.name for v in model.graph.input] == ["x", "y"] and report.difference is not None


def test_an_output_is_held_to_its_own_size(tmp_path: Path) -> None:
    """Pixels in the thousands do not excuse probabilities that are wrong by a twentieth."""

    class Box(nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return x * 1000, torch.sigmoid(x) * (1.0 if torch.compiler.is_exporting() else 1.05)

    root = nn.Module()
    root.add_module("box", Box())
    graph = fx.Graph()
    found = graph.call_module("box", (graph.placeholder("x"),))
    graph.output(tuple(graph.call_function(operator.getitem, (found, i)) for i in range(2)))
    spec = (InputSpec("x", (3,), "float32"),)
    network = Network(fx.GraphModule(root, graph), root, spec, (), ("pixels", "scores"), (), ())
    with pytest.raises(ExportError, match=r"`scores` differs by 0\.0"):
        export_onnx(network, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_a_network_that_cannot_be_exported_says_so_and_writes_nothing(tmp_path: Path) -> None:
    class Odd(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * 2 if float(x.sum()) > 0 else x

    root = nn.Module()
    root.add_module("odd", Odd())
    graph = fx.Graph()
    graph.output(graph.call_module("odd", (graph.placeholder("x"),)))
    spec = (InputSpec("x", (3,), "float32"),)
    network = Network(fx.GraphModule(root, graph), root, spec, (), ("y",), (), ())
    with pytest.raises(ExportError, match="cannot be exported to ONNX") as caught:
        export_onnx(network, tmp_path / "model.onnx")
    assert "\n" not in str(caught.value) and not list(tmp_path.iterdir())


def test_the_exporter_keeps_off_stdout(run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    export(run.design, "onnx", run, tmp_path)
    assert capfd.readouterr().out == ""


def test_weights_have_the_nodes_names(run: Run, tmp_path: Path) -> None:
    report = export(run.design, "safetensors", run, tmp_path)
    weights = load_file(report.file)
    assert {"head.weight", "head.bias"} <= set(weights) and any(k.startswith("stem.") for k in weights)
    own = run.root.state_dict()
    assert set(weights) == set(own) and all(torch.equal(weights[k], own[k]) for k in own)


def test_a_run_of_another_design_is_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="of another design"):
        export(digits(channels=12), "onnx", run, tmp_path)


def test_a_run_may_be_given_as_its_folder(run: Run, tmp_path: Path) -> None:
    assert export(run.design, "safetensors", run.path, tmp_path).bytes > 0


def test_data_that_is_gone_is_replaced_by_random_samples(run: Run, tmp_path: Path) -> None:
    recipe = replace(run.design.recipe, data="images:/nowhere")
    moved = run._replace(design=replace(run.design, recipe=recipe))
    report = export(run.design, "onnx", moved, tmp_path)
    assert any("random samples, because" in line and "/nowhere" in line for line in report.lines)


def test_the_layer_table_as_csv_and_markdown(tmp_path: Path) -> None:
    design = digits()
    analysis = shared_analyser().analyse(design)
    with export(design, "csv", None, tmp_path).file.open() as handle:
        rows = list(csv.DictReader(handle))
    assert [r["name"] for r in rows] == [n.name for n in analysis.nodes]
    by_name = {r["name"]: r for r in rows}
    assert by_name["stem"]["outputs"] == "1×8×8×8" and int(by_name["head"]["parameters"]) == 512 * 10 + 10
    text = export(design, "markdown", None, tmp_path).file.read_text()
    assert f"**{analysis.parameters:,}**" in text
    assert len({line.count("|") for line in text.splitlines()}) == 1


def test_graphs_have_every_node_and_wire(tmp_path: Path) -> None:
    design = file.load(EXAMPLES / "digits.netloom")
    mermaid = export(design, "mermaid", None, tmp_path).file.read_text()
    assert mermaid.startswith("flowchart LR") and mermaid.count("-->") == len(design.wires)
    assert '[["backbone' in mermaid, "a Group has double sides"
    assert '["loss<br/>CrossEntropy<br/>one number"]' in mermaid
    dot = export(design, "dot", None, tmp_path).file.read_text()
    assert dot.count("->") == len(design.wires) and all(f'"{n.id}" [' in dot for n in design.nodes)
    if shutil.which("dot"):
        done = subprocess.run(["dot", "-Tsvg"], input=dot.encode(), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr


def test_unknown_formats_and_folders_are_said(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="no format `word`: choose one of onnx"):
        export(digits(), "word", None, tmp_path)
    with pytest.raises(ExportError, match="There is no folder"):
        export(digits(), "csv", None, tmp_path / "nowhere")
    assert SUFFIXES["onnx"] == ".onnx" and set(SUFFIXES) == set(FORMATS)


def test_inputs_of_whole_numbers_export(tmp_path: Path) -> None:
    root = nn.Module()
    root.add_module("embed", nn.Embedding(2, 5))
    graph = fx.Graph()
    graph.output(graph.call_module("embed", (graph.placeholder("words"),)))
    spec = (InputSpec("words", (6,), "int64"),)
    network = Network(fx.GraphModule(root, graph), root, spec, (), ("out",), (), ())
    assert export_onnx(network, tmp_path / "model.onnx").difference == 0.0


@pytest.mark.parametrize(
    ("to", "apart"), [("onnx", False), ("onnx", True), ("program", False), ("safetensors", False), ("python", False)]
)
def test_a_disk_that_takes_no_more_is_one_sentence_that_names_the_file(to: str, apart: bool, tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(ExportError) as caught:
            export(digits(), to, None, tmp_path, wishes=Wishes("net.x", onnx=OnnxOptions(separate_data=apart)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert re.fullmatch(rf"{re.escape(str(tmp_path))}/net\.x cannot be written: [\w ]+\.", str(caught.value))
    assert not list(tmp_path.iterdir())


def test_a_name_that_is_too_long_is_said(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"\.onnx cannot be written: File name too long\.$"):
        export(digits(), "onnx", None, tmp_path, wishes=Wishes("a" * 300 + ".onnx"))


@pytest.mark.parametrize(("to", "precision"), [("onnx", "fp32"), ("onnx", "int8"), ("program", "fp32")])
def test_a_weight_that_is_no_number_is_named(to: str, precision: Any, tmp_path: Path) -> None:
    weights = checkpoint.weights_of(compile_design(digits(), "inference").root)
    name = next(iter(weights))
    weights[name] = torch.full_like(weights[name], torch.nan)
    save_file(weights, tmp_path / "bad.safetensors", {"format": "pt"})
    wishes = Wishes("net.x", onnx=OnnxOptions(precision=precision))
    with pytest.raises(ExportError, match=rf"The weight `{name}` of bad\.safetensors is not a number \(NaN\): train"):
        export(digits(), to, None, tmp_path, tmp_path / "bad.safetensors", wishes)
    assert [each.name for each in tmp_path.iterdir()] == ["bad.safetensors"]
