"""Changes of a recipe as one writes them on the command line: `epochs=20`, `preset=scratch`, `encoder.rate=0.1`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec.structs import replace

from app.design.augment import read_steps
from app.design.presets import PRESETS, preset, with_preset
from app.design.values import NodeRule, Recipe

KEYS = tuple(name for name in Recipe.__struct_fields__ if name != "nodes")
OF_NODES = tuple(name for name in NodeRule.__struct_fields__ if name != "node")
LARGEST = "largest"
_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_TYPES: dict[str, Any] = {field.name: field.type for field in msgspec.structs.fields(Recipe)}


class RecipeTextError(ValueError):
    """A change that cannot be read; one sentence."""


def read_changes(recipe: Recipe, texts: Iterable[str], side: int = 32) -> Recipe:
    """The recipe with the changes made in order, so that what follows a preset changes it. `side` is that of the
    pictures. Raises RecipeTextError."""
    for text in texts:
        key, sign, value = text.partition("=")
        key, value = key.strip(), value.strip()
        if not sign:
            raise _unknown(text)
        if key == "preset":
            recipe = with_preset(recipe, _preset(text, value))
        elif key == "augment":
            recipe = replace(recipe, augment=_steps(text, value, side))
        elif key in KEYS:
            recipe = replace(recipe, **{key: _read(text, key, value)})
            if key == "weights":  # what was guessed of another file says nothing of this one
                recipe = replace(recipe, weights_by="name")
        else:
            node, dot, what = key.rpartition(".")
            if not dot or what not in OF_NODES:
                raise _unknown(text)
            recipe = with_rule(recipe, node, **{what: _read_rule(text, what, value)})
    return recipe


def with_rule(recipe: Recipe, node: str, **fields: Any) -> Recipe:
    """The recipe with fields of the rule for `node` set; one that says nothing any more is taken out."""
    old = next((rule for rule in recipe.nodes if rule.node == node), NodeRule(node))
    new = replace(old, **fields)
    rules = [new if rule is old else rule for rule in recipe.nodes]
    rules = rules if old in recipe.nodes else [*rules, new]
    return replace(recipe, nodes=tuple(rule for rule in rules if rule != NodeRule(rule.node)))


def _unknown(text: str) -> RecipeTextError:
    return RecipeTextError(f"{text}: write KEY=VALUE (keys: {', '.join(KEYS)}, preset; for a node NODE.{OF_NODES[0]})")


def _preset(text: str, name: str) -> Any:
    found = preset(name)
    if found is None:
        raise RecipeTextError(f"{text}: there is no preset `{name}`: choose one of {', '.join(p.id for p in PRESETS)}")
    return found


def _steps(text: str, value: str, side: int) -> Any:
    try:
        return read_steps(value, side)
    except ValueError as error:
        raise RecipeTextError(f"{text}: {error}") from None


def _read(text: str, key: str, value: str) -> Any:
    wanted = "a text"
    kinds = str(_TYPES[key])
    try:
        if key == "batch_size" and value == LARGEST:
            return 0
        if "None" in kinds and value.lower() in ("none", "usual"):
            return None
        if "tuple" in kinds:
            wanted = "numbers with commas between, such as 30,60"
            return tuple(float(part) for part in value.strip("()[]").split(",") if part.strip())
        if "bool" in kinds:
            wanted = "true or false"
            return _WORDS[value.lower()]
        if "int" in kinds:
            wanted = "a whole number"
            return int(value)
        if "float" in kinds:
            wanted = "a number"
            return float(value)
    except (ValueError, KeyError):
        raise RecipeTextError(f"{text}: {key} needs {wanted}") from None
    return value


def _read_rule(text: str, what: str, value: str) -> Any:
    try:
        return float(value) if what == "rate" else int(value)
    except ValueError:
        wanted = "a number" if what == "rate" else "the number of an epoch"
        raise RecipeTextError(f"{text}: {what} needs {wanted}") from None
