"""The file by itself: the checker, the shapes of its outputs, its operators, its size."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from app.engine import onnx_files
from app.engine.to_onnx.errors import ExportError, reason

SMALL = 1024
"""Weights with more bytes are left out of shape inference: only short ones say what shape something has."""


class Structure(NamedTuple):
    """What can be said of a file without running it."""

    bytes: int
    sha256: str
    opset: int
    operators: dict[str, int]
    shapes: bool
    """Whether strict inference knows the type and every size of each output."""


def examine(file: Path) -> Structure:
    """Read the file as one of other people would be, and check it. Raises ExportError where it does not pass."""
    import onnx

    try:
        model = onnx_files.read(file, data=False)
        onnx.checker.check_model(str(file), full_check=True)
        data = file.read_bytes()
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, ValueError, OSError) as error:
        raise ExportError(f"The exported model does not pass the ONNX checker: {reason(error)}") from error
    opset = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)
    operators = Counter(_full(node) for node in nodes_of(model.graph))
    return Structure(
        bytes=sum(part.stat().st_size for part in (file, *beside(file, model))),
        sha256=hashlib.sha256(data).hexdigest(),
        opset=opset,
        operators=dict(sorted(operators.items())),
        shapes=_inferred(model),
    )


def nodes_of(graph: Any) -> Iterator[Any]:
    """Every node, those inside of If and Loop too."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from nodes_of(attribute.g)


def beside(file: Path, model: Any) -> list[Path]:
    """The files with the model's weights, where they stand apart."""
    names = {
        entry.value for tensor in model.graph.initializer for entry in tensor.external_data if entry.key == "location"
    }
    return [file.with_name(name) for name in sorted(names)]


def _full(node: Any) -> str:
    return node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"


def _shape(value: Any) -> tuple[int | str, ...]:
    return tuple(d.dim_param if d.dim_param else d.dim_value for d in value.type.tensor_type.shape.dim)


def _inferred(model: Any) -> bool:
    """Whether shape inference, made anew and strict, ends in known outputs that are those that the file declares."""
    import onnx

    bare = _light(model)
    declared = {value.name: _shape(value) for value in bare.graph.output}
    for value in bare.graph.output:
        value.type.tensor_type.ClearField("shape")
    try:
        known = onnx.shape_inference.infer_shapes(bare, check_type=True, strict_mode=True, data_prop=True)
    except onnx.shape_inference.InferenceError:
        return False
    return all(_agree(_shape(value), declared[value.name]) and value.type.tensor_type.elem_type
               for value in known.graph.output)  # fmt: skip


def _agree(inferred: tuple[int | str, ...], declared: tuple[int | str, ...]) -> bool:
    """One rank, and the same size wherever both are numbers."""
    return len(inferred) == len(declared) and all(
        a == b for a, b in zip(inferred, declared, strict=True) if isinstance(a, int) and isinstance(b, int)
    )


def _light(model: Any) -> Any:
    """The model with its large weights as inputs: their shapes without their numbers."""
    import onnx

    light = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import, functions=model.functions)
    graph = light.graph
    graph.name = model.graph.name
    for field in ("node", "input", "output"):
        getattr(graph, field).extend(getattr(model.graph, field))
    for tensor in model.graph.initializer:
        if len(tensor.raw_data) <= SMALL and not tensor.external_data:
            graph.initializer.append(tensor)
        else:
            graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    return light
