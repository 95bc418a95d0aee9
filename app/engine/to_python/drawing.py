"""The drawing itself as classes: one for the whole, one for each Group, with the names of the canvas."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import nn

from app.design.expand import ordered
from app.design.names import free_name
from app.design.values import Design, End, Graph, Node
from app.engine.compile import shared_analyser
from app.engine.measure import on_meta
from app.engine.to_python import beginnings
from app.engine.to_python.classes import Classes
from app.engine.to_python.copying import Module
from app.engine.to_python.explain import parse
from app.engine.to_python.record import Recorder
from app.engine.to_python.shaping import Constructor, Make, Row, annotation
from app.engine.to_python.statements import carried, note
from app.engine.walk import Step, Walk, arguments_of
from app.messages.reports import Tensor

_ENDS = ("Input", "Target", "Output", "GroupInput", "GroupOutput")
_PROTECTED = frozenset(["self", "torch", "nn", "F", "math", "range", "zip", "list", "tuple", "len", "reversed"])
_LETTERS = {2: ("B", "C"), 3: ("B", "L", "D"), 4: ("B", "C", "H", "W"), 5: ("B", "C", "D", "H", "W")}
_COMMENT = 60


class Place(NamedTuple):
    """A graph where it is used: what the ids of its calls begin with, and their names."""

    ids: str
    names: str


class Drawing:
    """Writes the classes of a design whose calls have all run."""

    def __init__(
        self, design: Design, walk: Walk, needed: set[str], module: Module, name: str, judged: Sequence[str] = ()
    ) -> None:
        self.design, self.walk, self.needed, self.module = design, walk, needed, module
        self.judged = judged
        """The losses and metrics that the whole gives by name; none: it gives what its Outputs say."""
        self.recorder = Recorder()
        self.classes = Classes(self.recorder, module)
        self.homes: dict[str, nn.Module] = {}
        self.uses: dict[str, list[Place]] = {}
        self.names: dict[str, str] = {}
        """Group -> its class."""
        self.told: dict[str, list[dict[str, Any]]] = {}
        self.title = name
        self.weighty: set[str] = set()
        """Homes that hold weights or buffers of the state_dict."""

    def write(self) -> str:
        """Write all classes; returns the name of the whole design's."""
        self._make()
        self._find(self.design, Place("", ""))
        order: dict[str, None] = {}
        self._order(self.design, order)
        for group in order:
            self.names[group] = self.module.free(_class_name(group))
        whole = self.module.free(self.title)
        self.classes.write(list(self.homes.values()))
        for group in order:
            self._class(group, self.design.graph(group), self.names[group])
        self._class("", self.design, whole)
        return whole

    def _make(self) -> None:
        """Make a module for each place of weights, and run each call on meta."""
        classes = shared_analyser().measurer.classes
        for step in self._steps():
            home = step.call.module
            if home not in self.homes:
                made = self.recorder.make(lambda step=step: classes[step.call.block](**arguments_of(step)))  # type: ignore[misc]
                self.homes[home] = made.eval()
                if any(True for _ in made.state_dict()):
                    self.weighty.add(home)
            kinds = [self._kind(step, port) for port in step.used]
            values = [on_meta(step.inputs[port], kind) for port, kind in zip(step.used, kinds, strict=True)]
            if step.call.id in self.needed:
                self.recorder.run(self.homes[home], values)
        called = self._called()
        for home in [h for h in self.homes if h not in self.weighty and h not in called and "." not in h]:
            del self.homes[home]  # those in Groups stay: another use of the Group may call them

    def _called(self) -> set[str]:
        return {s.call.module for s in self._steps() if s.call.id in self.needed}

    def _kind(self, step: Step, port: str) -> str:
        end = self.walk.expanded.sources[step.call.id].get(port)
        return self.walk.kinds.get(end, "tensor") if end is not None else "tensor"

    def _steps(self) -> list[Step]:
        """The calls that have a module, in order."""
        return [s for s in self.walk.steps.values() if s.call.block not in _ENDS and s.measured is not None]

    def _find(self, graph: Graph, at: Place, where: str = "") -> None:
        self.uses.setdefault(where, []).append(at)
        for node in graph.nodes:
            if node.group:
                for inner in self._rounds(node, at):
                    self._find(self.design.graph(node.group), inner, node.group)

    def _rounds(self, node: Node, at: Place) -> list[Place]:
        """Where the Group behind a node stands: once, or once a repetition."""
        ids, names = at.ids + node.id, at.names + node.name
        if node.repeat == 1:
            return [Place(f"{ids}/", f"{names}/")]
        begins = [key for key in self.walk.steps if key.startswith(f"{ids}/")]
        count = len({key[len(ids) + 1 :].partition("/")[0] for key in begins})
        return [Place(f"{ids}/{i}/", f"{names}/{i}/") for i in range(count)]

    def _order(self, graph: Graph, order: dict[str, None]) -> None:
        for node in graph.nodes:
            if node.group and node.group not in order:
                self._order(self.design.graph(node.group), order)
                order[node.group] = None

    # one class --------------------------------------------------------------------------------------------------------

    def _class(self, where: str, graph: Graph, name: str) -> None:
        places = self.uses.get(where, [])
        if not places:
            return
        maker = Constructor([{} for _ in places], {}, self.classes.shapes)
        body: list[ast.stmt] = []
        inlined: set[str] = set()
        forward = self._forward(where, graph, places, inlined)
        for node in ordered(graph):
            if node.block in _ENDS or node.id in inlined or graph.by_id.get(node.shares, node) is not node:
                continue
            column = [self._value(node, at) for at in places]
            if all(v is None for v in column):
                continue
            value = maker.value(column, maker.envs, node.name)
            made = ast.Assign([ast.Attribute(ast.Name("self"), node.name, ast.Store())], value)
            idle = not any(self._runs(node, at) for at in places)
            body.append(note(made, beside="# only trained with" if idle else "", place=_path(where, node)))
        parameters = maker.parameters()
        self.classes.shapes[name] = parameters
        self.told[where] = [{p.name: p.values[k] for p in parameters} for k in range(len(places))]
        arguments = ast.arguments([], [ast.arg("self")], None, [], [], None, [])
        for p in parameters:
            arguments.args.append(ast.arg(p.name, parse(annotation(p.values))))
        start = ast.Expr(parse("super().__init__()"))
        init = ast.FunctionDef("__init__", arguments, [start, *body], [], ast.Constant(None))
        doc = ast.Expr(ast.Constant(self._doc(where)))
        filled = None if where else beginnings.method(self.homes, self.recorder.fills, self.classes.failed)
        if filled is not None:
            init.body.append(ast.Expr(parse(f"self.{filled.name}()")))
        parts = [doc, init, filled, forward] if filled is not None else [doc, init, forward] if body else [doc, forward]
        made_class = ast.ClassDef(name, [parse("nn.Module")], [], parts, [])  # type: ignore[arg-type]
        skip = {name, *self.classes.shapes}
        self.module.adapt(made_class, self.classes.modules_seen(), skip=skip)
        self.module.definitions[name] = made_class

    def _doc(self, where: str) -> str:
        if where:
            text = self.design.group_by_name[where].help.split("\n")[0].strip()
            return text or f"The Group {where}."
        about = self.design.about
        said = about.introduced or f"The drawing {self.title}."
        return said if len(said) <= 108 else said[:105].rsplit(" ", 1)[0] + " ..."

    def _value(self, node: Node, at: Place) -> Any:
        if not node.group:
            step = self.walk.steps[at.ids + node.id]
            found = self.homes.get(step.call.module)
            return self.classes.value(found)
        target = self.names[node.group]
        rounds = self._rounds(node, at)
        numbers = [self.uses[node.group].index(place) for place in rounds]
        made = tuple(Make(target, self.told[node.group][k]) for k in numbers)
        if node.repeat == 1 or node.shares == node.id:
            return made[0] if made else None
        return Row("nn.ModuleList" if self._wide(node) else "nn.Sequential", made)

    def _wide(self, node: Node) -> bool:
        """Whether a repeated Group has more than one port on a side."""
        group = self.design.graph(node.group)
        sides = [sum(n.block == kind for n in group.nodes) for kind in ("GroupInput", "GroupOutput")]
        return sides != [1, 1]

    def _runs(self, node: Node, at: Place) -> bool:
        path = at.ids + node.id
        return path in self.needed or any(id.startswith(f"{path}/") for id in self.needed)

    # forward ----------------------------------------------------------------------------------------------------------

    def _forward(self, where: str, graph: Graph, places: list[Place], inlined: set[str]) -> ast.FunctionDef:
        taken = set(_PROTECTED) | set(self.module.definitions) | set(self.module.imports)
        nodes = ordered(graph)
        arguments = ast.arguments([], [ast.arg("self")], None, [], [], None, [])
        given: dict[End, ast.expr] = {}
        entry = "GroupInput" if where else "Input"
        starts = [n for n in (graph.nodes if where else nodes) if n.block == entry]
        if not where:
            starts = [n for n in starts if n.id in self.needed]
            starts += [n for n in nodes if n.block == "Target" and n.id in self.needed]
        for node in starts:
            name = _variable(node.name, taken)
            arguments.args.append(ast.arg(name, parse(self._input_type(where, node, graph, places))))
            given[End(node.id, "out")] = ast.Name(name, ast.Load())
        wanted = {w.source for w in graph.wires if self._wanted(graph.by_id[w.target.node], places)}
        if not where:
            wanted |= {End(id, port) for id, port in self._judges(graph)}
        body: list[ast.stmt] = []
        for node in nodes:
            if node.block in _ENDS or not any(self._runs(node, at) for at in places):
                continue
            body += self._call(where, graph, node, places, given, taken, wanted, inlined)
        if not where and self.judged:
            return _judging(
                arguments, body, [(graph.by_id[id].name, given[End(id, port)]) for id, port in self._judges(graph)]
            )
        exits = [n for n in (graph.nodes if where else nodes) if n.block == ("GroupOutput" if where else "Output")]
        values: list[ast.expr] = []
        kinds: list[str] = []
        for node in exits:
            wire = graph.wire_into(End(node.id, "x"))
            if wire is None or wire.source not in given or (not where and node.id not in self.needed):
                continue
            values.append(given[wire.source])
            kinds.append(self._type(self._ends(graph, wire.source, places)[0]))
        value: ast.expr = values[0] if len(values) == 1 else ast.Tuple(values, ast.Load())
        returned = parse(kinds[0] if len(kinds) == 1 else f"tuple[{', '.join(kinds)}]")
        match (body[-1] if body else None, value):
            case ast.Assign(targets=[ast.Name(id=made)], value=made_by) as last, ast.Name(id=wanted_one) if (
                made == wanted_one
            ):
                beside, path = carried(last, "beside"), carried(last, "place")
                body[-1] = note(ast.Return(made_by), beside=beside, place=path)
            case _:
                body.append(ast.Return(value))
        return ast.FunctionDef("forward", arguments, body, [], returned)

    def _judges(self, graph: Graph) -> list[tuple[str, str]]:
        """The losses and metrics with the name of their output."""
        return [(id, self.walk.given[id][0].port) for id in self.judged]

    def _wanted(self, node: Node, places: list[Place]) -> bool:
        return node.block in ("GroupOutput", "Output") or any(self._runs(node, at) for at in places)

    def _call(
        self, where: str, graph: Graph, node: Node, places: list[Place], given: dict[End, ast.expr], taken: set[str],
        wanted: set[End], inlined: set[str],
    ) -> list[ast.stmt]:  # fmt: skip
        owner = graph.by_id.get(node.shares, node)
        called: ast.expr = ast.Attribute(ast.Name("self"), owner.name, ast.Load())
        feeds = {w.target.port: given.get(w.source) for w in graph.into.get(node.id, ())}
        if node.group:
            ports = [n.name for n in self.design.graph(node.group).nodes if n.block == "GroupInput"]
            outputs = [n.name for n in self.design.graph(node.group).nodes if n.block == "GroupOutput"]
        else:
            step = self.walk.steps[places[0].ids + node.id]
            ports = list(step.used)
            outputs = [end.port for end in self.walk.given.get(step.call.id, [])]
        args = [feeds.get(port) or ast.Constant(None) for port in ports]
        while args and isinstance(args[-1], ast.Constant):
            args.pop()
        value: ast.expr = ast.Call(called, args, [])
        if node.group and node.repeat != 1 and (self._wide(node) or node.shares == node.id):
            return self._loop(where, graph, node, places, given, taken, outputs, called, args)
        if not node.group and not any(self.walk.steps[at.ids + node.id].call.module in self.weighty for at in places):
            modules = [self.homes[self.walk.steps[at.ids + node.id].call.module] for at in places]
            made = self.classes.inlined(modules, args)
            if made is not None:
                value = made
                if owner is node:
                    inlined.add(node.id)
        names: list[ast.expr] = []
        for port in outputs:
            end = End(node.id, port)
            if end not in wanted:
                names.append(ast.Name("_", ast.Store()))
                continue
            variable = _variable(node.name if len(outputs) == 1 else f"{node.name}_{port}", taken)
            names.append(ast.Name(variable, ast.Store()))
            given[end] = ast.Name(variable, ast.Load())
        target = names[0] if len(names) == 1 else ast.Tuple(names, ast.Store())
        said = [self._shape(graph, End(node.id, port), places) for port in outputs if End(node.id, port) in wanted]
        comment = ", ".join(filter(None, said))
        return [note(ast.Assign([target], value), beside=f"# {comment}" if comment else "", place=_path(where, node))]

    def _loop(
        self, where: str, graph: Graph, node: Node, places: list[Place], given: dict[End, ast.expr], taken: set[str],
        outputs: list[str], called: ast.expr, args: list[ast.expr],
    ) -> list[ast.stmt]:  # fmt: skip
        """A repeated Group with several ports: what it gives feeds its first inputs again."""
        variables: list[ast.expr] = []
        made: list[ast.stmt] = []
        for k in range(max(len(outputs), 1)):
            port = outputs[k] if k < len(outputs) else "out"
            name = _variable(node.name if len(outputs) == 1 else f"{node.name}_{port}", taken)
            variables.append(ast.Name(name, ast.Load()))
            if k < len(args):
                made.append(note(ast.Assign([ast.Name(name, ast.Store())], args[k]), place=_path(where, node)))
            given[End(node.id, port)] = ast.Name(name, ast.Load())
        again = [*variables[: len(args)], *args[len(variables) :]]
        target = variables[0] if len(variables) == 1 else ast.Tuple(variables, ast.Store())
        if node.shares == node.id:
            count = ast.Constant(len(self._rounds(node, places[0])))
            step, over = called, ast.Call(ast.Name("range", ast.Load()), [count], [])
            each = ast.Name("_", ast.Store())
        else:
            each = ast.Name(_variable("each", taken), ast.Store())
            step, over = ast.Name(each.id, ast.Load()), called  # type: ignore[assignment]
        inner = ast.Assign([target], ast.Call(step, again, []))
        return [*made, note(ast.For(each, over, [inner], []), place=_path(where, node))]

    # words ------------------------------------------------------------------------------------------------------------

    def _ends(self, graph: Graph, end: End, places: list[Place]) -> list[End]:
        """The output of a call that a drawn output stands for, in each place."""
        return [self._end(graph, end, at) for at in places]

    def _end(self, graph: Graph, end: End, at: Place) -> End:
        node = graph.by_id[end.node]
        if node.block == "GroupInput":
            for call in self.walk.expanded.groups:
                if at.ids in (f"{call.id}/", f"{call.id}/0/"):
                    return call.inputs.get(node.name) or end
        if node.group:
            for call in self.walk.expanded.groups:
                if call.id == at.ids + node.id:
                    return call.outputs.get(end.port) or end
        return End(at.ids + end.node, end.port)

    def _type(self, end: End) -> str:
        kind = self.walk.kinds.get(end, "tensor")
        if kind == "pyramid":
            return "list[torch.Tensor]"
        return "torch.Tensor"

    def _input_type(self, where: str, node: Node, graph: Graph, places: list[Place]) -> str:
        return self._type(self._end(graph, End(node.id, "out"), places[0])) if where else "torch.Tensor"

    def _shape(self, graph: Graph, end: End, places: list[Place]) -> str:
        values = [self.walk.values.get(e) for e in self._ends(graph, end, places)]
        if any(v is None for v in values) or len({len(v or ()) for v in values}) > 1:
            return ""
        levels = [_dimensions([v[k] for v in values if v is not None]) for k in range(len(values[0] or ()))]
        kind = self.walk.kinds.get(self._end(graph, end, places[0]), "tensor")
        if kind != "pyramid" and len(levels) == 1:
            return levels[0]
        text = f"[{', '.join(levels)}]"
        return text if len(text) <= _COMMENT else f"{len(levels)} levels, {levels[0]} to {levels[-1]}"


def _dimensions(tensors: Sequence[Tensor]) -> str:
    """The sizes, letters where they differ from use to use."""
    shapes = [t.shape for t in tensors]
    if len({len(s) for s in shapes}) > 1:
        return ""
    rank = len(shapes[0])
    if not rank:
        return ""
    letters = _LETTERS.get(rank, tuple(f"N{k}" for k in range(rank)))
    said = []
    for k in range(rank):
        sizes = {s[k] for s in shapes}
        if k == 0:
            batch = sizes.pop() if len(sizes) == 1 else 1
            said.append("B" if batch == 1 else f"{batch} * B")
        else:
            said.append(str(sizes.pop()) if len(sizes) == 1 else letters[k])
    return f"({', '.join(said)}{',' if rank == 1 else ''})"


def _judging(arguments: ast.arguments, body: list[ast.stmt], values: list[tuple[str, ast.expr]]) -> ast.FunctionDef:
    """A forward that gives each loss and metric by its name."""
    given = ast.Dict([ast.Constant(name) for name, _ in values], [value for _, value in values])
    returned = parse("dict[str, torch.Tensor]")
    return ast.FunctionDef("forward", arguments, [*body, ast.Return(given)], [], returned)


def _path(where: str, node: Node) -> str:
    return f"{where}/{node.id}" if where else node.id


def _variable(name: str, taken: set[str]) -> str:
    found = free_name(name, taken)
    taken.add(found)
    return found


def _class_name(text: str) -> str:
    """A class's name for what someone called a Group."""
    words = "".join(c if c.isascii() and c.isalnum() else " " for c in text.replace("_", " ")).split()
    name = "".join(w[0].upper() + w[1:] for w in words) or "Group"
    name = f"Group{name}" if name[0].isdigit() else name
    return f"{name}Group" if name in dir(builtins) or name in ("Tensor",) else name


class_name = _class_name

