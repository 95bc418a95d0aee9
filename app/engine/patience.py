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
def limited(seconds: float) -> Iterator[None]:
    """Raise HungError in what runs here after `seconds`, and again each second until it ends.

    Only the main thread of a process can be interrupted, and not on Windows; elsewhere this does nothing.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: object) -> None:
        raise HungError

    before = signal.signal(signal.SIGALRM, stop)
    began = time.monotonic()
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left:  # somebody else's alarm goes on
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - began), 0.001), interval)
