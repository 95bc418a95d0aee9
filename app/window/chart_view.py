"""What charts have in common: the runs that are drawn, how, and in which colours."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.window.series import GPU_MEMORY, MACHINE, MEMORY, RATE, Points

COLOURS = {True: {"train": "#5b9cf6", "validation": "#f0a13c"}, False: {"train": "#2563eb", "validation": "#b45f06"}}
"""The colours of the splits, dark and light; validation has points as well, so colour does not say it alone."""
RUN_COLOURS = {
    True: ("#4cc38a", "#b57bf0", "#e56fb3", "#d9c34a", "#2fb5a8", "#b3875f", "#9aa1ad"),
    False: ("#157347", "#7b3fc4", "#b4267f", "#7d6a00", "#0b7268", "#7a4f25", "#5b6370"),
}
"""Of the runs laid over, in the order in which they were chosen."""
SPLITS = ("train", "validation")
DRAWN = ("train", "validation", MACHINE)
TITLES = {
    "lr": "learning rate", "grad_norm": "gradient norm", RATE: "throughput, samples/s", MEMORY: "memory, MB",
    GPU_MEMORY: "GPU memory, MB",
}  # fmt: skip
"""What a chart is called where the name of its value is not for people."""
UNITS = {"epochs": "epoch", "steps": "step", "time": ""}


def title_of(name: str) -> str:
    """What the chart of a value is called."""
    return TITLES.get(name, name)


@dataclass
class Shown:
    """A run whose curves are drawn."""

    name: str
    points: Points
    epochs: float = 1.0
    """How long it is meant to be."""
    main: bool = False
    """Whether it is the one that is shown, not one laid over it."""
    colour: int = 0


@dataclass
class View:
    """How curves are drawn: the same for all charts."""

    axis: str = "epochs"
    log: bool = False
    smoothing: float = 0.0
    span: tuple[float, float] | None = None
    """The part of the axis that is looked at; None for all of it."""
    heights: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By chart, where a part of its height is looked at."""
