"""The tab with the steps on samples: the list, the settings of one, and samples before and after them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace
from PySide6.QtCore import QPoint
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QVBoxLayout, QWidget

from app.design import edits
from app.design.augment import (
    KINDS,
    ORDER,
    STEP_PRESETS,
    StepPreset,
    Steps,
    added,
    changed,
    moved,
    side_of,
    with_value,
    without,
)
from app.design.augment_check import Fault, Given, TargetGiven, as_seen, faults, size_of
from app.design.values import Design, Expression
from app.messages.augment import Augmented, GetAugmented
from app.messages.data import Dataset
from app.window import parts
from app.window.augment_form import StepForm
from app.window.augment_list import StepList
from app.window.augment_preview import PairGrid
from app.window.document import Document
from app.window.notice import Notice, fill
from app.window.questions import Questions
from app.window.sentences import plain
from app.window.theme import theme

WAIT = 250
"""Milliseconds that the preview waits for further edits."""


class AugmentPanel(QWidget):
    """Edits `document.design.recipe.augment`, undoably."""

    def __init__(self, document: Document, engines: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document, self._engines = document, engines
        self._questions = Questions(document, engines, self)
        self._turn = 1
        self._asked: object = None
        """What the samples shown, or under way, hang on."""
        self._wrong = False
        self.list = StepList(self)
        self.form = StepForm(self)
        self.pairs = PairGrid(self)
        self.notice = Notice(self)
        self.said = parts.label("", "soft", wrap=True)
        self.add_button = parts.button("Add", "", "Add a step; it goes where such steps belong")
        self.preset_button = parts.button("Presets", "", "Replace the list by a usual one")
        self.up = parts.IconButton("arrow-up", "Move the step up (Alt+Up)", side=28)
        self.down = parts.IconButton("arrow-down", "Move the step down (Alt+Down)", side=28)
        self.remove = parts.IconButton("trash-2", "Take the step out (Delete)", side=28)
        self.another = parts.button("Another", "", "Show what chance makes of the samples in another epoch")
        self.add_menu, self.preset_menu = QMenu(self), QMenu(self)
        self._fill_menus()
        self._arrange()
        self._connect()
        self._follow()

    # making -----------------------------------------------------------------------------------------------------------

    def _fill_menus(self) -> None:
        for menu in (self.add_menu, self.preset_menu):
            menu.setToolTipsVisible(True)
        place = ""
        for kind in sorted(KINDS.values(), key=lambda each: ORDER.index(each.place)):
            if place and kind.place != place:
                self.add_menu.addSeparator()
            place = kind.place
            action = self.add_menu.addAction(kind.title, lambda kind=kind: self.add(kind.id))  # type: ignore[misc]
            action.setToolTip(plain(kind.help))
        for preset in STEP_PRESETS:
            action = self.preset_menu.addAction(preset.title, lambda preset=preset: self.use(preset))  # type: ignore[misc]
            action.setToolTip(f"{preset.reason} {preset.source}".strip())

    def _arrange(self) -> None:
        tools = QHBoxLayout()
        tools.setSpacing(6)
        for widget in (self.add_button, self.preset_button):
            tools.addWidget(widget, 1)
        for small in (self.up, self.down, self.remove):
            tools.addWidget(small)
        left = QWidget(self)
        left.setFixedWidth(240)
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(tools)
        column.addWidget(self.list, 1)
        self.form.setFixedWidth(222)
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(self.said, 1)
        top.addWidget(self.another)
        right = QVBoxLayout()
        right.setSpacing(6)
        right.addLayout(top)
        right.addWidget(self.notice)
        right.addWidget(self.pairs, 1)
        body = QWidget()
        layout = QHBoxLayout(body)
        layout.setContentsMargins(20, 10, 20, 10)
        layout.setSpacing(16)
        layout.addWidget(left)
        layout.addWidget(self.form)
        layout.addLayout(right, 1)
        fill(self, body, 790)

    def _connect(self) -> None:
        document = self._document
        self.list.switched.connect(lambda at, on: self._edit("Switch a step", lambda s: changed(s, at, off=not on)))
        self.list.moved.connect(self._move)
        self.list.removed.connect(self._remove)
        self.list.currentRowChanged.connect(lambda _row: self._show_form())
        self.form.edited.connect(self._set)
        self.form.rejected.connect(self._refuse)
        self.add_button.clicked.connect(lambda: self._open(self.add_menu, self.add_button))
        self.preset_button.clicked.connect(lambda: self._open(self.preset_menu, self.preset_button))
        self.up.clicked.connect(lambda: self._move(self.list.currentRow(), self.list.currentRow() - 1))
        self.down.clicked.connect(lambda: self._move(self.list.currentRow(), self.list.currentRow() + 1))
        self.remove.clicked.connect(lambda: self._remove(self.list.currentRow()))
        self.another.clicked.connect(self._show_another)
        document.changed.connect(self._changed)
        document.opened.connect(self._follow)
        document.analysed.connect(self._follow)
        self._engines.devices.connect(lambda _devices: self._follow())
        theme.changed.connect(self._follow)

    def _open(self, menu: QMenu, button: QWidget) -> None:
        menu.popup(button.mapToGlobal(QPoint(0, button.height() + 2)))

    # edits ------------------------------------------------------------------------------------------------------------

    @property
    def steps(self) -> Steps:
        return self._document.design.recipe.augment

    def _edit(self, text: str, change: Callable[[Steps], Steps], merge: str = "") -> bool:
        def whole(design: Design) -> Design:
            return edits.set_recipe(design, replace(design.recipe, augment=change(design.recipe.augment)))

        return self._document.edit(text, whole, merge=merge)

    def add(self, kind: str) -> None:
        """Add a step where such steps go, and choose it."""
        at = added(self.steps, kind)[1]
        self._edit(f"Add {KINDS[kind].title.lower()}", lambda steps: added(steps, kind)[0])
        self.list.setCurrentRow(at)
        self.list.setFocus()

    def use(self, preset: StepPreset) -> None:
        """Put a usual list in the place of this one."""
        self._edit(f"Use the steps {preset.title}", lambda _steps: preset.make(self._side()))

    def _move(self, start: int, end: int) -> None:
        if 0 <= start < len(self.steps) and 0 <= end < len(self.steps):
            self._edit("Move a step", lambda steps: moved(steps, start, end))
            self.list.setCurrentRow(end)

    def _remove(self, at: int) -> None:
        if 0 <= at < len(self.steps):
            self._edit(f"Take {self._title(at).lower()} out", lambda steps: without(steps, at))

    def _title(self, at: int) -> str:
        kind = self.steps[at].kind
        return KINDS[kind].title if kind in KINDS else kind

    def _set(self, name: str, value: object, merge: str) -> None:
        at = self.list.currentRow()
        try:
            made = with_value(self.steps, at, name, value)
        except ValueError as error:
            self._refuse(f"{self._title(at)}: {str(error).rstrip('.')}.")
            return
        key = f"augment.{at}.{name}:{merge}" if merge else ""
        self._edit(f"Set {name} of {self._title(at).lower()}", lambda _steps: made, key)

    def _refuse(self, sentence: str) -> None:
        """What was typed cannot be taken: the field shows what holds."""
        self._show_form()
        if sentence:
            self.notice.show()
            self.notice.say("error", sentence)

    # showing ----------------------------------------------------------------------------------------------------------

    def _changed(self, before: Design, after: Design) -> None:
        if self._questions.waiting:
            self._asked = None  # an answer to another drawing is dropped
        if before.recipe != after.recipe or before.nodes != after.nodes:
            self._follow()
        else:
            self._ask()

    def _follow(self) -> None:
        """Show the steps as they are."""
        wrong = faults(self.steps, self._given())
        self._wrong = bool(wrong)
        self.list.show_steps(self.steps, frozenset(fault.at for fault in wrong))
        self._show_form()
        self._say(wrong)
        self._ask()

    def _show_form(self) -> None:
        at, count = self.list.currentRow(), len(self.steps)
        self.form.show_step(self.steps[at] if 0 <= at < count else None)
        self.up.setEnabled(at > 0)
        self.down.setEnabled(0 <= at < count - 1)
        self.remove.setEnabled(0 <= at < count)

    def _say(self, wrong: list[Fault]) -> None:
        self.notice.setVisible(bool(wrong) or not self.steps)
        if wrong:
            first = wrong[0]
            mend = ((first.fix, lambda: self._mend(first)),) if first.fix else ()
            self.notice.say("error", first.sentence, *mend)
        elif not self.steps:
            self.notice.say(
                "info", "Samples are used as they are. Steps make more of few samples, and normalise them.",
                ("Choose a preset", self.preset_button.click), main=False,
            )  # fmt: skip

    def _mend(self, fault: Fault) -> None:
        self._edit(fault.fix, lambda _steps: fault.steps)

    # what the steps are held against ----------------------------------------------------------------------------------

    def _dataset(self) -> Dataset | None:
        kind, devices = self._document.design.recipe.data.partition(":")[0], self._engines.last_devices
        return next((d for d in devices.datasets if d.kind == kind), None) if devices is not None else None

    def _given(self) -> Given:
        design, analysis, dataset = self._document.design, self._document.analysis, self._dataset()
        sample = dataset.sample if dataset is not None else ()
        inputs = tuple(
            (named.name, as_seen(tuple(named.tensors[0].shape[1:]), sample))
            for named in (analysis.inputs if analysis is not None else ())
            if named.tensors
        )
        targets = tuple(_target(node.name, node.settings) for node in design.nodes if node.block == "Target")
        if dataset is None:
            return Given(inputs=inputs, targets=targets)
        return Given(dataset.form, dataset.title, inputs, targets)

    def _side(self) -> int:
        """The shorter side of what the first Input takes."""
        sizes = [size for _, shape in self._given().inputs if (size := size_of(shape)) is not None]
        return min(sizes[0][1:]) if sizes else side_of(self._document.design)

    # samples ----------------------------------------------------------------------------------------------------------

    def _show_another(self) -> None:
        self._turn += 1
        self._ask()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._ask()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if self._questions.waiting:
            self._questions.drop()
            self._asked = None

    def _ask(self) -> None:
        """Ask for the samples where they are looked at; what is shown stays, dimmed, until they come."""
        design = self._document.design
        nodes = tuple(replace(node, x=0.0, y=0.0) for node in design.nodes)
        key = nodes, design.wires, design.groups, design.recipe, self._turn
        if not self.isVisible() or key == self._asked:
            return
        if (why := self._no_samples()) is not None:
            self._asked = None
            self._questions.drop()
            self.pairs.show_pairs(())
            self.another.setEnabled(False)
            self.said.setText(why)
            return
        self._asked = key
        self.pairs.show_pairs(self.pairs.pairs, old=True)
        if not self.pairs.pairs:
            self.said.setText("The samples are on their way.")
        self._questions.ask(
            lambda: GetAugmented("", self._document.design, turn=self._turn), self._take, self._fail, wait=WAIT
        )

    def _no_samples(self) -> str | None:
        """Why there are none to show now; None where they can be asked for."""
        analysis = self._document.analysis
        if not self._document.design.recipe.data:
            return "No data is chosen: choose some to see its samples here."
        if analysis is None or not analysis.valid:
            return "Samples are shown once the drawing is valid."
        return "" if self._wrong else None

    def _take(self, told: Augmented) -> None:
        self.another.setEnabled(True)
        self.pairs.show_pairs(told.pairs)
        self.said.setText(f"Epoch {self._turn} of the train split. {told.measured}".strip())

    def _fail(self, why: str) -> None:
        self.another.setEnabled(True)
        self.pairs.show_pairs(())
        self.said.setText(why)


def _target(name: str, settings: Any) -> TargetGiven:
    size = settings.get("size", ())
    plain_size = size if isinstance(size, tuple) and all(isinstance(n, int) for n in size) else ()
    dtype = settings.get("dtype", "int64")
    return TargetGiven(
        name, str(settings.get("field", "label")), plain_size, "int64" if isinstance(dtype, Expression) else str(dtype)
    )
