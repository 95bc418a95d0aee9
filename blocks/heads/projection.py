"""Heads that give a vector instead of scores: embeddings, and the projections of self-supervised learning."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F

from blocks.connectors.parts import L2Normalise
from blocks.declare import block, port, preset, setting
from blocks.heads.classification import DROPOUT
from blocks.layers.activation import GELU, ReLU
from blocks.layers.dropout import Dropout
from blocks.layers.initialisation import INIT, Init, fill
from blocks.layers.linear import Linear
from blocks.layers.normalisation import BatchNorm1d

LastNorm = Literal["none", "plain", "learned"]
DINO = "Caron et al. 2021, arXiv:2104.14294"
_VECTOR = port("B D", "One vector a sample.")
_UNIT = port("B K", "One vector of length 1 a sample.")
_FEATURES = setting("Features of the vector that comes out.", min=1, shown=True)
_HIDDEN = setting("Features of each layer between, first to last.", min=1, shown=True)


@block(
    "Embedding head", category="Head", paper="Schroff et al. 2015, arXiv:1503.03832", icon="ruler",
    helps="Faces, retrieval, few-shot matching: new classes need no new weights, only a vector to compare with. 128 "
          "numbers suffice in FaceNet.",
    hurts="Length 1 throws away how sure a vector is, and everything depends on the loss: triplets need mining and "
          "large batches. For a fixed list of classes a Linear classifier trains faster.",
    aliases=("facenet", "metric learning", "unit vector", "l2", "retrieval", "similarity"),
    inputs={"x": _VECTOR}, outputs={"out": _UNIT}, features=_FEATURES,
    norm=setting("Normalise each feature over the batch before the length is made 1; the layer then has no bias."),
    dropout=DROPOUT,
)  # fmt: skip
class EmbeddingHead(nn.Module):
    """Give a vector of length 1, so that things that are alike lie close together.

    A linear layer brings the features down and the result is divided by its length: the product of two embeddings is
    the cosine of the angle between them. Train it with a loss over pairs or triplets.
    """

    def __init__(self, D: int, features: int = 128, norm: bool = False, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = Dropout(dropout) if dropout else None
        self.linear = Linear(D, features, bias=not norm)
        self.norm = BatchNorm1d(features, 1e-3) if norm else None
        self.unit = L2Normalise()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.dropout is not None:
            x = self.dropout(x)
        x = self.linear(x)
        return self.unit(x if self.norm is None else self.norm(x))


@block(
    "Projection head", category="Head", paper="Chen et al. 2020, arXiv:2002.05709", icon="arrow-up-right",
    helps="Self-supervised training: in SimCLR the features before it are more than 10 points better in a linear "
          "probe than those after it. The presets are the published forms.",
    hurts="Its batch norms leak between samples on several devices unless synchronised, and fail at batches of a few. "
          "Do not classify on its output: take the backbone's. For DINO take DINO head.",
    aliases=("projector", "predictor", "contrastive", "self-supervised", "mlp"),
    inputs={"x": _VECTOR}, outputs={"out": port("B K", "One vector a sample, for the loss.")},
    hidden=_HIDDEN, features=_FEATURES,
    norm=setting("Normalise each feature over the batch after every layer between; these layers have no bias."),
    last_norm=setting(
        "Normalise over the batch at the end too: `plain` without, `learned` with a learned scale and offset. The last "
        "layer then has no bias."
    ),
    presets={
        "SimCLR": preset("Two layers with norms (arXiv:2002.05709).", title="SimCLR head"),
        "SimCLR v2": preset(
            "Three layers with norms (arXiv:2006.10029).", title="SimCLR v2 head", hidden=(2048, 2048),
        ),
        "MoCo v2": preset(
            "Two layers without norms (arXiv:2003.04297).", title="MoCo v2 head", norm=False, last_norm="none",
        ),
        "MoCo v3": preset(
            "Two layers with norms, the last without scale (arXiv:2104.02057): projection of a ResNet, and predictor.",
            title="MoCo v3 head", hidden=(4096,), features=256, last_norm="plain",
        ),
        "MoCo v3, ViT": preset(
            "Three layers with norms, the last without scale (arXiv:2104.02057): projection of a ViT.",
            title="MoCo v3 head for ViT", hidden=(4096, 4096), features=256, last_norm="plain",
        ),
        "BYOL": preset(
            "Two layers, a norm between (arXiv:2006.07733): projection, and predictor behind it.",
            title="BYOL head", hidden=(4096,), features=256, last_norm="none",
        ),
        "SimSiam": preset(
            "Three layers with norms, the last without scale (arXiv:2011.10566).",
            title="SimSiam head", hidden=(2048, 2048), features=2048, last_norm="plain",
        ),
        "SimSiam, predictor": preset(
            "Two layers that narrow between (arXiv:2011.10566).",
            title="SimSiam predictor", hidden=(512,), features=2048, last_norm="none",
        ),
        "SwAV": preset("Two layers, a norm between (arXiv:2006.09882).", title="SwAV head", last_norm="none"),
        "Barlow Twins": preset(
            "Three wide layers, norms between (arXiv:2103.03230).",
            title="Barlow Twins head", hidden=(8192, 8192), features=8192, last_norm="none",
        ),
    },
)  # fmt: skip
class ProjectionHead(nn.Module):
    """Project features into the space in which self-supervised learning compares them.

    Linear layers with ReLU between; what is learned is used without this head afterwards. The methods differ in the
    number and width of the layers and in the norms. A predictor is one more head of this kind behind the first.
    """

    def __init__(
        self,
        D: int,
        hidden: tuple[int, ...] = (2048,),
        features: int = 128,
        norm: bool = True,
        last_norm: LastNorm = "learned",
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width in hidden:
            layers += [Linear(D, width, bias=not norm), *([BatchNorm1d(width)] if norm else []), ReLU()]
            D = width
        layers.append(Linear(D, features, bias=last_norm == "none"))
        if last_norm != "none":
            layers.append(BatchNorm1d(features, affine=last_norm == "learned"))
        self.layers = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


@block(
    "Weight-normalised linear", category="Layer", paper="Salimans and Kingma 2016, arXiv:1602.07868", icon="network",
    helps="Prototypes and cosine classifiers, as at the end of DINO head, and small regressions: length and direction "
          "are learned apart without any batch.",
    hurts="Every pass divides a whole matrix by its rows' lengths, which slows large layers, and unlike a batch or "
          "layer norm it bounds no activations. Where cosines do not matter take a plain Linear.",
    aliases=("weight norm", "prototypes", "dino", "fully connected"),
    inputs={"x": port("B *S D", "Features in the last size.")},
    outputs={"out": port("B *S K", "The new features in the last size.")},
    out_features=setting("How many features come out.", min=1, shown=True),
    fixed=setting("Hold the length of every row of weights at 1, so that only its direction is learned.", shown=True),
    init=INIT,
    exempt={"settings:fixed": "it only keeps a parameter out of training, which a test of its own shows"},
)  # fmt: skip
class WeightNormLinear(nn.Module):
    """A linear layer without bias that learns the direction and the length of its weights apart.

    With vectors of length 1 before it and lengths held at 1 its outputs are cosines: each row is a prototype.
    """

    def __init__(self, D: int, out_features: int = 128, fixed: bool = False, init: Init = "default") -> None:
        super().__init__()
        if init == "zero":
            raise ValueError("init is zero, but a row of zeros has no direction: choose another beginning")
        self.weight_g = nn.Parameter(torch.ones(out_features, 1), requires_grad=not fixed)
        self.weight_v = nn.Parameter(nn.Linear(D, out_features, bias=False).weight.detach())
        fill(self.weight_v.data, init)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, self.weight_v * (self.weight_g / self.weight_v.norm(dim=1, keepdim=True)))


@block(
    "DINO head", category="Head", paper=DINO, icon="arrow-up-right",
    helps="Self-distillation without labels on ViTs or ResNets. `fixed` prototypes make the training of large models "
          "steadier; with a ViT no batch norm is needed anywhere.",
    hurts="65,536 prototypes times 256 are 16.8 M weights in the last layer, and as many scores for each view in "
          "memory. Without centring and a sharp teacher temperature all samples collapse into one answer.",
    aliases=("self-supervised", "distillation", "projector", "prototypes", "self-distillation"),
    inputs={"x": _VECTOR}, outputs={"out": port("B K", "One score a prototype, before any softmax.")},
    prototypes=setting("How many prototypes there are; 65536 as published.", min=1, shown=True), hidden=_HIDDEN,
    bottleneck=setting("Features of the vector that is compared with the prototypes.", min=1),
    norm=setting("Normalise each feature over the batch after every layer between."),
    fixed=setting("Hold the prototypes' length at 1; otherwise it is learned."),
    exempt={
        "gradient": "the prototypes' lengths are held, as published: they take no part in training",
        "settings:fixed": "it only keeps a parameter out of training, which a test of its own shows",
    },
)  # fmt: skip
class DINOHead(nn.Module):
    """Compare a projected vector with many prototypes, as DINO's student and teacher do.

    Three linear layers with GELU give a small vector; its length is made 1 and its cosine with every prototype comes
    out. Train the student's softmax towards that of the teacher.
    """

    def __init__(
        self,
        D: int,
        prototypes: int = 4096,
        hidden: tuple[int, ...] = (2048, 2048),
        bottleneck: int = 256,
        norm: bool = False,
        fixed: bool = True,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width in hidden:
            layers += [Linear(D, width, init="truncated_normal"), *([BatchNorm1d(width)] if norm else []), GELU()]
            D = width
        self.mlp = nn.Sequential(*layers, Linear(D, bottleneck, init="truncated_normal"))
        self.unit = L2Normalise()
        self.last_layer = WeightNormLinear(bottleneck, prototypes, fixed)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last_layer(self.unit(self.mlp(x)))
