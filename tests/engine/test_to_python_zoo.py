"""The code of every network of the zoo and of every example: run without Netloom, with Netloom's weights, and clean."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from app.engine.to_python import generate
from examples.zoo import networks
from tests.engine.generated import EXAMPLES, assert_clean, differences, opened, prepare, run

TOGETHER = 8
"""So many networks are run in one process."""
FAMILIES = tuple({network.family: network.name for network in reversed(networks())}.values())[::-1]
"""The first network of each family."""
DRAWN = (*FAMILIES, *sorted(str(p.relative_to(EXAMPLES).with_suffix("")) for p in EXAMPLES.rglob("*.netloom")
                            if p.parent.name != "zoo"),
         *(network.name for network in networks() if network.name not in FAMILIES))  # fmt: skip


def _module(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("begin", range(0, len(DRAWN), TOGETHER))
def test_the_code_of_every_network_gives_what_the_network_gives(begin: int, tmp_path: Path) -> None:
    names = DRAWN[begin : begin + TOGETHER]
    wanted = {_module(name): prepare(opened(name), _module(name), tmp_path)[1] for name in names}
    for name, got in run(list(wanted), tmp_path).items():
        assert "error" not in got, f"{name}: {got['error']}"
        assert differences(wanted[name], got["result"]) == [], name
    files = [tmp_path / f"{name}.py" for name in wanted]
    assert_clean(*files)
    _assert_typed(files)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_code_of_every_network_is_clean(tmp_path: Path) -> None:
    files = []
    for network in networks():
        files.append(tmp_path / f"{_module(network.name)}.py")
        files[-1].write_text(generate(opened(network.name), name=network.name).text, encoding="utf-8")
    assert_clean(*files)
    _assert_typed(files)


def _assert_typed(files: list[Path]) -> None:
    line = [sys.executable, "-m", "mypy", "--config-file", "", "--cache-dir", "/dev/null", *map(str, files)]
    done = subprocess.run(line, cwd=files[0].parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
