"""Form fields, one for each type of setting. A field shows a value and announces another; it changes nothing itself."""

from __future__ import annotations

import re

from PySide6.QtCore import QEvent, QObject, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QWidget

from app.design.values import Expression, SettingValue
from app.window.code_edit import CodeEdit
from app.window.number_edit import FieldError, NumberEdit, read_expression, show_text, undoes_the_drawing
from app.window.parts import IconButton, Switch
from app.window.sentences import rich
from app.window.theme import font
from blocks.card import Setting


class Field(QWidget):
    """The base: `edited` carries (value, merge key); the key is equal for the steps that make one undo step."""

    edited = Signal(object, str)
    rejected = Signal(str)
    """What was typed cannot be read; the sentence says what can."""

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self.setting = setting
        self.expressions = False
        """Whether arithmetic may be typed: only inside a Group, whose settings it names."""
        self.value: SettingValue = None
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(0, 0, 0, 0)
        self.row.setSpacing(4)

    @property
    def tip(self) -> str:
        """The setting's exact name, as files and `--set` write it, and its help: as rich text."""
        return f"{rich(f'`{self.setting.name}`')}<br>{rich(self.setting.help)}"

    def show_value(self, value: SettingValue) -> None:
        """Show a value; nothing is announced."""
        raise NotImplementedError

    def _name(self, editor: QWidget, suffix: str = "") -> None:
        editor.setObjectName(f"setting-{self.setting.name}{suffix}")
        editor.setAccessibleName(self.setting.name + suffix)
        editor.setToolTip(self.tip)


class NumberField(Field):
    """int and float."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.edit = NumberEdit(setting, lambda: self.expressions, whole=setting.type == "int")
        self._name(self.edit)
        self.setFocusProxy(self.edit)
        self.edit.announced.connect(self.edited)
        self.edit.rejected.connect(self.rejected)
        self.row.addWidget(self.edit)

    def show_value(self, value: SettingValue) -> None:
        self.value = value
        self.edit.show_value(value)


class PairField(Field):
    """Two numbers that go together while they are equal: a link keeps them so."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        first, second = (NumberEdit(setting, lambda: self.expressions, whole=True) for _ in range(2))
        self.edits = (first, second)
        self.link = IconButton("link", "Keep both equal", side=24)
        self.link.setCheckable(True)
        self.link.setChecked(True)
        self.link.toggled.connect(lambda on: self.link.set_name("link" if on else "unlink"))
        self.setFocusProxy(self.edits[0])
        for i, edit in enumerate(self.edits):
            self._name(edit, f"-{i + 1}")
            edit.announced.connect(lambda value, merge, i=i: self._announce(i, value, merge))
            edit.rejected.connect(self.rejected)
            self.row.addWidget(edit, 1)
            if i == 0:
                self.row.addWidget(self.link)

    def _pair(self) -> tuple[SettingValue, SettingValue]:
        match self.value:
            case tuple((first, second)):
                return first, second
        return self.value, self.value  # type: ignore[return-value]

    def _announce(self, i: int, value: SettingValue, merge: str) -> None:
        if value is None and self.setting.optional:
            self.edited.emit(None, merge)
            return
        pair = list(self._pair())
        pair[i] = value
        if self.link.isChecked() or pair[1 - i] is None:
            pair[1 - i] = value
        self.edited.emit(tuple(pair), merge)

    def show_value(self, value: SettingValue) -> None:
        self.value = value
        first, second = self._pair()
        if first != second:
            self.link.setChecked(False)
        self.edits[0].show_value(first)
        self.edits[1].show_value(second)


class SwitchField(Field):
    """bool; inside a Group an expression may name a switch of the Group: it is shown beside."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.row.addStretch()
        self.switch = Switch()
        self._name(self.switch)
        self.setFocusProxy(self.switch)
        self.switch.clicked.connect(lambda on: self.edited.emit(on, ""))
        self.row.addWidget(self.switch)

    def show_value(self, value: SettingValue) -> None:
        self.value = value
        with QSignalBlocker(self.switch):
            self.switch.setChecked(value is True)
        self.switch.setToolTip(show_text(value) if isinstance(value, Expression) else self.tip)


class WheelGuard(QObject):
    """Keeps the wheel from changing a box that one merely scrolls past."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return False


class ChoiceField(Field):
    """One of several; "auto" too where the setting is optional."""

    AUTO = "auto"

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.box = QComboBox()
        self.box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._guard = WheelGuard(self)
        self.box.installEventFilter(self._guard)
        if setting.optional:
            self.box.addItem(self.AUTO, None)
        for choice in setting.choices:
            self.box.addItem(choice, choice)
        self._name(self.box)
        self.setFocusProxy(self.box)
        self.box.setMinimumContentsLength(6)
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.activated.connect(lambda i: self.edited.emit(self.box.itemData(i), ""))
        self.row.addWidget(self.box)

    def show_value(self, value: SettingValue) -> None:
        self.value = value
        with QSignalBlocker(self.box):
            index = self.box.findData(value)
            if index < 0:  # an expression, or a choice that this version does not know: shown, not lost
                self.box.addItem(show_text(value), value)
                index = self.box.count() - 1
            self.box.setCurrentIndex(index)


class LineEdit(QLineEdit):
    """A line of text; `settled` is the text that stands in the drawing."""

    settled = ""

    def event(self, event: QEvent) -> bool:
        if not undoes_the_drawing(event, self.text() == self.settled):
            return super().event(event)
        return False


class TextField(Field):
    """str, ints ("3, 224, 224") and strs ("cat, dog")."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.edit = LineEdit()
        self._name(self.edit)
        self.setFocusProxy(self.edit)
        if setting.type != "str":
            self.edit.setFont(font(12, mono=True))
            self.edit.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.edit.setPlaceholderText("auto" if setting.optional else "")
        self.edit.editingFinished.connect(self._typed)
        self.row.addWidget(self.edit)

    def written(self, value: SettingValue) -> str:
        """The value as one types it."""
        return show_text(value)

    def show_value(self, value: SettingValue) -> None:
        self.value = value
        text = self.edit.settled = self.written(value)
        if self.edit.text() != text:
            self.edit.setText(text)
            self.edit.setCursorPosition(0)
        wide = QFontMetrics(self.edit.font()).horizontalAdvance(text) > max(self.edit.width() - 20, 110)
        self.edit.setToolTip(f"{rich(text)}<br>{self.tip}" if wide else self.tip)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.show_value(self.value)
            self.rejected.emit("")
            return
        super().keyPressEvent(event)

    def _typed(self) -> None:
        text = self.edit.text().strip()
        if text == self.edit.settled.strip():
            return
        try:
            self.edited.emit(self._read(text), "")
        except FieldError as error:
            self.rejected.emit(str(error))

    def _read(self, text: str) -> SettingValue:
        if not text and self.setting.optional:
            return None
        if self.expressions and text.startswith("=") and (whole := read_expression(text)) is not None:
            return whole
        if self.setting.type == "str":
            return text
        parts = [part.strip() for part in re.split(r"[,;×]", text.strip("()[] ")) if part.strip()]
        return tuple(parts) if self.setting.type == "strs" else tuple(map(self._number, parts))

    def _number(self, part: str) -> SettingValue:
        try:
            return float(part) if self.setting.type == "floats" else int(part)
        except ValueError:
            if self.expressions and (expression := read_expression(part)) is not None:
                return expression
            raise FieldError(
                f"`{part}` was typed, but {self.setting.name} needs {self.setting.wanted()}, as in "
                f"{'0.5, 0.4' if self.setting.type == 'floats' else '3, 224, 224'}."
            ) from None


class CodeField(Field):
    """code: lines of Python, over the whole width of the form."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.edit = CodeEdit()
        self._name(self.edit)
        self.setFocusProxy(self.edit)
        self.edit.typed.connect(lambda text: self.edited.emit(text, ""))
        self.row.addWidget(self.edit)

    @property
    def tip(self) -> str:
        return f"{super().tip}<br>Ctrl+Return, or leaving the field, takes the lines over."

    def show_value(self, value: SettingValue) -> None:
        self.value = value
        self.edit.show_text(show_text(value))


def make_field(setting: Setting) -> Field:
    """The field for a setting."""
    kinds: dict[str, type[Field]] = {
        "int": NumberField, "float": NumberField, "bool": SwitchField, "choice": ChoiceField, "pair": PairField,
        "code": CodeField,
    }  # fmt: skip
    return kinds.get(setting.type, TextField)(setting)
