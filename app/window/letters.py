"""Sizes in letters on the canvas (`64×H/4×W/4`), and the sizes at which the drawing works."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QDialog, QHeaderView, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from app.design.values import Design
from app.messages.symbols import CheckSizes, GetSymbols, SizesChecked, Symbols
from app.window.document import Document
from app.window.engines import Engines
from app.window.parts import label
from app.window.questions import Questions
from app.window.theme import font, icon


class Letters(QObject):
    """While it is on, every analysis is followed by the question what the sizes are in letters."""

    changed = Signal()
    """`text` may answer otherwise than before."""
    wanted = Signal()
    """Letters were typed for the sizes of an Input while numbers are shown."""

    def __init__(self, document: Document, engines: Engines, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._questions = Questions(document, engines, self)
        self._texts: dict[tuple[str, str], str] = {}
        self._asked_for: object = None
        self.on = False
        document.analysed.connect(self._follow)
        document.changed.connect(self._edited)

    def _edited(self, before: Design, after: Design) -> None:
        """Letters that somebody types are to be seen."""
        for node in () if self.on else after.nodes:
            old = before.by_id.get(node.id, node)
            if node is not old and (letters := node.settings.get("letters")) and letters != old.settings.get("letters"):
                self.wanted.emit()
                return

    def turn(self, on: bool) -> None:
        """Show letters, or numbers again."""
        self.on = on
        self._asked_for = None
        self._questions.drop()
        self._take(Symbols(""))
        self._follow()

    def text(self, id: str, port: str) -> str:
        """What stands on a wire from this output, by the path of its node; "" where no letters are known."""
        return self._texts.get((id, port), "")

    def _follow(self) -> None:
        design = self._document.design
        if self.on and self._document.analysis is not None and self._asked_for is not design:
            self._asked_for = design
            if self._texts:  # they were those of the drawing before the edit
                self._take(Symbols(""))
            self._questions.ask(lambda: GetSymbols("", self._document.design), self._take, self._document.refused.emit)

    def _take(self, told: Symbols) -> None:
        self._texts = {
            (node.id, port.port): short(port.tensors[0])
            for node in (*told.nodes, *told.groups)
            for port in node.outputs
            if port.kind == "tensor" and port.tensors and not port.only
        }
        self.changed.emit()


def short(text: str) -> str:
    """`B × 64 × H/4 - 1 × W/4 - 1` as it stands on a wire: `64×(H/4−1)×(W/4−1)`."""
    sizes = [f"({size})" if " " in size else size for size in text.removeprefix("B × ").split(" × ")]
    return "×".join(sizes).replace(" - ", "−").replace(" + ", "+")


class SizesDialog(QDialog):
    """Which sizes work: one row a size that was tried, and what fails first where it does not."""

    chosen = Signal(str)
    """The path of a node that fails."""

    def __init__(self, document: Document, engines: Engines, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Which sizes work")
        self.resize(720, 460)
        self._document = document
        self._questions = Questions(document, engines, self)
        self.summary = label("Trying sizes…", wrap=True)
        self.table = QTableWidget(0, 3)
        self.table.setAccessibleName("Sizes that were tried")
        self.table.setHorizontalHeaderLabels(["Size", "Works", "What fails first"])
        self.table.verticalHeader().hide()
        self.table.setShowGrid(False)
        self.table.setWordWrap(True)
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
        self.table.horizontalHeader().setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        self.table.cellActivated.connect(self._choose)
        self._told = SizesChecked("")
        box = QVBoxLayout(self)
        box.setContentsMargins(20, 18, 20, 18)
        box.setSpacing(12)
        box.addWidget(self.summary)
        box.addWidget(self.table, 1)
        self._questions.ask(lambda: CheckSizes("", document.design), self.show_sizes, self.summary.setText, wait=0)

    def show_sizes(self, told: SizesChecked) -> None:
        """Show the answer."""
        self._told = told
        self.summary.setText(told.summary)
        names = " × ".join(letter.name for letter in told.letters)
        self.table.setHorizontalHeaderItem(0, QTableWidgetItem(names or "Size"))
        self.table.setRowCount(len(told.tried))
        for row, tried in enumerate(told.tried):
            size = QTableWidgetItem(" × ".join(map(str, tried.sizes)))
            size.setFont(font(12, mono=True))
            works = tried.valid and tried.fits
            state = QTableWidgetItem("yes" if works else "no" if not tried.valid else "only when built anew")
            state.setIcon(icon("circle-check" if works else "circle-x"))
            why = tried.message or ("" if works else "weights that hang on the size would have another shape")
            for column, item in enumerate((size, state, QTableWidgetItem(why))):
                item.setToolTip(item.text())
                self.table.setItem(row, column, item)
        self.table.resizeColumnToContents(0)
        self.table.resizeColumnToContents(1)
        self.table.resizeRowsToContents()

    def _choose(self, row: int, _column: int) -> None:
        if self._told.tried[row].node:
            self.chosen.emit(self._told.tried[row].id)
