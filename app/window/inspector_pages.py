"""Pages of the inspector that are about more than one node: the whole design, several nodes, a Group from inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from msgspec.structs import replace
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.design import edits
from app.design.exposed import rename_group_setting
from app.design.names import free_name
from app.design.values import Design, Group
from app.messages import Analysis
from app.window import figures
from app.window.document import Document
from app.window.engines import Engines
from app.window.fields import TextField, make_field
from app.window.forecast_box import ForecastBox
from app.window.inspector_about import AboutBox
from app.window.inspector_ports import GroupHead, PortsBox, try_edit
from app.window.parts import IconButton, button, label, line
from app.window.rows import NOT_KNOWN, Costs, Facts
from blocks.card import Setting


class Page(QWidget):
    """One page of the inspector."""

    def __init__(self, document: Document, ids: list[str], engines: Engines) -> None:
        super().__init__()
        self.document = document
        self.engines = engines
        self.ids = ids
        self.made_for: object = None
        self.box = QVBoxLayout(self)
        self.box.setContentsMargins(0, 0, 0, 0)
        self.box.setSpacing(8)

    @staticmethod
    def key(document: Document, ids: list[str]) -> object:
        """A page is made anew when this differs; else it is refreshed."""
        return None

    def refresh(self) -> None:
        """Show what is now."""
        raise NotImplementedError

    def heading(self, text: str) -> None:
        self.box.addSpacing(4)
        self.box.addWidget(line())
        self.box.addSpacing(2)
        self.box.addWidget(label(text, "heading"))

    def try_edit(self, text: str, change: Callable[[Design], Design], *, merge: str = "") -> str:
        """Make an edit; returns the sentence of its refusal, or ""."""
        return try_edit(self.document, text, change, merge=merge)


def whole_of(analysis: Analysis | None) -> tuple[int, int, int]:
    """Parameters, MACs and activation bytes of the whole design."""
    if analysis is None:
        return (0, 0, 0)
    return (analysis.parameters, analysis.macs, analysis.memory.activations)


class OverviewPage(Page):
    """Nothing selected: what the drawing is, and the totals."""

    def __init__(self, document: Document, ids: list[str], engines: Engines) -> None:
        super().__init__(document, ids, engines)
        self._title = label("", "title")
        self._state = label("", "soft", wrap=True)
        self.totals = Facts()
        self._ends = Facts()
        self.about = AboutBox(document)
        self.box.addWidget(self._title)
        self.box.addWidget(self._state)
        self.box.addWidget(self.about)
        self.heading("Totals")
        self.box.addWidget(self.totals)
        self.forecast = ForecastBox(document, engines)
        self.box.addWidget(self.forecast)
        self.heading("Inputs and outputs")
        self.box.addWidget(self._ends)
        self.box.addSpacing(8)
        self.box.addWidget(label("Select a node to set it and to see what it costs.", "soft", wrap=True))

    def refresh(self) -> None:
        design, analysis = self.document.design, self.document.analysis
        self.about.refresh()
        self.forecast.refresh()
        self._title.setText(self.document.title)
        blocks = f"{len(design.nodes):,} node{'s' * (len(design.nodes) != 1)}"
        groups = f", {len(design.groups)} Group{'s' * (len(design.groups) != 1)}" if design.groups else ""
        if analysis is None:
            self._state.setText(f"{blocks}{groups}; shapes and costs follow once it is checked.")
            self.totals.show_lines([(n, NOT_KNOWN) for n in ("parameters", "MACs", "activations", "training step")])
            self._ends.show_lines([])
            return
        partial = "; totals are those of the valid part" if analysis.partial else ""
        self._state.setText(f"{blocks}{groups}{partial}")
        lines = [("parameters", figures.count(analysis.parameters))]
        if analysis.trainable_parameters != analysis.parameters:
            lines.append(("trainable", figures.count(analysis.trainable_parameters)))
        lines += [
            ("MACs", figures.count(analysis.macs)),
            ("weights", figures.size(analysis.memory.parameters)),
            ("activations", figures.size(analysis.memory.activations)),
            ("training step", f"≈ {figures.size(analysis.memory.training)}"),
        ]
        self.totals.show_lines(lines)
        ends = [(e.name, text) for e in (*analysis.inputs, *analysis.outputs) for text in figures.levels(e.tensors)]
        self._ends.show_lines(ends or [("none yet", "")])


class SeveralPage(Page):
    """Several nodes: how many, and what they cost together."""

    def __init__(self, document: Document, ids: list[str], engines: Engines) -> None:
        super().__init__(document, ids, engines)
        self.title = label("", "title")
        self._which = label("", "soft", wrap=True)
        self.box.addWidget(self.title)
        self.box.addWidget(self._which)
        self.heading("Cost together")
        self.costs = Costs()
        self.box.addWidget(self.costs)

    @staticmethod
    def key(document: Document, ids: list[str]) -> object:
        return tuple(ids)

    def refresh(self) -> None:
        names = [self.document.graph.by_id[id].name for id in self.ids]
        self.title.setText(f"{len(names)} nodes")
        self._which.setText(", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else ""))
        found = [r for id in self.ids if (r := self.document.report(id)) is not None]
        sums = (sum(r.parameters for r in found), sum(r.macs for r in found), sum(r.activations for r in found))
        self.costs.show_costs(sums if found else None, whole_of(self.document.analysis))


class GroupPage(Page):
    """Inside a Group with nothing selected: the settings that the Group exposes."""

    TYPES: ClassVar = {"int": "whole number", "float": "number", "bool": "switch", "str": "text", "pair": "pair",
                       "ints": "list"}  # fmt: skip
    DEFAULTS: ClassVar = {"int": 1, "float": 1.0, "bool": False, "str": "", "pair": (1, 1), "ints": (1,)}

    def __init__(self, document: Document, ids: list[str], engines: Engines) -> None:
        super().__init__(document, ids, engines)
        self._group = self.group.name
        self.head = GroupHead(document, self._group)
        self.box.addWidget(self.head)
        self.used = label("", "soft", wrap=True)
        self.box.addWidget(self.used)
        self.ports = PortsBox(document, self._group)
        self.box.addWidget(self.ports)
        self.heading("Settings of this Group")
        hint = "Name one in a field inside, as in width * 2; each use of the Group sets it."
        self.box.addWidget(label(hint, "soft", wrap=True))
        self.error = label("", "error", wrap=True)
        self.error.hide()
        for i, setting in enumerate(self.group.settings):
            self.box.addWidget(self._row(i, setting))
        self.box.addWidget(self.error)
        add = button("Add a setting", tip="Expose a number, text or switch of this Group")
        add.setObjectName("add-group-setting")
        add.clicked.connect(self._add)
        self.box.addWidget(add)

    @staticmethod
    def key(document: Document, ids: list[str]) -> object:
        return document.where, document.design.group_by_name[document.where].settings

    @property
    def group(self) -> Group:
        return self.document.design.group_by_name[self.document.where]

    def refresh(self) -> None:
        uses = count_uses(self.document.design, self._group)
        self.used.setText(f"A Group, used {uses} time{'s' * (uses != 1)}. A change here changes every use.")
        self.head.refresh()
        self.ports.refresh()

    def _row(self, i: int, setting: Setting) -> QWidget:
        row = QWidget()
        row.setObjectName(f"group-setting-{setting.name}")
        box = QVBoxLayout(row)
        box.setContentsMargins(0, 4, 0, 4)
        box.setSpacing(4)
        top, bottom = QHBoxLayout(), QHBoxLayout()
        name = QLineEdit(setting.name)
        name.setObjectName("name")
        name.setToolTip("The setting's name, as expressions use it")
        name.editingFinished.connect(lambda: self._rename(i, name))
        kind = QComboBox()
        kind.setToolTip("What kind of value it takes")
        for type, words in self.TYPES.items():
            kind.addItem(words, type)
        kind.setCurrentIndex(max(kind.findData(setting.type), 0))
        kind.activated.connect(lambda _i: self._retype(i, kind.currentData()))
        gone = IconButton("trash-2", f"Remove {setting.name}", side=28)
        gone.clicked.connect(lambda: self._remove(i))
        top.addWidget(name, 1)
        top.addWidget(kind)
        top.addWidget(gone)
        help = "What a use of the Group has unless it says otherwise"
        field = make_field(replace(setting, name="default", help=help))
        field.setObjectName("default")
        field.show_value(setting.default if not isinstance(setting.default, list) else tuple(setting.default))
        field.edited.connect(lambda value, merge: self._default(i, value, merge))
        field.rejected.connect(self._refuse)
        bottom.addWidget(label("default", "soft"))
        bottom.addWidget(field, 1)
        note = TextField(Setting("help", "str", "", "What it does: shown as help"))
        note.edit.setPlaceholderText("What it does")
        note.show_value(setting.help)
        note.edited.connect(lambda text, merge: self._change(i, "Describe setting", help=text))
        box.addLayout(top)
        box.addLayout(bottom)
        box.addWidget(note)
        return row

    def _set(self, settings: list[Setting], text: str, merge: str = "") -> None:
        self._refuse(
            self.try_edit(text, lambda d: edits.set_group_settings(d, self._group, tuple(settings)), merge=merge)
        )

    def _remove(self, i: int) -> None:
        self._set([s for j, s in enumerate(self.group.settings) if j != i], "Remove setting")

    def _change(self, i: int, text: str, merge: str = "", **fields: object) -> None:
        settings = list(self.group.settings)
        settings[i] = replace(settings[i], **fields)
        self._set(settings, text, merge)

    def _add(self) -> None:
        taken = {s.name for s in self.group.settings}
        name = free_name("width" if not taken else "setting", taken)
        self._set([*self.group.settings, Setting(name, "int", 1)], "Add setting")

    def _rename(self, i: int, edit: QLineEdit) -> None:
        if i >= len(self.group.settings) or edit.text() == self.group.settings[i].name:
            return
        old, new = self.group.settings[i].name, edit.text().strip()
        self._refuse(
            self.try_edit(f"Rename setting to {new}", lambda d: rename_group_setting(d, self._group, old, new))
        )

    def _retype(self, i: int, type: str) -> None:
        self._change(i, "Change setting", type=type, default=self.DEFAULTS[type], min=None, max=None, choices=())

    def _default(self, i: int, value: object, merge: str) -> None:
        setting = self.group.settings[i]
        try:
            value = setting.accept(value)
            self.document.consent.typed(replace(setting, default=""), setting.default, value)
        except ValueError as error:
            self._refuse(str(error))
            return
        self._change(i, "Change default", f"{self._group}.{setting.name}:{merge}" if merge else "", default=value)

    def _refuse(self, sentence: str) -> None:
        self.error.setText(sentence)
        self.error.setVisible(bool(sentence))


def count_uses(design: Design, group: str) -> int:
    """How many nodes use a Group, in all graphs."""
    return sum(n.group == group for graph in (design, *design.groups) for n in graph.nodes)
