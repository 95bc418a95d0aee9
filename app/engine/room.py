"""How much memory a device has left, as the system tells it: for what must not begin where it would not fit."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

import torch


def free_memory(device: str) -> int | None:
    """Bytes that may still be taken on a device (`cpu`, `cuda:0`, `mps`); None where nothing tells it."""
    kind = device.partition(":")[0]
    if kind == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if kind == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    if sys.platform == "win32":
        return _windows()
    known = [size for size in (_available(Path("/proc/meminfo")), _group(Path("/sys/fs/cgroup"))) if size is not None]
    if known:
        return min(known)
    try:  # a Mac says only how much there is in all
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _available(meminfo: Path) -> int | None:
    """What Linux would give without swapping, caches that it can drop included."""
    for line in _lines(meminfo):
        name, _, size = line.partition(":")
        if name == "MemAvailable":
            return int(size.split()[0]) * 1024
    return None


def _group(folder: Path) -> int | None:
    """What a container's limit leaves; None where there is no limit. Cached files that can be dropped count as free."""
    for most, now, cached in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
    ):
        limit, used = _lines(folder / most), _lines(folder / now)
        if limit and used and limit[0].isdecimal():
            facts = dict(line.split() for line in _lines((folder / most).with_name("memory.stat")))
            return int(limit[0]) - int(used[0]) + int(facts.get(cached, 0))
    return None


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="ascii").splitlines()
    except OSError:  # another system, or no such limit here
        return []


def _windows() -> int | None:
    class Status(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_ulong), ("load", ctypes.c_ulong),
            *((name, ctypes.c_ulonglong) for name in
              ("total", "free", "total_page", "free_page", "total_virtual", "free_virtual", "extended")),
        )  # fmt: skip

    status = Status(length=ctypes.sizeof(Status))
    told = ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))  # type: ignore[attr-defined]
    return int(status.free) if told else None
