"""Looks for settings of one node with which the sizes that leave it are those wanted.

Arithmetic only proposes settings here: each proposal is run, and the module alone says which size comes out.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

from app.design.values import Settings, SettingValue
from app.engine.solve.windows import WINDOW, Cost, Window, cost
from blocks.card import Setting

Shape = tuple[int, ...]
Wanted = tuple[int | None, ...]
Turned = dict[str, Any]  # settings of one node and their new values
MOST, ALIKE = 8, 2
"""How many solutions are offered, and how many of them may change the same settings."""
RUNS, TRIALS, WALKED = 240, 24, 15_000
"""How many modules are run for an answer, how many edited drawings are walked, and how many blocks in all of these."""
SECONDS = 1.5
"""After so long nothing further is tried: a large backbone takes half a second a run, which no count can know."""
PLACES = (
    *WINDOW, "output_size", "output_stride", "patch", "patch_size", "scale", "ratio", "top", "bottom", "left", "right",
    "hop", "multiple", "stop", "count", "size", "factor", "reduction",
)  # fmt: skip
CHANNELS = (
    "out_channels", "channels", "out_features", "features", "hidden", "classes", "prototypes", "multiplier", "width",
    "widths", "growth", "initial_width", "head_width", "group_width", "pieces", "depth", "mels", "bins", "sizes",
    "size", "factor", "reduction",
)  # fmt: skip
"""Settings that bear on how many places or channels there are. What says which or how, not how many, is left alone."""
WORDS = {"H": "rows", "W": "columns", "L": "places", "C": "channels", "K": "channels", "D": "features"}


class Knobs(NamedTuple):
    """What can be turned at one node (a block's settings, or what a Group exposes), and what comes out of it then."""

    where: str
    node: str
    name: str
    title: str
    settings: dict[str, Setting]
    values: Mapping[str, Any]
    run: Callable[[Turned], tuple[Shape | None, str]]
    """The sizes behind the batch with these settings, or None and what the block says to them."""
    given: Shape = ()
    letters: str = ""  # of the output's sizes; empty: not known

    def word(self, index: int) -> str:
        return WORDS.get(self.letters[index : index + 1].upper(), f"size {index + 1}")


class Budget:
    """What may still be spent on one answer."""

    def __init__(self, steps: int) -> None:
        self.runs, self.trials = RUNS, max(4, min(TRIALS, WALKED // max(steps, 1)))
        self.end = time.monotonic() + SECONDS

    @property
    def spent(self) -> bool:
        return self.runs <= 0 or self.trials <= 0 or time.monotonic() > self.end


class Search:
    """Looks for settings of one node with which the sizes that leave it are those wanted."""

    def __init__(self, knobs: Knobs, wanted: Wanted, budget: Budget) -> None:
        self.knobs, self.wanted, self.budget, self.refusal = knobs, wanted, budget, ""
        self.found: list[tuple[Cost, Turned]] = []
        self.nearer: list[Turned] = []
        self.known: dict[Settings, Shape | None] = {}
        self.now = self.run({})
        self.forms = self._forms()
        if self.unmet(self.now):
            self._deepen({}, self.now, 2)
        self.found.sort(key=lambda f: f[0])

    def run(self, turned: Turned) -> Shape | None:
        key = Settings(turned)
        if key not in self.known and not (turned and self.budget.spent):
            self.budget.runs -= 1
            self.known[key], refusal = self.knobs.run(turned)
            self.refusal = self.refusal or refusal
        return self.known.get(key)

    def unmet(self, shape: Shape | None) -> set[int]:
        """Which of the wanted sizes are others in `shape`."""
        if shape is None or len(shape) != len(self.wanted):
            return {-1, *(i for i, w in enumerate(self.wanted) if w is not None)}
        return {i for i, (w, n) in enumerate(zip(self.wanted, shape, strict=True)) if w not in (None, n)}

    def _keep(self, turned: Turned, cost: Cost) -> bool:
        """Run it; keep it where it gives what is wanted."""
        fits = not self.unmet(self.run(turned))
        ordered = {name: turned[name] for name in self.knobs.settings if name in turned}
        if fits and all(ordered != known for _, known in self.found):
            self.found.append((cost, ordered))
        return fits

    def _deepen(self, turned: Turned, shape: Shape | None, depth: int) -> None:
        """Turn one more setting, or all of a window together; what comes nearer is gone on with."""
        unmet, nearer = self.unmet(shape), []
        if self.forms and (shape is None or 0 not in unmet):
            nearer += self._turn_windows(turned, unmet)
        nearer += [further for further in self._edges(turned) if not self._keep(further, (2, False, 0))]
        words = {self.knobs.word(i) for i in unmet}
        places, channels = words - {"channels", "features"}, words - {"rows", "columns", "places"}
        likeliest = {name: i for i, name in enumerate((*CHANNELS, *PLACES))}
        for name, setting in sorted(self.knobs.settings.items(), key=lambda item: likeliest.get(item[0], 0)):
            bears = (name in PLACES and places) or (name in CHANNELS and channels)
            if not bears or name in turned or (self.forms and name in WINDOW):
                continue
            for idle, value in enumerate(self._values(setting, turned, shape)):
                further = {**turned, name: value}
                new = self.run(further)
                odd = len(f"{value:g}") / 4 if isinstance(value, float) else float(name == "depth")
                if self._keep(further, (len(further), False, odd)):
                    if isinstance(value, float):
                        break
                elif new is not None and self.unmet(new) < unmet:
                    nearer.append(further)
                elif new is not None and new == shape and idle:  # it does nothing to sizes
                    break
        self.nearer += nearer
        for further in nearer[:4] if depth else []:
            self._deepen(further, self.run(further), depth - 1)

    def _values(self, setting: Setting, turned: Turned, shape: Shape | None) -> Iterator[Any]:
        """Values to try, the likeliest first: the wanted sizes, those in proportion, those on a straight line."""
        now, wanted = self.knobs.values[setting.name], self.wanted
        known = shape if shape is not None and len(shape) == len(wanted) else None
        goals = [(known[i] if known else 0, w, i) for i, w in enumerate(wanted) if w and i in self.unmet(shape)]
        ratios = [r for t, w, _ in goals if t for r in (w / t, t / w, math.sqrt(w / t), math.sqrt(t / w))]
        raw: list[Any] = []
        if setting.type == "float":
            scaled = [(w + part) * (now or 1.0) / t for part in (0, 0.25, 0.5) for t, w, _ in goals if t]
            raw = [round(x, digits) for digits in (1, 2, 4, 6) for x in scaled]
        elif setting.type == "int":
            raw = [w for _, w, _ in goals if setting.name != "depth"]  # a block as deep as that would run for minutes
            raw += [whole(now * r) for r in ratios if now for whole in (round, math.floor, math.ceil)]
        elif setting.name in ("size", "output_size"):
            full = tuple(w or (known[i] if known else -1) for i, w in enumerate(wanted))
            wide = 2 if setting.type == "pair" else len(full) - (setting.name == "output_size")
            raw = [full[len(full) - wide :], tuple(w or -1 for w in wanted)[len(full) - wide :]]
        elif isinstance(now, tuple):
            raw = [tuple(round(n * r) for n in now) for r in ratios]
            raw += [(*now[:-1], round(now[-1] * r)) for r in ratios if setting.type == "ints" and now]
        yield from (tried := dict.fromkeys(x for x in raw if x != now and _accepts(setting, x)))
        for step in (1, now) if setting.type == "int" and now and known else ():
            probe = self.run({**turned, setting.name: now + step}) if _accepts(setting, now + step) else None
            if probe is not None and len(probe) == len(wanted):
                exact = [now + (w - t) * step / (probe[i] - t) for t, w, i in goals if probe[i] != t]
                line = dict.fromkeys(whole(x) for x in exact for whole in (math.floor, math.ceil))
                yield from (x for x in line if x not in tried and x != now and _accepts(setting, x))
                return

    def _forms(self) -> list[tuple[str, Turned]]:
        """By which arithmetic the block's windows may go, with the switch that this takes: those that agree with what
        came out. None where the block has no windows or hides what they are."""
        values, given, free = self.knobs.values, self.knobs.given, self.knobs.settings
        if len(given) < 2 or not set(WINDOW[:3]) & free.keys():
            return []
        plain = "ceil" if values.get("ceil_mode") else "plain"
        unset = values.get("padding") is None or values.get("fit") == "same"
        forms = ["up"] if "output_padding" in values else [*["same"] * unset, plain, "up"]
        if self.now is not None:
            axes = [(self._window(i), n) for i, n in enumerate(given[1:])]
            forms = [f for f in forms if tuple(a.places(n, f) for a, n in axes) == self.now[1:]]
        made: list[tuple[str, Turned]] = [(form, {}) for form in forms]
        if plain in forms and "ceil_mode" in free:
            made.append(("plain" if plain == "ceil" else "ceil", {"ceil_mode": plain == "plain"}))
        if forms and values.get("fit", "padding") != "padding" and "fit" in free:
            made.append(("plain", {"fit": "padding"}))
        return made + [("plain", {})] * ("same" in forms and "padding" in free and values.get("fit") != "same")

    def _window(self, axis: int) -> Window:
        """The window along one axis as it is now."""
        read = {}
        for field, name in zip(Window._fields, WINDOW, strict=True):
            value = self.knobs.values.get(name)
            value = value[min(axis, len(value) - 1)] if value and isinstance(value, tuple) else value
            if isinstance(value, int) and not (name == "padding" and self.knobs.values.get("fit") == "valid"):
                read[field] = value
        return Window(**read)

    def _windows(self, n: int, wanted: int, now: Window, form: str, switch: Turned) -> Iterator[tuple[Window, int]]:
        """Windows to choose from along an axis of `n` places, and how many places each gives."""
        free, up = self.knobs.settings, form == "up"
        still = form == "same" or (self.knobs.values.get("fit") == "valid" and "fit" not in switch)
        steps = {1, 2, 3, 4, n // wanted, -(-n // wanted), wanted // n, -(-wanted // n)} - {0}
        steps = {now.stride, *(s for s in steps if s <= 64)} if "stride" in free else {now.stride}
        spreads = {1, 2, 4, now.dilation} if "dilation" in free and form != "same" else {now.dilation}
        for s, d in product(steps, spreads):
            exact = wanted - (n - 1) * s if up else n - (wanted - 1) * s
            kernels = {*range(1, 8), 9, 11, now.kernel, s, 2 * s, *[exact] * (0 < exact <= 31 or 0 < exact == n)}
            for k in kernels if "kernel_size" in free and form != "same" else {now.kernel}:
                half = d * (k - 1) // 2
                edges = {*range(5), half, now.padding, max(0, half - s // 2)}
                added = range(min(max(s, d), 8)) if "output_padding" in free and up else (now.output_padding,)
                for p, extra in product(edges if "padding" in free and not still else {now.padding}, added):
                    window = Window(k, s, p, d, extra)
                    yield window, window.places(n, form)

    def _turn_windows(self, turned: Turned, unmet: set[int]) -> list[Turned]:
        """Kernel, stride, padding, dilation and output padding together, along all axes; returns what comes nearer."""
        offers = [offer for form, switch in self.forms for offer in self._offers(form, switch, turned)]
        taken: Counter[frozenset[str]] = Counter()
        tries: Counter[frozenset[str]] = Counter()
        nearer: list[Turned] = []
        for price, further in sorted(offers, key=lambda offer: offer[0]):
            names = frozenset(further)
            if taken[names] < ALIKE and tries[names] < 12 and sum(taken.values()) + len(nearer) < 2 * MOST:
                tries[names] += 1
                taken[names] += self._keep(further, price)
                new = self.run(further)
                nearer += [further] * (new is not None and bool(self.unmet(new)) and self.unmet(new) < unmet)
        return nearer

    def _edges(self, turned: Turned) -> Iterator[Turned]:
        """Rows and columns of a Pad, as many on both sides."""
        if {"top", "bottom", "left", "right"} <= self.knobs.settings.keys() - turned.keys() and len(self.wanted) == 3:
            rows, columns = (
                0 if w is None else w - n for n, w in zip(self.knobs.given[-2:], self.wanted[-2:], strict=True)
            )
            if min(rows, columns) >= 0:
                sides = {"top": rows // 2, "bottom": rows - rows // 2}
                yield {**sides, "left": columns // 2, "right": columns - columns // 2}

    def _offers(self, form: str, switch: Turned, turned: Turned) -> Iterator[tuple[Cost, Turned]]:
        given, goals = self.knobs.given[1:], self.wanted[1:]
        now = [self._window(i) for i in range(len(given))]
        choices = []
        for n, w, window in zip(given, goals, now, strict=False):
            if w is not None:
                fitting = {a for a, size in self._windows(n, w, window, form, switch) if size == w}
                choices.append(sorted(fitting, key=lambda a, b=window: cost([a], [b], form)))  # type: ignore[misc]
        if len(goals) != len(given) or not all(choices or [[]]):
            return
        rows = {(a,) * len(given) for a in set(choices[0]).intersection(*choices[1:])}
        alike = len(set(zip(given, goals, now, strict=True))) == 1
        for mixed in product(*(c[: 12 if len(choices) < 3 else 8] for c in choices)) if not alike else ():
            left = iter(mixed)
            rows.add(tuple(window if w is None else next(left) for w, window in zip(goals, now, strict=True)))
        for row in rows:
            written = self._written(row, form)
            if written is not None and all(a.places(n, form) > 0 for a, n in zip(row, given, strict=True)):
                further = {**turned, **switch, **written}
                _, *rest = cost(row, now, form)
                odder = rest[1] - sum(a.oddness(form) for a in now) / len(now)
                yield (len(further) + 2 * (odder >= 2), *rest), further

    def _written(self, row: Sequence[Window], form: str) -> Turned | None:
        """The windows as values of settings, of those alone that change; None where the block cannot have them."""
        turned: Turned = {}
        for name, column in zip(WINDOW, zip(*row, strict=True), strict=True):
            setting, now = self.knobs.settings.get(name), self.knobs.values.get(name)
            if setting is None or (name == "padding" and form == "same"):
                continue
            if setting.type == "int" and len(set(column)) > 1:
                return None
            value = column[0] if setting.type == "int" else column
            if value != (now * len(column) if isinstance(now, tuple) and len(now) == 1 else now):
                turned[name] = value
        return turned

    def nearest(self) -> list[Shape]:
        """The sizes next to those wanted that the node can give; each was run."""
        unmet = self.unmet(self.now)
        sides = [s for s in self.known.values() if s is not None and len(s) == len(self.wanted)]
        for form, switch in self.forms[:1] if 0 not in unmet and len(self.knobs.given) == len(self.wanted) else []:
            sides += [s for below in (True, False) if (s := self._beside(form, switch, below)) is not None]
        kept = sorted({s for s in sides if s != self.now and self._only_differs(s)}, key=self._away)
        return sorted(kept[:2])

    def _beside(self, form: str, switch: Turned, below: bool) -> Shape | None:
        """What the windows can give on one side of what is wanted."""
        aim = list(self.wanted)
        for i, (n, w) in enumerate(zip(self.knobs.given, self.wanted, strict=True)):
            if i and w is not None:
                sizes = {size for _, size in self._windows(n, w, self._window(i - 1), form, switch) if size > 0}
                sizes = {size for size in sizes if size == w or (size < w) == below}
                if not sizes:
                    return None
                aim[i] = min(sizes, key=lambda size, w=w: abs(size - w))  # type: ignore[misc]
        search = Search(self.knobs, tuple(aim), self.budget)
        return next((s for s in search.known.values() if s is not None and not search.unmet(s)), None)

    def _only_differs(self, shape: Shape) -> bool:
        """Whether what was to stay as it is has stayed: nothing but the sizes asked for in vain is another."""
        met = set(range(len(shape))) - self.unmet(self.now)
        return not met & self.unmet(shape)

    def _away(self, shape: Shape) -> float:
        return sum(abs(n - w) / w for n, w in zip(shape, self.wanted, strict=True) if w is not None)


def _accepts(setting: Setting, value: SettingValue) -> bool:
    try:
        return setting.accept(value) == value
    except ValueError:  # out of its bounds: no candidate
        return False
