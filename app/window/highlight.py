"""Python in the theme's colours: keywords, names that are declared, numbers, texts and comments."""

from __future__ import annotations

import re

from PySide6.QtGui import QFont, QSyntaxHighlighter, QTextCharFormat, QTextDocument

from app.window.theme import theme

_WORDS = re.compile(
    r"""
    (?P<soft>\#.*)
    | (?P<long>[rbfuRBFU]{0,2}(?:\"\"\"|'''))
    | (?P<ok>[rbfuRBFU]{0,2}(?:'(?:\\.|[^'\\])*(?:'|$)|"(?:\\.|[^"\\])*(?:"|$)))
    | (?P<warn>\b(?:0[xX][0-9a-fA-F_]+|\d[\d_]*(?:\.[\d_]*)?(?:[eE][+-]?\d+)?)(?![\w]))
    | (?P<declared>\b(?:class|def)\s+(?P<name>\w+))
    | (?P<accent>\b(?:and|as|assert|async|await|break|class|continue|def|del|elif|else|except|False|finally|for|from
        |global|if|import|in|is|lambda|None|nonlocal|not|or|pass|raise|return|True|try|while|with|yield)\b)
    | (?P<self>\bself\b)
    """,
    re.VERBOSE,
)
_DOUBLE, _SINGLE = 1, 2
"""States of a line's end: inside a text of three double or single quotes."""


class PythonColours(QSyntaxHighlighter):
    """Colours a document as Python; the document keeps it alive."""

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        theme.changed.connect(self.rehighlight)

    def highlightBlock(self, text: str) -> None:
        at = 0
        inside = self.previousBlockState()
        self.setCurrentBlockState(-1)
        if inside in (_DOUBLE, _SINGLE):
            at = self._text(text, 0, 0, inside)
        while at < len(text):
            found = _WORDS.search(text, at)
            if found is None:
                return
            kind = found.lastgroup or ""
            if kind == "long":
                at = self._text(text, found.start(), found.end(), _DOUBLE if found.group().endswith('"') else _SINGLE)
                continue
            at = found.end()
            if kind in ("declared", "name"):
                self._colour(found.start(), found.start("name"), "accent")
                self._colour(found.start("name"), at, "text", bold=True)
            else:
                self._colour(found.start(), at, "soft" if kind == "self" else kind)

    def _text(self, text: str, start: int, look_from: int, state: int) -> int:
        """Colour a text of three quotes from `start`; where it ends in this line, else the line's end."""
        end = text.find('"""' if state == _DOUBLE else "'''", look_from)
        if end < 0:
            self.setCurrentBlockState(state)
            end = len(text)
        else:
            end += 3
        self._colour(start, end, "ok")
        return end

    def _colour(self, start: int, end: int, token: str, *, bold: bool = False) -> None:
        look = QTextCharFormat()
        look.setForeground(theme.color(token))
        if bold:
            look.setFontWeight(QFont.Weight.DemiBold)
        self.setFormat(start, end - start, look)
