"""What `netloom check --weights` says: a row a node, and with `--keys` a row a tensor."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.messages.weights import TITLES, NodeFit, WeightsCompared

ROWS = 60
"""So many rows of nodes are printed, those that do not fit first to be kept."""


def print_weights(told: WeightsCompared, out: Console, keys: bool) -> None:
    """The table, and a sentence below it."""
    table = Table(title=f"weights, named as in {told.layout}", title_justify="left", title_style="bold", box=None,
                  pad_edge=False)  # fmt: skip
    table.add_column("Name", overflow="fold")
    table.add_column("Fits", justify="right", no_wrap=True)
    table.add_column("By")
    table.add_column("In the file" if keys else "Remark", overflow="fold")
    rows = list(told.nodes)
    left = 0
    if not keys and len(rows) > ROWS:
        wrong = [node for node in rows if not node.whole]
        kept = {id(node) for node in [*wrong, *(n for n in rows if n.whole)][:ROWS]}
        left = len(rows) - len(kept)
        rows = [node for node in rows if id(node) in kept]
    for node in rows:
        style = "" if node.whole else "yellow" if node.taken or node.offered else "red"
        table.add_row(Text(node.name), f"{node.taken} of {len(node.counted)}", node.how,
                      Text("" if keys else remark(node)), style=style)  # fmt: skip
        for tensor in node.tensors if keys else ():
            table.add_row(Text(f"  {tensor.ours} {shape(tensor.needed)}"), "", TITLES[tensor.how],
                          Text(f"{tensor.theirs} {shape(tensor.held)}" if tensor.theirs else "—"),
                          style="dim" if tensor.taken else "yellow")  # fmt: skip
    out.print(table)
    if left:
        out.print(f"and {left} more nodes whose tensors all fit", markup=False)
    out.print(f"weights: {told.summary}", markup=False)


def remark(node: NodeFit) -> str:
    """What is the matter with a node: the first tensor that does not fit."""
    wrong = next((t for t in node.counted if not t.taken), None)
    if wrong is None:
        return ""
    if wrong.how == "size":
        return f"{wrong.ours}: {shape(wrong.held)} in the file, {shape(wrong.needed)} needed"
    if wrong.how == "missing":
        return f"nothing for {wrong.ours}"
    return f"{wrong.ours} may be {wrong.theirs} ({shape(wrong.held)})"


def shape(sizes: tuple[int, ...] | None) -> str:
    """`64x3x7x7`."""
    return "" if sizes is None else "x".join(map(str, sizes)) or "one number"
