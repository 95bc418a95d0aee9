"""What an edit of the code would change in the drawing, and which lines cannot be read, as a list to go through."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from app.design.compare import Comparison, Place
from app.design.read_back import Trouble
from app.window.compare_side import mark_colour
from app.window.compare_words import KINDS, lines
from app.window.parts import label
from app.window.sentences import plain
from app.window.theme import font, icon, theme

ROWS = 400
"""So many rows are listed at most."""


def summary(found: Comparison) -> str:
    """`Changes 2 nodes, adds 1, removes 1`."""
    counts = (found.count("changed"), "changes"), (found.count("added"), "adds"), (found.count("removed"), "removes")
    said = [
        f"{verb} {count:,}" + (f" node{'s' * (count != 1)}" if not i else "")
        for i, (count, verb) in enumerate(one for one in counts if one[0])
    ]
    words = ", ".join(said)
    return words[:1].upper() + words[1:] if words else "Changes nothing in the drawing"


class Outline(QWidget):
    """The rows of the comparison; above them those lines that cannot be read."""

    line_chosen = Signal(int)
    node_chosen = Signal(object)
    """Where a node stands that is changed or taken away: its Place."""

    def __init__(self) -> None:
        super().__init__()
        self.head = label("", "heading")
        self.list = QListWidget()
        self.list.setWordWrap(True)
        self.list.setTextElideMode(Qt.TextElideMode.ElideNone)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setAccessibleName("What changes")
        box = QVBoxLayout(self)
        box.setContentsMargins(12, 6, 12, 8)
        box.setSpacing(6)
        box.addWidget(self.head)
        box.addWidget(self.list, 1)
        self.list.currentRowChanged.connect(self._choose)
        self.list.itemClicked.connect(lambda item: self._choose(self.list.row(item)))
        theme.changed.connect(self._repaint)
        self._targets: list[int | Place | None] = []
        """Of each row: the line, or the node, that it is about."""
        self._shown: tuple[Comparison, tuple[Trouble, ...]] = (Comparison(), ())

    def show_reading(self, found: Comparison, troubles: Sequence[Trouble], *, sure: bool = True) -> None:
        """Show what changes, and what cannot be read; where that is not `sure` yet, it says so."""
        said = (found, tuple(troubles))
        if said != self._shown or not self.list.count():
            self._shown = said
            self._fill()
        self._say(sure)

    def _say(self, sure: bool) -> None:
        found, troubles = self._shown
        count = len(troubles)
        words = f"{count:,} line{'s' * (count != 1)} cannot be read" if troubles else summary(found)
        self.head.setText(words if sure else f"{words}? Checking…")

    @property
    def rows(self) -> list[str]:
        """What the rows say."""
        return [self.list.item(i).text() for i in range(self.list.count())]

    def _repaint(self) -> None:
        if self.list.count():
            self._fill()

    def _fill(self) -> None:
        found, troubles = self._shown
        self.list.blockSignals(True)
        self.list.clear()
        self._targets = []
        for trouble in troubles[:ROWS]:
            item = QListWidgetItem(icon("circle-alert", theme.color("error").name()), "")
            item.setText(f"line {trouble.line}: {plain(trouble.message)}")
            item.setToolTip(plain(trouble.message))
            self._targets.append(trouble.line)
            self.list.addItem(item)
        last = None
        for difference, detail in lines(found)[: ROWS - len(troubles)]:
            sign = KINDS[difference.kind] if difference is not None else "≠"
            name = difference.name if difference is not None else "recipe"
            block = f" ({difference.block})" if difference is not None and difference.kind != "changed" else ""
            what = "" if detail.about == "node" else f"{detail.what}: {detail.before} → {detail.after}"
            item = QListWidgetItem(f"{sign} {name}{block}" + (f"  {what}" if what else ""))
            if difference is last and what:
                item.setText(f"    {what}")
            item.setFont(font(12, mono=True))
            item.setForeground(mark_colour(sign) if difference is not last else theme.color("text"))
            self._targets.append(difference.before if difference is not None else None)
            self.list.addItem(item)
            last = difference
        self.list.blockSignals(False)

    def _choose(self, row: int) -> None:
        target = self._targets[row] if 0 <= row < len(self._targets) else None
        if isinstance(target, int):
            self.line_chosen.emit(target)
        elif target is not None:
            self.node_chosen.emit(target)
