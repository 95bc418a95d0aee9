"""Names in backticks are shown in the monospaced face; long lines end in an ellipsis."""

from __future__ import annotations

from typing import Any

import pytest

from app.window.sentences import Elided, Sentence, plain, rich


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no names", "no names"),
        ("`b` < 3", "<span style=\"font-family:'JetBrains Mono'\">b</span> &lt; 3"),
        ("a ` tick", "a ` tick"),
        ("one\ntwo", "one<br>two"),
    ],
)
def test_rich(text: str, shown: str) -> None:
    assert rich(text) == shown


def test_a_sentence_gives_back_what_was_set(qtbot: Any) -> None:
    label = Sentence("`b` is 1x32, but `a` is 1x64.")
    qtbot.addWidget(label)
    assert label.text() == "`b` is 1x32, but `a` is 1x64."
    assert label.accessibleName() == plain(label.text()) == "b is 1x32, but a is 1x64."


def test_a_long_line_is_elided_and_its_whole_is_the_tooltip(qtbot: Any) -> None:
    line = Elided()
    qtbot.addWidget(line)
    line.resize(80, 20)
    line.show()
    line.setText("The engine `x` was killed. " * 4)
    assert line.toolTip() == plain(line.text())
    line.resize(2000, 20)
    assert line.toolTip() == ""
