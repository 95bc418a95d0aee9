"""The row of tabs above the canvas: one a drawing that is open."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QTabBar, QWidget

from app.window.parts import IconButton
from app.window.tabs import Tabs, Told
from app.window.theme import SECONDARY, font, icon, theme

LONGEST = 28
"""Characters of a title that a tab shows."""


class TabBar(QTabBar):
    """Hidden while there is one drawing. A click shows a tab, a drag moves it, the middle button closes it."""

    close_wanted = Signal(int)

    def __init__(self, tabs: Tabs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tabs = tabs
        self._said: list[Told] = []
        self.setObjectName("drawings")
        self.setAccessibleName("Open drawings")
        self.setMovable(True)
        self.setExpanding(False)
        self.setDrawBase(False)
        self.setUsesScrollButtons(True)
        self.setElideMode(Qt.TextElideMode.ElideNone)
        self.setIconSize(QSize(8, 8))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.currentChanged.connect(self._chosen)
        self.tabMoved.connect(self._moved)
        tabs.changed.connect(self.refresh)
        theme.changed.connect(self._redraw)
        self.refresh()

    def refresh(self) -> None:
        """Follow what is open; only tabs that say something new are touched."""
        told = [self._tabs.told(i) for i in range(len(self._tabs))]
        with QSignalBlocker(self):
            while self.count() > len(told):
                self.removeTab(self.count() - 1)
                self._said.pop()
            for i, one in enumerate(told):
                if i == self.count():
                    self.addTab("")
                    self._said.append(Told("", None, False))
                    self._say(i, one)
                elif one != self._said[i]:
                    self._say(i, one)
            self._said = told
            self.setCurrentIndex(self._tabs.index)
        self.setVisible(len(told) > 1)

    def _redraw(self) -> None:
        for i, one in enumerate(self._said):
            self._say(i, one)

    def _say(self, index: int, told: Told) -> None:
        title = told.title if len(told.title) <= LONGEST else told.title[: LONGEST - 2] + "…"
        self.setTabText(index, title.replace("&", "&&"))
        self.setTabToolTip(index, _words(told))
        self.setAccessibleTabName(index, _words(told))
        self.setTabButton(index, QTabBar.ButtonPosition.LeftSide, _signs(told))
        close = IconButton("x", f"Close {told.title} (Ctrl+W)", side=20)
        close.setIconSize(QSize(12, 12))
        close.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        close.clicked.connect(lambda: self._close(close))
        self.setTabButton(index, QTabBar.ButtonPosition.RightSide, close)

    def _close(self, button: QWidget) -> None:
        right = QTabBar.ButtonPosition.RightSide
        found = next((i for i in range(self.count()) if self.tabButton(i, right) is button), None)
        if found is not None:
            self.close_wanted.emit(found)

    def _chosen(self, index: int) -> None:
        self._tabs.show(index)

    def _moved(self, start: int, end: int) -> None:
        self._said.insert(end, self._said.pop(start))
        self._tabs.move(start, end)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        if event.button() == Qt.MouseButton.MiddleButton and (at := self.tabAt(event.position().toPoint())) >= 0:
            self.close_wanted.emit(at)


def _words(told: Told) -> str:
    """All that a tab says, for its tip and for those who do not see it."""
    words = [str(told.file) if told.file else f"{told.title}, in no file yet"]
    words += ["Changes are not saved"] if told.modified else []
    words += [f"{told.errors:,} problem{'s' * (told.errors != 1)}"] if told.errors else []
    words += [f"{told.warnings:,} warning{'s' * (told.warnings != 1)}"] if told.warnings else []
    words += ["Being trained"] if told.running else []
    return "\n".join(words)


def _signs(told: Told) -> QWidget | None:
    """What stands before the title: a run under way, how many problems there are, a dot for changes."""
    signs: list[tuple[str, str, str]] = []
    if told.running:
        signs.append(("play", theme.tokens.accent, ""))
    if told.errors:
        signs.append(("circle-x", theme.tokens.error, f"{told.errors:,}"))
    elif told.warnings:
        signs.append(("triangle-alert", theme.tokens.warn, f"{told.warnings:,}"))
    if not signs and not told.modified:
        return None
    made = QWidget()
    made.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
    row = QHBoxLayout(made)
    row.setContentsMargins(8, 0, 2, 0)
    row.setSpacing(3)
    for symbol, colour, number in signs:
        picture = QLabel()
        picture.setPixmap(icon(symbol, colour, 12).pixmap(12, 12))
        row.addWidget(picture)
        if number:
            row.addWidget(_text(number, colour))
    if told.modified:
        row.addWidget(_text("●", theme.tokens.accent, 9))
    made.adjustSize()
    return made


def _text(words: str, colour: str, size: float = SECONDARY) -> QLabel:
    made = QLabel(words)
    made.setFont(font(size, mono=True))
    made.setStyleSheet(f"color: {colour}; background: transparent; font-size: {size:g}px;")
    return made
