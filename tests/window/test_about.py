"""What a drawing says of itself, in the inspector while nothing is selected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel

from app.design import file
from app.design.values import About
from app.window import theme as themes
from app.window.inspector_about import FIELDS, AboutBox
from app.window.main_window import MainWindow


@pytest.fixture
def window(qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MainWindow:
    monkeypatch.setenv("NETLOOM_SETTINGS", str(tmp_path / "settings"))
    themes.load_fonts()
    made = MainWindow()
    qtbot.addWidget(made)
    monkeypatch.setattr(made.files, "ask_save", lambda: "discard")
    made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    return made


def box(window: MainWindow, qtbot: Any) -> AboutBox:
    found = window.inspector.findChild(AboutBox)
    assert isinstance(found, AboutBox)
    return found


def seen(place: AboutBox) -> list[str]:
    return [label.text() for label in place.findChildren(QLabel) if label.isVisible()]


def test_a_known_network_says_what_it_is(window: MainWindow, qtbot: Any) -> None:
    assert window.files.open_known("resnet50")
    qtbot.waitUntil(lambda: "2015 · classification" in seen(box(window, qtbot)))
    texts = seen(box(window, qtbot))
    assert "ResNet" in texts and any("added each block's input" in text for text in texts)
    assert any(text.endswith("arXiv:1512.03385") for text in texts)
    assert 'href="https://arxiv.org/abs/1512.03385"' in QLabel.text(box(window, qtbot).paper)
    window.canvas.scene_.select(["backbone"])
    qtbot.waitUntil(lambda: window.inspector.findChild(AboutBox) is None)


def test_one_describes_a_drawing_of_ones_own(window: MainWindow, qtbot: Any, tmp_path: Path) -> None:
    place = box(window, qtbot)
    assert place.toggle.text() == "Describe this drawing"
    QTest.mouseClick(place.toggle, Qt.MouseButton.LeftButton)
    assert place.fields["title"].hasFocus() and set(place.fields) == set(About.__struct_fields__) == set(FIELDS)
    typed = {"title": "My net", "year": "2026", "task": "detection", "paper": "Me 2026", "introduced": "It is small."}
    for name in FIELDS:
        assert place.fields[name].hasFocus()
        QTest.keyClicks(place.fields[name], typed[name])
        QTest.keyClick(place.fields[name], Qt.Key.Key_Tab)
    assert window.document.design.about == About("My net", 2026, "Me 2026", "It is small.", "detection")
    assert window.document.undo_stack.count() == 5
    QTest.mouseClick(place.toggle, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "2026 · detection" in seen(place))
    path = tmp_path / "mine.netloom"
    window.document.save(path)
    assert file.load(path).about == window.document.design.about
    for _ in range(5):
        window.document.undo_stack.undo()
    assert window.document.design.about == About()
    qtbot.waitUntil(lambda: place.toggle.text() == "Describe this drawing" and "My net" not in seen(place))


@pytest.mark.parametrize("year", ["soon", "20155", "-201"])
def test_a_year_that_is_none_is_refused(window: MainWindow, qtbot: Any, year: str) -> None:
    place = box(window, qtbot)
    QTest.mouseClick(place.toggle, Qt.MouseButton.LeftButton)
    place.fields["year"].setFocus()
    QTest.keyClicks(place.fields["year"], year)
    QTest.keyClick(place.fields["year"], Qt.Key.Key_Return)
    assert place.error.isVisible() and f"`{year}`" in place.error.text()
    assert window.document.design.about.year == 0 and not window.document.modified
