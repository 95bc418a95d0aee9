"""Weights from files: safetensors, or torch's own format without its pickled code. Reading runs nothing from them."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from app.engine.checkpoint import CheckpointError, read_weights


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
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            # torch stores without compression; a compressed member may be a small file that fills the memory.
            if member.compress_type != zipfile.ZIP_STORED:
                raise WeightsError(f"{path} is compressed inside, which torch never does: it is not opened")
    loaded = torch.load(path, map_location="cpu", weights_only=True)
    if isinstance(loaded, dict) and isinstance(loaded.get("state_dict"), dict):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, dict) or not all(isinstance(v, torch.Tensor) for v in loaded.values()):
        raise WeightsError(f"{path} is no state_dict: it needs names with tensors")
    return loaded


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
