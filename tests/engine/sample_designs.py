"""Designs whose answers have every form: classes, a mask, a reconstruction, numbers, tokens."""

from __future__ import annotations

from pathlib import Path

from app.design.values import Design, Recipe
from tests.drawing import OUTPUT, chain, node, wire


def judged(*parts: object, loss: str, scores: str = "", recipe: Recipe, **target: object) -> Design:
    """A row of nodes whose last goes to the Output; `scores` (or the last) to the loss, with this Target."""
    source = scores or parts[-1].id  # type: ignore[attr-defined]
    made = chain(*parts, OUTPUT, more=(node("truth", "Target", **target), node("loss", loss)),
                 wires=(wire(source, "loss.x"), wire("truth", "loss.target")))  # fmt: skip
    return Design(nodes=made.nodes, wires=made.wires, recipe=recipe)


def masks(**recipe: object) -> Design:
    """Shapes, segmented at 24×24 by two convolutions."""
    return judged(
        node("image", "Input", size=(3, 24, 24)), node("conv", "Conv2d", out_channels=8, padding=(1, 1)),
        node("act", "ReLU"), node("head", "Conv2d", out_channels=4, padding=(1, 1)), loss="CrossEntropy",
        recipe=Recipe(**{"data": "shapes", "epochs": 1, "batch_size": 100, "learning_rate": 0.01, **recipe}),
        field="mask", size=(24, 24),
    )  # fmt: skip


def table(path: Path, *, number: bool = False, **recipe: object) -> Design:
    """Two columns of a table to a class, or to a number."""
    settings = {"dtype": "float32", "field": "label", "size": (1,)} if number else {"field": "label"}
    return judged(
        node("row", "Input", size=(2,)), node("hidden", "Linear", out_features=16), node("act", "ReLU"),
        node("head", "Linear", out_features=1 if number else 2), loss="MSELoss" if number else "CrossEntropy",
        recipe=Recipe(**{"data": f"table:{path}", "epochs": 8, "batch_size": 16, "learning_rate": 0.02, **recipe}),
        **settings,
    )  # fmt: skip


def text(path: Path, vocabulary: int, length: int = 8, **recipe: object) -> Design:
    """Letters to the letters that come next, by an LSTM; the loss wants the letters before the places."""
    made = judged(
        node("text", "Input", size=(length,), dtype="int64"),
        node("letters", "Embedding", vocabulary=vocabulary, features=16), node("body", "LSTM", hidden=24),
        node("head", "Linear", out_features=vocabulary), node("turn", "Permute", order=(2, 1)), loss="CrossEntropy",
        recipe=Recipe(**{"data": f"characters:{path}", "epochs": 3, "batch_size": 16, "learning_rate": 0.02, **recipe}),
        field="next", size=(length,),
    )  # fmt: skip
    return made


def whole_text(path: Path, vocabulary: int, length: int = 8) -> Design:
    """Letters to the one that comes after them all; it takes as many as it learnt, no less."""
    return judged(
        node("text", "Input", size=(length,), dtype="int64"),
        node("letters", "Embedding", vocabulary=vocabulary, features=8), node("flat", "Flatten"),
        node("head", "Linear", out_features=vocabulary), loss="CrossEntropy",
        recipe=Recipe(data=f"characters:{path}", epochs=1, batch_size=32), field="next",
    )  # fmt: skip


def make_table(path: Path, rows: int = 200, *, number: bool = False) -> Path:
    """Two columns; the class is whether the first is larger, the number is twice the first and half the second."""
    lines = ["width,height,label"]
    for i in range(rows):
        a, b = 10 + (i * 37 % 100) / 10, 10 + (i * 61 % 97) / 10
        lines.append(f"{a},{b},{2 * a + b / 2 if number else 'wide' if a > b else 'high'}")
    path.write_text("\n".join(lines) + "\n")
    return path


def make_text(path: Path) -> Path:
    path.write_text("the cat sat on the mat and the cat was fat. " * 40)
    return path
