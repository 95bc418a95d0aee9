"""A paper as it is cited, made a link where it says where it can be read."""

from __future__ import annotations

import re
from html import escape

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from app.window.sentences import Sentence

_PLACES = (
    (re.compile(r"arXiv:\s*([a-z\-]+/\d{7}|\d{4}\.\d{4,5})", re.IGNORECASE), "https://arxiv.org/abs/{}"),
    (re.compile(r"doi:\s*(10\.\d{4,}/[^\s,;]+)", re.IGNORECASE), "https://doi.org/{}"),
    (re.compile(r"(https?://[^\s,;]+)"), "{}"),
    (re.compile(r"((?:github\.com|www\.)[^\s,;]*)"), "https://{}"),
)


def address(paper: str) -> str:
    """Where the paper can be read; "" where the text names no place."""
    for pattern, form in _PLACES:
        if found := pattern.search(paper):
            return form.format(found[1].rstrip("."))
    return ""


def cited(paper: str) -> str:
    """Its authors and year: what stands before the first comma."""
    return paper.partition(",")[0]


def linked(paper: str) -> str:
    """The citation as rich text: a link where it names a place."""
    where = address(paper)
    return f'<a href="{escape(where)}">{escape(paper)}</a>' if where else escape(paper)


class PaperLabel(Sentence):
    """The citation in full; a click, or Tab and Enter, opens it in the browser."""

    def __init__(self) -> None:
        super().__init__("", "soft")
        self.setOpenExternalLinks(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)

    def setText(self, text: str) -> None:
        super().setText(text)
        if where := address(text):
            QLabel.setText(self, linked(text))
            self.setToolTip(f"Open {where} in the browser")
        else:
            self.setToolTip("")
