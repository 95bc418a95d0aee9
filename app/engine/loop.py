"""The training loop: epochs, curves, checkpoints. What it does next depends only on its `Position` and the weights."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from app.design.schedule import PLATEAU, rate_at
from app.design.values import Recipe, Settings
from app.engine import checkpoint, confusions
from app.engine.compile import Network
from app.engine.data import Data
from app.engine.evaluation import evaluate, has_batch_norm, row_of, total_loss, value_names
from app.engine.following import Following
from app.engine.meters import Meters
from app.engine.optim import own_options, set_frozen
from app.engine.pace import REPORT_SECONDS, Clock, Pace, hold
from app.engine.runs import RunFolder
from app.engine.settled import settled
from app.engine.sharding import is_sharded, load_optimizer, optimizer_state
from app.engine.stepping import Average, Plateau, Stepper, set_training
from app.engine.tally import Tally
from app.engine.together import Together
from app.engine.watch import Watch
from app.messages import Progress
from app.messages.confusion import Confusion

SAVE_SECONDS = 20.0
POINTS, APART = 20, 10
"""Points of the train curve in an epoch, and the fewest steps between two. By steps, never by time: a resumed run must
draw the same ones."""
AT_FIRST = 5
"""So few steps are between two points of the first epoch, in which a curve falls most, and between two where the nodes
may be watched: what is wrong from the start is told within it."""

GO, SAVE, STOP, PAUSE = 0, 1, 2, 3

_NOTHING = contextlib.nullcontext()
"""One for all steps: of a small network's each call is felt."""


class TrainingError(RuntimeError):
    """Training that cannot begin or go on; one or two sentences for the user."""


class NotFiniteError(TrainingError):
    """The loss or a weight is no number any more. `what` says where, without its cause."""

    def __init__(self, what: str, rate: float) -> None:
        super().__init__(f"{what}: try a lower learning rate ({rate:g}). The last checkpoint from before is kept.")
        self.what = what


@dataclass
class Position:
    """Where a run stands. `epoch` counts from 1 and is the one in progress, `batch` is what it has consumed; `step`
    counts the optimizer's steps."""

    epoch: int = 1
    batch: int = 0
    step: int = 0
    best: float | None = None
    best_epoch: int = 0


class Parts(NamedTuple):
    """What the loop works on."""

    fabric: Any
    network: Network
    module: Any
    """The network's module as Fabric wraps it."""
    optimizer: Any
    data: Data
    recipe: Recipe
    folder: RunFolder | None
    """None on ranks other than the first, which write nothing."""
    watch: Watch | None = None

    @property
    def many(self) -> str:
        """" and 3 others" of the devices; nothing with one."""
        others = self.fabric.world_size - 1
        return f" and {others} other{'s' * (others > 1)}" if others else ""


class Loop:
    """Trains from a position to the recipe's last epoch, or until it is stopped."""

    def __init__(
        self,
        parts: Parts,
        on_progress: Callable[[Progress], None],
        cancelled: Callable[[], bool],
        job: str = "",
        paused: Callable[[], bool] = lambda: False,
    ) -> None:
        self.parts = parts
        self.at = Position()
        self._on_progress, self._cancelled, self._job, self._paused = on_progress, cancelled, job, paused
        fabric, network, data, recipe = parts.fabric, parts.network, parts.data, parts.recipe
        self._together = Together(fabric)
        self._rank, self._world = self._together.rank, self._together.world
        self._least = 2 * self._world if has_batch_norm(network.module) else 1
        self.batches = data.steps("train", recipe.batch_size, least=self._least)
        self.steps = -(-self.batches // recipe.accumulate)
        """Of the optimizer, in an epoch."""
        self.total = self.steps * recipe.epochs
        self._following = Following(network.root, network.followers)
        self._weights_by_name = self._following.others(network.module.named_parameters())
        self._begun_frozen = frozenset(name for name, weight in self._weights_by_name if not weight.requires_grad)
        # What Fabric would do around a pass is nothing here, and takes a small network two hundredths of its time
        bare = self._world == 1 and recipe.precision == "32" and not recipe.compile and not is_sharded(network.root)
        self._forward: Callable[..., Any] = parts.module.module if bare else parts.module
        self._backward: Callable[[torch.Tensor], None] = torch.Tensor.backward if bare else fabric.backward
        self._placed: Callable[[Any], Any] = tuple if fabric.device.type == "cpu" else fabric.to_device
        self._stepper = Stepper(parts.optimizer, fabric.strategy.precision, recipe)
        self._plateau = Plateau(recipe) if recipe.schedule == PLATEAU else None
        self._average = Average(network.root, recipe.ema) if recipe.ema else None
        self._sharded = is_sharded(network.root)
        self._norm = torch.tensor(float("nan"))
        """How long the gradient was when it was measured last."""
        self._inputs = len(network.inputs)
        self.names = value_names(network)
        self.meters = Meters(network, fabric.device)
        """What the epoch's training samples gave so far."""
        self._tables: tuple[Confusion, ...] = ()
        self.validated: Callable[[int, int], None] = lambda epoch, step: None
        """Hears of each validation while the weights are those that it was made with."""
        self._tally = Tally(self.names)
        self._clock = Clock(fabric.device)
        self._saved = self._reported = time.monotonic()

    # the epochs -------------------------------------------------------------------------------------------------------

    def run(self) -> bool:
        """Train to the end. Returns whether it was stopped before; a checkpoint is written either way."""
        self._clock.start()
        self._saved = time.monotonic()
        while self.at.epoch <= self.parts.recipe.epochs and not self.stops_early:
            if not self._train_epoch():
                return True
            self._end_epoch()
        return False

    @property
    def stops_early(self) -> bool:
        """Whether the validation loss has not become better for as many epochs as the recipe waits."""
        wait, at = self.parts.recipe.early_stop, self.at
        return bool(wait) and at.best is not None and at.epoch - 1 - at.best_epoch >= wait

    def _train_epoch(self) -> bool:
        at, data, recipe = self.at, self.parts.data, self.parts.recipe
        set_frozen(self._weights_by_name, self._begun_frozen, recipe, at.epoch)
        set_training(self.parts.network.module)
        looks_every = max(AT_FIRST, self.steps // POINTS)
        every = looks_every if at.epoch == 1 else max(APART, self.steps // POINTS)
        together, stepper, watching = recipe.accumulate, self._stepper, self.parts.watch
        batches = data.batches(
            "train", recipe.batch_size, epoch=at.epoch, skip=at.batch, least=self._least,
            rank=self._rank, world=self._world,
        )  # fmt: skip
        self._clock.start_epoch()
        for batch in batches:
            ends = at.batch + 1 == self.batches  # the epoch
            steps = ends or (at.batch + 1) % together == 0
            step = -(-(at.batch + 1) // together)  # of the epoch
            writes = steps and (ends or step % every == 0)
            looks = steps and (ends or step % looks_every == 0)
            watch = watching if looks and watching is not None and watching.due(at.step) else None
            with watch.listening() if watch is not None else _NOTHING:
                values, loss = self._descend(batch, steps)
            size = self._size(at.batch)
            at.batch += 1
            self._add(values, loss, self._together.own(size))
            self._clock.samples += size
            if not steps:
                continue
            rate = rate_at(recipe, at.step, self.total) * (self._plateau.factor if self._plateau else 1.0)
            stepper.set_rate(rate)
            now = time.monotonic()
            ago = now - self._reported
            tells = ends or ago >= REPORT_SECONDS or (writes and ago >= REPORT_SECONDS / 2)  # what is read serves both
            look = watch.see if watch is not None else None
            # of weights in parts the length is asked of all devices, and only the first knows when it tells
            if (norm := stepper.step(measure=writes or (tells and not self._sharded), look=look)) is not None:
                self._norm = norm
            at.step += 1
            self._clock.steps += 1
            self._following.step()
            if self._average is not None:
                self._average.update(at.step)
            if writes or tells:
                means = {**self._means(fresh=writes), "lr": rate, "grad_norm": float(self._norm)}
            if writes:
                self._write("train", means)
            if watch is not None:
                watch.tell(at.epoch, at.step)
            if tells:
                self._reported = now
                self._report("train", means)
            order = self._control(now)
            if order != GO:
                self.save()
            if order == STOP or (order == PAUSE and self._hold() == STOP):
                return False
        return True

    def _descend(self, batch: tuple[torch.Tensor, ...], steps: bool) -> tuple[Mapping[str, torch.Tensor], torch.Tensor]:
        """A batch forward and back. Of the batches behind one step each has a share as large as its samples, and so has
        each device of a batch, so that their gradients add up to those of one batch of them all."""
        fabric, module = self.parts.fabric, self.parts.module
        values = self._forward(*self._placed(batch))
        loss = total_loss(values, self.parts.network.losses)
        waits = not steps and self._world > 1  # the devices' gradients are averaged once a step
        with fabric.no_backward_sync(module) if waits else _NOTHING:
            self._backward(loss if self.parts.recipe.accumulate == self._world == 1 else loss * self._share())
        return values, loss

    def _share(self) -> float:
        batch, together = self.at.batch, self.parts.recipe.accumulate
        first = batch // together * together
        sizes = [self._size(i) for i in range(first, min(first + together, self.batches))]
        return self._size(batch) / sum(sizes) * self._together.weight(self._size(batch))

    def _size(self, batch: int) -> int:
        """Samples in a batch of the epoch, those of every device."""
        size = self.parts.recipe.batch_size
        return min(size, self.parts.data.splits["train"].size - batch * size)

    def _end_epoch(self) -> None:
        """Validate, keep the best weights, go on to the next epoch; the checkpoint comes last and covers all of it."""
        at = self.at
        validated = "validation" in self.parts.data.splits
        with self._averaged():
            if validated:
                means = self.evaluate("validation")
                self._write("validation", means)
                self._report("validation", means)
                if at.best is None or means["loss"] < at.best:
                    at.best, at.best_epoch = means["loss"], at.epoch
                    self._save_best({"loss": at.best})
                self.validated(at.epoch, at.step)
            elif self._average is not None:  # else what is used later would be the weights behind the average
                self._save_best({})
        if self._plateau is not None:
            self._plateau.see((means if validated else self._means())["loss"])
        at.epoch, at.batch = at.epoch + 1, 0
        self._tally.reset()
        self.meters.reset()
        self.save()

    def _averaged(self) -> contextlib.AbstractContextManager[None]:
        """In here the network has the moving average as its weights, where the recipe keeps one."""
        return self._average.put_in() if self._average is not None else contextlib.nullcontext()

    def _save_best(self, facts: dict[str, float]) -> None:
        weights = self._weights()
        if (folder := self.parts.folder) is not None:
            folder.save(folder.best, weights, {"epoch": self.at.epoch, "step": self.at.step, **facts})

    def test(self) -> dict[str, float]:
        """The test split's values with the weights as they are; a point of the curves."""
        if "test" not in self.parts.data.splits:
            return {}
        with self._averaged() if self.at.best is None else contextlib.nullcontext():
            means = self.evaluate("test")
        epoch = min(self.at.epoch - 1, self.parts.recipe.epochs)
        self._write("test", means, epoch)
        self._report("test", means, epoch)
        return means

    def evaluate(self, split: str) -> dict[str, float]:
        """Mean values over a split, in eval mode."""
        self._together.share_buffers(self.parts.network.root)
        parts, meters = self.parts, Meters(self.parts.network, self.parts.fabric.device)
        means = evaluate(
            parts.fabric, parts.network, parts.data, split, parts.recipe.batch_size, rank=self._rank,
            world=self._world, meters=meters,
        )  # fmt: skip
        self._tables = meters.confusions(parts.data.classes)
        return means

    # values -----------------------------------------------------------------------------------------------------------

    def _add(self, values: Mapping[str, torch.Tensor], loss: torch.Tensor, count: int) -> None:
        self._tally.add(row_of(values, loss, self.parts.network), count)
        if count:  # else this device had nothing of a small last batch: it ran a sample so that no other waits
            self.meters.show(values)

    def _means(self, *, fresh: bool = True) -> dict[str, float]:
        """The running means of the epoch, over all devices; where they need not be `fresh` those of this device, and
        counted metrics as they were read last.

        Raises TrainingError where the loss is no number any more.
        """
        self._check_losses(together=fresh)
        sums, count = self._summed() if fresh else (self._tally.sums(), self._tally.count)
        counted = self.meters.read(together=fresh and self._world > 1) if fresh else self.meters.values
        means = {name: value / max(count, 1) for name, value in zip(self.names, sums.tolist(), strict=True)}
        return {**means, **counted}

    def _check_losses(self, *, together: bool) -> None:
        """Raise TrainingError where a loss was no number; with `together` where it was on any device, on all alike.
        After it the tally is that of all batches so far."""
        ago = self._tally.settle()
        batch = None if ago is None else self.at.batch - ago
        batch = self._together.least(batch) if together else batch
        if batch is not None:
            step = (self.at.epoch - 1) * self.steps + max(batch, 0) // self.parts.recipe.accumulate + 1
            what = f"The loss is not a number any more at epoch {self.at.epoch}, step {step}"
            raise NotFiniteError(what, self.parts.recipe.learning_rate / 10)

    def _summed(self) -> tuple[torch.Tensor, int]:
        """The tally of all devices."""
        return self._together.summed(self._tally.sums(self.parts.fabric.device), self._tally.count)

    # telling and keeping ----------------------------------------------------------------------------------------------

    def _write(self, split: str, values: Mapping[str, float], epoch: int = 0) -> None:
        folder, at = self.parts.folder, self.at
        if folder is None:
            return
        folder.write(epoch or at.epoch, at.step, split, values)
        if split == "train":
            folder.write_pace(Pace(at.step, self._clock.seconds, self._clock.rate, *self._clock.room()))
        elif self._tables:
            confusions.write(folder.path, split, epoch or at.epoch, at.step, self._tables)

    def _report(self, split: str, values: Mapping[str, float], epoch: int = 0, *, paused: bool = False) -> None:
        if self._rank:
            return
        clock = self._clock
        left = clock.left(self.total - self.at.step)
        rate = clock.rate if split == "train" and clock.steps else 0.0
        epochs = self.parts.recipe.epochs
        shown = Settings({name: value for name, value in values.items() if abs(value) < float("inf")})
        at, tables = self.at, self._tables if split != "train" else ()
        self._on_progress(
            Progress(
                self._job, epoch or at.epoch, epochs, at.step, self.total, split, shown, left, rate, tables,
                clock.seconds, *clock.room(), paused,
            )
        )  # fmt: skip

    def _hold(self) -> int:
        """Pause: the checkpoint is written, nothing is computed, and no clock of the run goes on."""
        self._report("train", {}, paused=True)
        began = time.monotonic()
        self._together.hold(lambda most: hold(self._paused, self._cancelled, most))
        held = time.monotonic() - began
        self._clock.rest(held)
        self._saved += held
        if self.parts.watch is not None:
            self.parts.watch.rest(held)
        return self._together.order(None, lambda: STOP if self._cancelled() else GO, GO)

    def _control(self, now: float) -> int:
        """Whether to go on, to save a checkpoint, to pause, or to stop: the first device decides for all."""

        def decide() -> int:
            if self._cancelled():
                return STOP
            return PAUSE if self._paused() else SAVE if now - self._saved >= SAVE_SECONDS else GO

        return self._together.order(self.at.step, decide, GO)

    def _weights(self) -> dict[str, torch.Tensor]:
        weights = checkpoint.weights_of(self.parts.network.root)
        bad = next((k for k, v in weights.items() if v.is_floating_point() and not torch.isfinite(v).all()), None)
        if bad is not None:
            what = f"`{bad}` is not a number any more at epoch {self.at.epoch}"
            raise NotFiniteError(what, self.parts.recipe.learning_rate / 10)
        return weights

    def save(self) -> None:
        """Write the checkpoint `last`. Raises TrainingError, and writes none, where it would hold no numbers."""
        self._check_losses(together=True)
        sums, count = self._summed()
        counted = self.meters.state(together=self._world > 1)
        randoms, optimizer = self._together.randoms(), optimizer_state(self.parts.optimizer)
        weights = self._weights()
        average = self._average.state() if self._average is not None else None
        self._saved = time.monotonic()
        folder, at = self.parts.folder, self.at
        if folder is None:
            return
        recipe = self.parts.recipe
        state = {
            "epoch": at.epoch, "batch": at.batch, "step": at.step, "count": count, "sums": sums.cpu(),
            "names": list(self.names), "best": at.best, "best_epoch": at.best_epoch, "rows": folder.rows,
            "meters": counted, "seconds": self._clock.seconds,
            "optimizer": optimizer,
            "scheduler": {"schedule": recipe.schedule, "step": at.step, "steps": self.total},
            "precision": self.parts.fabric.strategy.precision.state_dict(),
            "random": randoms[0], "others": randoms[1:], "threads": torch.get_num_threads(),
            "recipe": settled(recipe),
        }  # fmt: skip
        if self._plateau is not None:
            state["plateau"] = self._plateau.state()
        if average is not None:
            state["ema"] = average
        folder.save(folder.last, weights, state)

    def restore(self, state: dict[str, Any]) -> None:
        """Stand where the checkpoint stood. Call `restore_random` after everything else is made."""
        was, now = ((*state["names"], *state.get("meters", ())), (*self.names, *self.meters.names))
        if was != now:
            raise TrainingError(
                f"The run measured {', '.join(was)}, but the design now measures {', '.join(now)}: "
                "resume with the run's own design."
            )
        own = own_options(self.parts.optimizer)
        load_optimizer(self.parts.optimizer, state["optimizer"])
        for group, options in zip(self.parts.optimizer.param_groups, own, strict=True):
            group.update(options)
        if self._plateau is not None and "plateau" in state:
            self._plateau.restore(state["plateau"])
        if self._average is not None and "ema" in state:
            self._average.restore(state["ema"])
        self.parts.fabric.strategy.precision.load_state_dict(state["precision"])
        first = self._rank == 0
        self._clock.earlier = state.get("seconds", 0.0)  # runs of older versions kept no time
        self.at = Position(
            state["epoch"], state["batch"], state["step"], state["best"], state["best_epoch"],
        )  # fmt: skip
        if first:
            self._tally.restore(state["sums"], state["count"])
            self.meters.restore(state.get("meters", {}))
        if self.parts.folder is not None:
            confusions.cut(self.parts.folder.path, self.at.step)
