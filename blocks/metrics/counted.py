"""Metrics that are counted over a whole split, because the mean of their values over batches would be another number.

F1 of two batches is not the mean of both: hits and misses must be counted together. So such a block says how by a
torchmetrics `Metric`, which whoever trains or evaluates keeps, feeds with each batch and asks at the end. The block
itself keeps nothing: its own forward is the metric of one batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from torch import nn

from blocks.declare import port, setting
from blocks.losses.common import wide

if TYPE_CHECKING:
    from torchmetrics import Metric

Average = Literal["macro", "micro", "weighted"]

LOCAL: dict[str, Any] = {"sync_on_compute": False, "compute_with_cache": False}
"""What every meter is made with: several devices are brought together by who trains, and nothing is worked out twice
without a need."""
UNCHECKED: dict[str, Any] = {**LOCAL, "validate_args": False}
"""Meters of classes too: their checks look at every value, which takes longer than counting."""

EXEMPT = {
    "onnx": "a metric belongs to evaluation: exported networks hold none",
    "gradient": "a metric counts hits, and a count has no gradient",
}
SCORES = port("B K *S", "One score a class; with one class, a score for yes.")
CLASS = port("int:B *S", "The number of the right class; with one class, 1 for yes and 0 for no.")
AVERAGE = setting(
    "`macro`: the mean over the classes; `weighted`: each as often as it occurs; `micro`: all answers together.",
    shown=True,
)  # fmt: skip


class Counted(nn.Module):
    """A metric of what is wired to `x` and `target`, over as many batches as there are."""

    in_double: ClassVar[bool] = False
    """Whether its sums are kept in float64, where the device has it."""

    def meter(self) -> Metric:
        """A new torchmetrics metric that has seen nothing yet.

        Its state has one number of sizes from the start, so that devices that saw nothing can be joined with others.
        torchmetrics takes seconds to import, so this is where it is imported.
        """
        raise NotImplementedError

    def meter_on(self, device: torch.device) -> Metric:
        """A new meter on a device."""
        meter = self.meter()
        if self.in_double and device.type != "mps":
            meter.set_dtype(torch.float64)
        return meter.to(device)

    def count(self, meter: Metric, *given: torch.Tensor) -> None:
        """Let a meter see one batch of what is wired to the block, in the order of its ports."""
        x, target = given
        meter.update(*self.prepare(x, target))

    def prepare(self, x: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What the metric's `update` takes of one batch: here the class with the best score (B, *S), and the target."""
        return chosen(x), target

    def settle(self, meter: Metric) -> None:
        """Take from what a meter has seen of the validation split what the block itself goes by: here nothing."""

    def forward(self, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        if x.is_meta:  # a count is made of values, and there are none
            return x.new_zeros(self.sizes(), dtype=self.kind())
        meter = self.meter_on(x.device)
        with torch.no_grad():
            meter.update(*self.prepare(x, target))
            return self.value(meter).to(self.kind())

    def value(self, meter: Metric) -> torch.Tensor:
        """What the meter says of all that it has seen."""
        value: torch.Tensor = meter.compute()
        return value

    def sizes(self) -> tuple[int, ...]:
        """The sizes of what comes out: a single number, unless it is a table."""
        return ()

    def kind(self) -> torch.dtype:
        return torch.float32


class ByClass(Counted):
    """A counted metric of each class, joined to one number; with one score, of the answer yes alone."""

    def __init__(self, K: int, average: Average = "macro", ignore_index: int | None = None) -> None:
        super().__init__()
        self.K = K
        self.average = average
        self.ignore_index = ignore_index

    def kinds(self) -> tuple[Callable[..., Metric], Callable[..., Metric]]:
        """torchmetrics' metric of yes and no, and the one of several classes."""
        raise NotImplementedError

    def meter(self) -> Metric:
        binary, multiclass = self.kinds()
        if self.K == 1:
            return binary(ignore_index=self.ignore_index, **UNCHECKED)
        return multiclass(self.K, average=self.average, ignore_index=self.ignore_index, **UNCHECKED)


def chosen(x: torch.Tensor) -> torch.Tensor:
    """The class with the best score of (B, K, *S): (B, *S). With one class, 1 where the score is above 0."""
    return (x[:, 0] > 0).long() if x.shape[1] == 1 else x.argmax(1)


def probabilities(x: torch.Tensor) -> torch.Tensor:
    """The softmax over the classes of (B, K, *S); with one class, the sigmoid (B, *S).

    torchmetrics would do it itself, but only in batches that have a score outside 0 to 1.
    """
    return wide(x)[:, 0].sigmoid() if x.shape[1] == 1 else wide(x).softmax(1)


def exact(x: torch.Tensor) -> torch.Tensor:
    """float64, where the device has it: sums over a whole split lose digits in float32."""
    return wide(x) if x.device.type == "mps" else x.double()
