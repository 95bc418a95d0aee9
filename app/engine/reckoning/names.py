"""What the sizes of a tensor are called: as its port's pattern says, else by how many there are."""

from __future__ import annotations

from blocks.patterns import Pattern

WORDS = {"B": "batch", "C": "channels", "H": "height", "W": "width", "L": "length", "D": "features"}
_BY_RANK = {4: "BCHW", 5: "BCLHW"}


def axis_name(pattern: Pattern, rank: int, axis: int) -> str:
    """height, width, channels, ...; "size 1" where no name is known."""
    if axis == 0:
        return "batch" if not pattern.dims or pattern.dims[0].name.upper() == "B" else "rows"
    if rank in _BY_RANK and (len(pattern.dims) != rank or _is_image(pattern)):
        return WORDS[_BY_RANK[rank][axis]]
    dims = pattern.dims
    if any(d.many for d in dims):
        at = next(i for i, d in enumerate(dims) if d.many)
        if axis < at:
            return _word(pattern, axis, axis, rank)
        behind = rank - axis
        if behind <= len(dims) - at - 1:
            return _word(pattern, len(dims) - behind, axis, rank)
        return f"size {axis}"
    if len(dims) == rank:
        return _word(pattern, axis, axis, rank)
    return f"size {axis}"


def _is_image(pattern: Pattern) -> bool:
    return [d.name.upper() for d in pattern.dims[-2:]] == ["H", "W"]


def _word(pattern: Pattern, at: int, axis: int, rank: int) -> str:
    """The word for the pattern's letter `at`, which stands for the tensor's axis `axis`."""
    letter = pattern.dims[at].name.upper()
    if letter == "K" and (axis == rank - 1 or axis == 1):
        return "features" if axis == rank - 1 else "channels"
    if letter == "H" and not _is_image(pattern):
        return "heads"
    return WORDS.get(letter, f"size {axis}")
