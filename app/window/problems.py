"""The list of problems: each leads to its node, and offers the edits that would mend it."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from app.messages import Analysis
from app.messages.reports import Fix, Problem
from app.window import figures, fixing, parts
from app.window.document import Document
from app.window.flow import Flow
from app.window.parts import button, label
from app.window.sentences import Elided, plain
from app.window.theme import icon, theme

SHOWN = 200
"""So many problems are listed; the rest are counted."""
ICONS = {"error": "circle-x", "warning": "triangle-alert", "hint": "info"}
COLOURS = {"error": "error", "warning": "warn", "hint": "accent"}


class ProblemRow(QFrame):
    """One problem. Click or Enter leads to the node; up and down go to the neighbours."""

    chosen = Signal(object)
    fix_chosen = Signal(object, object)
    consent_wanted = Signal()

    def __init__(self, problem: Problem, analysis: Analysis | None) -> None:
        super().__init__()
        self.problem = problem
        self.setObjectName("problem")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(plain(f"{problem.severity}: {problem.message}"))
        self._icon = QLabel()
        self._icon.setToolTip(problem.severity)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 7, 10, 7)
        row.setSpacing(10)
        row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        middle = QVBoxLayout()
        middle.setSpacing(5)
        self.sentence = label(problem.message, wrap=True)
        middle.addWidget(self.sentence)
        if problem.fixes or problem.code == "consent":
            fixes = Flow(8)
            if problem.code == "consent":
                allow = button("Read and allow…", "fix", "Show the code of this drawing, and let it run")
                allow.clicked.connect(self.consent_wanted)
                fixes.addWidget(allow)
            for fix in problem.fixes[:4]:
                made = button(figures.fix_words(fix, analysis), "fix", figures.fix_tip(fix, analysis))
                made.clicked.connect(lambda _on=False, fix=fix: self.fix_chosen.emit(self.problem, fix))
                fixes.addWidget(made)
            middle.addLayout(fixes)
        row.addLayout(middle, 1)
        self._where = Elided("monosoft", problem.name, most=180)
        row.addWidget(self._where, 0, Qt.AlignmentFlag.AlignTop)
        self.paint_icon()

    def paint_icon(self) -> None:
        name = ICONS.get(self.problem.severity, "info")
        colour = theme.color(COLOURS.get(self.problem.severity, "accent")).name()
        self._icon.setPixmap(icon(name, colour).pixmap(QSize(16, 16)))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        event.accept()  # the release is what chooses; without this it would go to the list behind

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.chosen.emit(self.problem)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        match event.key():
            case Qt.Key.Key_Return | Qt.Key.Key_Enter | Qt.Key.Key_Space:
                self.chosen.emit(self.problem)
            case Qt.Key.Key_Down:
                self.focusNextChild()
            case Qt.Key.Key_Up:
                self.focusPreviousChild()
            case _:
                super().keyPressEvent(event)


class ProblemRows(QVBoxLayout):
    """Rows of problems, one under the other; what fixes change is one undo step of the document."""

    chosen = Signal(object)

    def __init__(self, document: Document, holder: QWidget | None = None) -> None:
        super().__init__(*(() if holder is None else (holder,)))
        self._document = document
        self.rows: list[ProblemRow] = []

    def fill(self, problems: tuple[Problem, ...]) -> None:
        """Put a row for each of these in the place of those that are there."""
        for row in self.rows:
            self.removeWidget(row)
            row.hide()
            row.deleteLater()
        self.rows = []
        for problem in problems:
            row = ProblemRow(problem, self._document.analysis)
            row.chosen.connect(self.chosen)
            row.fix_chosen.connect(self.apply)
            row.consent_wanted.connect(self._document.consent.wanted)
            self.insertWidget(len(self.rows), row)
            self.rows.append(row)

    def apply(self, _problem: Problem, fix: Fix) -> bool:
        """Make a fix's edits as one undo step."""
        return fixing.make(self._document, fix)


class ProblemsPanel(QScrollArea):
    """What analysis complains of."""

    chosen = Signal(object)
    """Problem: the user wants to see its node."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._shown: tuple[Problem, ...] | None = None
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # its rows take the keys
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        holder = parts.area("content")
        self._box = QVBoxLayout(holder)
        self._box.setContentsMargins(10, 8, 10, 8)
        self._box.setSpacing(2)
        self._state_icon = QLabel()
        self.state = label("", "soft", wrap=True)
        self._state_row = QWidget()
        state = QHBoxLayout(self._state_row)
        state.setContentsMargins(10, 7, 10, 7)
        state.setSpacing(10)
        state.addWidget(self._state_icon)
        state.addWidget(self.state, 1)
        self._box.addWidget(self._state_row)
        self._list = ProblemRows(document)
        self._list.setSpacing(2)
        self._list.chosen.connect(self.chosen)
        self._box.addLayout(self._list)
        self._box.addStretch()
        self.setWidget(holder)
        document.analysed.connect(self.refresh)
        theme.changed.connect(self._paint_icons)
        self.refresh()

    @property
    def rows(self) -> list[ProblemRow]:
        return self._list.rows

    def refresh(self) -> None:
        """Show the problems of the present analysis."""
        analysis = self._document.analysis
        problems = self._document.open_problems
        if analysis is None:
            self.state.setText("Not checked yet: the engine is starting, at work or off.")
        elif not problems:
            empty = "The drawing is empty: drag a block onto the canvas."
            self.state.setText("No problems" if self._document.design.nodes else empty)
        elif len(problems) > SHOWN:
            self.state.setText(f"{len(problems):,} problems; the first {SHOWN} are listed.")
        self._state_row.setVisible(analysis is None or not problems or len(problems) > SHOWN)
        if problems != self._shown:
            self._shown = problems
            self._list.fill(problems[:SHOWN])
        self._paint_icons()

    def _paint_icons(self) -> None:
        calm = self._document.analysis is None
        shade = theme.color("soft" if calm or self._shown else "ok").name()
        self._state_icon.setPixmap(icon("clock" if calm else "circle-check", shade).pixmap(QSize(16, 16)))
        for row in self.rows:
            row.paint_icon()
