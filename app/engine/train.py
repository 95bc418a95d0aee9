"""Train a design: everything around the loop, from the recipe's check to the test split."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from msgspec.structs import replace

from app.design.file import FileError
from app.design.values import Design, Recipe, Settings
from app.engine import checkpoint, ranks, samples
from app.engine import devices as places
from app.engine.augment.joining import for_training, said_of, with_measured
from app.engine.carry import carry
from app.engine.checkpoint import CheckpointError
from app.engine.compile import Network, shared_analyser
from app.engine.data import Data, DataError, open_data, options_of
from app.engine.evaluation import evaluate, has_batch_norm
from app.engine.fabric import check_together, make_fabric, setup
from app.engine.following import loading
from app.engine.launch import counts, is_first, launched, lost_peer
from app.engine.loop import Loop, NotFiniteError, Parts, TrainingError
from app.engine.norms import settle_norms
from app.engine.optim import make_optimizer
from app.engine.recipe import check_data, check_recipe, check_rules, explain, with_batch
from app.engine.rehearsal import rehearse
from app.engine.runs import (
    Run,
    RunError,
    RunFolder,
    begins_again,
    begun_with,
    compile_both,
    load_run,
    new_folder,
    sample_counts,
)
from app.engine.settled import going_on
from app.engine.sharding import is_sharded
from app.engine.truncation import truncate
from app.engine.watch import CLOSELY, LIGHTLY, OFF, Watch
from app.engine.watch import cut as cut_watch
from app.engine.watch_replay import Start, explained
from app.engine.weights import load as load_file
from app.messages import Progress, Train, Trained
from app.messages.predictions import Predicted
from app.messages.training import Carried
from app.messages.watch import Watched

__all__ = ["TrainingError", "evaluate_run", "is_first", "make_fabric", "train"]


def train(
    design: Design,
    recipe: Recipe,
    *,
    name: str = "design",
    device: str = "auto",
    devices: int = 1,
    nodes: int = 1,
    precision: str = "",
    strategy: str = "auto",
    run: Path | None = None,
    resume: bool = False,
    weights: Path | None = None,
    begin_with: Path | None = None,
    on_note: Callable[[str], None] = lambda line: None,
    on_carried: Callable[[Carried], None] = lambda carried: None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_samples: Callable[[Predicted], None] = lambda predicted: None,
    cancelled: Callable[[], bool] = lambda: False,
    paused: Callable[[], bool] = lambda: False,
    job: str = "",
    watch: str = LIGHTLY,
    on_watched: Callable[[Watched], None] = lambda watched: None,
) -> Trained:
    """Train `design` by `recipe` into the run folder `run` (none: a new one under runs), or go on with `resume`.

    It begins with the `weights` of a file as far as they fit, and `on_note` hears what was taken; or with those of
    another run's folder, `begin_with`, and `on_carried` hears it. While `paused` it holds. `on_watched` hears how the
    nodes fare: `watch` says how closely (off, lightly, closely). Raises TrainingError, DataError, DeviceError,
    RunError, WeightsError or CheckpointError, each with a sentence for the user, and InvalidDesignError where the
    design cannot be compiled.
    """
    recipe = replace(recipe, precision=precision or recipe.precision)
    check_recipe(recipe)
    if resume and run is None:
        raise RunError("To resume, name the run folder.")
    place = run if run is not None else new_folder(name)
    device, devices = places.apart(device, devices)
    devices, nodes = counts(devices, nodes)
    if devices * nodes > 1 and launched() is None:
        check_together(device, devices, strategy, recipe)
        request = Train(job, design, recipe, name, device, "", str(place), resume, str(begin_with or ""),
                        str(weights or ""), devices, nodes, strategy, watch)  # fmt: skip
        hears = ranks.Hears(on_note, on_carried, on_progress, cancelled, paused, on_samples, on_watched)
        return ranks.train_together(request, devices, nodes, hears)
    fabric, threads = make_fabric(device, devices, nodes, recipe.precision, step_work(design, recipe), strategy)
    place = Path(fabric.broadcast(str(place)))  # its name has the time in it
    again = resume and begins_again(place)
    state = checkpoint.load_state(place / "checkpoints" / "last") if resume and not again else None
    if again:
        weights, begin_with = begun_with(place)
    if weights is None and begin_with is None and recipe.weights:
        weights = Path(recipe.weights)
    if state is not None:
        recipe = going_on(recipe, state)
    checkpoint.seed_all(recipe.seed)
    training, inference = compile_both(design)
    if state is not None:
        checkpoint.fill(training.root, checkpoint.load_weights(place / "checkpoints" / "last"), str(place))
    taken: tuple[str, ...] = ()
    if weights is not None and state is None:
        taken = _load(training, weights, recipe)
    for line in taken if is_first() else ():
        on_note(line)
    if begin_with is not None and state is None:
        carried = _carry(training, design, begin_with)
        taken = (*taken, f"Continues {begin_with}: {carried.summary}.", *_carried_lines(carried))
        if is_first():
            on_carried(carried)
    data = open_data(recipe.data, training.inputs, training.targets, recipe.seed, options_of(recipe))
    data = dataclasses.replace(data, workers=recipe.workers)
    if state is not None:
        _check_samples(place, data)
    recipe = with_measured(recipe, data)
    check_data(recipe, data)
    remarks = [*taken, *data.notes, *said_of(data), *rehearse(training, inference, data)]
    remarks += check_rules(design, recipe, training.module, fabric.world_size)
    remarks += truncate(training.root, recipe.truncate)
    if not recipe.batch_size:
        recipe, chosen = with_batch(design, recipe, data.splits["train"].size, str(fabric.device))
        recipe = replace(recipe, batch_size=fabric.broadcast(recipe.batch_size))
        remarks.append(chosen)
        on_note(chosen)
    remarks += settle_norms(training.module, fabric.world_size, recipe.batch_size, fabric.device.type)
    remarks += _remarks(training.module, data, recipe)
    folder = RunFolder(place, replace(design, recipe=recipe), resume=resume) if fabric.global_rank == 0 else None
    how = "failed"
    message = "It broke off."
    try:
        if folder is not None:
            folder.mark("running", **whose())
        compiled = _compiled(for_training(training, recipe), recipe)
        make = functools.partial(make_optimizer, training.module.named_parameters(), recipe)
        module, optimizer = setup(fabric, compiled, make, strategy)
        eye = None
        if folder is not None and watch != OFF and not is_sharded(training.root):  # of shards no process sees the whole
            eye = Watch(training, design, recipe, folder, on_watched, closely=watch == CLOSELY, job=job)
        works = Parts(fabric, training, module, optimizer, data, recipe, folder, eye)
        loop = Loop(works, on_progress, cancelled, job, paused)
        if eye is not None:
            eye.spread_over(loop.total)
        if folder is not None:
            on = {"device": str(fabric.device), "devices": devices, "nodes": nodes, "threads": threads}
            begun = {"weights": weights, "begin_with": begin_with}
            folder.write_facts(data, {**on, **{k: str(p.absolute()) for k, p in begun.items() if p is not None}})
            _begin_log(folder, loop, remarks, str(fabric.device), threads, state)
            if inference is not None:
                fixed = samples.Fixed(design, training, inference, data, recipe.epochs)
                at = state["epoch"] if state is not None else 0
                loop.validated = samples.showing(fixed, folder, fabric, on_samples, job, at)
        if again and folder is not None:
            folder.log("It ended before its first checkpoint: it begins again.")
            folder.cut(0, 0)
            cut_watch(folder.path, 0)
        if state is not None:
            loop.restore(state)
            if folder is not None:
                folder.cut(state["rows"], state["step"])
                cut_watch(folder.path, state["step"])
            checkpoint.restore_random(state["random"])
        if fabric.global_rank:  # every device its own dropout
            _seed_other(fabric, recipe, state)
        begun_as = Start(
            lambda: _begin_weights(training, design, recipe, weights, begin_with), checkpoint.random_state(),
            fabric.strategy.precision.state_dict(),
        )  # fmt: skip
        try:
            ended = _run(loop, place, job)
        except NotFiniteError as error:
            raise TrainingError(explained(error, works, loop.at, design, begun_as, cancelled)) from error
        how, message = "stopped" if ended.stopped else "finished", ""
        return ended
    except (TrainingError, DataError) as error:  # a sample may turn out to be unreadable in the midst of a run
        message = str(error)
        if folder is not None:
            folder.log(str(error))
        raise
    except (RuntimeError, MemoryError) as error:
        message = sentence = lost_peer(error) or explain(error, recipe)
        if folder is not None:
            folder.log(sentence)
        raise TrainingError(sentence) from error
    except ValueError as error:  # the folder cannot be written, say: it has a sentence of its own
        message = str(error)
        raise
    finally:
        if not is_sharded(training.root):
            training.root.to("cpu")
        if folder is not None:
            with contextlib.suppress(FileError):  # a full disk, say: what ended the run is the sentence that counts
                folder.mark(how, **({"message": message, **whose()} if message else {}))
            folder.close()


def _begin_weights(
    network: Network, design: Design, recipe: Recipe, weights: Path | None, begin_with: Path | None
) -> None:
    """Give a network the weights again with which its run began."""
    checkpoint.seed_all(recipe.seed)
    first = compile_both(design)[0]
    if weights is not None:
        _load(first, weights, recipe)
    if begin_with is not None:
        _carry(first, design, begin_with)
    checkpoint.fill(network.root, first.root.state_dict(), "the beginning")


def _load(network: Network, weights: Path, recipe: Recipe) -> tuple[str, ...]:
    spare = tuple(follower.path for follower in network.followers)
    load = functools.partial(load_file, network.root, weights, partly=True, spare=spare, by=recipe.weights_by)
    return loading(network.root, network.followers, load)


def _carry(network: Network, design: Design, begin_with: Path) -> Carried:
    return loading(network.root, network.followers, functools.partial(carry, network.root, design, begin_with))


def _seed_other(fabric: Any, recipe: Recipe, state: dict[str, Any] | None) -> None:
    """Random numbers of a process other than the first: its own, or those with which it was when it was stopped."""
    others = state.get("others", []) if state is not None else []
    if len(others) == fabric.world_size - 1:
        checkpoint.restore_random(others[fabric.global_rank - 1])
    else:
        checkpoint.seed_all(recipe.seed + fabric.global_rank + (state["step"] if state else 0) * fabric.world_size)


def _run(loop: Loop, place: Path, job: str) -> Trained:
    """The epochs, then the test split with the best weights: those are what predictions and exports use."""
    parts, at = loop.parts, loop.at
    stopped = loop.run()
    at = loop.at
    if stopped:
        if parts.folder is not None:
            parts.folder.log(f"Stopped in epoch {at.epoch}, after {at.step} steps; resume goes on from here.")
        return Trained(job, str(place), True, at.epoch - 1, Settings())
    if loop.stops_early and at.epoch <= parts.recipe.epochs and parts.folder is not None:
        wait = parts.recipe.early_stop
        parts.folder.log(f"Ended after epoch {at.epoch - 1}: the validation loss was no better for {wait} epochs.")
    parts.fabric.barrier()
    if at.best is not None:
        weights = checkpoint.load_weights(place / "checkpoints" / "best")
        checkpoint.fill(parts.network.root, weights, str(place))
    values = loop.test()
    if parts.folder is not None:
        best = f" with the weights of epoch {at.best_epoch}, the best of validation" if at.best is not None else ""
        said = ", ".join(f"{name} {value:.4g}" for name, value in values.items()) or "there is no test split"
        parts.folder.log(f"Test{best}: {said}.")
    return Trained(job, str(place), False, min(at.epoch - 1, parts.recipe.epochs), Settings(values))


def _compiled(module: torch.nn.Module, recipe: Recipe) -> Any:
    """With kernels made by torch.compile, if the recipe says so; it is the first batch that makes them."""
    return torch.compile(module) if recipe.compile else module


def whose() -> dict[str, Any]:
    """Which process trains: a reader of the folder can ask the system whether it still lives."""
    return {"pid": os.getpid(), "host": platform.node()}


def _carried_lines(carried: Carried) -> tuple[str, ...]:
    """For the log: every weight that was not simply kept."""
    named = (("Kept in part", carried.sliced), ("New", carried.fresh), ("Not needed any more", carried.dropped))
    return tuple(f"{what}: {', '.join(names)}." for what, names in named if names)


def step_work(design: Design, recipe: Recipe) -> int:
    """Multiply-adds of one training step: forward, and twice as much backward."""
    return 3 * (recipe.batch_size or 64) * shared_analyser().analyse(design, with_fixes=False).macs


def _check_samples(place: Path, data: Data) -> None:
    """A position means something only among the same samples: as many in each split as when the run began."""
    for split, size in sample_counts(place).items():
        now = data.splits[split].size if split in data.splits else 0
        if now != size:
            raise CheckpointError(
                f"The run began with {size:,} samples in {split}, but now there are {now:,}: the data or its shares "
                "have changed. Put them back, or start a new run."
            )


def _remarks(module: torch.nn.Module, data: Data, recipe: Recipe) -> list[str]:
    size = data.splits["train"].size
    alone = size % recipe.batch_size == 1 and size > 1
    if alone and has_batch_norm(module):
        return ["The last batch of an epoch would be one sample, too few for a batch norm: it is left out."]
    return []


def _begin_log(
    folder: RunFolder, loop: Loop, remarks: list[str], device: str, threads: int, state: dict[str, Any] | None
) -> None:
    recipe, splits = loop.parts.recipe, loop.parts.data.splits
    sizes = ", ".join(f"{split.size} {name}" for name, split in splits.items())
    folder.log(f"Data {recipe.data}: {sizes}.")
    together = f" × {recipe.accumulate} accumulated" if recipe.accumulate > 1 else ""
    folder.log(
        f"{recipe.epochs} epochs of {loop.steps} steps, batch size {recipe.batch_size}{together}, {recipe.optimizer}, "
        f"learning rate {recipe.learning_rate:g}, {recipe.schedule}, seed {recipe.seed}, precision {recipe.precision}, "
        f"on {device}{loop.parts.many} with {threads} threads."
    )
    for remark in remarks:
        folder.log(remark)
    if state is not None:
        folder.log(f"Resumed in epoch {state['epoch']} after {state['step']} steps.")
        if state["threads"] != threads:
            folder.log(f"The run had {state['threads']} threads, now {threads}: the last digits may differ.")


def evaluate_run(path: str | Path, split: str = "test", *, device: str = "auto") -> dict[str, float]:
    """Losses and metrics of a run's weights on a split of its data. Raises what `load_run` and `open_data` raise."""
    found = load_run(path)
    return evaluate_loaded(found, split, device=device)


def evaluate_loaded(run: Run, split: str = "test", *, device: str = "cpu") -> dict[str, float]:
    """As `evaluate_run`, for a run that is loaded."""
    recipe = run.design.recipe
    data = open_data(recipe.data, run.training.inputs, run.training.targets, recipe.seed, options_of(recipe))
    if split not in data.splits:
        raise RunError(f"The data {recipe.data} has no split `{split}`: choose one of {', '.join(data.splits)}.")
    fabric, _ = make_fabric(device, 1, 1, recipe.precision, step_work(run.design, recipe))
    run.training.module.to(fabric.device)
    try:
        return evaluate(fabric, run.training, data, split, recipe.batch_size)
    finally:
        run.root.to("cpu")
