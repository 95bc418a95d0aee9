"""The menus and their keys. What an action does is the window's; here is what there is and how it is called."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar

from app.window import arrange_menu, run_deeds
from app.window.canvas.keys import DEEDS
from app.window.compare_with import CompareWith
from app.window.files import EXAMPLES
from app.window.panels import code_beside, read_code
from app.window.reach import Reach
from app.window.sentences import plain
from app.window.theme import theme

if TYPE_CHECKING:
    from app.window.main_window import MainWindow

Key = QKeySequence.StandardKey
OVERLAYS = {
    "": ("None", "Ctrl+9", "Nodes have the colours of their categories alone"),
    "parameters": ("Parameters", "Ctrl+5", "Colour nodes by their learned numbers"),
    "macs": ("MACs", "Ctrl+6", "Colour nodes by their multiply-adds"),
    "activations": ("Activations", "Ctrl+7", "Colour nodes by the memory that training keeps of them"),
    "field": ("Receptive field", "Ctrl+8", "Colour nodes by how much of the input one place of their output sees"),
    "time": ("Measured time", "Ctrl+T", "Run the network on this machine and show what each node takes"),
}
"""What nodes can be coloured by: what the menu says, its key and its tip."""


class Actions(dict[str, QAction]):
    """The window's actions by name ("save as"), and the menu bar that shows them."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__()
        self._window = window
        self.reach = Reach(window)
        self.menus = QMenuBar(window)
        self._file()
        self._edit()
        self._view()
        self._train()
        self._help()

    def add(
        self, menu: QMenu, name: str, text: str, do: Callable[[], object], keys: str | Key | None = None, *,
        canvas: bool = False,
    ) -> QAction:  # fmt: skip
        """Make an action and put it into a menu; `canvas`: its keys count only there."""
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

    def deeds(self, menu: QMenu, *names: str) -> None:
        """Put what one can do on the canvas into a menu."""
        for name in names:
            deed = DEEDS[name]
            action = self.add(menu, name, deed.text, partial(deed.do, self._window.canvas), canvas=not deed.own)
            action.setShortcuts(deed.sequences)
            if deed.own:  # the canvas hears these keys itself
                action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)

    def _file(self) -> None:
        window, files = self._window, self._window.files
        menu = self.menus.addMenu("File")
        self.add(menu, "new", "New", files.new, Key.New).setToolTip("Begin an empty drawing in a tab of its own")
        self.add(menu, "open", "Open…", files.open, Key.Open)
        self.add(menu, "gallery", "Open known architecture…", window.show_gallery, "Ctrl+Shift+O")
        self.recent = menu.addMenu("Open recent")
        self.recent.aboutToShow.connect(self._fill_recent)
        examples = menu.addMenu("Open example")
        for name, text in EXAMPLES.items():
            self.add(examples, f"example {name}", text, partial(files.open_known, name))
        menu.addSeparator()
        self.add(menu, "save", "Save", window.save, Key.Save)
        self.add(menu, "save as", "Save as…", window.save_as, "Ctrl+Shift+S")
        self.add(menu, "close", "Close", window.close_tab, "Ctrl+W")
        menu.addSeparator()
        export = self.add(menu, "export", "Export…", window.export, "Ctrl+E")
        export.setToolTip("Export to ONNX and other forms (Ctrl+E)")
        picture = self.add(menu, "export picture", "Export picture…", partial(window.export, "svg"))
        picture.setToolTip("Draw the canvas to a file: SVG, PDF or PNG")
        back = self.add(menu, "read code", "Read code back…", partial(read_code, window))
        back.setToolTip("Make an edited file of this drawing's code an edit of the drawing")
        weights = self.add(menu, "weights", "Weights…", partial(run_deeds.weights, window))
        weights.setToolTip("See which weights of a file fit which node, and take them")
        menu.addSeparator()
        own = self.add(menu, "own blocks", "Own blocks…", window.own_blocks)
        own.setToolTip("Use nn.Module classes of your own as blocks")
        menu.addSeparator()
        self.add(menu, "quit", "Quit", window.close, "Ctrl+Q").setMenuRole(QAction.MenuRole.QuitRole)

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
        stack = window.document.undo_group  # of whichever drawing is shown
        menu = self.menus.addMenu("Edit")
        undo, redo = (self.add(menu, n, t, d, k) for n, t, d, k in (
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
        self.add(menu, "history", "History", window.show_history, "Ctrl+H")
        menu.addSeparator()
        self.deeds(menu, "add")
        self["add"].setToolTip("Search a block or Group to put at the pointer (Tab, or a double-click on the canvas)")
        menu.addSeparator()
        self.deeds(menu, "cut", "copy", "paste", "duplicate", "delete", "delete open", "select all")
        menu.addSeparator()
        self.deeds(menu, "group", "ungroup", "frame")
        self["frame"].setToolTip(
            "Draw a titled frame around what is selected, or an empty one; J goes to the next one"
        )
        opener = window.opener
        open_up = self.add(
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
        self.deeds(menu, "rename")
        menu.addSeparator()
        self.arrange = menu.addMenu("Arrange")
        arrange_menu.fill(self.arrange, canvas, self.add)
        canvas.arrange_menu = self.arrange
        menu.addSeparator()
        self.reach.fill_edit(self, menu)

    def _view(self) -> None:
        window = self._window
        menu = self.menus.addMenu("View")
        self.deeds(menu, "fit", "fit selection")
        self.reach.fill_view(self, menu)
        menu.addSeparator()

        def turn() -> None:
            window.letters.turn(letters.isChecked())

        letters = self.add(menu, "letters", "Sizes in letters", turn, "Ctrl+L")
        letters.setCheckable(True)
        letters.setToolTip("Write sizes on wires as letters: 64 × H/4 × W/4")
        labels = self.add(menu, "wire labels", "Wire labels", lambda: None, "Alt+L")
        labels.setCheckable(True)
        labels.setToolTip("Write on each wire what goes through it")
        labels.toggled.connect(window.canvas.scene_.show_labels)
        labels.setChecked(window.settings.value("canvas/wire_labels", "true") != "false")
        window.canvas.scene_.show_labels(labels.isChecked())
        preview = self.add(menu, "preview", "Preview", lambda: None, "Ctrl+P")
        preview.setCheckable(True)
        preview.setToolTip("Show under each node what it makes of a sample")
        preview.toggled.connect(window.preview)
        sizes = self.add(menu, "sizes", "Which sizes work…", window.check_sizes)
        sizes.setToolTip("Try the drawing at other sizes of its inputs")
        self._overlays(menu)
        compare = self.add(menu, "compare variants", "Compare variants…", window.compare_variants)
        compare.setToolTip("What each variant of the drawing costs, in one table")
        self.compare = CompareWith(window)
        others = menu.addMenu("Compare with")
        others.aboutToShow.connect(lambda: self.compare.fill(others))
        menu.addSeparator()
        themes = menu.addMenu("Theme")
        self._modes = QActionGroup(window)
        for mode, text in (("system", "As the system"), ("light", "Light"), ("dark", "Dark")):
            action = self.add(themes, f"theme {mode}", text, partial(theme.set_mode, mode))
            action.setCheckable(True)
            action.setActionGroup(self._modes)
        themes.aboutToShow.connect(lambda: self[f"theme {theme.mode}"].setChecked(True))
        menu.addSeparator()
        for name, text, keys in (
            ("palette", "Blocks", "Ctrl+1"), ("inspector", "Inspector", "Ctrl+2"), ("bottom", "Bottom panel", "Ctrl+3"),
        ):  # fmt: skip
            action = self.add(menu, f"panel {name}", text, partial(window.toggle_panel, name), keys)
            action.setCheckable(True)
        beside = self.add(menu, "code beside", "Code beside the canvas", partial(code_beside, window))
        beside.setToolTip("Show the drawing's code at the right of the canvas, or in its tab again")
        menu.aboutToShow.connect(self._check_panels)
        menu.addSeparator()
        tabs = ("Problems", "Layers", "Training", "Try", "Preview", "History", "Runs", "Data", "Code")
        for i, tab in enumerate(tabs):
            self.add(menu, f"tab {tab}", tab, partial(window.bottom.show_tab, tab), f"Alt+{i + 1}")
        menu.addSeparator()
        for name, text, by, both in (
            ("next tab", "Next drawing", 1, ("Ctrl+Tab", "Ctrl+PgDown")),
            ("tab before", "Drawing before", -1, ("Ctrl+Shift+Tab", "Ctrl+PgUp")),
        ):
            self.add(menu, name, text, partial(window.tabs.step, by)).setShortcuts([QKeySequence(k) for k in both])

    def _overlays(self, view: QMenu) -> None:
        """The measures that nodes can be coloured by. The key of the one that is shown takes it off again."""
        overlay = self._window.document.overlay
        menu, group = view.addMenu("Overlay"), QActionGroup(self._window)
        menu.setToolTipsVisible(True)
        for measure, (text, keys, tip) in OVERLAYS.items():
            action = self.add(menu, f"overlay {measure}", text, partial(self._window.overlays.show, measure), keys)
            action.setCheckable(True)
            action.setActionGroup(group)
            action.setToolTip(tip)

        def follow() -> None:
            self[f"overlay {overlay.measure}"].setChecked(True)

        overlay.changed.connect(follow)
        follow()

    def _check_panels(self) -> None:
        for name in ("palette", "inspector", "bottom"):
            self[f"panel {name}"].setChecked(self._window.panel_shown(name))

    def _train(self) -> None:
        window = self._window
        menu = self.menus.addMenu("Train")
        self.add(menu, "train", "Start", window.start_training, "Ctrl+R")
        pause = self.add(menu, "pause", "Pause or go on", partial(run_deeds.pause, window), "Ctrl+,")
        pause.setToolTip("Hold the run between two steps; its checkpoint is written")
        stop = self.add(menu, "stop", "Stop", window.stop_training, "Ctrl+.")
        stop.setToolTip("End the run; best and last weights stay")
        for action in (pause, stop):
            action.setEnabled(False)
        menu.setToolTipsVisible(True)
        menu.addSeparator()
        carry_on = self.add(menu, "continue", "Continue with the changed design", partial(run_deeds.carry_on, window))
        carry_on.setToolTip("Start a run with the last run's weights, as far as they fit what is drawn now")
        guide = self.add(menu, "transfer", "Transfer learning…", partial(run_deeds.transfer, window))
        guide.setToolTip("Make the drawing ready for other classes, another task or another kind of data")

    def _help(self) -> None:
        menu = self.menus.addMenu("Help")
        explain = self.add(menu, "explain", "Explain", self._window.explain, "F1")
        explain.setToolTip("Say what the selected block is for, when it helps and when it hurts")
        menu.setToolTipsVisible(True)
        self.reach.fill_help(self, menu)
        menu.addSeparator()
        self.add(menu, "about", "About Netloom", self._window.about).setMenuRole(QAction.MenuRole.AboutRole)
        self.add(menu, "log", "Show the log", self._window.show_log)
