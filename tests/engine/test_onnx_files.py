"""ONNX files of other people: what is read, and what is refused before a runtime sees it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import helper

from app.engine import onnx_files
from app.engine.onnx_files import OnnxFileError, check, read
from tests.fuzzing.models import BESIDE, seeds


def written(folder: Path, change: Callable[[Any], object] = lambda model: None, outside: bool = False) -> Path:
    """A model in a folder of its own, beside another folder with a secret."""
    inside = folder / "inside"
    inside.mkdir(exist_ok=True)
    (folder / "outside").mkdir(exist_ok=True)
    (folder / "outside" / "secret").write_bytes(b"s" * 48)
    (inside / BESIDE).write_bytes(bytes(range(48)))
    model = onnx.ModelProto.FromString(seeds()[outside])
    change(model)
    (inside / "m.onnx").write_bytes(model.SerializeToString())
    return inside / "m.onnx"


def at(location: str, offset: str = "0", length: str = "48") -> Callable[[Any], None]:
    def change(model: Any) -> None:
        for entry, value in zip(model.graph.initializer[0].external_data, (location, offset, length), strict=True):
            entry.value = value

    return change


def test_weights_beside_it_are_read_into_it(tmp_path: Path) -> None:
    model = read(written(tmp_path, outside=True))
    tensor = model.graph.initializer[0]
    assert tensor.raw_data == bytes(range(48)) and not tensor.external_data and tensor.data_location == 0
    assert read(tmp_path / "inside" / "m.onnx", data=False).graph.initializer[0].external_data
    (tmp_path / "inside" / "sub").mkdir()
    (tmp_path / "inside" / BESIDE).rename(tmp_path / "inside" / "sub" / "w")
    assert read(written(tmp_path, at("sub/w"), outside=True)).graph.initializer[0].raw_data == bytes(range(48))


@pytest.mark.parametrize(
    "location",
    ["../outside/secret", "sub/../../outside/secret", "/etc/passwd", "C:\\x", "..\\outside\\secret", ".", "", "./w",
     "w//x", "link", "linked/secret", "hard", "sub", "pipe", "none"],
)  # fmt: skip
def test_weights_stay_in_the_models_folder(location: str, tmp_path: Path) -> None:
    path = written(tmp_path, at(location), outside=True)
    inside = path.parent
    (inside / "sub").mkdir()
    (inside / "link").symlink_to("../outside/secret")
    (inside / "linked").symlink_to("../outside")
    os.link(tmp_path / "outside" / "secret", inside / "hard")
    os.mkfifo(inside / "pipe")
    with pytest.raises(OnnxFileError) as caught:
        read(path)
    assert "not in its folder" in str(caught.value) or any(
        word in str(caught.value) for word in ("which is a link", "hard links", "no plain file", "there is none")
    )


def _deep(model: Any) -> None:
    inner = helper.make_graph([], "g", [], [])
    for _ in range(28):
        inner = helper.make_graph([helper.make_node("If", ["yes"], ["q"], then_branch=inner)], "g", [], [])
    model.graph.node.add().CopyFrom(helper.make_node("If", ["yes"], ["deep"], then_branch=inner))


def _itself(model: Any) -> None:
    model.functions[0].node.add().CopyFrom(helper.make_node("Twice", ["c"], ["d"], domain="own"))


def _claims(model: Any) -> None:
    tensor = model.graph.initializer[0]
    for _ in range(3):
        model.graph.initializer.add().CopyFrom(tensor)
        model.graph.initializer[-1].name = f"more{len(model.graph.initializer)}"


def _cleared(model: Any) -> None:
    model.graph.initializer[0].raw_data = b""


BAD: dict[str, tuple[Callable[[Any], object], bool, str]] = {
    "offset": (at(BESIDE, "40"), True, "needs 48 bytes, which its file of weights has not there"),
    "length": (at(BESIDE, "0", "8"), True, "needs 48 bytes"),
    "minus": (at(BESIDE, "-1"), True, "which is no place"),
    "digits": (at(BESIDE, "9" * 400), True, "which is no place"),
    "dims": (lambda m: m.graph.initializer[0].dims.extend([10**6, 10**6]), False, "its bytes are of another size"),
    "negative": (lambda m: m.graph.initializer[0].dims.append(-3), False, "a shape that no tensor has"),
    "empty": (_cleared, False, "its bytes are of another size"),
    "type": (lambda m: setattr(m.graph.initializer[0], "data_type", 99), False, "a type that is not known (99)"),
    "cycle": (lambda m: m.graph.node[0].input.append("y"), False, "needs `y` at `gemm`, but nothing before makes it"),
    "missing": (lambda m: m.graph.node[0].input.append("gone"), False, "needs `gone`"),
    "twice": (lambda m: m.graph.node.add().CopyFrom(m.graph.node[0]), False, "makes `h` twice"),
    "output": (lambda m: setattr(m.graph.output[0], "name", "z"), False, "output `z` comes from nowhere"),
    "itself": (_itself, False, "its function `Twice` calls itself"),
    "deep": (_deep, False, "nested more than 24 deep"),
    "escape": (lambda m: m.graph.node[0].input.append("\x1b[2J"), False, "needs `?[2J`"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_model_that_lies_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    change, outside, sentence = BAD[name]
    with pytest.raises(OnnxFileError) as caught:
        read(written(tmp_path, change, outside))
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


def test_limits_and_files_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, _claims, outside=True)
    assert len(read(path).graph.initializer) == 5
    with pytest.raises(OnnxFileError, match="its weights claim 240 bytes and more"):
        read(written(tmp_path, lambda m: [_claims(m), _claims(m)], outside=True))
    path = written(tmp_path, outside=True)
    with monkeypatch.context() as patch:
        patch.setattr(onnx_files, "MAX_NODES", 3)
        with pytest.raises(OnnxFileError, match="more than 3 nodes"):
            read(path)
    with monkeypatch.context() as patch:
        patch.setattr(onnx_files, "MAX_BYTES", 100)
        with pytest.raises(OnnxFileError, match="has at most 100"):
            read(path)
    for data in (b"", b"hello", b"\x08\x09"):
        path.write_bytes(data)
        with pytest.raises(OnnxFileError, match="is no ONNX file"):
            read(path)
    with pytest.raises(OnnxFileError, match="is a folder"):
        read(tmp_path)
    with pytest.raises(OnnxFileError, match="cannot be opened"):
        read(tmp_path / "none.onnx")


def test_the_checker_sees_it_in_a_process_of_its_own(tmp_path: Path) -> None:
    path = written(tmp_path, outside=True)
    check(path)
    path = written(tmp_path, lambda m: setattr(m.graph.node[0], "op_type", "Gone"), outside=True)
    read(path)
    with pytest.raises(OnnxFileError, match=r"does not pass the ONNX checker: .*Gone"):
        check(path)
