"""Says what goes wrong in a network that trains, from what was measured of its nodes, and names the node and cause.

Where the limits come from:

- vanishing: Glorot and Bengio 2010, section 4: going back through sigmoids the gradient shrinks layer by layer, by a
  quarter at best (Hochreiter 1991). A sound network's layers differ by one or two powers of ten; four are asked for.
- exploding: Pascanu et al. 2013, section 2: the gradient grows by a factor a layer. A step is usually a thousandth of
  the weights; a gradient a thousand times as large as the weights is far outside. Forward, He et al. 2015, section 2.2:
  weights that keep the variance make outputs as large as inputs; ten thousand times larger is none of that.
- dead: Lu et al. 2019, section 2: a ReLU that is 0 for all data gets no gradient and stays so. Some silent units are
  usual, half of them in a narrow bottleneck; three quarters of a layer are asked for.
- saturated: Glorot and Bengio 2010, section 3: a layer whose values all lie in the flat parts hands no gradient on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from msgspec.structs import replace
from torch import nn

from app.design.changes import Change, SetRecipe, set_setting
from app.design.expand import Call
from app.design.values import Recipe
from app.engine.watch_listen import Heard
from app.messages.reports import Fix
from app.messages.watch import EXPLODING, VANISHING, LayerWatch, Trouble
from blocks import catalogue

GROWTH = 1e4
DEAD = 0.75
SATURATED = 0.75
PERSISTS = 3
"""Measurements in a row that must show a trouble before it is told: a single odd batch is none."""
SQUASHERS = {"Sigmoid": "sigmoid", "Tanh": "tanh", "ScaledTanh": "tanh"}


class Place(NamedTuple):
    """Where a node stands in the network."""

    call: Call
    fed: tuple[str, ...]
    """The calls that feed it."""
    last: bool
    """Whether it feeds nothing but losses, metrics and outputs, or is a gate: it may be saturated."""
    matrix: bool
    """Whether it has weights of more than one dimension: norms and biases follow other rules."""
    judged: bool
    """Whether it is a loss or metric itself."""
    module: nn.Module


class Judge:
    """Takes measurements and tells the troubles that persist."""

    def __init__(self, places: Sequence[Place], recipe: Recipe) -> None:
        self._places = {place.call.id: place for place in places}
        self._order = [place.call.id for place in places]
        self._recipe = recipe
        self._seen: dict[tuple[str, str], tuple[int, Trouble]] = {}
        self._measured = 0
        self._alive: set[str] = set()
        """Activations that were not dead once."""

    def take(self, layers: Sequence[LayerWatch], heard: Heard) -> None:
        """Look at a measurement: what is found again in the next ones is told."""
        self._measured += 1
        growing = list(self._growing(layers, heard))
        found = [
            *self._dead(layers, heard), *self._saturated(layers), *(growing or self._steep(layers)),
            *self._vanishing(layers, heard),
        ]  # fmt: skip
        before, self._seen = self._seen, {}
        for trouble in found:
            count, _ = before.get((trouble.code, trouble.id), (0, trouble))
            self._seen[trouble.code, trouble.id] = count + 1, trouble

    def troubles(self) -> tuple[Trouble, ...]:
        """What persists, the nodes in the order in which they run."""
        told = [trouble for count, trouble in self._seen.values() if count >= PERSISTS]
        return tuple(sorted(told, key=lambda t: self._order.index(t.id)))

    # what may be wrong ------------------------------------------------------------------------------------------------

    def _vanishing(self, layers: Sequence[LayerWatch], heard: Heard) -> Iterable[Trouble]:
        learning = [layer for layer in layers if layer.relative is not None and self._places[layer.id].matrix]
        if len(learning) < 2:
            return
        strongest = max(learning, key=_relative)
        most = _relative(strongest)
        weak = []
        for layer in learning:
            if _relative(layer) >= VANISHING * most:
                break
            weak.append(layer)
        if not weak or not most:
            return
        first, last = self._order.index(weak[0].id), self._order.index(strongest.id)
        between = self._order[first:last]
        full = [id for id in between if heard.saturated.get(id, 0.0) >= SATURATED and not self._places[id].last]
        if full or any(heard.dead.get(id, 0.0) > 0.99 for id in between):
            return  # those stop it, and are named
        bends = [SQUASHERS[block] for id in between if (block := self._places[id].call.block) in SQUASHERS]
        if bends:
            kinds = " and ".join(sorted(set(bends)))
            worst = "a quarter of it at most" if set(bends) == {"sigmoid"} else "less than all of it"
            way = f"through {_count(len(bends), kinds)}, each of which passes on {worst}"
            help = f"Use ReLU in place of {kinds}, or put norms or shortcuts (Add) between the layers."
        else:
            layers_between = sum(self._places[id].matrix for id in between)
            way = f"through {_count(layers_between, 'layer')}"
            help = "Put norms or shortcuts (Add) between the layers, or begin with `he` weights."
        share = _relative(weak[0]) / most
        few = f"It and {_count(len(weak) - 1, 'layer')} after it learn" if len(weak) > 1 else "It learns"
        message = (
            f"`{weak[0].name}`: the gradient vanishes on its way back from `{strongest.name}` {way}: beside the "
            f"weights it is {_figure(share)} of what it is there. {few} next to nothing. {help}"
        )
        yield self._trouble("vanishing", weak[0].id, message, [layer.id for layer in weak[1:]])

    def _growing(self, layers: Sequence[LayerWatch], heard: Heard) -> Iterable[Trouble]:
        """Outputs that grow on their way forward."""
        through = [at for at in layers if at.output is not None and not self._places[at.id].judged]
        begin = next((heard.input[at.id] for at in through if heard.input.get(at.id)), 0.0)
        if not begin or not math.isfinite(begin):
            return
        top = max(through, key=lambda at: at.output or 0.0)
        if (top.output or 0.0) < GROWTH * max(begin, 1.0):
            return
        gains = {at.id: (at.output or 0.0) / heard.input[at.id] for at in through if heard.input.get(at.id)}
        worst = max((at for at in through if at.id in gains), key=lambda at: gains[at.id])
        place = self._places[worst.id]
        others = [at.id for at in through if gains.get(at.id, 0.0) >= 0.3 * gains[worst.id] and at is not worst]
        why = "what it adds up is too large"
        if place.matrix and worst.weight is not None:
            matrix = next(w for w in place.module.parameters() if w.ndim > 1)
            usual = math.sqrt(2 / max(matrix[0].numel(), 1))
            if worst.weight > 2 * usual:
                why = f"its weights are about {_figure(worst.weight)}, and `he` would have them at {_figure(usual)}"
        message = (
            f"`{worst.name}`: the outputs explode. They grow from {_figure(begin)} to {_figure(top.output or 0.0)} at "
            f"`{top.name}`, most here ({_figure(gains[worst.id])} times): {why}. Begin with `he` or `xavier` weights, "
            "put a norm behind it, or lower the learning rate if they grew in training."
        )
        yield self._trouble("exploding", worst.id, message, others, self._init_fix(place.call))

    def _steep(self, layers: Sequence[LayerWatch]) -> Iterable[Trouble]:
        """Gradients that dwarf the weights."""
        if self._recipe.clip_norm or self._recipe.clip_value:
            return  # they are cut to size
        steep = [at for at in layers if at.relative is not None and at.relative >= EXPLODING]
        if not steep:
            return
        worst = max(steep, key=_relative)
        clipped = replace(self._recipe, clip_norm=1.0)
        lower = self._recipe.learning_rate / 10
        message = (
            f"`{worst.name}`: the gradient explodes. It is {_figure(_relative(worst))} times as large as the weights; "
            f"a step usually changes a thousandth of them. Clip the gradient to a norm of 1, put norms between the "
            f"layers, or lower the learning rate to {lower:g}."
        )
        fixes = (Fix("Clip the gradient to norm 1", 0, (SetRecipe(clipped),)), self._rate_fix())
        yield self._trouble("exploding", worst.id, message, [at.id for at in steep if at is not worst], fixes)

    def _dead(self, layers: Sequence[LayerWatch], heard: Heard) -> Iterable[Trouble]:
        for at in layers:
            if at.dead is None:
                continue
            if at.dead < DEAD:
                self._alive.add(at.id)
                continue
            place = self._places[at.id]
            fed = next((self._places[id] for id in place.fed if id in self._places), None)
            lived = at.id in self._alive
            bias, before = _bias(fed), f"`{fed.call.name}`" if fed is not None else "what feeds it"
            if lived:
                why = "They were active before: steps that are too large have pushed them there"
            elif bias is not None and bias < -1:
                why = f"The biases of {before} are about {_figure(bias)}, so nothing positive arrives"
            else:
                why = f"What arrives from {before} has been negative from the start"
            lower = self._recipe.learning_rate / 10
            message = (
                f"`{at.name}`: {_percent(at.dead)} of its units were never active in {max(heard.batches, 1)} measured "
                f"batches: they are dead, pass no gradient back and cannot recover. {why}. Use LeakyReLU, begin with "
                f"biases of 0, or lower the learning rate to {lower:g}."
            )
            others = [fed.call.id] if fed is not None and fed.matrix else []
            yield self._trouble("dead", at.id, message, others, (*self._leak_fix(place.call), self._rate_fix()))

    def _saturated(self, layers: Sequence[LayerWatch]) -> Iterable[Trouble]:
        for at in layers:
            place = self._places[at.id]
            if at.saturated is None or at.saturated < SATURATED or place.last or place.judged:
                continue
            kind = SQUASHERS.get(place.call.block)
            if kind is None:
                continue
            message = (
                f"`{at.name}`: {_percent(at.saturated)} of its values are saturated, where a {kind} is flat and passes "
                "hardly any gradient back. Put a norm before it, begin with `xavier` weights, or use ReLU."
            )
            yield self._trouble("saturated", at.id, message)

    # words and fixes --------------------------------------------------------------------------------------------------

    def _trouble(
        self, code: str, id: str, message: str, others: Iterable[str] = (), fixes: tuple[Fix, ...] = ()
    ) -> Trouble:
        call = self._places[id].call
        return Trouble(code, "warning", id, call.name, call.where, call.node, message, tuple(others), fixes)

    def _rate_fix(self) -> Fix:
        return rate_fix(self._recipe)

    def _init_fix(self, call: Call) -> tuple[Fix, ...]:
        setting = _setting(call, "init")
        if setting is None or call.settings.get("init", setting) == "he":
            return (self._rate_fix(),)
        change: Change = set_setting(call.where, call.node, "init", "he")
        return Fix(f"Begin `{call.name}` with he weights", 0, (change,)), self._rate_fix()

    def _leak_fix(self, call: Call) -> tuple[Fix, ...]:
        if _setting(call, "activation") is None:
            return ()
        change: Change = set_setting(call.where, call.node, "activation", "leaky_relu")
        return (Fix(f"Give `{call.name}` a leaky ReLU", 0, (change,)),)


def rate_fix(recipe: Recipe, rate: float = 0.0) -> Fix:
    """Train with a lower rate: a tenth, or the one that is given."""
    lower = rate or float(f"{recipe.learning_rate / 10:.3g}")
    return Fix(f"Lower the learning rate to {lower:g}", 0, (SetRecipe(replace(recipe, learning_rate=lower)),))


def _setting(call: Call, name: str) -> object | None:
    card = catalogue.load().get(call.block)
    found = card.setting(name) if card is not None else None
    return found.default if found is not None else None


def _bias(place: Place | None) -> float | None:
    bias = getattr(place.module, "bias", None) if place is not None else None
    return float(bias.detach().float().mean()) if isinstance(bias, nn.Parameter) else None


def _relative(layer: LayerWatch) -> float:
    return layer.relative or 0.0


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1 and ' and ' not in what)}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.2g}"
