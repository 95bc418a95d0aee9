"""Exported networks in a second runtime, which shares no code with the first: OpenVINO loads them and agrees.

Detections come out in the order of their scores. Of boxes whose scores are equal but for rounding a runtime may put
either first, and what is behind `count` is padding: boxes and scores of 0, classes of -1. So they are compared as the
certificate compares them (`app.engine.certify.gaps`).
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from app.design import file
from app.design.paths import set_from_text
from app.design.values import Design
from app.engine.certify.gaps import gaps
from app.engine.compile import compile_design, shared_analyser
from app.engine.meta import tensors_in
from app.engine.to_onnx import export_onnx
from app.messages.onnx import OnnxOptions
from tests.alive import enliven, with_few_blocks
from tests.engine.test_detector import detector
from tests.layers import drawn

openvino = pytest.importorskip("openvino")
EXAMPLES = Path(__file__).parents[2] / "examples"


def small(name: str, side: int) -> Design:
    """A network of the zoo with one block in a row and small images."""
    design = with_few_blocks(drawn(name), 1)
    return set_from_text(design, [f"image.size=3,{side},{side}"], shared_analyser().cards)


DESIGNS = {
    "digits": lambda: file.load(EXAMPLES / "digits.netloom", shared_analyser().cards),
    "resnet": lambda: small("resnet18", 64),
    "vit": lambda: small("vit_tiny_patch16_224", 64),
    "detector": detector,
}


@pytest.mark.parametrize("name", DESIGNS)
def test_openvino_agrees_with_torch(name: str, tmp_path: Path) -> None:
    """At two batches, and at another size of image where the file takes any."""
    torch.manual_seed(0)
    design = DESIGNS[name]()
    network = compile_design(design)
    enliven(network)
    network.module.eval()
    sized = name == "resnet"
    options = OnnxOptions(any_size=sized, postprocess=name != "resnet")
    report = export_onnx(network, tmp_path / "model.onnx", options, design=design if name != "detector" else None,
                         batches=(1, 3))  # fmt: skip
    assert report.certificate is not None and report.certificate.passed
    core = openvino.Core()
    model = core.compile_model(str(tmp_path / "model.onnx"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    names = [output.any_name for output in model.outputs]
    assert [given.any_name for given in model.inputs] == ["image"]
    (spec,) = network.inputs
    for shape in ((1, *spec.shape), (3, *spec.shape), *([(2, 3, 96, 64)] if sized else [])):
        image = torch.rand(shape)
        with torch.no_grad():
            ours = tensors_in(network.module(image))
        theirs = [torch.from_numpy(value.copy()) for value in model(image.numpy()).values()]
        if name == "digits":  # it is drawn with a loss, so that the file gives probabilities
            ours = [ours[0].softmax(1)]
        found = gaps(names, ours, theirs, 1e-3)
        assert len(found) == (4 if name == "detector" else 1)
        assert all(far.relative <= 1e-3 for far in found.values()), (shape, found)
        if name == "detector":
            assert int(ours[3].min()) >= 3, "boxes are found"
