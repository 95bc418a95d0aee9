"""What data is usually trained with, added in one edit: a Target, a loss and a metric, wired to the output's source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec.structs import replace

from app.design import edits
from app.design.edits import EditError
from app.design.ports import Catalogue, ports
from app.design.values import Design, End, Graph, Node, Settings

TARGET, LOSS, METRIC, FIELD = "Target", "CrossEntropy", "Accuracy", "label"
COLUMN, ROW = 288.0, 160.0
"""Steps between the nodes that are added: wider and higher than a node."""


class DatasetLike(Protocol):
    """What is asked of a dataset: its title and the names of its classes."""

    @property
    def title(self) -> str: ...
    @property
    def classes(self) -> Sequence[str]: ...


def has_loss(design: Design, catalogue: Catalogue) -> bool:
    """Whether a loss stands in the drawing or in a Group that it uses."""
    used = {""} | {g for node in design.nodes if node.group for g in edits.used_groups(design, node.group)}
    return any(_is_loss(n, catalogue) for where in used for n in design.graph(where).nodes)


def _is_loss(node: Node, catalogue: Catalogue) -> bool:
    card = catalogue.get(node.block)
    return node.block == LOSS or (card is not None and card.category == "Loss")


def usual_words() -> str:
    """What `usual_loss` would add, for a button: "CrossEntropy on label"."""
    return f"{LOSS} on {FIELD}"


def usual_loss(design: Design, dataset: DatasetLike | None, catalogue: Catalogue) -> Design:
    """The design with the loss and the metric that `dataset` (None: not chosen yet) is usually trained with.

    They read the tensor that the Output shows, and stand below it. A Target of the same field is used again.
    Raises EditError when there is no Output, when there are several, or when there is a loss already.
    """
    if has_loss(design, catalogue):
        raise EditError("This design has a loss already: remove it first to get the usual one.")
    source = output_source(design)
    missing = [block for block in (TARGET, LOSS, METRIC) if block not in catalogue]
    if missing:
        raise EditError(f"The catalogue has no block {missing[0]}: add a loss from the palette by hand.")
    left, right, top = _free_place(design, source)
    design, target = _target(design, catalogue, left, top + ROW / 2)
    design = _judge(design, LOSS, source, target, catalogue, right, top)
    return _judge(design, METRIC, source, target, catalogue, right, top + ROW)


def output_source(design: Design) -> End:
    """The end that feeds the one Output of the drawing. Raises EditError when that is not clear."""
    outputs = [node for node in design.nodes if node.block == "Output"]
    if not outputs:
        raise EditError("This design has no Output, so a loss has nothing to judge: add an Output and wire it.")
    if len(outputs) > 1:
        names = ", ".join(node.name for node in outputs)
        raise EditError(
            f"This design has {len(outputs)} outputs ({names}), and only you know which one a loss belongs to: "
            "add the losses from the palette."
        )
    wires = design.into.get(outputs[0].id, ())
    if not wires:
        raise EditError(f"Nothing is wired to {outputs[0].name}: wire the network's last node to it first.")
    return wires[0].source


def _free_place(design: Graph, source: End) -> tuple[float, float, float]:
    """Below the node that is judged and below the Output: where both columns begin, and a row under all that is there.

    So no wire to what is added runs over a node: between those columns nothing stands but the Output's wire.
    """
    judged = design.by_id[source.node]
    right = max([judged.x + COLUMN, *(node.x for node in design.nodes if node.block == "Output")])
    return judged.x, right, max(node.y for node in design.nodes if node.x > judged.x - COLUMN) + ROW


def _target(design: Design, catalogue: Catalogue, x: float, y: float) -> tuple[Design, End]:
    """A Target of the field, the one that is there where there is one, and its output."""
    card = catalogue[TARGET]
    declared = card.setting("field")
    for node in design.nodes:
        if node.block == TARGET and node.settings.get("field", declared.default if declared else None) == FIELD:
            break
    else:
        node = edits.new_node(design, "", TARGET, name=FIELD, x=x, y=y)
        if declared is not None and declared.default != FIELD:
            node = replace(node, settings=Settings(field=FIELD))
        design = edits.add_node(design, "", node)
    outputs = ports(design, design, node, catalogue).outputs
    if not outputs:
        raise EditError(f"{TARGET} gives nothing, so a loss cannot read it: add a loss from the palette by hand.")
    return design, End(node.id, outputs[0].name)


def _judge(
    design: Design, block: str, source: End, target: End, catalogue: Catalogue, x: float, y: float
) -> Design:
    """Add a loss or a metric that compares `source` with `target`."""
    node = edits.new_node(design, "", block, x=x, y=y)
    design = edits.add_node(design, "", node)
    design = edits.connect(design, "", source, End(node.id, "x"), catalogue)
    return edits.connect(design, "", target, End(node.id, "target"), catalogue)
