"""What the user has allowed to run on this machine: Python in drawings, by its hash, and one folder of own blocks.

Opening a file runs nothing from it. The window asks and keeps the answer here; the command line reads it. The engine is
told: it never looks here itself, since it may run on another machine.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec

from app.design.file import write_atomically
from app.messages import OwnFile

MAX_FILES = 500
MAX_BYTES = 2**20


class Everything:
    """Stands for a set of hashes that holds every one: the user allows all code of one call."""

    def __contains__(self, _hash: object) -> bool:
        return True


class Allowed(msgspec.Struct, frozen=True):
    """What is allowed: hashes of code, and the folder whose files are own blocks ("" for none)."""

    code: tuple[str, ...] = ()
    blocks: str = ""


def digest(source: str) -> str:
    """The hash by which a piece of code is known."""
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()


def config_folder() -> Path:
    """Where Netloom keeps what belongs to this user. NETLOOM_SETTINGS names another folder."""
    from platformdirs import user_config_dir

    return Path(os.environ.get("NETLOOM_SETTINGS") or user_config_dir("netloom", appauthor=False))


def usual_folder() -> Path:
    """Where own blocks are looked for unless the user chose another folder."""
    from platformdirs import user_data_dir

    return Path(user_data_dir("netloom", appauthor=False)) / "blocks"


def _file() -> Path:
    return config_folder() / "trust.json"


def read() -> Allowed:
    """What is allowed; nothing where nobody was asked yet, or where the file cannot be read."""
    try:
        return msgspec.json.decode(_file().read_bytes(), type=Allowed)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Allowed()


def allow(*sources: str) -> Allowed:
    """Allow these pieces of code from now on. Raises FileError where that cannot be kept."""
    allowed = read()
    new = [h for h in dict.fromkeys(map(digest, sources)) if h not in allowed.code]
    return _write(msgspec.structs.replace(allowed, code=(*allowed.code, *new))) if new else allowed


def use_folder(folder: str) -> Allowed:
    """Allow the files of this folder to be loaded as own blocks, now and as they change; "" for none. Raises
    FileError."""
    return _write(msgspec.structs.replace(read(), blocks=folder))


def _write(allowed: Allowed) -> Allowed:
    _file().parent.mkdir(parents=True, exist_ok=True)
    write_atomically(_file(), msgspec.json.encode(allowed))
    return allowed


def own_files(folder: Path) -> tuple[OwnFile, ...]:
    """The Python files of a folder, by name. Raises OSError."""
    found = []
    for path in sorted(folder.glob("*.py"))[:MAX_FILES]:
        if path.is_file():
            with path.open("rb") as file:
                found.append(OwnFile(path.name, file.read(MAX_BYTES).decode("utf-8", "replace")))
    return tuple(found)
