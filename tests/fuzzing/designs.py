"""Damaged designs: bytes, and JSON whose values, names and ends are swapped, blown up, nested and doubled."""

from __future__ import annotations

import contextlib
import json
from copy import deepcopy
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import examples
from tests.fuzzing.damage import NUMBERS, TEXTS, bytes_of

NAMES = ("digits", "pyramid", "simclr", "two_tasks", "autoencoder")
ZOO = ("vit", "unet", "resnet", "yolov8")


@cache
def seeds() -> tuple[bytes, ...]:
    home = Path(examples.__file__).parent
    paths = [*(home / f"{name}.netloom" for name in NAMES), *(home / "zoo" / f"{name}.netloom" for name in ZOO)]
    return tuple(path.read_bytes() for path in paths if path.is_file())


def make(random: Random) -> bytes:
    """The bytes of a design that is most likely broken."""
    data = random.choice(seeds())
    if random.random() < 0.35:
        return bytes_of(data, seeds(), random)
    value = json.loads(data)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        if not isinstance(value, dict):  # nothing of a design is left
            break
        with contextlib.suppress(IndexError, KeyError):  # what an earlier change took away cannot be changed
            value = _changed(value, random)
    try:
        text = json.dumps(value, ensure_ascii=random.random() < 0.5, allow_nan=True)
    except RecursionError:  # too deep for Python's own writer
        text = json.dumps({"netloom": 1, "nodes": {}}).replace("{}", "[" * 3000 + "]" * 3000)
    if random.random() < 0.15:
        text = _retyped(text, random)
    return text.encode("utf-8", "surrogatepass")


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if len(path) > 40:
        return found
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        found += _places(part, (*path, key))
    return found


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def _changed(value: Any, random: Random) -> Any:
    places = _places(value)
    path = random.choice(places)
    if not path:
        return _odd(random)
    parent, key = _at(value, path[:-1]), path[-1]
    old = parent[key]
    match random.randrange(11):
        case 0 | 1:
            parent[key] = _near(old, random)
        case 2:
            parent[key] = _odd(random)
        case 3:
            del parent[key]
        case 4:  # what stands elsewhere: an id of another node, a wire's end, a whole Group
            parent[key] = deepcopy(_at(value, random.choice(places)))
        case 5 if isinstance(parent, list):
            parent.extend([old] * random.choice((1, 2, 1200)))
        case 6 if isinstance(parent, dict):
            parent[random.choice(TEXTS)] = old
        case 7:
            for _ in range(random.choice((3, 70, 150)) if random.random() < 0.3 else 2):
                old = [old]
            parent[key] = old
        case 8 if isinstance(old, list):
            random.shuffle(old)
        case 9 if value.get("groups"):  # Groups in Groups, perhaps in a circle
            groups = [g["name"] for g in value["groups"] if isinstance(g, dict) and "name" in g]
            nodes = [n for p in places if isinstance(n := _at(value, p), dict) and ("block" in n or "group" in n)]
            if groups and nodes:
                node = random.choice(nodes)
                node.pop("block", None)
                node["group"] = random.choice(groups)
                node["repeat"] = random.choice((1, 2, 9999, 10**6, "width", -1))
        case _:  # a node twice, or a wire back
            nodes = value.get("wires") if isinstance(value.get("wires"), list) else None
            if nodes:
                wire = random.choice(nodes)
                if isinstance(wire, dict) and "source" in wire and "target" in wire:
                    nodes.append({"source": wire["target"], "target": wire["source"]})
    return value if isinstance(value, dict) else {"netloom": 1, "nodes": value}


def _near(old: Any, random: Random) -> Any:
    """Another value of the same kind."""
    if isinstance(old, bool):
        return not old
    if isinstance(old, int | float):
        return random.choice((*NUMBERS, 0.5, -0.0, 1e308, 1e-308, float("nan"), float("inf"), old + 1, -old))
    if isinstance(old, str):
        return random.choice((*TEXTS, old + "x", old[:-1], old * 3, old.upper(), "\ud800"))
    if isinstance(old, list):
        return random.choice(([], old * 2, old[:1], old[::-1], [old], old * 400))
    if isinstance(old, dict):
        return random.choice(({}, {**old, random.choice(TEXTS): 1}, [old]))
    return 0


def _odd(random: Random) -> Any:
    return random.choice((
        None, True, False, [], {}, [[]], {"": {}}, 0.5, random.choice(NUMBERS), random.choice(TEXTS), [1, "a", None],
        {"source": ["a", "out"], "target": ["a", "x"]}, {"id": "a", "block": "Conv2d"}, {"=": "width"}, "=width * 2",
    ))  # fmt: skip


def _retyped(text: str, random: Random) -> str:
    """What `json.dumps` does not write: names twice, endless numbers, other constants, marks between."""
    keys = [at for at in range(len(text)) if text[at] == '"']
    at = random.choice(keys or [0])
    match random.randrange(5):
        case 0:
            return text[:1] + '"netloom": ' + random.choice(("1", "2", "-1", "1e400", '"1"')) + ", " + text[1:]
        case 1:
            return text.replace(": 1", ": " + "9" * random.choice((20, 400, 5000)), 1)
        case 2:
            return text[:at] + random.choice(("/* */", "\ufeff", "\x00", ",", "'", "\\u0000")) + text[at:]
        case 3:
            return text.replace('"nodes"', '"nodes": [], "nodes"', 1)
        case _:
            depth = random.choice((100, 5000, 200_000))
            return text.replace("{}", "[" * depth + "]" * depth, 1)
