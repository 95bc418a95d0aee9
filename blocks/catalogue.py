"""All blocks of the house, loaded. Importing this module loads torch."""

from __future__ import annotations

import importlib
import pkgutil

import blocks
from blocks.card import Card
from blocks.declare import CARDS, REGISTRY

_TORCH_FREE = {"card", "catalogue", "declare", "pages", "patterns", "sections"}


def load() -> dict[str, Card]:
    """Import every module of the catalogue and return the cards by id."""
    for module in pkgutil.walk_packages(blocks.__path__, "blocks."):
        if module.name.removeprefix("blocks.") not in _TORCH_FREE:
            importlib.import_module(module.name)
    return CARDS


def classes() -> dict[str, type]:
    """The blocks' classes by id. Call `load` first."""
    return REGISTRY
