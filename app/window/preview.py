"""The preview: what each node makes of a sample. It holds what is chosen (sample, weights, node, class), asks the
engine while it is on, and keeps the answer for the canvas and for its panel."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.design.values import Design
from app.messages.preview import GetPreview, Look, Preview
from app.window import figures
from app.window.canvas.thumbs import Thumb
from app.window.document import Document
from app.window.preview_pictures import thumb
from app.window.questions import Questions
from app.window.runs import Run, Runs

EDITED = 150
"""Milliseconds that an edit waits for the next before it is previewed."""
AUTO, RANDOM = "", "random"


class Previews(QObject):
    """While it is on, every analysis and every choice is followed by the question how the nodes look."""

    changed = Signal()
    """What is shown, or how it stands, is new."""
    turned = Signal(bool)

    def __init__(self, document: Document, engines: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self.runs = Runs.of(document, engines)
        self._questions = Questions(document, engines, self)
        self.on = False
        self.told: Preview | None = None
        self.old = False
        """What is told is of the drawing, or of the choice, before."""
        self.trouble = ""
        """Why there is no newer answer: a sentence."""
        self.sample = 0
        self.picture = b""
        """The file of a picture of one's own, shown in place of a sample."""
        self.weights = AUTO
        """RANDOM, `run:FOLDER`, `file:PATH`, or AUTO: the last run's where there is one, else random."""
        self.seed = 0
        self.target: int | None = None
        self.node = ""
        """The path of the node that is looked at closely."""
        self._closely = False
        self._asked_for: object = None
        self._run: Run | None = None
        self._thumbs: dict[str, Thumb] = {}
        document.analysed.connect(self._follow)
        document.opened.connect(self._opened)
        self.runs.changed.connect(self._run_changed)

    # what is chosen ---------------------------------------------------------------------------------------------------

    def turn(self, on: bool) -> None:
        """Begin to ask, or stop and forget."""
        if on == self.on:
            return
        self.on = on
        self._asked_for = None
        self._questions.drop()
        self._forget()
        self.turned.emit(on)
        self._follow()

    def show_sample(self, index: int) -> None:
        """Show a sample of the data in place of what was shown."""
        self.sample, self.picture, self.target = index, b"", None
        self._again()

    def show_others(self) -> None:
        """Show samples further on, of the same class where classes take turns."""
        row = len(self.told.choices) if self.told is not None else 0
        count = max(self.told.samples if self.told is not None else 0, 1)
        self.show_sample((self.sample + row) % count if row else random.randrange(2**16))

    def show_picture(self, picture: bytes) -> None:
        """Show a picture of one's own."""
        self.picture, self.target = picture, None
        self._again()

    def use(self, weights: str) -> None:
        """Choose whose weights are shown."""
        self.weights = weights
        self._again()

    def roll(self) -> None:
        """Take other random weights."""
        self.seed, self.weights = random.randrange(1, 10_000), RANDOM
        self._again()

    def ask_class(self, target: int | None) -> None:
        """Ask for the saliency of a class."""
        if target != self.target:
            self.target = target
            self._again()

    def look_at(self, ids: list[str]) -> None:
        """Look closely at the one node of the present graph that is chosen."""
        node = self._document.id_path(ids[0]) if len(ids) == 1 and ids[0] in self._document.graph.by_id else ""
        if node != self.node:
            self.node = node
            if self._closely:
                self._again(fresh=False)

    def set_closely(self, closely: bool) -> None:
        """Whether somebody sees the closer look: nothing is worked out for nobody."""
        if closely != self._closely:
            self._closely = closely
            if closely and self.node and self.on:
                self._again(fresh=False)

    @property
    def source(self) -> str:
        """Whose weights are asked for: RANDOM, `run:FOLDER` or `file:PATH`."""
        if self.weights != AUTO:
            return self.weights
        run = self.runs.trained
        return f"run:{run.folder}" if run is not None and _kin(run.design, self._document.design) else RANDOM

    # asking -----------------------------------------------------------------------------------------------------------

    @property
    def waiting(self) -> bool:
        return self._questions.waiting

    def _opened(self) -> None:
        """Another drawing is shown: nothing that was chosen for the last one is there."""
        self._questions.drop()
        self._asked_for = None
        self.sample, self.picture, self.target, self.node = 0, b"", None, ""
        if self.weights not in (AUTO, RANDOM):
            self.weights = AUTO
        self._forget()

    def _follow(self) -> None:
        design, known = self._document.design, self._document.analysis is not None
        if not known:
            self._opened()
        elif self.on and self._asked_for is not design:
            self._asked_for = design
            if ended := next((p.message for p in self._document.open_problems if p.code == "engine-ended"), ""):
                self._questions.drop()  # what ended one engine would end the next
                self._fail(ended)
            else:
                self._ask(EDITED)

    def _again(self, *, fresh: bool = True) -> None:
        """Ask anew for the same drawing. Where only a closer look is asked for, what is shown stays true."""
        if self.on and self._document.analysis is not None:
            self._asked_for = self._document.design
            self._ask(0, fresh=fresh)
        else:
            self.changed.emit()

    def _ask(self, wait: int, *, fresh: bool = True) -> None:
        self.old = self.old or (fresh and self.told is not None)
        self._questions.ask(self._question, self._take, self._fail, wait=wait)
        self.changed.emit()

    def _question(self) -> GetPreview:
        kind, _, place = self.source.partition(":")
        return GetPreview(
            "", self._document.design, sample=self.sample, picture=self.picture, run=place if kind == "run" else "",
            file=place if kind == "file" else "", seed=self.seed, detail=self.node if self._closely else "",
            target=self.target,
        )  # fmt: skip

    def _take(self, told: Preview) -> None:
        self.told, self.old, self.trouble = told, False, ""
        self._thumbs = {}
        looks = {(p.id, p.port): p.looks for p in told.outputs}
        first: dict[str, tuple[Look, ...]] = {}
        for port in told.outputs:
            first.setdefault(port.id, port.looks)
        for same in told.same:
            first.setdefault(same.id, looks[same.of, same.of_port])
        self._thumbs = {id: thumb(shown) for id, shown in first.items()}
        why = {each.id: each.why for each in told.skipped}
        self._thumbs |= {id: Thumb(words="not run", tip=said) for id, said in why.items() if id not in first}
        self.changed.emit()

    def _fail(self, sentence: str) -> None:
        self.trouble, self.old = sentence, self.told is not None
        self.changed.emit()

    def _forget(self) -> None:
        self.told, self.old, self.trouble = None, False, ""
        self._thumbs = {}
        self.changed.emit()

    def _run_changed(self, run: Run) -> None:
        if run is not self._run and run is self.runs.trained:
            self._run = run
            if self.weights == AUTO and self.on:
                self._again()
                return
        if not run.active:
            self.changed.emit()

    # what is shown ----------------------------------------------------------------------------------------------------

    def thumb(self, id: str) -> Thumb | None:
        """The small picture of the node `id` of the present graph; None while there is none."""
        return self._thumbs.get(self._document.id_path(id))


def _kin(trained: Design, drawn: Design) -> bool:
    """Whether most of what was trained is in the drawing: the runs of drawings that were open before are not its."""
    nodes = {(node.id, node.block, node.group) for node in drawn.nodes}
    return 2 * sum((node.id, node.block, node.group) in nodes for node in trained.nodes) > len(trained.nodes)


def weights_title(source: str, seed: int, runs: Runs, now: float) -> str:
    """How a choice of weights reads: `Run digits-… (2 min ago)`, `Random, seed 7`, `File own.pt`."""
    kind, _, place = source.partition(":")
    if kind == "file":
        return f"File {Path(place).name}"
    if kind != "run":
        return f"Random, seed {seed}"
    run = next((run for run in runs.all if run.folder == place), None)
    if run is None:
        return f"Run {Path(place).name}"
    return f"Run {_short(run.name)} ({figures.ago(now - run.ended)})" if run.ended else f"Run {_short(run.name)}"


def _short(name: str) -> str:
    """A run's name with the middle left out where it is long: its end tells it from others."""
    return name if len(name) <= 14 else f"{name[:6]}…{name[-6:]}"
