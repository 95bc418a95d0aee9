"""Groups inside Groups: how deep they lie, and whether one stands inside itself."""

from __future__ import annotations

from app.design.values import Design

MAX_DEPTH = 64
"""How deep Groups may be nested."""


class NestingError(ValueError):
    """Groups that cannot be opened; the message names one."""


def check_nesting(design: Design) -> None:
    """Raise NestingError when a Group stands inside itself or lies deeper than any drawing needs."""
    inside = {g.name: {n.group for n in g.nodes if n.group} for g in design.groups}
    users: dict[str, list[str]] = {}
    for name, groups in inside.items():
        for group in groups:
            users.setdefault(group, []).append(name)
    waiting = {name: len(groups) for name, groups in inside.items()}
    depth = {name: 1 for name, count in waiting.items() if not count}
    ready = list(depth)
    for name in ready:  # grows as it is walked: from the innermost Groups outwards
        for user in users.get(name, ()):
            depth[user] = max(depth.get(user, 0), depth[name] + 1)
            waiting[user] -= 1
            if not waiting[user]:
                ready.append(user)
    if stuck := sorted(set(inside) - set(ready)):
        raise NestingError(f"the Group `{stuck[0]}` stands inside itself: that has no end")
    deepest = max(depth, key=lambda name: depth[name], default="")
    if depth.get(deepest, 0) > MAX_DEPTH:
        raise NestingError(f"Groups are nested {depth[deepest]} deep in `{deepest}`: at most {MAX_DEPTH} are opened")
