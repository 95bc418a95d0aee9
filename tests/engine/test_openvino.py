"""A ResNet and a ViT in a second runtime, OpenVINO. The digits network's test is in `test_certify`, a detector's with
non-maximum suppression in `test_detector`."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from app.design.paths import set_from_text
from app.engine.compile import compile_design, shared_analyser
from app.engine.to_onnx import export_onnx
from app.messages.onnx import OnnxOptions
from tests.alive import enliven, with_few_blocks
from tests.layers import drawn
from tests.second_runtime import agrees


@pytest.mark.parametrize("name", ["resnet18", "vit_tiny_patch16_224"])
def test_openvino_agrees_with_torch(name: str, tmp_path: Path) -> None:
    """With one block in a row and small images: at two batches, the ResNet at another size of image too."""
    torch.manual_seed(0)
    sized = name == "resnet18"
    design = with_few_blocks(drawn(name), 1)
    design = set_from_text(design, ["image.size=3,64,64"], shared_analyser().cards)
    network = compile_design(design)
    enliven(network)
    options = OnnxOptions(any_size=sized)
    report = export_onnx(network, tmp_path / "model.onnx", options, design=design, batches=(1, 3))
    assert report.certificate is not None and report.certificate.passed
    images = [torch.rand(1, 3, 64, 64), torch.rand(3, 3, 64, 64), *([torch.rand(2, 3, 96, 64)] if sized else [])]
    agrees(tmp_path / "model.onnx", network.module, *images)
