"""What would come out if the wire in the hand were let go here: what is known at once, then what the engine says."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from app.design import edits
from app.design.values import End
from app.messages.trial import TriedOut
from app.window.canvas import texts
from app.window.canvas.fitting import given, why_not
from app.window.canvas.wiring import Wiring
from app.window.document import REFUSALS

if TYPE_CHECKING:
    from app.window.canvas.view import CanvasView


class Outcome:
    """Follows one wire from port to port."""

    def __init__(self, view: CanvasView, wiring: Wiring, told: Callable[[], None]) -> None:
        """`told` is called when the engine has said something new of the port that the wire is over."""
        self._view, self._wiring, self._say = view, wiring, told
        self._target: End | None = None
        self._told: dict[End, TriedOut] = {}
        """What the engine has said of the ports that the wire was over."""
        self._arrives = self._doubt = ""

    def look_at(self, target: End | None) -> None:
        """The wire is over the port `target`, which takes it; None: over none."""
        if target == self._target:
            return
        self._target = target
        trials = self._view.trials
        if trials is not None:
            trials.drop()
        if target is None:
            return
        self._think(target)
        if trials is None or target in self._told:
            return
        document, wire = self._view.document, self._wiring.wire_to(target)
        try:
            design = edits.connect(
                self._wiring.design, self._wiring.where, wire.source, wire.target, document.catalogue, replace_wire=True
            )
        except REFUSALS:
            return  # the reason is shown already
        trials.ask(design, document.id_path(wire.target.node), lambda told: self._answered(target, told))

    def _think(self, target: End) -> None:
        """What ports and analysis say without a run."""
        wire = self._wiring.wire_to(target)
        output = self._wiring.ports_of(wire.source.node).output(wire.source.port)
        input = self._wiring.ports_of(wire.target.node).input(wire.target.port)
        self._arrives = self._doubt = ""
        if output is not None and input is not None:
            seen = texts.at_port(self._view.document.report(wire.source.node), output.name, output=True)
            what = given(output, seen)
            self._arrives, self._doubt = what.words, why_not(input, what)

    def _answered(self, target: End, told: TriedOut) -> None:
        self._told[target] = told
        if target == self._target:
            self._say()

    def end(self) -> None:
        """The wire was let go."""
        self.look_at(None)

    @property
    def doubtful(self) -> bool:
        """Whether the wire could be drawn, but what it leads to would not run."""
        told = self._told.get(self._target) if self._target is not None else None
        return bool(told.sentence) if told is not None else bool(self._doubt)

    @property
    def words(self) -> str:
        """What stands beside the pointer: the shape that would come out, or goes in; "" where nothing is known."""
        if self._target is None:
            return ""
        told = self._told.get(self._target)
        if told is not None and told.sentence:
            return told.sentence
        shapes = [words for port in told.outputs if (words := texts.port_shape(port))] if told is not None else []
        if shapes:
            return f"{', '.join(shapes)} comes out" if len(shapes) == 1 else f"{', '.join(shapes)} come out"
        return self._doubt or (f"{self._arrives} goes in" if self._arrives else "")
