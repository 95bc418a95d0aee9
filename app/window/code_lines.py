"""Two texts by their lines: what differs, which line is which, and edits of both put together."""

from __future__ import annotations

from difflib import SequenceMatcher


def differing(before: list[str], after: list[str]) -> list[tuple[str, int, int, int, int]]:
    """What differs between two lists of lines, as difflib's opcodes without "equal"."""
    head = 0
    while head < min(len(before), len(after)) and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < min(len(before), len(after)) - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    one, other = before[head : len(before) - tail], after[head : len(after) - tail]
    if not one and not other:
        return []
    found = SequenceMatcher(None, one, other, autojunk=len(one) > 2000).get_opcodes()
    return [(kind, i1 + head, i2 + head, j1 + head, j2 + head) for kind, i1, i2, j1, j2 in found if kind != "equal"]


def line_map(before: str, after: str) -> dict[int, int]:
    """Which line of `after` each line of `before` is, counted from 1; lines that are not there any more are left
    out, but a line that was changed in its place is the same line."""
    one, other = before.split("\n"), after.split("\n")
    found: dict[int, int] = {}
    at, shift = 0, 0
    for kind, i1, i2, j1, j2 in differing(one, other):
        found.update((line + 1, line + 1 + shift) for line in range(at, i1))
        if kind == "replace":
            found.update((i1 + i + 1, j1 + i + 1) for i in range(min(i2 - i1, j2 - j1)))
        at, shift = i2, j2 - i2
    found.update((line + 1, line + 1 + shift) for line in range(at, len(one)))
    return found


def merged(base: str, mine: str, theirs: str) -> str | None:
    """What I made of `base`, made of `theirs`; None where both changed the same lines."""
    lines = base.split("\n")
    my_lines, their_lines = mine.split("\n"), theirs.split("\n")
    my_changes = [(i1, i2, my_lines[j1:j2]) for _kind, i1, i2, j1, j2 in differing(lines, my_lines)]
    their_changes = [(i1, i2, their_lines[j1:j2]) for _kind, i1, i2, j1, j2 in differing(lines, their_lines)]
    both = [change for change in my_changes if change in their_changes]
    for i1, i2, _ in my_changes:
        for k1, k2, put in their_changes:
            over = i1 < k2 and k1 < i2  # lines that touch are no trouble, but two that come to one place are
            if (i1, i2, put) not in both and (over or (i1 == k1 and (i1 == i2 or k1 == k2))):
                return None
    changes = sorted([*my_changes, *(change for change in their_changes if change not in both)], key=lambda c: c[:2])
    for i1, i2, put in reversed(changes):
        lines[i1:i2] = put
    return "\n".join(lines)
