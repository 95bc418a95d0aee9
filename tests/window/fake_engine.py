"""An engine for tests that answers at once and has no torch: `python -P fake_engine.py`.

A node of the block `Hang` never ends, one of `Crash` ends the process; `CrashOnce` does so while the file named by
NETLOOM_FAKE_CRASHED does not exist.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

from app import messages as m
from app.design.values import Node, Settings
from app.messages import reports as r
from blocks.card import Card, Page, Port, Setting

CARDS = (
    Card("Input", "Input", "Ends", outputs=(Port("out", "*S"),), summary="What the network is given.",
         settings=(Setting("size", "ints", (3, 224, 224), "Without the batch.", min=1),
                   Setting("letters", "strs", (), "Letters for sizes.", letters_of="size")),
         shown=("size",), icon="log-in"),
    Card("Conv2d", "Convolution", "Layer", inputs=(Port("x", "B C H W"),), outputs=(Port("out", "B C H W"),),
         help="Slides learned filters over an image.\n\nEach output channel looks at all input channels.",
         summary="Slides learned filters over an image.", paper="LeCun et al. 1989", icon="grid-3x3",
         settings=(
             Setting("out_channels", "int", 64, "How many filters.", min=1),
             Setting("kernel_size", "pair", (3, 3), "Height and width of a filter.", min=1),
             Setting("padding", "pair", None, "Empty rows and columns around the image.", min=0, optional=True),
             Setting("bias", "bool", True, "Adds a learned number to each channel."),
             Setting("padding_mode", "choice", "zeros", "What the padding holds.", choices=("zeros", "reflect")),
             Setting("scale", "float", 1.0, "A factor.", min=0.0, max=10.0),
         ), shown=("out_channels", "kernel_size")),
    Card("Output", "Output", "Ends", inputs=(Port("x", "*S"),), summary="What the network gives.", icon="log-out"),
    *(Card(id, id, "Layer", inputs=(Port("x", "*S"),), outputs=(Port("out", "*S"),)) for id in ("Hang", "Crash")),
    Card("CrashOnce", "CrashOnce", "Layer", inputs=(Port("x", "*S"),), outputs=(Port("out", "*S"),)),
)  # fmt: skip

PAGES = (Page("adamw", "AdamW", "A page of its own.", "Here.", "There.", "Somebody 2017"),)

_lock = threading.Lock()
_cancelled: set[str] = set()


def send(reply: m.Reply) -> None:
    with _lock:
        sys.stdout.buffer.write(m.encode(reply))
        sys.stdout.buffer.flush()


def report(node: Node) -> r.NodeReport:
    """What is said of a node: its parameters hang on its filters, so that they differ where those do."""
    filters = node.settings.get("out_channels", 64)
    out = r.PortShape("out", "tensor", (r.Tensor((1, filters, 56, 56)),))
    took = r.PortShape("x", "tensor", (r.Tensor((1, 3, 224, 224)),))
    return r.NodeReport(
        node.id, node.name, "", node.id, node.block, (took,), (out,), parameters=28 * filters, trainable=28 * filters,
        macs=86_704_128, activations=802_816,
    )  # fmt: skip


def survey(request: m.Survey) -> None:
    nodes = tuple(map(report, request.design.nodes))
    send(m.Surveyed(request.job, m.Analysis(
        0, valid=True, partial=False, parameters=sum(n.parameters for n in nodes), macs=86_704_128 * len(nodes),
        memory=r.Memory(7168, 802_816, 2_000_000), nodes=nodes,
    )))  # fmt: skip


def analyse(request: m.Analyse) -> None:
    nodes = []
    ended = {call.id: call.why for call in request.ended}
    for node in request.design.nodes:
        if node.id in ended:
            continue
        send(m.Running(request.revision, node.id))
        if node.block == "Hang":
            time.sleep(600)
        marker = Path(os.environ.get("NETLOOM_FAKE_CRASHED", ""))
        if node.block == "Crash" or (node.block == "CrashOnce" and not marker.exists()):
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        nodes.append(report(node))
    problems = tuple(
        r.Problem("error", n.id, n.name, "", n.id, "x", "odd", f"{n.name}: 63 channels were got, even ones are needed.")
        for n in request.design.nodes if n.settings.get("out_channels") == 63
    )  # fmt: skip
    problems += tuple(
        r.Problem("error", n.id, n.name, "", n.id, "", "engine-ended", f"{n.name}: {ended[n.id]}.")
        for n in request.design.nodes if n.id in ended
    )  # fmt: skip
    send(m.Analysis(
        request.revision, valid=not problems, partial=bool(ended), parameters=sum(n.parameters for n in nodes),
        macs=86_704_128 * len(nodes), memory=r.Memory(7168, 802_816, 2_000_000), nodes=tuple(nodes), problems=problems,
        inputs=(r.Named("image", (r.Tensor((1, 3, 224, 224)),)),), outputs=(r.Named("y", (r.Tensor((1, 10)),)),),
    ))  # fmt: skip


def train(request: m.Train) -> None:
    epochs = request.recipe.epochs
    for epoch in range(1, epochs + 1):
        for split in ("train", "validation"):
            values = Settings(loss=1 / epoch)
            send(m.Progress(request.job, epoch, epochs, epoch * 10, epochs * 10, split, values, 1.0, 99))
        for _ in range(10):
            if request.job in _cancelled:
                send(m.Trained(request.job, "runs/fake", True, epoch, Settings()))
                return
            time.sleep(0.01)
    send(m.Trained(request.job, "runs/fake", False, epochs, Settings(accuracy=0.97)))


def answer(request: m.Request) -> None:
    match request:
        case m.GetCatalogue():
            send(m.Catalogue(CARDS, pages=PAGES))
        case m.GetDevices():
            data = m.Dataset("digits", "Digits", "Handwritten digits.", (1, 8, 8), tuple("0123456789"))
            devices = (m.Device("cpu", "CPU"), m.Device("cuda", "CUDA", "no card"))
            send(m.Devices(devices, (data,), PAGES, PAGES))
        case m.Analyse():
            threading.Thread(target=analyse, args=(request,), daemon=True).start()
        case m.Survey():
            survey(request)
        case m.Train():
            threading.Thread(target=train, args=(request,), daemon=True).start()
        case m.Export(job=job):
            send(m.Chunk(job, "model.onnx", 0, b"abc"))
            send(m.Chunk(job, "model.onnx", 3, b"def"))
            send(m.Exported(job, "model.onnx", 6, ("checker: passed",), 1e-6))
        case m.Predict(job=job, sample=b"bad"):
            send(m.Failed("That is not an image: choose a PNG or JPEG.", job))
        case m.Predict(job=job):
            send(m.Prediction(job, (m.Answer("7", 0.9),), 1, 1, b"\x80"))
        case m.Cancel(job=job):
            _cancelled.add(job)


def main() -> None:
    print("fake engine", file=sys.stderr)
    send(m.Ready("0", "none"))
    for line in sys.stdin.buffer:
        answer(m.decode_request(line))
    os._exit(0)


if __name__ == "__main__":
    main()
