"""How well words answer a search: the palette's own ranking, for anything that has a name."""

from __future__ import annotations

from app.window.finding import score
from blocks.card import Card


def rank(query: str, name: str, *others: str) -> int | None:
    """0 best, None when not at all; the name counts most. Words in another order come after all that keep it."""
    thing = Card(id=name, title=name, category="", aliases=others)
    found = score(query, thing)
    words = query.split()
    if found is not None or len(words) < 2:
        return found
    parts = [score(word, thing) for word in words]
    return None if None in parts else 100 + sum(part for part in parts if part is not None)
