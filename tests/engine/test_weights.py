"""Weights in: how tensors are matched beyond their names, and files that want more than to be read."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from msgspec.structs import replace
from safetensors.torch import load_file, save_file

from app import messages
from app.cli import main
from app.design import file
from app.design.recipe_text import read_changes
from app.engine import checkpoint, confusions, questions, runs, weights
from app.engine import compile as compiling
from app.engine.checkpoint import CheckpointError
from app.engine.compile import InvalidDesignError, compile_design
from app.engine.export import export
from app.engine.loop import TrainingError
from app.engine.matching import fit, matched
from app.engine.recipe import check_recipe
from app.engine.weights import WeightsError, read
from app.engine.weights_table import compare_weights
from app.messages.weights import CompareWeights
from tests.drawing import IMAGE, OUTPUT, chain, node
from tests.fuzzing.reading import in_this_process

NET = chain(
    IMAGE, node("first", "Conv2d", out_channels=8), node("norm", "BatchNorm2d"),
    node("second", "Conv2d", out_channels=8),
    node("third", "Conv2d", out_channels=8), node("pool", "GlobalAvgPool"), node("head", "Linear", out_features=10),
    OUTPUT,
)  # fmt: skip


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    made = compile_design(NET).root.state_dict()
    return OrderedDict((key, torch.randn_like(v) if v.is_floating_point() else v.clone()) for key, v in made.items())


def called(state: dict[str, torch.Tensor], **names: str) -> dict[str, torch.Tensor]:
    """The same tensors, in their order, under other names of their nodes."""
    found = {}
    for key, tensor in state.items():
        node, _, rest = key.partition(".")
        found[f"{names.get(node, node)}.{rest}"] = tensor
    return found


def ways(found: weights.Fitting) -> dict[str, tuple[str, str, bool]]:
    return {m.ours: (m.theirs, m.how, m.taken) for m in found.matches if m.ours}


def test_what_is_no_name_is_offered_and_taken_only_when_asked(state: dict[str, torch.Tensor]) -> None:
    given = called(state, first="a", norm="b", second="c", third="d")
    by_name, by_shape, by_order = (fit(state, given, by) for by in weights.BY)
    assert ways(by_name)["first.weight"] == ("a.weight", "shape", False), "there is one of its shape"
    assert ways(by_name)["second.weight"] == ("c.weight", "order", False), "there are two of its shape"
    assert set(by_name.tensors) == {"head.weight", "head.bias"} and by_name.count("shape", "order") == 11
    assert set(by_shape.tensors) - set(by_name.tensors) == {k for k in state if k.startswith(("first.", "norm."))}
    assert set(by_order.tensors) == set(state) and by_order.whole
    assert all(torch.equal(by_order.tensors[key], state[key]) for key in state)
    fewer = {key: tensor for key, tensor in given.items() if not key.startswith("d.")}
    assert ways(fit(state, fewer, "order"))["second.weight"] == ("", "missing", False), "which of two would be a guess"


@pytest.mark.parametrize("prefix", ["module.", "model.", "net.", "_orig_mod.", "module._orig_mod.", "module.model."])
def test_names_behind_what_was_put_around_the_network_are_its_names(
    prefix: str, state: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    path, around = tmp_path / "w.safetensors", {prefix + name: tensor for name, tensor in state.items()}
    besides = {"n_averaged": torch.tensor(3), "loss.weight": torch.ones(10)}
    save_file({**around, **besides}, path)
    found = fit(state, read(path))
    assert set(found.tensors) == set(state) and found.unexpected == sorted(besides) and not found.unfit
    assert ways(found)["first.weight"] == (f"{prefix}first.weight", "name", True)
    root = compile_design(NET).root
    weights.load(root, path)
    assert torch.equal(root.state_dict()["third.weight"], state["third.weight"])
    save_file({**around, f"{prefix}first.extra": torch.ones(3)}, path)
    with pytest.raises(WeightsError, match=f"another network: they have {prefix}first.extra"):
        weights.load(root, path)
    save_file({**around, f"{prefix}head.weight": torch.zeros(7, 8)}, path)
    assert fit(state, read(path)).mismatched == {
        "head.weight": f"head.weight ({prefix}head.weight): 7x8 in the file, 10x8 needed"
    }


def test_damage_in_the_middle_and_numbers_that_are_none_are_told(
    state: dict[str, torch.Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(weights.child, "run", in_this_process)
    path = tmp_path / "w.pt"
    torch.save(state, path)
    data = bytearray(path.read_bytes())
    at = data.find(state["third.weight"].numpy().tobytes())
    data[at + 40 : at + 80] = bytes(40)
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=r"is damaged: the bytes of 'w/data/\d+' in it are not"):
        read(path)
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(state, path)
    finally:
        torch.serialization.set_crc32_options(True)
    assert read(path).keys() == state.keys(), "without checksums there is nothing to compare"
    save_file({**state, "third.weight": state["third.weight"] * float("nan")}, path)
    said = "Not all numbers of third.weight are finite"
    assert said in weights.load(compile_design(NET).root, path)[-1]
    assert said in compare_weights(NET, path).summary
    file.save(NET, tmp_path / "net.netloom")
    assert main(["check", str(tmp_path / "net.netloom"), "--weights", str(path)]) == 0
    assert said in " ".join(capsys.readouterr().out.split())


def test_a_torch_file_keeps_its_order_and_older_ones_are_read(
    state: dict[str, torch.Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backwards = called(state, second="z", third="y")  # by name they would change places
    for older in (False, True):
        path = tmp_path / f"{older}.pth"
        torch.save(backwards, path, _use_new_zipfile_serialization=not older)
        if older:  # one process of its own is enough: it must first import torch
            monkeypatch.setattr(weights.child, "run", in_this_process)
        given = read(path)
        assert list(given) == list(backwards)
        assert torch.equal(fit(state, given, "order").tensors["second.weight"], state["second.weight"])


def test_the_terminal_lists_takes_and_refuses(
    state: dict[str, torch.Tensor], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    design, path, out = str(tmp_path / "net.netloom"), tmp_path / "w.safetensors", tmp_path / "out.safetensors"
    file.save(NET, design)
    save_file(called(state, first="begin"), path)
    assert main(["check", design, "--weights", str(path)]) == 1
    said = capsys.readouterr().out
    assert "first" in said and "0 of 2" in said and "shape?" in said and "--match shape or --match order" in said
    assert "10 of 12 tensors fit; 2 more would fit by shape or order." in said
    assert main(["check", design, "--weights", str(path), "--match", "shape", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["weights"]
    row = next(t for t in told["tensors"] if t["ours"] == "first.weight")
    assert row == {"ours": "first.weight", "theirs": "begin.weight", "needed": [8, 3, 3, 3], "held": [8, 3, 3, 3],
                   "how": "shape", "taken": True}  # fmt: skip
    assert told["nodes"][0] == {"name": "first", "fits": 2, "tensors": 2, "how": "shape"}
    call = ["export", design, "--to", "safetensors", "--weights", str(path), "-o", str(out)]
    assert main(call) == 2
    assert "lack what first needs" in capsys.readouterr().err
    assert main([*call, "--match", "shape"]) == 0
    assert "2 of them guessed by their shape" in " ".join(capsys.readouterr().out.split())
    assert torch.equal(load_file(out)["first.weight"], state["first.weight"])
    assert main([*call, "--partly"]) == 0
    assert "These stay new" in capsys.readouterr().out
    assert torch.equal(load_file(out)["third.weight"], state["third.weight"])
    assert main(["export", design, "--to", "safetensors", "--partly", "-o", str(out)]) == 2
    assert "name a file" in capsys.readouterr().err


def test_the_table_names_nodes_and_says_what_differs(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    head = {"head.weight": torch.zeros(1000, 8), "head.bias": torch.zeros(1000)}
    save_file({**state, **head, "more": torch.ones(3)}, path)
    told = compare_weights(NET, path)
    assert told.summary == (
        "10 of 12 tensors fit; head differs: 1,000 classes in the file, 10 here; 1 of the file is not needed."
    )
    assert [(n.name, n.taken, len(n.counted), n.how) for n in told.nodes][-1] == ("head", 0, 2, "another size")
    assert [t.theirs for t in told.unused] == ["more"] and (told.taken, told.needed) == (10, 12)
    assert not told.unfit
    asked = messages.decode_request(messages.encode(CompareWeights("7", NET, str(path))))
    answered = messages.decode_reply(messages.encode(questions.answer(asked)))  # type: ignore[arg-type]
    assert answered == replace(told, job="7"), "the window is told the same, over the pipe"
    with pytest.raises(WeightsError, match="not by 'luck'"):
        weights.load(compile_design(NET).root, path, by="luck")


def test_an_export_takes_what_the_recipe_names(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file(called(state, second="y", third="z"), path)
    design = replace(NET, recipe=replace(NET.recipe, weights_by="order"))
    told = replace(design.recipe, weights=str(path))
    assert matched(told, str(path)).weights_by == "order" and matched(told, "other").weights_by == "name"
    assert matched(told, "other", "shape").weights_by == "shape"
    assert read_changes(told, ["weights=other"]).weights_by == "name"
    assert read_changes(told, ["weights=other", "weights_by=shape"]).weights_by == "shape"
    with pytest.raises(TrainingError, match=r"matched by name, shape or order, not by 'luck'"):
        check_recipe(replace(told, weights_by="luck"))
    assert "taken, 4 of them guessed" in " ".join(export(design, "safetensors", None, tmp_path, path).lines)


# files that want more -------------------------------------------------------------------------------------------------


def _header(text: str | bytes, body: bytes = b"") -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(data)) + data + body


ONE = '{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}'
TWO = ONE[:-1] + ', "b": {"dtype": "F32", "shape": [2], "data_offsets": %s}}'
SAFE = {
    "twice": (_header(ONE[:-1] + ", " + ONE[1:], bytes(8)), "'a' twice"),
    "overlap": (_header(TWO % "[4, 12]", bytes(12)), "`b` begins before the one before it ends"),
    "gap": (_header(TWO % "[12, 20]", bytes(20)), "`b` leaves a gap"),
    "short": (_header(ONE, bytes(4)), "its tensors have 8 bytes, but 4 are there"),
    "huge": (_header(ONE.replace("[2]", "[1000000, 1000000]"), bytes(8)), "is 1000000x1000000 of F32"),
    "overflow": (_header(ONE.replace("[2]", "[4611686018427387904, 4]"), bytes(8)), "which its 8 bytes cannot be"),
    "negative": (_header(ONE.replace("[2]", "[-2]"), bytes(8)), "no list of sizes"),
    "true": (_header(ONE.replace("[2]", "[true, 2]"), bytes(8)), "no list of sizes"),
    "type": (_header(ONE.replace("F32", "F33"), bytes(8)), "'F33'"),
    "deep": (_header("[" * 200_000), "nested too deeply"),
    "digits": (_header(ONE.replace("[2]", "[" + "9" * 5000 + "]"), bytes(8)), "no JSON"),
    "nan": (_header(ONE.replace("[2]", "[NaN]"), bytes(8)), "no JSON"),
    "utf8": (_header(b'{"\xff": 1}'), "no JSON"),
    "escape": (_header(ONE.replace('"a"', '"\\u001b[2J"'), bytes(8)), "cannot be printed"),
    "long": (_header(ONE.replace('"a"', '"' + "a" * 600 + '"'), bytes(8)), "a name of 600 characters"),
    "length": (struct.pack("<Q", 2**63) + b"{}", "cut short"),
}  # fmt: skip


@pytest.mark.parametrize("name", SAFE)
def test_a_safetensors_file_that_lies_is_refused(name: str, tmp_path: Path) -> None:
    data, sentence = SAFE[name]
    (tmp_path / "w.safetensors").write_bytes(data)
    with pytest.raises(CheckpointError) as caught:
        read(tmp_path / "w.safetensors")
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


def _zip(change: Callable[[str, bytes], tuple[str, bytes]], way: int = zipfile.ZIP_STORED) -> bytes:
    made = io.BytesIO()
    torch.save({"a": torch.ones(3)}, made)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(made.getvalue())) as old, zipfile.ZipFile(out, "w", way) as new:
        for member in old.infolist():
            new.writestr(*change(member.filename, old.read(member)))
    return out.getvalue()


ZIPS = {
    "compressed": (_zip(lambda n, d: (n, d), zipfile.ZIP_DEFLATED), "compressed inside"),
    "outside": (_zip(lambda n, d: (n.replace("data/0", "../../x"), d)), "where torch puts nothing"),
    "absolute": (_zip(lambda n, d: ("/" + n, d)), "where torch puts nothing"),
    "no torch": (_zip(lambda n, d: (n.replace("data.pkl", "other.pkl"), d)), "not one that torch has saved"),
    "half": (_zip(lambda n, d: (n, d))[:300], "damaged zip"),
}


@pytest.mark.parametrize("name", ZIPS)
def test_a_zip_that_torch_has_not_written_is_refused_before_torch_sees_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights.child, "run", lambda *_a, **_k: pytest.fail("torch is not asked"))
    (tmp_path / "w.pth").write_bytes(ZIPS[name][0])
    with pytest.raises(WeightsError, match=ZIPS[name][1]):
        read(tmp_path / "w.pth")


class _Runs:
    def __reduce__(self) -> object:
        return os.mkdir, ("canary",)


def test_a_pickle_runs_nothing_and_its_sizes_are_held_to_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(weights.child, "run", in_this_process)
    torch.save({"a": torch.ones(3), "b": _Runs()}, "evil.pth")
    with pytest.raises(WeightsError, match=r"asks for Python's posix\.mkdir, which could run any code|nt\.mkdir"):
        read("evil.pth")
    for value, sentence in (
        ({"a": torch.ones(1).expand(10**6, 10**6)}, "claim 4,000,000,000,000 bytes"), ({"a": 3}, "no state_dict"),
        ({1: torch.ones(1), "1": torch.ones(1)}, "has `1` twice"), ({"\x1b[2J": torch.ones(1)}, "cannot be printed"),
        ({"a": torch.ones(2, 2).to_sparse()}, "no plain tensor"),
    ):  # fmt: skip
        torch.save(value, "w.pth")
        assert sentence in weights.convert(Path("w.pth"), Path("out.safetensors"))
    Path("plain.pkl").write_bytes(pickle.dumps(_Runs(), 2))
    assert "could run any code" in weights.convert(Path("plain.pkl"), Path("out.safetensors"))
    assert not Path("canary").exists()


def test_a_whole_module_is_not_unpickled_and_what_to_save_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights.child, "run", in_this_process)
    torch.save(torch.nn.Linear(2, 2), tmp_path / "module.pt")
    with pytest.raises(WeightsError, match=r"Python.s torch\.nn\.modules\.linear\.Linear, .*state_dict\(\)` alone"):
        read(tmp_path / "module.pt")


def test_pipes_and_folders_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place, sentence in (
        (tmp_path / "pipe", "is no plain file"), (tmp_path, "is a folder"), (tmp_path / "none", "cannot be opened"),
        (tmp_path / "a\0b", "cannot be opened"),
    ):  # fmt: skip
        with pytest.raises(WeightsError, match=sentence):
            read(place)


def test_a_run_folder_of_others_is_held_to_the_same(tmp_path: Path) -> None:
    last = tmp_path / "checkpoints" / "last"
    last.mkdir(parents=True)
    (last / checkpoint.STATE).write_bytes(ZIPS["compressed"][0])
    (last / checkpoint.WEIGHTS).write_bytes(SAFE["overlap"][0])
    with pytest.raises(CheckpointError, match="compressed inside"):
        checkpoint.load_state(last)
    with pytest.raises(CheckpointError, match="begins before"):
        checkpoint.load_weights(last)
    huge = '{"scaling": [[1' + "0" * 400 + ", 1]]}"
    for text in ("[" * 100_000, "[]", '{"weights": 3}', "{", '{"classes": 3, "kind": {}}', huge):
        for name, read_it in (("versions.json", runs.begun_with), ("data.json", runs._facts)):
            (tmp_path / name).write_text(text)
            try:
                read_it(tmp_path)
            except runs.RunError as error:
                assert f"{name} cannot be read" in str(error) and "\n" not in str(error)
        assert runs.sample_counts(tmp_path) == {}
        (tmp_path / confusions.NAME).write_text(text)
        assert confusions.read(tmp_path) == []


def test_weights_that_do_not_fit_into_memory_are_never_allocated(monkeypatch: pytest.MonkeyPatch) -> None:
    large = chain(node("x", "Input", size=(40_000,)), node("wide", "Linear", out_features=40_000), OUTPUT)
    monkeypatch.setattr(compiling, "free_memory", lambda _device: 10**9)
    with pytest.raises(InvalidDesignError, match=r"need 6\.4 GB, but this machine has 1\.0 GB left"):
        compile_design(large)
