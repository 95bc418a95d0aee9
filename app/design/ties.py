"""Whose weights a node uses (`shares`) or follows as their moving average (`follows`), true while nodes come and go."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from app.design.values import Graph, Node

MOMENTUM = 0.99
"""What a node that follows another keeps of its weights at each step, where nothing else is said."""


def retied(node: Node, tie: Callable[[str], str]) -> Node:
    """The node with its ties to what `tie` makes of each id; "" cuts it."""
    if not (node.shares or node.follows):
        return node
    shares = tie(node.shares) if node.shares else ""
    follows = tie(node.follows) if node.follows else ""
    if not follows and node.follows:
        return replace(node, shares=shares, follows="", momentum=MOMENTUM)
    return replace(node, shares=shares, follows=follows)


def owner_of(graph: Graph, node: Node) -> Node:
    """The node of `graph` whose weights this one uses: itself, or the one with which it shares."""
    return graph.by_id.get(node.shares, node)


def leader_of(graph: Graph, node: Node) -> Node | None:
    """The node whose weights those of `node` follow; None where they are trained."""
    owner = owner_of(graph, node)
    leader = graph.by_id.get(owner.follows)
    return owner_of(graph, leader) if leader is not None else None


def check_momentum(momentum: float) -> str:
    """What is wrong with a momentum, as a sentence; "" where nothing is."""
    if isinstance(momentum, int | float) and not isinstance(momentum, bool) and 0 <= momentum < 1:
        return ""
    return f"momentum is {momentum}, but it needs a number from 0 to below 1, such as 0.99"


def misfollowing(graph: Graph) -> str:
    """What is wrong with how nodes follow each other, as a sentence; "" where nothing is."""
    for node in graph.nodes:
        if not node.follows:
            continue
        if wrong := check_momentum(node.momentum):
            return f"{node.name}: {wrong}"
        if node.shares:
            return f"{node.name} both shares weights and follows some: it can do one of them"
        leader = graph.by_id.get(node.follows)
        if leader is None:
            return f"{node.name} follows the weights of `{node.follows}`, which does not exist"
        if (leader.block, leader.group) != (node.block, node.group):
            return f"{node.name} and {leader.name} are different blocks: only equal ones follow each other's weights"
        owner = owner_of(graph, leader)
        if owner is node:
            return f"{node.name} cannot follow its own weights: give {leader.name} weights of its own first"
        if owner.follows:
            source = graph.by_id.get(owner.follows, owner)
            return f"{leader.name} follows another node's weights itself: follow {source.name}"
    return ""
