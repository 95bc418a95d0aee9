"""Recurrent layers: read a sequence step by step and remember."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

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


def stepped(
    forward: Callable[..., tuple[torch.Tensor, Any]], x: torch.Tensor, layer: nn.RNNBase
) -> tuple[torch.Tensor, Any]:
    """The layer's own forward; where its `truncate` says so, in training, in stretches of so many steps through which
    the state goes on but the gradient does not go back."""
    steps = getattr(layer, "truncate", 0)
    if not (steps and layer.training and x.shape[1] > steps):
        return forward(x)
    parts, state = [], None
    for stretch in x.split(steps, 1):  # (B, steps, D)
        told, state = forward(stretch, state)
        parts.append(told)
        last = state
        state = tuple(each.detach() for each in state) if isinstance(state, tuple) else state.detach()
    return torch.cat(parts, 1), last


def between(dropout: float, layers: int) -> float:
    """The dropout between layers. Raises ValueError where there is a single one, which has no place for it."""
    if dropout and layers == 1:
        raise ValueError(f"dropout is {dropout:g}, but it stands between layers and there is one: use layers = 2")
    return dropout


@block(
    "RNN", category="Layer", paper=f"torch.nn.RNN ({_ELMAN})", icon="repeat",
    helps="Sequences of some tens of steps, and showing how recurrence works: K x (D + K) weights, a quarter of an "
          "LSTM's, and one tanh a step.",
    hurts="The gradient passes the same matrix L times and fades or explodes: LSTM and GRU hold on for longer. Steps "
          "cannot run side by side, as those of Conv 1d or attention do.",
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
        every, state = stepped(super().forward, x, self)
        return told(every, state, self, self.steps)


@block(
    "LSTM", category="Layer", paper=f"torch.nn.LSTM ({_LSTM})", icon="repeat",
    helps="Signals that arrive step by step and smaller sequence data: the memory is added to, so that gradients "
          "last, and each new step costs the same however much came before.",
    hurts="4 x K x (D + K) weights, and L steps that wait for one another: on long texts attention has replaced it. "
          "Padding is read as data, so that `last` ends on it, and `bidirectional` needs the end before it begins.",
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
        every, state = stepped(super().forward, x, self)
        return told(every, state[0], self, self.steps)


@block(
    "GRU", category="Layer", paper=f"torch.nn.GRU ({_GRU})", icon="repeat",
    helps="Where an LSTM is too large: speech and music went as well with it in Chung et al. 2014, and it carries a "
          "single state, which is simpler to export and to keep between calls.",
    hurts="It cannot count without bound as an LSTM can (Weiss et al. 2018). torch applies the reset gate after the "
          "product, not before as in the paper, so that weights of the original form do not carry over.",
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
        every, state = stepped(super().forward, x, self)
        return told(every, state, self, self.steps)


@block(
    "RNN cell", category="Layer", paper=f"torch.nn.RNNCell ({_ELMAN})", icon="repeat",
    helps="The smallest step of recurrence, for drawing one by hand: what comes out can be changed, or asked for more "
          "input, before it goes in again as `state`.",
    hurts="A whole sequence that is known beforehand goes faster through RNN, which takes all L steps in one call. "
          "Over many steps its state forgets; GRU cell holds longer at three times the weights.",
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
    helps="Decoders that look back through Alignment attention at every step, and models on devices that get one "
          "sample at a time: `state` and `memory` are yours to keep.",
    hurts="Both outputs must be fed back, each to its own port: crossed or left at zeros they fit in size, and the "
          "cell quietly forgets. For a given sequence LSTM runs all steps in one call.",
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
    helps="Refining a state several times by what is newly seen: nodes of a graph that receive messages (Li et al. "
          "2016), or an estimate that is improved pass by pass.",
    hurts="It remembers in the very state that it shows; an LSTM cell keeps a memory apart. Its width is that of "
          "`state`. Reading a whole sequence with it wastes the single call of GRU.",
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
