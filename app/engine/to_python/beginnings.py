"""How weights begin where that is not as torch's layers have it: a method of the whole drawing, `init_weights`."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from torch import nn

from app.design.read_back.beginnings import METHOD
from app.engine.to_python.expressions import constant
from app.engine.to_python.record import Fill
from app.engine.to_python.torch_layers import torch_base

ALIKE = 3
"""From so many layers of a kind on, all of which begin alike, they are found by their class."""
MANY = 12
"""More layers than this are found by how their names end, where that is enough."""

Rules = tuple[tuple[str, Fill], ...]
"""What fills each weight of a layer, by its name."""


class Layer(NamedTuple):
    """A layer of torch's."""

    name: str
    """As `named_modules` has it."""
    kind: str
    weights: tuple[str, ...]
    rules: Rules


def method(
    homes: Mapping[str, nn.Module], fills: Mapping[int, Fill], copied: Collection[str]
) -> ast.FunctionDef | None:
    """The method that fills the weights of the modules at `homes`, or None where all begin as torch has them. Classes
    that are `copied` do it themselves."""
    layers = [layer for home, module in homes.items() for layer in _layers(home, module, fills, copied)]
    if not any(layer.rules for layer in layers):
        return None
    lines, done = _by_class(layers)
    lines += _by_name([layer for layer in layers if layer.kind not in done])
    name = METHOD if METHOD not in homes else f"{METHOD}_"
    text = "\n".join([f"def {name}(self) -> None:", '    """How weights begin."""', *("    " + s for s in lines)])
    (made,) = ast.parse(text).body
    assert isinstance(made, ast.FunctionDef)
    return made


def _layers(name: str, module: nn.Module, fills: Mapping[int, Fill], copied: Collection[str]) -> Iterator[Layer]:
    """Torch's layers inside a module, itself included; those inside of what is copied have no rules here."""
    kind = torch_base(type(module))
    hidden = type(module).__name__ in copied
    own = dict(module.named_parameters(recurse=False))
    if kind not in (nn.Module, nn.Sequential, nn.ModuleList) and own:
        known = {} if hidden else {n: fills[id(weight)] for n, weight in own.items() if id(weight) in fills}
        yield Layer(name, kind.__name__, tuple(own), tuple(known.items()))
    for part, inner in module.named_children():
        yield from _layers(f"{name}.{part}", inner, {} if hidden else fills, copied)


def _by_class(layers: list[Layer]) -> tuple[list[str], set[str]]:
    """A loop over all layers of the classes that have one rule each; and which classes these are."""
    rules: dict[str, Rules] = {}
    for kind in dict.fromkeys(layer.kind for layer in layers):
        alike = [layer for layer in layers if layer.kind == kind]
        whole = max((layer.rules for layer in alike), key=len)
        if whole and _plain(whole) and len(alike) >= ALIKE and all(_follows(layer, whole) for layer in alike):
            rules[kind] = whole
    if not rules:
        return [], set()
    lines = ["for layer in self.modules():"]
    for whole in dict.fromkeys(rules.values()):
        kinds = [kind for kind, own in rules.items() if own == whole]
        lines.append(f"    if isinstance(layer, {' | '.join(f'nn.{kind}' for kind in kinds)}):")
        lines += _of_a_layer(whole, " " * 8)
    return lines, set(rules)


def _follows(layer: Layer, whole: Rules) -> bool:
    return layer.rules == tuple((name, fill) for name, fill in whole if name in layer.weights)


def _plain(rules: Rules) -> bool:
    """Whether all are attributes of which type checkers know."""
    return {name for name, _ in rules} <= {"weight", "bias"}


def _of_a_layer(rules: Rules, indent: str) -> list[str]:
    lines: list[str] = []
    for name, fill in rules:
        if name == "bias":  # which not every layer has
            lines += [f"{indent}if layer.bias is not None:", f"{indent}    {_filled('layer.bias', fill)}"]
        else:
            lines.append(indent + _filled(f"layer.{name}", fill))
    return lines


def _by_name(layers: list[Layer]) -> list[str]:
    """Line by line, and a loop over those that begin alike."""
    lines: list[str] = []
    for rules in dict.fromkeys(layer.rules for layer in layers if layer.rules):
        alike = [layer for layer in layers if layer.rules == rules]
        if len(alike) == 1:
            lines += [_filled(_weight(alike[0].name, name), fill) for name, fill in rules]
        elif len(alike) > MANY and _plain(rules) and (test := _ending(alike, layers)):
            lines += ["for name, layer in self.named_modules():", f"    if {test}:", *_of_a_layer(rules, " " * 8)]
        else:
            lines.append(f"for name in {tuple(layer.name for layer in alike)!r}:")
            lines += [f'    {_filled(f"""self.get_parameter(f"{{name}}.{name}")""", fill)}' for name, fill in rules]
    return lines


def _weight(layer: str, name: str) -> str:
    """The weight of one layer, as type checkers know it."""
    if name == "weight" and not any(part.isdigit() for part in layer.split(".")):
        return f"self.{layer}.weight"
    return f'self.get_parameter("{layer}.{name}")'


def _ending(alike: list[Layer], layers: list[Layer]) -> str:
    """What tells these layers from all others by their class and how their names end; empty where nothing does."""
    kinds = sorted({layer.kind for layer in alike})
    for parts in (1, 2, 3):
        ends = tuple(dict.fromkeys("." + ".".join(layer.name.split(".")[-parts:]) for layer in alike))
        found = [layer for layer in layers if layer.kind in kinds and layer.name.endswith(ends)]
        if found == alike and len(ends) <= MANY:
            of = " | ".join(f"nn.{kind}" for kind in kinds)
            shown = repr(ends) if len(ends) > 1 else repr(ends[0])
            return f"isinstance(layer, {of}) and name.endswith({shown})"
    return ""


def _filled(weight: str, fill: Fill) -> str:
    told = [constant(value) if name == "val" else f"{name}={constant(value)}" for name, value in fill.arguments]
    return f"nn.init.{fill.function}({', '.join([weight, *told])})"
