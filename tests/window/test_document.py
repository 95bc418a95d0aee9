"""The document: one undo command for every edit, places, analyses of old revisions."""

from __future__ import annotations

import pytest

from app.design import edits, grouping
from app.design.paths import locate
from app.design.values import Design, Node, Settings, Variant
from app.messages import Analysis
from app.window.document import Document


@pytest.fixture
def document(qapp: object) -> Document:
    return Document()


def _add(document: Document, id: str, **fields: object) -> bool:
    return document.edit("Add", lambda d: edits.add_node(d, "", Node(id, block="Input", **fields)))  # type: ignore[arg-type]


def test_undo_and_redo_show_the_same_objects(document: Document) -> None:
    before = document.design
    assert _add(document, "a")
    after = document.design
    document.undo_stack.undo()
    assert document.design is before
    document.undo_stack.redo()
    assert document.design is after


def test_a_refusal_is_announced_and_changes_nothing(document: Document) -> None:
    said: list[str] = []
    document.refused.connect(said.append)
    _add(document, "a")
    before = document.design
    assert not _add(document, "a")
    assert document.design is before
    assert len(said) == 1


def test_edits_with_one_merge_key_are_one_step(document: Document) -> None:
    _add(document, "a")
    for x in range(5):
        document.edit("Move", lambda d, x=x: edits.move(d, "", {"a": (x + 1, 0)}), merge="move a")  # type: ignore[misc]
    assert document.undo_stack.count() == 2
    document.undo_stack.undo()
    assert document.design.by_id["a"].x == 0


def test_answers_to_old_revisions_are_dropped(document: Document) -> None:
    old = document.revision
    _add(document, "a")
    document.set_analysis(Analysis(old, True, False))
    assert document.analysis is None
    document.set_analysis(Analysis(document.revision, True, False))
    assert document.analysis is not None
    document.load(Design(), None, "empty")
    assert document.analysis is None, "it was said of another drawing"
    assert document.title == "empty"


def test_variants_are_analysed_anew(document: Document) -> None:
    """Choosing one is an edit: the next gets what the first left as drawn, and undo brings back the drawing."""
    drawn = Node("conv", "Conv2d", settings=Settings(out_channels=8, kernel_size=(5, 5)))
    variants = (Variant("s", Settings({"conv.out_channels": 4})), Variant("m", Settings({"conv.kernel_size": (3, 3)})))
    design = Design(nodes=(drawn,), variants=variants)
    document.load(design, None)
    assert document.variant == ""
    before = document.revision
    assert document.choose_variant("m")
    assert document.revision == before + 1 and document.variant == "m"
    assert document.design.by_id["conv"].settings == Settings(out_channels=8, kernel_size=(3, 3))
    assert document.choose_variant("s") and document.variant == "s"
    assert document.design.by_id["conv"].settings == Settings(out_channels=4, kernel_size=(5, 5))
    assert document.choose_variant("m") and document.design.by_id["conv"].settings["out_channels"] == 8
    document.edit("Set", lambda d: edits.set_setting(d, "", "conv", "out_channels", 9, document.catalogue))
    assert document.variant == "", "the drawing is none of its variants any more"
    for _ in range(4):
        document.undo_stack.undo()
    assert document.design == design


def test_of_equal_variants_the_chosen_one_is_meant(document: Document) -> None:
    same = Settings({"conv.out_channels": 4})
    document.load(Design(nodes=(Node("conv", "Conv2d"),), variants=(Variant("a", same), Variant("b", same))), None, "b")
    assert document.choose_variant("b") and document.variant == "b"
    assert document.choose_variant("a") and document.variant == "a"


def test_a_variant_that_leads_nowhere_is_refused(document: Document) -> None:
    document.load(Design(variants=(Variant("s", Settings({"gone.width": 1})),)), None)
    said: list[str] = []
    document.refused.connect(said.append)
    before = document.design
    assert not document.choose_variant("s") and document.design is before
    assert "`gone`" in said[0]


def test_a_place_that_goes_is_left(document: Document) -> None:
    _add(document, "a")
    document.edit("Group", lambda d: grouping.collapse(d, "", ["a"], "stage", {})[0])
    (node,) = document.design.nodes
    document.enter(node.id)
    assert document.where == "stage"
    assert locate(document.design, f"{node.id}/0/a") == ((node.id,), "stage", "a")
    assert locate(document.design, f"{node.id}/gone") == ((node.id,), "stage", "")
    assert locate(document.design, "") == ((), "", "")
    document.undo_stack.undo()
    assert document.where == ""
