"""The samples of a run as they improve: a slider over the epochs, the samples, and in words how many are right."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QSlider, QVBoxLayout, QWidget

from app.messages.predictions import Reading
from app.window import parts
from app.window.preview_pictures import number
from app.window.run_samples import History, Readings
from app.window.samples_grid import SamplesGrid, percent

HELP = "Drag, or use the arrow keys, to see how the answers became better."


class SamplesView(QWidget):
    """Shows a History. While the newest epoch is looked at, newer ones take its place."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._history = History()
        self._key: object = None
        self.slider = QSlider(Qt.Orientation.Horizontal, self)
        self.slider.setAccessibleName("Epoch that is shown")
        self.slider.setToolTip(HELP)
        self.slider.setPageStep(4)
        self.epoch = parts.label("", "monosoft")
        self.score = parts.label("", "soft")
        self.grid = SamplesGrid()
        self.said = parts.label("", "soft")
        self.said.setSizePolicy(self.said.sizePolicy().Policy.Ignored, self.said.sizePolicy().Policy.Preferred)
        scroll = QScrollArea(self)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(self.grid)
        self._scroll = scroll
        bar = QHBoxLayout()
        bar.setSpacing(10)
        bar.addWidget(self.epoch)
        bar.addWidget(self.slider, 1)
        bar.addWidget(self.score)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(6)
        box.addLayout(bar)
        box.addWidget(scroll, 1)
        box.addWidget(self.said)
        self.slider.valueChanged.connect(lambda _value: self._choose())
        self.grid.pointed.connect(self._pointed)
        self._pointed("")

    @property
    def history(self) -> History:
        return self._history

    def show_history(self, history: History) -> None:
        """Show what a run's network said; the epoch that was looked at stays, or the newest one is followed."""
        if history.key == self._key and history is self._history:
            return
        other = history is not self._history and history.key[0] != self._history.key[0]
        before = self._shown()
        newest = self.slider.value() == self.slider.maximum()
        same = self._key is not None and history.key == self._key
        self._history, self._key = history, history.key
        if same:
            return
        epochs = history.epochs
        with QSignalBlocker(self.slider):
            self.slider.setRange(0, max(len(epochs) - 1, 0))
            stays = not other and not newest and before in epochs
            self.slider.setValue(epochs.index(before) if stays else len(epochs) - 1)  # type: ignore[arg-type]
            self.slider.setEnabled(len(epochs) > 1)
        self._choose()

    def _shown(self) -> int | None:
        epochs = self._history.epochs
        return epochs[self.slider.value()] if 0 <= self.slider.value() < len(epochs) else None

    def _choose(self) -> None:
        history, epoch = self._history, self._shown()
        readings = history.readings(epoch) if epoch is not None else ()
        last = history.epochs[-1] if history.epochs else 0
        self.epoch.setText(f"epoch {epoch}" if epoch is not None else "")
        self.epoch.setMinimumWidth(self.epoch.fontMetrics().horizontalAdvance(f"epoch {last}") + 2)
        self.slider.setAccessibleDescription(f"epoch {epoch} of up to {last}")
        self.score.setText(score(readings))
        self.grid.show_readings(history.samples, readings, history.columns)
        self._pointed("" if self.grid.at is None else self.grid.words(self.grid.at))

    def _pointed(self, said: str) -> None:
        history = self._history
        if self.grid.at is not None and not self.grid.underMouse():  # a key chose it
            place = self.grid.place(self.grid.at).toRect()
            self._scroll.ensureVisible(place.center().x(), place.center().y(), 0, place.height() // 2 + 4)
        of = f" of {history.of:,}" if history.of else ""
        broken = "What was said at this epoch cannot be read: choose another."
        usual = f"{len(history.samples)}{of} validation samples, always the same." if self.grid.readings else broken
        self.said.setText(said or (usual if history.epochs else ""))


def score(readings: Readings) -> str:
    """How good the answers are, in words: "6 of 8 right"."""
    by_output: dict[str, list[Reading]] = {}
    for each in readings:
        for reading in each:
            by_output.setdefault(reading.output, []).append(reading)
    said = []
    for found in by_output.values():
        rights = [r.right for r in found if r.right is not None]
        errors = [r.error for r in found if r.error is not None]
        if found[0].kind == "classes" and rights:
            said.append(f"{sum(map(round, rights))} of {len(rights)} right")
        elif rights:
            what = "pixels" if found[0].kind == "mask" else "next tokens"
            said.append(f"{percent(sum(rights) / len(rights))} of {what} right")
        elif errors:
            said.append(f"mean error {number(sum(errors) / len(errors))}")
    return " · ".join(said)
