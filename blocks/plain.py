"""The card of an ordinary nn.Module that says nothing of itself: all of it is read off its signatures.

- A constructor's parameter with a default is a setting where its type has a form; others keep their default.
- One without a default is read off the first input where its name is that of channels (`in_channels`, pattern
  `B C *S`) or of features (`in_features`, pattern `B *S D`); any other needs a default.
- The parameters of `forward` are the inputs; one whose default is None is optional. `list[Tensor]` is a pyramid.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Sequence
from typing import Any, get_args, get_origin

from blocks.card import Card, Port, Setting
from blocks.declare import _explain, _setting, setting
from blocks.patterns import parse

CHANNELS = {"C", "c", "channels", "in_channels", "in_chans", "in_ch", "ch_in", "c_in", "c1", "inplanes", "in_planes",
            "num_channels", "n_channels", "input_channels"}  # fmt: skip
FEATURES = {"D", "d", "dim", "in_dim", "input_dim", "d_model", "features", "in_features", "num_features", "n_features",
            "embed_dim", "embedding_dim", "input_size"}  # fmt: skip
ANY = "number:*s"
PYRAMID = "[B c h w]"


def card_of(cls: type, file: str) -> Card:
    """The card of a class that stands in `file`. Raises TypeError with a sentence where it can be no block."""
    settings, sizes = _constructor(cls)
    inputs = _inputs(cls, {size for _, size in sizes})
    given = PYRAMID if _is_list(_hints(cls.forward).get("return")) else "*T"  # type: ignore[attr-defined]
    text = inspect.cleandoc(cls.__doc__ or "") or "A module of your own."
    return Card(
        id=cls.__name__, title=cls.__name__, category="Own blocks", inputs=inputs, outputs=(_port("out", given),),
        settings=settings, summary=text.split("\n\n")[0].replace("\n", " "), help=text, paper=file, icon="puzzle",
        shown=tuple(s.name for s in settings)[:2], reads=tuple(name for name, _ in sizes), sizes=sizes,
        leaf="it is a module of your own, which is not made of blocks",
    )  # fmt: skip


def _constructor(cls: type) -> tuple[tuple[Setting, ...], tuple[tuple[str, str], ...]]:
    init = cls.__init__  # type: ignore[misc]
    if init.__module__ == "torch.nn.modules.module":  # nn.Module's own: it takes nothing
        return (), ()
    hints = _hints(init)
    settings, sizes = [], []
    for parameter in list(inspect.signature(init).parameters.values())[1:]:
        name, default = parameter.name, parameter.default
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if default is parameter.empty:
            if name not in CHANNELS | FEATURES:
                raise TypeError(
                    f"{cls.__name__} needs `{name}`, which no wire gives: give it a default, so that it is a setting "
                    "(or begin the class' name with _ if it is no block)"
                )
            sizes.append((name, "C" if name in CHANNELS else "D"))
        elif (made := _form(cls.__name__, name, hints.get(name), default)) is not None:
            settings.append(made)
    return tuple(settings), tuple(sizes)


def _form(who: str, name: str, hint: Any, default: Any) -> Setting | None:
    """The setting that a parameter becomes; None where its type has no form."""
    if hint is None:
        hint = tuple[type(default[0]), ...] if isinstance(default, tuple) and default else type(default)  # type: ignore[misc]
    try:
        return _setting(who, name, hint, default, setting(f"`{name}` of {who}."))
    except TypeError:
        return None


def _inputs(cls: type, sizes: set[str]) -> tuple[Port, ...]:
    forward = cls.forward  # type: ignore[attr-defined]
    if forward.__name__ == "_forward_unimplemented":
        raise TypeError(f"{cls.__name__} has no forward: write one (or begin its name with _ if it is no block)")
    hints = _hints(forward)
    ports: list[Port] = []
    closed = ""
    for parameter in list(inspect.signature(forward).parameters.values())[1:]:
        name = parameter.name
        if parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD):
            if parameter.default is parameter.empty and parameter.kind == parameter.KEYWORD_ONLY:
                raise TypeError(f"{cls.__name__}: forward's `{name}` is given by name only: give it a default")
            continue
        if parameter.default not in (parameter.empty, None):  # a number, say: it keeps its default
            closed = closed or name
            continue
        if closed:
            raise TypeError(f"{cls.__name__}: forward's `{closed}` has a value but `{name}` after it is an input: move "
                            f"`{closed}` to the end")  # fmt: skip
        if _is_list(hints.get(name)):
            pattern = PYRAMID
        elif not ports and sizes:
            pattern = " ".join(["B", *(["C"] if "C" in sizes else []), "*S", *(["D"] if "D" in sizes else [])])
        else:
            pattern = ANY
        several = parameter.kind == parameter.VAR_POSITIONAL
        ports.append(_port(name, pattern, parameter.default is None, "*" if several else ""))
    if not ports:
        raise TypeError(f"{cls.__name__}: forward takes no tensor: give it one parameter at least")
    if sizes and ports[0].kind == "pyramid":
        raise TypeError(f"{cls.__name__}: its first input is a list of tensors, off which no single size can be read: "
                        "give the sizes defaults")  # fmt: skip
    return tuple(ports)


def _port(name: str, pattern: str, optional: bool = False, many: str = "") -> Port:
    parsed = parse(pattern)
    help = "Any tensor." if pattern in (ANY, "*T") else _explain(parsed)
    return Port(name, pattern, parsed.kind, help, optional=optional, many=many, at_least=1 if many else 0)


def _hints(function: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function)
    except NameError as error:
        raise TypeError(f"the type of a parameter of `{function.__qualname__}` is not known: {error}") from None


def _is_list(hint: Any) -> bool:
    return get_origin(hint) in (list, Sequence) and getattr(get_args(hint)[0], "__name__", "") == "Tensor"
