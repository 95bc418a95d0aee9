"""Repairs that change settings: back to what is accepted, to what divides, to what fits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from app.design import changes
from app.design.edits import settings_of
from app.design.paths import show_value
from app.design.values import Design, Expression, SettingValue, has_expression
from app.engine.repairs.common import Candidate
from app.engine.walk import Walk
from app.messages.reports import Problem
from blocks.card import Setting

if TYPE_CHECKING:
    from app.engine.analysis import Analyser


def change_dtype(walk: Walk, problem: Problem) -> Iterator[Candidate]:
    """Let the Input or Target that the value comes from give the other type."""
    step = walk.steps[problem.id]
    refusal = step.measured.refusal if step.measured else None
    end = walk.expanded.sources[problem.id].get(problem.port)
    while end is not None and walk.expanded.sources[end.node]:
        end = next(iter(walk.expanded.sources[end.node].values()))
    if refusal is None or end is None or walk.steps[end.node].call.block not in ("Input", "Target"):
        return
    call, needed = walk.steps[end.node].call, refusal.detail.get("needed", "")
    yield f"Set {call.name}'s dtype to {needed}", (changes.set_setting(call.where, call.node, "dtype", needed),)


def match_target(walk: Walk, problem: Problem) -> Iterator[Candidate]:
    """Give a Target the size of what it is compared with."""
    step, above = walk.steps[problem.id], walk.steps.get(problem.blame)
    refusal = step.measured.refusal if step.measured else None
    needed = refusal.detail.get("needed") if refusal else None
    if above is not None and above.call.block == "Target" and isinstance(needed, tuple):
        title = f"Set {above.call.name}'s size to {'x'.join(map(str, needed)) or 'one number'}"
        yield title, (changes.set_setting(above.call.where, above.call.node, "size", needed),)


def smaller_kernel(walk: Walk, problem: Problem) -> Iterator[Candidate]:
    """A kernel as large as its input, or padding that makes the input large enough."""
    step = walk.steps[problem.id]
    shape = next((v[0].shape for v in step.inputs.values() if v), ())
    if step.card is None or len(shape) != 4:
        return
    kernel = step.call.settings.get("kernel_size")
    setting = step.card.setting("kernel_size")
    if setting is None:
        return
    kernel = setting.default if kernel is None else kernel
    if isinstance(kernel, tuple) and len(kernel) == 2:
        fitting = tuple(min(int(k), s) for k, s in zip(kernel, shape[2:], strict=True))  # type: ignore[arg-type]
        title = f"Set kernel_size to {fitting[0]}x{fitting[1]}"
        yield title, (changes.set_setting(problem.where, problem.node, "kernel_size", fitting),)
        same = tuple(int(k) // 2 for k in kernel)  # type: ignore[arg-type]
        title = f"Set padding to {same[0]}x{same[1]}"
        yield title, (changes.set_setting(problem.where, problem.node, "padding", same),)


def reset_setting(analyser: Analyser, design: Design, walk: Walk, problem: Problem) -> Iterator[Candidate]:
    """Put back what the node does not accept."""
    node = design.graph(problem.where).by_id[problem.node]
    declared = settings_of(design, node, analyser.cards)
    if declared is None:
        return
    by_name = {s.name: s for s in declared}
    resolved = walk.steps[problem.id].call.settings if problem.id in walk.steps else node.settings
    if problem.code == "setting-unknown":
        strange = [name for name in node.settings if name not in by_name]
        title = f"Forget {', '.join(strange[:3])}" + (f" and {len(strange) - 3} more" if len(strange) > 3 else "")
        yield title, tuple(changes.set_setting(problem.where, problem.node, name, None) for name in strange)
        return
    for name, value in node.settings.items():
        setting = by_name.get(name)
        if setting is None or (problem.code == "setting" and _accepted(setting, resolved.get(name, value))):
            continue
        if problem.code == "expression" and not has_expression(value):
            continue
        title = f"Set {name} back to {show_value(setting.default)}"
        yield title, (changes.set_setting(problem.where, problem.node, name, None),)


def _accepted(setting: Setting, value: SettingValue) -> bool:
    try:
        setting.accept(value)
    except ValueError:
        return isinstance(value, Expression)
    return True


def unshare(design: Design, walk: Walk, problem: Problem) -> Iterator[Candidate]:
    """Set what differs as the owner of the weights has it, or stop sharing them or following them."""
    node = design.graph(problem.where).by_id[problem.node]
    owner = design.graph(problem.where).by_id.get(node.shares or node.follows)
    if owner is not None and owner is not node:
        settings = {**dict.fromkeys(node.settings), **owner.settings}
        differing = {k: v for k, v in settings.items() if node.settings.get(k) != v}
        if differing:
            edit = tuple(changes.set_setting(problem.where, node.id, k, v) for k, v in differing.items())
            yield f"Set {', '.join(differing)} as in {owner.name}", edit
    places = [(problem.where, problem.node)]
    places += [(g.where, g.node) for g in walk.expanded.groups if problem.id in g.members]
    for where, id in places:
        sharer = design.graph(where).by_id[id]
        if sharer.shares or sharer.follows:
            each = "each repetition" if sharer.shares == sharer.id else sharer.name
            yield f"Give {each} weights of its own", (changes.SetShares(where, id, ""),)


def shrink_less(design: Design, walk: Walk, problem: Problem) -> Iterator[Candidate]:
    """Where an image has become too small: shrink it less above, or give the network a larger one."""
    above = walk.steps.get(problem.blame)
    if above is None or above.card is None or problem.blame == problem.id:
        return
    call, setting = above.call, above.card.setting("stride")
    if setting is not None and call.block != "Input":
        value = 1 if setting.type == "int" else (1, 1)
        title = f"Set {call.name}'s stride to {show_value(value)}"
        yield title, (changes.set_setting(call.where, call.node, "stride", value),)
    for step in walk.steps.values():
        call, measured = step.call, step.measured
        shape = measured.outputs[0][0].shape if measured is not None and measured.outputs else ()
        if call.block != "Input" or len(shape) != 4:
            continue
        for factor in (2, 4, 8, 16):
            size = (shape[1], shape[2] * factor, shape[3] * factor)
            title = f"Set {call.name}'s size to {'x'.join(map(str, size))}"
            yield title, (changes.set_setting(call.where, call.node, "size", size),)
        return


def order_for(walk: Walk, problem: Problem) -> Iterator[Candidate]:
    """An order that names as many sizes as there are, the last two swapped."""
    step = walk.steps.get(problem.id)  # None: a whole Group
    value = next((v for v in step.inputs.values() if v), None) if step is not None else None
    if step is None or step.card is None or not step.card.setting("order") or value is None or len(value[0].shape) < 3:
        return
    rank = len(value[0].shape)
    order = (*range(1, rank - 2), rank - 1, rank - 2)
    title = f"Set order to {show_value(order)}"
    yield title, (changes.set_setting(problem.where, problem.node, "order", order),)
