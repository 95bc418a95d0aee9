"""What is asked of a file of tensors before a library reads it: that it holds what its size can hold, each part once.

`safetensors_header` reads the header of a safetensors file, `check_zip` the directory of a torch file; both look at
no tensor, allocate little, and run nothing.
"""

from __future__ import annotations

import json
import math
import os
import stat
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

MAX_HEADER = 32 * 2**20
"""Bytes of a safetensors header: the largest networks have a few of them."""
MAX_TENSORS = 100_000
MAX_NAME = 500
MAX_PICKLE = 64 * 2**20
"""Bytes of the names and sizes in a torch file."""

BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "F64": 64, "I64": 64, "U64": 64, "C64": 64, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4,
}  # fmt: skip
"""Of one number, by what safetensors calls its type."""


class TensorFileError(ValueError):
    """What is wrong with a file of tensors: the half of a sentence that follows its name."""


class Held(NamedTuple):
    """A tensor of a file: its type as safetensors calls it, and its shape."""

    dtype: str
    shape: tuple[int, ...]


def plain_size(path: Path) -> int:
    """The bytes of a file, none of which is read. Raises TensorFileError where it is no plain file, OSError."""
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):  # reading a pipe or a device might never end
        raise TensorFileError("is a folder, not a file" if stat.S_ISDIR(found.st_mode) else "is no plain file")
    return found.st_size


def check_name(name: Any) -> str:
    """The name of a tensor as it may be printed and be a key. Raises TensorFileError."""
    if not isinstance(name, str):
        raise TensorFileError(f"names a tensor {str(name)[:40]!a}, which is no text")
    if len(name) > MAX_NAME:
        raise TensorFileError(f"has a name of {len(name):,} characters: at most {MAX_NAME} are read")
    if not name.isprintable():  # an escape sequence, say, that a terminal would obey
        raise TensorFileError(f"has the name {name[:40]!a}, which cannot be printed")
    return name


# safetensors ----------------------------------------------------------------------------------------------------------


def safetensors_header(path: Path) -> dict[str, Held]:
    """The tensors of a safetensors file by name: they fill it without gaps and overlaps, each name stands once.

    Raises TensorFileError, or OSError where the file cannot be read.
    """
    size = plain_size(path)
    with path.open("rb") as file:
        start = file.read(8)
        length = int.from_bytes(start, "little")
        if len(start) < 8 or length > size - 8:
            raise TensorFileError("is no safetensors file, or is cut short")
        if length > MAX_HEADER:
            raise TensorFileError(f"has a header of {length:,} bytes: at most {MAX_HEADER:,} are read")
        text = file.read(length)
    try:
        header = json.loads(text.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except TensorFileError:
        raise
    except RecursionError:
        raise TensorFileError("has a header that is nested too deeply") from None
    except ValueError:  # no UTF-8, no JSON, a number of thousands of digits
        raise TensorFileError("is no safetensors file: its header is no JSON") from None
    if not isinstance(header, dict):
        raise TensorFileError("is no safetensors file: its header is no object")
    notes = header.pop("__metadata__", {})
    if not isinstance(notes, dict) or not all(isinstance(value, str) for value in notes.values()):
        raise TensorFileError("has metadata that is not text")
    if len(header) > MAX_TENSORS:
        raise TensorFileError(f"has {len(header):,} tensors: at most {MAX_TENSORS:,} are read")
    found: dict[str, Held] = {}
    places: list[tuple[int, int, str]] = []
    for name, entry in header.items():
        begin, end, held = _entry(check_name(name), entry)
        places.append((begin, end, name))
        found[name] = held
    at = 0
    for begin, end, name in sorted(places):
        if begin != at:
            how = "begins before the one before it ends" if begin < at else "leaves a gap before it"
            raise TensorFileError(f"is damaged: `{name}` {how}")
        at = end
    if at != size - 8 - length:
        raise TensorFileError(f"is damaged: its tensors have {at:,} bytes, but {size - 8 - length:,} are there")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names differ: of two that are equal, one reader takes the first and another the last."""
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise TensorFileError(f"has {twice[:MAX_NAME]!a} twice")
    return made


def _no_number(_text: str) -> Any:
    raise ValueError("NaN and Infinity are no JSON")


def _entry(name: str, entry: Any) -> tuple[int, int, Held]:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise TensorFileError(f"is damaged: `{name}` has not just a dtype, a shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BITS:
        raise TensorFileError(f"is damaged: `{name}` holds numbers of a type that is not known, {str(dtype)[:20]!a}")
    if not _counts(shape) or len(shape) > 64 or not _counts(offsets) or len(offsets) != 2:
        raise TensorFileError(f"is damaged: the shape or place of `{name}` is no list of sizes")
    begin, end = offsets
    bits = math.prod(shape) * BITS[dtype]
    if end < begin or bits != 8 * (end - begin):
        sizes = "x".join(str(n)[:20] for n in shape[:8]) or "one number"
        raise TensorFileError(f"is damaged: `{name}` is {sizes} of {dtype}, which its {end - begin:,} bytes cannot be")
    return begin, end, Held(dtype, tuple(shape))


def _counts(value: Any) -> bool:
    return isinstance(value, list) and all(type(n) is int and 0 <= n < 2**63 for n in value)


# torch ----------------------------------------------------------------------------------------------------------------


def check_zip(path: Path) -> None:
    """Refuse a zip that torch has not written: members that are compressed, overlap, share a name or lead elsewhere.

    Raises TensorFileError, or OSError where the file cannot be read.
    """
    size = plain_size(path)
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except OSError:
        raise
    except Exception:  # besides BadZipFile whatever comes of damaged bytes
        raise TensorFileError("is a damaged zip") from None
    names = set()
    roots = set()
    pickles = 0
    for member in members:
        # torch stores without compression; a compressed member may be a small file that fills the memory.
        if member.compress_type != zipfile.ZIP_STORED or member.compress_size != member.file_size:
            raise TensorFileError("is compressed inside, which torch never does: it is not opened")
        if member.flag_bits & 0x1:
            raise TensorFileError("is encrypted inside: it is not opened")
        parts = PurePosixPath(member.filename).parts
        if ".." in parts or member.filename.startswith("/") or "\\" in member.filename or len(parts) < 2:
            raise TensorFileError(f"holds {member.filename[:60]!a}, a place where torch puts nothing")
        if member.filename in names:
            raise TensorFileError(f"holds {member.filename[:60]!a} twice")
        names.add(member.filename)
        roots.add(parts[0])
        if parts[1:] == ("data.pkl",):
            pickles += 1
            if member.file_size > MAX_PICKLE:
                raise TensorFileError(f"has {member.file_size:,} bytes of names: at most {MAX_PICKLE:,} are read")
    if pickles != 1 or len(roots) != 1:
        raise TensorFileError("is a zip, but not one that torch has saved")
    at = 0
    for member in sorted(members, key=lambda m: m.header_offset):
        if member.header_offset < at:
            raise TensorFileError("is damaged: what is in it overlaps")
        at = member.header_offset + 30 + len(member.filename.encode()) + member.file_size
    if at > size:
        raise TensorFileError("is cut short")
    if any(member.CRC for member in members) and (broken := _damaged(path)):  # torch leaves them all 0 if so told
        raise TensorFileError(f"is damaged: the bytes of {broken[:60]!a} in it are not those that were written")


def _damaged(path: Path) -> str:
    """The first member that is not what its checksum says, at which torch does not look; empty where all are."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            try:
                with archive.open(member) as stream:
                    while stream.read(2**20):
                        pass
            except (zipfile.BadZipFile, EOFError):
                return member.filename
    return ""
