"""From a block's settings and what is wired to it to the arguments of its constructor."""

from __future__ import annotations

import re
from typing import Any

from app.design.values import Settings
from app.messages.reports import Tensor
from blocks.card import Card, Port
from blocks.patterns import Binder, Mismatch


class Refusal(ValueError):
    """Why a block does not run: a code, the port ("" for none), a sentence, and numbers that a fix may use."""

    def __init__(self, code: str, port: str, message: str, detail: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code, self.port, self.message, self.detail = code, port, message, detail or {}

    @property
    def multiple(self) -> int:
        """The number that the sentence asks for a multiple of: a block's own words are all that it raises. 0: none."""
        found = re.search(r"multiple of (?:[\w ]+= )?(\d+)", self.message)
        return int(found[1]) if found else 0


def bind(
    card: Card, settings: Settings, inputs: tuple[tuple[Tensor, ...] | None, ...], ports: tuple[str, ...]
) -> dict[str, Any]:
    """What the block's constructor is called with. Raises Refusal where settings or inputs do not fit the card.

    `ports` are the names of the node's input ports (a repeated port spelled out), `inputs` what is wired to each.
    """
    values: dict[str, Any] = {}
    for setting in card.settings:
        if setting.name in settings:
            try:
                values[setting.name] = setting.accept(settings[setting.name])
            except ValueError as error:
                raise Refusal("setting", "", str(error), {"setting": setting.name}) from None
        else:
            values[setting.name] = setting.default
    binder = Binder(values)
    strides: list[float | None] = []
    for name, value in zip(ports, inputs, strict=True):
        if value is None:
            continue
        port = declared(card, name)
        pyramid = port.kind == "pyramid"
        if pyramid:
            strides = [t.stride for t in value]
        try:
            binder.take(_named(port, name), [t.shape for t in value], value[0].dtype if value else "", pyramid=pyramid)
        except Mismatch as mismatch:
            raise Refusal(mismatch.code, mismatch.port, str(mismatch), mismatch.detail) from None
    for name in card.reads:
        size = dict(card.sizes).get(name, name)
        if name == "wired":
            values[name] = [port for port, value in zip(ports, inputs, strict=True) if value is not None]
        elif name == "strides":
            if not strides or None in strides:
                raise Refusal("strides", "", "the strides of its levels are not known: feed it a backbone's pyramid")
            values[name] = [round(s) if float(s).is_integer() else s for s in strides if s is not None]
        elif size in binder.bound:
            values[name] = binder.bound[size]
        else:
            raise Refusal("missing-input", "", f"the size {size} is read off an input that is not wired")
    return values


def declared(card: Card, name: str) -> Port:
    """The card's port that the node's port `name` spells out."""
    exact = next((p for p in card.inputs if p.name == name and not p.many), None)
    return exact or next(p for p in card.inputs if p.many)


def _named(port: Port, name: str) -> Port:
    return port if port.name == name else Port(name, port.pattern, port.kind, dtype=port.dtype)
