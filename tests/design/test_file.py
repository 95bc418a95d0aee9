"""The file: what is saved comes back equal and reads well; a bad one is refused in a sentence that names the place."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import examples
from app.design import file
from app.design.file import FileError
from app.design.ports import letter
from app.design.values import Design, End, Node, Settings, Wire
from tests.design.drawings import CATALOGUE, designs, grouped, names, recipes, small, variants
from tests.design.drawings import settings as any_settings


@settings(max_examples=100)
@given(designs(), st.lists(st.tuples(names, any_settings), unique_by=lambda t: t[0]), recipes, variants)
def test_round_trip(design: Design, more: list[tuple[str, Settings]], recipe: Any, named: Any) -> None:
    extra = tuple(Node(id=f"z_{id}"[:60], block="Conv", settings=s) for id, s in more)
    taken = {*design.by_id, *design.by_name}
    nodes = (*design.nodes, *(n for n in extra if n.id not in taken))
    design = Design(nodes=nodes, wires=design.wires, groups=design.groups, variants=named, recipe=recipe)
    data = file.dumps(design)
    again = file.loads(data)
    assert again == design
    assert file.dumps(again) == data, "writing it twice changes it"
    data.decode("utf-8")


def test_a_file_reads_well_and_merges_well() -> None:
    text = file.dumps(grouped()).decode()
    assert '    {"id": "one", "group": "block", "settings": {"width": 4}},\n' in text
    assert '    {"source": ["a", "out"], "target": ["one", "x"]},\n' in text
    assert text.startswith('{\n  "netloom": 1,\n')
    assert text.endswith("}\n")
    moved = file.dumps(file.loads(text.replace('"id": "a", ', '"id": "a", "x": 12, ').encode())).decode()
    assert len(set(text.splitlines()) ^ set(moved.splitlines())) == 2, "moving one node changes one line"


@pytest.mark.parametrize("name", examples.names())
def test_examples_are_canonical(name: str) -> None:
    data = examples.path(name).read_bytes()
    assert file.dumps(file.loads(data, name)) == data


def test_settings_keep_their_types() -> None:
    values = {"i": 1, "f": 1.0, "b": True, "n": None, "t": (1, (2.5, "x")), "e": {"expression": "a"}, "s": "ü 🙂 \n\""}
    design = Design(nodes=(Node(id="a", block="Conv", settings=Settings(values)),))
    again = file.loads(file.dumps(design)).nodes[0].settings
    assert again == Settings(values)
    assert [type(again[k]) for k in "ifb"] == [int, float, bool]
    assert Settings(a=1) != Settings(a=1.0) != Settings(a=True)


def _with(**fields: Any) -> bytes:
    return json.dumps({"netloom": 1, **fields}).encode()


_A, _B = {"id": "a", "block": "Conv"}, {"id": "b", "block": "Conv"}


def _wire(source: str, target: str, out: str = "out", x: str = "x") -> dict[str, Any]:
    return {"source": [source, out], "target": [target, x]}


def _nodes(**fields: Any) -> bytes:
    return _with(nodes=[{**_A, **fields}])


BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is not a Netloom design"),
    "not-json": (b"hello", "is not a Netloom design: JSON is malformed"),
    "half": (file.dumps(small())[:-20], "is not a Netloom design"),
    "binary": (bytes(range(256)), "is not a Netloom design"),
    "not-utf8": (b'{"netloom": 1, "nodes": [{"id": "\xff\xfe"}]}', "is not UTF-8 text"),
    "other-json": (b'{"name": "package", "version": "1.0"}', "it is JSON, but without `netloom`, the version"),
    "a-list": (b"[1, 2]", "it is JSON, but without `netloom`"),
    "newer": (b'{"netloom": 99, "nodes": [], "colours": 3}', "newer Netloom (file version 99, this one reads up to 1)"),
    "version-0": (b'{"netloom": 0}', "file version 0, which never was"),
    "wrong-type": (_nodes(x="left"), "Expected `float`, got `str` - at `nodes[0].x`"),
    "wrong-id": (_with(nodes=[_A, {"id": 3, "block": "Conv"}]), "at `nodes[1].id`"),
    "no-id": (_with(nodes=[{"block": "Conv"}]), "missing required field `id` - at `nodes[0]`"),
    "unknown-field": (_with(nodes=[{**_A, "colour": "red"}]), "unknown field `colour` - at `nodes[0]`"),
    "unknown-part": (_with(colours=1), "unknown field `colours`"),
    "nan": (b'{"netloom": 1, "nodes": [{"id": "a", "block": "Conv", "x": NaN}]}', "malformed"),
    "infinite": (b'{"netloom": 1, "nodes": [{"id": "a", "block": "Conv", "x": 1e999}]}', "nodes[0].x"),
    "far-away": (_nodes(x=1e300), "the node `a` lies at (1e+300, 0), off any canvas"),
    "object-setting": (_nodes(settings={"a": {"b": 1}}), "a setting cannot be dict"),
    "huge-setting": (_nodes(settings={"a": 2**60}), "a number is too large"),
    "two-ids": (_with(nodes=[_A, _A]), "the design has two nodes with the id `a`"),
    "two-names": (_with(nodes=[_A, {**_B, "name": "a"}]), "there is a `a` here already"),
    "bad-name": (_nodes(name="forward"), "`forward` has a meaning of its own"),
    "bad-id": (_with(nodes=[{"id": "a.b", "block": "Conv"}]), "`a.b` cannot be a name"),
    "no-block": (_with(nodes=[{"id": "a"}]), "the node `a` needs either a block or a Group"),
    "two-blocks": (_nodes(group="g"), "exactly one"),
    "no-group": (_with(nodes=[{"id": "a", "group": "g"}]), "uses the Group `g`, which the file does not hold"),
    "repeat": (_nodes(repeat=0), "the node `a` repeats 0 times"),
    "shares-gone": (_nodes(shares="b"), "shares the weights of `b`, which does not exist"),
    "shares-other": (_with(nodes=[{**_A, "shares": "b"}, {"id": "b", "block": "Add"}]), "which is another block"),
    "follows-gone": (_nodes(follows="b"), "follows the weights of `b`, which does not exist"),
    "follows-momentum": (_nodes(follows="a", momentum=2.0), "needs a number from 0 to below 1"),
    "follows-itself": (_nodes(follows="a"), "cannot follow its own weights"),
    "shares-chain": (
        _with(nodes=[{**_A, "shares": "b"}, {**_B, "shares": "c"}, {"id": "c", "block": "Conv"}]), "none of its own"),
    "cycle": (_with(nodes=[_A, _B], wires=[_wire("a", "b"), _wire("b", "a")]), "the wires of a, b run in a circle"),
    "own-output": (_with(nodes=[_A], wires=[_wire("a", "a")]), "a cannot feed itself"),
    "nowhere": (_with(nodes=[_A], wires=[_wire("a", "gone")]), "the wire a.out -> gone.x names `gone`"),
    "no-such-port": (_with(nodes=[_A, _B], wires=[_wire("a", "b", x="y")]), "b has no input `y` (it has: x)"),
    "two-wires": (_with(nodes=[_A, _B, {"id": "c", "block": "Conv"}], wires=[_wire("a", "c"), _wire("b", "c")]),
                  "2 wires end at c.x: an input takes one"),
    "wrong-kind": (_with(nodes=[_A, {"id": "n", "block": "Neck"}], wires=[_wire("a", "n")]), "`x` takes a pyramid"),
    "two-groups": (_with(groups=[{"name": "g"}, {"name": "g"}]), "there are 2 Groups `g`"),
    "inside-itself": (_with(groups=[{"name": "g", "nodes": [{"id": "a", "group": "g"}]}]), "`g` stands inside itself"),
    "ring-of-groups": (
        _with(groups=[{"name": "g", "nodes": [{"id": "a", "group": "h"}]},
                      {"name": "h", "nodes": [{"id": "a", "group": "g"}]}]), "stands inside itself"),
    "group-setting": (
        _with(groups=[{"name": "g", "settings": [{"name": "n", "type": "int", "default": 0, "min": 1}]}]),
        "the settings of the Group `g`: the default does not fit: n is 0"),
    "group-setting-too-large": (
        _with(groups=[{"name": "g", "settings": [{"name": "n", "type": "int", "default": 2**60}]}]),
        "the default does not fit: a number is too large"),
    "setting-name": (
        _with(groups=[{"name": "g", "settings": [{"name": "a b", "type": "int", "default": 0}]}]), "`a b`"),
    "deep-setting": (
        b'{"netloom": 1, "nodes": [{"id": "a", "block": "C", "settings": {"a": ' + b"[" * 5000 + b"]" * 5000 + b"}}]}",
        "nested too deeply"),
    "deep-nothing": (b'{"netloom": ' + b"[" * 100_000, "is not a Netloom design"),
    "deep-groups": (
        _with(groups=[{"name": "g0"}, *({"name": f"g{i}", "nodes": [{"id": "a", "group": f"g{i - 1}"}]}
                                        for i in range(1, 9000))]), "Groups are nested 9000 deep in `g8999`"),
    "million-nodes": (
        b'{"netloom": 1, "nodes": [' + b",".join(b'{"id":"n%d","block":"Conv"}' % i for i in range(1_000_000)) + b"]}",
        "1,000,000 nodes: at most 100,000"),
    "many-settings": (_nodes(settings={f"k{i}": 1 for i in range(1001)}), "more than 1,000 settings"),
    "long-setting": (_nodes(settings={"a": [1] * 1001}), "more than 1,000 settings or values of one"),
    "too-many-bytes": (b" " * (file.MAX_BYTES + 1), "has more than 32 MB"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_refused_in_one_sentence(name: str, tmp_path: Path) -> None:
    data, sentence = BAD[name]
    path = tmp_path / "bad.netloom"
    path.write_bytes(data)
    start = time.process_time()
    with pytest.raises(FileError) as caught:
        file.load(path, CATALOGUE)
    assert time.process_time() - start < 10
    message = str(caught.value)
    assert message.startswith(str(path)), "it names the file"
    assert sentence in message
    assert "\n" not in message
    assert len(message) < 300 + len(str(path))


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_a_design_or_an_error(data: bytes) -> None:
    for content in (data, b'{"netloom": 1, "nodes": [' + data + b"]}"):
        try:
            file.loads(content)
        except FileError as error:
            assert str(error)


@settings(max_examples=60)
@given(st.data())
def test_any_flipped_byte_is_a_design_or_an_error(data: Any) -> None:
    content = bytearray(file.dumps(grouped()))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        design = file.loads(bytes(content))
    except FileError as error:
        assert str(error)
    else:
        assert file.loads(file.dumps(design)) == design


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.netloom", tmp_path / "a\0b", tmp_path / ("n" * 300)):
        with pytest.raises(FileError, match="cannot be opened"):
            file.load(path)
    with pytest.raises(FileError, match="is a folder: choose"):
        file.load(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes by name are of POSIX systems")
def test_a_pipe_by_name_is_neither_waited_for_nor_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileError, match="is no plain file"):
        file.load(tmp_path / "pipe")
    with pytest.raises(FileError, match="it is no plain file; choose another name"):
        file.save(small(), tmp_path / "pipe")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_line_ends_and_marks_of_other_systems_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.netloom").write_bytes(file.BOM + file.dumps(grouped()).replace(b"\n", b"\r\n"))
    assert file.load(tmp_path / "a.netloom") == grouped()


def test_a_node_with_many_wires_is_checked_fast() -> None:
    """Its ports are spelled out once, not once a wire."""
    names = [letter(i) for i in range(900)]
    nodes = (Node("add", block="Add"), *(Node(f"n{i}", block="Conv") for i in range(900)))
    wires = tuple(Wire(End(f"n{i}", "out"), End("add", name)) for i, name in enumerate(names))
    began = time.process_time()
    file.check(Design(nodes=nodes, wires=wires), CATALOGUE)
    assert time.process_time() - began < 2


def test_saving_replaces_the_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "design.netloom"
    file.save(small(), path)
    path.chmod(0o640)
    file.save(grouped(), path)
    assert file.load(path) == grouped()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path], "nothing is left lying about"


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "target.netloom", tmp_path / "link.netloom"
    file.save(small(), target)
    link.symlink_to(target)
    file.save(grouped(), link)
    assert link.is_symlink()
    assert file.load(target) == grouped()


@pytest.mark.parametrize("step", ["fsync", "replace", "chmod"])
def test_a_failure_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    path = tmp_path / "design.netloom"
    file.save(small(), path)
    before = path.read_bytes()

    def fail(*_args: object, **_named: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*{"fsync": (os, "fsync"), "replace": (Path, "replace"), "chmod": (Path, "chmod")}[step], fail)
    with pytest.raises(FileError, match="cannot be saved: No space left on device"):
        file.save(grouped(), path)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "none" / "a.netloom", tmp_path / "folder", loop, tmp_path / "a\0b", tmp_path / ("n" * 300)):
        with pytest.raises(FileError, match="cannot be saved"):
            file.save(small(), path)


FULL = """
import resource, signal, sys
from app.design import file
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))  # the disk has room for the beginning only
try:
    file.save(file.load(sys.argv[1]), sys.argv[1])
except file.FileError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no such limit")
def test_a_disk_that_fills_up_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "design.netloom"
    file.save(grouped(), path)
    before = path.read_bytes()
    done = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True)
    assert "cannot be saved: File too large" in done.stdout
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
