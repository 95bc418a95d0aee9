"""How a search finds blocks: by title, id, alias and paper, the best first. The palette and the canvas' search box ask
here alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import msgspec

from blocks.card import Card, Preset

_PAPER = 46
"""What a match in the paper counts: after the middle of a name, before loose letters."""
_PART = 15
"""By how much a part of other blocks stands back: more than an alias that is met word for word."""
PARTS = "Parts"
"""Sections of this name hold what composites open up into, which is seldom wanted by itself."""
_FILLING = {"et", "al", "and", "arxiv", "doi"}
"""Words that stand in every citation and find nothing."""


@dataclass(frozen=True)
class Offer:
    """One row: a block, or one of its presets, with a card that is called like it."""

    card: Card
    preset: Preset | None = None
    why: str = ""
    """What the search found it by where that is not its title: an alias, or the paper."""

    @property
    def key(self) -> str:
        """What `commands.new_node` takes: `Conv2d`, `Input:tokens`."""
        return f"{self.card.id}:{self.preset.name}" if self.preset and self.preset.settings else self.card.id


def offers(card: Card) -> list[Offer]:
    """A block's rows: the block itself and its presets.

    A preset without settings is the block itself under another name, and stands for it.
    """
    plain = any(not preset.settings for preset in card.presets)
    rows = [] if plain else [Offer(card)]
    for preset in card.presets:
        aliases = (preset.name, *card.aliases) if not preset.settings else (preset.name,)
        rows.append(Offer(msgspec.structs.replace(card, title=preset.title, aliases=aliases), preset))
    return rows


def found(query: str, cards: Iterable[Card]) -> list[Offer]:
    """The rows that answer a search, best first; what is a part of other blocks has to answer it better."""
    ranked = []
    for card in cards:
        for offer in offers(card):
            value, why = _judge(query, offer.card)
            if value is not None:
                ranked.append((value + (_PART if card.section == PARTS else 0), replace(offer, why=why)))
    return [offer for _, offer in sorted(ranked, key=lambda pair: pair[0])]


def score(query: str, card: Card) -> int | None:
    """How well a block answers a search, 0 best; None when not at all.

    A title beats an id, an id an alias, the beginning of a word its middle; then comes the paper; letters in order
    ("sqex") come last.
    """
    return _judge(query, card)[0]


def match(query: str, text: str) -> int | None:
    """How well a search finds a text, 0 best; None when not at all."""
    return _match("".join(_words(query.lower())), text.lower())


def _judge(query: str, card: Card) -> tuple[int | None, str]:
    wish = "".join(_words(query.lower()))
    best: int | None = None
    why = ""
    for rank, text in enumerate((card.title, card.id, *card.aliases)):
        fits = _match(wish, text.lower())
        if fits is not None:
            value = fits * 10 + min(rank, 2)
            if best is None or value < best:
                best, why = value, text if rank > 1 else ""
    if card.paper and (best is None or best > _PAPER) and _cites(query, card.paper):
        return _PAPER, card.paper
    return best, why


@lru_cache(maxsize=8192)
def _words(text: str) -> tuple[str, ...]:
    return tuple(text.replace("-", " ").replace("_", " ").split())


def _match(wish: str, text: str) -> int | None:
    words = _words(text)
    joined = "".join(words)
    if joined == wish:
        return 0
    if wish in words:
        return 1
    if joined.startswith(wish):
        return 2
    if any(word.startswith(wish) for word in words):
        return 3
    if wish in joined:
        return 4
    letters: Iterator[str] = iter(joined)
    # Letters in order find nearly everything when there are few of them.
    return 5 if len(wish) >= 3 and joined[:1] == wish[:1] and all(letter in letters for letter in wish) else None


def _cites(query: str, paper: str) -> bool:
    """Whether each word of the query stands in the citation ("he 2015", "1512.03385"): whole, or three letters or more
    of its beginning."""
    wanted = [word for word in _parts(query) if word not in _FILLING]
    held = _parts(paper)
    return bool(wanted) and all(
        any(word == other or (len(word) >= 3 and other.startswith(word)) for other in held) for word in wanted
    )


@lru_cache(maxsize=2048)
def _parts(text: str) -> tuple[str, ...]:
    return tuple(word.strip(".") for word in re.split(r"[\s,:;()/\-]+", text.lower()) if word.strip("."))
