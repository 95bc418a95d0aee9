"""Recurrent layers: read a sequence step by step and remember."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

from blocks.declare import block, port, setting
from blocks.layers.initialisation import INIT, Init, initialise

Steps = Literal["all", "last"]
_RNNBend = Literal["tanh", "relu"]

_LSTM = "Hochreiter and Schmidhuber 1997, Long Short-Term Memory"
_GRU = "Cho et al. 2014, arXiv:1406.1078"
_ELMAN = "Elman 1990, Finding Structure in Time"

_X = port("B L D", "A sequence of L steps.")
_OUT = port("B *S K", "B x L x hidden, or B x hidden for the last step; twice as many features if bidirectional.")
_STATE = port("B K", "What it remembers from the step before; zeros at first.")
_HIDDEN = setting("How many features it remembers.", min=1, shown=True)
_LAYERS = setting("How many layers stand on one another.", min=1, max=64, shown=True)
_BIDIRECTIONAL = setting("Read the sequence from the end as well, and join both.")
_STEPS = setting("`all` gives what it remembers after each step, `last` only the end; from the end: its last step.")
_DROPOUT = setting("The share of features set to 0 between layers in training.", min=0, max=1)
_BIAS = setting("Add a learned number to each sum.")
_BEND = setting("The bend of each step.")


def told(every: torch.Tensor, state: torch.Tensor, layer: nn.RNNBase, steps: Steps) -> torch.Tensor:
    """What a layer tells: all steps, or where each direction ended. `state` is (layers x directions, B, hidden)."""
    if steps == "all":
        return every
    return torch.cat([state[-2], state[-1]], 1) if layer.bidirectional else state[-1]


def between(dropout: float, layers: int) -> float:
    """The dropout between layers. Raises ValueError where there is a single one, which has no place for it."""
    if dropout and layers == 1:
        raise ValueError(f"dropout is {dropout:g}, but it stands between layers and there is one: use layers = 2")
    return dropout


@block(
    "RNN", category="Layer", paper=f"torch.nn.RNN ({_ELMAN})", icon="repeat",
    aliases=("recurrent", "elman", "sequence"), inputs={"x": _X}, outputs={"out": _OUT},
    hidden=_HIDDEN, layers=_LAYERS, bidirectional=_BIDIRECTIONAL, steps=_STEPS, bend=_BEND, dropout=_DROPOUT,
    init=INIT,
)  # fmt: skip
class RNN(nn.RNN):
    """Read a sequence step by step; each step mixes what comes in with what is remembered.

    The simplest recurrent layer. Over long sequences its gradient fades: there use an LSTM or a GRU.
    """

    def __init__(
        self,
        D: int,
        hidden: int = 128,
        layers: int = 1,
        bidirectional: bool = False,
        steps: Steps = "all",
        bend: _RNNBend = "tanh",
        dropout: float = 0.0,
        init: Init = "default",
    ) -> None:
        super().__init__(
            D, hidden, layers, nonlinearity=bend, batch_first=True, dropout=between(dropout, layers),
            bidirectional=bidirectional,
        )  # fmt: skip
        self.steps = steps
        initialise(self, init)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        every, state = super().forward(x)
        return told(every, state, self, self.steps)


@block(
    "LSTM", category="Layer", paper=f"torch.nn.LSTM ({_LSTM})", icon="repeat",
    aliases=("recurrent", "long short-term memory", "sequence"), inputs={"x": _X}, outputs={"out": _OUT},
    hidden=_HIDDEN, layers=_LAYERS, bidirectional=_BIDIRECTIONAL, steps=_STEPS, dropout=_DROPOUT, init=INIT,
)  # fmt: skip
class LSTM(nn.LSTM):
    """Read a sequence step by step with a memory that gates protect.

    Learned gates decide what to forget, what to store and what to tell, so that it remembers over hundreds of steps.
    """

    def __init__(
        self,
        D: int,
        hidden: int = 128,
        layers: int = 1,
        bidirectional: bool = False,
        steps: Steps = "all",
        dropout: float = 0.0,
        init: Init = "default",
    ) -> None:
        super().__init__(
            D, hidden, layers, batch_first=True, dropout=between(dropout, layers), bidirectional=bidirectional
        )
        self.steps = steps
        initialise(self, init)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        every, state = super().forward(x)
        return told(every, state[0], self, self.steps)


@block(
    "GRU", category="Layer", paper=f"torch.nn.GRU ({_GRU})", icon="repeat",
    aliases=("recurrent", "gated recurrent unit", "sequence"), inputs={"x": _X}, outputs={"out": _OUT},
    hidden=_HIDDEN, layers=_LAYERS, bidirectional=_BIDIRECTIONAL, steps=_STEPS, dropout=_DROPOUT, init=INIT,
)  # fmt: skip
class GRU(nn.GRU):
    """Read a sequence step by step with two gates: how much to renew, and how much of the past to use for it.

    It does about as well as an LSTM with three quarters of the weights.
    """

    def __init__(
        self,
        D: int,
        hidden: int = 128,
        layers: int = 1,
        bidirectional: bool = False,
        steps: Steps = "all",
        dropout: float = 0.0,
        init: Init = "default",
    ) -> None:
        super().__init__(
            D, hidden, layers, batch_first=True, dropout=between(dropout, layers), bidirectional=bidirectional
        )
        self.steps = steps
        initialise(self, init)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        every, state = super().forward(x)
        return told(every, state, self, self.steps)


@block(
    "RNN cell", category="Layer", paper=f"torch.nn.RNNCell ({_ELMAN})", icon="repeat",
    aliases=("recurrent", "step"), inputs={"x": port("B D", "One step."), "state": _STATE},
    outputs={"out": port("B K", "What it remembers now.")}, bend=_BEND, bias=_BIAS, init=INIT,
)  # fmt: skip
class RNNCell(nn.RNNCell):
    """One step of an RNN: mix what comes in with what is remembered.

    Use it where a layer over the whole sequence does not fit, such as in a loop of your own.
    """

    def __init__(self, D: int, K: int, bend: _RNNBend = "tanh", bias: bool = True, init: Init = "default") -> None:
        super().__init__(D, K, bias=bias, nonlinearity=bend)
        initialise(self, init)


@block(
    "LSTM cell", category="Layer", paper=f"torch.nn.LSTMCell ({_LSTM})", icon="repeat",
    aliases=("recurrent", "step"),
    inputs={
        "x": port("B D", "One step."), "state": port("B K", "What it told at the step before; zeros at first."),
        "memory": port("B K", "Its memory after the step before; zeros at first."),
    },
    outputs={"out": port("B K", "What it tells."), "memory": port("B K", "Its memory after this step.")},
    bias=_BIAS, init=INIT,
)  # fmt: skip
class LSTMCell(nn.LSTMCell):
    """One step of an LSTM: renew the memory through its gates and tell a part of it.

    Use it where a layer over the whole sequence does not fit, such as in a loop of your own.
    """

    def __init__(self, D: int, K: int, bias: bool = True, init: Init = "default") -> None:
        super().__init__(D, K, bias=bias)
        initialise(self, init)

    def forward(  # type: ignore[override]
        self, x: torch.Tensor, state: torch.Tensor, memory: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return super().forward(x, (state, memory))


@block(
    "GRU cell", category="Layer", paper=f"torch.nn.GRUCell ({_GRU})", icon="repeat",
    aliases=("recurrent", "step"), inputs={"x": port("B D", "One step."), "state": _STATE},
    outputs={"out": port("B K", "What it remembers now.")}, bias=_BIAS, init=INIT,
)  # fmt: skip
class GRUCell(nn.GRUCell):
    """One step of a GRU: renew a part of what is remembered.

    Use it where a layer over the whole sequence does not fit, such as in a loop of your own.
    """

    def __init__(self, D: int, K: int, bias: bool = True, init: Init = "default") -> None:
        super().__init__(D, K, bias=bias)
        initialise(self, init)
