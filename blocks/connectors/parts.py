"""Where a tensor parts: some of it, or several parts of it; and values that come from no wire."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F

from blocks.declare import block, port, setting
from blocks.layers.sizes import DIM, check_dim, length, shown

_PARTS = setting("How many parts come out.", min=1, max=64, shown=True)


@block(
    "Split", category="Connector", paper="torch.split", icon="split", aliases=("channels", "divide", "branch"),
    helps="Sending some channels another way: CSP stages and ShuffleNet v2 work on a part and hand the rest on at no "
          "cost.",
    hurts="A part knows nothing of the others until they are joined and mixed, by a 1x1 convolution or a shuffle. "
          "`sizes` written as numbers do not follow when the width before them changes.",
    inputs={"x": "number:B C *S"}, outputs={"out*parts": port("B c *S", "One part of the channels.")},
    parts=_PARTS,
    sizes=setting("Channels of all parts but the last, which takes the rest; empty: all alike.", min=1),
)  # fmt: skip
class Split(nn.Module):
    """Give the first channels to one wire, the next ones to another, and so on.

    The parts go ways of their own, and are often joined again further on.
    """

    def __init__(self, C: int, parts: int = 2, sizes: tuple[int, ...] | None = None) -> None:
        super().__init__()
        if sizes is None:
            if C % parts:
                raise ValueError(f"there are {C} channels, but {parts} equal parts need a multiple of {parts}")
            self.sizes = [C // parts] * parts
            return
        if len(sizes) != parts - 1 or sum(sizes) >= C:
            raise ValueError(
                f"sizes is {sizes}, but {parts} parts of {C} channels need {parts - 1} numbers, and some channels left"
            )
        self.sizes = [*sizes, C - sum(sizes)]

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return torch.split(x, self.sizes, 1)


@block(
    "Chunk", category="Connector", paper="torch.tensor_split", icon="split", aliases=("divide", "pieces"),
    helps="Nearly equal parts along any size: query, key and value of one projection, the halves of a gated unit, "
          "stretches of a sequence.",
    hurts="Where the size does not divide, the first parts are one longer, and joining them by Add fails. What lies "
          "at a cut is torn apart: a convolution after it pads there as at an edge.",
    inputs={"x": "number:B *S"}, outputs={"out*parts": port("B *T", "One part, in order.")},
    parts=_PARTS, dim=DIM,
)  # fmt: skip
class Chunk(nn.Module):
    """Cut a tensor into parts along any of its sizes, as equal as they can be.

    Where the size is no multiple of their number, the first parts are one longer.
    """

    def __init__(self, parts: int = 2, dim: int = 1) -> None:
        super().__init__()
        self.parts = parts
        self.dim = check_dim(dim)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        size = length(x, self.dim)
        if size < self.parts:
            raise ValueError(f"`x` is {shown(x)}: {size} cannot be cut into {self.parts} parts")
        short, longer = divmod(size, self.parts)
        return torch.split(x, [short + (i < longer) for i in range(self.parts)], self.dim)


@block(
    "Select", category="Connector", paper="torch.select", icon="mouse-pointer-2", aliases=("index", "pick", "take"),
    helps="One vector out of a sequence: the class token of a ViT (index 0), or the last state of a recurrent layer "
          "(-1).",
    hurts="Everything else along that size is dropped. In padded sequences -1 is the padding; and where no class "
          "token was trained, the mean over all tokens says more.",
    inputs={"x": "number:B *S"}, outputs={"out": port("B *T", "What stands there; the size is gone.")},
    dim=DIM, index=setting("Which place along it: 0 is the first, -1 the last.", shown=True),
)  # fmt: skip
class Select(nn.Module):
    """Take what stands at one place of a size.

    So a class token is taken out of a sequence, or the last step of a recurrent layer.
    """

    def __init__(self, dim: int = 1, index: int = 0) -> None:
        super().__init__()
        self.dim = check_dim(dim)
        self.index = index

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        size = length(x, self.dim)
        if not -size <= self.index < size:
            raise ValueError(f"index is {self.index}, but `x` is {shown(x)}: use 0 to {size - 1}, or -1 for the last")
        return x.select(self.dim, self.index)


@block(
    "Slice", category="Connector", paper="torch.narrow", icon="scissors", aliases=("range", "cut", "part"),
    helps="Leaving out the class token before tokens become an image again, trimming the end of a causal convolution, "
          "or thinning a sequence with `step`.",
    hurts="`start` and `stop` are fixed numbers: at another length they keep another share. A `step` above 1 without "
          "smoothing before it aliases, as any bare subsampling does.",
    inputs={"x": "number:B *S"}, outputs={"out": port("B *T", "The places from `start` to before `stop`.")},
    dim=DIM, start=setting("The first place that is kept; a negative one counts from the end."),
    stop=setting("The first place that is left out again; empty: all to the end are kept."),
    step=setting("2 keeps every other place.", min=1),
)  # fmt: skip
class Slice(nn.Module):
    """Keep some places of a size that follow one another.

    It leaves out a class token (start 1), or takes some of the channels.
    """

    def __init__(self, dim: int = 1, start: int = 0, stop: int | None = None, step: int = 1) -> None:
        super().__init__()
        self.dim = check_dim(dim)
        self.places = slice(start, stop, step)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        size = length(x, self.dim)
        if not range(*self.places.indices(size)):
            raise ValueError(f"nothing remains of the {size} places of `x`, which is {shown(x)}: set start and stop")
        return x[(slice(None),) * (self.dim % x.dim()) + (self.places,)]


@block(
    "Mean", category="Connector", paper="torch.mean", icon="sigma", aliases=("average", "reduce", "pool"),
    helps="A summary of a sequence or of a size of any length: every token has its say, and no class token has to be "
          "trained.",
    hurts="Padding and background weigh as much as the rest, and order is forgotten. One telling place among hundreds "
          "is drowned, where a maximum or attention would find it.",
    inputs={"x": "B *S"}, outputs={"out": port("B *T", "The means; the size is gone, or 1.")},
    dim=DIM, keep_size=setting("Keep a size of 1 where it was."),
)  # fmt: skip
class Mean(nn.Module):
    """Average along one size.

    So a sequence becomes a vector, whatever its length.
    """

    def __init__(self, dim: int = 1, keep_size: bool = False) -> None:
        super().__init__()
        self.dim = check_dim(dim)
        self.keep_size = keep_size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        length(x, self.dim)
        return x.mean(self.dim, keepdim=self.keep_size)


@block(
    "L2 normalise", category="Connector", paper="torch.nn.functional.normalize", icon="ruler",
    helps="Embeddings that are compared by angle (retrieval, SimCLR, CLIP), and features of very different strength "
          "before they are joined.",
    hurts="Strength is lost, which may tell how sure a feature is. Vectors near 0 are blown up to length 1, noise and "
          "all, and as class scores unit lengths are too small without a factor.",
    aliases=("normalize", "unit length", "embedding"), inputs={"x": "B *S"}, outputs={"out": "B *S"},
    dim=DIM, eps=setting("The least length that is divided by, against division by zero.", min=0),
)  # fmt: skip
class L2Normalise(nn.Module):
    """Divide values along one size by their length, so that it becomes 1.

    Embeddings then differ in direction only, and products of two are their cosine similarity.
    """

    def __init__(self, dim: int = 1, eps: float = 1e-12) -> None:
        super().__init__()
        self.dim = check_dim(dim)
        self.eps = eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        length(x, self.dim)
        return F.normalize(x, dim=self.dim, eps=self.eps)


@block(
    "Stop gradient", category="Connector", paper="Chen and He 2020, arXiv:2011.10566", icon="circle-stop",
    helps="The target branch of SimSiam and BYOL, a new head that must not disturb trained features, and factors of a "
          "loss that should not be learned away.",
    hurts="On the only way from some layers to a loss it keeps them from ever learning, and no error says so. To hold "
          "weights still while gradients pass on, freeze the node instead.",
    aliases=("detach", "freeze", "simsiam", "byol"), inputs={"x": "number:*S"}, outputs={"out": "*S"},
    exempt={"gradient": "that none flows back is its purpose"},
)  # fmt: skip
class StopGradient(nn.Module):
    """Hand values on, but let no gradient back.

    What lies before it does not learn from what lies after it. Self-supervised networks of two branches need it so
    that both do not agree on giving nothing.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.detach()


Begin = Literal["zero", "one", "normal", "truncated_normal"]

_LIKE = port("number:B *S", "Any tensor: only its number of samples is used.")
_SIZE = setting("Sizes of what comes out, without the batch.", min=1, shown=True)


@block(
    "Constant", category="Connector", paper="torch.full", icon="hash", aliases=("value", "number", "fill"),
    helps="A number that a figure fixes, such as 0.2 on a residual branch or a scale before a softmax.",
    hurts="It never learns: a factor that the network should find is a Parameter or a Layer scale. Its size is "
          "written down, so it has to be changed when the width beside it changes.",
    inputs={"like": _LIKE}, outputs={"out": port("B *T", "The same number everywhere.")},
    size=_SIZE, value=setting("The number.", shown=True), exempt={"gradient": "a fixed number has none"},
)  # fmt: skip
class Constant(nn.Module):
    """The same number at every place, for every sample.

    Add it or multiply by it where a figure shows a fixed factor.
    """

    def __init__(self, size: tuple[int, ...] = (1,), value: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.value = value

    def forward(self, like: torch.Tensor) -> torch.Tensor:
        return like.new_full((like.shape[0], *self.size), self.value, dtype=torch.float32)


@block(
    "Parameter", category="Connector", paper="torch.nn.Parameter", icon="pencil",
    helps="The object queries of DETR, prompts, class tokens, the learned first state of a recurrent layer: values "
          "that serve every sample alike.",
    hurts="It knows nothing of the input until attention or a sum brings both together. Weight decay draws it towards "
          "0, and one that covers every place of a map fits one resolution only.",
    aliases=("learned tensor", "query", "queries", "weight"), inputs={"like": _LIKE},
    outputs={"out": port("B *T", "The learned values, the same for each sample.")}, size=_SIZE,
    init=setting("How the values begin; the normal ones with standard deviation 0.02."),
    exempt={"gradient": "it flows to the values alone, not to the tensor that gives the number of samples"},
)  # fmt: skip
class Parameter(nn.Module):
    """Values that are learned and depend on no input, handed to every sample.

    Queries of a decoder, prompts and learned starts of a recurrent layer are such.
    """

    def __init__(self, size: tuple[int, ...] = (1, 64), init: Begin = "normal") -> None:
        super().__init__()
        self.value = nn.Parameter(torch.ones(size) if init == "one" else torch.zeros(size))
        if init == "normal":
            nn.init.normal_(self.value, std=0.02)
        elif init == "truncated_normal":
            nn.init.trunc_normal_(self.value, std=0.02, a=-0.04, b=0.04)

    def forward(self, like: torch.Tensor) -> torch.Tensor:
        return self.value.expand(like.shape[0], *self.value.shape)
