"""How fluent a curve of 1,000,000 points is: run by hand, `python -m tests.benchmarks.bench_curves [POINTS]`.

A run with a train curve of so many points (noise around a falling loss) and one of validation is drawn in the window's
curves at 900 x 600. A frame is what the user waits for: the event of the mouse, and the window painted. Told are the
median and the 95th percentile, as they are and smoothed (the first smoothing apart, which is worked out once), of

- a pan: the mouse is dragged with Shift over a tenth of the curve, and over all of it a little zoomed in;
- a zoom by the wheel;
- a point that comes in while one watches the whole curve;
- the values under the pointer.

Wanted: a median of a pan of at most 16 ms. On a machine that does other things too, what the frame took of the
processor says more than the clock.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

POINTS, FRAMES, WANTED = 1_000_000, 60, 16.0


def line(count: int) -> Any:
    """A loss that falls, with noise."""
    import numpy

    from app.window.series import Line

    made = Line()
    steps = numpy.arange(1, count + 1)
    noise = numpy.random.default_rng(0).normal(scale=0.1, size=count)
    made.extend(steps, 3 / numpy.sqrt(1 + steps / (count / 50)) + 0.2 + numpy.abs(noise))
    made.place(count / 100, (steps[[0, -1]], numpy.array([0.0, 3600.0])))
    return made


def frames(application: Any, do: Callable[[int], object]) -> str:
    """Do something again and again: the milliseconds of a frame."""
    took, worked = [], []
    for i in range(FRAMES):
        start, cpu = time.perf_counter(), time.process_time()
        do(i)
        application.processEvents()
        took.append((time.perf_counter() - start) * 1000)
        worked.append((time.process_time() - cpu) * 1000)
    took = sorted(took[1:])
    late, work = took[int(len(took) * 0.95)], statistics.median(worked)
    return f"{statistics.median(took):7.1f} ms, 95 % within {late:.1f} ms, of the processor {work:.1f} ms"


def main(count: int) -> int:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
    from PySide6.QtGui import QMouseEvent, QWheelEvent
    from PySide6.QtWidgets import QApplication

    from app.window import theme as themes
    from app.window.curves import Curves

    application = QApplication(sys.argv[:1])
    themes.load_fonts()
    curves = Curves()
    curves.resize(900, 600)
    curves.show()
    points = {("train", "loss"): line(count), ("validation", "loss"): line(100)}
    points["validation", "loss"].place(1.0, None)
    start = time.perf_counter()
    curves.show_points(points, 100, "million")
    application.processEvents()
    print(f"{count:,} points, {curves.width()} x {curves.height()}")
    print(f"shown first             {(time.perf_counter() - start) * 1000:7.1f} ms")
    chart = curves.charts["loss"]
    view, left, none = chart.plot.viewport(), Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    shift, ctrl, plain = (
        Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip

    def mouse(kind: QEvent.Type, x: int, button: Any, held: Any, keys: Any) -> None:
        at = QPoint(x, view.height() // 2)
        event = QMouseEvent(kind, QPointF(at), QPointF(view.mapToGlobal(at)), button, held, keys)
        QApplication.sendEvent(view, event)

    def wheel(by: int) -> None:
        at = QPoint(view.width() // 2, view.height() // 2)
        event = QWheelEvent(
            QPointF(at), QPointF(view.mapToGlobal(at)), QPoint(), QPoint(0, by), none, ctrl,
            Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(view, event)

    def pan(part: float) -> str:
        curves.whole()
        curves.zoom((50 - 50 * part, 50 + 50 * part))
        application.processEvents()
        mouse(QEvent.Type.MouseButtonPress, 450, left, left, shift)
        told = frames(application, lambda i: mouse(QEvent.Type.MouseMove, 450 + (i % 30) * 6 - 90, none, left, shift))
        mouse(QEvent.Type.MouseButtonRelease, 450, left, none, shift)
        curves.whole()
        return told

    train = points["train", "loss"]

    def grow(_i: int) -> None:
        train.append(train[-1][0] + 1e-4, 0.5, float(train.steps[-1]) + 1)
        curves.show_points(points, 100, "million")

    medians = []
    for weight in (0.0, 0.9):
        start = time.perf_counter()
        curves.set_smoothing(weight)
        application.processEvents()
        named = f"smoothed {weight}" if weight else "as they are"
        print(f"{named}: set in {(time.perf_counter() - start) * 1000:.1f} ms")
        for part in (0.1, 0.9):
            told = pan(part)
            medians.append(float(told.split()[0]))
            print(f"  a pan, {part:.0%} in sight   {told}")
        told = frames(application, lambda i: wheel(120 if i % 20 < 10 else -120))
        print(f"  a zoom by the wheel   {told}")
        curves.whole()
        print(f"  a point more          {frames(application, grow)}")
        told = frames(application, lambda i: mouse(QEvent.Type.MouseMove, 200 + i * 5, none, none, plain))
        print(f"  values under pointer  {told}")
    good = max(medians) <= WANTED
    print(f"a pan of at most {WANTED:.0f} ms by the median: {'yes' if good else 'no'} ({max(medians):.1f} ms)")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else POINTS))
