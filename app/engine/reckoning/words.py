"""What a block does to shapes and what it costs, in a sentence; and what norms and activations work out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.engine.reckoning.rules import names_of
from app.messages.reports import Tensor

if TYPE_CHECKING:
    from app.engine.reckoning.node import Node

WORKS_OUT = {
    "_BatchNorm": "(x − mean)/√(variance + eps), times weight plus bias: one mean and variance for each channel, over "
                  "the batch and all places in training, running averages of them afterwards",
    "LayerNorm": "(x − mean)/√(variance + eps), times weight plus bias: one mean and variance over the features of "
                 "each place",
    "GroupNorm": "(x − mean)/√(variance + eps), times weight plus bias: one mean and variance for each group of "
                 "channels of a sample",
    "_InstanceNorm": "(x − mean)/√(variance + eps): one mean and variance for each channel of each sample",
    "RMSNorm": "x/√(mean of x² + eps), times weight: one mean over the features of each place",
    "LocalResponseNorm": "x/(k + alpha/neighbours × sum of the neighbours' x²)^beta",
    "GlobalResponseNorm": "x + weight × x × share + bias: a channel's share is its length over the mean length",
    "LSTM": "four sums a step (input, forget, memory and output gate), each over the input and what is remembered",
    "GRU": "three sums a step (reset, update and new), each over the input and what is remembered",
    "RNNBase": "one sum a step over the input and what is remembered",
    "DotProductAttention": "softmax(q kᵀ/√size) v: each query meets each key, and each of their weights a value",
    "LayerScale": "x × gamma, one number for each feature", "LayerScale2d": "x × gamma, one number for each channel",
    "Embedding": "a row of the table is looked up for each token: nothing is multiplied",
}  # fmt: skip
"""By the name of a class or of one above it."""


def sentence(node: Node) -> str:
    """From which shapes to which, and what it costs."""
    given, made = _shapes_in(node), _shapes_out(node)
    kept = all(node.unchanged(output.shape) for output in node.outputs)
    text = f"{node.card.title} keeps {made}" if kept else f"{node.card.title} makes {made} of {given}"
    parameters, macs = node.measured.parameters, node.measured.macs
    if parameters and macs:
        text += f", with {parameters:,} parameters and {macs:,} MACs"
    elif parameters:
        text += f", with {parameters:,} parameters and no multiply-adds that are counted"
    elif macs:
        text += f", with {macs:,} MACs and no weights"
    else:
        text += ". It has no weights"
    works = next((WORKS_OUT[name] for name in names_of(node.module) if name in WORKS_OUT), "")
    return f"{text}. It works out {works}." if works else f"{text}."


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "one number"


def _levels(tensors: tuple[Tensor, ...]) -> str:
    if len(tensors) == 1:
        return _shape(tensors[0].shape)
    return f"{len(tensors)} levels from {_shape(tensors[0].shape)} to {_shape(tensors[-1].shape)}"


def _shapes_in(node: Node) -> str:
    return " and ".join(dict.fromkeys(_shape(tuple(t.shape)) for t in node.seen.inputs)) or "nothing"


def _shapes_out(node: Node) -> str:
    return " and ".join(dict.fromkeys(map(_levels, node.measured.outputs))) or "it"
