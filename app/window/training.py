"""The training panel: the recipe at the left; how the run stands, what it lacks, its curves at the right."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.design.usual import has_loss, usual_loss, usual_words
from app.messages import Progress
from app.messages.data import Dataset
from app.messages.training import Carried
from app.window import parts
from app.window import theme as look
from app.window.curves import Curves, in_words
from app.window.document import Document
from app.window.notice import Button, Notice, fill
from app.window.recipe_form import RecipeForm
from app.window.run_pages import RunPages
from app.window.runs import CLOSELY, FAILED, FINISHED, LIGHTLY, Run, Runs
from app.window.shelf import Shelf
from app.window.theme import theme

REDRAW = 80
"""Milliseconds between two drawings of the curves: reports come faster than one can see."""


def time_left(seconds: float) -> str:
    """A duration to come: "40 s left", "2 min left", "1 h 5 min left"."""
    if seconds < 59.5:
        return f"{max(round(seconds), 1)} s left"
    minutes = max(round(seconds / 60), 1)
    if minutes < 60:
        return f"{minutes} min left"
    return f"{minutes // 60} h {minutes % 60} min left"


def status_line(progress: Progress, rate: float = 0.0) -> str:
    """Where a run stands: "epoch 3 / 10 · 1,930 samples/s · 2 min left"."""
    parts = [f"epoch {min(max(progress.epoch, 1), progress.epochs)} / {progress.epochs}"]
    if rate := progress.rate or rate:
        parts.append(f"{rate:,.0f} samples/s" if rate >= 10 else f"{rate:.1f} samples/s")
    if progress.left is not None:
        parts.append(time_left(progress.left))
    return " · ".join(parts)


def values_line(values: dict[str, Any]) -> str:
    """The values of a split in words, metrics first: "accuracy 98.3 %, loss 0.0612"."""
    names = sorted((n for n, v in values.items() if isinstance(v, int | float)), key=lambda name: name == "loss")
    return ", ".join(
        f"{name} {values[name]:.1%}".replace("%", " %")
        if "accuracy" in name and 0 <= values[name] <= 1
        else f"{name} {in_words(float(values[name]))}"
        for name in names
    )


class TrainingPanel(QWidget):
    """Trains the drawing with its recipe. `start` and `stop` serve the window's Train button too."""

    running_changed = Signal(bool)
    problems_wanted = Signal()
    """The user wants to see the problems that keep the design from being trained."""
    try_wanted = Signal()
    export_wanted = Signal()
    node_wanted = Signal(str)
    """The path of a node that the user wants to see."""

    def __init__(
        self, document: Document, engines: Any, parent: QWidget | None = None, shelf: Shelf | None = None
    ) -> None:
        super().__init__(parent)
        self._document, self._engines, self._shelf = document, engines, shelf
        self.runs = Runs.of(document, engines)
        self._was_running = False
        self.curves: Curves | None = None
        self.views: RunPages | None = None
        """The curves, the confusion matrices, and the layers."""
        self.form = RecipeForm(document, engines, self)
        self.start_button = parts.button("Start", "primary", "Train the drawing with this recipe")
        self.pause_button = parts.button("Pause", "", "Hold the run between two steps; its checkpoint is written")
        self.stop_button = parts.button("Stop", "", "Write a checkpoint and end the run; best and last weights stay")
        self.bar = QProgressBar(self)
        self.status = parts.label("", "monosoft")
        self.notice = Notice(self)
        self.empty = Notice(self, tall=True)
        self._pages = QStackedWidget(self)
        self._arrange()
        self._redraw = QTimer(self)
        self._redraw.setSingleShot(True)
        self._redraw.setInterval(REDRAW)
        self._redraw.timeout.connect(self._draw)
        self.start_button.clicked.connect(self.start)
        self.pause_button.clicked.connect(self.pause)
        self.stop_button.clicked.connect(self.stop)
        self.form.refusal_changed.connect(self._refresh)
        self.runs.changed.connect(self._run_changed)
        self.runs.looked.connect(lambda run: self._redraw.start() if run is self.runs.last else None)
        document.changed.connect(lambda *_: self._refresh())
        document.opened.connect(self._opened)
        document.analysed.connect(self._refresh)
        document.catalogue_changed.connect(self._refresh)
        theme.changed.connect(self._paint)
        if shelf is not None:
            shelf.changed.connect(lambda: self._lay_over() if shelf.over else None)
            shelf.over_changed.connect(self._lay_over)
        engines.devices.connect(self._devices)
        self._devices(engines.last_devices)
        self._paint()
        self._draw()  # a run that was opened from the list, say, before this panel was made

    def _arrange(self) -> None:
        left = QWidget(self)
        left.setFixedWidth(376)
        scroll = QScrollArea(left)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(self.form)
        self.form.setObjectName("content")
        form = QVBoxLayout(left)
        form.setContentsMargins(0, 0, 0, 0)
        form.setSpacing(8)
        form.addWidget(scroll, 1)
        below = QHBoxLayout()
        below.setSpacing(8)
        below.addWidget(self.start_button, 1)
        below.addWidget(self.pause_button, 1)
        below.addWidget(self.stop_button, 1)
        below.addWidget(self.form.more)
        form.addLayout(below)

        self.status.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        self._progress = QWidget(self)
        progress = QHBoxLayout(self._progress)
        progress.setContentsMargins(0, 0, 0, 0)
        progress.setSpacing(12)
        progress.addWidget(self.bar, 1)
        progress.addWidget(self.status)
        self._pages.addWidget(self.empty)
        right = QVBoxLayout()
        right.setSpacing(8)
        right.addWidget(self._progress)
        right.addWidget(self.notice)
        right.addWidget(self._pages, 1)
        body = QWidget()
        layout = QHBoxLayout(body)
        layout.setContentsMargins(20, 12, 20, 12)
        layout.setSpacing(20)
        layout.addWidget(left)
        layout.addLayout(right, 1)
        fill(self, body, 740)

    def _paint(self) -> None:
        self.start_button.setIcon(look.icon("play", theme.color("on_accent").name()))
        self.stop_button.setIcon(look.icon("square"))
        held = self.runs.last is not None and self.runs.last.pausing
        self.pause_button.setIcon(look.icon("play" if held else "pause"))

    # starting and ending ----------------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return self.runs.active

    def start(self) -> bool:
        """Start a run of the drawing as it stands; False when something is missing: the panel says what."""
        if (focused := QApplication.focusWidget()) is not None and self.form.isAncestorOf(focused):
            self.form.setFocus()  # a field that is being typed in gives its value
        if self.running or self._missing() is not None:
            self._refresh()
            return False
        self.runs.start(self._document.design.recipe, self.form.device, watch=self._watch)
        return True

    def resume(self) -> bool:
        """Go on with the last run from its last checkpoint."""
        if self.running or self.runs.last is None:
            return False
        self.runs.start(self._document.design.recipe, self.form.device, resume=True, watch=self._watch)
        return True

    def carry_on(self) -> bool:
        """Start a run of the drawing as it stands now with the weights of the last run, as far as they fit."""
        last = self.runs.continuable
        if self.running or last is None or self._missing() is not None:
            self._refresh()
            return False
        self.runs.start(self._document.design.recipe, self.form.device, begin_with=last.folder, watch=self._watch)
        return True

    def pause(self) -> None:
        """Hold the run between two steps, or let it go on."""
        if self.running and (run := self.runs.last) is not None:
            self.runs.pause(not run.pausing)

    def stop(self) -> None:
        """End the run; it writes a checkpoint first."""
        if self.running:
            self.runs.stop()
            self._refresh()

    def add_usual_loss(self) -> bool:
        """Add the data's usual loss and metric to the drawing, as one undo step."""
        return self._document.edit(
            "Add the usual loss",
            lambda design: usual_loss(design, self.form.dataset, self._document.catalogue),
        )

    @property
    def _watch(self) -> str:
        return CLOSELY if self.views is not None and self.views.layers.closely.isChecked() else LIGHTLY

    # what is shown ----------------------------------------------------------------------------------------------------

    def _devices(self, devices: Any) -> None:
        self.form.set_devices(devices)
        self._refresh()

    def _run_changed(self, run: Run) -> None:
        if run is not self.runs.last:
            return
        self._refresh()
        if not run.active:
            self._redraw.stop()
            self._draw()
        elif not self._redraw.isActive():
            self._redraw.start()
        self._tell_running()

    def _opened(self) -> None:
        """Show the runs of the drawing that is shown now."""
        self._redraw.stop()
        self._refresh()
        self._draw()
        self._tell_running()

    def _tell_running(self) -> None:
        if self.running != self._was_running:
            self._was_running = self.running
            self.running_changed.emit(self._was_running)

    def _refresh(self) -> None:
        """Show how things stand: the buttons, the progress and the sentence."""
        run = self.runs.last
        running = self.running
        focused = QApplication.focusWidget()
        had_focus = focused is not None and self.isAncestorOf(focused)
        self.start_button.setVisible(not running)
        self.stop_button.setVisible(running)
        self.stop_button.setEnabled(run is None or not run.stopping)
        self.pause_button.setVisible(running)
        self.pause_button.setEnabled(run is None or not run.stopping)
        self.pause_button.setText("Go on" if run is not None and run.pausing else "Pause")
        self._paint()
        self._progress.setVisible(running)
        if running:
            assert run is not None
            self._show_progress(run)
        first = ("info", "No run yet: its curves will stand here.", ())  # the button stands beside it
        said = self._missing() or self._ended() or first
        curves = self.curves is not None and run is not None and bool(run.points)
        if running:
            self._say_carried(run)
            self.empty.say("none", "The curves begin with the first steps." if not curves else "")
        elif curves:
            self.notice.show()
            self.notice.say(said[0], said[1], *said[2])
        else:
            self.notice.hide()
            self.empty.say(said[0], said[1], *said[2])
        self._pages.setCurrentWidget(self.views if curves and self.views is not None else self.empty)
        if had_focus and focused is not None and not focused.isVisible():
            # The button that was pressed is gone: the keys must not fall to some other part of the window.
            (self.stop_button if running else self.start_button).setFocus()

    def _say_carried(self, run: Run | None) -> None:
        """While a run goes on: which weights of another one it began with."""
        carried = run.carried if run is not None else None
        self.notice.setVisible(carried is not None)
        if carried is not None:
            name = re.split(r"[/\\]", carried.of.rstrip("/\\"))[-1]
            self.notice.say(
                "info", f"Continues {name}: {carried.summary}.", ("Show weights", lambda: self._show_carried(carried)),
                main=False,
            )  # fmt: skip

    def _show_carried(self, carried: Carried) -> None:
        from app.window.carried_dialog import CarriedDialog

        dialog = CarriedDialog(carried, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _show_progress(self, run: Run) -> None:
        progress = run.progress
        if run.stopping:
            self.status.setText("Stopping: the checkpoint is written")
        elif run.pausing:
            where = f"epoch {progress.epoch} / {progress.epochs}" if progress is not None else ""
            said = f"Paused · {where}" if run.paused else "Pausing: the step is finished"
            self.status.setText(said.rstrip(" ·"))
        elif progress is None:
            self.status.setText("Resuming" if run.resumed else "The engine is starting")
        else:
            self.status.setText(status_line(progress, run.rate))
        self.bar.setRange(0, 1000 if progress is not None and progress.steps else 0)
        if progress is not None and progress.steps:
            self.bar.setValue(round(1000 * progress.step / progress.steps))

    def _missing(self) -> tuple[str, str, tuple[Button, ...]] | None:
        """What keeps the drawing from being trained, with the button that helps; None when nothing does."""
        document, analysis = self._document, self._document.analysis
        if self.form.refusal:
            return "error", self.form.refusal, ()
        if not document.design.nodes:
            return "info", "Nothing is drawn yet: drag blocks from the palette onto the canvas.", ()
        if analysis is not None and not analysis.valid:
            first = next((p for p in analysis.problems if p.severity == "error"), None)
            why = first.message if first else "The design has errors."
            return "error", why, (("Show problems", self.problems_wanted.emit),)
        if document.catalogue and not has_loss(document.design, document.catalogue):
            offer = f"Add the usual one ({usual_words()})"
            return "info", "This design has no loss, so training has no aim.", ((offer, self.add_usual_loss),)
        if not document.design.recipe.data:
            return "info", "No data is chosen to train on.", (self._data_offer(),)
        dataset = self.form.dataset
        if dataset is not None and dataset.needs_path and not document.design.recipe.data.partition(":")[2]:
            return "info", f"{dataset.title} needs a path: choose where the data lies.", (
                ("Browse", self.form.browse.click),
            )
        return None

    def _data_offer(self) -> Button:
        """The data that fits what is drawn, or the list of all."""
        fitting = self._fitting_data()
        if fitting is not None:
            return f"Use {fitting.title[:1].lower()}{fitting.title[1:]}", lambda: self.form.choose_data(fitting.kind)
        return "Choose data", self.form.data.showPopup

    def _fitting_data(self) -> Dataset | None:
        analysis, devices = self._document.analysis, self._engines.last_devices
        if analysis is None or devices is None:
            return None
        shapes = {tuple(tensor.shape[1:]) for named in analysis.inputs for tensor in named.tensors}
        return next((d for d in devices.datasets if not d.needs_path and tuple(d.sample) in shapes), None)

    def _ended(self) -> tuple[str, str, tuple[Button, ...]] | None:
        run = self.runs.last
        if run is None or run.active:
            return None
        if run.state == FAILED:
            again: tuple[Button, ...] = (("Start again", self.start),)
            resume: tuple[Button, ...] = (("Resume", self.resume),) if run.progress is not None else ()
            return "error", run.message, (*resume, *again, *self._continue_button())
        test = f"test {values_line(dict(run.values))}" if run.values else "no test values"
        epochs = f"{run.epochs} epoch{'' if run.epochs == 1 else 's'}"
        word = "Finished" if run.state == FINISHED else "Stopped"
        sentence = f"{word} after {epochs}: {test}. The run is {run.name}."
        buttons: tuple[Button, ...] = (("Try", self.try_wanted.emit), ("Export", self.export_wanted.emit))
        if run.state != FINISHED:
            buttons = (*buttons, ("Resume", self.resume))
        buttons = (*self._continue_button(), *buttons)
        return "ok" if run.state == FINISHED else "info", sentence, buttons

    def _continue_button(self) -> tuple[Button, ...]:
        changed = self.runs.continuable is not None
        return (("Continue with the changed design", self.carry_on),) if changed else ()

    def _lay_over(self) -> None:
        """Draw the runs that were chosen in the list over the one that is shown."""
        run, shelf = self.runs.last, self._shelf
        if self.curves is None or shelf is None:
            return
        own = Path(run.folder).absolute() if run is not None else None
        self.curves.lay_over(shelf.shown([path for path in shelf.over if path != own]))

    def _draw(self) -> None:
        """Draw the curves of the last run."""
        run = self.runs.last
        if run is None or not run.points:
            return
        if self.curves is None or self.views is None:
            self.curves = Curves(self._pages)
            self.views = RunPages(self.curves, self._pages)
            self._pages.addWidget(self.views)
            self._lay_over()
            self.views.layers.chosen.connect(self.node_wanted)
        self.views.show_tables(run.tables)
        self.views.show_layers(run)
        self.curves.show_points(run.points, run.recipe.epochs, run.name)
        self._refresh()
