"""Repairs of what the data says against the drawing (`app.engine.against_data`)."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from app.design import changes, edits
from app.design.values import End, Settings
from app.engine import against_data as against
from app.engine.data import dataset_of
from app.engine.repairs.common import Candidate
from app.engine.surroundings import Around, width_of
from app.messages.data import DataField, Dataset
from app.messages.reports import Problem

BATCH = 32
WIDE = 64
"""Features of an embedding that is put in."""


def candidates(around: Around, problem: Problem) -> Iterator[Candidate]:
    """Ideas for making the drawing fit its data."""
    dataset = dataset_of(around.design.recipe.data)
    if problem.code == "one-sample":
        recipe = replace(around.design.recipe, batch_size=BATCH)
        yield f"Train in batches of {BATCH}", (changes.SetRecipe(recipe),)
    if dataset is None or problem.id not in around.walk.steps:
        return
    match problem.code:
        case "class-count":
            yield from _width(around, problem, dataset)
        case "sample-size":
            yield from _sample(around, problem, dataset)
        case "sample-dtype":
            yield from _tokens(around, problem, dataset)
        case "target-field":
            yield from _field(around, problem, dataset)
        case "target-size":
            field = against.fields_of(dataset)[str(around.setting(around.walk.steps[problem.id], "field"))]
            for size in _sizes(around, field):
                yield _set(problem, size=size, dtype=field.dtype)
            yield from _field(around, problem, dataset, but=field.name)
        case "target-dtype":
            field = against.fields_of(dataset)[str(around.setting(around.walk.steps[problem.id], "field"))]
            yield _set(problem, dtype=field.dtype)
        case "vocabulary":
            yield _set(problem, vocabulary=dataset.vocabulary)
        case "value-range":
            yield from _scale(around, problem)


def _words(value: object) -> str:
    return "x".join(map(str, value)) or "one number" if isinstance(value, tuple) else str(value)


def _set(problem: Problem, **settings: object) -> Candidate:
    """Set settings of the node; the title tells of the first."""
    name, value = next(iter(settings.items()))
    edit = tuple(
        changes.set_setting(problem.where, problem.node, key, each)  # type: ignore[arg-type]
        for key, each in settings.items()
    )
    return f"Set {problem.name}'s {name} to {_words(value)}", edit


def _width(around: Around, problem: Problem, dataset: Dataset) -> Iterator[Candidate]:
    """As many scores as the field has classes, where the scores are made."""
    above = around.walk.steps.get(problem.blame)
    target = around.source(problem.id, "target")
    setting = width_of(above)
    if above is not None and setting and target is not None:
        call, wanted = above.call, against.classes_of(dataset, str(around.setting(target, "field")))
        title = f"Set {call.name}'s {setting} to {wanted}"
        yield title, (changes.set_setting(call.where, call.node, setting, wanted),)


def _sample(around: Around, problem: Problem, dataset: Dataset) -> Iterator[Candidate]:
    dtype = against.dtype_for(dataset)
    for size in against.sizes_for(around, dataset):
        if around.setting(around.walk.steps[problem.id], "dtype") != dtype:
            yield _set(problem, size=size, dtype=dtype)
        else:
            yield _set(problem, size=size)


def _field(around: Around, problem: Problem, dataset: Dataset, but: str = "") -> Iterator[Candidate]:
    """Name another field, in the size that it has."""
    step = around.walk.steps[problem.id]
    for field in against.fields_of(dataset).values():
        if field.name == but:
            continue
        edit = [changes.set_setting(problem.where, problem.node, "field", field.name)]
        size = next(iter(_sizes(around, field)))
        if around.setting(step, "size") != size:
            edit.append(changes.set_setting(problem.where, problem.node, "size", size))
        if around.setting(step, "dtype") != field.dtype:
            edit.append(changes.set_setting(problem.where, problem.node, "dtype", field.dtype))
        yield f"Let {problem.name} give `{field.name}`", tuple(edit)


def _sizes(around: Around, field: DataField) -> Iterator[tuple[int, ...]]:
    """The sizes that a Target of the field may have: maps as large as the scores that they judge, or as the picture."""
    inputs = [s.measured.outputs[0][0].shape[1:] for s in around.walk.steps.values()
              if s.call.block == "Input" and s.measured is not None and s.measured.outputs]  # fmt: skip
    if field.name in against.MAPS:
        judged = [
            value[0].shape[2:] for loss in around.of("Loss")
            if (value := loss.inputs.get("x")) and len(value[0].shape) == 4
        ]  # fmt: skip
        yield from dict.fromkeys([*judged, *(size[1:] for size in inputs if len(size) == 3), (224, 224)])
    elif field.name in ("next", "input"):
        yield from dict.fromkeys([*inputs, ()])
    else:
        yield field.shape


def _tokens(around: Around, problem: Problem, dataset: Dataset) -> Iterator[Candidate]:
    """Whole numbers into the Input, and where a network of quantities follows, an embedding that makes vectors of
    them."""
    dtype = against.dtype_for(dataset)
    yield _set(problem, dtype=dtype)
    if dtype != "int64":
        return
    _, change = _set(problem, dtype=dtype)
    embedding = ("Embedding", Settings(vocabulary=max(dataset.vocabulary, 2), features=WIDE))
    for title, blocks in (
        ("Read the tokens by an Embedding", (embedding,)),
        ("Read the tokens by an Embedding, and average them", (embedding, ("MeanTokens", Settings()))),
    ):
        if behind := _behind(around, problem, blocks):
            yield title, (*change, *behind)


def _scale(around: Around, problem: Problem) -> Iterator[Candidate]:
    """Bring the values down before anything reads the samples."""
    for title, block in (
        ("Scale its values by 1/255", ("Scale", Settings(factor=1 / 255))),
        ("Normalise its values to -1 to 1", ("Normalise", Settings(mean=(127.5,), deviation=(127.5,)))),
    ):
        if behind := _behind(around, problem, (block,)):
            yield title, behind


def _behind(
    around: Around, problem: Problem, blocks: tuple[tuple[str, Settings], ...]
) -> tuple[changes.Change, ...]:
    """New nodes one after another behind an Input, which all that reads it reads in its place."""
    where, design = problem.where, around.design
    graph = design.graph(where)
    wires = graph.out_of.get(problem.node, ())
    if not wires:
        return ()
    node, end = graph.by_id[problem.node], wires[0].source
    edit: list[changes.Change] = []
    for i, (block, settings) in enumerate(blocks, 1):
        made = edits.new_node(design, where, block, name=block.lower(), x=node.x + 130 * i, y=node.y + 60 * (i - 1))
        made = replace(made, settings=settings)
        design = edits.add_node(design, where, made)  # so that the next one gets a name of its own
        edit += [changes.AddNode(where, made), changes.connect(where, end, End(made.id, "x"))]
        end = End(made.id, "out")
    return (*edit, *(changes.connect(where, end, wire.target) for wire in wires))
