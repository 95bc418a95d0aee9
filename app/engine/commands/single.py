"""`block:NAME`: a design of one block, with an Input for each of its inputs and an Output for each output."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from app.design.build import wire
from app.design.edits import new_node
from app.design.names import free_name
from app.design.paths import read_value
from app.design.ports import Catalogue, letter, ports
from app.design.values import Design, Node, Settings, Wire
from app.exits import CallError
from blocks import patterns
from blocks.card import Card, Port

SIZES = {"C": 64, "H": 56, "W": 56, "D": 64, "L": 32, "K": 10}
"""Sizes of the inputs where `--input` does not give them."""
LEVELS = 3


def one_block(id: str, catalogue: Catalogue, inputs: Sequence[str] = ()) -> Design:
    """The design of `block:ID`. `inputs` are those of `--input`; a pyramid's levels are parted by commas, as in
    `x=64x56x56,128x28x28`. Raises CallError."""
    card = catalogue.get(id)
    if card is None:
        like = get_close_matches(id.lower(), [c.lower() for c in catalogue], n=3, cutoff=0.75)
        near = [c for c in sorted(catalogue) if id.lower() in c.lower() or c.lower() in like][:6]
        raise CallError(f"there is no block `{id}`" + (f" (did you mean {', '.join(near)}?)" if near else ""))
    given = dict(text.split("=", 1) for text in inputs if "=" in text)
    names = [n for port in card.inputs if not port.optional for n in _names(port, given)]
    if strange := [text for text in inputs if text.partition("=")[0] not in names]:
        known = ", ".join(names) or "none"
        raise CallError(f"--input {strange[0]}: write NAME=3x224x224 (the inputs of {id}: {known})")
    taken = {name: 0 for name in names}
    node = new_node(Design(), "", id)
    node = Node(id=free_name(node.id, taken), block=id)
    nodes, wires = [node], []
    for port in card.inputs:
        if not port.optional:
            for name in _names(port, given):
                added, joined = _fed(card, port, name, node.id, given)
                nodes += added
                wires += joined
    for output in ports(Design(nodes=tuple(nodes)), Design(nodes=tuple(nodes)), node, catalogue).outputs:
        end = free_name(output.name, {n.id for n in nodes})
        nodes.append(Node(id=end, block="Output"))
        wires.append(wire(f"{node.id}.{output.name}", end))
    return Design(nodes=tuple(nodes), wires=tuple(wires))


def _names(port: Port, given: dict[str, str]) -> list[str]:
    """The input's ports: of a repeated one as many as `--input` names, two at least."""
    if not port.many:
        return [port.name]
    count = max(2, port.at_least)
    while letter(count) in given:
        count += 1
    return [letter(i) for i in range(count)]


def _fed(
    card: Card, port: Port, name: str, target: str, given: dict[str, str]
) -> tuple[list[Node], list[Wire]]:
    dtype = {"dtype": "int64"} if port.dtype == "int" else {}
    if port.kind != "pyramid":
        size = _read(name, given[name]) if name in given else _size(card, port, 1)
        return [Node(id=name, block="Input", settings=Settings(size=size, **dtype))], [wire(name, f"{target}.{name}")]
    if name in given:
        sizes = [_read(name, level) for level in given[name].split(",")]
    else:
        sizes = [_size(card, port, 2**level) for level in range(LEVELS)]
    bundle = f"{name}_levels"
    nodes, wires = [Node(id=bundle, block="BundleLevels")], [wire(bundle, f"{target}.{name}")]
    for i, size in enumerate(sizes):
        nodes.append(Node(id=f"{name}{i + 1}", block="Input", settings=Settings(size=size)))
        wires.append(wire(f"{name}{i + 1}", f"{bundle}.{letter(i)}"))
    return nodes, wires


def _read(name: str, text: str) -> tuple[int, ...]:
    try:
        sizes = read_value(text, "ints")
    except ValueError:
        sizes = None
    if not isinstance(sizes, tuple):
        raise CallError(f"--input {name}={text}: `{text}` is no size; write it as 3x224x224")
    return sizes  # type: ignore[return-value]


def _size(card: Card, port: Port, scale: int) -> tuple[int, ...]:
    """A size that fits the port's pattern, without the batch; height and width divided by `scale`."""
    dims = patterns.parse(port.example or port.pattern).dims
    # Where another port names sizes beside the open ones (`B K *S`), the open ones are left out everywhere.
    dense = any(len(patterns.parse(p.pattern).dims) > 2 for p in card.inputs)
    sizes: list[int] = []
    if not dims:  # a port that takes anything: a vector will do
        return (8,)
    for dim in dims if dims[0].many else dims[1:]:
        size = dim.size or SIZES.get(dim.name.upper(), 8)
        if dim.many:
            sizes += [] if dense else [8, 8]
        else:
            sizes.append(size // scale if dim.name.upper() in ("H", "W") else size)
    return tuple(sizes)
