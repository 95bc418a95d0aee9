"""Metrics that are counted over a whole split: their state, which lives beside the network and outside its weights.

The mean of F1 over batches is not F1: so the training graph gives what is wired to such a metric, and a torchmetrics
meter counts it, batch after batch, until it is asked.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from app.engine.compile import Network
from app.engine.data.fit import DataError
from app.messages.confusion import Confusion
from blocks.metrics.counted import Counted

if TYPE_CHECKING:
    from torchmetrics import Metric

State = dict[str, dict[str, torch.Tensor]]
"""What each metric has counted so far: its sums, or the scores themselves."""


class Meters:
    """The counted metrics of a network, over what they were shown since they were made or reset."""

    def __init__(self, network: Network, device: torch.device) -> None:
        self._device = device
        self._blocks: dict[str, Counted] = {}
        for name, path in network.counted.items():
            block = network.root.get_submodule(path)
            assert isinstance(block, Counted)
            self._blocks[metric_name(name)] = block
        self._nodes = {metric_name(name): name for name in network.counted}
        self.values: dict[str, float] = {}
        """What was read last of each that is a number; without those that have none yet."""
        self.tables: dict[str, list[list[int]]] = {}
        """What was read last of each that is a table."""
        self.reset()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._blocks)

    def reset(self) -> None:
        """Forget what was shown."""
        self._meters: dict[str, Metric] = {name: block.meter_on(self._device) for name, block in self._blocks.items()}
        self.values, self.tables = {}, {}

    def show(self, results: Mapping[str, Any]) -> None:
        """Count a batch, as the training graph gives it. Raises DataError where a metric does not fit the data."""
        for name, meter in self._meters.items():
            given = results[self._nodes[name]]
            try:
                with torch.no_grad():
                    self._blocks[name].count(meter, *(value.detach() for value in given))
            except (RuntimeError, IndexError, ValueError) as error:
                said = (str(error).strip().splitlines() or [type(error).__name__])[0]
                x = given[0]
                scores = f"scores of {x.shape[1]} classes" if x.ndim > 1 else "one number a sample"
                raise DataError(f"The metric `{name}` got {scores} and does not fit the data: {said}") from error

    def read(self, *, together: bool = False) -> dict[str, float]:
        """The values of all that was shown, on every device where `together`; all devices must then ask at once."""
        self.values, self.tables = {}, {}
        for name, meter in self._meters.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torchmetrics': a class that did not occur, and the like
                with meter.sync_context(should_sync=together), torch.no_grad():
                    value = self._blocks[name].value(meter)
            if value.ndim:
                self.tables[name] = value.tolist()
            elif math.isfinite(number := value.item()):
                self.values[name] = number
        return self.values

    def settle(self, *, together: bool = False) -> None:
        """Let blocks that go by what they saw take it over, such as the threshold of Verify; all devices alike."""
        for name, meter in self._meters.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with meter.sync_context(should_sync=together), torch.no_grad():
                    self._blocks[name].settle(meter)

    def confusions(self, classes: Sequence[str]) -> tuple[Confusion, ...]:
        """The tables that were read last, with the names of the data's classes where there are as many."""
        found = []
        for name, rows in self.tables.items():
            names = tuple(classes) if len(classes) == len(rows) else tuple(map(str, range(len(rows))))
            found.append(Confusion(name, names, tuple(map(tuple, rows))))
        return tuple(found)

    def state(self, *, together: bool = False) -> State:
        """What was counted, for a checkpoint; of all devices where `together`."""
        found: State = {}
        for name, meter in self._meters.items():
            with meter.sync_context(should_sync=together):
                found[name] = {key: _kept(value) for key, value in meter.metric_state.items()}
        return found

    def restore(self, state: State) -> None:
        """Go on counting from a checkpoint's state. A metric that it lacks begins anew."""
        self.reset()
        for name, kept in state.items():
            meter = self._meters.get(name)
            for key, value in kept.items() if meter is not None else ():
                value = value.to(self._device)
                setattr(meter, key, [value] if isinstance(getattr(meter, key), list) else value)


def metric_name(node: str) -> str:
    """What the curve of a metric's node is called; the name `loss` is the total's."""
    return f"{node}/metric" if node == "loss" else node


def _kept(value: Any) -> torch.Tensor:
    """A copy on the CPU; a list's pieces as one."""
    whole: torch.Tensor = torch.cat(value) if isinstance(value, list) else value
    return whole.detach().clone().cpu()
