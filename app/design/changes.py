"""Edits as data: what a Fix proposes crosses the pipe as these and is made by `apply`, as one undo step."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from app.design import edits
from app.design.ports import Catalogue
from app.design.values import Design, End, Node, Recipe, Settings, SettingValue, Wire


class SetSetting(msgspec.Struct, frozen=True, tag=True):
    """Set one setting of a node."""

    where: str
    node: str
    setting: str
    value: Settings
    """Under the key "value": a field of its own type could not hold every value that a setting may have."""


class AddNode(msgspec.Struct, frozen=True, tag=True):
    """Place a node. Where its id is taken by then, the edit fails and nothing is changed."""

    where: str
    node: Node


class Connect(msgspec.Struct, frozen=True, tag=True):
    """Draw a wire; one that ends at the same port goes."""

    where: str
    wire: Wire


class InsertOnWire(msgspec.Struct, frozen=True, tag=True):
    """Place a node in the middle of a wire."""

    where: str
    wire: Wire
    node: Node
    input: str
    output: str


class Remove(msgspec.Struct, frozen=True, tag=True):
    """Take away nodes and wires."""

    where: str
    nodes: tuple[str, ...] = ()
    wires: tuple[Wire, ...] = ()


class SetShares(msgspec.Struct, frozen=True, tag=True):
    """Use the weights of the node `other`; "" for weights of its own."""

    where: str
    node: str
    other: str


class SetFrozen(msgspec.Struct, frozen=True, tag=True):
    """Keep a node's weights as they are while training, or let them learn again."""

    where: str
    node: str
    frozen: bool


class SetRecipe(msgspec.Struct, frozen=True, tag=True):
    """Train otherwise."""

    recipe: Recipe


Change = SetSetting | AddNode | Connect | InsertOnWire | Remove | SetShares | SetFrozen | SetRecipe


def set_setting(where: str, node: str, setting: str, value: SettingValue) -> SetSetting:
    return SetSetting(where, node, setting, Settings(value=value))


def connect(where: str, source: End, target: End) -> Connect:
    return Connect(where, Wire(source, target))


def apply(design: Design, changes: Iterable[Change], catalogue: Catalogue) -> Design:
    """Make the changes in order. Raises EditError, NamingError or WiringError as the edits do."""
    for change in changes:
        match change:
            case SetSetting(where, node, setting, value):
                design = edits.set_setting(design, where, node, setting, value["value"], catalogue)
            case AddNode(where, node):
                design = edits.add_node(design, where, node)
            case Connect(where, wire):
                design = edits.connect(design, where, wire.source, wire.target, catalogue, replace_wire=True)
            case InsertOnWire(where, wire, node, input, output):
                design = edits.insert_on_wire(design, where, wire, node, input, output, catalogue)
            case Remove(where, nodes, wires):
                design = edits.remove(design, where, nodes, wires)
            case SetShares(where, node, other):
                design = edits.set_shares(design, where, node, other)
            case SetFrozen(where, node, frozen):
                design = edits.set_frozen(design, where, node, frozen)
            case SetRecipe(recipe):
                design = edits.set_recipe(design, recipe)
    return design
