"""The data's usual loss: one edit that adds a Target, a loss and a metric, or a sentence that says why not."""

from __future__ import annotations

import pytest

from app.design import edits
from app.design.edits import EditError
from app.design.file import dumps, loads
from app.design.usual import has_loss, usual_loss
from app.design.values import Design, End, Node, Settings
from blocks.card import Card, Port, Setting

CARDS = {
    card.id: card
    for card in (
        Card("Input", "Input", "Ends", outputs=(Port("out", "B *S"),)),
        Card("Output", "Output", "Ends", inputs=(Port("x", "*S"),)),
        Card("Linear", "Linear", "Layer", inputs=(Port("x", "B C"),), outputs=(Port("out", "B D"),)),
        Card("Target", "Target", "Ends", outputs=(Port("out", "*S", dtype="int"),),
             settings=(Setting("field", "str", "label"),)),
        Card("CrossEntropy", "Cross entropy", "Loss", inputs=(Port("x", "B K"), Port("target", "B", dtype="int")),
             outputs=(Port("loss", "", kind="scalar"),)),
        Card("Accuracy", "Accuracy", "Metric", inputs=(Port("x", "B K"), Port("target", "B", dtype="int")),
             outputs=(Port("value", "", kind="scalar"),)),
        Card("Focal", "Focal loss", "Loss"),
    )
}  # fmt: skip


def drawn(*outputs: str) -> Design:
    design = Design(nodes=(Node("image", "Input"), Node("head", "Linear", x=240, y=40)))
    design = edits.connect(design, "", End("image", "out"), End("head", "x"), CARDS)
    for index, name in enumerate(outputs):
        design = edits.add_node(design, "", Node(name, "Output", x=480, y=index * 200))
        design = edits.connect(design, "", End("head", "out"), End(name, "x"), CARDS)
    return design


def test_it_adds_target_loss_and_metric_wired_to_what_the_output_shows() -> None:
    before = drawn("answer")
    after = usual_loss(before, None, CARDS)
    added = {n.block: n for n in after.nodes if n not in before.nodes}
    assert set(added) == {"Target", "CrossEntropy", "Accuracy"}
    for block in ("CrossEntropy", "Accuracy"):
        sources = {w.target.port: w.source for w in after.into[added[block].id]}
        assert sources == {"x": End("head", "out"), "target": End(added["Target"].id, "out")}
    assert has_loss(after, CARDS) and not has_loss(before, CARDS)
    assert loads(dumps(after), catalogue=CARDS) == after


def test_nothing_overlaps() -> None:
    nodes = usual_loss(drawn("answer"), None, CARDS).nodes
    for i, a in enumerate(nodes):
        for b in nodes[i + 1 :]:
            assert abs(a.x - b.x) >= 220 or abs(a.y - b.y) >= 140, (a, b)


def test_a_target_that_is_there_is_used_again() -> None:
    design = edits.add_node(drawn("answer"), "", Node("truth", "Target", settings=Settings(field="label")))
    after = usual_loss(design, None, CARDS)
    assert [n.id for n in after.nodes if n.block == "Target"] == ["truth"]


def test_a_target_of_another_field_is_left_alone() -> None:
    design = edits.add_node(drawn("answer"), "", Node("truth", "Target", settings=Settings(field="mask")))
    after = usual_loss(design, None, CARDS)
    assert [n.id for n in after.nodes if n.block == "Target"] == ["truth", "label"]


@pytest.mark.parametrize(
    ("design", "sentence"),
    [
        (drawn(), "no Output"),
        (drawn("mean", "spread"), "2 outputs (mean, spread)"),
        (edits.disconnect(drawn("answer"), "", drawn("answer").into["answer"]), "Nothing is wired to answer"),
        (usual_loss(drawn("answer"), None, CARDS), "has a loss already"),
    ],
)
def test_what_cannot_be_done_has_a_sentence(design: Design, sentence: str) -> None:
    with pytest.raises(EditError, match=sentence.replace("(", r"\(").replace(")", r"\)")):
        usual_loss(design, None, CARDS)


def test_any_card_of_the_category_loss_counts_inside_groups_too() -> None:
    from app.design.values import Group

    inner = Group(name="part", nodes=(Node("focal", "Focal"),))
    assert has_loss(Design(nodes=(Node("part", group="part"),), groups=(inner,)), CARDS)
    assert not has_loss(Design(groups=(inner,)), CARDS), "a Group that nothing uses trains nothing"


def test_without_the_blocks_it_says_which_is_missing() -> None:
    with pytest.raises(EditError, match="no block CrossEntropy"):
        usual_loss(drawn("answer"), None, {k: v for k, v in CARDS.items() if k != "CrossEntropy"})
