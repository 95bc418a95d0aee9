"""`@block`: declares a block where it is written, and fails at import when ports, settings and signature disagree."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, NewType, TypeVar, get_args, get_origin

import msgspec

from blocks import patterns
from blocks.card import CATEGORIES, Card, Port, Preset, Setting, SettingType, Value
from blocks.sections import section_of

REGISTRY: dict[str, type] = {}
"""Every declared block by its id, the class name."""

CARDS: dict[str, Card] = {}

Source = NewType("Source", str)
"""The type of a setting that holds lines of Python. It is run only once the user has allowed it."""

T = TypeVar("T", bound=type)

CLAUSES = ("meta", "finite", "gradient", "onnx", "settings", "train")
"""The clauses of the contract test that a block may be exempt from, with a reason; `settings:NAME` for one setting."""


class _SettingNote(NamedTuple):
    help: str
    min: float | None
    max: float | None
    shown: bool
    when: tuple[tuple[str, Any], ...]
    letters_of: str


class _PortNote(NamedTuple):
    pattern: str
    help: str
    example: str = ""


def setting(
    help: str, *, min: float | None = None, max: float | None = None, shown: bool = False,
    when: Mapping[str, Any] | None = None, letters_of: str = "",
) -> Any:  # fmt: skip
    """What `@block` is told of a setting: its help, bounds, and whether it stands on the node.

    `when` names other settings and the values at which alone this one matters: `{"kind": "bottleneck"}`.
    `letters_of` names the setting whose sizes this one gives letters.
    """
    return _SettingNote(help, min, max, shown, tuple((when or {}).items()), letters_of)


def port(pattern: str, help: str, example: str = "") -> Any:
    """What `@block` is told of a port, where its pattern alone does not explain it.

    `example` gives the sizes at the default settings where they follow from others, which no pattern says: "B 72 H W".
    """
    return _PortNote(pattern, help, example)


class _PresetNote(NamedTuple):
    help: str
    title: str
    node: str
    icon: str
    settings: dict[str, Any]


def preset(help: str, *, title: str = "", node: str = "", icon: str = "", **settings: Any) -> Any:
    """What `@block` is told of a preset: its help, title, icon and settings, and how its node is called.

    Without a title it is that of the block and the preset's name: "Input: tokens".
    """
    return _PresetNote(help, title, node, icon, settings)


def block(
    title: str,
    *,
    category: str,
    inputs: Mapping[str, Any],
    outputs: Mapping[str, Any],
    paper: str,
    helps: str = "",
    hurts: str = "",
    icon: str = "",
    aliases: tuple[str, ...] = (),
    leaf: str = "",
    exempt: Mapping[str, str] | None = None,
    presets: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Callable[[T], T]:
    """Declare a class as a block. `paper` names the paper, or torch's own documentation page.

    `helps` and `hurts` say when it is the right choice and when another one is, each in a sentence or two. `leaf`
    gives the reason why a composite does not open up; `exempt` maps clauses of the contract test to reasons.
    `presets` are further rows of the palette, each the block with settings of its own. Raises TypeError at import
    when the declaration does not fit the class.
    """

    def declare(cls: T) -> T:
        card = _card(cls, title, category, inputs, outputs, paper, icon, aliases, leaf, dict(exempt or {}), settings)
        card = msgspec.structs.replace(card, helps=helps, hurts=hurts, presets=_presets(card, presets or {}))
        if cls.__name__ in REGISTRY and REGISTRY[cls.__name__].__module__ != cls.__module__:
            raise TypeError(f"there are two blocks `{cls.__name__}`: ids must differ")
        REGISTRY[cls.__name__] = cls
        CARDS[cls.__name__] = card
        return cls

    return declare


def _card(
    cls: type, title: str, category: str, inputs: Mapping[str, Any], outputs: Mapping[str, Any], paper: str, icon: str,
    aliases: tuple[str, ...], leaf: str, exempt: dict[str, str], notes: Mapping[str, Any],
) -> Card:  # fmt: skip
    who = cls.__name__
    if category not in CATEGORIES:
        raise TypeError(f"{who}: `{category}` is no category (there are: {', '.join(CATEGORIES)})")
    if not (cls.__doc__ or "").strip():
        raise TypeError(f"{who}: the docstring is the help, and it is empty")
    of_settings = {f"settings:{name}" for name in notes}
    if unknown := set(exempt) - set(CLAUSES) - of_settings:
        raise TypeError(f"{who}: exempt from {unknown}, but the clauses are {', '.join(CLAUSES)}")
    ins = tuple(_port(name, note) for name, note in inputs.items())
    outs = tuple(_port(name, note) for name, note in outputs.items())
    settings, reads = _signature(cls, notes)
    known = {name for p in ins for name in patterns.names(patterns.parse(p.pattern))}
    if strange := set(reads) - known - {"strides", "wired"}:
        raise TypeError(f"{who}: {sorted(strange)} have no default, but no input's pattern names such a size")
    by_name = {s.name: s for s in settings}
    for s in settings:
        for other, value in s.when:
            if other not in by_name or by_name[other].accept(value) != value:
                raise TypeError(f"{who}: `{s.name}` matters when {other} is {value!r}, but {other} cannot be that")
        if s.letters_of and (s.letters_of not in by_name or s.type != "strs"):
            raise TypeError(f"{who}: `{s.name}` gives `{s.letters_of}` letters: that must be a setting, and this strs")
    for p in (*ins, *outs):
        if p.many not in ("", "*") and (p.many not in by_name or by_name[p.many].type not in ("int", "strs")):
            raise TypeError(f"{who}: `{p.name}*{p.many}` needs a setting `{p.many}` of type int or tuple[str, ...]")
        for dim in patterns.parse(p.pattern).dims:
            if dim.divisor and not dim.divisor.isdigit() and dim.divisor not in by_name:
                raise TypeError(f"{who}: `{p.pattern}` divides by `{dim.divisor}`, which is no setting")
    if sum(p.many == "*" for p in ins) > 1:
        raise TypeError(f"{who}: two ports of any number: their letters would clash")
    if len({p.name for p in ins}) < len(ins) or len({p.name for p in outs}) < len(outs):
        raise TypeError(f"{who}: two ports have the same name")
    text = inspect.cleandoc(cls.__doc__ or "")
    shown = tuple(name for name, note in notes.items() if note.shown) or tuple(by_name)[:2]
    return Card(
        id=who, title=title, category=category, inputs=ins, outputs=outs, settings=settings,
        summary=text.split("\n\n")[0].replace("\n", " "), help=text, paper=paper, icon=icon, aliases=aliases,
        section=section_of(who, cls.__module__, category), shown=shown, reads=reads, leaf=leaf,
        exempt=tuple(sorted(exempt.items())),
    )  # fmt: skip


def _presets(card: Card, notes: Mapping[str, Any]) -> tuple[Preset, ...]:
    made = []
    for name, note in notes.items():
        settings: list[tuple[str, Value]] = []
        for key, value in note.settings.items():
            setting = card.setting(key)
            if setting is None:
                raise TypeError(f"{card.id}: the preset {name} sets `{key}`, which is no setting")
            try:
                settings.append((key, setting.accept(value)))
            except ValueError as error:
                raise TypeError(f"{card.id}: in the preset {name}, {error}") from None
        title = note.title or f"{card.title}: {name}"
        made.append(Preset(name, title, note.help, tuple(settings), note.node, note.icon))
    return tuple(made)


_WORDS = {
    "B": "batch", "C": "channels", "H": "height", "W": "width", "L": "length", "D": "features", "K": "classes",
    "S": "any further sizes", "T": "time", "N": "number",
}  # fmt: skip


def _port(name: str, note: Any) -> Port:
    pattern, help, example = note if isinstance(note, _PortNote) else (str(note), "", "")
    parsed = patterns.parse(pattern)
    optional = name.endswith("?")
    name, star, many = name.rstrip("?").partition("*")
    at_least = 0
    if star and (not many or many.isdigit()):  # `xs*` any number, `xs*2` two or more; `xs*names` as a setting says
        many, at_least = "*", int(many or 1)
    return Port(
        name=name, pattern=pattern, kind=parsed.kind, help=help or _explain(parsed), optional=optional, many=many,
        at_least=at_least, dtype="int" if parsed.dtype == "int" else "",
        example=example,
    )  # fmt: skip


def _explain(pattern: patterns.Pattern) -> str:
    if pattern.kind == "scalar":
        return "One number."
    if pattern.kind == "any":
        return "Any value."
    sizes = ", ".join(_WORDS.get(d.name.upper(), d.name or str(d.size)) for d in pattern.dims)
    what = {"pyramid": "Several levels, finest first, each", "tensor": "A tensor:"}.get(pattern.kind, pattern.kind)
    return f"{what} {sizes}."


def _signature(cls: type, notes: Mapping[str, Any]) -> tuple[tuple[Setting, ...], tuple[str, ...]]:
    who = cls.__name__
    init = cls.__init__  # type: ignore[misc]
    hints = typing.get_type_hints(init)
    settings: list[Setting] = []
    reads: list[str] = []
    # Whose constructor it is, not the function itself: torch.export puts another one into nn.Module.
    owner = next(c for c in cls.__mro__ if "__init__" in vars(c))
    plain = owner is object or owner.__module__ == "torch.nn.modules.module"  # a block without settings
    parameters = [] if plain else list(inspect.signature(init).parameters.values())[1:]
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TypeError(f"{who}: *args and **kwargs hide settings: write an __init__ that names them")
        if parameter.default is parameter.empty:
            reads.append(parameter.name)
            continue
        if parameter.name not in notes:
            raise TypeError(f"{who}: the setting `{parameter.name}` has no help: add {parameter.name}=setting(...)")
        settings.append(_setting(who, parameter.name, hints[parameter.name], parameter.default, notes[parameter.name]))
    if strange := set(notes) - {s.name for s in settings}:
        raise TypeError(f"{who}: {sorted(strange)} are declared as settings, but the constructor has no such default")
    return tuple(settings), tuple(reads)


def _setting(who: str, name: str, hint: Any, default: Any, note: _SettingNote) -> Setting:
    optional = False
    if get_origin(hint) in (UnionType, typing.Union):
        parts = [a for a in get_args(hint) if a is not NoneType]
        optional = len(parts) < len(get_args(hint))
        if set(parts) == {int, tuple[int, int]}:  # one number for both: the form of a pair
            parts = [tuple[int, int]]
        if len(parts) != 1:
            raise TypeError(f"{who}: `{name}` takes one of several types: give it one")
        hint = parts[0]
    choices: tuple[str, ...] = ()
    kind: SettingType
    if get_origin(hint) is Literal:
        kind, choices = "choice", get_args(hint)
    elif hint is Source:
        kind = "code"
    elif hint in (int, float, bool, str):
        kind = hint.__name__
    elif hint == tuple[int, int]:
        kind = "pair"
    elif hint == tuple[int, ...]:
        kind = "ints"
    elif hint == tuple[float, ...]:
        kind = "floats"
    elif hint == tuple[str, ...]:
        kind = "strs"
    else:
        raise TypeError(f"{who}: `{name}` is {hint}, for which there is no form")
    if kind == "pair" and isinstance(default, int):
        default = (default, default)
    made = Setting(
        name=name, type=kind, default=default, help=note.help, min=note.min, max=note.max, choices=choices,
        optional=optional, when=note.when, letters_of=note.letters_of,
    )  # fmt: skip
    try:
        fits = made.accept(default) == default
    except ValueError:
        fits = False
    if not fits:
        raise TypeError(f"{who}: `{name}` has the default {default!r}, which is not {made.wanted()}")
    return made
