"""Pictures without a window: the drawing (PNG or SVG) and a run's curves (PNG).

The command line runs this as a process of its own (`python -P -m app.window.pictures --help`), because its own
process holds torch and no Qt.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter

from app.design import file
from app.design.values import Design
from app.messages import Analysis, Catalogue, decode_reply
from app.window import theme as themes
from app.window.document import Document
from app.window.theme import theme
from blocks.card import Card

if TYPE_CHECKING:
    from app.window.canvas.scene import Scene

MARGIN = 40.0
LARGEST = 16_000
"""The longest side of a picture, in px; a larger drawing is drawn at a smaller scale."""


class PictureError(ValueError):
    """A picture that cannot be made; the message says why."""


@contextmanager
def _colours(dark: bool) -> Iterator[None]:
    """The tokens of one theme while a picture is drawn; the windows' own do not change."""
    kept, theme.tokens = theme.tokens, themes.DARK if dark else themes.LIGHT
    try:
        yield
    finally:
        theme.tokens = kept


def _scene(design: Design, catalogue: Mapping[str, Card], analysis: Analysis | None) -> Scene:
    from app.window.canvas.node_item import NodeItem
    from app.window.canvas.scene import Scene

    document = Document()
    document.set_catalogue(tuple(catalogue.values()))
    document.load(design, None)
    if analysis is not None:
        document.set_analysis(msgspec.structs.replace(analysis, revision=document.revision))
    scene = Scene(document)
    document.setParent(scene)
    for item in scene.nodes.values():
        item.setCacheMode(NodeItem.CacheMode.NoCache)  # a picture is drawn once, and an SVG is of lines
    return scene


def _extent(scene: Scene) -> QRectF:
    bounds = scene.bounds()
    for wire in scene.wires:
        box = scene.pills.box(wire)
        bounds = bounds.united(scene.wires[wire].boundingRect())
        if box is not None:
            bounds = bounds.united(QRectF(box[0], box[1], box[2] - box[0], box[3] - box[1]))
    return bounds.adjusted(-MARGIN, -MARGIN, MARGIN, MARGIN)


def draw_design(
    design: Design,
    catalogue: Mapping[str, Card],
    analysis: Analysis | None,
    *,
    dark: bool,
    scale: float = 2.0,
) -> QImage:
    """The top of a drawing as the canvas shows it, `scale` px to a unit; needs a QApplication."""
    with _colours(dark):
        scene = _scene(design, catalogue, analysis)
        extent = _extent(scene)
        scale = min(scale, LARGEST / max(extent.width(), extent.height(), 1))
        size = QSize(max(round(extent.width() * scale), 1), max(round(extent.height() * scale), 1))
        image = QImage(size, QImage.Format.Format_ARGB32_Premultiplied)
        image.fill(theme.color("canvas"))
        painter = QPainter(image)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.TextAntialiasing)
        scene.render(painter, QRectF(image.rect()), extent, Qt.AspectRatioMode.KeepAspectRatio)
        painter.end()
        return image


def draw_svg(
    design: Design, catalogue: Mapping[str, Card], analysis: Analysis | None, path: Path, *, dark: bool
) -> None:
    """The same as vectors in an SVG file; needs a QApplication."""
    from PySide6.QtSvg import QSvgGenerator

    with _colours(dark):
        scene = _scene(design, catalogue, analysis)
        extent = _extent(scene)
        generator = QSvgGenerator()
        generator.setFileName(str(path))
        generator.setSize(extent.size().toSize())
        generator.setViewBox(QRectF(0, 0, extent.width(), extent.height()))
        generator.setTitle("Netloom drawing")
        painter = QPainter()
        if not painter.begin(generator):
            raise PictureError(f"{path} cannot be written: choose another place")
        painter.fillRect(QRectF(0, 0, extent.width(), extent.height()), QColor(theme.tokens.canvas))
        scene.render(painter, QRectF(0, 0, extent.width(), extent.height()), extent)
        painter.end()


def _save(image: QImage, path: Path) -> None:
    if not image.save(str(path)):
        raise PictureError(f"{path} cannot be written: choose another place, and a name that ends in .png")


def _read(path: Path, kind: type) -> Catalogue | Analysis:
    try:
        message = decode_reply(path.read_bytes())
    except OSError as error:
        raise PictureError(f"{path} cannot be read: {error.strerror}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise PictureError(f"{path} is no {kind.__name__}: {error}") from None
    if not isinstance(message, kind):
        raise PictureError(f"{path} holds the message {type(message).__name__}, but {kind.__name__} is needed")
    return message  # type: ignore[return-value]


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="app.window.pictures", description="Draw a design or a run's curves to a file."
    )
    parser.add_argument("--drawing", type=Path, metavar="OUT.png|OUT.svg", help="write the drawing here")
    parser.add_argument("--design", type=Path, metavar="FILE", help="the design's file")
    parser.add_argument("--catalogue", type=Path, metavar="FILE", help="a Catalogue message, as the engine sends it")
    parser.add_argument("--analysis", type=Path, metavar="FILE", help="an Analysis message, for shapes and costs")
    parser.add_argument("--curves", type=Path, metavar="OUT.png", help="write the curves here")
    parser.add_argument("--metrics", type=Path, metavar="metrics.csv", help="a run's metrics.csv")
    parser.add_argument("--light", action="store_true", help="the light theme in place of the dark one")
    wanted = parser.parse_args(argv)
    if wanted.drawing is None and wanted.curves is None:
        parser.error("nothing to draw: give --drawing or --curves")
    if wanted.drawing is not None and (wanted.design is None or wanted.catalogue is None):
        parser.error("--drawing needs --design and --catalogue")
    if wanted.curves is not None and wanted.metrics is None:
        parser.error("--curves needs --metrics")
    return wanted


def main(argv: Sequence[str] | None = None) -> int:
    """Make the pictures that the arguments ask for; 0, or 2 with one line on stderr."""
    wanted = _arguments(sys.argv[1:] if argv is None else argv)
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    running = QApplication.instance() or QApplication(["netloom"])
    themes.load_fonts()
    try:
        if wanted.drawing is not None:
            _drawing(wanted)
        if wanted.curves is not None:
            from app.window import curves

            with _colours(not wanted.light):
                _save(curves.picture(wanted.metrics, not wanted.light), wanted.curves)
    except (PictureError, file.FileError) as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        del running
    return 0


def _drawing(wanted: argparse.Namespace) -> None:
    catalogue = _read(wanted.catalogue, Catalogue)
    assert isinstance(catalogue, Catalogue)
    cards = {card.id: card for card in catalogue.cards}
    analysis = _read(wanted.analysis, Analysis) if wanted.analysis is not None else None
    assert analysis is None or isinstance(analysis, Analysis)
    design = file.load(wanted.design, cards)
    if wanted.drawing.suffix.lower() == ".svg":
        draw_svg(design, cards, analysis, wanted.drawing, dark=not wanted.light)
    else:
        _save(draw_design(design, cards, analysis, dark=not wanted.light), wanted.drawing)


if __name__ == "__main__":
    raise SystemExit(main())
