"""Weights from files: safetensors, or torch's own format without its pickled code. Reading runs nothing from them."""

from __future__ import annotations

import json
import pickle
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from app.engine import child
from app.engine.checkpoint import CheckpointError, read_weights
from app.engine.matching import BY, Fitting, fit, listed
from app.engine.tensor_files import TensorFileError, check_name, check_zip, plain_size
from app.messages.weights import COUNTER

__all__ = ["BY", "COUNTER", "Fitting", "WeightsError", "compared", "fit", "load", "read"]

SECONDS = 600.0
ROOM = 2**30
"""Bytes of memory that a process may take to read a torch file, besides four times the file's size."""
SHARED = 16
"""So many times the file's size its tensors may have together: some share their memory (tied weights)."""

WRAPPERS = ("state_dict", "model", "model_state_dict", "state_dict_ema", "net", "network", "module", "params")
"""Where other trainers keep the state_dict among what else they save."""
OLDER = b"\x80\x02"
"""How a file begins that torch wrote before it took to zip."""


class WeightsError(ValueError):
    """A file of weights that cannot be read; one sentence."""


def read(path: str | Path) -> dict[str, torch.Tensor]:
    """The tensors of a `.safetensors` file or of a state_dict saved by torch, in the order in which a person would
    count them: a torch file's own, of a safetensors file the names with 2 before 10. Raises WeightsError."""
    path = Path(path)
    try:
        plain_size(path)
        with path.open("rb") as file:
            head = file.read(4)
    except TensorFileError as error:
        raise WeightsError(f"{path} {error}") from None
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise WeightsError(f"{path} cannot be opened: {reason}") from None
    try:
        if head[:2] in (b"PK", OLDER):
            return _read_torch(path, older=head[:2] == OLDER)
        weights = read_weights(path)
        return {name: weights[name] for name in sorted(weights, key=_as_counted)}
    except (WeightsError, CheckpointError):
        raise
    except Exception as error:
        reason = str(error).split("\n")[0]
        raise WeightsError(f"{path} holds no weights that can be read: {reason}") from None


def _as_counted(name: str) -> list[tuple[int, int | str]]:
    return [(0, int(run)) if run.isdecimal() and len(run) < 20 else (1, run) for run in re.findall(r"\d+|\D+", name)]


def _read_torch(path: Path, older: bool = False) -> dict[str, torch.Tensor]:
    """Read torch's format in a child with a memory limit, which hands the tensors over as safetensors."""
    if not older:
        try:
            check_zip(path)
        except TensorFileError as error:
            raise WeightsError(f"{path} {error}") from None
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "weights.safetensors"
        try:
            child.run("app.engine.weights", str(path), str(out), seconds=SECONDS)
        except child.ChildError as error:
            raise WeightsError(f"{path} holds no weights that can be read: {error}") from None
        weights = read_weights(out)
        with safe_open(out, "pt") as file:
            order = json.loads(file.metadata()["order"])
        return {name: weights[name] for name in order}


def convert(path: Path, out: Path) -> str:
    """Write the state_dict at `path` to `out`: for a child with limits, since torch's reader sees foreign bytes here.
    Returns why it cannot be done; empty when it is done."""
    size = path.stat().st_size
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        return "it needs more memory than its size explains"
    except Exception as error:  # torch's unpickler raises whatever comes of damaged or foreign bytes
        return _why(error)
    if isinstance(loaded, dict):
        loaded = next((loaded[name] for name in WRAPPERS if isinstance(loaded.get(name), dict)), loaded)
    if not isinstance(loaded, dict) or not all(isinstance(v, torch.Tensor) for v in loaded.values()):
        return "it is no state_dict, which is names with tensors"
    weights: dict[str, torch.Tensor] = {}
    total = 0
    try:
        for key, tensor in loaded.items():
            name = check_name(str(key))
            if name in weights:
                return f"it has `{name}` twice"
            if tensor.layout is not torch.strided or tensor.is_quantized or tensor.device.type != "cpu":
                return f"`{name}` is no plain tensor"
            total += tensor.numel() * tensor.element_size()
            if total > SHARED * size + 2**20:
                return f"its tensors claim {total:,} bytes or more, but it has {size:,}"
            weights[name] = tensor
        order = json.dumps(list(weights))
        save_file({name: t.detach().clone().contiguous() for name, t in weights.items()}, out, {"order": order})
    except TensorFileError as error:
        return f"it {error}"
    except MemoryError:
        return "it needs more memory than its size explains"
    except Exception as error:  # an odd type of number that safetensors does not know, say
        return _why(error)
    return ""


def _why(error: Exception) -> str:
    text = str(error).strip()
    asked = re.search(r"(?:GLOBAL|global:?) (?!GLOBAL)([\w.]+)", text)
    if isinstance(error, pickle.UnpicklingError) and asked and "eights only" in text:
        return f"it asks for Python's {asked[1][:60]}, which could run any code: save `model.state_dict()` alone"
    if "not enough memory" in text or "can't allocate memory" in text:
        return "it needs more memory than its size explains"
    line = (text or type(error).__name__).split("\n")[0].split(". ")[0][:200]
    return "".join(sign if sign.isprintable() else "?" for sign in line)


def compared(
    found: Fitting, needed: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor]
) -> dict[str, Any]:
    """Which of the `given` weights fit those `needed`, as `netloom check --json` says it."""
    return {
        "fits": found.whole,
        "loads": not found.unfit,
        "layout": found.layout,
        "needed": len(needed),
        "loaded": len(found.tensors),
        "missing": found.missing,
        "unexpected": found.unexpected,
        "mismatched": list(found.mismatched.values()),
        "tensors": [
            {
                "ours": match.ours,
                "theirs": match.theirs,
                "needed": list(needed[match.ours].shape) if match.ours else None,
                "held": list(given[match.theirs].shape) if match.theirs else None,
                "how": match.how,
                "taken": match.taken,
            }
            for match in found.matches
        ],
    }


def load(
    root: nn.Module, path: str | Path, *, partly: bool = False, spare: tuple[str, ...] = (), by: str = "name"
) -> tuple[str, ...]:
    """Load a file's weights; returns what was done, a line each. Raises WeightsError.

    With `partly`, what the file lacks stays new, above all a classifier of another number of classes. It may also hold
    nothing of the `spare` modules. `by` allows guesses by shape and order besides names, see `matching`.
    """
    way = next((each for each in BY if each == by), None)
    if way is None:
        raise WeightsError(f"Weights are matched by {', '.join(BY[:-1])} or {BY[-1]}, not by {by[:20]!a}.")
    needed, given = root.state_dict(), read(path)
    found = fit(needed, given, way)
    if found.unfit and spare:
        without = tuple(f"{path}." for path in spare)
        needed = {name: tensor for name, tensor in needed.items() if not name.startswith(without)}
        found = fit(needed, given, way)
    name = Path(path).name
    advice = "`netloom check DESIGN --weights FILE` lists what differs"
    if found.unfit:
        raise WeightsError(f"The weights of {name} are not loaded: {found.unfit}. {advice}.")
    new = sorted({key.rpartition(".")[0] or key for key in (*found.missing, *found.mismatched)})
    if new and not partly:
        raise WeightsError(f"The weights of {name} lack what {listed(new)} needs. {advice}.")
    try:
        root.load_state_dict(found.tensors, strict=False)
    except RuntimeError as error:  # a block of one's own may refuse what has the right shape
        raise WeightsError(f"The weights of {name} cannot be loaded: {str(error).splitlines()[0]}") from None
    guessed = found.count("shape", "order") if by != "name" else 0
    how = f", {guessed} of them guessed by their {'shape' if by == 'shape' else 'shape or order'}" if guessed else ""
    lines = [
        f"Weights of {name}, named as in {found.layout}: {len(found.tensors)} of {len(needed)} tensors taken{how}."
    ]
    if new:
        lines.append(f"These stay new, because the file has none that fit: {listed(new)}.")
    if broken := found.broken:
        lines.append(broken)
    return tuple(lines)


if __name__ == "__main__":
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    child.limit_memory(ROOM + 4 * source.stat().st_size)
    sys.exit(convert(source, target) or 0)
