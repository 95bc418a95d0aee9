"""The command line as a contract: exit codes, JSON, one line for what is wrong."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from app.cli import COMMANDS, FORMATS, main, parser
from app.design import file
from app.design.values import Design, Settings, Variant
from examples import path
from tests.drawing import IMAGE, OUTPUT, chain, node

KEYS = [
    "design", "variant", "valid", "partial", "parameters", "trainable_parameters", "buffers", "macs", "memory",
    "inputs", "outputs", "nodes", "problems", "uncounted",
]  # fmt: skip


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def documents(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def saved(tmp_path: Path, design: Design, name: str = "it.netloom") -> Path:
    file.save(design, tmp_path / name)
    return tmp_path / name


def test_check_prints_the_documented_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, "check", path("digits"), path("pyramid"), "--json")
    digits, pyramid = documents(out)
    assert code == 0 and err == ""
    assert list(digits) == KEYS and digits["design"] == str(path("digits"))
    assert digits["valid"] and not digits["partial"] and digits["variant"] is None
    assert digits["inputs"] == [{"name": "image", "shape": [1, 1, 8, 8], "dtype": "float32"}]
    assert digits["outputs"] == [{"name": "output", "shape": [1, 10], "dtype": "float32"}]
    assert digits["parameters"] == sum(n["parameters"] for n in digits["nodes"])
    assert digits["macs"] == sum(n["macs"] for n in digits["nodes"])
    assert set(digits["nodes"][0]) == {"id", "name", "block", "inputs", "outputs", "parameters", "macs"}
    assert set(digits["memory"]) == {"parameters", "activations", "training"}
    backbone = next(n for n in pyramid["nodes"] if n["block"] == "ResidualBackbone")
    levels = backbone["outputs"][0]["shape"]
    assert len(levels) >= 3 and all(len(level) == 4 for level in levels)


def test_check_takes_names_sizes_batches_and_settings(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--json", "--batch", 4, "--input", "image=1x16x16", "--set", "head.classes=7")
    code, out, _ = call(capsys, "check", "digits", *arguments)
    (digits,) = documents(out)
    assert code == 0
    assert digits["inputs"][0]["shape"] == [4, 1, 16, 16] and digits["outputs"][0]["shape"] == [4, 7]
    scaled = ("check", "digits", "--json", "--set", "image.resolution=2.5")
    assert json.loads(call(capsys, *scaled)[1])["inputs"][0]["shape"] == [1, 1, 20, 20]
    exact = json.loads(call(capsys, *scaled, "--input", "image=1x12x12")[1])
    assert exact["inputs"][0]["shape"] == [1, 1, 12, 12], "--input gives the size itself"
    code, out, _ = call(capsys, "check", "digits", "--json", "--set", "backbone.width=32")
    assert documents(out)[0]["parameters"] > digits["parameters"]
    code, out, _ = call(capsys, "check", "digits", "--json", "--set", "backbone/stage1.depth=2")
    assert code == 0 and documents(out)[0]["parameters"] > digits["parameters"]


def test_check_of_one_block(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "check", "block:SqueezeExcitation", "--input", "x=32x7x7", "--json")
    (document,) = documents(out)
    assert code == 0 and document["outputs"] == [{"name": "out", "shape": [1, 32, 7, 7], "dtype": "float32"}]
    assert document["parameters"] == 32 * 2 + 2 + 2 * 32 + 32


def test_a_misspelt_block_is_answered_with_the_likely_one(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capsys, "check", "block:SqueezeExcitaton")
    assert code == 2 and "did you mean SqueezeExcitation?" in err


@pytest.mark.parametrize(
    ("network", "size", "sentence"),
    [
        ("lenet5", "1x8x8", "conv3: its kernel of 5×5 is larger than its input of 2×2, padding included; use a"),
        ("alexnet", "3x32x32", "pool5: its kernel is larger than its input of 1×1; use a smaller one"),
        ("inception_v3", "3x32x32", "backbone: its input is too small: a kernel of 3×3 inside meets one of 1×1"),
        ("vgg16", "3x16x16", "backbone: its input is too small: a kernel inside meets one of 1×1; give the network"),
    ],
)
def test_an_image_too_small_for_a_network_is_told_with_what_to_do(
    network: str, size: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = call(capsys, "check", network, "--input", f"image={size}", "--json")
    (document,) = documents(out)
    (problem,) = [p for p in document["problems"] if p["severity"] == "error"]
    assert code == 1 and sentence in problem["message"] and "Calculated" not in problem["message"]


def test_a_block_takes_levels_and_repeated_inputs(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "check", "block:FPN", "--input", "x=8x32x32,16x16x16", "--json")
    assert code == 0 and documents(out)[0]["outputs"][0]["shape"] == [[1, 256, 32, 32], [1, 256, 16, 16]]
    sizes = [part for name in "abc" for part in ("--input", f"{name}=4x4x4")]
    code, out, _ = call(capsys, "check", "block:Concat", *sizes, "--json")
    assert code == 0 and documents(out)[0]["outputs"][0]["shape"] == [1, 12, 4, 4]
    code, out, _ = call(capsys, "check", "block:Conv2d", "--set", "Conv2d.out_channels=5", "--json")
    assert code == 0 and documents(out)[0]["outputs"][0]["shape"] == [1, 5, 56, 56]


def test_every_block_can_be_checked_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    from blocks import catalogue

    ids = [id for id, card in catalogue.load().items() if card.category != "Ends"]
    code, out, err = call(capsys, "check", *(f"block:{id}" for id in ids), "--json")
    wrong = {d["design"]: d["problems"] for d in documents(out) if not d["valid"]}
    assert (code, wrong, err) == (0, {}, "")


def test_variants(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    variants = (Variant("small", Settings({"head.classes": 3})), Variant("large", Settings({"head.classes": 300})))
    design = chain(IMAGE, node("head", "ClassificationHead"), OUTPUT, variants=variants)
    code, out, _ = call(capsys, "check", saved(tmp_path, design), "--variant", "large", "--json")
    (document,) = documents(out)
    assert (code, document["variant"], document["outputs"][0]["shape"]) == (0, "large", [1, 300])
    code, _, err = call(capsys, "check", saved(tmp_path, design), "--variant", "huge")
    assert code == 2 and "huge" in err and "small, large" in err


def test_a_design_with_errors_is_exit_1_and_its_fixes_can_be_applied(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = saved(tmp_path, chain(IMAGE, node("conv", "Conv2d", out_channels=12, groups=3),
                                   node("bad", "Conv2d", out_channels=8, groups=5), OUTPUT))  # fmt: skip
    code, out, _ = call(capsys, "check", broken)
    assert code == 1 and "groups = 5" in out and "1. " in out
    code, out, _ = call(capsys, "check", broken, "--json")
    (document,) = documents(out)
    problem = document["problems"][0]
    assert code == 1 and not document["valid"] and document["partial"]
    assert list(problem) == ["severity", "node", "port", "code", "message", "blame", "fixes"]
    assert problem["node"] == "bad" and problem["code"] == "divides" and set(problem["fixes"][0]) == {
        "title", "parameters",
    }  # fmt: skip
    code, out, _ = call(capsys, "check", broken, "--fix", 1, "-o", tmp_path / "mended.netloom", "--json")
    assert code == 0 and documents(out)[0]["valid"]
    assert call(capsys, "check", tmp_path / "mended.netloom")[0] == 0
    assert call(capsys, "check", broken, "--fix", 99, "-o", tmp_path / "x.netloom")[0] == 2


BAD = {
    "not JSON": (b"hello", "not a Netloom design"),
    "JSON of another kind": (b'{"name": "package", "version": "1.0"}', "not a Netloom design"),
    "a wrong type in a field": (b'{"netloom": 1, "nodes": [{"id": "a", "block": 7}]}', "nodes[0].block"),
    "a newer version": (b'{"netloom": 99}', "newer"),
    "a million nodes": (
        b'{"netloom": 1, "nodes": [' + b",".join(b'{"id":"n%d","block":"ReLU"}' % i for i in range(10**6)) + b"]}",
        "1,000,000",
    ),
    "a cycle": (
        b'{"netloom": 1, "nodes": [{"id": "a", "block": "ReLU"}, {"id": "b", "block": "ReLU"}], "wires": ['
        b'{"source": ["a", "out"], "target": ["b", "x"]}, {"source": ["b", "out"], "target": ["a", "x"]}]}',
        "circle",
    ),
    "a wire to nowhere": (
        b'{"netloom": 1, "nodes": [{"id": "a", "block": "ReLU"}], "wires": ['
        b'{"source": ["a", "out"], "target": ["ghost", "x"]}]}',
        "ghost",
    ),
    "a wire to no port": (
        b'{"netloom": 1, "nodes": [{"id": "a", "block": "ReLU"}, {"id": "b", "block": "ReLU"}], "wires": ['
        b'{"source": ["a", "out"], "target": ["b", "y"]}]}',
        "`y`",
    ),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("command", [("check",), ("train", "--data", "digits"), ("export", "--to", "onnx")])
def test_bad_files_are_exit_2_with_one_sentence_that_names_the_place(
    kind: str, command: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, place = BAD[kind]
    bad = tmp_path / "bad.netloom"
    bad.write_bytes(data)
    code, out, err = call(capsys, command[0], bad, *command[1:])
    assert code == 2 and out == ""
    assert len(err.splitlines()) == 1 and "bad.netloom" in err and place in err and "Traceback" not in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("check",), ("check", "nothing.netloom"), ("check", "no_such_name"), ("check", "block:NoSuchBlock"),
        ("check", "digits", "--batch", "x"), ("check", "digits", "--batch", "0"), ("check", "digits", "--inptu", "x"),
        ("check", "block:FPN", "--input", "y=3x4x4"), ("check", "block:FPN", "--input", "x=8xx"),
        ("check", "digits", "--input", "image=axb"), ("check", "digits", "--input", "nobody=3x4x4"),
        ("check", "digits", "--set", "head.classes=many"), ("check", "digits", "--set", "head.colour=red"),
        ("check", "digits", "--set", "nobody.classes=3"), ("check", "digits", "--set", "head"),
        ("check", "digits", "--weights", "nothing.pt"), ("check", "digits", "--fix", "1"), ("frobnicate",),
        ("train", "digits", "--data", "nothing"), ("train", "digits", "--recipe", "epoch=3"),
        ("train", "digits", "--epochs", "0"), ("train", "digits", "--device", "quantum"),
        ("train", "digits", "--resume"),
        ("train", "digits", "--recipe", "optimizer=magic", "--epochs", "1"), ("export", "digits", "--to", "gif"),
        ("export", "digits", "--to", "onnx", "--run", "nothing"), ("predict", "nothing", "x.png"),
        ("evaluate", "nothing"),
        ("export", "digits", "--to", "csv", "--transparent"), ("export", "digits", "--to", "svg", "--scale", "2"),
        ("export", "digits", "--to", "png", "--scale", "0"), ("export", "digits", "--to", "png", "--overlay", "luck"),
        ("export", "digits", "--to", "pdf", "--theme", "blue"),
    ],
)  # fmt: skip
def test_wrong_calls_are_exit_2_with_one_line(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = call(capsys, *arguments)
    assert code == 2 and out == "", (out, err)
    assert err.startswith("netloom: ") and len(err.splitlines()) == 1 and "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_only_what_works_is_listed() -> None:
    import importlib

    text = parser().format_help()
    for command in COMMANDS:
        assert command in text
        assert callable(importlib.import_module(f"app.engine.commands.{command}").run)
    from app.engine.commands.pictures import KINDS
    from app.engine.export import SUFFIXES

    assert set(FORMATS) == {*SUFFIXES, *KINDS}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run on digits, trained through the command line."""
    folder = tmp_path_factory.mktemp("runs") / "digits"
    command = [sys.executable, "-P", "-m", "app.cli", "train", str(path("digits")), "--epochs", "3", "--seed", "1",
               "--device", "cpu", "--run", str(folder), "--json"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    events = documents(done.stdout.decode())
    validation = [e for e in events if e.get("split") == "validation"]
    assert [e["epoch"] for e in validation] == [1, 2, 3]
    assert events[-1]["event"] == "trained" and events[-1]["values"]["accuracy"] > 0.9
    (folder / "said").write_bytes(done.stdout)
    return folder


def test_ctrl_c_keeps_a_checkpoint_and_resume_goes_on(tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-m", "app.cli", "train", str(path("digits")), "--epochs", "6", "--device", "cpu",
               "--run", str(tmp_path / "run"), "--json"]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    first = json.loads(process.stdout.readline())
    assert first["event"] == "progress" and first["epochs"] == 6
    process.send_signal(signal.SIGINT)
    rest, err = process.communicate(timeout=60)
    last = documents(rest)[-1]
    assert (process.returncode, last["event"], last["stopped"]) == (130, "trained", True), err
    done = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    last = documents(done.stdout)[-1]
    assert not last["stopped"] and last["epochs"] == 6 and last["values"]["accuracy"] > 0.9


def test_training_leaves_a_complete_run(run: Path) -> None:
    names = {p.name for p in run.iterdir()}
    assert {"design.netloom", "metrics.csv", "checkpoints", "log.txt", "versions.json"} <= names
    assert file.load(run / "design.netloom").recipe.epochs == 3


def test_evaluate_agrees_with_the_test_split_of_training(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "evaluate", run, "--json")
    said = documents((run / "said").read_text())[-1]["values"]
    assert code == 0 and documents(out)[0]["values"] == pytest.approx(said)


def test_predict_reads_pictures_of_digits(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    digits = load_digits()
    for i in range(10):
        picture = Image.fromarray((digits.images[i] / 16 * 255).astype(np.uint8))
        picture.save(tmp_path / f"{i}.png")
    code, out, _ = call(capsys, "predict", run, *(tmp_path / f"{i}.png" for i in range(10)), "--json")
    answers = documents(out)
    right = sum(a["answers"][0]["label"] == str(digits.target[i]) for i, a in enumerate(answers))
    assert code == 0 and right >= 9
    assert sum(x["probability"] for x in answers[0]["answers"]) == pytest.approx(1, abs=1e-4)
    (tmp_path / "bad.png").write_bytes(b"no picture")
    code, _, err = call(capsys, "predict", run, tmp_path / "bad.png")
    assert code == 2 and "bad.png" in err and len(err.splitlines()) == 1


def test_export_gives_the_trained_network(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trained = ("--run", run, "-o")
    code, out, _ = call(capsys, "export", path("digits"), "--to", "onnx", *trained, tmp_path / "m.onnx", "--json")
    (document,) = documents(out)
    assert code == 0 and document["difference"] < 1e-4 and document["file"] == str(tmp_path / "m.onnx")
    onnx.checker.check_model(onnx.load(tmp_path / "m.onnx"), full_check=True)
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    digits = load_digits()
    scores = session.run(None, {session.get_inputs()[0].name: (digits.images[:200, None] / 16).astype(np.float32)})[0]
    assert (scores.argmax(1) == digits.target[:200]).mean() > 0.9
    code, _, _ = call(capsys, "export", path("digits"), "--to", "safetensors", *trained, tmp_path / "m.safetensors")
    assert code == 0
    code, out, _ = call(capsys, "check", path("digits"), "--weights", tmp_path / "m.safetensors", "--json")
    assert code == 0 and documents(out)[0]["weights"]["fits"]
    code, out, _ = call(
        capsys, "check", path("digits"), "--set", "head.classes=11", "--weights", tmp_path / "m.safetensors", "--json"
    )
    assert code == 1 and any(row.startswith("head") for row in documents(out)[0]["weights"]["mismatched"])


def test_weights_of_torch_files_are_compared_and_strange_files_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import pickle
    import zipfile

    import torch

    from app.engine.compile import compile_design

    weights = compile_design(file.load(path("digits"))).root.state_dict()
    torch.save({"state_dict": weights, "epoch": 3}, tmp_path / "other.pt")
    torch.save(weights, tmp_path / "fits.pt")
    code, out, _ = call(capsys, "check", path("digits"), "--weights", tmp_path / "fits.pt", "--json")
    assert code == 0 and documents(out)[0]["weights"]["loaded"] == len(weights)
    assert call(capsys, "check", path("digits"), "--weights", tmp_path / "other.pt")[0] == 0

    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"a": Bomb()}, tmp_path / "code.pt")
    (tmp_path / "old.pt").write_bytes(pickle.dumps({"a": 1}))
    with zipfile.ZipFile(tmp_path / "small.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * 10**7)
    torch.save([1, 2], tmp_path / "list.pt")
    for name in ("code", "old", "small", "list"):
        code, out, err = call(capsys, "check", path("digits"), "--weights", tmp_path / f"{name}.pt", "--json")
        assert code == 2 and out == "" and len(err.splitlines()) == 1 and f"{name}.pt" in err, err
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("to", ["csv", "markdown", "latex", "mermaid", "dot", "svg", "pdf", "png"])
def test_other_exports(to: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / f"it.{to}"
    code, _, err = call(capsys, "export", path("digits"), "--to", to, "-o", target)
    assert code == 0, err
    data = target.read_bytes()
    if to == "png":
        assert Image.open(target).width > 800
    else:
        assert b"attention" in data or to in ("svg", "pdf")
        assert to != "svg" or b"<svg" in data
        assert to != "pdf" or data.startswith(b"%PDF-")


def test_a_picture_takes_its_look_from_the_call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    design = saved(tmp_path, chain(IMAGE, node("conv_a", "Conv2d", out_channels=8), OUTPUT))
    look = ("--theme", "dark", "--transparent", "--scale", "1.5", "--no-labels", "--overlay", "field")
    code, _, err = call(capsys, "export", design, "--to", "png", *look, "-o", tmp_path / "it.png")
    assert code == 0, err
    picture = np.asarray(Image.open(tmp_path / "it.png"))
    assert picture.shape[2] == 4 and picture[1, 1, 3] == 0 and picture[..., 3].max() == 255
    body = picture[picture[..., 3] == 255][:, :3]
    assert (body.max(axis=1) < 60).mean() > 0.2, "the dark theme's nodes"


def test_a_layer_table_for_latex_escapes_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    design = saved(tmp_path, chain(IMAGE, node("conv_a", "Conv2d", out_channels=8), OUTPUT))
    code, _, err = call(capsys, "export", design, "--to", "latex", "-o", tmp_path / "it.tex")
    lines = (tmp_path / "it.tex").read_text().splitlines()
    assert code == 0, err
    assert lines[0] == r"\begin{tabular}{lllrr}" and lines[-1] == r"\end{tabular}"
    (row,) = [line.strip() for line in lines if "conv" in line]
    assert row.startswith(r"conv\_a & Conv2d & 1$\times$8$\times$32$\times$32 & 224 & ") and row.endswith(r"\\")
    assert all(line.count("&") == 4 for line in lines if line.endswith(r"\\"))


def test_exporting_a_broken_design_is_exit_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = saved(tmp_path, chain(IMAGE, node("conv", "Conv2d", groups=2), OUTPUT))
    code, _, err = call(capsys, "export", broken, "--to", "onnx", "-o", tmp_path / "x.onnx")
    assert code == 1 and "groups" in err and not (tmp_path / "x.onnx").exists()
    code, _, err = call(capsys, "train", broken, "--data", "digits", "--run", tmp_path / "run")
    assert code == 1 and "groups" in err and not (tmp_path / "run").exists()
    no_loss = saved(tmp_path, chain(IMAGE, node("head", "ClassificationHead"), OUTPUT))
    code, _, err = call(capsys, "train", no_loss, "--data", "digits", "--run", tmp_path / "run")
    assert code == 1 and "no loss" in err and not (tmp_path / "run").exists()


def test_the_command_line_starts_light() -> None:
    heavy = "[m for m in ('torch', 'PySide6', 'numpy') if m in sys.modules]"
    code = f"import sys, app.cli; app.cli.parser(); print({heavy})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"


def test_a_design_is_read_only_once_it_is_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file cut short is refused, and nothing of it is kept."""
    data = file.dumps(file.load(path("digits")))
    for cut in (1, len(data) // 3, len(data) // 2, len(data) - 3):
        (tmp_path / "cut.netloom").write_bytes(data[:cut])
        assert call(capsys, "check", tmp_path / "cut.netloom")[0] == 2
