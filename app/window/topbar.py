"""The bar at the top: the menus, what is open, and the actions that one reaches for most."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QMenuBar, QSizePolicy, QWidget

from app.window.document import Document
from app.window.parts import IconButton, button, label, mark
from app.window.theme import icon, theme
from app.window.variant_list import VariantList

HEIGHT = 46


class TopBar(QWidget):
    """Shows the document's name, variant and problems; its buttons are the window's actions."""

    problems_wanted = Signal()
    train_wanted = Signal()

    def __init__(self, document: Document, menus: QMenuBar, actions: dict[str, QAction]) -> None:
        super().__init__()
        self._document = document
        self._running = False
        self.setObjectName("topbar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(HEIGHT)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 0, 14, 0)
        row.setSpacing(6)
        row.addWidget(label("netloom", "wordmark"))
        row.addSpacing(6)
        if not menus.isNativeMenuBar():
            menus.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
            row.addWidget(menus, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addSpacing(6)
        self.name = button("", "", "The open drawing: click to save it as another file")
        self.name.setObjectName("design-name")
        self.name.setMinimumWidth(96)
        self.name.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.name.clicked.connect(actions["save as"].trigger)
        self.edited = label("edited", "soft")
        self.edited.setFixedWidth(self.edited.sizeHint().width() + 8)
        self.variant = VariantList(document)
        self._compare = actions["compare variants"]
        self.compare = _action_button(self._compare, "table")
        row.addWidget(self.name)
        row.addWidget(self.edited)
        row.addWidget(self.variant)
        row.addWidget(self.compare)
        row.addSpacing(6)
        for name, symbol in (("undo", "undo-2"), ("redo", "redo-2"), ("fit", "maximize")):
            row.addWidget(_action_button(actions[name], symbol))
        row.addStretch(1)
        self.theme = IconButton("sun", "Switch between light and dark")
        self.theme.clicked.connect(lambda: theme.set_mode("light" if theme.tokens.dark else "dark"))
        row.addWidget(self.theme)
        row.addSpacing(6)
        self.problems = button("", "flat", "Show the problems")
        self.problems.setObjectName("problem-count")
        self.problems.setMinimumWidth(122)  # "12 problems" moves nothing
        self.problems.clicked.connect(self.problems_wanted)
        self.export = button("Export", tip=actions["export"].toolTip())
        self.export.setObjectName("export")
        self.export.clicked.connect(actions["export"].trigger)
        self.train = button("Train", "primary", "Train this design")
        self.train.setObjectName("train")
        self.train.setFixedWidth(96)
        self.train.clicked.connect(self.train_wanted)
        for widget in (self.problems, self.export, self.train):
            row.addWidget(widget)
        document.file_changed.connect(self.refresh)
        document.changed.connect(lambda *_designs: self.refresh())
        document.analysed.connect(self.refresh)
        document.catalogue_changed.connect(self.refresh)
        theme.changed.connect(self.paint)
        self.refresh()
        self.paint()

    def set_running(self, running: bool) -> None:
        """Whether a run is under way: the Train button stops it then."""
        self._running = running
        self.paint()

    def paint(self) -> None:
        """Draw what the sheet does not: icons in the theme's colours."""
        self.theme.set_name("sun" if theme.tokens.dark else "moon")
        self.train.setText("Stop" if self._running else "Train")
        self.train.setToolTip("Stop the run; its checkpoint is kept" if self._running else "Train this design")
        self.train.setIcon(icon("square" if self._running else "play", theme.tokens.on_accent, 14))
        self._paint_problems()

    def refresh(self) -> None:
        """Show what is open."""
        document = self._document
        title = document.title if len(document.title) <= 28 else document.title[:26] + "…"
        if self.name.text() != title:
            self.name.setText(title)
        self.name.setToolTip(str(document.file) if document.file else "Not saved yet: click to save it")
        self.edited.setText("edited" if document.modified else "")
        self.variant.refresh()
        self.compare.setVisible(not self.variant.isHidden())
        self._compare.setEnabled(not self.variant.isHidden())
        self._paint_problems()

    def _paint_problems(self) -> None:
        analysis = self._document.analysis
        found = self._document.open_problems
        errors = sum(p.severity == "error" for p in found)
        warnings = sum(p.severity == "warning" for p in found)
        if analysis is None:
            state, text, symbol, shade = "ok", "Not checked", "clock", theme.tokens.soft
        elif errors:
            text = f"{len(found):,} problem{'s' * (len(found) != 1)}"
            state, symbol, shade = "error", "circle-x", theme.tokens.error
        elif warnings:
            text = f"{warnings:,} warning{'s' * (warnings != 1)}"
            state, symbol, shade = "warning", "triangle-alert", theme.tokens.warn
        else:
            hints = f"{len(found):,} hint{'s' * (len(found) != 1)}"
            text = hints if found else "No problems"
            state, symbol, shade = "ok", "circle-check", theme.tokens.ok
        self.problems.setText(text)
        self.problems.setIcon(icon(symbol, shade))
        mark(self.problems, "state", state)


def _action_button(action: QAction, symbol: str) -> IconButton:
    keys = action.shortcut().toString()
    made = IconButton(symbol, f"{action.text()} ({keys})" if keys else action.text())
    made.clicked.connect(action.trigger)
    made.setEnabled(action.isEnabled())

    def follow() -> None:
        made.setEnabled(action.isEnabled())
        made.setToolTip(f"{action.text()} ({keys})" if keys else action.text())

    action.changed.connect(follow)
    return made
