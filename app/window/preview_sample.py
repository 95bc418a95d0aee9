"""The left of the preview's panel: the sample that is shown to the network, and whose weights it has."""

from __future__ import annotations

import time
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from app.window import parts
from app.window.drop_zone import DropZone
from app.window.preview import RANDOM, Previews, weights_title
from app.window.preview_pictures import images
from app.window.preview_tiles import SampleRow

OFFERED = 5
"""So many runs are offered, the newest first."""
FILE = "file…"
WEIGHTS = "Weights (*.safetensors *.pt *.pth *.bin);;All files (*)"


class SampleSide(QWidget):
    """Chooses the sample and the weights."""

    def __init__(self, previews: Previews, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._previews = previews
        self.setObjectName("content")
        self.row = SampleRow(self)
        self.others = parts.IconButton("refresh-cw", "Other samples of the same classes", side=26)
        self.zone = DropZone(self)
        self.zone.setFixedHeight(74)
        self.paste = parts.button("Paste", tip="Show the picture on the clipboard")
        self.sample = parts.label("", "soft", wrap=True)
        self.weights = QComboBox(self)
        self.weights.setAccessibleName("Whose weights are shown")
        self.weights.setToolTip("Whose weights are shown")
        self.weights.setMinimumContentsLength(12)
        self.weights.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.die = parts.IconButton("shuffle", "Other random weights", side=30)
        self.whose = parts.label("", "soft", wrap=True)
        self._arrange()
        self.row.chosen.connect(self._choose)
        self.others.clicked.connect(previews.show_others)
        self.zone.sample.connect(previews.show_picture)
        self.zone.refused.connect(self.sample.setText)
        self.paste.clicked.connect(self.zone.paste)
        self.weights.activated.connect(self._use)
        self.die.clicked.connect(previews.roll)

    def _arrange(self) -> None:
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 6, 0)
        box.setSpacing(5)
        top = QHBoxLayout()
        top.addWidget(self.sample, 1)
        top.addWidget(self.others, 0, Qt.AlignmentFlag.AlignTop)
        box.addLayout(top)
        box.addWidget(self.row)
        line = QHBoxLayout()
        line.setSpacing(6)
        line.addWidget(parts.label("Weights", "heading"))
        line.addWidget(self.weights, 1)
        line.addWidget(self.die)
        box.addLayout(line)
        box.addWidget(self.whose)
        box.addSpacing(2)
        own = QHBoxLayout()
        own.setSpacing(8)
        own.addWidget(self.zone, 1)
        own.addWidget(self.paste, 0, Qt.AlignmentFlag.AlignBottom)
        box.addLayout(own)
        box.addStretch(1)

    def refresh(self) -> None:
        """Show what is chosen now."""
        previews, told = self._previews, self._previews.told
        choices = told.choices if told is not None else ()
        samples = [(each.label, next(iter(images(each.look)), None)) for each in choices]
        marked = next((i for i, each in enumerate(choices) if each.sample == previews.sample), -1)
        self.row.show_samples(samples, -1 if previews.picture else marked)
        self.row.setVisible(bool(samples))
        self.others.setVisible(told is not None and not previews.picture)
        if not previews.picture and self.zone.image is not None:
            self.zone.show_picture(None)
        if told is not None:
            self.sample.setText(told.sample)
            self.whose.setText(told.whose.words)
        self._offer()

    def _offer(self) -> None:
        previews, now = self._previews, time.time()
        folders = list(dict.fromkeys(run.folder for run in reversed(previews.runs.all) if run.usable))
        sources = [*(f"run:{folder}" for folder in folders[:OFFERED]), RANDOM]
        if previews.source not in sources:
            sources.append(previews.source)
        titles = [weights_title(source, previews.seed, previews.runs, now) for source in sources]
        with QSignalBlocker(self.weights):
            self.weights.clear()
            for source, title in zip((*sources, FILE), (*titles, "From a file…"), strict=True):
                self.weights.addItem(title, source)
            self.weights.setCurrentIndex(sources.index(previews.source))

    def _choose(self, index: int) -> None:
        assert self._previews.told is not None
        self._previews.show_sample(self._previews.told.choices[index].sample)

    def _use(self, index: int) -> None:
        source = str(self.weights.itemData(index))
        if source != FILE:
            self._previews.use(source)
            return
        path, _ = QFileDialog.getOpenFileName(self, "Choose a file of weights", "", WEIGHTS)
        if path:
            self._previews.use(f"file:{Path(path)}")
        else:
            self._offer()
