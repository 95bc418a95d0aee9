"""A few thousand of the broken and hostile files of `python -m tests.fuzz`; and what a reader does wrong is seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.engine import onnx_files, weights
from tests import fuzz
from tests.fuzzing import reading

pytestmark = pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="cases are read in forked processes")
CASES = {"designs": 300, "safetensors": 900, "torch": 500, "onnx": 900}


@pytest.mark.parametrize("kind", CASES)
def test_a_reader_gives_a_value_or_a_sentence_and_touches_nothing_else(kind: str) -> None:
    found = fuzz.run(kind, CASES[kind], seed=11)
    assert not found.broken, "\n".join(found.broken[:10])
    assert found.counts["value"] > CASES[kind] / 40, "some are read: the damage is not all too coarse"
    assert found.counts["refused"] > CASES[kind] / 4
    assert sum(found.counts[word] for word in ("value", "refused", "ended")) == CASES[kind]


def test_what_a_reader_must_not_do_is_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A pickle that is run, weights read from outside the folder, another exception, an endless loop, a crash."""
    import os

    import torch

    load = torch.load
    monkeypatch.setattr(weights.torch, "load", lambda *a, **k: load(*a, **{**k, "weights_only": False}))
    monkeypatch.setattr(weights, "check_zip", lambda path: None)
    assert any("canary" in line for line in fuzz.run("torch", 250, 11, tmp_path).broken)
    assert list(tmp_path.iterdir()), "the files are kept"
    monkeypatch.setattr(onnx_files._Reader, "place", lambda self, location, name: self.folder / location)
    assert any("outside/secret" in line for line in fuzz.run("onnx", 500, 11).broken)

    def fails(data: bytes, place: reading.Place, number: int) -> str:
        if number == 1:
            raise KeyError("x")
        if number == 2:
            os._exit(3)
        while number == 3:
            pass
        return "value"

    monkeypatch.setattr(fuzz, "SECONDS", 0.1)
    monkeypatch.setitem(fuzz.KINDS, "onnx", reading.Kind(fuzz.KINDS["onnx"].make, fails))
    broken = fuzz.run("onnx", 5, 0).broken
    assert [line.split(": ", 1)[1][:12] for line in broken] == ["KeyError: 'x", "the process ", "it took more"]


def test_cases_are_divided_among_the_kinds() -> None:
    assert fuzz.plan(50_000, ("designs", "weights", "onnx")) == {
        "designs": 20_000, "safetensors": 10_000, "torch": 10_000, "onnx": 10_000,
    }  # fmt: skip
    assert fuzz.data_of("designs", 3, 5) == fuzz.data_of("designs", 3, 5) != fuzz.data_of("designs", 3, 6)
