"""Weights from files: safetensors, or torch's own format without its pickled code. Reading runs nothing from them."""

from __future__ import annotations

import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from app.engine import child
from app.engine.checkpoint import CheckpointError, read_weights

SECONDS = 600.0
ROOM = 16 * 2**30
"""Address space of a process that has only imported torch, generously: bytes."""


class WeightsError(ValueError):
    """A file of weights that cannot be read; one sentence."""


def read(path: str | Path) -> dict[str, torch.Tensor]:
    """The tensors of a `.safetensors` file or of a state_dict saved by torch. Raises WeightsError."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except OSError as error:
        raise WeightsError(f"{path} cannot be opened: {error.strerror or error}") from None
    try:
        if head[:2] == b"PK":
            return _read_torch(path)
        return read_weights(path)
    except (WeightsError, CheckpointError):
        raise
    except Exception as error:
        reason = str(error).split("\n")[0]
        raise WeightsError(f"{path} holds no weights that can be read: {reason}") from None


def _read_torch(path: Path) -> dict[str, torch.Tensor]:
    """Read torch's format in a child with a memory limit, which hands the tensors over as safetensors."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            # torch stores without compression; a compressed member may be a small file that fills the memory.
            if member.compress_type != zipfile.ZIP_STORED:
                raise WeightsError(f"{path} is compressed inside, which torch never does: it is not opened")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "weights.safetensors"
        try:
            child.run("app.engine.weights", str(path), str(out), seconds=SECONDS)
        except child.ChildError as error:
            raise WeightsError(f"{path} holds no weights that can be read: {error}") from None
        return read_weights(out)


def _convert(path: Path, out: Path) -> str:
    """In the child: write the state_dict at `path` to `out`. Returns why it cannot be done; empty when it is done."""
    _limit_memory(ROOM + 4 * path.stat().st_size)
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        return "it needs more memory than its size explains"
    except Exception as error:  # torch's unpickler raises whatever comes of damaged or foreign bytes
        return (str(error).strip() or type(error).__name__).split("\n")[0]
    if isinstance(loaded, dict) and isinstance(loaded.get("state_dict"), dict):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, dict) or not all(isinstance(v, torch.Tensor) for v in loaded.values()):
        return "it is no state_dict, which is names with tensors"
    save_file({str(name): tensor.detach().clone().contiguous() for name, tensor in loaded.items()}, out)
    return ""


def _limit_memory(bytes: int) -> None:
    if sys.platform == "linux":  # elsewhere the limit does not hold or does not exist
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (bytes, bytes))


def compare(needed: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """Which of the `given` weights fit those `needed`."""
    mismatched = [
        f"{key}: {'x'.join(map(str, given[key].shape))} in the file, {'x'.join(map(str, tensor.shape))} needed"
        for key, tensor in needed.items()
        if key in given and given[key].shape != tensor.shape
    ]
    missing = [key for key in needed if key not in given]
    unexpected = [key for key in given if key not in needed]
    return {
        "fits": not (mismatched or missing or unexpected),
        "needed": len(needed),
        "loaded": len(needed) - len(missing) - len(mismatched),
        "missing": missing,
        "unexpected": unexpected,
        "mismatched": mismatched,
    }


if __name__ == "__main__":
    why = _convert(Path(sys.argv[1]), Path(sys.argv[2]))
    sys.exit(why or 0)
