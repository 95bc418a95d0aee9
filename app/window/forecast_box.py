"""What a training step takes: a bar of what lies in memory at the fullest moment, and the largest batch that fits."""

from __future__ import annotations

from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QWidget

from app.messages.forecast import ForecastMemory, MemoryForecast
from app.window import figures
from app.window.document import Document
from app.window.engines import Engines
from app.window.fold import Fold
from app.window.parts import button, label
from app.window.questions import Questions
from app.window.rows import Facts
from app.window.theme import theme

PARTS = ("parameters", "gradients", "optimizer", "activations", "temporary", "inputs", "buffers")
WORDS = {"optimizer": "optimizer state", "temporary": "working memory", "inputs": "the batch"}
MOMENTS = {
    "forward": "as the forward pass ends", "backward": "in the backward pass", "optimizer": "as the optimizer steps",
}  # fmt: skip
GIGA = 2**30


class ForecastBox(Fold):
    """Asks while it is open: for the recipe's batch size, precision and optimizer, and for the memory typed here."""

    def __init__(self, document: Document, engines: Engines) -> None:
        super().__init__("Memory that training takes", "Run one step without memory, and count")
        self._document = document
        self._questions = Questions(document, engines, self)
        self._asked_for: object = None
        self.said = label("", "soft", wrap=True)
        self.bar = PartsBar()
        self.facts = Facts()
        self.limit = QDoubleSpinBox()
        self.limit.setRange(0.1, 10_000)
        self.limit.setDecimals(1)
        self.limit.setValue(8)
        self.limit.setSuffix(" GB")
        self.limit.setToolTip("The memory that there is")
        self.limit.setAccessibleName("The memory that there is")
        self.search = button("Largest batch", tip="Find the largest batch whose step fits into this memory")
        self.search.clicked.connect(lambda: self.ask(int(self.limit.value() * GIGA)))
        self.largest = label("", "soft", wrap=True)
        row = QHBoxLayout()
        row.addWidget(self.limit)
        row.addWidget(self.search)
        row.addStretch(1)
        for widget in (self.said, self.bar, self.facts):
            self.body.addWidget(widget)
        self.body.addLayout(row)
        self.body.addWidget(self.largest)
        self.show_sentence("")
        self.turned.connect(self.refresh)

    def refresh(self, _open: bool = True) -> None:
        """Ask again where the drawing is another one now."""
        analysis = self._document.analysis
        known = analysis is not None and analysis.valid
        if self.is_open and not known:
            self._asked_for = None
            self.show_sentence("It follows once the drawing has no errors.")
        elif self.is_open and self._asked_for is not self._document.design:
            self._asked_for = self._document.design
            self.ask(0)

    def ask(self, limit: int) -> None:
        """Ask for the forecast; with `limit` (bytes) for the largest batch, too."""
        if self.said.isHidden() or not limit:
            self.largest.setText("Trying batch sizes…" if limit else "")
        if not limit:
            self.show_sentence("Running a step…")
        recipe = self._document.design.recipe

        def request() -> ForecastMemory:
            return ForecastMemory(
                "", self._document.design, batch=recipe.batch_size, precision=recipe.precision,
                optimizer=recipe.optimizer, limit=limit,
            )  # fmt: skip

        self._questions.ask(request, self.show_forecast, self.show_sentence, wait=0 if limit else 400)

    def show_sentence(self, sentence: str) -> None:
        """Say something in place of a forecast."""
        self.said.setText(sentence)
        self.said.setVisible(bool(sentence))
        self.bar.hide()
        self.facts.hide()
        self.largest.setText("")

    def show_forecast(self, told: MemoryForecast) -> None:
        """Show the answer."""
        self.said.hide()
        sizes = [(name, getattr(told.at_peak, name)) for name in PARTS]
        shown = sorted((part for part in sizes if part[1]), key=lambda part: -part[1])
        self.bar.show_parts(shown)
        lines = [(f"at most, batch {told.batch}", figures.size(told.peak))]
        lines += [(WORDS.get(name, name), figures.size(size)) for name, size in shown]
        self.facts.show_lines(lines)
        self.facts.setToolTip(f"The fullest moment comes {MOMENTS[told.moment]}, on {told.device}")
        self.bar.setVisible(True)
        self.facts.setVisible(True)
        loss = " There is no loss yet: a plain one stood in." if told.stand_in else ""
        if told.largest_batch is None:
            self.largest.setText(loss.strip())
        elif told.largest_batch:
            self.largest.setText(f"A step with {told.largest_batch:,} samples fits into {self.limit.text()}.{loss}")
        else:
            self.largest.setText(f"Not even one sample fits into {self.limit.text()}.{loss}")


class PartsBar(QWidget):
    """One bar, a colour for each part; the largest comes first."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[tuple[str, int]] = []
        self.setFixedHeight(12)

    def show_parts(self, parts: list[tuple[str, int]]) -> None:
        """Show these sizes, as shares of their sum."""
        self._parts = parts
        self.setToolTip("\n".join(f"{WORDS.get(name, name)}: {figures.size(size)}" for name, size in parts))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        whole = sum(size for _, size in self._parts)
        if not whole:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        left = 0.0
        for name, size in self._parts:
            wide = self.width() * size / whole
            painter.fillRect(QRectF(left, 1, max(wide - 1, 1), self.height() - 2), colour(name))
            left += wide
        painter.end()


def colour(part: str) -> QColor:
    """The colour of a part, the same wherever it is shown."""
    categories = {"parameters": "Backbone", "gradients": "Attention", "optimizer": "Neck", "activations": "Stem",
                  "temporary": "Connector", "inputs": "Layer", "buffers": "Head"}  # fmt: skip
    return theme.category(categories[part])
