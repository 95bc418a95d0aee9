"""A training script of a design's recipe in plain PyTorch: the network with its losses, the data, the loop."""

from __future__ import annotations

import ast
from typing import NamedTuple

from app.design.values import Design
from app.engine.compile import InvalidDesignError
from app.engine.to_python import checked, classes_of
from app.engine.to_python.sources import commented
from app.engine.to_python.statements import Printer
from app.engine.to_script.loop import loop
from app.engine.to_script.reading import Reading, reading
from app.engine.to_script.words import left_out
from app.engine.walk import Step, Walk, reaching
from blocks import catalogue
from blocks.metrics.counted import Counted


class Script(NamedTuple):
    """The script, and what of the recipe it leaves out, a sentence each."""

    text: str
    remarks: tuple[str, ...]


def write_script(design: Design, name: str = "Network") -> Script:
    """The design's training by its recipe as a script that needs only torch and what its data needs.

    Raises InvalidDesignError where the design has errors or no loss.
    """
    walk = checked(design)
    judged, counted = _judged(walk)
    needed = reaching(walk, set(judged))
    data = reading(design, walk, needed)
    frozen = sorted({s.call.module for id, s in walk.steps.items() if id in needed and s.call.frozen and _weighs(s)})
    losses = [walk.steps[id].call.name for id in judged if _is(walk, id, "Loss")]

    def around(whole: str, least: int) -> ast.Module:
        return commented(data.code + loop(design, whole, losses, frozen, least, data.normalises))

    module, whole = classes_of(design, walk, needed, name, judged, taken=_bound(around("Network", 1)))
    remarks = (*data.remarks, *left_out(design, walk, needed, counted))
    norm = any("BatchNorm" in ast.dump(node) for node in module.definitions.values())
    body = _docstring(name, remarks)
    code = around(whole, 2 if norm else 1)
    imports = [node for node in code.body if isinstance(node, ast.Import | ast.ImportFrom)]
    rest = [node for node in code.body if node not in imports]
    module.take_imports(imports)
    text = Printer().module([body, *module.header(), *module.definitions.values(), *rest])
    return Script(text, remarks)


def _judged(walk: Walk) -> tuple[list[str], list[str]]:
    """The losses and metrics of the drawing that each batch gives, and the names of those counted over a split."""
    judged: list[str] = []
    counted: list[str] = []
    for id, step in walk.steps.items():
        if step.card is None or step.card.category not in ("Loss", "Metric"):
            continue
        if issubclass(catalogue.classes()[step.call.block], Counted):
            counted.append(step.call.name)
        elif step.card.category == "Loss" or "target" in walk.expanded.sources[id]:
            judged.append(id)
    if not any(_is(walk, id, "Loss") for id in judged):
        raise InvalidDesignError("The design has no loss, so there is nothing to train on: add a Target and a loss")
    if inside := [id for id in judged if "/" in id]:
        name = walk.steps[inside[0]].call.name
        raise InvalidDesignError(f"The loss or metric `{name}` stands in a Group: move it out to write a script")
    return judged, counted


def _bound(code: ast.Module) -> list[str]:
    """The names that the code gives to something where all see them."""
    found: list[str] = []
    for node in code.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.append(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found += [alias.asname or alias.name for alias in node.names]
        elif isinstance(node, ast.Assign):
            found += [target.id for target in node.targets if isinstance(target, ast.Name)]
    return found


def _weighs(step: Step) -> bool:
    """Whether the node has weights; one without may be no module in the code, and there is nothing to freeze."""
    return step.measured is not None and step.measured.parameters > 0


def _is(walk: Walk, id: str, category: str) -> bool:
    card = walk.steps[id].card
    return card is not None and card.category == category


def _docstring(name: str, remarks: tuple[str, ...]) -> ast.stmt:
    text = f"Trains {name}: `python train.py`, or `--help` for what can be chosen."
    if remarks:
        text += "\n\nOf the recipe this leaves out or does otherwise:\n" + "\n".join(f"- {line}" for line in remarks)
    return ast.Expr(ast.Constant(text))


__all__ = ["Reading", "Script", "write_script"]
