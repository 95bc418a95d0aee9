"""Detections by how they overlap, where 8 bits move them: which have their like in the file, and which have none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from blocks.operators import pairwise_iou

ENOUGH = 0.5
"""From this intersection over union on two boxes are of one object, as detection benchmarks have it."""


class Overlap(NamedTuple):
    """Detections of torch and of the file, and how many pairs are of one class and overlap by `ENOUGH`. `pixels` and
    `score` are the largest differences within a pair."""

    ours: int
    theirs: int
    pairs: int
    pixels: float = 0.0
    score: float = 0.0

    @property
    def alone(self) -> int:
        """Detections without their like, of both sides."""
        return self.ours + self.theirs - 2 * self.pairs

    @property
    def share(self) -> float:
        """`alone` of all detections."""
        return self.alone / max(self.ours + self.theirs, 1)


def overlap(ours: Sequence[torch.Tensor], theirs: Sequence[torch.Tensor]) -> Overlap:
    """Pair boxes (B, N, 4), scores (B, N), classes (B, N) and counts (B): each detection of torch, best first, with
    that of the file which overlaps it most among those of its class that are left."""
    found = Overlap(int(ours[3].sum()), int(theirs[3].sum()), 0)
    for i, (n, m) in enumerate(zip(ours[3].tolist(), theirs[3].tolist(), strict=True)):
        shared = pairwise_iou(torch.cat([ours[0][i, :n], theirs[0][i, :m]]).double())[:n, n:]  # (n, m)
        shared = shared * (ours[2][i, :n, None] == theirs[2][i, :m])
        for box in range(n if m else 0):
            like = int(shared[box].argmax())
            if shared[box, like] < ENOUGH:
                continue
            shared[:, like] = 0
            moved = float((ours[0][i, box] - theirs[0][i, like]).abs().max())
            score = float((ours[1][i, box] - theirs[1][i, like]).abs())
            pixels = max(found.pixels, moved)
            found = found._replace(pairs=found.pairs + 1, pixels=pixels, score=max(found.score, score))
    return found
