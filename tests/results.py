"""What Netloom's own training reaches: `python -m tests.results [NAME...]` trains the designs and writes the table.

Each design is trained by the product's `train`, by the recipe in its file, on the CPU, in a run folder that is thrown
away. What was measured goes into `examples/training/results.json`, from which `examples/training/README.md` and the
table in the README are made. With names only those are measured anew. It takes some minutes, one after another.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from msgspec.structs import replace
from PIL import Image

from app.design import file
from app.design.values import Design
from app.engine.compile import shared_analyser
from app.engine.data import open_data
from app.engine.runs import load_run
from app.engine.train import train
from app.messages import Progress
from tests import comparison

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "examples" / "training"
STORE, PAGE, PICTURE = FOLDER / "results.json", FOLDER / "README.md", FOLDER / "reconstructions.png"
SEEDS = (1, 2)
"""Those of the runs that are measured: recipes were chosen with the seed in the file, 0, and others, by validation."""
FRESH = (3, 4)
LATER = ("digits_vit", "digits_convnext")
"""Their recipes were changed after results with SEEDS had been seen: they are measured with FRESH ones."""
BEGIN, END = "<!-- the table of `python -m tests.results` -->", "<!-- its end -->"


HEAD = f"""# Trained from the drawing

What Netloom's own training makes of drawings, by the recipe in the file of each, on the CPU. The numbers are those of
the test split with the weights that were best in validation: the mean of {len(SEEDS)} runs, in brackets the least and
the most. Each run has a seed of its own for weights, order and the division of the data, and none of these seeds was
used while designs and recipes were chosen. All of it is made by `python -m tests.results` (with names it measures
those anew); `netloom train digits_lenet` trains one. "At the start" is validation after the first epoch, with SimCLR
the untrained encoder. Times are those of one run on one core, while other work ran beside some of them.

"""


COMPARED = f"""
## Features learnt without a label

SimCLR's encoder on the digits, judged with {comparison.LABELS} labels a class on the test split
(`tests/comparison.py`): means of {comparison.SEEDS} seeds, each with other weights, views and labels.

| features | {" | ".join(comparison.WAYS)} |
| --- | ---: | ---: |
"""


class Wish(NamedTuple):
    """What a design is held against: a value of the test split, and the least (or most) that it has to be."""

    metric: str
    bound: float
    words: str
    most: bool = False

    def holds(self, value: float) -> bool:
        return value <= self.bound if self.most else value >= self.bound


ACCURACY = Wish("accuracy", 0.97, "test accuracy {:.1%}")
WISHES: dict[str, Wish] = {
    **dict.fromkeys(("digits_lenet", "digits_resnet", "digits_mobilenet", "digits_vit", "digits_convnext"), ACCURACY),
    **dict.fromkeys(("shapes_unet", "shapes_fpn", "shapes_segformer"), Wish("miou", 0.9, "test mIoU {:.3f}")),
    "characters": Wish("perplexity", 12.0, "test perplexity {:.2f}", most=True),
    "autoencoder": Wish("error", 0.07, "test error {:.3f} a pixel", most=True),
    "auxiliary": ACCURACY,
    "two_tasks": ACCURACY,
    "simclr": Wish("linear probe", 0.9, "{:.1%} by linear probe with 10 labels a class"),
}  # fmt: skip


def drawing(name: str) -> Path:
    """The file of a design of the table: in examples/training, or among the examples themselves."""
    own = FOLDER / f"{name}.netloom"
    return own if own.exists() else FOLDER.parent / f"{name}.netloom"


def measure(name: str, tell: Callable[[str], None] = lambda line: None) -> dict[str, Any]:
    """Train a design by its own recipe, once a seed, and say what came of it."""
    design, wish = file.load(drawing(name), shared_analyser().cards), WISHES[name]
    if name == "simclr":
        return measure_features(design, tell)
    begun = time.perf_counter()
    seeds = FRESH if name in LATER else SEEDS
    runs = [_train(name, design, seed, wish, tell) for seed in seeds]
    seconds = (time.perf_counter() - begun) / len(runs)
    values = [value for value, _, _ in runs]
    return {
        **facts(design),
        "epochs": max(epochs for _, _, epochs in runs),
        "value": round(statistics.mean(values), 4),
        "values": [round(value, 4) for value in values],
        "first": round(statistics.mean(first for _, first, _ in runs), 4),
        "seconds": round(seconds),
    }


def _train(name: str, design: Design, seed: int, wish: Wish, tell: Callable[[str], None]) -> tuple[float, float, int]:
    """What is wished of the test split; the same of validation after the first epoch; the epochs."""
    first: list[float] = []

    def see(progress: Progress) -> None:
        if progress.split == "validation":
            values = {key: round(value, 4) for key, value in progress.values.items() if isinstance(value, float)}
            first.extend([values[wish.metric]] if not first else [])
            tell(f"{name}, seed {seed}: epoch {progress.epoch} of {progress.epochs}, validation {values}")

    with tempfile.TemporaryDirectory() as place:
        recipe = replace(design.recipe, seed=seed)
        trained = train(design, recipe, run=Path(place) / "run", device="cpu", on_progress=see)
        if name == "autoencoder" and seed == SEEDS[0]:
            reconstructions(Path(place) / "run", PICTURE)
    value = trained.values[wish.metric]
    assert isinstance(value, float)
    return value, first[0], trained.epochs


def facts(design: Design) -> dict[str, Any]:
    return {
        "data": design.recipe.data.partition(":")[0],
        "parameters": shared_analyser().analyse(design).parameters,
    }


def measure_features(design: Design, tell: Callable[[str], None]) -> dict[str, Any]:
    """Features that were learnt without labels, beside untrained ones and raw pixels: means over the seeds."""
    begun = time.perf_counter()
    found = comparison.means(comparison.compare(design, tell))
    seconds = (time.perf_counter() - begun) / comparison.SEEDS
    trained, untrained = (found[kind][comparison.WAYS[0]] for kind in ("trained", "untrained"))
    return {
        **facts(design),
        "epochs": design.recipe.epochs,
        "value": trained,
        "first": untrained,
        "seconds": round(seconds),
        "compared": found,
    }


def reconstructions(run: Path, picture: Path) -> None:
    """Paint digits of the test split, and under each what the autoencoder makes of it."""
    found = load_run(run)
    network = found.network
    assert network is not None
    data = open_data(found.design.recipe.data, network.inputs, (), found.design.recipe.seed)
    (images,) = data.splits["test"].take(torch.arange(16))
    network.module.eval()
    with torch.no_grad():
        painted = network.module(images)
    rows = [torch.cat(list(each[:, 0].clamp(0, 1)), 1) for each in (images, painted)]  # (8, 16 x 8)
    rows.insert(1, torch.zeros(1, rows[0].shape[1]))
    grey = Image.fromarray((torch.cat(rows) * 255).byte().numpy())
    grey.resize((grey.width * 6, grey.height * 6), Image.Resampling.NEAREST).save(picture, optimize=True)


def table(found: dict[str, dict[str, Any]], beside: Path) -> str:
    """The table for a page that lies in the folder `beside`."""
    lines = ["| design | data | parameters | epochs | time | result | at the start |",
             "| --- | --- | ---: | ---: | ---: | --- | ---: |"]  # fmt: skip
    for name in [name for name in WISHES if name in found]:
        row, words = found[name], WISHES[name].words
        place = Path(os.path.relpath(drawing(name), beside)).as_posix()
        lines.append(
            f"| [{name}]({place}) | {row['data']} | {row['parameters']:,} | {row['epochs']} | {row['seconds']} s "
            f"| {words.format(row['value'])}{spread(row, words)} | {number(words).format(row['first'])} |"
        )
    return "\n".join(lines)


def spread(row: dict[str, Any], words: str) -> str:
    """The worst and the best of several runs."""
    values = row.get("values", ())
    if len(values) < 2:
        return ""
    one = number(words)
    return f" ({one.format(min(values))} to {one.format(max(values))})"


def number(words: str) -> str:
    """The number alone out of the words around it."""
    return words[words.index("{") : words.index("}") + 1]


def page(found: dict[str, dict[str, Any]]) -> str:
    """The text of examples/training/README.md."""
    shown = f"""
## The autoencoder's reconstructions

Digits of the test split above, below what comes out of the 12 numbers that its code has.

![Sixteen digits, and the same ones as the autoencoder paints them]({PICTURE.name})
"""
    compared = found.get("simclr", {}).get("compared")
    if compared:
        rows = [
            f"| {kind} | " + " | ".join(f"{values[way]:.1%}" for way in comparison.WAYS) + " |"
            for kind, values in compared.items()
        ]
        shown += COMPARED + "\n".join(rows) + "\n"
    recipes = "\n".join(f"- **{name}**: {about(name)}" for name in WISHES if name in found)
    return f"{HEAD}{table(found, FOLDER)}\n\n## The designs\n\n{recipes}\n{shown}"


def about(name: str) -> str:
    said = file.load(drawing(name)).about
    return f"{said.introduced} {said.paper}."


def with_table(readme: str, found: dict[str, dict[str, Any]]) -> str:
    """The README with the table as it is now."""
    before, rest = readme.split(BEGIN)
    return before + BEGIN + "\n" + table(found, ROOT) + "\n" + END + rest.split(END)[1]


def stored() -> dict[str, dict[str, Any]]:
    return json.loads(STORE.read_text(encoding="utf-8")) if STORE.exists() else {}


def write(found: dict[str, dict[str, Any]]) -> None:
    """Write what was measured, the page and the README's table."""
    rows = [f"  {json.dumps(name)}: {json.dumps(found[name])}" for name in WISHES if name in found]
    STORE.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")
    PAGE.write_text(page(found), encoding="utf-8")
    readme = ROOT / "README.md"
    readme.write_text(with_table(readme.read_text(encoding="utf-8"), found), encoding="utf-8")


def main(names: list[str]) -> int:
    if unknown := [name for name in names if name not in WISHES]:
        print(f"There is no {', '.join(unknown)} in the table: choose of {', '.join(WISHES)}.", file=sys.stderr)
        return 2
    short = []
    for name in names or list(WISHES):
        found = measure(name, lambda line: print(line, file=sys.stderr))
        write({**stored(), name: found})
        print(f"{name}: {WISHES[name].words.format(found['value'])} in {found['seconds']} s", flush=True)
        if not WISHES[name].holds(found["value"]):
            short.append(name)
    if short:
        print(f"Below what is wished: {', '.join(short)}.", file=sys.stderr)
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
