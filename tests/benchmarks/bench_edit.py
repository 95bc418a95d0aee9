"""How long from a key press until the canvas shows the new shapes, beside a bare meta forward of the same network?

Run by hand: `python -m tests.benchmarks.bench_edit`. ResNet-50 at 3x224x224, opened down to single layers which all
stand on one canvas; the window, its pipe and its engine are the real ones. The key is the arrow up in a field of the
inspector; the clock runs until the scene has taken the answer and has been painted. Every edit is one that was not made
before. The median of some edits, by the median of a plain forward of the same layers on meta:

- in the last stage, the width inside a bottleneck: at most 0.5 is wanted;
- in the stem, its width, and the padding of its convolution (which changes every shape of the network): at most 2.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EDITS = 9
MODEL = """
import sys, time, gc
from pathlib import Path
import torch
from app.design import file
from app.design.grouping import ungroup
from app.engine.compile import compile_design
from tests.layers import down_to_layers, drawn
torch.set_num_threads(1)
design = down_to_layers(drawn("resnet50")).design
while groups := [n.id for n in design.nodes if n.group]:
    for id in groups:
        design, _ = ungroup(design, "", id)
file.save(design, Path(sys.argv[1]))
with torch.device("meta"):
    module = compile_design(design).module.to("meta").eval()
x = torch.empty(1, 3, 224, 224, device="meta")
gc.freeze()
print("ready", flush=True)
with torch.no_grad():
    for _ in sys.stdin:
        module(x)
        start = time.perf_counter()
        module(x)
        print(time.perf_counter() - start, flush=True)
"""


def main() -> None:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NETLOOM_SETTINGS"] = folder
        path = Path(folder) / "layers.netloom"
        command = [sys.executable, "-c", MODEL, str(path)]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, bufsize=1) as model:
            assert model.stdin is not None and model.stdout is not None
            if model.stdout.readline() != "ready\n":
                raise SystemExit("The network could not be made")
            measure(path, model)
            model.stdin.close()


def forward(model: subprocess.Popen[str]) -> float:
    """Seconds of one forward on meta, in a process of its own, which sleeps meanwhile."""
    assert model.stdin is not None and model.stdout is not None
    model.stdin.write("go\n")
    return float(model.stdout.readline())


def measure(path: Path, model: subprocess.Popen[str]) -> None:
    """Open the drawing in the real window, and time the keys."""
    from PySide6.QtWidgets import QApplication

    from app.window import theme
    from app.window.main_window import MainWindow

    application = QApplication(["netloom"])
    theme.load_fonts()
    window = MainWindow()
    window.resize(1440, 900)
    window.show()
    window.start()
    document = window.document

    def until(condition) -> None:  # type: ignore[no-untyped-def]
        deadline = time.monotonic() + 120
        while not condition():
            application.processEvents()
            if time.monotonic() > deadline:
                raise SystemExit("The window did not get there within two minutes")

    until(lambda: window.engines.is_ready and window.engines.spare_ready)
    window.files.open(path)
    until(lambda: document.analysis is not None and len(document.analysis.nodes) > 100)
    until(lambda: not window.engines.busy)
    print(f"ResNet-50, {len(document.design.nodes)} nodes on one canvas")
    convolutions = [n for n in document.design.nodes if n.block == "Conv2d"]
    wide = next(n for n in reversed(convolutions) if n.settings.get("out_channels") == 512)
    first = convolutions[0]
    for what, node, setting, wanted in (
        ("last stage, width", wide.id, "out_channels", 0.5), ("stem, width", first.id, "out_channels", 2),
        ("stem, padding", first.id, "padding", 2),
    ):  # fmt: skip
        times, engine, bare = [], [], []
        for _ in range(EDITS):
            bare.append(forward(model))
            times.append(press(window, node, setting, until))
            engine.append(window.engines.milliseconds)
        ours, theirs = statistics.median(times), statistics.median(bare)
        print(
            f"  {what:<18} {ours * 1e3:4.0f} ms, a bare meta forward {theirs * 1e3:4.0f} ms: {ours / theirs:.2f}x (at "
            f"most {wanted}); pipe and engine {statistics.median(engine):.0f} ms"
        )
    window.engines.close()


def press(window, id: str, setting: str, until) -> float:  # type: ignore[no-untyped-def]
    """Press the arrow up in the field, and wait until the canvas shows what it comes to."""
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QAbstractSpinBox, QApplication

    window.canvas.scene_.select([id])
    until(lambda: getattr(window.inspector.page, "id", "") == id)
    field = window.inspector.page._fields[setting]
    editor = field.findChild(QAbstractSpinBox)
    editor.setFocus()
    QApplication.processEvents()
    document = window.document
    before = document.analysis
    start = time.perf_counter()
    QTest.keyClick(editor, Qt.Key.Key_Up)
    until(lambda: document.analysis is not None and document.analysis is not before)
    for _ in range(3):  # the scene's changes, then what of the view they touch
        QApplication.processEvents()
    took = time.perf_counter() - start
    assert document.analysis.revision == document.revision
    until(lambda: not window.engines.busy)
    return took


if __name__ == "__main__":
    main()
