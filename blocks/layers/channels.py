"""Layers that part channels or put them in another order."""

from __future__ import annotations

import torch
from torch import nn

from blocks.declare import block, port, setting


@block(
    "Channel shuffle", category="Connector", paper="torch.nn.ChannelShuffle (Zhang et al. 2017, arXiv:1707.01083)",
    helps="Between two grouped convolutions, as in ShuffleNet: without it each group would see its own channels alone "
          "through the whole network.",
    hurts="Behind a full convolution it only renames channels, which the next layer could learn by itself. It costs "
          "no arithmetic but a copy of the map, which shows in the time of small networks.",
    icon="shuffle", aliases=("permute", "groups", "shufflenet"),
    inputs={"x": port("number:B C%groups H W", "Feature maps.")},
    outputs={"out": port("B C H W", "The same channels in another order.")},
    groups=setting("Into how many groups the channels are split; one of each comes first, then the next.", min=1,
                   shown=True),
)  # fmt: skip
class ChannelShuffle(nn.ChannelShuffle):
    """Put the first channel of each group first, then the second of each, and so on.

    After a grouped convolution it lets the next one see channels of all groups. It has no weights.
    """

    def __init__(self, groups: int = 2) -> None:
        super().__init__(groups)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.unflatten(1, (self.groups, -1)).transpose(1, 2).flatten(1, 2)  # torch's own does not export


@block(
    "Split in two", category="Connector", paper="torch.split (Ma et al. 2018, arXiv:1807.11164)", icon="split",
    helps="Blocks that work on one part only, such as ShuffleNetV2 and CSP stages: both outputs are views, so that "
          "nothing is copied.",
    hurts="Without Channel shuffle or a 1x1 convolution behind the Concat the same channels are passed over in every "
          "block. More than two parts come from Split, cuts along other sizes than the channels from Chunk.",
    aliases=("channel split", "chunk", "halves", "csp"),
    inputs={"x": port("number:B C *S", "Feature maps, or any tensor with channels.")},
    outputs={"first": port("B c *S", "The first channels."), "second": port("B d *S", "The channels that remain.")},
    channels=setting("How many channels go to the first output; empty: half of them.", min=1, shown=True),
)  # fmt: skip
class SplitInTwo(nn.Module):
    """Give the first channels and the remaining ones apart.

    A block that works on one part and hands the other on as it is costs half, and keeps what it was given. Concat
    joins both again.
    """

    def __init__(self, C: int, channels: int | None = None) -> None:
        super().__init__()
        self.channels = C // 2 if channels is None else channels
        if not 0 < self.channels < C:
            raise ValueError(
                f"channels is {self.channels}, but there are {C} and both parts need one or more: use 1 to {C - 1}"
            )

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x[:, : self.channels], x[:, self.channels :]
