"""Finds for every size of every tensor an expression, and tests each at sizes that it was not made from."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from typing import NamedTuple

from app.engine.symbols.forms import (
    Coefficients,
    Fitted,
    Form,
    evaluate,
    exact_text,
    fit,
    fit_product,
    interpolate,
    line_text,
    polynomial_text,
    readable,
)
from app.engine.symbols.probing import Key, Point, Prober, accepted_steps

MOST_LETTERS = 3
"""Of how many letters one size is made at most."""
ROUNDS = 16
"""How often sizes are chosen that tell expressions apart."""
TESTS = 6
"""At how many sizes expressions are tested."""
STRAIGHT_TESTS = 4
"""At how many more those are tested that hold from step to step."""
MODULI = (3, 4, 5, 6, 7, 8, 9, 10, 12, 16, 18, 20, 24, 32, 48)
"""Tests have as many remainders by these as may be: an expression that is wrong is so at some of them alone."""
REFITS = 2
"""How often expressions are made anew when tests refute some."""
NEEDED = 2
"""How many tests an expression must have passed: part of a drawing may not run at all of them."""
NEEDED_STRAIGHT = 3
"""The same, of those that hold at some sizes only."""
MOST_REACHES = 64
"""How far sizes are moved at most, in multiples of what was tried first."""
RESERVE = TESTS + STRAIGHT_TESTS + 2
"""How many walks are left for tests."""
USUAL_DIVISORS = (1, 2, 4, 8, 16, 32, 64, 7, 14, 28, 3, 6, 12)

Column = tuple[int | None, ...]
"""One size of one tensor at each point; None where it does not run."""


class Expression(NamedTuple):
    """What is said of a size. `text` holds where each letter is moved by multiples of `periods`, `exact` always."""

    text: str
    exact: str = ""
    periods: tuple[int, ...] = ()
    straight: Callable[[Point], Fraction] | None = None
    always: Callable[[Point], Fraction] | None = None
    known: bool = True
    letters: tuple[int, ...] = ()
    """Which letters it hangs on."""

    def agrees(self, point: Point, start: Point, size: int) -> bool:
        """Whether what it says of a point, if anything, is so."""
        if self.always is not None and self.always(point) != size:
            return False
        near = all((a - b) % by == 0 for a, b, by in zip(point[1:], start[1:], self.periods, strict=True))
        return self.straight is None or not near or self.straight(point) == size

    def tested_by(self, point: Point, start: Point) -> bool:
        """Whether it says something of the point, and that of letters that are not what they are in the drawing."""
        near = all((a - b) % by == 0 for a, b, by in zip(point[1:], start[1:], self.periods, strict=True))
        moved = all(point[n + 1] != start[n + 1] for n in self.letters) and point != start
        return moved and (near or self.always is not None)


class Finder:
    """Expressions for all sizes of one design."""

    def __init__(self, prober: Prober) -> None:
        self.prober = prober
        self.steps, self.reach = accepted_steps(prober)
        self.letters = [free.letter for free in prober.frees]
        self._random = random.Random(1)
        self._forms: list[dict[Form, None]] = [{} for _ in self.letters]
        self._fitted: dict[Key, Column] = {}

    @property
    def start(self) -> Point:
        return self.prober.start

    def find(self) -> dict[Key, Expression]:
        """The expression of every size. A size that was seen at the drawing's own size only has one that is not
        known."""
        self._look_around()
        self._tell_apart()
        found = self._fit_all()
        failed = self._failing(found)
        for _ in range(REFITS):
            if not failed or self.prober.left < RESERVE:
                break
            found = self._fit_all()  # with the tests among what was seen: all is made anew, and tested anew
            failed = self._failing(found)
        # Columns have grown by the tests since they were given expressions.
        said = {key: found[column] for key, column in self._fitted.items()}
        columns = self._columns()
        return {key: self._unknown(columns[key]) if key in failed else said[key] for key in columns}

    # where to look ----------------------------------------------------------------------------------------------------

    def _offsets(self, sizes: Sequence[int]) -> Iterator[int]:
        """The moves `sizes` in the direction that each letter takes, as long as something is left of the letter."""
        for size, own in zip(sizes, self.steps, strict=True):
            by = own.way * size
            yield by if own.size + by >= 1 else 0

    def _look_at(self, moves: Sequence[int], batch: int = 1) -> Point | None:
        if self.prober.left <= 0:
            return None
        point = self.prober.moved(self._offsets(moves), batch)
        self.prober.look(point)
        return point

    def _look_around(self) -> None:
        """One letter moved alone, another batch, and all letters moved by different amounts."""
        self._look_at([0] * len(self.letters), batch=2)
        if not self.letters:
            return
        moves = [[own.step, reach - own.step, 2 * reach, 2 * reach + 5 * own.step]
                 for own, reach in zip(self.steps, self.reach, strict=True)]  # fmt: skip
        for turn in range(4):
            self._look_at([own[(turn + n) % 4] for n, own in enumerate(moves)])
        self._look_at(self.reach)

    def _tell_apart(self) -> None:
        """Look at sizes at which forms differ that agree so far, until one is left of each."""
        for _ in range(ROUNDS):
            wishes: list[Counter[int]] = [Counter() for _ in self.letters]
            for column in set(self._columns().values()):
                for n, fitted in self._of_one_letter(self._by_batch(column)[0]):
                    wish = fitted.split if fitted.split is not None else fitted.rival
                    if wish is not None:
                        wishes[n][wish] += 1
            if not any(wishes) or self.prober.left <= RESERVE:
                return
            self._look_at([
                abs(wish.most_common(1)[0][0] - own.size) if wish else reach
                for wish, own, reach in zip(wishes, self.steps, self.reach, strict=True)
            ])  # fmt: skip

    def _look_for_tests(self) -> None:
        """Sizes drawn at random, and some that are moved by whole periods only."""
        if not self.letters:
            self._look_at([], batch=3)
            return
        near = self.prober.takes(self.prober.moved(self._offsets([own.step for own in self.steps])))
        for turn in range(TESTS + STRAIGHT_TESTS):
            for wide in (3, 1):  # a drawing that takes no wide move is tested by smaller ones
                moves = [self._test_move(n, wide, straight=turn >= TESTS) for n in range(len(self.letters))]
                point = self._look_at(moves, batch=1 + turn % 3)
                if point is None or self.prober.takes(point) >= near:
                    break

    def _test_move(self, letter: int, wide: int, *, straight: bool) -> int:
        own, reach = self.steps[letter], self.reach[letter]
        if straight:  # one period was moved to make expressions
            return self._period(letter) * self._random.randint(2, 2 * wide)
        seen = {abs(point[letter + 1] - own.size) for point in self.prober.seen}
        moves = [own.step * self._random.randint(1, max(wide * reach // own.step, 1)) for _ in range(24)]
        return max(moves, key=lambda by: sum(all((by - other) % m for other in seen) for m in MODULI))

    def _period(self, letter: int) -> int:
        """By what a letter may be moved so that every form of it that is known is straight."""
        known = math.lcm(self.steps[letter].step, *(form.q for form in self._forms[letter]))
        rounded = any(form.q > 1 for form in self._forms[letter])
        return known if rounded and known <= MOST_REACHES * self.reach[letter] else self.reach[letter]

    # what was seen ----------------------------------------------------------------------------------------------------

    def _columns(self) -> dict[Key, Column]:
        seen = list(self.prober.seen.values())
        return {key: tuple(sizes.get(key) for sizes in seen) for key in seen[0]}

    def _by_batch(self, column: Column) -> tuple[Column, bool]:
        """The sizes of one sample where a size is a multiple of the batch, and whether it is."""
        points = list(self.prober.seen)
        twice = next((y for p, y in zip(points, column, strict=True) if p == (2, *self.start[1:])), None)
        if twice is None or column[0] is None or twice != 2 * column[0]:
            return column, False
        if any(y is not None and y % p[0] for p, y in zip(points, column, strict=True)):
            return column, False
        return tuple(y and y // p[0] for p, y in zip(points, column, strict=True)), True

    def _points(self, column: Column) -> list[tuple[Point, int]]:
        return [(p, y) for p, y in zip(self.prober.seen, column, strict=True) if y is not None]

    def _of_one_letter(self, column: Column) -> Iterator[tuple[int, Fitted]]:
        """Forms of a single letter that are all that was seen, with that letter's place."""
        points = self._points(column)
        if len({y for _, y in points}) == 1:
            return
        for n in range(len(self.letters)):
            seen: dict[int, int] = {}
            if all(seen.setdefault(p[n + 1], y) == y for p, y in points):
                fitted = fit(seen, self.steps[n])
                if fitted is not None:
                    yield n, fitted

    def _letters_of(self, column: Column) -> list[int]:
        """The letters that a size hangs on: those which change it when they alone change; else all that may."""
        values = dict(self._points(column))
        found = []
        for n in range(len(self.letters)):
            others: dict[Point, int] = {}
            for p, y in values.items():
                if others.setdefault((*p[: n + 1], *p[n + 2 :]), y) != y:
                    found.append(n)
                    break
        return found or list(range(len(self.letters)))

    # expressions ------------------------------------------------------------------------------------------------------

    def _fit_all(self) -> dict[Column, Expression]:
        columns = set(self._columns().values())
        ones = {column: next(self._of_one_letter(self._by_batch(column)[0]), None) for column in columns}
        self._forms = [{} for _ in self.letters]
        for n, fitted in (one for one in ones.values() if one is not None and one[1].split is None and one[1].sure):
            self._forms[n][readable(fitted, self.steps[n])] = None
        hard = [c for c in columns if ones[c] is None or ones[c][1].split is not None or not ones[c][1].sure]  # type: ignore[index]
        self._look_at_corners(hard)
        self._fitted = self._columns()
        return {column: self._express(*self._by_batch(column)) for column in set(self._fitted.values())}

    def _look_at_corners(self, columns: Iterable[Column]) -> None:
        """Where a size hangs on several letters: each of them moved, with and without the others."""
        wanted: dict[tuple[int, ...], None] = {}
        for column in columns:
            sample = self._by_batch(column)[0]
            if len({y for _, y in self._points(sample)}) > 1:
                wanted[tuple(self._letters_of(sample)[:MOST_LETTERS])] = None
        corners = {part: None for group in wanted for size in range(1, len(group) + 1)
                   for part in combinations(group, size)}  # fmt: skip
        for part in corners:
            if self.prober.left > RESERVE:
                self._look_at([self._period(n) if n in part else 0 for n in range(len(self.letters))])

    def _express(self, column: Column, times_batch: bool) -> Expression:
        points = self._points(column)
        sizes = {y for _, y in points}
        if not any(p[1:] != self.start[1:] for p, _ in points) and self.letters:
            return Expression(_batched(str(points[0][1]), times_batch), known=False)
        if len(sizes) == 1:
            (size,) = sizes
            text = _batched(str(size), times_batch)
            same = _with_batch(lambda _: Fraction(size), times_batch)
            return Expression(text, text, self._periods({}), same, same)
        for n, fitted in self._of_one_letter(column):
            if fitted.split is None:
                return self._of_form(n, fitted, times_batch)
        letters = self._letters_of(column)
        if len(letters) == 2 and (product := self._of_product(column, letters, times_batch)):
            return product
        return self._straight(column, letters, times_batch) or self._unknown(column)

    def _periods(self, by: Mapping[int, int]) -> tuple[int, ...]:
        return tuple(math.lcm(own.step, by.get(n, 1)) for n, own in enumerate(self.steps))

    def _of_form(self, n: int, fitted: Fitted, times_batch: bool) -> Expression:
        letter, own, form = self.letters[n], self.steps[n], readable(fitted, self.steps[n])
        exact = exact_text(form, letter, own)
        offset = form.at(own.size) - form.slope * own.size
        text = line_text(form.slope, offset, letter)
        always = _with_batch(lambda p: Fraction(form.at(p[n + 1])), times_batch)
        return Expression(
            _batched(text, times_batch),
            _batched(exact, times_batch) if fitted.sure else "",
            self._periods({n: form.q} if exact != text else {}),
            _with_batch(lambda p: form.slope * p[n + 1] + offset, times_batch),
            always if fitted.sure else None,
            letters=(n,),
        )

    def _of_product(self, column: Column, letters: Sequence[int], times_batch: bool) -> Expression | None:
        i, j = letters
        seen: dict[tuple[int, int], int] = {}
        for p, y in self._points(column):
            if seen.setdefault((p[i + 1], p[j + 1]), y) != y:
                return None
        product = fit_product(seen, self._factors(i), self._factors(j))
        if product is None:
            return None
        names, steps = [self.letters[i], self.letters[j]], [self.steps[i], self.steps[j]]
        straight = product.straight([own.size for own in steps])
        text, exact = polynomial_text(straight, names), product.text(names, steps)
        if not text:
            return None
        periods = {i: product.g.q, j: product.h.q} if exact != text else {}
        always = _with_batch(lambda p: product.at(p[i + 1], p[j + 1]), times_batch)
        return Expression(
            _batched(text, times_batch),
            _batched(exact, times_batch) if exact else "",
            self._periods(periods),
            _with_batch(lambda p: evaluate(straight, [p[i + 1], p[j + 1]]), times_batch),
            always if exact else None,
            letters=(i, j),
        )

    def _factors(self, n: int) -> list[Form]:
        """What a factor of a product may be: the forms of that letter found elsewhere, and usual ones."""
        usual = [Form(1, q, a, 1, 0) for q in (*USUAL_DIVISORS, self.steps[n].step) for a in dict.fromkeys((0, q - 1))]
        return list(dict.fromkeys((*self._forms[n], *usual)))

    def _straight(self, column: Column, letters: Sequence[int], times_batch: bool) -> Expression | None:
        """What is linear in each letter where they are moved by whole periods."""
        if len(letters) > MOST_LETTERS:
            return None
        values = {p[1:]: y for p, y in self._points(column)}
        first = self.start[1:]
        moved = list(self.prober.moved(self._offsets([self._period(n) for n in range(len(self.letters))]))[1:])
        if any(moved[n] == first[n] for n in letters):
            return None

        def corner(bits: tuple[int, ...]) -> tuple[int, ...]:
            there = {n for n, bit in zip(letters, bits, strict=True) if bit}
            return tuple(moved[n] if n in there else first[n] for n in range(len(first)))

        corners = [corner(tuple(i >> n & 1 for n in range(len(letters)))) for i in range(2 ** len(letters))]
        if any(point not in values for point in corners):
            return None
        by: Coefficients = interpolate(
            [first[n] for n in letters], [moved[n] for n in letters], lambda bits: values[corner(bits)]
        )
        text = polynomial_text(by, [self.letters[n] for n in letters])
        if not text:
            return None
        value = _with_batch(lambda p: evaluate(by, [p[n + 1] for n in letters]), times_batch)
        periods = self._periods({n: self._period(n) for n in letters})
        return Expression(_batched(text, times_batch), "", periods, value, letters=tuple(letters))

    def _unknown(self, column: Column) -> Expression:
        sample, times = self._by_batch(column)
        names = (["B"] if times else []) + [self.letters[n] for n in self._letters_of(sample)]
        return Expression(f"f({', '.join(names)})", "", self._periods({}))

    # tests ------------------------------------------------------------------------------------------------------------

    def _failing(self, found: Mapping[Column, Expression]) -> set[Key]:
        """Look at new sizes: the tensors' sizes whose expressions they refute, or that too few of them test."""
        before = len(self.prober.seen)
        self._look_for_tests()
        tests = list(self.prober.seen.items())[before:]
        verdicts: dict[tuple[Column, Column], bool] = {}
        failed: set[Key] = set()
        for key, column in self._fitted.items():
            new: Column = tuple(sizes.get(key) for _, sizes in tests)
            if (column, new) not in verdicts:
                said = found[column]
                values = [(p, y) for (p, _), y in zip(tests, new, strict=True) if y is not None]
                passed = all(said.agrees(p, self.start, y) for p, y in values)
                needed = (NEEDED if said.always else NEEDED_STRAIGHT) if self.letters else 1
                enough = sum(said.tested_by(p, self.start) for p, _ in values) >= needed
                verdicts[column, new] = said.straight is None or (passed and enough)
            if not verdicts[column, new]:
                failed.add(key)
        return failed


def _with_batch(value: Callable[[Point], Fraction], times_batch: bool) -> Callable[[Point], Fraction]:
    return (lambda p: p[0] * value(p)) if times_batch else value


def _batched(text: str, times_batch: bool) -> str:
    """The text times the batch."""
    if not times_batch:
        return text
    if text.isdigit():
        return "B" if text == "1" else f"{text}B"
    if " " in text:
        return f"B({text})"
    digits = len(text) - len(text.lstrip("0123456789"))
    return f"{text[:digits]}B{text[digits:]}"
