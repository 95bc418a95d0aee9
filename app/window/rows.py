"""Blocks of the inspector that show facts: lines of name and value, and costs with their share of the whole."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from app.window import figures
from app.window.parts import ShareBar, label

NOT_KNOWN = "–"


class Facts(QWidget):
    """Lines of a name on the left and a value on the right; widgets are reused, so nothing flickers."""

    def __init__(self, *, mono: bool = True) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(5)
        self._grid.setColumnStretch(1, 1)
        self._mono = mono
        self._lines: list[tuple[QLabel, QLabel]] = []

    def show_lines(self, lines: list[tuple[str, str]]) -> None:
        while len(self._lines) < len(lines):
            name, value = label(role="soft"), label(role="mono" if self._mono else "")
            value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            row = len(self._lines)
            self._grid.addWidget(name, row, 0)
            self._grid.addWidget(value, row, 1)
            self._lines.append((name, value))
        for i, (name, value) in enumerate(self._lines):
            shown = i < len(lines)
            name.setVisible(shown)
            value.setVisible(shown)
            if shown:
                name.setText(lines[i][0])
                value.setText(lines[i][1])

    def texts(self) -> list[tuple[str, str]]:
        """What is shown."""
        return [(name.text(), value.text()) for name, value in self._lines if not name.isHidden()]


class Costs(QWidget):
    """Parameters, MACs and activations, each with its share of the whole design."""

    NAMES = ("parameters", "MACs", "activations")

    def __init__(self, *, shares: bool = True) -> None:
        super().__init__()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(1, 1)
        self._values: list[QLabel] = []
        self._bars: list[ShareBar] = []
        for row, name in enumerate(self.NAMES):
            value, bar = label(NOT_KNOWN, "mono"), ShareBar()
            value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            grid.addWidget(label(name, "soft"), row, 0)
            grid.addWidget(value, row, 1)
            if shares:
                grid.addWidget(bar, row, 2, Qt.AlignmentFlag.AlignVCenter)
            self._values.append(value)
            self._bars.append(bar)

    def show_costs(self, part: tuple[int, int, int] | None, whole: tuple[int, int, int]) -> None:
        """Both as (parameters, MACs, activation bytes); None: not known."""
        for i, (value, bar) in enumerate(zip(self._values, self._bars, strict=True)):
            if part is None:
                value.setText(NOT_KNOWN)
                bar.set_share(0, 1)
                continue
            text = figures.size(part[i]) if i == 2 else figures.count(part[i])
            value.setText(text)
            value.setToolTip(f"{part[i]:,}")
            bar.set_share(part[i], whole[i])

    def texts(self) -> list[str]:
        return [value.text() for value in self._values]
