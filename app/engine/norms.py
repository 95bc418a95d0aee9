"""Batch norms on several devices: each measures its own samples, or all measure together."""

from __future__ import annotations

from torch import nn

from app.engine.compile import alias_submodules
from app.engine.evaluation import has_batch_norm

FEW = 16
"""Samples on which a batch norm still measures well (Wu and He 2018, arXiv:1803.08494, figure 1: the error grows below
16 a device)."""


def settle_norms(module: nn.Module, world: int, batch_size: int, kind: str) -> list[str]:
    """Decide for a network on `world` devices of a kind (`cuda`); returns remarks for the log.

    With enough samples each device measures its own, which keeps what a batch norm does the same however many devices
    there are (Goyal et al. 2017, arXiv:1706.02677, section 2.3). With few all measure together by torch's
    SyncBatchNorm (Peng et al. 2018, arXiv:1711.07240, section 3.4), which needs GPUs.
    """
    if world == 1 or not has_batch_norm(module):
        return []
    each = batch_size // world
    if each >= FEW:
        return [
            f"Batch norms measure on each device its own {each} samples, and those of the first are kept: the curve is "
            f"close to that of one device with batch size {each}."
        ]
    if kind != "cuda":
        return [
            f"Batch norms measure on each device its own {each} samples, which is little: use a batch size of "
            f"{FEW * world} or more, or group norms."
        ]
    nn.SyncBatchNorm.convert_sync_batchnorm(module)
    alias_submodules(module)
    return [f"Each device has {each} samples, little for a batch norm: they measure on all devices together."]
