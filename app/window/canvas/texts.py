"""How numbers, settings and shapes read on the canvas: `1.93 M`, `3×3`, `64×56×56`, `128 256 512 /8 /16 /32`."""

from __future__ import annotations

from html import escape

from app.design.values import Expression, SettingValue
from app.messages.reports import NodeReport, PortShape
from app.window import figures
from app.window.sentences import rich
from blocks.card import Port, Setting

TIMES = "×"


def value(given: SettingValue, setting: Setting | None = None) -> str:
    """A setting's value as it stands on a node."""
    if isinstance(given, Expression):
        return f"= {given.expression}"
    if isinstance(given, bool):
        return "on" if given else "off"
    if given is None:
        return "auto"
    if isinstance(given, float):
        return f"{given:g}"
    if isinstance(given, tuple):
        sizes = setting is not None and (setting.type == "pair" or setting.name in ("shape", "size"))
        parts = [value(part) for part in given]
        return (TIMES if sizes else " ").join(parts) if parts else "none"
    first, _, rest = str(given).partition("\n")
    return f"{first} …" if rest else first


def lettered(sizes: SettingValue, letters: SettingValue) -> SettingValue:
    """Sizes with the letters that some of them have in their place: 3, H, W."""
    if not isinstance(sizes, tuple) or not isinstance(letters, tuple) or len(sizes) != len(letters):
        return sizes
    return tuple(letter or size for size, letter in zip(sizes, letters, strict=True))


def shape(sizes: tuple[int, ...]) -> str:
    """A shape without its batch: `64×56×56`; a tensor of nothing but the batch has `1 value` a sample."""
    return TIMES.join(map(str, sizes[1:])) or "1 value"


def port_shape(seen: PortShape) -> str:
    """What stands on a wire: a tensor's shape, a pyramid's channels and strides, a scalar's word."""
    if seen.kind == "scalar":
        return "scalar"
    tensors = [t for t in seen.tensors if t.shape]
    if not tensors:
        return ""
    if seen.kind != "pyramid":
        return shape(tensors[0].shape)
    channels = [t.shape[1] if len(t.shape) > 1 else 0 for t in tensors]
    words = [str(channels[0])] if len(set(channels)) == 1 else [str(c) for c in channels]
    if all(t.stride for t in tensors):
        words += [f"/{t.stride:g}" for t in tensors]
    else:
        words += [shape(t.shape) for t in tensors] if len(set(channels)) == 1 else []
    return " ".join(words)


def long_shape(seen: PortShape) -> str:
    """A shape spelled out for a tooltip: `B × 64 × 56 × 56`, one line a level."""
    lines = []
    for tensor in seen.tensors:
        line = figures.shape(tensor)
        lines.append(f"{line}  /{tensor.stride:g}" if seen.kind == "pyramid" and tensor.stride else line)
    return "\n".join(lines)


def at_port(report: NodeReport | None, port: str, *, output: bool) -> PortShape | None:
    """What analysis saw at a port; None while unknown."""
    if report is None:
        return None
    return next((s for s in (report.outputs if output else report.inputs) if s.port == port), None)


def port_tip(port: Port, seen: PortShape | None, *, output: bool) -> str:
    """The tooltip of a port: name, kind, pattern, help and shape."""
    kind = "any kind" if port.kind == "any" else port.kind
    lines = [f"<b>{escape(port.name)}</b> &nbsp;{'gives' if output else 'takes'} {kind}"]
    if port.optional:
        lines[0] += ", optional"
    if port.pattern and port.pattern != "*S":
        lines.append(f"<span style='font-family:\"JetBrains Mono\"'>{escape(port.pattern)}</span>")
    if port.help:
        lines.append(rich(port.help))
    if seen is not None and seen.tensors:
        spelled = escape(long_shape(seen)).replace("\n", "<br>")
        lines.append(f"<span style='font-family:\"JetBrains Mono\"'>{spelled}</span>")
    return "<br>".join(lines)
