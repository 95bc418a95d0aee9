"""The names that weights have in other libraries, and ours: rules in `examples/zoo/keys.json`, explained in KEYS.md.

A rule pairs a pattern of theirs with one of ours. `*` stands for a number, `**` for anything, `{a,b}` for one of
these words, in this order, and `{,a}` for a word that may be absent. A pattern names modules (`layer1.0.conv1`, whose
`weight` and `bias` go along) or, where no module has that name, single tensors. What a pattern finds is counted, not
read: the first stage is the first on both sides, be it called 0 or 1. Where both patterns have as many `*`, `**` and
`{}`, each is counted by itself; otherwise all found on one side pair with all on the other, in order. A tensor
belongs to the first rule that finds it. An empty pattern of ours lets theirs go.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

import examples.zoo

OURS = "Netloom"
Shapes = Mapping[str, Sequence[int]]


class KeyMap(msgspec.Struct, frozen=True):
    """How one library names the weights of some families."""

    title: str
    families: tuple[str, ...]
    """The zoo's files that it was written for; it is tried on every design."""
    rules: tuple[tuple[str, str], ...]


class Naming(NamedTuple):
    """Whose names a file has: `names` gives ours for each of the file's that has one; `dropped` are not needed.

    `prefix` is what stands before them all because something was put around the network: `module.` by torch's data
    parallelism and averaged models, `_orig_mod.` by its compiler, `model.` or `net.` by a training library."""

    title: str
    names: dict[str, str]
    dropped: frozenset[str]
    prefix: str = ""


@cache
def key_maps() -> tuple[KeyMap, ...]:
    """All maps, in the order of the file."""
    text = (Path(examples.zoo.__file__).parent / "keys.json").read_bytes()
    return msgspec.json.decode(text, type=tuple[KeyMap, ...])


def recognise(needed: Shapes, given: Shapes) -> Naming:
    """The naming under which most of the `given` tensors fit those `needed`: ours, or one of the maps', each as it
    stands or behind a prefix."""
    best, most = Naming(OURS, {}, frozenset()), -1
    for prefix in _prefixes(given):
        bare = {name.removeprefix(prefix): shape for name, shape in given.items() if name.startswith(prefix)}
        ours = Naming(OURS, {name: name for name in bare if name in needed}, frozenset())
        for naming in chain([ours], (_applied(map, needed, bare) for map in key_maps())):
            fitting = sum(same_shape(bare[theirs], needed[ours]) for theirs, ours in naming.names.items())
            if fitting > most:
                best, most = _behind(prefix, naming), fitting
            if most == len(needed):
                return best
    return best


def _prefixes(given: Shapes) -> Iterator[str]:
    """None, then each beginning in dots that more than half of the names share."""
    prefix, names = "", list(given)
    while names:
        yield prefix
        begun = Counter(name[len(prefix) :].partition(".")[0] for name in names if "." in name[len(prefix) :])
        first, count = begun.most_common(1)[0] if begun else ("", 0)
        prefix += f"{first}."
        names = [name for name in names if name.startswith(prefix)] if 2 * count > len(given) else []


def _behind(prefix: str, naming: Naming) -> Naming:
    names = {prefix + theirs: ours for theirs, ours in naming.names.items()}
    return Naming(naming.title, names, frozenset(prefix + theirs for theirs in naming.dropped), prefix)


def same_shape(a: Sequence[int], b: Sequence[int]) -> bool:
    """Whether the values stand in the same order: axes of size 1 say nothing (a 1x1 convolution is a linear layer)."""
    return [n for n in a if n != 1] == [n for n in b if n != 1]


def _applied(map: KeyMap, needed: Shapes, given: Shapes) -> Naming:
    theirs, ours = _Side(given), _Side(needed)
    names: dict[str, str] = {}
    dropped: set[str] = set()
    for left, right in map.rules:
        found = theirs.find(left)
        if not right:
            for unit in found:
                dropped.update(theirs.take(unit).values())
            continue
        wanted = ours.find(right)
        if theirs.whole != ours.whole:
            continue
        for unit, goal in _pairs(found, wanted):
            mine, yours = ours.take(goal), theirs.take(unit)
            for leaf in list(yours):
                if leaf in mine:
                    names[yours.pop(leaf)] = mine.pop(leaf)
            ours.give_back(goal, mine)
            theirs.give_back(unit, yours)
    return Naming(map.title, names, frozenset(dropped))


Found = dict[str, tuple[Any, ...]]


def _pairs(theirs: Found, ours: Found) -> list[tuple[str, str]]:
    """Which unit of theirs is which of ours."""
    ordered = sorted(theirs, key=theirs.__getitem__)
    if not theirs or not ours or len(theirs[ordered[0]]) != len(next(iter(ours.values()))):
        return list(zip(ordered, ours, strict=False))
    places = {place: unit for unit, place in _counted({unit: theirs[unit] for unit in ordered}).items()}
    return [(places[place], unit) for unit, place in _counted(ours).items() if place in places]


def _counted(found: Found) -> dict[str, tuple[int, ...]]:
    """Each value replaced by its place among its siblings, in the order in which they come."""
    siblings: dict[tuple[Any, ...], dict[Any, int]] = {}
    counted = {}
    for unit, values in found.items():
        place: tuple[int, ...] = ()
        for value in values:
            known = siblings.setdefault(place, {})
            place = (*place, known.setdefault(value, len(known)))
        counted[unit] = place
    return counted


class _Side:
    """The names of one side that no rule has taken yet: modules with their tensors, and single tensors."""

    def __init__(self, shapes: Shapes) -> None:
        self.modules: dict[str, dict[str, str]] = {}
        for name in shapes:
            module, _, leaf = name.rpartition(".")
            self.modules.setdefault(module, {})[leaf] = name
        self.whole = True
        """Whether the last pattern found modules, not single tensors."""

    def find(self, pattern: str) -> Found:
        """What `pattern` finds, in the order of the names, each with the values of its `*`, `**` and `{}`."""
        expression, kinds = _compiled(pattern)
        found = {
            module: _values(match.groups(), kinds)
            for module in self.modules
            if (match := expression.fullmatch(module))
        }
        self.whole = bool(found)
        if found:
            return found
        return {
            name: _values(match.groups(), kinds)
            for leaves in self.modules.values()
            for name in leaves.values()
            if (match := expression.fullmatch(name))
        }

    def take(self, unit: str) -> dict[str, str]:
        """Take a module's tensors, or one tensor under the leaf ""."""
        if self.whole:
            return self.modules.pop(unit)
        module, _, leaf = unit.rpartition(".")
        leaves = self.modules[module]
        name = leaves.pop(leaf)
        if not leaves:
            del self.modules[module]
        return {"": name}

    def give_back(self, unit: str, leaves: dict[str, str]) -> None:
        """Leave what a rule found but the other side lacks to later rules."""
        if leaves and self.whole:
            self.modules[unit] = leaves


@cache
def _compiled(pattern: str) -> tuple[re.Pattern[str], tuple[Any, ...]]:
    """The pattern as a regular expression, and of what kind each of its groups is: `*`, `**` or the list of words."""
    text, kinds = "", []
    for part in re.split(r"(\*\*|\*|\{[^}]*\})", pattern):
        if part == "*":
            text += r"(\d+)"
            kinds.append(part)
        elif part == "**":
            text += "(.+?)"
            kinds.append(part)
        elif part.startswith("{"):
            words = part[1:-1].split(",")
            optional = "" in words
            text += ("(?:" if optional else "(") + "|".join(map(re.escape, words)) + ")"
            if not optional:
                kinds.append(words)  # type: ignore[arg-type]
        else:
            text += re.escape(part)
    return re.compile(text), tuple(kinds)


def _values(groups: Sequence[str], kinds: tuple[Any, ...]) -> tuple[Any, ...]:
    """What the groups found, so that it sorts as a person counts: 2 before 10, words in the order of the pattern."""
    values: list[Any] = []
    for found, kind in zip(groups, kinds, strict=True):
        if kind == "*":
            values.append(int(found))
        elif kind == "**":
            runs = re.findall(r"\d+|\D+", found)
            values.append(tuple((0, int(run)) if run[0].isdigit() else (1, run) for run in runs))
        else:
            values.append(kind.index(found))
    return tuple(values)
