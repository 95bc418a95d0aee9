"""Python processes of our own beside this one: they find `app` wherever it lies, and never a stranger's `app.py`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import app


class ChildError(ValueError):
    """A child that failed or took too long; the message is the last line that it wrote."""


def run(module: str, *arguments: str, seconds: float, **environment: str) -> None:
    """Run `python -P -m module arguments` to its end. Raises ChildError."""
    home = str(Path(app.__file__).resolve().parent.parent)
    paths = os.pathsep.join(p for p in (home, os.environ.get("PYTHONPATH", "")) if p)
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", module, *arguments],
            env={**os.environ, "PYTHONPATH": paths, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ChildError(f"it was not finished within {seconds:.0f} s") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise ChildError(lines[-1] if lines else f"the process ended with code {done.returncode}")


def limit_memory(bytes: int) -> None:
    """Let this process take at most so many bytes more than it has."""
    if sys.platform == "linux":  # elsewhere the limit does not hold or does not exist
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        most = pages * resource.getpagesize() + bytes
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
