"""`netloom train`: trains a design with a progress bar, or prints progress as JSON."""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from app import messages
from app.design.values import Design, Recipe
from app.engine.commands.common import console, prepared, print_json, print_problems, recipe_from, user_errors
from app.engine.compile import shared_analyser
from app.engine.launch import is_first
from app.engine.matching import matched
from app.engine.train import train
from app.exits import FINE, INVALID, STOPPED, CallError
from app.messages.watch import Trouble, Watched


def run(arguments: argparse.Namespace) -> int:
    if arguments.resume and not arguments.run:
        raise CallError("--resume needs --run DIR, the run to go on with")
    if arguments.resume and arguments.weights:
        raise CallError("--resume goes on with the run's own weights: leave --weights out")
    analyser = shared_analyser()
    design = prepared(arguments, arguments.design, analyser.cards)
    recipe = recipe_from(design, arguments)
    if arguments.weights or arguments.match:
        recipe = matched(recipe, arguments.weights or recipe.weights, arguments.match or "")
    if not checked(design):
        return INVALID
    if arguments.find_rate:
        return _find_rate(design, recipe, arguments)
    with user_errors():
        trained = with_progress(
            design,
            recipe,
            as_json=arguments.json,
            name=Path(arguments.design).stem.replace("block:", ""),
            device=arguments.device,
            devices=arguments.devices,
            nodes=arguments.nodes,
            strategy=arguments.strategy,
            run=Path(arguments.run) if arguments.run else None,
            resume=arguments.resume,
            weights=Path(arguments.weights) if arguments.weights else None,
            watch=arguments.watch,
            on_note=lambda line: console(stderr=True).print(line, markup=False),
        )
    if not arguments.json and is_first():
        out = console()
        if trained.stopped:
            out.print(f"stopped after {trained.epochs} epochs; go on with --resume --run {trained.run}", markup=False)
        else:
            out.print(f"test {values_text(trained.values) or '(the data has no test split)'}", markup=False)
        out.print(f"run {trained.run}", markup=False)
    return STOPPED if trained.stopped else FINE


def _find_rate(design: Design, recipe: Recipe, arguments: argparse.Namespace) -> int:
    """Print the points of the search and what is advised."""
    from app.engine.rate_finder import find_rate

    with user_errors():
        found = find_rate(design, recipe, device=arguments.device)
    if arguments.json:
        print_json({"event": "rate", "rates": found.rates, "losses": found.losses, "rate": found.rate})
    else:
        out = console()
        for rate, loss in zip(found.rates, found.losses, strict=True):
            out.print(f"{rate:10.3g}  {loss:.4f}", markup=False)
        out.print(found.sentence, markup=False)
    return FINE


def checked(design: Design) -> bool:
    """Whether the design can be trained; if not its errors are printed."""
    analysis = shared_analyser().analyse(design)
    if not analysis.valid:
        print_problems(analysis, console(stderr=True))
    return analysis.valid


def with_progress(design: Design, recipe: Recipe, *, as_json: bool, **options: Any) -> messages.Trained:
    """Train with a bar on stderr, or with a JSON line on stdout for each message. Ctrl+C stops at a checkpoint."""
    stopped = threading.Event()
    previous = signal.signal(signal.SIGINT, lambda *_: stopped.set())
    bar = _Bar(console(stderr=True), recipe.epochs)
    try:
        if as_json:
            trained = train(
                design, recipe, on_progress=_print_progress, on_watched=_Troubles(_print_trouble).take,
                cancelled=stopped.is_set, **options,
            )  # fmt: skip
            if is_first():
                print_json({
                    "event": "trained", "run": trained.run, "stopped": trained.stopped, "epochs": trained.epochs,
                    "values": dict(trained.values),
                })  # fmt: skip
            return trained
        return train(
            design, recipe, on_progress=bar.show, on_watched=_Troubles(bar.warn).take, cancelled=stopped.is_set,
            **options,
        )  # fmt: skip
    finally:
        bar.stop()
        signal.signal(signal.SIGINT, previous)


def _print_progress(progress: messages.Progress) -> None:
    print_json({
        "event": "progress", "split": progress.split, "epoch": progress.epoch, "epochs": progress.epochs,
        "step": progress.step, "steps": progress.steps, "values": dict(progress.values), "left": progress.left,
        "rate": progress.rate,
    })  # fmt: skip


class _Troubles:
    """Tells each trouble of a node once."""

    def __init__(self, tell: Callable[[Trouble], None]) -> None:
        self._tell, self._told = tell, set[tuple[str, str]]()

    def take(self, watched: Watched) -> None:
        for trouble in watched.troubles:
            if trouble.severity == "warning" and (trouble.code, trouble.id) not in self._told:  # an error ends the run
                self._told.add((trouble.code, trouble.id))
                self._tell(trouble)


def _print_trouble(trouble: Trouble) -> None:
    print_json({"event": "trouble", "code": trouble.code, "node": trouble.id, "message": trouble.message})


class _Bar:
    """The progress bar: epoch, what was reached, time left; a line for each finished epoch."""

    def __init__(self, out: Console, epochs: int) -> None:
        self.started = False
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[text]}"))
        self.progress = Progress(*columns, console=out)
        self.task = self.progress.add_task("train", total=epochs, text="starting")

    def stop(self) -> None:
        if self.started:
            self.progress.stop()

    def warn(self, trouble: Trouble) -> None:
        self.progress.console.print(trouble.message, markup=False)

    def show(self, progress: messages.Progress) -> None:
        if not self.started:  # not before: what is wrong with the data or the device is said without a bar
            self.started = True
            self.progress.start()
        text = values_text(progress.values)
        if progress.split == "train":
            done = progress.epochs * progress.step / max(progress.steps, 1)
            words = [f"epoch {progress.epoch} / {progress.epochs}", text]
            if progress.rate:
                words.append(f"{progress.rate:,.0f} samples/s")
            if progress.left is not None:
                words.append(time_left(progress.left))
            self.progress.update(self.task, completed=done, total=progress.epochs, text=" · ".join(words))
        elif progress.split == "validation":
            self.progress.console.print(f"epoch {progress.epoch:3d}  validation {text}", markup=False)


def values_text(values: Any) -> str:
    """`loss 0.0412 · accuracy 98.6 %`."""
    parts = []
    for name, value in values.items():
        parts.append(f"{name} {value:.2%}" if "accuracy" in name else f"{name} {value:.4f}")
    return " · ".join(parts)


def time_left(seconds: float) -> str:
    """`2 min left`."""
    if seconds < 60:
        return f"{seconds:.0f} s left"
    return f"{seconds / 60:.0f} min left" if seconds < 5400 else f"{seconds / 3600:.1f} h left"
