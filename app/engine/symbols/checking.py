"""Tries a drawing at several sizes of its Inputs: where it fails, and whether its weights still fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from app.design.expand import TooLargeError
from app.design.values import Design, End
from app.engine import problems
from app.engine.measure import Value, build, refused, run_on_meta
from app.engine.symbols.inputs import Free
from app.engine.symbols.probing import STEPS, Point, Prober, described
from app.engine.walk import Step, Walk, arguments_of, reaching
from app.messages.reports import Problem
from app.messages.symbols import Letter, SizesChecked, SizeTried

if TYPE_CHECKING:
    from app.engine.analysis import Analyser

MOST_SIZES = 32
"""How many sizes of a request are tried."""
ENDS = ("Input", "Target", "Output")
SCALES = (0.5, 0.75, 1.5, 2.0)
BIGGER = (1, 32)

Sizes = tuple[int, ...]


class SizeError(ValueError):
    """A size that is none of this drawing's; the message says what it needs."""


def check_sizes(analyser: Analyser, design: Design, sizes: Sequence[Sequence[int]] = (), job: str = "") -> SizesChecked:
    """At which sizes of its Inputs the design works; `sizes` hold a number a letter, none: a usual set is tried.

    Raises SizeError on a size with another number of letters or with a number below 1.
    """
    try:
        prober = Prober(analyser, design)
    except TooLargeError as error:
        return SizesChecked(job, summary=f"Nothing was tried: {error}")
    letters = tuple(Letter(free.letter, free.size, free.names) for free in prober.frees)
    names = ", ".join(letter.name for letter in letters)
    for size in sizes:
        if len(size) != len(letters) or any(n < 1 for n in size):
            raise SizeError(f"the size {_shown(size)} does not fit: it needs {len(letters)} numbers from 1 ({names})")
    if not letters:
        return SizesChecked(job, summary=prober.problem)
    check = _Check(prober)
    own = check.tries(prober.start[1:])
    if not own.valid:
        summary = f"The drawing has errors at its own size; mend them first: {own.message}"
        return SizesChecked(job, letters, (own,), summary, prober.walks)
    wanted = [tuple(size) for size in sizes][:MOST_SIZES] or usual_sizes(prober.frees)
    tried = tuple(check.tries(size) for size in wanted)
    summary = _Summary(check, tried).text()
    if len(sizes) > MOST_SIZES:
        summary += f" Only the first {MOST_SIZES} of {len(sizes)} sizes were tried."
    return SizesChecked(job, letters, tried, summary, prober.walks)


def usual_sizes(frees: Sequence[Free]) -> list[Sizes]:
    """Sizes around that of the drawing: scaled, a little and some more larger, and not square."""
    own = tuple(free.size for free in frees)
    found = [tuple(max(1, round(n * scale)) for n in own) for scale in SCALES[:2]]
    found += [tuple(n + by for n in own) for by in BIGGER]
    found += [tuple(round(n * scale) for n in own) for scale in SCALES[2:]]
    families = [free.family for free in frees]
    for n, free in enumerate(frees):
        if families.count(free.family) > 1:  # height and width: one of them alone
            found += [(*own[:n], size, *own[n + 1 :]) for size in (2 * free.size, free.size + BIGGER[1])]
    return [size for size in dict.fromkeys(found) if size != own]


class _Misfit(NamedTuple):
    step: Step
    message: str


class _Check:
    """Tries sizes, each once, and says what fails."""

    def __init__(self, prober: Prober) -> None:
        self.prober = prober
        self._known: dict[Sizes, SizeTried] = {}
        # Calls that share weights use the module as it is built for the first of them.
        self._owners: dict[str, Step] = {}
        for step in prober.base.steps.values():
            self._owners.setdefault(step.call.module, step)

    def tries(self, size: Sizes) -> SizeTried:
        if size not in self._known:
            self._known[size] = self._try(size)
        return self._known[size]

    def works(self, size: Sizes) -> bool:
        return self.tries(size).valid

    def _try(self, size: Sizes) -> SizeTried:
        point: Point = (1, *size)
        own = size == self.prober.start[1:]
        walk = self.prober.base if own else self.prober.walk(point)
        problem = self._first_error(walk, point)
        if problem is not None:
            where = problem.id, problem.name, problem.where, problem.node
            return SizeTried(size, False, False, *where, problem.message)
        misfit = None if own else self._misfit(walk)
        if misfit is None:
            return SizeTried(size, True)
        call = misfit.step.call
        return SizeTried(size, True, False, call.id, call.name, call.where, call.node, misfit.message)

    def _first_error(self, walk: Walk, point: Point) -> Problem | None:
        """The first error, of what the Outputs need where there are Outputs: a Target is not resized with the image."""
        errors = [p for p in problems.find(self.prober.design_at(point), walk) if p.severity == "error"]
        outputs = {id for id, step in walk.steps.items() if step.call.block == "Output"}
        needed = reaching(walk, outputs) if outputs else set(walk.steps)
        return next((p for p in errors if p.id in needed or p.id not in walk.steps), None)

    def _misfit(self, walk: Walk) -> _Misfit | None:
        """The first block that, built as the drawing's own size builds it, does not take this size.

        Most are built alike at both sizes and were run in the walk; the others are run here, on what the blocks before
        them give.
        """
        outputs = {id for id, step in walk.steps.items() if step.call.block == "Output"}
        needed = reaching(walk, outputs) if outputs else set(walk.steps)
        values: dict[End, Value] = dict(walk.values)
        for id, step in walk.steps.items():
            if id not in needed or step.call.block in ENDS or step.card is None:
                continue
            sources = walk.expanded.sources[id]
            given = {port: values.get(sources[port]) if port in sources else None for port in step.used}
            own, here = arguments_of(self._owners[step.call.module]), arguments_of(step)
            if own == here and given == {port: step.inputs.get(port) for port in step.used}:
                continue
            try:
                results = self._run(step, own, given)
            except Exception as error:  # whatever a block's own code raises is why the size does not fit
                return _Misfit(step, self._sentence(step, own, here, error))
            values.update(zip(walk.given.get(id, ()), results, strict=False))
        return None

    def _run(self, step: Step, arguments: dict[str, Any], given: dict[str, Value | None]) -> list[Value]:
        assert step.card is not None
        module = build(self.prober.classes[step.call.block], arguments, "meta")
        return [tuple(described(t) for t in levels) for levels in run_on_meta(module, step.card, given)]

    def _sentence(self, step: Step, own: dict[str, Any], here: dict[str, Any], error: Exception) -> str:
        assert step.card is not None
        size = _shown(self.prober.start[1:])
        name = next((name for name in own if own[name] != here[name]), None)
        if name is None:
            return f"{step.call.name}: {refused(error, step.card).message}"
        called = dict(step.card.sizes).get(name, name)
        return (
            f"{step.call.name}: its weights are made for {called} = {own[name]}, as it is at {size}, but here {called} "
            f"is {here[name]}; bring it to one size before, or train at this size"
        )


class _Summary:
    """Says in a sentence or two which sizes work."""

    def __init__(self, check: _Check, tried: Sequence[SizeTried]) -> None:
        self.check, self.tried, self.prober = check, tried, check.prober
        self.own: Sizes = check.prober.start[1:]
        self.size = _shown(self.own)
        letters = [free.letter for free in check.prober.frees]
        self.letters = ", ".join(letters[:-1]) + (" and " if len(letters) > 1 else "") + letters[-1]

    def text(self) -> str:
        step = self._step()
        if step is None:
            failed = next((t for t in reversed(self.tried) if not t.valid), None)
            if failed is None:
                return self._weights("Every size that was tried is valid.")
            if not any(t.valid for t in self.tried):
                return f"Works at {self.size} only, because at {_shown(failed.sizes)} {failed.message}."
            return self._weights(f"Some of the sizes that were tried fail: at {_shown(failed.sizes)} {failed.message}.")
        smallest = self._smallest(step)
        from_on = f", from {_shown(smallest)} on" if smallest and min(smallest) > 1 else ""
        text = f"{self._rule(step)}{self._square(step)}{from_on}"
        against = next((t for t in self.tried if not t.valid and self._under_rule(t.sizes, step, smallest)), None)
        if against is not None:
            return self._weights(f"{text}, but not {_shown(against.sizes)}: {against.message}.")
        return self._weights(f"{text}.")

    def _under_rule(self, size: Sizes, step: int, smallest: Sizes) -> bool:
        """Whether the rule of steps would let a size pass."""
        in_steps = all((a - b) % step == 0 for a, b in zip(size, self.own, strict=True))
        equal = len(set(self.own)) == 1 and len(set(size)) > 1 and self._square(step)
        return in_steps and not equal and all(a >= b for a, b in zip(size, smallest or size, strict=True))

    def _moved(self, by: int) -> Sizes:
        return tuple(n + by for n in self.own)

    def _step(self) -> int | None:
        """The finest steps in which sizes may grow, or shrink where they may not grow."""
        for way in (1, -1):
            for step in sorted(STEPS):
                if self.prober.left <= 0:
                    return None
                sizes = [self._moved(way * step * n) for n in (1, 3)]
                if all(n >= 1 for size in sizes for n in size) and all(map(self.check.works, sizes)):
                    return step
        return None

    def _rule(self, step: int) -> str:
        verb = "may be" if len(self.own) == 1 else "may each be"
        if step == 1:
            return f"{self.letters} {verb} any size"
        if all(n % step == 0 for n in self.own):
            return f"{self.letters} {verb} any multiple of {step}"
        return f"{self.letters} {verb} what they are at {self.size} plus or minus a multiple of {step}"

    def _square(self, step: int) -> str:
        if len(self.own) == 2 and len(set(self.own)) == 1 and self.prober.left > 0:
            alone = self.check.tries((self.own[0] + step, self.own[1]))
            return "" if alone.valid else ", as long as they are equal"
        return ""

    def _smallest(self, step: int) -> Sizes:
        """Halves the way down from the drawing's own size: of two neighbouring sizes the smaller fails. Empty: not
        known."""
        even = all(n % step == 0 for n in self.own)

        def at(n: int) -> Sizes:
            return tuple(n * step for _ in self.own) if even else self._moved(-step * (most - n))

        most = min(self.own) // step if even else (min(self.own) - 1) // step + 1
        low, high = 0, most
        if even and not self.check.works(at(most)):
            return ()
        while high - low > 1:
            if self.prober.left <= 0:
                return ()
            middle = (low + high) // 2
            low, high = (low, middle) if min(at(middle)) >= 1 and self.check.works(at(middle)) else (middle, high)
        return at(high) if min(at(high)) >= 1 and self.check.works(at(high)) else ()

    def _weights(self, text: str) -> str:
        valid = [t for t in self.tried if t.valid]
        fitting = [t for t in valid if t.fits]
        if len(fitting) == len(valid):
            return f"{text} Weights trained at {self.size} fit every valid size that was tried." if valid else text
        misfit = next(t for t in valid if not t.fits)
        fit = f"{self.size} only" if not fitting else f"{len(fitting)} of the {len(valid)} valid sizes that were tried"
        return f"{text} Weights trained at {self.size} fit {fit}: at {_shown(misfit.sizes)} {misfit.message}."


def _shown(size: Sequence[int]) -> str:
    return " × ".join(map(str, size))
