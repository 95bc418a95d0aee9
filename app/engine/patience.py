"""How long the code of one block may run in analysis: what hangs is stopped, and the rest of a drawing is analysed."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType

PATIENCE = 8.0
"""Seconds for one block. The window ends an engine that hangs for longer than this in what Python cannot interrupt."""

WAIT = 0.02
"""Seconds until what enters or leaves a `with` is looked at again."""
WAITS = 50
"""How often, before it counts as hung itself."""


class HungError(BaseException):
    """A block's code ran for too long. No Exception, so that code which catches those does not catch it."""


@contextlib.contextmanager
def limited(seconds: float, *, of_processor: bool = False) -> Iterator[None]:
    """Raise HungError in what runs here after `seconds`, of the clock or of the processor, and again each second until
    it ends. What is on its way into a `with` or out of it gets there first.

    Only the main thread of a process can be interrupted, and not on Windows; elsewhere this does nothing.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    home = sys._getframe(2)  # whose `with` this is
    waited = 0

    def stop(_number: int, frame: FrameType | None) -> None:
        nonlocal waited
        if waited < WAITS and _enters_or_leaves(frame, home):
            waited += 1
            signal.setitimer(timer, WAIT, 1.0)
            return
        waited = 0
        raise HungError

    number, timer = (signal.SIGPROF, signal.ITIMER_PROF) if of_processor else (signal.SIGALRM, signal.ITIMER_REAL)
    now = time.process_time if of_processor else time.monotonic
    before = signal.signal(number, stop)
    began = now()
    left, interval = signal.setitimer(timer, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(timer, 0)
        signal.signal(number, before)
        if left:  # somebody else's alarm goes on
            signal.setitimer(timer, max(left - (now() - began), 0.001), interval)


def _enters_or_leaves(frame: FrameType | None, home: FrameType) -> bool:
    """Whether something between `home` and `frame` is on its way into a `with` or out of it. Stopped there, it might
    never be undone: torch's modes would stay in force for all that runs later in this process."""
    while frame is not None and frame is not home:
        if frame.f_code.co_name in ("__enter__", "__exit__"):
            return True
        frame = frame.f_back
    return False
