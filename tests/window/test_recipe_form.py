"""The recipe's form under "More": presets, the rate's curve, the rate finder, rules for single nodes; by mouse and
keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractSpinBox, QCheckBox, QComboBox, QLineEdit, QWidget

from app.design.presets import PRESETS
from app.design.usual import usual_loss
from app.design.values import NodeRule, Recipe
from app.messages import Analysis
from app.messages.recipe import CountSamples, FindRate, RateFound, Samples
from app.messages.reports import NodeReport
from app.window.document import Document
from app.window.fold import Fold
from app.window.theme import theme
from app.window.training import TrainingPanel
from blocks.card import Page
from tests.window.fake_engines import CARDS, DEVICES, FakeEngines, small_design
from tests.window.test_access import controls, faults

LEFT = Qt.MouseButton.LeftButton
BY_ID = {card.id: card for card in CARDS}
NAMES = ("constant", "step", "multi-step", "exponential", "linear", "cosine", "one-cycle", "plateau")
ALL = replace(
    DEVICES,
    optimizers=tuple(Page(name, name, "One.", "", "", "") for name in ("adamw", "sgd", "adam", "rmsprop", "adagrad")),
    schedules=tuple(Page(name, name, "One.", "", "", "") for name in NAMES),
)


@pytest.fixture
def made(qtbot: Any) -> Iterator[tuple[Document, FakeEngines, TrainingPanel]]:
    Fold._open.clear()
    document = Document()
    document.set_catalogue(CARDS)
    document.load(usual_loss(small_design(data="digits", epochs=30), None, BY_ID), None)
    engines = FakeEngines(ALL)
    panel = TrainingPanel(document, engines)
    qtbot.addWidget(panel)
    panel.resize(1200, 1500)
    panel.show()
    panel.activateWindow()
    qtbot.waitUntil(panel.isActiveWindow)
    QTest.mouseClick(panel.form.more, LEFT)
    for fold in panel.form.findChildren(Fold):
        QTest.mouseClick(fold.toggle, LEFT)
    yield document, engines, panel
    Fold._open.clear()


def analysed(document: Document) -> None:
    """As an engine would say: the Linear has weights, and so has what is in a Group."""
    nodes = tuple(
        NodeReport(name, name, "", name.partition("/")[0], "Linear", parameters=count)
        for name, count in (("linear", 650), ("flatten", 0), ("body/0/conv", 9), ("body/1/conv", 9))
    )
    document.set_analysis(Analysis(document.revision, True, False, nodes=nodes))


def typed(field: QWidget, text: str) -> None:
    field.setFocus()
    field.selectAll()  # type: ignore[attr-defined]
    if text:
        QTest.keyClicks(field, text)
    else:
        QTest.keyClick(field, Qt.Key.Key_Delete)
    QTest.keyClick(field, Qt.Key.Key_Return)


def choose(box: QComboBox, value: Any) -> None:
    """Go to an entry with the arrow keys, as one who does not use the mouse."""
    box.setFocus()
    for _ in range(box.count()):
        if box.currentData() == value:
            return
        QTest.keyClick(box, Qt.Key.Key_Down if box.findData(value) > box.currentIndex() else Qt.Key.Key_Up)
    assert box.currentData() == value


def test_a_preset_is_one_step_and_its_reason_and_source_stand_below(made: Any) -> None:
    document, _, panel = made
    form, before = panel.form, document.design.recipe
    assert form.preset.currentIndex() == -1 and not form.reason.isVisible(), "the recipe is no preset yet"
    for each in PRESETS:
        choose(form.preset, each.id)
        assert form.reason.isVisible() and each.reason in form.reason.text() and each.source in form.reason.text()
    recipe = document.design.recipe
    assert (recipe.optimizer, recipe.ema, recipe.epochs, recipe.data) == ("rmsprop", 0.9999, 30, "digits")
    assert form.optimizer.currentText() == "rmsprop" and form.learning_rate.text() == "0.004"
    assert document.undo_stack.undoText() == "Use preset “EfficientNet”"
    document.undo_stack.undo()
    assert form.preset.currentData() == "transformers" and "Touvron" in form.reason.text(), "the list follows undo"
    typed(form.learning_rate, "0.01")
    assert form.preset.currentIndex() == -1 and not form.reason.isVisible(), "a changed preset is none"
    while document.undo_stack.canUndo():
        document.undo_stack.undo()
    assert document.design.recipe == before


NEW = {
    "warm_up": (2.5, "cosine"), "gamma": (0.5, "step"), "every": (7.0, "step"),
    "milestones": ((10.0, 20.0), "multi-step"),
    "plateau": (3, "plateau"), "final": (0.1, "linear"), "momentum": (0.8, "sgd"), "nesterov": (True, "sgd"),
    "beta1": (0.8, "adam"), "beta2": (0.99, "adam"), "alpha": (0.9, "rmsprop"), "eps": (1e-6, "adagrad"),
    "decay_all": (True, ""), "l1": (1e-5, ""), "l2": (1e-4, ""), "clip_norm": (1.0, ""), "clip_value": (0.5, ""),
    "accumulate": (4, ""), "ema": (0.99, ""), "early_stop": (6, ""), "truncate": (20, ""), "workers": (4, ""),
    "precision": ("bf16", ""), "compile": (True, ""),
    "epochs": (12, ""), "batch_size": (0, ""), "seed": (5, ""), "weight_decay": (0.3, ""), "learning_rate": (0.2, ""),
}  # fmt: skip
"""Every field of the recipe: another value, and the schedule or optimizer with which it matters."""


def test_every_field_of_the_recipe_is_edited_and_undone(made: Any) -> None:
    document, _, panel = made
    form = panel.form
    elsewhere = {"data", "validation_share", "test_share", "skip_bad_samples", "weights", "weights_by", "augment"}
    assert set(NEW) | elsewhere | {"optimizer", "schedule", "nodes"} == set(Recipe.__struct_fields__), "all are there"
    for name, (value, needs) in NEW.items():
        if needs:
            choose(form.schedule if needs in NAMES else form.optimizer, needs)
        field = form.details.more.fields.get(name) or getattr(form, name)
        before = document.design.recipe
        assert field.isVisible() and getattr(before, name) != value, name
        match field:
            case QCheckBox():
                QTest.mouseClick(field, LEFT, pos=QPoint(8, field.height() // 2))
            case QComboBox():
                choose(field, value)
            case QAbstractSpinBox() | QLineEdit():
                typed(field, ", ".join(f"{v:g}" for v in value) if isinstance(value, tuple) else f"{value:g}")
        assert document.design.recipe == replace(before, **{name: value}), name
        assert document.undo_stack.undoText() == f"Change {name.replace('_', ' ')}"
        document.undo_stack.undo()
        assert document.design.recipe == before, name
        document.undo_stack.redo()
        assert document.design.recipe == replace(before, **{name: value}), name


def test_only_what_matters_is_shown_and_the_usual_value_stands_in_an_empty_field(made: Any) -> None:
    document, _, panel = made
    form, fields = panel.form, panel.form.details.more.fields
    shown = {name for name, field in fields.items() if field.isVisible()}
    assert {"warm_up", "final", "beta1", "eps"} <= shown and not {"momentum", "alpha", "gamma"} & shown
    assert fields["warm_up"].placeholderText() == "1.5" and fields["decay_all"].currentText() == "Usual: off"
    choose(form.optimizer, "sgd")
    choose(form.schedule, "one-cycle")
    shown = {name for name, field in fields.items() if field.isVisible()}
    assert {"momentum", "nesterov"} <= shown and not {"beta1", "eps", "warm_up", "final", "gamma"} & shown
    assert fields["momentum"].placeholderText() == "0.9" and fields["decay_all"].currentText() == "Usual: on"
    typed(fields["momentum"], "0.5")
    typed(fields["momentum"], "")
    assert document.design.recipe.momentum is None, "an emptied field is the usual value again"


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [("ema", "1", "below 1"), ("clip_norm", "-1", "at least 0"), ("final", "2", "at most 1"), ("l1", "x", "no number")],
)  # fmt: skip
def test_what_cannot_be_taken_keeps_training_from_starting(made: Any, name: str, text: str, why: str) -> None:
    document, engines, panel = made
    before, field = document.design.recipe, panel.form.details.more.fields[name]
    typed(field, text)
    assert why in field.toolTip() and document.design.recipe == before
    assert not panel.start() and why in panel.empty.text and not engines.started


def test_the_curve_shows_the_schedule_before_training(made: Any) -> None:
    _, _, panel = made
    form, plot = panel.form, panel.form.details.curve
    choose(form.schedule, "step")
    typed(form.details.more.fields["every"], "10")
    points = plot.points
    assert points[0][1] == pytest.approx(1e-3) and points[-1][1] == pytest.approx(1e-5)
    assert {round(y, 9) for x, y in points} == {1e-3, 1e-4, 1e-5}, "it falls twice"
    assert max(x for x, y in points if y > 5e-4) == pytest.approx(10, abs=0.1)
    assert "begins at 0.001" in plot.accessibleDescription() and "ends at 1e-05" in plot.accessibleDescription()

    image, colour = plot.grab().toImage(), theme.color("accent")
    scale = image.width() / plot.width()

    def heights(share: float) -> list[int]:
        """Where the line is drawn in the column at this share of the run, from the top."""
        x = round((58 + share * (plot.width() - 66)) * scale)
        pixels = (image.pixelColor(x, y) for y in range(image.height()))
        return [y for y, p in enumerate(pixels) if abs(p.hue() - colour.hue()) < 12 and p.saturation() > 90]

    first, middle, last = heights(0.1), heights(0.5), heights(0.9)
    assert first and middle and last, "the line is drawn"
    assert max(first) < image.height() * 0.3 < image.height() * 0.6 < min(middle) < min(last) + 10
    QTest.mouseMove(plot, QPoint(58 + (plot.width() - 66) // 2, 40))
    assert plot.said.startswith("epoch 15") and plot.said.endswith("rate 0.0001")

    typed(form.details.more.fields["every"], "0")
    choose(form.schedule, "plateau")
    assert "multiplied by 0.1" in form.details.remark.text() and form.details.remark.isVisible()
    choose(form.schedule, "cosine")
    typed(form.details.more.fields["warm_up"], "15")
    high = max(plot.points, key=lambda p: p[1])
    assert high[0] == pytest.approx(15, abs=0.2) and plot.points[-1][1] < 1e-5 and not form.details.remark.isVisible()


def test_epochs_and_samples_are_shown_with_their_arithmetic(made: Any, qtbot: Any) -> None:
    document, engines, panel = made
    assert not panel.form.arithmetic.isVisible() and not engines.started
    analysed(document)
    qtbot.waitUntil(lambda: bool(engines.started))
    (job,) = engines.started
    assert isinstance(job.request, CountSamples) and job.request.design is document.design
    job.finished.emit(Samples("", (("train", 1257), ("validation", 270), ("test", 270))))
    assert panel.form.arithmetic.text() == "1,257 samples / 64 = 20 steps, × 30 epochs = 600"
    typed(panel.form.details.more.fields["accumulate"], "3")
    assert panel.form.arithmetic.text() == "1,257 samples / 64 = 20 batches, / 3 = 7 steps, × 30 epochs = 210"
    typed(panel.form.batch_size, "0")
    assert panel.form.batch_size.text() == "largest" and document.design.recipe.batch_size == 0
    assert panel.form.arithmetic.text() == "1,257 samples in batches as large as fit, × 30 epochs"
    assert len(engines.started) == 1, "it is counted once"


def test_a_rate_is_searched_for_cancelled_and_taken(made: Any) -> None:
    document, engines, panel = made
    box = panel.form.details.finder
    QTest.mouseClick(box.search, LEFT)
    (job,) = engines.started
    assert isinstance(job.request, FindRate) and job.request.device == "auto" and box.search.text() == "Cancel"
    QTest.mouseClick(box.search, LEFT)
    assert job.cancelled
    job.failed.emit("The search for a learning rate was stopped.")
    assert box.search.text() == "Find a rate" and "was stopped" in box.said.text() and not box.use.isVisible()

    QTest.mouseClick(box.search, LEFT)
    rates = tuple(1e-7 * 10 ** (i / 10) for i in range(70))
    losses = tuple(2.3 - 0.03 * i if i < 60 else 0.5 + (i - 60) for i in range(70))
    engines.started[1].finished.emit(RateFound("", rates, losses, 0.01, "A tenth of the lowest."))
    assert box.plot.isVisible() and len(box.plot.points) == 70 and box.plot.chosen == 0.01
    QTest.mouseClick(box.use, LEFT)
    assert document.design.recipe.learning_rate == 0.01 and panel.form.learning_rate.text() == "0.01"
    document.undo_stack.undo()
    assert document.design.recipe.learning_rate == 0.001

    QTest.mouseClick(box.search, LEFT)
    document.load(small_design(), None)
    assert engines.started[2].cancelled and not box.plot.isVisible(), "another drawing has no rate yet"
    QTest.mouseClick(box.search, LEFT)
    assert len(engines.started) == 3 and "Choose data first" in box.said.text()


def test_single_nodes_have_their_own_rate_and_are_frozen_and_unfrozen(made: Any) -> None:
    document, _, panel = made
    rules = panel.form.details.rules
    assert not rules.add.isEnabled(), "nothing is known of the nodes' weights yet"
    analysed(document)
    offered = [rules.nodes.itemText(i) for i in range(rules.nodes.count())]
    assert offered == ["linear", "body", "body/conv"], "Groups too; repetitions are one; what has no weights is not"
    QTest.mouseClick(rules.add, LEFT)
    assert document.design.recipe.nodes == (NodeRule("linear", rate=0.1),)
    assert document.undo_stack.undoText() == "Train linear otherwise"
    rate, unfreeze, freeze = rules.lines["linear"]
    typed(rate, "0.25")
    typed(unfreeze, "3")
    typed(freeze, "8")
    assert document.design.recipe.nodes == (NodeRule("linear", 0.25, 3, 8),)
    for wanted in (NodeRule("linear", 0.25, 3), NodeRule("linear", 0.25), NodeRule("linear", 0.1)):
        document.undo_stack.undo()
        assert document.design.recipe.nodes == (wanted,)
    assert (rate.text(), unfreeze.text(), freeze.text()) == ("0.1", "never", "never"), "the fields follow undo"
    typed(rate, "0")
    assert "above 0" in rate.toolTip() and not panel.start() and "Rate of linear" in panel.empty.text
    rules.nodes.setFocus()
    QTest.keyClick(rules.nodes, Qt.Key.Key_Down)
    QTest.mouseClick(rules.add, LEFT)
    assert [rule.node for rule in document.design.recipe.nodes] == ["linear", "body/conv"]
    QTest.mouseClick(rules.removes["linear"], LEFT)
    assert [rule.node for rule in document.design.recipe.nodes] == ["body/conv"] and list(rules.lines) == ["body/conv"]


def test_every_control_has_a_name(made: Any) -> None:
    document, _, panel = made
    analysed(document)
    QTest.mouseClick(panel.form.details.rules.add, LEFT)
    assert len(controls(panel)) > 30 and faults(panel) == []


def test_a_rate_is_found_and_a_search_is_cancelled_in_the_whole_window(real_window: Any, qtbot: Any) -> None:
    from tests.engine.designs import digits

    window = real_window
    Fold._open.clear()
    drawn = digits()
    window.document.load(replace(drawn, recipe=replace(drawn.recipe, data="digits")), None)
    window.bottom.show_tab("Training")
    panel = window.findChild(TrainingPanel)
    form, box = panel.form, panel.form.details.finder
    qtbot.waitUntil(form.arithmetic.isVisible, timeout=60_000)
    assert form.arithmetic.text().startswith("1,257 samples / 64 = 20 steps")
    QTest.mouseClick(form.more, LEFT)
    QTest.mouseClick(box.toggle, LEFT)
    QTest.qWait(50)  # it is laid out
    QTest.mouseClick(box.search, LEFT)
    assert box.search.text() == "Cancel"
    QTest.mouseClick(box.search, LEFT)
    qtbot.waitUntil(lambda: box.search.text() == "Find a rate", timeout=60_000)
    assert "stopped" in box.said.text() and box.found is None
    QTest.mouseClick(box.search, LEFT)
    qtbot.waitUntil(lambda: box.found is not None, timeout=60_000)
    assert 1e-4 < box.found.rate < 1 and box.plot.isVisible()
    QTest.mouseClick(box.use, LEFT)
    assert window.document.design.recipe.learning_rate == box.found.rate
    window.document.undo_stack.setClean()
    Fold._open.clear()
