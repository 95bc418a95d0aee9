"""Transfer learning: what of a drawing with good weights is kept, made new and frozen for another aim."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, NamedTuple

from msgspec.structs import replace

from app.design import edits
from app.design.edits import EditError
from app.design.ports import Catalogue, ports
from app.design.presets import preset, with_preset
from app.design.usual import COLUMN, ROW, has_loss, output_source, usual_loss
from app.design.values import Design, End, Node, NodeRule, Settings, SettingValue
from app.design.wires import downstream

Change = Literal["same", "classes", "task", "domain"]
Amount = Literal["few", "some", "many"]
Task = Literal["numbers", "pixels"]
SIZES = ("classes", "num_classes", "out_features", "out_channels")
"""What the setting is called that says how many scores a head gives."""
OF_A_CLASS, OF_ALL = (100, 1_000), (1_000, 20_000)
"""Below the first number a class, or a whole set without classes, has few samples; below the second some."""
NEW_RATE, OLD_SHARE = 1e-3, 0.05
"""The rate of what is new, and the share of it that what is kept gets: 5e-5."""
_YOSINSKI = "Yosinski et al. 2014, How transferable are features in deep neural networks?, arXiv:1411.1792"
_KUMAR = "Kumar et al. 2022, Fine-tuning can distort pretrained features, arXiv:2202.10054"
_RAGHU = "Raghu et al. 2019, Transfusion, arXiv:1902.07208"

CHANGES: dict[Change, tuple[str, str, str]] = {
    "same": ("The same task and classes", "Reuse",
             "All weights are kept: the network knows the task, and new data only moves it a little."),
    "classes": ("Other classes", "Replace the head",
                "The head is made new, with as many scores as there are classes now: what comes before it tells "
                f"features that hold for other classes too ({_YOSINSKI})."),
    "task": ("Another task", "Keep the encoder, add a head",
             "The encoder is kept, and all that follows it is taken away for a head of the new task: features that "
             "tell classes apart also serve for other aims (Girshick et al. 2013, arXiv:1311.2524)."),
    "domain": ("Another kind of data", "New decoder",
               "Whatever follows the encoder is made new: the further back a layer stands, the more it is made for "
               f"the data that it saw, so that it would have to unlearn first ({_YOSINSKI})."),
}  # fmt: skip
"""What may change: its title, the edit in words, and why."""

_FREEZING: dict[tuple[bool, Amount], str] = {
    (False, "few"): "With few samples the encoder stays frozen: it has more weights than they could settle, and would "
                    f"learn them by heart ({_KUMAR}).",
    (False, "some"): "The encoder is frozen until epoch {epoch}, while the rest learns to use its features, and then "
                     f"trained at a small rate: gradients of a new head would spoil it at first ({_KUMAR}).",
    (False, "many"): "With many samples nothing is frozen; what is kept has a small rate, so that it is not lost.",
    (True, "few"): "With few samples of another kind the earlier half of the encoder stays frozen, as edges and "
                   "textures are alike everywhere; the later half is trained from epoch {epoch} at a small rate "
                   f"({_YOSINSKI}).",
    (True, "some"): "Nothing stays frozen, as features for other data are needed: the encoder waits until epoch "
                    "{epoch} and is then trained at a small rate.",
    (True, "many"): "With many samples of another kind everything is trained at the full rate; the weights are only "
                    f"where it begins ({_RAGHU}).",
}  # fmt: skip


class Plan(NamedTuple):
    """What the user has said. `size` is the number of classes, or of numbers; `weights` a file to begin with."""

    change: Change
    amount: Amount
    size: int = 10
    task: Task = "numbers"
    weights: str = ""


def amount_of(samples: int, classes: int) -> Amount:
    """How much so many samples are."""
    each = samples // classes if classes else samples
    few, some = OF_A_CLASS if classes else OF_ALL
    return "few" if each < few else "some" if each < some else "many"


def unfreezing(epochs: int) -> int:
    """The epoch from which a kept encoder is trained too."""
    return 1 + max(1, round(epochs / 3))


def reasons(plan: Plan, epochs: int) -> tuple[str, str]:
    """Why the drawing is changed so, and why that is frozen."""
    words = _FREEZING[plan.change == "domain", plan.amount]
    if plan.change == "same" and plan.amount == "many":
        words = "With many samples nothing is frozen; the rate is small, so that what is known is not lost."
    return CHANGES[plan.change][2], words.format(epoch=unfreezing(epochs))


class Anatomy(NamedTuple):
    """The parts of a drawing, by their nodes' ids in the order of the data."""

    encoder: tuple[str, ...]
    decoder: tuple[str, ...]
    """Between encoder and head: necks."""
    head: str
    """The node whose setting says how many scores there are."""
    size: str
    """That setting."""


def anatomy(design: Design, catalogue: Catalogue) -> Anatomy:
    """Find the head by going back from the Output, and what comes before it. Raises EditError."""
    end = output_source(design)
    head, seen = end.node, set()
    while (size := _size_of(design, design.by_id[head], catalogue)) == "":
        seen.add(head)
        before = [wire.source.node for wire in design.into.get(head, ())]
        if len(before) != 1 or before[0] in seen:
            raise EditError(
                "No head is found: the node before the Output needs a setting for the number of its classes "
                f"({', '.join(SIZES)}). Draw one, such as a ClassificationHead."
            )
        head = before[0]
    order = [node for node in _ordered(design, head) if design.by_id[node].block not in ("Input", "Target")]
    necks = [node for node in order if _category(design, node, catalogue) == "Neck"]
    decoder = {node for node in order if any(node == neck or node in downstream(design, neck) for neck in necks)}
    encoder = tuple(node for node in order if node not in decoder)
    if not encoder:
        raise EditError(f"Nothing stands before the head `{design.by_id[head].name}` that could be kept.")
    return Anatomy(encoder, tuple(node for node in order if node in decoder), head, size)


def _size_of(design: Design, node: Node, catalogue: Catalogue) -> str:
    return next((name for name in SIZES if edits.setting_of(design, node, name, catalogue) is not None), "")


def _category(design: Design, node: str, catalogue: Catalogue) -> str:
    card = catalogue.get(design.by_id[node].block)
    return card.category if card is not None else ""


def _ordered(design: Design, head: str) -> list[str]:
    """What the head hangs on, each after what it hangs on itself."""
    done: dict[str, None] = {}
    waiting = [(head, False)]
    while waiting:
        node, ready = waiting.pop()
        if ready:
            done[node] = None
        elif node not in done:
            waiting.append((node, True))
            waiting += [(wire.source.node, False) for wire in design.into.get(node, ())]
    del done[head]
    return list(done)


def describe(before: Design, after: Design) -> list[str]:
    """What became of the drawing, a line each."""
    old = {node.name for node in before.nodes}
    lines = []
    rules = after.recipe.nodes
    waits = [rule.node for rule in rules if rule.unfreeze]
    for title, names in (
        ("New", [node.name for node in after.nodes if node.name not in old]),
        ("Taken away", sorted(old - {node.name for node in after.nodes})),
        ("Frozen", [node.name for node in after.nodes if node.frozen]),
        (f"Frozen until epoch {max((rule.unfreeze for rule in rules), default=0)}", waits),
        (f"At {OLD_SHARE:g} times the rate", [rule.node for rule in rules if rule.rate != 1]),
    ):
        if names:
            lines.append(f"{title}: {', '.join(names)}.")
    return lines


def transfer(design: Design, plan: Plan, catalogue: Catalogue, weighted: Collection[str] = ()) -> Design:
    """The design made ready for `plan`, its recipe included. `weighted` are the ids of nodes that are known to have
    weights (none: all may). Raises EditError where the drawing has no head or no encoder, or nothing is left to train.
    """
    parts = anatomy(design, catalogue)
    if plan.change != "same" and plan.size < 1:
        raise EditError("At least one score is needed.")
    if plan.change in ("classes", "domain"):
        if plan.change == "domain":
            for node in parts.decoder:
                design = _renewed(design, node)
        for head in _heads(design, parts, catalogue):
            design = edits.set_setting(design, "", head, parts.size, plan.size, catalogue)
            design = _renewed(design, head)
    elif plan.change == "task":
        design = _other_head(design, parts, plan, catalogue)
    if plan.change != "task" and not has_loss(design, catalogue):
        design = usual_loss(design, None, catalogue)
        if _for_pixels(design, parts.head, catalogue):
            design = _masks(_like_the_image(design, parts.head, catalogue))
    return _trained(design, parts, plan, weighted)


def _heads(design: Design, parts: Anatomy, catalogue: Catalogue) -> list[str]:
    """The head, and auxiliary ones that tell the same classes."""
    told = _told(design, parts.head, parts.size, catalogue)
    return [
        node.id for node in design.nodes
        if node.id == parts.head
        or (_category(design, node.id, catalogue) == "Head" and node.id not in (*parts.encoder, *parts.decoder)
            and _told(design, node.id, parts.size, catalogue) == told)
    ]  # fmt: skip


def _told(design: Design, id: str, size: str, catalogue: Catalogue) -> SettingValue:
    declared = edits.setting_of(design, design.by_id[id], size, catalogue)
    told: SettingValue = design.by_id[id].settings.get(size, declared.default if declared is not None else None)
    return told


def _for_pixels(design: Design, head: str, catalogue: Catalogue) -> bool:
    """Whether the head tells something of each pixel: then it looks at the image's size."""
    return ports(design, design, design.by_id[head], catalogue).input("like") is not None


def _like_the_image(design: Design, head: str, catalogue: Catalogue) -> Design:
    """The head's scores brought to the image's height and width, where it can do that."""
    image, end = next((node for node in design.nodes if node.block == "Input"), None), End(head, "like")
    if image is None or not _for_pixels(design, head, catalogue) or design.wire_into(end) is not None:
        return design
    out = ports(design, design, image, catalogue).outputs[0].name
    return edits.connect(design, "", End(image.id, out), end, catalogue)


def _masks(design: Design) -> Design:
    """The Targets are masks as high and wide as the image."""
    image = next((node for node in design.nodes if node.block == "Input"), None)
    size = image.settings.get("size", ()) if image is not None else ()
    if not isinstance(size, tuple) or len(size) != 3:
        return design
    nodes = (
        replace(n, settings=Settings(field="mask", size=size[1:])) if n.block == "Target" else n for n in design.nodes
    )
    return replace(design, nodes=tuple(nodes))


def _renewed(design: Design, id: str) -> Design:
    """Another name: what a file or a run holds under the old one does not go into it."""
    node, taken = design.by_id[id], design.by_name
    base = f"new_{node.name.removeprefix('new_').rstrip('0123456789').rstrip('_') or 'part'}"
    name, number = base, 2
    while name in taken:
        name, number = f"{base}_{number}", number + 1
    return edits.rename(design, "", id, name)


_HEADS = {
    ("numbers", "pyramid"): ("PickLevel", "ClassificationHead"), ("pixels", "pyramid"): ("SegmentationHead",),
    ("numbers", "map"): ("ClassificationHead",), ("pixels", "map"): ("PixelClassifier",),
    ("numbers", "tokens"): ("TokenHead",), ("numbers", "vector"): ("Linear",),
}  # fmt: skip
"""What reads the encoder, by the task and by what the encoder gives."""


def _other_head(design: Design, parts: Anatomy, plan: Plan, catalogue: Catalogue) -> Design:
    """Take away all that hangs on the encoder, and draw a head of the new task on what it gives."""
    first = (*parts.decoder, parts.head)[0]
    wire = next(w for w in design.into[first] if w.source.node in parts.encoder)
    source = wire.source
    if plan.task == "pixels" and design.by_id[source.node].block == "PickLevel":
        source = design.into[source.node][0].source  # all levels of the pyramid tell more of places than the last
    given = _given(design, source, catalogue)
    blocks = _HEADS.get((plan.task, given))
    if blocks is None or any(block not in catalogue for block in blocks):
        name = design.by_id[source.node].name
        raise EditError(f"`{name}` gives no feature maps, which scores for each pixel need: choose another task.")
    at = design.by_id[source.node]
    kept = {*_ordered(design, source.node), source.node}
    design = edits.remove(design, "", [n.id for n in design.nodes if n.id not in kept and n.block != "Input"])
    x = at.x
    for block in blocks:
        x += COLUMN
        node = edits.new_node(design, "", block, x=x, y=at.y)
        size = next((n for n in SIZES if catalogue[block].setting(n) is not None), "")
        if size:
            node = replace(node, settings=Settings({size: plan.size}))
        elif block == "PickLevel":
            node = replace(node, settings=Settings(level=-1))
        design = edits.add_node(design, "", node)
        if size:
            design = _renewed(design, node.id)
        design = edits.connect(design, "", source, End(node.id, "x"), catalogue)
        design = _like_the_image(design, node.id, catalogue)
        source = End(node.id, catalogue[block].outputs[0].name)
    output = edits.new_node(design, "", "Output", x=x + COLUMN, y=at.y)
    design = edits.connect(edits.add_node(design, "", output), "", source, End(output.id, "x"), catalogue)
    loss = "MSELoss" if plan.task == "numbers" else "CrossEntropy"
    if loss in catalogue and "Target" in catalogue:
        design = _judged(design, source, loss, plan, catalogue, x, at.y + ROW)
    return _masks(design) if plan.task == "pixels" else design


def _judged(design: Design, source: End, loss: str, plan: Plan, catalogue: Catalogue, x: float, y: float) -> Design:
    name = "label" if plan.task == "numbers" else "mask"
    target = edits.new_node(design, "", "Target", name=name, x=x, y=y + ROW / 2)
    if plan.task == "numbers":
        size = (plan.size,) if plan.size > 1 else ()
        target = replace(target, settings=Settings(field="label", size=size, dtype="float32"))
    design = edits.add_node(design, "", target)
    judge = edits.new_node(design, "", loss, x=x + COLUMN, y=y)
    design = edits.add_node(design, "", judge)
    design = edits.connect(design, "", source, End(judge.id, "x"), catalogue)
    return edits.connect(design, "", End(target.id, "out"), End(judge.id, "target"), catalogue)


def _given(design: Design, source: End, catalogue: Catalogue) -> str:
    """What an end gives: a pyramid, a map, tokens or a vector."""
    found = ports(design, design, design.by_id[source.node], catalogue).output(source.port)
    if found is None:
        return "vector"
    if found.kind == "pyramid":
        return "pyramid"
    sizes = found.pattern.rpartition(":")[2].split()
    return "vector" if any("*" in size for size in sizes) else {4: "map", 3: "tokens"}.get(len(sizes), "vector")


def _trained(design: Design, parts: Anatomy, plan: Plan, weighted: Collection[str]) -> Design:
    """Freeze and slow down what is kept, and let the rest learn."""
    kept = [id for id in parts.encoder if id in design.by_id and (not weighted or id in weighted)]
    domain, epoch = plan.change == "domain", unfreezing(design.recipe.epochs)
    frozen: list[str] = []
    if plan.amount == "few":
        frozen = kept[: (len(kept) + 1) // 2] if domain else kept
    for node in design.nodes:
        if node.frozen or node.id in frozen:
            design = edits.set_frozen(design, "", node.id, node.id in frozen)
    share = 1.0 if plan.change == "same" else OLD_SHARE
    waits = plan.amount == "some" or (domain and plan.amount == "few")
    rules = []
    for id in kept if not (domain and plan.amount == "many") else ():
        rule = NodeRule(design.by_id[id].name, rate=share, unfreeze=epoch if waits else 0)
        if id not in frozen and rule != NodeRule(rule.node):
            rules.append(rule)
    chosen = preset("fine-tuning")
    assert chosen is not None
    recipe = with_preset(design.recipe, chosen)
    rate = recipe.learning_rate if plan.change == "same" else NEW_RATE
    by = recipe.weights_by if plan.weights == recipe.weights else "name"
    recipe = replace(recipe, nodes=tuple(rules), learning_rate=rate, weights=plan.weights, weights_by=by)
    return edits.set_recipe(design, recipe)
