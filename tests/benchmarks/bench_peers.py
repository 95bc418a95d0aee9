"""Are shapes, parameters and MACs those of torch and of torchinfo, on hundreds of random layers?

Run by hand: `python -m tests.benchmarks.bench_peers`; it needs torchinfo. Each layer is drawn by hypothesis with random
settings and sizes. Ours must equal: the shape of torch's own layer on real tensors, torchinfo's parameters, the MACs of
torch's counter; and torchinfo's multiply-adds must differ from ours by what `tests.peers.torchinfo_differs_by` says.
"""

from __future__ import annotations

import importlib
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings

from tests.peers import Peer, compare, layers, ours, torchinfo_differs_by

LAYERS = 600


def main() -> None:
    try:
        torchinfo = importlib.import_module("torchinfo")
    except ImportError:
        raise SystemExit("This needs torchinfo: pip install torchinfo") from None
    met: Counter[str] = Counter()
    differing: Counter[str] = Counter()

    @settings(max_examples=LAYERS, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(layers)
    def check(peer: Peer) -> None:
        made = compare(peer)
        if made is None:
            met["refused by torch and by us"] += 1
            return
        said = ours(peer)
        met[peer.block] += 1
        told: Any = torchinfo.summary(peer.module, input_data=peer.given(), device="cpu", verbose=0)
        assert told.total_params == said.parameters, peer
        explained = torchinfo_differs_by(peer, tuple(made.shape))
        assert told.total_mult_adds - said.macs == explained, (peer, told.total_mult_adds, said.macs, explained)
        differing[peer.block] += explained != 0

    check()
    print(f"{sum(met.values())} random layers: shapes, parameters and MACs equal torch's, parameters torchinfo's")
    for block, count in sorted(met.items()):
        print(f"  {block:<28} {count:4d}   torchinfo's multiply-adds differ in {differing[block]:3d}, as explained")


if __name__ == "__main__":
    main()
