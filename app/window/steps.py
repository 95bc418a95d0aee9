"""The history of a drawing as plain values: what undo goes back over, kept by the journal and shown by its panel."""

from __future__ import annotations

from dataclasses import dataclass

from app.design.values import Design


@dataclass(frozen=True)
class Step:
    """One edit: what it is called, what it merges with, when it was made, and the design that it led to."""

    text: str
    merge: str
    time: float
    after: Design


@dataclass(frozen=True)
class History:
    """A drawing with all its steps; the first `index` of them are done, the others were undone."""

    opened: Design
    """The design before the first step."""
    steps: tuple[Step, ...] = ()
    index: int = 0
    clean: int = 0
    """After which step it was saved; -1 where no step leads to what was saved."""
    file: str = ""
    name: str = ""
    """What the drawing is called while it has no file."""
    saved: Design | None = None
    """What its file holds as far as was known."""
    time: float = 0.0
    """When the last thing happened."""

    def at(self, index: int) -> Design:
        """The design after so many steps."""
        return self.steps[index - 1].after if index else self.opened

    @property
    def design(self) -> Design:
        """What is drawn."""
        return self.at(self.index)

    @property
    def modified(self) -> bool:
        """Whether it is another design than was saved."""
        return self.index != self.clean
