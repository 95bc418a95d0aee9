"""Where wires meet: several tensors become one."""

from __future__ import annotations

from functools import reduce
from operator import add

import torch
from torch import nn

from blocks.declare import block, port, setting
from blocks.layers.sizes import check_dim, shown


@block(
    "Add", category="Connector", paper="torch.add", icon="plus", aliases=("sum", "skip", "residual", "+"),
    helps="Around two or three layers whose result has the shape of their input: the gradient passes the sum "
          "unchanged, so networks of 50 and more layers train. It has no weights and keeps the width.",
    hurts="Where width or stride changes, the way around needs a projection. What was added cannot be told apart "
          "again: if both parts matter by themselves, Concat keeps them, at more channels.",
    inputs={"xs*2": port("number:*S", "Tensors of equal shape.")}, outputs={"out": "*S"},
)  # fmt: skip
class Add(nn.Module):
    """Add tensors of equal shape, place by place.

    It closes a residual connection: what goes around some layers is added to what they give, so they need to learn
    only the difference.
    """

    def forward(self, *xs: torch.Tensor) -> torch.Tensor:
        return reduce(add, xs)


@block(
    "Multiply", category="Connector", paper="torch.mul", icon="x", aliases=("gate", "scale", "mul", "product"),
    helps="A gate from 0 to 1 that lets channels or places through as the input demands: squeeze-and-excitation, "
          "gated linear units, masks.",
    hurts="Gates near 0.5 halve the signal each time, and a sigmoid far from 0 passes hardly any gradient. Products "
          "of two free tensors can grow fast: without a norm after them training may diverge.",
    inputs={
        "x": port("number:B C *S", "What is scaled."),
        "gate": port(
            "number:B C *g", "By what: a number a channel (B x C or B x C x 1 x 1), or a value for every place."
        ),
    },
    outputs={"out": "B C *S"},
)  # fmt: skip
class Multiply(nn.Module):
    """Scale a tensor by a gate, channel by channel or place by place.

    With a sigmoid before the gate, the network decides from what it sees which channels to let through.
    """

    def forward(self, x: torch.Tensor, gate: torch.Tensor) -> torch.Tensor:
        if gate.dim() == 2:
            gate = gate.reshape(*gate.shape, *(1,) * (x.dim() - 2))
        if gate.dim() != x.dim() or any(g not in (1, s) for g, s in zip(gate.shape[2:], x.shape[2:], strict=True)):
            raise ValueError(
                f"`gate` is {shown(gate)} but `x` is {shown(x)}: a gate needs one number a channel or the same sizes"
            )
        return x * gate


@block(
    "Concat", category="Connector", paper="torch.cat", icon="combine", aliases=("join", "cat", "concatenate"),
    helps="Features that mean different things: the skips of U-Net, the branches of Inception, DenseNet. The next "
          "layer sees all of them untouched and weighs them itself.",
    hurts="Channels add up, and with them the next layer's weights and MACs: two of 256 make a convolution twice as "
          "dear as one. Where both are of one kind, Add is cheaper.",
    inputs={"xs*2": port("number:B c *S", "Tensors that differ in channels only.")},
    outputs={"out": port("B C *S", "All channels, in the order of the ports.")},
)  # fmt: skip
class Concat(nn.Module):
    """Put the channels of several tensors behind one another.

    Nothing is mixed: the next layer sees all of them and chooses. The other sizes must be equal.
    """

    def forward(self, *xs: torch.Tensor) -> torch.Tensor:
        return torch.cat(xs, 1)


@block(
    "Subtract", category="Connector", paper="torch.sub", icon="minus", aliases=("difference", "-", "sub"),
    helps="Change between two images, denoising by predicting the noise that is then taken away, and comparing "
          "embeddings where the sign of the difference counts.",
    hurts="What both share is gone for good. Images that are a pixel out of line differ at every edge, and swapping "
          "the inputs turns the sign, so it suits no symmetric comparison.",
    inputs={"a": port("number:*S", "From what is taken away."), "b": port("number:*S", "What is taken away.")},
    outputs={"out": "*S"},
)  # fmt: skip
class Subtract(nn.Module):
    """Take one tensor from another of equal shape, place by place.

    What remains is where both differ, such as the change between two images.
    """

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return a - b


@block(
    "Stack", category="Connector", paper="torch.stack", icon="layers", aliases=("join", "new size"),
    helps="Steps, frames or tokens that were worked out apart and go on as one sequence or video, for a recurrent "
          "layer or attention along the new size.",
    hurts="Layers for images do not take the further size. Where one convolution should see all parts at one place, "
          "Concat them as channels.",
    inputs={"xs*2": port("number:B *S", "Tensors of equal shape.")},
    outputs={"out": port("B *T", "All tensors along a new size.")},
    dim=setting("Where the new size stands: 1 right after the batch, -1 at the end.", shown=True),
)  # fmt: skip
class Stack(nn.Module):
    """Put tensors of equal shape along a new size.

    Unlike Concat it makes no size longer: three B x D become one B x 3 x D. So single vectors become a sequence, and
    images a video.
    """

    def __init__(self, dim: int = 1) -> None:
        super().__init__()
        self.dim = check_dim(dim)

    def forward(self, *xs: torch.Tensor) -> torch.Tensor:
        return torch.stack(xs, self.dim)


@block(
    "Matrix product", category="Connector", paper="torch.matmul", icon="x", aliases=("matmul", "bmm", "@", "product"),
    helps="Attention drawn from its parts, bilinear scores, and every mixing whose weights come out of the data "
          "instead of training.",
    hurts="L queries against L keys make L x L values: 4,096 tokens need 67 MB a head and sample in float32. "
          "Multi-head attention has a fused kernel, which need not keep them.",
    inputs={
        "a": port("B *S L D", "Matrices of L rows and D columns."),
        "b": port("B *S D K", "As many matrices of D rows and K columns."),
    },
    outputs={"out": "B *S L K"},
)  # fmt: skip
class MatMul(nn.Module):
    """Multiply matrices, each of one input with its partner of the other.

    With it, attention can be drawn from its parts: queries times keys, then weights times values.
    """

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return a @ b


@block(
    "Gram matrix", category="Connector", paper="Gatys et al. 2015, arXiv:1508.06576", icon="grid-3x3",
    helps="Style transfer and texture synthesis, where it counts what appears together and not where; and "
          "second-order pooling for classes that differ in fine texture.",
    hurts="512 channels make 262,144 numbers, too many for a linear layer of any width. Where things lie is lost, and "
          "without `normalise` values grow with the size of the image.",
    aliases=("style", "texture", "correlation"), inputs={"x": "B C H W"},
    outputs={"out": port("B C C", "How strongly each channel goes together with each other one.")},
    normalise=setting("Divide by the number of values, so that images of any size compare."),
)  # fmt: skip
class GramMatrix(nn.Module):
    """The products of every two channels, summed up over all places.

    It says which patterns appear together but not where: the style of an image. Style losses compare it between two
    images.
    """

    def __init__(self, normalise: bool = True) -> None:
        super().__init__()
        self.normalise = normalise

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = x.flatten(2)  # (B, C, H * W)
        gram = rows @ rows.transpose(1, 2)
        return gram / x[0].numel() if self.normalise else gram


@block(
    "Cosine similarity", category="Connector", paper="torch.nn.CosineSimilarity", icon="scale",
    helps="Embeddings in which only the direction is trained: faces and signatures to verify, image retrieval, "
          "contrastive learning.",
    hurts="Length is ignored, which may say how sure an embedding is. Values stay within -1 and 1: as scores for "
          "cross-entropy they need a factor of 10 or more, or the softmax stays flat.",
    aliases=("compare", "angle", "siamese", "distance"),
    inputs={"a": port("B *S D", "Features in the last size."), "b": port("B *S D", "Features to compare them with.")},
    outputs={"out": port("B *S", "1 where both point the same way, 0 at right angles, -1 opposite.")},
)  # fmt: skip
class CosineSimilarity(nn.CosineSimilarity):
    """Compare features by the angle between them, whatever their lengths.

    Use it for embeddings: two images of one person should come near to 1.
    """

    def __init__(self) -> None:
        super().__init__(dim=-1)
