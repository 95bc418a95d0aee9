"""Curves as files: pictures in pixels and in lines, and the points as a table."""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING

from PySide6.QtCore import QBuffer, QIODevice, QPoint, QRect, QSize
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QMessageBox, QWidget

from app.window.chart_view import Shown, View

if TYPE_CHECKING:
    from app.window.curves import Curves

DENSITY = 2
"""Pixels of a picture for one of the window's."""
COLUMNS = ("run", "split", "name", "epochs", "step", "seconds", "value")


def table(runs: list[Shown], view: View) -> bytes:
    """Every point of every run, none left out; where train curves are smoothed, the smoothed values too."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow((*COLUMNS, "smoothed") if view.smoothing else COLUMNS)
    for run in runs:
        for (split, name), line in run.points.items():
            columns = [line.along("epochs"), line.along("steps"), line.along("time"), line.values]
            if view.smoothing:
                columns.append(line.smoothed(view.smoothing if split == "train" else 0.0))
            for epochs, step, seconds, *values in zip(*(column.tolist() for column in columns), strict=True):
                whole = "" if math.isnan(step) else int(step)
                writer.writerow(
                    (run.name, split, name, f"{epochs:g}", whole, "" if math.isnan(seconds) else f"{seconds:.3f}",
                     *map(repr, values))
                )  # fmt: skip
    return out.getvalue().encode()


def png(sheet: Curves) -> bytes:
    """The sheet in pixels, sharp at double density."""
    image = QImage(sheet.size() * DENSITY, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(DENSITY)
    image.fill(QColor(sheet.ground))
    sheet.render(image)
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # type: ignore[call-overload]
    return bytes(buffer.data().data())


def svg(sheet: Curves) -> bytes:
    """The sheet in lines and text."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    generator = QSvgGenerator()
    generator.setOutputDevice(buffer)
    generator.setSize(QSize(sheet.size()))
    generator.setViewBox(QRect(sheet.rect()))
    generator.setTitle("Curves")
    painter = QPainter(generator)
    sheet.render(painter, QPoint())
    painter.end()
    return bytes(buffer.data().data())


def report(parent: QWidget, sentence: str) -> None:
    """Say what went wrong."""
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.NoIcon)
    box.setText(sentence)
    box.addButton("Close", QMessageBox.ButtonRole.AcceptRole)
    box.exec()
