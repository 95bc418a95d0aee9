"""What fewer bits cost where it counts: the design's own metrics, by the file's outputs and by torch's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import fx

from app.design.values import Design, End
from app.engine.certify.numbers import Pair
from app.engine.compile import CALL, InvalidDesignError, Network, compile_design, shared_analyser
from app.engine.data import DataError, open_data, options_of
from app.engine.meters import Meters, metric_name
from app.engine.to_onnx.whole import Normalise, Probabilities
from app.engine.to_onnx.write import Written

SAMPLES = 512
"""So many samples of the test split are looked at, at most."""
BATCH = 64
MOST = 0.1
"""By so much may a metric be worse that is a share of 1, as accuracy and mean IoU are: what costs more than ten points
was not quantised, but broken."""


class Cost(NamedTuple):
    """A sentence on each metric, whether none has fallen by more than `MOST`, and whether any was measured."""

    said: tuple[str, ...]
    bearable: bool = True
    measured: bool = False


def cost(written: Written, pair: Pair, design: Design, network: Network) -> Cost:
    """The design's metrics on its test split, once by torch's outputs and once by the file's.

    `network` holds the weights. The training graph is run with the file's outputs in the place of those that it worked
    out itself: probabilities are turned back into scores, and where the file normalises it is given what is not. Where
    the design has no metric or its data is not there, it says so.
    """
    try:
        training = compile_design(design, "training", network.root)
        data = open_data(design.recipe.data, training.inputs, training.targets, design.recipe.seed,
                         options_of(design.recipe))  # fmt: skip
    except (DataError, InvalidDesignError) as error:
        return Cost((f"What it costs in accuracy is not known: {error}",))
    names = [metric_name(name) for name in training.metrics]
    split = "test" if "test" in data.splits else "train"
    graph = training.module
    graph.eval()
    places = _places(design, graph, network.outputs)
    made = {name for output in places for name in pair.names if name == output or name.startswith(f"{output}/")}
    if not names or not made:
        why = "the metrics judge none of its outputs" if names else "the design has no metric"
        return Cost((f"What it costs in accuracy is not known: {why}.",))
    tallies = [_Tally(training), _Tally(training)]
    seen = 0
    with torch.no_grad():
        for batch in data.batches(split, BATCH if all(0 in own for own in written.axes.values()) else 1):
            inputs = batch[: len(training.inputs)]
            given = _grouped(network.outputs, pair.names, pair.given(_raw(written, inputs)), written)
            replaced = {places[name]: value for name, value in given.items() if name in places}
            tallies[0].show(graph(*batch), len(inputs[0]))
            tallies[1].show(_Replacing(graph, replaced).run(*batch), len(inputs[0]))
            seen += len(inputs[0])
            if seen >= SAMPLES:
                break
    ours, theirs = (tally.read() for tally in tallies)
    said, bearable = [], True
    for name in names:
        if name in ours and name in theirs:
            said.append(
                f"{name.capitalize()} on {seen} samples of the {split} split: {theirs[name]:.4g} in ONNX Runtime, "
                f"{ours[name]:.4g} in torch."
            )
            if 0 <= ours[name] <= 1 and abs(ours[name] - theirs[name]) > MOST:
                bearable = False
    return Cost(tuple(said), bearable, bool(said))


class _Tally:
    """The metrics over the batches that were shown."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._meters = Meters(network, torch.device("cpu"))
        self._plain = [name for name in network.metrics if name not in network.counted]
        self._sums = dict.fromkeys(self._plain, 0.0)
        self._count = 0

    def show(self, values: Mapping[str, Any], count: int) -> None:
        for name in self._plain:
            self._sums[name] += float(values[name]) * count
        self._count += count
        self._meters.show(values)

    def read(self) -> dict[str, float]:
        return {**{metric_name(name): total / self._count for name, total in self._sums.items()}, **self._meters.read()}


class _Replacing(fx.Interpreter):
    """Runs a graph in which some values are given."""

    def __init__(self, graph: fx.GraphModule, replaced: Mapping[fx.Node, Any]) -> None:
        super().__init__(graph)
        self._replaced = replaced

    def run_node(self, n: fx.Node) -> Any:
        return self._replaced[n] if n in self._replaced else super().run_node(n)


def _places(design: Design, graph: fx.GraphModule, outputs: Sequence[str]) -> dict[str, fx.Node]:
    """Which value of the training graph each Output of the drawing gives."""
    walk = shared_analyser().walk(design)
    found = {}
    for id, step in walk.steps.items():
        if step.call.block != "Output" or step.call.name not in outputs:
            continue
        source: End | None = walk.expanded.sources[id].get("x")
        node = next((n for n in graph.graph.nodes if source is not None and n.meta.get(CALL) == source.node), None)
        if source is None or node is None:  # nothing that is judged hangs on it
            continue
        ends = walk.given[source.node]
        if len(ends) > 1:
            at = ends.index(source)
            node = next((u for u in node.users if u.args[1:] == (at,)), None)
        if node is not None:
            found[step.call.name] = node
    return found


def _grouped(
    outputs: Sequence[str], names: Sequence[str], values: Sequence[torch.Tensor], written: Written
) -> dict[str, Any]:  # fmt: skip
    """The file's outputs as the network gives them: a pyramid is a list; probabilities are scores again. Detections are
    left out: the metrics that judge them take a type of their own."""
    given = dict(zip(names, values, strict=True))
    ends = {c.path.removeprefix("postprocess "): written.module.get_submodule(c.module) for c in written.calls}
    found: dict[str, Any] = {}
    for output in outputs:
        parts = {name.removeprefix(f"{output}/"): v for name, v in given.items() if name.startswith(f"{output}/")}
        if output in given:
            end = ends.get(output)
            found[output] = _scores(given[output], end) if isinstance(end, Probabilities) else given[output]
        elif parts and all(part.isdigit() for part in parts):
            found[output] = list(parts.values())
    return found


def _scores(shares: torch.Tensor, end: Probabilities) -> torch.Tensor:
    """(B, K) probabilities to scores that give them."""
    bounded = shares.clamp(1e-7, 1 - 1e-7)
    return bounded.log() if end.one_of_several else bounded.logit()


def _raw(written: Written, inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """The inputs before the normalisation that is inside the file."""
    ends = {c.path.removeprefix("preprocess "): written.module.get_submodule(c.module) for c in written.calls}
    found = []
    for spec, value in zip(written.inputs, inputs, strict=True):
        end = ends.get(spec.name)
        if isinstance(end, Normalise):  # x * slope + start, by the channel
            start, top = end(torch.zeros_like(value[:1])), end(torch.ones_like(value[:1]))
            value = (value - start) / (top - start)
        found.append(value)
    return found
