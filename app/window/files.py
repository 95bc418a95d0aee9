"""Open, save, recent files, examples, and the question whether changes should be kept."""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtCore import QMimeData, QObject, QSettings, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

import examples
from app.design import file
from app.design.file import FileError
from app.design.paths import PathError, choose_variant
from app.design.values import Design
from app.window.boxes import ask_for_good
from app.window.disk import DiskWatch, ask_write_over
from app.window.document import Document
from app.window.sentences import rich
from app.window.tabs import Tabs
from examples import zoo

SUFFIX = ".netloom"
FILTER = f"Netloom designs (*{SUFFIX});;All files (*)"
MAX_RECENT = 10
EXAMPLES = {"digits": "Digits: a small classifier", "pyramid": "Pyramid: backbone, neck and head"}


def settings_file() -> Path:
    """Where the state of the window is kept: sizes, recent files, the theme. NETLOOM_SETTINGS names another folder."""
    from platformdirs import user_config_dir

    folder = os.environ.get("NETLOOM_SETTINGS") or user_config_dir("netloom", appauthor=False)
    return Path(folder) / "window.ini"


def dropped_file(data: QMimeData) -> str:
    """The file that is dragged from another program; "" where it is something else."""
    return next((url.toLocalFile() for url in data.urls() if url.isLocalFile()), "")


class Files(QObject):
    """What the File menu does. Each returns whether it was done: a dialog may be cancelled, a file may be bad."""

    recent_changed = Signal()
    loaded = Signal()
    """Another drawing is open."""
    typed = Signal()
    """What is typed in the code of the drawing that is shown is to be seen."""

    def __init__(self, document: Document, window: QWidget, settings: QSettings) -> None:
        super().__init__(window)
        self._document, self._window, self._settings = document, window, settings
        self.tabs = Tabs(document, self)
        """What is open: each drawing that is opened here gets a tab."""
        self.disk: DiskWatch | None = None
        """Knows whether another program changed the file."""

    # asking, so that a test can answer --------------------------------------------------------------------------------

    def ask_save(self) -> str:
        """Ask what becomes of the changes: "save", "discard" or "cancel"."""
        box = QMessageBox(self._window)
        box.setIcon(QMessageBox.Icon.NoIcon)
        box.setText(f"Save the changes to {self._document.title}?")
        box.setInformativeText("They are lost otherwise.")
        save = box.addButton("Save", QMessageBox.ButtonRole.AcceptRole)
        discard = box.addButton("Discard", QMessageBox.ButtonRole.DestructiveRole)
        box.addButton("Cancel", QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(save)
        box.exec()
        return "save" if box.clickedButton() is save else "discard" if box.clickedButton() is discard else "cancel"

    def ask_give_up(self) -> bool:
        """Ask whether an edit of the code that is not applied may be lost."""
        text = f"The edit of the code of {self._document.title} is not applied."
        return ask_for_good(self._window, text, "It is lost otherwise.", "Give it up", "Show it")

    def ask_open_path(self) -> str:
        """Ask which file to open; "" for none."""
        return QFileDialog.getOpenFileName(self._window, "Open a design", str(self._folder()), FILTER)[0]

    def ask_save_path(self) -> str:
        """Ask where to save; "" for nowhere."""
        dialog = QFileDialog(self._window, "Save the design", str(self._folder()), FILTER)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(SUFFIX[1:])  # before the dialog asks whether a file that is there be replaced
        dialog.selectFile(f"{self._document.title}{SUFFIX}")
        chosen = dialog.selectedFiles() if dialog.exec() else []
        dialog.deleteLater()
        return chosen[0] if chosen else ""

    def ask_replace(self, path: Path) -> bool:
        """Ask whether a file may be replaced whose name was completed after the dialog had asked."""
        more = "There is a file of this name already."
        return ask_for_good(self._window, f"Replace {path.name}?", more, "Replace")

    def ask_write_over(self, path: Path) -> str:
        """Ask what becomes of a file that another program changed: "replace", "elsewhere" or "cancel"."""
        assert self.disk is not None
        return ask_write_over(self._window, self.disk, path.name)

    def report(self, sentence: str) -> None:
        """Say what went wrong."""
        box = QMessageBox(self._window)
        box.setIcon(QMessageBox.Icon.NoIcon)
        box.setTextFormat(Qt.TextFormat.RichText)
        box.setText(rich(sentence[:1].upper() + sentence[1:]))
        box.addButton("Close", QMessageBox.ButtonRole.AcceptRole)
        box.exec()

    def _folder(self) -> Path:
        if self._document.file is not None:
            return self._document.file.parent
        recent = self.recent()
        return recent[0].parent if recent else Path.cwd()

    # doing ------------------------------------------------------------------------------------------------------------

    def may_leave(self) -> bool:
        """Whether the open drawing may go: it has no changes, or they were saved or given up; so has its code."""
        if self.tabs.is_typed(self._document.number) and not self.ask_give_up():
            self.typed.emit()
            return False
        if not self._document.modified:
            return True
        match self.ask_save():
            case "save":
                return self.save()
            case "discard":
                return True
        return False

    def may_quit(self) -> bool:
        """Whether all that is open may go; each drawing with changes is shown, and asked about."""
        for index in self.tabs.unsettled:
            self.tabs.show(index)
            if not self.may_leave():
                return False
        return True

    def new(self) -> bool:
        """Begin an empty drawing in a tab of its own."""
        self.tabs.add()
        self.loaded.emit()
        return True

    def close(self, index: int = -1) -> bool:
        """Close a tab, the one that is shown where none is named."""
        tabs = self.tabs
        index = tabs.index if index < 0 else index
        if (told := tabs.told(index)).running:
            self.report(f"{told.title} is being trained: stop the run, or let it end, before it is closed.")
            return False
        shown, count = tabs.index, len(tabs)
        if asks := told.modified or told.typed:
            tabs.show(index)
            if not self.may_leave():
                return False
        tabs.close(index)
        if asks and shown != index:
            tabs.show(shown - (shown > index))
        if count == 1:
            self.loaded.emit()
        return True

    def open(self, path: str | Path = "") -> bool:
        """Open a file, asked for where none is named. A bad one gets a sentence and leaves the open drawing alone."""
        path = path or self.ask_open_path()
        if not path:
            return False
        if not Path(path).exists() and examples.find(str(path)):
            return self.open_known(str(path))
        path = Path(path).absolute()
        if (open_in := self.tabs.find(path)) is not None and path.exists():
            self.tabs.show(open_in)
            self._remember(path)
            return True
        sign = file.sign_of(path)
        if (design := self.read(path)) is None:
            return False
        if path in zoo.families():  # what came with Netloom is no file of the user's to be saved over
            self.tabs.open(design, None, path.stem)
        else:
            self.tabs.open(design, path, sign=sign)
            self._remember(path)
        self.loaded.emit()
        return True

    def open_known(self, name: str) -> bool:
        """Open an example or a known architecture by name, as a drawing without a file: saving it asks where."""
        if (design := self.read_known(name)) is None:
            return False
        self.tabs.open(design, None, name)
        self.loaded.emit()
        return True

    def read(self, path: Path) -> Design | None:
        """What a file holds; what is wrong with it is reported, and None given."""
        try:
            return file.load(path, self._document.catalogue or None)
        except FileError as error:
            self.report(str(error))
            return None

    def read_known(self, name: str) -> Design | None:
        """An example or a known architecture; where there is none of that name it is reported, and None given."""
        catalogue = self._document.catalogue
        known = examples.find(name)
        if known is None:
            self.report(f"There is no example or known architecture `{name}`{examples.near(name)}.")
            return None
        path, variant = known
        try:
            design = file.load(path, catalogue or None)
            return choose_variant(design, variant, catalogue) if variant else design
        except (FileError, PathError) as error:
            self.report(f"{error}. Netloom came with this drawing: install it again.")
            return None

    def save(self) -> bool:
        """Save to the drawing's file; asked for where it has none."""
        return self._write(self._document.file) if self._document.file is not None else self.save_as()

    def save_as(self) -> bool:
        """Save to another file."""
        answer = self.ask_save_path()
        if not answer:
            return False
        path = Path(answer)
        if path.suffix != SUFFIX:
            path = path.with_name(path.name + SUFFIX)
            if path.exists() and not self.ask_replace(path):
                return False
        if self.tabs.find(path) not in (None, self.tabs.index):
            self.report(f"{path.name} is open in another tab: close that one first, or choose another name.")
            return False
        return self._write(path)

    def _write(self, path: Path) -> bool:
        if self.disk is not None and not self.disk.may_write(path):
            answer = self.ask_write_over(path)
            if answer != "replace":
                return answer == "elsewhere" and self.save_as()
        try:
            self._document.save(path)
        except FileError as error:
            self.report(str(error))
            return False
        self._remember(path.absolute())
        return True

    # recent files -----------------------------------------------------------------------------------------------------

    def recent(self) -> list[Path]:
        """The files opened or saved last that are still there, the newest first."""
        kept = self._settings.value("files/recent", [])
        kept = [kept] if isinstance(kept, str) else kept if isinstance(kept, list) else []
        return [Path(str(path)) for path in kept if path and Path(str(path)).is_file()]

    def _remember(self, path: Path) -> None:
        self._set_recent([path, *(p for p in self.recent() if p != path)][:MAX_RECENT])

    def _set_recent(self, paths: list[Path]) -> None:
        self._settings.setValue("files/recent", [str(path) for path in paths])
        self.recent_changed.emit()

    def clear_recent(self) -> None:
        """Forget the recent files."""
        self._set_recent([])
