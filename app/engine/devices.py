"""Where one can train: every device, and for those that are absent the reason."""

from __future__ import annotations

import os
import platform
import sys

import torch

from app.messages import Device


class DeviceError(ValueError):
    """A device that cannot be used; one sentence for the user."""


def devices() -> tuple[Device, ...]:
    """The CPU, every CUDA card, Apple's GPU. Absent ones say why, and what would do."""
    found = (Device("cpu", f"CPU, {cores()} cores"), *_cuda(), _mps())
    return (*found, *_several("cuda", "GPUs"), *_several("cpu", "processes on the CPU"))


def count(kind: str) -> int:
    """How many devices of a kind (`cpu`, `cuda`) one run can have: a process each."""
    if kind == "cuda":
        return torch.cuda.device_count() if torch.cuda.is_available() else 0
    return cores() if kind == "cpu" else 1


def apart(device: str, number: int) -> tuple[str, int]:
    """The kind and the number of `cuda*4`, which is how several devices are chosen where one name is given."""
    kind, sign, several = device.partition("*")
    return (kind, int(several)) if sign and several.isdecimal() else (device, number)


def _several(kind: str, what: str) -> tuple[Device, ...]:
    """A choice for 2, 4, 8 ... devices, and for all of them."""
    there = count(kind)
    numbers = sorted({2**i for i in range(1, 10) if 2**i <= there} | ({there} if there > 1 else set()))
    return tuple(Device(f"{kind}*{number}", f"{number} {what}") for number in numbers)


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


WORTH_A_THREAD = 200_000_000
"""Multiply-adds of a training step for which one more thread pays: below, threads wait for each other most of the time,
and on a busy machine a step takes ten times as long (measured on a network of 1.2 M MACs: 13 ms against 160 ms)."""


MAX_THREADS = 1024


def wished_threads() -> int | None:
    """What NETLOOM_THREADS says; None where it says nothing. Raises DeviceError."""
    wish = os.environ.get("NETLOOM_THREADS", "")
    if not wish:
        return None
    if not (wish.isascii() and wish.isdecimal() and len(wish) < 9 and 1 <= int(wish) <= MAX_THREADS):
        raise DeviceError(f"NETLOOM_THREADS is `{wish}`: it needs a whole number from 1 to {MAX_THREADS}.")
    return int(wish)


def threads(work: int, processes: int = 1) -> int:
    """Threads for training steps of `work` multiply-adds: NETLOOM_THREADS, else what pays, at most one a core; each of
    several `processes` that share the work has its part."""
    return wished_threads() or max(1, min(cores(), work // WORTH_A_THREAD) // processes)


def pick(name: str = "auto") -> str:
    """The device for a wish: `auto` takes the first GPU, else the CPU. Raises DeviceError where it is absent."""
    name = apart(name, 1)[0]
    present = [device.id for device in devices() if not device.absent and "*" not in device.id]
    if name in ("", "auto"):
        return next((id for id in present if id != "cpu"), "cpu")
    if name == "cuda" and "cuda:0" in present:
        return "cuda:0"
    if name in present:
        return name
    known = next((device for device in devices() if device.id.partition(":")[0] == name.partition(":")[0]), None)
    if known is not None and known.absent:
        raise DeviceError(f"The device {name} is absent: {known.absent}")
    raise DeviceError(f"There is no device {name}: choose auto or one of {', '.join(present)}.")


def _cuda() -> tuple[Device, ...]:
    if torch.cuda.is_available():
        return tuple(Device(f"cuda:{i}", torch.cuda.get_device_name(i)) for i in range(torch.cuda.device_count()))
    if torch.version.cuda is None:
        if sys.platform == "darwin":
            why = "Macs have no NVIDIA card."
        else:
            why = "the CPU build of torch is installed; start with `make run CUDA=1` for the CUDA build."
    elif os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        why = "CUDA_VISIBLE_DEVICES hides every card; unset it."
    else:
        why = "no NVIDIA driver answers, or no card is fitted; install the driver until nvidia-smi lists the card."
    return (Device("cuda", "NVIDIA GPU", why),)


def _mps() -> Device:
    if torch.backends.mps.is_available():
        return Device("mps", "Apple GPU")
    if sys.platform != "darwin":
        why = "it needs a Mac with an Apple chip."
    elif platform.machine() != "arm64":
        why = "this Mac has an Intel chip; it needs an Apple one."
    else:
        why = "it needs macOS 14 or later."
    return Device("mps", "Apple GPU", why)
