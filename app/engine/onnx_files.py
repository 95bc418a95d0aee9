"""Reads ONNX files of other people: within limits, with weights that stay in the file's folder, running nothing.

`read` looks at the bytes before any runtime does. What onnx's own loading misses, and is checked here: that a tensor's
shape is what its bytes can be, that many tensors do not claim the same bytes again and again, weights in functions,
training graphs and sparse tensors, functions that call each other in a circle, and how deep graphs nest. `check` lets
onnx's checker, which is C++, see the file in a process of its own.
"""

from __future__ import annotations

import math
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from app.engine import child
from app.engine.tensor_files import TensorFileError, plain_size

MAX_BYTES = 2**31 - 1
"""Of the file, and of the weights beside it that are read into it: a protobuf cannot be larger."""
SHARED = 4
"""So many times the sizes of the files beside it its weights may have together: some share their bytes."""
MAX_NODES = 200_000
MAX_DEPTH = 24
"""How deep a graph may stand in attributes of nodes of graphs."""
MAX_DIMS = 64
SECONDS = 300.0
ROOM = 2**30
"""Bytes of memory that the checker's process may take, besides six times the size of the model with its weights."""

BITS = {
    1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 14: 64, 15: 128, 16: 16,
    17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4, 24: 8, 25: 2, 26: 2, 27: 6, 28: 6,
}  # fmt: skip
"""Of one number, by onnx's number of its type. Text (8) has none."""
KEYS = {"location", "offset", "length", "checksum", "basepath"}


class OnnxFileError(ValueError):
    """An ONNX file that is not read, and why; one sentence."""


def read(path: str | Path, *, data: bool = True) -> Any:
    """The `onnx.ModelProto` of a file, with weights that stand beside it read into it (without `data` they are only
    checked). Raises OnnxFileError."""
    import onnx
    from google.protobuf.message import DecodeError

    path = Path(path)
    try:
        size = plain_size(path)
        if size > MAX_BYTES:
            raise OnnxFileError(f"{path} has {size:,} bytes: an ONNX file has at most {MAX_BYTES:,}.")
        content = path.read_bytes()
    except TensorFileError as error:
        raise OnnxFileError(f"{path} {error}.") from None
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise OnnxFileError(f"{path} cannot be opened: {reason}.") from None
    try:
        model = onnx.ModelProto.FromString(content)
    except (DecodeError, ValueError, RecursionError):  # ValueError: text that is not UTF-8
        raise OnnxFileError(f"{path} is no ONNX file, or is damaged.") from None
    if not model.ir_version or not model.HasField("graph"):
        raise OnnxFileError(f"{path} is no ONNX file: it holds no graph.")
    try:
        _Reader(path.absolute().parent, len(content), data).model(model)
    except OnnxFileError as error:
        raise OnnxFileError(f"{path} is not opened: {error}.") from None
    except OSError as error:
        raise OnnxFileError(f"{path} is not opened: its weights cannot be read ({error.strerror or error}).") from None
    return model


def check(path: str | Path) -> None:
    """Have onnx's checker look at a file that `read` has passed, with full shape inference, in a process with limits.
    Raises OnnxFileError."""
    try:
        child.run("app.engine.onnx_files", str(path), seconds=SECONDS)
    except child.ChildError as error:
        raise OnnxFileError(f"{path} does not pass the ONNX checker: {error}") from None


class _Reader:
    """Looks at every node and tensor of a model once."""

    def __init__(self, folder: Path, size: int, data: bool) -> None:
        self.folder, self.size, self.data = folder, size, data
        self.nodes = 0
        self.beside = 0
        """Bytes that stand in other files, so far."""
        self.files: dict[str, int] = {}

    def model(self, model: Any) -> None:
        self.functions(model.functions)
        self.graph(model.graph, set(), 1)
        for training in model.training_info:
            known = {value for node in model.graph.node for value in node.output}
            known |= {value.name for value in (*model.graph.input, *model.graph.initializer)}
            self.graph(training.initialization, known, 1)
            self.graph(training.algorithm, known, 1)

    def functions(self, functions: Iterable[Any]) -> None:
        calls: dict[tuple[str, str], set[tuple[str, str]]] = {}
        for function in functions:
            name = _text(function.domain), _text(function.name)
            calls.setdefault(name, set()).update((n.domain, n.op_type) for n in _all_nodes(function.node))
            self.body(function.node, set(function.input), f"the function {_named(function.name)}", 1)
        ready = [name for name, inside in calls.items() if inside.isdisjoint(calls)]
        callers: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for name, inside in calls.items():
            inside.intersection_update(calls)
            for called in inside:
                callers.setdefault(called, []).append(name)
        while ready:  # what calls only what is known to end, ends
            ended = ready.pop()
            for name in callers.get(ended, ()):
                calls[name].discard(ended)
                if not calls[name]:
                    ready.append(name)
        if around := sorted(name for name, inside in calls.items() if inside):
            raise OnnxFileError(f"its function {_named(around[0][1])} calls itself")

    def graph(self, graph: Any, outer: set[str], depth: int) -> None:
        if depth > MAX_DEPTH:
            raise OnnxFileError(f"its graphs are nested more than {MAX_DEPTH} deep")
        known = {_text(value.name) for value in graph.input}
        for tensor in graph.initializer:
            self.tensor(tensor)
            known.add(tensor.name)
        for sparse in graph.sparse_initializer:
            self.sparse(sparse)
            known.add(sparse.values.name)
        self.body(graph.node, known | outer, "its graph", depth)
        made = known | outer | {value for node in graph.node for value in node.output}
        for value in graph.output:
            if _text(value.name) not in made:
                raise OnnxFileError(f"its output {_named(value.name)} comes from nowhere")

    def body(self, nodes: Any, known: set[str], what: str, depth: int) -> None:
        """The nodes of a graph or function in their order, each after what it needs."""
        self.nodes += len(nodes)
        if self.nodes > MAX_NODES:
            raise OnnxFileError(f"it has more than {MAX_NODES:,} nodes")
        known = set(known)
        own: set[str] = set()
        for node in nodes:
            for name in (node.name, node.op_type, node.domain, *node.input, *node.output):
                _text(name)
            for name in node.input:
                if name and name not in known:
                    at = _named(node.name or node.op_type)
                    raise OnnxFileError(f"{what} needs {_named(name)} at {at}, but nothing before makes it")
            for attribute in node.attribute:
                self.attribute(attribute, known, depth)
            for name in node.output:
                if name and name in own:
                    raise OnnxFileError(f"{what} makes {_named(name)} twice")
                own.add(name)
                known.add(name)

    def attribute(self, attribute: Any, known: set[str], depth: int) -> None:
        for tensor in (*([attribute.t] if attribute.HasField("t") else ()), *attribute.tensors):
            self.tensor(tensor)
        sparse = [attribute.sparse_tensor] if attribute.HasField("sparse_tensor") else []
        for each in (*sparse, *attribute.sparse_tensors):
            self.sparse(each)
        for graph in (*([attribute.g] if attribute.HasField("g") else ()), *attribute.graphs):
            self.graph(graph, known, depth + 1)

    def sparse(self, sparse: Any) -> None:
        self.tensor(sparse.values)
        self.tensor(sparse.indices)
        count = _count(sparse.dims, sparse.values.name)
        if count > 2**40 or math.prod(sparse.values.dims) > count:
            raise OnnxFileError(f"the sparse tensor {_named(sparse.values.name)} is larger than any machine holds")

    def tensor(self, tensor: Any) -> None:
        """That a tensor's shape is what its bytes can be, wherever they stand."""
        name = _text(tensor.name)
        count = _count(tensor.dims, name)
        bits = BITS.get(tensor.data_type)
        if tensor.data_type == 8:
            if count != len(tensor.string_data) or tensor.external_data:
                raise OnnxFileError(f"{_named(name)} holds {len(tensor.string_data)} texts, not {str(count)[:20]}")
            return
        if bits is None:
            raise OnnxFileError(f"{_named(name)} holds numbers of a type that is not known ({tensor.data_type})")
        needed = -(-count * bits // 8)
        if tensor.data_location == 1 or tensor.external_data:
            self.outside(tensor, needed)
            return
        if tensor.HasField("raw_data") and tensor.raw_data:
            fits = len(tensor.raw_data) in (needed, count if bits < 8 else needed)
        else:
            given = sum(len(getattr(tensor, f)) for f in _LISTS)
            complex_ = 2 if tensor.data_type in (14, 15) else 1
            fits = given in (count * complex_, -(-count * bits // 8) if bits < 8 else count * complex_)
        if not fits:
            raise OnnxFileError(f"{_named(name)} is {_size(tensor.dims)}, but its bytes are of another size")

    def outside(self, tensor: Any, needed: int) -> None:
        """A tensor whose bytes stand in a file beside: that file lies in the model's folder, by itself and no link."""
        name = _named(tensor.name)
        pairs = [(_text(entry.key), _text(entry.value)) for entry in tensor.external_data]
        facts = dict(pairs)
        if len(facts) < len(pairs) or not set(facts) <= KEYS or tensor.data_location != 1 or tensor.raw_data:
            raise OnnxFileError(f"{name} says in two ways, or in none, where its weights are")
        offset, length = (_whole(facts.get(key), name) for key in ("offset", "length"))
        place = self.place(facts.get("location", ""), name)
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
        with os.fdopen(os.open(place, flags), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise OnnxFileError(f"the weights of {name} are no plain file")
            if found.st_nlink > 1:  # another name of a file that may lie anywhere
                raise OnnxFileError(f"the weights of {name} are a file with {found.st_nlink} names (hard links)")
            start = offset or 0
            if (length if length is not None else needed) != needed or start + needed > found.st_size:
                raise OnnxFileError(f"{name} needs {needed:,} bytes, which its file of weights has not there")
            self.beside += needed
            self.files[str(place)] = found.st_size
            if self.data and self.beside > min(MAX_BYTES, SHARED * sum(self.files.values())):
                raise OnnxFileError(f"its weights claim {self.beside:,} bytes and more, which its files cannot hold")
            if not self.data:
                return
            file.seek(start)
            content = file.read(needed)
        if len(content) != needed:
            raise OnnxFileError(f"the file of weights of {name} is cut short")
        tensor.raw_data = content
        tensor.data_location = 0
        del tensor.external_data[:]

    def place(self, location: str, name: str) -> Path:
        """Where a file of weights is. It may not lead out of the folder, nor be a link, nor lie behind one."""
        parts = location.split("/")
        absolute = location.startswith("/") or ":" in location or "\\" in location or "\0" in location
        if not location or absolute or any(part in ("", ".", "..") for part in parts):
            raise OnnxFileError(f"the weights of {name} would come from {location[:80]!a}, which is not in its folder")
        place = self.folder
        for part in parts:
            place = place / part
            try:
                mode = place.lstat().st_mode
            except (OSError, ValueError):
                raise OnnxFileError(f"the weights of {name} should be in {location[:80]!a}: there is none") from None
            if stat.S_ISLNK(mode):
                raise OnnxFileError(f"the weights of {name} are in {location[:80]!a}, which is a link")
        if not stat.S_ISREG(mode):
            raise OnnxFileError(f"the weights of {name} are in {location[:80]!a}, which is no plain file")
        return place


_LISTS = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data")


def _all_nodes(nodes: Iterable[Any], depth: int = 0) -> Iterator[Any]:
    if depth > MAX_DEPTH:
        raise OnnxFileError(f"its graphs are nested more than {MAX_DEPTH} deep")
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for graph in (*([attribute.g] if attribute.HasField("g") else ()), *attribute.graphs):
                yield from _all_nodes(graph.node, depth + 1)


def _count(dims: Any, name: str) -> int:
    if len(dims) > MAX_DIMS or any(size < 0 for size in dims):
        raise OnnxFileError(f"{_named(name)} has a shape that no tensor has")
    return math.prod(dims)


def _whole(text: str | None, name: str) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        raise OnnxFileError(f"{name} has weights at {text[:20]!a}, which is no place")
    return int(text)


def _size(dims: Any) -> str:
    return "x".join(map(str, list(dims)[:8])) or "one number"


def _text(value: Any) -> str:
    """A text of the file: protobuf gives bytes where it is no UTF-8."""
    if not isinstance(value, str):
        raise OnnxFileError("it has names that are no text")
    return value


def _named(name: str) -> str:
    """A name from the file, for a sentence: on one line and not long."""
    shown = "".join(sign if sign.isprintable() else "?" for sign in name[:60])
    return f"`{shown}{'...' if len(name) > 60 else ''}`"


def _checked(path: Path) -> str:
    """In the child: why the checker refuses; empty where it does not."""
    import onnx

    beside = sum(file.stat().st_size for file in path.absolute().parent.iterdir() if file.is_file())
    child.limit_memory(ROOM + 6 * max(path.stat().st_size, min(beside, MAX_BYTES)))
    try:
        onnx.checker.check_model(read(path), full_check=True)
    except OnnxFileError as error:
        return str(error)
    except MemoryError:
        return "it needs more memory than its size explains"
    except Exception as error:  # the checker's errors share no base class
        line = (str(error).strip() or type(error).__name__).split("\n")[0][:300]
        return "".join(sign if sign.isprintable() else "?" for sign in line)
    return ""


if __name__ == "__main__":
    sys.exit(_checked(Path(sys.argv[1])) or 0)
