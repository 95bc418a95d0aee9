"""Mixup and CutMix: two samples in one, and a loss that is that of both, in shares.

Each batch gets its targets twice, as they are and as the partners have them, and the share of the first. The loss is
`share · L(x, first) + (1 - share) · L(x, second)`, as in the papers' code: for cross-entropy this is exactly the loss
with soft labels, and every other loss keeps its meaning. The network itself is run once.

The partner of a sample is that half a batch on: batches are shuffled, so it is by chance, and devices that share a
batch evenly, an even number of samples each, find the same pairs as one alone.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import torch
from torch import fx

from app.design.augment import Steps, value_of
from app.design.names import free_name
from app.engine.compile import CALL, Network, alias_submodules

Tensors = tuple[torch.Tensor, ...]


def mix(steps: Steps, batch: Tensors, inputs: int, seed: int, epoch: int, number: int) -> Tensors:
    """The inputs mixed, the targets, the partners' targets, and the share of the first (float32, no axes)."""
    random = np.random.default_rng([seed % 2**63, epoch, number, 1])
    ways = [step for step in steps if step.kind in ("mixup", "cutmix")]
    step = ways[int(random.integers(len(ways)))]
    alpha, probability = (float(value_of(step, name)) for name in ("alpha", "probability"))  # type: ignore[arg-type]
    share = float(random.beta(alpha, alpha))
    y, x, happens = random.random(3)
    size = len(batch[0])
    targets = batch[inputs:]
    if happens >= probability or size < 2:
        return (*batch, *targets, torch.tensor(1.0))
    partner = torch.arange(size).roll(-(size // 2))
    if step.kind == "mixup":
        mixed = tuple(torch.lerp(value[partner], value, share) for value in batch[:inputs])
    else:
        mixed, share = _pasted(batch[:inputs], partner, share, y, x)
    return (*mixed, *targets, *(target[partner] for target in targets), torch.tensor(share))


def _pasted(inputs: Tensors, partner: torch.Tensor, share: float, y: float, x: float) -> tuple[Tensors, float]:
    """CutMix, equation 2: a rectangle of the partner about a point, with `1 - share` of the area; what juts out is cut,
    and the share is that of what is left."""
    side = (1 - share) ** 0.5
    top, bottom = max(y - side / 2, 0.0), min(y + side / 2, 1.0)
    left, right = max(x - side / 2, 0.0), min(x + side / 2, 1.0)
    mixed, area = [], 0.0
    for value in inputs:
        if value.ndim < 3:
            mixed.append(value)
            continue
        high, wide = value.shape[-2:]
        rows, columns = slice(round(top * high), round(bottom * high)), slice(round(left * wide), round(right * wide))
        whole = value.clone()
        whole[..., rows, columns] = value[partner][..., rows, columns]
        if not mixed:
            area = (rows.stop - rows.start) * (columns.stop - columns.start) / (high * wide)
        mixed.append(whole)
    return tuple(mixed), 1 - area


def for_mixed(network: Network) -> fx.GraphModule:
    """The training network for such batches: `module(*inputs, *targets, *others, share)`. What hangs on a Target is
    there twice, all else once; weights are the network's own."""
    graph = fx.Graph()
    first: dict[fx.Node, fx.Node] = {}
    second: dict[fx.Node, fx.Node] = {}
    given = [node for node in network.module.graph.nodes if node.op == "placeholder"]
    names = {node.target for node in given}
    for node in given:
        first[node] = graph.node_copy(node)
    for node in given[len(network.inputs) :]:
        names.add(name := free_name(f"{node.target}_other", names))
        second[node] = graph.placeholder(name)
    share = graph.placeholder(free_name("share", names))
    results: dict[str, Any] = {}
    for node in network.module.graph.nodes:
        if node.op == "output":
            results = node.args[0]
        elif node.op != "placeholder":
            first[node] = graph.node_copy(node, lambda n: first[n])
            if any(each in second for each in node.all_input_nodes):
                second[node] = graph.node_copy(node, lambda n: second.get(n, first[n]))
                second[node].meta[CALL] = node.meta.get(CALL)
    rest = graph.call_function(operator.sub, (1, share))
    whole = graph.call_function(operator.ge, (share, 0.5))

    def joined(value: Any) -> Any:
        if not isinstance(value, fx.Node):
            return tuple(larger(each) for each in value)
        if value not in second:
            return first[value]
        own = graph.call_function(operator.mul, (first[value], share))
        return graph.call_function(operator.add, (own, graph.call_function(operator.mul, (second[value], rest))))

    def larger(value: Any) -> Any:
        """Metrics that are counted see the class of the larger share."""
        if not isinstance(value, fx.Node) or value not in second:
            return first[value] if isinstance(value, fx.Node) else value
        return graph.call_function(torch.where, (whole, first[value], second[value]))

    graph.output({name: joined(value) for name, value in results.items()})
    module = fx.GraphModule(network.module, graph, class_name="Network")
    graph.lint()
    alias_submodules(module)
    return module
