"""The reference tables, and what `netloom check NAME --json` says of a network.

`visible.json`: numbers measured by running the public implementation that each row names. `fingerprints.json`: outputs
of those implementations, filled and fed by one rule. `names.json`: all names, with input and reference.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from app.cli import main
from examples import zoo

_HERE = Path(__file__).parent


def _rows(name: str) -> dict[str, dict[str, Any]]:
    return {row["zoo"]: row for row in json.loads((_HERE / name).read_text(encoding="utf-8"))}


NAMES = _rows("names.json")
VISIBLE = _rows("visible.json")
FINGERPRINTS = _rows("fingerprints.json")


def check(name: str, *options: str) -> dict[str, Any]:
    """The document of `netloom check NAME --json`, with its exit code as `code`."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = main(["check", name, "--json", *options])
    document: dict[str, Any] = json.loads(out.getvalue())
    return {**document, "code": code}


def shapes(document: dict[str, Any]) -> set[tuple[int, ...]]:
    """Every shape that stands on a wire; a pyramid's levels one by one."""
    found: set[tuple[int, ...]] = set()
    for node in document["nodes"]:
        for port in node["outputs"]:
            levels = port["shape"] if port["shape"] and isinstance(port["shape"][0], list) else [port["shape"]]
            found |= {tuple(level) for level in levels}
    return found


def values(name: str, shape: Sequence[int]) -> torch.Tensor:
    """What the fingerprints' rule puts into a parameter: it looks at its size and at the end of its name.

    With i the position of a value: biases 0.1 cos(i); other vectors 1 + 0.1 sin(i); the rest 2 sin(i) / sqrt(fan_in),
    fan_in being the values of one row of the first axis, axes of size 1 removed.
    """
    i = torch.arange(math.prod(shape), dtype=torch.float64)
    axes = [n for n in shape if n != 1]
    if name.endswith("bias"):
        found = 0.1 * i.cos()
    elif len(axes) <= 1:
        found = 1 + 0.1 * i.sin()
    else:
        found = 2 * i.sin() / math.sqrt(math.prod(shape) / axes[0])
    return found.reshape(tuple(shape))


def fill(module: nn.Module) -> nn.Module:
    """Fill every parameter by the fingerprints' rule, in place; returns it in float64 and eval mode. Buffers stay."""
    module = module.double().eval()
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.copy_(values(name, parameter.shape))
    return module


def probe(shape: list[int], tokens: bool = False) -> torch.Tensor:
    """The fingerprints' input: sin(0.1 i) in `shape`, or token ids i % 97."""
    i = torch.arange(math.prod(shape))
    return (i % 97 if tokens else (0.1 * i.double()).sin()).reshape(shape)


def summary(output: torch.Tensor) -> dict[str, Any]:
    """What is stored of an output: its norm, its mean and six values spread over it."""
    flat = output.detach().double().flatten()
    at = [round(k * (flat.numel() - 1) / 5) for k in range(6)]
    return {"norm": flat.norm().item(), "mean": flat.mean().item(), "values": [flat[k].item() for k in at]}


def smallest() -> set[str]:
    """Of each family the name with the fewest parameters."""
    found: dict[str, zoo.Network] = {}
    for network in zoo.networks():
        other = found.setdefault(network.family, network)
        if (network.parameters or float("inf")) < (other.parameters or float("inf")):
            found[network.family] = network
    return {network.name for network in found.values()}


SMALLEST = smallest()
