"""What a design's Inputs and Targets take of a sample, and how a script writes the sample down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from app.design.values import Design
from app.engine.walk import Walk

USUAL_FIELD = "label"


class Field(NamedTuple):
    """An Input or a Target."""

    name: str
    field: str
    """The data's field that a Target takes; empty for an Input."""
    shape: tuple[int, ...]
    dtype: str

    @property
    def torch_dtype(self) -> str:
        return f"torch.{self.dtype}"

    @property
    def behind(self) -> str:
        """The sizes behind the samples' own, for a reshape: `, 1, 8, 8`."""
        return "".join(f", {side}" for side in self.shape)


class Asked(NamedTuple):
    """All that a design takes of a sample, and in which shares undivided data is divided."""

    inputs: tuple[Field, ...]
    targets: tuple[Field, ...]
    shares: tuple[float, float, float]

    @property
    def two(self) -> tuple[float, float]:
        """The shares of train and validation where there is a test set."""
        return 1 - self.shares[1], self.shares[1]

    @property
    def names(self) -> list[str]:
        """What the values of the Inputs are called."""
        return ["x"] if len(self.inputs) == 1 else [f"x{k + 1}" for k in range(len(self.inputs))]

    @property
    def all(self) -> tuple[Field, ...]:
        return (*self.inputs, *self.targets)

    @property
    def plain(self) -> bool:
        """Whether Targets take no more than a class, a number, or the sample itself."""
        return self.only(USUAL_FIELD)

    def only(self, *fields: str) -> bool:
        """Whether Targets take one of these fields, or the sample itself."""
        return all(t.field in (*fields, "input") for t in self.targets)

    def same(self, target: Field) -> int:
        """The Input that a Target of the sample itself repeats: the first of its shape."""
        return next((k for k, spec in enumerate(self.inputs) if spec.shape == target.shape), 0)


def asked(design: Design, walk: Walk, needed: set[str]) -> Asked:
    """What the Inputs and Targets that are needed take."""
    found: dict[str, list[Field]] = {"Input": [], "Target": []}
    for id, step in walk.steps.items():
        block = step.call.block
        if block in found and id in needed and step.measured is not None:
            tensor = step.measured.outputs[0][0]
            field = str(step.call.settings.get("field", USUAL_FIELD)) if block == "Target" else ""
            found[block].append(Field(step.call.name, field, tensor.shape[1:], tensor.dtype))
    recipe = design.recipe
    shares = (1 - recipe.validation_share - recipe.test_share, recipe.validation_share, recipe.test_share)
    first, second, third = (round(share, 12) for share in shares)
    return Asked(tuple(found["Input"]), tuple(found["Target"]), (first, second, third))


def sample(asked: Asked, inputs: Sequence[str], target: Callable[[Field], str]) -> str:
    """One value for each Input and Target, with commas: `inputs` are those of the Inputs, `target` gives a Target's."""
    values = [*inputs, *(inputs[asked.same(t)] if t.field == "input" else target(t) for t in asked.targets)]
    return ", ".join(values) + ("," if len(values) == 1 else "")


def returned(asked: Asked, target: Callable[[Field], str]) -> str:
    """The same as what a function returns, of Inputs by their `names`."""
    one = sample(asked, asked.names, target)
    return f"({one})" if one.endswith(",") else one


def path_of(path: str) -> str:
    """The code of a path that a recipe names."""
    return f"Path({path!r}).expanduser()" if path.startswith("~") else f"Path({path!r})"


DIVIDED = '''

def divided(labels: np.ndarray, shares: tuple[float, ...]) -> list[np.ndarray]:
    """Indices of train, validation and test, each class divided in the same shares, always the same."""
    random = np.random.default_rng(0)
    parts: list[list[np.ndarray]] = [[] for _ in shares]
    for label in np.unique(labels):
        members = random.permutation(np.flatnonzero(labels == label))
        ends = np.floor(np.cumsum(shares[::-1])[:-1] * len(members) + 1e-9).astype(int)
        for part, piece in zip(parts[::-1], np.split(members, ends), strict=True):
            part.append(piece)
    return [np.sort(np.concatenate(pieces)) for pieces in parts]
'''
FIT = '''

def fitted(x: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """Pictures (N, C, H, W) from 0 to 1 in the form that the network takes."""
    channels, *size = shape if len(shape) == 3 else (1, *shape) if len(shape) == 2 else x.shape[1:]
    if list(x.shape[2:]) != size:
        x = nn.functional.interpolate(x, size=size, mode="bilinear", antialias=True)
    if channels == 1 and x.shape[1] == 3:
        x = (x * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(1, keepdim=True)
    return x.expand(-1, channels, -1, -1).clamp(0, 1).reshape(len(x), *shape)
'''
