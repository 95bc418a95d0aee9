"""The training panel, driven by mouse and keys; a fake plays the engine's part."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton

from app.design.file import FileError
from app.design.values import Design, Settings
from app.messages import Analysis, Progress, Train, Trained
from app.messages.reports import Named, Problem, Tensor
from app.window.curves import in_words, nice_ticks, picture, reach, read_metrics
from app.window.document import Document
from app.window.training import TrainingPanel, status_line, time_left
from tests.window.fake_engines import CARDS, DEVICES, FakeEngines, small_design

LEFT = Qt.MouseButton.LeftButton
BY_ID = {card.id: card for card in CARDS}


def click(widget: QPushButton) -> None:
    assert widget.isVisible(), f"{widget.text()} is not shown"
    QTest.mouseClick(widget, LEFT)


def train(engines: FakeEngines, panel: TrainingPanel, epochs: int = 3) -> None:
    click(panel.start_button)
    job = engines.started[-1]
    for epoch in range(1, epochs + 1):
        for step in range(2, 11, 2):
            job.tell(epoch, 10 * (epoch - 1) + step, "train", loss=2 / epoch, accuracy=0.3 * epoch)
        job.tell(epoch, 10 * epoch, "validation", loss=2.1 / epoch, accuracy=0.29 * epoch)


def test_a_run_from_start_to_its_end(made: Any, qtbot: Any) -> None:
    document, engines, panel = made
    heard: list[bool] = []
    panel.running_changed.connect(heard.append)
    click(panel.start_button)
    (job,) = engines.started
    assert isinstance(job.request, Train) and job.request.design is document.design
    assert job.request.run.startswith("runs/untitled-") and job.request.device == "auto"
    assert panel.running and heard == [True] and panel.stop_button.isVisible()
    assert panel.status.text() == "The engine is starting" and panel.bar.maximum() == 0

    train_points = [(1, 5), (1, 10), (2, 15), (2, 20), (3, 25), (3, 30)]
    for epoch, step in train_points:
        job.tell(epoch, step, "train", loss=2 / epoch, accuracy=0.3 * epoch)
        if step % 10 == 0:
            job.tell(epoch, step, "validation", loss=2.1 / epoch, accuracy=0.29 * epoch)
    assert panel.status.text() == "epoch 3 / 3 · 1,930 samples/s · 2 min left", "validation keeps the last rate"
    qtbot.waitUntil(lambda: panel.curves is not None and panel.curves.isVisible())
    x, y = panel.curves.charts["loss"].lines["validation"].getData()
    assert list(x) == [1, 2, 3] and list(y) == [2.1, 1.05, pytest.approx(0.7)]
    assert list(panel.curves.charts) == ["loss", "accuracy"]
    x, _ = panel.curves.charts["accuracy"].lines["train"].getData()
    assert list(x) == [0.5, 1, 1.5, 2, 2.5, 3]

    job.finished.emit(Trained("", "runs/untitled-x", False, 3, Settings(loss=0.0612, accuracy=0.983)))
    assert not panel.running and heard == [True, False] and panel.start_button.isVisible()
    assert panel.notice.text == ("Finished after 3 epochs: test accuracy 98.3 %, loss 0.0612. The run is untitled-x.")
    with qtbot.waitSignal(panel.try_wanted):
        click(panel.notice.button("Try"))
    with qtbot.waitSignal(panel.export_wanted):
        click(panel.notice.button("Export"))


def test_values_under_the_pointer(made: Any, qtbot: Any) -> None:
    _, engines, panel = made
    train(engines, panel)
    qtbot.waitUntil(lambda: panel.curves is not None and panel.curves.isVisible())
    chart = panel.curves.charts["loss"]
    qtbot.waitUntil(lambda: chart.plot.width() > 200)
    assert "0.6667" in chart.legend() and "epoch" not in chart.legend()
    view = chart.plot.getPlotItem().vb

    def said() -> bool:
        at = chart.plot.mapFromScene(view.mapViewToScene(QPointF(1.0, 1.5)))  # the plot may still be laid out
        QTest.mouseMove(chart.plot.viewport(), QPoint(at.x() - 20, at.y()))
        QTest.mouseMove(chart.plot.viewport(), at)
        return "epoch 1.0" in chart.legend()

    qtbot.waitUntil(said)
    assert "2.0000" in chart.legend() and "2.1000" in chart.legend()


def test_the_focus_stays_on_the_button_that_takes_the_other_ones_place(made: Any, qtbot: Any) -> None:
    _, engines, panel = made
    panel.window().activateWindow()
    qtbot.waitUntil(panel.window().isActiveWindow)
    panel.start_button.setFocus()
    QTest.keyClick(panel.start_button, Qt.Key.Key_Space)
    assert panel.stop_button.hasFocus()
    engines.started[0].tell(1, 2, "train", loss=2.0)
    QTest.keyClick(panel.stop_button, Qt.Key.Key_Space)
    assert engines.started[0].cancelled


def test_stop_asks_the_engine_and_says_so(made: Any) -> None:
    _, engines, panel = made
    click(panel.start_button)
    job = engines.started[0]
    job.tell(1, 2, "train", loss=2.0)
    click(panel.stop_button)
    assert job.cancelled and panel.status.text() == "Stopping: the checkpoint is written"
    assert not panel.stop_button.isEnabled()
    job.finished.emit(Trained("", job.request.run, True, 1, Settings()))
    assert panel.empty.text.startswith("Stopped after 1 epoch") or panel.notice.text.startswith("Stopped after 1 epoch")


def test_an_engine_that_dies_leaves_the_curves_and_can_be_resumed_or_started_again(made: Any, qtbot: Any) -> None:
    document, engines, panel = made
    train(engines, panel, epochs=2)
    first = engines.started[0]
    first.failed.emit("The engine for training was killed (signal 9). The drawing is untouched.")
    assert not panel.running and "signal 9" in panel.notice.text
    assert panel.curves.isVisible() and len(panel.curves.charts["loss"].points["validation", "loss"]) == 2
    click(panel.notice.button("Resume"))
    again = engines.started[1].request
    assert again.resume and again.run == first.request.run and again.design is first.request.design
    engines.started[1].tell(2, 15, "train", loss=0.9)
    line = panel.runs.last.points["train", "loss"]
    assert [x for x, _ in line] == sorted({x for x, _ in line}) and line[-1] == (1.5, 0.9), "cut back to the checkpoint"
    engines.started[1].failed.emit("The engine for training was killed (signal 9).")
    click(panel.notice.button("Start again"))
    third = engines.started[2].request
    assert not third.resume and third.run != first.request.run and third.design is document.design
    assert panel.running


def test_without_a_loss_one_click_adds_the_usual_one(made: Any) -> None:
    document, engines, panel = made
    document.load(small_design(data="digits"), None)
    assert panel.empty.text == "This design has no loss, so training has no aim."
    assert not panel.start() and not engines.started
    click(panel.empty.button("Add the usual one (CrossEntropy on label)"))
    assert {n.block for n in document.design.nodes} >= {"Target", "CrossEntropy", "Accuracy"}
    assert document.undo_stack.count() == 1
    assert panel.start() and panel.running
    document.undo_stack.undo()
    assert document.design == small_design(data="digits")


def test_a_design_that_two_losses_could_judge_is_refused_with_a_sentence(made: Any, qtbot: Any) -> None:
    document, _, panel = made
    from app.design.values import Node

    document.load(replace(small_design(data="digits"), nodes=(*small_design().nodes, Node("other", "Output"))), None)
    with qtbot.waitSignal(document.refused) as said:
        click(panel.empty.buttons[0])
    assert "2 outputs" in said.args[0]


def test_a_broken_design_names_its_first_problem_and_leads_to_the_list(made: Any, qtbot: Any) -> None:
    document, _, panel = made
    problem = Problem("error", "linear", "linear", "", "linear", "x", "shape", "linear: needs B C.")
    hint = Problem("hint", "", "", "", "", "", "hint", "A hint.")
    document.set_analysis(Analysis(document.revision, False, True, problems=(hint, problem)))
    assert panel.empty.text == "linear: needs B C." and not panel.start()
    with qtbot.waitSignal(panel.problems_wanted):
        click(panel.empty.button("Show problems"))
    document.set_analysis(Analysis(document.revision, True, False))
    assert panel.start()


def test_data_that_fits_is_offered(made: Any) -> None:
    document, _, panel = made
    document.load(replace(document.design, recipe=replace(document.design.recipe, data="")), None)
    assert panel.empty.text == "No data is chosen to train on."
    panel.empty.button("Choose data")
    inputs = (Named("image", (Tensor((1, 1, 8, 8)),)),)
    document.set_analysis(Analysis(document.revision, True, False, inputs=inputs))
    click(panel.empty.button("Use handwritten digits"))
    assert document.design.recipe.data == "digits" and panel.form.data.currentText() == "Handwritten digits"


def test_data_in_a_folder_asks_for_its_path(made: Any) -> None:
    document, _, panel = made
    assert not panel.form.path.isVisible()
    box = panel.form.data
    box.setFocus()
    QTest.keyClick(box, Qt.Key.Key_Down)
    assert document.design.recipe.data == "images"
    assert panel.form.path.isVisible() and panel.form.browse.isVisible() and "needs a path" in panel.empty.text
    QTest.mouseClick(panel.form.path, LEFT)
    QTest.keyClicks(panel.form.path, "/data/flowers")
    QTest.keyClick(panel.form.path, Qt.Key.Key_Return)
    assert document.design.recipe.data == "images:/data/flowers"
    assert "needs a path" not in panel.empty.text


def test_the_form_edits_the_recipe_and_undo_brings_it_back(made: Any) -> None:
    document, _, panel = made
    form = panel.form
    QTest.mouseDClick(form.epochs.lineEdit(), LEFT)
    form.epochs.selectAll()
    QTest.keyClicks(form.epochs, "25")
    QTest.keyClick(form.epochs, Qt.Key.Key_Return)
    form.learning_rate.selectAll()
    QTest.keyClicks(form.learning_rate, "1e-4")
    QTest.keyClick(form.learning_rate, Qt.Key.Key_Return)
    assert (document.design.recipe.epochs, document.design.recipe.learning_rate) == (25, 0.0001)
    assert document.undo_stack.undoText() == "Change learning rate"
    document.undo_stack.undo()
    document.undo_stack.undo()
    assert document.design.recipe.epochs == 3 and form.epochs.value() == 3 and form.learning_rate.text() == "0.001"


def test_a_text_that_is_no_number_is_marked_and_changes_nothing(made: Any) -> None:
    document, _, panel = made
    field = panel.form.learning_rate
    for text, why in (("fast", "no number"), ("0", "above 0"), ("nan", "above 0")):
        field.selectAll()
        QTest.keyClicks(field, text)
        QTest.keyClick(field, Qt.Key.Key_Return)
        assert why in field.toolTip() and document.design.recipe.learning_rate == 0.001
        assert not panel.start(), "no run with another rate than the one that stands in the field"
        assert panel.empty.text.startswith("Learning rate: ") and why in panel.empty.text
    field.selectAll()
    QTest.keyClicks(field, "1e9")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert document.design.recipe.learning_rate == 1e9, "what it does to the loss is the engine's to say"
    assert panel.start()


@pytest.mark.parametrize(
    ("done", "epochs", "end"),
    [(0, 3, 3), (0, 300, 10), (10, 300, 10), (10.1, 300, 20), (180, 300, 200), (201, 300, 300), (301, 300, 301)],
)
def test_the_axis_grows_with_a_long_run(done: float, epochs: float, end: float) -> None:
    assert reach(done, epochs) == end


def test_absent_devices_are_listed_and_say_why(made: Any) -> None:
    _, engines, panel = made
    box = panel.form.device_box
    assert [box.itemText(i) for i in range(box.count())] == ["Automatic", "CPU, 2 cores", "NVIDIA GPU"]
    absent = box.model().item(2)
    assert not absent.isEnabled() and "CPU build" in absent.toolTip()
    box.setFocus()
    QTest.keyClick(box, Qt.Key.Key_Down)
    QTest.keyClick(box, Qt.Key.Key_Down)
    assert panel.form.device == "cpu", "the keys step over what is absent"
    panel.start()
    assert engines.started[0].request.device == "cpu"


def test_before_the_engine_has_spoken_the_recipe_is_shown_all_the_same(qtbot: Any) -> None:
    document, engines = Document(), FakeEngines(None)
    document.load(small_design(data="digits", optimizer="sgd", epochs=7), None)
    panel = TrainingPanel(document, engines)
    qtbot.addWidget(panel)
    assert panel.form.data.currentText() == "digits" and panel.form.epochs.value() == 7
    engines.last_devices = DEVICES
    engines.devices.emit(DEVICES)
    assert panel.form.data.currentText() == "Handwritten digits" and panel.form.optimizer.currentText() == "SGD"
    assert document.undo_stack.count() == 0


def test_an_empty_drawing_invites(qtbot: Any) -> None:
    document = Document()
    panel = TrainingPanel(document, FakeEngines())
    qtbot.addWidget(panel)
    assert "Nothing is drawn yet" in panel.empty.text and not panel.start()
    document.load(Design(), None)


def test_words() -> None:
    assert [time_left(s) for s in (0.2, 40, 59.7, 125, 3900)] == [
        "1 s left", "40 s left", "1 min left", "2 min left", "1 h 5 min left",
    ]  # fmt: skip
    assert status_line(Progress("", 3, 10, 3, 10, left=None)) == "epoch 3 / 10"
    assert [in_words(v) for v in (0.03123, 12.3, 123456.0, 1e-9, 0.0)] == [
        "0.0312", "12.30", "1.2e+05", "1.0e-09", "0.0000",
    ]  # fmt: skip
    assert nice_ticks(0, 10, 5, whole=True) == [0, 2, 4, 6, 8, 10] and nice_ticks(0, 1, 8, whole=True) == [0, 1]
    assert nice_ticks(0.12, 0.97, 4) == [0.25, 0.5, 0.75]
    assert nice_ticks(1, 1, 4) == [1]


def test_a_picture_of_the_curves_from_metrics_csv(tmp_path: Any, qapp: QApplication) -> None:
    table = tmp_path / "metrics.csv"
    rows = ["epoch,step,split,name,value"]
    for step in range(1, 31):
        rows.append(f"{(step - 1) // 10 + 1},{step},train,loss,{2 / step}")
        if step % 10 == 0:
            rows.append(f"{step // 10},{step},validation,loss,{2.2 / step}")
    table.write_text("\n".join(rows))
    points = read_metrics(table)
    assert [x for x, _ in points["validation", "loss"]] == [1, 2, 3] and points["train", "loss"][0] == (0.1, 2.0)
    for dark in (True, False):
        image = picture(table, dark)
        assert (image.width(), image.height()) == (1200, 480)
        colours = {image.pixelColor(x, y).name() for x in range(0, 1200, 2) for y in range(0, 480, 2)}
        assert len(colours) > 20, "curves, axes and words are drawn"


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "epoch,step,split,name,value\n1,x,train,loss,2\n"])
def test_another_table_is_refused_with_a_sentence(tmp_path: Any, text: str) -> None:
    table = tmp_path / "metrics.csv"
    table.write_text(text)
    if text:
        with pytest.raises(FileError, match=r"not a run's metrics\.csv"):
            read_metrics(table)
    else:
        assert read_metrics(table) == {}
    with pytest.raises(FileError, match="cannot be opened"):
        read_metrics(tmp_path / "absent.csv")
