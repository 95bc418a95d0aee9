"""Solve for: type the size that a node is to give, and choose among the settings that give it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QSizePolicy, QVBoxLayout

from app.design.changes import apply
from app.messages.reports import PortShape
from app.messages.solving import Solution, Solve, Solved
from app.window import figures
from app.window.document import Document
from app.window.engines import Engines
from app.window.fold import Fold
from app.window.parts import ElidedButton, button, label
from app.window.questions import Questions
from app.window.theme import font

SHOWN = 6


class SolveBox(Fold):
    """A field for each size behind the batch; an empty one may be anything. Enter asks."""

    def __init__(self, document: Document, engines: Engines, where: str, id: str) -> None:
        super().__init__("Solve for a size", "Type the size that this node is to give: which settings give it?")
        self._document, self._where, self._id = document, where, id
        self._questions = Questions(document, engines, self)
        self._port = ""
        self._now: tuple[int, ...] = ()
        self.offers: list[ElidedButton] = []
        self.fields: list[QLineEdit] = []
        self._row = QHBoxLayout()
        self._row.setSpacing(4)
        self.search = button("Find settings", tip="Look for settings that give this size; the simplest comes first")
        self.search.clicked.connect(self.ask)
        self.said = label("", "soft", wrap=True)
        self.said.hide()
        self._column = QVBoxLayout()
        self._column.setSpacing(6)
        self.body.addLayout(self._row)
        self.body.addWidget(self.search, 0, Qt.AlignmentFlag.AlignLeft)
        self.body.addWidget(self.said)
        self.body.addLayout(self._column)

    def refresh(self, outputs: tuple[PortShape, ...]) -> None:
        """Show the size that the node gives now. What was typed or found goes where that has changed."""
        port = next((p for p in outputs if p.tensors and len(p.tensors[-1].shape) > 1), None)
        self.setVisible(port is not None)
        now = port.tensors[-1].shape[1:] if port is not None else ()
        if port is None or (port.port, now) == (self._port, self._now):
            return
        self._port, self._now = port.port, now
        while len(self.fields) < len(now):
            field = QLineEdit()
            field.setFont(font(12, mono=True))
            field.setAlignment(Qt.AlignmentFlag.AlignRight)
            field.setToolTip("The size that is wanted; empty: any")
            field.setMinimumWidth(0)
            field.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            field.returnPressed.connect(self.ask)
            self._row.addWidget(field)
            self.fields.append(field)
        for i, field in enumerate(self.fields):
            field.setVisible(i < len(now))
            field.setText(str(now[i]) if i < len(now) else "")
        self.show_solved(Solved(""))

    def ask(self) -> None:
        """Ask for what the fields say."""
        texts = [field.text().strip() for field in self.fields[: len(self._now)]]
        if any(text and not text.isdigit() for text in texts):
            self.show_solved(Solved("", sentence="A size is a whole number; leave a field empty where any will do."))
            return
        wanted = tuple(int(text) if text else None for text in texts)
        self.show_solved(Solved("", sentence="Looking for settings…"))
        self._questions.ask(
            lambda: Solve("", self._document.design, self._where, self._id, self._port, wanted),
            self.show_solved, lambda sentence: self.show_solved(Solved("", sentence=sentence)), wait=0,
        )  # fmt: skip

    def show_solved(self, solved: Solved) -> None:
        """Show the answer: a button for each solution."""
        self.said.setText(solved.sentence)
        self.said.setVisible(bool(solved.sentence))
        for offer in self.offers:
            offer.hide()
            offer.deleteLater()
        self.offers = [self._offer(solution) for solution in solved.solutions[:SHOWN]]
        for offer in self.offers:
            self._column.addWidget(offer)

    def _offer(self, solution: Solution) -> ElidedButton:
        title = solution.title[:1].upper() + solution.title[1:]
        cost = figures.signed(solution.parameters) if solution.parameters else ""
        broken = f", {solution.errors} new error{'s' * (solution.errors != 1)}" if solution.errors else ""
        size = " × ".join(map(str, solution.shape[1:]))
        tip = f"Then {size}; {solution.parameters:+,} parameters, {solution.macs:+,} MACs{broken}"
        made = ElidedButton(f"{title}  {cost}".rstrip() + broken, "fix", tip)
        made.clicked.connect(lambda: self._apply(solution))
        return made

    def _apply(self, solution: Solution) -> None:
        document = self._document
        document.edit(f"Set {solution.title}", lambda d: apply(d, solution.changes, document.catalogue))
