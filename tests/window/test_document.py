"""The document: one undo command for every edit, places, analyses of old revisions."""

from __future__ import annotations

import pytest

from app.design import edits, grouping
from app.design.values import Design, Node, Variant
from app.messages import Analysis
from app.window.document import Document, locate


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
    document.load(Design(variants=(Variant("s"),)), None)
    before = document.revision
    document.set_variant("s")
    document.set_variant("s")
    assert document.revision == before + 1


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
