"""A model in fewer bits, or in an older opset: the converters of onnxruntime and onnx, with the canvas's names kept."""

from __future__ import annotations

import logging
import math
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from app.engine.to_onnx.errors import ExportError, reason
from app.engine.to_onnx.trace import ALSO, BLOCK, NODE, quiet
from app.messages.onnx import Precision

BY_WEIGHTS = ("Conv", "MatMul", "Gemm", "Gather")
"""What `int8` quantises: operators that have weights, tables of embeddings among them."""
THROUGHOUT = (
    "Conv", "ConvTranspose", "Gemm", "MatMul", "Add", "Relu", "Clip", "MaxPool", "AveragePool", "GlobalAveragePool",
    "Concat", "Gather",
)  # fmt: skip
"""What `int8-static` quantises."""


def share_of_8_bits(model: Any) -> float:
    """How many of the model's weights are quantised, as a share."""
    import onnx

    narrow = (onnx.TensorProto.INT8, onnx.TensorProto.UINT8)
    wide = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, *narrow)
    counts = [(t.data_type in narrow, math.prod(t.dims)) for t in model.graph.initializer
              if t.data_type in wide and t.dims]  # fmt: skip
    return sum(n for small, n in counts if small) / max(sum(n for _, n in counts), 1)


def narrowed(
    model: Any, precision: Precision, apart: frozenset[str], samples: Mapping[str, torch.Tensor] | None
) -> Any:  # fmt: skip
    """The model (onnx.ModelProto, its weights inside) in the precision asked for.

    What comes from the places in `apart` is left in 32 bits: boxes and probabilities. `samples` measure the ranges for
    `int8-static`: a batch of each input. Raises ExportError.
    """
    whose = {node.name: _properties(node) for node in model.graph.node}
    del model.graph.value_info[:]  # what the exporter says of values in between is not true any more
    excluded = [name for name, said in whose.items() if said.get(NODE) in apart]
    try:
        with quiet(), _silent():
            if precision == "fp16":
                made = _half(model, excluded)
            elif precision == "int8":
                made = _dynamic(model, excluded)
            else:
                made = _static(model, excluded, samples or {})
    except ExportError:
        raise
    except Exception as error:  # each converter has errors of its own
        raise ExportError(f"The network cannot be written as {precision}: {reason(error)}") from error
    if precision != "fp16" and not share_of_8_bits(made):
        kinds = ", ".join(BY_WEIGHTS if precision == "int8" else THROUGHOUT)
        raise ExportError(f"{precision} would change nothing: none of the network's weights is in {kinds}. Take fp16.")
    _name(made, whose)
    return made


def older(model: Any, opset: int) -> Any:
    """The model in an older opset. Raises ExportError where an operator has no older form."""
    import onnx

    whose = {node.name: _properties(node) for node in model.graph.node}
    del model.graph.value_info[:]
    for node in model.graph.node:
        for at, attribute in reversed(list(enumerate(node.attribute))):
            if attribute.name == "noop_with_empty_axes":  # the converter leaves it, though older operators have none
                del node.attribute[at]
    try:
        made = onnx.version_converter.convert_version(model, opset)
    except Exception as error:  # it raises RuntimeError, ValueError and errors of protobuf
        now = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
        found = re.search(r"(?:for|of) (\w+)(?: exists)?$", reason(error))
        which = found[1] if found else "an operator in it"
        oldest = next((each for each in range(opset + 1, now) if _converts(model, each)), now)
        raise ExportError(
            f"The network cannot be written with opset {opset}: {which} has no form that is so old. Choose {oldest} or "
            "later."
        ) from error
    made.ir_version = onnx.helper.find_min_ir_version_for(made.opset_import)  # old runtimes refuse newer ones
    _name(made, whose)
    return made


def _converts(model: Any, opset: int) -> bool:
    import onnx

    try:
        onnx.version_converter.convert_version(model, opset)
    except Exception:  # of every kind, as above
        return False
    return True


def _half(model: Any, excluded: Sequence[str]) -> Any:
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    made = convert_float_to_float16(model, keep_io_types=True, node_block_list=list(excluded))
    given: set[str] = set()
    for node in list(made.graph.node):
        if node.op_type == "Cast" and node.output[0] in given:  # each reader of a value gets a cast of the same name
            made.graph.node.remove(node)
        given.update(node.output)
    OnnxModel(made).topological_sort()  # it puts the casts of inputs last
    return made


def _dynamic(model: Any, excluded: Sequence[str]) -> Any:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        return _quantised(
            Path(folder), quantize_dynamic, model, op_types_to_quantize=list(BY_WEIGHTS),
            weight_type=QuantType.QUInt8, nodes_to_exclude=list(excluded),
        )  # fmt: skip


def _static(model: Any, excluded: Sequence[str], samples: Mapping[str, torch.Tensor]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Samples(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            count = min(len(values) for values in samples.values())
            self._next: Iterator[dict[str, Any]] = iter(
                [{name: values[i : i + 1].numpy() for name, values in samples.items()} for i in range(count)]
            )

        def get_next(self) -> dict[str, Any] | None:
            return next(self._next, None)

    with tempfile.TemporaryDirectory() as folder:
        return _quantised(
            Path(folder), quantize_static, model, calibration_data_reader=Samples(), quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(THROUGHOUT), per_channel=True, activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8, nodes_to_exclude=list(excluded),
        )  # fmt: skip


def _quantised(folder: Path, quantise: Any, model: Any, **how: Any) -> Any:
    import onnx

    heavy = model.ByteSize() > 10**9
    quantise(model, str(folder / "narrow.onnx"), use_external_data_format=heavy, **how)
    return onnx.load(str(folder / "narrow.onnx"))


def _name(model: Any, whose: Mapping[str, dict[str, str]]) -> None:
    """Say of each node where on the canvas it comes from, also of those that were put in between."""
    makers = {name: node for node in model.graph.node for name in node.output}
    readers: dict[str, Any] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, node)
    known: dict[int, dict[str, str]] = {}
    for node in model.graph.node:
        said = whose.get(node.name) or _properties(node) or _by_name(node.name, whose)
        if said:
            known[id(node)] = said
    for _ in range(4):  # a quantised value passes a few nodes on its way
        for node in model.graph.node:
            if id(node) in known:
                continue
            near = [readers[name] for name in node.output if name in readers]
            near += [makers[name] for name in node.input if name in makers]
            found = next((known[id(n)] for n in near if id(n) in known), None)
            if found is not None:
                known[id(node)] = found
    for node in model.graph.node:
        del node.metadata_props[:]
        for key, value in known.get(id(node), {}).items():
            node.metadata_props.add(key=key, value=value)


def _by_name(name: str, whose: Mapping[str, dict[str, str]]) -> dict[str, str]:
    """Converters call what they make of a node by its name with something behind it."""
    while name:
        if name in whose:
            return whose[name]
        name = name.rpartition("_")[0]
    return {}


def _properties(node: Any) -> dict[str, str]:
    return {p.key: p.value for p in node.metadata_props if p.key in (NODE, BLOCK, ALSO)}


class _silent:
    """onnxruntime's quantisers advise on the root logger, whatever is asked."""

    def __enter__(self) -> None:
        self._before = logging.root.manager.disable
        logging.disable(logging.WARNING)

    def __exit__(self, *_: object) -> None:
        logging.disable(self._before)
