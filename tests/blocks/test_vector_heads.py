"""Embeddings and projections: the published sizes, unit lengths, and what the reference's formulas give."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from blocks.declare import CARDS
from blocks.heads.projection import DINOHead, EmbeddingHead, ProjectionHead, WeightNormLinear

PUBLISHED = {
    "SimCLR": 4460800, "SimCLR v2": 8659200, "MoCo v2": 4458624, "SimSiam": 12591104, "SwAV": 4460672,
    "BYOL": 2048 * 4096 + 2 * 4096 + 4097 * 256, "MoCo v3": 2048 * 4096 + 2 * 4096 + 4096 * 256,
}  # fmt: skip
"""Trainable parameters of each method's projection of 2048 features."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_projections_have_their_parameters(name: str) -> None:
    preset = CARDS["ProjectionHead"].preset(name)
    assert preset is not None
    with torch.device("meta"):
        head = ProjectionHead(2048, **dict(preset.settings))
    assert sum(p.numel() for p in head.parameters() if p.requires_grad) == PUBLISHED[name]


@pytest.mark.parametrize(("fixed", "parameters"), [(True, 22286592), (False, 22352128)])
def test_dinos_head_has_its_parameters(fixed: bool, parameters: int) -> None:
    with torch.device("meta"):
        head = DINOHead(384, 65536, fixed=fixed)
    assert sum(p.numel() for p in head.parameters() if p.requires_grad) == parameters


@pytest.mark.parametrize("norm", [False, True])
def test_embeddings_have_length_one(norm: bool) -> None:
    head = EmbeddingHead(12, 5, norm).eval()
    torch.testing.assert_close(head(torch.randn(4, 12)).norm(dim=1), torch.ones(4))


def test_a_weight_normalised_layer_is_torchs() -> None:
    mine = WeightNormLinear(6, 3)
    theirs = nn.utils.parametrizations.weight_norm(nn.Linear(6, 3, bias=False))
    weight = theirs.parametrizations["weight"]
    with torch.no_grad():
        weight.original0.copy_(mine.weight_g.copy_(torch.rand(3, 1) + 1))
        weight.original1.copy_(mine.weight_v)
    x = torch.randn(2, 6)
    torch.testing.assert_close(mine(x), theirs(x))


def test_prototypes_of_fixed_length_are_compared_by_angle() -> None:
    head = DINOHead(12, 7, (8,), 4).eval()
    held, learned = (dict(h.named_parameters())["last_layer.weight_g"] for h in (head, DINOHead(12, 7, fixed=False)))
    assert not held.requires_grad and learned.requires_grad
    x = torch.randn(3, 12)
    wanted = F.cosine_similarity(head.mlp(x)[:, None], head.last_layer.weight_v, dim=2)
    torch.testing.assert_close(head(x), wanted)
    assert head(x).abs().max() <= 1
