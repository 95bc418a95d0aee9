"""Ctrl+F: finds nodes in the drawing, in all its Groups, and flies to them; and what analysis complains of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QWidget

from app.design.paths import locate
from app.design.values import Design, Node
from app.messages.reports import Problem
from app.window.canvas import texts
from app.window.canvas.face import category_of, icon_of
from app.window.canvas.flight import fly
from app.window.chooser import ROW, Chooser, Row
from app.window.document import Document
from app.window.sentences import plain
from app.window.theme import theme
from blocks.card import Card, Setting

if TYPE_CHECKING:
    from app.window.canvas.view import CanvasView

MOST = 200
"""So many finds are listed."""
Path = tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """A node that was found: where it stands, and what of it answers."""

    path: Path
    node: Node
    why: str = ""
    """The setting or problem that answers; "" where it is its name or block."""
    problem: Problem | None = None


def places(design: Design, first: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every graph of a design once, by a path that leads to it: along `first` where that goes, then from the top."""
    seen: set[str] = set()
    for start in dict.fromkeys(first[:i] for i in range(len(first), -1, -1)):
        todo = [start]
        while todo:
            path = todo.pop(0)
            where = ""
            for id in path:
                where = design.graph(where).by_id[id].group
            if where in seen:
                continue
            seen.add(where)
            yield path, where
            inner = [n for n in design.graph(where).nodes if n.group in design.group_by_name]
            todo += [(*path, n.id) for n in inner]


def find(document: Document, query: str) -> list[Found]:
    """What answers a query: nodes whose name begins with it come first, then by other words, then problems."""
    words = query.casefold().replace("=", " ").split()
    if not words:
        return []
    design = document.design
    ranked: list[tuple[int, Found]] = []
    for path, where in places(design, document.path):
        for node in design.graph(where).nodes:
            value, why = _answer(words, document, node)
            if value is not None:
                ranked.append((value, Found(path, node, why)))
    for problem in document.open_problems:
        text = plain(problem.message)
        if all(word in text.casefold() for word in words):
            path, where, id = locate(design, problem.id)
            if id and id in design.graph(where).by_id:
                ranked.append((9, Found(path, design.graph(where).by_id[id], text, problem)))
    return [found for _, found in sorted(ranked, key=lambda one: one[0])]


def _answer(words: list[str], document: Document, node: Node) -> tuple[int | None, str]:
    """How well a node answers, 0 best, and by which setting; None where it does not."""
    whole, name = " ".join(words), node.name.casefold()
    if name.startswith(whole):
        return (0 if name == whole else 1), ""
    card = document.catalogue.get(node.block)
    said = [name, node.block, node.group, card.title if card else "", category_of(document, node)]
    if any(whole in text.casefold() for text in said):
        return 2, ""
    settings = list(_settings(document, node, card))
    why: list[str] = []
    at = 0
    while at < len(words):
        word, after = words[at], words[at + 1] if at + 1 < len(words) else None
        pair = next((s for s in settings if _named(s[0], word) and after is not None and after in s[2]), None)
        if pair is not None:
            why.append(pair[1])
            at += 2
            continue
        if after is not None and any(_named(s[0], word) for s in settings) and not _plain(after, said):
            return None, ""  # the setting is there, and has another value
        if not _plain(word, said):
            one = next((s for s in settings if _named(s[0], word) or word in s[2]), None)
            if one is None:
                return None, ""
            why.append(one[1])
        at += 1
    return 4 + bool(why), ", ".join(dict.fromkeys(why))


def _plain(word: str, said: list[str]) -> bool:
    return any(word in text.casefold() for text in said)


def _named(name: str, word: str) -> bool:
    """Whether a word means the setting of that name: `kernel_size`, `kernel`, `kernelsize`."""
    name = name.casefold()
    return len(word) > 2 and (name.startswith(word) or name.replace("_", "").startswith(word.replace("_", "")))


def _settings(document: Document, node: Node, card: Card | None) -> Iterator[tuple[str, str, set[str]]]:
    """Name, words and values of every setting: ("kernel_size", "kernel_size 7×7", {"7", "7x7", ...})."""
    group = document.design.group_by_name.get(node.group) if node.group else None
    declared: tuple[Setting, ...] = group.settings if group else card.settings if card else ()
    known = {setting.name: setting for setting in declared}
    for name in dict.fromkeys((*known, *node.settings)):
        setting = known.get(name)
        shown = texts.value(node.settings.get(name, setting.default if setting else None), setting)
        parts = shown.casefold().replace(texts.TIMES, " ").split()
        yield name, f"{name} {shown}", {*parts, shown.casefold(), "x".join(parts), shown.casefold().replace(" ", "")}


class Find(Chooser):
    """A field over the canvas. Enter and the arrows go from find to find, Shift+Enter goes back; Escape ends it."""

    def __init__(self, view: CanvasView, over: QWidget) -> None:
        super().__init__(over, "Find in the drawing", "Name, block, or a setting: kernel_size 7", 420)
        self._view = view
        self._found: list[Found] = []
        self._went = False

    def rows(self, query: str) -> list[Row]:
        self._found = find(self._view.document, query)
        self._went = False
        return [self._row(found) for found in self._found[:MOST]]

    def _row(self, found: Found) -> Row:
        document, node = self._view.document, found.node
        card = document.catalogue.get(node.block)
        category = category_of(document, node)
        title = card.title if card else node.block
        if node.group:
            title = node.group if node.group != node.name else "Group"
        icon = "circle-x" if found.problem is not None else icon_of(card, category)
        colour = "" if found.problem is not None else theme.category(category).name()
        return Row(node.name, found.why or title, self._where(found.path), icon, colour, data=found)

    def _where(self, path: Path) -> str:
        """The names on the way to a Group: `encoder / stage1`."""
        names, where = [], ""
        for id in path:
            node = self._view.document.design.graph(where).by_id[id]
            names.append(node.name)
            where = node.group
        return " / ".join(names)

    def nothing_words(self, query: str) -> str:
        if not query:
            return "Enter goes to what was found and on, Shift+Enter back."
        return f"Nothing in the drawing answers “{query}”. Try a name, a block, or a setting with its value."

    def place(self) -> None:
        """Stand in the upper right corner of the canvas."""
        corner = self._view.mapTo(self._over, QPoint(self._view.width(), 0))
        wide = min(self._wide, self._view.width() - 24)
        high = self._height()
        room = self._over.height() - corner.y() - 24
        if high > room:
            self.list.setFixedHeight(max(room - (high - self.list.height()), ROW))
            high = min(high, room)
        self.setGeometry(corner.x() - wide - 12, corner.y() + 12, wide, high)

    def step(self, by: int) -> None:
        super().step(by if self._went else 0)
        self._fly()

    def take(self) -> None:
        self._fly()

    def key(self, event: QKeyEvent) -> bool:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.step(-1 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1)
            return True
        return super().key(event)

    def _fly(self) -> None:
        row = self.current()
        if row is None:
            return
        self._went = True
        found = row.data
        assert isinstance(found, Found)
        document = self._view.document
        if document.path != found.path:
            document.go(found.path)
            self.place()  # inside a Group the canvas begins further down
        fly(self._view, found.node.id)
        self._view.hint.emit(f"{self.list.currentRow() + 1} of {len(self._found):,}: {found.node.name}")

    def shut(self) -> None:
        super().shut()
        self._view.setFocus()
