"""A field for a number, or where it is allowed an expression; and how values are written and read in fields."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QValidator, QWheelEvent
from PySide6.QtWidgets import QAbstractSpinBox

from app.design.expressions import ExpressionError, parse
from app.design.values import Expression, SettingValue
from app.window.theme import font
from blocks.card import Setting

PAUSE = 900
"""Milliseconds: steps of a number with shorter pauses between them are one undo step."""


class FieldError(ValueError):
    """What was typed is not what the field takes; the sentence says what is."""


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

    def __init__(self, setting: Setting, expressions: Callable[[], bool], *, whole: bool) -> None:
        super().__init__()
        self._setting, self._expressions, self._whole = setting, expressions, whole
        self._shown: SettingValue = None
        self._burst = 0
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # the wheel alone, while one scrolls past, changes nothing
        self.setKeyboardTracking(False)
        self.setMinimumWidth(52)  # two of them and a link stand side by side in the inspector
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
        if self._expressions() and (expression := read_expression(text)) is not None:
            return expression
        plain = text.removeprefix("=").strip().replace("_", "")
        try:
            return int(plain)
        except ValueError:
            try:
                return float(plain)
            except ValueError:
                hint = "" if self._expressions() else " Expressions work inside a Group."
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
        if not undoes_the_drawing(event, self.lineEdit().text() == show_text(self._shown)):
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


def undoes_the_drawing(event: QEvent, untouched: bool) -> bool:
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
