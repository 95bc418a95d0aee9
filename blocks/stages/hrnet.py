"""The parts of high-resolution networks: branches side by side that exchange what they see."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add

import torch
from torch import nn

from blocks.attention.choice import ATTENTION, MapAttention
from blocks.declare import block, port, setting
from blocks.layers.activation import Activation, make_activation
from blocks.layers.composite import ACTIVATION, ConvNormAct
from blocks.layers.shape import Interpolate
from blocks.stages.residual import BasicBlock

HRNET = "Wang et al. 2019, arXiv:1908.07919"
IN = port("[B c h w]", "The branches, finest first, each half the size of the one before.")
SAME = port("[B c h w]", "As many branches of the same sizes and channels.")
DEPTH = setting("Basic blocks of each branch.", min=1, max=1000, shown=True)
KEPT = setting("Which branches to give: 1 is the finest; empty: all.", min=1)


def down(C: int, channels: int, steps: int, activation: Activation, last: Activation) -> nn.Sequential:
    """3x3 convolutions that halve the size `steps` times; the last one changes the channels."""
    convs: list[nn.Module] = [ConvNormAct(C, C, 3, 2, activation=activation) for _ in range(steps - 1)]
    return nn.Sequential(*convs, ConvNormAct(C, channels, 3, 2, activation=last))


def kept(levels: tuple[int, ...], count: int) -> tuple[int, ...]:
    """Indices of the branches that are given. Raises ValueError where there are none such."""
    if sorted(set(levels)) != list(levels) or max(levels, default=1) > count:
        raise ValueError(
            f"levels is {', '.join(map(str, levels))}, but it needs numbers from 1 to {count}, the number of branches, "
            "each once and rising"
        )
    return tuple(level - 1 for level in levels) or tuple(range(count))


@block(
    "High-resolution fusion", category="Backbone", paper=HRNET, icon="share-2",
    helps="Parallel branches of your own kind that shall exchange what they see more than once; High-resolution "
          "module brings basic blocks with it.",
    hurts="With 4 branches there are 12 paths of convolutions, some of three strided steps, and their number grows "
          "with the square. For a single exchange at the end a neck such as FPN is cheaper.",
    aliases=("hrnet", "exchange", "multi-resolution", "fuse"), inputs={"x": IN}, outputs={"out": SAME},
    activation=ACTIVATION, levels=KEPT,
)  # fmt: skip
class HighResolutionFusion(nn.Module):
    """Give every branch the sum of all branches, each brought to its size.

    Coarser ones come by a 1x1 convolution and are enlarged, finer ones by 3x3 convolutions with stride 2.
    """

    def __init__(self, c: list[int], activation: Activation = "relu", levels: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.kept = kept(levels, len(c))
        self.paths = nn.ModuleList(
            nn.ModuleList(_path(C, c[i], i - j, activation) for j, C in enumerate(c)) for i in self.kept
        )
        self.enlarge = Interpolate(mode="nearest")
        # one each: those with weights would have them in common
        self.acts = nn.ModuleList(make_activation(activation) or nn.Identity() for _ in self.kept)

    def forward(self, x: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        given = []
        for i, paths, act in zip(self.kept, self.paths, self.acts, strict=True):
            parts = [path(x[j]) for j, path in enumerate(paths.children())]
            total = reduce(add, [self.enlarge(part, x[i]) if j > i else part for j, part in enumerate(parts)])
            given.append(act(total))
        return given


def _path(C: int, channels: int, steps: int, activation: Activation) -> nn.Module:
    """From one branch to another that is `steps` coarser, or finer where negative; enlarging comes after it."""
    if steps == 0:
        return nn.Identity()
    if steps < 0:
        return ConvNormAct(C, channels, 1, activation="none")
    return down(C, channels, steps, activation, "none")


@block(
    "High-resolution module", category="Backbone", paper=HRNET, icon="square-stack",
    helps="Poses, landmarks and segmentation: the branch at a quarter of the image stays sharp and still hears of the "
          "context. HRNet takes depth 4 and several modules in a row.",
    hurts="Work at the fine size costs much memory in training, and many small branches leave a GPU idle. To classify "
          "whole images a residual stage is as good for less.",
    aliases=("hrnet", "branches", "multi-resolution", "parallel"), inputs={"x": IN}, outputs={"out": SAME},
    depth=DEPTH, attention=ATTENTION, activation=ACTIVATION, levels=KEPT,
)  # fmt: skip
class HighResolutionModule(nn.Module):
    """Residual blocks on each branch by itself, then an exchange between all of them.

    The fine branch keeps where things are, the coarse ones say what they are, and both are told again and again.
    """

    def __init__(
        self,
        c: list[int],
        depth: int = 4,
        attention: MapAttention = "none",
        activation: Activation = "relu",
        levels: tuple[int, ...] = (),
    ) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(BasicBlock(C, C, 1, 1, attention, activation) for _ in range(depth))) for C in c
        )
        self.fuse = HighResolutionFusion(c, activation, levels)

    def forward(self, x: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        return self.fuse([branch(x[i]) for i, branch in enumerate(self.branches)])


@block(
    "High-resolution transition", category="Backbone", paper=HRNET, icon="git-branch",
    helps="At the seams of an HRNet: before the modules with one more branch, and at its start to bring the first "
          "stage's channels to those of two branches.",
    hurts="It cannot drop branches, and new ones come from the coarsest alone. To give a detector coarser levels take "
          "the extra ones of FPN or BiFPN; they cost far less than a branch to be worked on.",
    aliases=("hrnet", "new branch", "multi-resolution"), inputs={"x": IN},
    outputs={"out": port("[B c h w]", "The branches with the channels that you set, and new ones below them.")},
    widths=setting("Channels of every branch that comes out, finest first; more than come in make new ones.", min=1,
                   shown=True),
    activation=ACTIVATION,
)  # fmt: skip
class HighResolutionTransition(nn.Module):
    """Begin new, coarser branches beside those that there are.

    A new branch is made of the coarsest by 3x3 convolutions with stride 2. A branch whose channels change passes a 3x3
    convolution, others go on as they are.
    """

    def __init__(
        self, c: list[int], widths: tuple[int, ...] = (18, 36, 72, 144), activation: Activation = "relu"
    ) -> None:  # fmt: skip
        super().__init__()
        if len(widths) < len(c):
            raise ValueError(f"widths has {len(widths)} branches, but {len(c)} come in: give it {len(c)} or more")
        self.fits = nn.ModuleList(
            nn.Identity() if width == C else ConvNormAct(C, width, 3, activation=activation)
            for C, width in zip(c, widths, strict=False)
        )
        self.begins = nn.ModuleList(
            down(c[-1], width, steps, activation, activation) for steps, width in enumerate(widths[len(c) :], 1)
        )

    def forward(self, x: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        last = len(self.fits) - 1
        return [fit(x[i]) for i, fit in enumerate(self.fits)] + [begin(x[last]) for begin in self.begins]
