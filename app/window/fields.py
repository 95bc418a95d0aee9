"""Form fields, one for each type of setting. A field shows a value and announces another; it changes nothing itself."""

from __future__ import annotations

import math
import re

from PySide6.QtCore import QEvent, QObject, QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QKeySequence, QValidator, QWheelEvent
from PySide6.QtWidgets import QAbstractSpinBox, QComboBox, QHBoxLayout, QLineEdit, QWidget

from app.design.expressions import ExpressionError, parse
from app.design.values import Expression, SettingValue
from app.window.parts import IconButton, Switch
from app.window.theme import font
from blocks.card import Setting

PAUSE = 900
"""Milliseconds: steps of a number with shorter pauses between them are one undo step."""


class FieldError(ValueError):
    """What was typed is not what the field takes; the sentence says what is."""


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

    def show_value(self, value: SettingValue) -> None:
        """Show a value; nothing is announced."""
        raise NotImplementedError

    def _name(self, editor: QWidget, suffix: str = "") -> None:
        editor.setObjectName(f"setting-{self.setting.name}{suffix}")
        editor.setAccessibleName(self.setting.name + suffix)
        editor.setToolTip(self.setting.help)


def show_text(value: SettingValue) -> str:
    """A value as one types it: `3, 224, 224`, `= width * 2`."""
    match value:
        case None:
            return ""
        case Expression(expression):
            return f"= {expression}"
        case tuple():
            return ", ".join(map(show_text, value))
        case float():
            return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return str(value)


def read_expression(text: str) -> Expression | None:
    """What is typed with a leading `=`, or is arithmetic with names, as an Expression. Raises FieldError."""
    text = text.strip()
    if not text.startswith("=") and not re.search(r"[A-Za-z_]|[*/%()]|\S\s*[+-]\s*\S", text):
        return None
    text = text.removeprefix("=").strip()
    if re.fullmatch(r"[+-]?[0-9.]+(e[+-]?[0-9]+)?", text, re.IGNORECASE):
        return None
    try:
        parse(text)
    except ExpressionError as error:
        raise FieldError(str(error)) from None
    return Expression(text)


class NumberEdit(QAbstractSpinBox):
    """A number with steps that never wrap, which takes an expression too. It announces on Enter, on leaving, and at
    each step."""

    announced = Signal(object, str)
    rejected = Signal(str)

    def __init__(self, setting: Setting, field: Field, *, whole: bool) -> None:
        super().__init__()
        self._setting, self._field, self._whole = setting, field, whole
        self._shown: SettingValue = None
        self._burst = 0
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # the wheel alone, while one scrolls past, changes nothing
        self.setKeyboardTracking(False)
        self.lineEdit().setFont(font(12, mono=True))
        self.lineEdit().setAlignment(Qt.AlignmentFlag.AlignRight)
        if setting.optional:
            self.lineEdit().setPlaceholderText("auto")
        self.editingFinished.connect(self._typed)

    def show_value(self, value: SettingValue) -> None:
        self._shown = value
        text = show_text(value)
        if self.lineEdit().text() != text:
            self.lineEdit().setText(text)
            self.lineEdit().setCursorPosition(0)

    def validate(self, text: str, place: int) -> tuple[QValidator.State, str, int]:
        # What is wrong gets a sentence, not a keyboard that does not answer.
        return QValidator.State.Acceptable, text, place

    def stepEnabled(self) -> QAbstractSpinBox.StepEnabledFlag:
        flags = QAbstractSpinBox.StepEnabledFlag.StepNone
        if isinstance(self._shown, Expression):
            return flags
        number = self._number()
        if self._setting.max is None or number < self._setting.max:
            flags |= QAbstractSpinBox.StepEnabledFlag.StepUpEnabled
        if self._setting.min is None or number > self._setting.min:
            flags |= QAbstractSpinBox.StepEnabledFlag.StepDownEnabled
        return flags

    def stepBy(self, steps: int) -> None:
        try:
            start = self._read()
        except FieldError:
            start = self._shown
        if isinstance(start, Expression):
            return
        number = float(start) if isinstance(start, int | float) else self._number()
        number = number + steps if self._whole else number + steps * _step(number)
        low, high = self._setting.min, self._setting.max
        number = max(number, low) if low is not None else number
        number = min(number, high) if high is not None else number
        value: SettingValue = round(number) if self._whole else float(f"{number:.12g}")
        if not self._pause.isActive():
            self._burst += 1
        self._pause.start()
        self.show_value(value)
        self.announced.emit(value, f"step{id(self)}-{self._burst}")

    def _number(self) -> float:
        if isinstance(self._shown, int | float):
            return self._shown
        return self._setting.min or 0

    def _read(self) -> SettingValue:
        text = self.lineEdit().text().strip()
        if not text:
            return None
        if self._field.expressions and (expression := read_expression(text)) is not None:
            return expression
        plain = text.removeprefix("=").strip().replace("_", "")
        try:
            return int(plain)
        except ValueError:
            try:
                return float(plain)
            except ValueError:
                hint = "" if self._field.expressions else " Expressions work inside a Group."
                needed = f"{self._setting.name} needs {self._setting.wanted()}"
                raise FieldError(f"`{text}` was typed, but {needed}.{hint}") from None

    def _typed(self) -> None:
        if self.lineEdit().text().strip() == show_text(self._shown).strip():
            return
        try:
            value = self._read()
        except FieldError as error:
            self.rejected.emit(str(error))
            return
        self.announced.emit(value, "")

    def event(self, event: QEvent) -> bool:
        if not _undoes_the_drawing(event, self.lineEdit().text() == show_text(self._shown)):
            return super().event(event)
        return False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.show_value(self._shown)
            self.rejected.emit("")
            return
        super().keyPressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


def _undoes_the_drawing(event: QEvent, untouched: bool) -> bool:
    """Whether undo or redo, pressed in a field in which nothing was typed, is meant for the drawing: the field then
    leaves the keys to the window."""
    return (
        untouched
        and isinstance(event, QKeyEvent)
        and event.type() == QEvent.Type.ShortcutOverride
        and (event.matches(QKeySequence.StandardKey.Undo) or event.matches(QKeySequence.StandardKey.Redo))
    )


def _step(number: float) -> float:
    """A tenth of a number's own size: 0.001 steps by 0.0001, 1.0 by 0.1."""
    if number == 0:
        return 0.1
    return float(10.0 ** (math.floor(math.log10(abs(number))) - 1))


class NumberField(Field):
    """int and float."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.edit = NumberEdit(setting, self, whole=setting.type == "int")
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
        self.edits = (NumberEdit(setting, self, whole=True), NumberEdit(setting, self, whole=True))
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
        self.switch.setToolTip(show_text(value) if isinstance(value, Expression) else self.setting.help)


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
        if not _undoes_the_drawing(event, self.text() == self.settled):
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

    def show_value(self, value: SettingValue) -> None:
        self.value = value
        text = self.edit.settled = show_text(value)
        if self.edit.text() != text:
            self.edit.setText(text)
            self.edit.setCursorPosition(0)
        wide = QFontMetrics(self.edit.font()).horizontalAdvance(text) > max(self.edit.width() - 20, 110)
        self.edit.setToolTip(f"{text}\n{self.setting.help}" if wide else self.setting.help)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.show_value(self.value)
            self.rejected.emit("")
            return
        super().keyPressEvent(event)

    def _typed(self) -> None:
        text = self.edit.text().strip()
        if text == show_text(self.value).strip():
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
        return tuple(parts) if self.setting.type == "strs" else tuple(map(self._whole, parts))

    def _whole(self, part: str) -> SettingValue:
        try:
            return int(part)
        except ValueError:
            if self.expressions and (expression := read_expression(part)) is not None:
                return expression
            raise FieldError(
                f"`{part}` was typed, but {self.setting.name} needs {self.setting.wanted()}, as in 3, 224, 224."
            ) from None


def make_field(setting: Setting) -> Field:
    """The field for a setting."""
    kinds: dict[str, type[Field]] = {
        "int": NumberField, "float": NumberField, "bool": SwitchField, "choice": ChoiceField, "pair": PairField,
    }  # fmt: skip
    return kinds.get(setting.type, TextField)(setting)
