"""`python -P -m app.engine.rank`: one of the processes of a run on several devices, under `app.engine.ranks`.

It speaks the engine's protocol. It is not warmed up by an analysis, and what fails is told, not printed.
"""

from __future__ import annotations

import os
import sys

# As in app.engine: the protocol keeps the real stdout.
_pipe = os.fdopen(os.dup(1), "wb", buffering=0)
os.dup2(2, 1)
sys.stdout = sys.stderr

if __name__ == "__main__":
    import signal
    import threading

    from app.engine.server import Server

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the process that started this one
    server = Server(_pipe)
    threading.Thread(target=server.read, args=(sys.stdin.buffer,), daemon=True).start()
    code = server.work()
    sys.stderr.flush()
    os._exit(code)
