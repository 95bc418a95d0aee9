"""How a command of the terminal ends."""

FINE, INVALID, WRONG, STOPPED = 0, 1, 2, 130
"""Exit codes: all well; the design has errors; the input cannot be read or the call is wrong; stopped by Ctrl+C."""


class CallError(ValueError):
    """A call that cannot be carried out; the message is one line, `code` the exit code."""

    def __init__(self, message: str, code: int = WRONG) -> None:
        super().__init__(message)
        self.code = code
