"""Which axes of an ONNX file are open, and what on the canvas fixes the size of an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from msgspec.structs import replace
from torch import nn

from app.design.expand import TooLargeError
from app.design.values import Design
from app.engine.compile import InputSpec, shared_analyser
from app.engine.measure import build, run_on_meta
from app.engine.to_onnx.alike import alike
from app.engine.to_onnx.errors import ExportError
from app.engine.walk import Step, Walk, arguments_of, reaching
from app.messages.onnx import OnnxOptions

BATCH, HEIGHT, WIDTH = "batch", "height", "width"
TRIED = (2.0, 1.5)
"""By so much larger images are tried to find out whether a network takes other sizes."""


def axes(inputs: Sequence[InputSpec], options: OnnxOptions) -> dict[str, dict[int, str]]:
    """The open axes of each Input, by name. Raises ExportError where sizes are to be open and there is no image."""
    images = [spec.name for spec in inputs if spec.is_image]
    if options.any_size and not images:
        raise ExportError("No Input takes an image, so no height and width can be left open: leave any size off.")
    named: dict[str, dict[int, str]] = {}
    for spec in inputs:
        own = {0: BATCH} if options.any_batch else {}
        if options.any_size and spec.name in images:
            more = "" if spec.name == images[0] else f"_{spec.name}"
            at = len(spec.shape) - 1
            own |= {at: HEIGHT + more, at + 1: WIDTH + more}
        named[spec.name] = own
    return named


def dims(named: Mapping[str, Mapping[int, str]]) -> tuple[dict[int, torch.export.Dim | str], ...]:
    """What torch's exporter is told of each Input. It may find out for which heights and widths the network holds; the
    batch is any."""
    batch = torch.export.Dim(BATCH, min=1)
    return tuple({at: batch if name == BATCH else name for at, name in own.items()} for own in named.values())


def other_size(design: Design, inputs: Sequence[InputSpec]) -> Walk:
    """The walk with larger images. Raises ExportError with what fixes their size, where no other is taken."""
    analyser = shared_analyser()
    here = analyser.walk(design)
    first = ""
    for factor in TRIED:
        try:
            walk = analyser.walk(resized(design, inputs, factor))
        except TooLargeError as error:
            raise ExportError(f"{error}.") from None
        said = _fixed_by(here, walk, inputs)
        if not said:
            return walk
        first = first or said
    raise ExportError(first)


def resized(design: Design, inputs: Sequence[InputSpec], factor: float) -> Design:
    """The design with images that are larger by `factor`."""
    sizes = {s.name: (s.shape[0], *(round(n * factor) for n in s.shape[1:])) for s in inputs if s.is_image}
    nodes = []
    for node in design.nodes:
        if node.block == "Input" and node.name in sizes:
            settings = node.settings.without("resolution").with_("size", sizes[node.name])
            node = replace(node, settings=settings)
        nodes.append(node)
    return replace(design, nodes=tuple(nodes))


def _fixed_by(here: Walk, there: Walk, inputs: Sequence[InputSpec]) -> str:
    """What is made for the one size, or refuses the other; empty where nothing does."""
    small = " and ".join(f"{s.shape[1]}×{s.shape[2]}" for s in inputs if s.is_image)
    outputs = {id for id, step in here.steps.items() if step.call.block == "Output"}
    needed = reaching(here, outputs)  # a loss may hold a mask of one size against it: it is not in the file
    for id, step in here.steps.items():
        other = there.steps.get(id)
        if id not in needed or step.call.block in ("Input", "Target"):
            continue
        if step.measured is None or step.measured.refusal is not None or other is None or other.measured is None:
            continue
        title = step.card.title if step.card is not None else step.call.block
        who = f"`{step.call.name}` ({title})"
        if other.measured.refusal is not None:
            why = str(other.measured.refusal).rstrip(".")
            return (
                f"{who} fixes the image to {small}: of larger ones it says that {why}. Leave any size off, or replace "
                "that block."
            )
        mine, its = arguments_of(step), arguments_of(other)
        changed = [name for name in mine if mine[name] != its.get(name)]
        if not changed:
            continue
        cls = shared_analyser().measurer.classes[step.call.block]
        built = build(cls, mine, "meta")
        if not alike(built, build(cls, its, "meta")) and not _takes(built, other):
            name = changed[0]
            return (
                f"{who} fixes the image to {small}: it is made for {name} = {_short(mine[name])}, and of larger images "
                f"{_short(its.get(name))} would arrive. Leave any size off, or pool before it to one size."
            )
    return ""


def _takes(built: nn.Module, step: Step) -> bool:
    """Whether a block gives for other sizes what one gives that is made for them: some resize their positions."""
    if step.card is None or step.measured is None:
        return False
    inputs = {port: step.inputs.get(port) for port in step.used}
    try:
        given = run_on_meta(built, step.card, inputs)
    except Exception:  # what a block raises at a size that it does not take is its own
        return False
    wanted = [[tensor.shape for tensor in levels] for levels in step.measured.outputs]
    return [[tuple(tensor.shape) for tensor in levels] for levels in given] == wanted


def _short(value: object) -> str:
    return str(value) if len(str(value)) < 40 else f"{str(value)[:40]}..."
