"""Losses for embeddings: what belongs together comes near, the rest stays away."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F

from blocks.declare import block, port, setting
from blocks.losses.common import NO_EXPORT, WEIGHT, mean_of, wide

Distance = Literal["euclidean", "cosine"]
Others = Literal["both views", "other view"]

_A = port("B D", "Embeddings of one view, or of the first of each pair.")
_B = port("B D", "Embeddings of the other view, row by row of the same samples.")
_TEMPERATURE = setting("What cosines are divided by: a small one makes near strangers count most.", min=0.001)


def distances(x: torch.Tensor, form: Distance) -> torch.Tensor:
    """The distance of every two rows of (B, D): (B, B)."""
    if form == "cosine":
        x = F.normalize(x, dim=1)
        return 1 - x @ x.T
    return torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")


@block(
    "Triplet loss", category="Loss", paper="Hermans et al. 2017, arXiv:1703.07737", icon="triangle",
    helps="Faces, people and products to be found again, also of classes that training never saw. Of each batch it "
          "takes the hardest triplets itself, so no triplets have to be prepared.",
    hurts="A batch needs several samples of each of several classes, or there is no triplet and no gradient. Wrong "
          "labels are the hardest positives; and with a high learning rate all collapse into one point.",
    aliases=("metric learning", "facenet", "batch hard", "retrieval", "hard mining"),
    inputs={"x": port("B D", "An embedding of each sample."),
            "target": port("int:B", "Who or what each sample is: equal numbers belong together.")},
    outputs={"loss": "scalar"}, exempt={"onnx": NO_EXPORT}, weight=WEIGHT,
    margin=setting("By how much the nearest stranger should be farther than the farthest of its own.", min=0,
                   shown=True, when={"soft": False}),
    soft=setting("ln(1 + e^d) in the place of the margin: it goes on pulling, ever more weakly."),
    distance=setting("`euclidean`: the straight line; `cosine`: one minus the cosine, whatever the lengths."),
)  # fmt: skip
class TripletLoss(nn.Module):
    """For each sample: its farthest own should be nearer, by a margin, than its nearest stranger.

    Both are looked for in the batch (batch-hard mining). Samples that lack one of them there do not count.
    """

    def __init__(
        self, weight: float = 1.0, margin: float = 0.2, soft: bool = False, distance: Distance = "euclidean"
    ) -> None:
        super().__init__()
        self.weight = weight
        self.margin = margin
        self.soft = soft
        self.distance = distance

    def forward(self, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        apart = distances(wide(x), self.distance)  # (B, B)
        same = target[:, None] == target[None]
        own = same & ~torch.eye(len(target), dtype=torch.bool, device=target.device)
        counts = (own.any(1) & ~same.all(1)).to(apart.dtype)
        # what an anchor lacks is 0 here, and the anchor does not count
        far = apart.masked_fill(~own, -torch.inf).amax(1).where(counts > 0, 0.0)
        near = apart.masked_fill(same, torch.inf).amin(1).where(counts > 0, 0.0)
        losses = F.softplus(far - near) if self.soft else (far - near + self.margin).clamp(min=0)
        return self.weight * mean_of(losses, counts)


@block(
    "Contrastive loss", category="Loss", paper="Hadsell et al. 2006, doi:10.1109/CVPR.2006.100", icon="link",
    helps="A siamese network that verifies: two signatures, two faces, is it the same one. Pairs are given with their "
          "answer, and the distance itself becomes the score.",
    hurts="Pairs of strangers beyond the margin teach nothing, and most random pairs soon are: mine hard ones, or "
          "use triplets. The margin means nothing without a fixed length: normalise the embeddings.",
    aliases=("siamese", "pairs", "verify", "metric learning"),
    inputs={"a": port("B D", "An embedding of the first of each pair."), "b": port("B D", "One of the second."),
            "target": port("number:B", "1 where both are the same, 0 where they are not.")},
    outputs={"loss": "scalar"}, weight=WEIGHT,
    exempt={"onnx": NO_EXPORT, "settings:margin": "the samples lie farther apart than any margin that is tried"},
    margin=setting("How far apart two that differ should be.", min=0, shown=True),
)  # fmt: skip
class ContrastiveLoss(nn.Module):
    """Half the squared distance of pairs that are the same; half the square of what the others lack to the margin.

    The distance is the Euclidean one.
    """

    def __init__(self, weight: float = 1.0, margin: float = 1.0) -> None:
        super().__init__()
        self.weight = weight
        self.margin = margin

    def forward(self, a: torch.Tensor, b: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        square = (wide(a) - wide(b)).square().sum(1)
        lacks = (self.margin - square.clamp(min=1e-12).sqrt()).clamp(min=0)  # the root's gradient at 0 is infinite
        same = target.to(square.dtype)
        return self.weight * (same * square + (1 - same) * lacks.square()).mean() / 2


@block(
    "Cosine loss", category="Loss", paper="torch.nn.CosineEmbeddingLoss", icon="scale",
    helps="Two branches that should give the same direction: BYOL and SimSiam with a stop gradient, features of a "
          "student and its teacher, embeddings of texts and their images.",
    hurts="Without `target` nothing keeps both from giving one and the same vector for everything: one branch needs a "
          "stop gradient and a predictor. The lengths of the vectors are left to chance.",
    aliases=("similarity", "simsiam", "byol", "embedding", "angle"),
    inputs={"a": port("B *S D", "Vectors in the last size."), "b": port("B *S D", "What each should point along."),
            "target?": port("number:B *S", "1 where both belong together, 0 or -1 where not; not wired: all do.")},
    outputs={"loss": "scalar"}, exempt={"onnx": NO_EXPORT}, weight=WEIGHT,
    margin=setting("The cosine that strangers may have; it matters where `target` is wired.", min=-1, max=1),
)  # fmt: skip
class CosineLoss(nn.Module):
    """One minus the cosine of pairs that belong together; for the others the cosine above the margin.

    It is the mean over all pairs.
    """

    def __init__(self, weight: float = 1.0, margin: float = 0.0) -> None:
        super().__init__()
        self.weight = weight
        self.margin = margin

    def forward(self, a: torch.Tensor, b: torch.Tensor, target: torch.Tensor | None = None) -> torch.Tensor:
        cosine = F.cosine_similarity(wide(a), wide(b), dim=-1)
        losses = 1 - cosine
        if target is not None:
            losses = losses.where(target > 0, (cosine - self.margin).clamp(min=0))
        return self.weight * losses.mean()


@block(
    "InfoNCE", category="Loss", paper="Chen et al. 2020, SimCLR, arXiv:2002.05709; van den Oord et al. 2018, "
    "arXiv:1807.03748", icon="shuffle",
    helps="Learning without labels from two views of each sample: SimCLR (`both views`), pairs of image and text "
          "(`other view`), MoCo with a queue of strangers. Larger batches give more strangers.",
    hurts="Samples of one class are pushed apart as strangers too. It hangs on batch size and temperature, and on "
          "several devices each sees its own part only. Views that are too alike are solved by colour alone.",
    aliases=("nt-xent", "simclr", "moco", "clip", "contrastive", "self-supervised"),
    inputs={"a": _A, "b": _B,
            "queue?": port("N D", "Embeddings of earlier samples: further strangers to each row of `a`.")},
    outputs={"loss": "scalar"}, exempt={"onnx": NO_EXPORT}, weight=WEIGHT,
    temperature=_TEMPERATURE,
    strangers=setting("`both views`: all others of either view (NT-Xent); `other view`: those of the other one only.",
                      shown=True),
)  # fmt: skip
class InfoNCE(nn.Module):
    """Find the other view of each sample among strangers: cross-entropy on cosines over a temperature.

    Row i of `a` belongs to row i of `b`. With `both views` every sample of either view has a turn, as in SimCLR's
    NT-Xent; with `other view` rows look for columns and columns for rows, as in CLIP. With a queue only the rows of `a`
    look, for their partner among it and the queue, as in MoCo.
    """

    def __init__(self, weight: float = 1.0, temperature: float = 0.5, strangers: Others = "both views") -> None:
        super().__init__()
        self.weight = weight
        self.temperature = temperature
        self.strangers = strangers

    def forward(self, a: torch.Tensor, b: torch.Tensor, queue: torch.Tensor | None = None) -> torch.Tensor:
        a, b = F.normalize(wide(a), dim=1), F.normalize(wide(b), dim=1)
        if queue is not None:
            partner = (a * b).sum(1, keepdim=True)
            scores = torch.cat([partner, a @ F.normalize(wide(queue), dim=1).T], 1)
            place = torch.zeros(len(a), dtype=torch.long, device=a.device)
            return self.weight * F.cross_entropy(scores / self.temperature, place)
        place = torch.arange(len(a), device=a.device)
        if self.strangers == "other view":
            scores = a @ b.T / self.temperature
            return self.weight * (F.cross_entropy(scores, place) + F.cross_entropy(scores.T, place)) / 2
        scores = _without_self(torch.cat([a, b])) / self.temperature
        return self.weight * F.cross_entropy(scores, torch.cat([place + len(a), place]))


def _without_self(x: torch.Tensor) -> torch.Tensor:
    """The cosines of every two rows of unit length; minus infinity of a row with itself."""
    return (x @ x.T).masked_fill(torch.eye(len(x), dtype=torch.bool, device=x.device), -torch.inf)


@block(
    "Decoupled contrastive", category="Loss", paper="Yeh et al. 2021, arXiv:2110.06848", icon="unlink",
    helps="Learning from two views with small batches: with 256 samples and fewer it loses less than InfoNCE, and it "
          "asks for less tuning of the learning rate and temperature.",
    hurts="The value may be negative and has no floor, so it cannot be compared with that of InfoNCE. With a batch of "
          "one sample there are no strangers, and with thousands the gain is gone.",
    aliases=("dcl", "simclr", "nt-xent", "self-supervised", "small batch"),
    inputs={"a": _A, "b": _B}, outputs={"loss": "scalar"}, exempt={"onnx": NO_EXPORT}, weight=WEIGHT,
    temperature=_TEMPERATURE,
)  # fmt: skip
class DecoupledContrastive(nn.Module):
    """InfoNCE whose sum below the line leaves the sample's own partner out.

    So a partner that is found easily no longer takes the gradient away from the strangers. Each sample of either view
    has a turn, against all other samples of both.
    """

    def __init__(self, weight: float = 1.0, temperature: float = 0.1) -> None:
        super().__init__()
        self.weight = weight
        self.temperature = temperature

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        a, b = F.normalize(wide(a), dim=1), F.normalize(wide(b), dim=1)
        partner = (a * b).sum(1) / self.temperature  # (B)
        if len(a) == 1:  # no strangers: only the pull is left
            return self.weight * -partner.mean()
        one = torch.eye(len(a), dtype=torch.bool, device=a.device)
        strangers = _without_self(torch.cat([a, b])).masked_fill(one.repeat(2, 2), -torch.inf) / self.temperature
        return self.weight * (strangers.logsumexp(1).mean() - partner.mean())
