"""Damaged ONNX files: fields blown up, wires that lead nowhere or back, weights said to lie elsewhere."""

from __future__ import annotations

import contextlib
from functools import cache
from random import Random
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.fuzzing.damage import NUMBERS, TEXTS, bytes_of

BESIDE = "weights.bin"
"""The file of weights that a seed's tensor stands in; `link.bin`, `hard.bin` and `folder` lie beside it."""
LOCATIONS = (
    BESIDE, "../outside/secret", "./weights.bin", "folder/../weights.bin", "/etc/passwd", "link.bin", "hard.bin",
    "folder", "linked/secret", "folder/../../outside/secret", "..\\outside\\secret", "C:\\x", "", ".", "..", "\0",
    "a\0b", "x" * 5000, "//weights.bin", "weights.bin/", "none.bin", "pipe", "/dev/zero", "/proc/self/environ", "~/x",
    "file:///x",
)  # fmt: skip


@cache
def seeds() -> tuple[bytes, ...]:
    """A network with a branch, a function, and weights inside and beside the file."""
    value = helper.make_tensor_value_info
    weight = numpy_helper.from_array(np.ones((4, 3), np.float32), "w")
    sparse = helper.make_sparse_tensor(
        numpy_helper.from_array(np.ones(2, np.float32), "sv"), numpy_helper.from_array(np.array([0, 5]), "si"), [2, 4])
    branch = helper.make_graph(
        [helper.make_node("Relu", ["h"], ["r"])], "then", [], [value("r", TensorProto.FLOAT, None)])
    other = helper.make_graph(
        [helper.make_node("Neg", ["h"], ["n"])], "else", [], [value("n", TensorProto.FLOAT, None)])
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["h"], "gemm", transB=1),
        helper.make_node("Constant", [], ["yes"], value=helper.make_tensor("", TensorProto.BOOL, [], [True])),
        helper.make_node("If", ["yes"], ["i"], then_branch=branch, else_branch=other),
        helper.make_node("Twice", ["i"], ["t"], domain="own"),
        helper.make_node("Softmax", ["t"], ["y"], axis=-1),
    ]
    graph = helper.make_graph(
        nodes, "net", [value("x", TensorProto.FLOAT, ["batch", 3])], [value("y", TensorProto.FLOAT, ["batch", 4])],
        [weight, helper.make_tensor("b", TensorProto.FLOAT, [4], [0.0, 1, 2, 3])], sparse_initializer=[sparse])
    function = helper.make_function(
        "own", "Twice", ["a"], ["c"], [helper.make_node("Add", ["a", "a"], ["c"])], [helper.make_opsetid("", 18)])
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
    plain = helper.make_model(graph, opset_imports=opsets, functions=[function], ir_version=9)
    outside = onnx.ModelProto.FromString(plain.SerializeToString())
    tensor = outside.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, text in (("location", BESIDE), ("offset", "0"), ("length", "48")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, text
    return plain.SerializeToString(), outside.SerializeToString()


def make(random: Random) -> bytes:
    plain, outside = seeds()
    if random.random() < 0.25:
        return bytes_of(random.choice(seeds()), seeds(), random)
    model = onnx.ModelProto.FromString(outside if random.random() < 0.6 else plain)
    for _ in range(random.choice((1, 1, 2, 3))):
        with contextlib.suppress(IndexError):  # what an earlier change took away cannot be changed
            _changed(model, random)
    return model.SerializeToString()


def _changed(model: Any, random: Random) -> None:
    tensors = [*model.graph.initializer, *(a.t for n in model.graph.node for a in n.attribute if a.HasField("t"))]
    match random.randrange(12):
        case 0 | 1 | 2:
            _field(random.choice(_messages(model)), random)
        case 3 | 4:
            tensor = random.choice(tensors)
            tensor.data_location = random.choice((0, 1))
            for entry in tensor.external_data:
                if random.random() < 0.5:
                    odd = (*map(str, NUMBERS), *TEXTS[:12], "0x10", "1_0", " 5", "٣", "9" * 400)
                    entry.value = random.choice(LOCATIONS if entry.key == "location" else odd).replace("\ud800", "")
        case 5:
            tensor = random.choice(tensors)
            tensor.ClearField("raw_data")
            tensor.data_location = 1
            for key in random.choices(("location", "offset", "length", "checksum", "extra", "location"), k=3):
                entry = tensor.external_data.add()
                entry.key, entry.value = key, random.choice(LOCATIONS) if key == "location" else "8"
        case 6:
            tensor = random.choice(tensors)
            del tensor.dims[:]
            tensor.dims.extend(_int64(random.choice(NUMBERS)) for _ in range(random.choice((0, 1, 2, 5, 80))))
        case 7:  # a wire that leads back, or nowhere
            nodes = list(model.graph.node)
            if nodes:
                node = random.choice(nodes)
                made = [name for each in nodes for name in each.output]
                node.input.append(random.choice((*made, "nowhere", "")))
        case 8 if len(model.graph.node):
            del model.graph.node[random.randrange(len(model.graph.node))]
        case 9 if len(model.functions):
            function = model.functions[0]
            function.node.add().CopyFrom(helper.make_node("Twice", ["c"], ["d"], domain="own"))
        case 10:  # graphs in graphs
            depth = random.choice((2, 15, 30))
            inner = helper.make_graph([], "g", [], [])
            for _ in range(depth):
                inner = helper.make_graph([helper.make_node("If", ["yes"], ["q"], then_branch=inner)], "g", [], [])
            model.graph.node.add().CopyFrom(helper.make_node("If", ["yes"], ["deep"], then_branch=inner))
        case _:
            nodes = list(model.graph.node)
            if nodes:
                model.graph.node.add().CopyFrom(random.choice(nodes))


def _int64(number: int) -> int:
    return (number + 2**63) % 2**64 - 2**63


def _messages(message: Any) -> list[Any]:
    found = [message]
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            parts = value if hasattr(value, "__len__") else [value]
            for part in list(parts)[:40]:
                found += _messages(part)
    return found


def _field(message: Any, random: Random) -> None:
    """Another value in a field of a message, of the field's own type."""
    field = random.choice(message.DESCRIPTOR.fields)
    if field.type == field.TYPE_MESSAGE:
        message.ClearField(field.name)
        return
    kind = field.cpp_type
    number = random.choice(NUMBERS)
    value: Any
    if kind == field.CPPTYPE_STRING:
        value = random.choice((*TEXTS, *LOCATIONS)).encode("utf-8", "replace").decode()
        value = value.encode() if field.type == field.TYPE_BYTES else value
    elif kind in (field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE):
        value = random.choice((0.0, 1e30, float("nan"), float("inf")))
    elif kind == field.CPPTYPE_ENUM:
        value = random.choice([v.number for v in field.enum_type.values])
    elif kind in (field.CPPTYPE_INT32, field.CPPTYPE_UINT32):
        value = (number + 2**31) % 2**32 - 2**31 if kind == field.CPPTYPE_INT32 else number % 2**32
    elif kind == field.CPPTYPE_UINT64:
        value = number % 2**64
    else:
        value = _int64(number)
    try:
        if hasattr(getattr(message, field.name), "append"):
            getattr(message, field.name).extend([value] * random.choice((1, 1, 3)))
        else:
            setattr(message, field.name, value)
    except (TypeError, ValueError, AttributeError):
        message.ClearField(field.name)
