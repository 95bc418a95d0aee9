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
from app.design.augment import side_of
from app.design.paths import PathError, apply_variant, read_value, set_from_text
from app.design.ports import Catalogue
from app.design.recipe_text import RecipeTextError, read_changes
from app.design.values import Design, Recipe
from app.engine.commands.single import one_block
from app.engine.compile import InvalidDesignError
from app.exits import INVALID, CallError
from app.messages import Analysis

ALLOW = "once you have read the code, --allow-code runs it"


@contextmanager
def user_errors() -> Iterator[None]:
    """Turn the errors that our own code words for users into the one line and exit code of a call that failed."""
    try:
        yield
    except CallError:
        raise
    except InvalidDesignError as error:
        hint = f" ({ALLOW})" if any(p.code == "consent" for p in error.problems) else ""
        raise CallError(str(error) + hint, INVALID) from None
    except (ValueError, RuntimeError) as error:
        if not type(error).__module__.startswith("app."):
            raise
        raise CallError(str(error)) from None


def console(stderr: bool = False) -> Console:
    """A console that writes as wide as a terminal, or 120 columns into a file."""
    made = Console(stderr=stderr, highlight=False)
    return made if made.is_terminal else Console(stderr=stderr, highlight=False, width=120)


def load(name: str, catalogue: Catalogue) -> Design:
    """The design of a file, of an example's name or of a zoo's name. Raises CallError."""
    path, variant = Path(name), ""
    if not path.exists() and (known := examples.find(name)):
        path, variant = known
    if not path.exists() and not name.endswith(".netloom"):
        near = examples.near(name)
        raise CallError(f"there is no file, example or network `{name}`{near}; a single block is block:NAME")
    try:
        design = file.load(path, catalogue)
        return apply_variant(design, variant, catalogue) if variant else design
    except (file.FileError, PathError) as error:
        raise CallError(str(error)) from None


def prepared(arguments: argparse.Namespace, name: str, catalogue: Catalogue) -> Design:
    """The design with `--variant`, `--input` and `--set` applied. Raises CallError."""
    inputs = getattr(arguments, "inputs", ())
    if name.startswith("block:"):
        design = one_block(name.removeprefix("block:"), catalogue, inputs)
        inputs = ()
    else:
        design = load(name, catalogue)
    try:
        if arguments.variant:
            design = apply_variant(design, arguments.variant, catalogue)
        design = set_from_text(design, arguments.sets, catalogue)
    except PathError as error:
        raise CallError(str(error)) from None
    return with_inputs(design, inputs)


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
        new = replace(node, settings=node.settings.without("resolution").with_("size", sizes))
        design = replace(design, nodes=tuple(new if n is node else n for n in design.nodes))
    return design


def recipe_from(design: Design, arguments: argparse.Namespace) -> Recipe:
    """The design's recipe with what the command line changes. Raises CallError."""
    recipe = design.recipe
    own = {k: v for k in ("data", "epochs", "precision", "seed") if (v := getattr(arguments, k)) is not None}
    try:  # its own options first: a preset hangs on the number of epochs
        changed = replace(read_changes(replace(recipe, **own), arguments.recipe, side_of(design)), **own)
    except RecipeTextError as error:
        raise CallError(f"--recipe {error}") from None
    if not changed.data:
        raise CallError("no data is chosen: add --data, for example --data digits")
    return changed


def _yes_or_no(text: str) -> bool:
    """Raises ValueError where it is neither."""
    known = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    if text.lower() not in known:
        raise ValueError(text)
    return known[text.lower()]


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
            gives = "  ".join(shape_text(port.tensors) for port in fix.outputs)
            gives = f", then {gives}" if gives else ""
            out.print(f"  {number}. {fix.title} ({fix.parameters:+,} parameters{gives})", markup=False)
    if any(problem.code == "consent" for problem in analysis.problems):
        out.print(ALLOW, markup=False)
