"""How long the window waits: for a first analysis, for one after an edit, and after the engine was killed.

    python -m tests.benchmarks.bench_engines

Prints medians in milliseconds over `ROUNDS`, beside the time that a bare `import torch` takes in the same run: a cold
start cannot be faster than that. The issue asks for at most 5 s after a kill, and 0.5 s where a warm spare stands by.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop
from PySide6.QtWidgets import QApplication

from app.design import edits, file
from app.window.document import Document
from app.window.engines import Engines
from examples import path

ROUNDS = 5


def until(condition: Callable[[], bool], seconds: float = 60) -> float:
    """Run Qt's events until `condition` holds; returns the seconds that it took."""
    begun = time.perf_counter()
    while not condition():
        QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents, 5)
        if time.perf_counter() - begun > seconds:
            raise TimeoutError("nothing came")
    return time.perf_counter() - begun


def main() -> None:
    application = QApplication.instance() or QApplication([])
    document = Document()
    document.load(file.load(path("digits")), None)
    engines = Engines()
    engines.watch(document)

    def fresh() -> bool:
        return document.analysis is not None and document.analysis.revision == document.revision

    def edit(classes: int) -> float:
        document.edit("Set", lambda d: edits.set_setting(d, "", "head", "classes", classes, document.catalogue))
        return until(fresh)

    engines.start()
    first = until(fresh)
    after_edit = [edit(11 + i) for i in range(ROUNDS)]
    with_spare, without = [], []
    for i in range(ROUNDS):
        until(lambda: engines.spare_ready)
        os.kill(engines.analysis_pid, signal.SIGKILL)
        with_spare.append(edit(30 + i))
        spare = next(pid for pid in engines.pids if pid != engines.analysis_pid) if engines.spare_ready else 0
        for pid in (spare, engines.analysis_pid):
            if pid:
                os.kill(pid, signal.SIGKILL)
        without.append(edit(50 + i))
    bare = []
    for _ in range(3):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import torch"], check=True)
        bare.append(time.perf_counter() - begun)
    rows = {
        "import torch, bare": bare,
        "window start to first analysis": [first],
        "edit to analysis": after_edit,
        "kill -9 to analysis, warm spare": with_spare,
        "kill -9 to analysis, no spare": without,
    }
    for name, values in rows.items():
        middle, worst = statistics.median(values) * 1000, max(values) * 1000
        print(f"{name:34} {middle:8.0f} ms   (of {len(values)}, worst {worst:.0f})")
    engines.close()
    application.sendPostedEvents(None, QEvent.Type.DeferredDelete)


if __name__ == "__main__":
    main()
