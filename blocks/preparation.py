"""What stands right behind an Input: brings samples into the range and form that a network was trained with."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F

from blocks.declare import block, port, setting
from blocks.layers.sizes import Size, pair

Statistics = Literal["imagenet", "inception", "clip", "cifar10", "own"]
Loudness = Literal["power", "magnitude", "decibel"]

_KNOWN = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "inception": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "clip": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
}
"""Mean and deviation of red, green and blue, from 0 to 1, as the published weights expect them."""


@block(
    "Normalise", category="Ends", paper="Krizhevsky et al. 2012, ImageNet Classification", icon="sliders-horizontal",
    helps="With weights that were trained on images normalised so (`imagenet` for most of torchvision and timm), and "
          "for inputs that lie far from 0. It is exported with the network, so nobody has to remember the numbers.",
    hurts="The wrong pair shifts every activation of a trained network and costs accuracy without an error; so does "
          "normalising twice. The known pairs are for values from 0 to 1, not for 0 to 255.",
    aliases=("normalize", "mean", "standard deviation", "preprocess", "scale"),
    inputs={"x": port("B C *S", "Images with values from 0 to 1, or other samples with channels.")},
    outputs={"out": "B C *S"},
    statistics=setting(
        "Whose mean and deviation: of the data that published weights were trained on, for three colours, or your own.",
        shown=True,
    ),
    mean=setting("What is taken away: one number for all channels, or one for each.", when={"statistics": "own"}),
    deviation=setting(
        "What is divided by after that: one number for all channels, or one for each.", min=1e-6,
        when={"statistics": "own"},
    ),
    exempt={"settings:statistics": "the known numbers are those of three colours, and the samples have more channels"},
)  # fmt: skip
class Normalise(nn.Module):
    """Take a fixed mean away from each channel and divide by a fixed deviation.

    Networks learn best from values around 0. Weights that were trained with the one pair of numbers need the same pair
    ever after: with the block in the drawing it is exported too. It learns nothing.
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(
        self, C: int, statistics: Statistics = "own", mean: tuple[float, ...] = (0.5,),
        deviation: tuple[float, ...] = (0.5,),
    ) -> None:  # fmt: skip
        super().__init__()
        for name, numbers in zip(("mean", "deviation"), _KNOWN.get(statistics, (mean, deviation)), strict=True):
            if len(numbers) not in (1, C):
                raise ValueError(
                    f"there are {C} channels, but the {name} of {statistics} has {len(numbers)} numbers: "
                    "give your own, one for all channels or one for each"
                )
            self.register_buffer(name, torch.tensor(numbers), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        sizes = (-1, *(1,) * (x.dim() - 2))
        return (x - self.mean.view(sizes)) / self.deviation.view(sizes)


@block(
    "Patchify", category="Ends", paper="Dosovitskiy et al. 2020, arXiv:2010.11929", icon="grid-3x3",
    helps="When the first steps of a ViT or MLP-Mixer are to be drawn one by one: cut, then a linear layer. It loses "
          "no value and has no weights.",
    hurts="Patches share no pixels, so what crosses a border is cut in two: overlapping convolutions in a stem train "
          "more steadily. Half the patch makes four times the tokens, and attention 16 times as dear.",
    aliases=("patches", "tokens", "vit", "unfold", "im2col", "cut"),
    inputs={"x": port("B C H W", "Images or feature maps.")},
    outputs={"out": port("B L D", "A token for each patch, row by row: its values, channel by channel.")},
    patch=setting("Height and width of a patch.", min=1, shown=True),
)  # fmt: skip
class Patchify(nn.Module):
    """Cut an image into patches that do not overlap, and write the values of each one behind another.

    Each patch is a token for a linear layer or a transformer. It learns nothing; the patch stem does the same with a
    learned layer in one step. Where the size is no multiple of the patch, zeros are added below and to the right.
    """

    def __init__(self, patch: Size = 16) -> None:
        super().__init__()
        self.patch = pair(patch)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        high, wide = self.patch
        x = F.pad(x, (0, -x.shape[3] % wide, 0, -x.shape[2] % high))
        x = x.unflatten(3, (-1, wide)).unflatten(2, (-1, high))  # (B, C, rows, high, columns, wide)
        return x.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)


@block(
    "Spectrogram", category="Connector", paper="torch.stft", icon="waves",
    helps="Speech, music and sensor signals whose content lies in pitch: networks for images can then work on them. "
          "64 to 128 mel bands in decibels are a usual input of audio classifiers.",
    hurts="Phase is gone, so the sound cannot be rebuilt from it. A long window blurs time and a short one pitch; and "
          "a convolution takes a pattern for the same at any pitch, which it is not.",
    aliases=("audio", "sound", "stft", "fourier", "mel", "frequency"),
    inputs={"x": port("B *S L", "Sound: samples over time, with or without channels.")},
    outputs={"out": port("B C H W", "An image a channel: frequencies from low to high, and time.")},
    window=setting("Samples that are looked at together; frequencies are half as many, and one.", min=2, shown=True),
    hop=setting("Samples from one window to the next; empty: a quarter of the window.", min=1, shown=True),
    scale=setting("`power`: squared; `magnitude`: its root; `decibel`: 10 times its logarithm.", shown=True),
    mels=setting("Join the frequencies into so many bands as the ear hears them; empty: keep all.", min=1),
    rate=setting("Samples a second, which places the bands of `mels`.", min=1),
)  # fmt: skip
class Spectrogram(nn.Module):
    """Say how strong each frequency is at each time: sound becomes an image.

    Networks for images can then listen. Windows are Hann's and stand around their time, with zeros beyond the ends; the
    bands are triangles on the mel scale 2595 log10(1 + f / 700).
    """

    waves: torch.Tensor
    bands: torch.Tensor | None

    def __init__(
        self,
        window: int = 400,
        hop: int | None = None,
        scale: Loudness = "power",
        mels: int | None = None,
        rate: int = 16000,
    ) -> None:
        super().__init__()
        self.window, self.hop, self.scale = window, hop or max(window // 4, 1), scale
        # a fixed convolution: unlike torch.stft it has no complex numbers, which ONNX runtimes lack
        turns = torch.arange(window // 2 + 1)[:, None] * torch.arange(window) * (2 * math.pi / window)
        waves = torch.cat((turns.cos(), turns.sin())) * torch.hann_window(window)
        self.register_buffer("waves", waves[:, None], persistent=False)  # (2 * F, 1, window)
        self.register_buffer("bands", None if mels is None else _bands(window // 2 + 1, mels, rate), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        channels = x.shape[1:-1].numel()
        sound = F.pad(x.reshape(-1, 1, x.shape[-1]), [self.window // 2, self.window // 2])
        real, imaginary = F.conv1d(sound, self.waves, stride=self.hop).chunk(2, 1)  # (B * C, F, T) each
        power = real.square() + imaginary.square()
        if self.scale == "magnitude":
            power = power.clamp(min=1e-20).sqrt()
        if self.bands is not None:
            power = self.bands @ power
        if self.scale == "decibel":
            power = 10 * power.clamp(min=1e-10).log10()
        return power.unflatten(0, (-1, channels))


def _bands(frequencies: int, mels: int, rate: int) -> torch.Tensor:
    """How much each frequency counts for each band: (mels, F)."""
    heard = torch.linspace(0, rate / 2, frequencies)
    top = 2595 * math.log10(1 + rate / 2 / 700)
    corners = 700 * (10 ** (torch.linspace(0, top, mels + 2) / 2595) - 1)
    low, middle, high = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    return torch.minimum((heard - low) / (middle - low), (high - heard) / (high - middle)).clamp(min=0)
