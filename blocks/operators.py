"""Operators of the house's own, and what each becomes in ONNX. Importing this module loads no onnxscript."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

TRANSLATIONS: dict[Callable[..., Any], Callable[..., Any]] = {}
"""Operator -> its translation for torch's ONNX exporter, as `custom_translation_table` takes it."""


@torch.library.custom_op("netloom::nms_keep", mutates_args=())
def nms_keep(boxes: torch.Tensor, scores: torch.Tensor, overlap: float) -> torch.Tensor:
    """Which boxes non-maximum suppression keeps: (B, N, 4) and (B, N) to (B, N) of bool.

    From the best score on, a box is kept unless it overlaps a kept one by more than `overlap` (intersection over
    union); of equal scores the first is the better.
    """
    kept = torch.zeros_like(scores, dtype=torch.bool)
    for i in range(len(boxes)):
        order = scores[i].argsort(descending=True, stable=True)
        # a box is dropped by a better one alone: row over column
        drops = (pairwise_iou(boxes[i][order]) > overlap).triu(1)
        keep = torch.ones_like(order, dtype=torch.bool)
        while True:  # each round settles at least one more box, and nearly always all of them at once
            settled = ~(drops & keep[:, None]).any(0)
            if torch.equal(settled, keep):
                break
            keep = settled
        kept[i, order] = keep
    return kept


@nms_keep.register_fake
def _(boxes: torch.Tensor, scores: torch.Tensor, overlap: float) -> torch.Tensor:
    return torch.empty_like(scores, dtype=torch.bool)


def pairwise_iou(boxes: torch.Tensor) -> torch.Tensor:
    """The overlap of each box (x1, y1, x2, y2) with each: intersection over union, 0 where a box has no area."""
    near, far = boxes[:, :2], boxes[:, 2:]
    shared = (torch.minimum(far[:, None], far) - torch.maximum(near[:, None], near)).clamp(min=0).prod(2)
    areas = (far - near).prod(1)
    union = areas[:, None] + areas - shared
    flat = (areas <= 0)[:, None] | (areas <= 0) | (union <= 0)
    return torch.where(flat, 0, shared / union.clamp(min=torch.finfo(boxes.dtype).tiny))


@torch.library.custom_op("netloom::top", mutates_args=())
def top(scores: torch.Tensor, count: int) -> torch.Tensor:
    """The places of the `count` best of each row, best first, and of equal ones the first first: (B, N) to (B, count).

    torch.topk leaves the order of equal ones open, and so their choice at the end; ONNX does not.
    """
    scores = scores.nan_to_num(-torch.inf, torch.inf, -torch.inf)
    last = scores.topk(count, 1)[0][:, -1:]
    better, equal = scores > last, scores == last
    chosen = better | (equal & (equal.cumsum(1) <= count - better.sum(1, keepdim=True)))
    places = chosen.nonzero()[:, 1].view(len(scores), count)
    return places.gather(1, scores.gather(1, places).argsort(dim=1, descending=True, stable=True))


@top.register_fake
def _(scores: torch.Tensor, count: int) -> torch.Tensor:
    return scores.new_empty((scores.shape[0], count), dtype=torch.int64)


def _top_onnx(scores: Any, count: int) -> Any:
    from onnxscript import opset18 as op

    return op.TopK(scores, op.Constant(value_ints=[count]), axis=1)[1]


def _nms_keep_onnx(boxes: Any, scores: Any, overlap: float) -> Any:
    from onnxscript import opset18 as op

    one = op.Constant(value_ints=[1])
    by_class = op.Unsqueeze(scores, one)  # (B, 1, N): all boxes are of one class
    count = op.Slice(op.Shape(scores), one, op.Constant(value_ints=[2]))
    # rows of image, class, box
    picked = op.NonMaxSuppression(boxes, by_class, count, op.Constant(value_floats=[overlap]))
    ones = op.Expand(op.Constant(value_floats=[1.0]), op.Slice(op.Shape(picked), op.Constant(value_ints=[0]), one))
    kept = op.ScatterND(op.Mul(by_class, op.Constant(value_floats=[0.0])), picked, ones)
    return op.Cast(op.Squeeze(kept, one), to=9)  # bool


def _adaptive_avg_onnx(x: Any, output_size: Any) -> Any:
    """torch's exporter takes this apart for the one size that it sees, and it would be wrong for any other."""
    from onnxscript import opset18 as op

    last = len(x.shape) - 1
    if list(output_size) == [1, 1]:
        return op.ReduceMean(x, op.Constant(value_ints=[last - 1, last]), keepdims=1)
    sizes = [x.shape[last - 1], x.shape[last]]
    if all(isinstance(n, int) and n % out == 0 for n, out in zip(sizes, output_size, strict=True)):
        each = [n // out for n, out in zip(sizes, output_size, strict=True)]
        return op.Identity(x) if each == [1, 1] else op.AveragePool(x, kernel_shape=each, strides=each)
    rows, columns = (_means(op, x, last - 1 + i, out) for i, out in enumerate(output_size))
    return op.MatMul(op.MatMul(rows, x), op.Transpose(columns, perm=[1, 0]))


def _means(op: Any, x: Any, axis: int, count: int) -> Any:
    """(count, n): what each of the n places along an axis counts for each of the `count` means."""
    length = op.Shape(x, start=axis, end=axis + 1)  # (1,)
    places = op.Range(op.Constant(value_int=0), op.Squeeze(length), op.Constant(value_int=1))  # (n,)
    each = op.Reshape(op.Constant(value_ints=list(range(count))), op.Constant(value_ints=[count, 1]))
    many, one = op.Constant(value_ints=[count]), op.Constant(value_ints=[1])
    start = op.Div(op.Mul(each, length), many)
    end = op.Div(op.Add(op.Mul(op.Add(each, one), length), op.Constant(value_ints=[count - 1])), many)
    inside = op.And(op.GreaterOrEqual(places, start), op.Less(places, end))
    return op.Div(op.CastLike(inside, x), op.CastLike(op.Sub(end, start), x))


TRANSLATIONS[torch.ops.aten.adaptive_avg_pool2d.default] = _adaptive_avg_onnx
TRANSLATIONS[torch.ops.netloom.top.default] = _top_onnx
TRANSLATIONS[torch.ops.netloom.nms_keep.default] = _nms_keep_onnx
