"""What learning by comparison is made of: views, turns, pairs, a queue, and the line of Verify."""

from __future__ import annotations

import pytest
import torch

from blocks.connectors.views import PairUp, QuarterTurns, Queue, TwoViews
from blocks.losses.embeddings import InfoNCE
from blocks.metrics.verification import Verify


def test_views_differ_in_training_and_are_the_same_ones_in_every_evaluation() -> None:
    torch.manual_seed(0)
    x, views = torch.rand(4, 3, 16, 12), TwoViews()
    a, b = views(x)
    assert not torch.equal(a, b) and not torch.equal(views(x)[0], a)
    views.eval()
    first, again = views(x), views(x)
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1]) and not torch.equal(*first)
    still = TwoViews(shift=0.0, turn=0.0, zoom=0.0, contrast=0.0, noise=0.0)
    assert all(torch.allclose(view, x, atol=1e-5) for view in still(x))


def test_a_view_keeps_the_form_of_what_it_turns() -> None:
    """On an image of other height than width a turn of 90 degrees is a turn, and no shear."""
    x = torch.zeros(64, 1, 9, 33)
    x[:, :, 4, 12:21] = 1.0  # a stroke of 9 across the middle
    torch.manual_seed(1)
    a, _ = TwoViews(shift=0.0, turn=180.0, zoom=0.0, contrast=0.0, noise=0.0)(x)
    upright = a[:, 0, :, 16].sum(1)
    assert upright.max() > 7.5, "turned upright it is as long as before"
    assert a.sum((1, 2, 3)).min() > 7


def test_quarter_turns_say_by_how_much_they_turned() -> None:
    x = torch.rand(16, 2, 5, 5)
    for block in (QuarterTurns(), QuarterTurns().eval()):
        out, turns = block(x)
        assert all(torch.equal(o, torch.rot90(i, int(t), (1, 2))) for o, i, t in zip(out, x, turns, strict=True))
    assert turns.tolist() == [0, 1, 2, 3] * 4


def test_pairs_are_in_turn_of_one_class_and_of_two() -> None:
    label = torch.randint(3, (30,), generator=torch.Generator().manual_seed(0))
    x = torch.arange(30.0)[:, None]
    partner, same = PairUp()(x, label)
    chosen = partner[:, 0].long()
    assert same.tolist() == [1.0, 0.0] * 15
    assert torch.equal(label == label[chosen], same > 0) and not (chosen == torch.arange(30)).any()
    alone, same = PairUp()(x[:3], torch.tensor([0, 1, 2]))
    assert alone[:, 0].tolist() == [1, 2, 0] and not same.any(), "none of their own: the next one"
    assert PairUp()(x[:1], label[:1])[1].tolist() == [1.0], "a sample alone is its own partner"


def test_a_queue_hands_on_what_was_before_and_forgets_the_oldest() -> None:
    queue = Queue(2, size=5)
    began = queue.kept.clone()
    assert torch.allclose(began.norm(dim=1), torch.ones(5))
    batches = [torch.full((2, 2), float(i)) for i in range(1, 4)]
    assert torch.equal(queue(batches[0]), began), "a batch is no stranger to itself"
    assert torch.equal(queue(batches[1]), torch.cat([batches[0], began[2:]]))
    queue(batches[2])
    assert queue.kept[:, 0].tolist() == [3.0, 1.0, 2.0, 2.0, 3.0] and int(queue.at) == 1
    queue.eval()(torch.zeros(2, 2))
    assert not (queue.kept == 0).any(), "evaluation puts nothing in"
    queue.train()(torch.arange(14.0).view(7, 2))
    assert sorted(queue.kept[:, 1].tolist()) == [5.0, 7.0, 9.0, 11.0, 13.0], "of a batch that is too large, the last"
    twin = Queue(2, size=5)
    twin.load_state_dict(queue.state_dict())
    assert torch.equal(twin(torch.ones(1, 2)), queue(torch.ones(1, 2)))


def test_a_loss_on_a_queue_learns_though_the_queue_moves_on() -> None:
    queue, x = Queue(4, size=8), torch.randn(3, 4, requires_grad=True)
    loss = InfoNCE()(x, torch.randn(3, 4), queue(x))
    queue(x)
    loss.backward()
    assert x.grad is not None and x.grad.abs().sum() > 0
    assert not queue.kept.requires_grad


@pytest.mark.parametrize("measure", ["euclidean", "cosine"])
def test_the_line_of_verify_lies_where_the_roc_says(measure: str) -> None:
    verify = Verify(measure)  # type: ignore[arg-type]
    angles = torch.tensor([0.1, 0.2, 0.3, 0.9, 0.5, 1.2, 1.4])
    same = torch.tensor([1, 1, 1, 1, 0, 0, 0])  # one of its own lies among strangers
    a = torch.tensor([[1.0, 0.0]]).expand(7, 2)
    b = torch.stack([angles.cos(), angles.sin()], 1)
    meter = verify.meter()
    for i in (slice(0, 3), slice(3, 7)):
        verify.count(meter, a[i], b[i], same[i])
    right = (verify.distance(a, b) <= 0.5) == (same > 0)
    assert verify.value(meter) == pytest.approx(right.double().mean().item())
    verify.settle(meter)
    apart = verify.distance(a, b)
    assert apart[2] < verify.threshold < apart[4], "3 of 4 hits and no false alarm"
    assert verify(a, b).tolist() == [1, 1, 1, 0, 0, 0, 0]
    assert verify.value(meter) == pytest.approx(6 / 7)
    assert verify.state_dict()["threshold"] == verify.threshold


def test_pairs_of_one_kind_leave_the_line_where_it_is() -> None:
    verify, meter = Verify(begin=0.25), Verify().meter()
    verify.settle(meter)
    assert verify.value(meter).isnan()
    verify.count(meter, torch.zeros(3, 2), torch.rand(3, 2), torch.ones(3))
    verify.settle(meter)
    assert verify.threshold == 0.25
