"""The window without a mouse: the command palette, find, the page of shortcuts, and the way from area to area."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QMenu, QWidget

if TYPE_CHECKING:
    from app.window.actions import Actions
    from app.window.canvas.find import Find
    from app.window.command_palette import CommandPalette
    from app.window.main_window import MainWindow


class Reach:
    """Made with the actions; its windows are made when they are first asked for."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self._palette: CommandPalette | None = None
        self._find: Find | None = None

    def fill_edit(self, actions: Actions, menu: QMenu) -> None:
        """What belongs into the Edit menu."""
        actions.add(menu, "find", "Find…", self.find, "Ctrl+F")
        actions.deeds(menu, "connect", "menu")
        nudge = menu.addMenu("Nudge")
        actions.deeds(nudge, *(f"nudge {way} {step}" for step in (1, 5) for way in ("Left", "Right", "Up", "Down")))

    def fill_view(self, actions: Actions, menu: QMenu) -> None:
        """What belongs into the View menu."""
        actions.deeds(menu.addMenu("Zoom"), "zoom in", "zoom out", "zoom whole")
        go = menu.addMenu("Go")
        actions.deeds(go, "to feeding", "to fed", "to above", "to below")
        go.addSeparator()
        actions.deeds(go, "enter", "leave", "step back")
        go.addSeparator()
        actions.add(go, "next area", "To the next area", lambda: self.to_area(1), "F6")
        actions.add(go, "area before", "To the area before", lambda: self.to_area(-1), "Shift+F6")

    def fill_help(self, actions: Actions, menu: QMenu) -> None:
        """What belongs into the Help menu."""
        actions.add(menu, "commands", "All commands…", self.commands, "Ctrl+K")
        actions.add(menu, "shortcuts", "Shortcuts", self.shortcuts, "Ctrl+/")

    # what they do -----------------------------------------------------------------------------------------------------

    def commands(self) -> None:
        """Open the command palette, or shut it."""
        from app.window.command_palette import CommandPalette

        if self._palette is None:
            self._palette = CommandPalette(self._window)
        if self._palette.isVisible():
            self._palette.shut()
        else:
            self._palette.open()

    def find(self) -> None:
        """Open the field that finds in the drawing."""
        from app.window.canvas.find import Find

        if self._find is None:
            self._find = Find(self._window.canvas, self._window)
        self._find.open()

    def shortcuts(self) -> None:
        """Show the page of shortcuts."""
        from app.window.shortcuts import ShortcutsDialog

        dialog = ShortcutsDialog(self._window.actions_, self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def areas(self) -> list[QWidget]:
        """The areas of the window that can be seen, in the order in which F6 goes through them."""
        window = self._window
        areas = (window.topbar, window.palette_panel, window.canvas, window.bottom, window.inspector)
        return [area for area in areas if area.isVisible()]

    def to_area(self, by: int) -> None:
        """Give the focus to the next area, or the one before."""
        areas, focused = self.areas(), QApplication.focusWidget()
        holds = [focused is not None and (area is focused or area.isAncestorOf(focused)) for area in areas]
        here = holds.index(True) if True in holds else -1
        for step in range(1, len(areas) + 1):
            area = areas[(here + by * step) % len(areas)] if here >= 0 else areas[step - 1]
            if (first := first_focus(area)) is not None:
                first.setFocus(Qt.FocusReason.TabFocusReason)
                return


def first_focus(area: QWidget) -> QWidget | None:
    """What Tab would come to first in an area; None where nothing in it takes the focus."""
    widget: QWidget | None = area
    while widget is not None:
        takes = widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.focusProxy() is None
        if takes and widget.isEnabled() and widget.isVisible():
            return widget
        widget = widget.nextInFocusChain()
        if widget is area or (widget is not None and not area.isAncestorOf(widget)):
            break
    inside = (child for child in area.findChildren(QWidget) if child.focusPolicy() & Qt.FocusPolicy.TabFocus)
    return next((child for child in inside if child.isEnabled() and child.isVisible()), None)
