"""Where the code stands: in its tab under the canvas, or beside the canvas, so that both are seen while one draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QSplitter, QStackedWidget, QVBoxLayout

from app.window.code_panel import CodePanel
from app.window.notice import Notice
from app.window.panels import CODE_BESIDE
from app.window.parts import area

if TYPE_CHECKING:
    from app.window.main_window import MainWindow

SHARE = 0.45
"""Of the room over the lower panels, when it is put there first."""


class CodeTab(QStackedWidget):
    """The Code tab: the panel, or while that stands beside the canvas a sentence that says so."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__()
        self._window = window
        self._split: QSplitter | None = None
        self.code = CodePanel(window.document, window.engines)
        self._away = Notice(tall=True)
        self._away.say("none", "The code stands beside the canvas.", ("Put it back here", lambda: self.stand(False)))
        self._side = area("panel")
        self._box = QVBoxLayout(self._side)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._side.setMinimumWidth(300)
        self.addWidget(self._away)
        self.addWidget(self.code)
        self.setCurrentWidget(self.code)
        self.code.beside_button.toggled.connect(self.stand)
        window.tabs.is_typed = self.code.editing.keeps
        window.tabs.closed.connect(self.code.editing.forget)
        window.files.typed.connect(lambda: window.bottom.show_tab("Code"))
        if window.settings.value(CODE_BESIDE, "false") == "true":
            self.stand(True)

    @property
    def beside(self) -> bool:
        """Whether the code stands beside the canvas."""
        return self.code.parentWidget() is self._side

    def stand(self, beside: bool) -> None:
        """Put the code beside the canvas, or back into its tab."""
        if beside == self.beside:
            return
        focus = QApplication.focusWidget()
        focused = focus is not None and self.code.isAncestorOf(focus)
        if beside:
            split = self._split or self._make_room()
            self.removeWidget(self.code)
            self._box.addWidget(self.code)
            self._side.show()
            wide = split.width()
            split.setSizes([round(wide * (1 - SHARE)), round(wide * SHARE)])
            if self._window.bottom.made("Code") is self:  # else it is being made: whoever asks for it wants it seen
                self._window.bottom.show_tab("Problems")
        else:
            self._box.removeWidget(self.code)
            self.addWidget(self.code)
            self._side.hide()
        self.setCurrentWidget(self._away if beside else self.code)
        self.code.show()
        if focused:
            self.code.view.setFocus()
        self.code.beside_button.setChecked(beside)
        self._window.settings.setValue(CODE_BESIDE, "true" if beside else "false")

    def _make_room(self) -> QSplitter:
        """Divide what is over the lower panels: the canvas at the left, the code at the right."""
        split = self._split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.setHandleWidth(1)
        sizes = self._window.middle.sizes()
        canvas = self._window.middle.replaceWidget(0, split)
        assert canvas is not None
        split.addWidget(canvas)
        split.addWidget(self._side)
        split.setStretchFactor(0, 1)
        canvas.show()
        split.show()
        self._window.middle.setSizes(sizes)
        return split
