"""Expressions of a size in letters, fitted to sizes that were seen: `H/4`, `⌈H/4⌉`, `⌊(H - 3)/2⌋ + 1`, `HW/256 + 1`.

A chain of convolutions, poolings and strides makes of a height H the size k ⌊(p H + a) / q⌋ + c: floors of quotients
nest into one (Graham, Knuth and Patashnik, Concrete Mathematics, 1994, section 3.2). Tokens are products of two such.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from typing import NamedTuple

MOST_DIVISOR = 4096
"""The largest q that is tried."""
FACTORS = (1, 2, 3, 4, 5, 6, 7, 8, 16, 32)
"""What is tried for k: by how much a size grows at a time, as after an upsampling or the unfolding of windows."""
SMALL_DIVISORS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 24, 27, 28, 32, 36, 40, 48, 56, 64)
"""Those that are tried whatever was seen; others where two sizes were seen whose quotient it is."""
THOROUGH = 6
"""Up to which q sizes with every remainder by 2 q are looked at: the two kinds of steps of a size that was doubled."""
RIVALS = 2
"""How much less simple a form may be than another that agrees as well, to be told apart from it."""
LOOKED_AT = 600
"""How many values of a are looked through for the one that reads best."""


Coefficients = dict[tuple[int, ...], Fraction]
"""Of a polynomial that is linear in each letter: which letters a term holds (1 or 0 each) -> its factor."""


class Form(NamedTuple):
    """k ⌊(p v + a) / q⌋ + c of one letter's size v; p and q have no common divisor."""

    p: int
    q: int
    a: int
    k: int
    c: int

    def at(self, v: int) -> int:
        return self.k * ((self.p * v + self.a) // self.q) + self.c

    @property
    def slope(self) -> Fraction:
        return Fraction(self.k * self.p, self.q)


class Steps(NamedTuple):
    """The sizes that a letter may have: `size` plus or minus multiples of `step`, seen in the direction `way`."""

    size: int
    step: int
    way: int = 1


class Fitted(NamedTuple):
    """A form that agrees with all that was seen, and so do those with any a up to `high`."""

    form: Form
    high: int
    split: int | None
    """A size at which forms with different a differ; None where they are all one."""
    rival: int | None = None
    """A size at which it differs from another form, hardly less simple, that agrees with all that was seen too; or one
    like which none was seen yet."""
    sure: bool = True
    """Whether enough was seen for it to hold between steps too, not only from step to step: roundings nest into one
    where sizes only shrink, but a layer inside may double what was halved and halve it again."""


def fit(seen: Mapping[int, int], steps: Steps) -> Fitted | None:
    """The simplest Form of what was seen (size of the letter -> size of the tensor); None where there is none."""
    if len(seen) < 3:
        return None
    first: Fitted | None = None
    for p, q, k in _ratios(seen):
        if first is not None and q * k > RIVALS * max(first.form.q * first.form.k, 4):
            break
        offset = next(iter(seen.values())) % k
        if any((y - offset) % k for y in seen.values()):
            continue
        low = max(q * ((y - offset) // k) - p * v for v, y in seen.items())
        high = min(q * ((y - offset) // k) - p * v + q - 1 for v, y in seen.items())
        if low > high:
            continue
        form = Form(p, q, low, k, offset)
        if first is None:
            unlike = _unlike(seen, 2 * q if q <= THOROUGH else q if p * k > 1 else 1, steps)
            first = Fitted(form, high, _splitting(p, q, low, high, steps, seen), unlike, unlike is None)
            if first.split is not None or unlike is not None:
                return first
        elif (apart := _differing(first.form, form, steps)) is not None:
            return first._replace(rival=apart)
    return first


def _unlike(seen: Iterable[int], period: int, steps: Steps) -> int | None:
    """The next size whose remainder by `period` no size seen has; None where all have been seen."""
    known = {v % period for v in seen}
    sizes = (steps.size + steps.way * steps.step * n for n in range(1, period))
    return next((v for v in sizes if v >= 1 and v % period not in known), None)


def _differing(one: Form, other: Form, steps: Steps) -> int | None:
    """A size at which two forms give different results; None where there is none among the next ones."""
    sizes = (steps.size + steps.way * steps.step * n for n in range(1, LOOKED_AT))
    return next((v for v in sizes if v >= 1 and one.at(v) != other.at(v)), None)


def readable(fitted: Fitted, steps: Steps) -> Form:
    """Of the forms that agree with what was seen, and are no different at any size of `steps`, the one that reads
    best."""
    form = fitted.form
    near = {*range(form.a, min(fitted.high, form.a + LOOKED_AT) + 1), fitted.high}
    return min((form._replace(a=a) for a in sorted(near)), key=lambda f: _cost(exact_text(f, "H", steps)))


def _ratios(seen: Mapping[int, int]) -> Iterator[tuple[int, int, int]]:
    """(p, q, k) that the sizes seen allow for, simple ones first."""
    ends = sorted(seen)
    slopes = {Fraction(seen[v] - seen[u], v - u) for u, v in combinations(ends, 2)}
    reach, rise = ends[-1] - ends[0], seen[ends[-1]] - seen[ends[0]]
    found = {(part.numerator, part.denominator, k) for slope in slopes for k in FACTORS if _smooth(part := slope / k)}
    for k in FACTORS:  # what rises by p/q over `reach` may rise by one step more or less
        for q in SMALL_DIVISORS:
            low, high = (Fraction(q * (rise + by), k * reach) for by in (-k, k))
            found |= {(p, q, k) for p in range(max(1, math.ceil(low)), math.floor(high) + 1) if math.gcd(p, q) == 1}
    # A straight line first, then the fewest and simplest steps.
    yield from sorted(found, key=lambda f: (f[1] != 1 or f[2] != 1, f[1] * f[2], f[0], f[2]))


def _smooth(ratio: Fraction) -> bool:
    """Whether a ratio is one of products of 2, 3, 5 and 7, as the strides of layers and their products are."""
    if ratio <= 0 or max(ratio.numerator, ratio.denominator) > MOST_DIVISOR:
        return False
    rest = ratio.numerator * ratio.denominator
    for prime in (2, 3, 5, 7):
        while not rest % prime:
            rest //= prime
    return rest == 1


def _splitting(p: int, q: int, low: int, high: int, steps: Steps, seen: Mapping[int, int]) -> int | None:
    """A size at which the values low..high of a give different results; None where they are all one."""
    middle, best, chosen = (low + high + 1) / 2, math.inf, None
    for n in range(1, q // math.gcd(steps.step, q) + 1):
        v = steps.size + steps.way * steps.step * n
        if v < 1 or v in seen:
            continue
        a = low + 1 + (-p * v - low - 1) % q  # where ⌊(p v + a) / q⌋ goes up, the first after low
        if a <= high and abs(a - middle) < best:
            best, chosen = abs(a - middle), v
    return chosen


def _cost(text: str) -> tuple[int, str]:
    """How hard a text is to read: its length, what stands under a rounding twice, then how large its numbers are."""
    digits = sum(int(n) for n in "".join(c if c.isdigit() else " " for c in text).split())
    inside = max(text.find("⌋"), text.find("⌉")) - max(text.find("⌊"), text.find("⌈"))
    return 40 * (len(text) + inside) + min(digits, 39), text


# texts ----------------------------------------------------------------------------------------------------------------


def exact_text(form: Form, letter: str, steps: Steps) -> str:
    """The form in words that hold at every size of `steps`."""
    p, q, a, k, c = form
    if not (p * steps.step) % q and not (p * steps.size + a) % q:  # whole at every size: nothing is rounded
        return line_text(form.slope, Fraction(k * a, q) + c, letter)
    texts = []
    for turns in (a // q, a // q + 1):
        inside = line_text(Fraction(p, q), Fraction(a - turns * q, q), letter)
        texts.append(_plus(f"{_times(k)}⌊{inside}⌋", k * turns + c))
    up = a - q + 1  # ⌊x / q⌋ = ⌈(x - q + 1) / q⌉
    for turns in (up // q, up // q + 1):
        inside = line_text(Fraction(p, q), Fraction(up - turns * q, q), letter)
        texts.append(_plus(f"{_times(k)}⌈{inside}⌉", k * turns + c))
    return min(texts, key=_cost)


def line_text(slope: Fraction, offset: Fraction, letters: str) -> str:
    """`slope` times the letters plus `offset`: `H/4 + 1`, `(H - 1)/2`, `3HW/64`."""
    if not slope:
        return str(offset)
    if offset.denominator == 1:
        return _plus(_quotient(f"{_times(slope.numerator)}{letters}", slope.denominator), int(offset))
    over = math.lcm(slope.denominator, offset.denominator)
    inside = _plus(f"{_times(int(slope * over))}{letters}", int(offset * over))
    return f"({inside})/{over}"


def _times(factor: int) -> str:
    return "" if factor == 1 else "-" if factor == -1 else str(factor)


def _quotient(text: str, divisor: int) -> str:
    return text if divisor == 1 else f"{text}/{divisor}"


def _plus(text: str, offset: int) -> str:
    return text if not offset else f"{text} + {offset}" if offset > 0 else f"{text} - {-offset}"


def _factor(text: str) -> str:
    """The text as part of a product: in brackets unless it is a letter or stands in brackets."""
    closed = text[0] in "⌊⌈" and text[-1] in "⌋⌉" and sum(map(text.count, "⌊⌈")) == 1
    return text if closed or text.isalnum() else f"({text})"


# products of two letters ----------------------------------------------------------------------------------------------


class Product(NamedTuple):
    """factor g(u) h(v) + offset of two letters' sizes u and v."""

    g: Form
    h: Form
    factor: Fraction
    offset: Fraction

    def at(self, u: int, v: int) -> Fraction:
        return self.factor * self.g.at(u) * self.h.at(v) + self.offset

    def text(self, letters: Sequence[str], both: Sequence[Steps]) -> str:
        """In words that hold at every size of both letters' steps; "" where they would be too many."""
        texts = [exact_text(f, n, s) for f, n, s in zip((self.g, self.h), letters, both, strict=True)]
        if not any(c in text for text in texts for c in "⌊⌈"):
            return polynomial_text(self.straight([s.size for s in both]), letters)
        factor, parts = self.factor, ""
        for text in texts:
            rest = text.lstrip("0123456789")
            if rest and _factor(rest) == rest:  # 2⌈H/4⌉: its number joins that of the product
                factor *= int(text.removesuffix(rest) or 1)
                parts += rest
            else:
                parts += _factor(text)
        if self.offset.denominator > 1:
            return ""
        return _plus(_quotient(_times(factor.numerator) + parts, factor.denominator), int(self.offset))

    def straight(self, sizes: Sequence[int]) -> Coefficients:
        """The polynomial that it is where both letters are `sizes` plus or minus multiples of q."""
        (s, b), (t, d) = ((f.slope, f.at(v) - f.slope * v) for f, v in zip((self.g, self.h), sizes, strict=True))
        by = {(1, 1): s * t, (1, 0): s * d, (0, 1): b * t, (0, 0): b * d}
        return {term: self.factor * f + (self.offset if term == (0, 0) else 0) for term, f in by.items()}


def fit_product(seen: Mapping[tuple[int, int], int], firsts: Iterable[Form], seconds: Sequence[Form]) -> Product | None:
    """The first pair of forms whose product, times a factor and plus an offset, is all that was seen."""
    points = list(seen.items())
    for g in firsts:
        left = [g.at(u) for (u, _), _ in points]
        for h in seconds:
            products = [a * h.at(v) for a, ((_, v), _) in zip(left, points, strict=True)]
            other = next((i for i, n in enumerate(products) if n != products[0]), None)
            if other is None:
                continue
            factor = Fraction(points[other][1] - points[0][1], products[other] - products[0])
            offset = points[0][1] - factor * products[0]
            if factor and all(factor * n + offset == y for n, (_, y) in zip(products, points, strict=True)):
                return Product(g, h, factor, offset)
    return None


# straight in each letter ----------------------------------------------------------------------------------------------


def interpolate(start: Sequence[int], moved: Sequence[int], value: Callable[[tuple[int, ...]], int]) -> Coefficients:
    """The polynomial, linear in each letter, through the corners between `start` and `moved`.

    `value` gives the size at a corner: 1 where that letter is moved.
    """
    count = len(start)
    corners = [tuple(i >> n & 1 for n in range(count)) for i in range(2**count)]
    total: Coefficients = dict.fromkeys(corners, Fraction(0))
    for corner in corners:  # Lagrange: each corner's own polynomial is 1 there and 0 at the others
        own: Coefficients = {(): Fraction(value(corner))}
        for bit, low, high in zip(corner, start, moved, strict=True):
            root, pole = (low, high) if bit else (high, low)
            across = Fraction(1, pole - root)
            own = {
                (*term, power): factor * across * (1 if power else -root)
                for term, factor in own.items()
                for power in (0, 1)
            }
        for term, factor in own.items():
            total[term] += factor
    return total


def evaluate(coefficients: Coefficients, sizes: Sequence[int]) -> Fraction:
    """The polynomial's value."""
    return sum(
        (f * math.prod(s for s, power in zip(sizes, term, strict=True) if power) for term, f in coefficients.items()),
        start=Fraction(0),
    )


def polynomial_text(coefficients: Coefficients, letters: Sequence[str]) -> str:
    """`HW/256 + 1`, `16(H - 4)(W - 4)`, `H/2 + W/2`; "" where it would be longer than is of use."""
    terms = {t: f for t, f in coefficients.items() if f}
    constant = terms.pop((0,) * len(letters), Fraction(0))
    if len(terms) == 1:
        ((term, factor),) = terms.items()
        return line_text(factor, constant, "".join(n for n, power in zip(letters, term, strict=True) if power))
    if len(letters) == 2 and (both := terms.get((1, 1))):
        right, left = terms.get((1, 0), Fraction(0)) / both, terms.get((0, 1), Fraction(0)) / both
        if left.denominator == right.denominator == 1 and (rest := constant - both * left * right).denominator == 1:
            first, second = (_plus(n, int(by)) for n, by in zip(letters, (left, right), strict=True))
            product = f"{_times(both.numerator)}{_factor(first)}{_factor(second)}"
            return _plus(_quotient(product, both.denominator), int(rest))
    if not 1 <= len(terms) <= 3 or constant.denominator != 1:
        return ""
    parts = [
        line_text(f, Fraction(0), "".join(n for n, p in zip(letters, t, strict=True) if p)) for t, f in terms.items()
    ]
    text = " + ".join(sorted(parts, key=lambda part: (-sum(map(str.isalpha, part)), part)))
    return _plus(text.replace("+ -", "- "), int(constant))
