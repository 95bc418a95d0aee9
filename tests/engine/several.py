"""Runs on two devices for the tests: two processes that are forked from one in which torch is loaded already.

`python -m tests.engine.several FOLDER` makes every run that tests/engine/test_several.py looks at.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from app.design.values import Design, Node, Recipe, Settings
from app.engine import together
from app.engine.launch import OURS
from app.engine.ranks import free_port
from app.engine.train import train
from tests.engine.designs import SHORT, digits, wire
from tests.engine.test_resume import after

SECONDS = 60
EXACT = replace(
    SHORT, batch_size=157, accumulate=3, ema=0.5, optimizer="sgd", momentum=0.9, clip_norm=0.5, clip_value=0.4,
    l1=1e-4, l2=1e-3, learning_rate=0.1,
)  # fmt: skip
"""1,257 = 8 · 157 + 1: of the last batch the second device has nothing."""


def plain() -> Design:
    """The digits' network without batch norm and dropout, with a metric that is counted over all samples, and a second
    loss against weights that follow the first ones."""
    design = digits(channels=16)
    conv = Settings(out_channels=16, kernel_size=3)
    nodes = [replace(n, block="Conv2d", settings=conv) if n.name == "stem" else
             replace(n, settings=Settings(p=0.0)) if n.name == "dropout" else n for n in design.nodes]  # fmt: skip
    slow = (
        Node("slow_stem", block="Conv2d", settings=conv, follows="stem", momentum=0.9),
        Node("slow_flatten", block="Flatten"),
        replace(design.by_id["head"], id="slow_head", name="slow_head", follows="head", momentum=0.9),
        Node("agree", block="MSELoss"), Node("f1", block="F1Score"),
    )  # fmt: skip
    wires = (
        wire("image", "slow_stem"), wire("slow_stem", "slow_flatten"), wire("slow_flatten", "slow_head"),
        wire("head", "agree"), wire("slow_head", "agree", "target"), wire("head", "f1"), wire("label", "f1", "target"),
    )  # fmt: skip
    return replace(design, nodes=(*nodes, *slow), wires=(*design.wires, *wires))


def two(folder: Path, *arguments: Any, **options: Any) -> list[int]:
    """Train on two devices; how each of the processes ended."""
    port = str(free_port())
    pids = [_forked(rank, port, lambda: train(*arguments, run=folder, device="cpu", **options)) for rank in (0, 1)]
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]


def _forked(rank: int, port: str, work: Callable[[], Any]) -> int:
    sys.stdout.flush()
    if pid := os.fork():
        return pid
    signal.alarm(SECONDS)  # what waits for ever is ended
    place = {"RANK": rank, "LOCAL_RANK": rank, "NODE_RANK": 0, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2, OURS: 1}
    os.environ.update({k: str(v) for k, v in place.items()}, MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
    code = 1
    try:
        work()
        code = 0
    except Exception:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def main(folder: Path) -> int:
    import lightning_fabric  # noqa: F401  once for all

    began = time.monotonic()
    ended: dict[str, list[int]] = {}

    def make(name: str, design: Design, recipe: Recipe, run: str = "", **options: Any) -> None:
        ended[name] = two(folder / (run or name), design, recipe, **options)
        print(name, ended[name], f"{time.monotonic() - began:.1f} s", file=sys.stderr)

    train(plain(), EXACT, run=folder / "one", device="cpu")
    make("ddp", plain(), EXACT)
    make("fsdp", plain(), EXACT, strategy="fsdp")
    make("straight", digits(), SHORT)  # batch norm and dropout
    together.MOST_STEPS = 1  # asked after each
    make("stopped", digits(), SHORT, run="resumed", cancelled=after(7))
    make("resumed", digits(), SHORT, resume=True)
    return int(any(any(codes) for codes in ended.values()))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
