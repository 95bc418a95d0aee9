"""A run's confusion matrices as pictures: a row for each right class, and in it what the network named."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QGuiApplication, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QCheckBox, QComboBox, QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.messages.confusion import Confusion
from app.window import parts, table_text
from app.window import theme as look
from app.window.run_tables import Counted, as_rows, sentence, share
from app.window.theme import theme

LEAST, MOST = QSize(22, 13), QSize(72, 34)
"""Pixels of a cell."""
NAMES = 110
"""Pixels of the class names beside the rows, at most."""
HEAD = 16
SPLITS = {"validation": "Validation", "test": "Test", "train": "Training"}


class MatrixPicture(QWidget):
    """The cells of one matrix. The pointer, or the arrow keys, choose a cell."""

    pointed = Signal(str)
    """A cell in words; "" for none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table: Confusion | None = None
        self.shares = False
        """Whether the cells say shares of their rows, not counts."""
        self.cell: tuple[int, int] | None = None
        """The row and the column that are pointed at."""
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Confusion matrix")
        theme.changed.connect(self.update)

    def show_table(self, table: Confusion | None) -> None:
        """Show another matrix."""
        if table is None or self.table is None or table.classes != self.table.classes:
            self.cell = None
        self.table = table
        if table is not None:
            size = len(table.classes)
            self.setMinimumSize(self._beside() + size * LEAST.width() + 2, HEAD + size * LEAST.height() + 2)
        self._say()
        self.update()

    def set_shares(self, on: bool) -> None:
        """Write shares of the rows, or counts."""
        self.shares = on
        self.update()

    # places -----------------------------------------------------------------------------------------------------------

    def _beside(self) -> int:
        """How wide the names of the rows are."""
        if self.table is None:
            return 0
        metrics = QFontMetrics(look.font(look.SECONDARY))
        return min(max(map(metrics.horizontalAdvance, self.table.classes)), NAMES) + 10

    def size_of_cell(self) -> tuple[float, float]:
        count = len(self.table.classes) if self.table is not None else 1
        wide = (self.width() - self._beside() - 2) / count
        high = (self.height() - HEAD - 2) / count
        return max(min(wide, MOST.width()), 1.0), max(min(high, MOST.height()), 1.0)

    def place_of(self, row: int, column: int) -> QRectF:
        """Where a cell is."""
        wide, high = self.size_of_cell()
        return QRectF(self._beside() + column * wide, HEAD + row * high, wide, high)

    def cell_at(self, at: QPoint) -> tuple[int, int] | None:
        """The row and column at a place; None beside the cells."""
        if self.table is None:
            return None
        wide, high = self.size_of_cell()
        column, row = (at.x() - self._beside()) // wide, (at.y() - HEAD) // high
        size = len(self.table.classes)
        return (int(row), int(column)) if 0 <= row < size and 0 <= column < size else None

    # hands ------------------------------------------------------------------------------------------------------------

    def _point(self, cell: tuple[int, int] | None) -> None:
        if cell != self.cell:
            self.cell = cell
            self._say()
            self.update()

    def _say(self) -> None:
        said = sentence(self.table, *self.cell) if self.table is not None and self.cell is not None else ""
        self.setAccessibleDescription(said)
        self.pointed.emit(said)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._point(self.cell_at(event.position().toPoint()))

    def leaveEvent(self, event: QEvent) -> None:
        self._point(None)
        super().leaveEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {
            Qt.Key.Key_Up: (-1, 0), Qt.Key.Key_Down: (1, 0), Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Right: (0, 1),
        }  # fmt: skip
        step = steps.get(Qt.Key(event.key()))
        if step is None or self.table is None:
            super().keyPressEvent(event)
            return
        last = len(self.table.classes) - 1
        row, column = self.cell or (0, 0)
        if self.cell is not None:
            row, column = row + step[0], column + step[1]
        self._point((min(max(row, 0), last), min(max(column, 0), last)))

    # the picture ------------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        table = self.table
        if table is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        names, numbers = look.font(look.SECONDARY), look.font(10, mono=True)
        metrics, room = QFontMetrics(names), QFontMetrics(numbers)
        most = max(max(row) for row in table.counts) or 1
        beside, (wide, high) = self._beside(), self.size_of_cell()
        painter.setFont(names)
        painter.setPen(theme.color("soft"))
        for at, name in enumerate(table.classes):
            left = QRectF(0, HEAD + at * high, beside - 6, high)
            if high >= 11 or at % 2 == 0:
                side = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
                painter.drawText(left, side, metrics.elidedText(name, Qt.TextElideMode.ElideRight, beside - 6))
            above = QRectF(beside + at * wide, 0, wide, HEAD)
            short = metrics.elidedText(name, Qt.TextElideMode.ElideRight, int(wide) - 2)
            painter.drawText(above, Qt.AlignmentFlag.AlignCenter, short)
        painter.setFont(numbers)
        for row, counts in enumerate(table.counts):
            for column, count in enumerate(counts):
                of_row = share(table, row, column)
                ground = self._ground(of_row if self.shares else count / most, row == column)
                place = self.place_of(row, column).adjusted(0.5, 0.5, -0.5, -0.5)
                painter.fillRect(place, ground)
                text = self._text(count, of_row)
                if text and room.horizontalAdvance(text) <= place.width() - 2 and room.height() <= place.height() + 3:
                    painter.setPen(_ink(ground))
                    painter.drawText(place, Qt.AlignmentFlag.AlignCenter, text)
        if self.cell is not None:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.color("text"), 1.5))
            painter.drawRect(self.place_of(*self.cell).adjusted(0.5, 0.5, -0.5, -0.5))
        painter.end()

    def _text(self, count: int, of_row: float) -> str:
        if not count:
            return ""
        return f"{of_row * 100:.0f}" if self.shares else f"{count}"

    def _ground(self, strength: float, right: bool) -> QColor:
        """The colour of a cell: what is right in the accent's, what is not in that of errors; the root lets few be
        seen beside many."""
        least, full = theme.color("raised"), theme.color("accent" if right else "error")
        by = min(max(strength, 0.0), 1.0) ** 0.5
        mixed = [round(a + (b - a) * by) for a, b in zip(least.getRgb()[:3], full.getRgb()[:3], strict=True)]  # type: ignore[index]
        return QColor(*mixed)


def _ink(ground: QColor) -> QColor:
    """Black or white, whichever is seen better on a colour (WCAG's contrast)."""
    channels = [ground.redF(), ground.greenF(), ground.blueF()]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    light = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return QColor("#0b1220") if (light + 0.05) ** 2 > 1.05 * 0.05 else QColor("#ffffff")


class MatrixView(QWidget):
    """The matrices of a run: which one, counts or shares, the picture, and the cell under the pointer in words."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tables: tuple[Counted, ...] = ()
        self.which = QComboBox(self)
        self.which.setAccessibleName("Which matrix")
        self.shares = QCheckBox("Share of each row, %", self)
        self.shares.setToolTip("Write how much of each right class was named as what, instead of counts")
        self.copy_button = parts.IconButton("copy", "Copy the matrix as a table", side=26)
        self.picture = MatrixPicture(self)
        self.said = parts.label("", "soft")
        self.said.setSizePolicy(self.said.sizePolicy().Policy.Ignored, self.said.sizePolicy().Policy.Preferred)
        scroll = QScrollArea(self)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.picture.setObjectName("content")
        scroll.setWidget(self.picture)
        bar = QHBoxLayout()
        bar.setSpacing(8)
        bar.addWidget(self.which)
        bar.addWidget(self.shares)
        bar.addStretch(1)
        bar.addWidget(self.copy_button)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(4)
        box.addLayout(bar)
        box.addWidget(scroll, 1)
        box.addWidget(self.said)
        self.which.currentIndexChanged.connect(self._choose)
        self.shares.toggled.connect(self.picture.set_shares)
        self.picture.pointed.connect(self._pointed)
        self.copy_button.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.as_markdown()))
        self._pointed("")

    def show_tables(self, tables: tuple[Counted, ...]) -> None:
        """Show the matrices of a run; the one that was looked at stays."""
        wanted = self.which.currentData()
        self.tables = tables
        several = len({one.table.name for one in tables}) > 1
        keys = [(one.split, one.table.name) for one in tables]
        self.which.blockSignals(True)
        self.which.clear()
        for one, key in zip(tables, keys, strict=True):
            named = f"{SPLITS.get(one.split, one.split)}, epoch {one.epoch}"
            self.which.addItem(f"{named}: {one.table.name}" if several else named, key)
        self.which.setCurrentIndex(keys.index(wanted) if wanted in keys else len(keys) - 1)
        self.which.blockSignals(False)
        self._choose()

    def _choose(self) -> None:
        at = self.which.currentIndex()
        self.picture.show_table(self.tables[at].table if 0 <= at < len(self.tables) else None)

    def _pointed(self, said: str) -> None:
        self.said.setText(said or "A row is a right class, a column what it was taken for.")

    def as_markdown(self) -> str:
        """The matrix as text."""
        table = self.picture.table
        if table is None:
            return ""
        rows = as_rows(table)
        return table_text.as_markdown(rows, [False, *[True] * len(table.classes)])
