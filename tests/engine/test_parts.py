"""The tree of a node adds up to what analysis says of it, and to what torch says of its modules."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from app.design.grouping import open_into
from app.design.values import Design
from app.engine.compile import shared_analyser
from app.engine.inside import COUNTS, Recorder
from app.engine.measure import Measurer
from app.engine.opening import open_node
from app.engine.parts import PartsError, parts
from app.engine.reach import Fields
from app.messages.parts import Part, dimensions
from app.messages.reports import NodeReport, Tensor
from blocks import catalogue
from blocks.card import Card
from tests.blocks import samples
from tests.drawing import IMAGE, OUTPUT, chain, node, wire
from tests.layers import drawn


def adds_up(rows: tuple[Part, ...] | list[Part]) -> None:
    """Each row is its own share and its children's."""
    for i, row in enumerate(rows):
        below = []
        for other in rows[i + 1 :]:
            if other.depth <= row.depth:
                break
            if other.depth == row.depth + 1:
                below.append(other)
        for name in COUNTS:
            own = getattr(row, f"own_{name}")
            assert own >= 0
            assert getattr(row, name) == own + sum(getattr(part, name) for part in below), (row.path, name)


def counts(row: Part | NodeReport) -> list[int]:
    return [getattr(row, name) for name in COUNTS]


NETWORKS = ("resnet18", "alexnet", "mobilenet_v2", "lstm_text_classifier", "lenet5_original", "vit_tiny_patch16_224")
MORE = ("gpt2_small", "bert_base", "googlenet", "swin_t", "mit_b0", "retinanet_resnet50_fpn", "fcos_resnet50_fpn",
        "segformer_b0", "convnext_tiny", "efficientnet_b0", "hrnet_w18_small", "internimage_t", "mobilevit_s",
        "transformer_base", "gru_text_classifier", "unet_original", "yolov8n", "biformer_tiny", "pvt_v2_b2_li",
        "deeplabv3_resnet50_aux")  # fmt: skip


@pytest.mark.parametrize("name", [*NETWORKS, *(pytest.param(n, marks=pytest.mark.slow) for n in MORE)])
def test_the_nodes_of_networks_add_up(name: str) -> None:
    analyser, design = shared_analyser(), drawn(name)
    analysis = analyser.analyse(design, with_fixes=False)
    first: dict[tuple[str, str], NodeReport] = {}
    for report in (*analysis.nodes, *analysis.groups):
        first.setdefault((report.where, report.node), report)
    for (where, id), report in first.items():
        rows = parts(analyser, design, where, id)
        assert counts(rows[0]) == counts(report), report.id
        assert [v.tensors for v in rows[0].outputs] == [tuple(t for t in port.tensors) for port in report.outputs], (
            report.id
        )
        adds_up(rows)


def composites(every: int) -> list[str]:
    ids = [id for id, card in samples.CARDS.items() if card.category != "Metric"]
    return [id for id in ids[::every] if made_of_modules(id)]


def made_of_modules(id: str) -> bool:
    card = samples.CARDS[id]
    with torch.device("meta"):
        return bool(card.inputs) and any(
            True for _ in samples.build(card, samples.sample(card, samples.SIZES[0]).reads).children()
        )


def tensors(value: object) -> tuple[Tensor, ...] | None:
    levels = samples.flat(value) if value is not None else []
    return tuple(Tensor(tuple(t.shape), str(t.dtype).removeprefix("torch.")) for t in levels) or None


@pytest.mark.parametrize("every", [12, pytest.param(1, marks=pytest.mark.slow)])
def test_composite_blocks_add_up(every: int) -> None:
    """Those among each 12th block in every run, all in a full one: they take long."""
    cards, classes = catalogue.load(), catalogue.classes()
    measurer = Measurer(cards, classes)
    checked = 0
    for id in composites(every):
        card: Card = cards[id]
        sample = samples.sample(card, samples.SIZES[0])
        with torch.device("meta"):
            module = samples.build(card, sample.reads).eval()
        inputs = samples.to(list(sample.inputs), "meta")
        for t in samples.flat([v for v in inputs if v is not None]):
            t.requires_grad_(t.is_floating_point())
        wired = [tensors(v) for v in sample.inputs]
        kinds = [p.kind for p in card.inputs for _ in range(samples.LEVELS if p.many else 1)]
        measured = measurer._forward(card, module, tuple(wired), kinds)
        with torch.device("meta"):
            module = samples.build(card, sample.reads).eval()
        rows = Recorder(module, cards, classes).run(inputs, card, False)
        expected = [getattr(measured, name) for name in COUNTS]
        assert counts(rows[0]) == expected, id
        adds_up(rows)
        for row in rows:  # what a module holds, torch says too; what was counted before is not counted again
            if row.kind != "function" and row.called and not any(r.shared for r in rows):
                inner = module.get_submodule(row.path)
                assert row.parameters == sum(p.numel() for p in inner.parameters()), (id, row.path)
                assert row.buffers == sum(b.numel() for b in inner.buffers()), (id, row.path)
        checked += 1
    assert checked > 100 / every


class Tied(nn.Module):
    """One layer twice, a table read as a weight, and products between modules."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)
        self.table = nn.Embedding(5, 8)
        self.attend = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.layer(self.layer(x))
        x, _ = self.attend(x, x, x)
        return (x @ x.transpose(1, 2)).softmax(-1) @ x @ self.table.weight.T


def test_repeated_calls_functions_and_uncalled_modules_are_rows() -> None:
    card = catalogue.load()["Linear"]
    with torch.device("meta"):
        tied, x = Tied().eval(), torch.zeros(2, 6, 8)
    rows = Recorder(tied, catalogue.load(), catalogue.classes()).run([x], card, False)
    adds_up(rows)
    by = {(row.path, row.block, row.shared): row for row in rows}
    assert by["layer", "Linear", False].own_parameters == 72
    assert by["layer", "Linear", True].parameters == 0
    assert by["layer", "Linear", True].macs == by["layer", "Linear", False].macs == 2 * 6 * 8 * 8
    assert by["table", "Embedding", False].parameters == 40
    assert not by["table", "Embedding", False].called
    assert by["attend", "MultiheadAttention", False].parameters == 8 * 24 + 24 + 72
    products = [row.macs for row in rows if row.block == "matmul" and row.path == ""]
    assert products == [2 * 6 * 6 * 8, 2 * 6 * 6 * 8, 2 * 6 * 8 * 5]
    assert rows[0].parameters == sum(p.numel() for p in Tied().parameters())


def test_a_group_is_a_tree_of_its_blocks() -> None:
    analyser = shared_analyser()
    design = chain(IMAGE, node("body", "ResidualStage", out_channels=16, depth=2), OUTPUT)
    before = parts(analyser, design, "", "body", reach=Fields(analyser.measurer))
    design = open_into(design, "", "body", open_node(design, "", "body").group)
    rows = parts(analyser, design, "", "body", reach=Fields(analyser.measurer))
    adds_up(rows)
    assert rows[0].kind == "group"
    assert (rows[0].parameters, rows[0].macs) == (before[0].parameters, before[0].macs)
    assert rows[0].outputs[0].fields == before[0].outputs[0].fields
    assert {r.depth for r in rows} >= {0, 1, 2, 3}
    layers = [(r.block, r.parameters, r.outputs[0].fields) for r in before if r.macs and r.own_macs]
    assert [(r.block, r.parameters, r.outputs[0].fields) for r in rows if r.macs and r.own_macs] == layers


def test_shared_and_frozen_nodes_count_as_analysis_counts_them() -> None:
    analyser = shared_analyser()
    a, b = node("a", "ConvNormAct", out_channels=3), node("b", "ConvNormAct", out_channels=3)
    design = Design(
        nodes=(IMAGE, a, b.__class__(**{**{f: getattr(b, f) for f in b.__struct_fields__}, "shares": "a"}), OUTPUT),
        wires=(wire("image", "a"), wire("a", "b"), wire("b", "output")),
    )
    for report in analyser.analyse(design, with_fixes=False).nodes:
        rows = parts(analyser, design, "", report.node)
        assert counts(rows[0]) == counts(report)
        adds_up(rows)
    assert parts(analyser, design, "", "b")[0].shared


def test_a_node_in_error_is_said_to_be_so() -> None:
    analyser = shared_analyser()
    design = chain(IMAGE, node("bad", "Conv2d", kernel_size=(40, 40), padding=(0, 0)), OUTPUT)
    (row,) = parts(analyser, design, "", "bad")
    assert not row.ok
    with pytest.raises(PartsError, match="no node `gone`"):
        parts(analyser, design, "", "gone")


@pytest.mark.parametrize(
    ("pattern", "rank", "kind", "letters"),
    [
        ("B C%groups H W", 4, "tensor", "B C H W"), ("[B c h w] 2+", 4, "pyramid", "B C H W"),
        ("B K H W", 4, "tensor", "B C H W"), ("B *S", 4, "tensor", "B C H W"), ("B *S", 3, "tensor", "B L D"),
        ("B *S", 2, "tensor", "B D"), ("B *S D", 2, "tensor", "B D"), ("B *S D", 4, "tensor", "B H W D"),
        ("B C *S", 3, "tensor", "B C L"), ("B C *S", 5, "tensor", "B C L H W"), ("number:*S", 3, "tensor", "B L D"),
        ("B K", 2, "tensor", "B D"), ("B K L", 3, "tensor", "B C L"), ("B C 1 1", 4, "tensor", "B C H W"),
        ("B L 4", 3, "tensor", "B L D"), ("int:B L", 2, "tensor", "B L"), ("B L K", 3, "tensor", "B L D"),
        ("scalar", 0, "scalar", ""), ("", 4, "tensor", "B C H W"), ("B C H W", 3, "tensor", "B L D"),
    ],
)  # fmt: skip
def test_sizes_have_names(pattern: str, rank: int, kind: str, letters: str) -> None:
    assert " ".join(dimensions(pattern, rank, kind)) == letters  # type: ignore[arg-type]


def test_every_pattern_of_the_catalogue_gives_as_many_letters_as_sizes() -> None:
    for card in catalogue.load().values():
        for port in (*card.inputs, *card.outputs):
            for rank in range(7):
                assert len(dimensions(port.pattern, rank, port.kind)) == rank, (card.id, port.name)
