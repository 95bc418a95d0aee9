"""`netloom zoo`: the known architectures by name. Loads no torch, so it answers at once."""

from __future__ import annotations

import argparse
import sys
from typing import Literal

import msgspec
from rich.console import Console
from rich.table import Table

from app.exits import FINE
from examples import zoo

COLUMNS: dict[str, Literal["left", "right"]] = {
    "Name": "left", "Family": "left", "Task": "left", "Input": "right", "Parameters": "right", "MACs": "right",
}  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    networks = zoo.networks()
    if arguments.json:
        sys.stdout.write(msgspec.json.encode(networks).decode() + "\n")
        return FINE
    out = Console(highlight=False)
    out = out if out.is_terminal else Console(highlight=False, width=160)
    rows = []
    family = ""
    for network in networks:
        new, family = network.family != family, network.family
        rows.append((
            network.name,
            network.title if new else "",
            network.task if new else "",
            "  ".join("x".join(map(str, shape[1:])) for shape in network.inputs),
            f"{network.parameters:,}" if network.parameters is not None else "",
            f"{network.macs:,}" if network.macs is not None else "",
            network.paper if new else "",
        ))  # fmt: skip
    table = Table(box=None, pad_edge=False)
    for i, (title, side) in enumerate(COLUMNS.items()):  # in a narrow terminal the papers alone are cut
        table.add_column(title, justify=side, no_wrap=True, min_width=max(len(row[i]) for row in rows))
    table.add_column("Paper", overflow="ellipsis", no_wrap=True, style="dim")
    for row in rows:
        table.add_row(*row)
    out.print(table)
    out.print(f"{len(networks)} networks; `netloom check NAME` shows one, `netloom NAME` opens it", markup=False)
    return FINE
