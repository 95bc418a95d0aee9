"""Metrics of quantities: how far numbers are from numbers, and how much of their spread is explained."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from blocks.declare import block, port, setting
from blocks.losses.common import matching
from blocks.metrics.counted import EXEMPT, LOCAL, Counted, exact

if TYPE_CHECKING:
    from torchmetrics import Metric

_X = port("B *S", "What the network says: one number, or as many as the target has.")
_TARGET = port("number:B *T", "The right numbers, in the sizes of `x`.")


class _OfNumbers(Counted):
    in_double = True

    def prepare(self, x: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x, target = exact(x), exact(target)
        target = matching(x, target)
        return x.reshape(len(x), -1), target.reshape(len(x), -1)  # (B, numbers of a sample)


@block(
    "Mean squared error", category="Metric", paper="torchmetrics.regression.MeanSquaredError", icon="ruler",
    helps="Quantities for which a large error is much worse than two small ones. With `root` it is in the units of "
          "the target (RMSE), so that one can say: off by 3 degrees.",
    hurts="A single outlier decides it. It means nothing without the spread of the target beside it, which R2 takes "
          "into account.",
    aliases=("mse", "rmse", "regression", "error"),
    inputs={"x": _X, "target": _TARGET}, outputs={"value": port("scalar", "0 is perfect; there is no upper bound.")},
    exempt=EXEMPT, root=setting("Take the root, so that it is in the units of the target.", shown=True),
)  # fmt: skip
class MeanSquaredError(_OfNumbers):
    """The mean of the squared differences over the whole split.

    The root is taken at the end, not in each batch.
    """

    def __init__(self, root: bool = False) -> None:
        super().__init__()
        self.root = root

    def meter(self) -> Metric:
        from torchmetrics.regression import MeanSquaredError as Meter

        return Meter(squared=not self.root, **LOCAL)


@block(
    "Mean absolute error", category="Metric", paper="torchmetrics.regression.MeanAbsoluteError", icon="ruler",
    helps="How far off the answers are on average, in the units of the target: the number that people understand, and "
          "that outliers do not rule.",
    hurts="Rare, large errors hide in it, which may be the dangerous ones. A network that is trained with MSE does "
          "not make it smallest.",
    aliases=("mae", "regression", "deviation"),
    inputs={"x": _X, "target": _TARGET}, outputs={"value": port("scalar", "0 is perfect, in the target's units.")},
    exempt=EXEMPT,
)  # fmt: skip
class MeanAbsoluteError(_OfNumbers):
    """The mean of the absolute differences over the whole split.

    All numbers of a sample count alike.
    """

    def meter(self) -> Metric:
        from torchmetrics.regression import MeanAbsoluteError as Meter

        return Meter(**LOCAL)


@block(
    "R2 score", category="Metric", paper="torchmetrics.regression.R2Score", icon="percent",
    helps="Quantities whose units say little: it is the share of their spread that the network explains, 1 at best, "
          "so different targets compare.",
    hurts="0 is what always saying the mean gets, and it has no lower end. A target that hardly varies in the split "
          "makes it jump; and it needs two samples or more.",
    aliases=("coefficient of determination", "explained variance", "regression"),
    inputs={"x": _X, "target": _TARGET}, outputs={"value": port("scalar", "1 is perfect; 0 is as good as the mean.")},
    exempt=EXEMPT,
)  # fmt: skip
class R2Score(_OfNumbers):
    """One minus the squared error over that of always saying the mean of the split.

    With several numbers a sample it is worked out for each, and the mean is taken.
    """

    def __init__(self, S: tuple[int, ...]) -> None:
        super().__init__()
        self.numbers = math.prod(S)

    def prepare(self, x: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x, target = super().prepare(x, target)
        return (x.squeeze(1), target.squeeze(1)) if x.shape[1] == 1 else (x, target)

    def meter(self) -> Metric:
        from torchmetrics.regression import R2Score as Meter

        made = Meter(**LOCAL)
        if self.numbers > 1:
            for name in ("sum_squared_error", "sum_error", "residual"):
                made.add_state(name, torch.zeros(self.numbers), dist_reduce_fx="sum")
        return made

    def value(self, meter: Metric) -> torch.Tensor:
        if int(meter.total) < 2:  # type: ignore[arg-type]  # torchmetrics raises
            return torch.tensor(torch.nan)
        return super().value(meter)
