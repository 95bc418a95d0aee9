"""Networks for images of 32x32 that no library has under one name: their counts follow from the paper."""

from __future__ import annotations

import pytest

from tests.zoo.references import check


@pytest.mark.parametrize("depth", [20, 32, 44, 56, 110])
def test_resnets_for_small_images_have_the_weights_of_their_branches_alone(depth: int) -> None:
    """He et al. 2015, section 4.2: 6n + 2 layers of 16, 32 and 64 filters; shortcuts without parameters (option A)."""
    n = (depth - 2) // 6
    expected = 3 * 3 * 3 * 16 + 2 * 16  # the first convolution and its norm
    before = 16
    for width in (16, 32, 64):
        expected += 9 * before * width + 9 * width * width * (2 * n - 1) + 2 * n * 2 * width
        before = width
    expected += 64 * 10 + 10
    document = check(f"resnet{depth}_cifar")
    assert document["problems"] == []
    assert document["outputs"][0]["shape"] == [1, 10]
    assert document["trainable_parameters"] == expected
    # Table 6 of the paper gives millions with two digits.
    published = {20: 0.27, 32: 0.46, 44: 0.66, 56: 0.85, 110: 1.7}[depth]
    assert document["trainable_parameters"] / 1e6 == pytest.approx(published, abs=0.03)


def test_resnet_110_has_1_7_million() -> None:
    assert check("resnet110_cifar")["trainable_parameters"] == 1_727_962
