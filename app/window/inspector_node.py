"""The inspector's page of one node: its name, help, form, shapes and cost."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSignalBlocker, QSize, Qt
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QLabel, QLineEdit, QWidget

from app.design import edits, ties
from app.design.values import Design, Expression, Node, SettingValue
from app.window.document import Document
from app.window.engines import Engines
from app.window.explanation import ExplanationBox
from app.window.fields import Field, WheelGuard, make_field
from app.window.figures import port_lines
from app.window.inspector_pages import Page, count_uses, whole_of
from app.window.notice import Notice
from app.window.palette_mine import keep
from app.window.parts import Switch, button, label, mark
from app.window.reckoning import ReckoningBox
from app.window.rows import Costs, Facts
from app.window.sentences import Elided
from app.window.size_field import SizeField
from app.window.solve_box import SolveBox
from app.window.theme import icon, theme
from blocks.card import Card, Setting

LABEL_WIDTH = 92
REPEAT = Setting(
    "repeat", "int", 1, "How often the Group is chained, each time with weights of its own.", min=1, max=10_000
)
MOMENTUM = Setting(
    "average_momentum", "float", ties.MOMENTUM,
    "What these weights keep of themselves at each step of training; the rest comes from the node that they follow.",
    min=0, max=0.999999,
)  # fmt: skip
FOLLOWS = "follows "
"""Before an id in the choice of weights: no id has a space."""


class NodePage(Page):
    """One node of the present graph."""

    def __init__(self, document: Document, ids: list[str], engines: Engines) -> None:
        super().__init__(document, ids, engines)
        self.id = ids[0]
        self.where = document.where
        self._fields: dict[str, Field] = {}
        self._errors: dict[str, QLabel] = {}
        self._notices: dict[str, Notice] = {}
        self._build_head()
        self._form = QGridLayout()
        self._form.setContentsMargins(0, 6, 0, 0)
        self._form.setHorizontalSpacing(12)
        self._form.setVerticalSpacing(6)
        self._form.setColumnMinimumWidth(0, LABEL_WIDTH)
        self._form.setColumnStretch(1, 1)
        self.box.addLayout(self._form)
        self._build_form()
        self.heading("Shapes")
        self.shapes = Facts()
        self.box.addWidget(self.shapes)
        self._no_shapes = label("", "soft", wrap=True)
        self.box.addWidget(self._no_shapes)
        self.solve = SolveBox(document, engines, self.where, self.id)
        self.box.addWidget(self.solve)
        self.heading("Cost and share of the whole")
        self.costs = Costs()
        self.box.addWidget(self.costs)
        self.measured = Facts()
        self.box.addWidget(self.measured)
        self.reckoning = ReckoningBox(document, engines, self.where, self.id)
        self.box.addWidget(self.reckoning)

    @staticmethod
    def key(document: Document, ids: list[str]) -> object:
        node = document.graph.by_id[ids[0]]
        settings = edits.settings_of(document.design, node, document.catalogue)
        return document.path, node.id, node.block, node.group, settings

    @property
    def node(self) -> Node:
        return self.document.design.graph(self.where).by_id[self.id]

    @property
    def card(self) -> Card | None:
        return self.document.catalogue.get(self.node.block)

    # building ---------------------------------------------------------------------------------------------------------

    def _build_head(self) -> None:
        node, card = self.node, self.card
        if node.group:
            title, category, symbol = f"Group {node.group}", "Group", "group"
        elif card is not None:
            title, category, symbol = card.title, card.category, card.icon or "box"
        else:
            title, category, symbol = f"{node.block}: not known here", "Connector", "circle-help"
        head = QHBoxLayout()
        head.setSpacing(6)
        picture = QLabel()
        colour = theme.category(category).name()
        picture.setPixmap(icon(symbol, colour, 18).pixmap(QSize(18, 18)))
        picture.setToolTip(category)
        self.name = QLineEdit(node.name)
        self.name.setProperty("role", "name")
        self.name.setObjectName("node-name")
        self.name.setAccessibleName("Name of the node")
        self.name.setToolTip("The name: type another to rename it. It is the prefix of its weights in the state_dict.")
        self.name.editingFinished.connect(self._rename)
        self.name.setCursorPosition(0)
        kind = Elided("soft", title, most=148)
        kind.setToolTip(node.block or node.group)
        head.addWidget(picture)
        head.addWidget(self.name, 1)
        head.addWidget(kind)
        self.box.addLayout(head)
        self._name_error = label("", "error", wrap=True)
        self._name_error.hide()
        self.box.addWidget(self._name_error)
        self._build_help(card)

    def _build_help(self, card: Card | None) -> None:
        if self.node.group:
            help = self.document.design.group_by_name[self.node.group].help
        elif card is None:
            help = "This block is missing: it is kept as it is. Install it, or delete the node."
        else:
            help = card.help or card.summary
        first, _, rest = help.strip().partition("\n\n")
        if first:
            self.help = label(" ".join(first.split()), "soft", wrap=True)
            self.box.addWidget(self.help)
        if rest.strip():
            more = label(rest.strip(), "soft", wrap=True)
            more.hide()
            toggle = button("More", "link")

            def show() -> None:
                more.setVisible(more.isHidden())
                toggle.setText("More" if more.isHidden() else "Less")

            toggle.clicked.connect(show)
            self.box.addWidget(more)
            self.box.addWidget(toggle, 0, Qt.AlignmentFlag.AlignLeft)
        self.explanation = ExplanationBox(self.document, self.node)
        self.box.addWidget(self.explanation)

    def _build_form(self) -> None:
        node = self.node
        settings = edits.settings_of(self.document.design, node, self.document.catalogue) or ()
        self._letters = {s.letters_of: s.name for s in settings if s.letters_of}
        for setting in settings:
            if not setting.letters_of:
                self._add_field(setting, self._set_setting)
        if node.group:
            self._add_field(REPEAT, self._set_repeat)
            row = QHBoxLayout()
            self._uses = label("", "soft")
            enter = button("Enter", tip="Look inside (Enter)")
            enter.setObjectName("enter-group")
            enter.clicked.connect(lambda: self.document.enter(self.id))
            row.addWidget(self._uses, 1)
            row.addWidget(enter)
            self._form.addLayout(row, self._form.rowCount(), 0, 1, 2)
            tip = "Keep it as a block of your own: the palette of every drawing has it"
            kept = button("Save to my Groups", "link", tip)
            kept.setObjectName("keep-group")
            kept.clicked.connect(lambda: keep(self.document, self.node.group, self))
            self._form.addWidget(kept, self._form.rowCount(), 0, 1, 2, Qt.AlignmentFlag.AlignLeft)
        self._frozen = Switch()
        self._frozen.setObjectName("frozen")
        self._frozen.setAccessibleName("frozen")
        self._frozen.setToolTip("Keep these weights as they are in training")
        self._frozen.clicked.connect(self._freeze)
        self._partners: list[tuple[str, str]] = []
        self._shares = QComboBox()
        self._shares.setObjectName("shares")
        self._shares.setAccessibleName("shares weights with")
        self._shares.setToolTip("Use the weights of another node of the same kind, or follow them as an average")
        self._shares.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._guard = WheelGuard(self)
        self._shares.installEventFilter(self._guard)
        self._shares.setMinimumContentsLength(6)
        self._shares.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._shares.activated.connect(self._share)
        switch_row = QHBoxLayout()
        switch_row.addStretch()
        switch_row.addWidget(self._frozen)
        switch_holder = QWidget()
        switch_holder.setLayout(switch_row)
        switch_row.setContentsMargins(0, 0, 0, 0)
        self._frozen_row = (label("frozen", "soft"), switch_holder)
        self._shares_row = (label("weights", "soft"), self._shares)
        for name, widget in (self._frozen_row, self._shares_row):
            row_number = self._form.rowCount()
            self._form.addWidget(name, row_number, 0)
            self._form.addWidget(widget, row_number, 1)
        self._momentum_row = self._add_field(MOMENTUM, self._set_momentum)

    def _add_field(self, setting: Setting, apply: Callable[[str, SettingValue, str], str]) -> tuple[QWidget, ...]:
        row = self._form.rowCount()
        field = SizeField(setting) if setting.name in self._letters else make_field(setting)
        field.expressions = bool(self.where) and setting is not MOMENTUM
        name = label(setting.name.replace("_", " "), "soft", wrap=True)
        name.setToolTip(field.tip)
        name.setBuddy(field)
        error = label("", "error", wrap=True)
        error.setObjectName(f"error-{setting.name}")
        error.hide()
        if setting.type == "code":
            self._add_code(name, field)
        else:
            self._form.addWidget(name, row, 0)
            self._form.addWidget(field, row, 1)
        self._form.addWidget(error, self._form.rowCount(), 0, 1, 2)
        self._fields[setting.name] = field
        self._errors[setting.name] = error

        def edited(value: object, merge: str) -> None:
            refusal = apply(setting.name, value, f"{self.where}/{self.id}.{setting.name}:{merge}" if merge else "")  # type: ignore[arg-type]
            self._refuse(setting.name, refusal)
            if not refusal:  # what was accepted may read otherwise than what was typed: 3.0 is 3
                self._show_field(setting.name)

        field.edited.connect(edited)
        field.rejected.connect(lambda sentence: self._refuse(setting.name, sentence))
        return name, field

    def _add_code(self, name: QLabel, field: Field) -> None:
        """Code needs the whole width; under it stands whether it may run."""
        notice = Notice()
        notice.setObjectName(f"consent-{field.setting.name}")
        for widget in (name, field, notice):
            self._form.addWidget(widget, self._form.rowCount(), 0, 1, 2)
        consent = self.document.consent
        notice.say("warn", "It does not run here yet.", ("Read and allow…", consent.wanted.emit), main=False)
        notice.button("Read and allow…").setToolTip("Show the code of this drawing, and let it run")
        self._notices[field.setting.name] = notice
        consent.changed.connect(self._show_consent)

    def _show_consent(self) -> None:
        for name, notice in self._notices.items():
            setting = self._fields[name].setting
            notice.setVisible(self.document.consent.asks(setting, self.node.settings.get(name)))

    # edits ------------------------------------------------------------------------------------------------------------

    def _set_setting(self, name: str, value: SettingValue, merge: str) -> str:
        catalogue = self.document.catalogue
        self.document.consent.typed(self._fields[name].setting, self.node.settings.get(name), value)

        field = self._fields[name]

        def change(design: Design) -> Design:
            design = edits.set_setting(design, self.where, self.id, name, value, catalogue)
            if isinstance(field, SizeField):
                letters = self._letters[name]
                design = edits.set_setting(design, self.where, self.id, letters, field.letters or None, catalogue)
            return design

        return self.try_edit(f"Set {name} of {self.node.name}", change, merge=merge)

    def _set_repeat(self, name: str, value: SettingValue, merge: str) -> str:
        if not isinstance(value, int | Expression) or isinstance(value, bool):
            return "repeat needs a whole number from 1 to 10000."
        return self.try_edit(
            f"Repeat {self.node.name}", lambda d: edits.set_repeat(d, self.where, self.id, value), merge=merge
        )

    def _set_momentum(self, name: str, value: SettingValue, merge: str) -> str:
        if not isinstance(value, int | float):
            return "momentum needs a number from 0 to below 1, such as 0.99."
        text = f"Set momentum of {self.node.name}"
        return self.try_edit(text, lambda d: edits.set_momentum(d, self.where, self.id, value), merge=merge)

    def _rename(self) -> None:
        wish = self.name.text().strip()
        refusal = self.try_edit(f"Rename to {wish}", lambda d: edits.rename(d, self.where, self.id, wish))
        self._name_error.setText(refusal)
        self._name_error.setVisible(bool(refusal))

    def _freeze(self, on: bool) -> None:
        text = "Freeze" if on else "Unfreeze"
        self.try_edit(f"{text} {self.node.name}", lambda d: edits.set_frozen(d, self.where, self.id, on))

    def _share(self, index: int) -> None:
        other: str = self._shares.itemData(index)
        if other.startswith(FOLLOWS):
            leader = other.removeprefix(FOLLOWS)
            refusal = self.try_edit("Follow weights", lambda d: edits.set_follows(d, self.where, self.id, leader))
        else:
            text = "Share weights" if other else "Use own weights"
            refusal = self.try_edit(text, lambda d: edits.set_shares(d, self.where, self.id, other))
        if refusal:
            self._show_shares()

    def _refuse(self, name: str, sentence: str) -> None:
        error = self._errors[name]
        error.setText(sentence)
        error.setVisible(bool(sentence))
        for editor in (self._fields[name], *self._fields[name].findChildren(QWidget)):
            mark(editor, "refused", "true" if sentence else "false")

    # showing ----------------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        node = self.node
        if not self.name.hasFocus() or self._name_error.isHidden():
            with QSignalBlocker(self.name):
                if self.name.text() != node.name:
                    self.name.setText(node.name)
                    self.name.setCursorPosition(0)
        for name in self._fields:
            if self._errors[name].isHidden():
                self._show_field(name)
        self._show_consent()
        if node.group:
            uses = count_uses(self.document.design, node.group)
            self._uses.setText(f"used {uses} time{'s' * (uses != 1)}")
        with QSignalBlocker(self._frozen):
            self._frozen.setChecked(node.frozen)
        self._show_shares()
        report = self.document.report(self.id)
        has_weights = report is None or report.parameters > 0 or bool(node.shares) or node.frozen
        has_weights &= not node.follows  # those are frozen as it is
        for widget in self._frozen_row:
            widget.setVisible(has_weights)
        lines = port_lines((*report.inputs, *report.outputs)) if report else []
        self.shapes.show_lines(lines)
        unknown = "They follow once this node is wired and checked." if not lines else ""
        self._no_shapes.setText(unknown)
        self._no_shapes.setVisible(bool(unknown))
        costs = (report.parameters, report.macs, report.activations) if report and report.ok else None
        self.costs.show_costs(costs, whole_of(self.document.analysis))
        timing = self.document.timings.of(self.document.id_path(self.id))
        self.measured.show_lines([("measured time", timing.text)] if timing is not None else [])
        self.measured.setToolTip(timing.words if timing is not None else "")
        self.measured.setVisible(timing is not None)
        self.solve.refresh(report.outputs if report and report.ok else ())
        self.reckoning.setVisible(report is not None)
        if report is not None:
            self.reckoning.refresh()

    def _show_field(self, name: str) -> None:
        node, field = self.node, self._fields[name]
        if field.setting is REPEAT:
            field.show_value(node.repeat)
        elif field.setting is MOMENTUM:
            field.show_value(node.momentum)
        else:
            if isinstance(field, SizeField):
                field.show_letters(node.settings.get(self._letters[name]))
            field.show_value(node.settings.get(name, field.setting.default))

    def _show_shares(self) -> None:
        node = self.node
        graph = self.document.design.graph(self.where)
        others = [
            n for n in graph.nodes
            if n.id != node.id and (n.block, n.group) == (node.block, node.group) and not n.shares
        ]  # fmt: skip
        wanted = [("its own", ""), *((f"of {n.name}", n.id) for n in others)]
        if node.group and (node.repeat != 1 or node.shares == node.id):
            wanted.append(("one set for all repeats", node.id))
        wanted += [(f"average of {n.name}", FOLLOWS + n.id) for n in others if not n.follows]
        with QSignalBlocker(self._shares):
            if wanted != self._partners:
                self._partners = wanted
                self._shares.clear()
                for text, id in wanted:
                    self._shares.addItem(text, id)
            chosen = FOLLOWS + node.follows if node.follows else node.shares
            self._shares.setCurrentIndex(max(self._shares.findData(chosen), 0))
        for widget in self._shares_row:
            widget.setVisible(len(wanted) > 1)
        for part in self._momentum_row:
            part.setVisible(bool(node.follows))
