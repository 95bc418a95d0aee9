"""Try: show the trained network a picture, or a drawing made here, and see what it answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QMimeData, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QGuiApplication,
    QImage,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.messages.predictions import Predict, Prediction
from app.window import parts
from app.window import theme as look
from app.window.document import Document
from app.window.drawing_pad import SIDE, Bars, GreyView, Pad, png, rounded
from app.window.notice import Notice, fill
from app.window.runs import Run, Runs
from app.window.theme import theme

MAX_BYTES = 64 * 2**20
PICTURES = "Pictures (*.png *.jpg *.jpeg *.bmp *.gif *.webp *.tif *.tiff);;All files (*)"


class DropZone(QWidget):
    """Takes a picture: dropped on it, chosen with a click, or pasted."""

    sample = Signal(bytes)
    refused = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAcceptDrops(True)
        self.setMinimumSize(140, 96)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Picture to try: drop, click or paste")
        self._image: QImage | None = None
        self._over = False
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(SIDE + 24, SIDE)

    # ways in ----------------------------------------------------------------------------------------------------------

    def choose(self) -> None:
        """Let the user choose a file."""
        path, _ = QFileDialog.getOpenFileName(self, "Choose a picture", "", PICTURES)
        if path:
            self.take_file(Path(path))

    def paste(self) -> None:
        """Take the picture or the file on the clipboard."""
        if not self.take(QGuiApplication.clipboard().mimeData()):
            self.refused.emit("The clipboard holds no picture: copy one first.")

    def take(self, data: QMimeData) -> bool:
        """Take what is dropped or pasted; False when it is no picture and no file."""
        files = [url.toLocalFile() for url in data.urls() if url.isLocalFile()]
        if files:
            self.take_file(Path(files[0]))
        elif data.hasImage():
            image = QImage(data.imageData())
            self.show_picture(image)
            self.sample.emit(png(image))
        else:
            return False
        return True

    def take_file(self, path: Path) -> None:
        """Take a picture's file; what is in it is judged by the engine."""
        try:
            with path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except OSError as error:
            self.refused.emit(f"{path.name} cannot be opened: {error.strerror or error}.")
            return
        if len(data) > MAX_BYTES:
            self.refused.emit(f"{path.name} has more than {MAX_BYTES // 2**20} MB: choose a smaller picture.")
            return
        image = QImage.fromData(data)
        self.show_picture(None if image.isNull() else image)
        self.sample.emit(data)

    def show_picture(self, image: QImage | None) -> None:
        self._image = image
        self.update()

    @property
    def image(self) -> QImage | None:
        """The picture shown."""
        return self._image

    # events -----------------------------------------------------------------------------------------------------------

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.choose()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Paste):
            self.paste()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.choose()
        else:
            super().keyPressEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        data = event.mimeData()
        if data.hasImage() or any(url.isLocalFile() for url in data.urls()):
            event.acceptProposedAction()
            self._over = True
            self.update()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._over = False
        self.update()

    def dropEvent(self, event: QDropEvent) -> None:
        self._over = False
        if self.take(event.mimeData()):
            event.acceptProposedAction()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        area = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        lit = self._over or self.hasFocus()
        painter.fillPath(rounded(area), theme.color("canvas"))
        pen = QPen(theme.color("accent" if lit else "line"), 1.5 if self._over else 1)
        if self._image is None:
            pen.setStyle(Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.drawPath(rounded(area))
        if self._image is not None:
            room = area.adjusted(8, 8, -8, -8)
            size = self._image.size().scaled(room.size().toSize(), Qt.AspectRatioMode.KeepAspectRatio).toSizeF()
            place = QRectF(room.center().x() - size.width() / 2, room.center().y() - size.height() / 2, 0, 0)
            place.setSize(size)
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, self._image.width() > 64)
            painter.drawImage(place, self._image)
        else:
            picture = look.icon("image").pixmap(20, 20)
            painter.drawPixmap(round(area.center().x() - 10), round(area.center().y() - 30), picture)
            painter.setFont(look.font(look.SECONDARY))
            painter.setPen(theme.color("soft"))
            words = area.adjusted(8, area.height() / 2 + 2, -8, 0)
            centred = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap
            painter.drawText(words, centred, "Drop a picture here,\nclick to choose, or paste")
        painter.end()


class TryPanel(QWidget):
    """Sends pictures to the network of the last run that was trained."""

    train_wanted = Signal()

    def __init__(self, document: Document, engines: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._engines = engines
        self.runs = Runs.of(document, engines)
        self._run: Run | None = None
        self._job: Any = None
        self._waiting: bytes | None = None
        self._dropped = False
        """The sample that is being looked at was cleared meanwhile."""
        self.zone = DropZone(self)
        self.pad = Pad(self)
        self.seen = GreyView(self)
        self.bars = Bars(self)
        self.notice = Notice(self)
        self.empty = Notice(self, tall=True)
        self.clear_button = parts.button("Clear")
        self.paste_button = parts.button("Paste")
        self._size = parts.label("", "soft")
        self._size.setMinimumHeight(self.clear_button.sizeHint().height())
        self._of = parts.label("", "soft")
        self._pages = QStackedWidget(self)
        self._arrange()
        self.zone.sample.connect(self._picture)
        self.zone.refused.connect(lambda why: self._say("error", why))
        self.pad.drawn.connect(self._drawing)
        self.clear_button.clicked.connect(self._clear)
        self.paste_button.clicked.connect(self.zone.paste)
        self.runs.changed.connect(lambda _run: self._refresh())
        document.opened.connect(self._refresh)
        self._refresh()

    def _arrange(self) -> None:
        self._of.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        columns = QWidget(self)
        row = QHBoxLayout(columns)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(20)

        def column(title: str, body: QWidget, foot: QWidget | None, stretch: int = 0) -> None:
            box = QVBoxLayout()
            box.setSpacing(6)
            box.addWidget(parts.label(title, "heading"))
            box.addWidget(body, 1)
            if foot is not None:
                box.addWidget(foot, 0, Qt.AlignmentFlag.AlignLeft)
            row.addLayout(box, stretch)

        column("Picture", self.zone, self.paste_button)
        column("Or draw one", self.pad, self.clear_button)
        column("What the network sees", self.seen, self._size)
        answer = QWidget(self)
        box = QVBoxLayout(answer)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(6)
        box.addWidget(self.notice)
        box.addWidget(self.bars, 1)
        column("Answer", answer, self._of, 1)
        self._pages.addWidget(self.empty)
        self._pages.addWidget(columns)
        body = QWidget()
        layout = QVBoxLayout(body)
        layout.setContentsMargins(20, 12, 20, 12)
        layout.addWidget(self._pages)
        fill(self, body, 740)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Paste) and self._run is not None:
            self.zone.paste()
        else:
            super().keyPressEvent(event)

    def _refresh(self) -> None:
        run = self.runs.trained
        if run is None:
            if self.runs.active:
                self.empty.say("info", "The network is being trained: show it a picture when it is done.")
            else:
                sentence = "Nothing is trained yet: train the network, then show it a picture."
                self.empty.say("info", sentence, ("Train", self.train_wanted.emit))
        elif run is not self._run:
            self._show(None)
            self._say("info", "Show the network a picture, or draw one.")
            self._of.setText(f"by the run {run.name}")
        self._run = run
        self._pages.setCurrentIndex(0 if run is None else 1)

    def _show(self, prediction: Prediction | None) -> None:
        """Show what the network saw and answered; None for nothing."""
        got = prediction or Prediction("", ())
        self.seen.show_pixels(got.width, got.height, got.seen)
        self._size.setText(f"{got.width} × {got.height} pixels" if self.seen.image is not None else "")
        self.bars.show_answers(got.answers)

    def _say(self, tone: str, sentence: str) -> None:
        self.notice.setVisible(bool(sentence))
        self.notice.say(tone, sentence)

    def _clear(self) -> None:
        self.pad.clear()
        self.zone.show_picture(None)
        self._waiting = None
        self._dropped = True
        self._show(None)
        self._say("info", "Show the network a picture, or draw one.")

    def _drawing(self) -> None:
        self.zone.show_picture(None)
        self.ask(png(self.pad.picture()))

    def _picture(self, sample: bytes) -> None:
        self.pad.clear()
        self.ask(sample)

    def ask(self, sample: bytes) -> None:
        """Show `sample`, the bytes of a picture's file, to the network. Of several that wait the newest is asked."""
        if self._run is None:
            return
        if self._job is not None:
            self._waiting = sample
            return
        if not self.bars.answers:
            self._say("info", "The network is looking at it.")
        self._dropped = False
        run = self._run
        job = self._job = self._engines.run(Predict("", run.folder, sample))
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
        sample, self._waiting = self._waiting, None
        if sample is not None:
            self.ask(sample)
