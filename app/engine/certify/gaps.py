"""How far outputs are apart: numbers by the scale of their tensor, whole numbers by how many are others, detections as
sets of boxes whose order ties may change, or with 8 bits by how they overlap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch

from app.engine.certify.overlap import overlap
from app.messages.onnx import Precision

TOLERANCES: dict[Precision, float] = {"fp32": 1e-3, "fp16": 2e-2, "int8": 0.5, "int8-static": 0.5}
"""By how much of its largest value (`FLOOR`, where all are smaller) an output may differ.

fp32 has 24 bits: two orders of summation differ by 1e-7 an operation and, in the deepest networks of the zoo, by some
1e-5 at the end; 1e-3 leaves room for that and for nothing else. fp16 has 11 bits, 5e-4 an operation: a hundred layers
add up to about a hundredth. int8 has 256 steps for a whole tensor and is not equal, nor is it meant to be: its
certificate states the difference, and what it costs in the metrics where the data is there (`app.engine.certify.cost`).
Beyond half of the largest value nothing of the output is left, which no quantisation that works does: that bound finds
what is broken and calls nothing equal.
"""
EQUAL = 0.1
"""Tolerances below this are of equality; above it order and number of detections change, and they are paired."""
FLOOR = 0.01
"""The least scale. Probabilities of a thousand classes are held to their own size; what is nearly nothing is not: it is
the difference of larger numbers, whose rounding it has."""
HUGE = float(torch.finfo(torch.float32).max)
"""What stands for a difference without end: JSON has no infinity."""
DETECTION = ("boxes", "scores", "classes", "count")
"""The parts of a detector's output, as its names end: found/boxes, found/scores, ..."""


class Gap(NamedTuple):
    """The largest difference, and that over the output's scale; of `decisions`, the share of those that are others."""

    largest: float = 0.0
    relative: float = 0.0
    decisions: bool = False

    def joined(self, other: Gap) -> Gap:
        return Gap(max(self.largest, other.largest), max(self.relative, other.relative))


def others(ours: torch.Tensor, theirs: torch.Tensor) -> Gap:
    """Between two tensors of one shape: of whole numbers, a class or a yes, the largest difference and the share of
    those that are not the same; of others their `gap`. One of many decisions that turns at a tie is no more wrong
    where its class has a high number."""
    far = gap(ours, theirs)
    whole = bool(ours.numel()) and far.largest < HUGE and all(bool((v == v.round()).all()) for v in (ours, theirs))
    return Gap(far.largest, float((ours != theirs).double().mean()), True) if whole else far


def gap(ours: torch.Tensor, theirs: torch.Tensor, floor: float = FLOOR) -> Gap:
    """Between two tensors of one shape. The scale is the largest of `ours`, but at least `floor`."""
    if not ours.numel():
        return Gap()
    one, other = ours.detach().double(), theirs.detach().double()
    apart = (one - other).abs()
    apart[(one == other) | (one.isnan() & other.isnan())] = 0  # infinities of one sign are equal
    largest = float(apart.max())
    if not math.isfinite(largest):  # a maximum of NaN is NaN
        return Gap(HUGE, HUGE)
    finite = one[one.isfinite()].abs()
    scale = max(float(finite.max()) if finite.numel() else 0.0, floor)
    return Gap(largest, largest / scale if scale else (HUGE if largest else 0.0))


def gaps(
    names: Sequence[str], ours: Sequence[torch.Tensor], theirs: Sequence[torch.Tensor], tolerance: float
) -> dict[str, Gap]:
    """The gap of each output. Detections are compared row by row and, where that fails, as sets (`_matched`); where
    `tolerance` is wider than equality they are paired by their overlap: boxes and scores differ by what pairs do, and
    the count by those without their like and their share."""
    stems = detections(names)
    exact = {f"{stem}/{part}" for stem in stems for part in DETECTION}
    found = {
        name: gap(one, other) if name in exact else others(one, other)
        for name, one, other in zip(names, ours, theirs, strict=True)
    }
    mine, yours = dict(zip(names, ours, strict=True)), dict(zip(names, theirs, strict=True))
    for stem in stems:
        parts = [f"{stem}/{part}" for part in DETECTION]
        left, right = [mine[part] for part in parts], [yours[part] for part in parts]
        if any(found[part].largest >= HUGE for part in parts):  # no numbers at all
            continue
        off = [found[part].relative > tolerance for part in parts]
        matched: Sequence[Gap] | None = None
        if tolerance >= EQUAL:
            met = overlap(left, right)
            pixels = max(1.0, float(left[0].abs().max())) if left[0].numel() else 1.0
            boxes, scores = Gap(met.pixels, met.pixels / pixels), Gap(met.score, met.score)
            matched = boxes, scores, Gap(), Gap(float(met.alone), met.share)
        elif any(off) and not off[1]:  # both lists fall in score, so that equal sets have equal lists of scores
            matched = _matched(left, right, tolerance)
        if matched is not None:
            found.update(zip(parts, matched, strict=True))
    return found


def detections(names: Sequence[str]) -> list[str]:
    """The outputs that are a detector's: those with all of the parts."""
    stems = [name.removesuffix("/count") for name in names if name.endswith("/count")]
    return [stem for stem in stems if all(f"{stem}/{part}" in names for part in DETECTION)]


def _matched(ours: Sequence[torch.Tensor], theirs: Sequence[torch.Tensor], tolerance: float) -> tuple[Gap, ...] | None:
    """The gaps of boxes, scores, classes and count, each box beside its like; None where some box has none.

    Of boxes whose scores are equal but for rounding either may stand first, and where the list is full either may be
    the one that is left out. So each box is matched with one of the same class whose score and place are within the
    tolerance; one without its like is forgiven only where its score is that of the last in a full list.
    """
    boxes, scores, _, counts = ours
    if not torch.equal(counts, theirs[3]):
        return None
    places = shares = Gap()
    pixels = max(1.0, float(boxes.abs().max())) if boxes.numel() else 1.0
    for i, n in enumerate(counts.tolist()):
        mine, yours = ([part[i, :n].double() for part in side[:3]] for side in (ours, theirs))
        free = torch.ones(n, dtype=torch.bool)
        for box, score, kind in zip(*mine, strict=True):
            near = (score - yours[1]).abs()  # (n,)
            apart = (box - yours[0]).abs().amax(1)
            fits = free & (kind == yours[2]) & (near <= tolerance) & (apart <= tolerance * pixels)
            if not fits.any():
                if n == scores.shape[1] and score <= mine[1][-1] + tolerance:
                    continue
                return None
            best = int(torch.where(fits, near + apart / pixels, torch.inf).argmin())
            free[best] = False
            places = places.joined(Gap(float(apart[best]), float(apart[best]) / pixels))
            shares = shares.joined(Gap(float(near[best]), float(near[best])))
    return places, shares, Gap(), Gap()
