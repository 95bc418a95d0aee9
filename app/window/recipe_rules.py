"""Single nodes that are trained otherwise than the rest: their share of the rate, when they are frozen and unfrozen."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace
from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QSizePolicy, QSpinBox, QWidget

from app.design import edits
from app.design.values import Design, NodeRule
from app.window import parts
from app.window import theme as look
from app.window.document import Document
from app.window.fold import Fold
from app.window.rate_edit import RateEdit

NEVER = "never"
HEADS = ("Node", "Rate ×", "Frozen until", "Frozen from", "")


class RulesFold(Fold):
    """A line for each rule of the recipe, and a list of nodes to add one for."""

    marked = Signal()

    def __init__(self, document: Document) -> None:
        super().__init__("Single nodes", "Another rate for a node, or epochs in which it stays as it is")
        self._document = document
        self._shown: tuple[NodeRule, ...] | None = None
        self._placed: list[QWidget] = []
        self.lines: dict[str, tuple[RateEdit, QSpinBox, QSpinBox]] = {}
        """The fields of each rule: rate, unfrozen in epoch, frozen in epoch."""
        self.removes: dict[str, parts.IconButton] = {}
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(6)
        self._grid.setVerticalSpacing(6)
        self._grid.setColumnStretch(0, 1)
        self.nodes = QComboBox()
        self.nodes.setAccessibleName("Node for a rule")
        self.nodes.setToolTip("A node, or a Group with all that is in it, whose weights are trained otherwise")
        self.nodes.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.add = parts.button("Add rule", "", "Train this node otherwise than the rest")
        self.add.clicked.connect(self._add)
        row = QHBoxLayout()
        row.addWidget(self.nodes, 1)
        row.addWidget(self.add)
        self.body.addLayout(self._grid)
        self.body.addLayout(row)
        document.changed.connect(lambda *_: self.refresh())
        document.analysed.connect(lambda *_: self.refresh())
        self.turned.connect(lambda _on: self.refresh())
        self.refresh()

    def refresh(self) -> None:
        """Show the rules and the nodes as they are."""
        rules = self._document.design.recipe.nodes
        if rules != self._shown:
            self._shown = rules
            self._fill(rules)
        if self.is_open:
            self._offer({rule.node for rule in rules})

    def _offer(self, taken: set[str]) -> None:
        wanted = [path for path in self.paths() if path not in taken]
        if wanted != [self.nodes.itemText(i) for i in range(self.nodes.count())]:
            chosen = self.nodes.currentText()
            self.nodes.clear()
            self.nodes.addItems(wanted)
            self.nodes.setCurrentIndex(max(self.nodes.findText(chosen), 0))
        self.add.setEnabled(bool(wanted))

    def paths(self) -> list[str]:
        """The nodes that have weights, and their Groups, by path."""
        analysis = self._document.analysis
        if analysis is None:
            return []
        found: dict[str, None] = {}
        for report in analysis.nodes:
            if report.parameters:
                names = [name for name in report.name.split("/") if not name.isdecimal()]
                for end in range(1, len(names) + 1):
                    found["/".join(names[:end])] = None
        return list(found)

    def _fill(self, rules: tuple[NodeRule, ...]) -> None:
        if [rule.node for rule in rules] != list(self.lines):  # else a field that is being used must stay
            self._build(rules)
        for rule in rules:
            rate, unfreeze, freeze = self.lines[rule.node]
            rate.set_value(rule.rate)
            for box, epoch in ((unfreeze, rule.unfreeze), (freeze, rule.freeze)):
                with QSignalBlocker(box):
                    box.setValue(epoch)

    def _build(self, rules: tuple[NodeRule, ...]) -> None:
        for widget in self._placed:
            self._grid.removeWidget(widget)
            widget.hide()
            widget.deleteLater()
        self._placed, self.lines, self.removes = [], {}, {}
        for column, text in enumerate(HEADS if rules else ()):
            self._put(parts.label(text, "soft"), 0, column)
        for row, rule in enumerate(rules, 1):
            self._put(parts.ElidedLabel(rule.node), row, 0)
            rate = RateEdit(0, positive=True, tip="This times the learning rate is the node's own")
            rate.setAccessibleName(f"Rate of {rule.node}")
            rate.setFixedWidth(56)
            rate.committed.connect(lambda value, node=rule.node: self._set(node, rate=value))
            rate.marked.connect(self.marked)
            until = self._epoch(rule.node, "unfreeze", f"{rule.node} stays as it is until this epoch begins")
            begin = self._epoch(rule.node, "freeze", f"{rule.node} stays as it is from this epoch on")
            remove = self.removes[rule.node] = parts.IconButton("x", f"Remove the rule for {rule.node}", side=24)
            remove.clicked.connect(lambda _on=False, node=rule.node: self._remove(node))
            for column, widget in enumerate((rate, until, begin, remove), 1):
                self._put(widget, row, column)
            self.lines[rule.node] = rate, until, begin

    @property
    def refusal(self) -> str:
        """Why what stands in a field cannot be taken."""
        found = ((node, line[0].refusal) for node, line in self.lines.items())
        return next((f"Rate of {node}: {refusal}." for node, refusal in found if refusal), "")

    def _put(self, widget: QWidget, row: int, column: int) -> None:
        self._grid.addWidget(widget, row, column)
        self._placed.append(widget)

    def _epoch(self, node: str, field: str, name: str) -> QSpinBox:
        box = QSpinBox()
        box.setRange(0, 100_000)
        box.setSpecialValueText(NEVER)
        box.setKeyboardTracking(False)
        box.setFont(look.font(look.BODY, mono=True))
        box.setAlignment(Qt.AlignmentFlag.AlignRight)
        box.setAccessibleName(name)
        box.setToolTip(name)
        box.setFixedWidth(78)
        box.valueChanged.connect(lambda value: self._set(node, **{field: value}))
        return box

    def _set(self, node: str, **fields: float) -> None:
        name = next(iter(fields))
        self._edit(
            f"Train {node} otherwise",
            lambda rules: tuple(replace(rule, **fields) if rule.node == node else rule for rule in rules),
            f"recipe.{node}.{name}",
        )

    def _add(self) -> None:
        if node := self.nodes.currentText():
            self._edit(f"Train {node} otherwise", lambda rules: (*rules, NodeRule(node, rate=0.1)))

    def _remove(self, node: str) -> None:
        self._edit(f"Train {node} as the rest", lambda rules: tuple(rule for rule in rules if rule.node != node))

    def _edit(
        self, text: str, change: Callable[[tuple[NodeRule, ...]], tuple[NodeRule, ...]], merge: str = ""
    ) -> None:
        def edit(design: Design) -> Design:
            return edits.set_recipe(design, replace(design.recipe, nodes=change(design.recipe.nodes)))

        self._document.edit(text, edit, merge=merge)
