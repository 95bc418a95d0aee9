"""Text from a trained network: from the start to the token that ends it, by characters and by words."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.cli import main
from app.design.build import chain, node, wire
from app.design.values import Design, Recipe
from app.engine.generate import GenerateError, generate, joined
from app.engine.runs import RunError, load_run
from app.engine.train import train
from tests.engine.designs import SHORT, digits


def model(kind: str, text: Path, vocabulary: int, *, one: bool = False) -> Design:
    """A GRU that tells the next token at each of 8 places, or with `one` the one after them."""
    end = ("next", "Target", {"field": "next", **({} if one else {"size": (8,)})})
    line = [node("text", "Input", size=(8,), dtype="int64"),
            node("embedding", "Embedding", vocabulary=vocabulary, features=16),
            node("memory", "GRU", hidden=32, steps="last" if one else "all"),
            node("head", "Linear", out_features=vocabulary)]  # fmt: skip
    line += [] if one else [node("classes", "Permute", order=(2, 1))]
    last = line[-1].id
    return chain(
        *line, node("output", "Output"), more=(node(end[0], end[1], **end[2]), node("loss", "CrossEntropy")),
        wires=(wire(last, "loss"), wire("next", "loss.target")),
        recipe=Recipe(data=f"{kind}:{text}", epochs=4 if one else 12, batch_size=16, learning_rate=0.02),
    )  # fmt: skip


@pytest.fixture(scope="module")
def characters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("characters")
    (folder / "text.txt").write_text("abcd\nxbye\n" * 200)
    design = model("characters", folder / "text.txt", 8)
    train(design, design.recipe, run=folder / "run", device="cpu")
    return folder / "run"


def text(run: Path, *given: str, **options: object) -> str:
    return "".join(generate(load_run(run), *given, **options))  # type: ignore[arg-type]


def test_a_text_goes_on_to_the_token_that_ends_it(characters: Path) -> None:
    assert text(characters, "a", temperature=0) == "bcd\n"
    assert text(characters, "xb", temperature=0) == "ye\n"
    assert text(characters, "abcd\nxb", temperature=0) == "ye\n", "what came before counts"
    assert text(characters, "a", temperature=0, length=2) == "bc", "the length ends it too"
    assert text(characters, "a", temperature=0, end="c") == "bc"
    assert text(characters, "a", temperature=0, end="", length=14) == "bcd\nxbye\nabcd\n", "longer than the Input"
    assert text(characters, temperature=0) in ("abcd\n", "xbye\n"), "without a start it begins as after an end"


def test_the_seed_and_the_temperature_say_what_is_drawn(characters: Path) -> None:
    assert text(characters, seed=3, temperature=3.0) == text(characters, seed=3, temperature=3.0)
    hot = {text(characters, "a", seed=seed, temperature=5.0, length=6) for seed in range(8)}
    cool = {text(characters, "a", seed=seed, temperature=0.2, length=6) for seed in range(8)}
    assert len(hot) > 4 and cool == {"bcd\n"}


@pytest.mark.parametrize("one", [False, True])
def test_words_are_written_with_their_spaces(tmp_path: Path, one: bool) -> None:
    (tmp_path / "text.txt").write_text("the cat sat, then slept. " * 60)
    design = model("words", tmp_path / "text.txt", 8, one=one)
    train(design, design.recipe, run=tmp_path / "run", device="cpu")
    start = "the cat sat, then slept. the cat" if one else "the cat"  # it has learnt from whole windows
    told = list(generate(load_run(tmp_path / "run"), start, temperature=0))
    assert joined("words", told) == "sat, then slept."


def test_what_cannot_be_written_is_said(characters: Path, tmp_path: Path) -> None:
    run = load_run(characters)
    for wrong, words in (
        ({"start": "é"}, "'é' does not occur"), ({"end": "?"}, "'\\?' does not occur"), ({"length": 0}, "length is 0"),
        ({"temperature": -1.0}, "temperature is -1.0"), ({"temperature": float("nan")}, "temperature is nan"),
    ):  # fmt: skip
        with pytest.raises(GenerateError, match=words):
            generate(run, **wrong)  # type: ignore[arg-type]
    train(digits(), SHORT, run=tmp_path / "digits", device="cpu", cancelled=lambda: True)
    with pytest.raises(RunError, match="trained on digits: only networks trained on characters or words"):
        generate(load_run(tmp_path / "digits", "last"))


def test_the_command_writes_a_text(characters: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", str(characters), "a", "--temperature", "0"]) == 0
    assert capsys.readouterr().out == "abcd\n"
    assert main(["generate", str(characters), "a", "--temperature", "0", "--end", "c", "--json"]) == 0
    assert capsys.readouterr().out.strip() == '{"start":"a","text":"bc","tokens":2}'
    assert main(["generate", str(characters), "é"]) == 2
    assert "'é' does not occur" in capsys.readouterr().err
