"""The rules of the house: who imports whom, how long a file may be, and what a built wheel holds."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("app", "blocks", "resources", "examples")
LONGEST = 450


def _run(*command: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False
    )


def _assert_clean(*command: str) -> None:
    done = _run(*command)
    assert done.returncode == 0, f"\n{done.stdout}{done.stderr}"


def _files() -> list[Path]:
    """Every file that is ours: what git would add, or all of the packages where this is no checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    ) if shutil.which("git") and (ROOT / ".git").exists() else None  # fmt: skip
    if listed is not None and listed.returncode == 0:
        found = [ROOT / name for name in listed.stdout.split("\0") if name]
    else:
        found = [path for folder in (*PACKAGES, "tests") for path in (ROOT / folder).rglob("*")]
    return [path for path in found if path.is_file() and "__pycache__" not in path.parts]


def test_imports_follow_the_arrows() -> None:
    _assert_clean("-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache")


def test_ruff_finds_nothing() -> None:
    _assert_clean("-m", "ruff", "check", "--quiet", ".")


def test_mypy_finds_nothing() -> None:
    _assert_clean("-m", "mypy")


@pytest.mark.parametrize(
    "module", ["blocks", "blocks.card", "app.design", "app.messages", "app.trust", "app.cli", "resources"]
)
def test_light_modules_load_neither_torch_nor_qt(module: str) -> None:
    code = (
        f"import sys, {module}\n"
        "heavy = {'torch', 'onnx', 'onnxruntime', 'lightning_fabric', 'PySide6', 'pyqtgraph'}\n"
        "print(*sorted(heavy & sys.modules.keys()))"
    )
    done = _run("-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [], f"import {module} loads {done.stdout}"


def test_files_are_short() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for folder in ("app", "blocks")
        for path in (ROOT / folder).rglob("*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) >= LONGEST
    }
    assert not long, f"these files are past {LONGEST} lines and ask to be split: {long}"


def test_no_file_names_a_place_on_one_machine() -> None:
    place = re.compile(rb"(?<![\w.\-}>])/(?:work|root|tmp|home|Users)/")
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120].decode(errors='replace')}"
        for path in _files()
        if path != Path(__file__).resolve() and path.suffix not in {".otf", ".ttf", ".png", ".onnx"}
        for number, line in enumerate(path.read_bytes().splitlines(), 1)
        if place.search(line)
    ]
    assert not found, "\n".join(found)


def test_bundled_icons_can_be_recoloured() -> None:
    icons = sorted((ROOT / "resources" / "icons").glob("*.svg"))
    assert len(icons) > 90
    for icon in icons:
        text = icon.read_text(encoding="utf-8")
        assert 'stroke="currentColor"' in text, icon.name
        assert 'stroke-width="1.5"' in text, icon.name


def test_bundled_fonts_load(qapp: object) -> None:
    from PySide6.QtGui import QFontDatabase

    families = set()
    for font in (ROOT / "resources" / "fonts").glob("*.[ot]tf"):
        number = QFontDatabase.addApplicationFont(str(font))
        assert number >= 0, font.name
        families.update(QFontDatabase.applicationFontFamilies(number))
    assert {"Inter", "JetBrains Mono"} <= families


def test_wheel_holds_what_runs_in_an_empty_folder(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for path in _files():
        relative = path.relative_to(ROOT)
        if len(relative.parts) == 1 or relative.parts[0] in PACKAGES:
            (source / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, source / relative)
    built = _run("-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(source), cwd=tmp_path)
    assert built.returncode == 0, built.stdout + built.stderr

    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
        archive.extractall(tmp_path / "installed")
    wanted = {
        path.relative_to(source).as_posix()
        for folder in PACKAGES
        for path in (source / folder).rglob("*")
        if path.suffix in {".py", ".svg", ".ttf", ".otf", ".json", ".qss", ".netloom", ".typed", ".txt"}
    }
    assert wanted <= held, f"the wheel lacks {sorted(wanted - held)}"
    assert {"examples/digits.netloom", "resources/icons/play.svg", "resources/icons/LICENSE"} <= held
    assert not [name for name in held if name.startswith(("tests/", "runs/"))]

    empty = tmp_path / "empty"
    empty.mkdir()
    done = _run(
        "-P", "-m", "app.cli", "check", str(tmp_path / "installed" / "examples" / "digits.netloom"), "--json",
        cwd=empty, PYTHONPATH=str(tmp_path / "installed"), PYTHONSAFEPATH="1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert '"valid": true' in done.stdout or '"valid":true' in done.stdout
    assert list(empty.iterdir()) == []
