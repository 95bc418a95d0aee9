"""A block whose forward is a few lines of the user's own Python."""

from __future__ import annotations

import ast
import itertools
import math
from collections.abc import Callable
from types import TracebackType
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from blocks.declare import Source, block, port, setting

KNOWN = {"torch": torch, "nn": nn, "F": functional, "math": math}
"""The names that the lines may use, beside the letters of the wired ports."""

_FIRST = Source("a")
_numbers = itertools.count(1)


@block(
    "Code", category="Connector", paper="torch, by hand", icon="code", aliases=("python", "own", "lambda", "function"),
    helps="A formula that no block has: a gate of a paper, a mask, an odd rearrangement. It trains, and exports where "
          "torch can trace its lines.",
    hurts="It has no weights and does not open up. Lines that branch on values break analysis and the export, and "
          "whoever opens the drawing must read and allow them first.",
    inputs={"xs*1": port("number:*s", "Tensors, called `a`, `b`, `c`, ... in the code.")},
    outputs={"out": port("*T", "What the code returns.")},
    leaf="its forward is Python, not a drawing",
    source=setting("Python that gives one tensor: `a`, `b`, ... are what is wired; torch, nn, F and math are known. "
                   "The last line needs no `return`.", shown=True),
)  # fmt: skip
class Code(nn.Module):
    """Calculate with a few lines of your own Python, such as `a * torch.sigmoid(b)`.

    The lines run again for every batch and learn nothing themselves: gradients flow through them. Code that came with a
    file runs only once you have read and allowed it. For a block with weights write a module: File > Own blocks.
    """

    def __init__(self, wired: list[str], source: Source = _FIRST) -> None:
        super().__init__()
        self.wired, self.source = list(wired), source
        self._build()

    def _build(self) -> None:
        self._file = f"<code {next(_numbers)}>"
        self._function = function(self.source, self.wired, self._file)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_function", "_file")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._build()

    def forward(self, *xs: torch.Tensor) -> torch.Tensor:
        try:
            given = self._function(*xs)
        except (torch.OutOfMemoryError, MemoryError):
            raise
        except Exception as error:  # whatever it is, the user needs the line
            number = _line(error.__traceback__, self._file)
            raise ValueError(f"line {number} of its code: {_words(error, self.wired)}") from error
        if not isinstance(given, torch.Tensor):
            what = "nothing" if given is None else f"a value of type {type(given).__name__}"
            raise ValueError(f"its code gives {what}, but a block gives one tensor: let its last line be one")
        return given

    def extra_repr(self) -> str:
        return f"source={self.source!r}"


def function(source: str, arguments: list[str], file: str) -> Callable[..., Any]:
    """The lines as a function of `arguments`; nothing of them is run. Raises ValueError that names the line."""
    try:
        body = ast.parse(source, file).body
        if not body:
            raise ValueError("its code is empty: write what it gives, such as `a * 2`")
        if isinstance(body[-1], ast.Expr):
            body[-1] = ast.copy_location(ast.Return(body[-1].value), body[-1])
        tree = ast.parse("def code(): pass", file)
        made = tree.body[0]
        assert isinstance(made, ast.FunctionDef)
        made.args.args = [ast.arg(name) for name in arguments]
        made.body = body
        names: dict[str, Any] = dict(KNOWN)
        exec(compile(ast.fix_missing_locations(tree), file, "exec"), names)  # defines the function, and no more
    except SyntaxError as error:
        shown = f": `{error.text.strip()}`" if error.text and error.text.strip() else ""
        raise ValueError(f"line {error.lineno or 1} of its code is not Python ({error.msg}){shown}") from None
    except (RecursionError, MemoryError):
        raise ValueError("its code is nested too deeply: write it in more lines") from None
    return names["code"]  # type: ignore[no-any-return]


def _line(trace: TracebackType | None, file: str) -> int:
    """The last line of the code that an error passed through."""
    found = 1
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            found = trace.tb_lineno
        trace = trace.tb_next
    return found


def _words(error: Exception, wired: list[str]) -> str:
    if isinstance(error, NameError) and error.name:
        return f"`{error.name}` is not known: it knows {', '.join([*wired, *KNOWN])}"
    first = (str(error).strip().splitlines() or [""])[0].rstrip(".")
    return first or type(error).__name__
