"""Attention in which regions choose by content which other regions they look at, as BiFormer has it."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from blocks.attention.projections import HEADS, KEYS, QUERIES, VALUES, QueriesKeysValues2d
from blocks.attention.reduction import Attend2d
from blocks.attention.windows import CutToSize, PadToMultiple, pad_to
from blocks.declare import block, setting
from blocks.layers.composite import check_odd
from blocks.layers.convolution import DepthwiseConv2d, PointwiseConv2d
from blocks.layers.sizes import steps

BIFORMER = "Zhu et al. 2023, arXiv:2303.08810"
REGIONS = setting("Into how many regions each side of the map is cut.", min=1)
TOP_K = setting("At how many regions each region looks; at most all of them.", min=1, shown=True)
LOCAL_KERNEL = setting("Height and width of the window of the local convolution beside the attention; odd.", min=1)


@block(
    "Routed attend", category="Attention", paper=BIFORMER, icon="workflow",
    helps="BiFormer's attention with projections of your own: each place compares top_k x H x W / (regions x regions) "
          "keys, taken where the content fits.",
    hurts="A region is chosen by its mean, so that a small object in a busy one goes unnoticed. Chosen keys and "
          "values are copied `top_k` times, which takes memory and time; Window attend copies nothing.",
    aliases=("biformer", "bi-level routing", "sparse", "top-k"),
    inputs={"q": QUERIES, "k": KEYS, "v": VALUES}, outputs={"out": "B C H W"},
    heads=HEADS, top_k=TOP_K, regions=REGIONS,
)  # fmt: skip
class RoutedAttend(nn.Module):
    """Each region of a map looks at the places of those regions whose mean keys fit its mean query best.

    The core of bi-level routing attention, between its 1x1 convolutions. The choice itself is not learned: the
    gradient flows through what the chosen places say. Sizes that are no multiple of `regions` are filled up with zeros.
    """

    def __init__(self, heads: int = 4, top_k: int = 4, regions: int = 7) -> None:
        super().__init__()
        if top_k > regions**2:
            raise ValueError(f"top_k is {top_k}, but there are {regions**2} regions: use at most {regions**2}")
        self.heads, self.top_k, self.regions = heads, top_k, regions

    def forward(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        channels, height, width = q.shape[1:]
        rows, columns = steps(height, self.regions), steps(width, self.regions)
        q, k, v = (self._cut(x) for x in (q, k, v))  # (B, regions**2, places, C)
        scale = channels**-0.5  # of all channels, not of a head's, as published
        routes = (q.detach().mean(2) * scale) @ k.detach().mean(2).transpose(1, 2)  # (B, regions**2, regions**2)
        chosen = routes.topk(self.top_k, dim=-1).indices.flatten(1)  # (B, regions**2 * top_k)
        k, v = (self._gather(x, chosen) for x in (k, v))  # (B, regions**2, top_k * places, C)
        q, k, v = (x.flatten(0, 1).unflatten(2, (self.heads, -1)).transpose(1, 2) for x in (q, k, v))
        out = F.scaled_dot_product_attention(q, k, v, scale=scale)  # (B * regions**2, heads, places, C / heads)
        out = out.transpose(1, 2).flatten(2).unflatten(1, (rows, columns))
        out = out.unflatten(0, (-1, self.regions, self.regions)).permute(0, 5, 1, 3, 2, 4)
        return out.flatten(4, 5).flatten(2, 3)[:, :, :height, :width]

    def _cut(self, x: torch.Tensor) -> torch.Tensor:
        x = pad_to(x, self.regions)
        x = x.unflatten(3, (self.regions, -1)).unflatten(2, (self.regions, -1))  # (B, C, r, h, r, w)
        return x.permute(0, 2, 4, 3, 5, 1).flatten(3, 4).flatten(1, 2)

    def _gather(self, x: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
        places, channels = x.shape[2:]
        picked = x.gather(1, chosen[:, :, None, None].expand(-1, -1, places, channels))
        return picked.unflatten(1, (self.regions**2, self.top_k)).flatten(2, 3)


@block(
    "Bi-level routing attention", category="Attention", paper=BIFORMER, icon="workflow",
    helps="Large maps with like things far apart: regions meet in a single layer where shifted windows need many. "
          "BiFormer lets `top_k` grow from 1 to 4 to 16 as maps shrink.",
    hurts="Choosing and gathering take extra kernels and copies, so that it runs slower than Window attention at "
          "equal MACs, as its authors note. On 7 x 7 a region is one place: Locally enhanced attention sees all.",
    aliases=("bra", "biformer", "sparse", "top-k", "dynamic"),
    inputs={"x": "B C%heads H W"}, outputs={"out": "B C H W"},
    heads=HEADS, top_k=TOP_K, regions=REGIONS, local_kernel=LOCAL_KERNEL,
)  # fmt: skip
class BiLevelRoutingAttention(nn.Module):
    """Self-attention in two steps: regions choose a few other regions, then places look at the places of these.

    Where windows are drawn by content, far places meet at little cost. A depthwise convolution of the values is added,
    which tells near places apart. Maps of other sizes are filled up with zeros.
    """

    def __init__(
        self, C: int, heads: int = 4, top_k: int = 4, regions: int = 7, local_kernel: int = 5
    ) -> None:  # fmt: skip
        super().__init__()
        check_odd("local_kernel", local_kernel)
        self.pad = PadToMultiple(regions)
        self.qkv = QueriesKeysValues2d(C)
        self.attend = RoutedAttend(heads, top_k, regions)
        self.local = DepthwiseConv2d(C, local_kernel, padding=local_kernel // 2)
        self.project = PointwiseConv2d(C, C)
        self.cut = CutToSize()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(self.pad(x))
        return self.cut(self.project(self.attend(q, k, v) + self.local(v)), x)


@block(
    "Locally enhanced attention", category="Attention", paper="Dong et al. 2021, arXiv:2107.00652", icon="workflow",
    helps="Last stages of 14 x 14 or 7 x 7, where comparing all places is cheap: its convolution tells positions at "
          "any map size, with no table that fits one.",
    hurts="It makes (H x W) x (H x W) comparisons, so that early stages want Bi-level routing or Window attention. "
          "Only near order is known, 5 x 5 by default; Position pair bias with Attend 2d knows every pair.",
    aliases=("lepe", "biformer", "cswin", "self-attention", "position"),
    inputs={"x": "B C%heads H W"}, outputs={"out": "B C H W"},
    heads=HEADS, local_kernel=LOCAL_KERNEL, bias=setting("Add a learned number to each query, key and value."),
)  # fmt: skip
class LocallyEnhancedAttention(nn.Module):
    """Self-attention of every place with every other, and beside it a depthwise convolution.

    The convolution tells attention where places are. As in BiFormer's last stage it looks at what comes in; in CSWin,
    where it comes from, at the values.
    """

    def __init__(self, C: int, heads: int = 8, local_kernel: int = 5, bias: bool = False) -> None:
        super().__init__()
        check_odd("local_kernel", local_kernel)
        self.qkv = QueriesKeysValues2d(C, bias)
        self.attend = Attend2d(heads)
        self.local = DepthwiseConv2d(C, local_kernel, padding=local_kernel // 2)
        self.project = PointwiseConv2d(C, C)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(x)
        return self.project(self.attend(q, k, v) + self.local(x))
