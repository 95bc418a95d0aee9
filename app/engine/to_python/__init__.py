"""A design as one readable PyTorch module that needs only torch."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import NamedTuple

from app.design.values import Design
from app.engine.compile import InvalidDesignError, shared_analyser
from app.engine.to_python.copying import Module
from app.engine.to_python.drawing import Drawing, class_name
from app.engine.to_python.explain import parse
from app.engine.to_python.sources import Import
from app.engine.to_python.statements import Printer
from app.engine.walk import Walk, reaching
from app.messages import Analysis


class Generated(NamedTuple):
    """The text of a module, and which of its lines (from 1) stand for which node."""

    text: str
    places: dict[str, tuple[int, ...]]
    """A node by its id, in a Group behind the Group's name: `stem`, or `Encoder/conv`."""
    name: str
    """The design's class."""


def generate(design: Design, analysis: Analysis | None = None, name: str = "Network") -> Generated:
    """The design as PyTorch code: what its Outputs need, as a class called `name` (or nearly).

    Raises InvalidDesignError where the design has errors or no Output.
    """
    walk = checked(design, analysis)
    goals = {id for id, step in walk.steps.items() if step.call.block == "Output"}
    if not goals:
        raise InvalidDesignError("The design has no Output, so there is nothing to keep: wire the last block to one")
    needed = reaching(walk, goals)
    module, whole = classes_of(design, walk, needed, name)
    body = [_docstring(design, name), *module.header(), *module.definitions.values(), _main(walk, needed, whole)]
    printer = Printer()
    text = printer.module(body)
    return Generated(text, {path: tuple(lines) for path, lines in printer.places.items()}, whole)


def checked(design: Design, analysis: Analysis | None = None) -> Walk:
    """The design's calls, all of which run. Raises InvalidDesignError."""
    analyser = shared_analyser()
    if analysis is None:
        analysis = analyser.analyse(design, with_fixes=False)
    errors = tuple(p for p in analysis.problems if p.severity == "error")
    if errors:
        raise InvalidDesignError(errors[0].message, errors)
    return analyser.walk(design)


def classes_of(
    design: Design, walk: Walk, needed: set[str], name: str, judged: Sequence[str] = (), taken: Sequence[str] = ()
) -> tuple[Module, str]:  # fmt: skip
    """The classes of what is needed, and what the design's own is called. It gives what its Outputs say, or the losses
    and metrics `judged`. None has a name that is `taken`."""
    module = Module(taken=("torch", "nn", "F", "math", *taken))
    module.imports |= {"torch": Import("torch", ""), "nn": Import("torch", "nn")}
    whole = Drawing(design, walk, needed, module, class_name(name), judged).write()
    module.prune(whole)
    return module, whole


def _docstring(design: Design, name: str) -> ast.stmt:
    about = design.about
    parts = about.paper.split(", ")
    paper = about.paper if len(about.paper) < 80 or len(parts) < 3 else f"{parts[0]}, {parts[-1]}"
    title = f"{about.title or name} ({paper})." if paper else f"{about.title or name}."
    if len(title) > 110:
        title = f"{about.title or name}.\n\n{paper}."
    return ast.Expr(ast.Constant(title))


def _main(walk: Walk, needed: set[str], name: str) -> ast.stmt:
    """What is run where the module is: it prints the parameters, and the shapes that a random input gives."""
    made = []
    for id, step in walk.steps.items():
        if step.call.block == "Input" and id in needed and step.measured is not None:
            tensor = step.measured.outputs[0][0]
            shape = ", ".join(map(str, tensor.shape))
            made.append(f"torch.randn({shape})" if tensor.dtype.startswith("float") else f"torch.randint(2, ({shape}))")
    outputs = [s for id, s in walk.steps.items() if s.call.block == "Output" and id in needed]
    kinds = [walk.kinds.get(walk.expanded.sources[s.call.id]["x"], "tensor") for s in outputs]
    lines = [f"model = {name}().eval()", 'print(f"{sum(p.numel() for p in model.parameters()):,} parameters")']
    run = f"model({', '.join(made)})"
    if len(outputs) == 1 and kinds[0] != "pyramid":
        lines += [f"with torch.no_grad():\n    print(tuple({run}.shape))"]
    elif "pyramid" not in kinds or len(outputs) == 1:
        lines += [f"with torch.no_grad():\n    print([tuple(y.shape) for y in {run}])"]
    else:
        names = ", ".join(f'"{s.call.name}"' for s in outputs)
        lines += [
            f"with torch.no_grad():\n    outputs = dict(zip(({names}), {run}, strict=True))",
            "for name, y in outputs.items():\n"
            "    print(name, [tuple(level.shape) for level in y] if isinstance(y, list) else tuple(y.shape))",
        ]
    return ast.If(parse('__name__ == "__main__"'), ast.parse("\n".join(lines)).body, [])
