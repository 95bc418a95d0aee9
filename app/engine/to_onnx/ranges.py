"""Which sizes of image a traced network holds for: torch notes what it took for granted while it traced."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch.utils._sympy.printers import PythonPrinter

from app.engine.compile import InputSpec
from app.engine.to_onnx.errors import ExportError
from app.engine.to_onnx.sizes import BATCH

TOP = 2
"""So many times the size of the drawing is looked at, and a little more: whatever holds up to there holds above."""
STEPS = (1, 2, 4, 7, 8, 14, 16, 28, 32, 56, 64, 112, 128, 224, 256)

_NAMES = {
    "math": math, "torch": torch, "max": max, "min": min, "int": int, "float": float, "abs": abs, "round": round,
    "__builtins__": {},
}  # fmt: skip
"""What torch's printer of conditions uses."""


class Rule(NamedTuple):
    """An open axis takes the multiples of `step` from `least` on."""

    least: int
    step: int

    def takes(self, size: int) -> bool:
        return size >= self.least and size % self.step == 0

    def __str__(self) -> str:
        return f"multiples of {self.step} from {self.least} on" if self.step > 1 else f"{self.least} and more"


ANY = Rule(1, 1)


def rules(
    exported: Any, inputs: Sequence[InputSpec], open_axes: Mapping[str, Mapping[int, str]]
) -> dict[str, Rule]:
    """What each open height and width takes, by its name. Raises ExportError where it is little else than the drawing's
    own size."""
    values = {node.name: node.meta.get("val") for node in exported.graph.nodes if node.op == "placeholder"}
    symbols: dict[str, tuple[Any, int]] = {}
    environment: Any = None
    for spec, place in zip(inputs, exported.graph_signature.user_inputs, strict=True):
        for at, name in open_axes[spec.name].items():
            size = values[place].shape[at]
            if isinstance(size, torch.SymInt):
                environment = size.node.shape_env
                symbols[name] = size.node.expr, 2 if name == BATCH else spec.shape[at - 1]
    sizes = {name: (symbol, size) for name, (symbol, size) in symbols.items() if name != BATCH}
    if not sizes or environment is None:
        return {}
    if len({symbol for symbol, _ in sizes.values()}) < len(sizes) or not all(s.is_Symbol for s, _ in sizes.values()):
        raise ExportError("The network's Inputs hold only for sizes that hang on each other: leave any size off.")
    conditions = _conditions(exported, environment)
    usual = {str(symbol): size for symbol, size in symbols.values()}

    def holds(tried: Mapping[str, int]) -> bool:
        return conditions(usual | {str(sizes[name][0]): size for name, size in tried.items()})

    here = {name: size for name, (_, size) in sizes.items()}
    found = {name: _rule(name, size, holds) for name, size in here.items()}
    while bad := next((tried for tried in _together(found, here) if not holds(tried)), None):
        larger = {name: Rule(2 * rule.least, rule.step) for name, rule in found.items()}  # of 1x1 little is left
        if any(rule.least > here[name] for name, rule in larger.items()):
            said = " and ".join(f"a {name} of {size}" for name, size in bad.items())
            raise ExportError(f"As it was traced, the network does not hold for {said}: leave any size off.")
        found = larger
    return found


def _conditions(exported: Any, environment: Any) -> Callable[[Mapping[str, int]], bool]:
    """What torch took for granted, as a function of what the symbols stand for."""
    texts = []
    for asked in environment.deferred_runtime_asserts.values():
        texts += [PythonPrinter().doprint(one.expr) for one in asked]
    code = [compile(text, "condition", "eval") for text in dict.fromkeys(texts)]
    bounds = [(str(symbol), _bound(r.lower), _bound(r.upper)) for symbol, r in exported.range_constraints.items()]

    def holds(values: Mapping[str, int]) -> bool:
        if any(name in values and not low <= values[name] <= high for name, low, high in bounds):
            return False
        try:
            return all(bool(eval(each, _NAMES, dict(values))) for each in code)
        except ZeroDivisionError:  # a size at which nothing is left of an image
            return False

    return holds


def _bound(number: Any) -> float:
    return float(number) if number.is_finite else math.copysign(math.inf, 1 if number.is_positive else -1)


def _rule(name: str, size: int, holds: Callable[[Mapping[str, int]], bool]) -> Rule:
    """The largest set of sizes that can be said in a few words."""
    top = TOP * size + 2 * STEPS[-1]
    fits = [tried for tried in range(1, top + 1) if holds({name: tried})]
    known = set(fits)
    for step in STEPS:
        if size % step:
            continue
        wrong = [tried for tried in range(step, top + 1, step) if tried not in known]
        least = max(wrong, default=0) + step
        if least <= size:
            return Rule(least, step)
    whole = bool(fits) and len(fits) == max(fits) - min(fits) + 1
    shown = f"{min(fits)} to {max(fits)}" if whole and len(fits) > 1 else str(size) if whole else "a few sizes"
    raise ExportError(
        f"As it was traced, the network holds for a {name} of {shown} alone, not for all: leave any size off."
    )


def _together(found: Mapping[str, Rule], sizes: Mapping[str, int]) -> Iterable[dict[str, int]]:
    """Heights with widths: small, usual and large ones in each other's company."""
    tries = {}
    for name, rule in found.items():
        tries[name] = [rule.least, sizes[name], sizes[name] + rule.step, sizes[name] + 3 * rule.step, 2 * sizes[name]]
    names = list(tries)
    for k in range(5):
        for shift in range(5):
            yield {name: tries[name][(k + shift * i) % 5] for i, name in enumerate(names)}
