"""Where a picture is dropped, chosen with a click, or pasted."""

from __future__ import annotations

from pathlib import Path

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
from PySide6.QtWidgets import QFileDialog, QSizePolicy, QWidget

from app.window import theme as look
from app.window.drawing_pad import SIDE, png, rounded
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
