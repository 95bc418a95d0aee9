"""The table of runs: name, a small curve, when, state, the best figures, and the settings in which they differ."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRectF,
    QSortFilterProxyModel,
    Qt,
)
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.design.values import Recipe
from app.window.chart_view import RUN_COLOURS
from app.window.run_folder import BROKEN, ENDED, FAILED, Kept
from app.window.theme import font, icon, theme
from app.window.ticks import in_words

Index = QModelIndex | QPersistentModelIndex
SORT = int(Qt.ItemDataRole.UserRole)
"""What a column is sorted by."""
CURVE = SORT + 1
"""The values of the small curve."""
PATH = SORT + 2
STARTED = "Started"


class Column(NamedTuple):
    """A column: its heading, what stands in it, and what it is sorted by."""

    heading: str
    help: str
    text: Callable[[Kept], str]
    value: Callable[[Kept], Any]
    number: bool = False


def figure(name: str, value: float | None) -> str:
    """A figure in words: shares of what is right as per cent."""
    if value is None:
        return ""
    if "accuracy" in name and 0 <= value <= 1:
        return f"{value:.1%}".replace("%", " %")
    return in_words(value)


def differing(runs: list[Kept]) -> list[str]:
    """The settings of the recipe in which runs differ, in the recipe's order."""
    recipes = [run.recipe for run in runs if run.design is not None]
    names = [each.name for each in msgspec.structs.fields(Recipe)]
    return [name for name in names if len({repr(getattr(recipe, name)) for recipe in recipes}) > 1]


def setting(name: str) -> str:
    """A recipe's setting for people."""
    return name.replace("_", " ")


def worded(value: Any) -> str:
    """A recipe's value for people."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return ", ".join(map(worded, value)) or "none"
    if isinstance(value, msgspec.Struct):
        return ", ".join(f"{k.replace('_', ' ')} {worded(v)}" for k, v in msgspec.structs.asdict(value).items())
    return "none" if value is None else str(value)


def figures_of(runs: list[Kept]) -> list[str]:
    """The names of the figures that runs have, the loss first."""
    names = dict.fromkeys(name for run in runs for name in run.best)
    return sorted(names, key=lambda name: name != "loss")


def when(run: Kept) -> str:
    """When a run began."""
    if not run.started:
        return ""
    began, today = datetime.fromtimestamp(run.started), datetime.now().date()
    return began.strftime("today %H:%M" if began.date() == today else "%Y-%m-%d %H:%M")


def columns_of(runs: list[Kept], state: Callable[[Kept], str]) -> list[Column]:
    """The columns that these runs ask for."""

    def best(name: str) -> Column:
        help = f"{name} of validation (without validation: of training) where the loss was lowest"
        return Column(
            name, help, lambda run: figure(name, run.best.get(name)), lambda run: run.best.get(name, float("inf")), True
        )

    def chosen(name: str) -> Column:
        return Column(
            setting(name), f"{setting(name)} in the recipe", lambda run: worded(getattr(run.recipe, name)),
            lambda run: _sortable(getattr(run.recipe, name)), isinstance(getattr(Recipe(), name), int | float),
        )  # fmt: skip

    def epochs(run: Kept) -> str:
        return f"{run.epoch} / {run.recipe.epochs}" if run.design is not None else ""

    return [
        Column("Run", "A tick lays its curves over those that are shown", lambda run: run.name, lambda run: run.name),
        Column("Curve", "Its loss", lambda run: "", lambda run: len(run.points)),
        Column("State", "How it stands", state, state),
        *map(best, figures_of(runs)),
        *map(chosen, [name for name in differing(runs) if name != "epochs"]),
        Column("Epochs", "Epochs begun, of those meant", epochs, lambda run: run.epoch, True),
        Column(STARTED, "When it began", when, lambda run: run.started),
    ]


def _sortable(value: Any) -> Any:
    return value if isinstance(value, int | float | str) else worded(value)


class RunsModel(QAbstractTableModel):
    """The runs; `ticked` and `tick` say and set which are laid over the curves."""

    def __init__(
        self, state: Callable[[Kept], str], ticked: Callable[[], list[Path]], tick: Callable[[Path, bool], None]
    ) -> None:
        super().__init__()
        self._state, self._ticked, self._tick = state, ticked, tick
        self.runs: list[Kept] = []
        self.columns: list[Column] = columns_of([], state)

    def show(self, runs: list[Kept]) -> bool:
        """Show these runs; whether rows or columns are other ones than before."""
        columns = columns_of(runs, self._state)
        same = [run.path for run in runs] == [run.path for run in self.runs]
        if same and [c.heading for c in columns] == [c.heading for c in self.columns]:
            self.runs, self.columns = runs, columns
            self.refresh()
            return False
        self.beginResetModel()
        self.runs, self.columns = runs, columns
        self.endResetModel()
        return True

    def refresh(self) -> None:
        """What is said of the runs is new."""
        if self.runs:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.runs) - 1, len(self.columns) - 1))

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.runs)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return len(self.columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal or section >= len(self.columns):
            return None
        column = self.columns[section]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return column.heading
            case Qt.ItemDataRole.ToolTipRole:
                return column.help
            case Qt.ItemDataRole.TextAlignmentRole:
                side = Qt.AlignmentFlag.AlignRight if column.number else Qt.AlignmentFlag.AlignLeft
                return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        found = super().flags(index)
        return found | Qt.ItemFlag.ItemIsUserCheckable if index.column() == 0 else found

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        run, column, at = self.runs[index.row()], self.columns[index.column()], index.column()
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return column.text(run)
            case Qt.ItemDataRole.ToolTipRole:
                return run.wrong or run.message or (str(run.path) if at == 0 else column.text(run) or None)
            case Qt.ItemDataRole.TextAlignmentRole if column.number:
                return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            case Qt.ItemDataRole.FontRole if column.number:
                return font(12, mono=True)
            case Qt.ItemDataRole.ForegroundRole if column.heading == "State" and run.state in (BROKEN, FAILED, ENDED):
                return theme.color("error")
            case Qt.ItemDataRole.ForegroundRole if column.heading in ("State", STARTED):
                return theme.color("soft")
            case Qt.ItemDataRole.DecorationRole if column.heading == "State":
                return _state_icon(run, column.text(run))
            case Qt.ItemDataRole.CheckStateRole if at == 0:
                return Qt.CheckState.Checked if run.path in self._ticked() else Qt.CheckState.Unchecked
            case _ if role == SORT:
                return column.value(run)
            case _ if role == CURVE and column.heading == "Curve":
                return run.curve()
            case _ if role == PATH:
                return run.path
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        if role != Qt.ItemDataRole.CheckStateRole:
            return False
        self._tick(self.runs[index.row()].path, Qt.CheckState(value) == Qt.CheckState.Checked)
        self.dataChanged.emit(index, index)
        return True


def _state_icon(run: Kept, state: str) -> Any:
    """Colour alone does not say how a run stands."""
    if run.state in (BROKEN, FAILED, ENDED):
        return icon("circle-alert", theme.color("error").name())
    names = {"finished": "circle-check", "running": "play", "paused": "pause", "stopped": "square"}
    return icon(names.get(state, "circle"))


class SortedRuns(QSortFilterProxyModel):
    """The runs in the order of a column."""

    def __init__(self, source: RunsModel) -> None:
        super().__init__()
        self.setSourceModel(source)
        self.setSortRole(SORT)

    def lessThan(self, left: Index, right: Index) -> bool:  # type: ignore[override]
        a, b = left.data(SORT), right.data(SORT)
        if type(a) is not type(b) and not (isinstance(a, int | float) and isinstance(b, int | float)):
            a, b = str(a), str(b)
        return bool(a < b)


class CurveDelegate(QStyledItemDelegate):
    """Draws a run's loss as a small line."""

    def __init__(self, parent: QWidget, over: Callable[[], list[Path]]) -> None:
        super().__init__(parent)
        self._over = over

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        super().paint(painter, option, index)
        values = index.data(CURVE)
        if not values:
            return
        place = QRectF(option.rect).adjusted(8, 6, -8, -6)  # type: ignore[attr-defined]
        low, high = min(values), max(values)
        tall = (high - low) or 1.0
        dots = QPolygonF([
            QPointF(place.left() + place.width() * i / (len(values) - 1),
                    place.bottom() - place.height() * (value - low) / tall)
            for i, value in enumerate(values)
        ])  # fmt: skip
        over, path = self._over(), index.data(PATH)
        colours = RUN_COLOURS[theme.dark]
        shade = colours[over.index(path) % len(colours)] if path in over else theme.tokens.accent
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(shade), 1.4))
        painter.drawPolyline(dots)
        painter.restore()
