"""How good features are that were learnt without labels: by few labels, linear probe and nearest neighbours.

The protocol of Chen et al. 2020 (SimCLR, section 2.3 and appendix B.8) at the size of the digits: the encoder stays as
it is, ten samples of each class in the training split get their label, and the test split is classified. Untrained
encoders and raw pixels are judged in the same way, with the same labels.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from msgspec.structs import replace
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from app.design.values import Design
from app.engine import checkpoint
from app.engine.compile import Network, compile_design
from app.engine.data import Data, open_data
from app.engine.runs import load_run
from app.engine.train import train

LABELS, NEIGHBOURS, SEEDS = 10, 5, 5
"""Labels of each class, neighbours that vote, and how often all of it is done."""
FIRST = 11
"""Of the seeds: with none of them was anything chosen."""
WAYS = ("linear probe", "kNN")


class Judged(NamedTuple):
    """Test accuracies of one kind of features: by linear probe and by nearest neighbours."""

    linear: float
    neighbours: float


def judge(features: dict[str, np.ndarray], data: Data, seed: int) -> Judged:
    """Classify the test split by few labels of the training split. Features are scaled alike, by what training has."""
    labels = {name: split.labels.numpy() for name, split in data.splits.items() if split.labels is not None}
    random = np.random.default_rng(seed)
    own = np.concatenate([random.permutation(np.flatnonzero(labels["train"] == c))[:LABELS] for c in range(10)])
    spread = features["train"].std(0)
    spread[spread < 1e-6] = 1
    scaled = {name: (values - features["train"].mean(0)) / spread for name, values in features.items()}
    probe = LogisticRegression(max_iter=2000).fit(scaled["train"][own], labels["train"][own])
    near = KNeighborsClassifier(NEIGHBOURS, metric="cosine").fit(features["train"][own], labels["train"][own])
    return Judged(
        float(probe.score(scaled["test"], labels["test"])), float(near.score(features["test"], labels["test"]))
    )


def features_of(network: Network, data: Data) -> dict[str, np.ndarray]:
    """What the drawing's Output gives for the samples of the training and the test split."""
    network.module.eval()
    found = {}
    with torch.no_grad():
        for name in ("train", "test"):
            (images,) = data.splits[name].take(torch.arange(data.splits[name].size))
            found[name] = network.module(images).flatten(1).numpy()
    return found


def compare(design: Design, tell: Callable[[str], None] = lambda line: None) -> dict[str, list[Judged]]:
    """Judge trained features, untrained ones and raw pixels, once a seed: the seed of training and of the labels."""
    found: dict[str, list[Judged]] = {"trained": [], "untrained": [], "raw pixels": []}
    for seed in range(FIRST, FIRST + SEEDS):
        checkpoint.seed_all(seed)
        untrained = compile_design(design)
        data = open_data(design.recipe.data, untrained.inputs, (), seed)  # divided as it is for training
        raw = {name: split.take(torch.arange(split.size))[0].flatten(1).numpy() for name, split in data.splits.items()}
        found["raw pixels"].append(judge(raw, data, seed))
        found["untrained"].append(judge(features_of(untrained, data), data, seed))
        with tempfile.TemporaryDirectory() as place:
            run = train(design, replace(design.recipe, seed=seed), run=Path(place) / "run", device="cpu").run
            trained = load_run(run).network
        assert trained is not None
        found["trained"].append(judge(features_of(trained, data), data, seed))
        tell(f"seed {seed}: " + ", ".join(f"{kind} {rows[-1].linear:.3f} / {rows[-1].neighbours:.3f}"
                                          for kind, rows in found.items()))  # fmt: skip
    return found


def means(found: dict[str, list[Judged]]) -> dict[str, dict[str, Any]]:
    """Means over the seeds, as they stand in the table: by kind of features and way of judging."""
    return {
        kind: {way: round(float(np.mean([row[i] for row in rows])), 4) for i, way in enumerate(WAYS)}
        for kind, rows in found.items()
    }
