"""What learning by comparison is drawn with: two views of a sample, pairs, turned images, and a queue of what was."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from blocks.declare import block, port, setting
from blocks.layers.sizes import shown

_SEED = 0
"""Of the views that are drawn outside training: each evaluation sees the same ones."""


@block(
    "Two views", category="Connector", paper="Chen et al. 2020, SimCLR, arXiv:2002.05709", icon="copy",
    helps="SimCLR, MoCo, BYOL and SimSiam: the two views of one image belong together, so no label is needed. What "
          "the views differ in is what the network learns to look past.",
    hurts="What a view changes must not tell classes apart: a 6 turned by half is a 9. Colours, crops and erasing are "
          "better made with the data, and views that hardly differ teach nothing.",
    aliases=("augmentation", "simclr", "moco", "byol", "self-supervised", "contrastive"),
    inputs={"x": port("B C H W", "Images.")},
    outputs={"a": port("B C H W", "One view of each image."), "b": port("B C H W", "Another view of each.")},
    exempt={"onnx": "views belong to training: exported networks take images as they are"},
    shift=setting("How far a view may be moved, as a share of height and width.", min=0, max=1, shown=True),
    turn=setting("By how many degrees a view may be turned, either way.", min=0, max=180, shown=True),
    zoom=setting("By which share a view may be larger or smaller.", min=0, max=0.9),
    contrast=setting("By which share its contrast may change.", min=0, max=1),
    noise=setting("The spread of the noise that is added to each value.", min=0),
)  # fmt: skip
class TwoViews(nn.Module):
    """Give two versions of every image, each moved, turned, zoomed, and with other contrast and noise, by chance.

    In training they are drawn anew each time; in evaluation each batch gets the same ones every time, so that losses
    stay comparable.
    """

    def __init__(
        self, shift: float = 0.1, turn: float = 10.0, zoom: float = 0.1, contrast: float = 0.2, noise: float = 0.05
    ) -> None:
        super().__init__()
        self.shift = shift
        self.turn = turn
        self.zoom = zoom
        self.contrast = contrast
        self.noise = noise

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if not x.is_floating_point():
            raise ValueError(f"`x` is {shown(x)} of whole numbers, but a view mixes neighbours: give it float32")
        generator = None if self.training else torch.Generator("cpu").manual_seed(_SEED)
        return self._view(x, generator), self._view(x, generator)

    def _view(self, x: torch.Tensor, generator: torch.Generator | None) -> torch.Tensor:
        device = x.device if generator is None else torch.device("cpu")
        drawn = 2 * torch.rand(5, len(x), device=device, generator=generator).to(x) - 1  # -1 to 1: (5, B)
        angle, scale = math.radians(self.turn) * drawn[0], 1 + self.zoom * drawn[1]
        cos, sin, ratio = angle.cos() / scale, angle.sin() / scale, x.shape[2] / x.shape[3]
        rows = (cos, -sin * ratio, 2 * self.shift * drawn[2], sin / ratio, cos, 2 * self.shift * drawn[3])
        theta = torch.stack(rows, 1).unflatten(1, (2, 3))  # (B, 2, 3)
        moved = F.grid_sample(x, F.affine_grid(theta, list(x.shape), align_corners=False), align_corners=False)
        mean = moved.mean((1, 2, 3), keepdim=True)
        moved = mean + (moved - mean) * (1 + self.contrast * drawn[4]).view(-1, 1, 1, 1)
        if self.noise:
            moved = moved + self.noise * torch.randn(x.shape, device=device, generator=generator).to(x)
        return moved


@block(
    "Quarter turns", category="Connector", paper="Gidaris et al. 2018, arXiv:1803.07728", icon="rotate-ccw",
    helps="A pretext task: to say by how much an image was turned a network must know what is up in it. The answer "
          "costs no label, and the features serve other tasks after.",
    hurts="Images that look alike from all sides (cells, satellite images, a written 0) have no answer. It needs "
          "square images, and the features know where up is, which some tasks should not.",
    aliases=("rotation", "rotnet", "pretext", "self-supervised"),
    inputs={"x": port("B C H H", "Square images.")},
    outputs={"out": port("B C H H", "The images, each turned."),
             "turns": port("int:B", "By how many quarters each was turned: 0 to 3.")},
    exempt={"onnx": "a pretext task belongs to training: exported networks take images as they are"},
)  # fmt: skip
class QuarterTurns(nn.Module):
    """Turn each image by 0, 90, 180 or 270 degrees, and say by how much.

    In training it is chance; in evaluation the images of a batch have turns of 0, 1, 2, 3, 0 and so on.
    """

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if x.shape[2] != x.shape[3]:
            raise ValueError(f"`x` is {shown(x)}, but only square images can be turned by a quarter: crop it first")
        turns = torch.randint(4, (len(x),), device=x.device)
        if not self.training:
            turns = torch.arange(len(x), device=x.device) % 4
        every = torch.stack([torch.rot90(x, k, (2, 3)) for k in range(4)], 1)  # (B, 4, C, H, W)
        place = turns.view(-1, 1, 1, 1, 1).expand(-1, 1, *x.shape[1:])
        return every.gather(1, place).squeeze(1), turns


@block(
    "Pair up", category="Connector", paper="Hadsell et al. 2006, doi:10.1109/CVPR.2006.100", icon="link",
    helps="Siamese networks on data that has classes and no pairs: each batch gives as many pairs as samples, half "
          "of one class, half of two, and other ones each epoch.",
    hurts="The pairs are random, and most of different classes soon are easy: Triplet loss looks for hard ones. In "
          "batches smaller than the number of classes few samples find one of their own.",
    aliases=("siamese", "pairs", "verify", "contrastive"),
    inputs={"x": port("B *S", "Samples."), "label": port("int:B", "The class of each.")},
    outputs={"partner": port("B *S", "For each sample another one of the batch."),
             "same": port("B", "1 where both are of one class, else 0.")},
    exempt={"onnx": "pairs are made for training: exported networks are given both"},
)  # fmt: skip
class PairUp(nn.Module):
    """Give each sample of a batch a partner: in turn one of the same class and one of another.

    The next in the batch that fits is taken, so nothing is left to chance. Where none fits it is the next one of all.
    """

    def forward(self, x: torch.Tensor, label: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        place = torch.arange(len(x), device=x.device)
        ahead = (place[None] - place[:, None] - 1) % len(x)  # (B, B): 0 for the next, B - 1 for itself
        same = label[:, None] == label[None]
        fits = (same == (place % 2 == 0)[:, None]) & (ahead < len(x) - 1)
        chosen = (ahead + len(x) * ~fits).argmin(1)
        return x[chosen], (label == label[chosen]).to(x.dtype if x.is_floating_point() else torch.float32)


@block(
    "Queue", category="Connector", paper="He et al. 2020, MoCo (section 3.2), arXiv:1911.05722", icon="layers",
    helps="Thousands of strangers for a contrastive loss without a batch of thousands: wired from the node whose "
          "weights follow slowly to the `queue` of InfoNCE.",
    hurts="Behind a network that is trained directly, old embeddings no longer fit the new ones: let its weights "
          "follow another's with a momentum near 1. On several devices it takes the batches of the first one only.",
    aliases=("moco", "memory", "fifo", "buffer", "negatives", "dictionary"),
    inputs={"x": port("B D", "Embeddings of this batch.")},
    outputs={"out": port("N D", "Those of earlier batches: as many as `size`.")},
    exempt={"gradient": "what was kept is handed on as it is, and no gradient reaches earlier batches",
            "onnx": "a queue belongs to training: exported networks hold none"},
    size=setting("How many embeddings it holds; the oldest go first.", min=1, shown=True),
)  # fmt: skip
class Queue(nn.Module):
    """Keep the embeddings of earlier batches, first in, first out, and hand all of them on.

    It begins with random directions. In training each batch is put in after what was there is handed on; in
    evaluation nothing changes. It is part of the weights, so a resumed run goes on with it.
    """

    kept: torch.Tensor
    at: torch.Tensor

    def __init__(self, D: int, size: int = 1024) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("kept", F.normalize(torch.randn(size, D), dim=1))
        self.register_buffer("at", torch.zeros((), dtype=torch.long))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        handed = self.kept.clone()  # the loss still needs it when the next batch is put in
        if self.training:
            fresh = x.detach()[-self.size :].to(self.kept.dtype)
            places = (self.at + torch.arange(len(fresh), device=x.device)) % self.size
            self.kept[places] = fresh
            self.at.copy_((self.at + len(fresh)) % self.size)
        return handed.to(x.dtype)
