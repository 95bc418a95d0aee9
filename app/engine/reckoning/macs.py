"""The multiply-adds (MACs) of one operation as a formula, for all that `torch.utils.flop_counter` counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from torch.utils.flop_counter import flop_registry

from app.engine.reckoning.formulas import Formula, joined, put, worked_out
from app.messages.reckoning import Line

_KERNEL = {1: ("kernel_size",), 2: ("kernel_height", "kernel_width"),
           3: ("kernel_length", "kernel_height", "kernel_width")}  # fmt: skip
_PLACES = {1: ("L",), 2: ("H", "W"), 3: ("L", "H", "W")}
MOST_SYMBOLS = 6
"""How many different products are written in symbols."""


class Product(NamedTuple):
    """One counted operation: its formula and what that gives."""

    formula: Formula
    macs: int


def product_of(func: Any, args: Sequence[Any], kwargs: dict[str, Any], result: Any) -> Product:
    """A counted operation; one that has no formula here stands as the counter's number."""
    name = func._schema.name.removeprefix("aten::")
    match name:
        case "mm" | "bmm":
            formula = _matrices(args[0].shape, args[1].shape)
        case "addmm" | "baddbmm":
            formula = _matrices(args[1].shape, args[2].shape)
        case "convolution":
            formula = _convolution(args[0].shape, args[1].shape, result.shape, bool(args[6]))
        case _ if name.startswith("_scaled_dot_product") and not name.endswith("backward"):
            formula = _attention(args[0].shape, args[1].shape, args[2].shape)
        case _:
            macs = flop_registry[func._overloadpacket](*args, **kwargs, out_val=result) // 2
            return Product(Formula(name, str(macs)), macs)
    return Product(formula, worked_out(formula.numbers))


def _matrices(a: Sequence[int], b: Sequence[int]) -> Formula:
    """(n, k) times (k, m), or a batch of such."""
    *batch, rows, inner = a
    sizes = {"rows": rows, "inner": inner, "columns": b[-1]}
    if batch and batch[0] != 1:
        return put("matrices*rows*inner*columns", matrices=batch[0], **sizes)
    return put("rows*inner*columns", **sizes)


def _convolution(x: Sequence[int], weight: Sequence[int], out: Sequence[int], transposed: bool) -> Formula:
    """Each place of the output (transposed: of the input) meets a window of each channel of its group; the weight is
    (out, in / groups, *kernel), transposed (in, out / groups, *kernel)."""
    second, kernel = weight[1], weight[2:]
    places, names = (x if transposed else out)[2:], (*_PLACES[len(kernel)], *_KERNEL[len(kernel)])
    given = dict(zip(names, (*places, *kernel), strict=True)) | {"in_channels": x[1], "out_channels": out[1]}
    template = "*".join((*names, "in_channels", "out_channels"))
    given["groups"] = out[1] // second if transposed else x[1] // second
    if given["groups"] > 1:
        template = template.replace("in_channels", "in_channels/groups")
    if x[0] != 1:
        template, given["B"] = f"B*{template}", x[0]
    return put(template, **given)


def _attention(q: Sequence[int], k: Sequence[int], v: Sequence[int]) -> Formula:
    """Each query meets each key, and each of their weights a value."""
    batch, heads, queries, size = q
    template = "heads*queries*keys*(key_size + value_size)"
    given = {"heads": heads, "queries": queries, "keys": k[2], "key_size": size, "value_size": v[3]}
    return put(f"B*{template}", B=batch, **given) if batch != 1 else put(template, **given)


def summed(products: Sequence[Product]) -> Formula:
    """All of a module's products; equal ones are written once with a factor."""
    total = joined(p.formula for p in products)
    if len({p.formula for p in products}) > MOST_SYMBOLS:
        return Formula("the sum of its products", total.numbers)
    return total


def of_linear(formula: Formula) -> Formula:
    """The same in a fully connected layer's terms."""
    return Formula(formula.symbols.replace("inner*columns", "in_features*out_features"), formula.numbers)


def uncounted(operations: Sequence[str]) -> list[Line]:
    """A line for each operation that multiplies and adds but that nobody counts: named, not passed over."""
    note = "torch.utils.flop_counter does not know this operation: what it multiplies is not in the MACs"
    return [Line("not counted", "", "", 0, None, part=operation, note=note) for operation in operations]
