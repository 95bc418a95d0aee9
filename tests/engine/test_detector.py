"""A small detector from image to detections: it checks, runs, and exports with the same boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from app.design.build import chain, node, wire
from app.design.values import Design
from app.engine.compile import compile_design, shared_analyser
from app.engine.to_onnx import export_onnx
from tests.second_runtime import agrees


def detector() -> Design:
    """RetinaNet with few channels, and what makes detections of its answers."""
    return chain(
        node("image", "Input", size=(3, 64, 64)),
        node("stem", "ConvStem", channels=8, pool=False),
        node("backbone", "ResidualBackbone", depths=(1, 1, 1, 1), widths=(8, 8, 16, 16), pool=True, levels=(2, 3, 4)),
        node("neck", "FPN", channels=16, extra="p5"),
        node("head", "RetinaNetHead", classes=3, convs=1),
        more=(
            node("sigmoid", "Sigmoid"), node("anchors", "Anchors"), node("decode", "DecodeBoxes"),
            node("clip", "ClipBoxes"), node("nms", "NMS", detections=30, candidates=200), node("found", "Output"),
        ),
        wires=(
            wire("head.scores", "sigmoid"), wire("neck", "anchors"), wire("head.boxes", "decode"),
            wire("anchors", "decode.anchors"), wire("decode", "clip"), wire("image", "clip.like"),
            wire("clip", "nms.boxes"), wire("sigmoid", "nms.scores"), wire("nms", "found"),
        ),
    )  # fmt: skip


def test_a_detector_checks_with_known_shapes() -> None:
    analysis = shared_analyser().analyse(detector())
    assert analysis.problems == ()
    assert analysis.uncounted == ()
    (found,) = analysis.outputs
    assert found.kind == "detections"
    assert [(t.shape, t.dtype) for t in found.tensors] == [
        ((1, 30, 4), "float32"), ((1, 30), "float32"), ((1, 30), "int64"), ((1,), "int64"),
    ]  # fmt: skip


def test_a_detector_runs_and_exports_with_the_same_boxes(tmp_path: Path) -> None:
    network = compile_design(detector(), "inference")
    generator = torch.Generator().manual_seed(0)
    for module in network.root.modules():  # weights as far apart as trained ones: scores must not be nearly equal
        if isinstance(module, nn.Conv2d):
            fan = module.weight[0].numel()
            module.weight.data = torch.randn(module.weight.shape, generator=generator) * (1.5 / fan) ** 0.5
    samples = [torch.randn(3, 3, 64, 64, generator=generator)]
    found = network.module.eval()(*samples)
    assert found.count.min() >= 3
    assert (found.boxes >= 0).all()
    assert (found.boxes <= 64).all()
    export_onnx(network, tmp_path / "detector.onnx", batches=(1, 3), samples=samples)
    session = onnxruntime.InferenceSession(tmp_path / "detector.onnx", providers=["CPUExecutionProvider"])
    boxes, scores, classes, count = session.run(None, {"image": samples[0].numpy()})
    assert count.tolist() == found.count.tolist()
    assert classes.tolist() == found.classes.tolist()
    np.testing.assert_allclose(boxes, found.boxes.detach(), atol=0.01)  # pixels of an image of 64
    np.testing.assert_allclose(scores, found.scores.detach(), atol=1e-4)
    model = onnx.load(tmp_path / "detector.onnx")
    names = [value.name for value in model.graph.output]
    assert names == ["found/boxes", "found/scores", "found/classes", "found/count"]
    assert "NonMaxSuppression" in {part.op_type for part in model.graph.node}
    agrees(tmp_path / "detector.onnx", network.module, samples[0], samples[0][:1])
