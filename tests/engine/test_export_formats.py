"""What the window's export dialog lists is what the engine writes, and pictures."""

from __future__ import annotations

from app.engine.export import SUFFIXES
from app.window.export_formats import FORMATS


def test_the_dialog_offers_what_the_engine_writes() -> None:
    drawn = {"svg": ".svg", "pdf": ".pdf", "png": ".png"}
    assert {form.to: form.suffix for form in FORMATS} == {**SUFFIXES, **drawn}
