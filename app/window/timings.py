"""What was measured of the drawing, beside the drawing: each node's figure, and whether it still holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from PySide6.QtCore import QObject, Signal

from app.design.expand import TooLargeError, expand
from app.design.values import Design
from app.messages import Analysis
from app.messages.profile import NodeTime, Profile
from app.messages.reports import PortShape
from app.window import figures

if TYPE_CHECKING:
    from app.window.document import Document


class Timing(NamedTuple):
    """A node's figure. `old`: its settings or shapes were others when it was measured."""

    figure: NodeTime
    old: bool

    @property
    def brief(self) -> str:
        """`1.24 ms`; of an old one `was 1.24 ms`."""
        return ("was " if self.old else "") + figures.duration(self.figure.time)

    @property
    def text(self) -> str:
        """`1.24 ms, 18 %`; of an old one `was 1.24 ms`: its share was that of another drawing."""
        return self.brief if self.old else f"{self.brief}, {figures.percent(self.figure.share)}"

    @property
    def words(self) -> str:
        """`forward 1.24 ms ± 0.03 ms, backward 2.5 ms ± 0.1 ms, 3.1 MB, 18 % of the time`."""
        told = self.figure
        parts = [("forward ", told.forward, told.forward_spread), ("backward ", told.backward, told.backward_spread)]
        times = [
            f"{name}{figures.duration(time)} ± {figures.duration(spread)}" for name, time, spread in parts if time
        ]
        said = ", ".join([*times, figures.size(told.memory), f"{figures.percent(told.share)} of the time"])
        return f"{said}; the node was another one then" if self.old else said


@dataclass
class Measured:
    """A measurement of one drawing, as `Timings` keeps it."""

    profile: Profile | None = None
    design: Design | None = None
    figures: dict[str, NodeTime] = field(default_factory=dict)
    then: dict[str, Any] = field(default_factory=dict)
    now: dict[str, Any] = field(default_factory=dict)


class Timings(QObject):
    """The figures of the last measurement. An edit makes those of the nodes that it changes old, undoing it brings them
    back; another drawing drops them all."""

    changed = Signal()

    def __init__(self, document: Document) -> None:
        super().__init__(document)
        self._document = document
        self.profile: Profile | None = None
        self._design: Design | None = None
        self._figures: dict[str, NodeTime] = {}
        self._then: dict[str, Any] = {}
        """What each call and Group was when it was measured."""
        self._now: dict[str, Any] = {}

    def listen(self) -> None:
        """Follow the document, once it is made."""
        self._document.analysed.connect(self._follow)
        self._document.file_changed.connect(self._loaded)

    def take(self, profile: Profile, design: Design, analysis: Analysis) -> None:
        """Take what was measured of `design`, and what was known of it then."""
        self.profile, self._design = profile, design
        self._figures = {one.id: one for one in (*profile.nodes, *profile.groups)}
        self._then = signs(design, analysis)
        self._now = self._then
        if self._document.design is not design:
            self._look()
        self.changed.emit()

    def swap(self, other: Measured) -> Measured:
        """Take the figures of a drawing that is about to be shown; returns those of the one before."""
        kept = Measured(self.profile, self._design, self._figures, self._then, self._now)
        self.profile, self._design, self._figures = other.profile, other.design, other.figures
        self._then, self._now = other.then, other.now
        return kept

    def drop(self) -> None:
        """Forget it all."""
        if self.profile is not None:
            self.profile = self._design = None
            self._figures, self._then, self._now = {}, {}, {}
            self.changed.emit()

    def like(self, other: Timings) -> None:
        """Take over what another document has of the same drawing."""
        self.profile, self._design, self._figures = other.profile, self._document.design, other._figures
        self._then, self._now = other._then, other._now
        self.changed.emit()

    def of(self, id: str) -> Timing | None:
        """The figure of a call or Group by its path; None where there is none."""
        figure = self._figures.get(id)
        return Timing(figure, self._now.get(id) != self._then.get(id)) if figure is not None else None

    @property
    def outdated(self) -> bool:
        """Whether the drawing is another one than was measured."""
        return self._now != self._then

    def _loaded(self) -> None:
        # Undo does not reach back to another drawing; one that is saved stays the one that it is.
        if not self._document.undo_stack.count() and self._document.design is not self._design:
            self.drop()

    def _follow(self) -> None:
        if self.profile is not None:
            before = self._now
            self._look()
            if self._now != before:
                self.changed.emit()

    def _look(self) -> None:
        analysis = self._document.analysis
        if analysis is not None and analysis.revision == self._document.revision:
            self._now = signs(self._document.design, analysis)


def signs(design: Design, analysis: Analysis) -> dict[str, Any]:
    """Of each call and Group what its time hangs on: equal values, equal work."""
    try:
        expanded = expand(design)
    except TooLargeError:
        return {}
    reports = {report.id: report for report in analysis.nodes}
    found: dict[str, Any] = {}
    for call in expanded.calls:
        report = reports.get(call.id)
        shapes = (_shapes(report.inputs), _shapes(report.outputs)) if report is not None else None
        found[call.id] = call.block, call.settings, call.frozen, shapes
    for group in expanded.groups:
        found[group.id] = tuple((member, found[member]) for member in group.members)
    return found


def _shapes(ports: tuple[PortShape, ...]) -> tuple[Any, ...]:
    """Strides say nothing of the work."""
    return tuple((port.port, tuple((t.shape, t.dtype) for t in port.tensors)) for port in ports)
