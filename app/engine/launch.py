"""Who started this process, and as which of how many: Netloom itself, torchrun, SLURM, or nobody but the user.

With several devices each has a process. `netloom train --devices 2` starts them itself (`app.engine.ranks`); under
torchrun or srun they are there already, and each finds here what it is.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from app.engine.devices import DeviceError

OURS = "NETLOOM_RANK"
"""Set in the processes that Netloom starts for a run on several devices."""
README = "README, Several devices"


class Launched(NamedTuple):
    """Who started the processes of a run, how many there are on each node, and how many nodes."""

    by: str
    devices: int
    nodes: int


def launched() -> Launched | None:
    """None where this process was started alone. Raises DeviceError where what started it does not say enough."""
    said = os.environ
    if OURS in said:
        return Launched("netloom", int(said["LOCAL_WORLD_SIZE"]), int(said["WORLD_SIZE"]) // _local())
    if "TORCHELASTIC_RUN_ID" in said:
        return Launched("torchrun", _local(), int(said["WORLD_SIZE"]) // _local())
    tasks = int(said.get("SLURM_NTASKS", "1"))
    if tasks > 1 and "SLURM_STEP_ID" in said and said.get("SLURM_JOB_NAME") not in ("bash", "interactive"):
        each = said.get("SLURM_NTASKS_PER_NODE", "")
        if not each.isdecimal():
            raise DeviceError(
                f"srun has started {tasks} processes, but not as many on each node as it was told: give it "
                f"--ntasks-per-node ({README})."
            )
        return Launched("srun", int(each), int(said.get("SLURM_NNODES", "1")))
    return None


def counts(devices: int, nodes: int) -> tuple[int, int]:
    """Devices a node, and nodes: those asked for, or as many as processes were started. Raises DeviceError where the
    two contradict each other, or nodes could not find each other."""
    if devices < 1 or nodes < 1:
        raise DeviceError(f"{devices} devices on {nodes} nodes is impossible: both need to be at least 1.")
    there = launched()
    if there is None:
        if nodes > 1 and not {"MASTER_ADDR", "MASTER_PORT", "NODE_RANK"} <= set(os.environ):
            raise DeviceError(
                f"{nodes} nodes have to find each other: start it on each with torchrun or srun, or set MASTER_ADDR, "
                f"MASTER_PORT and NODE_RANK ({README})."
            )
        return devices, nodes
    if (devices, nodes) not in ((1, 1), (there.devices, there.nodes)):
        raise DeviceError(
            f"{there.by} has started {there.devices} processes on each of {there.nodes} nodes, but --devices {devices} "
            f"--nodes {nodes} is asked for: give both the same numbers, or leave --devices and --nodes out."
        )
    return there.devices, there.nodes


def is_first() -> bool:
    """Whether this process speaks for the run: of several only the first does."""
    there = launched()
    rank = "SLURM_PROCID" if there is not None and there.by == "srun" else "RANK"
    return os.environ.get("NODE_RANK" if there is None else rank, "0") == "0"


def _local() -> int:
    return int(os.environ["LOCAL_WORLD_SIZE"])


def lost_peer(error: BaseException) -> str:
    """A sentence, where an error says that another process of the run is gone; else nothing."""
    text = str(error)
    signs = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "gloo/transport", "NCCL error",
             "Timed out waiting", "connectFullMesh failed")  # fmt: skip
    if launched() is not None and any(sign in text for sign in signs):
        return "Another process of this run has ended, so it cannot go on: resume it from its last checkpoint."
    return ""
