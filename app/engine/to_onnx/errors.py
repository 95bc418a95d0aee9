"""An export that failed, in words for the user."""

from __future__ import annotations

from pathlib import Path

from app.messages.onnx import Certificate


class ExportError(RuntimeError):
    """An export that failed, or whose result is wrong; one sentence for the user.

    `certificate` says what was compared, where a file was made whose numbers are not torch's.
    """

    def __init__(self, message: str, certificate: Certificate | None = None) -> None:
        super().__init__(message)
        self.certificate = certificate


class NotWrittenError(ExportError):
    """A file that the disk does not take; `why` it does not."""

    def __init__(self, file: Path, why: str) -> None:
        super().__init__(f"{file} cannot be written: {why}.")
        self.why = why

    @classmethod
    def of(cls, file: Path, error: OSError) -> NotWrittenError:
        """Where the system says no more than how many bytes it took, the disk is full."""
        return cls(file, error.strerror or ("the disk is full" if "requested" in str(error) else str(error)))


def reason(error: BaseException) -> str:
    """The sentence at the bottom of a chain of errors."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]
