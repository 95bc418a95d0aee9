"""What an epoch's batches gave, summed: values stay on the device until they are asked for, all in one transfer."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch


class Tally:
    """Sums of each value over samples. Added one batch after another as Python's floats (float64), so that they are
    the same to the last bit however often they are asked for in between."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._sums, self._count = [0.0] * len(self.names), 0
        self._waiting: list[torch.Tensor] = []
        self._sizes: list[int] = []

    def add(self, row: Sequence[torch.Tensor], size: int) -> None:
        """A batch's means, one number in each tensor and no graph behind it, the loss first; of `size` samples. One of
        none is only judged."""
        self._waiting += row
        self._sizes.append(size)

    def settle(self) -> int | None:
        """Take in what waits. Returns how many batches ago the loss was no number, the first time since the last call;
        the batch just added is 1 ago."""
        if not self._sizes:
            return None
        width, sizes = len(self.names), self._sizes
        values = torch.stack(self._waiting).tolist()
        self._waiting, self._sizes = [], []
        for at, size in enumerate(sizes):
            if size:
                for i, value in enumerate(values[at * width : (at + 1) * width]):
                    self._sums[i] += value * size
                self._count += size
        bad = next((at for at in range(len(sizes)) if not math.isfinite(values[at * width])), None)
        return None if bad is None else len(sizes) - bad

    @property
    def count(self) -> int:
        """Samples behind the sums, those that wait left out."""
        return self._count

    def sums(self, device: torch.device | str = "cpu") -> torch.Tensor:
        """(N,) in the order of `names`; float32 on a device that has no float64."""
        kind = torch.float32 if torch.device(device).type == "mps" else torch.float64
        return torch.tensor(self._sums, dtype=kind, device=device)

    def restore(self, sums: torch.Tensor, count: int) -> None:
        """Go on from what a checkpoint kept."""
        self.reset()
        self._sums, self._count = sums.tolist(), count
