"""Every category has a page that says what its blocks are for."""

from __future__ import annotations

import re

import pytest

from blocks.card import CATEGORIES, Page
from blocks.pages import PAGES


def test_every_category_has_its_page_and_groups_too() -> None:
    assert [page.id for page in PAGES] == [*CATEGORIES, "Group"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.id)
def test_a_page_explains(page: Page) -> None:
    assert page.title and len(page.text) >= 60
    for said in (page.text, page.helps, page.hurts):
        assert said.endswith(".") and "  " not in said and "!" not in said, said
    for said in (page.helps, page.hurts):
        assert 40 <= len(said) <= 300, said
    assert re.search(r"\b(1[89]|20)\d\d\b.*(arXiv:\d{4}\.\d{4,5}|doi:10\.)", page.paper), "a year, and where to read it"


def test_no_two_pages_say_the_same() -> None:
    said = [text for page in PAGES for text in (page.title, page.text, page.helps, page.hurts, page.paper)]
    assert len(set(said)) == len(said)
