"""Layers that keep activations in a healthy range."""

from __future__ import annotations

from torch import nn

from blocks.declare import block, port, setting

_EPS = setting("A small number added to the variance, against division by zero.", min=0)
_AFFINE = setting("Learn a scale and an offset after normalising.")


@block(
    "Batch norm 2d", category="Layer", paper="torch.nn.BatchNorm2d (Ioffe and Szegedy 2015, arXiv:1502.03167)",
    icon="chart-no-axes-combined", aliases=("bn", "batchnorm", "normalisation", "normalization"),
    inputs={"x": "B C H W"}, outputs={"out": "B C H W"},
    eps=_EPS,
    momentum=setting("How fast the running averages follow the batches.", min=0, max=1, shown=True),
    affine=_AFFINE,
)  # fmt: skip
class BatchNorm2d(nn.BatchNorm2d):
    """Bring each channel to mean 0 and variance 1 over the batch.

    In training it uses the batch's own statistics, afterwards running averages of them. It lets networks train faster
    and deeper; with very small batches its statistics are poor.
    """

    def __init__(self, C: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = True) -> None:
        super().__init__(C, eps=eps, momentum=momentum, affine=affine)


@block(
    "Layer norm", category="Layer", paper="torch.nn.LayerNorm (Ba et al. 2016, arXiv:1607.06450)", icon="rows-3",
    aliases=("ln", "layernorm", "normalisation", "normalization"),
    inputs={"x": port("B *S D", "Features in the last size.")}, outputs={"out": "B *S D"},
    eps=_EPS, affine=_AFFINE,
)  # fmt: skip
class LayerNorm(nn.LayerNorm):
    """Bring the features of the last size to mean 0 and variance 1, each sample and place by itself.

    It does not look at the batch, so it works with any batch size and is the same in training and afterwards. It is
    the usual normalisation for sequences and transformers.
    """

    def __init__(self, D: int, eps: float = 1e-5, affine: bool = True) -> None:
        super().__init__(D, eps=eps, elementwise_affine=affine)
