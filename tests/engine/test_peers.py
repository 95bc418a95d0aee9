"""Shapes, parameters and MACs of random layers equal what torch's own layers give on real tensors."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings

from tests.peers import Peer, compare, layers

met: Counter[str] = Counter()


@settings(max_examples=150, deadline=None)
@given(layers)
def check_a_layer(peer: Peer) -> None:
    met[peer.block if compare(peer) is not None else "refused"] += 1


def test_random_layers_are_what_torch_makes_of_them() -> None:
    met.clear()
    check_a_layer()
    assert sum(met.values()) - met["refused"] >= 75, met
    assert len(met) >= 12, met
