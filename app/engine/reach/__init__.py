"""Receptive fields: how much of the network's input an element of each tensor sees.

A block runs once on meta, as analysis runs it, and what its elements see (`reach.tensors`) goes beside each tensor,
from one operation to the next (`reach.rules`, `reach.windows`). What is given is the theoretical field of Luo et al.
2016, arXiv:1701.04128: all pixels that can have an influence on the element that sees most, edges left out of account.
"""

from __future__ import annotations

from app.engine.reach.fields import Fields, Levels, Tracking, arguments, carried, field, incoming

__all__ = ["Fields", "Levels", "Tracking", "arguments", "carried", "field", "incoming"]
