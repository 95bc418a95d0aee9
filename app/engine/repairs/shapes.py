"""Repairs of shapes: something between two nodes, or another setting of the node that made the size what it is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from app.design import changes
from app.design.values import Design, End, Settings, Wire
from app.engine.repairs.common import MAX_SIZE, Candidate, between
from app.engine.surroundings import width_of
from app.engine.walk import Walk
from app.messages.reports import Problem

if TYPE_CHECKING:
    from app.engine.analysis import Analyser

Shape = tuple[int, ...]
NEAR = 3
"""Images that differ by so few rows or columns are cut or padded rather than resized."""
PER_CHANNEL = ("Concat", "BundleLevels")
"""Blocks that take any number of channels at each port."""


def match_shapes(design: Design, walk: Walk, problem: Problem) -> Iterator[Candidate]:
    """Bring one input to the shape of the others: at the node that changed it, or by a node on the wire."""
    step = walk.steps[problem.id]
    known = {p: v[0].shape for p, v in step.inputs.items() if v is not None and len(v) == 1}
    got = known.get(problem.port)
    first = next((p for p in known if p != problem.port), None)
    if got is None or first is None or len(got) != len(known[first]):
        return
    aim, channels_matter = known[first], step.call.block not in PER_CHANNEL
    if channels_matter:
        yield from _same_width(walk, problem, got, aim)
    graph = design.graph(problem.where)
    pairs = ((problem.port, got, aim), (first, aim, got))
    drawn = [(w, a, b) for port, a, b in pairs if (w := graph.wire_into(End(problem.node, port))) is not None]
    for make in (_nudged, _projected, _resized):
        for wire, shape, wanted in drawn:
            yield from make(design, problem, wire, shape, wanted, channels_matter)


def _same_width(walk: Walk, problem: Problem, got: Shape, aim: Shape) -> Iterator[Candidate]:
    """Let the node that changed the number of channels give as many as the other input has."""
    for place in (1, len(got) - 1):
        above = walk.steps.get(problem.blame)
        setting = width_of(above)
        if above is not None and setting and got[place] != aim[place] and problem.blame != problem.id:
            title = f"Set {above.call.name}'s {setting} to {aim[place]}"
            yield title, (changes.set_setting(above.call.where, above.call.node, setting, aim[place]),)
            return


def _nudged(
    design: Design, problem: Problem, wire: Wire, shape: Shape, aim: Shape, channels_matter: bool
) -> Iterator[Candidate]:
    """Cut or pad an image that is off by a few rows or columns."""
    if len(shape) != 4 or (channels_matter and shape[1] != aim[1]):
        return
    name = design.graph(problem.where).by_id[wire.source.node].name
    more = [b - a for a, b in zip(shape[2:], aim[2:], strict=True)]  # (rows, columns)
    if not any(more) or max(map(abs, more)) > NEAR:
        return
    if max(more) <= 0:
        title = f"Crop {name} to {aim[2]}x{aim[3]}"
        yield title, (between(design, problem.where, wire, "Crop", "crop", Settings(size=aim[2:])),)
    elif min(more) >= 0:
        edges = Settings(top=0, left=0, bottom=more[0], right=more[1])
        yield f"Pad {name} to {aim[2]}x{aim[3]}", (between(design, problem.where, wire, "Pad", "pad", edges),)


def _projected(
    design: Design, problem: Problem, wire: Wire, shape: Shape, aim: Shape, channels_matter: bool
) -> Iterator[Candidate]:
    """A 1x1 convolution, with a stride where the image is too large; for vectors and tokens a Linear."""
    source = design.graph(problem.where).by_id[wire.source.node]
    if not channels_matter:
        return
    if len(shape) in (2, 3) and shape[:-1] == aim[:-1]:
        title = f"Linear to {aim[-1]} after {source.name}"
        yield title, (between(design, problem.where, wire, "Linear", "match", Settings(out_features=aim[-1])),)
    if len(shape) != 4:
        return
    strides = [max(1, round(a / b)) for a, b in zip(shape[2:], aim[2:], strict=True)]
    settings = Settings(out_channels=aim[1], kernel_size=(1, 1), padding=(0, 0))
    if strides != [1, 1]:
        settings = settings.with_("stride", tuple(strides))
    title = f"Conv 1x1{f' stride {strides[0]}' if strides != [1, 1] else ''} after {source.name}"
    yield title, (between(design, problem.where, wire, "Conv2d", "match", settings),)


def _resized(
    design: Design, problem: Problem, wire: Wire, shape: Shape, aim: Shape, channels_matter: bool
) -> Iterator[Candidate]:
    """Pool or interpolate an image to the size of the other."""
    if len(shape) != 4 or shape[2:] == aim[2:] or (channels_matter and shape[1] != aim[1]):
        return
    source = design.graph(problem.where).by_id[wire.source.node]
    node = between(design, problem.where, wire, "AdaptiveAvgPool2d", "pool", Settings(output_size=aim[2:]))
    yield f"Resize {source.name} to {aim[2]}x{aim[3]}", (node,)


def turn_round(design: Design, walk: Walk, problem: Problem) -> Iterator[Candidate]:
    """Swap the last two sizes of an input: what a matrix product of `a` and `b` most often lacks."""
    wire = design.graph(problem.where).wire_into(End(problem.node, problem.port))
    value = walk.steps[problem.id].inputs.get(problem.port)
    rank = len(value[0].shape) if value is not None and len(value) == 1 else 0
    if wire is None or rank < 3:
        return
    order = (*range(1, rank - 2), rank - 1, rank - 2)
    name = design.graph(problem.where).by_id[wire.source.node].name
    title = f"Swap the last two sizes of {name}"
    yield title, (between(design, problem.where, wire, "Permute", "swap", Settings(order=order)),)


def make_divide(design: Design, walk: Walk, problem: Problem) -> Iterator[Candidate]:
    """Choose a divisor that divides, or a number of channels that is a multiple: above, or by a projection."""
    step = walk.steps[problem.id]
    refusal = step.measured.refusal if step.measured else None
    if refusal is None:
        return
    size, by, setting = refusal.detail.get("size", 0), refusal.detail.get("by", 0), refusal.detail.get("setting", "")
    if not isinstance(size, int) or not size or not by or size > MAX_SIZE:
        return
    if step.card and step.card.setting(setting):
        below = _divisor(size, by)
        yield f"Set {setting} to {below}", (changes.set_setting(problem.where, problem.node, setting, below),)
    yield from _to_multiple(design, walk, problem, size, by)


def multiple_first(design: Design, walk: Walk, problem: Problem) -> Iterator[Candidate]:
    """Give a block that needs a multiple of some number of channels such a number."""
    step = walk.steps.get(problem.id)
    if step is None:  # a whole Group
        return
    value = next((v for v in step.inputs.values() if v), None)
    refusal = step.measured.refusal if step.measured else None
    if value is not None and len(value[0].shape) > 1 and refusal is not None and refusal.multiple:
        yield from _to_multiple(design, walk, problem, value[0].shape[1], refusal.multiple)


def _to_multiple(design: Design, walk: Walk, problem: Problem, size: int, by: int) -> Iterator[Candidate]:
    wanted = math.ceil(size / by) * by
    if wanted > MAX_SIZE:
        return
    above = walk.steps.get(problem.blame)
    setting = width_of(above)
    if above is not None and setting:
        title = f"Set {above.call.name}'s {setting} to {wanted}"
        yield title, (changes.set_setting(above.call.where, above.call.node, setting, wanted),)
    step = walk.steps[problem.id]
    port = problem.port or next((p for p, v in step.inputs.items() if v), "")
    wire = design.graph(problem.where).wire_into(End(problem.node, port))
    value = step.inputs.get(port)
    if wire is None or value is None or len(value) != 1:
        return
    name = design.graph(problem.where).by_id[wire.source.node].name
    if len(value[0].shape) == 4 and value[0].shape[1] == size:
        settings = Settings(out_channels=wanted, kernel_size=(1, 1), padding=(0, 0))
        title = f"Conv 1x1 to {wanted} channels after {name}"
        yield title, (between(design, problem.where, wire, "Conv2d", "match", settings),)
    elif value[0].shape[-1] == size:
        title = f"Linear to {wanted} after {name}"
        yield title, (between(design, problem.where, wire, "Linear", "match", Settings(out_features=wanted)),)


def _divisor(size: int, most: int) -> int:
    """The largest divisor of `size` that is at most `most`."""
    pairs = ((d, size // d) for d in range(1, math.isqrt(size) + 1) if size % d == 0)
    return max(d for pair in pairs for d in pair if d <= most)


# (sizes that it has, sizes that are needed) -> block, settings, what it does; sizes count the batch
RANKS: dict[tuple[int, int], tuple[tuple[str, Settings, str], ...]] = {
    (4, 3): (("MapToTokens", Settings(), "Make each pixel a token"), ("Patchify", Settings(), "Cut it into patches")),
    (4, 2): (("Flatten", Settings(), "Flatten it first"), ("GlobalAvgPool", Settings(), "Pool it to a vector first")),
    (5, 2): (("Flatten", Settings(), "Flatten it first"),),
    (3, 4): (("TokensToMap", Settings(), "Lay the tokens out as an image"),
             ("Unsqueeze", Settings(dim=1), "Make it an image of one channel")),
    (3, 2): (("MeanTokens", Settings(), "Average over the tokens first"), ("Flatten", Settings(), "Flatten it first")),
    (2, 3): (("Unsqueeze", Settings(dim=1), "Make it one token"),),
    (4, 5): (("Unsqueeze", Settings(dim=2), "Make it a volume of depth one"),),
}  # fmt: skip
USUAL = (("Flatten", Settings(), "Flatten it first"),)


def change_rank(analyser: Analyser, design: Design, walk: Walk, problem: Problem) -> Iterator[Candidate]:
    """Between images, tokens and vectors: what makes the one of the other."""
    step = walk.steps[problem.id]
    wire = design.graph(problem.where).wire_into(End(problem.node, problem.port))
    refusal = step.measured.refusal if step.measured else None
    value = step.inputs.get(problem.port)
    if wire is None or refusal is None or value is None or not value:
        return
    shape, needs = value[0].shape, refusal.detail.get("needs", 0)
    ideas = RANKS.get((len(shape), needs), USUAL)
    if (len(shape), needs) == (2, 4):
        ideas = (("Reshape", Settings(size=(shape[1], 1, 1)), "Make it an image of one pixel"),)
    for block, settings, title in ideas:
        if block in analyser.cards:
            yield title, (between(design, problem.where, wire, block, block.lower(), settings),)


def more_levels(analyser: Analyser, design: Design, problem: Problem) -> Iterator[Candidate]:
    """Let the source give all its levels, or make several: out of the last one, or by a backbone."""
    graph = design.graph(problem.where)
    wire = graph.wire_into(End(problem.node, problem.port))
    if wire is None:
        return
    source = graph.by_id[wire.source.node]
    if "levels" in source.settings:
        yield f"Let {source.name} give all its levels", (
            changes.set_setting(problem.where, source.id, "levels", None),
        )  # fmt: skip
    for block, name, title in (
        ("SimpleFeaturePyramid", "pyramid", "Make several levels by a simple feature pyramid"),
        ("ResidualBackbone", "backbone", "Make several levels by a ResNet"),
    ):
        if block in analyser.cards:
            yield title, (between(design, problem.where, wire, block, name, Settings()),)
