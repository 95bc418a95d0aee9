"""The gallery of known architectures, by mouse and keys in the real window."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton, QWidget

from app import cli
from app.design import edits
from app.design.file import load
from app.design.values import Node
from app.window import theme as themes
from app.window.gallery import Gallery
from app.window.main_window import MainWindow
from app.window.papers import address
from examples import zoo

CTRL_SHIFT = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
NETWORKS = {network.name: network for network in zoo.networks()}


@pytest.fixture
def window(qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MainWindow:
    monkeypatch.setenv("NETLOOM_SETTINGS", str(tmp_path / "settings"))
    themes.load_fonts()
    made = MainWindow()
    qtbot.addWidget(made)
    monkeypatch.setattr(made.files, "ask_save", lambda: "discard")
    made.resize(1366, 768)
    made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    return made


@pytest.fixture
def gallery(window: MainWindow, qtbot: Any) -> Gallery:
    QTest.keyClick(window, Qt.Key.Key_O, CTRL_SHIFT)
    return shown(window, qtbot)


def shown(window: MainWindow, qtbot: Any) -> Gallery:
    found = window.findChild(Gallery)
    assert isinstance(found, Gallery)
    found.activateWindow()
    qtbot.waitUntil(lambda: found.isVisible() and found.isActiveWindow())
    return found


def press(gallery: Gallery, key: Qt.Key) -> None:
    """Press a key where the keys go now."""
    QTest.keyClick(gallery.focusWidget(), key)


def chip(place: QWidget, text: str) -> QPushButton:
    return next(b for b in place.findChildren(QPushButton) if b.isVisible() and b.text().split("  ")[0] == text)


def test_typing_a_name_and_enter_opens_that_variant(window: MainWindow, gallery: Gallery) -> None:
    QTest.keyClicks(gallery.focusWidget(), "resnet18")
    assert gallery.shown[0].name == "resnet" and gallery.details.name == "resnet18"
    press(gallery, Qt.Key.Key_Return)
    assert not gallery.isVisible()
    document = window.document
    assert document.title == document.variant == window.topbar.variant.currentText() == "resnet18"
    assert window.topbar.variant.isVisible() and document.file is None and not document.modified
    assert document.design.by_id["backbone"].settings["kind"] == "basic", "the drawing is the variant"


def test_the_file_of_the_zoo_is_never_saved_over(
    window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = zoo.find("resnet18")
    assert path is not None
    before = path.read_bytes()
    for i, name in enumerate(("resnet18", path)):
        assert window.files.open(name) and window.document.file is None
        saved = tmp_path / f"mine{i}.netloom"
        monkeypatch.setattr(window.files, "ask_save_path", lambda saved=saved: str(saved))
        assert window.files.save() and window.document.file == saved
        assert load(saved) == window.document.design
        saved.unlink()
    assert path.read_bytes() == before and path not in window.files.recent()


@pytest.mark.qt_log_ignore("does not support raise", extend=True)  # the tip that says what was set
def test_the_top_bar_chooses_another_variant_as_one_step(window: MainWindow, gallery: Gallery) -> None:
    QTest.keyClicks(gallery.focusWidget(), "resnet18")
    press(gallery, Qt.Key.Key_Return)
    opened, box = window.document.design, window.topbar.variant
    box.setFocus()
    QTest.keyClick(box, Qt.Key.Key_Down)
    QTest.keyClick(box, Qt.Key.Key_Down)
    assert box.currentText() == window.document.variant == "resnet50"
    assert window.document.design.by_id["backbone"].settings["depths"] == (3, 4, 6, 3)
    window.document.undo_stack.undo()
    window.document.undo_stack.undo()
    assert window.document.design == opened and box.currentText() == "resnet18"


def test_keys_go_from_the_search_to_the_cards_and_escape_leaves(window: MainWindow, gallery: Gallery) -> None:
    before = window.document.design
    press(gallery, Qt.Key.Key_Down)
    assert gallery.cards.hasFocus()
    first = gallery.details.title.text()
    press(gallery, Qt.Key.Key_Right)
    assert gallery.details.title.text() != first
    press(gallery, Qt.Key.Key_Left)
    press(gallery, Qt.Key.Key_Up)
    assert gallery.search.hasFocus(), "up from the first line leads back"
    press(gallery, Qt.Key.Key_Down)
    QTest.keyClicks(gallery.cards, "vgg")
    assert gallery.search.text() == "vgg", "letters typed over the cards search"
    press(gallery, Qt.Key.Key_Escape)
    assert not gallery.isVisible() and window.document.design is before


@pytest.mark.parametrize(
    ("text", "family"),
    [("ronneberger", "unet"), ("2015 deep residual", "resnet"), ("vit_b_16", "vit"), ("LANGUAGE 2018", "bert")],
)
def test_search_goes_over_authors_years_names_and_tasks(gallery: Gallery, text: str, family: str) -> None:
    QTest.keyClicks(gallery.search, text)
    assert family in [f.name for f in gallery.shown]
    assert len(gallery.shown) < len(zoo.families()) / 4


def test_chips_and_sorting(gallery: Gallery) -> None:
    QTest.mouseClick(chip(gallery.tasks, "Language"), Qt.MouseButton.LeftButton)
    assert gallery.shown and all(f.about.task == "language" for f in gallery.shown)
    years = [f.about.year for f in gallery.shown]
    assert years == sorted(years, reverse=True) and len(set(years)) > 1
    gallery.sort.setFocus()
    QTest.keyClick(gallery.sort, Qt.Key.Key_Down)
    assert [f.about.year for f in gallery.shown] == sorted(years)
    QTest.keyClick(gallery.sort, Qt.Key.Key_Down)
    titles = [f.title.lower() for f in gallery.shown]
    assert titles == sorted(titles)
    QTest.keyClicks(gallery.search, "no such network")
    assert not gallery.shown and gallery.none.isVisible() and not gallery.open_button.isEnabled()
    QTest.mouseClick(gallery.none.button("Show all"), Qt.MouseButton.LeftButton)
    assert len(gallery.shown) == len(zoo.families())


def test_a_variant_shows_what_it_costs(window: MainWindow, gallery: Gallery) -> None:
    QTest.keyClicks(gallery.search, "resnet50")
    assert dict(gallery.details.facts.texts())["parameters"] == "25.6 M"
    QTest.mouseClick(chip(gallery.details, "resnet152"), Qt.MouseButton.LeftButton)
    facts = dict(gallery.details.facts.texts())
    assert facts == {"input": "3 × 224 × 224", "parameters": "60.2 M", "MACs": "11.5 G"}
    assert gallery.details.paper.text().endswith("arXiv:1512.03385")
    QTest.mouseClick(gallery.open_button, Qt.MouseButton.LeftButton)
    assert window.document.title == "resnet152"


def test_pictures_are_painted_for_the_cards_in_sight(gallery: Gallery, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: bool(gallery._pictures) and not gallery._painting.isActive())
    assert len(gallery._pictures) < len(gallery.shown), "those out of sight wait"
    picture = gallery._pictures[gallery.shown[0].name]
    assert picture is not None
    image = picture.toImage()
    inked = sum(image.pixelColor(x, image.height() // 2).alpha() > 0 for x in range(image.width()))
    assert inked > image.width() / 2
    gallery.cards.scrollToBottom()
    qtbot.waitUntil(lambda: gallery.shown[-1].name in gallery._pictures)


def test_what_was_drawn_stays_in_its_tab(window: MainWindow, gallery: Gallery) -> None:
    window.document.edit("Add", lambda d: edits.add_node(d, "", Node("image", block="Input")))
    drawn = window.document.design
    press(gallery, Qt.Key.Key_Return)
    assert window.document.file is None and window.document.design is not drawn and len(window.tabs) == 2
    window.tabs.show(0)
    assert window.document.design is drawn and window.document.modified


def test_the_empty_canvas_leads_to_networks_and_to_all_of_them(window: MainWindow, qtbot: Any) -> None:
    invitation = window.canvas.invitation
    QTest.mouseClick(invitation.gallery, Qt.MouseButton.LeftButton)
    found = shown(window, qtbot)
    press(found, Qt.Key.Key_Escape)
    QTest.mouseClick(invitation.findChild(QPushButton, "example-resnet50"), Qt.MouseButton.LeftButton)
    assert window.document.title == "resnet50" and not invitation.isVisible()


@pytest.mark.parametrize("width", [960, 1300, 1366, 1920])
def test_the_invitation_fits_the_canvas(window: MainWindow, qtbot: Any, width: int) -> None:
    window.resize(width, 900)
    invitation = window.canvas.invitation
    qtbot.waitUntil(lambda: window.width() == width and window.canvas.rect().contains(invitation.geometry()))
    places = [button.geometry() for button in invitation.findChildren(QPushButton) if button.isVisible()]
    assert not any(a.intersects(b) for a, b in combinations(places, 2)), "one card lies over another"


@pytest.mark.parametrize(
    ("paper", "where"),
    [
        ("He et al. 2015, arXiv:1512.03385", "https://arxiv.org/abs/1512.03385"),
        ("Redmon 2018; github.com/pjreddie/darknet", "https://github.com/pjreddie/darknet"),
        ("LeCun et al. 1998, doi:10.1109/5.726791.", "https://doi.org/10.1109/5.726791"),
        ("LeCun et al. 1998, Proceedings of the IEEE", ""),
    ],
)
def test_papers_lead_to_where_they_can_be_read(paper: str, where: str) -> None:
    assert address(paper) == where


def test_the_command_line_opens_the_window_on_a_network(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str | None] = []
    monkeypatch.setattr("app.window.main.run", lambda path: opened.append(path) or 0)
    assert cli.main(["resnet50"]) == 0 and opened == ["resnet50"]
    assert cli.main(["resnet5O"]) == 2 and len(opened) == 1
    assert "did you mean resnet50" in capsys.readouterr().err
