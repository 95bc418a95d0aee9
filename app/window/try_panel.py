"""Try: show the trained network a sample of one's own (a picture, a drawing made here, a row, a text)."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.messages.predictions import GetForm, Predict, Prediction, SampleForm
from app.window import parts
from app.window.answer_view import AnswerView
from app.window.document import Document
from app.window.drawing_pad import GreyView, Pad, png
from app.window.drop_zone import DropZone
from app.window.notice import Notice, fill
from app.window.preview_pictures import images
from app.window.runs import Run, Runs
from app.window.try_inputs import RowInput, TextInput

SEEN = ("digits", "images", "masks", "idx", "cifar", "shapes")
"""Kinds of data that are pictures, whatever lies there."""
INVITES = {
    "pictures": "Show the network a picture, or draw one.",
    "row": "Type the values of a sample, then Enter.",
    "text": "Write how a text begins.",
}
TITLES = {"row": "Values", "text": "Text"}


class TryPanel(QWidget):
    """Sends samples to the network of the last run that was trained, with its best weights."""

    train_wanted = Signal()

    def __init__(self, document: Document, engines: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._engines = engines
        self.runs = Runs.of(document, engines)
        self._run: Run | None = None
        self._job: Any = None
        self._waiting: Predict | None = None
        self.form = ""
        """What the network of the run takes: pictures, row or text; "" while that is not known."""
        self._dropped = False
        """The sample that is being looked at was cleared meanwhile."""
        self.zone = DropZone(self)
        self.pad = Pad(self)
        self.seen = GreyView(self)
        self.row = RowInput(self)
        self.text = TextInput(self)
        self.answer = AnswerView(self)
        self.bars = self.answer.bars
        self.notice = Notice(self)
        self.empty = Notice(self, tall=True)
        self.clear_button = parts.button("Clear")
        self.paste_button = parts.button("Paste")
        self._size = parts.label("", "soft")
        self._size.setMinimumHeight(self.clear_button.sizeHint().height())
        self._of = parts.label("", "soft")
        self._pages = QStackedWidget(self)
        self._inputs = QStackedWidget(self)
        self._arrange()
        self.zone.sample.connect(self._picture)
        self.zone.refused.connect(lambda why: self._say("error", why))
        self.pad.drawn.connect(self._drawing)
        self.clear_button.clicked.connect(self._clear)
        self.paste_button.clicked.connect(self.zone.paste)
        self.row.row.connect(lambda cells: self._send(row=cells))
        self.row.line.connect(lambda line: self._send(text=line))
        self.text.text.connect(lambda text: self._send(text=text))
        self.text.refused.connect(lambda why: self._say("error", why))
        self.runs.changed.connect(lambda _run: self._refresh())
        document.opened.connect(self._refresh)
        self._refresh()

    def _arrange(self) -> None:
        self._of.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        answer = QWidget(self)
        box = QVBoxLayout(answer)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(6)
        box.addWidget(self.notice)
        box.addWidget(self.answer, 1)
        pictures = _columns(
            ("Picture", self.zone, self.paste_button), ("Or draw one", self.pad, self.clear_button),
            ("What the network sees", self.seen, self._size),
        )  # fmt: skip
        for each in (pictures, _columns((TITLES["row"], self.row, None)), _columns((TITLES["text"], self.text, None))):
            self._inputs.addWidget(each)
        columns = QWidget(self)
        row = QHBoxLayout(columns)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(20)
        row.addWidget(self._inputs, 3)
        row.addWidget(_columns(("Answer", answer, self._of)), 2)
        self._pages.addWidget(self.empty)
        self._pages.addWidget(columns)
        body = QWidget()
        layout = QVBoxLayout(body)
        layout.setContentsMargins(20, 12, 20, 12)
        layout.addWidget(self._pages)
        fill(self, body, 740)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Paste) and self._run is not None and self.form == "pictures":
            self.zone.paste()
        else:
            super().keyPressEvent(event)

    def _refresh(self) -> None:
        run = self.runs.trained
        if run is None:
            if self.runs.active:
                self.empty.say("info", "The network is being trained: try it when it is done.")
            else:
                sentence = "Nothing is trained yet: train the network, then try it."
                self.empty.say("info", sentence, ("Train", self.train_wanted.emit))
        elif run is not self._run:
            self._run = run
            self._waiting = None
            self._show(None)
            self._of.setText(f"by the run {run.name}")
            self._find_form(run)
        self._run = run
        self._pages.setCurrentIndex(0 if run is None else 1)

    def _find_form(self, run: Run) -> None:
        """Show the inputs for what a run's network takes; where its data does not tell, the engine is asked."""
        if run.recipe.data.partition(":")[0] in SEEN:
            self._take_form(run, SampleForm("", "pictures", drawn=True))
            return
        self.form = ""
        self._say("info", "It is looked up what the network takes.")
        job = self._engines.run(GetForm("", run.folder))
        job.finished.connect(lambda form: self._take_form(run, form))
        job.failed.connect(lambda why: self._say("error", why) if run is self._run else None)

    def _take_form(self, run: Run, form: SampleForm) -> None:
        if run is not self._run:
            return
        self.form = form.form
        if form.form == "row":
            self.row.show_form(form)
        elif form.form == "text":
            self.text.show_form(form)
        self._inputs.setCurrentIndex(list(INVITES).index(form.form))
        self._say("info", INVITES[form.form])

    def _show(self, prediction: Prediction | None) -> None:
        """Show what the network saw and answered; None for nothing."""
        got = prediction or Prediction("", ())
        seen = images(got.sample.look) if got.sample is not None and got.sample.look is not None else []
        if seen:
            self.seen.show_image(seen[0])
        else:
            self.seen.show_pixels(got.width, got.height, got.seen)
        shown = self.seen.image
        self._size.setText(f"{shown.width()} × {shown.height()} pixels" if shown is not None else "")
        self.answer.show_prediction(prediction)

    def _say(self, tone: str, sentence: str) -> None:
        self.notice.setVisible(bool(sentence))
        self.notice.say(tone, sentence)

    def _clear(self) -> None:
        self.pad.clear()
        self.zone.show_picture(None)
        self._waiting = None
        self._dropped = True
        self._show(None)
        self._say("info", INVITES["pictures"])

    def _drawing(self) -> None:
        self.zone.show_picture(None)
        self.ask(png(self.pad.picture()))

    def _picture(self, sample: bytes) -> None:
        self.pad.clear()
        self.ask(sample)

    def ask(self, sample: bytes) -> None:
        """Show `sample`, the bytes of a picture's file, to the network. Of several that wait the newest is asked."""
        self._send(sample)

    def _send(self, sample: bytes = b"", row: tuple[str, ...] = (), text: str = "") -> None:
        if self._run is None:
            return
        request = Predict("", self._run.folder, sample, row, text)
        if self._job is not None:
            self._waiting = request
            return
        if not self.bars.answers:
            self._say("info", "The network is looking at it.")
        self._dropped = False
        run = self._run
        job = self._job = self._engines.run(request)
        job.finished.connect(lambda prediction: self._answered(run, prediction))
        job.failed.connect(lambda why: self._failed(run, why))

    def _answered(self, run: Run, prediction: Prediction) -> None:
        self._job = None
        if run is self._run and not self._dropped:
            self._say("info", "")
            self._show(prediction)
        self._next()

    def _failed(self, run: Run, why: str) -> None:
        self._job = None
        if run is self._run and not self._dropped:
            self._show(None)
            self._say("error", why)
        self._next()

    def _next(self) -> None:
        request, self._waiting = self._waiting, None
        if request is not None:
            self._send(request.sample, request.row, request.text)


def _columns(*columns: tuple[str, QWidget, QWidget | None]) -> QWidget:
    """Columns side by side, each with its title above and what helps below."""
    made = QWidget()
    row = QHBoxLayout(made)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(20)
    for title, body, foot in columns:
        box = QVBoxLayout()
        box.setSpacing(6)
        box.addWidget(parts.label(title, "heading"))
        box.addWidget(body, 1)
        if foot is not None:
            box.addWidget(foot, 0, Qt.AlignmentFlag.AlignLeft)
        row.addLayout(box)
    return made
