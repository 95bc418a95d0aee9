"""The known architectures: a design a family, each with a variant a name. Torch-free.

`find("resnet50")` gives the file that holds it; its variant `resnet50` is the network of that name.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec

_HERE = Path(__file__).resolve().parent


class _Named(msgspec.Struct):
    name: str


class _About(msgspec.Struct, frozen=True):
    title: str = ""
    year: int = 0
    paper: str = ""
    introduced: str = ""
    task: str = ""


class _Head(msgspec.Struct):
    """What is read of a design to list it; the rest is skipped."""

    variants: tuple[_Named, ...] = ()
    about: _About = _About()


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """A network of the zoo as lists and cards show it."""

    name: str
    family: str
    """The stem of the file that holds it."""
    title: str
    year: int
    paper: str
    introduced: str
    task: str
    inputs: tuple[tuple[int, ...], ...] = ()
    """Shapes of its inputs, the batch of 1 first."""
    parameters: int | None = None
    trainable: int | None = None
    macs: int | None = None
    """These four as they were when `numbers.json` was made; a test holds them against the designs."""


class Numbers(msgspec.Struct, frozen=True):
    """What `numbers.json` holds of a network."""

    inputs: tuple[tuple[int, ...], ...]
    parameters: int
    trainable: int
    macs: int


def families() -> tuple[Path, ...]:
    """The files of the zoo, in alphabetical order."""
    return tuple(sorted(_HERE.glob("*.netloom")))


@cache
def index() -> dict[str, Path]:
    """Every name of the zoo and the file that holds it, in alphabetical order. Raises ValueError on a name twice."""
    found: dict[str, Path] = {}
    for file in families():
        for variant in msgspec.json.decode(file.read_bytes(), type=_Head).variants:
            if variant.name in found:
                raise ValueError(f"`{variant.name}` is in {found[variant.name].name} and in {file.name}")
            found[variant.name] = file
    return dict(sorted(found.items()))


def find(name: str) -> Path | None:
    """The file that holds the network of that name; None when the zoo has none."""
    return index().get(name)


@cache
def networks() -> tuple[Network, ...]:
    """Every network of the zoo, by family and in the order of the family's variants."""
    numbers = msgspec.json.decode((_HERE / "numbers.json").read_bytes(), type=dict[str, Numbers])
    found = []
    for file in families():
        head = msgspec.json.decode(file.read_bytes(), type=_Head)
        for variant in head.variants:
            known = numbers.get(variant.name)
            counts = msgspec.structs.asdict(known) if known else {}
            about = msgspec.structs.asdict(head.about)
            found.append(Network(name=variant.name, family=file.stem, **about, **counts))
    return tuple(found)
