"""Small things that the panels share: labels, switches, bars of a share."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QFrame, QLabel, QPushButton, QSizePolicy, QToolButton, QWidget

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


class ElidedButton(QPushButton):
    """A button as wide as it is let, whose words end in an ellipsis where there is no room; the tip has them all."""

    def __init__(self, text: str, kind: str, tip: str) -> None:
        super().__init__()
        self.words = text
        self.setProperty("kind", kind)
        self.setToolTip(f"{text}\n{tip}")
        self.setAccessibleName(text)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.setText(self.fontMetrics().elidedText(self.words, Qt.TextElideMode.ElideRight, self.width() - 24))


class ElidedLabel(QLabel):
    """A path as wide as it is let; where there is no room its end is shown, which tells more. The tip has it all."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.say(text)

    def say(self, text: str) -> None:
        """Show another text."""
        self.words = text
        self.setToolTip(text)
        self.setAccessibleName(text)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        self.setText(self.fontMetrics().elidedText(self.words, Qt.TextElideMode.ElideLeft, self.width()))


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
