"""A network as an ONNX file, with every choice of `OnnxOptions`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import fx

import app
from app.design.values import Design
from app.engine.compile import InputSpec, Network, shared_analyser
from app.engine.to_onnx.errors import ExportError, NotWrittenError
from app.engine.to_onnx.facts import Facts, properties
from app.engine.to_onnx.narrow import narrowed, older, share_of_8_bits
from app.engine.to_onnx.ranges import Rule, rules
from app.engine.to_onnx.sizes import axes, other_size
from app.engine.to_onnx.trace import Traced, quiet, trace
from app.engine.to_onnx.whole import NOTHING, Called, Whole, whole
from app.engine.walk import Walk
from app.messages.onnx import OnnxOptions

ONE_FILE_BYTES = 2 * 10**9 - 2**20
"""A protobuf cannot be larger; heavier weights go into a file beside it."""
OPSETS = (14, 23)
"""The oldest and newest that can be asked for."""
TRACED = 18
"""The oldest that torch's exporter writes; older ones are converted."""
Notify = Callable[[str, int, int], None]
"""Is told what is done next, and of how many steps how many are done."""


class Written(NamedTuple):
    """A file that was written. `module(*inputs)` says in torch what it should compute: the network with what goes
    before and after it; its graph has a node for each of `calls`."""

    file: Path
    beside: tuple[Path, ...]
    inputs: tuple[InputSpec, ...]
    outputs: tuple[str, ...]
    opset: int
    options: OnnxOptions
    axes: Mapping[str, Mapping[int, str]]
    """Of each Input the axes that are open, by name."""
    module: fx.GraphModule
    calls: tuple[Called, ...]
    values: Mapping[str, tuple[str, ...]]
    """Path of a call -> the ONNX values that it gives, in the order of its tensors; an empty name where the optimizer
    has merged one away."""
    remarks: tuple[str, ...] = ()
    rules: Mapping[str, Rule] = {}
    """What sizes the open heights and widths take, by name."""

    @property
    def bytes(self) -> int:
        return sum(file.stat().st_size for file in (self.file, *self.beside))

    @property
    def sizes(self) -> bool:
        """Whether images of other sizes are taken."""
        return self.options.any_size


def write(
    network: Network,
    file: Path,
    options: OnnxOptions = OnnxOptions(),  # noqa: B008 (frozen)
    *,
    design: Design | None = None,
    facts: Facts = Facts(),  # noqa: B008 (frozen)
    calibration: tuple[torch.Tensor, ...] | None = None,
    notify: Notify = lambda step, done, total: None,
) -> Written:
    """Write the inference network as ONNX into `file`, with its weights beside it where they are apart or too heavy.

    `design` is what `network` was compiled from: without it nodes are called by where their weights are, and nothing is
    known of what the outputs are for. `calibration` are samples, one tensor for each Input, for `int8-static`. Raises
    ExportError; nothing that is half written stays.
    """
    _check_wish(options, calibration)
    open_axes = axes(network.inputs, options)
    walk = shared_analyser().walk(design) if design is not None else None
    larger = other_size(design, network.inputs) if options.any_size and design is not None else None
    numbers = facts.numbers if options.preprocess else NOTHING
    made = whole(
        network, walk, numbers=numbers, postprocess=options.postprocess, probabilities=options.probabilities
    )  # fmt: skip
    heavy = sum(v.numel() * v.element_size() for v in made.module.state_dict().values()) > ONE_FILE_BYTES
    outside = options.separate_data or heavy
    notify("Tracing the network", 0, 3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        wish = max(options.opset, TRACED) if options.opset else 0
        traced = trace(made, network.inputs, open_axes, opset=wish, outside=outside)
    if larger is not None and walk is not None:
        _check_open(traced, walk, larger, network)
    held = rules(traced.program.exported_program, network.inputs, open_axes) if options.any_size else {}
    opset = _check_graph(traced, network, open_axes, options)
    model = traced.program.model
    model.producer_name, model.producer_version = "netloom", app.__version__
    model.graph.name = facts.design or "network"
    model.metadata_props.clear()
    said = properties(facts, network.inputs, open_axes, made.meanings, bool(numbers), held)
    model.metadata_props.update(said)
    notify("Writing the file", 1, 3)
    small = 1.0
    with _whole_or_nothing(file):
        values = traced.values
        if options.precision == "fp32" and opset == (options.opset or opset):
            with quiet():
                traced.program.save(str(file), external_data=outside)
        else:
            values, small = _write_converted(traced, file, options, made, calibration, network)
            opset = options.opset or opset
    data = _data(file)
    beside = (data,) if data.exists() else ()
    remarks = [*made.remarks, *_remarks(options, calibration, small), *_of_sizes(held)]
    if options.preprocess and not numbers:
        remarks.append("Nothing is normalised in the file: training took the samples as they are.")
    return Written(
        file, beside, network.inputs, traced.outputs, opset, options, open_axes, made.module, made.calls,
        values, tuple(remarks), held,
    )  # fmt: skip


def _check_wish(options: OnnxOptions, calibration: tuple[torch.Tensor, ...] | None) -> None:
    oldest, newest = OPSETS
    if options.opset and not oldest <= options.opset <= newest:
        raise ExportError(f"The opset is {options.opset}: choose one from {oldest} to {newest}, or the usual one, 0.")
    if options.precision == "int8-static" and not (calibration and len(calibration[0])):
        raise ExportError(
            "int8-static measures its ranges on samples of the training data, but there are none: choose the design's "
            "data, or take int8, which needs none."
        )


def _of_sizes(rules: Mapping[str, Rule]) -> list[str]:
    if all(rule.step == 1 for rule in rules.values()):
        return []
    said = " and ".join(f"a {name} of {rule}" for name, rule in rules.items())
    return [f"It takes {said}: of other sizes it gives an error, or what torch would not give."]


def _remarks(options: OnnxOptions, calibration: tuple[torch.Tensor, ...] | None, small: float) -> list[str]:
    """`small` is the share of the weights that have 8 bits."""
    weights = "Weights have 8 bits" if small > 0.95 else f"Only {small:.0%} of the weights have 8 bits"
    match options.precision:
        case "fp16":
            return ["Inside it has numbers of 16 bits; inputs and outputs stay float32."]
        case "int8":
            return [f"{weights}; the runtime finds the ranges of what flows between layers."]
        case "int8-static":
            count = len(calibration[0]) if calibration else 0
            return [f"{weights}, and what flows between layers by the ranges of {count} training samples."]
    return []


def _write_converted(
    traced: Traced, file: Path, options: OnnxOptions, made: Whole, calibration: tuple[torch.Tensor, ...] | None,
    network: Network,
) -> tuple[dict[str, tuple[str, ...]], float]:  # fmt: skip
    """Write the model in fewer bits, or in an older opset. Returns the values of each call that are still there, and
    the share of weights with 8 bits."""
    import onnx

    samples = {spec.name: value for spec, value in zip(network.inputs, calibration or (), strict=False)}
    proto = traced.program.model_proto
    kept = {p.key: p.value for p in proto.metadata_props}
    model = older(proto, options.opset) if 0 < options.opset < TRACED else proto
    if options.precision != "fp32":
        model = narrowed(model, options.precision, made.exact, samples)
    small = share_of_8_bits(model)
    onnx.helper.set_model_props(model, kept)
    model.producer_name, model.producer_version = "netloom", app.__version__
    outside = options.separate_data or model.ByteSize() > ONE_FILE_BYTES
    onnx.save_model(model, str(file), save_as_external_data=outside, location=_data(file).name)
    there = {name for node in model.graph.node for name in node.output} | {v.name for v in model.graph.input}
    values = {path: tuple(name if name in there else "" for name in names) for path, names in traced.values.items()}
    return values, small


def _data(file: Path) -> Path:
    """Where the weights are that stand beside the model."""
    return file.with_name(file.name + ".data")


@contextlib.contextmanager
def _whole_or_nothing(file: Path) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        for each in (file, _data(file)):
            each.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise NotWrittenError.of(file, error) from None
        raise


def _check_graph(
    traced: Traced, network: Network, open_axes: Mapping[str, Mapping[int, str]], options: OnnxOptions
) -> int:
    """Names, axes and opset of the model in memory. Returns the opset."""
    model = traced.program.model
    got = [value.name for value in model.graph.inputs]
    if got != [spec.name for spec in network.inputs]:
        raise ExportError(f"The exported model calls its inputs {', '.join(map(str, got))}, not as the design does.")
    for value in model.graph.inputs:
        for at, name in open_axes[value.name].items():
            size = value.shape[at]
            if isinstance(size, int):
                what = "batch" if at == 0 else name
                raise ExportError(f"A block fixes the {what} to {size}, so the model would take no other.")
    opset = int(model.opset_imports.get("", 0))
    if options.opset and opset != max(options.opset, TRACED):
        raise ExportError(
            f"The network cannot be written with opset {options.opset}: its operators need {opset}. Choose {opset}."
        )
    return opset


def _check_open(traced: Traced, here: Walk, larger: Walk, network: Network) -> None:
    """Raise ExportError where a call's value keeps a size in the file that hangs on the image's."""
    paths = {step.call.name: id for id, step in here.steps.items()}
    for path, shapes in traced.shapes.items():
        id = paths.get(path)
        if id is None:
            continue
        mine = [tensor for end in here.given.get(id, []) for tensor in here.values[end]]
        other = [tensor for end in larger.given.get(id, []) for tensor in larger.values.get(end, ())]
        for shape, a, b in zip(shapes, mine, other, strict=False):
            for at, (size, small, large) in enumerate(zip(shape, a.shape, b.shape, strict=False)):
                if at and isinstance(size, int) and small != large:
                    images = " and ".join("×".join(map(str, s.shape[1:])) for s in network.inputs if s.is_image)
                    block = here.steps[id].card
                    raise ExportError(
                        f"`{path}` ({block.title if block else ''}) would give {size} in the file whatever the image, "
                        f"for it works that out once, from {images}: leave any size off, or replace that block."
                    )
