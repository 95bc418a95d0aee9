"""Edited code, read back as an edit of the design that it was made from. Nothing of it is run."""

from __future__ import annotations

from app.design.read_back.guesses import verify
from app.design.read_back.parse import MAX_BYTES, Trouble
from app.design.read_back.reading import Base, ReadBack, read_back

__all__ = ["MAX_BYTES", "Base", "ReadBack", "Trouble", "read_back", "verify"]
