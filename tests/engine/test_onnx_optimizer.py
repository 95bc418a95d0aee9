"""The exporter's optimizer, spared what it does in vain: it gives the same graphs."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import onnx_ir
import pytest
import torch
from onnxscript import rewriter
from torch import nn

from app.engine.to_onnx import optimizer
from app.engine.to_onnx.trace import quiet


@pytest.fixture(name="plain")
def _plain(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The rules as they come."""
    for rule in rewriter._DEFAULT_REWRITE_RULES:
        monkeypatch.delitem(vars(rule), "try_rewrite", raising=False)
    optimizer._try_rules_where_they_can_match.cache_clear()
    yield
    optimizer._try_rules_where_they_can_match.cache_clear()


class _Halves(nn.Module):
    """Nodes for the rules on slices, batch norms and clips."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(4, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU6())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        left, right = x[..., :4], x[..., 4:8]
        return (left.relu() * right.clamp(0, 1)).reshape(x.shape[0], -1)


def _program() -> Any:
    torch.manual_seed(0)
    with quiet():
        return torch.onnx.export(
            _Halves().eval(), (torch.randn(2, 4, 8, 8),), dynamo=True, optimize=False, verbose=False,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
        )  # fmt: skip


def _text(program: Any) -> list[str]:
    graph = program.model.graph
    return [f"{n.op_type} {[v and v.name for v in n.inputs]} {[v.name for v in n.outputs]}" for n in graph]


def test_the_graph_is_the_one_that_the_exporter_makes(plain: None) -> None:
    theirs, ours = _program(), _program()
    before = _text(ours)
    assert _text(theirs) == before and any(line.startswith("Slice") for line in before)
    theirs.optimize()
    optimizer.optimize(ours)
    assert _text(ours) == _text(theirs) != before
    assert not any(line.startswith("BatchNormalization") for line in _text(ours))


def test_a_rule_looks_at_no_graph_for_a_node_that_it_does_not_end_in(plain: None) -> None:
    """Else two slices are looked for at every node, each time among all."""

    class Untouched(onnx_ir.Graph):
        def __iter__(self) -> Any:
            raise AssertionError("the graph is walked through")

    graph = Untouched([], [], nodes=[])
    node = onnx_ir.node("Erf", [onnx_ir.Value(name="x")])
    slices = next(rule for rule in rewriter._DEFAULT_REWRITE_RULES if not rule._target_pattern.has_single_output_node)
    with pytest.raises(AssertionError, match="walked through"):
        slices.try_rewrite(SimpleNamespace(graph=graph), graph, node)
    optimizer._try_rules_where_they_can_match()
    for rule in rewriter._DEFAULT_REWRITE_RULES:
        assert rule.try_rewrite(SimpleNamespace(graph=graph), graph, node) is None
