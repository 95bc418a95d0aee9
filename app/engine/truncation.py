"""Truncated back-propagation through time (Williams and Peng 1990, An efficient gradient-based algorithm for on-line
training of recurrent network trajectories): what a network remembers goes on, its gradient goes back so many steps."""

from __future__ import annotations

from torch import nn

from app.engine.loop import TrainingError


def truncate(root: nn.Module, steps: int) -> list[str]:
    """From now on, in training, recurrent layers pass the gradient back `steps` steps at most (0: all of them).

    Returns remarks for the log. Raises TrainingError where a layer reads its sequence from the end as well: it has no
    step from which what comes before could be taken as given.
    """
    layers = {name: module for name, module in root.named_modules() if isinstance(module, nn.RNNBase)}
    for name, layer in layers.items():
        if steps and layer.bidirectional:
            raise TrainingError(
                f"`{name.replace('.', '/')}` reads the sequence from the end as well, so its gradient cannot be cut "
                "after some steps: set truncate to 0, or bidirectional to false."
            )
        layer.truncate = steps  # type: ignore[assignment]
    if steps and not layers:
        return ["truncate changes nothing: the design has no recurrent layer over a sequence."]
    return []
