"""The window's log: a bounded file in the user's log folder, for what a sentence on the screen leaves out."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logging import Logger

MAX_BYTES = 1_000_000
"""Of one file; one older file is kept beside it."""


def path() -> Path:
    """Where the log is."""
    from platformdirs import user_log_dir  # with its first use: a start that logs nothing need not load it

    return Path(user_log_dir("netloom", appauthor=False)) / "netloom.log"


def write(source: str, text: str) -> None:
    """Add lines to the log: what an engine said on stderr, or the details of an error."""
    for line in text.rstrip().splitlines():
        _logger().info("%s: %s", source, line)


@lru_cache(maxsize=1)
def _logger() -> Logger:
    import logging
    from logging.handlers import RotatingFileHandler

    logger = logging.getLogger("netloom.window")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    handler: logging.Handler
    try:
        path().parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(path(), maxBytes=MAX_BYTES, backupCount=1, encoding="utf-8", delay=True)
    except OSError:
        handler = logging.StreamHandler()  # no folder to write to: the terminal is the next best place
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logger.addHandler(handler)
    return logger
