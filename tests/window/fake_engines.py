"""Engines without processes, for tests of the panels: a test plays the engine's part."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.design.values import Design, End, Node, Settings, Wire
from app.messages import Device, Devices, Progress
from app.messages.data import Dataset
from blocks.card import Card, Page, Port, Setting

DEVICES = Devices(
    devices=(Device("cpu", "CPU, 2 cores"), Device("cuda", "NVIDIA GPU", "the CPU build of torch is installed.")),
    datasets=(
        Dataset("digits", "Handwritten digits", "1,797 real handwritten digits.", (1, 8, 8), tuple("0123456789")),
        Dataset("images", "Folder of images", "A folder with one folder for each class.", needs_path=True),
    ),
    optimizers=(
        Page("adamw", "AdamW", "Each weight has its own step. It adapts.", "First.", "In memory.", "arXiv:1711.05101"),
        Page("sgd", "SGD", "All weights have one step. It has momentum.", "On images.", "On texts.", "By others"),
    ),
    schedules=(
        Page("cosine", "Cosine", "Falls along half a cosine. It warms up.", "Mostly.", "Stopped halfway.", "By some"),
        Page("constant", "Constant", "Stays as it is. Nothing decays.", "In first tries.", "At the end.", "By others"),
    ),
)
CARDS = (
    Card("Input", "Input", "Ends", outputs=(Port("out", "B *S"),), settings=(Setting("size", "ints", (1, 8, 8)),)),
    Card("Output", "Output", "Ends", inputs=(Port("x", "*S"),)),
    Card("Flatten", "Flatten", "Layer", inputs=(Port("x", "B *S"),), outputs=(Port("out", "B C"),)),
    Card("Linear", "Linear", "Layer", inputs=(Port("x", "B C"),), outputs=(Port("out", "B D"),)),
    Card("Target", "Target", "Ends", outputs=(Port("out", "*S", dtype="int"),),
         settings=(Setting("field", "str", "label"),)),
    Card("CrossEntropy", "Cross-entropy", "Loss", inputs=(Port("x", "B K"), Port("target", "B", dtype="int")),
         outputs=(Port("loss", "", kind="scalar"),)),
    Card("Accuracy", "Accuracy", "Metric", inputs=(Port("x", "B K"), Port("target", "B", dtype="int")),
         outputs=(Port("value", "", kind="scalar"),)),
)  # fmt: skip


class FakeJob(QObject):
    progress = Signal(object)
    samples = Signal(object)
    carried = Signal(object)
    watched = Signal(object)
    finished = Signal(object)
    certified = Signal(object)
    failed = Signal(str)

    def __init__(self, request: Any) -> None:
        super().__init__()
        self.request = request
        self.files: dict[str, bytes] = {}
        self.alive = True
        self.cancelled = False
        self.paused = False

    def cancel(self) -> None:
        self.cancelled = True

    def pause(self, on: bool) -> None:
        self.paused = on

    def tell(self, epoch: int, step: int, split: str, *, epochs: int = 3, **values: float) -> None:
        """Report that `step` of 10 * epochs steps are done."""
        self.progress.emit(
            Progress(self.request.job, epoch, epochs, step, 10 * epochs, split, Settings(values), 100.0,
                     1930.0 if split == "train" else 0.0)
        )  # fmt: skip


class FakeEngines(QObject):
    devices = Signal(object)
    died = Signal(str)
    restarted = Signal()

    def __init__(self, devices: Devices | None = DEVICES) -> None:
        super().__init__()
        self.last_devices = devices
        self.stopped = ""
        self.started: list[FakeJob] = []

    def run(self, request: Any) -> FakeJob:
        self.started.append(FakeJob(request))
        return self.started[-1]


def small_design(**recipe: Any) -> Design:
    """Input, Flatten, Linear, Output, wired; no loss."""
    from app.design.values import Recipe

    names = ("image", "flatten", "linear", "answer")
    blocks = ("Input", "Flatten", "Linear", "Output")
    return Design(
        nodes=tuple(Node(n, b, x=240.0 * i) for i, (n, b) in enumerate(zip(names, blocks, strict=True))),
        wires=tuple(Wire(End(a, "out"), End(b, "x")) for a, b in pairwise(names)),
        recipe=Recipe(**recipe),
    )
