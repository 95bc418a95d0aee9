"""The tour of examples/tour does what its page says, and its pictures are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PySide6.QtGui import QImage

from app.window.main_window import MainWindow
from tests.window.tour import FOLDER, SIZE, Tour


@pytest.mark.timeout(240)
@pytest.mark.qt_log_ignore("This plugin does not support")
def test_the_first_five_minutes(real_window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETLOOM_CALM", "1")
    real_window.resize(*SIZE)
    shown: list[str] = []
    Tour(real_window, shown.append).walk()
    assert [f"{name}.png" for name in shown] == sorted(path.name for path in FOLDER.glob("*.png"))


def test_the_page_shows_each_picture_once() -> None:
    linked = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", Path(FOLDER, "README.md").read_text(encoding="utf-8"))
    assert sorted(linked) == sorted(path.name for path in FOLDER.glob("*.png"))
    assert all(QImage(str(FOLDER / name)).width() > 1000 for name in linked)
