"""Self-attention within windows, as Swin transformers have it."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from blocks.attention.projections import (
    ATTENTION_DROPOUT,
    DROPOUT,
    HEADS,
    KEYS,
    QKV_BIAS,
    QUERIES,
    VALUES,
    QueriesKeysValues2d,
)
from blocks.declare import block, port, preset, setting
from blocks.layers.activation import ReLU
from blocks.layers.convolution import PointwiseConv2d
from blocks.layers.dropout import Dropout
from blocks.layers.linear import Linear
from blocks.layers.sizes import is_open, steps

SWIN = "Liu et al. 2021, arXiv:2103.14030"
SWIN_V2 = "Liu et al. 2021, arXiv:2111.09883"
WINDOW = setting("Height and width of the windows.", min=1, shown=True)
SHIFT = setting(
    "By how many places the windows are moved down and to the right, half a window as a rule; sizes of one window or "
    "less are not shifted.", min=0,
)  # fmt: skip
COSINE = setting(
    "Compare by the angle of query and key, at a learned temperature, with positions from a small network, as Swin v2 "
    "does; otherwise by their product, with a learned number for each distance."
)
_FAR = -100.0  # what the references add to a score in place of minus infinity
_MAPS: dict[str, Any] = {"inputs": {"q": QUERIES, "k": KEYS, "v": VALUES}, "outputs": {"out": "B C H W"}}


class _WindowAttend(nn.Module):
    """Partition, compare, weigh, merge; a subclass says how to compare and what a distance counts."""

    index: torch.Tensor

    def __init__(self, heads: int, window: int, shift: int, dropout: float) -> None:
        super().__init__()
        if shift >= window:
            raise ValueError(f"shift is {shift}, but it needs less than the window of {window}: use {window // 2}")
        self.heads, self.window, self.shift, self.dropout = heads, window, shift, dropout
        at = torch.arange(window)
        rows, columns = at.repeat_interleave(window), at.repeat(window)
        down, across = (p[:, None] - p[None] + window - 1 for p in (rows, columns))
        self.register_buffer("index", down * (2 * window - 1) + across, persistent=False)

    def scores(self, q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def table(self) -> torch.Tensor:
        """What is added to the scores at each distance: ((2 * window - 1)**2, heads)."""
        raise NotImplementedError

    def forward(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        height, width = q.shape[2:]
        q, k, v = (pad_to(x, self.window) for x in (q, k, v))
        rows, columns = q.shape[2:]
        if self.shift and is_open(q):
            return self._of_any_size(q, k, v)[:, :, :height, :width]
        shift = tuple(self.shift if self.shift and size > self.window else 0 for size in (rows, columns))
        if not any(shift):
            return self._attend(q, k, v)[:, :, :height, :width]
        q, k, v = (x.roll((-shift[0], -shift[1]), (2, 3)) for x in (q, k, v))
        ends = [n - by if by else n for n, by in zip((rows, columns), shift, strict=True)]
        down, across = (torch.arange(n, device=q.device) >= end for n, end in zip((rows, columns), ends, strict=True))
        x = self._attend(q, k, v, down, across).roll(shift, (2, 3))
        return x[:, :, :height, :width]

    def _of_any_size(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """The same for a size that an exporter leaves open: tensors say whether there is more than one window."""
        at = [torch.arange(n, device=q.device) for n in q.shape[2:]]
        ends = [places[-1] + 1 for places in at]
        shift = [self.shift * (end > self.window).to(end.dtype) for end in ends]
        moved = [places + by for places, by in zip(at, shift, strict=True)]
        moved = [torch.where(to >= end, to - end, to) for to, end in zip(moved, ends, strict=True)]
        q, k, v = (x.index_select(2, moved[0]).index_select(3, moved[1]) for x in (q, k, v))
        down, across = (places >= end - by for places, end, by in zip(at, ends, shift, strict=True))
        back = [places - by for places, by in zip(at, shift, strict=True)]
        back = [torch.where(to < 0, to + end, to) for to, end in zip(back, ends, strict=True)]
        return self._attend(q, k, v, down, across).index_select(2, back[0]).index_select(3, back[1])

    def _attend(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, *apart: torch.Tensor) -> torch.Tensor:
        """Each window by itself. `apart` says of every row and of every column whether it came from the other side."""
        rows, columns = q.shape[2:]
        q, k, v = (self._partition(x) for x in (q, k, v))  # (B, N, heads, window**2, D)
        scores = self.scores(q, k) + self.table()[self.index].permute(2, 0, 1)
        if apart:
            scores = scores + self._apart(scores, *apart)
        weights = F.dropout(scores.softmax(-1), self.dropout, self.training)
        return self._merge(weights @ v, rows, columns)

    def _partition(self, x: torch.Tensor) -> torch.Tensor:
        side, (B, C, rows, columns) = self.window, x.shape
        x = x.reshape(B, self.heads, C // self.heads, rows // side, side, columns // side, side)
        x = x.permute(0, 3, 5, 1, 4, 6, 2)  # (B, rows, columns, heads, window, window, D)
        return x.reshape(B, (rows // side) * (columns // side), self.heads, side**2, C // self.heads)

    def _merge(self, x: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
        side, B, width = self.window, x.shape[0], x.shape[-1]
        x = x.reshape(B, rows // side, columns // side, self.heads, side, side, width)
        x = x.permute(0, 3, 6, 1, 4, 2, 5)  # (B, heads, D, rows, window, columns, window)
        return x.reshape(B, self.heads * width, rows, columns)

    def _apart(self, like: torch.Tensor, down: torch.Tensor, across: torch.Tensor) -> torch.Tensor:
        """(N, 1, window**2, window**2): keeps apart what meets in a window only because the map was rolled."""
        down, across = (x.to(like.dtype).unflatten(0, (-1, self.window)) for x in (down, across))
        region = 2 * down[:, None, :, None] + across[:, None]  # (rows, columns, window, window): 0 to 3
        region = region.flatten(0, 1).flatten(1)  # (N, window**2)
        return (region[:, None, :, None] != region[:, None, None]).to(like.dtype) * _FAR


@block(
    "Window attend", category="Attention", paper=SWIN, icon="grid-3x3",
    helps="A Swin block with projections of your own, such as queries from a second map: at a window of 7 each place "
          "compares 49 keys, however large the map is.",
    hurts="Where H or W is no multiple of `window`, the zeros that fill it up take part in the softmax and thin out "
          "the edge. Its table fits one window; Cosine window attend can be given a larger one.",
    aliases=("swin", "shifted window", "relative position", "local attention"), **_MAPS,
    heads=HEADS, window=WINDOW, shift=SHIFT, dropout=ATTENTION_DROPOUT,
)  # fmt: skip
class WindowAttend(_WindowAttend):
    """Each place looks at the places of its window and takes over the values of those whose keys fit its query.

    The core of Swin's window attention, between its 1x1 convolutions. A learned number for each distance within the
    window is added to what query and key say. Sizes that are no multiple of the window are filled up with zeros.
    """

    def __init__(self, C: int, heads: int = 4, window: int = 7, shift: int = 0, dropout: float = 0.0) -> None:
        super().__init__(heads, window, shift, dropout)
        self.scale = (C // heads) ** -0.5
        self.relative_position_bias_table = nn.Parameter(torch.empty((2 * window - 1) ** 2, heads))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def scores(self, q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        return (q * self.scale) @ k.transpose(-2, -1)

    def table(self) -> torch.Tensor:
        return self.relative_position_bias_table


@block(
    "Cosine window attend", category="Attention", paper=SWIN_V2, icon="grid-3x3",
    helps="Swin v2: large networks, whose dot products would come to be ruled by a few pairs, and models whose window "
          "grows after pre-training, from 8 to 16 or 24 in the paper.",
    hurts="Normalising queries and keys and running a network of 512 units over all distances costs time at every "
          "step and gains a small model with a fixed window little. Weights of Swin v1 want Window attend.",
    aliases=("swin v2", "shifted window", "continuous position bias", "log-spaced"), **_MAPS,
    leaf="The core of an attention: its partition into windows depends on the size of the map.",
    heads=HEADS, window=WINDOW, shift=SHIFT, dropout=ATTENTION_DROPOUT,
)  # fmt: skip
class CosineWindowAttend(_WindowAttend):
    """Each place looks at the places of its window and compares by the angle between query and key.

    The core of Swin v2's window attention, between its 1x1 convolutions. The angle cannot grow with the values, which
    keeps large networks stable; a temperature for each head is learned. A small network turns the logarithm of a
    distance into what it counts, so that a trained network can be given larger windows.
    """

    coordinates: torch.Tensor

    def __init__(self, C: int, heads: int = 4, window: int = 7, shift: int = 0, dropout: float = 0.0) -> None:
        super().__init__(heads, window, shift, dropout)
        self.logit_scale = nn.Parameter(torch.full((heads, 1, 1), math.log(10)))
        self.cpb_mlp = nn.Sequential(Linear(2, 512), ReLU(), Linear(512, heads, bias=False))
        far = 8 * torch.arange(1 - window, window, dtype=torch.float32) / max(window - 1, 1)
        far = far.sign() * (far.abs() + 1).log2() / 3
        at = torch.stack(torch.meshgrid(far, far, indexing="ij"), -1)
        self.register_buffer("coordinates", at, persistent=False)

    def scores(self, q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        scale = self.logit_scale.clamp(max=math.log(100)).exp()
        return F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1) * scale

    def table(self) -> torch.Tensor:
        counts: torch.Tensor = self.cpb_mlp(self.coordinates)
        return 16 * counts.flatten(0, 1).sigmoid()


def pad_to(x: torch.Tensor, multiple: int) -> torch.Tensor:
    """Zeros below and to the right, until height and width are multiples."""
    bottom, right = (steps(size, multiple) * multiple - size for size in x.shape[2:])
    return F.pad(x, (0, right, 0, bottom)) if is_open(x) or bottom or right else x


@block(
    "Pad to a multiple", category="Layer", paper=SWIN, icon="maximize-2", aliases=("padding", "windows", "divisible"),
    helps="Images of odd size before windows, patches or a U-Net that halves five times (32): at most `multiple` - 1 "
          "rows and columns are added, and no pixel is blended.",
    hurts="All zeros stand below and to the right, and means, batch norms and attention take them for image. Resize "
          "to a multiple adds no false border; Pad fills all four sides, by mirroring too.",
    inputs={"x": "B C H W"}, outputs={"out": port("B C h w", "The map, as large or a little larger.")},
    multiple=setting("Height and width come out as multiples of this.", min=1, shown=True),
)  # fmt: skip
class PadToMultiple(nn.Module):
    """Add zeros below and to the right, until height and width are multiples of a number.

    Windows, patches and repeated halving then come out even at any size of the image. `Cut to size` takes the zeros
    off again.
    """

    def __init__(self, multiple: int = 7) -> None:
        super().__init__()
        self.multiple = multiple

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return pad_to(x, self.multiple)


@block(
    "Cut to size", category="Layer", paper=SWIN, icon="minimize-2", aliases=("crop", "unpad", "trim"),
    helps="Behind Pad to a multiple, and where a pool that rounds up and a transposed convolution brought a map back "
          "a little larger than the one to which it is added.",
    hurts="It always keeps the upper left: where a border was lost on all sides, as in the first U-Net's convolutions "
          "without padding, Crop keeps the middle. To change the scale take Interpolate.",
    inputs={"x": "B C H W", "like": port("B c h w", "A map whose height and width to keep.")},
    outputs={"out": port("B C h w", "The upper left part of the map.")},
)  # fmt: skip
class CutToSize(nn.Module):
    """Keep the upper left part of a map, as large as another one.

    It takes off what `Pad to a multiple` added.
    """

    def forward(self, x: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        height, width = like.shape[2:]
        if x.shape[2] < height or x.shape[3] < width:
            raise ValueError(
                f"`x` is {x.shape[2]}x{x.shape[3]} but `like` is {height}x{width}: nothing can be cut off, so wire "
                "the smaller map to `like`"
            )
        return x[:, :, :height, :width]


@block(
    "Window attention", category="Attention", paper=SWIN, icon="grid-3x3",
    helps="Early stages with large maps, and networks that see other sizes than they were trained on: 49 comparisons "
          "a place at a window of 7, and a learned number for each distance.",
    hurts="One alone never looks across a border, and far places meet only after many pairs of plain and shifted "
          "windows. 57 x 57 costs as much as 63 x 63; on 7 x 7 or 14 x 14 Locally enhanced attention sees all at once.",
    aliases=("swin", "w-msa", "sw-msa", "local attention", "swin v2"),
    inputs={"x": "B C%heads H W"}, outputs={"out": "B C H W"},
    heads=HEADS, window=WINDOW, shift=SHIFT, cosine=COSINE, bias=QKV_BIAS, attention_dropout=ATTENTION_DROPOUT,
    dropout=DROPOUT,
    presets={
        "shifted": preset(
            "The windows lie half a window to the side, so that neighbours meet.", title="Shifted-window attention",
            shift=3,
        ),
    },
)  # fmt: skip
class WindowAttention(nn.Module):
    """Self-attention in which each place sees only the places of its window.

    Its cost grows with the size of the map, not with its square. Put two in a row and shift the windows of the second
    by half a window, so that neighbours meet across the borders. With `cosine` it is the attention of Swin v2
    (Liu et al. 2021, arXiv:2111.09883).
    """

    def __init__(
        self,
        C: int,
        heads: int = 4,
        window: int = 7,
        shift: int = 0,
        cosine: bool = False,
        bias: bool = True,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        # Before the convolutions, as in the reference: a place outside the map then has their biases for its key.
        self.pad = PadToMultiple(window)
        self.qkv = QueriesKeysValues2d(C, bias, key_bias=not cosine)
        core = CosineWindowAttend if cosine else WindowAttend
        self.attend = core(C, heads, window, shift, attention_dropout)
        self.proj = PointwiseConv2d(C, C)
        self.dropout = Dropout(dropout) if dropout else None
        self.cut = CutToSize()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(self.pad(x))
        out = self.cut(self.proj(self.attend(q, k, v)), x)
        return out if self.dropout is None else self.dropout(out)
