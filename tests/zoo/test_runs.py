"""Every network of the zoo runs, learns and exports, each at the smallest size that it takes.

The default run takes one network a family, the one with the fewest parameters, and exports one of each kind; the rest
is marked slow.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace

from app.design.values import Design
from app.engine.compile import Network, compile_design, shared_analyser
from app.engine.to_onnx import export_onnx
from examples import zoo
from tests.alive import enliven, samples, with_few_blocks
from tests.layers import drawn
from tests.zoo.references import SMALLEST

SIDES = (64, 96)
"""Sides of an image that are tried, the smallest first; a network that takes neither gets its published size."""
TOKENS = 16
IN_A_ROW = {"swin": 2, "swin_v2": 2}
"""More where they differ: every second one shifts its windows."""
DEPTH_IS_NO_COUNT = ("regnet", "hrnet")
"""Families whose `depth` cannot be changed alone: the widths follow from it, or it is the length of a branch."""
EXPORTED = (
    "bert_base", "convnext_atto", "dcgan_generator", "deit_tiny_patch16_224", "fpn_resnet34", "gpt2_small",
    "lenet5_original", "lstm_text_classifier", "mixer_s32_224", "repvgg_a0", "resnet20_cifar",
    "shufflenet_v1_0.5x_g3", "squeezenet1_1", "unet_base32", "van_b0",
)  # fmt: skip
"""One of each kind, exported in the default run. Full runs export all: every layer by itself is in the default run."""
UNREAD = {"unet_efficientnet_b0": "backbone.spare."}
"""What a network holds without ever reading it, because its reference does: it gets no gradient."""



def names(some: Iterable[str], quick: Collection[str]) -> list[Any]:
    """Networks, those that are not `quick` marked slow. All tests of one run in one worker: analysis remembers."""
    slow = [pytest.mark.slow, pytest.mark.timeout(1800)]
    return [pytest.param(n, marks=[pytest.mark.xdist_group(n), *(() if n in quick else slow)]) for n in some]


def small(name: str, shallow: bool = False) -> Design:
    """The network at the smallest size that it takes; `shallow` with few blocks in a row."""
    design, family = drawn(name), zoo.index()[name].stem
    if shallow and family not in DEPTH_IS_NO_COUNT:
        design = with_few_blocks(design, IN_A_ROW.get(family, 1))
    tries = [sized(design, side) for side in SIDES]
    return next((d for d in tries if shared_analyser().analyse(d, with_fixes=False).valid), design)


def sized(design: Design, side: int) -> Design:
    for node in design.nodes:
        if node.block == "Input":
            size = tuple(node.settings.get("size", (3, 224, 224)))
            if len(size) == 1:
                size = (TOKENS,)
            elif size[1] > 1:  # 100 x 1 x 1 is a generator's vector, not an image
                size = (size[0], side, side)
            new = replace(node, settings=node.settings.with_("size", size))
            design = replace(design, nodes=tuple(new if n is node else n for n in design.nodes))
    return design


def tensors(value: Any) -> Iterator[torch.Tensor]:
    """The tensors of an output: a pyramid has several, a training graph gives a dict."""
    if isinstance(value, torch.Tensor):
        yield value
        return
    for part in value.values() if isinstance(value, dict) else value:
        yield from tensors(part)


def networks(design: Design) -> list[Network]:
    """The inference network and, where the drawing has losses, the training network over the same weights.

    Auxiliary heads end in losses alone: together the two read every weight.
    """
    cards = shared_analyser().cards
    found = [compile_design(design, "inference")]
    if any(cards[node.block].category == "Loss" for node in design.nodes):
        found.append(compile_design(design, "training", found[0].root))
    return found


@pytest.mark.parametrize("name", names(zoo.index(), quick=SMALLEST))
def test_it_learns(name: str) -> None:
    """In training mode every weight gets a finite gradient, through all outputs and losses."""
    torch.manual_seed(0)
    found = networks(small(name))
    total = torch.zeros(())
    for network in found:
        for output in tensors(network.module.train()(*samples((*network.inputs, *network.targets)))):
            if output.is_floating_point():
                assert torch.isfinite(output).all()
                total = total + (output * torch.randn(output.shape)).sum()
    total.backward()
    weights = {n: p for n, p in found[0].root.named_parameters() if p.requires_grad}
    unread = UNREAD.get(name, "-")
    assert [n for n, p in weights.items() if (p.grad is None) != n.startswith(unread)] == []
    assert [n for n, p in weights.items() if p.grad is not None and not torch.isfinite(p.grad).all()] == []


def exports(design: Design, folder: Path) -> None:
    """ONNX Runtime gives torch's numbers to a thousandth of the largest, which is what float32 holds of deep ones."""
    torch.manual_seed(0)
    network = compile_design(design, "inference")
    enliven(network)
    report = export_onnx(network, folder / "model.onnx", batches=(1, 3))
    with torch.no_grad():
        outputs = list(tensors(network.module(*samples(network.inputs))))
    largest = max(float(output.abs().max()) for output in outputs)
    moved = max(float((output[0] - output[1]).abs().max()) for output in outputs)
    print(f"largest {largest:.3g}, from sample to sample {moved:.3g}, from torch {report.difference:.1g}")
    assert report.difference is not None
    assert report.difference <= 1e-3 * largest
    assert moved >= 1e-2 * largest


@pytest.mark.parametrize("name", names(sorted(SMALLEST), quick=EXPORTED))
def test_its_blocks_export(name: str, tmp_path: Path) -> None:
    """With one block in a row."""
    exports(small(name, shallow=True), tmp_path)


@pytest.mark.parametrize("name", names(zoo.index(), quick=()))
def test_it_exports(name: str, tmp_path: Path) -> None:
    """At its full depth."""
    exports(small(name), tmp_path)
