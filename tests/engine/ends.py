"""Runs through the command line that cannot end well: `python -m tests.engine.ends FOLDER` makes each in a process
that is forked from one in which torch is loaded, and says how it ended in FOLDER/NAME.json."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace
from PIL import Image

from app import cli
from app.design import file
from app.design.values import Settings
from app.engine.data import store
from tests.engine.designs import digits

SECONDS = 40
TRAIN = ["--device", "cpu", "--epochs", "1000", "--data"]


def limit_memory(more: int = 2**29) -> None:
    """What this process may have besides what it has by now, in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * os.sysconf("SC_PAGE_SIZE") + more
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def made(folder: Path, name: str, arguments: list[str], prepare: Callable[[], None] = lambda: None) -> None:
    if not (pid := os.fork()):
        signal.alarm(SECONDS)
        said = folder / f"{name}.stderr"
        with said.open("wb") as into:
            os.dup2(into.fileno(), 2)
        prepare()
        code = cli.main(["train", *arguments, "--run", str(folder / name)])
        sys.stderr.flush()
        os._exit(code)
    _, how = os.waitpid(pid, 0)
    said = (folder / f"{name}.stderr").read_text()
    (folder / f"{name}.json").write_text(json.dumps({"code": os.waitstatus_to_exitcode(how), "said": said}))


def main(folder: Path) -> int:
    import lightning_fabric  # noqa: F401  once for all

    design = digits(channels=16)
    file.save(design, folder / "digits.netloom")
    nodes = tuple(replace(n, settings=Settings(out_features=2)) if n.name == "head" else n for n in design.nodes)
    file.save(replace(design, nodes=nodes), folder / "two.netloom")
    file.save(digits(channels=4096), folder / "wide.netloom")
    drawn = str(folder / "digits.netloom")

    made(folder, "full", [drawn, "--data", "digits", "--device", "cpu", "--epochs", "1"])
    full = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))  # noqa: E731
    made(folder, "full", [drawn, *TRAIN, "digits", "--resume"], full)

    pictures = folder / "pictures"
    for number in range(40):
        picture = pictures / ("dark", "light")[number % 2] / f"{number}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 200 * (number % 2)).save(picture)

    def spoil() -> None:
        def later() -> None:
            while not (folder / "spoilt" / "checkpoints" / "last").exists():
                time.sleep(0.01)
            for picture in pictures.rglob("*.png"):
                picture.write_bytes(b"no picture")

        store.KEEP_BYTES = -1  # as where there are more pictures than are kept in memory
        threading.Thread(target=later, daemon=True).start()

    made(folder, "spoilt", [drawn, *TRAIN, f"images:{pictures}"], spoil)
    shutil.rmtree(pictures)
    made(folder, "classes", [str(folder / "two.netloom"), *TRAIN, "digits"])
    made(folder, "nan", [drawn, *TRAIN, "digits", "--recipe", "optimizer=sgd", "--recipe", "learning_rate=1e20"])
    wide = [str(folder / "wide.netloom"), *TRAIN, "digits", "--recipe", "batch_size=1024"]
    made(folder, "memory", wide, limit_memory)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
