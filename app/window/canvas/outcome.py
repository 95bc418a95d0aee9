"""What would come out if the wire in the hand were let go here: what is known at once, then what the engine says."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from app.design import edits
from app.design.values import End
from app.messages.trial import TriedOut
from app.window.canvas import texts
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
    def _doubt(self) -> str:
        """What ports and analysis say without a run."""
        return self._wiring.doubt(self._target.node, self._target.port) if self._target is not None else ""

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
        what = self._wiring.carries(self._target.node, self._target.port)
        return self._doubt or (f"{what.words} goes in" if what is not None and what.words else "")
