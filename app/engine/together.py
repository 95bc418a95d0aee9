"""What the processes of a run on several devices agree on. With one device nothing is asked and nothing waits.

Every call here is made by all processes at the same place of the loop: one that is left out would be waited for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from app.engine import checkpoint
from app.engine.data.base import share_of

AGREE_SECONDS = 0.5
"""So often, about, the processes ask the first whether to go on, however long a step takes."""
MOST_STEPS = 64
HELD_SECONDS = 0.5
"""While a run is paused the first process says so again after this time, so that no waiting one gives up."""
NONE = 2**62


class Together:
    """One process's view of the others."""

    def __init__(self, fabric: Any) -> None:
        self._fabric = fabric
        self.rank, self.world = int(fabric.global_rank), int(fabric.world_size)
        self._next = 0
        self._step, self._asked = 0, time.monotonic()

    @property
    def alone(self) -> bool:
        return self.world == 1

    def own(self, whole: int) -> int:
        """How many samples of a batch of `whole` are this process's; of 0 it runs one that does not count."""
        return share_of(whole, self.rank, self.world)

    def weight(self, whole: int) -> float:
        """The factor of this process's mean loss, so that the mean of all gradients is that of one whole batch."""
        return self.own(whole) * self.world / whole

    def summed(self, sums: torch.Tensor, count: int) -> tuple[torch.Tensor, int]:
        """Sums and count over all processes."""
        if self.alone:
            return sums, count
        both = self._fabric.all_reduce(torch.cat([sums, sums.new_tensor([float(count)])]), reduce_op="sum")
        return both[:-1], int(both[-1].item())

    def least(self, number: int | None) -> int | None:
        """The smallest number that any process has."""
        if self.alone:
            return number
        known = torch.tensor(NONE if number is None else number, device=self._fabric.device)
        found = int(self._fabric.all_reduce(known, reduce_op="min").item())
        return None if found == NONE else found

    def order(self, step: int | None, decide: Callable[[], int], go: int) -> int:
        """What the first process decides; `go` at steps at which it is not asked. It is asked after so many steps as
        take about AGREE_SECONDS, and at once where there is no `step`."""
        if self.alone:
            return decide()
        if step is None:
            return int(self._fabric.broadcast(decide() if not self.rank else go))
        if step < self._next:
            return go
        now = time.monotonic()
        pace = max(step - self._step, 1) / max(now - self._asked, 1e-9)
        self._step, self._asked = step, now
        steps = min(max(int(pace * AGREE_SECONDS), 1), MOST_STEPS)
        order, ahead = self._fabric.broadcast((decide() if not self.rank else go, steps))
        self._next = step + ahead
        return int(order)

    def hold(self, waits: Callable[[float], bool]) -> None:
        """Wait as long as `waits` of the first process, which may take the seconds that it is given, says so."""
        if self.alone:
            while waits(HELD_SECONDS):
                pass
            return
        while self._fabric.broadcast(waits(HELD_SECONDS) if not self.rank else False):
            pass

    def randoms(self) -> list[dict[str, Any]]:
        """The random-number generators of all processes."""
        own = checkpoint.random_state()
        if self.alone:
            return [own]
        found: list[Any] = [None] * self.world
        torch.distributed.all_gather_object(found, own)
        return found

    def share_buffers(self, module: nn.Module) -> None:
        """Give all processes the first one's buffers: what norms have measured differs with the samples."""
        for buffer in () if self.alone else module.buffers():
            torch.distributed.broadcast(buffer, 0)
