"""What the elements of a tensor see of the network's input, and how that moves when a tensor is rearranged.

An index along an axis of the input may stand in one of the tensor's sizes, or be spread over several: after a window
partition row `outer * window + inner` is told by two sizes, and by one again once the windows are put together.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from app.engine.reach.spans import PIXELS, WHOLE, Number, Reads, Spans, gathered, joined, repeated

MOST_TERMS = 6
"""With more terms than that a tensor is said to see the whole input."""

Place = tuple[int, int]
"""A dimension of a tensor, and which of the factors that its size is made of."""


class Term(NamedTuple):
    """Along `axis` of the input a tensor's element sees `spans` at the index that `places` spell, most significant
    first: `[(0, 1), (2, 0)]` is `i[0, 1] * size[2, 0] + i[2, 0]`. No places: all elements see the same."""

    axis: str
    places: tuple[Place, ...]
    spans: Spans


class Reach(NamedTuple):
    """What a tensor's elements see: the factors of each size, and terms, of which each adds to what is seen."""

    dims: tuple[tuple[int, ...], ...]
    terms: tuple[Term, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(math.prod(factors) for factors in self.dims)

    @property
    def axes(self) -> frozenset[str]:
        return frozenset(term.axis for term in self.terms)

    def places_in(self, dims: Collection[int]) -> set[Place]:
        """The places that stand in these dimensions."""
        return {(d, i) for d in dims for i in range(len(self.dims[d]))}


def image(shape: Sequence[int], axes: Mapping[str, int]) -> Reach:
    """An input of the network whose `axes` lie in the dimensions that are given."""
    terms = tuple(Term(axis, ((dim, 0),), PIXELS) for axis, dim in axes.items())
    return Reach(tuple((n,) for n in shape), terms)


def blind(shape: Sequence[int], axes: Iterable[str]) -> Reach:
    """A tensor of which nothing is known: along these axes all of it may see all of the input."""
    return Reach(tuple((n,) for n in shape), tuple(Term(axis, (), WHOLE) for axis in sorted(axes)))


def mixed(reach: Reach, gone: Collection[Place]) -> Reach:
    """The same tensor, each element of which now depends on all along the places in `gone`.

    Over the most significant place that is the whole input; over a place inside, as within a window, what the
    window sees.
    """
    if not gone or not any(place in gone for term in reach.terms for place in term.places):
        return reach
    return _tidy(reach.dims, [_mixed(reach, term, gone) for term in reach.terms])


def _mixed(reach: Reach, term: Term, gone: Collection[Place]) -> Term:
    kept = tuple(itertools.takewhile(lambda place: place not in gone, term.places))
    if kept == term.places:
        return term
    inside = _count(reach.dims, term.places[len(kept) :])
    if not kept and inside > 1:
        return Term(term.axis, (), WHOLE)
    if not kept:
        first, last = term.spans.at(0)
        return Term(term.axis, (), Spans((first,), (last,), 0))
    reads = Reads(lambda i: range(i * inside, (i + 1) * inside), 1, inside)
    return Term(term.axis, kept, gathered(term.spans, reads))


def _count(dims: Sequence[Sequence[int]], places: Iterable[Place]) -> int:
    return math.prod(dims[d][i] for d, i in places)


def freed(reach: Reach, dim: int, size: int) -> Reach:
    """All along `dim` is mixed, and the dimension now has `size` places that tell nothing of the input."""
    reach = mixed(reach, reach.places_in([dim]))
    return Reach((*reach.dims[:dim], (size,), *reach.dims[dim + 1 :]), reach.terms)


def along(reach: Reach, dim: int, reads: Reads, size: int) -> Reach:
    """An operation that reads neighbours along `dim` and gives `size` outputs. Exact where the dimension alone spells
    the index; else all along it is mixed."""
    alone = len(reach.dims[dim]) == 1
    terms = [
        Term(t.axis, t.places, gathered(t.spans, reads))
        if alone and t.places == ((dim, 0),)
        else _mixed(reach, t, reach.places_in([dim]))
        for t in reach.terms
    ]
    dims = (*reach.dims[:dim], (size,), *reach.dims[dim + 1 :])
    return _tidy(dims, terms)


def picked(reach: Reach, dim: int, index: int) -> Reach:
    """The slice at `index` of `dim`, without that dimension."""
    terms = []
    for term in reach.terms:
        if len(reach.dims[dim]) > 1 or term.places[-1:] != ((dim, 0),):
            terms.append(_mixed(reach, term, reach.places_in([dim])))
            continue
        size = reach.dims[dim][0]
        if term.places[:-1]:
            reads = Reads(lambda i, size=size: (i * size + index,), 1, size)  # type: ignore[misc]
            terms.append(Term(term.axis, term.places[:-1], gathered(term.spans, reads)))
        else:
            first, last = term.spans.at(index)
            terms.append(Term(term.axis, (), Spans((first,), (last,), 0)))
    return without(_tidy(reach.dims, terms), dim)


def without(reach: Reach, dim: int) -> Reach:
    """The tensor without a dimension, all along which is mixed."""
    reach = mixed(reach, reach.places_in([dim]))
    order = [d for d in range(len(reach.dims)) if d != dim]
    return permuted(reach, order)


def permuted(reach: Reach, order: Sequence[int]) -> Reach:
    """The dimensions in another order; one left out must spell nothing."""
    to = {old: new for new, old in enumerate(order)}
    terms = [Term(t.axis, tuple((to[d], i) for d, i in t.places), t.spans) for t in reach.terms]
    return _tidy([reach.dims[d] for d in order], terms)


def inserted(reach: Reach, dim: int, size: int = 1) -> Reach:
    """A new dimension in front of `dim`, that tells nothing."""
    terms = [Term(t.axis, tuple((d + (d >= dim), i) for d, i in t.places), t.spans) for t in reach.terms]
    return Reach((*reach.dims[:dim], (size,), *reach.dims[dim:]), tuple(terms))


def tiled(reach: Reach, repeats: Sequence[int]) -> Reach:
    """The tensor laid out so many times along each dimension."""
    for _ in range(len(repeats) - len(reach.dims)):
        reach = inserted(reach, 0)
    dims = [(n, *factors) if n > 1 else factors for n, factors in zip(repeats, reach.dims, strict=True)]
    terms = [Term(t.axis, tuple((d, i + (repeats[d] > 1)) for d, i in t.places), t.spans) for t in reach.terms]
    return _tidy(dims, terms)


def reshaped(reach: Reach, shape: Sequence[int]) -> Reach:
    """The same elements in other sizes, row after row. What the new sizes cut across is mixed."""
    old = reach.shape
    same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(old, shape, strict=False)))
    left = min(len(old), len(shape)) - same
    ends = zip(old[::-1][:left], shape[::-1][:left], strict=True)
    behind = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], ends))
    middle = [(d, i) for d in range(same, len(old) - behind) for i in range(len(reach.dims[d]))]
    factors, moved, lost = _dealt([(p, reach.dims[p[0]][p[1]]) for p in middle], shape[same : len(shape) - behind])
    reach = mixed(reach, lost)
    shift = len(shape) - len(old)

    def to(place: Place) -> list[Place]:
        if place[0] < same:
            return [place]
        if place[0] >= len(old) - behind:
            return [(place[0] + shift, place[1])]
        return [(d + same, i) for d, i in moved[place]]

    terms = [Term(t.axis, tuple(new for p in t.places for new in to(p)), t.spans) for t in reach.terms]
    return _tidy([*reach.dims[:same], *factors, *reach.dims[len(old) - behind :]], terms)


def _dealt(
    given: list[tuple[Place, int]], shape: Sequence[int]
) -> tuple[list[tuple[int, ...]], dict[Place, list[Place]], set[Place]]:
    """Deal factors out over new sizes, cutting them where needed: the new sizes' factors, where each old place went,
    and the places that could not be told apart any more."""
    lost = {place for place, size in given if size == 1}
    queue = [(place, size) for place, size in reversed(given) if size > 1]
    moved: dict[Place, list[Place]] = {}
    dims: list[tuple[int, ...]] = []
    for size in shape:
        factors: list[int] = []
        rest = size
        while rest > 1 and queue:
            place, factor = queue.pop()
            part = math.gcd(factor, rest)
            if part != min(factor, rest):
                lost |= {place, *(p for p, _ in queue)}
                lost |= {p for p, news in moved.items() if any(d == len(dims) for d, _ in news)}
                queue, factors = [], []
                break
            if factor > part:
                queue.append((place, factor // part))
            moved.setdefault(place, []).append((len(dims), len(factors)))
            factors.append(part)
            rest //= part
        dims.append(tuple(factors) if math.prod(factors) == size and factors else (size,))
    return dims, moved, lost


def hull(parts: Sequence[Reach], shape: Sequence[int]) -> Reach:
    """What an elementwise operation's output sees: all that its arguments see, which are broadcast to `shape`."""
    spread = [_broadcast(part, shape) for part in parts]
    for dim in range(len(shape)):
        if len({part.dims[dim] for part in spread}) > 1:
            spread = _refined(spread, dim, shape[dim])
    return _tidy(spread[0].dims, [term for part in spread for term in part.terms])


def _broadcast(part: Reach, shape: Sequence[int]) -> Reach:
    if part.shape == tuple(shape):
        return part
    for _ in range(len(shape) - len(part.dims)):
        part = inserted(part, 0)
    for dim, size in enumerate(shape):
        if part.shape[dim] != size:
            part = freed(part, dim, size)
    return part


def _refined(parts: list[Reach], dim: int, size: int) -> list[Reach]:
    """The tensors with equal factors of the dimension `dim`: as fine as the finest needs."""
    telling = [p for p in parts if any(d == dim for t in p.terms for d, _ in t.places)]
    widths = sorted({w for p in telling for w in _widths(p.dims[dim])} | {1, size})
    if any(b % a for a, b in itertools.pairwise(widths)):
        return [freed(part, dim, size) for part in parts]
    factors = tuple(b // a for a, b in itertools.pairwise(widths))[::-1] or (size,)
    starts = widths[:-1][::-1] or [1]
    made = []
    for part in parts:
        to: dict[Place, list[Place]] = {}
        for i, (factor, width) in enumerate(zip(part.dims[dim], _widths(part.dims[dim]), strict=True)):
            to[dim, i] = [(dim, k) for k, start in enumerate(starts) if width <= start < width * factor]
        terms = [Term(t.axis, tuple(n for p in t.places for n in to.get(p, [p])), t.spans) for t in part.terms]
        made.append(Reach((*part.dims[:dim], factors, *part.dims[dim + 1 :]), tuple(terms)))
    return made


def _widths(factors: Sequence[int]) -> list[int]:
    """How many elements of the dimension one step of each factor passes."""
    return [math.prod(factors[i + 1 :]) for i in range(len(factors))]


def _tidy(dims: Sequence[tuple[int, ...]], terms: Sequence[Term]) -> Reach:
    """Terms joined and factors merged where nothing is lost by it."""
    terms = _joined(dims, [_shortened(dims, term) for term in terms])
    sizes = [list(factors) for factors in dims]
    for dim, factors in enumerate(sizes):
        i = 0
        while i + 1 < len(factors):
            merged = _merge(sizes, terms, (dim, i))
            if merged is None:
                i += 1
            else:
                factors[i : i + 2] = [factors[i] * factors[i + 1]]
                terms = merged
    return Reach(tuple(map(tuple, sizes)), tuple(terms))


def _shortened(dims: Sequence[Sequence[int]], term: Term) -> Term:
    """Without the places that tell nothing: those of size 1, and a last one along which all see the same."""
    axis, places, spans = term
    if len(places) > 1:
        places = tuple(p for p in places if dims[p[0]][p[1]] > 1) or places[:1]
    while len(places) > 1 and len(spans.first) > 1:
        size = dims[places[-1][0]][places[-1][1]]
        fewer = gathered(spans, Reads(lambda i, size=size: (i * size,), 1, size))  # type: ignore[misc]
        if repeated(fewer, size) != spans:
            break
        places, spans = places[:-1], fewer
    return Term(axis, places, spans)


def _joined(dims: Sequence[Sequence[int]], terms: Sequence[Term]) -> list[Term]:
    found: dict[tuple[str, tuple[Place, ...]], Spans] = {}
    for axis, places, spans in sorted(terms, key=lambda t: -len(t.places)):
        # What a shorter beginning tells, the longer index tells too.
        home = next((p for a, p in found if a == axis and p[: len(places)] == places), places)
        count = _count(dims, home)
        if spans == WHOLE:
            home = ()
        elif home != places:
            inside = _count(dims, home[len(places) :])
            spans = repeated(spans, inside) if places else spans
        known = found.get((axis, home))
        found[axis, home] = spans if known is None else joined(known, spans, count)
    axes = sorted({axis for axis, _ in found})
    made = []
    for axis in axes:
        own = [Term(axis, places, spans) for (a, places), spans in sorted(found.items(), key=str) if a == axis]
        blind = len(own) > MOST_TERMS or any(t.spans == WHOLE for t in own)
        made += [Term(axis, (), WHOLE)] if blind else own
    return made


def _merge(dims: Sequence[Sequence[int]], terms: Sequence[Term], place: Place) -> list[Term] | None:
    """The terms once the factor at `place` and the next one are a single factor; None where that cannot be."""
    dim, at = place
    after = (dim, at + 1)
    made = []
    for term in terms:
        places, spans = list(term.places), term.spans
        if place in places and after in places:
            i = places.index(place)
            if places[i + 1 : i + 2] != [after]:
                return None
            del places[i + 1]
        elif place in places:
            if places[-1] != place:
                return None
            spans = repeated(spans, dims[dim][at + 1])
        elif after in places:
            return None
        made.append(Term(term.axis, tuple((d, i - (d == dim and i > at)) for d, i in places), spans))
    return made


@lru_cache(maxsize=4096)
def seen(reach: Reach, axis: str) -> tuple[Number | None, Number | None]:
    """Along `axis` of the input: how many pixels the element that sees most sees, and the pixels from one element to
    its neighbour. None: the whole input; where all see the same there is no step."""
    own = [term for term in reach.terms if term.axis == axis]
    if len(own) != 1:
        return None, None
    places, size, step = own[0].places, own[0].spans.size, abs(float(own[0].spans.step))
    # Where unshuffled pixels stand among the channels, the neighbour in space is several pixels away.
    away = math.prod(reach.dims[d][i] for d, i in places if d != places[0][0])
    return (None if size == math.inf else size), step * away if places else None
