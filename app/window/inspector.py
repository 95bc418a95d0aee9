"""The inspector: what is selected, its form and its facts; the whole design while nothing is."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from app.window.document import Document
from app.window.engines import Engines
from app.window.inspector_frame import FramePage
from app.window.inspector_node import NodePage
from app.window.inspector_pages import GroupPage, OverviewPage, Page, SeveralPage
from app.window.parts import area
from app.window.questions import Questions


class Inspector(QScrollArea):
    """Shows one page: the overview, a Group's own settings, one node, or several nodes."""

    def __init__(self, document: Document, engines: Engines, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._engines = engines
        self._ids: list[str] = []
        self._frames: list[str] = []
        self._page: Page | None = None
        self.setObjectName("panel")
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumWidth(250)
        self._holder = area("content")
        self._box = QVBoxLayout(self._holder)
        self._box.setContentsMargins(16, 14, 16, 16)
        self._box.setSpacing(0)
        self._box.addStretch(1)
        self.setWidget(self._holder)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self.refresh)
        for signal in (document.changed, document.analysed, document.place_changed, document.catalogue_changed):
            signal.connect(self._soon)
        document.timings.changed.connect(self._soon)
        self.refresh()

    def set_selection(self, ids: list[str], frames: Sequence[str] = ()) -> None:
        """Show these nodes of the present graph; without nodes, the one frame."""
        if ids != self._ids or list(frames) != self._frames:
            self._ids, self._frames = list(ids), list(frames)
            self._soon()

    @property
    def page(self) -> Page:
        assert self._page is not None
        return self._page

    def _bare(self) -> type[Page]:
        """What is shown while no node is selected."""
        return GroupPage if self._document.where else OverviewPage

    def _soon(self, *_ignored: object) -> None:
        # An edit fires several signals, and analysis follows in a moment: draw once for all of them.
        if not self._later.isActive():
            self._later.start(0)

    def refresh(self) -> None:
        """Bring the page up to date; it is made anew only when it is about something else."""
        self._later.stop()
        graph = self._document.graph
        ids = [id for id in self._ids if id in graph.by_id]
        kind: type[Page]
        if len(ids) == 1:
            kind = NodePage
        elif ids:
            kind = SeveralPage
        elif framed := [id for id in self._frames if id in graph.frame_by_id][:2]:
            kind, ids = (FramePage, framed) if len(framed) == 1 else (self._bare(), [])
        else:
            kind = self._bare()
        key = (kind, kind.key(self._document, ids))
        if self._page is None or self._page.made_for != key:
            page = kind(self._document, ids, self._engines)
            page.made_for = key
            if self._page is not None:
                for questions in self._page.findChildren(Questions):
                    questions.drop()  # it is deleted later: no answer must reach it until then
                self._box.removeWidget(self._page)
                self._page.hide()
                self._page.deleteLater()
            self._box.insertWidget(0, page)
            self._page = page
            self.verticalScrollBar().setValue(0)
        self._page.refresh()
