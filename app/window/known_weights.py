"""Weights for networks of the zoo that their makers offer, with source, licence and size. Nothing is fetched here."""

from __future__ import annotations

from typing import NamedTuple

_HOST = "https://download.pytorch.org/models/"
_PAGE = "pytorch.org/vision/stable/models.html"
_TRAINED = "ImageNet-1k, 1,000 classes; the pictures' own terms allow research only"


class KnownWeights(NamedTuple):
    """A file that can be got. `digest` is how its SHA-256 begins: the makers write it into the file's name."""

    title: str
    networks: tuple[str, ...]
    """Variants of the zoo that it fits."""
    url: str
    bytes: int
    digest: str
    source: str = f"torchvision ({_PAGE})"
    licence: str = "BSD 3-Clause"
    trained: str = _TRAINED

    @property
    def file(self) -> str:
        return self.url.rpartition("/")[2]


def _torchvision(title: str, network: str, file: str, size: int) -> KnownWeights:
    digest = file.partition(".")[0].rpartition("-")[2]
    return KnownWeights(title, (network,), _HOST + file, size, digest)


KNOWN = (
    _torchvision("ResNet-18", "resnet18", "resnet18-f37072fd.pth", 46_830_571),
    _torchvision("ResNet-34", "resnet34", "resnet34-b627a593.pth", 87_319_819),
    _torchvision("ResNet-50", "resnet50", "resnet50-0676ba61.pth", 102_530_333),
)
"""Sizes are those that the host tells; after a download the size and the digest are checked."""


def size_words(bytes: int) -> str:
    """`102.5 MB`."""
    return f"{bytes / 1e9:.2f} GB" if bytes >= 1e9 else f"{bytes / 1e6:.1f} MB" if bytes >= 1e6 else f"{bytes:,} bytes"
