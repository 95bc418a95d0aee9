"""The settings of one step on samples, and what it is for."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from app.design.augment import KINDS, value_of
from app.design.values import DataStep
from app.window import parts
from app.window.fields import Field, make_field
from app.window.sentences import rich


class StepForm(QScrollArea):
    """Shows a step. `edited` carries a setting's name, its value, and the key of edits that are one."""

    edited = Signal(str, object, str)
    rejected = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._kind = ""
        self.fields: dict[str, Field] = {}
        self._make("")

    def show_step(self, step: DataStep | None) -> None:
        """Show the settings of a step; None: of none."""
        kind = step.kind if step is not None and step.kind in KINDS else ""
        if kind != self._kind:
            self._make(kind)
        for name, field in self.fields.items():
            assert step is not None
            field.show_value(value_of(step, name))

    def _make(self, kind: str) -> None:
        self._kind, self.fields = kind, {}
        body = QWidget()
        body.setObjectName("content")
        box = QVBoxLayout(body)
        box.setContentsMargins(0, 0, 8, 0)
        box.setSpacing(6)
        if kind:
            known = KINDS[kind]
            box.addWidget(parts.label(known.title, "heading"))
            box.addWidget(parts.label(known.help, "soft", wrap=True))
            grid = QGridLayout()
            grid.setHorizontalSpacing(12)
            grid.setVerticalSpacing(5)
            for row, setting in enumerate(known.settings):
                field = self.fields[setting.name] = make_field(setting)
                label = parts.label(setting.name)
                label.setToolTip(rich(setting.help))
                label.setBuddy(field)
                field.edited.connect(lambda value, merge, name=setting.name: self.edited.emit(name, value, merge))
                field.rejected.connect(self.rejected)
                grid.addWidget(label, row, 0)
                grid.addWidget(field, row, 1)
            grid.setColumnStretch(1, 1)
            box.addLayout(grid)
            if known.source:
                box.addWidget(parts.label(known.source, "soft", wrap=True))
        box.addStretch(1)
        self.setWidget(body)
