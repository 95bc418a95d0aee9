"""The user's own modules as blocks: over the engine's pipe, as the window does it, and from the command line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from safetensors.numpy import load_file

from app import messages as m
from app.cli import main
from app.design import file
from app.design.build import wire
from app.design.values import Design
from app.engine.runs import load_run
from tests.drawing import OUTPUT, chain, node
from tests.engine.designs import SHORT
from tests.engine.test_server import Engine

GATE = '''
from typing import Literal

import torch
from torch import Tensor, nn

from ._shapes import mean


class Gate(nn.Module):
    """Scale each channel.

    By what the whole image says.
    """

    def __init__(self, in_channels: int, width: int = 4, bias=True, act: Literal["relu", "gelu"] = "relu",
                 sizes: tuple[int, ...] = (1, 2), norm=nn.Identity) -> None:
        super(Gate, self).__init__()
        self.down = nn.Linear(in_channels, width, bias)
        self.up = nn.Linear(width, in_channels)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        gate = torch.sigmoid(self.up(self.down(mean(x)).relu()))[..., None, None]
        return x * gate if mask is None else x * gate * mask
'''
SHAPES = "def mean(x):\n    return x.mean((2, 3))\n"
PLAIN = "from torch import nn\n\n\nclass {name}(nn.Module):\n    def forward(self, x):\n        return {gives}\n"


def own(**texts: str) -> m.LoadBlocks:
    return m.LoadBlocks(tuple(m.OwnFile(f"{name}.py", text) for name, text in texts.items()))


def image(channels: int = 8) -> Any:
    return node("image", "Input", size=(channels, 6, 6))


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One for all: each test loads other files in the place of those before."""
    made = Engine(tmp_path_factory.mktemp("engine"))
    made.next(m.Ready)
    yield made
    made.close()


def loaded(engine: Engine, **texts: str) -> tuple[dict[str, Any], list[str]]:
    engine.send(own(**texts))
    reply = engine.next(m.Catalogue)
    return {card.id: card for card in reply.cards}, [p.message for p in reply.troubles]


def test_a_class_gets_its_card_from_its_signature_and_is_analysed(engine: Engine) -> None:
    cards, troubles = loaded(engine, gates=GATE, _shapes=SHAPES)
    gate = cards["Gate"]
    assert not troubles and gate.category == "Own blocks" and gate.summary == "Scale each channel."
    assert [(s.name, s.type, s.default) for s in gate.settings] == [
        ("width", "int", 4), ("bias", "bool", True), ("act", "choice", "relu"), ("sizes", "ints", (1, 2)),
    ]  # fmt: skip
    inputs = [(p.name, p.pattern, p.optional) for p in gate.inputs]
    assert inputs == [("x", "B C *S", False), ("mask", "number:*s", True)]
    assert [p.name for p in gate.outputs] == ["out"]
    engine.send(m.Analyse(1, chain(image(), node("gate", "Gate", width=3), OUTPUT)))
    analysis = engine.next(m.Analysis)
    assert analysis.valid and analysis.parameters == 8 * 3 + 3 + 3 * 8 + 8
    assert analysis.outputs[0].tensors[0].shape == (1, 8, 6, 6)
    engine.send(m.Analyse(2, chain(node("image", "Input", size=()), node("gate", "Gate"), OUTPUT)))
    assert "it needs B C *S" in engine.next(m.Analysis).problems[0].message


def test_a_class_with_a_card_of_its_own_keeps_it(engine: Engine) -> None:
    text = (
        "from torch import nn\nfrom blocks.declare import block, setting\n\n\n"
        '@block("Twice", category="Layer", paper="none", inputs={"x": "B D"}, outputs={"out": "B D"},\n'
        '       by=setting("How much."))\nclass Times(nn.Module):\n    """Multiply."""\n\n'
        "    def __init__(self, by: int = 2) -> None:\n        super().__init__()\n        self.by = by\n\n"
        "    def forward(self, x):\n        return x * self.by\n"
    )
    cards, troubles = loaded(engine, times=text)
    assert not troubles and (cards["Times"].title, cards["Times"].category) == ("Twice", "Layer")
    cards, _ = loaded(engine, times=text.replace("How much.", "By how much."))
    assert cards["Times"].settings[0].help == "By how much."
    cards, troubles = loaded(engine, times=text.replace("class Times", "class ReLU"))
    assert "Times" not in cards and cards["ReLU"].settings == (), "the house's own stays"
    assert troubles == ["`times.py`, line 5: there are two blocks `ReLU`: ids must differ"]


def test_what_is_saved_is_loaded_anew_and_nothing_old_is_remembered(engine: Engine) -> None:
    design = chain(image(), node("mine", "Mine"), OUTPUT)
    loaded(engine, mine=PLAIN.format(name="Mine", gives="x.flatten(1)"))
    engine.send(m.Analyse(1, design))
    assert engine.next(m.Analysis).outputs[0].tensors[0].shape == (1, 288)
    loaded(engine, mine=PLAIN.format(name="Mine", gives="x[:, :2]"))
    engine.send(m.Analyse(2, design))
    assert engine.next(m.Analysis).outputs[0].tensors[0].shape == (1, 2, 6, 6)
    cards, _ = loaded(engine)
    assert "Mine" not in cards
    engine.send(m.Analyse(3, design))
    assert [p.code for p in engine.next(m.Analysis).problems] == ["block-missing"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x = (\n", "`odd.py`, line 1: it is not Python ('(' was never closed)"),
        ("\nimport nowhere_at_all\n", "`odd.py`, line 2: No module named 'nowhere_at_all'"),
        ("import good\n", "`odd.py`, line 1: `good` lies beside it: write `from . import good`"),
        ("\n\nraise ValueError('no luck')\n", "`odd.py`, line 3: ValueError: no luck"),
        ("import sys\nsys.exit(3)\n", "`odd.py`, line 2: it ends the program while it is loaded"),
        (PLAIN.format(name="Conv2d", gives="x"), "`odd.py`, line 4: there is a block `Conv2d` already"),
        (PLAIN.format(name="Good", gives="x * 2"), "`odd.py`, line 4: there is a block `Good` already"),
        (
            "from torch import nn\nclass Wide(nn.Module):\n    def __init__(self, hidden):\n        pass\n"
            "    def forward(self, x):\n        return x\n",
            "`odd.py`, line 2: Wide needs `hidden`, which no wire gives: give it a default",
        ),
        ("from torch import nn\nclass Base(nn.Module):\n    pass\n", "`odd.py`, line 2: Base has no forward"),
        (PLAIN.format(name="Base", gives="1").replace(", x)", ")"), "`odd.py`, line 4: Base: forward takes no tensor"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_said_and_costs_that_file_alone(engine: Engine, text: str, sentence: str) -> None:
    cards, troubles = loaded(engine, good=PLAIN.format(name="Good", gives="x + 1"), odd=text)
    assert "Good" in cards and len(troubles) == 1
    assert troubles[0].startswith(sentence), troubles


def test_a_file_is_named_before_it_is_run(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    engine.send(own(one=PLAIN.format(name="One", gives="x"), two="import time\ntime.sleep(600)\n"))
    assert [engine.next(m.Loading).file for _ in range(2)] == ["one.py", "two.py"]
    engine.close()


def test_a_block_that_gives_several_tensors_gets_a_sentence(engine: Engine) -> None:
    loaded(engine, pair=PLAIN.format(name="Pair", gives="(x, x)"))
    engine.send(m.Analyse(1, chain(image(), node("pair", "Pair"), OUTPUT)))
    assert "`out` is one tensor, but Pair gave 2 at once" in engine.next(m.Analysis).problems[0].message


def test_lists_of_tensors_are_pyramids(engine: Engine) -> None:
    text = (
        "from torch import Tensor, nn\n\n\nclass HalveAll(nn.Module):\n"
        "    def forward(self, levels: list[Tensor]) -> list[Tensor]:\n"
        "        return [x[..., ::2, ::2] for x in levels]\n"
    )
    assert loaded(engine, halve=text)[1] == []
    design = Design(
        nodes=(image(), node("pool", "MaxPool2d"), node("levels", "BundleLevels"), node("half", "HalveAll"), OUTPUT),
        wires=(
            wire("image", "pool"),
            wire("image", "levels.a"),
            wire("pool", "levels.b"),
            wire("levels", "half.levels"),
            wire("half", "output"),
        ),
    )
    engine.send(m.Analyse(1, design))
    analysis = engine.next(m.Analysis)
    assert analysis.valid, analysis.problems
    assert analysis.outputs[0].kind == "pyramid"
    assert analysis.outputs[0].tensors[0].shape == (1, 8, 3, 3)


def test_the_command_line_trains_and_exports_own_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NETLOOM_SETTINGS", str(tmp_path / "settings"))
    folder, path, run = tmp_path / "mine", tmp_path / "it.netloom", tmp_path / "run"
    folder.mkdir()
    (folder / "gates.py").write_text(GATE)
    (folder / "_shapes.py").write_text(SHAPES)
    nodes = (node("image", "Input", size=(1, 8, 8)), node("stem", "ConvStem", channels=8, stride=1, pool=False),
             node("gate", "Gate"), node("head", "ClassificationHead"), OUTPUT)  # fmt: skip
    design = chain(*nodes)
    ends = (node("label", "Target"), node("loss", "CrossEntropy"))
    wires = (wire("head", "loss.x"), wire("label", "loss.target"))
    recipe = SHORT.__class__(data="digits", epochs=1, batch_size=64)
    file.save(Design(nodes=(*design.nodes, *ends), wires=(*design.wires, *wires), recipe=recipe), path)
    assert main(["check", str(path)]) == 1
    assert "the block `Gate` is not known here" in " ".join(capsys.readouterr().out.split())
    assert main(["check", str(path), "--blocks", str(folder)]) == 0
    blocks = ("--blocks", str(folder))
    assert main(["train", str(path), "--run", str(run), "--device", "cpu", *blocks]) == 0
    assert main(["evaluate", str(run), "--blocks", str(folder), "--json"]) == 0
    weights = load_run(run).root.state_dict()
    assert {"gate.down.weight", "gate.up.bias"} <= set(weights)
    for to in ("onnx", "safetensors"):
        target = tmp_path / f"it.{to}"
        assert main(["export", str(path), "--to", to, "--run", str(run), "-o", str(target), *blocks]) == 0
    assert onnxruntime.InferenceSession(str(tmp_path / "it.onnx")).get_outputs()[0].shape[1] == 10
    assert (load_file(tmp_path / "it.safetensors")["gate.down.weight"] == weights["gate.down.weight"].numpy()).all()
    assert main(["export", str(path), "--to", "python", "-o", str(tmp_path / "plain.py"), *blocks]) == 0
    _assert_plain_python_gives_the_same(tmp_path)
    assert main(["check", str(path), "--blocks", str(tmp_path / "nowhere")]) == 2
    assert main(["check", str(path)]) == 1, "the folder was for that call"


PLAIN_RUN = """
import sys
sys.path.insert(0, ".")
import numpy, torch
from safetensors.torch import load_file
from plain import It
model = It().eval()
model.load_state_dict(load_file("it.safetensors"))
with torch.no_grad():
    numpy.save("gives.npy", model(torch.from_numpy(numpy.load("image.npy"))).numpy())
assert not {"app", "blocks", "own_blocks"} & sys.modules.keys()
"""


def _assert_plain_python_gives_the_same(folder: Path) -> None:
    """The code holds the class and what it takes from the file beside it, runs without Netloom, and takes the trained
    weights: it gives what the ONNX file gives."""
    image = np.random.default_rng(0).random((3, 1, 8, 8), np.float32)
    np.save(folder / "image.npy", image)
    subprocess.run([sys.executable, "-I", "-c", PLAIN_RUN], cwd=folder, check=True)
    (wanted,) = onnxruntime.InferenceSession(str(folder / "it.onnx")).run(None, {"image": image})
    np.testing.assert_allclose(np.load(folder / "gives.npy"), wanted, atol=1e-5)
