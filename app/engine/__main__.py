"""`python -P -m app.engine`: the engine behind a window, JSON lines on stdin and stdout."""

import os
import sys

# The protocol keeps the real stdout; whatever a library or a block prints goes to stderr, C code's output too.
_pipe = os.fdopen(os.dup(1), "wb", buffering=0)
os.dup2(2, 1)
sys.stdout = sys.stderr

if __name__ == "__main__":
    from app.engine.server import serve

    sys.exit(serve(sys.stdin.buffer, _pipe))
