"""What `netloom export --to onnx` can be told, and its progress bar."""

from __future__ import annotations

import argparse
from types import TracebackType
from typing import Self, get_args

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from app.engine.commands.common import console
from app.exits import CallError
from app.messages.onnx import OnnxOptions, Precision

OPTIONS = {
    "opset": None, "precision": None, "any_size": False, "fixed_batch": False, "separate_data": False,
    "preprocess": False, "probabilities": False, "raw": False, "calibration": None,
}  # fmt: skip
"""Each option, and what it is where nothing is said."""


def onnx_options(arguments: argparse.Namespace) -> OnnxOptions:
    """What the command line says of an ONNX file. Raises CallError where that fits no such file, or another format is
    asked for."""
    given = [name for name, default in OPTIONS.items() if getattr(arguments, name) != default]
    if given and arguments.to != "onnx":
        options = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise CallError(f"{options}: that is for --to onnx, but --to is {arguments.to}")
    precision: Precision = arguments.precision or "fp32"
    if precision not in get_args(Precision):
        raise CallError(f"--precision is {precision}: choose one of {', '.join(get_args(Precision))}")
    if arguments.calibration is not None and precision != "int8-static":
        raise CallError("--calibration is for --precision int8-static: nothing else is measured on samples")
    if arguments.calibration is not None and arguments.calibration < 1:
        raise CallError(f"--calibration is {arguments.calibration}, but it needs at least 1 sample")
    return OnnxOptions(
        arguments.opset or 0, precision, not arguments.fixed_batch, arguments.any_size, arguments.separate_data,
        arguments.preprocess, not arguments.raw, arguments.probabilities,
        arguments.calibration or OnnxOptions().calibration,
    )  # fmt: skip


class Bar:
    """The steps of an export on stderr. It is there from the first step on and gone at the end, so that what is wrong
    is said without it."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        self._progress = Progress(*columns, console=console(stderr=True), transient=True)
        self._task = self._progress.add_task("", total=None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._progress.live.stop()  # its own stop leaves an empty line where stderr is a file

    def show(self, step: str, done: int, total: int) -> None:
        self._progress.update(self._task, description=step, completed=done, total=total)
        if not self._progress.live.is_started:
            self._progress.start()
        self._progress.refresh()  # torch may let no other thread run for a while
