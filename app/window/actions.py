"""The menus and their keys. What an action does is the window's; here is what there is and how it is called."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar

from app.window import arrange_menu
from app.window.files import EXAMPLES
from app.window.sentences import plain
from app.window.theme import theme

if TYPE_CHECKING:
    from app.window.main_window import MainWindow

Key = QKeySequence.StandardKey


class Actions(dict[str, QAction]):
    """The window's actions by name ("save as"), and the menu bar that shows them."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__()
        self._window = window
        self.menus = QMenuBar(window)
        self._file()
        self._edit()
        self._view()
        self._train()
        self._help()

    def _add(
        self, menu: QMenu, name: str, text: str, do: Callable[[], object], keys: str | Key | None = None, *,
        canvas: bool = False,
    ) -> QAction:  # fmt: skip
        action = QAction(text, self._window)
        action.triggered.connect(lambda _on=False: do())
        if keys is not None:
            action.setShortcut(QKeySequence(keys))
        if canvas:
            # Only while the canvas has the focus: in a field these keys edit text.
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            self._window.canvas.addAction(action)
        else:
            self._window.addAction(action)
        menu.addAction(action)
        self[name] = action
        return action

    def _file(self) -> None:
        window, files = self._window, self._window.files
        menu = self.menus.addMenu("File")
        self._add(menu, "new", "New", files.new, Key.New)
        self._add(menu, "open", "Open…", files.open, Key.Open)
        self._add(menu, "gallery", "Open known architecture…", window.show_gallery, "Ctrl+Shift+O")
        self.recent = menu.addMenu("Open recent")
        self.recent.aboutToShow.connect(self._fill_recent)
        examples = menu.addMenu("Open example")
        for name, text in EXAMPLES.items():
            self._add(examples, f"example {name}", text, partial(files.open_known, name))
        menu.addSeparator()
        self._add(menu, "save", "Save", window.save, Key.Save)
        self._add(menu, "save as", "Save as…", window.save_as, "Ctrl+Shift+S")
        menu.addSeparator()
        export = self._add(menu, "export", "Export…", window.export, "Ctrl+E")
        export.setToolTip("Export to ONNX and other forms (Ctrl+E)")
        menu.addSeparator()
        own = self._add(menu, "own blocks", "Own blocks…", window.own_blocks)
        own.setToolTip("Use nn.Module classes of your own as blocks")
        menu.addSeparator()
        self._add(menu, "quit", "Quit", window.close, "Ctrl+Q").setMenuRole(QAction.MenuRole.QuitRole)

    def _fill_recent(self) -> None:
        files = self._window.files
        self.recent.clear()
        for path in files.recent():
            self.recent.addAction(str(path)).triggered.connect(lambda _on=False, path=path: files.open(path))
        if not self.recent.actions():
            self.recent.addAction("No files yet").setEnabled(False)
            return
        self.recent.addSeparator()
        self.recent.addAction("Clear this list").triggered.connect(lambda _on=False: files.clear_recent())

    def _edit(self) -> None:
        window, canvas = self._window, self._window.canvas
        stack = window.document.undo_stack
        menu = self.menus.addMenu("Edit")
        undo, redo = (self._add(menu, n, t, d, k) for n, t, d, k in (
            ("undo", "Undo", stack.undo, Key.Undo), ("redo", "Redo", stack.redo, Key.Redo),
        ))  # fmt: skip
        if QKeySequence("Ctrl+Y") not in redo.shortcuts():
            redo.setShortcuts([*redo.shortcuts(), QKeySequence("Ctrl+Y")])
        undo.setEnabled(stack.canUndo())
        redo.setEnabled(stack.canRedo())
        stack.canUndoChanged.connect(undo.setEnabled)
        stack.canRedoChanged.connect(redo.setEnabled)
        stack.undoTextChanged.connect(lambda text: undo.setText(f"Undo: {text}" if text else "Undo"))
        stack.redoTextChanged.connect(lambda text: redo.setText(f"Redo: {text}" if text else "Redo"))
        menu.addSeparator()
        self._add(menu, "cut", "Cut", window.cut, Key.Cut, canvas=True)
        self._add(menu, "copy", "Copy", canvas.copy_selection, Key.Copy, canvas=True)
        self._add(menu, "paste", "Paste", canvas.paste, Key.Paste, canvas=True)
        self._add(menu, "duplicate", "Duplicate", canvas.duplicate_selection, "Ctrl+D", canvas=True)
        self._add(menu, "delete", "Delete", canvas.delete_selection, Key.Delete, canvas=True)
        self._add(menu, "select all", "Select all", canvas.select_all, Key.SelectAll, canvas=True)
        menu.addSeparator()
        self._add(menu, "group", "Group", canvas.group_selection, "Ctrl+G", canvas=True)
        self._add(menu, "ungroup", "Ungroup", canvas.ungroup_selection, "Ctrl+Shift+G", canvas=True)
        opener = window.opener
        open_up = self._add(
            menu, "open up", "Open up", lambda: opener.open(canvas.selected_ids()), "Ctrl+Shift+E", canvas=True
        )
        menu.setToolTipsVisible(True)

        def follow() -> None:
            reason = opener.why_not(canvas.selected_ids())
            open_up.setEnabled(not reason)
            open_up.setToolTip(plain(reason) or "Draw what the block is made of in its place, as a Group")

        opener.changed.connect(follow)
        canvas.selection_changed.connect(follow)
        follow()
        self._add(menu, "rename", "Rename", window.rename, "F2", canvas=True)
        menu.addSeparator()
        self.arrange = menu.addMenu("Arrange")
        arrange_menu.fill(self.arrange, canvas, self._add)
        canvas.arrange_menu = self.arrange

    def _view(self) -> None:
        window = self._window
        menu = self.menus.addMenu("View")
        self._add(menu, "fit", "Fit all", window.canvas.fit_all, "Home", canvas=True)
        self._add(menu, "fit selection", "Fit selection", window.canvas.fit_selection, "F", canvas=True)
        menu.addSeparator()

        def turn() -> None:
            window.letters.turn(letters.isChecked())

        letters = self._add(menu, "letters", "Sizes in letters", turn, "Ctrl+L")
        letters.setCheckable(True)
        letters.setToolTip("Write sizes on wires as letters: 64 × H/4 × W/4")
        preview = self._add(menu, "preview", "Preview", lambda: None, "Ctrl+P")
        preview.setCheckable(True)
        preview.setToolTip("Show under each node what it makes of a sample")
        preview.toggled.connect(window.preview)
        sizes = self._add(menu, "sizes", "Which sizes work…", window.check_sizes)
        sizes.setToolTip("Try the drawing at other sizes of its inputs")
        profile = self._add(menu, "profile", "Profile: measured time", window.toggle_profile, "Ctrl+T")
        profile.setCheckable(True)
        profile.setToolTip("Run the network on this machine and show what each node takes")
        menu.addSeparator()
        themes = menu.addMenu("Theme")
        self._modes = QActionGroup(window)
        for mode, text in (("system", "As the system"), ("light", "Light"), ("dark", "Dark")):
            action = self._add(themes, f"theme {mode}", text, partial(theme.set_mode, mode))
            action.setCheckable(True)
            action.setActionGroup(self._modes)
        themes.aboutToShow.connect(lambda: self[f"theme {theme.mode}"].setChecked(True))
        menu.addSeparator()
        for name, text, keys in (
            ("palette", "Blocks", "Ctrl+1"), ("inspector", "Inspector", "Ctrl+2"), ("bottom", "Bottom panel", "Ctrl+3"),
        ):  # fmt: skip
            action = self._add(menu, f"panel {name}", text, partial(window.toggle_panel, name), keys)
            action.setCheckable(True)
        menu.aboutToShow.connect(self._check_panels)
        menu.addSeparator()
        for i, tab in enumerate(("Problems", "Layers", "Training", "Try", "Preview")):
            self._add(menu, f"tab {tab}", tab, partial(window.bottom.show_tab, tab), f"Alt+{i + 1}")

    def _check_panels(self) -> None:
        for name in ("palette", "inspector", "bottom"):
            self[f"panel {name}"].setChecked(self._window.panel_shown(name))
        self["profile"].setChecked(self._window.document.timings.shown)

    def _train(self) -> None:
        window = self._window
        menu = self.menus.addMenu("Train")
        self._add(menu, "train", "Start", window.start_training, "Ctrl+R")
        self._add(menu, "stop", "Stop", window.stop_training, "Ctrl+.").setEnabled(False)

    def _help(self) -> None:
        menu = self.menus.addMenu("Help")
        explain = self._add(menu, "explain", "Explain", self._window.explain, "F1")
        explain.setToolTip("Say what the selected block is for, when it helps and when it hurts")
        menu.setToolTipsVisible(True)
        menu.addSeparator()
        self._add(menu, "about", "About Netloom", self._window.about).setMenuRole(QAction.MenuRole.AboutRole)
        self._add(menu, "log", "Show the log", self._window.show_log)
