"""Which tensor of a file goes where in a design: by its name, by a key map, and if asked for by shape or by order.

A name, also one that a key map translates, is what the makers of both say; it is taken. That a shape occurs once on
both sides, or equally often and in the same order, is a guess: it is offered, and taken only when one asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from msgspec.structs import replace

from app.design.values import Recipe
from app.engine import keymaps
from app.messages.weights import COUNTER, By, How

BY: tuple[By, ...] = ("name", "shape", "order")
"""How far one goes: names and key maps alone; also shapes that occur once; also equal shapes in their order."""


def matched(recipe: Recipe, file: str, by: str = "") -> Recipe:
    """The recipe where `file` is what is matched: as `by` says. Guesses that were wished for another file are not made
    for this one."""
    return replace(recipe, weights_by=by or (recipe.weights_by if file == recipe.weights else BY[0]))


class Match(NamedTuple):
    """A tensor of the file (`theirs`, "" for none) beside one of the design (`ours`, "" for none).

    `how` they were brought together: `name`, `map` (a key map's names), `shape` (the only ones of their shape left),
    `order` (as many of this shape are left on both sides); `size` where the names fit and the shapes do not, `missing`
    and `unused` where one side is empty. `taken` is whether it is loaded.
    """

    theirs: str
    ours: str
    how: How
    taken: bool


class Fitting(NamedTuple):
    """How a file's tensors fit those needed; `tensors` are those that do, under our names and in our shapes."""

    layout: str
    tensors: dict[str, torch.Tensor]
    missing: list[str]
    unexpected: list[str]
    mismatched: dict[str, str]
    """Our name -> the sentence that says which sizes differ."""
    unfit: str
    """Why these weights cannot be loaded; empty where they can, if need be without a classifier."""
    matches: tuple[Match, ...] = ()
    """Those needed in their order, then what the file has besides."""

    @property
    def whole(self) -> bool:
        return not (self.missing or self.unexpected or self.mismatched)

    @property
    def broken(self) -> str:
        """The sentence on what would make every output NaN or infinite; empty where all numbers are finite."""
        names = [name for name, tensor in self.tensors.items() if not bool(torch.isfinite(tensor).all())]
        if not names:
            return ""
        return f"Not all numbers of {listed(names)} are finite: a training that failed may have written them."

    def count(self, *how: How) -> int:
        """How many tensors were brought together so."""
        return sum(match.how in how for match in self.matches)


def fit(needed: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor], by: By = "name") -> Fitting:
    """Find out whose names `given` has, and which of its tensors are those `needed`. What `by` allows besides names is
    taken; what it does not stands among the matches all the same."""
    wanted = {name: tuple(tensor.shape) for name, tensor in needed.items()}
    held = {name: tuple(tensor.shape) for name, tensor in given.items()}
    naming = keymaps.recognise(wanted, held)
    sources = {ours: theirs for theirs, ours in naming.names.items()}
    found: dict[str, tuple[str, How]] = {}
    for ours, theirs in sources.items():
        same = keymaps.same_shape(held[theirs], wanted[ours])
        named = theirs.removeprefix(naming.prefix) == ours
        found[ours] = theirs, ("size" if not same else "name" if named else "map")
    guesses = _guessed(
        {name: shape for name, shape in wanted.items() if name not in found},
        {name: shape for name, shape in held.items() if name not in naming.names and name not in naming.dropped},
    )
    asked = BY[: BY.index(by) + 1]
    taken = {"name", "map", *asked}
    found |= {ours: guess for ours, guess in guesses.items()}
    tensors: dict[str, torch.Tensor] = {}
    mismatched: dict[str, str] = {}
    strange: list[str] = []
    for ours, want in needed.items():
        theirs, how = found.get(ours, ("", "missing"))
        if how in taken:
            tensors[ours] = given[theirs].reshape(want.shape)
        elif how == "size":
            mismatched[ours] = differing(ours, theirs, held[theirs], wanted[ours])
            if held[theirs][1:] != wanted[ours][1:]:
                strange.append(mismatched[ours])
    used = {found[ours][0] for ours in (*tensors, *mismatched)}
    missing = [name for name in needed if name not in tensors and name not in mismatched and not _counter(name)]
    unexpected = [name for name in given if name not in used and name not in naming.dropped]
    matches = [
        Match(theirs, ours, how, ours in tensors)
        for ours in needed
        for theirs, how in [found.get(ours, ("", "missing"))]
    ]
    paired = {match.theirs for match in matches}
    matches += [Match(theirs, "", "unused", False) for theirs in given if theirs not in paired]
    bare = {n: s.removeprefix(naming.prefix) for n, s in sources.items() if n in tensors}
    besides = {n.removeprefix(naming.prefix): n for n in unexpected if n.startswith(naming.prefix)}
    unfit = _unfit(tensors, bare, missing, besides, strange, by)
    return Fitting(naming.title, tensors, missing, unexpected, mismatched, unfit, tuple(matches))


def _unfit(
    tensors: Mapping[str, torch.Tensor], sources: Mapping[str, str], missing: Sequence[str],
    besides: Mapping[str, str], strange: Sequence[str], by: By,
) -> str:  # fmt: skip
    if not any(t.is_floating_point() for t in tensors.values()):
        return "none of its tensors fits this design"
    if by != "name":  # one has seen the table and wants what fits
        return ""
    # A part is there as a whole or not at all: a file of a deeper network fills half of this one and means nothing.
    filled = {name.split(".")[0] for name in tensors}
    parts = {name.split(".")[0] for name in sources.values()}
    lacking = [name for name in missing if name.split(".")[0] in filled]
    beyond = [theirs for name, theirs in besides.items() if name.split(".")[0] in parts and "." in name]
    if strange:
        return f"they are of another network: {strange[0]}"
    if lacking:
        return f"they are of another network: they lack {lacking[0]}, which the design has"
    if beyond:
        return f"they are of another network: they have {beyond[0]}, which the design lacks"
    return ""


def differing(ours: str, theirs: str, held: Sequence[int], wanted: Sequence[int]) -> str:
    """`head.weight (fc.weight): 1000x512 in the file, 10x512 needed`."""
    called = ours if theirs == ours else f"{ours} ({theirs})"
    return f"{called}: {size_of(held)} in the file, {size_of(wanted)} needed"


def size_of(shape: Sequence[int]) -> str:
    """`1000x512`."""
    return "x".join(map(str, shape)) or "one number"


def listed(names: Sequence[str]) -> str:
    """The first four, and how many more."""
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(names[:4]) + more


def _counter(name: str) -> bool:
    return name.endswith(COUNTER)


# guesses --------------------------------------------------------------------------------------------------------------

Shapes = Mapping[str, tuple[int, ...]]


def _guessed(needed: Shapes, given: Shapes) -> dict[str, tuple[str, How]]:
    """What is left on both sides, brought together by modules whose tensors are alike, then by single tensors.

    Modules that occur equally often on both sides pair in their order. A shape that does not stand equally often on
    both sides says too little: it is left alone.
    """
    found: dict[str, tuple[str, How]] = {}
    ours, theirs = _modules(needed), _modules(given)
    forms = _by_form(theirs, given)
    for form, places in _by_form(ours, needed).items():
        others = forms.get(form, [])
        if len(others) != len(places):
            continue
        for mine, yours in zip(places, others, strict=True):
            for leaf, name in ours[mine].items():
                if leaf in theirs[yours]:
                    found[name] = theirs[yours][leaf], "shape" if len(places) == 1 else "order"
    used = {source for source, _ in found.values()}
    single = _by_shape({name: shape for name, shape in given.items() if name not in used})
    for shape, names in _by_shape({name: shape for name, shape in needed.items() if name not in found}).items():
        sources = single.get(shape, [])
        if len(sources) == len(names):
            found |= {
                name: (source, "shape" if len(names) == 1 else "order")
                for name, source in zip(names, sources, strict=True)
            }
    return found


def _modules(shapes: Shapes) -> dict[str, dict[str, str]]:
    """Each module's tensors by their last name."""
    found: dict[str, dict[str, str]] = {}
    for name in shapes:
        module, _, leaf = name.rpartition(".")
        found.setdefault(module, {})[leaf] = name
    return found


Form = tuple[tuple[str, tuple[int, ...]], ...]


def _by_form(modules: Mapping[str, Mapping[str, str]], shapes: Shapes) -> dict[Form, list[str]]:
    """The modules by the names and shapes of their tensors, in their order; what only counts steps says nothing."""
    found: dict[Form, list[str]] = {}
    for module, leaves in modules.items():
        form = tuple(sorted((leaf, shapes[name]) for leaf, name in leaves.items() if leaf != COUNTER))
        if form:
            found.setdefault(form, []).append(module)
    return found


def _by_shape(shapes: Shapes) -> dict[tuple[int, ...], list[str]]:
    """The tensors by their shape, in their order; single numbers look all alike."""
    found: dict[tuple[int, ...], list[str]] = {}
    for name, shape in shapes.items():
        if any(size > 1 for size in shape):
            found.setdefault(shape, []).append(name)
    return found
