"""The tabs under the canvas. A panel is made when its tab is first shown: plots cost a start nothing."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QStackedWidget, QTabBar, QVBoxLayout, QWidget

from app.window.parts import IconButton, line

BAR = 38
OPEN = 150
"""The least height of an open panel."""


class BottomTabs(QWidget):
    """Tabs by name; a click on the present tab, or the chevron, folds the panel away."""

    folded = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._makers: dict[str, Callable[[], QWidget]] = {}
        self._panels: dict[str, QWidget] = {}
        self._names: list[str] = []
        self.tabs = QTabBar()
        self.tabs.setExpanding(False)
        self.tabs.setDrawBase(False)
        self.tabs.setUsesScrollButtons(False)
        self.tabs.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.stack = QStackedWidget()
        self.stack.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.fold_button = IconButton("chevron-down", "Fold the panel away", side=28)
        self.fold_button.clicked.connect(lambda: self.set_folded(not self.is_folded))
        top = QHBoxLayout()
        top.setContentsMargins(8, 0, 8, 0)
        top.addWidget(self.tabs)
        top.addStretch()
        top.addWidget(self.fold_button)
        bar = QWidget()
        bar.setLayout(top)
        bar.setFixedHeight(BAR)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(bar)
        self._line = line()
        box.addWidget(self._line)
        box.addWidget(self.stack, 1)
        self.tabs.currentChanged.connect(self._changed)
        self.tabs.tabBarClicked.connect(self._clicked)
        self.setMinimumHeight(BAR + OPEN)

    def add(self, name: str, maker: Callable[[], QWidget]) -> None:
        """Add a tab whose panel `maker` makes when it is first needed."""
        self._makers[name] = maker
        self._names.append(name)
        self.tabs.addTab(name)

    def panel(self, name: str) -> QWidget:
        """The panel of a tab, made now where it was not yet."""
        if name not in self._panels:
            self._panels[name] = self._makers[name]()
            self.stack.addWidget(self._panels[name])
        return self._panels[name]

    def made(self, name: str) -> QWidget | None:
        """The panel of a tab where it was made."""
        return self._panels.get(name)

    def show_tab(self, name: str) -> None:
        """Unfold, and show a tab."""
        self.set_folded(False)
        self.tabs.setCurrentIndex(self._names.index(name))
        self.stack.setCurrentWidget(self.panel(name))

    @property
    def current(self) -> str:
        return self._names[self.tabs.currentIndex()]

    def set_text(self, name: str, text: str) -> None:
        """What a tab says: its name, and a number, say."""
        index = self._names.index(name)
        if self.tabs.tabText(index) != text:
            self.tabs.setTabText(index, text)

    @property
    def is_folded(self) -> bool:
        return self.stack.isHidden()

    def set_folded(self, folded: bool) -> None:
        """Show the tabs alone, or the panel too."""
        if folded == self.is_folded:
            return
        self.stack.setHidden(folded)
        self._line.setHidden(folded)
        self.setMinimumHeight(BAR if folded else BAR + OPEN)
        self.setMaximumHeight(BAR if folded else 16_777_215)
        self.fold_button.set_name("chevron-up" if folded else "chevron-down")
        self.fold_button.setToolTip("Show the panel" if folded else "Fold the panel away")
        self.folded.emit(folded)

    def _changed(self, index: int) -> None:
        if self._names and 0 <= index < len(self._names) and not self.is_folded and self.isVisible():
            self.stack.setCurrentWidget(self.panel(self._names[index]))

    def _clicked(self, index: int) -> None:
        if index >= 0 and self.is_folded:
            self.show_tab(self._names[index])
