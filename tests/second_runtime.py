"""A second runtime, which shares no code with the first: OpenVINO loads an exported network and agrees with torch.

Detections come out in the order of their scores. Of boxes whose scores are equal but for rounding a runtime may put
either first, and what is behind `count` is padding: boxes and scores of 0, classes of -1. So they are compared as the
certificate compares them (`app.engine.certify.gaps`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from app.engine.certify.gaps import gaps
from app.engine.meta import tensors_in


def agrees(file: Path, expected: Callable[[torch.Tensor], Any], *images: torch.Tensor) -> None:
    """Every output of the file, which takes `image`, is `expected(image)` to a thousandth of its largest value."""
    import openvino

    model = openvino.Core().compile_model(str(file), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    assert [given.any_name for given in model.inputs] == ["image"]
    names = [output.any_name for output in model.outputs]
    for image in images:
        with torch.no_grad():
            ours = tensors_in(expected(image))
        theirs = [torch.from_numpy(value.copy()) for value in model(image.numpy()).values()]
        found = gaps(names, ours, theirs, 1e-3)
        assert all(far.relative <= 1e-3 for far in found.values()), (tuple(image.shape), found)
