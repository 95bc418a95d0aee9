"""The little language of ports: `B C H W`, `B C%groups H W`, `B *S`, `[B c h w]`, `int:B L`, `number:*S`, `scalar`.

Upper case binds one size; lower case one size a level or a wire (a list); `*S` any number of sizes (lower case: a list
of such); `C%groups` must be a multiple of the setting `groups` (or of a number); a number must be just that size.
Brackets make a pyramid; `[B c h w] 2+` needs two levels or more. A port takes fractions (float32); `int:` takes whole
numbers, `number:` both. Torch-free:
analysis checks a pattern before it runs a module.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

from blocks.card import Kind, Port

Shape = tuple[int, ...]
Bound = int | Shape | list[int] | list[Shape]


class Dim(msgspec.Struct, frozen=True):
    """One letter of a pattern."""

    name: str = ""
    many: bool = False
    each: bool = False
    """Lower case: one value a level or a wire."""
    divisor: str = ""
    size: int = 0
    """Not 0: a number that the size must be."""


class Pattern(msgspec.Struct, frozen=True):
    """A parsed pattern."""

    kind: Kind
    dtype: str
    dims: tuple[Dim, ...]
    levels: int = 1
    """How many levels a pyramid needs at least."""

    @property
    def words(self) -> str:
        return " ".join(("*" if d.many else "") + (d.name or str(d.size)) for d in self.dims) or "one number"


@lru_cache(maxsize=1024)
def parse(text: str) -> Pattern:
    """Read a pattern. Raises ValueError when it is not one."""
    kind: Kind = "tensor"
    dtype = ""
    body = text.strip()
    while prefix := re.match(r"(int|number|boxes|detections|scalar|any)(:|\Z)\s*", body):
        if prefix[1] in ("int", "number"):
            dtype = prefix[1]
        else:
            kind = prefix[1]  # type: ignore[assignment]
        body = body[prefix.end() :]
    levels = 1
    if bracketed := re.fullmatch(r"\[(.*)\](?: (\d+)\+)?", body):
        kind, body, levels = "pyramid", bracketed[1], int(bracketed[2] or 1)
    dims = tuple(map(_dim, body.split()))
    if sum(d.many for d in dims) > 1:
        raise ValueError(f"`{text}` has two open places: at most one `*` can be told apart")
    return Pattern(kind, dtype, dims, levels)


def _dim(word: str) -> Dim:
    if word.isdigit():
        return Dim(size=int(word))
    match = re.fullmatch(r"(\*?)([A-Za-z][A-Za-z0-9_]*)(?:%([A-Za-z0-9_]+))?", word)
    if not match:
        raise ValueError(f"`{word}` is no size: use a letter, `*S`, `C%groups` or a number")
    return Dim(name=match[2], many=bool(match[1]), each=match[2][0].islower(), divisor=match[3] or "")


def names(pattern: Pattern) -> dict[str, bool]:
    """The sizes that a pattern binds; True where it binds a list."""
    return {d.name: d.each for d in pattern.dims if d.name}


class Mismatch(ValueError):
    """A shape that a port does not take. `code` is rank, size, divides, differs, kind, dtype or levels."""

    def __init__(self, code: str, port: str, message: str, detail: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code, self.port, self.detail = code, port, dict(detail or {})


def show(shape: Shape) -> str:
    return "x".join(map(str, shape)) or "one number"


def _sizes(count: int) -> str:
    return "1 size" if count == 1 else f"{count} sizes"


class Binder:
    """Binds the sizes of a block's input ports, one port after another."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings
        self.bound: dict[str, Bound] = {}
        self._first: dict[str, tuple[str, Shape]] = {}

    def take(self, port: Port, shapes: list[Shape], dtype: str, *, pyramid: bool = False) -> None:
        """Match what arrives at `port`. Raises Mismatch with a sentence on the first rule that it breaks."""
        pattern = parse(port.pattern)
        if port.kind == "any":
            return
        whole = dtype.startswith(("int", "uint", "bool"))
        if pattern.dtype == "int" and not whole:
            message = f"`{port.name}` is {dtype}, but it needs whole numbers (int64), such as class numbers"
            raise Mismatch("dtype", port.name, message, {"needed": "int64"})
        if pattern.dtype == "" and whole:
            message = f"`{port.name}` is {dtype}, whole numbers, but it calculates with fractions and needs float32"
            raise Mismatch("dtype", port.name, message, {"needed": "float32"})
        if pyramid and len(shapes) < pattern.levels:
            have = "1 level" if len(shapes) == 1 else f"{len(shapes) or 'no'} levels"
            raise Mismatch(
                "levels", port.name,
                f"`{port.name}` has {have}, but it needs {pattern.levels} or more: let the backbone give more of its "
                "levels, or make several out of one by a simple feature pyramid",
            )  # fmt: skip
        for level, shape in enumerate(shapes):
            self._shape(port, pattern, shape, level if pyramid else None)

    def _shape(self, port: Port, pattern: Pattern, shape: Shape, level: int | None) -> None:
        dims, at = pattern.dims, f"`{port.name}`" if level is None else f"level {level + 1} of `{port.name}`"
        open_at = next((i for i, d in enumerate(dims) if d.many), None)
        fixed = len(dims) - (open_at is not None)
        if len(shape) < fixed or (open_at is None and len(shape) != fixed):
            needs = f"{pattern.words} ({_sizes(fixed)}{'' if open_at is None else ' or more'})"
            detail = {"rank": len(shape), "needs": fixed}
            message = f"{at} is {show(shape)} ({_sizes(len(shape))}), but it needs {needs}"
            raise Mismatch("rank", port.name, message, detail)
        spare = len(shape) - fixed
        place = 0
        for dim in dims:
            width = spare if dim.many else 1
            part = shape[place : place + width]
            self._bind(port, dim, part if dim.many else part[0], shape, at, place)
            place += width

    def _bind(self, port: Port, dim: Dim, value: int | Shape, shape: Shape, at: str, place: int) -> None:
        if dim.size:
            if value != dim.size:
                message = f"{at} is {show(shape)}, but it needs {dim.size} where it has {value}"
                raise Mismatch("size", port.name, message, {"place": place})
            return
        if dim.divisor:
            by = int(dim.divisor) if dim.divisor.isdigit() else int(self.settings[dim.divisor])
            if by < 1 or not isinstance(value, int) or value % by:
                detail: dict[str, Any] = {"setting": dim.divisor, "size": value, "by": by, "place": place}
                what = f"{dim.name} = {value}"
                message = f"{at} has {what}, but it needs a multiple of {dim.divisor} = {by}"
                if dim.divisor.isdigit():
                    message = f"{at} has {what}, but it needs a multiple of {by}"
                raise Mismatch("divides", port.name, message, detail)
        if dim.each:
            held = self.bound.setdefault(dim.name, [])
            held.append(value)  # type: ignore[union-attr, arg-type]
            return
        if dim.name not in self.bound:
            self.bound[dim.name] = value
            self._first[dim.name] = (port.name, shape)
        elif self.bound[dim.name] != value:
            other, other_shape = self._first[dim.name]
            same = "all sizes" if dim.many and len(parse(port.pattern).dims) <= 2 else dim.name
            detail = {"dim": dim.name, "got": value, "needed": self.bound[dim.name], "other": other}
            raise Mismatch(
                "differs", port.name,
                f"{at} is {show(shape)} but `{other}` is {show(other_shape)}: {same} must be equal", detail,
            )  # fmt: skip
