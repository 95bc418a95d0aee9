"""What the README promises is so."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from app.cli import COMMANDS
from app.window import main

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_block_in_ten_lines_is_a_block(tmp_path: Path) -> None:
    """It is declared, analysed and compiled as it stands, in a process that has no other block of its name."""
    code = next(c for c in re.findall(r"```python\n(.*?)```", README, re.S) if "@block" in c)
    body = code[code.index("@block") :].strip().splitlines()
    assert len([line for line in body if line.strip()]) <= 16
    (tmp_path / "mine.py").write_text(code)
    use = (
        "import mine, torch; from blocks.declare import CARDS, REGISTRY; from app.engine.measure import Measurer;"
        "from app.design.values import Settings; from app.messages.reports import Tensor;"
        "it = Measurer(CARDS, REGISTRY).measure('SqueezeExcitation', Settings(reduction=4),"
        " ((Tensor((2, 32, 8, 8)),),), ('x',));"
        "out = mine.SqueezeExcitation(32)(torch.ones(2, 32, 8, 8));"
        "print(it.refusal, it.outputs[0][0].shape, it.parameters, tuple(out.shape))"
    )
    done = subprocess.run(
        [sys.executable, "-c", use], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "None (2, 32, 8, 8) 552 (2, 32, 8, 8)"


def test_a_module_of_ones_own_is_a_block_as_it_stands(tmp_path: Path) -> None:
    """The file and the command, as they are printed."""
    code = next(c for c in re.findall(r"```python\n(.*?)```", README, re.S) if "ChannelGate" in c)
    command = next(c for c in re.findall(r"`(netloom [^`]*)`", README) if "--blocks" in c)
    body = code[code.index("class") :].strip().splitlines()
    assert len([line for line in body if line.strip()]) <= 10
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "gates.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "app.cli", *command.split()[1:], "--json"], cwd=tmp_path, capture_output=True,
        text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(done.stdout)
    assert document["outputs"][0]["shape"] == [1, 64, 8, 8] and document["parameters"] == 2 * 64 * 16 + 16 + 64


def test_every_command_stands_in_the_readme() -> None:
    for command in COMMANDS:
        assert f"`netloom {command}" in README


def test_the_system_libraries_are_the_same_everywhere() -> None:
    offscreen, x = re.findall(r"sudo apt-get install (lib.*)", README)
    assert set(offscreen.split()) == set(main.PACKAGES.values())
    assert set(x.split()) == set(main.X_PACKAGES.values())
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert set(re.findall(r"\]=(\S+)", ci)) == set(main.PACKAGES.values())


def test_what_the_readme_links_to_is_there() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
