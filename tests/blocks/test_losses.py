"""Losses against torch, against torchmetrics' hard counts, and against sums by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from blocks import catalogue
from blocks.losses.boxes import BoxIoULoss
from blocks.losses.classes import BinaryCrossEntropy, BinaryFocalLoss, CrossEntropy, FocalLoss, HingeLoss
from blocks.losses.distributions import CTCLoss, KLDivergence, NormalKL
from blocks.losses.embeddings import ContrastiveLoss, CosineLoss, DecoupledContrastive, InfoNCE, TripletLoss
from blocks.losses.images import StyleLoss, TotalVariation
from blocks.losses.masks import DiceLoss, JaccardLoss, TverskyLoss
from blocks.losses.quantities import HuberLoss, L1Loss, MSELoss, SmoothL1Loss
from tests.blocks.samples import CARDS, SIZES, build, sample

TEXTBOOK = torch.tensor([[3.2, 5.1, -1.7]]), torch.tensor([0])
"""The scores of a cat, of which class 0 is right, that lectures on classifiers count with."""

LOSSES = [card for card in CARDS.values() if card.category == "Loss"]


def close(mine: torch.Tensor, wanted: torch.Tensor | float) -> None:
    torch.testing.assert_close(mine, torch.as_tensor(wanted, dtype=mine.dtype))


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(5)


# all of them ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("card", LOSSES, ids=lambda card: card.id)
def test_a_weight_multiplies_the_loss_and_its_gradient(card: object) -> None:
    """So the parts of a total add up, and 0 takes a loss out of training but not out of the drawing."""
    assert card.setting("weight").default == 1.0  # type: ignore[attr-defined]
    values, slopes = [], []
    for weight in (1.0, 2.5, 0.0):
        given = sample(card, SIZES[0])  # type: ignore[arg-type]
        leaf = given.inputs[0].requires_grad_()
        loss = build(card, given.reads, {"weight": weight})(*given.inputs)  # type: ignore[arg-type]
        loss.backward()
        values.append(loss.detach())
        slopes.append(leaf.grad)
    assert values[0] != 0 and values[2] == 0 and not slopes[2].any()
    close(values[1], 2.5 * values[0])
    torch.testing.assert_close(slopes[1], 2.5 * slopes[0])


@pytest.mark.parametrize("card", LOSSES, ids=lambda card: card.id)
def test_half_precision_counts_in_float32(card: object) -> None:
    given = sample(card, SIZES[0])  # type: ignore[arg-type]
    narrow = [t.bfloat16() if t is not None and t.is_floating_point() else t for t in given.inputs]
    same = [t.float() if t is not None and t.is_floating_point() else t for t in narrow]
    module = build(card, given.reads)  # type: ignore[arg-type]
    if card.id != "CrossEntropy":  # type: ignore[attr-defined]  # it is torch's own, which autocast widens
        assert torch.equal(module(*narrow), module(*same))


@pytest.mark.parametrize("card", LOSSES, ids=lambda card: card.id)
def test_a_batch_of_one_has_a_value(card: object) -> None:
    """Analysis runs one sample, and the last batch of an epoch may hold one."""
    given = sample(card, SIZES[0])  # type: ignore[arg-type]
    single = [t[:1].clone() if t is not None else None for t in given.inputs]
    leaf = single[0].requires_grad_()  # type: ignore[union-attr]
    loss = build(card, given.reads)(*single)  # type: ignore[arg-type]
    loss.backward()
    assert loss.isfinite() and leaf.grad.isfinite().all()  # type: ignore[union-attr]


# classes --------------------------------------------------------------------------------------------------------------


def test_the_textbook_values() -> None:
    assert round(CrossEntropy(3)(*TEXTBOOK).item(), 2) == 2.04
    close(HingeLoss()(*TEXTBOOK), 2.9)
    close(HingeLoss(classes="mean")(*TEXTBOOK), F.multi_margin_loss(*TEXTBOOK))
    close(HingeLoss(classes="mean")(*TEXTBOOK), 2.9 / 3)


@pytest.mark.parametrize("places", [(), (3, 5)], ids=["samples", "pixels"])
@pytest.mark.parametrize("ignore", [None, 255])
@pytest.mark.parametrize("weights", [(), (0.2, 1.0, 3.0, 0.0)], ids=["alike", "weighted"])
def test_cross_entropy_is_torchs(places: tuple[int, ...], ignore: int | None, weights: tuple[float, ...]) -> None:
    x, target = torch.randn(6, 4, *places), torch.randint(0, 4, (6, *places))
    if ignore is not None:
        target[1] = ignore
    wanted = F.cross_entropy(
        x, target, torch.tensor(weights) if weights else None, label_smoothing=0.1,
        ignore_index=-100 if ignore is None else ignore,
    )  # fmt: skip
    loss = CrossEntropy(4, label_smoothing=0.1, class_weights=weights, ignore_index=ignore)
    close(loss(x, target), wanted)
    assert not list(loss.state_dict()), "weights of classes are settings, not weights of the network"


IGNORING: list[Callable[[int | None], nn.Module]] = [
    lambda i: CrossEntropy(4, label_smoothing=0.1, ignore_index=i), lambda i: FocalLoss(4, ignore_index=i),
    lambda i: DiceLoss(ignore_index=i), lambda i: TverskyLoss(ignore_index=i), lambda i: JaccardLoss(ignore_index=i),
]  # fmt: skip


@pytest.mark.parametrize("make", IGNORING)
def test_ignored_pixels_do_not_count(make: Callable[[int | None], nn.Module]) -> None:
    x, target = torch.randn(2, 4, 6, 5), torch.randint(0, 4, (2, 6, 5))
    marked = target.clone()
    marked[:, 3:] = 255
    close(make(255)(x, marked), make(None)(x[:, :, :3], target[:, :3]))


@pytest.mark.parametrize("make", IGNORING)
def test_where_every_pixel_is_ignored_there_is_no_gradient_and_a_number(
    make: Callable[[int | None], nn.Module],
) -> None:
    x = torch.randn(2, 4, 3, 3, requires_grad=True)
    loss = make(255)(x, torch.full((2, 3, 3), 255))
    loss.backward()
    assert loss.isfinite() and x.grad is not None and not x.grad.any()


def test_binary_cross_entropy_is_torchs_and_takes_targets_without_the_size_of_one() -> None:
    x, target = torch.randn(6, 1, 4), torch.randint(0, 2, (6, 1, 4))
    wanted = F.binary_cross_entropy_with_logits(x, target.float(), pos_weight=torch.tensor(3.0))
    for answer, truth in ((x, target), (x, target[:, 0]), (x[:, 0], target), (x, target.float())):
        close(BinaryCrossEntropy(positive_weight=3.0)(answer, truth), wanted)
    marked = target.clone()
    marked[:3] = 255
    close(BinaryCrossEntropy(ignore_index=255)(x, marked), BinaryCrossEntropy()(x[3:], target[3:]))


def test_a_target_of_another_size_is_refused_where_torch_would_repeat_it() -> None:
    with pytest.raises(ValueError, match="`x` is 6x4 but `target` is 6: both need the same sizes"):
        MSELoss()(torch.randn(6, 4), torch.randn(6))


def test_focal_loss_is_cross_entropy_at_gamma_0_and_by_hand_at_2() -> None:
    x, target = torch.randn(6, 4, 3), torch.randint(0, 4, (6, 3))
    close(FocalLoss(4, gamma=0.0)(x, target), F.cross_entropy(x, target))
    p = x.softmax(1).gather(1, target[:, None])[:, 0]
    weights = (1.0, 2.0, 0.5, 0.0)
    close(FocalLoss(4)(x, target), (-((1 - p) ** 2) * p.log()).mean())
    favoured = (-torch.tensor(weights)[target] * (1 - p) ** 2 * p.log()).mean()
    close(FocalLoss(4, class_weights=weights)(x, target), favoured)


def test_focal_loss_has_a_gradient_where_the_answer_is_perfect() -> None:
    x = torch.tensor([[200.0, 0.0]], requires_grad=True)
    FocalLoss(2, gamma=0.5)(x, torch.tensor([0])).backward()
    assert x.grad is not None and x.grad.isfinite().all()


def test_binary_focal_loss_by_hand() -> None:
    x, target = torch.tensor([0.3, -1.2, 2.0]), torch.tensor([1.0, 0.0, 0.0])
    total = 0.0
    for score, truth in zip(x.tolist(), target.tolist(), strict=True):
        p = 1 / (1 + math.exp(-score))
        p, alpha = (p, 0.25) if truth else (1 - p, 0.75)
        total -= alpha * (1 - p) ** 2 * math.log(p)
    close(BinaryFocalLoss()(x, target), total / 3)
    close(BinaryFocalLoss(divide="positives")(x, target), total)
    close(BinaryFocalLoss(gamma=0.0, alpha=None)(x, target), F.binary_cross_entropy_with_logits(x, target))


@pytest.mark.parametrize(("margin", "power"), [(1.0, 1), (0.5, 2)])
def test_hinge_is_torchs_times_the_classes(margin: float, power: int) -> None:
    x, target = torch.randn(6, 5), torch.randint(0, 5, (6,))
    wanted = F.multi_margin_loss(x, target, p=power, margin=margin)
    close(HingeLoss(margin=margin, power=power, classes="mean")(x, target), wanted)
    close(HingeLoss(margin=margin, power=power)(x, target), 5 * wanted)
    maps = HingeLoss(margin=margin, power=power)(x.reshape(2, 3, 5).transpose(1, 2), target.reshape(2, 3))
    close(maps, 5 * wanted)


# masks ----------------------------------------------------------------------------------------------------------------


def shares(target: torch.Tensor, answer: torch.Tensor, classes: range) -> list[tuple[int, int, int]]:
    """(found, found wrongly, missed) pixels of each class, counted one by one."""
    pairs = list(zip(target.flatten().tolist(), answer.flatten().tolist(), strict=True))
    return [
        (sum(t == a == k for t, a in pairs), sum(t != k == a for t, a in pairs), sum(t == k != a for t, a in pairs))
        for k in classes
    ]


@pytest.mark.parametrize("background", [True, False])
def test_overlaps_of_certain_answers_are_those_of_counted_pixels(background: bool) -> None:
    target, answer = torch.randint(0, 3, (2, 5, 4)), torch.randint(0, 3, (2, 5, 4))
    x = 200.0 * F.one_hot(answer, 3).movedim(-1, 1)
    counts = shares(target, answer, range(0 if background else 1, 3))

    def mean(share: Callable[[int, int, int], float]) -> float:
        return sum(1 - share(*c) for c in counts) / len(counts)

    close(DiceLoss(smooth=0.0, background=background)(x, target), mean(lambda h, w, m: 2 * h / (2 * h + w + m)))
    close(JaccardLoss(smooth=0.0, background=background)(x, target), mean(lambda h, w, m: h / (h + w + m)))
    close(JaccardLoss(smooth=2.0, background=background)(x, target), mean(lambda h, w, m: (h + 2) / (h + w + m + 2)))
    uneven = TverskyLoss(wrong=0.1, missed=0.9, smooth=0.0, background=background)
    close(uneven(x, target), mean(lambda h, w, m: h / (h + 0.1 * w + 0.9 * m)))
    bent = sum((1 - h / (h + 0.3 * w + 0.7 * m)) ** 0.75 for h, w, m in counts) / len(counts)
    close(TverskyLoss(gamma=4 / 3, smooth=0.0, background=background)(x, target), bent)


def test_overlaps_of_each_image_are_averaged() -> None:
    x, target = torch.randn(3, 4, 5, 4), torch.randint(0, 4, (3, 5, 4))
    for kind in (DiceLoss, JaccardLoss, TverskyLoss):
        each = torch.stack([kind()(x[i : i + 1], target[i : i + 1]) for i in range(3)]).mean()
        close(kind(over="image")(x, target), each)
        assert not torch.isclose(kind()(x, target), each)


def test_overlap_losses_are_special_cases_of_tversky() -> None:
    x, target = torch.randn(2, 4, 5, 4), torch.randint(0, 4, (2, 5, 4))
    close(TverskyLoss(wrong=0.5, missed=0.5, smooth=0.5)(x, target), DiceLoss(smooth=1.0)(x, target))
    close(TverskyLoss(wrong=1.0, missed=1.0, smooth=1.0)(x, target), JaccardLoss(smooth=1.0)(x, target))


def test_one_score_a_pixel_is_yes_or_no() -> None:
    x, target = torch.randn(2, 1, 5, 4), torch.randint(0, 2, (2, 5, 4))
    both, p = (x[:, 0].sigmoid() * target).sum(), x.sigmoid().sum()
    close(DiceLoss()(x, target), 1 - (2 * both + 1) / (p + target.sum() + 1))


# quantities -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (MSELoss(), F.mse_loss), (L1Loss(), F.l1_loss),
        (SmoothL1Loss(beta=0.4), lambda x, t: F.smooth_l1_loss(x, t, beta=0.4)),
        (HuberLoss(delta=0.4), lambda x, t: F.huber_loss(x, t, delta=0.4)),
    ],
)  # fmt: skip
def test_losses_of_quantities_are_torchs(mine: nn.Module, theirs: Callable[..., torch.Tensor]) -> None:
    x, target = torch.randn(6, 1), torch.randint(-2, 3, (6,))
    close(mine(x, target), theirs(x, target[:, None].float()))
    close(mine(torch.tensor([0.1, 2.0]), torch.tensor([0, 0])), theirs(torch.tensor([0.1, 2.0]), torch.zeros(2)))


# boxes ----------------------------------------------------------------------------------------------------------------


def test_boxes_by_hand() -> None:
    """Two 4x2 boxes, one moved by (2, 1): they share 2, have 14 together, and the box around both is 6x3."""
    x, target = torch.tensor([[[0.0, 0, 4, 2]]]), torch.tensor([[[2.0, 1, 6, 3]]])
    iou, around = 2 / 14, 6 * 3
    close(BoxIoULoss(form="iou")(x, target), 1 - iou)
    close(BoxIoULoss(form="giou")(x, target), 1 - (iou - (around - 14) / around))
    close(BoxIoULoss(form="diou")(x, target), 1 - iou + 5 / 45)
    close(BoxIoULoss(form="ciou")(x, target), 1 - iou + 5 / 45)  # of one form: nothing is added
    narrow = torch.tensor([[[2.0, 1, 3, 5]]])  # 1x4, within x to the height of 2: they share 1 and have 11 together
    v = 4 / math.pi**2 * (math.atan(1 / 4) - math.atan(2)) ** 2
    near = 1 / 11 - ((2.5 - 2) ** 2 + (3 - 1) ** 2) / (4**2 + 5**2)
    close(BoxIoULoss(form="ciou")(x, narrow), 1 - near + v * v / (1 - 1 / 11 + v))


@pytest.mark.parametrize("form", ["giou", "diou", "ciou"])
def test_boxes_that_do_not_touch_come_nearer(form: str) -> None:
    x = torch.tensor([[[0.0, 0, 2, 2]]], requires_grad=True)
    target = torch.tensor([[[8.0, 8, 10, 10]]])
    before = BoxIoULoss(form=form)(x, target)  # type: ignore[arg-type]
    before.backward()
    assert x.grad is not None
    assert BoxIoULoss(form=form)(x - x.grad, target) < before  # type: ignore[arg-type]
    plain = torch.tensor([[[0.0, 0, 2, 2]]], requires_grad=True)
    BoxIoULoss(form="iou")(plain, target).backward()
    assert plain.grad is not None and not plain.grad.any()


def test_padding_among_the_boxes_does_not_count() -> None:
    x, target = torch.rand(2, 3, 4), torch.rand(2, 3, 4)
    target[..., 2:] += target[..., :2]
    padded = torch.cat([target, torch.zeros(2, 5, 4)], 1)
    close(BoxIoULoss()(torch.cat([x, torch.rand(2, 5, 4)], 1), padded), BoxIoULoss()(x, target))
    assert BoxIoULoss()(x, torch.zeros(2, 3, 4)) == 0


# embeddings -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
@pytest.mark.parametrize("soft", [False, True])
def test_triplets_are_the_hardest_of_the_batch(distance: str, soft: bool) -> None:
    x, target = torch.randn(9, 5), torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 3])  # 3 has no other of its kind

    def apart(i: int, j: int) -> float:
        if distance == "cosine":
            return 1 - F.cosine_similarity(x[i], x[j], dim=0).item()
        return (x[i] - x[j]).norm().item()

    losses = []
    for i in range(8):
        far = max(apart(i, j) for j in range(9) if j != i and target[i] == target[j])
        near = min(apart(i, j) for j in range(9) if target[i] != target[j])
        losses.append(math.log1p(math.exp(far - near)) if soft else max(far - near + 0.2, 0))
    close(TripletLoss(soft=soft, distance=distance)(x, target), sum(losses) / 8)  # type: ignore[arg-type]


@pytest.mark.parametrize("target", [[0, 1, 2], [4, 4, 4]], ids=["all strangers", "all alike"])
def test_a_batch_without_triplets_gives_0_and_no_gradient(target: list[int]) -> None:
    x = torch.randn(3, 5, requires_grad=True)
    loss = TripletLoss()(x, torch.tensor(target))
    loss.backward()
    assert loss == 0 and x.grad is not None and not x.grad.any()


def test_equal_embeddings_have_finite_gradients() -> None:
    x = torch.zeros(4, 5, requires_grad=True)
    (TripletLoss()(x, torch.tensor([0, 0, 1, 1])) + ContrastiveLoss()(x, x * 1, torch.tensor([0, 0, 1, 1]))).backward()
    assert x.grad is not None and x.grad.isfinite().all()


def test_contrastive_pairs_by_hand() -> None:
    a = torch.tensor([[0.0, 0], [0, 0], [0, 0]])
    b = torch.tensor([[3.0, 4], [0.3, 0.4], [3, 4]])
    same = torch.tensor([1, 0, 0])
    close(ContrastiveLoss(margin=2.0)(a, b, same), (25 + 1.5**2 + 0) / 3 / 2)


def test_cosine_loss_is_torchs() -> None:
    a, b, target = torch.randn(6, 5), torch.randn(6, 5), torch.tensor([1, 1, -1, -1, -1, 1])
    close(CosineLoss(margin=0.2)(a, b, target), F.cosine_embedding_loss(a, b, target, margin=0.2))
    close(CosineLoss(margin=0.2)(a, b, target.clamp(min=0)), F.cosine_embedding_loss(a, b, target, margin=0.2))
    close(CosineLoss()(a, b), 1 - F.cosine_similarity(a, b).mean())


def cosines(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return F.cosine_similarity(x[:, None], y[None], dim=2)


def test_infonce_is_the_formula_of_simclr() -> None:
    a, b, t = torch.randn(4, 6), torch.randn(4, 6), 0.2
    x = torch.cat([a, b])
    s = (cosines(x, x) / t).exp()
    losses = []
    for i in range(8):
        others = sum(s[i, k] for k in range(8) if k != i)
        losses.append(-(s[i, (i + 4) % 8] / others).log())
    close(InfoNCE(temperature=t)(a, b), torch.stack(losses).mean())


def test_infonce_with_the_other_view_or_a_queue() -> None:
    a, b, queue, t = torch.randn(4, 6), torch.randn(4, 6), torch.randn(9, 6), 0.2
    s, place = cosines(a, b) / t, torch.arange(4)
    both = (F.cross_entropy(s, place) + F.cross_entropy(s.T, place)) / 2
    close(InfoNCE(temperature=t, strangers="other view")(a, b), both)
    own, others = (s.diag()).exp(), (cosines(a, queue) / t).exp().sum(1)
    close(InfoNCE(temperature=t)(a, b, queue), -(own / (own + others)).log().mean())


def test_decoupled_contrastive_leaves_the_partner_out_below_the_line() -> None:
    a, b, t = torch.randn(4, 6), torch.randn(4, 6), 0.2
    x = torch.cat([a, b])
    s = (cosines(x, x) / t).exp()
    losses = []
    for i in range(8):
        others = sum(s[i, k] for k in range(8) if k % 4 != i % 4)
        losses.append(-(s[i, (i + 4) % 8] / others).log())
    close(DecoupledContrastive(temperature=t)(a, b), torch.stack(losses).mean())


# distributions and sequences ------------------------------------------------------------------------------------------


def test_kl_divergence_is_torchs_and_0_for_equals() -> None:
    x, target = torch.randn(6, 4, 3), torch.randn(6, 4, 3)
    rows = [t.movedim(1, -1).reshape(-1, 4) for t in (x, target)]
    wanted = F.kl_div(rows[0].log_softmax(1), rows[1].softmax(1), reduction="batchmean")
    close(KLDivergence()(x, target), wanted)
    close(KLDivergence(target_is="probabilities")(x, target.softmax(1)), wanted)
    warm = F.kl_div((rows[0] / 4).log_softmax(1), (rows[1] / 4).softmax(1), reduction="batchmean")
    close(KLDivergence(temperature=4.0)(x, target), 16 * warm)
    close(KLDivergence()(x, x + 3), 0.0)
    hard = F.one_hot(torch.tensor([0, 1, 2, 3, 0, 1]), 4).float()
    certain = F.cross_entropy(x[..., 0], hard.argmax(1))
    close(KLDivergence(target_is="probabilities")(x[..., 0], hard), certain)


def test_the_kl_of_a_normal_is_torchs() -> None:
    mean, log_variance = torch.randn(6, 5), torch.randn(6, 5)
    normal = torch.distributions.Normal(mean, (log_variance / 2).exp())
    wanted = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0))
    close(NormalKL()(mean, log_variance), wanted.sum(1).mean())


def test_ctc_is_torchs_with_texts_and_sequences_of_several_lengths() -> None:
    x = torch.randn(3, 12, 5)
    target = torch.tensor([[1, 2, 2, 3], [4, 1, 0, 0], [2, 0, 0, 0]])
    lengths = torch.tensor([12, 9, 4])
    log_p = x.log_softmax(2).transpose(0, 1)
    close(CTCLoss(5)(x, target, lengths), F.ctc_loss(log_p, target, lengths, torch.tensor([4, 2, 1])))
    close(CTCLoss(5)(x, target), F.ctc_loss(log_p, target, torch.tensor([12] * 3), torch.tensor([4, 2, 1])))
    short = torch.tensor([3, 9, 4])  # four letters, two of them alike, need five places
    assert CTCLoss(5, skip=False)(x, target, short).isinf() and CTCLoss(5)(x, target, short).isfinite()
    other = CTCLoss(5, blank=4)(x.roll(-1, 2), (target - 1) % 5)
    close(other, CTCLoss(5)(x, target))
    with pytest.raises(ValueError, match="blank is 5, but there are 5 classes, from 0 to 4"):
        CTCLoss(5, blank=5)


# images ---------------------------------------------------------------------------------------------------------------


def test_style_is_the_difference_of_gram_matrices() -> None:
    x, target = torch.randn(2, 3, 4, 5), torch.randn(2, 3, 4, 5)
    total = 0.0
    for image in range(2):
        for i in range(3):
            for j in range(3):
                grams = [(t[image, i] * t[image, j]).sum() / 60 for t in (x, target)]
                total += (grams[0] - grams[1]).item() ** 2
    close(StyleLoss()(x, target), total / 2)
    shuffled = x.flatten(2)[:, :, torch.randperm(20)].unflatten(2, (4, 5))
    close(StyleLoss()(x, shuffled), 0.0)


def test_total_variation_by_hand() -> None:
    x = torch.tensor([[[[0.0, 1, 3], [2, 2, 2]]]])
    close(TotalVariation()(x), (2 + 1 + 1) / 3 + (1 + 2 + 0 + 0) / 4)
    close(TotalVariation(steps="squared")(x), (4 + 1 + 1) / 3 + (1 + 4) / 4)
    with pytest.raises(ValueError, match="`x` is 1x3, but a step needs two pixels each way"):
        TotalVariation()(x[:, :, :1])


def test_every_loss_is_met_above() -> None:
    met = {name for name, value in globals().items() if isinstance(value, type) and issubclass(value, nn.Module)}
    assert {card.id for card in LOSSES} <= met and set(catalogue.classes()) >= {card.id for card in LOSSES}
