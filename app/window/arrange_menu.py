"""Edit > Arrange: the layout, its direction, and what lines selected nodes up."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Protocol

from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu

from app.design.layout import Direction
from app.window.canvas.lining import HOW
from app.window.theme import icon

if TYPE_CHECKING:
    from app.window.canvas.view import CanvasView


class Add(Protocol):
    """Makes an action of the window and puts it into a menu."""

    def __call__(
        self, menu: QMenu, name: str, text: str, do: Callable[[], object], keys: str, *, canvas: bool
    ) -> QAction: ...


DIRECTIONS: dict[Direction, tuple[str, str]] = {
    "right": ("From left to right", "arrow-right"), "down": ("From top to bottom", "arrow-down"),
}  # fmt: skip


def fill(menu: QMenu, canvas: CanvasView, add: Add) -> None:
    """Put all that arranges into `menu`."""
    arranger = canvas.arranger
    every = add(menu, "lay out", "Lay out all", arranger.lay_out, "L", canvas=True)
    every.setIcon(icon("workflow"))
    every.setToolTip("Find places for all nodes: layer by layer, few crossings, skips beside what they skip (L)")
    chosen = add(
        menu, "lay out selection", "Lay out the selection", partial(arranger.lay_out, only_selected=True), "Shift+L",
        canvas=True,
    )  # fmt: skip
    chosen.setToolTip("Find places for the selected nodes; all others stay (Shift+L)")
    ways = menu.addMenu("Direction")
    group = QActionGroup(menu)
    for direction, (text, mark) in DIRECTIONS.items():
        way = ways.addAction(icon(mark), text)
        way.setCheckable(True)
        way.setChecked(direction == arranger.direction)
        way.setActionGroup(group)
        way.triggered.connect(lambda _on=False, direction=direction: setattr(arranger, "direction", direction))
    menu.addSeparator()
    for name, (text, mark, keys, how) in HOW.items():
        if name == "distribute across":
            menu.addSeparator()
        add(menu, name, text, partial(arranger.line_up, text, how), keys, canvas=True).setIcon(icon(mark))
    menu.addSeparator()
    straight = add(menu, "straighten", "Straighten", arranger.straighten, "Alt+Shift+S", canvas=True)
    straight.setIcon(icon("minus"))
    straight.setToolTip("Put the chains of the selection on one level, by their ports (Alt+Shift+S)")
    menu.setToolTipsVisible(True)
