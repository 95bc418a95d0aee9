"""The guide to transfer learning: it asks what changes and how much data there is, and shows the edit with its reason
before it is made."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QRadioButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.design.transfer import CHANGES, Amount, Change, Plan, Task, amount_of, describe, reasons, transfer
from app.design.values import Design
from app.window import parts
from app.window.document import REFUSALS, Document
from app.window.rate_edit import mono

AMOUNTS: dict[Amount, str] = {
    "few": "Few: under 100 a class, or 1,000 in all",
    "some": "Some: under 1,000 a class, or 20,000 in all",
    "many": "Many",
}
TASKS: dict[Task, str] = {"numbers": "Numbers to be estimated", "pixels": "A class for each pixel"}
WEIGHTS = "Weights (*.safetensors *.pt *.pth *.bin);;All files (*)"


class TransferDialog(QDialog):
    """Edits the document as one undo step when it is accepted. `samples` and `classes` are those of the data chosen,
    where they are known."""

    def __init__(
        self, document: Document, samples: int | None, classes: int, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._document = document
        self.setWindowTitle("Transfer learning")
        self.resize(620, 560)
        self.changes: dict[Change, QRadioButton] = {}
        for change, (title, edit, _) in CHANGES.items():
            self.changes[change] = QRadioButton(f"{title}: {edit[:1].lower()}{edit[1:]}", self)
        self.task = QComboBox()
        for task, title in TASKS.items():
            self.task.addItem(title, task)
        self.count = QSpinBox()
        self.count.setRange(1, 100_000)
        self.count.setFont(mono())
        self.count.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.count.setValue(classes or 10)
        self.amount = QComboBox()
        for amount, title in AMOUNTS.items():
            self.amount.addItem(title, amount)
        found = amount_of(samples, classes) if samples else "some"
        self.amount.setCurrentIndex(self.amount.findData(found))
        self.known = parts.label(
            f"The data chosen has {samples:,} samples for training"
            + (f", {samples // classes:,} a class." if classes else ".") if samples else "", "soft", wrap=True,
        )  # fmt: skip
        self.weights = QLineEdit(document.design.recipe.weights)
        self.weights.setPlaceholderText("A file of weights; empty: new ones")
        self.weights.setFont(mono())
        self.browse = parts.button("Browse", "", "Choose the file of weights that a new run begins with")
        self.reason = parts.label("", wrap=True)
        self.freezing = parts.label("", wrap=True)
        self.outcome = parts.label("", "soft", wrap=True)
        self.refusal = parts.label("", "error", wrap=True)
        self.apply = parts.button("Make the edit", "primary", "Change the drawing and its recipe so, as one undo step")
        self.cancel = parts.button("Cancel")
        for each in (self.browse, self.apply, self.cancel):  # Enter in a field takes what was typed, and no more
            each.setAutoDefault(False)
        self._arrange()
        self.changes["classes"].setChecked(True)
        self.changes["classes"].setFocus()  # else Tab would lead to the first one, and arrow keys from there
        for button in self.changes.values():
            button.toggled.connect(lambda on: self._show() if on else None)
        self.task.currentIndexChanged.connect(lambda _i: self._show())
        self.amount.currentIndexChanged.connect(lambda _i: self._show())
        self.count.valueChanged.connect(lambda _value: self._show())
        self.weights.textChanged.connect(lambda _text: self._show())
        self.browse.clicked.connect(self._browse)
        self.apply.clicked.connect(self._apply)
        self.cancel.clicked.connect(self.reject)
        self._show()

    def _arrange(self) -> None:
        box = QVBoxLayout(self)
        box.setContentsMargins(20, 16, 20, 16)
        box.setSpacing(10)
        box.addWidget(parts.label("What changes against what the weights were trained for?", "heading"))
        for button in self.changes.values():
            box.addWidget(button)
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(8)
        grid.setColumnStretch(1, 1)
        file = QHBoxLayout()
        file.setSpacing(8)
        file.addWidget(self.weights, 1)
        file.addWidget(self.browse)
        self._labels: dict[QWidget, QLabel] = {}
        for row, (text, field) in enumerate((
            ("New task", self.task), ("Classes", self.count), ("Data", self.amount), ("Weights", self.weights)
        )):  # fmt: skip
            label = self._labels[field] = parts.label(text, "soft")
            label.setBuddy(field)
            field.setAccessibleName(text)
            grid.addWidget(label, row, 0)
            if field is self.weights:
                grid.addLayout(file, row, 1)
            else:
                grid.addWidget(field, row, 1)
        box.addLayout(grid)
        box.addWidget(self.known)
        self.known.setVisible(bool(self.known.text()))
        box.addWidget(parts.line())
        for said in (self.reason, self.freezing, self.outcome, self.refusal):
            box.addWidget(said)
        box.addStretch(1)
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(self.cancel)
        foot.addWidget(self.apply)
        box.addLayout(foot)

    @property
    def plan(self) -> Plan:
        """What is asked for."""
        change = next(change for change, button in self.changes.items() if button.isChecked())
        return Plan(
            change, self.amount.currentData(), self.count.value(), self.task.currentData(), self.weights.text().strip()
        )

    def _changed(self, design: Design) -> Design:
        analysis = self._document.analysis
        weighted = {r.id.partition("/")[0] for r in analysis.nodes if r.parameters} if analysis is not None else set()
        return transfer(design, self.plan, self._document.catalogue, weighted)

    def _show(self) -> None:
        """Say what would be done, and why."""
        plan, design = self.plan, self._document.design
        for field, shown in ((self.task, plan.change == "task"), (self.count, plan.change != "same")):
            field.setVisible(shown)
            self._labels[field].setVisible(shown)
        name = "Numbers" if plan.change == "task" and plan.task == "numbers" else "Classes"
        self._labels[self.count].setText(name)
        self.count.setAccessibleName(name)
        why, freezing = reasons(plan, design.recipe.epochs)
        self.reason.setText(why)
        self.freezing.setText(freezing)
        refusal, outcome = "", ""
        try:
            outcome = "\n".join(describe(design, self._changed(design)))
        except REFUSALS as error:
            refusal = str(error)
        self.outcome.setText(outcome)
        self.outcome.setVisible(bool(outcome))
        self.refusal.setText(refusal)
        self.refusal.setVisible(bool(refusal))
        self.apply.setEnabled(not refusal)

    def _browse(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Choose a file of weights", self.weights.text(), WEIGHTS)
        if path:
            self.weights.setText(path)

    def _apply(self) -> None:
        words = CHANGES[self.plan.change][1]
        if self._document.edit(f"Transfer learning: {words[:1].lower()}{words[1:]}", self._changed):
            self.accept()
