"""What holds for every test: no display, few threads, and never the user's own folders."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

# Before Qt or torch is imported, because both read these once.
_HOME = Path(tempfile.mkdtemp(prefix="netloom-tests-"))
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)

os.environ["QT_QPA_PLATFORM"] = os.environ.get("NETLOOM_TEST_PLATFORM", "offscreen")
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NETLOOM_THREADS"):
    os.environ[_name] = "1"
for _name in ("CACHE", "CONFIG", "DATA", "STATE"):
    _folder = _HOME / _name.lower()
    _folder.mkdir()
    os.environ[f"XDG_{_name}_HOME"] = str(_folder)
_runtime = _HOME / "runtime"
_runtime.mkdir(mode=0o700)
os.environ["XDG_RUNTIME_DIR"] = str(_runtime)

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests of a file that share what is made once for it stay in one process: else each makes it for itself."""
    for item in items if config.pluginmanager.hasplugin("xdist") else ():
        made = item._fixtureinfo.name2fixturedefs.values() if isinstance(item, pytest.Function) else ()
        shared = any(definitions[-1].scope == "module" for definitions in made)
        if shared and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
