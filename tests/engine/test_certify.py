"""Certificates: what they say of a good file, and that a file whose numbers differ is caught and its block named."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import onnx
import onnxruntime
import pytest
import torch
from msgspec.structs import replace
from torch import fx, nn

from app.cli import main
from app.design import file
from app.design.build import chain, node
from app.design.values import Design
from app.engine.certify import saying
from app.engine.certify.gaps import TOLERANCES, gap, gaps
from app.engine.certify.judge import _taken_together
from app.engine.certify.numbers import Flops, affordable
from app.engine.compile import InputSpec, Network, compile_design, shared_analyser
from app.engine.data import open_data
from app.engine.export import Wishes, export
from app.engine.runs import Run, load_run
from app.engine.to_onnx import ExportError, Facts, export_onnx
from app.engine.train import train
from app.messages.onnx import Certificate, Compared, OnnxOptions, Precision
from blocks import catalogue
from blocks.operators import TRANSLATIONS
from tests.engine.designs import SHORT
from tests.engine.designs import digits as small_digits
from tests.second_runtime import agrees

EXAMPLES = Path(__file__).parents[2] / "examples"


def digits() -> Design:
    return file.load(EXAMPLES / "digits.netloom", shared_analyser().cards)


@contextmanager
def exports_otherwise(block: str, change: Callable[[torch.Tensor], torch.Tensor]) -> Iterator[None]:
    """While a network is exported this block gives something else than when it runs."""
    shared_analyser()  # it loads the catalogue
    kind = catalogue.classes()[block]
    with pytest.MonkeyPatch.context() as patch:
        forward = kind.forward

        def other(self: nn.Module, *given: Any) -> Any:
            result = forward(self, *given)
            return change(result) if torch.compiler.is_exporting() else result

        patch.setattr(kind, "forward", other)
        yield


def refused(design: Design, folder: Path, options: OnnxOptions = OnnxOptions()) -> ExportError:  # noqa: B008
    torch.manual_seed(0)
    with pytest.raises(ExportError) as caught:
        export_onnx(compile_design(design), folder / "model.onnx", options, design=design)
    assert not list(folder.iterdir()), "a file that differs is not written"
    return caught.value


def test_a_certificate_says_what_was_checked_and_stands_beside_the_file(tmp_path: Path) -> None:
    design = digits()
    facts = Facts(design="digits", variant="")
    network = compile_design(design)
    report = export_onnx(network, tmp_path / "net.onnx", design=design, facts=facts)
    said = (tmp_path / "net.certificate.json").read_bytes()
    certificate = msgspec.json.decode(said, type=Certificate)
    assert certificate == report.certificate and said.count(b"\n") > 20, "for people too"
    data = (tmp_path / "net.onnx").read_bytes()
    assert (certificate.file, certificate.design) == ("net.onnx", "digits")
    assert (certificate.bytes, certificate.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert certificate.passed and certificate.checker and certificate.shapes and certificate.diverged is None
    model = onnx.load_from_string(data)
    assert sum(certificate.operators.values()) == len(model.graph.node) and certificate.operators["Conv"] > 3
    assert certificate.opset == model.opset_import[0].version
    assert [(row.output, row.batch) for row in certificate.compared] == [("output", 1), ("output", 3), ("output", 64)]
    assert all(row.within and 0 <= row.largest < 1e-4 and row.relative < 1e-3 for row in certificate.compared)
    assert certificate.milliseconds and certificate.torch_milliseconds
    assert set(certificate.versions) == {"netloom", "torch", "onnx", "onnxruntime"}
    text = " ".join(report.lines)
    assert "full shape inference" in text and "random samples at batch 1, 3, 64" in text and "operators: " in text
    with torch.no_grad():
        agrees(tmp_path / "net.onnx", network.module, torch.rand(5, 1, 8, 8))


def test_a_block_whose_export_differs_is_named_by_its_place_on_the_canvas(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    """Stage 2, in the Group `backbone`: the command line says so, exits with 1 and writes nothing."""
    target = tmp_path / "net.onnx"
    target.write_bytes(b"what was there")
    stage = catalogue.load() and catalogue.classes()["ResidualStage"]
    forward = stage.forward

    def other(self: Any, x: torch.Tensor) -> torch.Tensor:
        result = forward(self, x)
        return result * 1.05 if torch.compiler.is_exporting() and result.shape[2] == 4 else result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "forward", other)
        code = main(["export", "digits", "--to", "onnx", "-o", str(target), "--json"])
    out, err = capsys.readouterr()
    assert code == 1 and len(err.splitlines()) == 1 and "`output` differs by " in err
    assert "it begins at `backbone/stage2` (ResidualStage), which becomes Mul: the model is not written" in err
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"what was there"]
    said = json.loads(out)
    certificate = msgspec.convert(said["certificate"], Certificate)
    assert said["file"] is None and not certificate.passed and certificate.diverged is not None
    first = certificate.diverged
    assert (first.node, first.block, first.operator) == ("backbone/stage2", "ResidualStage", "Mul")
    assert first.relative == pytest.approx(0.05, rel=0.01)


def test_an_operator_that_is_translated_otherwise_is_found_in_its_block(tmp_path: Path) -> None:
    def rough(x: Any) -> Any:
        from onnxscript import opset18 as op

        return op.HardSigmoid(x)

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TRANSLATIONS, torch.ops.aten.sigmoid.default, rough)
        error = refused(digits(), tmp_path)
    assert error.certificate is not None and error.certificate.diverged is not None
    first = error.certificate.diverged
    assert (first.node, first.block) == ("attention", "SqueezeExcitation")
    assert first.operator == "HardSigmoid" and "in its " in str(error)


def test_a_folded_norm_does_not_throw_suspicion_on_its_convolution(tmp_path: Path) -> None:
    """The value between them is another one in the file; what differs is the activation behind."""
    design = chain(
        node("image", "Input", size=(3, 8, 8)), node("conv", "Conv2d", out_channels=4), node("norm", "BatchNorm2d"),
        node("act", "SiLU"), node("pool", "GlobalAvgPool"), node("out", "Output"),
    )  # fmt: skip
    with exports_otherwise("SiLU", lambda x: x + 0.5):
        error = refused(design, tmp_path)
    assert error.certificate is not None and error.certificate.diverged is not None
    assert error.certificate.diverged.node == "act"


def test_what_differs_at_another_size_of_image_alone_is_caught(tmp_path: Path) -> None:
    """At the drawing's size both are equal."""
    design = chain(
        node("image", "Input", size=(3, 8, 8)), node("conv", "Conv2d", out_channels=4, padding=1),
        node("act", "ReLU"), node("pool", "GlobalAvgPool"), node("out", "Output"),
    )  # fmt: skip
    options = OnnxOptions(any_size=True)
    with exports_otherwise("ReLU", lambda x: x * (x.shape[2] + 8 - x.shape[2]) / 8 * (1 + (x.shape[3] - 8) / 50)):
        error = refused(design, tmp_path, options)
    certificate = error.certificate
    assert certificate is not None and certificate.diverged is not None and certificate.diverged.node == "act"
    wrong = [row.inputs[0][2:] for row in certificate.compared if not row.within]
    assert wrong and (8, 8) not in wrong and all(row.within for row in certificate.compared if row.inputs[0][3] == 8)

    report = export_onnx(compile_design(design), tmp_path / "model.onnx", options, design=design)
    assert report.certificate is not None
    sizes = {row.inputs[0][2:] for row in report.certificate.compared}
    assert len(sizes) == 2 and (8, 8) in sizes and all(h != w for h, w in sizes - {(8, 8)})
    assert "and with images of" in " ".join(report.lines)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("certified") / "run"
    train(small_digits(), replace(SHORT, epochs=4), run=folder, device="cpu")
    return load_run(folder)


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_fewer_bits_say_what_they_cost(precision: Precision, trained: Run, tmp_path: Path) -> None:
    """By the design's own metric on the test split of the run's data, of torch's outputs and of the file's."""
    report = export(trained.design, "onnx", trained, tmp_path, wishes=Wishes(onnx=OnnxOptions(precision=precision)))
    certificate = report.certificate
    assert certificate is not None and certificate.passed and certificate.tolerance == TOLERANCES[precision]
    assert certificate.judged == ("equality" if precision == "fp16" else "metrics")
    assert any("8 bits are not equal to 32: `output`" in said for said in report.lines) == (precision == "int8")
    (said,) = [remark for remark in certificate.remarks if remark.startswith("Accuracy")]
    assert said in report.lines
    pattern = r"Accuracy on 3\d\d samples of the test split: ([\d.]+) in ONNX Runtime, ([\d.]+) in torch\."
    shares = re.fullmatch(pattern, said)
    assert shares is not None
    theirs, ours = map(float, shares.groups())
    with torch.no_grad():
        data = open_data("digits", trained.training.inputs, trained.training.targets, trained.design.recipe.seed)
        image, label = data.splits["test"].take(torch.arange(data.splits["test"].size))
        session = onnxruntime.InferenceSession(report.file)
        right = torch.from_numpy(session.run(None, {"image": image.numpy()})[0]).argmax(1) == label
    assert ours > 0.8 and theirs == pytest.approx(float(right.float().mean()), abs=1e-3)


def test_what_costs_too_much_is_not_written(trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.engine.certify.cost.MOST", -1.0)
    with pytest.raises(ExportError, match=r"int8 costs too much: .* Accuracy on .* is not written: choose more bits"):
        export(trained.design, "onnx", trained, tmp_path, wishes=Wishes(onnx=OnnxOptions(precision="int8")))
    assert not list(tmp_path.iterdir())


def test_one_sample_at_a_time_is_measured_one_at_a_time(trained: Run, tmp_path: Path) -> None:
    options = OnnxOptions(precision="int8", any_batch=False)
    report = export(trained.design, "onnx", trained, tmp_path, wishes=Wishes(onnx=options))
    assert any(re.match(r"Accuracy on 3\d\d samples of the test split", line) for line in report.lines)


def test_eight_bits_that_nothing_was_measured_of_do_not_claim_more(tmp_path: Path) -> None:
    report = export(small_digits(), "onnx", None, tmp_path, wishes=Wishes(onnx=OnnxOptions(precision="int8")))
    certificate = report.certificate
    assert certificate is not None and certificate.passed and certificate.judged == "bound"
    text = " ".join(report.lines)
    assert "8 bits are not equal to 32: `output` differs most, by 0.0" in text
    assert "No metric was measured, so that it was only looked whether it is broken." in text


def test_numbers_that_are_none_are_no_difference_of_the_file(tmp_path: Path) -> None:
    root = nn.Module()
    root.add_module("line", nn.Linear(2, 2))
    nn.init.constant_(root.line.weight, torch.nan)
    graph = fx.Graph()
    graph.output(graph.call_module("line", (graph.placeholder("x"),)))
    network = Network(fx.GraphModule(root, graph), root, (InputSpec("x", (2,), "float32"),), (), ("y",), (), ())
    with pytest.raises(ExportError, match=r"`y` is not a number at batch 1: check the network's weights"):
        export_onnx(network, tmp_path / "model.onnx")


def test_a_module_that_gives_a_weight_of_its_own_is_counted_as_others_are(tmp_path: Path) -> None:
    """CMT's positions are one; torch's counter ends with an error there."""

    class Own(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.weight

    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.own = Own(2, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x @ self.own(x)

    root = nn.Module()
    root.add_module("scaled", Scaled())
    graph = fx.Graph()
    graph.output(graph.call_module("scaled", (graph.placeholder("x"),)))
    network = Network(fx.GraphModule(root, graph), root, (InputSpec("x", (2,), "float32"),), (), ("y",), (), ())
    report = export_onnx(network, tmp_path / "model.onnx")
    assert report.certificate is not None and report.certificate.passed
    assert {row.batch for row in report.certificate.compared} == {1, 3, 64}, "small enough for the largest batch"


def test_the_largest_batch_is_left_out_where_it_takes_long() -> None:
    with Flops() as flops:
        torch.nn.functional.conv2d(torch.zeros(1, 3, 8, 8), torch.zeros(4, 3, 3, 3), padding=1)
    assert flops.total == 2 * 64 * 4 * 27
    assert affordable(flops.total / 2) == [1, 3, 64] and affordable(4e9) == [1, 3]


def test_gaps_go_by_the_scale_of_each_output() -> None:
    assert gap(torch.tensor([1000.0, 1.0]), torch.tensor([1000.5, 1.0]))[:2] == (0.5, 0.0005)
    assert gap(torch.tensor([0.1]), torch.tensor([0.2])).relative == pytest.approx(1.0)
    assert gap(torch.tensor([1e-5]), torch.tensor([2e-5])).relative == pytest.approx(1e-3)
    infinite = torch.tensor([torch.inf, -torch.inf, 1.0])
    assert gap(infinite, infinite).largest == 0 and gap(infinite, -infinite).relative > 1e30
    assert gap(torch.tensor([1.0]), torch.tensor([torch.nan])).relative > 1e30


def detections(*rows: tuple[float, float, int], length: int = 4) -> list[torch.Tensor]:
    """Boxes whose left edge, score and class are given, padded as NMS pads them."""
    boxes, scores, classes = torch.zeros(1, length, 4), torch.zeros(1, length), torch.full((1, length), -1)
    for i, (left, score, kind) in enumerate(rows):
        boxes[0, i] = torch.tensor([left, 0.0, left + 10, 10.0])
        scores[0, i], classes[0, i] = score, kind
    return [boxes, scores, classes, torch.tensor([len(rows)])]


def test_boxes_with_equal_scores_may_change_places_and_nothing_else_may() -> None:
    names = ["found/boxes", "found/scores", "found/classes", "found/count"]

    def differ(ours: list[torch.Tensor], theirs: list[torch.Tensor]) -> set[str]:
        found = gaps(names, ours, theirs, 1e-3)
        return {name.removeprefix("found/") for name, far in found.items() if far.relative > 1e-3}

    ours = detections((0, 0.9, 1), (50, 0.5, 2), (80, 0.5 - 1e-6, 3))
    assert differ(ours, detections((0, 0.9, 1), (80, 0.5, 3), (50, 0.5, 2))) == set()
    assert differ(ours, detections((0, 0.9, 1), (80, 0.5, 2), (50, 0.5, 3))) == {"boxes"}, "not of the same class"
    assert differ(ours, detections((50, 0.5, 2), (0, 0.9, 1), (80, 0.5, 3))) >= {"boxes", "scores"}, "best first"
    assert "count" in differ(ours, detections((0, 0.9, 1), (50, 0.5, 2)))
    full = detections((0, 0.9, 1), (50, 0.5, 2), length=2)
    assert differ(full, detections((0, 0.9, 1), (80, 0.5, 3), length=2)) == set(), "either is the last of a full list"
    assert differ(full, detections((9, 0.9, 1), (50, 0.5, 2), length=2)) == {"boxes"}


def test_detections_of_8_bits_are_paired_by_class_and_overlap() -> None:
    """A box may move by a little and change its rank; what has no like is counted, whatever its numbers are."""
    names = ["found/boxes", "found/scores", "found/classes", "found/count"]
    ours = detections((0, 0.9, 1), (50, 0.5, 2), (80, 0.4, 3))

    def alone(theirs: list[torch.Tensor]) -> float:
        return gaps(names, ours, theirs, TOLERANCES["int8"])["found/count"].relative

    moved = detections((51, 0.8, 2), (1, 0.6, 1), (80, 0.5, 3))
    assert alone(moved) == 0 and gaps(names, ours, moved, 0.5)["found/boxes"].largest == 1
    assert gaps(names, ours, moved, 0.5)["found/scores"].largest == pytest.approx(0.3)
    assert alone(detections((0, 0.9, 1), (50, 0.5, 2))) == pytest.approx(1 / 5), "one of five stands alone"
    assert alone(detections((0, 0.9, 2), (50, 0.5, 2), (80, 0.4, 3))) == pytest.approx(2 / 6), "of another class"
    near = detections((6, 0.9, 1), (56, 0.5, 2), (86, 0.4, 3))
    assert alone(near) == 1, "near by their numbers, 0.06 of the largest, and of other objects"
    assert alone(detections()) == 1 and gaps(names, detections(), detections(), 0.5)["found/count"].relative == 0
    nothing = [torch.full_like(part, torch.nan) if part.is_floating_point() else part for part in ours]
    assert gaps(names, ours, nothing, 0.5)["found/boxes"].relative > 1e30


def test_decisions_are_counted_and_those_of_all_batches_are_taken_together() -> None:
    """A class that turns at a tie is one of many, whatever its number."""
    labels, far = torch.arange(64), torch.arange(64)
    far[0] = 63
    found = gaps(["y"], [labels], [far], 1e-3)["y"]
    assert found == (63, 1 / 64, True)
    assert not gaps(["y"], [torch.tensor([1.0, 0.5])], [torch.tensor([0.0, 0.5])], 1e-3)["y"].decisions
    rows = [
        Compared("y", batch, ((batch, 3),), 1.0, share, False, decisions)
        for batch, share, decisions in ((1, 1.0, True), (64, 0.0, True))
    ]
    assert [row.within for row in _taken_together(rows, 0.02)] == [True, True], "1 of 65"
    assert [row.within for row in _taken_together(rows, 1e-3)] == [False, False]
    assert saying.unequal(rows[1:], "metrics") == ["8 bits decide otherwise: 0.0% of `y` at batch 64 are not torch's."]


def test_what_8_bits_would_not_change_is_no_file_of_8_bits(tmp_path: Path) -> None:
    design = chain(
        node("latent", "Input", size=(4, 4, 4)),
        node("grow", "ConvTranspose2d", out_channels=3, kernel_size=2, stride=2), node("out", "Output"),
    )  # fmt: skip
    error = refused(design, tmp_path, OnnxOptions(precision="int8"))
    assert str(error) == (
        "int8 would change nothing: none of the network's weights is in Conv, MatMul, Gemm, Gather. Take fp16."
    )
    design = chain(
        node("latent", "Input", size=(4, 4, 4)), node("conv", "Conv2d", out_channels=4),
        node("grow", "ConvTranspose2d", out_channels=4, kernel_size=3, stride=2), node("out", "Output"),
    )  # fmt: skip
    options = OnnxOptions(precision="int8")
    report = export_onnx(compile_design(design), tmp_path / "model.onnx", options, design=design)
    assert any(re.match(r"Only (49|50|51)% of the weights have 8 bits;", line) for line in report.lines), report.lines


def test_an_opset_that_is_too_old_names_the_operator_and_the_oldest_that_does(tmp_path: Path) -> None:
    design = chain(node("x", "Input", size=(4, 8)), node("norm", "LayerNorm"), node("out", "Output"))
    error = refused(design, tmp_path, OnnxOptions(opset=14))
    assert "LayerNormalization has no form that is so old. Choose 17 or later" in str(error)
    export_onnx(compile_design(design), tmp_path / "model.onnx", OnnxOptions(opset=17), design=design)
