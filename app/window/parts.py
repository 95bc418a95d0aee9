"""Small things that the panels share: labels, numbers in words, switches, bars of a share."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QFrame, QLabel, QPushButton, QToolButton, QWidget

from app.messages import PortShape, Tensor
from app.window.sentences import Sentence
from app.window.theme import icon, theme

SIDE = 34
"""Width and height of an icon button."""


def label(text: str = "", role: str = "", *, wrap: bool = False) -> QLabel:
    """A line of text, or with `wrap` a sentence. Roles, as the style sheet knows them: title, heading, soft, faint,
    mono, monosoft, error."""
    if wrap:
        return Sentence(text, role)
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    if role:
        made.setProperty("role", role)
    return made


def mark(widget: QWidget, name: str, value: object) -> None:
    """Set a property that the style sheet asks for, and dress the widget again where it is new."""
    if widget.property(name) != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def button(text: str, kind: str = "", tip: str = "") -> QPushButton:
    """A push button. Kinds: "" quiet, primary, link."""
    made = QPushButton(text)
    if kind:
        made.setProperty("kind", kind)
    made.setToolTip(tip)
    made.setCursor(Qt.CursorShape.PointingHandCursor)
    return made


class IconButton(QToolButton):
    """A button that is an icon; it keeps its colours with the theme."""

    def __init__(self, name: str, tip: str, *, side: int = SIDE) -> None:
        super().__init__()
        self._name = name
        self.setToolTip(tip)
        self.setAccessibleName(tip)
        self.setFixedSize(side, side)
        self.setIconSize(QSize(16, 16))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._paint_icon()
        theme.changed.connect(self._paint_icon)

    def set_name(self, name: str) -> None:
        if name != self._name:
            self._name = name
            self._paint_icon()

    def _paint_icon(self) -> None:
        self.setIcon(icon(self._name))


def line() -> QFrame:
    """A thin line between two parts."""
    made = QFrame()
    made.setProperty("role", "line")
    made.setFixedHeight(1)
    return made


def area(name: str) -> QWidget:
    """A plain widget that the style sheet knows by `name`, and paints."""
    made = QWidget()
    made.setObjectName(name)
    made.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    return made


class Switch(QAbstractButton):
    """On or off."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setCheckable(True)
        self.setFixedSize(36, 20)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        on = self.isChecked()
        track = QRectF(1, 1, self.width() - 2, self.height() - 2)
        painter.setPen(theme.color("accent") if self.hasFocus() else theme.color("accent" if on else "line"))
        painter.setBrush(theme.color("accent" if on else "line"))
        painter.setOpacity(1.0 if self.isEnabled() else 0.5)
        painter.drawRoundedRect(track, 9, 9)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("on_accent" if on else "soft"))
        x = self.width() - 17 if on else 3
        painter.drawEllipse(QRectF(x, 3, 14, 14))


class ShareBar(QWidget):
    """How much of the whole a part is."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedSize(70, 8)
        self._share = 0.0

    def set_share(self, part: int, whole: int) -> None:
        self._share = min(part / whole, 1.0) if whole > 0 else 0.0
        self.setToolTip(f"{self._share:.1%} of the whole design")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        draw_bar(painter, QRectF(self.rect()), self._share)


def draw_bar(painter: QPainter, place: QRectF, share: float) -> None:
    """A bar that is filled up to `share`; anything above nothing is seen."""
    place = QRectF(place.x(), place.center().y() - 3, place.width(), 6)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.color("raised"))
    painter.drawRoundedRect(place, 3, 3)
    if share > 0:
        painter.setBrush(theme.color("accent"))
        painter.drawRoundedRect(QRectF(place.x(), place.y(), max(place.width() * share, 3), 6), 3, 3)


# numbers in words -----------------------------------------------------------------------------------------------------


def count(number: int) -> str:
    """1234 as "1,234"; what has more than seven digits as "86.7 M"."""
    return f"{number:,}" if abs(number) < 10_000_000 else short(number)


def short(number: float) -> str:
    """5,079,712 as "5.08 M"."""
    for limit, unit in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= limit * 0.9995:
            return f"{number / limit:.3g} {unit}" if abs(number) < limit * 999.5 else f"{number / limit:,.0f} {unit}"
    return f"{number:.0f}"


def size(number: int) -> str:
    """Bytes as "61 MB"."""
    for limit, unit in ((2**40, "TB"), (2**30, "GB"), (2**20, "MB"), (2**10, "kB")):
        if number >= limit:
            value = number / limit
            return f"{value:.1f} {unit}" if value < 10 else f"{value:,.0f} {unit}"
    return f"{number} B"


def signed(number: int) -> str:
    """A change in parameters: "+16.4 k", "±0"."""
    return "±0" if number == 0 else ("+" if number > 0 else "−") + short(abs(number))


def shape(tensor: Tensor) -> str:
    """`B × 64 × 56 × 56`."""
    return " × ".join(["B", *map(str, tensor.shape[1:])]) if tensor.shape else "one number"


def levels(tensors: tuple[Tensor, ...]) -> list[str]:
    """The shapes at a port, one a level, with the stride where it is known."""
    if len(tensors) == 1:
        return [shape(tensors[0])]
    return [shape(t) + (f"  /{t.stride:g}" if t.stride else "") for t in tensors]


def brief(tensors: tuple[Tensor, ...]) -> str:
    """The shapes at a port in one line; a pyramid by its channels and strides: `64 128 256  /8 /16 /32`."""
    if len(tensors) <= 1:
        return shape(tensors[0]) if tensors else ""
    each = [str(t.shape[1]) if len(t.shape) > 1 else "1" for t in tensors]
    channels = each[0] if len(set(each)) == 1 else " ".join(each)
    strides = " ".join(f"/{t.stride:g}" for t in tensors if t.stride)
    return f"{channels}  {strides}".rstrip()


def port_lines(ports: tuple[PortShape, ...]) -> list[tuple[str, str]]:
    """(port, shape) a line; the further levels of a pyramid without the name again."""
    lines: list[tuple[str, str]] = []
    for port in ports:
        shapes = levels(port.tensors) or ["not known yet"]
        lines += [(port.port, shapes[0]), *(("", text) for text in shapes[1:])]
    return lines
