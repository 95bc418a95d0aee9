"""How many parameters a layer has, and the neurons, weights and connections of those that are drawn as such."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from app.engine.reckoning.formulas import Formula, joined, line, product, put
from app.engine.reckoning.rules import Seen, names_of
from app.messages.reckoning import Line

_KERNEL = {1: ("kernel_size",), 2: ("kernel_height", "kernel_width"),
           3: ("kernel_length", "kernel_height", "kernel_width")}  # fmt: skip
_SPACE = {1: ("L",), 2: ("H", "W"), 3: ("L", "H", "W")}
GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}
"""Sums that one step of a recurrent layer works out for each thing that it remembers."""


def kind_of(module: nn.Module, kinds: Sequence[str]) -> str:
    """The first of its classes that is among `kinds`; "" for none."""
    return next((name for name in names_of(module) if name in kinds), "")


_CONVOLUTIONS = ("Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d")


def parameters(module: nn.Module) -> Formula:
    """The parameters that `module` holds itself, without those of the modules inside."""
    if (formula := _known(module)) is not None:
        return formula
    own = list(module.named_parameters(recurse=False))
    counts = [product((), p.shape).numbers for _, p in own]
    return Formula(" + ".join(name for name, _ in own) or "0", " + ".join(counts) or "0")


def _known(module: Any) -> Formula | None:
    """The formula in the layer's own terms."""
    if kind_of(module, _CONVOLUTIONS):
        return _with_bias(_kernels(module), module.bias, "out_channels", module.out_channels)
    if kind_of(module, ("Linear",)):
        weight = put("in_features*out_features", in_features=module.in_features, out_features=module.out_features)
        return _with_bias(weight, module.bias, "out_features", module.out_features)
    if kind_of(module, ("Bilinear",)):
        template = "in1_features*in2_features*out_features"
        sizes = {name: getattr(module, name) for name in template.split("*")}
        return _with_bias(put(template, **sizes), module.bias, "out_features", module.out_features)
    if kind_of(module, ("Embedding",)):
        return put("vocabulary*features", vocabulary=module.num_embeddings, features=module.embedding_dim)
    if kind_of(module, ("RNNBase",)):
        return _recurrent(module)
    if kind_of(module, ("RNNCellBase",)):
        return _cell(module)
    if kind_of(module, ("LocallyConnected2d",)):
        return _local(module)
    return None


def _with_bias(weight: Formula, bias: Any, name: str, count: int) -> Formula:
    if bias is None:
        return weight
    return Formula(f"{weight.symbols} + {name}", f"{weight.numbers} + {count}")


def _kernels(m: Any) -> Formula:
    """One window for each pair of a channel that comes in and one that goes out, within each group."""
    names = _KERNEL[len(m.kernel_size)]
    values = dict(zip(names, m.kernel_size, strict=True)) | {"groups": m.groups}
    values |= {"in_channels": m.in_channels, "out_channels": m.out_channels}
    template = "*".join((*names, "in_channels/groups" if m.groups > 1 else "in_channels", "out_channels"))
    return put(template, **values)


def _local(m: Any) -> Formula:
    inputs, filters = m.weight.shape[1:]
    values = {"H_out": m.places[0], "W_out": m.places[1], "kernel_height": m.kernel_size[0]}
    values |= {"kernel_width": m.kernel_size[1], "filters": filters}
    values["in_channels"] = inputs // (m.kernel_size[0] * m.kernel_size[1])
    template = "H_out*W_out*kernel_height*kernel_width*in_channels*filters"
    if m.bias is not None:
        template += " + H_out*W_out*filters"
    return put(template, **values)


def _recurrent(m: Any) -> Formula:
    """Layer by layer and direction by direction, as torch.nn.LSTM lists them."""
    told, directions = m.proj_size or m.hidden_size, 2 if m.bidirectional else 1
    terms = []
    for layer in range(m.num_layers):
        inputs = m.input_size if layer == 0 else told * directions
        template = "gates*hidden*(inputs + told" if m.proj_size else "gates*hidden*(inputs + hidden"
        template += " + 2)" if m.bias else ")"
        template += " + told*hidden" if m.proj_size else ""
        values = {"gates": GATES[m.mode.partition("_")[0]], "hidden": m.hidden_size, "inputs": inputs, "told": told}
        if m.proj_size and directions * m.num_layers > 1:
            template = f"({template})"
        terms += [put(template, **values)] * directions
    return joined(terms)


def _cell(m: Any) -> Formula:
    gates = m.weight_ih.shape[0] // m.hidden_size
    template = "gates*hidden*(inputs + hidden + 2)" if m.bias else "gates*hidden*(inputs + hidden)"
    return put(template, gates=gates, hidden=m.hidden_size, inputs=m.input_size)


def buffers(module: nn.Module) -> Line | None:
    """Numbers that are kept but not learned, such as a batch norm's running mean and variance."""
    own = list(module.named_buffers(recurse=False))
    if not own:
        return None
    symbols, numbers = " + ".join(name for name, _ in own), " + ".join(product((), b.shape).numbers for _, b in own)
    return line("buffers", Formula(symbols, numbers), sum(b.numel() for _, b in own), note="kept, but not learned")


_BIAS = "each neuron is joined to its inputs and to its bias"
_NO_BIAS = "each neuron is joined to its inputs"


def neurons(module: Any, seen: Seen) -> list[Line]:
    """Neurons, weights and connections of one sample, for fully connected and convolutional layers.

    A neuron is one number that comes out. A weight is counted once however many neurons share it, biases apart; a
    connection once for each neuron that it leads to, biases included, as LeCun et al. 1998 (LeNet-5) count them.
    """
    own = ("ChannelConv", "LocallyConnected2d", "TableConv2d", "TrainedSubsampling", "RadialBasisOutput", "Linear",
           *_CONVOLUTIONS)  # fmt: skip
    kind, x, made = kind_of(module, own), seen.x, seen.made[0]
    count = sum(_numel(shape[1:]) for shape in seen.made)
    if kind in ("", "ChannelConv"):
        return []
    if kind == "Linear":
        places = [n for n in x[1:-1] if n != 1]
        names = [f"n{i}" for i in range(1, len(places) + 1)]
        values = dict(zip(names, places, strict=True))
        values |= {"in_features": module.in_features, "out_features": module.out_features}
        template = "*".join((*names, "out_features"))
        weights, each = put("in_features*out_features", **values), "in_features"
    elif kind == "TableConv2d":
        return _table(module, made)
    elif kind == "RadialBasisOutput":
        classes, features = module.patterns.shape
        return [
            line("neurons", put("classes", classes=classes), count),
            line("connections", put("classes*features", classes=classes, features=features), None, note=_NO_BIAS),
        ]
    elif kind == "TrainedSubsampling":
        values = {"C": made[1], "H_out": made[2], "W_out": made[3]}
        values |= {"kernel_height": module.kernel_size[0], "kernel_width": module.kernel_size[1]}
        template, each, weights = "C*H_out*W_out", "kernel_height*kernel_width", put("C", C=made[1])
    elif kind.startswith("ConvTranspose"):
        return _transposed(module, x, made, count)
    else:
        template, each, values, weights = _convolution(module, kind, made)
    inner = f"({each} + 1)" if module.bias is not None else each
    return [
        line("neurons", put(template, **values), count),
        line("weights", weights, module.weight.numel()),
        line("connections", put(f"{template}*{inner}", **values), None,
             note=_NO_BIAS if module.bias is None else _BIAS),
    ]  # fmt: skip


def _numel(shape: Sequence[int]) -> int:
    count = 1
    for n in shape:
        count *= n
    return count


def _convolution(m: Any, kind: str, made: Sequence[int]) -> tuple[str, str, dict[str, int], Formula]:
    """A neuron's formula, its inputs', their numbers, and the weights: of a convolution or a locally connected one."""
    names = _KERNEL[len(m.kernel_size)]
    places = [f"{letter}_out" for letter in _SPACE[len(m.kernel_size)]]
    values = dict(zip(names, m.kernel_size, strict=True)) | dict(zip(places, made[2:], strict=True))
    if kind == "LocallyConnected2d":
        inputs, filters = m.weight.shape[1:]
        values |= {"in_channels": inputs // _numel(m.kernel_size), "out_channels": filters}
        each = "*".join((*names, "in_channels"))
        template = "*".join(("out_channels", *places))
        return template, each, values, put(f"{template}*{each}", **values)
    values |= {"in_channels": m.in_channels, "out_channels": m.out_channels, "groups": m.groups}
    each = "*".join((*names, "in_channels/groups" if m.groups > 1 else "in_channels"))
    return "*".join(("out_channels", *places)), each, values, _kernels(m)


def _transposed(m: Any, x: Sequence[int], made: Sequence[int], count: int) -> list[Line]:
    """Here each place that comes in is joined to a window of what goes out."""
    names, letters = _KERNEL[len(m.kernel_size)], _SPACE[len(m.kernel_size)]
    outs = [f"{letter}_out" for letter in letters]
    values = dict(zip(names, m.kernel_size, strict=True)) | dict(zip(outs, made[2:], strict=True))
    values |= dict(zip(letters, x[2:], strict=True))
    values |= {"in_channels": m.in_channels, "out_channels": m.out_channels, "groups": m.groups}
    neurons = "*".join(("out_channels", *outs))
    spread = "*".join(("in_channels", *letters, *names, "out_channels/groups" if m.groups > 1 else "out_channels"))
    note = "each input is joined to a window of neurons, its edge cut off or not"
    if m.bias is not None:
        spread, note = f"{spread} + {neurons}", f"{note}, and each neuron to its bias"
    return [
        line("neurons", put(neurons, **values), count),
        line("weights", _kernels(m), m.weight.numel()),
        line("connections", put(spread, **values), None, note=note),
    ]


def _table(m: Any, made: Sequence[int]) -> list[Line]:
    """LeNet-5's third layer: each map sees some of the maps before it."""
    values = {"maps": made[1], "H_out": made[2], "W_out": made[3], "seen": sum(map(len, m.table))}
    values |= {"kernel_height": m.weight.shape[1], "kernel_width": m.weight.shape[2]}
    connections = put("H_out*W_out*(seen*kernel_height*kernel_width + maps)", **values)
    return [
        line("neurons", put("maps*H_out*W_out", **values), _numel(made[1:])),
        line("weights", put("seen*kernel_height*kernel_width", **values), m.weight.numel()),
        line("connections", connections, None, note=_BIAS),
    ]
