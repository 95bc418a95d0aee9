"""How long the code of one block may run in analysis: what hangs is stopped, and the rest of a drawing is analysed."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator

PATIENCE = 8.0
"""Seconds for one block. The window ends an engine that hangs for longer than this in what Python cannot interrupt."""


class HungError(BaseException):
    """A block's code ran for too long. No Exception, so that code which catches those does not catch it."""


@contextlib.contextmanager
def limited(seconds: float, *, of_processor: bool = False) -> Iterator[None]:
    """Raise HungError in what runs here after `seconds`, of the clock or of the processor, and again each second until
    it ends.

    Only the main thread of a process can be interrupted, and not on Windows; elsewhere this does nothing.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: object) -> None:
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
