"""Fixtures of the canvas' tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.window import theme as themes
from app.window.canvas.view import CanvasView
from app.window.document import Document
from tests.window.canvas_hands import CARDS, CHAIN, shown


@pytest.fixture
def document(qapp: object) -> Iterator[Document]:
    themes.load_fonts()
    document = Document()
    document.set_catalogue(CARDS)
    yield document


@pytest.fixture
def view(qtbot, document: Document) -> CanvasView:  # type: ignore[no-untyped-def]
    document.load(CHAIN, None)
    return shown(qtbot, document)
