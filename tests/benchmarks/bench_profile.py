"""Do the times of the nodes add up to that of the network? Their sum by the pass in which nothing is measured between.

Run by hand: `python -m tests.benchmarks.bench_profile [--batch N] [name ...]`. Each network of the zoo is measured as
it is drawn, and opened down to its single layers, where the nodes are many and small. One thread; medians.
"""

from __future__ import annotations

import argparse
import time

import torch

from app.engine.profiling import profile
from tests.layers import down_to_layers, drawn

NETWORKS = ("resnet50", "vit_b_16", "yolov8n")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("names", nargs="*", default=list(NETWORKS))
    wish = parser.parse_args()
    torch.set_num_threads(1)
    passes = "".join(f"   {f'{name}: whole':>16}{'nodes':>10}{'ratio':>7}" for name in ("forward", "backward"))
    print(f"{'network':14}{'drawn':8}{'nodes':>6}{'repeats':>9}{passes}{'in all':>9}")
    for name in wish.names:
        for how in ("as is", "layers"):
            design = drawn(name) if how == "as is" else down_to_layers(drawn(name)).design
            line = ""
            for training in (False, True):
                begun = time.perf_counter()
                told = profile(design, batch=wish.batch, device="cpu", training=training)
                whole, nodes = told.forward, sum(n.forward for n in told.nodes)
                if training:
                    whole, nodes = told.backward, sum(n.backward for n in told.nodes)
                else:
                    line = f"{name:14}{how:8}{len(told.nodes):6}{told.repeats:9}"
                line += f"   {whole * 1e3:13.2f} ms{nodes * 1e3:7.2f} ms{nodes / whole:7.3f}"
            print(f"{line}{time.perf_counter() - begun:7.1f} s", flush=True)


if __name__ == "__main__":
    main()
