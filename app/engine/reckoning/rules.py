"""The register of formulas for sizes: which rule explains what a module makes of the sizes that it is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from torch import nn

from app.engine.reckoning.formulas import Formula, product

Shape = tuple[int, ...]
Axes = dict[int, Formula]
"""Axis of an output -> its formula; what is not named is as large as what came in."""


class Seen(NamedTuple):
    """One call of a module: the shapes of its arguments (a list of them for a pyramid, None where nothing is wired)
    and of all tensors that it gave."""

    given: Sequence[Any]
    made: Sequence[Shape]

    @property
    def x(self) -> Shape:
        """The shape of the first tensor that came in, be it a level of a pyramid."""
        return next(s if isinstance(s, tuple) else s[0] for s in self.given if s)

    def levels(self, argument: int = 0) -> list[Shape]:
        """The levels of an argument: those of a pyramid, or the one tensor."""
        value = self.given[argument]
        return [value] if isinstance(value, tuple) else list(value)


Rule = Callable[[Any, Seen], Axes | list[Axes]]
_RULES: dict[str, Rule] = {}


def sizes(*names: str) -> Callable[[Rule], Rule]:
    """Register the rule of these blocks or torch layers, and of the classes below them that have none."""

    def register(rule: Rule) -> Rule:
        for name in names:
            _RULES[name] = rule
        return rule

    return register


def names_of(module: nn.Module) -> list[str]:
    """The names of a module's class and of those above it, as far as they are torch's or the house's: a class of the
    user's own may be called as one of them and do another thing."""
    known = ("torch", "blocks")
    return [c.__name__ for c in type(module).__mro__ if c.__module__.partition(".")[0] in known]


def rule_of(module: nn.Module) -> Rule | None:
    """The rule that explains the sizes of what `module` gives."""
    return next((_RULES[name] for name in names_of(module) if name in _RULES), None)


def explained(module: nn.Module, seen: Seen) -> list[Axes] | None:
    """The formulas of each output tensor's axes; None where no rule is known."""
    rule = rule_of(module)
    if rule is None:
        return None
    found = rule(module, seen)
    return [found] if isinstance(found, dict) else found


def letters(shape: Shape) -> list[str]:
    """What the sizes of a tensor of any meaning are called in formulas: n1, n2, ...; those of an image C, H, W."""
    return list("BCHW") if len(shape) == 4 else ["B", *(f"n{i}" for i in range(1, len(shape)))]


def size(shape: Shape, axis: int) -> Formula:
    """A size of the input, as it stands."""
    return Formula(letters(shape)[axis], str(shape[axis]))


def times(shape: Shape, start: int = 1, stop: int | None = None) -> Formula:
    """The product of some sizes of the input."""
    return product(letters(shape)[start:stop], shape[start:stop])


def fixed(name: str, value: int) -> Formula:
    """A size that a setting gives."""
    return Formula(name, str(value))
