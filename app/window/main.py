"""Starts the window. What would make Qt abort is found before, and told in one line."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import traceback
from importlib.util import find_spec
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.window.main_window import MainWindow

PACKAGES = {
    "libglib-2.0.so.0": "libglib2.0-0", "libgthread-2.0.so.0": "libglib2.0-0", "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1", "libfontconfig.so.1": "libfontconfig1", "libdbus-1.so.3": "libdbus-1-3",
    "libxkbcommon.so.0": "libxkbcommon0",
}  # fmt: skip
"""The system libraries that Qt needs, and the Debian packages that hold them."""
X_PACKAGES = {
    "libxcb-cursor.so.0": "libxcb-cursor0", "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1", "libxcb-shape.so.0": "libxcb-shape0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}  # fmt: skip
"""Those that a real X display needs besides."""


def run(path: str | None) -> int:
    """Open the window, on `path` where it is given. Returns the exit code: 2 where no window can be shown."""
    if trouble := obstacle():
        print(f"netloom: {trouble}", file=sys.stderr)
        return 2
    try:
        from PySide6.QtWidgets import QApplication

        from app.window import journal, recovery, theme
        from app.window.main_window import MainWindow
    except ImportError as error:
        if not (library := missing_library(str(error))):
            raise
        print(f"netloom: {install_line([library])}", file=sys.stderr)
        return 2

    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    application.setApplicationName("Netloom")
    application.setDesktopFileName("netloom")
    theme.load_fonts()
    window = MainWindow()
    window.show()
    sys.excepthook = _hook(window)
    interrupt = _Interrupt(window)
    from PySide6.QtCore import QTimer

    def after_show() -> None:
        window.start()
        if path is not None and path.endswith(journal.SUFFIX):
            recovery.restore_named(window, Path(path).absolute())
            return
        if path is not None:
            window.files.open(path)
        recovery.offer(window)

    QTimer.singleShot(0, window, after_show)
    code = application.exec()
    interrupt.close()
    return code


# before Qt ------------------------------------------------------------------------------------------------------------


def obstacle() -> str:
    """Why Qt could not show a window here, in one sentence; empty where nothing speaks against it."""
    if not sys.platform.startswith("linux"):
        return ""
    platform = os.environ.get("QT_QPA_PLATFORM", "").split(";")[0].split(":")[0]
    if platform in ("", "xcb", "wayland") and not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
        return "there is no display here: `netloom demo` trains an example in the terminal, without a window"
    x = platform == "xcb" or (not platform and not os.environ.get("WAYLAND_DISPLAY"))
    plugin = _plugin("xcb" if x else platform)
    if plugin is not None and (error := _load_error(plugin)):
        libraries = [n for n in (PACKAGES | X_PACKAGES if x else PACKAGES) if _load_error(n)]
        named = missing_library(error)
        if named and named not in libraries:
            libraries.append(named)
        if libraries:
            return install_line(libraries)
    if x and not _display_answers():
        display = os.environ.get("DISPLAY") or "(none)"
        return f"the display {display} does not answer: check DISPLAY, or use `netloom demo` without a window"
    return ""


def missing_library(error: str) -> str:
    """The library that a loader's message names as missing ("libEGL.so.1: cannot open shared object file: ...")."""
    name, colon, _reason = error.partition(": cannot open shared object file")
    return name.split()[-1] if colon and name else ""


def install_line(libraries: list[str]) -> str:
    """One sentence that names libraries and the packages to install."""
    known = PACKAGES | X_PACKAGES
    packages = list(dict.fromkeys(known[name] for name in libraries if name in known))
    names = ", ".join(libraries)
    what = f"Qt needs the system {'library' if len(libraries) == 1 else 'libraries'} {names}"
    if not packages:
        return f"{what}, which this system lacks: install the package that holds it"
    return f"{what}, which this system lacks: on Debian or Ubuntu, sudo apt install {' '.join(packages)}"


def _plugin(platform: str) -> str | None:
    """The file of a platform plugin, found without importing Qt."""
    found = find_spec("PySide6")
    for folder in (found.submodule_search_locations or []) if found else []:
        file = Path(folder, "Qt", "plugins", "platforms", f"libq{platform}.so")
        if platform and file.exists():
            return str(file)
    return None


def _load_error(library: str) -> str:
    try:
        ctypes.CDLL(library)
    except OSError as error:
        return str(error)
    return ""


def _display_answers() -> bool:
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:
        return True  # named above where Qt needs it; nothing to ask with
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connect.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
    xcb.xcb_connection_has_error.argtypes = [ctypes.c_void_p]
    xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(None, None)
    answers = xcb.xcb_connection_has_error(connection) == 0
    xcb.xcb_disconnect(connection)
    return answers


# while it runs --------------------------------------------------------------------------------------------------------


class _Interrupt:
    """Ctrl+C in the terminal closes the window. Python's handler only runs when Python does: a pipe wakes the loop."""

    def __init__(self, window: MainWindow) -> None:
        from PySide6.QtCore import QSocketNotifier

        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        self._window = window
        self._notifier = QSocketNotifier(self._read, QSocketNotifier.Type.Read)
        self._notifier.activated.connect(lambda *_: os.read(self._read, 64))
        self._old = signal.signal(signal.SIGINT, self._asked)
        if os.name == "posix":
            signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)

    def _asked(self, _signal: int, _frame: FrameType | None) -> None:
        from PySide6.QtCore import QCoreApplication

        # Nobody can answer a dialog from the terminal: engines end, and what was not saved is named there.
        for index in self._window.tabs.unsaved:
            title = self._window.tabs.told(index).title
            print(f"netloom: the changes to {title} were not saved; the next start offers them", file=sys.stderr)
        self._window.end()
        QCoreApplication.exit(130)

    def close(self) -> None:
        if os.name == "posix":
            signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, self._old)
        self._notifier.setEnabled(False)
        for end in (self._read, self._write):
            with contextlib.suppress(OSError):
                os.close(end)


def _hook(window: MainWindow):  # type: ignore[no-untyped-def]
    """What happens with an error that nothing caught: a sentence in the window, the details in the log."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        from app.window import log

        details = "".join(traceback.format_exception(kind, error, trace))
        log.write("window", details)
        sys.stderr.write(details)
        what = str(error) or kind.__name__
        window.say(f"Something in the window failed ({what}); the drawing is kept. The log has the details: Help menu.")

    return hook
