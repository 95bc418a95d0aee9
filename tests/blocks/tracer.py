"""Traces a composite block into calls of registered blocks, as opening it up on the canvas does."""

from __future__ import annotations

import operator
from typing import Any

from torch import fx, nn

from blocks import catalogue
from blocks.functions import FUNCTIONS


class BlockTracer(fx.Tracer):
    """Stops at every registered block below the root."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return type(m) in catalogue.classes().values()


def trace(module: nn.Module, inputs: tuple[Any, ...]) -> fx.Graph:
    """The graph of a block's forward; a pyramid among `inputs` becomes one placeholder a level."""
    names = list(module.forward.__code__.co_varnames[1 : module.forward.__code__.co_argcount])
    concrete = {name: [fx.PH] * len(v) for name, v in zip(names, inputs, strict=True) if isinstance(v, list)}
    return BlockTracer().trace(module, concrete or None)


def foreign(graph: fx.Graph) -> list[str]:
    """What a trace holds that cannot become a node of a drawing: sizes, methods, functions without a block."""
    # The guard on a pyramid's structure is fx's own, not a part of the block.
    guards = {n for n in graph.nodes if n.op == "call_function" and n.target.__name__ == "_assert_is_none"}
    # One output of a block that has several: a port, not a computation.
    ports = {n for n in graph.nodes if n.target is operator.getitem and n.args[0].op == "call_module"}
    return [
        f"{node.op} {getattr(node.target, '__name__', node.target)}"
        for node in graph.nodes
        if node.op not in ("placeholder", "call_module", "output")
        and not (node.op == "call_function" and node.target in FUNCTIONS)
        and node not in guards | ports
    ]
