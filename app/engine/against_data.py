"""The drawing held against the data and the recipe that it is to be trained with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from app.engine.data import dataset_of
from app.engine.surroundings import Around, problem, width_of
from app.messages.data import INPUT_FIELD, DataField, Dataset
from app.messages.reports import Problem

if TYPE_CHECKING:
    from app.engine.walk import Step

NORMS = ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d")
SCALING = ("Normalise", "Scale", *NORMS, "LayerNorm", "InstanceNorm2d")
"""Blocks behind an Input that bring large numbers down."""
WHOLE = ("images", "idx", "cifar", "shapes", "spirals", "sequences", "characters", "words")
"""Kinds whose labels are classes alone: they have no labels that are quantities."""
MAPS = ("mask", "instances")
OVERLAPS = ("DiceLoss", "TverskyLoss", "JaccardLoss")
"""Losses of masks: with one class their score is for yes."""
CHOOSING = ("CrossEntropy", "FocalLoss", "HingeLoss", *OVERLAPS)
"""Losses that take a score for each class."""
SIZE = (3, 224, 224)
"""What pictures of any size are usually fitted to."""
LENGTH = 64


def of_data(around: Around) -> Iterator[Problem]:
    """What the data chosen in the recipe says against the drawing, where the drawing has a loss."""
    losses = around.of("Loss")
    if not losses:
        return
    yield from _one_value(around, losses)
    dataset = dataset_of(around.design.recipe.data)
    if dataset is None:
        return
    yield from _classes(around, losses, dataset)
    yield from _samples(around, dataset)
    yield from _targets(around, dataset)
    yield from _vocabulary(around, dataset)
    yield from _range(around, dataset)


def fields_of(dataset: Dataset) -> dict[str, DataField]:
    """What a Target may name, by name."""
    return {field.name: field for field in (*dataset.fields, INPUT_FIELD)}


def classes_of(dataset: Dataset, field: str) -> int:
    """How many classes a field has; 0 where that is not known."""
    if field == "next" and dataset.vocabulary:
        return dataset.vocabulary
    known = fields_of(dataset).get(field)
    return known.classes if known is not None else 0


def _classes(around: Around, losses: list[Step], dataset: Dataset) -> Iterator[Problem]:
    """A loss that chooses among classes: as many scores as the field has classes."""
    for loss in losses:
        value, target = loss.inputs.get("x"), around.source(loss.call.id, "target")
        if loss.call.block not in CHOOSING or not value or target is None or len(value[0].shape) < 2:
            continue
        if target.call.block != "Target":
            continue
        scores = value[0].shape[1]
        field = around.setting(target, "field")
        classes = classes_of(dataset, field)
        partly = field == "next" and not fields_of(dataset)[field].classes  # only the beginning of the text is known
        yes_or_no = loss.call.block in OVERLAPS and (scores, classes) == (1, 2)
        if not classes or scores == classes or yes_or_no or (partly and scores > classes):
            continue
        blame = scores_from(around, loss)
        name = around.walk.steps[blame].call.name
        why = "the others would have none" if scores < classes else "the others would never be right"
        what = "tokens" if field == "next" else "classes"
        gives = f"{name} gives {scores} score{'s' * (scores != 1)}"
        said = f"{gives}, but {dataset.title} has {classes} {what}, and {why}; make it {classes}"
        yield problem(loss, "warning", "class-count", said, "x", blame)
        return


def scores_from(around: Around, loss: Step) -> str:
    """The call that makes as many scores as a loss gets: going up, the first that has a setting for them. A Permute on
    the way only turns them round."""
    walk = around.walk
    end, axis = walk.expanded.sources[loss.call.id]["x"], 1
    while True:
        step, sources = walk.steps[end.node], walk.expanded.sources[end.node]
        shape = walk.values[end][0].shape
        order = around.setting(step, "order") if step.call.block == "Permute" else None
        if isinstance(order, tuple) and len(order) == len(shape) - 1 and isinstance(order[axis - 1], int):
            axis = order[axis - 1]
        elif width_of(step):
            return end.node
        above = [
            e for e in sources.values()
            if e in walk.values and len(walk.values[e]) == 1 and len(walk.values[e][0].shape) == len(shape)
            and (order is not None or walk.values[e][0].shape[axis] == shape[axis])
        ]  # fmt: skip
        if not above:
            return end.node
        end = above[0]


def sizes_for(around: Around, dataset: Dataset) -> tuple[tuple[int, ...], ...]:
    """The sizes that an Input for this data may be set to, the usual one first; nothing where any may fit."""
    sample = dataset.sample
    match dataset.form:
        case "pictures" if sample:
            return sample, (sample[0] * sample[1] * sample[2],)
        case "pictures":
            return (SIZE,)
        case "tokens":
            return ((LENGTH,),)
    if dataset.kind == "sequences":
        return (LENGTH,), (LENGTH, 1), (1, LENGTH)
    if dataset.kind == "table" and sample:
        _, *others = (field.name for field in dataset.fields[1:])
        named = {around.setting(step, "field") for step in _of_block(around, "Target")} & set(others)
        return ((sample[0] - len(named),),)
    return (sample,) if sample else ()


def dtype_for(dataset: Dataset) -> str:
    return "int64" if dataset.form == "tokens" else "float32"


def _of_block(around: Around, block: str) -> list[Step]:
    return [step for step in around.walk.steps.values() if step.call.block == block]


def _fits(size: tuple[int, ...], wanted: tuple[tuple[int, ...], ...], dataset: Dataset) -> bool:
    match dataset.form:
        case "pictures":
            return (len(size) == 3 and size[0] in (1, 3)) or len(size) == 2 or size in wanted
        case "tokens":
            return len(size) == 1
    if dataset.kind == "sequences":
        return len(size) == 1 or (len(size) == 2 and 1 in size)
    return size in wanted


def _samples(around: Around, dataset: Dataset) -> Iterator[Problem]:
    """Each Input takes what the data's samples are: pictures of any size, rows of so many numbers, tokens."""
    inputs = [s for s in _of_block(around, "Input") if s.measured is not None and s.measured.outputs]
    wanted = sizes_for(around, dataset)
    if not wanted or (dataset.kind == "arrays" and len(inputs) > 1):
        return  # each Input takes an array of its own
    dtype = dtype_for(dataset)
    for step in inputs:
        assert step.measured is not None
        tensor = step.measured.outputs[0][0]
        size = tensor.shape[1:]
        fits = _fits(size, wanted, dataset)
        if fits and tensor.dtype == dtype:
            continue
        got = "×".join(map(str, size)) or "one number"
        sizes = "×".join(map(str, wanted[0]))
        gives = {
            "pictures": f"pictures of {sizes}" if dataset.sample else "pictures",
            "tokens": "tokens (int64)",
        }.get(dataset.form, f"{sizes} numbers" if dataset.sample else "rows of numbers")
        if fits:
            said = f"it takes {tensor.dtype}, but {dataset.title} gives {gives}; set its dtype to {dtype}"
            yield problem(step, "warning", "sample-dtype", said)
        else:
            said = f"it takes {got} ({tensor.dtype}), but {dataset.title} gives {gives}; set its size to that"
            yield problem(step, "warning", "sample-size", said)


def _targets(around: Around, dataset: Dataset) -> Iterator[Problem]:
    """Each Target names a field that the data has, in a size and dtype that it can be given in."""
    known = fields_of(dataset)
    complete = not dataset.more_fields or len(dataset.fields) > 1 or bool(dataset.sample)
    for step in _of_block(around, "Target"):
        name = around.setting(step, "field")
        field = known.get(name)
        if field is None and complete:
            has = ", ".join(f"`{each}`" for each in [*known][:6])
            said = f"it names the field `{name}`, but {dataset.title} has only {has}; name one of these"
            yield problem(step, "warning", "target-field", said)
        if field is None or step.measured is None or not step.measured.outputs:
            continue
        tensor = step.measured.outputs[0][0]
        size, dtype = tensor.shape[1:], tensor.dtype
        right, wanted = size_of(around, field, size, dtype)
        if not right:
            got = "×".join(map(str, size)) or "one number"
            said = f"it takes {got} ({dtype}), but `{name}` of {dataset.title} is {wanted}; set its size to that"
            yield problem(step, "warning", "target-size", said)
        elif wrong_dtype(dataset, field, dtype):
            kind = "quantities" if field.dtype == "float32" else "whole numbers, one a class"
            said = f"it takes {dtype}, but `{name}` of {dataset.title} holds {kind}; set its dtype to {field.dtype}"
            yield problem(step, "warning", "target-dtype", said)


def size_of(around: Around, field: DataField, size: tuple[int, ...], dtype: str) -> tuple[bool, str]:
    """Whether a Target of this size can be given a field, and what size it has, in words."""
    if field.name in MAPS:
        right = len(size) == 2 or (len(size) == 3 and dtype == "float32")
        return right, "a map (height×width), or in float32 one for each class"
    if field.name == "boxes":
        return len(size) == 2 and size[1] == 5, "rows of 5 numbers"
    if field.name == "next":
        lengths = {s.measured.outputs[0][0].shape[1:] for s in _of_block(around, "Input") if s.measured}
        return size in lengths or size in ((), (1,)), "as long as the sample, or one number"
    if field is INPUT_FIELD:
        return True, ""
    if not field.shape:
        return size in ((), (1,)), "one number a sample"
    return size == field.shape, "×".join(map(str, field.shape))


def wrong_dtype(dataset: Dataset, field: DataField, dtype: str) -> bool:
    """Whether a Target cannot be given a field in this dtype."""
    if field is INPUT_FIELD or field.name in MAPS:
        return False
    if field.dtype == "float32":
        return dtype == "int64"
    return dtype != "int64" and (dataset.kind in WHOLE or field.name == "next")


def _vocabulary(around: Around, dataset: Dataset) -> Iterator[Problem]:
    """An embedding that reads tokens has a vector for each of them."""
    if not dataset.vocabulary or dataset.form != "tokens":
        return
    for step in around.walk.steps.values():
        size = around.setting(step, "vocabulary") if step.card is not None and step.card.setting("vocabulary") else None
        source = around.before(around.source(step.call.id)) if size is not None else None
        if not isinstance(size, int) or source is None or source.call.block != "Input" or size >= dataset.vocabulary:
            continue
        said = (
            f"its vocabulary is {size}, but {dataset.title} has {dataset.vocabulary:,} tokens, and those beyond would "
            f"have no vector; make it {dataset.vocabulary}"
        )
        yield problem(step, "warning", "vocabulary", said, "x", source.call.id)


def _range(around: Around, dataset: Dataset) -> Iterator[Problem]:
    """Pictures whose numbers go up to 255, straight into a network: it expects numbers around 0 to 1."""
    if dataset.high <= 2:
        return
    for step in _of_block(around, "Input"):
        if step.measured is None or not step.measured.outputs:
            continue
        if step.measured.outputs[0][0].shape[1:] != dataset.sample:
            continue  # it is said already that they do not fit
        readers = around.fed(step)
        if readers and not any(reader.call.block in SCALING for reader in readers):
            said = (
                f"its samples have values up to {dataset.high:g}, but a network learns from values around 0 to 1; "
                "scale them first"
            )
            yield problem(step, "warning", "value-range", said)


def _one_value(around: Around, losses: list[Step]) -> Iterator[Problem]:
    """A batch norm that would have one value a channel to work with, in batches of one sample."""
    if around.design.recipe.batch_size != 1:
        return
    for step in around.above(*(loss.call.id for loss in losses)):
        value = step.inputs.get("x")
        if step.call.block in NORMS and value and all(n == 1 for n in value[0].shape[2:]):
            said = "in batches of 1 it has one value a channel, and the spread of one value is zero; train with more"
            end = around.walk.expanded.sources[step.call.id]["x"]
            yield problem(step, "warning", "one-sample", said, "x", end.node)
            return
