"""Damaged files of weights: safetensors whose header lies, torch files whose zip or pickle is hostile."""

from __future__ import annotations

import io
import json
import pickle
import pickletools
import struct
import zipfile
from collections import OrderedDict
from functools import cache
from random import Random
from typing import Any

import torch
from safetensors.torch import save

from tests.fuzzing.damage import NUMBERS, TEXTS, bytes_of

CANARY = "canary"
"""What a hostile pickle would make in the folder where it is read, if its code ran."""


@cache
def state() -> dict[str, torch.Tensor]:
    """A small network's weights, as its author would save them."""
    generator = torch.Generator().manual_seed(1)
    made = OrderedDict[str, torch.Tensor]()
    for i, (c, d) in enumerate(((3, 4), (4, 8))):
        made[f"layer{i}.conv.weight"] = torch.randn(d, c, 3, 3, generator=generator)
        made[f"layer{i}.bn.weight"] = torch.ones(d)
        made[f"layer{i}.bn.running_mean"] = torch.zeros(d)
        made[f"layer{i}.bn.num_batches_tracked"] = torch.tensor(3)
    made["fc.weight"] = torch.randn(10, 8, generator=generator).half()
    made["fc.bias"] = torch.zeros(10, dtype=torch.bfloat16)
    return made


# safetensors ----------------------------------------------------------------------------------------------------------


@cache
def safe_seeds() -> tuple[bytes, ...]:
    return save(dict(state()), {"format": "pt"}), save({"a": torch.zeros(2), "b": torch.zeros(0, 4)})


def make_safetensors(random: Random) -> bytes:
    data = random.choice(safe_seeds())
    if random.random() < 0.3:
        return bytes_of(data, (*safe_seeds(), *torch_seeds()), random)
    length = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    doubled = ""
    for _ in range(random.choice((1, 1, 2, 3))):
        names = [name for name in header if isinstance(header[name], dict) and "shape" in header[name]]
        if not names:
            break
        name = random.choice(names)
        entry = header[name]
        match random.randrange(12):
            case 0:
                entry["data_offsets"] = [random.choice(NUMBERS), random.choice(NUMBERS)]
            case 1:
                entry["data_offsets"] = header[random.choice(names)].get("data_offsets", 0)
            case 2:
                entry["shape"] = [random.choice(NUMBERS) for _ in range(random.choice((0, 1, 2, 4, 9, 70)))]
            case 3:
                entry["dtype"] = random.choice(("F64", "F4", "F128", "", "f32", "BOOL", "C64", 3, None, *TEXTS[:5]))
            case 4:
                header[random.choice(TEXTS)] = header.pop(name)
            case 5:
                odd = random.choice((None, {}, [], "x", True, 1.5, [True]))
                entry[random.choice(("extra", "shape", "dtype"))] = odd
            case 6:
                header["__metadata__"] = random.choice((None, 1, [], {"a": 1}, {"a": None}, {"": "x" * 10**5}))
            case 7:
                header[name] = random.choice((None, [], 3, "x", {}))
            case 8:
                doubled = f'{json.dumps(name)}: {json.dumps(entry)}, '
            case 9:
                begin, end = entry["data_offsets"] if isinstance(entry.get("data_offsets"), list) else (0, 0)
                if isinstance(begin, int) and isinstance(end, int):
                    entry["data_offsets"] = [begin - random.choice((0, 1, 4)), end + random.choice((0, 1, 4))]
            case 10:
                body = random.choice((b"", body + bytes(8), body[:-1], body * 2))
            case 11:
                value: Any = 1
                for _ in range(random.choice((2, 50, 500))):
                    value = [value]
                entry["shape"] = value
    text = json.dumps(header)
    text = "{" + doubled + text[1:]
    if random.random() < 0.05:
        text = "[" * 100_000
    if random.random() < 0.05:
        text = text.replace("[", "[" + "9" * 5000 + ",", 1)
    written = text.encode("utf-8", "surrogatepass")
    size = random.choice(NUMBERS) % 2**64 if random.random() < 0.08 else len(written)
    return struct.pack("<Q", size) + written + body


# torch ----------------------------------------------------------------------------------------------------------------


@cache
def torch_seeds() -> tuple[bytes, ...]:
    made = []
    for value, zipped in (
        (state(), True), ({"epoch": 3, "model": {f"module.{k}": v for k, v in state().items()}}, True),
        ({"a": torch.zeros(2)}, True), (state(), False), ({"w": torch.nn.Parameter(torch.ones(2, 3))}, True),
        ({"t": torch.zeros(4, 4).t()[1:]}, True),
    ):  # fmt: skip
        out = io.BytesIO()
        torch.save(value, out, _use_new_zipfile_serialization=zipped)
        made.append(out.getvalue())
    return tuple(made)


CODE = f"open({CANARY!r}, 'w').write('ran')"
"""What a hostile pickle wants to run."""


class _Call:
    """Pickles as a call of anything."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def _hostile(random: Random) -> bytes:
    """A pickle that asks for more than tensors."""
    made = pickle.dumps({"a": 1, "b": [1, 2, "x"], "c": (None, 2.5)}, 2)
    named = random.choice((
        ("builtins", "exec"), ("builtins", "eval"), ("os", "system"), ("posix", "system"), ("subprocess", "Popen"),
        ("torch.serialization", "load"), ("torch", "load"), ("torch._utils", "_rebuild_tensor_v2"),
        ("torch", "FloatStorage"), ("collections", "OrderedDict"), ("builtins", "getattr"), ("torch.jit", "load"),
        ("torch._utils", "_rebuild_parameter"), ("torch", "Tensor"), ("torch", "Size"), ("pathlib", "Path"),
        ("torch._tensor", "_rebuild_from_type_v2"), ("runpy", "run_path"), ("a b", "c"), ("", ""),
        ("torch.nn", "Linear"),
    ))  # fmt: skip
    ask = b"c" + named[0].encode() + b"\n" + named[1].encode() + b"\n"
    text = b"X" + struct.pack("<I", len(CODE)) + CODE.encode()
    match random.randrange(8):
        case 0:
            return b"\x80\x02" + ask + text + b"\x85R."
        case 1:
            return b"\x80\x02}" + b"X\x01\x00\x00\x00a" + ask + text + b"\x85Rs."
        case 2:
            ends = (b")R", b"N\x85R", b"]b", b"}b", b"\x81", b"K\x01K\x02\x86R")
            return b"\x80\x02" + ask + random.choice(ends) + b"."
        case 3:  # the stack's depth, a memo far away, a text longer than the file, a number of many bytes
            return random.choice((
                b"\x80\x02" + b"]" * 50_000 + b"a" * 49_999 + b".", b"\x80\x02]r" + b"\xff" * 4 + b".",
                b"\x80\x02X\xff\xff\xff\x7fabc.", b"\x80\x02\x8b\xff\xff\xff\x7f.",
                b"\x80\x02\x8a\xff" + b"\x7f" * 255 + b".",
                b"\x80\x04\x8d" + b"\xff" * 8 + b".", b"\x80\x02(" * 20_000 + b"t.", b"I" + b"9" * 5000 + b"\n.",
            ))  # fmt: skip
        case 4:
            return pickle.dumps(_Call(eval, CODE), random.choice((0, 2, 4)))
        case 5:
            return pickle.dumps({"state_dict": _Call(exec, CODE), "a": 1}, 2)
        case 6:
            return bytes_of(made, torch_seeds(), random)
        case _:
            return pickle.dumps(random.choice((None, 3, [], {}, {1: 2}, {"a": "b"}, "x" * 9, {"a": {"b": {}}})), 2)


def _renumbered(data: bytes, random: Random) -> bytes:
    """The pickle of a state_dict with other numbers: of shapes, steps, places and storages."""
    found = []
    source = io.BytesIO(data)
    try:
        while True:  # older files hold several
            for op, _, at in pickletools.genops(source):
                if op.name in ("BININT", "BININT1", "BININT2") and at is not None:
                    found.append((at, {"BININT": 4, "BININT1": 1, "BININT2": 2}[op.name]))
    except Exception:  # the end of the pickles
        if not found:
            return data
    content = bytearray(data)
    for at, width in random.sample(found, min(len(found), random.choice((1, 1, 2, 5)))):
        number = random.choice(NUMBERS) % 2 ** (8 * width)
        content[at + 1 : at + 1 + width] = number.to_bytes(width, "little")
    if random.random() < 0.3:  # a whole number of eight bytes in the place of one
        at, width = random.choice(found)
        content[at : at + 1 + width] = b"\x8a\x08" + (random.choice(NUMBERS) % 2**63).to_bytes(8, "little")
    return bytes(content)


def make_torch(random: Random) -> bytes:
    data = random.choice(torch_seeds())
    if data[:2] != b"PK":
        return random.choice((bytes_of(data, torch_seeds(), random), _renumbered(data, random), _hostile(random)))
    if random.random() < 0.2:
        return bytes_of(data, (*torch_seeds(), *safe_seeds()), random)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(m.filename, archive.read(m)) for m in archive.infolist()]
    way = zipfile.ZIP_STORED
    what = random.randrange(10)
    out = io.BytesIO()
    changed = []
    for name, content in members:
        if name.endswith("data.pkl"):
            if what <= 2:
                content = _hostile(random)
            elif what <= 5:
                content = _renumbered(content, random)
            elif what == 6:
                content = bytes_of(content, torch_seeds(), random)
        elif what == 7 and random.random() < 0.3:
            content = random.choice((b"", content * 3, content[:-1], bytes(10**5)))
        elif what == 8 and random.random() < 0.3:
            name = random.choice((
                "../outside/secret", "/absolute", "a\\b", name + "/../..", "data.pkl", members[0][0], " ", name.upper(),
                "x/" * 300, "other/data.pkl",
            ))  # fmt: skip
        changed.append((name, content))
    if what == 9:
        way = random.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
        changed = [(n, c if n.endswith("pkl") else bytes(10**6)) for n, c in changed]
    with zipfile.ZipFile(out, "w", way) as archive:
        for name, content in changed:
            archive.writestr(name, content)
    made = out.getvalue()
    if random.random() < 0.1:  # its directory says other sizes and places than there are
        at = made.rfind(b"PK\x01\x02")
        content = bytearray(made)
        place = at + random.choice((8, 10, 20, 24, 28, 42))
        content[place : place + 4] = struct.pack("<I", random.choice(NUMBERS) % 2**32)
        made = bytes(content)
    return made
