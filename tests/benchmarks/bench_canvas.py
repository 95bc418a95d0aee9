"""How fast the canvas is with many nodes, beside NodeGraphQt with the same chain in the same process.

Run by hand: `python -m tests.benchmarks.bench_canvas [FOLDER]`. FOLDER holds NodeGraphQt 0.6.44 and Qt.py 2, put there
by `pip install --target FOLDER --no-deps nodegraphqt==0.6.44 Qt.py`; without it, its figures are left out.
`--training` adds how late the window's event loop answers while the real engine trains with all cores (half a minute).

- building the scene of a chain of 1,000 nodes: at most 0.1x of NodeGraphQt's time is wanted;
- a frame of panning with all 1,000 nodes in sight: at most 0.25x of NodeGraphQt's;
- a frame of panning with 10,000 nodes at any zoom: at most 2x the frame with 1,000;
- one setting of one of 1,000 nodes, from the key press to the painted canvas: at most 16 ms by the median, and as many
  items touched as with 100 nodes;
- the event loop beside a training: under 50 ms at the 99th percentile.

Frames are those that the window makes: the sheet is scrolled, and the clock runs until events are done with. Below 42 %
the canvas keeps tiles of its picture, so a frame of panning shows kept tiles and paints the few that come into sight;
the first frame at a zoom, which has to paint all that is in sight, is told beside it.
"""

from __future__ import annotations

import gc
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

FRAMES, PAN = 41, 17
EDITS = 21
ZOOMS = (1.0, 0.5, 0.3, 0.17, 0.12, 0.08, 0.05)
ACROSS, WIDE = 40, 100
"""Nodes in a row: where all are in sight, and where 1,000 are compared with 10,000."""


def chain(count: int, across: int) -> Any:
    """A chain of `count` convolutions, laid out in rows."""
    from app.design.values import Design
    from tests.window.canvas_hands import node, wire

    nodes = tuple(
        node(f"n{i}", "Conv2d", (i % across) * 240, (i // across) * 160, out_channels=8) for i in range(count)
    )
    return Design(nodes=nodes, wires=tuple(wire(f"n{i}", f"n{i + 1}") for i in range(count - 1)))


def settle(application: Any) -> None:
    """Wait until the window has nothing left to do."""
    for _ in range(60):
        application.processEvents()


def frames(application: Any, view: Any, scroll: Callable[[int, int], None]) -> float:
    """Milliseconds of a frame of panning, by the median."""
    took = []
    for i in range(FRAMES):
        way = 1 if i % 40 < 20 else -1
        start = time.perf_counter()
        scroll(way * PAN, way * 5)
        view.viewport().update()  # where all is in sight there is nowhere to scroll to
        application.processEvents()
        took.append((time.perf_counter() - start) * 1000)
    return statistics.median(took[1:])


def ours(application: Any, count: int, across: int = ACROSS) -> tuple[float, Any]:
    """Seconds for the scene of a chain, and the view on it."""
    from PySide6.QtCore import QPoint

    from app.window.canvas.view import CanvasView
    from app.window.document import Document
    from tests.window.canvas_hands import CARDS

    document = Document()
    document.set_catalogue(CARDS)
    view = CanvasView(document)
    view.resize(1440, 900)
    view.show()
    settle(application)
    design = chain(count, across)
    gc.collect()
    start = time.perf_counter()
    document.load(design, None)
    took = time.perf_counter() - start
    settle(application)
    view.pan = lambda dx, dy: view.scroll(QPoint(dx, dy))  # type: ignore[attr-defined]
    return took, view


def theirs(application: Any, count: int) -> tuple[float, Any, Any]:
    """The same of NodeGraphQt: seconds, its view, and its graph, which must be kept."""
    os.environ.setdefault("QT_PREFERRED_BINDING", "PySide6")
    from NodeGraphQt import BaseNode, NodeGraph  # type: ignore[import-not-found]

    class Convolution(BaseNode):  # type: ignore[misc]
        __identifier__ = "bench"
        NODE_NAME = "Convolution"

        def __init__(self) -> None:
            super().__init__()
            self.add_input("x")
            self.add_output("out")

    graph = NodeGraph()
    graph.register_node(Convolution)
    view = graph.viewer()
    graph.widget.resize(1440, 900)
    graph.widget.show()
    settle(application)
    gc.collect()
    start = time.perf_counter()
    before = None
    for i in range(count):
        place = [(i % ACROSS) * 240, (i // ACROSS) * 160]
        made = graph.create_node("bench.Convolution", f"n{i}", selected=False, pos=place, push_undo=False)
        if before is not None:
            before.output(0).connect_to(made.input(0), push_undo=False)
        before = made
    took = time.perf_counter() - start
    graph.clear_selection()
    graph.fit_to_selection()
    settle(application)
    return took, view, graph


def edits(application: Any, count: int) -> tuple[float, float]:
    """Milliseconds from a key in the inspector's field to the painted canvas, and how many items that touched."""
    from PySide6.QtCore import QEvent, QObject, Qt
    from PySide6.QtTest import QTest

    from app.window.main_window import MainWindow
    from app.window.number_edit import NumberEdit
    from tests.window.canvas_hands import CARDS

    class Painted(QObject):
        count = 0

        def eventFilter(self, watched: QObject, event: QEvent) -> bool:
            self.count += event.type() == QEvent.Type.Paint
            return False

    window = MainWindow()
    window.document.set_catalogue(CARDS)
    window.resize(1440, 900)
    window.show()
    window.document.load(chain(count, ACROSS), None)
    settle(application)
    window.canvas.reveal("n50")
    settle(application)
    field = next(e for e in window.inspector.findChildren(NumberEdit) if e.isVisible())
    field.setFocus()
    settle(application)
    seen = Painted()
    window.canvas.viewport().installEventFilter(seen)
    took, touched = [], []
    for _ in range(EDITS):
        painted, refreshed = seen.count, window.canvas.scene_.refreshed
        start = time.perf_counter()
        QTest.keyClick(field, Qt.Key.Key_Up)
        while seen.count == painted and time.perf_counter() - start < 2:
            application.processEvents()
        took.append((time.perf_counter() - start) * 1000)
        touched.append(window.canvas.scene_.refreshed - refreshed)
    assert seen.count >= EDITS, "the canvas was not painted after each edit"
    window.document.undo_stack.setClean()
    window.close()
    return statistics.median(took), statistics.median(touched)


def training(application: Any) -> float:
    """How late a timer of 5 ms comes at the 99th percentile while the engine trains, in ms."""
    from PySide6.QtCore import QTimer

    from app.window.main_window import MainWindow

    window = MainWindow()
    window.show()
    window.start()
    wait(application, lambda: bool(window.engines.is_ready and window.engines.last_devices))
    window.files.open_known("digits")
    wait(application, lambda: window.document.analysis is not None)
    window.actions_["train"].trigger()
    panel: Any = window.bottom.panel("Training")
    wait(application, lambda: panel.running)
    late: list[float] = []
    last = time.perf_counter()

    def tick() -> None:
        nonlocal last
        now = time.perf_counter()
        late.append((now - last) * 1000 - 5)
        last = now

    timer = QTimer()
    timer.timeout.connect(tick)
    timer.start(5)
    end = time.perf_counter() + 10
    while time.perf_counter() < end and panel.running:
        application.processEvents()
        time.sleep(0.0005)
    timer.stop()
    window.engines.close()
    window.hide()
    print(f"{len(late)} answers, worst {max(late):.0f} ms")
    return statistics.quantiles(late, n=100)[98]


def wait(application: Any, until: Callable[[], bool], seconds: float = 60) -> None:
    end = time.perf_counter() + seconds
    while not until():
        application.processEvents()
        time.sleep(0.005)
        assert time.perf_counter() < end, "the engine did not answer"


def say(name: str, value: str, wanted: str = "") -> None:
    print(f"{name:58} {value:>14}   {f'({wanted} is wanted)' if wanted else ''}", flush=True)


def main() -> None:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    folders = [given for given in sys.argv[1:] if not given.startswith("-")]
    sys.path[:0] = folders
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NETLOOM_SETTINGS"] = folder
        measure()


def measure() -> None:
    from PySide6.QtWidgets import QApplication

    from app.window import theme

    application = QApplication(["bench"])
    theme.load_fonts()
    ours(application, 50)[1].deleteLater()  # fonts and icons are read once
    builds = [ours(application, 1000) for _ in range(3)]
    built, view = statistics.median(took for took, _ in builds), builds[-1][1]
    for _, other in builds[:-1]:
        other.hide()
        other.deleteLater()
    view.fit_all()
    settle(application)
    overview = frames(application, view, view.pan)
    say("scene of 1,000 nodes", f"{built * 1000:.0f} ms")
    say("a frame of panning, 1,000 nodes in sight", f"{overview:.2f} ms")
    try:
        took, other, _graph = theirs(application, 1000)
        by = frames(application, other, lambda dx, dy: _scroll(other, dx, dy))
        say("the same of NodeGraphQt", f"{took * 1000:.0f} ms")
        say("", f"{by:.2f} ms")
        say("ratio: scene", f"{built / took:.3f}", "at most 0.1")
        say("ratio: frame", f"{overview / by:.3f}", "at most 0.25")
        other.hide()
    except ImportError as error:
        print(f"NodeGraphQt is not there, so nothing is compared with it ({error}); see the head of this file")
    view.hide()
    _, view = ours(application, 1000, WIDE)  # wires as long as in the larger chain: Qt cuts long curves into many lines
    small = {}
    for zoom in ZOOMS:
        view.set_zoom(zoom)
        view.look_at(view.scene_.bounds().center())
        settle(application)
        small[zoom] = frames(application, view, view.pan)
    view.hide()
    took, view = ours(application, 10_000, WIDE)
    say("scene of 10,000 nodes", f"{took * 1000:.0f} ms")
    for zoom in ZOOMS:
        start = time.perf_counter()
        view.set_zoom(zoom)
        view.look_at(view.scene_.bounds().center())
        application.processEvents()
        first = (time.perf_counter() - start) * 1000
        settle(application)
        large = frames(application, view, view.pan)
        ratio = f"{small[zoom]:.2f} -> {large:.2f} ms  {large / small[zoom]:.2f}"
        say(f"a frame at {zoom:.0%}, 1,000 -> 10,000 nodes, ratio", ratio, "at most 2")
        say("  the first one after the zoom, 10,000 nodes", f"{first:.0f} ms")
    view.hide()
    (few, touched_few), (many, touched) = edits(application, 100), edits(application, 1000)
    say("a setting, from key to painted canvas, 100 nodes", f"{few:.1f} ms")
    say("the same, 1,000 nodes", f"{many:.1f} ms", "at most 16 ms")
    say("items touched, 100 -> 1,000 nodes", f"{touched_few:g} -> {touched:g}", "the same")
    if "--training" in sys.argv:
        say("the event loop beside a training, 99th percentile", f"{training(application):.1f} ms", "under 50 ms")


def _scroll(view: Any, dx: int, dy: int) -> None:
    """Pan as NodeGraphQt's own middle drag does: through its scene rectangle."""
    moved = view.mapToScene(0, 0) - view.mapToScene(dx, dy)
    view._set_viewer_pan(moved.x(), moved.y())


if __name__ == "__main__":
    main()
