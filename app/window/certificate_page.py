"""The certificate of an ONNX file as a picture: whether it passed, and what shows that."""

from __future__ import annotations

from itertools import groupby

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.messages.onnx import Certificate, Compared, Judged
from app.window import figures, parts
from app.window import theme as look
from app.window.certificate_bars import Bar, Bars, on_log_scale, short
from app.window.flow import Flow
from app.window.notice import Notice
from app.window.sentences import Elided
from app.window.theme import theme

SIDE_BY_SIDE = 600
"""Pixels in width from which differences and operators stand beside each other."""
MOST_OPERATORS = 10
"""So many operators get a bar; the rest are counted together."""
NUMBERS = {"fp32": "32 bits", "fp16": "16 bits", "int8": "8 bits, weights", "int8-static": "8 bits, calibrated"}

JUDGED: dict[Judged, str] = {
    "equality": "ONNX Runtime equals torch", "metrics": "Metrics as in torch, within ten points",
    "bound": "Not broken by 8 bits; no metric was measured",
}  # fmt: skip
"""What the last check was."""


class CertificatePage(QWidget):
    """Shows one certificate."""

    node_wanted = Signal(str)
    """The path of a node on the canvas: the user wants to see it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.certificate: Certificate | None = None
        self.verdict = parts.label("", "title")
        self.summary = parts.label("", "soft", wrap=True)
        self.diverged = Notice()
        self.differences: list[Bars] = []
        self.operators = Bars("Operators")
        self.times = Bars("Time for one sample")
        self._icon = QLabel()
        self._checks = Flow(16)
        self._ticks: list[tuple[QLabel, bool]] = []
        self._left, self._right = QVBoxLayout(), QVBoxLayout()
        self._remarks = QVBoxLayout()
        self._arrange()
        theme.changed.connect(self._paint)

    def _arrange(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(10)
        top.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(3)
        words.addWidget(self.verdict)
        words.addWidget(self.summary)
        top.addLayout(words, 1)
        self._columns = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._columns.setSpacing(28)
        for column, stretch in ((self._left, 3), (self._right, 2)):
            column.setSpacing(4)
            self._columns.addLayout(column, stretch)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 6, 0)
        box.setSpacing(12)
        box.addLayout(top)
        box.addLayout(self._checks)
        box.addWidget(self.diverged)
        box.addWidget(parts.line())
        box.addLayout(self._columns)
        self._remarks.setSpacing(4)
        box.addLayout(self._remarks)
        box.addStretch(1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        directions = QBoxLayout.Direction
        self._columns.setDirection(directions.LeftToRight if self.width() >= SIDE_BY_SIDE else directions.TopToBottom)

    def show_certificate(self, told: Certificate) -> None:
        """Show another certificate in the place of the one before."""
        self.certificate = told
        for column in (self._checks, self._left, self._right, self._remarks):
            _empty(column)
        self._ticks, self.differences = [], []
        self.verdict.setText("Passed" if told.passed else "Not passed")
        self.summary.setText(_summary(told))
        within = all(each.within for each in told.compared) and bool(told.compared)
        for words, passed in (
            ("ONNX checker", told.checker), ("Shapes down to every output", told.shapes),
            (JUDGED[told.judged], within if told.judged != "metrics" else told.passed),
        ):  # fmt: skip
            self._checks.addWidget(self._check(words, passed))
        self._show_diverged(told)
        self._show_differences(told)
        self._show_operators(told)
        self._show_times(told)
        self._show_facts(told)
        self._left.addStretch(1)
        self._right.addStretch(1)
        for remark in told.remarks:
            self._remarks.addWidget(parts.label(remark, "soft", wrap=True))
        self._paint()

    def _check(self, words: str, passed: bool) -> QWidget:
        row = QWidget()
        box = QHBoxLayout(row)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(6)
        tick = QLabel()
        self._ticks.append((tick, passed))
        box.addWidget(tick)
        box.addWidget(parts.label(words))
        row.setAccessibleName(f"{words}: {'passed' if passed else 'not passed'}")
        return row

    def _show_diverged(self, told: Certificate) -> None:
        first = told.diverged
        self.diverged.setVisible(first is not None)
        if first is None:
            return
        said = (
            f"The numbers part at {first.node} ({first.block}, operator {first.operator}): its inputs agree, its "
            f"output differs by {first.largest:.2g}, {first.relative:.1%} of its largest value."
        )
        lead = "Show it on the canvas", lambda: self.node_wanted.emit(first.node)
        self.diverged.say("error", said, lead, main=False)

    def _show_differences(self, told: Certificate) -> None:
        if not told.compared:
            return
        self._left.addWidget(parts.label("Largest difference to torch", "heading"))
        scale = f"As a share of the output's largest value, 1e-9 to 1; the line is the bound, {short(told.tolerance)}."
        self._left.addWidget(parts.label(scale, "faint", wrap=True))
        ordered = sorted(told.compared, key=lambda each: each.output)
        by_output = [(name, list(group)) for name, group in groupby(ordered, key=lambda each: each.output)]
        for name, rows in by_output:
            self._left.addSpacing(6)
            self._left.addWidget(Elided("mono", name))
            bars = Bars(f"Differences of {name}")
            bars.show_bars([_difference(each, told.judged) for each in rows], on_log_scale(told.tolerance))
            self.differences.append(bars)
            self._left.addWidget(bars)

    def _show_operators(self, told: Certificate) -> None:
        ranked = sorted(told.operators.items(), key=lambda item: (-item[1], item[0]))
        most = ranked[0][1] if ranked else 1
        bars = [Bar(name, f"{count:,}", count / most) for name, count in ranked[:MOST_OPERATORS]]
        rest = ranked[MOST_OPERATORS:]
        if rest:
            names = ", ".join(name for name, _ in rest)
            total = sum(count for _, count in rest)
            bars.append(Bar(f"{len(rest)} more kinds", f"{total:,}", total / most, "faint", names))
        self.operators = Bars("Operators")
        self.operators.show_bars(bars)
        self._right.addWidget(parts.label(f"{sum(told.operators.values()):,} operators", "heading"))
        self._right.addWidget(self.operators)

    def _show_times(self, told: Certificate) -> None:
        ours, theirs = told.milliseconds, told.torch_milliseconds
        if ours is None or theirs is None:
            return
        most = max(ours, theirs, 1e-9)
        self.times = Bars("Time for one sample")
        self.times.show_bars((Bar("ONNX Runtime", f"{ours:.3g} ms", ours / most),
                              Bar("torch", f"{theirs:.3g} ms", theirs / most, "faint")))  # fmt: skip
        self._right.addSpacing(10)
        self._right.addWidget(parts.label("Time for one sample", "heading"))
        self._right.addWidget(self.times)

    def _show_facts(self, told: Certificate) -> None:
        self._right.addSpacing(10)
        self._right.addWidget(parts.label("The file", "heading"))
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(3)
        grid.setColumnStretch(1, 1)
        facts = _facts(told)
        for row, (name, value) in enumerate(facts.items()):
            grid.addWidget(parts.label(name, "soft"), row, 0)
            shown = Elided("monosoft", value)
            shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            grid.addWidget(shown, row, 1)
        holder = QWidget()
        grid.setContentsMargins(0, 0, 0, 0)
        holder.setLayout(grid)
        self._right.addWidget(holder)

    def _paint(self) -> None:
        if self.certificate is None:
            return
        passed = self.certificate.passed
        colour = theme.color("ok" if passed else "error").name()
        self._icon.setPixmap(look.icon("badge-check" if passed else "circle-x", colour, 22).pixmap(22, 22))
        for tick, right in self._ticks:
            shade = theme.color("ok" if right else "error").name()
            tick.setPixmap(look.icon("check" if right else "x", shade).pixmap(14, 14))

    def text(self) -> str:
        """The certificate in lines, for the clipboard."""
        told = self.certificate
        if told is None:
            return ""
        lines = [f"{self.verdict.text()}: {told.file}", _summary(told)]
        lines += [f"{name}: {value}" for name, value in _facts(told).items()]
        lines += [f"{bar.tip}" for bars in self.differences for bar in bars.bars]
        if told.diverged is not None:
            lines.append(self.diverged.text)
        if told.milliseconds is not None and told.torch_milliseconds is not None:
            lines.append(f"One sample: ONNX Runtime {told.milliseconds:.3g} ms, torch {told.torch_milliseconds:.3g} ms")
        lines.append("Operators: " + ", ".join(f"{name} {count}" for name, count in told.operators.items()))
        return "\n".join([*lines, *told.remarks])


def _summary(told: Certificate) -> str:
    tries = len({(each.batch, each.inputs) for each in told.compared})
    if not told.compared:
        return "It was not compared with torch."
    worst = max(told.compared, key=lambda each: each.relative)
    at = f"{tries} batch and image sizes" if tries != 1 else "one batch and image size"
    if all(each.within for each in told.compared):
        if told.judged != "equality":
            return f"8 bits do not give torch's numbers: at {at} they differ by up to {worst.relative:.2g}, as a share."
        return f"ONNX Runtime gives what torch gives at {at}; the largest difference is {short(worst.relative)}."
    wrong = [each.output for each in told.compared if not each.within]
    return f"ONNX Runtime gives other numbers than torch for {', '.join(dict.fromkeys(wrong))}."


def _difference(each: Compared, judged: Judged) -> Bar:
    sizes = " and ".join("×".join(map(str, shape[1:])) or "1" for shape in each.inputs)
    name = f"batch {each.batch}" + (f", {sizes}" if sizes else "")
    tip = f"{each.output}, {name}: {each.largest:.2g} at most, {each.relative:.2g} of the largest value"
    token = "error" if not each.within else "ok" if judged == "equality" else "warn"
    return Bar(name, short(each.relative), on_log_scale(each.relative), token, tip)


def _facts(told: Certificate) -> dict[str, str]:
    facts = {
        "Size": figures.size(told.bytes), "Opset": str(told.opset),
        "Numbers": NUMBERS.get(told.precision, told.precision), "SHA-256": told.sha256,
    }  # fmt: skip
    if told.versions:
        facts["Made with"] = ", ".join(f"{name} {version}" for name, version in told.versions.items())
    return facts


def _empty(layout: Flow | QVBoxLayout) -> None:
    while (item := layout.takeAt(0)) is not None:
        if (widget := item.widget()) is not None:
            widget.hide()
            widget.deleteLater()
