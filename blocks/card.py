"""What a person needs to know of a block to find it, set it and wire it: plain values, no torch, no Qt.

A `Card` is read off a block's class by `blocks.declare.block`; it crosses the pipe to the window as data.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["tensor", "pyramid", "boxes", "detections", "scalar", "any"]
"""What a wire carries. `any` stands on a port that takes every kind, never on a wire."""

SettingType = Literal["int", "float", "bool", "str", "code", "choice", "pair", "ints", "floats", "strs"]
"""`pair`, `ints`, `floats`, `strs` are `tuple[int, int]`, `tuple[int, ...]`, ...; `choice` a Literal; `code` lines of
Python, which are run only once the user has allowed them."""

CATEGORIES = (
    "Ends", "Stem", "Backbone", "Attention", "Neck", "Head", "Layer", "Connector", "Loss", "Postprocess", "Metric",
    "Own blocks",
)  # fmt: skip

SECTIONS: dict[str, tuple[str, ...]] = {
    "Backbone": ("Backbones", "Stages", "Blocks"),
    "Attention": ("Gates", "Self-attention on maps", "Self-attention on sequences", "Transformer layers", "Parts"),
    "Neck": ("Necks", "Parts"),
    "Head": ("Classification", "Embedding and projection", "Segmentation", "Detection", "Parts"),
    "Layer": (
        "Convolution", "Linear", "Pooling", "Normalisation", "Activation", "Dropout", "Scale", "Form", "Recurrent",
        "Positions and tokens", "Feed-forward", "Parts",
    ),
    "Connector": ("Join", "Part", "Levels", "Form", "Channels", "Values", "Measures", "Views and pairs"),
    "Loss": ("Classification", "Segmentation", "Regression", "Boxes", "Embeddings", "Distributions", "Images"),
    "Metric": ("Classification", "Segmentation", "Regression", "Sequences", "Verification"),
}  # fmt: skip
"""How a category with many blocks is divided in the palette. `Parts` are what composites open up into."""

Value = bool | int | float | str | tuple[int | float | str, ...] | None


class Setting(msgspec.Struct, frozen=True, omit_defaults=True):
    """One setting of a block: its name is the constructor's parameter, its form follows from `type`."""

    name: str
    type: SettingType
    default: Value
    help: str = ""
    min: float | None = None
    max: float | None = None
    choices: tuple[str, ...] = ()
    optional: bool = False
    """May be None (shown as "auto" or "none")."""
    when: tuple[tuple[str, Value], ...] = ()
    """Other settings and the values at which alone this one matters."""
    letters_of: str = ""
    """The setting whose sizes this one names (`H`, `W`): it is typed there, and has no field of its own."""

    def accept(self, value: object) -> Value:
        """Return `value` in this setting's type (whole floats become ints, one int becomes a pair).

        Raises ValueError with a sentence that says what was got and what is needed.
        """
        if value is None:
            if self.optional:
                return None
            raise ValueError(f"{self.name} cannot be empty: it needs {self.wanted()}")
        accepted = self._typed(value)
        for number in accepted if isinstance(accepted, tuple) else (accepted,):
            if isinstance(number, bool | str):
                continue
            if (self.min is not None and number < self.min) or (self.max is not None and number > self.max):
                raise ValueError(f"{self.name} is {number}, but it needs {self.wanted()}")
        return accepted

    def _typed(self, value: object) -> bool | int | float | str | tuple[int | float | str, ...]:
        match self.type:
            case "bool" if isinstance(value, bool):
                return value
            case "int" if _is_int(value):
                return int(value)  # type: ignore[call-overload, no-any-return]
            case "float" if _is_number(value):
                return float(value)  # type: ignore[arg-type]
            case "floats" if isinstance(value, tuple | list) and all(map(_is_number, value)):
                return tuple(float(v) for v in value)
            case "str" | "code" if isinstance(value, str):
                return value
            case "choice" if isinstance(value, str) and value in self.choices:
                return value
            case "pair" if _is_int(value):
                return (int(value), int(value))  # type: ignore[call-overload]
            case "pair" if isinstance(value, tuple | list) and len(value) == 2 and all(map(_is_int, value)):
                return (int(value[0]), int(value[1]))
            case "ints" if isinstance(value, tuple | list) and all(map(_is_int, value)):
                return tuple(int(v) for v in value)
            case "strs" if isinstance(value, tuple | list) and all(isinstance(v, str) for v in value):
                return tuple(value)
        raise ValueError(f"{self.name} is {value!r}, but it needs {self.wanted()}")

    def wanted(self) -> str:
        """What this setting accepts, in words: "a whole number of at least 1"."""
        words = {
            "int": "a whole number", "float": "a number", "bool": "true or false", "str": "a text",
            "code": "lines of Python",
            "choice": "one of " + ", ".join(self.choices), "pair": "one or two whole numbers",
            "ints": "a list of whole numbers", "floats": "a list of numbers", "strs": "a list of names",
        }[self.type]  # fmt: skip
        if self.min is not None and self.max is not None:
            words += f" from {self.min:g} to {self.max:g}"
        elif self.min is not None:
            words += f" of at least {self.min:g}"
        elif self.max is not None:
            words += f" of at most {self.max:g}"
        return words


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e308


def _is_int(value: object) -> bool:
    return not isinstance(value, bool) and (
        isinstance(value, int) or (isinstance(value, float) and value.is_integer() and abs(value) < 2**53)
    )


class Port(msgspec.Struct, frozen=True, omit_defaults=True):
    """A place where a wire ends. `pattern` names the sizes that it takes: `B C H W` (see `blocks.patterns`)."""

    name: str
    pattern: str
    kind: Kind = "tensor"
    help: str = ""
    optional: bool = False
    many: str = ""
    """"" one port; "*" any number of them, lettered a, b, c, ...; else the setting that gives their number or names."""
    at_least: int = 0
    """With many="*": how many must be wired."""
    dtype: Literal["", "int"] = ""
    """"int" where the port takes whole numbers (class indices, tokens)."""
    example: str = ""
    """A pattern with numbers, where sizes follow from others and the default settings: what the block takes alone."""


class Preset(msgspec.Struct, frozen=True, omit_defaults=True):
    """A block with other settings than the default, found in the palette by a name of its own."""

    name: str
    title: str = ""
    help: str = ""
    settings: tuple[tuple[str, Value], ...] = ()
    """Empty: the block as it is, under this name."""
    node: str = ""
    """What the node is called; empty: as the block's other nodes."""
    icon: str = ""


class Card(msgspec.Struct, frozen=True, omit_defaults=True):
    """A block as the palette, the canvas and the inspector know it. `id` is the class name and stands in files."""

    id: str
    title: str
    category: str
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
    settings: tuple[Setting, ...] = ()
    summary: str = ""
    """First sentence of the help."""
    help: str = ""
    helps: str = ""
    """When it helps, in a sentence or two."""
    hurts: str = ""
    """When it hurts, or what it costs."""
    paper: str = ""
    icon: str = ""
    section: str = ""
    """One of the category's `SECTIONS`; empty where it has none."""
    presets: tuple[Preset, ...] = ()
    aliases: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    """The settings that matter most: they stand on the node."""
    reads: tuple[str, ...] = ()
    """Parameters that the constructor reads off the wires: sizes as `C`, a pyramid's `strides`, and `wired`, the names
    of the ports that are wired."""
    sizes: tuple[tuple[str, str], ...] = ()
    """(parameter, size) where one of `reads` is called otherwise than the size in the pattern: `in_channels`, `C`."""
    leaf: str = ""
    """Why this composite does not open up; empty when it does or is a single layer."""
    exempt: tuple[tuple[str, str], ...] = ()
    """(contract clause, reason): what this block is excused from in the contract test."""

    def setting(self, name: str) -> Setting | None:
        for setting in self.settings:  # a loop: analysis asks this of every node
            if setting.name == name:
                return setting
        return None

    def preset(self, name: str) -> Preset | None:
        return next((p for p in self.presets if p.name == name), None)


class Page(msgspec.Struct, frozen=True, omit_defaults=True):
    """An explanation of something that is no block: a category, an optimizer, a schedule of the learning rate."""

    id: str
    title: str
    text: str
    """What it is and does, in a few sentences."""
    helps: str
    hurts: str
    paper: str
