"""The tab with the steps on samples, driven by mouse and keys; a fake plays the engine's part, once the real one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QStyle, QStyleOptionViewItem, QWidget

from app.design.augment import read_steps, steps_words
from app.design.usual import usual_loss
from app.design.values import About
from app.messages import Analysis
from app.messages.augment import Augmented, GetAugmented, Pair
from app.messages.data import Dataset, ShownSample
from app.messages.preview import Look, Tile
from app.messages.reports import Named, Tensor
from app.window import theme as themes
from app.window.augment_panel import AugmentPanel
from app.window.document import Document
from tests.engine.designs import SHORT, digits
from tests.window.conftest import ENGINE
from tests.window.fake_engines import CARDS, DEVICES, FakeEngines, small_design

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")  # how the offscreen display takes a menu
LEFT = Qt.MouseButton.LeftButton
BY_ID = {card.id: card for card in CARDS}
PICTURES = replace(DEVICES, datasets=(Dataset("digits", "Handwritten digits", "Digits.", (1, 8, 8), form="pictures"),))
VALID = Analysis(0, valid=True, partial=False, inputs=(Named("image", (Tensor((1, 1, 8, 8)),)),))


@pytest.fixture
def made(qtbot: Any) -> Iterator[tuple[Document, FakeEngines, AugmentPanel]]:
    themes.load_fonts()
    document = Document()
    document.set_catalogue(CARDS)
    design = usual_loss(small_design(data="digits", augment=read_steps("crop; flip; normalise")), None, BY_ID)
    document.load(design, None)
    engines = FakeEngines(PICTURES)
    panel = AugmentPanel(document, engines)
    qtbot.addWidget(panel)
    panel.resize(1100, 300)
    panel.show()
    analysed(document)
    QApplication.processEvents()
    yield document, engines, panel


def analysed(document: Document) -> None:
    document.set_analysis(replace(VALID, revision=document.revision))


def words(document: Document) -> str:
    return steps_words(document.design.recipe.augment)


def row(panel: AugmentPanel, at: int) -> QRect:
    return panel.list.visualItemRect(panel.list.item(at))


def choose(menu: QMenu, text: str) -> None:
    """Click an entry of a menu that is open."""
    assert menu.isVisible()
    action = next(a for a in menu.actions() if a.text() == text)
    QTest.mouseClick(menu, LEFT, pos=menu.actionGeometry(action).center())


def test_steps_are_added_where_they_go_and_taken_out(made: Any) -> None:
    document, _, panel = made
    QTest.mouseClick(panel.add_button, LEFT)
    choose(panel.add_menu, "Colour")
    assert words(document) == "crop; flip; colour; normalise", "before Normalise"
    assert panel.list.currentRow() == 2 and panel.form.fields["hue"].isVisible()
    QTest.keyClick(panel.list, Qt.Key.Key_Delete)
    assert words(document) == "crop; flip; normalise"
    QTest.mouseClick(row_button(panel, 0, panel.remove), LEFT)
    assert words(document) == "flip; normalise"
    for wanted in ("crop; flip; normalise", "crop; flip; colour; normalise", "crop; flip; normalise"):
        document.undo_stack.undo()
        assert words(document) == wanted
    texts = [panel.add_menu.actions()[i].toolTip() for i in (0, 1)]
    assert all(len(text) > 30 for text in texts)


def row_button(panel: AugmentPanel, at: int, button: QWidget) -> QWidget:
    QTest.mouseClick(panel.list.viewport(), LEFT, pos=row(panel, at).center())
    assert panel.list.currentRow() == at
    return button


def test_steps_are_moved_by_keys_buttons_and_dragging(made: Any) -> None:
    document, _, panel = made
    panel.list.setCurrentRow(0)
    QTest.keyClick(panel.list, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert words(document) == "flip; crop; normalise" and panel.list.currentRow() == 1
    QTest.keyClick(panel.list, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    QTest.keyClick(panel.list, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    assert words(document) == "crop; flip; normalise" and not panel.up.isEnabled(), "the first goes no higher"
    QTest.mouseClick(panel.down, LEFT)
    assert words(document) == "flip; crop; normalise"
    drag(panel, 2, QPoint(60, row(panel, 0).top() + 2))
    assert words(document) == "normalise; flip; crop" and panel.list.currentRow() == 0
    drag(panel, 0, QPoint(60, row(panel, 2).bottom() + 8))
    assert words(document) == "flip; crop; normalise"
    drag(panel, 1, row(panel, 1).center() + QPoint(30, 2))
    assert words(document) == "flip; crop; normalise", "dropped where it was"
    document.undo_stack.undo()
    assert words(document) == "normalise; flip; crop"


def drag(panel: AugmentPanel, at: int, to: QPoint) -> None:
    view, start = panel.list.viewport(), row(panel, at).center()
    QTest.mousePress(view, LEFT, pos=start)
    for share in (0.3, 0.7, 1.0):
        move(view, start + (to - start) * share)
    panel.grab()  # with the line that shows where it goes
    QTest.mouseRelease(view, LEFT, pos=to)


def move(view: QWidget, point: QPoint) -> None:
    """A move with the button held, which QTest cannot send."""
    from PySide6.QtCore import QEvent, QPointF
    from PySide6.QtGui import QMouseEvent

    event = QMouseEvent(
        QEvent.Type.MouseMove, QPointF(point), QPointF(view.mapToGlobal(point)), Qt.MouseButton.NoButton, LEFT,
        Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    QApplication.sendEvent(view, event)


def test_a_step_is_switched_by_its_tick_and_by_space(made: Any) -> None:
    document, _, panel = made
    QTest.mouseClick(panel.list.viewport(), LEFT, pos=tick(panel, 1))
    assert words(document) == "crop; normalise" and len(document.design.recipe.augment) == 3
    panel.list.setCurrentRow(1)
    QTest.keyClick(panel.list, Qt.Key.Key_Space)
    assert words(document) == "crop; flip; normalise"
    document.undo_stack.undo()
    assert document.design.recipe.augment[1].off and "off" in panel.list.item(1).data(ACCESSIBLE)


def tick(panel: AugmentPanel, at: int) -> QPoint:
    """The middle of a row's box to tick."""
    option = QStyleOptionViewItem()
    panel.list.initViewItemOption(option)
    option.rect = row(panel, at)
    option.features |= QStyleOptionViewItem.ViewItemFeature.HasCheckIndicator
    box = QStyle.SubElement.SE_ItemViewItemCheckIndicator
    return panel.list.style().subElementRect(box, option, panel.list).center()


ACCESSIBLE = Qt.ItemDataRole.AccessibleTextRole


def test_settings_are_typed_and_refused_with_a_sentence(made: Any) -> None:
    document, _, panel = made
    panel.list.setCurrentRow(0)
    field = panel.form.fields["padding"].focusProxy()
    assert field.accessibleName() == "padding" and field.text() == "4"
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, "2")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert words(document) == "crop padding=2; flip; normalise"
    assert panel.list.item(0).text() == "Crop  padding=2"
    field.selectAll()
    QTest.keyClicks(field, "4")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert words(document).startswith("crop; flip"), "a default is not written"
    panel.list.setCurrentRow(2)
    mean = panel.form.fields["mean"].focusProxy()
    mean.setFocus()
    QTest.keyClicks(mean, "0.5, x")
    QTest.keyClick(mean, Qt.Key.Key_Return)
    assert panel.notice.isVisible() and "mean needs a list of numbers" in panel.notice.accessibleName()
    assert words(document).endswith("normalise")


def test_a_preset_replaces_the_list_by_keys_in_one_step(made: Any) -> None:
    document, _, panel = made
    panel.preset_button.setFocus()
    QTest.keyClick(panel.preset_button, Qt.Key.Key_Space)
    menu = panel.preset_menu
    assert menu.isVisible()
    QTest.keyClick(menu, Qt.Key.Key_Down)
    QTest.keyClick(menu, Qt.Key.Key_Down)
    QTest.keyClick(menu, Qt.Key.Key_Return)
    assert words(document) == "crop padding=1; flip; normalise", "an eighth of 8 pixels"
    document.undo_stack.undo()
    assert words(document) == "crop; flip; normalise"
    assert "arXiv:1512.03385" in menu.actions()[1].toolTip()


def test_what_cannot_be_done_is_marked_with_a_button_that_mends_it(made: Any) -> None:
    document, _, panel = made
    panel.list.setCurrentRow(2)
    QTest.keyClick(panel.list, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    QTest.mouseClick(panel.add_button, LEFT)
    choose(panel.add_menu, "Colour")
    assert words(document) == "crop; colour; normalise; flip" and not panel.notice.isVisible()
    edit(document, "crop; normalise mean=0.1,0.2,0.3 std=1,1,1; colour")
    assert "3 means, but the pictures of `image` have 1 channel" in panel.notice.label.text()
    assert "has a problem" in panel.list.item(1).data(ACCESSIBLE) and "on" in panel.list.item(0).data(ACCESSIBLE)
    assert not panel.another.isEnabled()
    for wanted in ("crop; normalise; colour", "crop; colour; normalise"):
        (button,) = panel.notice.buttons
        QTest.mouseClick(button, LEFT)
        assert words(document) == wanted
    assert not panel.notice.isVisible()
    document.undo_stack.undo()
    assert words(document) == "crop; normalise; colour"


def edit(document: Document, text: str) -> None:
    from app.design import edits

    document.edit("Edit", lambda d: edits.set_recipe(d, replace(d.recipe, augment=read_steps(text))))
    analysed(document)


# samples --------------------------------------------------------------------------------------------------------------


def picture(value: int, mask: bool = False) -> Look:
    tile = Tile(0, 0.0, 1.0, 0.5, 0.0)
    if mask:
        return Look("maps", (1, 8, 8), 8, 8, bytes([1] * 32 + [255] * 16 + [0] * 16), (tile,), of=1)
    return Look("colour", (1, 8, 8), 8, 8, bytes([value] * 192), (tile,), of=1)


def told(job: str, views: int = 1) -> Augmented:
    before = ShownSample(4, "four", picture(200))
    after = ShownSample(4, "60 % four, 40 % two", picture(100), picture(0, mask=True), ((0.25, 0.25, 0.75, 0.75, 2.0),))
    return Augmented(job, (Pair(before, (after,) * views),) * 3, "Mean 0.3; spread 0.4.")


def asked(engines: FakeEngines, qtbot: Any, count: int = 1) -> Any:
    qtbot.waitUntil(lambda: len(engines.started) == count)
    job = engines.started[-1]
    assert isinstance(job.request, GetAugmented)
    return job


def shown(panel: AugmentPanel) -> QImage:
    return panel.pairs.grab().toImage()


def test_samples_stand_before_and_after_with_masks_and_boxes(made: Any, qtbot: Any) -> None:
    _document, engines, panel = made
    job = asked(engines, qtbot)
    assert job.request.turn == 1
    job.finished.emit(told(job.request.job))
    assert panel.said.text() == "Epoch 1 of the train split. Mean 0.3; spread 0.4."
    assert "5: 60 % four, 40 % two" in panel.pairs.accessibleName() and panel.pairs.columns() == 3
    image = shown(panel)
    before, after = panel.pairs.place(0, 0), panel.pairs.place(0, 1)
    assert image.pixelColor(before.center().toPoint()).red() == 200
    veiled = image.pixelColor(round(after.left() + after.width() * 0.1), round(after.top() + after.height() * 0.1))
    assert veiled.blue() > veiled.red() + 30, "class 1 has a colour"
    none = image.pixelColor(round(after.left() + after.width() * 0.1), round(after.top() + after.height() * 0.6))
    ground = image.pixelColor(round(after.left() + after.width() * 0.1), round(after.top() + after.height() * 0.9))
    assert none.red() < 60 and ground.red() == 100, "no class is dark, class 0 bare"
    edge = round(after.left() + after.width() * 0.25)
    box = [image.pixelColor(x, round(after.center().y())) for x in range(edge - 3, edge + 4)]
    assert any(colour.red() > 200 for colour in box)


def test_another_asks_for_the_next_epoch_and_dims_what_is_old(made: Any, qtbot: Any) -> None:
    document, engines, panel = made
    lost = asked(engines, qtbot)
    assert panel.said.text() == "The samples are on their way."
    document.edit("Describe", lambda d: replace(d, about=About(title="Digits")))
    lost.finished.emit(told(lost.request.job))
    assert not panel.pairs.pairs, "the window takes no answer to another drawing, and asks anew"
    first = asked(engines, qtbot, 2)
    engines.started.pop()
    first.finished.emit(told(first.request.job, views=2))
    assert panel.pairs.place(0, 2).bottom() <= panel.pairs.height(), "two views fit too"
    QTest.mouseClick(panel.another, LEFT)
    assert panel.pairs.old and panel.pairs.pairs, "what was shown stays until the new ones come"
    job = asked(engines, qtbot, 2)
    assert job.request.turn == 2
    job.failed.emit("The folder is gone.")
    assert panel.said.text() == "The folder is gone." and not panel.pairs.pairs
    edit(document, "flip")
    job = asked(engines, qtbot, 3)
    edit(document, "crop")
    job.finished.emit(told(job.request.job))
    assert not panel.pairs.pairs, "an answer to steps that were changed since is not shown"
    panel.hide()
    edit(document, "rotate")
    QTest.qWait(350)
    assert len(engines.started) == 3, "nothing is asked where nobody looks"


def test_without_data_it_says_what_is_missing(made: Any, qtbot: Any) -> None:
    document, _, panel = made
    document.load(small_design(), None)
    analysed(document)
    assert "No data is chosen" in panel.said.text() and not panel.another.isEnabled()
    assert "Samples are used as they are" in panel.notice.label.text()
    (button,) = panel.notice.buttons
    QTest.mouseClick(button, LEFT)
    assert panel.preset_menu.isVisible()
    panel.preset_menu.close()


def test_the_real_engine_shows_samples_and_the_window_stays_awake(real_window: Any, qtbot: Any) -> None:
    window = real_window
    window.document.load(replace(digits(), recipe=replace(SHORT, augment=read_steps("rotate; normalise"))), None)
    window.bottom.show_tab("Augment")
    panel = window.bottom.panel("Augment")
    beats: list[int] = []
    timer = window.startTimer(20)
    window.timerEvent = lambda event: beats.append(1)
    qtbot.waitUntil(lambda: bool(panel.pairs.pairs) and not panel.pairs.old, timeout=ENGINE)
    window.killTimer(timer)
    assert len(beats) > 3 and len(panel.pairs.pairs) == 8
    assert "Mean 0.30" in panel.said.text()
    first = panel.pairs.pairs
    QTest.mouseClick(panel.another, LEFT)
    qtbot.waitUntil(lambda: panel.pairs.pairs is not first and not panel.pairs.old, timeout=ENGINE)
    assert [p.before for p in panel.pairs.pairs] == [p.before for p in first]
    assert [p.after for p in panel.pairs.pairs] != [p.after for p in first]
