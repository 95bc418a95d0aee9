"""What the nodes on the canvas are coloured by: which figure, how large it is at each node, and on which scale.

This is the one place that decides what warms a node. The canvas, the bars over it and pictures all ask here.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QObject, Signal

from app.design.expand import GroupCall, TooLargeError, expand
from app.design.values import Design
from app.messages.parts import Field, Fields
from app.window import figures

if TYPE_CHECKING:
    from app.window.document import Document

TITLES = {
    "parameters": "Parameters", "macs": "MACs", "activations": "Activations", "field": "Receptive field",
    "time": "Measured time",
}  # fmt: skip
"""All measures, by name."""
WHOLE = math.inf
"""The receptive field of what sees the whole input."""


class Figure(NamedTuple):
    """What a node shows of a measure. `value` is what warms it; `old`: it was measured of another drawing."""

    value: float
    text: str
    old: bool = False


class Legend(NamedTuple):
    """What the colours mean: the figure at either end, all of it together, and the scale in words."""

    title: str
    low: str
    high: str
    total: str
    scale: str


class Overlay(QObject):
    """The measure that is shown, and its figures for the graph that is looked at."""

    changed = Signal()
    """Another measure is shown, or its figures are others."""

    def __init__(self, document: Document) -> None:
        super().__init__(document)
        self._document = document
        self.measure = ""
        """One of TITLES; "" while none is shown."""
        self._fields: dict[tuple[str, str], tuple[Field | None, ...]] = {}
        self._fields_of: Design | None = None
        self._groups: dict[str, GroupCall] = {}

    def listen(self) -> None:
        """Follow the document, once it is made."""
        document = self._document
        document.timings.changed.connect(lambda: self._follow("time"))
        document.analysed.connect(lambda: self._follow("parameters", "macs", "activations", "field"))
        document.place_changed.connect(lambda: self._follow(*TITLES))
        document.file_changed.connect(self._loaded)

    def _loaded(self) -> None:
        # After an edit the fields of before stand until the new ones are known; those of another drawing do not.
        if not self._document.undo_stack.count() and self._document.design is not self._fields_of:
            self._fields, self._groups, self._fields_of = {}, {}, None
            self._follow("field")

    def _follow(self, *measures: str) -> None:
        if self.measure in measures:
            self.changed.emit()

    def show(self, measure: str) -> None:
        """Colour the nodes by this measure; "" ends that."""
        if measure != self.measure:
            self.measure = measure
            self.changed.emit()

    def like(self, other: Overlay) -> None:
        """Show what another document's overlay shows, of the same drawing."""
        self._document.timings.like(other._document.timings)
        self._fields, self._groups, self._fields_of = other._fields, other._groups, self._document.design
        self.show(other.measure)

    # receptive fields -------------------------------------------------------------------------------------------------

    @property
    def needs_fields(self) -> bool:
        """Whether receptive fields are shown and those of the present drawing are not known."""
        return self.measure == "field" and self._fields_of is not self._document.design

    def take_fields(self, told: Fields, design: Design) -> None:
        """Take the receptive fields of `design`."""
        self._fields = {(output.id, output.port): output.fields for output in told.outputs}
        self._fields_of = design
        try:
            self._groups = {group.id: group for group in expand(design).groups}
        except TooLargeError:  # analysis says so, too
            self._groups = {}
        self._follow("field")

    def _field(self, path: str) -> Figure | None:
        group = self._groups.get(path)
        if group is not None:
            ends = [(end.node, end.port) for end in group.outputs.values() if end is not None]
        else:
            report = self._document.reports.get(path)
            ends = [(path, port.port) for port in report.outputs] if report is not None else []
        known = [field for end in ends for field in self._fields.get(end, ()) if field is not None and field.sizes]
        return max(map(_field_figure, known), key=lambda figure: figure.value, default=None)

    # figures ----------------------------------------------------------------------------------------------------------

    def figures(self) -> dict[str, Figure]:
        """The figure of each node of the graph that is looked at; nodes of which nothing is known are left out."""
        if not self.measure:
            return {}
        document = self._document
        paths = {node.id: document.id_path(node.id) for node in document.graph.nodes}
        if self.measure == "time":
            timed = {id: document.timings.of(path) for id, path in paths.items()}
            return {id: Figure(t.figure.share, t.text, t.old) for id, t in timed.items() if t is not None}
        if self.measure == "field":
            seen = {id: self._field(path) for id, path in paths.items()}
            return {id: figure for id, figure in seen.items() if figure is not None}
        reports = {id: report for id, path in paths.items() if (report := document.reports.get(path)) is not None}
        values = {id: int(getattr(report, self.measure)) for id, report in reports.items() if report.ok}
        whole = sum(values.values())
        return {id: Figure(value, self._share_words(value, whole)) for id, value in values.items()}

    def _share_words(self, value: int, whole: int) -> str:
        """`1.79 k, 12 %`; nothing of what has none: a zero on every activation is noise."""
        return f"{self._words(value)}, {figures.percent(value / whole)}" if value else ""

    def _words(self, value: float) -> str:
        return figures.size(round(value)) if self.measure == "activations" else figures.short(value)

    def warmth(self) -> dict[str, tuple[float, Figure]]:
        """How warm each node is, 0 to 1, and its figure. What was measured of another drawing is cool."""
        found = self.figures()
        top = self._top(found)
        return {id: (0.0 if figure.old else self._part(figure.value, top), figure) for id, figure in found.items()}

    def _top(self, found: dict[str, Figure]) -> float:
        """The value that is warmest. One that is old counts, lest the others look warmer than they are."""
        finite = [figure.value for figure in found.values() if figure.value != WHOLE]
        if self.measure == "field" and len(finite) < len(found):  # somebody sees all of the input: so far it goes
            analysis = self._document.analysis
            shapes = [t.shape[2:] for i in analysis.inputs for t in i.tensors] if analysis is not None else []
            finite += [float(size) for shape in shapes for size in shape]
        return max(finite, default=0.0)

    def _part(self, value: float, top: float) -> float:
        if self.measure == "field":
            if value == WHOLE:
                return 1.0
            return math.log(value) / math.log(top) if value > 1 and top > 1 else 0.0
        return value / top if top else 0.0

    def legend(self) -> Legend:
        """What the colours mean just now."""
        found, title = self.figures(), TITLES[self.measure]
        top = self._top(found)
        warmest = max(found.values(), key=lambda figure: figure.value, default=Figure(0, ""))
        if self.measure == "field":
            return Legend(title, "1", warmest.text or "–", "", "pixels of the input, logarithmic scale")
        if self.measure == "time":
            return Legend(title, "0", figures.percent(top), "", "share of the time, linear scale")
        total = sum(figure.value for figure in found.values())
        return Legend(title, "0", self._words(top), self._words(total), "share of the nodes shown, linear scale")


def _field_figure(field: Field) -> Figure:
    """`43 × 43`, warm by its longer side; `whole` for what sees all of the input."""
    sizes = [size for size in field.sizes if size is not None]
    if len(sizes) < len(field.sizes):
        return Figure(WHOLE, "whole")
    return Figure(max(sizes), " × ".join(map(str, sizes)))
