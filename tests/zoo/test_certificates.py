"""The committed table of certificates, and a few of its rows measured anew."""

from __future__ import annotations

from typing import Any

import pytest

from examples import zoo
from tests.zoo import certificates

ANEW = ("lenet5_original", "dcgan_discriminator")
"""Small ones, without and with images of any size; of each family the smallest is exported in tests.zoo.test_runs."""


def test_the_table_is_green_and_its_page_is_made_of_it() -> None:
    found = certificates.written()
    assert found and set(found) <= set(zoo.index())
    assert certificates.PAGE.read_text(encoding="utf-8") == certificates.page(found)
    for name, row in found.items():
        assert row.get("passed"), (name, row)
        assert {1, 4} <= set(row["batches"]) and row["relative"] <= 1e-3, name
        sizes = {tuple(shape[2:]) for shapes in row["inputs"] for shape in shapes if len(shape) == 4}
        assert len(sizes) >= 2 or row["fixed"], f"{name}: two sizes of image, or what fixes the one"


@pytest.mark.parametrize("name", ANEW)
def test_a_row_measured_anew_is_as_in_the_table(name: str) -> None:
    compare(name)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", sorted(set(zoo.index()) - set(ANEW)))
def test_every_row_measured_anew_is_as_in_the_table(name: str) -> None:
    compare(name)


def compare(name: str) -> None:
    """Sizes, batches and operators; differences and times are never twice the same."""
    kept: dict[str, Any] = certificates.written()[name]
    row = certificates.measure(name)
    assert row.get("passed"), row
    same = ("batches", "inputs", "operators", "opset")
    assert {key: row[key] for key in same} == {key: kept[key] for key in same}
    assert ("fixed" in row) == ("fixed" in kept)
