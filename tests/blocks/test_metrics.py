"""Metrics are torchmetrics' on all samples at once, however the samples are cut into batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torchmetrics import functional as whole
from torchmetrics.functional import classification as classes
from torchmetrics.segmentation import DiceScore as SegmentationDice

from blocks.metrics.classes import ROCAUC, Accuracy, ConfusionMatrix, F1Score, Precision, Recall
from blocks.metrics.counted import Counted, chosen
from blocks.metrics.masks import DiceScore, MeanIoU, PixelAccuracy
from blocks.metrics.quantities import MeanAbsoluteError, MeanSquaredError, R2Score
from blocks.metrics.sequences import Perplexity
from tests.blocks.samples import CARDS

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # torchmetrics': a class is absent

K, N = 5, 53
Tensors = tuple[torch.Tensor, torch.Tensor]


def scored(*places: int, ignore: int | None = None) -> Tensors:
    """Scores that lean to the right classes, of which some are rare. Among the first all scores lie in 0 to 1."""
    generator = torch.Generator().manual_seed(3)
    target = (torch.rand(N, *places, generator=generator).square() * K).long()
    x = torch.rand(N, K, *places, generator=generator)
    x[10:] += 2 * torch.nn.functional.one_hot(target[10:], K).movedim(-1, 1)
    x[10:] += torch.randn(x[10:].shape, generator=generator)
    if ignore is not None:
        target[::3] = ignore
    return x, target


def binary() -> Tensors:
    generator = torch.Generator().manual_seed(4)
    x = torch.randn(N, 1, generator=generator)
    return x, (x[:, 0] + torch.randn(N, generator=generator) > 0.3).long()


def measured(*sizes: int) -> Tensors:
    """Quantities far from 0, where sums in float32 would lose digits."""
    generator = torch.Generator().manual_seed(5)
    target = 1000 + torch.randn(N, *sizes, generator=generator)
    return target + 0.3 * torch.randn(N, *sizes, generator=generator), target


CASES: dict[str, tuple[Counted, Tensors, Callable[..., torch.Tensor], dict[str, Any]]] = {
    **{
        f"{block.__name__} {average}": (block(K, average), scored(), theirs, {"num_classes": K, "average": average})
        for block, theirs in (
            (Precision, classes.multiclass_precision), (Recall, classes.multiclass_recall),
            (F1Score, classes.multiclass_f1_score), (MeanIoU, classes.multiclass_jaccard_index),
        )
        for average in ("macro", "micro", "weighted")
    },
    **{
        f"{block.__name__} ignoring": (
            block(K, ignore_index=255), scored(4, 3, ignore=255), theirs, {"num_classes": K, "ignore_index": 255}
        )
        for block, theirs in (
            (Precision, classes.multiclass_precision), (Recall, classes.multiclass_recall),
            (F1Score, classes.multiclass_f1_score), (MeanIoU, classes.multiclass_jaccard_index),
            (ROCAUC, classes.multiclass_auroc), (ConfusionMatrix, classes.multiclass_confusion_matrix),
            (DiceScore, classes.multiclass_f1_score),
        )
    },
    "PixelAccuracy ignoring": (
        PixelAccuracy(K, 255), scored(4, 3, ignore=255), classes.multiclass_accuracy,
        {"num_classes": K, "ignore_index": 255, "average": "micro"},
    ),
    "ROCAUC": (ROCAUC(K), scored(), classes.multiclass_auroc, {"num_classes": K}),
    "ROCAUC weighted": (ROCAUC(K, "weighted"), scored(), classes.multiclass_auroc,
                        {"num_classes": K, "average": "weighted"}),
    "ROCAUC in bins": (ROCAUC(K, bins=20), scored(), classes.multiclass_auroc, {"num_classes": K, "thresholds": 20}),
    "ConfusionMatrix": (ConfusionMatrix(K), scored(), classes.multiclass_confusion_matrix, {"num_classes": K}),
    **{
        f"{block.__name__} of yes and no": (block(1), binary(), theirs, {})
        for block, theirs in (
            (Precision, classes.binary_precision), (Recall, classes.binary_recall), (F1Score, classes.binary_f1_score),
            (MeanIoU, classes.binary_jaccard_index), (ROCAUC, classes.binary_auroc),
            (ConfusionMatrix, classes.binary_confusion_matrix), (DiceScore, classes.binary_f1_score),
            (PixelAccuracy, classes.binary_accuracy),
        )
    },
    "MeanSquaredError": (MeanSquaredError(), measured(3, 2), whole.mean_squared_error, {}),
    "MeanSquaredError's root": (MeanSquaredError(root=True), measured(), whole.mean_squared_error, {"squared": False}),
    "MeanAbsoluteError": (MeanAbsoluteError(), measured(3), whole.mean_absolute_error, {}),
    "R2Score": (R2Score(()), measured(), whole.r2_score, {}),
    "R2Score of one in a row": (R2Score((1,)), measured(1), whole.r2_score, {}),
    "R2Score of many": (R2Score((3,)), measured(3), whole.r2_score, {}),
}  # fmt: skip


def batches(x: torch.Tensor, target: torch.Tensor, size: int) -> Iterator[Tensors]:
    return zip(x.split(size), target.split(size), strict=True)


def counted(block: Counted, x: torch.Tensor, target: torch.Tensor, size: int) -> torch.Tensor:
    meter = block.meter_on(x.device)
    for part in batches(x, target, size):
        meter.update(*block.prepare(*part))
    return block.value(meter)


@pytest.mark.parametrize("size", [1, 8, N])
@pytest.mark.parametrize("name", CASES)
def test_a_split_in_batches_is_the_split_at_once(name: str, size: int) -> None:
    block, (x, target), theirs, settings = CASES[name]
    if isinstance(block, ROCAUC):
        answer = x[:, 0].sigmoid() if x.shape[1] == 1 else x.softmax(1)
    elif "num_classes" in settings:
        answer = x.argmax(1)
    elif x.shape[1:] == (1,) and not target.is_floating_point():
        answer = (x[:, 0] > 0).long()
    else:
        answer, target = x.double().squeeze(), target.double().squeeze()
    wanted = theirs(answer, target, **settings)
    got = counted(block, x, CASES[name][1][1], size)
    torch.testing.assert_close(got.double(), wanted.double(), rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(block(x, CASES[name][1][1]).double(), got.double(), rtol=1e-6, atol=1e-7)


def test_the_mean_over_batches_would_be_another_number() -> None:
    """What the counting is for."""
    x, target = scored()
    for block in (F1Score(K), MeanIoU(K), ROCAUC(K)):
        parts = [block(*part) for part in batches(x, target, 8)]
        assert abs(torch.stack(parts).nanmean() - block(x, target)) > 1e-3
    quantities = measured()
    parts = [R2Score(())(*part) for part in batches(*quantities, 8)]
    assert abs(torch.stack(parts).mean() - R2Score(())(*quantities)) > 1e-3


@pytest.mark.parametrize("size", [1, 8, N])
@pytest.mark.parametrize("ignore", [None, 0])
def test_perplexity_is_torchmetrics_and_e_to_the_cross_entropy(size: int, ignore: int | None) -> None:
    x, target = scored(7)
    wanted = whole.text.perplexity(x.movedim(1, -1), target, ignore_index=ignore)
    got = counted(Perplexity(ignore), x, target, size)
    torch.testing.assert_close(got.float(), wanted, rtol=1e-6, atol=1e-7)
    entropy = torch.nn.functional.cross_entropy(x, target, ignore_index=-100 if ignore is None else ignore)
    torch.testing.assert_close(got.float(), entropy.exp(), rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(counted(Perplexity(), x[..., 0], target[:, 0], size), counted(
        Perplexity(), x[..., :1], target[:, :1], size
    ))  # fmt: skip


@pytest.mark.parametrize("size", [1, 8, N])
@pytest.mark.parametrize("background", [True, False])
def test_dice_is_that_of_torchmetrics_segmentation(size: int, background: bool) -> None:
    x, target = scored(4, 3)
    theirs = SegmentationDice(
        K, include_background=background, average="macro", aggregation_level="global", input_format="index"
    )
    theirs.update(x.argmax(1), target)
    got = counted(DiceScore(K, background), x, target, size)
    torch.testing.assert_close(got.float(), theirs.compute(), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("top", [1, 2, 3])
def test_accuracy_is_torchmetrics(top: int) -> None:
    x, target = scored(2)
    wanted = classes.multiclass_accuracy(x, target, K, average="micro", top_k=top)
    torch.testing.assert_close(Accuracy(K, top)(x, target), wanted)
    parts = [Accuracy(K, top)(*part) * len(part[0]) for part in batches(x, target, 8)]
    torch.testing.assert_close(sum(parts) / N, wanted)  # it is a mean over samples, so it needs no counting
    yes = binary()
    torch.testing.assert_close(Accuracy(1)(*yes), classes.binary_accuracy(chosen(yes[0]), yes[1]))


def test_r2_needs_two_samples() -> None:
    x, target = measured()
    assert R2Score(())(x[:1], target[:1]).isnan()


def test_a_metric_keeps_nothing_itself() -> None:
    """Weights and checkpoints of a network do not change with its metrics."""
    x, target = scored()
    block = F1Score(K)
    first = block(x, target)
    block(x[:5], target[:5])
    assert torch.equal(block(x, target), first) and not block.state_dict() and not list(block.parameters())


def test_every_metric_is_met_above() -> None:
    met = {type(case[0]).__name__ for case in CASES.values()} | {"Accuracy", "Perplexity"}
    met |= {"Verify"}  # in test_views
    assert met == {card.id for card in CARDS.values() if card.category == "Metric"}
