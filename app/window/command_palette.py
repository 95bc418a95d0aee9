"""The command palette: every action of the menus in one list, found by typing and run with Enter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar

from app.window.canvas.keys import DEEDS
from app.window.chooser import Chooser, Row
from app.window.ranking import rank

if TYPE_CHECKING:
    from app.window.main_window import MainWindow

RECENT = 6
"""So many commands that were run lately come first."""
KEPT = "window/commands"
ICONS = {
    "new": "file-plus", "open": "folder-open", "gallery": "images", "save": "save", "save as": "save-all",
    "export": "upload", "own blocks": "puzzle", "quit": "power", "undo": "undo-2", "redo": "redo-2",
    "open up": "boxes", "find": "search", "letters": "ruler", "preview": "eye", "sizes": "scale", "profile": "timer",
    "theme light": "sun", "theme dark": "moon", "theme system": "monitor", "panel palette": "panel-left",
    "panel inspector": "panel-right", "panel bottom": "panel-bottom", "tab Problems": "triangle-alert",
    "tab Layers": "layers", "tab Training": "chart-line", "tab Try": "target", "tab Preview": "eye", "train": "play",
    "stop": "square", "explain": "info", "commands": "command", "shortcuts": "keyboard", "log": "terminal",
    "tab Code": "code", "read code": "file-code", "code beside": "columns-3",
    "next area": "panels-top-left", "area before": "panels-top-left", "about": "circle-help",
} | {name: deed.icon for name, deed in DEEDS.items()}  # fmt: skip
"""By the names of actions; the others have none."""
WHY = {
    "undo": "there is nothing to undo", "redo": "there is nothing to redo", "train": "a run is under way",
    "stop": "no run is under way",
}  # fmt: skip
"""Why an action cannot be chosen where its tooltip does not say it."""


@dataclass(frozen=True)
class Command:
    """One action as the palette and the page of shortcuts show it."""

    name: str
    action: QAction
    path: tuple[str, ...]
    """The menus that lead to it."""

    @property
    def text(self) -> str:
        return words(self.action.text())

    @property
    def keys(self) -> list[str]:
        """Its shortcuts as the desktop writes them."""
        return [sequence.toString(QKeySequence.SequenceFormat.NativeText) for sequence in self.action.shortcuts()]

    @property
    def why_not(self) -> str:
        """Why it cannot be chosen now; "" where it can."""
        if self.action.isEnabled():
            return ""
        tip = self.action.toolTip()
        return WHY.get(self.name) or (tip if tip and tip != self.text else "not now")


def words(text: str) -> str:
    """A menu's text without the mark of its letter."""
    return text.replace("&&", "\0").replace("&", "").replace("\0", "&")


def commands(menus: QMenuBar, names: dict[str, QAction]) -> list[Command]:
    """All there is in the menus, in their order; menus that are filled when they open are filled now."""
    by_action = {id(action): name for name, action in names.items()}

    def walk(menu: QMenu, path: tuple[str, ...]) -> Iterator[Command]:
        menu.aboutToShow.emit()
        for action in menu.actions():
            if action.menu() is not None:
                inner = action.menu()
                assert isinstance(inner, QMenu)
                yield from walk(inner, (*path, words(action.text())))
            elif not action.isSeparator() and (action.isEnabled() or id(action) in by_action):
                name = by_action.get(id(action), " ".join((*path, action.text())))
                yield Command(name, action, path)

    found: list[Command] = []
    for head in menus.actions():
        menu = head.menu()
        if isinstance(menu, QMenu):
            found += walk(menu, (words(head.text()),))
    return found


class CommandPalette(Chooser):
    """Ctrl+K: what was run lately comes first, then all in the order of the menus."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window, "Commands", "What would you like to do?", 620)
        self._window = window
        self._commands: list[Command] = []
        self.chosen.connect(self._run)

    def open(self) -> None:
        self._commands = commands(self._window.actions_.menus, self._window.actions_)
        super().open()

    @property
    def recent(self) -> list[str]:
        """The names of the commands that were run lately, the latest first."""
        return [name for name in str(self._window.settings.value(KEPT, "")).split("\n") if name]

    def rows(self, query: str) -> list[Row]:
        places = {name: place for place, name in enumerate(self.recent)}
        ranked: list[tuple[tuple[int, int, int], Command]] = []
        for order, command in enumerate(self._commands):
            if command.name == "commands":
                continue  # here one is
            value = rank(query, command.text, *command.path, " ".join((*command.path, command.text))) if query else 0
            if query and any(query.casefold() == keys.casefold() for keys in command.keys):
                value = 0
            if value is not None:
                ranked.append(((value, places.get(command.name, RECENT), order), command))
        return [self._row(command, places) for _, command in sorted(ranked, key=lambda one: one[0])]

    def _row(self, command: Command, places: dict[str, int]) -> Row:
        path = " › ".join(command.path)
        lately = "recent · " if command.name in places and not self.field.text().strip() else ""
        on = "check" if command.action.isCheckable() and command.action.isChecked() else ""
        why = command.why_not
        return Row(
            command.text, lately + path, "  ".join(command.keys[:1]), on or ICONS.get(command.name, ""),
            why=f"{path}: {why}" if why else "", data=command,
        )  # fmt: skip

    def nothing_words(self, query: str) -> str:
        return f"No command is called “{query}”. Try another word; Ctrl+F finds nodes of the drawing."

    def _run(self, command: Command) -> None:
        names = [command.name, *(name for name in self.recent if name != command.name)]
        self._window.settings.setValue(KEPT, "\n".join(names[:RECENT]))
        command.action.trigger()


