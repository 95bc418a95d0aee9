"""What an ONNX file is to compute: the network, with what goes before and after it, as one graph of calls."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import fx, nn

from app.design.names import free_name
from app.engine.augment.normal import Numbers
from app.engine.compile import CALL, Network
from app.engine.to_onnx.errors import ExportError
from app.engine.walk import Walk

SOFTMAX = ("CrossEntropy", "FocalLoss")
"""Losses that take raw scores of classes, of which one is right."""
SIGMOID = ("BinaryCrossEntropy", "BinaryFocalLoss")
"""Losses that take raw scores of yes or no."""
NO_CHOICE = ("input", "mask")
"""Fields whose values are pixels: what judges them is no classifier."""
BOUNDS = ("Sigmoid", "Softmax")
"""Activations that belong to the postprocess where nothing else reads them."""

NOTHING: Mapping[str, Numbers] = MappingProxyType({})


class Called(NamedTuple):
    """A call of the drawing in the graph of the whole. `path` is its place on the canvas, with / into Groups."""

    path: str
    block: str
    module: str
    """Where its weights are: the prefix of their names."""
    node: fx.Node
    """The call in the graph of `Whole.module`."""


class Whole(NamedTuple):
    """`module(*inputs)` gives what the file is to give: one output, or a tuple of them in the order of `outputs`."""

    module: fx.GraphModule
    outputs: tuple[str, ...]
    calls: tuple[Called, ...]
    meanings: dict[str, str]
    """Output -> what its numbers are, where that is known: probabilities, scores."""
    remarks: tuple[str, ...]
    exact: frozenset[str]
    """Paths of the calls that lose too much in fewer bits: boxes, pixels, probabilities."""


class Normalise(nn.Module):
    """Pixels from 0 to 1, brought to the mean and spread that training knew."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, numbers: Numbers, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", shaped(numbers[0], shape))
        self.register_buffer("std", shaped(numbers[1], shape))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x - self.mean) / self.std


def shaped(numbers: tuple[float, ...], shape: tuple[int, ...]) -> torch.Tensor:
    """A number for each channel, or one for all, as it meets samples of this shape (without the batch)."""
    values = torch.tensor(numbers, dtype=torch.float32)
    if len(values) == 1:
        return values
    if len(shape) == 3:
        return values.view(-1, 1, 1)
    return values.repeat_interleave(shape[-1] // len(values)) if len(shape) == 1 else values[:1]


class Probabilities(nn.Module):
    """Scores (B, K) to probabilities: of one class of K (softmax), or of each by itself (sigmoid)."""

    def __init__(self, one_of_several: bool) -> None:
        super().__init__()
        self.one_of_several = one_of_several

    def forward(self, scores: torch.Tensor) -> torch.Tensor:
        return scores.softmax(1) if self.one_of_several else scores.sigmoid()


def whole(
    network: Network, walk: Walk | None, *, numbers: Mapping[str, Numbers] = NOTHING, postprocess: bool = True,
    probabilities: bool = False,
) -> Whole:  # fmt: skip
    """Put together what the file computes.

    Each Input that `numbers` names is normalised first. Without `postprocess` what is drawn for it is left off, so that
    the head's answers come out; with `probabilities` a classifier's scores become these. Without `walk`, the walk over
    the drawing, nothing is known of what the network is for, and it stays as it is.
    """
    return _Builder(network, walk).build(numbers, postprocess, probabilities)


class _Builder:
    def __init__(self, network: Network, walk: Walk | None) -> None:
        self.network, self.walk = network, walk
        self.old = network.module.graph
        self.graph = fx.Graph()
        self.modules: dict[str, nn.Module] = {}
        self.calls: list[Called] = []
        self.exact: set[str] = set()

    def build(self, numbers: Mapping[str, Numbers], postprocess: bool, probabilities: bool) -> Whole:
        given: list[tuple[str, fx.Node]] = self._results()
        left_off: list[fx.Node] = []
        if not postprocess and self.walk is not None:
            given, left_off = self._raw(given)
        env: dict[fx.Node, fx.Node] = {}
        needed = _above([node for _, node in given])
        places = [node for node in self.old.nodes if node.op == "placeholder"]
        for node in places:
            env[node] = self.graph.node_copy(node)
        for node, spec in zip(places, self.network.inputs, strict=True):
            if spec.name in numbers:
                env[node] = self._added("preprocess", spec.name, Normalise(numbers[spec.name], spec.shape), env[node])
        for node in self.old.nodes:
            if node in env or node not in needed:
                continue
            env[node] = self.graph.node_copy(node, lambda n: env[n])
            if node.op == "call_module":
                self._note(node, env[node])
        meanings: dict[str, str] = {}
        results = []
        for name, node in given:
            made = env[node]
            if probabilities and (one := self._classifies(name)) is not None:
                made = self._added("postprocess", name, Probabilities(one), made)
                meanings[name] = "probabilities"
            results.append((name, made))
        nodes = [node for _, node in results]
        self.graph.output(nodes[0] if len(nodes) == 1 else tuple(nodes))
        module = fx.GraphModule(self.modules, self.graph, class_name="Network").eval()
        said = self._said(left_off, meanings)
        if not postprocess and not left_off:
            said += ("No postprocess is drawn, so there was nothing to leave off.",)
        if probabilities and not meanings:
            said += ("No output gives probabilities: no loss is drawn that says what its scores mean.",)
        return Whole(
            module, tuple(name for name, _ in results), tuple(self.calls), meanings, said, frozenset(self.exact)
        )

    def _results(self) -> list[tuple[str, fx.Node]]:
        end = next(node for node in self.old.nodes if node.op == "output")
        values = end.args[0]
        nodes: Sequence[Any] = (values,) if len(self.network.outputs) == 1 else values  # type: ignore[assignment]
        return list(zip(self.network.outputs, nodes, strict=True))

    def _note(self, node: fx.Node, made: fx.Node) -> None:
        target = str(node.target)
        self.modules[target] = self.network.module.get_submodule(target)
        step = self._step(node)
        path = step.call.name if step is not None else target.replace(".", "/")
        block = step.call.block if step is not None else type(self.modules[target]).__name__
        if step is not None and step.card is not None and step.card.category == "Postprocess":
            self.exact.add(path)
        self.calls.append(Called(path, block, target, made))

    def _step(self, node: fx.Node) -> Any:
        return self.walk.steps.get(node.meta.get(CALL, "")) if self.walk is not None else None

    def _added(self, kind: str, name: str, module: nn.Module, before: fx.Node) -> fx.Node:
        taken = {n.split(".")[0] for n, _ in self.network.module.named_modules()} | set(self.modules)
        target = free_name(kind, taken)
        self.modules[target] = module
        made = self.graph.call_module(target, (before,))
        self.calls.append(Called(f"{kind} {name}", type(module).__name__, target, made))
        self.exact.add(f"{kind} {name}")
        return made

    # what the network is for ------------------------------------------------------------------------------------------

    def _classifies(self, output: str) -> bool | None:
        """Whether the Output gives a classifier's raw scores: True of one class of several, False of each by itself."""
        if self.walk is None:
            return None
        id = next((i for i, s in self.walk.steps.items() if s.call.block == "Output" and s.call.name == output), None)
        source = self.walk.expanded.sources[id].get("x") if id is not None else None
        value = self.walk.values.get(source) if source is not None else None
        if value is None or len(value) != 1 or len(value[0].shape) != 2 or not value[0].dtype.startswith("float"):
            return None
        for step in self.walk.steps.values():
            feeds = self.walk.expanded.sources[step.call.id]
            if feeds.get("x") != source or "target" not in feeds:
                continue
            if step.call.block in SOFTMAX and value[0].shape[1] > 1:
                return True
            target = self.walk.steps[feeds["target"].node]
            declared = target.card.setting("field") if target.card is not None else None
            field = target.call.settings.get("field", declared.default if declared else "")
            if step.call.block in SIGMOID and target.call.block == "Target" and field not in NO_CHOICE:
                return False
        return None

    # raw heads --------------------------------------------------------------------------------------------------------

    def _raw(self, given: list[tuple[str, fx.Node]]) -> tuple[list[tuple[str, fx.Node]], list[fx.Node]]:
        """The outputs before the postprocess that is drawn, and the calls that are left off."""
        region: set[fx.Node] = set()
        for node in self.old.nodes:
            step = self._step(node)
            if (step is not None and step.card is not None and step.card.category == "Postprocess") or (
                node.target is operator.getitem and node.args[0] in region
            ):
                region.add(node)
        for node in reversed(list(self.old.nodes)):
            step = self._step(node)
            if step is not None and step.call.block in BOUNDS and node.users and set(node.users) <= region:
                region.add(node)
        raw: list[tuple[str, fx.Node]] = []
        for name, node in given:
            if node not in region:
                raw.append((name, node))
                continue
            edge = _edge(node, region)
            heads = [n for n in edge if n.op != "placeholder" and not any(n in _above([o]) for o in edge if o is not n)]
            if not heads:
                raise ExportError(f"`{name}` gives nothing without its postprocess: no head stands before it.")
            raw += [(name if len(heads) == 1 else self._called(n), n) for n in heads]
        kept: dict[fx.Node, str] = {}
        for name, node in raw:
            kept.setdefault(node, name)
        return [(name, node) for node, name in kept.items()], [n for n in region if n.op == "call_module"]

    def _called(self, node: fx.Node) -> str:
        """`head/scores`: the name on the canvas, with the port where there are several."""
        assert self.walk is not None
        call, at = (node.args[0], int(node.args[1])) if node.target is operator.getitem else (node, 0)  # type: ignore[arg-type]
        id = call.meta.get(CALL, "")  # type: ignore[union-attr]
        ends = self.walk.given.get(id, [])
        path = self.walk.steps[id].call.name
        return f"{path}/{ends[at].port}" if len(ends) > 1 else path

    def _said(self, left_off: Sequence[fx.Node], meanings: Mapping[str, str]) -> tuple[str, ...]:
        said = []
        if left_off:
            names = ", ".join(f"`{step.call.name}`" for node in self.old.nodes
                              if node in left_off and (step := self._step(node)) is not None)  # fmt: skip
            said.append(f"Left off as postprocess: {names}.")
        if meanings:
            names = ", ".join(f"`{name}`" for name in meanings)
            said.append(f"{names} {'gives' if len(meanings) == 1 else 'give'} probabilities, not raw scores.")
        return tuple(said)


def _above(nodes: Sequence[fx.Node]) -> set[fx.Node]:
    """These nodes and all that feed them."""
    found, todo = set(nodes), list(nodes)
    while todo:
        for node in todo.pop().all_input_nodes:
            if node not in found:
                found.add(node)
                todo.append(node)
    return found


def _edge(node: fx.Node, region: set[fx.Node]) -> list[fx.Node]:
    """What feeds the region above `node` from outside, in the order of the graph."""
    found: set[fx.Node] = set()
    seen, todo = {node}, [node]
    while todo:
        for feed in todo.pop().all_input_nodes:
            if feed not in region:
                found.add(feed)
            elif feed not in seen:
                seen.add(feed)
                todo.append(feed)
    return [n for n in node.graph.nodes if n in found]
