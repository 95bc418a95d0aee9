"""From a drawing to a `torch.fx.GraphModule`: node names are the state_dict's names, and the forward is plain calls."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import torch
from torch import fx, nn

from app.design.names import free_name
from app.design.values import Design, End
from app.engine.analysis import Analyser
from app.engine.fitting import STRETCH, Fit
from app.engine.following import Follower, begin
from app.engine.room import free_memory
from app.engine.walk import Step, Walk, arguments_of, reaching
from app.messages.reports import Problem
from blocks import catalogue
from blocks.metrics.counted import Counted


class InvalidDesignError(ValueError):
    """A design that cannot be compiled; `problems` say why."""

    def __init__(self, message: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class InputSpec(NamedTuple):
    """An Input: its shape is without the batch."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    fit: Fit = STRETCH

    @property
    def is_image(self) -> bool:
        """Whether it takes channels, height and width."""
        return len(self.shape) == 3 and self.dtype.startswith("float") and min(self.shape[1:]) > 1


class TargetSpec(NamedTuple):
    """A Target: which field of the data it takes."""

    name: str
    field: str
    shape: tuple[int, ...]
    dtype: str
    fit: Fit = STRETCH


class Network(NamedTuple):
    """A compiled design.

    For inference `module(*inputs)` gives the output, or a tuple of them in the order of `outputs` (a pyramid is a
    list). For training `module(*inputs, *targets)` gives a dict from the name of each loss and metric to its scalar.
    `root` holds all weights; both purposes may be compiled over one root.
    """

    module: fx.GraphModule
    root: nn.Module
    inputs: tuple[InputSpec, ...]
    targets: tuple[TargetSpec, ...]
    outputs: tuple[str, ...]
    losses: tuple[str, ...]
    metrics: tuple[str, ...]
    counted: Mapping[str, str] = MappingProxyType({})
    """The metrics that are counted over a whole split, and where in `root` their block is. In the dict that `module`
    gives they have what is wired to them, in the place of a scalar: see `app.engine.meters`."""
    followers: tuple[Follower, ...] = ()
    """Whose weights follow others at each step of training."""


Purpose = Literal["inference", "training"]
CALL = "call"
"""Under this the graph's nodes know, in their `meta`, which call of the drawing they are."""

_analyser: Analyser | None = None


def shared_analyser() -> Analyser:
    """The process's analyser, whose memo analysis and compilation share."""
    global _analyser
    if _analyser is None:
        cards = catalogue.load()
        _analyser = Analyser(cards, catalogue.classes())
    return _analyser


def compile_design(design: Design, purpose: Purpose = "inference", root: nn.Module | None = None) -> Network:
    """Compile for `purpose`, keeping what an Output (inference) or a loss (training) needs and dropping the rest.

    The weights are made new, by torch's random numbers as they stand, or are those of `root`. Raises
    InvalidDesignError when the design has errors, or lacks an Output or a loss.
    """
    analyser = shared_analyser()
    analysis = analyser.analyse(design, with_fixes=False)
    errors = [p for p in analysis.problems if p.severity == "error"]
    if errors:
        raise InvalidDesignError(errors[0].message, tuple(errors))
    walk = analyser.walk(design)
    goals = _goals(walk, purpose)
    if purpose == "training" and not any(_category(walk.steps[g]) == "Loss" for g in goals):
        raise InvalidDesignError("The design has no loss, so there is nothing to train on: add a Target and a loss")
    if not goals:
        raise InvalidDesignError("The design has no Output, so there is nothing to keep: wire the last block to one")
    if root is None:
        root = build_root(walk)
    needed = reaching(walk, set(goals))
    return _trace(walk, needed, goals, root, purpose)


def compile_trainable(design: Design) -> Network:
    """Compile for training, or where the design has no loss for inference. Raises InvalidDesignError."""
    try:
        return compile_design(design, "training")
    except InvalidDesignError as error:
        if error.problems:
            raise
        return compile_design(design, "inference")


def compile_part(walk: Walk, needed: set[str], root: nn.Module) -> Network:
    """Compile the calls `needed`, all of which run, over the weights of `root`: also those that feed no Output."""
    goals = [id for id in _goals(walk, "inference") if id in needed]
    return _trace(walk, needed, goals, root, "inference")


def make_block(step: Step) -> nn.Module:
    """The block of a call, with new weights."""
    made: nn.Module = catalogue.classes()[step.call.block](**arguments_of(step))
    return made


def build_root(
    walk: Walk, needed: Collection[str] | None = None, make: Callable[[Step], nn.Module] = make_block
) -> nn.Module:
    """A tree of modules that holds the weights of every call (or of those `needed`), each at its `module` path.

    Raises InvalidDesignError where they would not fit into memory, before anything is allocated.
    """
    _check_room(walk, needed)
    root = nn.Module()
    for id, step in walk.steps.items():
        if _is_end(step) or (needed is not None and id not in needed):
            continue
        parent, name = _parent(root, step.call.module)
        if name not in parent._modules:
            module = make(step)
            if step.call.frozen:
                module.requires_grad_(False)
            parent.add_module(name, module)
    begin(root, [f for f in _followers(walk) if {f.path, f.leader} <= set(_homes(walk, needed))])
    return root


LIGHT = 2**28
"""Bytes of weights for which nobody asks whether there is room."""


def _check_room(walk: Walk, needed: Collection[str] | None) -> None:
    weights: dict[str, int] = {}
    largest = 0
    for id, step in walk.steps.items():
        if step.measured is not None and (needed is None or id in needed):
            weights.setdefault(step.call.module, step.measured.weight_bytes)
            largest = max(largest, step.measured.ports)
    whole = sum(weights.values()) + largest
    if whole < LIGHT or torch.get_default_device().type == "meta":
        return
    free = free_memory("cpu")
    if free is not None and whole > free:
        raise InvalidDesignError(
            f"Its weights and its largest layer's tensors need {whole / 1e9:,.1f} GB, but this machine has "
            f"{free / 1e9:,.1f} GB left: make the design or its input smaller"
        )


def _homes(walk: Walk, needed: Collection[str] | None) -> set[str]:
    return {step.call.module for id, step in walk.steps.items() if needed is None or id in needed}


def _followers(walk: Walk) -> tuple[Follower, ...]:
    """Every module that follows another which is made alike, once."""
    first: dict[str, Step] = {}
    for step in walk.steps.values():
        if step.measured is not None and not _is_end(step):
            first.setdefault(step.call.module, step)
    return tuple(
        Follower(home, step.call.follows, step.call.momentum)
        for home, step in first.items()
        if (leader := first.get(step.call.follows)) is not None and arguments_of(step) == arguments_of(leader)
    )


def _parent(root: nn.Module, path: str) -> tuple[nn.Module, str]:
    *parents, name = path.split(".")
    for part in parents:
        if part not in root._modules:
            root.add_module(part, nn.Module())
        root = root._modules[part]  # type: ignore[assignment]
    return root, name


def _is_end(step: Step) -> bool:
    return step.call.block in ("Input", "Target", "Output")


def _category(step: Step) -> str:
    return step.card.category if step.card else ""


def _goals(walk: Walk, purpose: Purpose) -> list[str]:
    if purpose == "inference":
        return [id for id, step in walk.steps.items() if step.call.block == "Output"]
    return [id for id, step in walk.steps.items() if _category(step) in ("Loss", "Metric") and _judges(walk, id)]


def _judges(walk: Walk, id: str) -> bool:
    """Whether a loss or metric has its target: one that may be left open, and is, only answers."""
    card = walk.steps[id].card
    open_target = card is not None and any(port.name == "target" and port.optional for port in card.inputs)
    return not open_target or _category(walk.steps[id]) == "Loss" or "target" in walk.expanded.sources[id]


def _trace(walk: Walk, needed: set[str], goals: list[str], root: nn.Module, purpose: Purpose) -> Network:
    graph = fx.Graph()
    given: dict[End, fx.Node] = {}
    inputs: list[InputSpec] = []
    targets: list[TargetSpec] = []
    arguments: set[str] = set()
    steps = [walk.steps[call.id] for call in walk.expanded.calls if call.id in needed]
    for step in [s for s in steps if s.call.block == "Input"] + [s for s in steps if s.call.block == "Target"]:
        call, shape = step.call, step.measured.outputs[0][0]  # type: ignore[union-attr]
        # `a_b` and `b` inside the Group `a` would be one argument of the forward: names are made to differ.
        argument = free_name(call.name, arguments)
        arguments.add(argument)
        node = graph.placeholder(argument)
        node.meta[CALL] = call.id
        given[End(call.id, "out")] = node
        if call.block == "Input":
            inputs.append(InputSpec(call.name, shape.shape[1:], shape.dtype))
        else:
            field = str(_setting(step, "field"))
            targets.append(TargetSpec(call.name, field, shape.shape[1:], shape.dtype))
    results: dict[str, Any] = {}
    counted = _counted(walk, needed, goals) if purpose == "training" else {}
    for step in steps:
        if step.call.block in ("Input", "Target"):
            continue
        sources = walk.expanded.sources[step.call.id]
        if step.call.block == "Output":
            results[step.call.name] = given[sources["x"]]
            continue
        if step.call.id in counted:
            results[step.call.name] = _arguments(step, sources, given)
            continue
        node = graph.call_module(step.call.module, _arguments(step, sources, given))
        node.meta[CALL] = step.call.id
        outputs = walk.given.get(step.call.id, [])
        if len(outputs) == 1:
            given[outputs[0]] = node
        else:
            for i, end in enumerate(outputs):
                given[end] = graph.call_function(operator.getitem, (node, i))
        if step.call.id in goals:
            results[step.call.name] = node
    if purpose == "training":
        graph.output(results)
    else:
        values = list(results.values())
        graph.output(values[0] if len(values) == 1 else tuple(values))
    module = fx.GraphModule(root, graph, class_name="Network")
    graph.lint()
    alias_submodules(module)
    losses = tuple(walk.steps[g].call.name for g in goals if _category(walk.steps[g]) == "Loss")
    metrics = tuple(walk.steps[g].call.name for g in goals if _category(walk.steps[g]) == "Metric")
    names = tuple(results) if purpose == "inference" else ()
    meters = {walk.steps[id].call.name: path for id, path in counted.items()}
    homes = {step.call.module for step in steps}
    followers = tuple(f for f in _followers(walk) if f.path in homes) if purpose == "training" else ()
    return Network(module, root, tuple(inputs), tuple(targets), names, losses, metrics, meters, followers)


def _counted(walk: Walk, needed: set[str], goals: list[str]) -> dict[str, str]:
    """The metrics among the goals that are counted over a split, and feed nothing else: where their block is."""
    fed = {end.node for id in needed for end in walk.expanded.sources[id].values()}
    steps = [walk.steps[id] for id in goals if id not in fed]
    return {s.call.id: s.call.module for s in steps if issubclass(catalogue.classes()[s.call.block], Counted)}


def _arguments(step: Step, sources: dict[str, End], given: dict[End, fx.Node]) -> tuple[Any, ...]:
    """What the block's forward is called with, in the order of its ports; None for an optional one left open."""
    return tuple(given[sources[name]] if name in sources else None for name in step.used)


def _setting(step: Step, name: str) -> Any:
    assert step.card is not None
    declared = step.card.setting(name)
    return step.call.settings.get(name, declared.default if declared else None)


def alias_submodules(module: nn.Module) -> None:
    """Put every submodule into its parent's `__dict__` too: `self.encoder.conv` then needs no `__getattr__`, which
    costs a fifth of the time of small layers inside Groups."""
    for parent in module.modules():
        for name, child in parent._modules.items():
            if child is not None:
                parent.__dict__[name] = child
