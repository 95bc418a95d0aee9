"""Make .venv fit pyproject.toml and constraints.txt, and do nothing when it does.

Called by the Makefile with a Python of 3.11 or later. Needs the standard library alone, as it runs before anything is
installed. A build that was cut off leaves a marker, and the next call starts afresh.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "netloom-environment.json"
STARTED = VENV / "netloom-unfinished"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
CPU_INDEX = "https://download.pytorch.org/whl/cpu"


def main() -> int:
    cuda = os.environ.get("CUDA", "")
    if cuda not in ("", "0", "1"):
        print(f"CUDA is {cuda!r}, but it is 1 (torch's CUDA build), 0 (its CPU build) or not given.", file=sys.stderr)
        return 2
    if _read_stamp() == _wanted(cuda):
        return 0
    with _alone():
        wanted = _wanted(cuda)
        if _read_stamp() == wanted:
            return 0
        try:
            _install(wanted)
        except KeyboardInterrupt:
            print("Stopped; the next make starts the environment afresh.", file=sys.stderr)
            return 130
        except subprocess.CalledProcessError as failure:
            print(f"The environment could not be made: {' '.join(map(str, failure.cmd[2:5]))} failed (see above).",
                  file=sys.stderr)  # fmt: skip
            return 1
    return 0


def _wanted(cuda: str) -> dict[str, str]:
    """What a finished environment says of itself. Without the switch, the build of torch that is there stays."""
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((ROOT / name).read_bytes())
    if sys.platform != "linux":
        build = "default"
    elif cuda:
        build = "cuda" if cuda == "1" else "cpu"
    else:
        build = (_read_stamp() or {}).get("torch", "cpu")
    return {"files": digest.hexdigest(), "torch": build, "place": str(ROOT)}


def _read_stamp() -> dict[str, str] | None:
    """Return the stamp, or None where there is none or the environment's Python has gone."""
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return None
    return stamp if isinstance(stamp, dict) and PYTHON.exists() else None


def _install(wanted: dict[str, str]) -> None:
    moved = (_read_stamp() or wanted).get("place") != wanted["place"]
    if STARTED.exists() or moved or not _has_pip():
        print(f"Making {VENV.name} with Python {platform.python_version()}.", flush=True)
        venv.create(VENV, clear=True, with_pip=True)
    STARTED.touch()
    STAMP.unlink(missing_ok=True)

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    constraints = (ROOT / "constraints.txt").read_text().splitlines()
    version = next(line.removeprefix("torch==") for line in constraints if line.startswith("torch=="))
    print(f"Installing torch {version} ({wanted['torch']} build): a few minutes.", flush=True)
    _install_torch(version, wanted["torch"])
    print("Installing what else Netloom needs.", flush=True)
    needs = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["dev"],
    ]
    _pip("-c", "constraints.txt", *needs)
    _pip("--no-deps", "--no-build-isolation", "-e", ".")

    STARTED.unlink()
    aside = STAMP.with_suffix(".new")
    aside.write_text(json.dumps(wanted))
    aside.replace(STAMP)


def _install_torch(version: str, build: str) -> None:
    """Install torch alone, so that its build is chosen here and nowhere else; its dependencies follow with the rest."""
    if build == "cpu":
        try:
            _pip("--no-deps", f"torch=={version}+cpu", quiet=True)
        except subprocess.CalledProcessError:
            _pip("--no-deps", "--index-url", CPU_INDEX, f"torch=={version}+cpu")
    elif build == "cuda":
        # Three equal signs: a CPU build that lies in some configured place does not fit.
        _pip("--no-deps", f"torch==={version}")
    else:
        _pip("--no-deps", f"torch=={version}")


def _has_pip() -> bool:
    if not PYTHON.exists():
        return False
    try:
        return subprocess.run([PYTHON, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _pip(*arguments: str, quiet: bool = False) -> None:
    command = [str(PYTHON), "-m", "pip", "install", "-qq", "--disable-pip-version-check", *arguments]
    hide = subprocess.DEVNULL if quiet else None
    subprocess.run(command, cwd=ROOT, check=True, stdout=hide, stderr=hide)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Let one installation at a time work on this folder; the system frees the lock when its holder ends."""
    if os.name == "nt":
        yield
        return
    import fcntl

    folder = os.open(ROOT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another make is preparing .venv: waiting for it.", flush=True)
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


if __name__ == "__main__":
    sys.exit(main())
