"""What torch's own layers take, and which setting of the block of that name each is. A test holds it against torch."""

from __future__ import annotations

import ast
from functools import lru_cache

_CONV = (
    "in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True, "
    "padding_mode='zeros'"
)
_UP = (
    "in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, groups=1, bias=True, dilation=1, "
    "padding_mode='zeros'"
)
_MAX = "kernel_size, stride=None, padding=0, dilation=1, return_indices=False, ceil_mode=False"
_AVERAGE = "kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True"
_NORM = "num_features, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True, bias=True"
_INSTANCE = "num_features, eps=1e-05, momentum=0.1, affine=False, track_running_stats=False, bias=True"
_RECURRENT = (
    "input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False"
)
_PLAIN = "inplace=False"
SIGNATURES = {
    "Conv1d": _CONV, "Conv2d": _CONV, "Conv3d": _CONV,
    "ConvTranspose1d": _UP, "ConvTranspose2d": _UP, "ConvTranspose3d": _UP,
    "Linear": "in_features, out_features, bias=True",
    "Bilinear": "in1_features, in2_features, out_features, bias=True",
    "MaxPool1d": _MAX, "MaxPool2d": _MAX, "MaxPool3d": _MAX,
    "AvgPool1d": _AVERAGE, "AvgPool2d": _AVERAGE + ", divisor_override=None",
    "AvgPool3d": _AVERAGE + ", divisor_override=None",
    "LPPool2d": "norm_type, kernel_size, stride=None, ceil_mode=False",
    "AdaptiveAvgPool1d": "output_size", "AdaptiveAvgPool2d": "output_size", "AdaptiveAvgPool3d": "output_size",
    "BatchNorm1d": _NORM, "BatchNorm2d": _NORM, "BatchNorm3d": _NORM,
    "InstanceNorm1d": _INSTANCE, "InstanceNorm2d": _INSTANCE,
    "GroupNorm": "num_groups, num_channels, eps=1e-05, affine=True, bias=True",
    "LayerNorm": "normalized_shape, eps=1e-05, elementwise_affine=True, bias=True",
    "RMSNorm": "normalized_shape, eps=None, elementwise_affine=True",
    "LocalResponseNorm": "size, alpha=0.0001, beta=0.75, k=1.0",
    "Dropout": "p=0.5, inplace=False", "Dropout2d": "p=0.5, inplace=False", "AlphaDropout": "p=0.5, inplace=False",
    "ReLU": _PLAIN, "ReLU6": _PLAIN, "SELU": _PLAIN, "SiLU": _PLAIN, "Mish": _PLAIN, "Hardswish": _PLAIN,
    "Hardsigmoid": _PLAIN, "LeakyReLU": "negative_slope=0.01, inplace=False", "ELU": "alpha=1.0, inplace=False",
    "GELU": "approximate='none'", "Sigmoid": "", "Tanh": "", "Softsign": "", "Softplus": "beta=1.0, threshold=20.0",
    "Softmax": "dim=None", "LogSoftmax": "dim=None", "PReLU": "num_parameters=1, init=0.25",
    "Hardtanh": "min_val=-1.0, max_val=1.0, inplace=False, min_value=None, max_value=None",
    "Embedding": "num_embeddings, embedding_dim, padding_idx=None, max_norm=None, norm_type=2.0, "
                 "scale_grad_by_freq=False, sparse=False",
    "Flatten": "start_dim=1, end_dim=-1", "PixelShuffle": "upscale_factor", "PixelUnshuffle": "downscale_factor",
    "ChannelShuffle": "groups", "CosineSimilarity": "dim=1, eps=1e-08",
    "LSTM": _RECURRENT, "GRU": _RECURRENT, "RNN": _RECURRENT,
    "GRUCell": "input_size, hidden_size, bias=True", "LSTMCell": "input_size, hidden_size, bias=True",
    "RNNCell": "input_size, hidden_size, bias=True, nonlinearity='tanh'",
}  # fmt: skip
"""The constructors' parameters, without device and dtype."""

SETTINGS = {
    ("PixelShuffle", "upscale_factor"): "factor", ("PixelUnshuffle", "downscale_factor"): "factor",
    ("GroupNorm", "num_groups"): "groups", ("LayerNorm", "elementwise_affine"): "affine",
    ("RMSNorm", "elementwise_affine"): "affine", ("LPPool2d", "norm_type"): "power",
    ("LocalResponseNorm", "size"): "neighbours", ("Hardtanh", "min_val"): "lowest", ("Hardtanh", "max_val"): "highest",
    ("Embedding", "num_embeddings"): "vocabulary", ("Embedding", "embedding_dim"): "features",
    ("LSTM", "hidden_size"): "hidden", ("LSTM", "num_layers"): "layers", ("GRU", "hidden_size"): "hidden",
    ("GRU", "num_layers"): "layers", ("RNN", "hidden_size"): "hidden", ("RNN", "num_layers"): "layers",
    ("PReLU", "init"): "initial", ("RNNCell", "nonlinearity"): "bend",
}  # fmt: skip
"""Settings that the block calls otherwise than torch."""

SIZES = frozenset(
    {"in_channels", "in_features", "in1_features", "in2_features", "num_features", "num_channels", "normalized_shape",
     "input_size", "num_parameters", "hidden_size"}
)  # fmt: skip
"""What follows from the tensor that comes in."""

IDLE = frozenset({"inplace"})
"""What changes no number."""


@lru_cache(maxsize=128)
def parameters(layer: str) -> dict[str, ast.expr | None] | None:
    """A layer's parameters in order, with their defaults (None: it has none); None for a layer that is not known."""
    signature = SIGNATURES.get(layer)
    if signature is None:
        return None
    made = ast.parse(f"def layer({signature}): ...").body[0]
    assert isinstance(made, ast.FunctionDef)
    names = [argument.arg for argument in made.args.args]
    without: list[ast.expr | None] = [None] * (len(names) - len(made.args.defaults))
    return dict(zip(names, [*without, *made.args.defaults], strict=True))
