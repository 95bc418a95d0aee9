"""Which ports would take the wire that is being drawn, and why the others would not."""

from __future__ import annotations

from functools import cached_property

from app.design.edits import disconnect
from app.design.ports import Ports, ports
from app.design.values import Design, End, Graph, Wire
from app.design.wires import WiringError, WrongKindError, check_wire, kinds_fit
from app.window.canvas import texts
from app.window.canvas.fitting import Given, given, why_not
from app.window.document import Document
from blocks.card import Kind


class Wiring:
    """One wire in the hand: `fixed` stays where it is, the other end follows the pointer.

    `moved` is the wire that was taken off an input; it counts as gone while another place is looked for.
    """

    def __init__(self, document: Document, fixed: End, *, from_output: bool, moved: Wire | None = None) -> None:
        self.document = document
        self.fixed = fixed
        self.from_output = from_output
        self.moved = moved
        self.where = document.where
        self.design: Design = document.design
        if moved is not None:
            self.design = disconnect(self.design, self.where, [moved])
        self._states: dict[tuple[str, str], bool] = {}
        self._doubts: dict[tuple[str, str], str] = {}

    @cached_property
    def graph(self) -> Graph:
        return self.design.graph(self.where)

    @cached_property
    def kind(self) -> Kind:
        """The kind of the fixed end."""
        found = self.ports_of(self.fixed.node)
        port = found.output(self.fixed.port) if self.from_output else found.input(self.fixed.port)
        return port.kind if port else "any"

    @cached_property
    def _barred(self) -> set[str]:
        """Nodes that would close a circle, the wire's own node included: worked out once for all ports."""
        edges = self.graph.into if self.from_output else self.graph.out_of
        seen, todo = {self.fixed.node}, [self.fixed.node]
        while todo:
            for wire in edges.get(todo.pop(), ()):
                other = wire.source.node if self.from_output else wire.target.node
                if other not in seen:
                    seen.add(other)
                    todo.append(other)
        return seen

    def ports_of(self, id: str) -> Ports:
        node = self.graph.by_id.get(id)
        return ports(self.design, self.graph, node, self.document.catalogue) if node else Ports((), ())

    def wire_to(self, end: End) -> Wire:
        """The wire that there would be."""
        return Wire(self.fixed, end) if self.from_output else Wire(end, self.fixed)

    def fits(self, id: str, name: str) -> bool:
        """Whether the free end may be put on the port `name` (an input when the fixed end is an output)."""
        key = (id, name)
        if key not in self._states:
            self._states[key] = self._fits(id, name)
        return self._states[key]

    def _fits(self, id: str, name: str) -> bool:
        if id in self._barred:
            return False
        found = self.ports_of(id)
        port = found.input(name) if self.from_output else found.output(name)
        if port is None:
            return False
        source, target = (self.kind, port.kind) if self.from_output else (port.kind, self.kind)
        return kinds_fit(source, target)

    def replaced(self, end: End) -> Wire | None:
        """The wire that makes room when the free end is put on `end`."""
        return self.graph.wire_into(end) if self.from_output else None

    def state(self, id: str, name: str, *, output: bool) -> str:
        """How a port looks meanwhile: "held" where the wire starts, "fits", or "no"."""
        if id == self.fixed.node and name == self.fixed.port and output == self.from_output:
            return "held"
        return "fits" if output != self.from_output and self.fits(id, name) and not self.doubt(id, name) else "no"

    def carries(self, id: str, name: str) -> Given | None:
        """What the wire to that port would carry, as far as it is known."""
        source = self.wire_to(End(id, name)).source
        port = self.ports_of(source.node).output(source.port)
        if port is None:
            return None
        return given(port, texts.at_port(self.document.report(source.node), source.port, output=True))

    def doubt(self, id: str, name: str) -> str:
        """Why the wire could be drawn to that port, but what it leads to would not run; empty when it would, as far as
        ranks and dtypes say."""
        key = (id, name)
        if key not in self._doubts:
            target, what = self.wire_to(End(id, name)).target, self.carries(id, name)
            port = self.ports_of(target.node).input(target.port)
            self._doubts[key] = why_not(port, what) if port is not None and what is not None else ""
        return self._doubts[key]

    def reason(self, id: str, name: str) -> str:
        """Why the port does not take the wire; empty when it does."""
        try:
            check_wire(self.design, self.where, self.wire_to(End(id, name)), self.document.catalogue, occupied=False)
        except WiringError as error:
            return str(error)
        return ""

    def misfit(self, id: str, name: str = "") -> Wire | None:
        """The wire to that port (to the node's first without one) if nothing but its kind keeps it from being drawn."""
        found = self.ports_of(id)
        sides = found.inputs if self.from_output else found.outputs
        if id in self._barred or not sides:
            return None
        wire = self.wire_to(End(id, name or sides[0].name))
        try:
            check_wire(self.design, self.where, wire, self.document.catalogue, occupied=False)
        except WrongKindError:
            return wire
        except WiringError:
            return None
        return None

    def first_fit(self, id: str) -> str:
        """The first free port of the node that takes the wire, without doubts if there is one; empty when none does."""
        found = self.ports_of(id)
        sides = found.inputs if self.from_output else found.outputs
        free = [p.name for p in sides if self.fits(id, p.name) and self.replaced(End(id, p.name)) is None]
        return next((name for name in free if not self.doubt(id, name)), free[0] if free else "")

    def node_reason(self, id: str) -> str:
        """Why no port of the node takes the wire."""
        found = self.ports_of(id)
        sides = found.inputs if self.from_output else found.outputs
        name = self.graph.by_id[id].name
        if not sides:
            return f"{name} has no {'input' if self.from_output else 'output'}: choose another node"
        if reason := self.reason(id, sides[0].name):
            return reason
        return f"{name} has no free input: release on a port to replace its wire"
