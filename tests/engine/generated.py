"""Generated code, run in a process without Netloom and held against the network that it was generated of."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from app.design.file import load
from app.design.paths import apply_variant
from app.design.values import Design
from app.engine.compile import Network, compile_design, shared_analyser
from app.engine.to_python import Generated, generate
from examples.zoo import find

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
LOADER = Path(__file__).with_name("load_code.py")


def weights_of(network: Network) -> dict[str, torch.Tensor]:
    """Fill the network with weights that are nowhere 0 or 1, and return them."""
    torch.manual_seed(1)
    with torch.no_grad():
        for name, value in network.root.state_dict().items():
            if not value.is_floating_point():
                continue
            value += 0.02 * torch.rand_like(value) if name.endswith("running_var") else 0.02 * torch.randn_like(value)
    return {name: value.clone() for name, value in network.root.state_dict().items()}


def inputs_of(network: Network) -> list[torch.Tensor]:
    """A batch of two random samples; of one, and smaller, where they are large and the network takes other sizes."""
    if all(side <= 300 for spec in network.inputs for side in spec.shape):
        return _random(network, 2, 1)
    made = _random(network, 1, 4)
    try:
        with torch.no_grad():
            network.module(*made)
    except (RuntimeError, ValueError):
        return _random(network, 1, 1)
    return made


def _random(network: Network, batch: int, part: int) -> list[torch.Tensor]:
    made = []
    for spec in network.inputs:
        shape = [side // part if k else side for k, side in enumerate(spec.shape)]
        if spec.dtype.startswith("float"):
            made.append(torch.rand(batch, *shape))
        else:
            made.append(torch.randint(2, (batch, *shape)))
    return made


def prepare(design: Design, name: str, folder: Path) -> tuple[Generated, Any]:
    """Write the code, weights and inputs under `name`; returns what was generated and what the network gives."""
    made = generate(design, name=name)
    (folder / f"{name}.py").write_text(made.text, encoding="utf-8")
    torch.manual_seed(0)
    network = compile_design(design, "inference")
    network.module.eval()
    weights, inputs = weights_of(network), inputs_of(network)
    torch.save({"class": made.name, "weights": weights, "inputs": inputs}, folder / f"{name}.pt")
    with torch.no_grad():
        wanted = network.module(*inputs)
    return made, wanted


def run(names: Sequence[str], folder: Path) -> dict[str, Any]:
    """What the code of each name gives, in one process that has no Netloom on its path."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    subprocess.run(
        [sys.executable, "-I", "-c", _START, str(LOADER), str(folder), *names], cwd=folder, env=environment, check=True
    )
    return {name: torch.load(folder / f"{name}.out", weights_only=True) for name in names}


# An editable install of Netloom would be found even so: what leads to it is taken off the path.
_START = """
import runpy, sys
from pathlib import Path
sys.meta_path = [f for f in sys.meta_path if "editable" not in repr(f)]
sys.path = [p for p in sys.path if not (Path(p) / "blocks" / "declare.py").exists()]
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run_scripts(top: Path, names: Sequence[str], *arguments: str) -> dict[str, list[str]]:
    """What the script train.py in each folder prints. One process runs them all: torch takes longer to import."""
    line = [sys.executable, "-I", "-c", _SCRIPTS, str(top), ",".join(names), "--device", "cpu", *arguments]
    done = subprocess.run(line, cwd=top, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {name: (top / name / "out").read_text(encoding="utf-8").splitlines() for name in names}


_SCRIPTS = """
import contextlib, os, runpy, sys
top, names, sys.argv = sys.argv[1], sys.argv[2].split(","), ["train.py", *sys.argv[3:]]
for name in names:
    os.chdir(os.path.join(top, name))
    with open("out", "w", encoding="utf-8") as out, contextlib.redirect_stdout(out):
        runpy.run_path("train.py", run_name="__main__")
"""


def differences(wanted: Any, got: Any, where: str = "") -> list[str]:
    """What differs, in words: nothing where all numbers are equal."""
    if isinstance(wanted, torch.Tensor):
        if not isinstance(got, torch.Tensor) or got.shape != wanted.shape:
            return [f"{where}: {getattr(got, 'shape', type(got))} for {wanted.shape}"]
        if not wanted.isfinite().all():
            return [f"{where}: the network itself gives no finite numbers"]
        scale = max(wanted.abs().max().item(), 1e-6)
        apart = (wanted - got).abs().max().item() if wanted.numel() else 0.0
        return [] if apart <= 1e-5 * scale else [f"{where}: apart by {apart:.3g} of {scale:.3g}"]
    if isinstance(wanted, list | tuple):
        if not isinstance(got, list | tuple) or len(got) != len(wanted):
            return [f"{where}: {type(got).__name__} for {len(wanted)} values"]
        return [d for k, (a, b) in enumerate(zip(wanted, got, strict=True)) for d in differences(a, b, f"{where}[{k}]")]
    return [] if wanted == got else [f"{where}: {got} for {wanted}"]


def opened(name: str) -> Design:
    """A network of the zoo, or an example, by its name."""
    cards = shared_analyser().cards
    found = find(name)
    return apply_variant(load(found, cards), name, cards) if found else load(EXAMPLES / f"{name}.netloom", cards)


def assert_clean(*files: Path) -> None:
    """Nothing is to be said of the files: by ruff with the house's own rules, by ruff's formatter, by mypy."""
    house = LOADER.parents[2] / "pyproject.toml"
    for command in (
        ["ruff", "check", "--quiet", "--no-cache", "--config", str(house)],
        ["ruff", "format", "--quiet", "--diff", "--no-cache", "--config", str(house)],
    ):
        line = [sys.executable, "-m", *command, *map(str, files)]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
