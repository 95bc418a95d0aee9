"""Which ports of which blocks fit an end of a wire: by kind, and by rank and dtype where these are known."""

from __future__ import annotations

from dataclasses import dataclass

from app.design.ports import Ports, ports
from app.design.values import End, Node, Wire
from app.design.wires import kinds_fit
from app.messages.parts import pattern_words, sizes_of, takes_rank
from app.messages.reports import PortShape
from app.window.canvas import texts
from app.window.document import Document
from blocks.card import Kind, Port

_ANYTHING = ("*S", "")


@dataclass(frozen=True)
class Given:
    """What an output gives, as far as it is known: from analysis, else from its port."""

    kind: Kind
    rank: int | None = None
    whole: bool | None = None
    """Whole numbers; None where nobody knows."""
    words: str = ""
    """Its shape, as it stands on a wire."""


def given(port: Port, seen: PortShape | None) -> Given:
    """What the output `port` gives, where analysis has `seen` something there."""
    if seen is not None and seen.tensors and seen.kind in ("tensor", "pyramid"):
        first = seen.tensors[0]
        counts = first.dtype.startswith(("int", "uint", "bool"))
        return Given(seen.kind, len(first.shape), counts, texts.port_shape(seen))
    sizes = pattern_words(port.pattern)
    told = port.kind in ("tensor", "pyramid") and bool(sizes) and not any(s.startswith("*") for s in sizes)
    whole = True if port.dtype == "int" else False if told else None
    return Given(port.kind, len(sizes) if told else None, whole)


def why_not(port: Port, what: Given) -> str:
    """Why the input `port` cannot use that: "`x` takes 2 sizes (B D), this has 4"; "" when it can, as far as is
    known."""
    if not kinds_fit(what.kind, port.kind):
        return f"`{port.name}` takes a {port.kind}, this is a {what.kind}"
    if "any" in (port.kind, what.kind) or what.kind not in ("tensor", "pyramid"):
        return ""
    if what.rank is not None and port.pattern not in _ANYTHING and not takes_rank(port.pattern, what.rank):
        return f"`{port.name}` takes the sizes {sizes_of(port.pattern)}, this has {what.rank} with the batch"
    if what.whole is not None and not port.pattern.startswith("number"):
        if what.whole and port.dtype != "int":
            return f"`{port.name}` takes fractions, this is whole numbers"
        if not what.whole and port.dtype == "int":
            return f"`{port.name}` takes whole numbers, this is fractions"
    return ""


class Fitting:
    """What a block must have to stand behind the output `source`, before the input `target`, or between both."""

    def __init__(
        self, document: Document, source: End | None = None, target: End | None = None, moved: Wire | None = None
    ) -> None:
        self.document, self.source, self.target = document, source, target
        self.moved = moved
        """The wire in whose place the new ones come."""
        self._into = self._output(source) if source is not None else None
        self._out = self._ports(target).input(target.port) if target is not None else None

    @property
    def kind(self) -> Kind:
        """Of the wire that waits."""
        return self._into.kind if self._into is not None else self._out.kind if self._out is not None else "tensor"

    @staticmethod
    def between(document: Document, wire: Wire, moved: Wire | None = None) -> Fitting:
        """What fits into the middle of a wire."""
        return Fitting(document, wire.source, wire.target, moved)

    def _ports(self, end: End) -> Ports:
        document, graph = self.document, self.document.graph
        node = graph.by_id.get(end.node)
        return ports(document.design, graph, node, document.catalogue) if node is not None else Ports((), ())

    def _output(self, end: End) -> Given | None:
        port = self._ports(end).output(end.port)
        return given(port, texts.at_port(self.document.report(end.node), end.port, output=True)) if port else None

    def ends(self, node: Node) -> tuple[str, str] | None:
        """The input and the output by which `node` fits ("" on a side that nothing is asked of); None: it does not."""
        return self.by_ports(ports(self.document.design, self.document.graph, node, self.document.catalogue))

    def by_ports(self, own: Ports) -> tuple[str, str] | None:
        """The same of a block with those ports."""
        into = out = ""
        if self.source is not None:
            what = self._into
            into = next((p.name for p in own.inputs if what is not None and not why_not(p, what)), "")
            if not into:
                return None
        if self.target is not None:
            wanted = self._out
            out = next((p.name for p in own.outputs if wanted is not None and not why_not(wanted, given(p, None))), "")
            if not out:
                return None
        return into, out

    @property
    def question(self) -> str:
        """What is looked for, in words."""
        if self.source is not None and self.target is not None:
            return "Search what fits in between"
        if self.source is not None:
            what = self._into
            return f"Search what takes {what.words or 'this ' + what.kind}" if what is not None else "Search blocks"
        port = self._out
        if port is None:
            return "Search blocks"
        sizes = sizes_of(port.pattern) if port.kind == "tensor" and port.pattern not in _ANYTHING else f"a {port.kind}"
        return f"Search what gives {sizes}"

    @staticmethod
    def note(own: Ports, ends: tuple[str, str]) -> str:
        """Why it fits: the port that the wire would go to, and what that says of sizes."""
        into, out = own.input(ends[0]), own.output(ends[1])
        if into is not None and out is not None:
            return f"{into.name} → {out.name}"
        port = into or out
        if port is None:
            return ""
        if port.kind != "tensor":
            return f"{port.name}  {port.kind if port.kind != 'any' else 'any size'}"
        sizes = sizes_of(port.pattern) if port.pattern not in _ANYTHING else "any size"
        return f"{port.name}  {sizes}"
