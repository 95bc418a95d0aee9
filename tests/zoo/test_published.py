"""Networks as their papers have them, beside the forms that libraries made usual: counts from the papers' own lists."""

from __future__ import annotations

import pytest

from examples import zoo
from tests.zoo import make_page
from tests.zoo.references import NAMES, check

CONVS_1998 = 6 * 26 + 16 + 25 * (6 * 3 + 6 * 4 + 3 * 4 + 6) + 120 * (16 * 25 + 1)
"""C1; C3, in which six maps see three, nine see four and one sees all six; C5."""
LENET = CONVS_1998 + 2 * (6 + 16) + 84 * 121
"""S2 and S4 have two weights a map, F6 is full; the output's patterns are not learned: 60,000, as the paper says."""

ALEXNET = (
    (11 * 11 * 3 + 1) * 96 + (5 * 5 * 48 + 1) * 256 + (3 * 3 * 256 + 1) * 384 + (3 * 3 * 192 + 1) * (384 + 256)
    + (6 * 6 * 256 + 1) * 4096 + (4096 + 1) * 4096 + (4096 + 1) * 1000
)  # fmt: skip
"""Half of the maps meet half of the maps before them in conv2, conv4 and conv5."""

AUXILIARY = sum((C + 1) * 128 + (2048 + 1) * 1024 + (1024 + 1) * 1000 for C in (512, 528))
GOOGLENET = 6_998_552 + AUXILIARY
"""The network that its authors' weights were published for, and the two classifiers on 4a and 4d."""


@pytest.mark.parametrize(
    ("name", "parameters", "output"),
    [
        ("lenet5_original", LENET, [1, 10]),
        ("alexnet_two_groups", ALEXNET, [1, 1000]),
        ("googlenet_original", GOOGLENET, [1, 1000]),
        ("resnet110_cifar", 1_727_962, [1, 10]),
    ],
)
def test_a_network_as_published_has_its_papers_count(name: str, parameters: int, output: list[int]) -> None:
    document = check(name)
    assert (document["code"], document["problems"]) == (0, [])
    assert document["trainable_parameters"] == parameters
    assert [o["shape"] for o in document["outputs"]] == [output]


def test_lenet_has_the_papers_sixty_thousand() -> None:
    assert LENET == 60_000


@pytest.mark.parametrize("name", [name for name in zoo.index() if name not in NAMES])
def test_networks_without_a_reference_check_and_stand_on_the_page(name: str) -> None:
    document = check(name)
    assert (document["code"], document["problems"], document["uncounted"]) == (0, [], [])
    assert make_page.measured(document) == make_page.written()[name]


def test_all_302_names_are_there() -> None:
    assert len(NAMES) == 302
    assert sorted(set(NAMES) - set(zoo.index())) == []
