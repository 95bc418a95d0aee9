"""The preview in the window: once with the real engine by mouse and keys, and what it does with answers that a fake
gives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

from app.design import edits
from app.design.values import Design, Recipe, Settings
from app.messages import Analysis, Trained
from app.messages.preview import Chance, Choice, GetPreview, Inside, Look, PortLook, Preview, SameLook, Tile, Whose
from app.messages.reports import Problem
from app.window.canvas.cards import CARD
from app.window.canvas.thumbs import Thumb
from app.window.canvas.view import CanvasView
from app.window.document import Document
from app.window.main_window import MainWindow
from app.window.preview import RANDOM, Previews
from app.window.preview_panel import PreviewPanel
from app.window.preview_pictures import images
from app.window.runs import Runs
from tests.drawing import OUTPUT, chain, node
from tests.window.canvas_hands import node as placed
from tests.window.canvas_hands import shown, wire
from tests.window.conftest import ENGINE
from tests.window.fake_engines import CARDS, FakeEngines, small_design

LEFT = Qt.MouseButton.LeftButton
DIGITS = chain(
    node("image", "Input", size=(1, 8, 8)), node("conv", "Conv2d", out_channels=4), node("act", "ReLU"),
    node("flat", "Flatten"), node("head", "Linear", out_features=10), OUTPUT, recipe=Recipe(data="digits"),
)  # fmt: skip

pytestmark = pytest.mark.xdist_group("insight")


def picture_of(window: MainWindow, id: str) -> Any:
    return window.canvas.scene_.nodes[id].picture


def click_picture(view: CanvasView, id: str) -> None:
    item = view.scene_.nodes[id]
    at = view.mapFromScene(item.pos() + item.geometry.picture.center())
    QTest.mouseClick(view.viewport(), LEFT, pos=at)


def test_a_sample_is_shown_and_followed_through_the_real_network(qtbot: Any, real_window: MainWindow) -> None:
    window, previews = real_window, real_window.previews
    window.document.load(DIGITS, None)
    qtbot.waitUntil(lambda: window.document.analysis is not None, timeout=ENGINE)
    heights = {id: item.rect.height() for id, item in window.canvas.scene_.nodes.items()}
    assert all(item.picture is None for item in window.canvas.scene_.nodes.values())
    window.bottom.show_tab("Preview")
    panel = window.bottom.panel("Preview")
    assert isinstance(panel, PreviewPanel)
    QTest.mouseClick(panel.empty.button("Preview"), LEFT)
    assert window.actions_["preview"].isChecked() and previews.on
    assert {id: item.rect.height() - heights[id] for id, item in window.canvas.scene_.nodes.items()} == dict.fromkeys(
        heights, CARD
    ), "there is room for a picture before there is one"

    def settled() -> bool:
        return previews.told is not None and not previews.old and not previews.waiting

    qtbot.waitUntil(settled, timeout=ENGINE)
    assert "Random weights, seed 0." in panel.side.whose.text() and "Digit 0" in panel.side.sample.text()
    assert len(picture_of(window, "conv").tiles) == 4 and len(picture_of(window, "head").values) == 10
    assert panel.title.text() == "Answer" and panel.bars.isVisible() and panel.view is not None
    assert panel.view.saliency and (panel.view.images[0].width(), panel.view.images[0].height()) == (8, 8)

    window.bottom.show_tab("Problems")
    click_picture(window.canvas, "conv")
    assert window.canvas.selected_ids() == ["conv"] and window.bottom.current == "Preview"
    qtbot.waitUntil(lambda: settled() and len(panel.grid.images) == 4, timeout=ENGINE)
    zero = [image.copy() for image in panel.grid.images]
    QTest.mouseMove(panel.grid, panel.grid.place(2).center().toPoint())
    qtbot.waitUntil(lambda: panel.about.text().startswith("Channel 2: "))
    assert "mean" in panel.about.text() and "% zeros" in panel.about.text()
    assert [panel.what.itemText(i) for i in range(panel.what.count())] == ["Feature maps", "Filters"]

    QTest.mouseClick(panel.side.row, LEFT, pos=panel.side.row.place(7).center().toPoint())
    assert previews.old, "what is shown is dimmed until the answer is there"
    qtbot.waitUntil(lambda: settled() and "Digit 7" in panel.side.sample.text(), timeout=ENGINE)
    seven = [image.copy() for image in panel.grid.images]
    assert seven != zero
    QTest.mouseClick(panel.side.die, LEFT)
    qtbot.waitUntil(lambda: settled() and f"seed {previews.seed}." in panel.side.whose.text(), timeout=ENGINE)
    assert previews.seed and [*panel.grid.images] != seven and "Random" in panel.side.weights.currentText()

    before = picture_of(window, "conv")
    catalogue = window.document.catalogue
    window.document.edit("Widen", lambda d: edits.set_setting(d, "", "conv", "out_channels", 6, catalogue))
    qtbot.waitUntil(lambda: settled() and len(panel.grid.images) == 6, timeout=ENGINE)
    assert picture_of(window, "conv") is not before and len(picture_of(window, "conv").tiles) == 6
    assert window.document.design.by_id["conv"].settings["out_channels"] == 6 and not previews.trouble

    panel.side.zone.take_file(Path(__file__))
    qtbot.waitUntil(lambda: "not a picture" in panel.notice.text, timeout=ENGINE)
    QTest.mouseClick(panel.off, LEFT)
    assert not previews.on and not window.actions_["preview"].isChecked()
    assert {id: item.rect.height() for id, item in window.canvas.scene_.nodes.items()} == heights
    assert panel.empty.isVisible()


# answers of a fake ----------------------------------------------------------------------------------------------------


TILE = Tile(0, 0.0, 1.0, 0.5, 0.25)


def maps(count: int, *, form: str = "maps", side: int = 4) -> Look:
    tiles = tuple(replace(TILE, channel=i) for i in range(count))
    pixels = bytes((7 * i + j) % 256 for i in range(count) for j in range(side * side))
    return Look(form, (1, count, side, side), side, side, pixels, tiles, of=count)  # type: ignore[arg-type]


def answer(**more: Any) -> Preview:
    values = Look("values", (1, 3), tiles=(TILE,), values=(0.5, 2.0, -1.0), of=3)
    return Preview(
        "", Whose("random", "Random weights, seed 0.", 0, 4), "Digit 0.",
        outputs=(PortLook("image", "out", (maps(1),)), PortLook("linear", "out", (values,))),
        same=(SameLook("answer", "", "linear", "out"),), answers=(Chance(1, "b", 0.9), Chance(0, "a", 0.1)), classes=3,
        choices=(Choice(0, "a", maps(1)), Choice(1, "b", maps(1))), samples=2, **more,
    )  # fmt: skip


class Engines(FakeEngines):
    stopped = ""


@pytest.fixture
def made(qtbot: Any) -> Iterator[tuple[Document, Engines, Previews, PreviewPanel]]:
    document = Document()
    document.set_catalogue(CARDS)
    document.load(small_design(data="digits"), None)
    engines = Engines()
    previews = Previews(document, engines)
    panel = PreviewPanel(document, previews)
    panel.on_wanted.connect(previews.turn)
    qtbot.addWidget(panel)
    panel.resize(900, 280)
    panel.show()
    analyse(document)
    QTest.mouseClick(panel.empty.button("Preview"), LEFT)
    qtbot.waitUntil(lambda: bool(engines.started))
    yield document, engines, previews, panel


def analyse(document: Document) -> None:
    document.set_analysis(Analysis(document.revision, valid=True, partial=False))


def asked(engines: Engines) -> GetPreview:
    request = engines.started[-1].request
    assert isinstance(request, GetPreview)
    return request


def test_an_edit_dims_what_is_shown_until_the_next_answer(made: Any, qtbot: Any) -> None:
    document, engines, previews, panel = made
    assert "Running the sample" in panel.empty.text
    engines.started[-1].finished.emit(answer())
    assert not previews.old and previews.thumb("answer").values == (0.5, 2.0, -1.0)
    count = len(engines.started)
    document.edit("Move", lambda d: replace(d, recipe=replace(d.recipe, epochs=3)))
    analyse(document)
    assert previews.old and previews.told is not None
    qtbot.waitUntil(lambda: len(engines.started) > count)
    engines.started[-1].failed.emit("One sample takes 9.1 GB.")
    assert "9.1 GB" in panel.notice.text and previews.old, "the last pictures stay, dimmed"
    count = len(engines.started)
    document.edit("Back", lambda d: replace(d, recipe=replace(d.recipe, epochs=4)))
    problem = Problem("error", "linear", "linear", "", "linear", "", "engine-ended", "linear: it hung.")
    document.set_analysis(Analysis(document.revision, valid=False, partial=True, problems=(problem,)))
    qtbot.wait(200)
    assert len(engines.started) == count and "it hung" in panel.notice.text, "it would end the next engine, too"
    document.load(Design(), None)
    assert previews.told is None and previews.trouble == ""


def test_the_last_run_is_taken_by_itself_and_others_are_offered(
    made: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    document, engines, previews, panel = made
    engines.started[-1].finished.emit(answer())
    assert asked(engines).run == "" and previews.source == RANDOM
    runs = Runs.of(document, engines)
    runs.start(Recipe(data="digits"), "auto")
    engines.started[-1].finished.emit(Trained("", "runs/untitled-1", False, 3, Settings(loss=0.1)))
    qtbot.waitUntil(lambda: isinstance(engines.started[-1].request, GetPreview))
    assert asked(engines).run == "runs/untitled-1"
    engines.started[-1].finished.emit(answer())
    titles = [panel.side.weights.itemText(i) for i in range(panel.side.weights.count())]
    assert titles == ["Run untitled-1 (just now)", "Random, seed 0", "From a file…"]
    count = len(engines.started)
    panel.side.weights.activated.emit(1)
    qtbot.waitUntil(lambda: len(engines.started) > count)
    assert asked(engines).run == "" and previews.weights == RANDOM
    engines.started[-1].finished.emit(answer())
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "own.pt"), ""))
    panel.side.weights.activated.emit(2)
    qtbot.waitUntil(lambda: asked(engines).file == str(tmp_path / "own.pt"))
    engines.started[-1].failed.emit("own.pt cannot be opened.")
    assert panel.side.weights.currentText() == "File own.pt" and "cannot be opened" in panel.notice.text
    previews.use("")
    assert previews.source == "run:runs/untitled-1"
    document.load(DIGITS, None)
    assert previews.source == RANDOM, "the run is another drawing's"
    document.load(small_design(data="digits"), None)
    count = len(engines.started)
    analyse(document)
    qtbot.waitUntil(lambda: len(engines.started) > count)
    engines.started[-1].finished.emit(answer())
    runs.all[0].ended -= 130
    panel.refresh()
    assert panel.side.weights.itemText(0) == "Run untitled-1 (2 min ago)"


def test_heads_and_classes_are_chosen(made: Any, qtbot: Any) -> None:
    _document, engines, previews, panel = made
    engines.started[-1].finished.emit(answer())
    previews.look_at(["linear"])
    qtbot.waitUntil(lambda: asked(engines).detail == "linear")
    attention = (Inside("linear", "a.attend", maps(3, form="heat")), Inside("linear", "b.attend", maps(2, form="heat")))
    values = Look("values", (1, 3), tiles=(TILE,), values=(0.5, 2.0, -1.0), of=3)
    engines.started[-1].finished.emit(answer(detail=(PortLook("linear", "out", (values,)),), attention=attention))
    assert panel.title.text() == "linear" and panel.values.isVisible() and not panel.bars.isVisible()
    assert panel.view.about(1) == "Class b: 2"
    panel.what.setCurrentIndex(1)
    panel.what.activated.emit(1)
    assert [panel.part.itemText(i) for i in range(panel.part.count())] == ["All heads", "Head 0", "Head 1", "Head 2"]
    assert panel.part.isVisible() and panel.grid.isVisible() and panel.grid.only is None
    QTest.mouseClick(panel.grid, LEFT, pos=panel.grid.place(1).center().toPoint())
    assert panel.grid.only == 1 and panel.part.currentText() == "Head 1" and "Head 1: 0 to 1" in panel.about.text()
    QTest.mouseClick(panel.grid, LEFT, pos=panel.grid.place(1).center().toPoint())
    assert panel.grid.only is None
    panel.refresh()
    assert panel.what.currentText() == "Attention 1 of 2", "an answer leaves what one looks at"
    for widget in (panel.grid, panel.side.row, panel):
        assert colours(widget.grab().toImage()) > 2
    previews.look_at([])
    previews.ask_class(2)
    qtbot.waitUntil(lambda: asked(engines).target == 2 and asked(engines).detail == "")


def test_pictures_are_those_of_the_bytes() -> None:
    (grey, _other) = images(maps(2))
    assert [grey.pixelColor(x, 1).value() for x in range(4)] == [4, 5, 6, 7]
    (heat,) = images(maps(1, form="heat"))
    light = [QColor(heat.pixel(i % 4, i // 4)).lightness() for i in range(16)]
    assert light == sorted(light), "more heat is lighter"
    colour = Look("colour", (1, 3, 1, 2), 2, 1, bytes((255, 0, 0, 0, 0, 255)), (TILE,), of=1)
    assert [images(colour)[0].pixelColor(x, 0).name() for x in range(2)] == ["#ff0000", "#0000ff"]
    assert images(replace(maps(3), pixels=bytes(20))) != [] and len(images(replace(maps(3), pixels=bytes(20)))) == 1


def colours(image: QImage) -> int:
    return len({image.pixel(x, y) for x in range(0, image.width(), 3) for y in range(0, image.height(), 3)})


# on the canvas --------------------------------------------------------------------------------------------------------


CROWDED = Design(
    nodes=(
        placed("image", "Input", 0), placed("conv", "Conv2d", 260), placed("below", "ReLU", 260, 150),
        placed("near", "ReLU", 520), placed("under", "Add", 520, 96), placed("far", "Conv2d", 800, 40),
    ),
    wires=(wire("image", "conv"), wire("conv", "near")),
)  # fmt: skip


def test_pictures_stand_under_the_feet_and_over_no_other_node(qtbot: Any, document: Document) -> None:
    document.load(CROWDED, None)
    view = shown(qtbot, document)
    nodes = view.scene_.nodes
    before = {id: QRectF(item.rect) for id, item in nodes.items()}
    ports = {id: item.port_place("out", output=True) for id, item in nodes.items()}
    tile = QImage(4, 4, QImage.Format.Format_Grayscale8)
    tile.fill(200)
    thumbs = {id: Thumb((tile,) * 3, tip=id) for id in nodes} | {"far": Thumb(values=(1.0, -2.0))}
    view.scene_.cards.turn(thumbs.get)
    faces = {id: item.face for id, item in nodes.items()}
    assert faces["image"].below == faces["far"].below == CARD and not faces["image"].within
    assert faces["near"].within and faces["near"].below == 0, "there is no room: it stands on the node"
    assert {id: item.port_place("out", output=True) for id, item in nodes.items()} == ports
    rects = [item.rect for item in nodes.values()]
    assert not any(a.intersects(b) for i, a in enumerate(rects) for b in rects[i + 1 :])
    for zoom in (1.0, 0.3, 0.1):
        view.set_zoom(zoom)
        assert colours(view.grab().toImage()) > 2
    view.set_zoom(1.0)
    view.scene_.select(["image"])
    with qtbot.waitSignal(view.picture_chosen):
        click_picture(view, "near")
    assert view.selected_ids() == ["near"]
    document.edit("Move", lambda d: edits.move(d, "", {"under": (520, 400)}))
    assert nodes["near"].face.below == CARD and not nodes["near"].face.within, "now there is room"
    assert nodes["near"].picture is thumbs["near"]
    view.scene_.cards.refresh(old=True)
    document.edit("Add", lambda d: edits.add_node(d, "", edits.new_node(d, "", "ReLU", x=1100)))
    assert next(item for id, item in nodes.items() if id not in before).face.below == CARD, "a new node has one too"
    document.undo_stack.undo()
    document.undo_stack.undo()
    view.scene_.cards.turn(None)
    assert {id: item.rect for id, item in nodes.items()} == before
    assert all(item.picture is None for item in nodes.values())
