"""A preview: the drawing is compiled, run once on one sample, and every node shows what it makes of it.

What is shown is what training would run: the same compiled graph, in eval mode, with a batch of one. The valid part of
a drawing with errors is shown too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from app.design.values import Design, End
from app.engine.analysis import Analyser
from app.engine.augment.normal import as_trained, numbers_of
from app.engine.compile import Network, compile_part
from app.engine.preview import answers, looks, plan, sample
from app.engine.preview.filters import first_filters
from app.engine.preview.plan import Plan, PreviewError
from app.engine.preview.running import Stopped, Watcher, parts
from app.engine.preview.weights import make_root
from app.engine.walk import Walk
from app.messages.preview import GetPreview, Look, PortLook, Preview

__all__ = ["PreviewError", "Stopped", "preview"]


def preview(
    analyser: Analyser, design: Design, request: GetPreview, stop: Callable[[], bool] = lambda: False
) -> Preview:
    """Run `design` once and show what every node makes of the sample that `request` names.

    `stop` is asked before every node. Raises PreviewError, Stopped, or what the sample and the weights raise.
    """
    walk = analyser.walk(design)
    work = plan.plan_of(design, walk, request.detail)
    root, whose = make_root(walk, work.valid, run=request.run, file=request.file, seed=request.seed)
    network = compile_part(walk, work.valid, root)
    shown = sample.choose(
        design.recipe.data, network.inputs, network.targets, request.sample, request.picture,
        _readers(walk, work, root),
    )  # fmt: skip
    looking = _Looking(request.detail, work, network, shown)
    watcher = Watcher(network.module, looking.take, attend=work.attend, stop=stop)
    numbers = numbers_of(design.recipe, request.run)
    ready = [as_trained(x, numbers) if p else x for x, p in zip(shown.inputs, shown.pictures, strict=True)]
    given: list[torch.Tensor | None] = [*ready, *(shown.targets.get(t.name) for t in network.targets)]
    at = next((i for i, is_picture in enumerate(shown.pictures) if is_picture), None)
    at = at if answers.expected(walk, work.valid) else None  # a gradient costs time and memory
    pixels = None if at is None else shown.inputs[at].detach().clone().requires_grad_()
    if at is not None and pixels is not None:
        # Times 1: a block that works in place may not do so on what the gradient is asked for.
        given[at] = as_trained(pixels * 1, numbers)
    with torch.set_grad_enabled(pixels is not None):
        scores = answers.scores_of(watcher.outputs(*given))
    notes = [*shown.said, *work.said]
    notes += [f"{walk.steps[id].call.name} could not be run: {why}" for id, why in list(watcher.failed.items())[:1]]
    saliency = None
    if scores is None:
        notes.append("No Output gives one number a class, so there is no answer and no saliency.")
    elif at is not None and pixels is not None:
        id = work.inputs[network.inputs[at].name]
        saliency = answers.saliency(id, scores, pixels, request.target, shown.classes)
    return Preview(
        request.job, whose, shown.words,
        outputs=tuple(looking.outputs),
        same=plan.same(walk, {End(port.id, port.port) for port in looking.outputs}),
        detail=tuple(looking.detail),
        attention=tuple(watcher.attention),
        filters=first_filters(walk, work.valid, work.attend, root),
        answers=() if scores is None else answers.answers(scores, shown.classes),
        classes=0 if scores is None else scores.shape[1],
        saliency=saliency,
        choices=shown.choices,
        samples=shown.samples,
        skipped=(*work.skipped, *plan.not_run(walk, work, looking.seen, watcher.failed)),
        said=tuple(notes),
    )  # fmt: skip


class _Looking:
    """Takes what the calls give and makes pictures of what is asked for."""

    def __init__(self, detail: str, work: Plan, network: Network, shown: sample.Shown) -> None:
        self._asked, self._work = detail, work
        named = {spec.name for spec, is_picture in zip(network.inputs, shown.pictures, strict=True) if is_picture}
        values = {spec.name: value for spec, value in zip(network.inputs, shown.inputs, strict=True)}
        self._pictures = {id: values[name] for name, id in work.inputs.items() if name in named}
        """They are shown as they are, not as Normalise makes them."""
        self.outputs: list[PortLook] = []
        self.detail: list[PortLook] = []
        self.seen: set[str] = set()

    def take(self, id: str, value: Any) -> None:
        """What the call `id` gives."""
        self.seen.add(id)
        sample_itself = id in self._pictures
        value = self._pictures.get(id, value)
        for port, levels in parts(value, self._work.ports[id]):
            end = End(id, port)
            kind = self._work.ports[id][port]
            if end in self._work.shown:
                self.outputs.append(PortLook(id, port, _looks(levels, looks.SMALL, kind, sample_itself)))
            if end in self._work.detail:
                made = _looks(levels, looks.WHOLE if sample_itself else looks.LARGE, kind, sample_itself)
                self.detail += [PortLook(self._asked, name, made) for name in self._work.detail[end]]


def _looks(levels: list[torch.Tensor] | None, bounds: looks.Bounds, kind: str, colour: bool) -> tuple[Look, ...]:
    if levels is None:
        return (looks.nothing(f"There is no picture of {kind}."),)
    part = looks.shared(bounds, len(levels))
    return tuple(looks.look(level, part, colour=colour) for level in levels)


def _readers(walk: Walk, work: Plan, root: nn.Module) -> Mapping[str, list[nn.Module]]:
    """The modules that read each Input, by its name."""
    names = {id: name for name, id in work.inputs.items()}
    found: dict[str, list[nn.Module]] = {}
    for id in work.valid:
        call = walk.steps[id].call
        for end in walk.expanded.sources[id].values():
            if end.node in names and call.block != "Output":
                found.setdefault(names[end.node], []).append(root.get_submodule(call.module))
    return found
