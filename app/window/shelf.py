"""The runs on this machine: those in the runs folder, whoever trained them, and those that were opened elsewhere.

Folders are read by a thread, so that neither many runs nor long ones keep the window waiting.
"""

from __future__ import annotations

import contextlib
import re
import sys
import threading
from pathlib import Path

from PySide6.QtCore import QFile, QObject, QSettings, QStandardPaths, QTimer, Signal

from app.window.chart_view import Shown
from app.window.run_folder import Kept, News, Reader, is_run

PAUSE = 1500
"""Milliseconds between two looks at the folders while somebody watches."""
UNFIT = re.compile(r'[<>:"/\\|?*\x00-\x1f]')
"""What some system does not take in a folder's name."""


class Shelf(QObject):
    """Knows the runs, reads what is new in their folders, renames and deletes them."""

    changed = Signal()
    """Runs came, went, or have more to tell."""
    over_changed = Signal()
    """Other runs are laid over the curves."""
    moved = Signal(object, object)
    """A folder's old path and the new one; None where it is gone."""
    _read = Signal(object)

    def __init__(self, settings: QSettings | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self.folder = Path.cwd() / "runs"
        """Where runs go that are started here."""
        self.opened: list[Path] = [Path(p) for p in self._kept() if Path(p).is_dir()]
        self.runs: dict[Path, Kept] = {}
        self.over: list[Path] = []
        """The runs that are laid over the curves, in the order in which they were chosen."""
        self.ready = False
        """Whether the folders were looked at."""
        self._readers: dict[Path, Reader] = {}
        self._thread: threading.Thread | None = None
        self._closed = self._again = False
        self._watchers: set[str] = set()
        self._timer = QTimer(self)
        self._timer.setInterval(PAUSE)
        self._timer.timeout.connect(self.scan)
        self._read.connect(self._take)

    def _kept(self) -> list[str]:
        kept = self._settings.value("runs/opened", []) if self._settings is not None else []
        return [kept] if isinstance(kept, str) else [str(p) for p in kept] if isinstance(kept, list) else []

    # reading ----------------------------------------------------------------------------------------------------------

    def watch(self, who: str, on: bool) -> None:
        """Look at the folders again and again while somebody shows what is in them."""
        (self._watchers.add if on else self._watchers.discard)(who)
        if on:
            self.scan()
        if self._watchers and not self._closed:
            self._timer.start()
        else:
            self._timer.stop()

    def scan(self) -> None:
        """Read what is new, without waiting for it."""
        if self._closed:
            return
        if self._thread is not None:
            self._again = True
            return
        places = (self.folder, *self.opened)
        self._thread = threading.Thread(target=self._work, args=(places,), daemon=True, name="runs")
        self._thread.start()

    def _work(self, places: tuple[Path, ...]) -> None:
        """In the thread: find the folders and read them."""
        found = folders(places)
        for gone in set(self._readers) - set(found):
            del self._readers[gone]
        news: list[tuple[Path, News]] = []
        for path in found:
            if self._closed:
                return
            if (told := self._readers.setdefault(path, Reader(path)).read()) is not None:
                news.append((path, told))
        if not self._closed:
            self._read.emit((found, news))

    def _take(self, told: tuple[list[Path], list[tuple[Path, News]]]) -> None:
        found, news = told
        self._thread = None
        before = set(self.runs)
        self.runs = {path: self.runs.get(path) or Kept(path) for path in found}
        for path, each in news:
            self.runs[path].take(each)
        first, self.ready = not self.ready, True
        if over := [path for path in self.over if path not in self.runs]:
            self.over = [path for path in self.over if path not in over]
            self.over_changed.emit()
        if news or first or before != set(self.runs):
            self.changed.emit()
        if self._again:
            self._again = False
            self.scan()

    def close(self) -> None:
        """Read no more; the window is about to go."""
        self._closed = True
        self._timer.stop()
        if self._thread is not None:
            self._thread.join(5)

    # choosing ---------------------------------------------------------------------------------------------------------

    def open(self, path: Path) -> str:
        """List the run in a folder, or the runs in the folders inside. A sentence where there is none."""
        path = path.absolute()
        if not folders((path,)):
            return f"{path} holds no run: choose the folder of a run, or one with such folders inside."
        if path not in self.opened and path != self.folder:
            self.opened.append(path)
            if self._settings is not None:
                self._settings.setValue("runs/opened", [str(p) for p in self.opened])
        self.scan()
        return ""

    def lay_over(self, path: Path, on: bool) -> None:
        """Draw a run's curves over those that are shown, or no more."""
        if on != (path in self.over):
            (self.over.append if on else self.over.remove)(path)
            self.over_changed.emit()

    def shown(self, paths: list[Path]) -> list[Shown]:
        """These runs as charts draw them, each in a colour of its own."""
        runs = [self.runs[path] for path in paths if path in self.runs]
        return [Shown(run.name, run.points, run.recipe.epochs, colour=at) for at, run in enumerate(runs) if run.points]

    # changing ---------------------------------------------------------------------------------------------------------

    def rename(self, run: Kept, name: str) -> str:
        """Give a run's folder another name. A sentence where that cannot be."""
        name = name.strip()
        if name == run.name:
            return ""
        if not name or UNFIT.search(name) or name.strip(".") == "":
            return "A run's name becomes a folder's: it needs letters, and none of < > : \" / \\ | ? *"
        target = run.path.with_name(name)
        if target.exists():
            return f"There is a folder {name} already: choose another name."
        if run.running:
            return f"{run.name} is being trained: rename it when it has ended."
        try:
            run.path.rename(target)
        except OSError as error:
            return f"{run.name} cannot be renamed: {error.strerror or error}."
        self._follow(run.path, target)
        return ""

    def delete(self, run: Kept) -> str:
        """Move a run's folder to the system's trash. A sentence where that cannot be."""
        if run.running:
            return f"{run.name} is being trained: stop it first."
        if not to_trash(run.path):
            return f"{run.name} cannot be moved to the trash of this system: delete the folder {run.path} yourself."
        self._follow(run.path, None)
        return ""

    def _follow(self, old: Path, new: Path | None) -> None:
        self.over = [new if path == old else path for path in self.over if path != old or new is not None]  # type: ignore[misc]
        if old in self.opened:
            self.opened = [new if path == old else path for path in self.opened if path != old or new is not None]  # type: ignore[misc]
            if self._settings is not None:
                self._settings.setValue("runs/opened", [str(p) for p in self.opened])
        gone = self.runs.pop(old, None)
        if new is not None and gone is not None:
            gone.path = new
            self.runs[new] = gone
        self.moved.emit(old, new)
        self.over_changed.emit()
        self.changed.emit()
        self.scan()


def to_trash(path: Path) -> bool:
    """Move a folder to the system's trash; whether that could be done."""
    if sys.platform == "linux":  # the trash is made where it is missing, but not the folder that it stands in
        with contextlib.suppress(OSError):
            home = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.GenericDataLocation)
            Path(home).mkdir(parents=True, exist_ok=True)
    done = QFile.moveToTrash(str(path))
    return bool(done[0] if isinstance(done, tuple) else done)


def folders(places: tuple[Path, ...]) -> list[Path]:
    """The run folders among these and in them."""
    found: dict[Path, None] = {}
    for place in places:
        if is_run(place):
            found[place] = None
            continue
        try:
            inside = sorted(path for path in place.iterdir() if path.is_dir() and not path.name.startswith("."))
        except OSError:  # it is not there yet, or not any more
            continue
        found |= {path: None for path in inside if is_run(path)}
    return list(found)
