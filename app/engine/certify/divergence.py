"""The first node of the canvas whose output differs in the file though its inputs agree.

The file is run once more with the values that each call on the canvas gives as further outputs, and beside them the
network tells its own. In which part of a block the numbers part is looked for in a second file, which torch's exporter
writes without optimising it: there it notes of each operator in which modules it was.
"""

from __future__ import annotations

import ast
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import fx, nn

from app.engine.certify.gaps import Gap, gap
from app.engine.certify.numbers import session_of
from app.engine.meta import tensors_in
from app.engine.to_onnx.errors import ExportError, reason
from app.engine.to_onnx.whole import Called
from app.messages.onnx import Diverged

SCOPES = "pkg.torch.onnx.name_scopes"
"""Under this torch's exporter notes the paths of the modules that an operator was in, the outermost first, and at the
end its own name."""
FLOATING = ("tensor(float)", "tensor(float16)", "tensor(double)")
"""ONNX Runtime's names of what is compared."""

Feed = Mapping[str, torch.Tensor]
"""The graph's inputs by name, in order."""


class Found(NamedTuple):
    """The node that diverges, and in which part of its block; empty where that is not known."""

    diverged: Diverged
    inside: str = ""


def first_divergence(
    graph: fx.GraphModule,
    file: Path,
    calls: Sequence[Called],
    values: Mapping[str, Sequence[str]],
    feed: Feed,
    tolerance: float,
    plain: Callable[[Path], object] | None = None,
) -> Found | None:
    """Compare `graph` with the file on one batch, call by call of the canvas.

    `values` are the names that the outputs of each call have in the file, by the call's path. `plain` writes the same
    graph as torch's exporter does without its optimiser. None where every call agrees that can be compared: what
    differs then happens outside of them.
    """
    outer, inner = _recorded(graph, list(feed.values()))
    made = _Values(file, feed, {name for names in values.values() for name in names if name})
    apart = {call.node: made.gap(outer[call.node], values.get(call.path, ())) for call in calls}
    harmful = _harmful(graph.graph, apart, tolerance)
    call = next((call for call in calls if call.node in harmful), None)
    if call is None:
        return None
    far = apart[call.node]
    assert far is not None
    name = next(name for name in reversed(values[call.path]) if name)
    operator, inside = made.operators.get(name, ""), ""
    if plain is not None and sum(other.module == call.module for other in calls) == 1:
        parts = [(path, given) for path, given in inner if path.startswith(f"{call.module}.")]
        with tempfile.TemporaryDirectory(prefix=".onnx-", dir=file.parent) as folder:
            aside = Path(folder) / file.name
            plain(aside)
            closer = _part(aside, feed, parts, tolerance)
        if closer is not None:
            inside, operator = closer[0].removeprefix(f"{call.module}."), closer[1]
    return Found(Diverged(call.path, call.block, operator, far.largest, far.relative), inside)


def _harmful(graph: fx.Graph, apart: Mapping[fx.Node, Gap | None], tolerance: float) -> set[fx.Node]:
    """The calls that differ and whose difference goes on to an output, through calls that differ or cannot be seen.

    What does not go on is none: a batch norm that was folded into its convolution makes the value between them another
    one, and behind it all is well.
    """
    carries: dict[fx.Node, bool] = {}
    harmful = set()
    for node in reversed(graph.nodes):
        onward = node.op == "output" or any(carries[user] for user in node.users)
        met = apart.get(node)
        carries[node] = onward and (met is None or met.relative > tolerance)
        if met is not None and carries[node]:
            harmful.add(node)
    return harmful


Outer = dict[fx.Node, list[torch.Tensor]]
Inner = list[tuple[str, list[torch.Tensor]]]


def _recorded(graph: fx.GraphModule, inputs: Sequence[torch.Tensor]) -> tuple[Outer, Inner]:
    """The outputs of every call, and of every module by its path, in the order in which they end."""
    outer: Outer = {}
    inner: Inner = []

    def keep(path: str) -> Any:
        def hook(module: nn.Module, given: Any, result: Any) -> None:
            inner.append((path, [value.detach().clone() for value in tensors_in(result)]))

        return hook

    class Recorder(fx.Interpreter):
        def run_node(self, n: fx.Node) -> Any:
            result = super().run_node(n)
            if n.op == "call_module":
                outer[n] = [value.detach().clone() for value in tensors_in(result)]
            return result

    hooks = [module.register_forward_hook(keep(path)) for path, module in graph.named_modules() if path]
    try:
        with torch.no_grad():
            Recorder(graph).run(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return outer, inner


class _Values:
    """Values between the operators of a file, for one batch: those of `names`, and the operator that makes each."""

    def __init__(self, file: Path, feed: Feed, names: Iterable[str] | None = None) -> None:
        import onnx

        self.model = onnx.load(str(file), load_external_data=False)
        self.operators = {name: node.op_type for node in self.model.graph.node for name in node.output if name}
        wanted = self.operators.keys() if names is None else self.operators.keys() & set(names)
        there = {value.name for value in self.model.graph.output}
        told = onnx.ModelProto()
        told.CopyFrom(self.model)
        told.graph.output.extend(onnx.ValueInfoProto(name=name) for name in wanted if name not in there)
        with tempfile.NamedTemporaryFile(suffix=".onnx", dir=file.parent) as handle:  # beside weights that stand apart
            handle.write(told.SerializeToString())
            handle.flush()
            session = session_of(Path(handle.name))
        names = [value.name for value in session.get_outputs() if value.type in FLOATING]
        try:
            values = session.run(names, {name: value.numpy() for name, value in feed.items()})
        except Exception as error:  # onnxruntime's errors share no base class
            raise ExportError(f"The values between the blocks cannot be read: {reason(error)}") from error
        self.values = {name: torch.from_numpy(value) for name, value in zip(names, values, strict=True)}

    def gap(self, ours: Sequence[torch.Tensor], names: Sequence[str]) -> Gap | None:
        """Between a call's outputs and the values of these names; None where none of them is there to be seen."""
        found: Gap | None = None
        for one, name in zip(ours, names, strict=False):
            other = self.values.get(name)
            if other is None or other.shape != one.shape or not one.is_floating_point():
                continue
            far = gap(one, other, floor=0.0)
            found = far if found is None else found.joined(far)
        return found


# the part of a block --------------------------------------------------------------------------------------------------


def _part(file: Path, feed: Feed, parts: Inner, tolerance: float) -> tuple[str, str] | None:
    """The first of the modules `parts` that differs in a file as torch's exporter writes it, and the operator there."""
    made = _Values(file, feed)
    readers: dict[str, list[Sequence[str]]] = defaultdict(list)
    inside: dict[str, list[str]] = defaultdict(list)
    for node in made.model.graph.node:
        scopes = _scopes(node)
        for name in _read(node):
            readers[name].append(scopes)
        for scope in scopes:
            inside[scope] += [name for name in node.output if name in made.values]
    for value in made.model.graph.output:
        readers[value.name].append(())
    for path, ours in parts:
        names = [name for name in inside[path] if any(path not in scopes for scopes in readers[name])]
        for one in ours:
            like = {name: gap(one, made.values[name], floor=0.0) for name in names
                    if one.is_floating_point() and made.values[name].shape == one.shape}  # fmt: skip
            if like and min(far.relative for far in like.values()) > tolerance:
                return path, made.operators[min(like, key=lambda name: like[name].relative)]
    return None


def _scopes(node: Any) -> list[str]:
    """The paths of the modules that a node was in."""
    for entry in node.metadata_props:
        if entry.key == SCOPES:
            return [path for path in ast.literal_eval(entry.value)[:-1] if path]
    return []


def _read(node: Any) -> Iterator[str]:
    """The values that a node reads, in its inner graphs too."""
    yield from (name for name in node.input if name)
    for attribute in node.attribute:
        for inner in attribute.g.node if attribute.HasField("g") else ():
            yield from _read(inner)
