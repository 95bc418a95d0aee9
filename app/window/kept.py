"""The catalogue as it was last, so that the palette is full at once at the next start."""

from __future__ import annotations

from pathlib import Path

import msgspec

from app.design.file import FileError, write_atomically
from app.messages import Catalogue
from app.window import log
from blocks.card import Card


def catalogue_file() -> Path:
    """Where the last catalogue is kept."""
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("netloom", appauthor=False)) / "catalogue.json"


def load_catalogue() -> Catalogue:
    """The kept catalogue; empty where there is none or it cannot be read: the engine's answer replaces it anyway."""
    try:
        found = msgspec.json.decode(catalogue_file().read_bytes(), type=Catalogue | tuple[Card, ...])
        return found if isinstance(found, Catalogue) else Catalogue(found)  # an older version kept the cards alone
    except FileNotFoundError:
        return Catalogue(())
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        log.write("window", f"the kept catalogue cannot be read: {error}")
        return Catalogue(())


def save_catalogue(catalogue: Catalogue) -> None:
    """Keep the catalogue for the next start; what is wrong with own files is found anew each time."""
    try:
        catalogue_file().parent.mkdir(parents=True, exist_ok=True)
        write_atomically(catalogue_file(), msgspec.json.encode(msgspec.structs.replace(catalogue, troubles=())))
    except (OSError, FileError) as error:
        log.write("window", f"the catalogue cannot be kept: {error}")
