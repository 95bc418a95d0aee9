"""The Weights window with the real engine: a file in torchvision's names, a part of it, one that runs code."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

from app.window.main_window import MainWindow
from app.window.weights_dialog import WeightsDialog
from app.window.weights_tree import BY, COUNT, NAME
from tests.layers import drawn
from tests.window.conftest import ENGINE
from tests.zoo.layouts import LAYOUTS
from tests.zoo.test_keys import filled

LEFT = Qt.MouseButton.LeftButton


class Evil:
    """What a pickle would have run."""

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("open('ran', 'w')",)


@pytest.mark.slow
def test_the_files_of_a_mobilenet(
    qtbot: Any, real_window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    window, document = real_window, real_window.document
    document.load(drawn("mobilenet_v2"), None, "mobilenet_v2")
    window.actions_["weights"].trigger()
    (dialog,) = window.findChildren(WeightsDialog)

    def choose(name: str) -> None:
        monkeypatch.setattr(QFileDialog, "getOpenFileName", staticmethod(lambda *_a, **_k: (str(tmp_path / name), "")))
        QTest.mouseClick(dialog.browse, LEFT)
        qtbot.waitUntil(lambda: not dialog._questions.waiting and bool(dialog.why.text() or dialog.tree.rows),
                        timeout=ENGINE)  # fmt: skip

    whole = filled(LAYOUTS["mobilenet_v2"]())
    torch.save(whole, tmp_path / "mobilenet_v2.pth")
    choose("mobilenet_v2.pth")
    rows = {top.text(NAME): (top.text(COUNT), top.text(BY)) for top, _ in dialog.tree.rows}
    assert len(rows) >= 3 and all(count.split(" of ")[0] == count.split(" of ")[1] for count, _ in rows.values()), rows
    assert {by for _, by in rows.values()} == {"key map"} and "torchvision" in dialog.words.text()
    QTest.mouseClick(dialog.take, LEFT)
    assert document.design.recipe.weights.endswith("mobilenet_v2.pth")
    document.undo_stack.undo()
    assert document.design.recipe.weights == ""

    torch.save({key: value for key, value in whole.items() if key.startswith("features.1")}, tmp_path / "part.pth")
    choose("part.pth")
    qtbot.waitUntil(lambda: not dialog.take.isEnabled() or "part" in dialog.words.text(), timeout=ENGINE)
    assert (dialog.share.value(), dialog.share.maximum()) != (0, 0) and dialog.share.value() < dialog.share.maximum()

    (tmp_path / "evil.pth").write_bytes(pickle.dumps({"features.0.0.weight": Evil()}))
    choose("evil.pth")
    qtbot.waitUntil(lambda: not dialog.tree.rows, timeout=ENGINE)
    assert "evil.pth" in dialog.why.text() and not dialog.take.isEnabled()
    assert not (tmp_path / "ran").exists()
    dialog.close()
