"""From the graph of calls to an ONNX model whose nodes and values are called as on the canvas."""

from __future__ import annotations

import contextlib
import gc
import logging
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import fx
from torch._dynamo import config as dynamo
from torch.fx.experimental import _config as symbols
from torch.utils import _pytree as pytree

from app.engine.compile import InputSpec
from app.engine.to_onnx.errors import ExportError, reason
from app.engine.to_onnx.optimizer import optimize
from app.engine.to_onnx.sizes import BATCH, dims
from app.engine.to_onnx.whole import Called, Whole
from blocks.operators import TRANSLATIONS

NODE, BLOCK, ALSO = "netloom.node", "netloom.block", "netloom.also"
"""What an ONNX node's properties say: the place on the canvas that it comes from, the block there, and the places whose
work was merged into it (a batch norm folded into the convolution before it)."""


class Traced(NamedTuple):
    """A model in torch's hands. `values` are, for each call by its path, the ONNX values that it gives: an empty name
    where the optimizer has merged it away. `shapes` are their sizes, an open one by name."""

    program: Any
    outputs: tuple[str, ...]
    values: dict[str, tuple[str, ...]]
    shapes: dict[str, tuple[tuple[int | str, ...], ...]]


def trace(
    made: Whole, inputs: Sequence[InputSpec], open_axes: Mapping[str, Mapping[int, str]], *, opset: int, outside: bool
) -> Traced:  # fmt: skip
    """Have torch write the model. Raises ExportError."""
    batch = 2 if any(0 in own for own in open_axes.values()) else 1
    examples = tuple(example(spec, batch) for spec in inputs)
    module = _with_calls(made)
    begun: list[Called] = []
    try:
        with (
            quiet(), _rarely_collected(), _of_any_size(open_axes),
            _watched(module, made.calls, inputs, open_axes, begun) as fixed,
        ):  # fmt: skip
            program = torch.onnx.export(
                module, examples, dynamo=True, input_names=[spec.name for spec in inputs],
                dynamic_shapes=dims(open_axes), optimize=False, verbose=False, external_data=outside,
                opset_version=opset or None, custom_translation_table=TRANSLATIONS,
            )  # fmt: skip
            if program is None or program.exported_program is None:
                raise ExportError("torch gave no ONNX program.")
            if fixed:
                raise ExportError(fixed[0])
            results, called = _unflattened(program)
            names = _names(made.outputs, results)
            graph = program.model.graph
            ends = list(graph.outputs)
            given = [[ends[i] for i in places] for places in called]
            shapes = {c.path: tuple(map(_shape, values)) for c, values in zip(made.calls, given, strict=True)}
            graph.outputs[len(names) :] = []  # `del` would leave them marked as outputs, which the optimizer spares
            _claim(made.calls, given)
            before = [[str(value.name) for value in each] for each in given]
            optimize(program)
            values = _rename(program.model.graph, made.calls, before, names)
    except ExportError:
        raise
    except Exception as error:  # the exporter wraps whatever a block raises in errors of its own
        if _sizes_are_open(open_axes):
            what = f"trace `{begun[-1].path}` ({begun[-1].block})" if begun else "work out what sizes the network takes"
            raise ExportError(
                f"torch's exporter cannot {what} when height and width are open ({reason(error)}): leave any size off."
            ) from error
        raise ExportError(f"The network cannot be exported to ONNX: {reason(error)}") from error
    return Traced(program, names, values, shapes)


def example(spec: InputSpec, batch: int) -> torch.Tensor:
    """Random values of an Input."""
    if spec.dtype.startswith("int"):
        return torch.randint(0, 2, (batch, *spec.shape))
    return torch.randn(batch, *spec.shape)


def output_names(outputs: Sequence[str], given: Any) -> tuple[str, ...]:
    """The outputs' names: a pyramid's levels are name/0, name/1, ..., detections name/boxes, name/scores, ..."""
    return _names(outputs, given if len(outputs) > 1 else (given,))


def _names(outputs: Sequence[str], results: Sequence[Any]) -> tuple[str, ...]:
    names: list[str] = []
    for name, result in zip(outputs, results, strict=True):
        parts = getattr(result, "_fields", range(len(result))) if isinstance(result, list | tuple) else ()
        names += [f"{name}/{part}" for part in parts] or [name]
    return tuple(names)


def _with_calls(made: Whole) -> fx.GraphModule:
    """The whole, which gives its outputs and then what every call gives: so it is known which value is whose."""
    graph = fx.Graph()
    env: dict[fx.Node, fx.Node] = {}
    graph.graph_copy(made.module.graph, env)
    end = next(node for node in made.module.graph.nodes if node.op == "output")
    results = fx.map_arg(end.args[0], lambda n: env[n])
    outputs = results if isinstance(results, tuple) else (results,)
    graph.output((outputs, [env[call.node] for call in made.calls]))
    return fx.GraphModule(made.module, graph, class_name="Network").eval()


@contextlib.contextmanager
def _watched(
    module: fx.GraphModule, calls: Sequence[Called], inputs: Sequence[InputSpec],
    open_axes: Mapping[str, Mapping[int, str]], begun: list[Called],
) -> Iterator[list[str]]:  # fmt: skip
    """While torch traces, look after each call whether an open axis has become a number: torch goes on then, and the
    file would be wrong for any other size. Gives a list that holds a sentence once that has happened. `begun` holds the
    call in which torch is, and so those in which it failed."""
    sizes = _sizes_are_open(open_axes)
    found: list[str] = []
    given: dict[str, torch.Tensor] = {}
    alone = [call for call in calls if sum(other.module == call.module for other in calls) == 1]
    places = [node for node in calls[0].node.graph.nodes if node.op == "placeholder"] if calls else []
    named = {node: spec.name for node, spec in zip(places, inputs, strict=True)} if places else {}

    def begin(call: Called, args: tuple[Any, ...]) -> None:
        if torch.compiler.is_dynamo_compiling():  # torch's second way, in which no hook may look
            if sizes:
                raise RuntimeError("It takes minutes and leads no further where sizes are what the first failed at.")
            return
        begun.append(call)
        for node, value in zip(call.node.args, args, strict=False):
            if isinstance(node, fx.Node) and node in named:
                given[named[node]] = value
                for at, name in open_axes[named[node]].items():
                    if not found and _is_number(value.shape[at]):  # concluded from what all blocks ask together
                        found.append(
                            f"The network takes the {name} {int(value.shape[at])} alone: so torch concludes from what "
                            f"its blocks ask of sizes together. Leave {_way_out(name)}."
                        )

    def look(call: Called) -> None:
        if torch.compiler.is_dynamo_compiling():
            return
        begun.remove(call)
        for input, value in given.items():
            for at, name in open_axes[input].items():
                if not found and _is_number(value.shape[at]):
                    found.append(
                        f"`{call.path}` ({call.block}) takes the {name} as a number, {int(value.shape[at])}, when the "
                        f"network is traced, so the file would take no other: leave {_way_out(name)}, or replace that "
                        "block."
                    )

    hooks = []
    for call in alone:
        block = module.get_submodule(call.module)
        hooks.append(block.register_forward_pre_hook(lambda _, args, call=call: begin(call, args)))
        hooks.append(block.register_forward_hook(lambda *_, call=call: look(call)))
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


@contextlib.contextmanager
def _of_any_size(open_axes: Mapping[str, Mapping[int, str]]) -> Iterator[None]:
    """Where more than the batch is open, a size that comes to 1 here is one that may be more; torch does not keep the
    shapes of what it has traced, which for open sizes takes longer than to work them out again; and it does not ask in
    what order a convolution would lay out its result, which ONNX does not know of and which hangs on the size."""
    if not _sizes_are_open(open_axes):
        yield
        return
    asks = torch._C._conv_determine_backend_memory_format  # type: ignore[attr-defined]
    with (
        symbols.patch(backed_size_oblivious=True),  # type: ignore[attr-defined]
        dynamo.patch(fake_tensor_cache_enabled=False),  # type: ignore[attr-defined]
    ):
        try:
            torch._C._conv_determine_backend_memory_format = lambda *_: None  # type: ignore[assignment]
            yield
        finally:
            torch._C._conv_determine_backend_memory_format = asks  # type: ignore[attr-defined]


@contextlib.contextmanager
def _rarely_collected() -> Iterator[None]:
    """Python looks for circles that nobody holds after 100,000 new objects, not 700: a trace makes millions that all
    live, and looking took a twentieth of its time."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _sizes_are_open(open_axes: Mapping[str, Mapping[int, str]]) -> bool:
    """Whether more than the batch is open."""
    return any(at for own in open_axes.values() for at in own)


def _way_out(axis: str) -> str:
    return "the batch fixed" if axis == BATCH else "any size off"


def _is_number(size: Any) -> bool:
    return isinstance(size, int) or bool(getattr(getattr(size.node, "expr", None), "is_number", False))


def _unflattened(program: Any) -> tuple[Sequence[Any], list[list[int]]]:
    """The outputs as the module nests them, with each tensor's place in its stead; and the places of each call."""
    spec = program.exported_program.call_spec.out_spec
    results, called = pytree.tree_unflatten(list(range(spec.num_leaves)), spec)
    return results, [_leaves(value) for value in called]


def _leaves(value: Any) -> list[int]:
    return [value] if isinstance(value, int) else [leaf for part in value for leaf in _leaves(part)]


def _shape(value: Any) -> tuple[int | str, ...]:
    return tuple(n if isinstance(n, int) else str(n.value) for n in value.shape) if value.shape is not None else ()


# whose node is whose --------------------------------------------------------------------------------------------------


def _claim(calls: Sequence[Called], given: Sequence[Sequence[Any]]) -> None:
    """Write into every node's properties where on the canvas it comes from.

    Calls stand in the order in which they run: what feeds the values of one, and fed no earlier one, is its own.
    """
    taken: set[int] = set()
    for call, values in zip(calls, given, strict=True):
        todo = [value.producer() for value in values]
        while todo:
            node = todo.pop()
            if node is None or id(node) in taken:
                continue
            taken.add(id(node))
            node.metadata_props.clear()
            node.metadata_props.update({NODE: call.path, BLOCK: call.block})
            todo += [value.producer() for value in node.inputs if value is not None]


def _rename(
    graph: Any, calls: Sequence[Called], given: Sequence[Sequence[str]], outputs: Sequence[str]
) -> dict[str, tuple[str, ...]]:  # fmt: skip
    """Name nodes and values after the canvas. `given` are the values of each call, as they were called before the
    optimizer; returned is how they are called now."""
    _say_whose(graph, calls)
    for value in _values(graph):
        value.metadata_props.clear()
    graph.metadata_props.clear()
    known = {value.name: value for value in _values(graph)}
    kept = [[known.get(name) for name in names] for names in given]
    named = _name_outputs(graph, outputs) | {id(value) for value in graph.inputs}
    taken = {value.name for value in _values(graph)}
    for call, values in zip(calls, kept, strict=True):
        for at, value in enumerate(values):
            if value is None or id(value) in named or value.producer() is None:
                continue
            named.add(id(value))  # two calls may give the same value: the first names it
            value.name = _numbered(f"{call.path}/{at}" if len(values) > 1 else call.path, taken)
            taken.add(value.name)
    return {
        call.path: tuple("" if value is None else value.name for value in values)
        for call, values in zip(calls, kept, strict=True)
    }


def _say_whose(graph: Any, calls: Sequence[Called]) -> None:
    """Each node's name and properties, after the optimizer."""
    homes = {call.module: call for call in calls}
    shared = {call.module for call in calls if sum(other.module == call.module for other in calls) > 1}
    nodes = list(graph)
    for node in nodes:  # what the optimizer has made anew belongs to whom it feeds, else to whom it is fed by
        if NODE not in node.metadata_props:
            near = [use.node for value in node.outputs for use in value.uses()]
            near += [n for value in node.inputs if value is not None and (n := value.producer()) is not None]
            known = next((n.metadata_props for n in near if NODE in n.metadata_props), None)
            if known is not None:
                node.metadata_props.update({key: known[key] for key in (NODE, BLOCK)})
    used: set[str] = set()
    for node in nodes:
        where = {key: node.metadata_props[key] for key in (NODE, BLOCK) if key in node.metadata_props}
        weights = [value.name for value in node.inputs if value is not None and value.name in graph.initializers]
        merged = [home.path for name in weights if (home := _home(name, homes)) and home.module not in shared]
        # equal weights of several nodes may be kept once: whose they are says something of merged nodes alone
        fused = "Fuse" in node.metadata_props.get("pkg.onnxscript.rewriter.rule_name", "")
        merged = [path for path in dict.fromkeys(merged) if fused and path != where.get(NODE)]
        node.metadata_props.clear()
        node.metadata_props.update(where)
        if merged:
            node.metadata_props[ALSO] = "\n".join(merged)
        node.name = _numbered(f"{where.get(NODE, 'network')}/{node.op_type}", used)
        used.add(node.name)


def _name_outputs(graph: Any, names: Sequence[str]) -> set[int]:
    """Name the outputs; one that is an input, or another output too, gets a node of its own. Returns whose names are
    not to be changed any more."""
    from onnx_ir import node as new_node

    named: set[int] = set()
    for at, name in enumerate(names):
        value = graph.outputs[at]
        if id(value) in named or value.producer() is None:
            copy = new_node("Identity", [value])
            copy.name = f"{name}/Identity"
            copy.outputs[0].shape, copy.outputs[0].type = value.shape, value.type
            graph.append(copy)
            graph.outputs[at] = value = copy.outputs[0]
        taken = {other.name for other in _values(graph) if other is not value}
        for other in list(_values(graph)):
            if other.name == name and other is not value:
                other.name = _numbered(f"{name}_inner", taken)
        value.name = name
        named.add(id(value))
    return named


def _home(weight: str, homes: Mapping[str, Called]) -> Called | None:
    """The call that a weight is of."""
    parts = weight.split(".")
    return next((homes[p] for i in range(len(parts), 0, -1) if (p := ".".join(parts[:i])) in homes), None)


def _values(graph: Any) -> Iterator[Any]:
    yield from graph.inputs
    yield from graph.initializers.values()
    for node in graph:
        yield from node.outputs


def _numbered(name: str, taken: set[str]) -> str:
    """The name, or where it is taken name_2, name_3, ..."""
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """What the exporter prints goes to stderr: stdout belongs to the caller. What torch logs of the sizes that it could
    not work out goes nowhere: pages of it, and the error says it in a sentence."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
