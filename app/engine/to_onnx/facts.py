"""What a file says of itself in its properties."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import app
from app.engine.augment.normal import Numbers
from app.engine.compile import InputSpec
from app.engine.to_onnx.ranges import Rule

PREFIX = "netloom."


class Facts(NamedTuple):
    """What is known of a network besides its drawing."""

    design: str = ""
    variant: str = ""
    classes: tuple[str, ...] = ()
    numbers: Mapping[str, Numbers] = {}
    """Of each Input whose pictures training normalised: mean and spread."""
    preprocessing: str = ""
    """What samples need before the file gets them, as JSON; empty: nothing."""


def properties(
    facts: Facts, inputs: Sequence[InputSpec], open_axes: Mapping[str, Mapping[int, str]], meanings: Mapping[str, str],
    inside: bool, rules: Mapping[str, Rule],
) -> dict[str, str]:  # fmt: skip
    """The properties, all text. `inside` is whether the file normalises its inputs itself, `rules`
    say what sizes its open axes take."""
    sizes = {
        spec.name: [open_axes[spec.name].get(at, n) for at, n in enumerate((1, *spec.shape))] for spec in inputs
    }
    said: dict[str, Any] = {
        "version": app.__version__,
        "design": facts.design,
        "variant": facts.variant,
        "classes": list(facts.classes),
        "inputs": sizes,
        "sizes": {name: {"least": rule.least, "multiple_of": rule.step} for name, rule in rules.items()},
        "outputs": dict(meanings),
        "normalisation": {
            name: {"mean": list(mean), "std": list(std), "inside": inside}
            for name, (mean, std) in facts.numbers.items()
        },
        "preprocessing": facts.preprocessing,
    }
    return {
        PREFIX + key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in said.items() if value
    }  # fmt: skip
