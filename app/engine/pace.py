"""How a run goes on the machine: what memory its process has, and waiting while it is paused."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import torch

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
