"""Mistakes that shapes do not show: a drawing that runs, but learns badly or not at all.

Each is told once for the whole drawing, as a warning where it hurts and as a hint where it only wastes.
"""

from __future__ import annotations

from collections.abc import Iterator

from app.design.values import Design, End
from app.engine.against_data import of_data
from app.engine.surroundings import Around, problem
from app.engine.walk import Step, Walk, reaching
from app.messages.reports import Problem

SOFTENING = ("Softmax", "Sigmoid")
CUTTING = ("ReLU", "ReLU6", "Hardtanh", "Hardsigmoid", "Tanh", "ScaledTanh", "Softplus", "Softsign")
BENDLESS = ("Linear", "Conv1d", "Conv2d", "Conv3d")
"""Linear maps: two in a row are one."""
COMPARING = ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "InstanceNorm1d", "InstanceNorm2d")
"""Norms that take away whatever was added to a channel."""
SEEING_SETS = ("TransformerEncoderLayer", "ViTBlock", "MultiHeadSelfAttention")
WITHOUT_PLACE = ("Input", "Target", "Embedding", "Linear", "LayerNorm", "RMSNorm", "Dropout", "ClassToken",
                 "PaddingMask", "FeedForward", "MapToTokens", "Patchify", *SEEING_SETS)  # fmt: skip
"""Blocks that treat all tokens alike."""
COMBINING = {"Add": "the sum is twice it", "Concat": "the second half repeats the first",
             "WeightedFusion": "the weights cannot tell them apart", "Subtract": "the difference is zero"}  # fmt: skip


def find(design: Design, walk: Walk) -> Iterator[Problem]:
    """All habits that hurt. Only calls that were run are judged."""
    around = Around(design, walk)
    for judge in (_scores, _last, _spare_bias, _no_bend, _twice, _sets, _stopped, _all_frozen, of_data):
        yield from judge(around)


def _scores(around: Around) -> Iterator[Problem]:
    """Cross-entropy takes raw scores."""
    for loss in around.of("Loss"):
        found = around.before(around.source(loss.call.id))
        if loss.call.block != "CrossEntropy" or found is None:
            continue
        name = found.call.name
        if found.call.block in SOFTENING:
            said = (
                f"`x` went through {found.card.title} ({name}), but {loss.card.title} takes raw scores and does that "  # type: ignore[union-attr]
                f"itself: done twice, it learns slowly; wire it to what {name} gets"
            )
            yield problem(loss, "warning", "softmax-loss", said, "x", found.call.id)
        elif found.call.block in CUTTING:
            said = (
                f"`x` went through {found.card.title} ({name}), which bounds the scores, but a class needs to score "  # type: ignore[union-attr]
                f"as low or high as it may; wire it to what {name} gets"
            )
            yield problem(loss, "warning", "bounded-scores", said, "x", found.call.id)


def _last(around: Around) -> Iterator[Problem]:
    """A batch norm or a dropout behind the last Linear."""
    for step in around.walk.steps.values():
        if step.call.block not in ("BatchNorm1d", "Dropout", "AlphaDropout"):
            continue
        above, below = around.source(step.call.id), around.fed(step)
        judged = [s for s in below if s.call.block == "Output" or (s.card and s.card.category in ("Loss", "Metric"))]
        if above is None or above.call.block != "Linear" or not judged or len(judged) != len(below):
            continue
        name = above.call.name
        if step.call.block == "BatchNorm1d":
            said = f"it rescales the scores of {name}, the last layer, by each batch; a norm belongs before the layer"
            yield problem(step, "warning", "norm-last", said, "", above.call.id)
        else:
            said = f"it drops scores of {name}, the last layer, while training; dropout belongs before the layer"
            yield problem(step, "warning", "dropout-last", said, "", above.call.id)


def _spare_bias(around: Around) -> Iterator[Problem]:
    """A bias that the norm behind it takes away again; all of them are one hint."""
    spare = spare_biases(around)
    if spare:
        (step, norm), rest = spare[0], len({(s.call.where, s.call.node) for s, _ in spare}) - 1
        more = f" (so do {rest} more)" if rest else ""
        said = f"its bias does nothing: {norm.call.name} takes it away again{more}; leave it out"
        yield problem(step, "hint", "spare-bias", said, "", norm.call.id)


def spare_biases(around: Around) -> list[tuple[Step, Step]]:
    """The layers whose bias does nothing, each with the norm that takes it away."""
    spare = []
    for step in around.walk.steps.values():
        if step.card is None or step.card.category != "Layer" or step.call.frozen:
            continue
        if around.setting(step, "bias") is not True:
            continue
        below = around.fed(step)
        if below and all(s.call.block in COMPARING for s in below):
            spare.append((step, below[0]))
    return spare


def _no_bend(around: Around) -> Iterator[Problem]:
    """Two linear maps in a row; all such pairs are one hint."""
    pairs = straight_pairs(around)
    if pairs:
        (first, second), rest = pairs[0], len(pairs) - 1
        more = f" (so do {rest} more)" if rest else ""
        said = f"it follows {first.call.name} with no activation in between{more}, and two linear maps in a row are one"
        yield problem(second, "hint", "no-activation", f"{said}; put an activation between", "x", first.call.id)


def straight_pairs(around: Around) -> list[tuple[Step, Step]]:
    """The linear maps that follow one another, unless the first narrows on purpose (a factorisation)."""
    found: dict[tuple[str, str], tuple[Step, Step]] = {}
    for step in around.walk.steps.values():
        if step.call.block not in BENDLESS:
            continue
        above = around.before(around.source(step.call.id))
        if above is None or above.call.block != step.call.block:
            continue
        if len(around.fed(above)) != 1 or step.measured is None or above.measured is None:
            continue
        if step.call.block != "Linear" and not (_looks_around(around, step) and _looks_around(around, above)):
            continue
        axis = -1 if step.call.block == "Linear" else 1
        first, middle, last = above.inputs.get("x"), step.inputs.get("x"), step.measured.outputs
        if not first or not middle or not last:
            continue
        if middle[0].shape[axis] >= min(first[0].shape[axis], last[0][0].shape[axis]):
            found.setdefault((step.call.where, step.call.node), (above, step))
    return list(found.values())


def _looks_around(around: Around, step: Step) -> bool:
    """Whether a convolution sees its neighbours and mixes all channels; one that does not is half of a larger one."""
    kernel = around.setting(step, "kernel_size")
    sizes = kernel if isinstance(kernel, tuple) else (kernel,)
    return all(isinstance(k, int) and k > 1 for k in sizes) and around.setting(step, "groups") == 1


def _twice(around: Around) -> Iterator[Problem]:
    """One tensor at two ports of a block that combines."""
    for step in around.walk.steps.values():
        if step.call.block not in COMBINING:
            continue
        sources = around.walk.expanded.sources[step.call.id]
        seen: dict[End, str] = {}
        for port, end in sources.items():
            if end in seen:
                name = around.walk.steps[end.node].call.name
                why = COMBINING[step.call.block]
                said = f"`{seen[end]}` and `{port}` are both {name}: {why}; wire another to `{port}`"
                yield problem(step, "hint", "same-twice", said, port, end.node)
                break
            seen[end] = port


def _sets(around: Around) -> Iterator[Problem]:
    """Self-attention over tokens that nothing has told their places; the first of each stack."""
    unplaced: set[str] = set()
    """The calls that give tokens which nothing has told their places, and no attention has mixed."""
    for id, step in around.walk.steps.items():
        above = [end.node for end in around.walk.expanded.sources[id].values()]
        if not unplaced.issuperset(above) or step.call.block not in WITHOUT_PLACE:
            continue
        if step.call.block not in SEEING_SETS:
            unplaced.add(id)
            continue
        known = step.measured is not None and step.measured.refusal is None
        placed = around.setting(step, "positions") not in (None, "none") or around.setting(step, "causal")
        if known and above and not placed:
            said = "it sees its tokens as a set: nothing before it says where each one stands; add positions"
            yield problem(step, "hint", "no-positions", said, "x")


def _stopped(around: Around) -> Iterator[Problem]:
    """Weights that a StopGradient keeps from learning, unless another path or another call teaches them."""
    losses = {s.call.id for s in around.of("Loss")}
    stops = [s for s in around.above(*losses) if s.call.block == "StopGradient"]
    if not stops:
        return
    learning = reaching(around.walk, losses, through=lambda s: s.call.block != "StopGradient")
    modules = {around.walk.steps[id].call.module for id in learning}
    for step in stops:
        idle = [s for s in around.above(step.call.id) if s.call.module not in modules and trains(s)]
        if idle:
            more = f" and {len(idle) - 1} more" if len(idle) > 1 else ""
            said = (
                f"no gradient passes it, so {idle[0].call.name}{more} will never learn; freeze what stands before "
                "it to say that this is meant, or take it away"
            )
            yield problem(step, "warning", "no-gradient", said, "", idle[0].call.id)


def trains(step: Step) -> bool:
    """Whether training would change weights of this call."""
    return step.measured is not None and step.measured.trainable > 0 and not step.call.frozen


def _all_frozen(around: Around) -> Iterator[Problem]:
    """A loss, and every weight before it frozen."""
    for loss in around.of("Loss"):
        above = around.above(loss.call.id)
        frozen = [s for s in above if s.call.frozen and s.measured is not None and s.measured.trainable]
        if frozen and not any(map(trains, above)):
            name = frozen[-1].call.name
            said = f"every weight before it is frozen, so there is nothing to learn; let {name} learn again"
            yield problem(loss, "warning", "all-frozen", said, "", frozen[-1].call.id)
            return
