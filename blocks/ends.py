"""The ends of a drawing: where samples come in, what they should give, what leaves, and the ports of a Group.

At run time all of these hand on what they get; the engine gives them their meaning.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import nn

from blocks.declare import block, port, preset, setting

InputType = Literal["float32", "int64"]
TargetType = Literal["int64", "float32"]
GroupKind = Literal["tensor", "pyramid", "boxes", "detections", "scalar"]

_TOLD = "the engine reads the settings: at run time the block hands on what it gets"


def sample_size(size: tuple[int, ...], resolution: float = 1.0) -> tuple[int, ...]:
    """Size of one sample of an Input: height and width of an image times `resolution`, rounded. The rest stays."""
    return (size[0], *(round(side * resolution) for side in size[1:])) if len(size) == 3 else size


@block(
    "Input", category="Ends", paper="torch.nn.Module.forward", icon="log-in", aliases=("image", "source", "start"),
    helps="One for each thing that a sample holds: images at the size they are trained at, tokens as int64. Several "
          "Inputs make a network of several sources, such as an image and a second view of it.",
    hurts="Images of another shape are stretched to it, which bends their proportions. Twice the height and width "
          "cost four times the MACs of convolutions, and sixteen times those of attention between all places.",
    inputs={}, outputs={"out": port("B *S", "One batch of samples.")},
    size=setting("Size of one sample, without the batch: channels, height, width for an image.", min=1, shown=True),
    dtype=setting("float32 for images and measurements, int64 for indices such as tokens."),
    resolution=setting(
        "Multiplies the height and width of an image: 0.714 makes 160 of 224. The cost goes with its square.",
        min=0.01, max=100,
    ),
    letters=setting("Letters for the sizes that may change, as in 3 x H x W; the numbers are then examples.",
                    letters_of="size"),
    exempt={"settings": _TOLD},
    presets={
        "image": preset("Images: channels, height and width.", node="image", icon="image"),
        "tokens": preset(
            "A sequence of whole numbers, such as the words of a text: an embedding turns them into vectors.",
            node="tokens", icon="list", size=(128,), dtype="int64",
        ),
        "vectors": preset(
            "A sequence of vectors, such as measurements over time: its length and the features of each.",
            node="vectors", icon="rows-3", size=(128, 64),
        ),
        "audio": preset(
            "One second of sound at 16 kHz: wire it to a spectrogram or to a 1d convolution.",
            node="audio", icon="activity", size=(1, 16000),
        ),
        "table": preset(
            "One row of a table: as many numbers as it has columns.", node="table", icon="table", size=(16,),
        ),
    },
)  # fmt: skip
class Input(nn.Module):
    """Where samples enter the network.

    Set the size of one sample without the batch, such as 3, 224, 224 for a colour image. Data whose images have
    another size are resized to it. A network may have several inputs. Its resolution multiplier is that of MobileNet
    (Howard et al. 2017, section 3.4) and of EfficientNet's compound scaling: beside the width and the depth of the
    backbone it is the third way to make a network smaller or larger.
    """

    def __init__(
        self,
        size: tuple[int, ...] = (3, 224, 224),
        dtype: InputType = "float32",
        resolution: float = 1.0,
        letters: tuple[str, ...] = (),
    ) -> None:
        super().__init__()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


@block(
    "Target", category="Ends", paper="torch.utils.data.Dataset", icon="target", aliases=("label", "truth", "answer"),
    helps="Wherever a loss or a metric needs the truth: `label` for classes or quantities, `input` for an autoencoder "
          "that gives its sample back. Several losses on one Target train a main and an auxiliary head.",
    hurts="It is absent when the network predicts or is exported: what an Output needs must not hang on it. A field "
          "that the data lacks stops a run before its first step.",
    inputs={}, outputs={"out": port("B *S", "The right answers of one batch.")},
    field=setting("Which field of the data it gives, such as `label`.", shown=True),
    size=setting("Size of one answer, without the batch; empty for a single number such as a class.", min=1),
    dtype=setting("int64 for class numbers, float32 for quantities."),
    exempt={"settings": _TOLD},
)  # fmt: skip
class Target(nn.Module):
    """The right answer of each sample, as the data gives it.

    Wire it to a loss, which compares it with what the network says, or to a metric. It is there in training and
    evaluation only: the exported network has no targets.
    """

    def __init__(self, field: str = "label", size: tuple[int, ...] = (), dtype: TargetType = "int64") -> None:
        super().__init__()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


@block(
    "Output", category="Ends", paper="torch.nn.Module.forward", icon="log-out", aliases=("result", "end"),
    helps="Put one on every answer that is to be predicted or exported, one a head where there are several. What only "
          "losses need is left out of the export.",
    hurts="On an auxiliary head it keeps that head, its weights and its MACs in the exported network. It adds no "
          "softmax: scores leave as they are, unless a block before it turns them into probabilities.",
    inputs={"x": port("any", "What the network answers.")}, outputs={},
)  # fmt: skip
class Output(nn.Module):
    """What the network answers.

    Everything that an Output needs belongs to the network that is exported; what only losses and metrics need stays
    behind. Its name is the name of the exported network's output.
    """

    def forward(self, x: Any) -> Any:
        return x


@block(
    "Group input", category="Ends", paper="torch.nn.Module.forward", icon="log-in", aliases=("port",),
    helps="For each tensor that a Group takes from outside: name it after its part in the figure (`query`, `skip`), "
          "for that name stands at the Group's edge and its wires hang on it.",
    hurts="Its kind is fixed: a pyramid does not fit a port of the kind tensor. Removing it takes its wires from "
          "every use of the Group, and in a repeated Group the order of the inputs decides what feeds what.",
    inputs={}, outputs={"out": port("any", "What is wired to the Group from outside.")},
    kind=setting("What the port takes: one tensor, a pyramid of several levels, boxes, detections or one number."),
    exempt={"settings": _TOLD},
)  # fmt: skip
class GroupInput(nn.Module):
    """An input port of the Group in which it stands; its name is the port's name."""

    def __init__(self, kind: GroupKind = "tensor") -> None:
        super().__init__()

    def forward(self, x: Any) -> Any:
        return x


@block(
    "Group output", category="Ends", paper="torch.nn.Module.forward", icon="log-out", aliases=("port",),
    helps="For each result that the Group hands on: a second one lets a stage of a U-Net give its skip connection "
          "beside its main result.",
    hurts="What leads to no Group output is of no use outside. In a repeated Group the first output feeds the first "
          "input of the next round, so both must have one form.",
    inputs={"x": port("any", "What the Group gives to the outside.")}, outputs={},
    kind=setting("What the port gives: one tensor, a pyramid of several levels, boxes, detections or one number."),
    exempt={"settings": _TOLD},
)  # fmt: skip
class GroupOutput(nn.Module):
    """An output port of the Group in which it stands; its name is the port's name."""

    def __init__(self, kind: GroupKind = "tensor") -> None:
        super().__init__()

    def forward(self, x: Any) -> Any:
        return x
