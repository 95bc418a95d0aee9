"""The bubble under a selected node that has a problem: its sentence, and the fixes that mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QPushButton, QVBoxLayout

from app.design.paths import locate
from app.messages.reports import Fix, Problem
from app.window import figures, fixing
from app.window.canvas.face import inside_of, unexported
from app.window.sentences import Sentence
from app.window.theme import font, theme

if TYPE_CHECKING:
    from app.window.canvas.view import CanvasView

WIDTH = 336
FIXES = 4
"""How many fixes are offered here; the list of problems has them all."""


class Bubble(QFrame):
    """Shows the first error of the one node that is selected."""

    def __init__(self, view: CanvasView) -> None:
        super().__init__(view)
        self._view = view
        self._problem: Problem | None = None
        self._shown_inside: list[Problem] = []
        self.setObjectName("bubble")
        self.setFixedWidth(WIDTH)
        self._sentence = Sentence()
        self._sentence.setFont(font(12.5))
        self._sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._inside = QLabel()
        self._inside.setObjectName("inside")
        self._inside.setTextFormat(Qt.TextFormat.PlainText)
        self._fixes = QGridLayout()
        self._fixes.setSpacing(8)
        self._column = column = QVBoxLayout(self)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(12)
        column.addWidget(self._inside)
        column.addWidget(self._sentence)
        column.addLayout(self._fixes)
        theme.changed.connect(self._dress)
        self._dress()
        self.hide()

    def _dress(self) -> None:
        look = theme.tokens
        edge = look.warn if self._problem is not None and self._problem.severity == "warning" else look.error
        self.setStyleSheet(
            f"#bubble {{ background: {look.panel}; border: 1px solid {edge}; border-radius: 9px; }}"
            f"QLabel {{ color: {look.text}; background: transparent; }}"
            f"QLabel#inside {{ color: {look.soft}; font-size: 11px; }}"
            f"QPushButton {{ background: {look.raised}; color: {look.text}; border: 1px solid {look.line};"
            f" border-radius: 6px; padding: 6px 10px; }}"
            f"QPushButton:hover, QPushButton:focus {{ border-color: {look.accent}; }}"
            f"QPushButton#first {{ color: {look.accent}; border-color: {look.accent}; font-weight: 600; }}"
        )

    def refresh(self) -> None:
        """Show the problem of the selected node, or hide."""
        problem = self._wanted()
        shown = (problem, self._problems_inside() if problem is not None else [])
        if shown != (self._problem, self._shown_inside):
            self._problem, self._shown_inside = shown
            if problem is not None:
                self._fill(problem)
        self.setVisible(problem is not None)
        self.follow()

    def _wanted(self) -> Problem | None:
        ids = self._view.scene_.selected_ids()
        if len(ids) != 1:
            return None
        document = self._view.document
        problems = document.problems(ids[0])
        error = next((p for p in problems if p.severity == "error"), None)
        found = document.findings.at(document.id_path(ids[0])) if error is None else None
        return found.problem if found is not None else error or unexported(problems)

    def _fill(self, problem: Problem) -> None:
        self._sentence.setText(problem.message)
        inside = self._shown_inside
        self._inside.setText(self._words(problem, inside))
        self._inside.setVisible(problem in inside)
        while (held := self._fixes.takeAt(0)) is not None:
            widget = held.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        if problem.code == "consent":
            allow = QPushButton("Read and allow…")
            allow.setToolTip("Show the code of this drawing, and let it run")
            allow.setObjectName("first")
            allow.clicked.connect(self._view.document.consent.wanted)
            self._fixes.addWidget(allow, FIXES, 0)
        for index, fix in enumerate(problem.fixes[:FIXES]):
            analysis = self._view.document.analysis
            button = QPushButton(figures.fix_words(fix, analysis))
            button.setToolTip(figures.fix_tip(fix, analysis))
            button.setObjectName("" if index else "first")
            button.setCursor(Qt.CursorShape.PointingHandCursor)
            button.clicked.connect(lambda _checked=False, fix=fix: self._apply(fix))
            self._fixes.addWidget(button, index, 0)
        if problem in inside:
            lead = QPushButton("Show where")
            lead.setToolTip("Enter the Group and select the node")
            lead.setObjectName("lead")
            lead.setCursor(Qt.CursorShape.PointingHandCursor)
            lead.clicked.connect(lambda: self._lead(problem))
            self._fixes.addWidget(lead, FIXES + 1, 0)
        self._dress()

    def _problems_inside(self) -> list[Problem]:
        """The errors inside the Group that is selected; none where it is a block."""
        view = self._view
        node = view.document.graph.by_id.get(view.scene_.selected_ids()[0])
        errors = [p for p in view.document.problems(node.id) if p.severity == "error"] if node is not None else []
        return inside_of(node, errors) if node is not None and node.group else []

    def _words(self, problem: Problem, inside: list[Problem]) -> str:
        outside = self._view.document.id_path(self._view.scene_.selected_ids()[0])
        depth = sum(not part.isdigit() for part in outside.split("/"))  # digits count repetitions
        at = " / ".join([part for part in problem.name.split("/") if not part.isdigit()][depth:])
        return f"Inside, at {at}:" if len(inside) == 1 else f"{len(inside)} problems inside; the first, at {at}:"

    def _lead(self, problem: Problem) -> None:
        """Go to the node inside that the problem is about."""
        view = self._view
        path, _where, node = locate(view.document.design, problem.id)
        view.document.go(path)
        view.reveal(node)
        view.setFocus()

    def _apply(self, fix: Fix) -> None:
        fixing.make(self._view.document, fix)
        self._view.setFocus()

    def follow(self) -> None:
        """Stand under the node, above it where there is no room; hide while it is out of sight."""
        ids = self._view.scene_.selected_ids()
        if self._problem is None or len(ids) != 1:
            self.hide()
            return
        item = self._view.scene_.nodes[ids[0]]
        node = self._view.mapFromScene(item.rect).boundingRect()
        room = self._view.viewport().rect()
        if not node.intersects(room):
            self.hide()
            return
        self._column.activate()
        self.setFixedHeight(self._column.totalHeightForWidth(WIDTH))
        place = self._place(node, room)
        if place != self.geometry():
            self.setGeometry(place)
        self.show()
        self.raise_()

    def _place(self, node: QRect, room: QRect) -> QRect:
        """Under the node, above it or beside it: where there is room; under it at worst, over its lower part."""
        high = self.height()
        x = min(max(node.center().x() - WIDTH // 2, 12), room.width() - WIDTH - 12)
        y = min(max(node.top(), 12), room.height() - high - 12)
        places = (
            QRect(x, node.bottom() + 18, WIDTH, high), QRect(x, node.top() - high - 18, WIDTH, high),
            QRect(node.right() + 24, y, WIDTH, high), QRect(node.left() - WIDTH - 24, y, WIDTH, high),
        )  # fmt: skip
        inside = room.adjusted(8, 8, -8, -8)
        worst = QRect(x, max(room.height() - high - 12, 12), WIDTH, high)
        return next((place for place in places if inside.contains(place)), worst)
