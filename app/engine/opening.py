"""Opens a block up: its forward, traced by torch.fx, becomes a Group of the blocks that it is made of.

The Group has the same parameters and computes the same; `Opened.keys` says whose weights go where.
"""

from __future__ import annotations

import builtins
import functools
import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from msgspec.structs import replace
from torch import fx, nn

from app.design.build import wire
from app.design.names import free_name
from app.design.placing import placed
from app.design.ports import letter, ports
from app.design.values import Design, Graph, Group, Node, Settings, Wire
from app.engine.arguments import bind, declared
from app.engine.compile import shared_analyser
from app.engine.measure import Value, build
from blocks import catalogue
from blocks.card import Card
from blocks.functions import FUNCTIONS


class OpeningError(ValueError):
    """A block that cannot be opened, and why."""


class Opened(NamedTuple):
    """A block's inside."""

    group: Group
    keys: dict[str, str]
    """Name of a node in the Group -> path of the module whose weights it takes."""


def open_up(card: Card, settings: Settings, ports: Sequence[str], inputs: Sequence[Value | None], name: str) -> Opened:
    """The block of `card` with these settings, opened into a Group called `name`.

    `ports` are the node's input ports as its forward takes them and `inputs` what is wired to each (None: nothing).
    Raises OpeningError when the block is a single layer, a leaf, or does not run.
    """
    if card.leaf:
        raise OpeningError(f"{card.title} does not open up: {card.leaf}")
    arguments = bind(card, settings, tuple(inputs), tuple(ports))
    with _recorded() as made:
        block = build(catalogue.classes()[card.id], arguments, "meta")
    if not any(True for _ in block.children()):
        raise OpeningError(f"{card.title} is a single layer: there is nothing inside to open")
    levels = [
        len(value) if declared(card, port).kind == "pyramid" else 1
        for port, value in zip(ports, inputs, strict=True)
        if value is not None
    ]
    root = _Root(block, [None if value is None else declared(card, p).kind == "pyramid" for p, value in
                         zip(ports, inputs, strict=True)], levels)  # fmt: skip
    graph = _Tracer(block).trace(root)
    wired = [port for port, value in zip(ports, inputs, strict=True) if value is not None]
    return _Drawing(card, block, made, [(p, declared(card, p).kind) for p in wired], levels).draw(graph, name)


def open_node(design: Design, where: str, id: str) -> Opened:
    """The node `id` of the graph `where` ("" for the top), opened as it stands in the design. Raises OpeningError."""
    drawn = design.graph(where).by_id[id]
    steps = shared_analyser().walk(design).steps.values()
    step = next((s for s in steps if s.call.where == where and s.call.node == id), None)
    if step is None or step.card is None:
        raise OpeningError(f"{drawn.name} is no block that could be opened: enter a Group by a double click")
    if step.measured is None or step.measured.refusal is not None:
        raise OpeningError(f"{drawn.name} has an error or an open input: mend that first, then open it up")
    name = free_name(step.call.block, design.group_by_name)
    return open_up(step.card, step.call.settings, step.used, [step.inputs[port] for port in step.used], name)


class _Root(nn.Module):
    """Calls a block with the parts of one argument: traced, each part is an input or one level of a pyramid."""

    def __init__(self, block: nn.Module, pyramids: list[bool | None], levels: list[int]) -> None:
        super().__init__()
        self.block, self.pyramids, self.levels = block, pyramids, levels

    def forward(self, given: Any) -> Any:
        values: list[Any] = []
        taken, counts = 0, iter(self.levels)
        for pyramid in self.pyramids:
            if pyramid is None:  # an optional input without a wire
                values.append(None)
                continue
            count = next(counts)
            parts = [given[taken + i] for i in range(count)]
            taken += count
            values.append(parts if pyramid else parts[0])
        return self.block(*values)


class _Tracer(fx.Tracer):
    """Stops at every registered block inside the one that is opened."""

    def __init__(self, opened: nn.Module) -> None:
        super().__init__()
        self._opened = opened

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return m is not self._opened and type(m) in catalogue.classes().values()


@contextmanager
def _recorded() -> Iterator[dict[int, Mapping[str, Any]]]:
    """What every block that is constructed in this context was constructed with, by the module's `id`."""
    made: dict[int, Mapping[str, Any]] = {}
    originals = {cls: cls.__init__ for cls in catalogue.classes().values()}  # type: ignore[misc]
    inherited = {cls for cls in originals if "__init__" not in vars(cls)}

    def recording(cls: type, original: Any) -> Any:
        signature = inspect.signature(original)

        @functools.wraps(original)
        def init(self: nn.Module, *args: Any, **kwargs: Any) -> None:
            if type(self) is cls:  # a block that subclasses another is recorded once, as what it is
                bound = signature.bind(self, *args, **kwargs)
                bound.apply_defaults()
                made[builtins.id(self)] = bound.arguments
            original(self, *args, **kwargs)

        return init

    for cls, original in originals.items():
        cls.__init__ = recording(cls, original)  # type: ignore[misc]
    try:
        yield made
    finally:
        for cls, original in originals.items():
            if cls in inherited:
                del cls.__init__  # type: ignore[misc]
            else:
                cls.__init__ = original  # type: ignore[misc]


class _Drawing:
    """Turns a traced graph into nodes and wires."""

    def __init__(
        self, card: Card, block: nn.Module, made: dict[int, Mapping[str, Any]], wired: list[tuple[str, str]],
        levels: list[int],
    ) -> None:  # fmt: skip
        self.card, self.block, self.made, self.wired, self.levels = card, block, made, wired, levels
        self.cards, self.kind_of = catalogue.load(), {cls: id for id, cls in catalogue.classes().items()}
        self.nodes: dict[str, Node] = {}
        self.wires: list[Wire] = []
        self.source: dict[fx.Node, str] = {}
        """What an fx node gives: `node.port`."""
        self.outputs: dict[fx.Node, str] = {}
        """Which fx nodes are calls, and the id of the block that they call."""
        self.keys: dict[str, str] = {}
        self.first: dict[str, str] = {}
        """Path of a module -> the node that called it first."""

    def draw(self, graph: fx.Graph, name: str) -> Opened:
        parts = self._entries()
        for fx_node in graph.nodes:
            match fx_node.op:
                case "call_module":
                    self._module(fx_node)
                case "call_function":
                    self._function(fx_node, parts)
                case "get_attr":
                    raise OpeningError(f"{self.card.title} holds weights of its own (`{fx_node.target}`)")
                case "call_method":
                    raise OpeningError(f"{self.card.title} calls `{fx_node.target}`, for which there is no block")
                case "output":
                    self._exits(fx_node.args[0])
        self._all_read()
        nodes = placed(tuple(self.nodes.values()), self.wires, self.cards)
        return Opened(Group(name=name, nodes=nodes, wires=tuple(self.wires)), self.keys)

    def _all_read(self) -> None:
        """What is never called has no node, so that its weights would be gone."""
        paths = tuple(f"{path}." for path in self.first)
        unread = [name for name, _ in self.block.named_parameters() if not name.startswith(paths)]
        if unread:
            why = f"holds weights that it never reads (`{unread[0]}`): opened up, it would lose them"
            raise OpeningError(f"{self.card.title} {why}")

    def _add(self, made: Node, wish: str) -> str:
        kept = {} if made.block == "GroupOutput" else {port.name: port for port in self.card.outputs}
        id = free_name(wish, {**self.nodes, **kept})
        self.nodes[id] = replace(made, id=id, name=id)
        return id

    def _join(self, source: str, target: str) -> None:
        self.wires.append(wire(source, target))

    def _entries(self) -> list[str]:
        """The Group's inputs; returns what stands for each part of the traced argument: `node.port`."""
        parts: list[str] = []
        for (port, kind), count in zip(self.wired, self.levels, strict=True):
            settings = Settings(kind=kind) if kind not in ("tensor", "any") else Settings()
            id = self._add(Node(port, block="GroupInput", settings=settings), port)
            if id != port:
                raise OpeningError(f"{self.card.title} has two ports `{port}`")
            if kind != "pyramid":
                parts.append(f"{id}.out")
                continue
            for level in range(count):  # drawn only where they are used: see `_level`
                parts.append(f"{id}.out[{level}]")
        return parts

    def _module(self, fx_node: fx.Node) -> None:
        path = str(fx_node.target).removeprefix("block.")
        module = self.block.get_submodule(path)
        id, key = self.kind_of.get(type(module)), builtins.id(module)
        if id is None or key not in self.made:
            raise OpeningError(f"{self.card.title} holds `{path}`, which is no block")
        arguments = self.made[key]
        card = self.cards[id]
        settings = {
            s.name: s.accept(arguments[s.name]) for s in card.settings if s.accept(arguments[s.name]) != s.default
        }
        frozen = any(True for _ in module.parameters()) and not any(p.requires_grad for p in module.parameters())
        made = Node(
            "made", block=id, settings=Settings(settings), shares=self.first.get(path, ""), frozen=frozen
        )
        drawn = self._add(made, path.replace(".", "_"))
        if path not in self.first:
            self.first[path] = drawn
            self.keys[drawn] = path
        self._feed(drawn, card, fx_node.args, fx_node.kwargs)
        self.outputs[fx_node] = id
        self.source[fx_node] = f"{drawn}.{card.outputs[0].name}"

    def _function(self, fx_node: fx.Node, parts: list[str]) -> None:
        target: Any = fx_node.target
        if getattr(target, "__name__", "") == "getitem":
            of, index = fx_node.args
            if not isinstance(of, fx.Node) or not isinstance(index, int):
                raise OpeningError(f"{self.card.title} takes a part of a tensor, which cannot be drawn")
            if of.op == "placeholder":
                self.source[fx_node] = parts[index]
                return
            drawn = self.source[of].split(".")[0]
            given = ports(Design(), Graph(), self.nodes[drawn], self.cards).outputs
            self.source[fx_node] = f"{drawn}.{given[index].name}" if len(given) > 1 else f"{self.source[of]}[{index}]"
            return
        id = FUNCTIONS.get(target)
        if id is None:
            raise OpeningError(f"{self.card.title} calls `{target}`, for which there is no block")
        args: tuple[Any, ...] = fx_node.args
        joined = isinstance(args[0], list | tuple)  # torch.cat([...], 1): the channels, as Concat joins them
        listed: Sequence[Any] = args[0] if joined else args
        rest = (*(args[1:] if joined else ()), *fx_node.kwargs.values())
        for value in listed:
            if not isinstance(value, fx.Node):
                raise OpeningError(f"{self.card.title} calls `{target.__name__}` with {value}, which cannot be drawn")
        if rest not in ((), (1,)):
            raise OpeningError(f"{self.card.title} calls `{target.__name__}` along {rest}, which cannot be drawn")
        if joined and len(listed) == 1:  # one branch alone is joined with nothing
            self.source[fx_node] = self.source[listed[0]]
            return
        drawn = self._add(Node("made", block=id), id.lower())
        self._feed(drawn, self.cards[id], listed, {})
        self.outputs[fx_node] = id
        self.source[fx_node] = f"{drawn}.{self.cards[id].outputs[0].name}"

    def _feed(self, drawn: str, card: Card, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Wire what a call was given to its ports, in order."""
        given = list(args)
        for port in card.inputs:
            if port.many:
                for i, value in enumerate(given):
                    self._join(self._tensor(value), f"{drawn}.{letter(i)}")
                return
            value = given.pop(0) if given else kwargs.get(port.name)
            if value is None:
                continue
            if isinstance(value, list | tuple):
                self._join(self._bundle(value), f"{drawn}.{port.name}")
            else:
                self._join(self._tensor(value), f"{drawn}.{port.name}")

    def _tensor(self, value: Any) -> str:
        """`node.port` of a value; a level of a pyramid is picked first."""
        if not isinstance(value, fx.Node):
            raise OpeningError(f"{self.card.title} passes {value!r} on, which cannot be drawn")
        source = self.source[value]
        if not source.endswith("]"):
            return source
        of, _, level = source.removesuffix("]").partition("[")
        picked = f"{of.split('.')[0]}_level{int(level) + 1}"
        if picked not in self.nodes:
            settings = Settings(level=int(level) + 1 if int(level) >= 0 else int(level))
            picked = self._add(Node("made", block="PickLevel", settings=settings), picked)
            self._join(of, f"{picked}.x")
        return f"{picked}.out"

    def _bundle(self, values: Sequence[Any]) -> str:
        """`node.port` of a pyramid of these values."""
        sources = [self.source[v] for v in values if isinstance(v, fx.Node)]
        of = sources[0].partition("[")[0] if sources else ""
        whole = [f"{of}[{i}]" for i in range(len(values))]
        if sources == whole and self._levels_of(of) == len(values):  # a pyramid handed on as it is
            return of
        drawn = self._add(Node("made", block="BundleLevels"), "levels")
        for i, value in enumerate(values):
            self._join(self._tensor(value), f"{drawn}.{letter(i)}")
        return f"{drawn}.out"

    def _levels_of(self, source: str) -> int:
        ports = zip(self.wired, self.levels, strict=True)
        return next((n for (port, kind), n in ports if kind == "pyramid" and f"{port}.out" == source), -1)

    def _exits(self, result: Any) -> None:
        results = result if len(self.card.outputs) > 1 else (result,)
        if isinstance(results, fx.Node) or len(results) != len(self.card.outputs):
            raise OpeningError(f"{self.card.title} gives its outputs as one value, which cannot be drawn")
        for port, value in zip(self.card.outputs, results, strict=True):
            settings = Settings(kind=port.kind) if port.kind not in ("tensor", "any") else Settings()
            source = self._bundle(value) if isinstance(value, list | tuple) else self._tensor(value)
            id = self._add(Node(port.name, block="GroupOutput", settings=settings), port.name)
            if id != port.name:
                raise OpeningError(f"{self.card.title} has two ports `{port.name}`")
            self._join(source, f"{id}.x")
