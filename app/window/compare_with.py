"""The menu "Compare with": another tab, a variant, the saved version, a file or a known architecture."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QInputDialog, QMenu

from app.design.paths import PathError, choose_variant
from app.design.values import Design
from app.window.files import FILTER
from app.window.sentences import plain
from examples import zoo

if TYPE_CHECKING:
    from app.window.compare_dialog import CompareDialog
    from app.window.main_window import MainWindow


class CompareWith(QObject):
    """Finds the other drawing, and shows it beside the one that is open."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self.shown: CompareDialog | None = None
        """The comparison that was shown last."""

    def fill(self, menu: QMenu) -> None:
        """Offer what there is to compare with."""
        menu.clear()
        tabs, document = self._window.tabs, self._window.document
        for i in range(len(tabs)):
            if i != tabs.index:
                _add(menu, tabs.told(i).title, partial(self.with_tab, i))
        menu.addSeparator()
        names = [variant.name for variant in document.design.variants]
        if len(names) > 1:
            variants = menu.addMenu("A variant of it")
            for name in names:
                _add(variants, name, partial(self.with_variant, name))
        saved = _add(menu, "The saved version", self.with_saved)
        saved.setEnabled(document.file is not None)
        _add(menu, "A file…", self.with_file)
        _add(menu, "A known architecture…", self.with_known)

    def with_tab(self, index: int) -> None:
        """Compare with the drawing of another tab."""
        tabs = self._window.tabs
        self._show(tabs.told(index).title, tabs.design(index), index)

    def with_variant(self, name: str) -> None:
        """Compare with the drawing as one of its variants has it."""
        document = self._window.document
        try:
            design = choose_variant(document.design, name, document.catalogue)
        except PathError as error:
            document.refused.emit(str(error))
            return
        self._show(name, design)

    def with_saved(self) -> None:
        """Compare with what is in the drawing's file: that stands on the left, since it came before."""
        document = self._window.document
        if document.file is not None and (design := self._window.files.read(document.file)) is not None:
            self._show(f"{document.title}, saved", design, first=True)

    def with_file(self) -> None:
        """Compare with a file that is asked for."""
        if (path := self.ask_file()) and (design := self._window.files.read(Path(path))) is not None:
            self._show(Path(path).stem, design)

    def with_known(self) -> None:
        """Compare with a known architecture that is asked for."""
        if (name := self.ask_known()) and (design := self._window.files.read_known(name)) is not None:
            self._show(name, design)

    def ask_file(self) -> str:
        """Ask for a file; "" for none."""
        return QFileDialog.getOpenFileName(self._window, "Compare with a design", "", FILTER)[0]

    def ask_known(self) -> str:
        """Ask for the name of a known architecture; "" for none."""
        names = list(zoo.index())
        title, question = "Compare with", "A known architecture:"
        name, chosen = QInputDialog.getItem(self._window, title, question, names, 0, True)
        return name.strip() if chosen else ""

    def _show(self, title: str, design: Design, tab: int | None = None, *, first: bool = False) -> None:
        from app.window.compare_dialog import CompareDialog, Given

        window, tabs = self._window, self._window.tabs
        window.tabs.leaving.emit()
        mine = Given(window.document.title, window.document.design, tabs.analysis(tabs.index))
        other = Given(title, design, tabs.analysis(tab) if tab is not None else None)
        if mine.title == other.title:
            other = Given(f"{title} (2)", design, other.analysis)
        before, after = (other, mine) if first else (mine, other)
        dialog = CompareDialog(before, after, tuple(window.document.catalogue.values()), window.engines, window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.shown = dialog
        dialog.show()


def _add(menu: QMenu, text: str, do: Callable[[], object]) -> QAction:
    action = menu.addAction(plain(text).replace("&", "&&"))
    action.triggered.connect(lambda _on=False: do())
    return action
