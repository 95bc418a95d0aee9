"""`netloom predict`: what a trained network says of pictures, the rows of tables, or texts."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from app.engine.commands.common import console, print_json, user_errors
from app.engine.own_samples import form_of, of_file
from app.engine.readings import NO_CLASS
from app.engine.runs import RunError, load_run
from app.exits import FINE
from app.messages.predictions import Prediction, Reading
from app.messages.preview import Look

PALETTE = (0x4C8DF6, 0xF0A13C, 0x4CC38A, 0xE56FB3, 0xB57BF0, 0x2FB5A8, 0xF2646B, 0xC9A227, 0x6F9A5B, 0x8B95A5)
"""Colours of the classes in a mask, from the second on; the first, the ground, is black."""


def run(arguments: argparse.Namespace) -> int:
    out = console()
    into = Path(arguments.output) if arguments.output else None
    with user_errors():
        loaded = load_run(Path(arguments.run))
        form = form_of(loaded)
        for name in arguments.files:
            for row, prediction in of_file(loaded, form, Path(name)):
                pictures = _written(prediction, into, Path(name)) if into is not None else {}
                if arguments.json:
                    print_json(_document(name, row, prediction, pictures))
                    continue
                where = f"{name}, row {row}" if row else name
                for reading in prediction.readings:
                    several = f" {reading.output}:" if len(prediction.readings) > 1 else ""
                    out.print(f"{where}:{several} {words(reading)}", markup=False)
                if prediction.said:
                    console(stderr=True).print(prediction.said, markup=False)
    return FINE


def words(reading: Reading) -> str:
    """What an Output says, on a line."""
    match reading.kind:
        case "classes":
            return "  ".join(f"{a.label} {a.probability:.1%}" for a in reading.answers[:3])
        case "tokens":
            return "next " + "  ".join(f"{a.label!r} {a.probability:.1%}" for a in reading.answers[:3])
        case "numbers":
            return "  ".join(f"{number:.6g}" for number in reading.numbers)
        case "mask":
            return "  ".join(f"{name} {share:.1%}" for name, share in shares(reading).items() if share)
        case "picture" if reading.look is not None:
            return f"a picture of {reading.look.height}×{reading.look.width}: --output DIR keeps it"
    return reading.said


def shares(reading: Reading) -> dict[str, float]:
    """How much of a mask each class takes, the largest first."""
    if reading.look is None:
        return {}
    counts = np.bincount(np.frombuffer(reading.look.pixels, dtype=np.uint8), minlength=256)
    total = max(int(counts[:NO_CLASS].sum()), 1)
    found = {name: int(counts[i]) / total for i, name in enumerate(reading.names[:NO_CLASS])}
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def _document(name: str, row: int, prediction: Prediction, pictures: dict[str, Path]) -> dict[str, Any]:
    outputs = []
    for reading in prediction.readings:
        said: dict[str, Any] = {"output": reading.output, "kind": reading.kind}
        if reading.kind in ("classes", "tokens"):
            said["answers"] = [{"label": a.label, "probability": a.probability} for a in reading.answers]
        if reading.kind == "mask":
            said["shares"] = shares(reading)
        if reading.kind == "numbers":
            said["numbers"] = list(reading.numbers)
        if reading.output in pictures:
            said["file"] = str(pictures[reading.output])
        outputs.append(said)
    answers = [{"label": a.label, "probability": a.probability} for a in prediction.answers]
    return {"file": name, **({"row": row} if row else {}), "answers": answers, "outputs": outputs}


def _written(prediction: Prediction, into: Path, name: Path) -> dict[str, Path]:
    """Keep masks and pictures as PNG files. Raises RunError."""
    made = {}
    for reading in prediction.readings:
        if reading.kind not in ("mask", "picture") or reading.look is None:
            continue
        path = into / f"{name.stem}-{reading.output}.png"
        try:
            into.mkdir(parents=True, exist_ok=True)
            _picture(reading.look).save(path)
        except OSError as error:
            raise RunError(f"{path} cannot be written: {error.strerror or error}.") from None
        made[reading.output] = path
    return made


def _picture(look: Look) -> Image.Image:
    """A mask with the class of each pixel as its number, in colours; else the picture."""
    size = (look.width, look.height)
    if look.form == "colour":
        return Image.frombytes("RGB", size, look.pixels)
    mask = Image.frombytes("P", size, look.pixels)
    colours = [0, 0, 0]
    for i in range(255):
        colour = PALETTE[i % len(PALETTE)]
        colours += [colour >> 16, colour >> 8 & 255, colour & 255]
    mask.putpalette(colours)
    return mask
