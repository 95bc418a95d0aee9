"""Fields for numbers of any size, as learning rates are. A text that is none is marked and changes nothing."""

from __future__ import annotations

import math
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QLineEdit, QWidget

from app.window import parts
from app.window import theme as look
from app.window.number_edit import FieldError, show_text


def mono() -> QFont:
    """What numbers and paths are written in."""
    return look.font(look.BODY, mono=True)


class RateEdit(QLineEdit):
    """A field for a number ("0.001", "1e-4") from `low` up; with `below` less than that, with `optional` or nothing,
    which stands for what is usual."""

    committed = Signal(object)
    marked = Signal()
    """`refusal` is new."""

    def __init__(
        self, low: float, parent: QWidget | None = None, *, positive: bool = False, below: float = math.inf,
        most: float = math.inf, optional: bool = False, tip: str = "",
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._low, self._positive, self._below, self._most = low, positive, below, most
        self._optional, self._tip = optional, tip
        self.refusal = ""
        """Why what stands here cannot be taken."""
        self.setFont(mono())
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setToolTip(tip)
        self.editingFinished.connect(self._commit)
        self.textEdited.connect(lambda _text: self._mark(""))

    def set_value(self, value: Any) -> None:
        if not self.hasFocus() or not self.isModified():
            self.setText(self.written(value))
            self.setCursorPosition(0)
            self._mark("")

    def written(self, value: Any) -> str:
        """A value as it stands here."""
        return "" if value is None else f"{value:g}"

    def read(self, text: str) -> Any:
        """The value of what was typed. Raises FieldError."""
        if not text.strip() and self._optional:
            return None
        try:
            value = float(text.replace(",", "."))
        except ValueError:
            raise FieldError(f"“{text}” is no number: write it as 0.001 or 1e-3") from None
        if not (math.isfinite(value) and value >= self._low) or (self._positive and value == 0):
            least = "above" if self._positive else "of at least"
            raise FieldError(f"It is {value:g}, but it needs a number {least} {self._low:g}")
        if value >= self._below or value > self._most:
            most = f"below {self._below:g}" if value >= self._below else f"of at most {self._most:g}"
            raise FieldError(f"It is {value:g}, but it needs a number {most}")
        return value

    def _commit(self) -> None:
        if not self.isModified():
            return
        try:
            value = self.read(self.text())
        except FieldError as error:
            self._mark(str(error))
            return
        self.setModified(False)
        self._mark("")
        self.committed.emit(value)

    def _mark(self, why: str) -> None:
        self.setToolTip(why or self._tip)
        parts.mark(self, "refused", bool(why))
        if why != self.refusal:
            self.refusal = why
            self.marked.emit()


class NumbersEdit(RateEdit):
    """A field for numbers with commas between ("30, 60"), or for none."""

    def written(self, value: Any) -> str:
        return show_text(value)

    def read(self, text: str) -> Any:
        try:
            values = tuple(float(part) for part in text.replace(";", ",").split(",") if part.strip())
        except ValueError:
            raise FieldError(f"“{text}” is no list of numbers: write it as 30, 60") from None
        if not all(math.isfinite(value) and value > 0 for value in values):
            raise FieldError("Each of the numbers needs to be above 0")
        return tuple(sorted(values))
