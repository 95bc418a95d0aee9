"""What the commands share: finding a design, changing it as asked, and the tables of a terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

import examples
from app.design import file
from app.design.paths import PathError, apply_variant, read_value, set_from_text
from app.design.ports import Catalogue, letter
from app.design.values import Design, End, Node, Recipe, Settings, Wire
from app.engine.compile import InvalidDesignError
from app.exits import INVALID, CallError
from app.messages import Analysis
from blocks import patterns
from blocks.card import Card, Port

EXAMPLE_SIZES = {"B": 1, "C": 64, "H": 56, "W": 56, "D": 64, "L": 32, "K": 10}
"""Sizes of the inputs of `block:NAME` where `--input` does not give them."""


@contextmanager
def user_errors() -> Iterator[None]:
    """Turn the errors that our own code words for users into the one line and exit code of a call that failed."""
    try:
        yield
    except InvalidDesignError as error:
        raise CallError(str(error), INVALID) from None
    except (ValueError, RuntimeError) as error:
        if not type(error).__module__.startswith("app."):
            raise
        raise CallError(str(error)) from None


def console(stderr: bool = False) -> Console:
    """A console that writes as wide as a terminal, or 120 columns into a file."""
    made = Console(stderr=stderr, highlight=False)
    return made if made.is_terminal else Console(stderr=stderr, highlight=False, width=120)


def load(name: str, catalogue: Catalogue) -> Design:
    """The design of a file, an example's name or `block:NAME`. Raises CallError."""
    if name.startswith("block:"):
        return one_block(name.removeprefix("block:"), catalogue)
    path = Path(name)
    if not path.exists() and name in examples.names():
        path = examples.path(name)
    if not path.exists() and not name.endswith(".netloom"):
        known = ", ".join(examples.names())
        raise CallError(f"there is no file and no example `{name}` (examples: {known}; a single block is block:NAME)")
    try:
        return file.load(path, catalogue)
    except file.FileError as error:
        raise CallError(str(error)) from None


def prepared(arguments: argparse.Namespace, name: str, catalogue: Catalogue) -> Design:
    """The design with `--variant`, `--input` and `--set` applied. Raises CallError."""
    design = load(name, catalogue)
    try:
        if arguments.variant:
            design = apply_variant(design, arguments.variant, catalogue)
        design = set_from_text(design, arguments.sets, catalogue)
    except PathError as error:
        raise CallError(str(error)) from None
    return with_inputs(design, getattr(arguments, "inputs", ()))


def with_inputs(design: Design, inputs: Sequence[str]) -> Design:
    """Set the sizes of Inputs from `NAME=3x224x224`. Raises CallError."""
    for text in inputs:
        name, sign, size = text.partition("=")
        node = design.by_name.get(name.strip())
        if not sign or node is None or node.block != "Input":
            known = ", ".join(n.name for n in design.nodes if n.block == "Input") or "none"
            raise CallError(f"--input {text}: write NAME=3x224x224 (the design's Inputs: {known})")
        try:
            sizes = read_value(size, "ints")
        except ValueError:
            raise CallError(f"--input {text}: `{size}` is no size; write it as 3x224x224") from None
        new = replace(node, settings=node.settings.with_("size", sizes))
        design = replace(design, nodes=tuple(new if n is node else n for n in design.nodes))
    return design


def one_block(id: str, catalogue: Catalogue) -> Design:
    """A design of one block with an Input a port and an Output a port."""
    card = catalogue.get(id)
    if card is None:
        near = [c for c in sorted(catalogue) if id.lower() in c.lower()][:6]
        raise CallError(f"there is no block `{id}`" + (f" (did you mean {', '.join(near)}?)" if near else ""))
    nodes = [Node(id="block", block=id)]
    wires: list[Wire] = []
    for port in card.inputs:
        if not port.optional:
            _feed(card, port, nodes, wires, catalogue)
    for output in card.outputs:
        count = card.setting(output.many)
        repeated = int(count.default) if count and isinstance(count.default, int) else 1
        for name in [f"{output.name}{i + 1}" for i in range(repeated)] if output.many else [output.name]:
            taken = {n.id for n in nodes}
            end = name if name not in taken else f"{name}_output"
            nodes.append(Node(id=end, block="Output"))
            wires.append(Wire(End("block", name), End(end, "x")))
    return Design(nodes=tuple(nodes), wires=tuple(wires))


def _feed(card: Card, port: Port, nodes: list[Node], wires: list[Wire], catalogue: Catalogue) -> None:
    pattern = patterns.parse(port.pattern)
    names = [letter(i) for i in range(max(2, port.at_least))] if port.many else [port.name]
    dtype = {"dtype": "int64"} if port.dtype == "int" else {}
    # Where another port names sizes beside the open ones (`B K *S`), the open ones are left out everywhere.
    dense = any(len(patterns.parse(p.pattern).dims) > 2 for p in card.inputs)

    def source(name: str, scale: int = 1) -> None:
        sizes: list[int] = []
        for dim in pattern.dims if pattern.dims[0].many else pattern.dims[1:]:
            size = dim.size or EXAMPLE_SIZES.get(dim.name.upper(), 8)
            if dim.many:
                sizes += [] if dense else [8, 8]
            else:
                sizes.append(size // scale if dim.name.upper() in ("H", "W") else size)
        nodes.append(Node(id=name, block="Input", settings=Settings(size=tuple(sizes), **dtype)))

    for name in names:
        if port.kind == "pyramid" and "BundleLevels" in catalogue:
            nodes.append(Node(id=f"{name}_levels", block="BundleLevels"))
            for level in range(3):
                source(f"{name}{level + 1}", 2**level)
                wires.append(Wire(End(f"{name}{level + 1}", "out"), End(f"{name}_levels", letter(level))))
            wires.append(Wire(End(f"{name}_levels", "out"), End("block", name)))
        else:
            source(name)
            wires.append(Wire(End(name, "out"), End("block", name)))


def recipe_from(recipe: Recipe, arguments: argparse.Namespace) -> Recipe:
    """The design's recipe with what the command line changes. Raises CallError."""
    changes: dict[str, Any] = {}
    types = {f.name: type(f.default) for f in msgspec.structs.fields(Recipe)}
    for text in arguments.recipe:
        key, sign, value = text.partition("=")
        if not sign or key not in types:
            raise CallError(f"--recipe {text}: write KEY=VALUE (keys: {', '.join(types)})")
        try:
            changes[key] = types[key](value)
        except ValueError:
            wanted = {int: "a whole number", float: "a number"}.get(types[key], "a text")
            raise CallError(f"--recipe {text}: {key} needs {wanted}") from None
    for key in ("data", "epochs", "precision", "seed"):
        if getattr(arguments, key) is not None:
            changes[key] = getattr(arguments, key)
    changed = replace(recipe, **changes)
    if changed.epochs < 1 or changed.batch_size < 1 or not changed.learning_rate > 0:
        raise CallError("epochs, batch_size and learning_rate need to be above 0")
    if not changed.data:
        raise CallError("no data is chosen: add --data, for example --data digits")
    return changed


def print_json(value: Any) -> None:
    """One JSON document on a line of stdout."""
    sys.stdout.write(msgspec.json.encode(value, enc_hook=file.enc_hook).decode() + "\n")
    sys.stdout.flush()


def shape_text(tensors: Sequence[Any]) -> str:
    return "  ".join("x".join(map(str, t.shape)) for t in tensors)


def layer_table(analysis: Analysis, title: str) -> Table:
    """The table of layers with their totals."""
    table = Table(title=title, title_justify="left", title_style="bold", show_footer=True, box=None, pad_edge=False)
    table.add_column("Name", footer="total", overflow="fold")
    table.add_column("Block", style="dim")
    table.add_column("Output", justify="right", no_wrap=True)
    table.add_column("Parameters", justify="right", footer=f"{analysis.parameters:,}", no_wrap=True)
    table.add_column("MACs", justify="right", footer=f"{analysis.macs:,}", no_wrap=True)
    for node in analysis.nodes:
        shapes = "  ".join(shape_text(p.tensors) for p in node.outputs)
        numbers = (f"{node.parameters:,}" if node.parameters else "", f"{node.macs:,}" if node.macs else "")
        table.add_row(node.name, node.block, shapes if node.ok else "—", *numbers, style="" if node.ok else "red")
    return table


def print_problems(analysis: Analysis, out: Console) -> None:
    """The problems with their fixes, numbered through for `--fix`."""
    number = 0
    style = {"error": "red", "warning": "yellow", "hint": "cyan"}
    for problem in analysis.problems:
        out.print(f"[{style[problem.severity]}]{problem.severity}[/] ", end="")
        out.print(problem.message, markup=False)
        for fix in problem.fixes:
            number += 1
            out.print(f"  {number}. {fix.title} ({fix.parameters:+,} parameters)", markup=False)
