"""Makes `examples/zoo/README.md` and `examples/zoo/numbers.json`: every network's counts beside its reference's.

Run `python -m tests.zoo.make_page` after a change to the zoo; a test fails when they are out of date.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from examples import zoo
from tests.zoo.references import NAMES, VISIBLE, check

FOLDER = Path(zoo.__file__).resolve().parent
HEAD = """# The zoo

Each file holds a family; each of its variants is a network of that name: `netloom check resnet50`, `netloom resnet50`.
Parameters are the trainable ones and MACs are for one sample of the size given, both as `netloom check` counts them.
Where the public implementation was measured its numbers stand beside ours: *equal* means parameters, MACs and shapes
alike. This page is made by `python -m tests.zoo.make_page`.
"""


def measured(document: dict[str, Any]) -> dict[str, Any]:
    """What the page and the cards show of what `netloom check` says."""
    return {
        "inputs": [i["shape"] for i in document["inputs"]],
        "parameters": document["parameters"],
        "trainable": document["trainable_parameters"],
        "macs": document["macs"],
    }


def numbers(found: dict[str, dict[str, Any]]) -> str:
    """The text of `numbers.json`."""
    rows = [f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in sorted(found.items())]
    return "{\n" + ",\n".join(rows) + "\n}\n"


def written() -> dict[str, dict[str, Any]]:
    """What `numbers.json` holds."""
    held: dict[str, dict[str, Any]] = json.loads((FOLDER / "numbers.json").read_text(encoding="utf-8"))
    return held


def page(found: dict[str, dict[str, Any]]) -> str:
    """The text of `README.md`."""
    parts = [HEAD]
    by_family: dict[str, list[zoo.Network]] = {}
    for network in zoo.networks():
        by_family.setdefault(network.family, []).append(network)
    compared = [equal(n, found[n]) for n in found if n in VISIBLE]
    parts.append(f"{len(found)} networks; {compared.count('equal')} of {len(compared)} measured ones are equal.\n")
    for family, networks in by_family.items():
        first = networks[0]
        parts.append(f"## {first.title} ({first.year})\n")
        parts.append(f"[{family}.netloom]({family}.netloom). {first.paper}. {first.introduced}\n")
        parts.append("| name | input | parameters | MACs | reference | |\n| --- | --- | ---: | ---: | --- | --- |")
        for network in networks:
            row = found[network.name]
            sizes = ", ".join("×".join(map(str, shape[1:])) for shape in row["inputs"])
            reference = NAMES[network.name]["reference"] if network.name in NAMES else ""
            parts.append(
                f"| `{network.name}` | {sizes} | {row['trainable']:,} | {row['macs']:,} | {reference} | "
                f"{equal(network.name, row)} |"
            )
        parts.append("")
    return "\n".join(parts).rstrip() + "\n"


def equal(name: str, row: dict[str, Any]) -> str:
    """Whether a network's counts are those of its reference; empty where none were measured."""
    reference = VISIBLE.get(name)
    if reference is None:
        return ""
    same = row["trainable"] == reference["params"] and row["macs"] == reference.get("macs", row["macs"])
    return "equal" if same else f"reference: {reference['params']:,} parameters, {reference.get('macs', 0):,} MACs"


def main() -> None:
    found = {name: measured(check(name)) for name in zoo.index()}
    (FOLDER / "numbers.json").write_text(numbers(found), encoding="utf-8")
    zoo.networks.cache_clear()
    (FOLDER / "README.md").write_text(page(found), encoding="utf-8")


if __name__ == "__main__":
    main()
