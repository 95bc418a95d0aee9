"""The learning-rate finder: rates that rise by one factor, a rate that trains, and a sentence where there is none."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace

from app.engine.loop import TrainingError
from app.engine.rate_finder import FEWEST, _advice, find_rate
from tests.engine.designs import SHORT, digits


def test_it_finds_a_rate_and_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = find_rate(digits(), replace(SHORT, optimizer="adamw"), device="cpu", steps=60)
    factors = [b / a for a, b in pairwise(found.rates)]
    assert found.rates[0] == 1e-7 and factors == pytest.approx([factors[0]] * len(factors))
    assert found.rate is not None and 1e-4 < found.rate < 1 and f"{found.rate:g}" in found.sentence
    assert min(found.losses) < found.losses[0] and list(tmp_path.iterdir()) == []
    again = find_rate(digits(), replace(SHORT, optimizer="adamw"), device="cpu", steps=60)
    assert (again.rates, again.losses) == (found.rates, found.losses)


def test_it_is_cancelled_and_says_what_it_needs() -> None:
    with pytest.raises(TrainingError, match="was stopped"):
        find_rate(digits(), SHORT, device="cpu", cancelled=lambda: True)
    with pytest.raises(TrainingError, match="needs 0 < low < high and at least 10 steps"):
        find_rate(digits(), SHORT, device="cpu", low=1, high=0.1)


def test_advice() -> None:
    rates = [10.0 ** (i - 6) for i in range(12)]
    assert _advice(rates, [2.0] * 6 + [1.0] + [3.0] * 5)[0] == pytest.approx(0.1)
    assert _advice(rates, [2.0] * 12)[0] is None
    assert _advice(rates[: FEWEST - 1], [2.0] * (FEWEST - 1))[0] is None
