"""Postprocess against plain loops and torchvision's arithmetic, and non-maximum suppression in ONNX Runtime."""

from __future__ import annotations

import io

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from blocks.operators import TRANSLATIONS, nms_keep, pairwise_iou, top
from blocks.postprocess.boxes import Anchors, ClipBoxes, DecodeBoxes, DecodeDistances
from blocks.postprocess.choice import NMS, Argmax, CentredScores, Detections, TopBoxes


def crowd(images: int, count: int, seed: int = 0) -> torch.Tensor:
    """Boxes that overlap much."""
    generator = torch.Generator().manual_seed(seed)
    near = torch.rand(images, count, 2, generator=generator) * 40
    return torch.cat([near, near + 10 + 30 * torch.rand(images, count, 2, generator=generator)], 2)


def greedy(boxes: torch.Tensor, scores: torch.Tensor, overlap: float) -> list[int]:
    """Non-maximum suppression as it is told: the best box first, without those that it covers."""
    rest = sorted(range(len(scores)), key=lambda i: (-float(scores[i]), i))
    iou, kept = pairwise_iou(boxes), []
    while rest:
        best = rest.pop(0)
        kept.append(best)
        rest = [i for i in rest if iou[best, i] <= overlap]
    return kept


@pytest.mark.parametrize("overlap", [0.0, 0.3, 0.5, 0.9, 1.0])
def test_suppression_keeps_what_a_plain_loop_keeps(overlap: float) -> None:
    boxes, scores = crowd(3, 120), torch.rand(3, 120, generator=torch.Generator().manual_seed(1))
    scores[1] = (scores[1] * 5).round() / 5  # many equal scores
    kept = nms_keep(boxes, scores, overlap)
    for i in range(3):
        assert kept[i].nonzero()[:, 0].tolist() == sorted(greedy(boxes[i], scores[i], overlap))


def test_overlap_is_intersection_over_union() -> None:
    boxes = torch.tensor([[0.0, 0, 4, 4], [2, 0, 6, 4], [4, 4, 5, 5], [1, 1, 1, 9]])
    wanted = [[1, 1 / 3, 0, 0], [1 / 3, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]  # a box without area overlaps nothing
    assert pairwise_iou(boxes).tolist() == [pytest.approx(row) for row in wanted]


def test_the_first_of_equal_scores_are_chosen() -> None:
    scores = torch.tensor([[1.0, 3, 2, 3, 2, 2], [5, 5, 5, 5, 5, 5]])
    assert top(scores, 4).tolist() == [[1, 3, 2, 4], [0, 1, 2, 3]]
    assert top(scores, 1).tolist() == [[1], [0]]
    assert top(scores * torch.nan, 2).tolist() == [[0, 1], [0, 1]]
    many = (torch.rand(2, 500, generator=torch.Generator().manual_seed(4)) * 20).round()
    assert torch.equal(top(many, 77), many.argsort(dim=1, descending=True, stable=True)[:, :77])


def expected(boxes: torch.Tensor, scores: torch.Tensor, nms: NMS) -> list[tuple[int, int]]:
    """(box, class) of each detection, best first."""
    pairs = [(b, k) for b in range(scores.shape[0]) for k in range(scores.shape[1])]
    pairs = sorted(pairs, key=lambda pair: -float(scores[pair]))[: nms.candidates]
    iou, kept = pairwise_iou(boxes), []
    for b, k in pairs:
        rivals = [other for other, kind in kept if nms.agnostic or kind == k]
        if scores[b, k] > nms.threshold and all(iou[b, other] <= nms.overlap for other in rivals):
            kept.append((b, k))
    return kept[: nms.detections]


@pytest.mark.parametrize("settings", [
    {}, {"overlap": 0.2}, {"agnostic": True}, {"threshold": 0.7}, {"detections": 3}, {"candidates": 5},
])  # fmt: skip
def test_detections_are_the_best_boxes_of_each_class_padded_to_one_length(settings: dict[str, float]) -> None:
    boxes, scores = crowd(2, 40), torch.rand(2, 40, 3, generator=torch.Generator().manual_seed(2))
    nms = NMS(**settings)  # type: ignore[arg-type]
    found: Detections = nms(boxes, scores)
    assert [tuple(t.shape) for t in found] == [(2, nms.detections, 4), (2, nms.detections), (2, nms.detections), (2,)]
    for i in range(2):
        wanted = expected(boxes[i], scores[i], nms)
        n = int(found.count[i])
        assert n == len(wanted) > 0
        assert found.classes[i, :n].tolist() == [k for _, k in wanted]
        assert torch.equal(found.boxes[i, :n], boxes[i][[b for b, _ in wanted]])
        assert torch.equal(found.scores[i, :n], torch.stack([scores[i][pair] for pair in wanted]))
        assert not found.boxes[i, n:].any()
        assert not found.scores[i, n:].any()
        assert (found.classes[i, n:] == -1).all()


@pytest.mark.parametrize("agnostic", [False, True])
def test_onnx_runtime_finds_the_same_boxes(agnostic: bool) -> None:
    module = NMS(overlap=0.4, threshold=0.3, detections=20, candidates=60, agnostic=agnostic).eval()
    scores = torch.rand(2, 50, 4, generator=torch.Generator().manual_seed(3))
    batch = {0: torch.export.Dim("batch", min=1, max=64)}
    program = torch.onnx.export(
        module, (crowd(2, 50), scores), dynamo=True, verbose=False, dynamic_shapes=(batch, batch),
        custom_translation_table=TRANSLATIONS,
    )  # fmt: skip
    assert program is not None
    assert "NonMaxSuppression" in {node.op_type for node in program.model_proto.graph.node}
    onnx.checker.check_model(program.model_proto, full_check=True)
    file = io.BytesIO(program.model_proto.SerializeToString())
    session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    for images in (1, 5):
        boxes, scores = crowd(images, 50, images), torch.rand(images, 50, 4)
        scores = (scores * 10).round() / 10  # many equal ones
        feed = dict(zip([i.name for i in session.get_inputs()], (boxes.numpy(), scores.numpy()), strict=True))
        wanted = module(boxes, scores)
        assert wanted.count.min() > 1
        for mine, theirs in zip(wanted, session.run(None, feed), strict=True):
            np.testing.assert_array_equal(mine.numpy(), theirs)


def test_anchors_stand_at_every_place_in_the_order_of_the_predictions() -> None:
    anchors = Anchors([8, 16], 4.0, 2, (0.25, 1.0))([torch.zeros(3, 1, 2, 3), torch.zeros(3, 1, 1, 2)])
    assert anchors.shape == (3, (6 + 2) * 4, 4)
    forms = [(64, 16), (64 * 2**0.5, 16 * 2**0.5), (32, 32), (32 * 2**0.5, 32 * 2**0.5)]  # width, height
    wanted = [[x * 8 - w / 2, y * 8 - h / 2, x * 8 + w / 2, y * 8 + h / 2]
              for y in range(2) for x in range(3) for w, h in forms]  # fmt: skip
    assert torch.allclose(anchors[2, :24], torch.tensor(wanted))
    assert torch.allclose(anchors[0, 24:28], torch.tensor(wanted[:4]) * 2)


def test_the_default_anchors_are_retinanets() -> None:
    levels = [torch.empty(1, 1, -(-800 // s), -(-800 // s)) for s in (8, 16, 32, 64, 128)]
    anchors = Anchors([8, 16, 32, 64, 128])(levels)
    assert anchors.shape == (1, 120087, 4)
    sides = (anchors[0, :9, 2:] - anchors[0, :9, :2]).prod(1).sqrt()
    assert sides.tolist() == pytest.approx([32, 32 * 2 ** (1 / 3), 32 * 2 ** (2 / 3)] * 3)


def test_boxes_are_decoded_as_their_papers_say() -> None:
    anchors = torch.tensor([[[0.0, 0, 10, 20], [4, 4, 12, 12]]])
    assert torch.allclose(DecodeBoxes()(torch.zeros(1, 2, 4), anchors), anchors)
    moves = torch.tensor([[[0.1, -0.5, 0, np.log(2)], [0, 0, np.log(0.5), 100]]], dtype=torch.float32)
    wanted = torch.tensor([[[1.0, -20, 11, 20], [6, 8 - 250, 10, 8 + 250]]])
    assert torch.allclose(DecodeBoxes()(moves, anchors), wanted)
    assert torch.allclose(DecodeBoxes(10, 5)(moves * torch.tensor([10, 10, 5, 5]), anchors)[0, 0], wanted[0, 0])
    points = Anchors([8], 1.0, 1, (1.0,), True)([torch.zeros(1, 1, 1, 2)])
    sides = torch.tensor([[[0.5, 0.5, 1, 0.25], [1, 0.5, 0.5, 0.5]]])
    assert DecodeDistances()(sides, points).tolist() == [[[0, 0, 12, 6], [4, 0, 16, 8]]]
    assert ClipBoxes()(wanted, torch.zeros(1, 3, 9, 10)).tolist() == [[[1, 0, 10, 9], [6, 0, 10, 9]]]


def test_the_best_boxes_and_classes_are_chosen() -> None:
    boxes, scores = crowd(1, 30), torch.rand(1, 30, 3)
    few, theirs = TopBoxes(4)(boxes, scores)
    order = scores[0].amax(1).argsort(descending=True)[:4]
    assert torch.equal(few[0], boxes[0, order])
    assert torch.equal(theirs[0], scores[0, order])
    assert torch.equal(Argmax()(scores.transpose(1, 2)), scores.argmax(2))
    weighed = CentredScores()(torch.zeros(1, 2, 3), torch.tensor([[[0.0], [-100.0]]]))
    assert weighed[0, 0].tolist() == [0.5] * 3
    assert weighed[0, 1].max() < 1e-6
    assert isinstance(NMS(), nn.Module)
