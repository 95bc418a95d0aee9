"""The catalogue as it was last, so that the palette is full at once at the next start."""

from __future__ import annotations

from pathlib import Path

import msgspec

from app.design.file import FileError, write_atomically
from app.window import log
from blocks.card import Card


def catalogue_file() -> Path:
    """Where the last catalogue is kept."""
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("netloom", appauthor=False)) / "catalogue.json"


def load_catalogue() -> tuple[Card, ...]:
    """The kept catalogue; empty where there is none or it cannot be read: the engine's answer replaces it anyway."""
    try:
        return msgspec.json.decode(catalogue_file().read_bytes(), type=tuple[Card, ...])
    except FileNotFoundError:
        return ()
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        log.write("window", f"the kept catalogue cannot be read: {error}")
        return ()


def save_catalogue(cards: tuple[Card, ...]) -> None:
    """Keep the catalogue for the next start."""
    try:
        catalogue_file().parent.mkdir(parents=True, exist_ok=True)
        write_atomically(catalogue_file(), msgspec.json.encode(cards))
    except (OSError, FileError) as error:
        log.write("window", f"the catalogue cannot be kept: {error}")
