"""One drawing with all that the window holds of it, as its tab keeps it while another one is shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from PySide6.QtGui import QUndoStack

from app.design.file import Sign
from app.design.values import Design
from app.messages import Analysis
from app.window.timings import Measured


@dataclass
class Drawing:
    """All that the document holds of one drawing: a tab keeps it while another one is shown."""

    number: int
    """Its own for as long as the window lives, whatever is loaded into its tab."""
    undo_stack: QUndoStack
    revision: int
    design: Design
    path: tuple[str, ...] = ()
    file: Path | None = None
    name: str = ""
    chosen: str = ""
    analysis: Analysis | None = None
    measured: Measured = field(default_factory=Measured)
    begun: Design = field(default_factory=Design)
    """What undo goes back to."""
    on_file: Design | None = None
    sign: Sign | None = None

    @property
    def title(self) -> str:
        return title(self.file, self.name)


def title(file: Path | None, name: str) -> str:
    """What a drawing is called: after its file, or by the name that it has while it has none."""
    return file.stem if file else name or "untitled"
