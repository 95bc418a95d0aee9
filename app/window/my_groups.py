"""The Groups that a person keeps as blocks of their own: small drawings in a folder, which the palette lists."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QFileSystemWatcher, QObject, QTimer, Signal

from app.design import file
from app.design.bringing import as_drawing, main_group, rename_main
from app.design.file import FileError
from app.design.names import NamingError, check_name, free_name
from app.design.values import Design, Group
from app.window import log
from app.window.own_blocks import SETTLE

SUFFIX = ".group.netloom"
MOST = 500
"""How many are listed."""


def usual_folder() -> Path:
    """Where they are kept: beside the folder of own blocks, among the user's data."""
    from platformdirs import user_data_dir

    return Path(user_data_dir("netloom", appauthor=False)) / "groups"


@dataclass(frozen=True)
class Kept:
    """One file of the folder: the Group as a drawing by itself, or what is wrong with the file."""

    name: str
    path: Path
    drawing: Design | None = None
    trouble: str = ""

    @property
    def group(self) -> Group | None:
        return main_group(self.drawing) if self.drawing is not None else None


class MyGroups(QObject):
    """Reads and writes the folder; `changed` when it holds something else, by whose hand ever."""

    changed = Signal()
    said = Signal(str)
    """A sentence about what was done with them, or why it was not."""

    def __init__(self, folder: Path | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.folder = folder or usual_folder()
        self._known: dict[Path, tuple[tuple[int, int], Kept]] = {}
        self._listed: tuple[Kept, ...] | None = None
        self._watcher: QFileSystemWatcher | None = None
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE)
        self._settle.timeout.connect(self._read_again)

    @property
    def listed(self) -> tuple[Kept, ...]:
        """All that is kept, by name; bad files too."""
        if self._listed is None:
            self._listed = self._read()
        return self._listed

    def find(self, name: str) -> Kept | None:
        return next((kept for kept in self.listed if kept.name == name), None)

    def _read(self) -> tuple[Kept, ...]:
        try:
            paths = sorted(p for p in self.folder.iterdir() if p.name.endswith(SUFFIX) and not p.name.startswith("."))
            self._watch()
        except FileNotFoundError:
            return ()  # nothing was kept yet
        except OSError as error:
            log.write("window", f"the folder of kept Groups cannot be read: {error}")
            return ()
        found = [self._load(path) for path in paths[:MOST]]
        return tuple(sorted(found, key=lambda kept: kept.name.casefold()))

    def _watch(self) -> None:
        if self._watcher is None:
            self._watcher = QFileSystemWatcher(self)
            self._watcher.directoryChanged.connect(lambda _path: self._settle.start())
        if str(self.folder) not in self._watcher.directories():
            self._watcher.addPath(str(self.folder))

    def _load(self, path: Path) -> Kept:
        """A file that did not change since it was read last is not read again."""
        name = path.name.removesuffix(SUFFIX)
        try:
            stamp = (path.stat().st_mtime_ns, path.stat().st_size)
            if (known := self._known.get(path)) is not None and known[0] == stamp:
                return known[1]
            drawing = file.load(path)
        except FileError as error:
            return Kept(name, path, trouble=str(error))
        except OSError as error:
            return Kept(name, path, trouble=f"{path} cannot be read: {error.strerror}")
        if main_group(drawing) is None:
            return Kept(name, path, trouble=f"{path} is a drawing, but not of one Group alone: it cannot be placed")
        kept = Kept(name, path, drawing)
        self._known[path] = (stamp, kept)
        return kept

    def _read_again(self) -> None:
        before, self._listed = self._listed, None
        if self.listed != before:
            self.changed.emit()

    # what is done with them -------------------------------------------------------------------------------------------

    def taken(self, design: Design, group: str) -> Kept | None:
        """What is kept under the name of a Group with another inside; None where saving replaces nothing."""
        there = self.find(group)
        return there if there is not None and there.drawing != as_drawing(design, group) else None

    def save(self, design: Design, group: str, *, beside: bool = False) -> Kept:
        """Keep a Group, with the Groups that it uses, under its name or, `beside` what has it, under a free one.

        Raises FileError.
        """
        drawing, name = as_drawing(design, group), group
        if beside:
            name = free_name(group, {kept.name: kept for kept in self.listed} | design.group_by_name)
            drawing = rename_main(drawing, name)
        return self._write(drawing, name)

    def _write(self, drawing: Design, name: str) -> Kept:
        path = self.folder / f"{name}{SUFFIX}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(f"{self.folder} cannot be made: {error.strerror}") from None
        file.save(drawing, path)
        self._changed()
        return Kept(name, path, drawing)

    def rename(self, kept: Kept, name: str) -> None:
        """Keep it under another name. Raises FileError or NamingError."""
        if name == kept.name:
            return
        check_name(name)
        if self.find(name) is not None:
            raise NamingError(f"there is a `{name}` among your Groups already: choose another name")
        if kept.drawing is None:
            raise FileError(f"{kept.name} cannot be renamed: {kept.trouble}")
        self._write(rename_main(kept.drawing, name), name)
        self.delete(kept)

    def delete(self, kept: Kept) -> None:
        """Take its file away; drawings that use it keep their copy. Raises FileError."""
        try:
            kept.path.unlink(missing_ok=True)
        except OSError as error:
            raise FileError(f"{kept.path} cannot be deleted: {error.strerror}") from None
        self._changed()

    def _changed(self) -> None:
        self._listed = None
        self.changed.emit()
