"""What was read, as edits of one graph, and how they are made. A class with an edit that a rule forbids says where."""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec.structs import replace

from app.design import edits
from app.design.build import PITCH
from app.design.edits import EditError
from app.design.names import NamingError, free_name
from app.design.ports import Catalogue, ports
from app.design.read_back.parse import Trouble
from app.design.values import Design, End, Node, Settings, SettingValue, Wire
from app.design.wires import WiringError

REFUSALS = (EditError, NamingError, WiringError)


@dataclass
class New:
    """A node to be added. Until it is, its name stands for its id."""

    name: str
    block: str = ""
    group: str = ""
    settings: Settings = field(default_factory=Settings)
    shares: str = ""
    """The node whose weights it uses."""
    line: int = 0


@dataclass
class Changes:
    """Edits of the graph `where`; ids are those of the design before."""

    where: str
    renamed: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Of each node: its new name, and the line."""
    replaced: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    """Of each node: its new block, or Group, and the line."""
    settings: list[tuple[str, str, SettingValue, int]] = field(default_factory=list)
    """Node, setting, value and line."""
    repeats: list[tuple[str, SettingValue, int]] = field(default_factory=list)
    removed: dict[str, int] = field(default_factory=dict)
    added: dict[str, New] = field(default_factory=dict)
    wires: dict[End, tuple[End | None, int]] = field(default_factory=dict)
    """What shall feed an input (None: nothing), and the line. Ends of new nodes name them by their names."""

    @property
    def empty(self) -> bool:
        return not (
            self.renamed or self.replaced or self.settings or self.repeats or self.removed or self.added or self.wires
        )

    def key(self) -> object:
        """Equal for equal edits, wherever they are written."""
        return (
            {id: name for id, (name, _) in self.renamed.items()},
            {id: (block, group) for id, (block, group, _) in self.replaced.items()},
            [(id, name, Settings(value=value)) for id, name, value, _ in self.settings],
            [(id, value) for id, value, _ in self.repeats], set(self.removed),
            {name: (new.block, new.group, new.settings) for name, new in self.added.items()},
            {end: source for end, (source, _) in self.wires.items()},
        )  # fmt: skip


def make(design: Design, changes: Changes, catalogue: Catalogue) -> tuple[Design, list[Trouble]]:
    """The design with the edits made, and those that a rule forbids."""
    maker = _Maker(design, changes, catalogue)
    maker.make()
    return maker.design, maker.troubles


class _Maker:
    def __init__(self, design: Design, changes: Changes, catalogue: Catalogue) -> None:
        self.design = design
        self.troubles: list[Trouble] = []
        self._changes, self._catalogue, self._where = changes, catalogue, changes.where
        self._ids: dict[str, str] = {}
        """Of new nodes by their names."""

    def _do(self, line: int, edit: object, *arguments: object, **named: object) -> bool:
        try:
            self.design = edit(self.design, self._where, *arguments, **named)  # type: ignore[operator]
        except REFUSALS as error:
            self.troubles.append(Trouble(line, str(error)))
            return False
        return True

    def make(self) -> None:
        changes = self._changes
        if changes.removed:
            self._do(min(changes.removed.values()), edits.remove, list(changes.removed))
        self._rename()
        for id, (block, group, line) in changes.replaced.items():
            self._replace(id, block, group, line)
        for id, setting, value, line in changes.settings:
            self._do(line, edits.set_setting, id, setting, value, self._catalogue)
        for id, repeat, line in changes.repeats:
            self._do(line, edits.set_repeat, id, repeat)
        for new in changes.added.values():
            self._add(new)
        self._wire()

    def _rename(self) -> None:
        """Give nodes their names; two may change places, so each has another one for a moment."""
        graph = self.design.graph(self._where)
        wanted = {id: (name, line) for id, (name, line) in self._changes.renamed.items() if id in graph.by_id}
        held = {graph.by_id[id].name for id in wanted}
        for id, (name, line) in wanted.items():
            if name in held and name != graph.by_id[id].name:
                self._do(line, edits.rename, id, f"{name[:40]}_for_a_moment")
        for id, (name, line) in wanted.items():
            self._do(line, edits.rename, id, name)

    def _replace(self, id: str, block: str, group: str, line: int) -> None:
        """Make a node one of another block, with that block's defaults; wires stay where it has their ports."""
        graph = self.design.graph(self._where)
        old = graph.by_id.get(id)
        if old is None:
            self.troubles.append(Trouble(line, "the node that this makes is no longer drawn"))
            return
        repeat = old.repeat if group else 1
        new = replace(old, block=block, group=group, settings=Settings(), repeat=repeat, shares="")
        nodes = tuple(new if node is old else node for node in graph.nodes)
        made = edits._on(self.design, self._where, nodes=nodes)
        inputs, outputs = ports(made, made.graph(self._where), new, self._catalogue)
        has = {p.name for p in inputs}, {p.name for p in outputs}
        kept = tuple(
            w for w in graph.wires
            if (w.target.node != id or w.target.port in has[0]) and (w.source.node != id or w.source.port in has[1])
        )  # fmt: skip
        try:
            self.design = edits._nested(edits._on(made, self._where, wires=kept), self._where, (new,))
        except REFUSALS as error:
            self.troubles.append(Trouble(line, str(error)))

    def _add(self, new: New) -> None:
        graph = self.design.graph(self._where)
        id = new.name if new.name not in graph.by_id else free_name(new.name, {**graph.by_id, **graph.by_name})
        x, y = self._place(new)
        node = Node(id=id, name=new.name, block=new.block, group=new.group, x=x, y=y)
        if not self._do(new.line, edits.add_node, node):
            return
        self._ids[new.name] = id
        if new.shares:
            self._do(new.line, edits.set_shares, id, self._ids.get(new.shares, new.shares))
        for setting, value in new.settings.items():
            self._do(new.line, edits.set_setting, id, setting, value, self._catalogue)

    def _place(self, new: New) -> tuple[float, float]:
        """Right of what feeds it; what stands farther right makes room."""
        graph = self.design.graph(self._where)
        feeding = [
            graph.by_id[id]
            for end, (source, _) in self._changes.wires.items()
            if end.node == new.name and source is not None
            and (id := self._ids.get(source.node, source.node)) in graph.by_id
        ]  # fmt: skip
        if not feeding:
            right = max((node.x for node in graph.nodes), default=-PITCH)
            low = max((node.y for node in graph.nodes), default=0.0)
            return min(right, 0.0), low + 180.0
        last = max(feeding, key=lambda node: node.x)
        beyond = {node.id: (node.x + PITCH, node.y) for node in graph.nodes if node.x > last.x}
        close = [x for x, _ in beyond.values() if x - PITCH < last.x + 1.7 * PITCH]
        if close:
            self._do(new.line, edits.move, beyond)
        return last.x + PITCH, last.y

    def _wire(self) -> None:
        """Take wires away first, so that a swap finds its ports free."""
        graph = self.design.graph(self._where)
        wanted: list[tuple[Wire, int]] = []
        gone: list[Wire] = []
        for end, (source, line) in self._changes.wires.items():
            target = End(self._ids.get(end.node, end.node), end.port)
            if target.node not in graph.by_id:
                continue
            old = graph.wire_into(target)
            if source is not None:
                source = End(self._ids.get(source.node, source.node), source.port)
            if old is not None and old.source == source:
                continue
            if old is not None:
                gone.append(old)
            if source is not None:
                wanted.append((Wire(source, target), line))
        if gone:
            self._do(0, edits.disconnect, gone)
        for wire, line in wanted:
            self._do(line, edits.connect, wire.source, wire.target, self._catalogue)
