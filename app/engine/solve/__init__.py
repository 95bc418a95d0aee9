"""Solve for: the settings with which a node gives the size that is wanted, the simplest first.

Arithmetic only proposes settings here. Each proposal is run on meta, and what is offered was put into the drawing and
all of it run: the module alone says which size comes out.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from app.design import changes
from app.design.edits import settings_of
from app.design.paths import apply_variant, show_value
from app.design.ports import ports
from app.design.values import Design, End, Node, Settings, SettingValue, has_expression
from app.engine.measure import MAX_ELEMENTS
from app.engine.solve.search import ALIKE, MOST, Budget, Knobs, Search, Shape, Turned, Wanted
from app.engine.walk import Walk, source
from app.messages.solving import Solution, Solve, Solved
from blocks.card import Setting
from blocks.patterns import parse

if TYPE_CHECKING:
    from app.engine.analysis import Analyser

Bundle = tuple[tuple[Knobs, Turned], ...]


def answer(analyser: Analyser, request: Solve) -> Solved:
    """What `Solve` asks for. Raises PathError where the drawing has no such variant, TooLargeError as a walk does."""
    design = apply_variant(request.design, request.variant, analyser.cards) if request.variant else request.design
    solutions, sentence = solve(analyser, design, request.where, request.node, request.port, request.wanted)
    return Solved(request.job, solutions, sentence)


def solve(
    analyser: Analyser, design: Design, where: str, node: str, port: str, wanted: Wanted
) -> tuple[tuple[Solution, ...], str]:
    """The solutions and the sentence of `Solved`. Raises TooLargeError as a walk does."""
    drawn = design.graph(where).by_id.get(node) if not where or where in design.group_by_name else None
    if drawn is None:
        return (), f"There is no node `{node}` here: it may have been deleted"
    known = [p.name for p in ports(design, design.graph(where), drawn, analyser.cards).outputs]
    if known and port not in known:
        return (), f"{drawn.name} has no output `{port}`: it has {', '.join(known)}"
    sizes = [w for w in wanted if w is not None]
    if not sizes or min(sizes) < 1:
        return (), f"{drawn.name} was asked for {_show(wanted)}, but sizes are whole numbers of at least 1: type one"
    if math.prod(sizes) > MAX_ELEMENTS:
        return (), f"{_show(wanted)} has {math.prod(sizes):.3g} elements, but no machine holds that: ask for less"
    return _Solver(analyser, design, drawn, where, wanted).answer(port)


class _Solver:
    """Solves one request: at the node itself, then at what feeds it, then at the Groups that it stands in."""

    def __init__(self, analyser: Analyser, design: Design, drawn: Node, where: str, wanted: Wanted) -> None:
        self.analyser, self.design, self.drawn, self.where, self.wanted = analyser, design, drawn, where, wanted
        self.walk = analyser.walk(design)
        self.before = analyser.analyse(design, with_fixes=False)
        self.budget = Budget(len(self.walk.steps))
        self.locked = True
        self.found: list[tuple[tuple[Any, ...], Solution]] = []
        self.searches: dict[tuple[End, Wanted, bool], Search] = {}

    def answer(self, port: str) -> tuple[tuple[Solution, ...], str]:
        name, end = self.drawn.name, self._aim(port)
        if end is None or self.walk.steps[end.node].measured is None:
            return (), f"{name} does not run yet: nothing reaches it, or its block is not known; mend that first"
        self.end, now = end, self._shape(end)
        card = self.walk.steps[end.node].card
        free = card is not None and any(s.name == "size" and s.type == "ints" for s in card.settings)
        if now is not None and len(now) != len(self.wanted) and not free:
            count = len(self.wanted)
            return (), f"{name} gives {_show(now)} behind the batch, {len(now)} sizes, but {count} were asked for"
        if now is not None and _fits(now, self.wanted):
            return (), f"{name} gives {_show(now)} already"
        drawn = (n for graph in (self.design, *self.design.groups) for n in graph.nodes)
        calculated = any(has_expression(value) for n in drawn for value in n.settings.values())
        for self.locked in (True, False) if calculated else (True,):
            for step in (self._exposed, self._upstream) if self.drawn.group else (self._upstream, self._exposed):
                if not self.found:
                    step()
        solutions = [s for _, s in sorted(self.found, key=lambda f: f[0])][:MOST]
        return tuple(solutions), self._sentence(solutions)

    def _aim(self, port: str) -> End | None:
        """The output of a call that is meant, the first where the node runs several times."""
        expanded, drawn = self.walk.expanded, self.drawn
        if drawn.group:
            group = next((g for g in expanded.groups if (g.where, g.node) == (self.where, drawn.id)), None)
            return group.outputs.get(port) if group else None
        if drawn.block in ("GroupInput", "GroupOutput"):
            group = next((g for g in expanded.groups if g.group == self.where), None)
            side = "inputs" if drawn.block == "GroupInput" else "outputs"
            return getattr(group, side).get(drawn.name) if group else None
        id = next((c.id for c in expanded.calls if (c.where, c.node) == (self.where, drawn.id)), None)
        if id is None:
            return None
        return expanded.sources[id].get("x") if drawn.block == "Output" else End(id, port)

    def _shape(self, end: End, walk: Walk | None = None) -> Shape | None:
        value = (walk or self.walk).values.get(end)
        return value[-1].shape[1:] if value else None

    def _search(self, end: End, wanted: Wanted) -> Search:
        """The search among the settings of the block that gives `end`."""
        key = (end, wanted, self.locked)
        if key not in self.searches:
            self.searches[key] = Search(self._block(end), wanted, self.budget)
        return self.searches[key]

    def _block(self, end: End) -> Knobs:
        step = self.walk.steps[end.node]
        call, card = step.call, step.card
        assert card is not None  # it was run
        drawn = self.design.graph(call.where).by_id[call.node]
        outputs = ports(self.design, self.design.graph(call.where), replace(drawn, settings=call.settings),
                        self.analyser.cards).outputs  # fmt: skip
        place = next((i for i, p in enumerate(outputs) if p.name == end.port), 0)
        inputs = tuple(step.inputs[p] for p in step.used)

        def run(turned: Turned) -> tuple[Shape | None, str]:
            settings = Settings({**call.settings, **turned})
            if call.block in ("Input", "Target"):
                measured = source(replace(call, settings=settings), card, 1)
            else:
                measured = self.analyser.measurer.measure(call.block, settings, inputs, step.used)
            if measured.refusal is not None:
                return None, measured.refusal.message
            return measured.outputs[place][-1].shape[1:], ""

        given = inputs[0][-1].shape[1:] if inputs and inputs[0] else ()
        dims = parse(outputs[place].pattern).dims
        letters = "".join(d.name[:1] or "?" for d in dims[1:])
        if any(d.many for d in dims):  # any number of sizes: read as most are
            letters = {1: "D", 3: "CHW", 4: "CLHW"}.get(len(self._shape(end) or ()), "")
        return self._knobs(call.where, drawn, card.title, card.settings, call.settings, run)._replace(
            given=given, letters=letters
        )

    def _knobs(
        self, where: str, drawn: Node, title: str, declared: Sequence[Setting], values: Settings, run: Any
    ) -> Knobs:
        """What the user set by an expression stays as it is while `locked`."""
        free = {s.name: s for s in declared if not (self.locked and has_expression(drawn.settings.get(s.name)))}
        now = {
            s.name: s.default if has_expression(values.get(s.name)) else values.get(s.name, s.default) for s in declared
        }
        return Knobs(where, drawn.id, drawn.name, title, free, now, run)

    def _exposed(self) -> None:
        """What the Groups expose that the node stands in, or is."""
        for group in reversed(self.walk.expanded.groups):
            if self.end.node not in group.members or self.budget.spent:
                continue
            drawn = self.design.graph(group.where).by_id[group.node]
            declared = settings_of(self.design, drawn, self.analyser.cards) or ()

            def run(turned: Turned, where: str = group.where, id: str = group.node) -> tuple[Shape | None, str]:
                self.budget.trials -= 1
                edits = [changes.set_setting(where, id, name, value) for name, value in turned.items()]
                try:
                    walk = self.analyser.walk(changes.apply(self.design, edits, self.analyser.cards))
                except ValueError as error:  # a rule of drawing, or more blocks than can be run
                    return None, str(error)
                return self._shape(self.end, walk), ""

            knobs = self._knobs(group.where, drawn, group.group, declared, drawn.settings, run)
            search = Search(knobs, self.wanted, self.budget)
            for cost, turned in search.found[:3]:
                self._prove(((search.knobs, turned),), (0, *cost))

    def _upstream(self) -> None:
        """The node itself, or else the nearest that feed it and decide the size; both branches of a sum together."""
        queue: deque[tuple[End, Wanted, Bundle, int]] = deque([(self.end, self.wanted, (), 0)])
        later: list[Any] = []
        seen = set()
        while (queue or (later and not self.found)) and not self.budget.spent:
            if not queue:
                queue, later = deque(later), []
            end, wanted, before, distance = queue.popleft()
            if (end, wanted) in seen or self.walk.steps[end.node].measured is None:
                continue
            seen.add((end, wanted))
            search = self._search(end, wanted)
            for cost, turned in search.found[: 16 if end == self.end else 3]:
                self._prove((*before, (search.knobs, turned)), (distance, *cost))
            above = [(e, g, before, distance + 1) for e, g in self._above(end, wanted, search.now)]
            for turned in search.nearer[:2] if end == self.end else []:
                rest = self._above(end, wanted, search.run(turned))
                above += [(e, g, ((search.knobs, turned),), distance + 1) for e, g in rest]
            (later if search.found else queue).extend(above)
        if not any(key[0] == 0 for key, _ in self.found) and (joint := self._together(self.end, self.wanted, 40)):
            self._prove(tuple(joint.values()), (1, len(joint)))

    def _above(self, end: End, wanted: Wanted, now: Shape | None) -> Iterator[tuple[End, Wanted]]:
        """What would have to reach a node so that it gives what is wanted."""
        for e in self.walk.expanded.sources[end.node].values():
            given = self._shape(e)
            if given is not None:
                yield from ((e, g) for g in dict.fromkeys(_guesses(given, now, wanted)) if not _fits(given, g))

    def _together(self, end: End, wanted: Wanted, depth: int) -> dict[tuple[str, str], tuple[Knobs, Turned]] | None:
        """One change on each branch that meets at a node: a sum needs both."""
        search = self._search(end, wanted)
        if search.found:
            return {(search.knobs.where, search.knobs.node): (search.knobs, search.found[0][1])}
        made: dict[tuple[str, str], tuple[Knobs, Turned]] = {}
        for e in self.walk.expanded.sources[end.node].values():
            guess = next((g for f, g in self._above(end, wanted, search.now) if f == e), None)
            below = self._together(e, guess, depth - 1) if guess and depth and not self.budget.spent else None
            if guess and below is None:
                return None
            made |= below or {}
        return made or None

    def _prove(self, bundle: Bundle, cost: tuple[float, ...]) -> None:
        """Put it into the drawing and run all of that; keep it where the wanted size comes out."""
        edits = tuple(changes.set_setting(k.where, k.node, name, v) for k, t in bundle for name, v in t.items())
        places = [(e.where, e.node, e.setting) for e in edits]
        alike = [s for _, s in self.found if [(c.where, c.node, c.setting) for c in s.changes] == places]  # type: ignore[union-attr]
        if len(alike) >= ALIKE or edits in [s.changes for s in alike]:
            return
        if len(self.found) >= 2 * MOST or self.budget.trials <= 0 or (self.found and self.budget.spent):
            return
        self.budget.trials -= 1
        try:  # a rule of drawing may forbid it, or it is too large: then it is no solution
            after = self.analyser.analyse(changes.apply(self.design, edits, self.analyser.cards), with_fixes=False)
        except ValueError:
            return
        outputs = next((r.outputs for r in after.nodes if r.id == self.end.node), ())
        shape = next((p.tensors[-1].shape for p in outputs if p.port == self.end.port), ())
        if not shape or not _fits(shape[1:], self.wanted):
            return
        own = all((k.where, k.node) == (self.where, self.drawn.id) for k, _ in bundle)
        parts = [(k.name, ", ".join(f"{_word(n)} {_value(v)}" for n, v in turned.items())) for k, turned in bundle]
        title = "; ".join(text if own else f"{name}: {text}" for name, text in parts)
        settings = Settings({n if own else f"{k.name}.{n}": v for k, t in bundle for n, v in t.items()})
        broken = {(p.id, p.port, p.code) for p in self.before.problems if p.severity == "error"}
        errors = sum(p.severity == "error" and (p.id, p.port, p.code) not in broken for p in after.problems)
        parameters, macs = after.parameters - self.before.parameters, after.macs - self.before.macs
        found = Solution(title, settings, edits, shape, parameters, macs, errors)
        self.found.append(((errors > 0, *cost, abs(parameters), title), found))

    def _sentence(self, solutions: list[Solution]) -> str:
        """Why the node itself gives no such size, what it could give, and whose settings are changed instead."""
        name, wanted, call = self.drawn.name, _show(self.wanted), self.walk.steps[self.end.node].call
        own = {(self.where, self.drawn.id), (call.where, call.node)}
        if solutions and {(c.where, c.node) for c in solutions[0].changes if isinstance(c, changes.SetSetting)} <= own:
            return ""
        search = self.searches.get((self.end, self.wanted, True))
        if search is None or search.found:  # the block could, but not in this drawing
            why = f"no change at {name} alone gives {wanted} in this drawing"
        else:
            inner = "" if (call.where, call.node) == (self.where, self.drawn.id) else f"{call.name}: "
            why = f"{name} cannot give {wanted}: {inner}{_reason(search)}"
            if near := " or ".join(map(_show, search.nearest())):
                why += f"; the nearest that it can give: {near}"
        return why + ("; these change other nodes" if solutions else "")


def _reason(search: Search) -> str:
    """Why no setting of this block gives what is wanted."""
    knobs, now = search.knobs, search.now
    shapes = [s for s in search.known.values() if s is not None and len(s) == len(search.wanted)]
    for i in sorted(search.unmet(now)):
        n, w, word = knobs.given[i] if 0 <= i < len(knobs.given) else 0, search.wanted[i], knobs.word(i)
        if search.forms and i > 0 and w is not None and n:
            if w > n and search.forms[0][0] != "up":
                return f"{knobs.title} cannot enlarge {n} {word} to {w}; use a transposed convolution or an Interpolate"
            if w < n and search.forms[0][0] == "up":
                return f"{knobs.title} cannot shrink {n} {word} to {w}; use a convolution with a stride or a pooling"
        if i >= 0 and now is not None and all(s[i] == now[i] for s in shapes):
            return search.refusal or f"no setting of {knobs.title} changes its {word} of {now[i]}"
    return search.refusal or f"no setting of {knobs.title} gives that"


def _guesses(given: Shape, now: Shape | None, wanted: Wanted) -> Iterator[Wanted]:
    """What may have to reach a node that makes `now` of `given`, for it to make `wanted`."""
    if now is None or len(now) != len(wanted):
        if len(given) == len(wanted):
            yield wanted
        return
    unmet = [i for i, (w, n) in enumerate(zip(wanted, now, strict=True)) if w not in (None, n)]
    if 0 in now:  # an empty tensor, which torch allows: nothing stands in proportion to it
        return
    if len(given) == len(now):

        def guess(form: Callable[[int, int, int], float | None]) -> Iterator[Wanted]:
            made: list[int | None] = [None if w is None else n for n, w in zip(given, wanted, strict=True)]
            for i in unmet:
                x = form(given[i], now[i], wanted[i])  # type: ignore[arg-type]
                made[i] = int(x) if x is not None and x >= 1 and x == int(x) else 0
            if 0 not in made:
                yield tuple(made)

        yield from guess(lambda a, t, w: w if a == t else None)
        yield from guess(lambda a, t, w: a * w / t)
        yield from guess(lambda a, t, w: a + w - t)
        yield from guess(lambda a, t, w: math.ceil(a * w / t))
    if len(unmet) == 1 and len(given) != len(now):  # several sizes make one: all of its places, or one of its sizes
        t, w = now[unmet[0]], wanted[unmet[0]] or 1
        options = [tuple(n * (w / t if i == j else 1) for i, n in enumerate(given)) for j in range(len(given))]
        options.append(tuple(n * (math.sqrt(w / t) if i else 1) for i, n in enumerate(given)))
        for option in options:
            if all(x >= 1 and math.isclose(x, round(x)) for x in option):
                yield tuple(round(x) for x in option)


def _fits(shape: Shape, wanted: Wanted) -> bool:
    return len(shape) == len(wanted) and all(w in (None, n) for n, w in zip(shape, wanted, strict=True))


def _show(sizes: Sequence[int | None]) -> str:
    return "×".join("any" if n is None else str(n) for n in sizes) or "one number"


def _word(setting: str) -> str:
    return "kernel" if setting == "kernel_size" else setting.replace("_", " ")


def _value(value: SettingValue) -> str:
    """As titles show it: `2` for a pair of equal numbers, `3×64×64` for a size."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple) and value:
        return show_value(value[0]) if len(set(value)) == 1 and len(value) > 1 else "×".join(map(show_value, value))
    return show_value(value)
