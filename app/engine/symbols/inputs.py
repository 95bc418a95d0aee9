"""Which sizes of a drawing's Inputs may change, what letters they have, and the drawing with other ones."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from app.design.values import Design, Graph, Node
from app.engine.arguments import declared
from app.engine.walk import Step, Walk
from blocks.patterns import parse

Place = tuple[str, str]
"""`where` and `node` of a drawn Input or Target."""

FREE = frozenset("HWLT")
"""What patterns call the sizes that may change: height, width, length, time."""
LETTER = re.compile(r"[AC-Z][0-9]*", re.ASCII)
"""What a size may be called; B is the batch."""
USUAL = {1: "L", 2: "LD", 3: "CHW", 4: "CLHW"}
"""What the sizes of a sample are where no pattern says it, by their number."""


class Free(NamedTuple):
    """A size that may change: its letter, what it is, where it stands (place and axis of the sample), whose it is."""

    letter: str
    size: int
    family: int
    """Letters of one Input, or of several of one size, have the same."""
    places: tuple[tuple[Place, int], ...]
    names: tuple[str, ...]


def free_sizes(walk: Walk) -> tuple[Free, ...]:
    """The sizes of the Inputs that may change. Inputs of one size share letters, and Targets of that size take part."""
    found: dict[tuple[tuple[str, int], ...], list[tuple[Step, list[int]]]] = {}
    shapes = _shapes(walk)
    for step in _ends(walk, "Input"):
        shape = shapes[_place(step)]
        names = letters_of(step, shape) or [n if n in FREE else "" for n in _names(walk, step, shape)]
        axes = [i for i, name in enumerate(names) if name]
        if axes:
            key = tuple((names[i], shape[i]) for i in axes)
            found.setdefault(key, []).append((step, axes))
    for step in _ends(walk, "Target"):  # a mask is as large as its image, the next tokens as many as the tokens
        shape = shapes[_place(step)]
        for key, users in found.items():
            if tuple(size for _, size in key) == shape:
                users.append((step, list(range(len(shape)))))
                break
    frees: list[Free] = []
    for family, (key, users) in enumerate(found.items()):
        for n, (name, size) in enumerate(key):
            places = dict.fromkeys((_place(step), axes[n]) for step, axes in users)
            inputs = dict.fromkeys(step.call.name for step, _ in users)
            frees.append(Free(_numbered(name, frees), size, family, tuple(places), tuple(inputs)))
    return tuple(frees)


def letters_of(step: Step, shape: tuple[int, ...]) -> list[str]:
    """The letters that the user gave the sizes of an Input, "" for one that stays; none where there are none that
    fit."""
    given = step.call.settings.get("letters")
    if not isinstance(given, tuple) or len(given) != len(shape):
        return []
    letters = [str(each) if LETTER.fullmatch(str(each)) else "" for each in given]
    return letters if any(letters) else []


def _numbered(name: str, taken: Sequence[Free]) -> str:
    """The letter, or where another size has it already, that letter and a number."""
    letters = {free.letter for free in taken}
    numbers = (n for n in range(2, len(taken) + 3) if f"{name[0]}{n}" not in letters)
    return f"{name[0]}{next(numbers)}" if name in letters else name


def _ends(walk: Walk, block: str) -> list[Step]:
    """The Inputs or Targets that give one size wherever they stand, each drawn one once."""
    shapes = _shapes(walk)
    found = {_place(s): s for s in reversed(walk.steps.values()) if s.call.block == block and _place(s) in shapes}
    return list(reversed(found.values()))


def _place(step: Step) -> Place:
    return step.call.where, step.call.node


def _shapes(walk: Walk) -> dict[Place, tuple[int, ...]]:
    """The sample's size of each drawn Input and Target that runs, unless it differs from one use of a Group to
    another."""
    found: dict[Place, set[tuple[int, ...]]] = {}
    for step in walk.steps.values():
        if step.call.block in ("Input", "Target") and step.measured is not None and step.measured.outputs:
            found.setdefault(_place(step), set()).add(step.measured.outputs[0][0].shape[1:])
    return {place: next(iter(shapes)) for place, shapes in found.items() if len(shapes) == 1}


def _names(walk: Walk, step: Step, shape: tuple[int, ...]) -> str:
    """What each size of a sample is, by what it is wired to, else as usual: `CHW`, `LD`, `CL`."""
    assert step.measured is not None
    whole = step.measured.outputs[0][0].dtype.startswith("int")
    usual = USUAL.get(len(shape), "?" * len(shape))
    if len(shape) == 2 and shape[0] == 1:
        usual = "CL"  # one channel of sound
    if len(shape) == 1 and not whole:
        usual = "D"  # a row of a table
    told = "?" * len(shape)
    for id, sources in walk.expanded.sources.items():
        for port, end in sources.items():
            card = walk.steps[id].card
            if end.node == step.call.id and card is not None and not FREE & set(told):
                told = _told(parse(declared(card, port).pattern).words.split(), len(shape) + 1)
    if FREE & set(told):
        return told
    return "".join(usual[i] if name == "?" or usual[i] not in FREE else name for i, name in enumerate(told))


def _told(words: Sequence[str], rank: int) -> str:
    """What a pattern calls the sizes behind the batch; `?` for those that it leaves open."""
    star = next((i for i, word in enumerate(words) if word.startswith("*")), None)
    if (star is None and len(words) != rank) or ("H" in words and "W" not in words):  # H is also heads
        return "?" * (rank - 1)
    if star is None:
        names = list(words)
    else:
        after = list(words[star + 1 :])
        names = [*words[:star], *"?" * (rank - star - len(after)), *after]
    return "".join(name if len(name) == 1 else "?" for name in names[1:])[: rank - 1]


def resized(design: Design, frees: Sequence[Free], sizes: Mapping[str, int], walk: Walk) -> Design:
    """The design with other sizes of its Inputs: a number for each letter. The one given is not changed."""
    wanted = {place: list(shape) for place, shape in _shapes(walk).items()}
    moved: set[Place] = set()
    for free in frees:
        for place, axis in free.places:
            wanted[place][axis] = sizes[free.letter]
            moved.add(place)
    groups = tuple(replace(g, nodes=_nodes(g, g.name, wanted, moved)) for g in design.groups)
    return replace(design, nodes=_nodes(design, "", wanted, moved), groups=groups)


def _nodes(graph: Graph, where: str, wanted: Mapping[Place, list[int]], moved: set[Place]) -> tuple[Node, ...]:
    return tuple(
        replace(n, settings=n.settings.with_("size", tuple(wanted[where, n.id])).without("resolution"))
        if (where, n.id) in moved
        else n
        for n in graph.nodes
    )
