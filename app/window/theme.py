"""The look: colour tokens for dark and light, fonts, icons. Widgets and items ask here and redraw on `changed`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from PySide6.QtCore import QByteArray, QObject, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

import resources
from app.window import contrast

BODY, SECONDARY, TITLE = 12.5, 11.0, 14.0
"""Sizes of type in px."""

CATEGORY_COLOURS = {
    "Ends": "#8b95a5", "Stem": "#2fb5a8", "Backbone": "#4c8df6", "Attention": "#b57bf0", "Neck": "#f0a13c",
    "Head": "#e56fb3", "Layer": "#6f9a5b", "Connector": "#7f8897", "Loss": "#b3875f", "Postprocess": "#4aa3c7",
    "Metric": "#5fb0a0", "Own blocks": "#9d8cf2", "Group": "#5b9cf6",
}  # fmt: skip


@dataclass(frozen=True)
class Tokens:
    """The colours of one theme."""

    dark: bool
    window: str
    panel: str
    raised: str
    line: str
    text: str
    soft: str
    faint: str
    accent: str
    on_accent: str
    canvas: str
    dots: str
    node: str
    wire: str
    ok: str
    warn: str
    error: str


DARK = Tokens(
    dark=True, window="#16181d", panel="#1d2026", raised="#252932", line="#323743", text="#e6e8ec", soft="#9aa1ad",
    faint="#6b7280", accent="#5b9cf6", on_accent="#0b1220", canvas="#14161a", dots="#262a32", node="#22262e",
    wire="#7d8694", ok="#4cc38a", warn="#f5b14c", error="#f2646b",
)  # fmt: skip
LIGHT = Tokens(
    dark=False, window="#f3f4f6", panel="#ffffff", raised="#f4f5f7", line="#dfe2e7", text="#1c2024", soft="#5b6370",
    faint="#8a92a0", accent="#2563eb", on_accent="#ffffff", canvas="#fafbfc", dots="#e3e6ea", node="#ffffff",
    wire="#8992a0", ok="#157347", warn="#8a5200", error="#c62f3b",
)  # fmt: skip


class Theme(QObject):
    """The theme in use. `mode` is "system", "dark" or "light"; `changed` fires when the colours do."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.mode = "system"
        self.tokens = DARK

    def set_mode(self, mode: str) -> None:
        self.mode = mode
        self.follow()

    def follow(self) -> None:
        """Take the colours that the mode, or with "system" the desktop, asks for."""
        scheme = QGuiApplication.styleHints().colorScheme()
        dark = self.mode == "dark" or (self.mode == "system" and scheme != Qt.ColorScheme.Light)
        tokens = DARK if dark else LIGHT
        if tokens is not self.tokens:
            self.tokens = tokens
            icon.cache_clear()
            self.changed.emit()

    def color(self, token: str) -> QColor:
        """The colour of a token ("accent"), as it is now."""
        return QColor(getattr(self.tokens, token))

    def category(self, category: str) -> QColor:
        """A category's colour; in the light theme as deep as it takes to stand out from the ground."""
        own = QColor(CATEGORY_COLOURS.get(category, CATEGORY_COLOURS["Connector"]))
        return contrast.readable(own, self.color("window"), QColor("black"), contrast.MARK) if not self.dark else own

    @property
    def dark(self) -> bool:
        return self.tokens.dark


theme = Theme()


@lru_cache(maxsize=512)
def icon(name: str, colour: str = "", size: int = 16) -> QIcon:
    """A bundled icon in `colour` (default: the theme's soft text), sharp at double density too."""
    svg = resources.path("icons", f"{name}.svg").read_text(encoding="utf-8")
    shades = {
        QIcon.Mode.Normal: colour or theme.tokens.soft,
        QIcon.Mode.Active: colour or theme.tokens.text,
        QIcon.Mode.Disabled: theme.tokens.faint,
    }
    made = QIcon()
    for mode, shade in shades.items():
        renderer = QSvgRenderer(QByteArray(svg.replace("currentColor", shade).encode()))
        for density in (1, 2):
            pixmap = QPixmap(QSize(size, size) * density)
            pixmap.setDevicePixelRatio(density)
            pixmap.fill(Qt.GlobalColor.transparent)
            painter = QPainter(pixmap)
            renderer.render(painter, QRectF(0, 0, size, size))
            painter.end()
            made.addPixmap(pixmap, mode)
    return made


def load_fonts() -> None:
    """Make the bundled faces known to Qt and take one; once, after the application is made and before any widget: a
    style sheet that comes later fixes the face that a widget has."""
    for face in sorted(resources.path("fonts").iterdir()):
        if face.suffix in (".ttf", ".otf"):
            QFontDatabase.addApplicationFont(str(face))
    QApplication.setFont(font())


def font(size: float = BODY, *, mono: bool = False, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    """The body face, or for numbers the monospaced one, at `size` px."""
    made = QFont("JetBrains Mono" if mono else "Inter")
    made.setPixelSize(round(size))
    made.setWeight(weight)
    return made
