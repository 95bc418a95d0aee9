"""A run's state on disk: weights as safetensors, the rest so that it loads with `weights_only=True`.

A checkpoint is a folder, written aside and renamed: whenever the process dies, a whole one is left.
"""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from app.engine.sharding import is_sharded, put, whole
from app.engine.tensor_files import TensorFileError, check_zip, safetensors_header

WEIGHTS = "weights.safetensors"
STATE = "state.pt"


class CheckpointError(ValueError):
    """A checkpoint that is missing, damaged, or of another design; one sentence for the user."""


def save(folder: Path, weights: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
    """Put a checkpoint at `folder`, in the place of the one that is there."""
    aside, old = folder.with_name(f".{folder.name}.part"), folder.with_name(f".{folder.name}.old")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()  # not its parents: a run folder that was deleted meanwhile is not made again in parts
    save_file(weights, aside / WEIGHTS)
    torch.save(state, aside / STATE)
    for file in aside.iterdir():
        _sync(file)
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)  # from here to the next rename the old one is the checkpoint: `place` finds it
    aside.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _sync(file: Path) -> None:
    with file.open("rb+") as handle:
        os.fsync(handle.fileno())


def place(folder: Path) -> Path | None:
    """Where the checkpoint `folder` is: there, or where a crash while it was replaced left it. None: nowhere."""
    old = folder.with_name(f".{folder.name}.old")
    return next((p for p in (folder, old) if (p / WEIGHTS).is_file() and (p / STATE).is_file()), None)


def load_state(folder: Path) -> dict[str, Any]:
    """The trainer state of the checkpoint at `folder`. Raises CheckpointError."""
    found = _found(folder)
    try:
        check_zip(found / STATE)
        state = torch.load(found / STATE, map_location="cpu", weights_only=True)
    except Exception as error:  # torch's unpickler raises whatever comes of damaged bytes
        raise CheckpointError(f"The checkpoint {found} is damaged ({_short(error)}): train the run anew.") from None
    if not isinstance(state, dict) or not {"epoch", "step"} <= set(state):
        raise CheckpointError(f"{found / STATE} holds no trainer state: train the run anew.")
    return state


def load_weights(folder: Path) -> dict[str, torch.Tensor]:
    """The weights of the checkpoint at `folder`. Raises CheckpointError."""
    return read_weights(_found(folder) / WEIGHTS)


def read_weights(file: Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file. Raises CheckpointError."""
    try:
        safetensors_header(file)
        return load_file(file)
    except TensorFileError as error:
        raise CheckpointError(f"{file} cannot be read as weights: it {error}.") from None
    except (OSError, ValueError, SafetensorError) as error:  # ValueError: a name that no file can have
        raise CheckpointError(f"{file} cannot be read as weights ({_short(error)}).") from None


def _found(folder: Path) -> Path:
    found = place(folder)
    if found is None:
        raise CheckpointError(
            f"{folder.parent.parent} has no checkpoint yet: choose the folder of a run that finished an epoch."
        )
    return found


def _short(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]


# weights --------------------------------------------------------------------------------------------------------------


def weights_of(root: nn.Module) -> dict[str, torch.Tensor]:
    """The state_dict on the CPU, each tensor with memory of its own, as safetensors wants it."""
    kept = root.state_dict().items()
    return {name: whole(value.detach()).to("cpu", copy=True).contiguous() for name, value in kept}


def fill(root: nn.Module, weights: dict[str, torch.Tensor], name: str) -> None:
    """Load weights; `name` says whose they are. Raises CheckpointError where they are those of another design."""
    own = root.state_dict()
    for key, value in own.items():
        if key not in weights:
            raise CheckpointError(
                f"The weights of {name} lack `{key}`, which the design has: they are of another design."
            )
        if weights[key].shape != value.shape:
            raise CheckpointError(
                f"`{key}` is {_size(weights[key])} in the weights of {name}, but {_size(value)} in the design: "
                "they are of another design."
            )
    if strange := sorted(set(weights) - set(own)):
        raise CheckpointError(
            f"The weights of {name} have `{strange[0]}`, which the design lacks: they are of another design."
        )
    if is_sharded(root):
        for key, value in own.items():
            put(weights[key], value)
    else:
        root.load_state_dict(weights)


def _size(value: torch.Tensor) -> str:
    return "×".join(map(str, value.shape)) or "one number"


# random numbers -------------------------------------------------------------------------------------------------------


def random_state() -> dict[str, Any]:
    """The random-number generators of torch, CUDA, Python and numpy, as tensors and plain values."""
    version, words, gauss = random.getstate()
    _, keys, position, has_gauss, cached = np.random.get_state()  # type: ignore[misc]
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "python": {"version": version, "words": torch.tensor(words, dtype=torch.int64), "gauss": gauss},
        "numpy": {
            "keys": torch.from_numpy(np.asarray(keys).astype(np.int64)),  # weights_only refuses numpy's own arrays
            "position": int(position),
            "has_gauss": int(has_gauss),
            "cached": float(cached),
        },
    }


def restore_random(state: dict[str, Any]) -> None:
    """Put the generators where they were."""
    torch.set_rng_state(state["torch"])
    if torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
    python, numbers = state["python"], state["numpy"]
    random.setstate((python["version"], tuple(python["words"].tolist()), python["gauss"]))
    keys = numbers["keys"].numpy().astype(np.uint32)
    np.random.set_state(("MT19937", keys, numbers["position"], numbers["has_gauss"], numbers["cached"]))


def seed_all(seed: int) -> None:
    """Seed every generator."""
    torch.manual_seed(seed % 2**63)
    random.seed(seed)
    np.random.seed(seed % 2**32)
