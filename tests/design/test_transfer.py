"""The edit that a transfer makes: on networks of the zoo, which stay valid, whatever changes and however much there
is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

import examples.zoo
from app.design import file
from app.design.edits import EditError
from app.design.transfer import CHANGES, Plan, amount_of, anatomy, describe, reasons, transfer, unfreezing
from app.design.values import Design, NodeRule
from app.engine.compile import shared_analyser
from blocks import catalogue

CARDS = catalogue.load()


def zoo(name: str) -> Design:
    return file.load(Path(examples.zoo.__file__).parent / f"{name}.netloom")


def errors(design: Design) -> list[str]:
    problems = shared_analyser().analyse(design, with_fixes=False).problems
    return [p.message for p in problems if p.severity == "error"]


def names(design: Design) -> list[str]:
    return [node.name for node in design.nodes]


@pytest.mark.parametrize("change", list(CHANGES))
@pytest.mark.parametrize("name", ["resnet", "vit", "unetplusplus", "segformer", "lstm_text_classifier", "inception_v3"])
def test_networks_stay_valid_and_can_be_trained(name: str, change: Any) -> None:
    before = zoo(name)
    after = transfer(before, Plan(change, "some", 7), CARDS)
    assert errors(after) == []
    losses = [n for n in after.nodes if CARDS[n.block].category == "Loss"]
    assert losses and all(len(after.into[loss.id]) == 2 for loss in losses), "each compares an answer with the truth"
    kept = {before.by_id[id].name for id in anatomy(before, CARDS).encoder}
    assert kept <= set(names(after)) | {"last"}


def test_other_classes_make_the_head_new_and_auxiliary_ones_too() -> None:
    after = transfer(zoo("inception_v3"), Plan("classes", "many", 7), CARDS)
    assert {"new_head", "new_aux"} <= set(names(after)) and not {"head", "aux"} & set(names(after))
    assert after.by_name["new_head"].settings["classes"] == after.by_name["new_aux"].settings["classes"] == 7
    again = transfer(after, Plan("classes", "many", 9), CARDS)
    assert "new_head_2" in names(again) and errors(again) == [], "a head that was trained meanwhile is made new as well"


def test_another_task_takes_away_what_followed_the_encoder() -> None:
    after = transfer(zoo("resnet"), Plan("task", "some", 3, "numbers"), CARDS)
    head, target = after.by_name["new_classification_head"], after.by_name["label"]
    assert head.settings["classes"] == 3 and target.settings["dtype"] == "float32" and "head" not in names(after)
    assert [n.block for n in after.nodes if CARDS[n.block].category == "Loss"] == ["MSELoss"]
    pixels = transfer(zoo("resnet"), Plan("task", "some", 3, "pixels"), CARDS)
    mask = next(n for n in pixels.nodes if n.block == "Target")
    assert mask.settings["size"] == (224, 224) and mask.settings["field"] == "mask" and errors(pixels) == []
    with pytest.raises(EditError, match="`backbone` gives no feature maps"):
        transfer(zoo("vit"), Plan("task", "some", 3, "pixels"), CARDS)


def test_another_kind_of_data_makes_the_decoder_new() -> None:
    after = transfer(zoo("unetplusplus"), Plan("domain", "some", 2), CARDS)
    assert {"stem", "backbone", "new_decoder", "new_head"} <= set(names(after))


def test_what_is_frozen_hangs_on_how_much_data_there_is() -> None:
    design = zoo("resnet")
    epoch = unfreezing(design.recipe.epochs)
    few = transfer(design, Plan("classes", "few", 7), CARDS, {"stem", "backbone", "head"})
    assert [n.name for n in few.nodes if n.frozen] == ["stem", "backbone"] and few.recipe.nodes == ()
    some = transfer(few, Plan("classes", "some", 7), CARDS, {"stem", "backbone", "head"})
    rules = (NodeRule("stem", 0.05, epoch), NodeRule("backbone", 0.05, epoch))
    assert some.recipe.nodes == rules and not any(n.frozen for n in some.nodes), "what was frozen is so no more"
    many = transfer(some, Plan("classes", "many", 7), CARDS, {"stem", "backbone", "head"})
    assert {(r.rate, r.unfreeze) for r in many.recipe.nodes} == {(0.05, 0)}
    far = transfer(design, Plan("domain", "few", 7), CARDS, {"stem", "backbone", "head"})
    assert [n.name for n in far.nodes if n.frozen] == ["stem"] and far.recipe.nodes == rules[1:]
    free = transfer(design, Plan("domain", "many", 7), CARDS)
    assert free.recipe.nodes == () and not any(n.frozen for n in free.nodes)
    assert (many.recipe.optimizer, many.recipe.learning_rate) == ("adamw", 1e-3)
    same = transfer(design, Plan("same", "many", weights="a.pt"), CARDS).recipe
    assert (same.learning_rate, same.weights, same.nodes) == (5e-5, "a.pt", ())
    for plan in (Plan(c, a) for c in CHANGES for a in ("few", "some", "many")):  # type: ignore[arg-type]
        why, freezing = reasons(plan, 10)
        assert "arXiv" in why + freezing or (plan.change == "same" and "{" not in freezing)


def test_words_and_amounts() -> None:
    design = zoo("resnet")
    lines = describe(design, transfer(design, Plan("classes", "some", 7), CARDS, {"stem", "backbone"}))
    assert lines[0].startswith("New: new_head") and "Taken away: head." in lines
    assert "Frozen until epoch 4: stem, backbone." in lines and "At 0.05 times the rate: stem, backbone." in lines
    assert [amount_of(n, 10) for n in (500, 5_000, 50_000)] == ["few", "some", "many"]
    assert [amount_of(n, 0) for n in (500, 5_000, 50_000)] == ["few", "some", "many"]


def test_drawings_without_a_head_or_an_encoder_are_refused() -> None:
    with pytest.raises(EditError, match="has no Output"):
        transfer(Design(), Plan("classes", "few"), CARDS)
    with pytest.raises(EditError, match="No head is found"):
        transfer(zoo("gpt2"), Plan("classes", "few"), CARDS)
    design = zoo("resnet")
    gone = {"stem", "backbone", "last"}
    bare = replace(
        design, nodes=tuple(n for n in design.nodes if n.id not in gone),
        wires=tuple(w for w in design.wires if not {w.source.node, w.target.node} & gone),
    )  # fmt: skip
    with pytest.raises(EditError, match="Nothing stands before the head"):
        transfer(bare, Plan("classes", "few"), CARDS)
