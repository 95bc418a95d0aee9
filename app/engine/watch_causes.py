"""Finds the operation that first gave infinity or no number, forward or on the way back, and says why in a sentence."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

LOGS = {"log", "log2", "log10", "log_", "logit", "xlogy", "log1p"}
ROOTS = {"sqrt", "sqrt_", "rsqrt"}
DIVISIONS = {
    "div", "div_", "true_divide", "divide", "__truediv__", "__rtruediv__", "__div__", "__rdiv__", "reciprocal",
    "rsqrt", "floor_divide", "remainder", "fmod",
}  # fmt: skip
POWERS = {"exp", "exp_", "exp2", "expm1", "cosh", "sinh", "pow", "__pow__", "__rpow__", "square"}
ARCS = {"asin", "acos", "arcsin", "arccos", "atanh", "acosh"}
MASKING = {"masked_fill", "masked_fill_", "full", "full_like", "new_full", "fill_", "where", "masked_scatter"}
"""They put infinities where they are wanted: those of an attention's mask, say."""
HALF, SINGLE = 65504.0, 3.4e38


@dataclass
class Step:
    """One function of the network as it ran."""

    call: str
    name: str
    inputs: list[torch.Tensor]
    outputs: list[torch.Tensor]
    low: list[float]
    high: list[float]
    """The least and the largest number in each input, before it ran."""
    sound: bool
    """Whether all that went in was finite."""
    finite: bool
    """Whether all that came out was."""
    nan: bool = False
    scalars: tuple[float, ...] = ()
    slope: bool | None = None
    """Whether the gradient of its output was finite; None where none came."""


@dataclass
class Probe:
    """Runs a network on one batch and notes each function."""

    calls: dict[nn.Module, list[str]]
    steps: list[Step] = field(default_factory=list)
    order: list[int] = field(default_factory=list)
    """The steps in the order in which their gradients came."""

    def run(self, forward: Callable[[], Any]) -> Any:
        """Run `forward` and note what it does."""
        at: list[str] = []
        counts: dict[nn.Module, int] = {}

        def enter(module: nn.Module, _inputs: Any) -> None:
            run = counts.get(module, 0)
            counts[module] = run + 1
            at.append(self.calls[module][min(run, len(self.calls[module]) - 1)])

        def leave(_module: nn.Module, _inputs: Any, _output: Any) -> None:
            at.pop()

        handles = [m.register_forward_pre_hook(enter) for m in self.calls]
        handles += [m.register_forward_hook(leave) for m in self.calls]
        try:
            with _Noting(self, at):
                return forward()
        finally:
            for handle in handles:
                handle.remove()

    def note(self, step: Step) -> None:
        number = len(self.steps)
        self.steps.append(step)

        def slope(gradient: torch.Tensor) -> None:
            step.slope = bool(torch.isfinite(gradient).all()) and step.slope is not False
            self.order.append(number)

        for output in step.outputs:
            if output.requires_grad:
                output.register_hook(slope)

    def forward_culprit(self) -> Step | None:
        """The function that first made what is no number of what was: of several in one node the one that gave NaN."""
        broken = [s for s in self.steps if s.sound and not s.finite]
        real = [s for s in broken if s.name not in MASKING and s.call]
        return next(iter(real or broken), None)

    def backward_culprit(self, weights: Iterator[nn.Parameter]) -> Step | None:
        """The function whose gradient was finite behind it and no number before it."""
        bad = next((self.steps[i] for i in self.order if self.steps[i].slope is False), None)
        if bad is not None:
            found = [s for s in self.steps if any(a is b for a in s.inputs for b in bad.outputs)]
        else:
            broken = {id(w) for w in weights if w.grad is not None and not torch.isfinite(w.grad).all()}
            found = [s for s in self.steps if any(id(a) in broken for a in s.inputs)]
        return next((s for s in reversed(found) if s.slope is not False), found[-1] if found else None)


class _Noting(TorchFunctionMode):
    def __init__(self, probe: Probe, at: list[str]) -> None:
        super().__init__()
        self._probe, self._at = probe, at

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        if name in ("__get__", "__set__", "size", "dim", "numel", "is_floating_point", "detach"):
            return func(*args, **(kwargs or {}))
        inputs = [x for x in _tensors((args, kwargs or {})) if x.is_floating_point()]
        with torch.no_grad():
            ranges = [_range(x) for x in inputs]
        given = func(*args, **(kwargs or {}))
        outputs = [x for x in _tensors(given) if x.is_floating_point()]
        if outputs:
            with torch.no_grad():
                finite = all(bool(torch.isfinite(x).all()) for x in outputs)
                nan = any(bool(torch.isnan(x).any()) for x in outputs)
            scalars = tuple(float(a) for a in args if isinstance(a, (int, float)) and not isinstance(a, bool))
            self._probe.note(
                Step(
                    self._at[-1] if self._at else "", name, inputs, outputs, [low for low, _ in ranges],
                    [high for _, high in ranges], all(math.isfinite(low + high) for low, high in ranges), finite, nan,
                    scalars,
                )
            )  # fmt: skip
        return given


def _range(value: torch.Tensor) -> tuple[float, float]:
    if not value.numel():
        return 0.0, 0.0
    low, high = value.detach().double().cpu().aminmax()  # a sum of both must not overflow
    return float(low), float(high)


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _tensors(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _tensors(each)


# in words -------------------------------------------------------------------------------------------------------------


def forward_words(step: Step) -> tuple[str, str, str]:
    """(kind, what happened, what helps). Kinds: log, root, division, power, arc, half, overflow."""
    low = step.low[0] if step.low else 0.0
    high = step.high[0] if step.high else 0.0
    if step.name in LOGS:
        edge = -1.0 if step.name == "log1p" else 0.0
        if low <= edge or step.name == "logit":
            what = "the logarithm of 0" if low == edge else f"the logarithm of a negative number ({low:.3g})"
            return "log", what, "Keep what goes in above 0: `torch.log(a.clamp(min=1e-6))`, or log-softmax for scores"
    if step.name in ROOTS and low < 0:
        what = f"the square root of a negative number ({low:.3g})"
        return "root", what, "Keep what goes in at 0 or above: `torch.sqrt(a.clamp(min=1e-6))`"
    if step.name in DIVISIONS and _divides_by_0(step):
        return "division", "a division by 0", "Add a small number below the fraction: `a / (b + 1e-6)`"
    if step.name in ARCS:
        return "arc", f"{step.name} of numbers from {low:.3g} to {high:.3g}", "Keep what goes in between -1 and 1"
    if any(x.dtype == torch.float16 for x in step.outputs):
        what = f"an overflow: half precision (fp16) ends at {HALF:,.0f}, and more comes out of {step.name}"
        return "half", what, "Train with precision bf16, which reaches as far as 32 bits, or with 32"
    if step.name in POWERS:
        what = f"an overflow: {step.name.strip('_')} of {max(abs(low), abs(high)):.3g} is larger than a number can be"
        return "power", what, "Keep what goes in small: put a norm before it, or subtract the largest value first"
    most = max((max(abs(low), abs(high)) for low, high in zip(step.low, step.high, strict=True)), default=0.0)
    return "overflow", f"an overflow: what goes into {step.name.strip('_')} reaches {most:.3g}", ""


def _divides_by_0(step: Step) -> bool:
    if step.name in ("reciprocal", "rsqrt", "__rtruediv__", "__rdiv__"):
        return step.low[0] <= 0 <= step.high[0]
    if len(step.inputs) > 1:
        return step.low[1] <= 0 <= step.high[1]
    return 0.0 in step.scalars


def backward_words(step: Step) -> tuple[str, str, str]:
    """As `forward_words`, for a gradient."""
    low = step.low[0] if step.low else 0.0
    if step.name in ROOTS | {"norm", "vector_norm", "pow", "__pow__", "std", "cdist", "pairwise_distance"}:
        what = "the gradient of a root at 0 is infinite"
        return "root", what, "Keep what goes in above 0: `torch.sqrt(a.clamp(min=1e-6))`"
    if step.name in LOGS:
        return "log", f"the gradient of a logarithm at {low:.3g} is infinite", "Keep what goes in above 0"
    if step.name in DIVISIONS:
        return "division", "the gradient of a division by 0 is infinite", "Add a small number below the fraction"
    if step.name in ARCS:
        return "arc", f"the gradient of {step.name} at the end of its range is infinite", "Keep what goes in inside it"
    return "overflow", f"the gradient of {step.name.strip('_')} is no number", ""
