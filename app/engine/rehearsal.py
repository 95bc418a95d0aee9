"""One batch through the network before training begins, so that what does not fit is said at once, with its numbers."""

from __future__ import annotations

import torch

from app.engine.compile import Network
from app.engine.data import Data
from app.engine.data.fit import DataError
from app.engine.meters import Meters


def rehearse(training: Network, inference: Network | None, data: Data) -> list[str]:
    """Run two samples in eval mode on the CPU, which changes no weight and no statistic.

    Returns remarks for the log. Raises DataError where labels and network, or sample and network, do not fit.
    """
    split = data.splits["train"]
    chosen = torch.tensor([0, split.size - 1])
    if split.labels is not None:  # the largest class is the one that a too small classifier lacks
        chosen[1] = int(split.labels.argmax())
    batch = split.take(chosen)
    count = len(training.inputs)
    scores = _scores(inference, batch[:count]) if inference is not None else {}
    modes = [(module, module.training) for module in training.module.modules()]
    training.module.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            values = training.module(*batch)
    except (RuntimeError, IndexError, ValueError) as error:
        if data.classes and "out of bounds" in str(error):
            raise DataError(_too_few(data, scores)) from None
        raise DataError(f"The data does not fit the design: {_line(error)}") from error
    finally:
        for module, mode in modes:
            module.training = mode
    Meters(training, torch.device("cpu")).show(values)
    classes = len(data.classes)
    spare = [(name, width) for name, width in scores.items() if classes and width > classes]
    return [f"`{name}` gives {width} scores, but the data has only {classes} classes." for name, width in spare]


def _scores(inference: Network, inputs: tuple[torch.Tensor, ...]) -> dict[str, int]:
    """How many values a sample each Output gives that could be scores of classes."""
    if len(inference.inputs) != len(inputs):
        return {}
    module = inference.module
    modes = [(m, m.training) for m in module.modules()]
    module.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            given = module(*inputs)
    finally:
        for m, mode in modes:
            m.training = mode
    results = given if isinstance(given, tuple) else (given,)
    return {
        name: result.shape[1]
        for name, result in zip(inference.outputs, results, strict=True)
        if isinstance(result, torch.Tensor) and result.ndim >= 2
    }


def _too_few(data: Data, scores: dict[str, int]) -> str:
    classes = len(data.classes)
    small = next(((name, width) for name, width in scores.items() if width < classes), None)
    if small is None:
        return f"The data has {classes} classes, but the classifier has fewer scores: give it {classes} classes."
    return f"The data has {classes} classes, but `{small[0]}` gives {small[1]} scores: it needs {classes}."


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
