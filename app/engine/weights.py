"""Weights from files: safetensors, or torch's own format without its pickled code. Reading runs nothing from them."""

from __future__ import annotations

import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save_file
from torch import nn

from app.engine import child, keymaps
from app.engine.checkpoint import CheckpointError, read_weights

SECONDS = 600.0
ROOM = 16 * 2**30
"""Address space of a process that has only imported torch, generously: bytes."""

WRAPPERS = ("state_dict", "model", "model_state_dict", "state_dict_ema")
"""Where other trainers keep the state_dict among what else they save."""
COUNTER = "num_batches_tracked"
"""A batch norm's counter of training steps: outputs do not depend on it, and older files lack it."""


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
        return _unwrapped(_read_torch(path) if head[:2] == b"PK" else read_weights(path))
    except (WeightsError, CheckpointError):
        raise
    except Exception as error:
        reason = str(error).split("\n")[0]
        raise WeightsError(f"{path} holds no weights that can be read: {reason}") from None


def _unwrapped(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Without the `module.` that torch's data parallelism puts before every name."""
    prefix = "module."
    wrapped = all(name.startswith(prefix) for name in weights)
    return {name.removeprefix(prefix): tensor for name, tensor in weights.items()} if wrapped else weights


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
    if isinstance(loaded, dict):
        loaded = next((loaded[name] for name in WRAPPERS if isinstance(loaded.get(name), dict)), loaded)
    if not isinstance(loaded, dict) or not all(isinstance(v, torch.Tensor) for v in loaded.values()):
        return "it is no state_dict, which is names with tensors"
    save_file({str(name): tensor.detach().clone().contiguous() for name, tensor in loaded.items()}, out)
    return ""


def _limit_memory(bytes: int) -> None:
    if sys.platform == "linux":  # elsewhere the limit does not hold or does not exist
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (bytes, bytes))


class Fitting(NamedTuple):
    """How a file's tensors fit those needed; `tensors` are those that do, under our names and in our shapes."""

    layout: str
    tensors: dict[str, torch.Tensor]
    missing: list[str]
    unexpected: list[str]
    mismatched: dict[str, str]
    """Our name -> the sentence that says which sizes differ."""
    unfit: str
    """Why these weights cannot be loaded; empty where they can, if need be without a classifier."""

    @property
    def whole(self) -> bool:
        return not (self.missing or self.unexpected or self.mismatched)


def fit(needed: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor]) -> Fitting:
    """Find out whose names `given` has, and which of its tensors are those `needed`."""
    naming = keymaps.recognise(
        {name: tensor.shape for name, tensor in needed.items()}, {name: tensor.shape for name, tensor in given.items()}
    )
    tensors: dict[str, torch.Tensor] = {}
    mismatched: dict[str, str] = {}
    strange: list[str] = []
    sources = {ours: theirs for theirs, ours in naming.names.items()}
    for ours, want in needed.items():
        if ours not in sources:
            continue
        theirs = sources[ours]
        have = given[theirs]
        if keymaps.same_shape(have.shape, want.shape):
            tensors[ours] = have.reshape(want.shape)
            continue
        called = ours if theirs == ours else f"{ours} ({theirs})"
        mismatched[ours] = f"{called}: {_size(have)} in the file, {_size(want)} needed"
        if have.shape[1:] != want.shape[1:]:
            strange.append(mismatched[ours])
    missing = [name for name in needed if name not in sources and not name.endswith(COUNTER)]
    unexpected = [name for name in given if name not in naming.names and name not in naming.dropped]
    # A part is there as a whole or not at all: a file of a deeper network fills half of this one and means nothing.
    filled = {name.split(".")[0] for name in tensors}
    used = {sources[name].split(".")[0] for name in tensors}
    lacking = [name for name in missing if name.split(".")[0] in filled]
    beyond = [name for name in unexpected if name.split(".")[0] in used and "." in name]
    unfit = ""
    if not any(t.is_floating_point() for t in tensors.values()):
        unfit = "none of its tensors fits this design"
    elif strange:
        unfit = f"they are of another network: {strange[0]}"
    elif lacking:
        unfit = f"they are of another network: they lack {lacking[0]}, which the design has"
    elif beyond:
        unfit = f"they are of another network: they have {beyond[0]}, which the design lacks"
    return Fitting(naming.title, tensors, missing, unexpected, mismatched, unfit)


def compare(needed: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """Which of the `given` weights fit those `needed`, as `netloom check` says it."""
    found = fit(needed, given)
    return {
        "fits": found.whole,
        "loads": not found.unfit,
        "layout": found.layout,
        "needed": len(needed),
        "loaded": len(found.tensors),
        "missing": found.missing,
        "unexpected": found.unexpected,
        "mismatched": list(found.mismatched.values()),
    }


def load(
    root: nn.Module, path: str | Path, *, partly: bool = False, spare: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Load a file's weights; returns what was done, a line each. Raises WeightsError.

    With `partly`, what the file lacks stays new, above all a classifier of another number of classes. It may also hold
    nothing of the `spare` modules.
    """
    needed, given = root.state_dict(), read(path)
    found = fit(needed, given)
    if found.unfit and spare:
        without = tuple(f"{path}." for path in spare)
        needed = {name: tensor for name, tensor in needed.items() if not name.startswith(without)}
        found = fit(needed, given)
    name = Path(path).name
    advice = "`netloom check DESIGN --weights FILE` lists what differs"
    if found.unfit:
        raise WeightsError(f"The weights of {name} are not loaded: {found.unfit}. {advice}.")
    new = sorted({key.rpartition(".")[0] or key for key in (*found.missing, *found.mismatched)})
    if new and not partly:
        raise WeightsError(f"The weights of {name} lack what {_listed(new)} needs. {advice}.")
    root.load_state_dict(found.tensors, strict=False)
    lines = [f"Weights of {name}, named as in {found.layout}: {len(found.tensors)} of {len(needed)} tensors taken."]
    if new:
        lines.append(f"These stay new, because the file has none that fit: {_listed(new)}.")
    return tuple(lines)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(names[:4]) + more


def _size(tensor: torch.Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "one number"


if __name__ == "__main__":
    why = _convert(Path(sys.argv[1]), Path(sys.argv[2]))
    sys.exit(why or 0)
