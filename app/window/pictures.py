"""Pictures of the drawing (PNG, SVG or PDF) and of a run's curves (PNG), made without a window.

The command line runs this as a process of its own (`python -P -m app.window.pictures --help`), because its own
process holds torch and no Qt.
"""

from __future__ import annotations

import argparse
import html
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QBuffer, QIODevice, QMarginsF, QPointF, QRectF, QSize, QSizeF
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPageSize, QPainter, QPdfWriter

import app
from app.design import file
from app.design.values import Design
from app.messages import Analysis, Catalogue, decode_reply
from app.messages.parts import Fields
from app.window import theme as themes
from app.window.document import Document
from app.window.drawing_pad import png
from app.window.theme import theme
from blocks.card import Card

if TYPE_CHECKING:
    from app.window.canvas.scene import Scene
    from app.window.overlays import Legend

MARGIN = 16.0
"""What stays free around a drawing: ports and badges stand out of nodes so far."""
LARGEST = 16_000
"""The longest side of a PNG, in px; a larger drawing is drawn at a smaller scale."""
POINT = 0.75
"""Points of a PDF to a unit of the canvas, which is a CSS pixel as in SVG."""
LARGEST_PAGE = 14_400
"""The longest side of a PDF's page, in points: readers take no longer ones."""
DOTS = 288
"""To an inch of a PDF: coordinates are rounded to these."""
FONTS = {
    'font-family="Inter"': "font-family=\"Inter, 'Helvetica Neue', Helvetica, Arial, sans-serif\"",
    'font-family="JetBrains Mono"': "font-family=\"'JetBrains Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace\"",
}
"""Faces that take over where an SVG is opened without the bundled ones."""


class PictureError(ValueError):
    """A picture that cannot be made; the message says why."""


@dataclass(frozen=True)
class Look:
    """How a picture shows the drawing."""

    dark: bool = True
    transparent: bool = False
    labels: bool = True
    """Whether wires say what goes through them."""
    overlay: bool = True
    """Whether nodes have the colours that the document's overlay gives them, with the legend below."""
    only: tuple[str, ...] = ()
    """The nodes to show, with the wires between them; all without."""
    scale: float = 2.0
    """Pixels of a PNG to a unit of the canvas."""
    letters: Callable[[str, str], str] | None = None
    """What wires say in place of shapes, as the scene asks for it."""


def document_of(design: Design, catalogue: Mapping[str, Card], analysis: Analysis | None) -> Document:
    """A document of its own that shows this drawing."""
    document = Document()
    document.set_catalogue(tuple(catalogue.values()))
    document.load(design, None)
    if analysis is not None:
        document.set_analysis(msgspec.structs.replace(analysis, revision=document.revision))
    return document


@contextmanager
def _colours(dark: bool) -> Iterator[None]:
    """The tokens of one theme while a picture is drawn; the windows' own do not change."""
    kept, theme.tokens = theme.tokens, themes.DARK if dark else themes.LIGHT
    try:
        yield
    finally:
        theme.tokens = kept


class _Sheet:
    """A drawing laid out in the theme that is on, ready to be painted."""

    def __init__(self, source: Document, look: Look) -> None:
        from app.window.canvas.heat import heats
        from app.window.canvas.scene import Scene

        document = document_of(source.design, source.catalogue, source.analysis)
        document.go(source.path)
        if look.overlay:
            document.overlay.like(source.overlay)
        self.look = look
        self.scene = Scene(document)
        document.setParent(self.scene)
        for item in self.scene.nodes.values():
            item.setCacheMode(item.CacheMode.NoCache)  # a picture is drawn once, and an SVG is of lines
        if look.letters is not None:
            self.scene.letters = look.letters
            self.scene.relabel()
        if look.only:
            self.scene.keep(look.only)
        self.scene.show_labels(look.labels)
        self.drawn = _extent(self.scene).adjusted(-MARGIN, -MARGIN, MARGIN, MARGIN)
        self.legend: Legend | None = document.overlay.legend() if heats(document) else None
        self.extent = self.drawn
        if self.legend is not None:
            self.extent = self._with_legend(self.legend)

    def _with_legend(self, legend: Legend) -> QRectF:
        from app.window.overlay_bar import HIGH, paint_legend

        scratch = QImage(1, 1, QImage.Format.Format_ARGB32_Premultiplied)
        painter = QPainter(scratch)
        wide = paint_legend(painter, QPointF(0, 0), legend) + 2 * MARGIN
        painter.end()
        more = max(0.0, wide - self.drawn.width())
        return self.drawn.adjusted(0, 0, more, HIGH + MARGIN)

    def paint(self, painter: QPainter, whole: QRectF) -> None:
        """Paint it into the rectangle `whole`, which has the form of its extent."""
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.TextAntialiasing)
        if not self.look.transparent:
            painter.fillRect(whole, QColor(theme.tokens.canvas))
        scale = whole.width() / self.extent.width()
        size = self.drawn.size() * scale
        self.scene.render(painter, QRectF(whole.topLeft(), size), self.drawn)
        if self.legend is not None:
            from app.window.overlay_bar import paint_legend

            painter.save()
            painter.translate(whole.left() + MARGIN * scale, whole.top() + size.height())
            painter.scale(scale, scale)
            paint_legend(painter, QPointF(0, 0), self.legend)
            painter.restore()


def _extent(scene: Scene) -> QRectF:
    """What nodes, wires and their labels cover."""
    bounds = scene.bounds()
    for wire, item in scene.wires.items():
        bounds = bounds.united(item.path.boundingRect())
        box = scene.pills.box(wire) if scene.labels_shown else None
        if box is not None:
            bounds = bounds.united(QRectF(box[0], box[1], box[2] - box[0], box[3] - box[1]))
    return bounds


def image(document: Document, look: Look) -> QImage:
    """The graph that `document` looks at as pixels; needs a QApplication, as `svg` and `pdf` do."""
    with _colours(look.dark):
        sheet = _Sheet(document, look)
        wide, high = sheet.extent.width(), sheet.extent.height()
        scale = min(look.scale, LARGEST / max(wide, high, 1))
        size = QSize(max(round(wide * scale), 1), max(round(high * scale), 1))
        made = QImage(size, QImage.Format.Format_ARGB32_Premultiplied)
        if made.isNull():
            raise PictureError(f"{size.width():,} × {size.height():,} pixels do not fit into memory: scale it down")
        made.fill(QColor(0, 0, 0, 0))
        painter = QPainter(made)
        sheet.paint(painter, QRectF(made.rect()))
        painter.end()
        return made


def svg(document: Document, look: Look) -> bytes:
    """The same as lines, shapes and text in an SVG file."""
    from PySide6.QtSvg import QSvgGenerator

    with _colours(look.dark):
        sheet = _Sheet(document, look)
        whole = QRectF(0, 0, sheet.extent.width(), sheet.extent.height())
        buffer = _buffer()
        generator = QSvgGenerator()
        generator.setOutputDevice(buffer)
        generator.setResolution(96)  # a unit is a CSS pixel
        generator.setSize(QSize(round(whole.width()), round(whole.height())))
        generator.setViewBox(whole)
        generator.setTitle(document.title)
        generator.setDescription(f"Netloom {app.__version__}")
        painter = QPainter(generator)
        sheet.paint(painter, whole)
        painter.end()
    text = _TEXT.sub(_measured, bytes(buffer.data().data()).decode())
    for face, faces in FONTS.items():
        text = text.replace(face, faces)
    return text.encode()


_TEXT = re.compile(
    r'<text ([^>]*font-family="([^"]*)" font-size="([\d.]+)" font-weight="(\d+)"[^>]*)>([^<]*)</text>'
)


def _measured(found: re.Match[str]) -> str:
    """A text of an SVG with its width: in whatever face it is shown, it fills its place and stays right-aligned."""
    kept, family, size, weight, said = found.groups()
    face = themes.font(float(size), mono=family == "JetBrains Mono", weight=QFont.Weight(int(weight)))
    wide = QFontMetricsF(face).horizontalAdvance(html.unescape(said))
    return f'<text {kept}textLength="{wide:.2f}" lengthAdjust="spacingAndGlyphs">{said}</text>'


def pdf(document: Document, look: Look) -> bytes:
    """The same on one page of a PDF, no larger than the drawing; the faces of its texts are embedded."""
    with _colours(look.dark):
        sheet = _Sheet(document, look)
        wide, high = sheet.extent.width(), sheet.extent.height()
        point = min(POINT, LARGEST_PAGE / max(wide, high, 1))
        buffer = _buffer()
        writer = QPdfWriter(buffer)
        writer.setResolution(DOTS)
        writer.setTitle(document.title)
        writer.setCreator(f"Netloom {app.__version__}")
        page = QSizeF(wide * point, high * point)
        writer.setPageSize(QPageSize(page, QPageSize.Unit.Point, "", QPageSize.SizeMatchPolicy.ExactMatch))
        writer.setPageMargins(QMarginsF(0, 0, 0, 0))
        painter = QPainter(writer)
        dots = point * DOTS / 72
        sheet.paint(painter, QRectF(0, 0, wide * dots, high * dots))
        painter.end()
    return bytes(buffer.data().data())


def _buffer() -> QBuffer:
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    return buffer


KINDS: dict[str, Callable[[Document, Look], bytes]] = {
    "png": lambda document, look: png(image(document, look)), "svg": svg, "pdf": pdf,
}  # fmt: skip
"""What makes each kind of picture, by the suffix of its file."""


def _save(data: bytes, path: Path) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise PictureError(f"{path} cannot be written ({error.strerror}): choose another place") from None


def _read(path: Path, kind: type) -> Catalogue | Analysis | Fields:
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
    parser.add_argument("--drawing", type=Path, metavar="OUT.png|.svg|.pdf", help="write the drawing here")
    parser.add_argument("--design", type=Path, metavar="FILE", help="the design's file")
    parser.add_argument("--title", default="", metavar="NAME", help="what the drawing is called")
    parser.add_argument("--catalogue", type=Path, metavar="FILE", help="a Catalogue message, as the engine sends it")
    parser.add_argument("--analysis", type=Path, metavar="FILE", help="an Analysis message, for shapes and costs")
    parser.add_argument("--curves", type=Path, metavar="OUT.png", help="write the curves here")
    parser.add_argument("--metrics", type=Path, metavar="metrics.csv", help="a run's metrics.csv")
    parser.add_argument("--light", action="store_true", help="the light theme in place of the dark one")
    parser.add_argument("--transparent", action="store_true", help="no ground under the drawing")
    parser.add_argument("--scale", type=float, default=2.0, metavar="N", help="pixels of a PNG to a unit (2)")
    parser.add_argument("--no-labels", action="store_true", help="nothing written on wires")
    parser.add_argument("--overlay", metavar="MEASURE", default="", help="parameters, macs, activations or field")
    parser.add_argument("--fields", type=Path, metavar="FILE", help="a Fields message, for the overlay `field`")
    wanted = parser.parse_args(argv)
    if wanted.drawing is None and wanted.curves is None:
        parser.error("nothing to draw: give --drawing or --curves")
    if wanted.drawing is not None and (wanted.design is None or wanted.catalogue is None):
        parser.error("--drawing needs --design and --catalogue")
    if wanted.drawing is not None and wanted.drawing.suffix.lower().lstrip(".") not in KINDS:
        parser.error(f"--drawing is {wanted.drawing}, but its name must end in .png, .svg or .pdf")
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
                _save(png(curves.picture(wanted.metrics, not wanted.light)), wanted.curves)
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
    document = document_of(design, cards, analysis)
    document.name = wanted.title or wanted.design.stem
    if wanted.fields is not None:
        fields = _read(wanted.fields, Fields)
        assert isinstance(fields, Fields)
        document.overlay.take_fields(fields, design)
    document.overlay.show(wanted.overlay)
    look = Look(
        dark=not wanted.light, transparent=wanted.transparent, labels=not wanted.no_labels, scale=wanted.scale,
    )  # fmt: skip
    _save(KINDS[wanted.drawing.suffix.lower().lstrip(".")](document, look), wanted.drawing)


if __name__ == "__main__":
    raise SystemExit(main())
