"""Are both the same? The answer, and where the line is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import torch
from torch.nn import functional as F

from blocks.declare import block, port, setting
from blocks.losses.common import wide
from blocks.metrics.counted import EXEMPT, UNCHECKED, Counted, exact

if TYPE_CHECKING:
    from torchmetrics import Metric

Measure = Literal["euclidean", "cosine"]


@block(
    "Verify", category="Metric", paper="Youden 1950, doi:10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>3.0.CO;2-3; "
    "Fawcett 2006, doi:10.1016/j.patrec.2005.10.010", icon="badge-check",
    helps="Siamese networks that answer yes or no: is it the same face, hand or digit. One with `target` wired is "
          "judged; another that shares its weights, without `target`, feeds an Output.",
    hurts="The line between yes and no weighs both mistakes alike: where a false yes costs more, compare the distance "
          "yourself. Without a validation split nothing moves the line from where it began.",
    aliases=("siamese", "roc", "threshold", "verification", "same", "face", "one-shot"),
    inputs={"a": port("B D", "An embedding of the first of each pair."), "b": port("B D", "One of the second."),
            "target?": port("number:B", "1 where both are the same, 0 where not; it is counted where this is wired.")},
    outputs={"same": port("B", "1 where both are taken for the same, else 0.")},
    exempt={"gradient": EXEMPT["gradient"]},
    measure=setting("`euclidean`: the straight line between both; `cosine`: one minus their cosine.", shown=True),
    begin=setting("The distance up to which both are the same, until a validation split has said another.", min=0),
)  # fmt: skip
class Verify(Counted):
    """Say which pairs are the same: those that lie nearer to each other than a threshold.

    After each epoch the validation split sets it, where the ROC curve has hits furthest above false alarms (Youden's
    index). It is part of the weights. As a metric it gives the share of pairs that are answered rightly.
    """

    threshold: torch.Tensor

    def __init__(self, measure: Measure = "euclidean", begin: float = 0.5) -> None:
        super().__init__()
        self.measure = measure
        self.begin = begin
        self.register_buffer("threshold", torch.tensor(float(begin)))

    def distance(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """How far apart the two of each pair are: (B,)."""
        a, b = wide(a), wide(b)
        if self.measure == "cosine":
            return 1 - (F.normalize(a, dim=1) * F.normalize(b, dim=1)).sum(1)
        return (a - b).square().sum(1).sqrt()

    def forward(  # type: ignore[override]  # it compares two, and answers without a target too
        self, a: torch.Tensor, b: torch.Tensor, target: torch.Tensor | None = None
    ) -> torch.Tensor:
        return (self.distance(a, b) <= self.threshold).to(a.dtype)

    # over a split -----------------------------------------------------------------------------------------------------

    def meter(self) -> Metric:
        from torchmetrics.classification import BinaryROC

        made = BinaryROC(**UNCHECKED)
        made.preds, made.target = [torch.zeros(0)], [torch.zeros(0, dtype=torch.long)]
        return made

    def count(self, meter: Metric, *given: torch.Tensor) -> None:
        """Nearness in 0..1, as torchmetrics wants it, and 1 for the same."""
        a, b, target = given
        meter.update(nearness(exact(self.distance(a, b))), (target > 0).long())

    def value(self, meter: Metric) -> torch.Tensor:
        near, same = joined(meter)
        if not len(same):
            return near.new_full((), torch.nan)
        return ((near >= nearness(self.threshold.to(near))) == (same > 0)).double().mean()

    def settle(self, meter: Metric) -> None:
        """Set the threshold by what the meter has seen; where it saw no pairs of both kinds, leave it."""
        near, same = joined(meter)
        if not len(same) or same.min() == same.max():
            return
        false, hits, lines = meter.compute()  # falling lines, the first above all pairs
        best = int((hits - false).argmax())
        below = near[near < lines[best]]
        line = lines[best] if not len(below) else (lines[best] + below.max()) / 2
        self.threshold.copy_(1 / line - 1)


def nearness(distance: torch.Tensor) -> torch.Tensor:
    """1 where there is no distance, and towards 0 with more."""
    return 1 / (1 + distance)


def joined(meter: Metric) -> tuple[torch.Tensor, torch.Tensor]:
    """What a meter that keeps lists has seen, as one tensor each."""
    state: dict[str, Any] = meter.metric_state
    preds, target = (v if isinstance(v, torch.Tensor) else torch.cat(v) for v in (state["preds"], state["target"]))
    return preds, target
