"""Get weights: what there is for the zoo's networks, with source, licence and size. It is fetched on a click alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QComboBox, QDialog, QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from app.window import parts
from app.window.download import Download
from app.window.known_weights import KNOWN, KnownWeights, size_words


def usual_folder() -> Path:
    """Where weights are kept: among the user's data."""
    from platformdirs import user_data_dir

    return Path(user_data_dir("netloom", appauthor=False)) / "weights"


class GetWeightsDialog(QDialog):
    """`take` is called with the path of the file that the user got; `drawn` are names that the drawing goes by, so that
    what fits it is chosen at first."""

    def __init__(
        self, take: Callable[[str], object], drawn: Sequence[str] = (), parent: QWidget | None = None, *,
        known: Sequence[KnownWeights] = KNOWN, folder: Path | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._take, self._known, self.folder = take, tuple(known), folder or usual_folder()
        self._download: Download | None = None
        self.setWindowTitle("Get weights")
        self.resize(560, 320)
        self.list = QComboBox()
        self.list.setAccessibleName("Weights")
        for each in self._known:
            self.list.addItem(each.title)
        fitting = (i for i, each in enumerate(self._known) if set(each.networks) & set(drawn))
        self.list.setCurrentIndex(next(fitting, 0))
        self.facts = parts.label("", wrap=True)
        self.facts.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.said = parts.label("", "soft", wrap=True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("How much has come")
        self.get = parts.button("", "primary")
        self.cancel = parts.button("Cancel")
        for button in (self.get, self.cancel):
            button.setAutoDefault(False)
        box = QVBoxLayout(self)
        box.setContentsMargins(20, 16, 20, 16)
        box.setSpacing(12)
        for part in (self.list, self.facts, self.bar, self.said):
            box.addWidget(part)
        box.addStretch(1)
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(self.cancel)
        foot.addWidget(self.get)
        box.addLayout(foot)
        self.list.currentIndexChanged.connect(lambda _i: self._show(""))
        self.get.clicked.connect(self._get)
        self.cancel.clicked.connect(self._cancel)
        self._show("")

    @property
    def chosen(self) -> KnownWeights:
        return self._known[self.list.currentIndex()]

    @property
    def place(self) -> Path:
        """Where the file chosen is, or would be."""
        return self.folder / self.chosen.file

    def _show(self, said: str) -> None:
        chosen, here, busy = self.chosen, self.place.is_file(), self._download is not None
        self.facts.setText(
            f"Source: {chosen.source}\nAddress: {chosen.url}\nLicence: {chosen.licence}\n"
            f"Trained on: {chosen.trained}\nSize: {size_words(chosen.bytes)}\nKept in: {self.folder}"
        )
        self.get.setText("Use" if here else f"Download {size_words(chosen.bytes)}")
        self.get.setToolTip("Begin runs of this drawing with them" if here else "Fetch the file now, and begin with it")
        self.get.setEnabled(not busy)
        self.list.setEnabled(not busy)
        self.bar.setVisible(busy)
        self.said.setText(said)
        self.said.setVisible(bool(said))

    def _get(self) -> None:
        if self.place.is_file():
            self._use(str(self.place))
            return
        download = self._download = Download(self.chosen.url, self.place, self.chosen.digest, self)
        download.progress.connect(self._progress)
        download.got.connect(self._use)
        download.failed.connect(self._failed)
        self.bar.setRange(0, 0)
        self._show("Fetching…")
        download.start()

    def _progress(self, done: int, whole: int) -> None:
        whole = whole or self.chosen.bytes
        self.bar.setRange(0, 1000)
        self.bar.setValue(min(1000 * done // max(whole, 1), 1000))
        self.said.setText(f"{size_words(done)} of {size_words(whole)}")

    def _failed(self, why: str) -> None:
        self._end()
        self._show(why)

    def _use(self, path: str) -> None:
        self._end()
        self._take(path)
        self.accept()

    def _end(self) -> None:
        if self._download is not None:
            self._download.wait()
            self._download = None

    def _cancel(self) -> None:
        if self._download is not None:
            self._download.cancel()
        else:
            self.reject()

    def reject(self) -> None:
        if self._download is not None:
            self._download.cancel()
            self._download.blockSignals(True)
            self._end()
        super().reject()

    def closeEvent(self, event: QCloseEvent) -> None:
        self.reject()
        event.accept()
