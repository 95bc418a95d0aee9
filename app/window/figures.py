"""Numbers and shapes in words, the same in panels and on the canvas: `1.93 M`, `61 MB`, `B × 64 × 56 × 56`."""

from __future__ import annotations

from app.messages import Analysis
from app.messages.reports import Fix, PortShape, Tensor
from app.window.sentences import plain

_UNITS = ("", " k", " M", " G", " T", " P")


def count(number: int) -> str:
    """1234 as "1,234"; what has more than seven digits as "86.7 M"."""
    return f"{number:,}" if abs(number) < 10_000_000 else short(number)


def short(number: float) -> str:
    """Three digits and a unit: 928, 16.4 k, 5.08 M, 2.1 G."""
    size = float(number)
    unit = 0
    while size >= 999.5 and unit < len(_UNITS) - 1:
        size /= 1000
        unit += 1
    if not unit:
        return f"{number:.0f}"
    digits = 2 if size < 9.995 else 1 if size < 99.95 else 0
    return f"{size:.{digits}f}{_UNITS[unit]}"


def size(number: int) -> str:
    """Bytes as "61 MB"."""
    for limit, unit in ((2**40, "TB"), (2**30, "GB"), (2**20, "MB"), (2**10, "kB")):
        if number >= limit:
            value = number / limit
            return f"{value:.1f} {unit}" if value < 10 else f"{value:,.0f} {unit}"
    return f"{number} B"


def ago(seconds: float) -> str:
    """How long something is past: "just now", "3 min ago", "2 h ago", "4 days ago"."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "just now"
    if minutes < 60:
        return f"{minutes} min ago"
    hours = round(minutes / 60)
    return f"{hours} h ago" if hours < 48 else f"{round(hours / 24)} days ago"


def duration(seconds: float) -> str:
    """Three digits and a unit: 43.2 µs, 1.24 ms, 2.31 s."""
    for unit, factor in (("µs", 1e6), ("ms", 1e3), ("s", 1.0)):
        value = seconds * factor
        if value < 999.5 or unit == "s":
            break
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:,.{digits}f} {unit}" if value else "0 µs"


def percent(share: float) -> str:
    """Of 0 to 1: "18 %", "0.4 %", "< 0.1 %"."""
    if 0 < share < 0.0005:
        return "< 0.1 %"
    return f"{100 * share:.{0 if share >= 0.0995 or not share else 1}f} %"


def signed(number: int) -> str:
    """A change in parameters: "+16.4 k", "±0"."""
    return "±0" if number == 0 else ("+" if number > 0 else "−") + short(abs(number))


def shape(tensor: Tensor) -> str:
    """`B × 64 × 56 × 56`."""
    return " × ".join(["B", *map(str, tensor.shape[1:])]) if tensor.shape else "one number"


def levels(tensors: tuple[Tensor, ...]) -> list[str]:
    """The shapes at a port, one a level, with the stride where it is known."""
    if len(tensors) == 1:
        return [shape(tensors[0])]
    return [shape(t) + (f"  /{t.stride:g}" if t.stride else "") for t in tensors]


def brief(tensors: tuple[Tensor, ...]) -> str:
    """The shapes at a port in one line; a pyramid by its channels and strides: `64 128 256  /8 /16 /32`."""
    if len(tensors) <= 1:
        return shape(tensors[0]) if tensors else ""
    each = [str(t.shape[1]) if len(t.shape) > 1 else "1" for t in tensors]
    channels = each[0] if len(set(each)) == 1 else " ".join(each)
    strides = " ".join(f"/{t.stride:g}" for t in tensors if t.stride)
    return f"{channels}  {strides}".rstrip()


def port_lines(ports: tuple[PortShape, ...]) -> list[tuple[str, str]]:
    """(port, shape) a line; the further levels of a pyramid without the name again."""
    lines: list[tuple[str, str]] = []
    for port in ports:
        shapes = levels(port.tensors) or ["not known yet"]
        lines += [(port.port, shapes[0]), *(("", text) for text in shapes[1:])]
    return lines


def fix_words(fix: Fix, analysis: Analysis | None) -> str:
    """A fix with its cost: `Conv 1x1 after down  +16.4 k`. While totals are partial most of the difference is what can
    be counted only then: `Set groups to 4  61.1 M parameters`."""
    title = plain(fix.title)
    if analysis is not None and analysis.partial:
        return f"{title}  {short(analysis.parameters + fix.parameters)} parameters"
    return f"{title}  {signed(fix.parameters)}" if fix.parameters else title


def fix_tip(fix: Fix, analysis: Analysis | None) -> str:
    """What a fix costs and what the node gives once it is made: `+1,024 parameters, then B × 64 × 56 × 56`."""
    cost = f"{fix.parameters:+,} parameters".replace("-", "−") if fix.parameters else "No more and no fewer parameters"
    if analysis is not None and analysis.partial:
        cost = f"{analysis.parameters + fix.parameters:,} parameters in all, of which {analysis.parameters:,} count now"
    gives = ", ".join(brief(port.tensors) for port in fix.outputs)
    return f"{cost}, then {gives}" if gives else cost
