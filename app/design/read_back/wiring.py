"""What a forward does, as wires: which node feeds which input now, and which calls and expressions are new or gone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from app.design.edits import _snake, settings_of
from app.design.names import NamingError, check_name, free_name, quoted
from app.design.ports import Catalogue, group_ports, letter, ports
from app.design.read_back.changes import Changes, New
from app.design.read_back.flow import Flow, Ref, Step, Value, flow_of
from app.design.read_back.forms import form_of, numbers_as_settings
from app.design.read_back.makes import Makes
from app.design.read_back.pairing import Drawn, Slot, end_of, same, several, spread
from app.design.read_back.parse import ClassCode, Trouble, Unreadable
from app.design.values import Design, End, Node, Settings


class Wiring:
    """Compares the forward of a class that stands for a graph with the one that it had."""

    def __init__(
        self, drawn: Drawn, code: ClassCode, makes: Makes, changes: Changes, design: Design, catalogue: Catalogue,
        names: Collection[str],
    ) -> None:  # fmt: skip
        self.troubles: list[Trouble] = []
        self._drawn, self._code, self._makes, self._changes = drawn, code, makes, changes
        self._design, self._catalogue = design, catalogue
        self._flow = Flow()
        self._names = names
        self._ids: dict[int, str] = {}
        """Of the steps now: the node's id, or the name of a new one."""
        self._before: dict[str, int] = {}
        """Of nodes: their step before."""

    def read(self) -> None:
        assert self._code.forward is not None
        before = self._drawn
        changes = self._changes
        made = changes.renamed or changes.added or changes.removed or changes.replaced
        if same(before.code.forward, self._code.forward) and not made:
            return
        try:
            self._flow = flow_of(self._code.forward, self._several(), self._names)
        except Unreadable as error:
            self.troubles.append(error.trouble)
            return
        if before.flow is None:
            self._trouble(self._line, "this `forward` is made in a way that cannot be read back")
            return
        self._before = {id: i for i, id in before.ids.items()}
        self._find_inputs()
        self._find_calls()
        self._find_ops()
        if not self.troubles:
            self._find_wires()
            self._find_ends()

    def _trouble(self, line: int, message: str) -> None:
        self.troubles.append(Trouble(line, message))

    def _several(self) -> set[str]:
        """The attributes whose modules have several outputs now."""
        names = {self._makes.names.get(name, name) for name in several(self._drawn, self._design, self._catalogue)}
        for name, new in self._changes.added.items():
            node = Node(id=name, block=new.block, group=new.group, settings=new.settings)
            if len(ports(self._design, self._drawn.graph, node, self._catalogue).outputs) > 1:
                names.add(name)
        return names

    # which step is which node -----------------------------------------------------------------------------------------

    def _find_inputs(self) -> None:
        assert self._drawn.flow is not None
        old = {s.name: self._drawn.ids.get(i, "") for i, s in enumerate(self._drawn.flow.steps) if s.kind == "input"}
        new = {s.name: i for i, s in enumerate(self._flow.steps) if s.kind == "input"}
        gone = [name for name in old if name not in new]
        fresh = [name for name in new if name not in old]
        for name, i in new.items():
            if old.get(name):
                self._ids[i] = old[name]
        for name, now in zip(gone, fresh, strict=False):
            if old[name]:
                self._ids[new[now]] = old[name]
                self._changes.renamed[old[name]] = (now, self._flow.steps[new[now]].line)
        group = " of the Group" if self._drawn.where else ""
        for name in fresh[len(gone) :]:
            line = self._flow.steps[new[name]].line
            self._trouble(line, f"{quoted(name)}: draw a further input{group} on the canvas, with its size")
        for name in gone[len(fresh) :]:
            if self._drawn.where:
                self._trouble(self._line, f"{quoted(name)} is gone: take the Group's input away on the canvas")
            elif old[name]:
                self._changes.removed[old[name]] = self._line

    @property
    def _line(self) -> int:
        assert self._code.forward is not None
        return self._code.forward.lineno

    def _find_calls(self) -> None:
        """Calls of modules: the first is the node of that name, further ones are nodes that share its weights."""
        assert self._drawn.flow is not None
        graph = self._drawn.graph
        back = {now: name for name, now in self._makes.names.items()}
        known: dict[str, list[str]] = {}
        for i, step in enumerate(self._drawn.flow.steps):
            if step.kind == "call" and i in self._drawn.ids:
                known.setdefault(step.name, []).append(self._drawn.ids[i])
        turns: Counter[str] = Counter()
        calls = [(i, step) for i, step in enumerate(self._flow.steps) if step.kind == "call"]
        for now in {step.name for _, step in calls}:
            self._order_calls([i for i, step in calls if step.name == now], known.get(back.get(now, ""), []))
        for i, step in calls:
            if step.name.partition("[")[0] not in self._code.made:
                self._trouble(step.line, f"`self.{step.name}` is called, but not made in `__init__`")
                continue
            name, turn = back.get(step.name, ""), turns[step.name]
            turns[step.name] += 1
            if i in self._ids:
                continue
            if not name and not turn and step.name in self._changes.added:
                self._ids[i] = step.name
            elif step.name in self._changes.added or name in graph.by_name:
                if not known.get(name) and not turn and name:
                    continue  # it was called in a way that is not understood, and is still
                self._share(i, step, graph.by_name[name].id if name else step.name)
        for name, now in self._makes.names.items():
            if name in known and not turns[now]:
                line = self._code.made[now].line
                self._trouble(line, f"`self.{now}` is made, but not called any more: take this out too")
        for name in self._changes.added:
            if name in self._code.made and not turns[name]:
                line = self._code.made[name].line
                self._trouble(line, f"`self.{name}` is made, but never called in `forward`")
        there = set(self._ids.values())
        for name, ids in known.items():
            if name in self._makes.names and not turns[self._makes.names[name]]:
                continue
            for id in ids:
                if id not in there:
                    self._changes.removed.setdefault(id, self._line)

    def _order_calls(self, calls: list[int], known: list[str]) -> None:
        """Give the calls of one module the nodes that it had: by what their value is called, and then in turn."""
        assert self._drawn.flow is not None
        left, waiting = list(known), []
        targets = {id: self._drawn.flow.steps[self._before[id]].target for id in known}
        for i in calls:
            called = [id for id in left if targets[id] and targets[id] == self._flow.steps[i].target]
            if called:
                left.remove(called[0])
                self._ids[i] = called[0]
            else:
                waiting.append(i)
        self._ids.update(zip(waiting, left, strict=False))

    def _share(self, i: int, step: Step, owner: str) -> None:
        """A module is called once more: a node that uses its weights."""
        node = self._node(owner)
        name = self._free(step.target if step.target else node.name, node.name)
        self._ids[i] = name
        self._changes.added[name] = New(name, node.block, node.group, node.settings, owner, step.line)

    def _free(self, wish: str, otherwise: str) -> str:
        graph = self._drawn.graph
        taken = {*graph.by_id, *graph.by_name, *self._code.made, *self._changes.added}
        params = {step.name for step in self._flow.steps if step.kind == "input"}
        try:
            check_name(wish, taken | params)
            return wish if len(wish) > 1 else free_name(otherwise, taken)
        except NamingError:
            return free_name(otherwise, taken)

    def _find_ops(self) -> None:
        """Expressions without a module, such as sums: taken for one that was there before where they are alike."""
        assert self._drawn.flow is not None
        old = {i: s for i, s in enumerate(self._drawn.flow.steps) if s.kind == "op"}
        new = {i: s for i, s in enumerate(self._flow.steps) if s.kind == "op"}
        found: dict[int, int] = {}

        def pair(key: object) -> None:
            left = {i: s for i, s in old.items() if i not in found.values()}
            for i, step in new.items():
                if i in found:
                    continue
                alike = next((k for k, s in left.items() if key(k, s) == key(-i - 1, step)), None)  # type: ignore[operator]
                if alike is not None:
                    found[i] = alike
                    del left[alike]
                    self._take(i, alike)

        def given(i: int, step: Step) -> object:
            told = self._told(step, old=i >= 0)
            return step.name, step.numbers, told

        pair(lambda i, step: (given(i, step), step.target))
        pair(lambda _i, step: (step.name, step.target))
        pair(given)
        pair(lambda _i, step: (step.name, step.numbers))
        pair(lambda _i, step: step.name)
        for k in old:
            if k not in found.values() and (id := self._drawn.ids.get(k)):
                self._changes.removed[id] = self._line
        for i, step in new.items():
            if i in found:
                before = old[found[i]]
                if before.numbers != step.numbers:
                    self._renumber(i, before, step)
                continue
            self._new_op(i, step)

    def _take(self, i: int, before: int) -> None:
        """The step is the one that was there; where it gave its node's name, it gives that its new one."""
        assert self._drawn.flow is not None
        id = self._drawn.ids.get(before)
        if id is None:
            return
        self._ids[i] = id
        old, new = self._drawn.flow.steps[before].target, self._flow.steps[i].target
        if old != new and old == self._drawn.graph.by_id[id].name:
            used = {step.target for k, step in enumerate(self._flow.steps) if k != i}
            if new and new not in used and self._free(new, "") == new:
                self._changes.renamed[id] = (new, self._flow.steps[i].line)

    def _renumber(self, i: int, before: Step, step: Step) -> None:
        """An expression has other constants: settings of its node, where it is clear which."""
        id = self._ids.get(i, "")
        if not id:
            self._trouble(step.line, "this was changed by hand, but it is how a block works")
            return
        node = self._drawn.graph.by_id[id]
        declared = settings_of(self._design, node, self._catalogue) or ()
        try:
            for name, value in numbers_as_settings(before, step, node.settings, declared).items():
                self._changes.settings.append((id, name, value, step.line))
        except ValueError as error:
            self._trouble(step.line, f"{node.name}: {error}")

    def _new_op(self, i: int, step: Step) -> None:
        block = form_of(step, self._drawn, self._catalogue)
        if block is None:
            self._trouble(
                step.line, f"`{step.expression[:60]}` is no block that Netloom knows: make it a Code block, or a "
                "module of your own",
            )  # fmt: skip
            return
        name = self._free(step.target, _snake(block[0]))
        self._ids[i] = name
        self._changes.added[name] = New(name, block[0], settings=block[1], line=step.line)

    # wires ------------------------------------------------------------------------------------------------------------

    def _node(self, id: str) -> Node:
        """A node as it will be: new, replaced, or with other settings."""
        changes = self._changes
        if (new := changes.added.get(id)) is not None:
            return Node(id=id, block=new.block, group=new.group, name=new.name, settings=new.settings)
        node = self._drawn.graph.by_id[id]
        settings = dict(node.settings)
        block, group = node.block, node.group
        if id in changes.replaced:
            block, group, _ = changes.replaced[id]
            settings = {}
        settings.update({name: value for other, name, value, _ in changes.settings if other == id})
        return Node(id=id, block=block, group=group, name=node.name, settings=Settings(settings))

    def _source(self, value: Value) -> End | None:
        if not isinstance(value, Ref) or value.step not in self._ids:
            return None
        node = self._node(self._ids[value.step])
        return end_of(self._design, self._drawn.graph, node, value.pick, self._catalogue)

    def _told(self, step: Step, *, old: bool = False) -> tuple[object, ...]:
        """What goes into a step, in terms of nodes: equal before and now where nothing changed."""
        return tuple((slot, self._words(value, old)) for slot, value in spread(step.given))

    def _words(self, value: Value, old: bool, depth: int = 0) -> object:
        if isinstance(value, str):
            return value
        if isinstance(value, tuple):
            return tuple(self._words(part, old, depth + 1) for part in value)
        flow, ids = (self._drawn.flow, self._drawn.ids) if old else (self._flow, self._ids)
        assert flow is not None
        id = ids.get(value.step)
        if id is not None:
            return ("node", id, value.pick)
        step = flow.steps[value.step]
        inner = tuple((s, self._words(v, old, depth + 1)) for s, v in step.given) if depth < 50 else ()
        back = {now: name for name, now in self._makes.names.items()}
        name = step.name if old or step.kind != "call" else back.get(step.name, step.name)
        return (step.kind, name, step.numbers, inner, value.pick)

    def _find_wires(self) -> None:
        assert self._drawn.flow is not None
        for i, step in enumerate(self._flow.steps):
            id = self._ids.get(i)
            if id is None or step.kind == "input":
                continue
            before = self._before.get(id)
            if before is not None and id not in self._changes.replaced:
                if self._told(self._drawn.flow.steps[before], old=True) == self._told(step):
                    continue
                if id not in self._drawn.slots:
                    self._trouble(step.line, f"what goes into {self._node(id).name} cannot be read back")
                    continue
            self._wire(id, step)

    def _wire(self, id: str, step: Step) -> None:
        """What feeds each input of a node now."""
        node = self._node(id)
        slots = self._drawn.slots.get(id, {}) if id not in self._changes.replaced else {}
        wanted: dict[str, End] = {}
        for n, (slot, value) in enumerate((s, v) for s, v in spread(step.given)):
            if isinstance(value, str):
                if value != "None":
                    self._trouble(step.line, f"{node.name} takes what other nodes give, not `{value}`")
                continue
            end = self._source(value)
            if end is None:
                self._trouble(step.line, f"what goes into {node.name} is no single output of a node")
                return
            port = slots.get(slot) or self._port(node, slot, n, {*wanted, *slots.values()})
            if port is None:
                self._trouble(step.line, f"{node.name} takes fewer inputs than it is given")
                return
            wanted[port] = end
        old = [w.target.port for w in self._drawn.graph.into.get(id, ())]
        for port in dict.fromkeys((*old, *wanted)):
            self._changes.wires[End(id, port)] = (wanted.get(port), step.line)

    def _port(self, node: Node, slot: Slot, n: int, taken: set[str]) -> str | None:
        """Which input an argument feeds: in order, or by its name."""
        if node.group:
            group = self._design.group_by_name.get(node.group)
            names = [port.name for port in group_ports(group).inputs] if group else []
            return names[n] if n < len(names) else None
        card = self._catalogue.get(node.block)
        if card is None:
            return None
        if isinstance(slot[0], str) and not slot[0].startswith("*"):
            return slot[0] if any(port.name == slot[0] for port in card.inputs) else None
        for place, port in enumerate(card.inputs):
            if port.many:
                fixed = {p.name for p in card.inputs if not p.many}
                letters = (letter(k) for k in range(1000))
                return next(name for name in letters if name not in fixed and name not in taken)
            if place == n:
                return port.name
        return None

    def _find_ends(self) -> None:
        """What is returned, as wires to the Outputs."""
        assert self._drawn.flow is not None
        old = [(self._drawn.ends[k], self._words(v, True)) for k, v in enumerate(self._drawn.flow.returned)]
        new = [(value, self._words(value, False)) for value in self._flow.returned]
        if [words for _, words in old] == [words for _, words in new]:
            return
        line = self._flow.line or self._line
        left = [end for end, _ in old]
        placed: dict[int, str] = {}
        for k, (_, words) in enumerate(new):  # what is returned still goes to its Output, whatever its turn
            end = next((end for end, theirs in old if theirs == words and end in left), None)
            if end is not None and len(new) != len(old):
                placed[k] = end
                left.remove(end)
        for k in range(len(new)):
            if k not in placed and left:
                placed[k] = left.pop(0)
        if (left or len(placed) < len(new)) and self._drawn.where:
            self._trouble(line, "how many outputs a Group has is drawn on the canvas")
            return
        for end in left:
            self._changes.removed[end] = line
        for k, (value, _) in enumerate(new):
            source = self._source(value)
            if source is None or placed.get(k) == "":
                self._trouble(line, "what is returned comes from no single output of a node")
                continue
            end = placed.get(k) or self._new_output(value, line)
            self._changes.wires[End(end, "x")] = (source, line)

    def _new_output(self, value: Value, line: int) -> str:
        target = self._flow.steps[value.step].target if isinstance(value, Ref) else ""
        name = self._free(f"{target}_output" if target else "", "output")
        self._changes.added[name] = New(name, "Output", line=line)
        return name

