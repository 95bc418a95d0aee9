"""Text that fits a width: pieces that stand on one line where there is room, and are broken where there is not.

The manner of Oppen and Wadler, as ruff and Prettier have it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Union

WIDTH = 120


class Line(NamedTuple):
    """A place to break: else `flat` stands there."""

    flat: str = " "


class Choice(NamedTuple):
    """`broken` where the group around it is broken, else `flat`."""

    broken: str
    flat: str = ""


class Indent(NamedTuple):
    """Four columns further in after each break."""

    body: Document


class Group(NamedTuple):
    """On one line if it fits; else all its own breaks are made."""

    body: Document


Document = Union[str, Line, Choice, Indent, Group, list["Document"]]  # noqa: UP007 - it names itself
SOFT = Line("")
COMMA: tuple[Document, ...] = (",", Line())


def separated(parts: Iterable[Document], between: Iterable[Document] = COMMA) -> list[Document]:
    """The parts with something between each two."""
    made: list[Document] = []
    for part in parts:
        if made:
            made.extend(between)
        made.append(part)
    return made


def render(document: Document, indent: int = 0, room: int = 0) -> str:
    """The text, from column `indent` on; `room` columns are kept free behind its last line."""
    out: list[str] = []
    column = indent
    todo: list[tuple[int, bool, Document]] = [(indent, False, document)]
    while todo:
        at, broken, piece = todo.pop()
        match piece:
            case str():
                out.append(piece)
                column += len(piece)
            case Choice(when_broken, flat):
                text = when_broken if broken else flat
                out.append(text)
                column += len(text)
            case Line(flat):
                if broken:
                    out.append("\n" + " " * at)
                    column = at
                else:
                    out.append(flat)
                    column += len(flat)
            case Indent(body):
                todo.append((at + 4, broken, body))
            case Group(body):
                todo.append((at, not _fits(body, todo, WIDTH - column - room), body))
            case list():
                todo.extend((at, broken, part) for part in reversed(piece))
    return "".join(out)


def _fits(body: Document, rest: list[tuple[int, bool, Document]], room: int) -> bool:
    """Whether the body fits flat, and what follows it up to the next break."""
    waiting: list[tuple[bool, Document]] = [(broken, piece) for _, broken, piece in rest]
    waiting.append((False, body))
    while waiting:
        if room < 0:
            return False
        broken, piece = waiting.pop()
        match piece:
            case str():
                room -= len(piece)
            case Choice(when_broken, flat):
                room -= len(when_broken if broken else flat)
            case Line(flat):
                if broken:
                    return True
                room -= len(flat)
            case Indent(inner):
                waiting.append((broken, inner))
            case Group(inner):
                waiting.append((False, inner))
            case list():
                waiting.extend((broken, part) for part in reversed(piece))
    return room >= 0
