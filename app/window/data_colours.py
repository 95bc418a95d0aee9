"""The colours of a dataset's classes in masks, boxes and bars."""

from __future__ import annotations

from PySide6.QtGui import QColor, QImage, qRgba

from app.messages.data import ShownSample
from app.window.preview_pictures import images

CLASSES = (
    "#4c8df6", "#f0a13c", "#4cc38a", "#e56fb3", "#b57bf0", "#2fb5a8", "#f2646b", "#c9a227", "#6f9a5b", "#8b95a5",
)  # fmt: skip
OPACITY = 150
NONE = 255
"""The byte of a pixel that has no class."""


def class_colour(index: int) -> QColor:
    """The colour of a class; they repeat after ten."""
    return QColor(CLASSES[index % len(CLASSES)])


def overlay(sample: ShownSample) -> QImage | None:
    """A sample's mask as a picture to lay over it: each class in its colour, the first (the ground) clear."""
    made = images(sample.mask) if sample.mask is not None else []
    if not made:
        return None
    colours = [class_colour(i - 1) for i in range(256)]
    table = [qRgba(c.red(), c.green(), c.blue(), OPACITY) for c in colours]
    table[0], table[NONE] = qRgba(0, 0, 0, 0), qRgba(128, 128, 128, 110)
    image = made[0].convertToFormat(QImage.Format.Format_Grayscale8)
    indexed = QImage(image.constBits(), image.width(), image.height(), image.bytesPerLine(),
                     QImage.Format.Format_Indexed8).copy()  # fmt: skip
    indexed.setColorTable(table)
    return indexed
