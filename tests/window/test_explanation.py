"""Explanations, read by keys and mouse on the real window; no engine runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton, QTextBrowser, QWidget

from app.design.values import Group, Node
from app.window import theme as themes
from app.window.explanation import Explanation
from app.window.fold import Fold
from app.window.inspector_node import NodePage
from app.window.main_window import MainWindow
from app.window.palette_rows import PLACE
from blocks.pages import PAGES
from tests.window.canvas_hands import CARDS as PLAIN
from tests.window.canvas_hands import CHAIN
from tests.window.fake_engines import DEVICES

LEFT = Qt.MouseButton.LeftButton
CARDS = tuple(
    replace(
        card, section={"Conv2d": "Convolution", "ReLU": "Activation"}.get(card.id, ""), help=f"{card.title} does it.",
        helps=f"{card.title} helps here.", hurts=f"{card.title} hurts there.", paper="He et al. 2015, arXiv:1512.03385",
    )
    for card in PLAIN
)  # fmt: skip
BY_NAME = {page.id: page for page in PAGES}


@pytest.fixture
def window(qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MainWindow:
    monkeypatch.setenv("NETLOOM_SETTINGS", str(tmp_path / "settings"))
    monkeypatch.setattr(Fold, "_open", set())
    themes.load_fonts()
    made = MainWindow()
    qtbot.addWidget(made)
    monkeypatch.setattr(made.files, "ask_save", lambda: "discard")
    made.document.set_catalogue(CARDS, PAGES)
    made.engines.last_devices = DEVICES
    group = Node("part", group="stage", x=260, y=300)
    made.document.load(replace(CHAIN, nodes=(*CHAIN.nodes, group), groups=(Group(name="stage"),)), None)
    made.resize(1366, 768)
    made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    return made


def dialogs(window: MainWindow) -> list[Explanation]:
    return [dialog for dialog in window.findChildren(Explanation) if dialog.isVisible()]


def read(window: MainWindow) -> str:
    """What the one dialog shows."""
    (dialog,) = dialogs(window)
    return dialog.findChild(QTextBrowser).toPlainText()


def node_page(window: MainWindow, qtbot: Any, id: str) -> NodePage:
    window.canvas.scene_.select([id])
    qtbot.waitUntil(lambda: isinstance(window.inspector.page, NodePage) and window.inspector.page.id == id)
    qtbot.waitUntil(window.inspector.page.isVisible)  # what is put into a layout is shown a moment later
    return window.inspector.page  # type: ignore[return-value]


def leave(window: MainWindow, qtbot: Any) -> None:
    """Close the dialog by its key."""
    (dialog,) = dialogs(window)
    QTest.keyClick(dialog.list, Qt.Key.Key_Escape)
    assert not dialogs(window)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)


def click(window: MainWindow, qtbot: Any, widget: QWidget) -> None:
    """Click on what the layout has put under the pointer by now."""
    qtbot.waitUntil(lambda: window.childAt(widget.mapTo(window, widget.rect().center())) is widget)
    QTest.mouseClick(widget, LEFT)


def f1(window: MainWindow) -> None:
    QTest.keyClick(window.focusWidget() or window, Qt.Key.Key_F1)


def test_f1_explains_the_node_that_is_selected(window: MainWindow, qtbot: Any) -> None:
    window.canvas.scene_.select(["conv"])
    window.canvas.setFocus()
    f1(window)
    text = read(window)
    for said in ("Convolution", "Layer, Convolution", "Convolution does it.", "When it helps\nConvolution helps here.",
                 "When it hurts\nConvolution hurts there.", "out_channels", "of at least 1; default 64",
                 "Tensor B C H W", "He et al. 2015, arXiv:1512.03385"):  # fmt: skip
        assert said in text, said
    (dialog,) = dialogs(window)
    qtbot.waitUntil(dialog.isActiveWindow)
    assert 'href="https://arxiv.org/abs/1512.03385"' in dialog.text.toHtml()
    dialog.text.setFocus()
    QTest.keyClick(dialog.text, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(dialog.text, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert "Convolution hurts there." in QGuiApplication.clipboard().text()
    window.canvas.scene_.select(["relu"])
    window.actions_["explain"].trigger()
    assert "ReLU helps here." in read(window), "the dialog that is open turns to it"
    leave(window, qtbot)
    window.canvas.scene_.select(["part"])
    f1(window)
    assert BY_NAME["Group"].helps in read(window)


def test_one_walks_through_a_category_by_keys_and_buttons(window: MainWindow, qtbot: Any) -> None:
    window.canvas.scene_.select(["conv"])
    f1(window)
    (dialog,) = dialogs(window)
    qtbot.waitUntil(dialog.isActiveWindow)
    assert dialog.list.hasFocus() and dialog.chapter.currentText() == "Layer"
    assert dialog.topic is not None
    QTest.mouseClick(dialog.next, LEFT)
    assert "ReLU helps here." in read(window) and not dialog.next.isEnabled(), "headings of sections are passed over"
    QTest.keyClick(dialog.list, Qt.Key.Key_Up)
    assert "Convolution helps here." in read(window)
    QTest.keyClick(dialog, Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
    assert BY_NAME["Layer"].hurts in read(window) and not dialog.previous.isEnabled()
    QTest.keyClick(dialog, Qt.Key.Key_Right, Qt.KeyboardModifier.AltModifier)
    assert "Convolution helps here." in read(window)
    chapters = [dialog.chapter.itemText(i) for i in range(dialog.chapter.count())]
    assert chapters[:2] == ["Ends", "Stem"] and chapters[-3:] == ["Groups", "Optimizers", "Schedules"]
    dialog.chapter.setFocus()
    QTest.keyClick(dialog.chapter, Qt.Key.Key_End)
    assert "Falls along half a cosine." in read(window)


def test_the_inspector_says_it_in_short_and_links_to_the_category(window: MainWindow, qtbot: Any) -> None:
    box = node_page(window, qtbot, "conv").explanation
    seen = {name: box.findChild(QLabel, name) for name in ("helps", "hurts")}
    assert seen["helps"].text() == "Convolution helps here." and not seen["helps"].isVisible()
    click(window, qtbot, box.fold.toggle)
    assert seen["helps"].isVisible() and seen["hurts"].isVisible()
    assert 'href="https://arxiv.org/abs/1512.03385"' in QLabel.text(box.paper)
    link = box.findChild(QPushButton, "about-category")
    assert link.text() == "About Layer blocks"
    click(window, qtbot, link)
    assert BY_NAME["Layer"].text in read(window)
    leave(window, qtbot)
    box = node_page(window, qtbot, "part").explanation
    assert box.findChild(QLabel, "helps").isVisible(), "what was opened once stays open"
    assert box.findChild(QLabel, "hurts").text() == BY_NAME["Group"].hurts
    click(window, qtbot, box.about)
    assert BY_NAME["Group"].helps in read(window)


def test_the_palette_explains_its_rows_and_headings(window: MainWindow, qtbot: Any) -> None:
    palette = window.palette_panel
    head = palette.list.topLevelItem(0)
    assert head.data(0, PLACE) == "Ends" and "Where a drawing begins and ends." in head.toolTip(0)
    palette.list.setFocus()
    palette.list.setCurrentItem(head)
    window.canvas.scene_.select(["conv"])
    f1(window)
    assert BY_NAME["Ends"].helps in read(window), "the focus is in the palette"
    leave(window, qtbot)
    palette.search.setFocus()
    QTest.keyClicks(palette.search, "relu")
    f1(window)
    assert "ReLU does it." in read(window)
    leave(window, qtbot)
    palette.search.clear()
    row = next(row for row in palette.rows() if row.text(0) == "FPN")
    palette.list.scrollToItem(row)
    at = palette.list.visualItemRect(row).center()
    (about,) = palette.menu_at(at).actions()
    assert about.text() == "About FPN"
    about.trigger()
    assert "FPN helps here." in read(window)


def test_the_recipe_explains_its_optimizer_and_schedule(window: MainWindow, qtbot: Any) -> None:
    window.bottom.show_tab("Training")
    form = window.bottom.panel("Training").form  # type: ignore[attr-defined]
    info = form.infos["optimizer"]
    assert form.optimizer.currentText() == "AdamW" and "Each weight has its own step." in info.toolTip()
    assert "It adapts" not in info.toolTip(), "the first sentence"
    click(window, qtbot, info)
    assert "Each weight has its own step. It adapts." in read(window) and "arXiv:1711.05101" in read(window)
    leave(window, qtbot)
    form.optimizer.setFocus()
    QTest.keyClick(form.optimizer, Qt.Key.Key_Down)
    assert window.document.design.recipe.optimizer == "sgd"
    f1(window)
    assert "All weights have one step." in read(window)
    click(window, qtbot, form.more)
    click(window, qtbot, form.infos["schedule"])
    assert "Falls along half a cosine." in read(window)
    window.document.edit("Lion", lambda d: replace(d, recipe=replace(d.recipe, optimizer="lion")))
    assert form.optimizer.currentText() == "lion" and not info.isEnabled(), "of what is not offered nothing is known"


def test_what_has_no_page_is_said(window: MainWindow, qtbot: Any) -> None:
    lost = Node("lost", block="Gone", x=0, y=500)
    window.document.edit("Add", lambda d: replace(d, nodes=(*d.nodes, lost)))
    window.canvas.scene_.select(["lost"])
    f1(window)
    assert not dialogs(window) and "no page about `Gone`" in window.status.hint.text()
    page = node_page(window, qtbot, "lost").explanation
    assert not page.fold.isVisible() and not page.about.isVisible()
    window.canvas.scene_.clearSelection()
    f1(window)
    assert BY_NAME["Ends"].text in read(window), "with nothing selected it begins at the beginning"
