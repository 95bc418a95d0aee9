"""The file `name.netloom`: JSON, versioned, one node a line, safe to merge. Reading it runs nothing from it."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from app.design.frames import check_frames
from app.design.names import NamingError, check_name, quoted
from app.design.nesting import check_nesting
from app.design.ports import Catalogue, Ports
from app.design.ties import misfollowing
from app.design.values import Design, Expression, Graph, Group, Settings, check_exposed
from app.design.wires import UnknownPortError, WiringError, check_wire, find_cycle

VERSION = 1
MAX_BYTES = 32 * 2**20
MAX_NODES = 100_000
MAX_SETTINGS = 1000
"""How many settings a node, and how many values one of them, may have: each is walked over many times."""
BOM = b"\xef\xbb\xbf"
"""What some editors put before UTF-8 text."""


Sign = tuple[int, int, int]
"""Of a file: when it was changed, its size, and which one it is."""


class FileError(ValueError):
    """A file that cannot be opened or saved: one sentence that names the file and the place in it."""


class _Header(msgspec.Struct):
    netloom: int


def enc_hook(value: Any) -> Any:
    """How msgspec writes Settings: as an object, its keys sorted."""
    if isinstance(value, Settings):
        return {name: value[name] for name in sorted(value)}
    raise NotImplementedError(f"cannot encode {type(value).__name__}")


def dec_hook(type: type, value: Any) -> Any:
    """How msgspec reads Settings."""
    if type is Settings:
        if not isinstance(value, dict):
            raise ValueError("Expected `object`")
        return Settings(value)
    raise NotImplementedError(f"cannot decode {type}")


_decoder = msgspec.json.Decoder(Design, dec_hook=dec_hook)
_encoder = msgspec.json.Encoder(enc_hook=enc_hook)


def loads(data: bytes, name: str = "the design", catalogue: Catalogue | None = None) -> Design:
    """Read a design from the bytes of a file. Raises FileError; with a catalogue the wires' ports are checked too."""
    if len(data) > MAX_BYTES:
        raise FileError(f"{name} has more than {MAX_BYTES // 2**20} MB: no design is that large")
    data = data.removeprefix(BOM)
    if (count := data.count(b'"id"')) > MAX_NODES:  # each node names its id: refused before they fill the memory
        raise FileError(f"{name}: it has {count:,} nodes: at most {MAX_NODES:,} are read")
    try:
        header = msgspec.json.decode(data, type=_Header)
    except msgspec.ValidationError:
        raise FileError(f"{name} is not a Netloom design: it is JSON, but without `netloom`, the version") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FileError(f"{name} is not a Netloom design: {_reason(error)}") from None
    if header.netloom > VERSION:
        raise FileError(
            f"{name} was made by a newer Netloom (file version {header.netloom}, this one reads up to {VERSION}): "
            "update Netloom to open it"
        )
    if header.netloom < 1:
        raise FileError(f"{name} names file version {header.netloom}, which never was: it needs 1 to {VERSION}")
    try:
        # The version is no field of a Design: take it off and read the rest strictly.
        body = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
        del body["netloom"]
        design = _decoder.decode(msgspec.json.encode(body))
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FileError(f"{name}: {_reason(error)}") from None
    try:
        check(design, catalogue)
    except (ValueError, NamingError, WiringError) as error:
        raise FileError(f"{name}: {_one_line(str(error))}") from None
    return design


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text"
    return _one_line(str(error).replace("$.", "").replace("`$`", "the file"))


def _one_line(text: str) -> str:
    """A sentence with words of the file in it: each as short as a name may be, and nothing that moves a cursor."""
    text = re.sub(r"`([^`]*)`", lambda found: quoted(found[1]), text)
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)[:400]


def check(design: Design, catalogue: Catalogue | None = None) -> None:
    """Raise ValueError unless the design keeps the rules that every edit keeps: names, wires, no circles, Groups."""
    total = len(design.nodes) + sum(len(g.nodes) + 1 for g in design.groups)
    if total > MAX_NODES:
        raise ValueError(f"it has {total:,} nodes: at most {MAX_NODES:,} are read")
    for name, count in Counter(g.name for g in design.groups).items():
        check_name(name)
        if count > 1:
            raise ValueError(f"there are {count} Groups `{name}`: names of Groups must differ")
    for graph, place in ((design, "the design"), *((g, f"the Group `{g.name}`") for g in design.groups)):
        _check_graph(design, graph, place)
    for group in design.groups:
        _check_settings(group)
    check_nesting(design)
    for where in ("", *design.group_by_name):
        graph = design.graph(where)
        known: dict[str, Ports] = {}
        for wire in graph.wires:
            if catalogue is not None:
                check_wire(design, where, wire, catalogue, acyclic=False, occupied=False, known=known)
            for end in (wire.source, wire.target):
                if end.node not in graph.by_id:
                    raise UnknownPortError(
                        f"the wire {wire.source} -> {wire.target} names `{end.node}`, which does not exist"
                    )
        if circle := find_cycle(graph):
            raise ValueError(f"the wires of {', '.join(circle[:4])} run in a circle: a network's wires run one way")


def _check_settings(group: Group) -> None:
    try:
        check_exposed(group.settings)
    except ValueError as error:
        raise ValueError(f"the settings of the Group `{group.name}`: {error}") from None


def _check_graph(design: Design, graph: Graph, place: str) -> None:
    names: set[str] = set()
    ids: set[str] = set()
    for node in graph.nodes:
        if node.id in ids:
            raise ValueError(f"{place} has two nodes with the id `{node.id}`: ids must differ")
        check_name(node.id)
        check_name(node.name, names)
        if bool(node.block) == bool(node.group):
            raise ValueError(f"the node `{node.id}` needs either a block or a Group, and exactly one")
        if node.group and node.group not in design.group_by_name:
            raise ValueError(f"the node `{node.id}` uses the Group `{node.group}`, which the file does not hold")
        if not isinstance(node.repeat, Expression) and not 1 <= node.repeat <= 10_000:
            raise ValueError(f"the node `{node.id}` repeats {node.repeat} times: it needs 1 to 10000")
        values = (value for value in node.settings.values() if isinstance(value, tuple))
        if len(node.settings) > MAX_SETTINGS or any(len(value) > MAX_SETTINGS for value in values):
            raise ValueError(f"the node `{node.id}` holds more than {MAX_SETTINGS:,} settings or values of one setting")
        if not (abs(node.x) < 1e9 and abs(node.y) < 1e9):
            raise ValueError(f"the node `{node.id}` lies at ({node.x:g}, {node.y:g}), off any canvas")
        ids.add(node.id)
        names.add(node.name)
    try:
        check_frames(graph.frames)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None
    for node in graph.nodes:
        if not node.shares:
            continue
        if node.shares not in ids:
            raise ValueError(f"the node `{node.id}` shares the weights of `{node.shares}`, which does not exist")
        owner = graph.by_id[node.shares]
        if (owner.block, owner.group) != (node.block, node.group):
            raise ValueError(f"the node `{node.id}` shares the weights of `{node.shares}`, which is another block")
        if owner.shares not in ("", owner.id):
            raise ValueError(f"the node `{node.id}` shares the weights of `{node.shares}`, which has none of its own")
    if wrong := misfollowing(graph):
        raise ValueError(wrong)
    ends = Counter(wire.target for wire in graph.wires)
    if double := next((end for end, count in ends.items() if count > 1), None):
        raise ValueError(f"{ends[double]} wires end at {double}: an input takes one")


_GROUP_ORDER = ("name", "help", "settings", "nodes", "wires", "frames")


def dumps(design: Design) -> bytes:
    """The bytes of a design's file: keys in a stable order, one node and one wire a line."""
    fields = json.loads(_encoder.encode(design))
    fields["groups"] = [{key: g[key] for key in _GROUP_ORDER if key in g} for g in fields.get("groups", ())]
    for graph in (fields, *fields["groups"]):
        for node in graph.get("nodes", ()):
            if node["name"] == node["id"]:
                del node["name"]
            if not node.get("settings", True):
                del node["settings"]
            _shorten(node, "x", "y")
        for frame in graph.get("frames", ()):
            _shorten(frame, "x", "y", "width", "height")
        for setting in graph.get("settings", ()):
            _shorten(setting, "min", "max")
    if not fields["groups"]:
        del fields["groups"]
    about = {"about": fields.pop("about")} if "about" in fields else {}  # what it is stands at the top
    return (_layout({"netloom": VERSION, **about, **fields}, 0) + "\n").encode()


def _shorten(fields: dict[str, Any], *names: str) -> None:
    """Write whole numbers as such: 260, not 260.0."""
    for name in names:
        if isinstance(fields.get(name), float) and fields[name].is_integer():
            fields[name] = int(fields[name])


def _layout(value: Any, depth: int) -> str:
    """JSON with objects of the outer levels opened over lines, and each node, wire or variant on a line of its own."""
    pad, end = "  " * (depth + 1), "  " * depth
    if isinstance(value, dict) and (depth == 0 or "nodes" in value):
        rows = [f"{pad}{json.dumps(k)}: {_layout(v, depth + 1)}" for k, v in value.items()]
        return "{\n" + ",\n".join(rows) + f"\n{end}}}"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(pad + _layout(v, depth + 1) for v in value) + f"\n{end}]"
    return json.dumps(value, ensure_ascii=False)


def load(path: str | Path, catalogue: Catalogue | None = None) -> Design:
    """Open a design's file. Raises FileError."""
    path = Path(path)
    try:
        if path.exists() and not path.is_file():  # reading a pipe or a device might never end
            raise FileError(f"{path} is {'a folder' if path.is_dir() else 'no plain file'}: choose a .netloom file")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise FileError(f"{path} cannot be opened: {_system(error)}") from None
    return loads(data, str(path), catalogue)


def sign_of(path: str | Path) -> Sign | None:
    """What tells a file from one that was written later; None where there is none."""
    try:
        return _sign(Path(path).stat())
    except (OSError, ValueError):
        return None


def _sign(found: os.stat_result) -> Sign:
    return found.st_mtime_ns, found.st_size, found.st_ino


def save(design: Design, path: str | Path) -> Sign:
    """Write a design's file whole or not at all (aside, then renamed). Returns its sign. Raises FileError."""
    return write_atomically(path, dumps(design))


def write_atomically(path: str | Path, data: bytes) -> Sign:
    """Replace the file at `path` by `data`, whole or not at all. Returns the new file's sign. Raises FileError."""
    path = Path(path)
    aside = ""
    try:
        target = path.resolve()  # through a link: the link stays, its target is replaced
        if target.exists() and not target.is_file():  # a rename would put a file in the place of /dev/null, say
            raise OSError(f"it is {'a folder' if target.is_dir() else 'no plain file'}; choose another name")
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()
        handle, aside = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            sign = _sign(os.fstat(file.fileno()))
        Path(aside).chmod(mode)
        Path(aside).replace(target)
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: links that lead in a circle
        if aside:
            Path(aside).unlink(missing_ok=True)
        raise FileError(f"{path} cannot be saved: {_system(error)}") from None
    return sign


def _system(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
