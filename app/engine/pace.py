"""How a run goes on the machine: its clock, what memory its process has, and waiting while it is paused."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import torch

REPORT_SECONDS = 0.15
GLANCE = 0.05
"""Seconds between two looks whether a pause is over."""


_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0


class Pace(NamedTuple):
    """A line of speed.csv: after `step` steps and `seconds` of training, samples a second and bytes."""

    step: int
    seconds: float
    rate: float
    memory: int
    gpu_memory: int


def memory() -> int:
    """Bytes of memory that this process has now (on macOS: had at most); 0 on Windows, where it is not asked for."""
    if sys.platform == "linux":
        with open("/proc/self/statm", "rb", buffering=0) as counted:
            return int(counted.read().split()[1]) * _PAGE
    if sys.platform == "win32":
        return 0
    import resource

    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)  # macOS counts bytes here


def gpu_memory(device: torch.device) -> int:
    """Bytes that torch holds on a CUDA device; 0 elsewhere."""
    return int(torch.cuda.memory_reserved(device)) if device.type == "cuda" else 0


def hold(paused: Callable[[], bool], cancelled: Callable[[], bool], most: float) -> bool:
    """Wait until the pause is over or the run is to end, for `most` seconds. Returns whether there is still to wait."""
    until = time.monotonic() + most
    while waits := paused() and not cancelled():
        if time.monotonic() >= until:
            break
        time.sleep(GLANCE)
    return waits


class Clock:
    """How long a run has trained and how fast, pauses left out."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.earlier = 0.0
        """Seconds that the run had trained before it was resumed."""
        self.steps = self.samples = 0
        """Steps made since it started, and samples seen in this epoch."""
        self._measured, self._room = float("-inf"), (0, 0)
        self.start()

    def start(self) -> None:
        self._began = self._epoch_began = time.monotonic()

    def start_epoch(self) -> None:
        self._epoch_began, self.samples = time.monotonic(), 0

    def rest(self, seconds: float) -> None:
        """The run stood still for so long."""
        self._began += seconds
        self._epoch_began += seconds

    @property
    def seconds(self) -> float:
        """How long the run has trained, validation included."""
        return self.earlier + time.monotonic() - self._began

    @property
    def rate(self) -> float:
        """Samples a second in this epoch."""
        seconds = time.monotonic() - self._epoch_began
        return self.samples / seconds if seconds > 0 else 0.0

    def left(self, steps: int) -> float | None:
        """Seconds that so many more steps will take; None while too few were made to know."""
        return steps * (time.monotonic() - self._began) / self.steps if self.steps >= 3 else None

    def room(self) -> tuple[int, int]:
        """Bytes that the process has, and torch on its GPU; asked for no more often than is reported."""
        now = time.monotonic()
        if now - self._measured >= REPORT_SECONDS:
            self._measured, self._room = now, (memory(), gpu_memory(self._device))
        return self._room
