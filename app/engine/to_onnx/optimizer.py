"""The exporter's own optimizer of ONNX graphs, spared what it does in vain."""

from __future__ import annotations

from functools import cache
from typing import Any


def optimize(program: Any) -> None:
    """Fold constants and merge nodes of an ONNX program of torch, in place."""
    _try_rules_where_they_can_match()
    program.optimize()


@cache
def _try_rules_where_they_can_match() -> None:
    """Let each of onnxscript's rules look only at nodes of the operator that its pattern ends in.

    It tries every rule at every node; the one for two slices that make a split lists all nodes of the graph first, each
    time, which is most of the work in graphs of thousands. A release that keeps its rules elsewhere is left as it is.
    """
    from onnxscript import rewriter

    for rule in getattr(rewriter, "_DEFAULT_REWRITE_RULES", ()):
        pattern = getattr(rule, "_target_pattern", None)
        if pattern is not None and (operator := pattern.output_nodes[0].op_identifier()) is not None:
            rule.try_rewrite = _only_at(operator, rule.try_rewrite)


def _only_at(operator: tuple[str, ...], try_rewrite: Any) -> Any:
    def tried(model: Any, graph: Any, node: Any, **how: Any) -> Any:
        return try_rewrite(model, graph, node, **how) if node.op_identifier() == operator else None

    return tried
