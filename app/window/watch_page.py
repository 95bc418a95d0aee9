"""The page "Layers" of a run: how each node of a run fares, while it trains and after."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QVBoxLayout, QWidget

from app.messages.watch import LayerWatch
from app.window import parts
from app.window.runs import Run
from app.window.sentences import Elided
from app.window.watch_pictures import FlowPicture, StripPicture, columns, words_of

BESIDE = 640
"""Pixels from which the pictures stand beside each other where there is little height."""


class WatchPage(QWidget):
    """The gradient from the first node to the last, and how one node's weights and gradients are spread."""

    chosen = Signal(str)
    """The path of a node: the user wants to see it on the canvas."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run: Run | None = None
        self.current = ""
        self.said = Elided("monosoft", "")
        self.closely = parts.button("Closely", "chip", "")
        self.closely.setCheckable(True)
        self.closely.setAccessibleName("Watch the layers closely")
        self.closely.setToolTip(
            "From the next run on, measure at every point of the curves: it may cost some per cent of the speed.\n"
            "Without it the layers are measured as often as four thousandths of the time allow."
        )
        self.flow = FlowPicture(self)
        self.weights, self.gradients = StripPicture("Weights", self), StripPicture("Gradients", self)
        self.head = QWidget(self)
        """The node that is chosen, and the switch; they stand beside the tabs, where they cost no height."""
        head = QHBoxLayout(self.head)
        head.setContentsMargins(0, 0, 0, 0)
        head.setSpacing(10)
        head.addWidget(self.said, 1)
        head.addWidget(self.closely)
        strips = QHBoxLayout()
        strips.setSpacing(8)
        strips.addWidget(self.weights)
        strips.addWidget(self.gradients)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        self._pictures = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._pictures.setSpacing(6)
        self._pictures.addWidget(self.flow, 1)
        self._pictures.addLayout(strips, 1)
        column.addLayout(self._pictures, 1)
        self.flow.chosen.connect(self._choose)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        beside = self.width() > BESIDE and self.width() > 2 * self.height()
        way = QBoxLayout.Direction.LeftToRight if beside else QBoxLayout.Direction.TopToBottom
        self._pictures.setDirection(way)
        self._pictures.setSpacing(8 if beside else 6)

    def show_run(self, run: Run | None) -> None:
        """Show what was measured of a run."""
        if run is not self._run:
            self._run, self.current = run, ""
        layers = self._layers()
        if not any(at.id == self.current for at in layers):
            ill = list(self._ill())
            self.current = next((at.id for at in layers if at.id in ill), layers[0].id if layers else "")
        self.flow.show_layers(layers, self._ill(), self.current)
        self._show_current()

    def _layers(self) -> list[LayerWatch]:
        """Those with weights, of the last measurement."""
        watched = self._run.watched if self._run is not None else []
        return [at for at in watched[-1].layers if at.weights is not None] if watched else []

    def _ill(self) -> dict[str, str]:
        watched = self._run.watched if self._run is not None else []
        troubles = watched[-1].troubles if watched else ()
        found: dict[str, str] = {}
        for trouble in reversed(troubles):
            found.update(dict.fromkeys((*trouble.others, trouble.id), trouble.severity))
        return found

    def _choose(self, id: str) -> None:
        self.current = id
        self._show_current()
        self.chosen.emit(id)

    def _show_current(self) -> None:
        watched = self._run.watched if self._run is not None else []
        layer = next((at for at in self._layers() if at.id == self.current), None)
        if layer is None:
            said = "Nothing was measured yet: the first figures come with the first points of the curves."
        else:
            ills = [t.code for t in watched[-1].troubles if self.current == t.id or self.current in t.others]
            said = " · ".join([layer.name, *ills, words_of(layer)])
        self.said.setText(said)
        name = layer.name if layer is not None else "no node"
        for picture, kind in ((self.weights, "weights"), (self.gradients, "gradients")):
            picture.show_points(columns(watched, self.current, kind), name)
