"""The values that a drawing is made of. All are frozen and hash; an edit makes a new Design (`app.design.edits`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

import msgspec

from blocks.card import Setting


class Expression(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A setting's value given as arithmetic over the settings of the Group that it stands in: `width * 2`."""

    expression: str


SettingValue = bool | int | float | str | None | Expression | tuple["SettingValue", ...]


class Settings(Mapping[str, SettingValue]):
    """A frozen mapping of setting names to values; equal and hashing alike whatever the order."""

    __slots__ = ("_compared", "_values", "_worded")

    def __init__(self, values: Mapping[str, Any] | Iterable[tuple[str, Any]] = (), /, **named: Any) -> None:
        self._values: dict[str, SettingValue] = {k: freeze(v) for k, v in dict(values, **named).items()}
        self._compared: frozenset[tuple[str, object]] | None = None
        self._worded: bool | None = None

    @property
    def has_expressions(self) -> bool:
        """Whether a value, or a part of one, is an expression."""
        if self._worded is None:
            self._worded = any(map(has_expression, self._values.values()))
        return self._worded

    def get(self, name: str, default: Any = None) -> Any:
        return self._values.get(name, default)  # the mixin's own raises and catches where there is none

    def __getitem__(self, name: str) -> SettingValue:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __eq__(self, other: object) -> bool:
        # 1, 1.0 and True are equal in Python but are different settings: compare the types too, through the hash key.
        return self is other or (isinstance(other, Settings) and self._key() == other._key())

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"Settings({self._values!r})"

    def _key(self) -> frozenset[tuple[str, object]]:
        if self._compared is None:  # an analysis compares those of every node
            self._compared = frozenset((name, _typed(value)) for name, value in self._values.items())
        return self._compared

    def with_(self, name: str, value: Any) -> Settings:
        return Settings({**self._values, name: value})

    def without(self, name: str) -> Settings:
        return Settings({k: v for k, v in self._values.items() if k != name})


def _typed(value: SettingValue) -> object:
    return tuple(map(_typed, value)) if isinstance(value, tuple) else (type(value).__name__, value)


def freeze(value: Any) -> SettingValue:
    """Make a setting's value out of what JSON or a caller gives. Raises ValueError on anything else."""
    if value is None or isinstance(value, bool | Expression):
        return value
    if isinstance(value, str):
        if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
            raise ValueError("a text holds half of a character: it could not be saved")
        return value
    if isinstance(value, int):
        if abs(value) >= 2**53:
            raise ValueError("a number is too large: at most 2**53")
        return value
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise ValueError("a number must be finite")
        return value
    if isinstance(value, list | tuple):
        return tuple(freeze(v) for v in value)
    if isinstance(value, Mapping) and set(value) == {"expression"} and isinstance(value["expression"], str):
        return Expression(value["expression"])
    raise ValueError(f"a setting cannot be {type(value).__name__}")


def check_exposed(settings: tuple[Setting, ...]) -> None:
    """Raise ValueError unless a Group may expose these: names are words and differ, each default fits."""
    names = [setting.name for setting in settings]
    for setting in settings:
        if not setting.name.isidentifier() or names.count(setting.name) > 1:
            raise ValueError(f"`{setting.name}` cannot be exposed so: names must be words, and differ")
        try:
            freeze(setting.accept(setting.default))
        except ValueError as error:
            raise ValueError(f"the default does not fit: {error}") from None


def has_expression(value: Any) -> bool:
    """Whether a setting's value, or a part of it, is an expression."""
    return isinstance(value, Expression) or (isinstance(value, tuple | list) and any(map(has_expression, value)))


class End(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One end of a wire: a node's id and a port's name. In files `["stem", "out"]`."""

    node: str
    port: str

    def __str__(self) -> str:
        return f"{self.node}.{self.port}"


class Wire(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From an output (`source`) to an input (`target`)."""

    source: End
    target: End


class Node(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A block, or a Group, placed on the canvas.

    `id` never changes and is what wires name; `name` is what people read and the key in the state_dict. Exactly one of
    `block` (a card's id) and `group` (a Group's name) is set. `repeat` chains a Group N times, each with weights of
    its own; `shares` names the node of the same graph whose weights this one uses (a repeated Group that names itself
    uses one set of weights in every repetition). `follows` names the node whose weights this one's follow: they are not
    trained, but after each step of training keep the share `momentum` of what they are and take the rest from there.
    """

    id: str
    block: str = ""
    group: str = ""
    name: str = ""
    settings: Settings = Settings()
    x: float = 0.0
    y: float = 0.0
    repeat: int | Expression = 1
    shares: str = ""
    follows: str = ""
    momentum: float = 0.99
    frozen: bool = False

    def __post_init__(self) -> None:
        if not self.name:
            msgspec.structs.force_setattr(self, "name", self.id)


class Frame(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A titled rectangle behind the nodes: a remark on the drawing, no part of the network. `colour` is a category's
    name, whose colour it has; "" is grey."""

    id: str
    title: str = ""
    text: str = ""
    x: float = 0.0
    y: float = 0.0
    width: float = 320.0
    height: float = 240.0
    colour: str = ""


class Graph(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, dict=True, kw_only=True):
    """Nodes and the wires between them: what Design and Group have in common. The frames behind them are for people."""

    nodes: tuple[Node, ...] = ()
    wires: tuple[Wire, ...] = ()
    frames: tuple[Frame, ...] = ()

    @cached_property
    def by_id(self) -> dict[str, Node]:
        return {node.id: node for node in self.nodes}

    @cached_property
    def frame_by_id(self) -> dict[str, Frame]:
        return {frame.id: frame for frame in self.frames}

    @cached_property
    def by_name(self) -> dict[str, Node]:
        return {node.name: node for node in self.nodes}

    @cached_property
    def into(self) -> dict[str, tuple[Wire, ...]]:
        """The wires that end at each node."""
        return _collect(self.wires, "target")

    @cached_property
    def out_of(self) -> dict[str, tuple[Wire, ...]]:
        """The wires that start at each node."""
        return _collect(self.wires, "source")

    def wire_into(self, end: End) -> Wire | None:
        return next((w for w in self.into.get(end.node, ()) if w.target == end), None)


def _collect(wires: tuple[Wire, ...], side: str) -> dict[str, tuple[Wire, ...]]:
    found: dict[str, list[Wire]] = {}
    for wire in wires:
        found.setdefault(getattr(wire, side).node, []).append(wire)
    return {node: tuple(ws) for node, ws in found.items()}


class Group(Graph, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A sub-design that stands as one node. Its ports are its GroupInput and GroupOutput nodes, in order.

    Several nodes may use one Group, each with values of its own for the settings that the Group exposes.
    """

    name: str
    settings: tuple[Setting, ...] = ()
    help: str = ""


class Variant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A named set of settings (`resnet18`, `s`): keys are `node.setting` with `/` into Groups."""

    name: str
    settings: Settings = Settings()


class NodeRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How the weights of one node are trained otherwise than the rest. Of two rules the one with the longer path holds.

    `node` is a path by names, with `/` into Groups, as in a variant; it covers all that lies inside.
    """

    node: str
    rate: float = 1.0
    """A factor of the learning rate."""
    unfreeze: int = 0
    """Its weights stay as they are until this epoch begins; 0: they train from the start, unless the node is frozen."""
    freeze: int = 0
    """From this epoch on its weights stay as they are; 0: never."""


class DataStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One thing that is done to samples between reading them and the network; `app.design.augment` knows the kinds."""

    kind: str
    settings: Settings = Settings()
    off: bool = False
    """Stays in the list, and does nothing."""


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How the design is trained. It travels with the drawing; the command line and the panel may change it.

    Times are in epochs. A field that is None has the value usual with the optimizer or schedule chosen
    (`app.design.schedule` knows it).
    """

    data: str = ""
    """`KIND` or `KIND:PATH`; empty: not chosen yet."""
    epochs: int = 10
    batch_size: int = 64
    """Samples in a batch; 0: the largest that fits into memory, found as training begins."""
    optimizer: str = "adamw"
    learning_rate: float = 0.001
    weight_decay: float = 0.01
    schedule: str = "cosine"
    seed: int = 0
    precision: str = "32"
    momentum: float | None = None
    """Of SGD and RMSprop. None: 0.9 with SGD, none with RMSprop."""
    nesterov: bool = False
    """Nesterov's look ahead, in SGD."""
    beta1: float = 0.9
    beta2: float = 0.999
    """How slowly the running means of Adam's kin forget: of the gradient, and of its square."""
    alpha: float = 0.99
    """How slowly RMSprop's running mean of the square forgets."""
    eps: float | None = None
    """What the optimizer adds below the fraction. None: 1e-8, with Adagrad 1e-10."""
    decay_all: bool | None = None
    """Whether weight decay and penalties pull on norms and biases too. None: not with AdamW, else they do."""
    l1: float = 0.0
    """Adds `l1 · Σ|w|` to what is descended on."""
    l2: float = 0.0
    """Adds `l2 / 2 · Σw²` to what is descended on."""
    warm_up: float | None = None
    """Epochs over which the rate rises to all of it. None: a twentieth of the run with cosine, else none."""
    gamma: float = 0.1
    """What step, multi-step, exponential and plateau multiply the rate by."""
    every: float = 0.0
    """Epochs after which step and exponential do so; 0: a third of the run."""
    milestones: tuple[float, ...] = ()
    """Epochs after which multi-step does so; none: half and three quarters of the run."""
    final: float = 0.0
    """The share of the rate at which cosine and linear end."""
    plateau: int = 5
    """Epochs without a better loss after which plateau does so."""
    clip_norm: float = 0.0
    """The longest gradient, all weights taken together; 0: any."""
    clip_value: float = 0.0
    """The largest number in a gradient; 0: any."""
    accumulate: int = 1
    """Batches whose gradients are averaged for one step of the optimizer."""
    truncate: int = 0
    """Steps that recurrent layers pass the gradient back through time at most; 0: all."""
    ema: float = 0.0
    """How slowly the moving average of the weights, which is then what is evaluated, forgets: 0.999, say; 0: none."""
    compile: bool = False
    """Whether torch.compile makes kernels for the network before it is trained."""
    early_stop: int = 0
    """Epochs without a better validation loss after which training ends; 0: it goes on to its last epoch."""
    workers: int = 2
    """Threads that read samples from disk ahead of the network; 0: none. They change no batch."""
    weights: str = ""
    """A file whose weights a new run begins with, as far as they fit; empty: it begins with new ones."""
    weights_by: str = "name"
    """How its tensors are matched: by `name` (key maps included), besides by the `shape` that one alone has, or by the
    `order` of equal shapes."""
    nodes: tuple[NodeRule, ...] = ()
    """What is trained otherwise than the rest."""
    validation_share: float = 0.1
    """Of data that is not divided yet."""
    test_share: float = 0.2
    skip_bad_samples: bool = False
    """Leave out samples that cannot be read, and say how many; else the first ends the run with a sentence."""
    augment: tuple[DataStep, ...] = ()
    """What is done to samples, in this order: what chance has a part in only in training."""


class About(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a drawing is: shown where it is chosen, and kept in its file."""

    title: str = ""
    year: int = 0
    paper: str = ""
    """Authors, year and where to read it."""
    introduced: str = ""
    """What it was the first to do, in a sentence."""
    task: str = ""
    """What it is for: classification, detection, segmentation, language, generation."""


class Design(Graph, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A whole drawing: what it is, the top graph, its Groups, its variants and its recipe for training."""

    about: About = About()
    groups: tuple[Group, ...] = ()
    variants: tuple[Variant, ...] = ()
    recipe: Recipe = Recipe()

    @cached_property
    def group_by_name(self) -> dict[str, Group]:
        return {group.name: group for group in self.groups}

    def graph(self, where: str = "") -> Graph:
        """The top graph, or with a Group's name that Group. Raises KeyError when there is none."""
        return self.group_by_name[where] if where else self
