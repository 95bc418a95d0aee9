"""Metrics of sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from blocks.declare import block, port, setting
from blocks.metrics.counted import EXEMPT, LOCAL, SCORES, Counted, exact

if TYPE_CHECKING:
    from torchmetrics import Metric


@block(
    "Perplexity", category="Metric", paper="Jelinek et al. 1977, doi:10.1121/1.2016299; torchmetrics.text.Perplexity",
    icon="list",
    helps="Language models: among how many words, all alike, the model would seem to choose. It falls as the model "
          "learns, and compares models with the same tokens.",
    hurts="Models with other tokens do not compare: a perplexity a character is much smaller than one a word. Low "
          "perplexity is no proof of good text.",
    aliases=("language model", "characters", "words", "text"),
    inputs={"x": SCORES, "target": port("int:B *S", "The number of the right token at each place.")},
    outputs={"value": port("scalar", "1 is certain and right; as many as there are tokens is a blind guess.")},
    exempt=EXEMPT, ignore_index=setting("The number of the token that is padding: its places do not count."),
)  # fmt: skip
class Perplexity(Counted):
    """e to the power of the mean cross-entropy of all tokens of the split.

    Scores have the tokens in their second size, as cross-entropy takes them.
    """

    in_double = True

    def __init__(self, ignore_index: int | None = None) -> None:
        super().__init__()
        self.ignore_index = ignore_index

    def prepare(self, x: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        scores = exact(x).movedim(1, -1)  # (B, *S, K)
        return scores.reshape(len(x), -1, x.shape[1]), target.reshape(len(x), -1)

    def meter(self) -> Metric:
        from torchmetrics.text import Perplexity as Meter

        return Meter(ignore_index=self.ignore_index, **LOCAL)
