"""Where everything of a node lies: one object answers "where is port 2?" for painting, wires and the mouse alike."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QFont, QFontMetricsF

from app.design.shapes import BODY, FOOT, HEADER, NARROW, ROW, WIDE, lines, port_height
from app.design.shapes import height as height_of
from app.window.canvas.face import Face
from app.window.theme import font

GRID = 4
PAD = 12.0
RADIUS = 9.0
MARGIN = 14.0
"""What is drawn around the node's own rectangle: ports, edge, badge."""
_STEP = 16.0

NAME_FONT = {"size": 12.5, "weight": QFont.Weight.DemiBold}
TITLE_SIZE, ROW_SIZE, VALUE_SIZE, FOOT_SIZE, LABEL_SIZE, PILL_SIZE = 11.0, 12.0, 12.0, 11.0, 11.0, 11.0


@lru_cache(maxsize=32)
def metrics(size: float, mono: bool = False, weight: QFont.Weight = QFont.Weight.Normal) -> QFontMetricsF:
    """The metrics of a face of the canvas."""
    return QFontMetricsF(font(size, mono=mono, weight=weight))


@lru_cache(maxsize=8192)
def text_width(text: str, size: float, mono: bool = False, bold: bool = False) -> float:
    return metrics(size, mono, QFont.Weight.DemiBold if bold else QFont.Weight.Normal).horizontalAdvance(text)


def snap(x: float) -> float:
    """The nearest place on the 4-px grid."""
    return round(x / GRID) * float(GRID)


@dataclass(frozen=True)
class Geometry:
    """The places of one node, in its own coordinates: (0, 0) is its top left corner."""

    width: float
    height: float
    ports_top: float
    rows_top: float
    foot_top: float
    """Equal to `base` where there is no foot."""
    base: float
    """The height without the preview's picture."""
    picture: QRectF
    """Where that is drawn; null without one."""
    inputs: dict[str, QPointF]
    outputs: dict[str, QPointF]
    label_inputs: bool
    label_outputs: bool

    @property
    def rect(self) -> QRectF:
        return QRectF(0, 0, self.width, self.height)

    @property
    def bounds(self) -> QRectF:
        """All that is painted."""
        return self.rect.adjusted(-MARGIN, -MARGIN, MARGIN, MARGIN)

    def port(self, name: str, *, output: bool) -> QPointF:
        """Where a port is; a port that is gone (its wire is about to go too) is at the middle of its edge."""
        there = (self.outputs if output else self.inputs).get(name)
        return there if there is not None else QPointF(self.width if output else 0, self.height / 2)

    def row(self, index: int) -> QRectF:
        """The line of the index-th setting."""
        return QRectF(PAD, self.rows_top + index * ROW, self.width - 2 * PAD, ROW)

    def nearest_port(self, at: QPointF, reach: float) -> tuple[str, bool, float] | None:
        """The port (name, is it an output, distance) nearest to `at` within `reach`."""
        best: tuple[str, bool, float] | None = None
        for output, places in ((False, self.inputs), (True, self.outputs)):
            for name, place in places.items():
                dx, dy = place.x() - at.x(), place.y() - at.y()
                far = (dx * dx + dy * dy) ** 0.5
                if far <= reach and (best is None or far < best[2]):
                    best = (name, output, far)
        return best


def measure(face: Face) -> Geometry:
    """Lay a node out. Its width follows names, never what analysis says, and grows in steps: nothing jumps."""
    label_inputs, label_outputs = len(face.inputs) > 1, len(face.outputs) > 1
    counts = len(face.inputs), len(face.outputs)
    ports_top = HEADER + BODY
    rows_top = ports_top + lines(*counts) * ROW
    base = height_of(*counts, len(face.rows), face.foot)
    height = base + face.below

    def places(count: int) -> list[float]:
        return [port_height(i, count, *counts, len(face.rows)) for i in range(count)]

    width = _width(face, label_inputs, label_outputs)
    ins = places(len(face.inputs))
    outs = places(len(face.outputs))
    return Geometry(
        width=width,
        height=height,
        ports_top=ports_top,
        rows_top=rows_top,
        foot_top=base - FOOT if face.foot else base,
        base=base,
        picture=_picture(face, width, base, label_inputs, label_outputs),
        inputs={p.name: QPointF(0, y) for p, y in zip(face.inputs, ins, strict=True)},
        outputs={p.name: QPointF(width, y) for p, y in zip(face.outputs, outs, strict=True)},
        label_inputs=label_inputs,
        label_outputs=label_outputs,
    )


def _picture(face: Face, width: float, base: float, label_inputs: bool, label_outputs: bool) -> QRectF:
    """Where the preview's picture is drawn: under the foot, or between the names of the ports."""
    if face.below:
        return QRectF(6, base + 2, width - 12, face.below - 8)
    if not face.within:
        return QRectF()
    left = max((text_width(p.name, LABEL_SIZE) + PAD for p in face.inputs), default=0) if label_inputs else 0
    right = max((text_width(p.name, LABEL_SIZE) + PAD for p in face.outputs), default=0) if label_outputs else 0
    return QRectF(left + PAD, HEADER + 5, width - 2 * PAD - left - right, base - HEADER - 10)


def _width(face: Face, label_inputs: bool, label_outputs: bool) -> float:
    header = 36 + text_width(face.name, 12.5, bold=True) + 12 + text_width(face.title, TITLE_SIZE) + PAD
    header += 20 * (face.frozen + face.shares)
    header += text_width(face.repeat, TITLE_SIZE, mono=True) + 8 if face.repeat else 0
    wide = header
    digits = text_width("00000", VALUE_SIZE, mono=True)
    for name, value in face.rows:
        shown = max(digits, text_width(value, VALUE_SIZE, mono=True))
        wide = max(wide, 2 * PAD + 16 + text_width(name, ROW_SIZE) + shown)
    left = max((text_width(p.name, LABEL_SIZE) for p in face.inputs), default=0) if label_inputs else 0
    right = max((text_width(p.name, LABEL_SIZE) for p in face.outputs), default=0) if label_outputs else 0
    wide = max(wide, left + right + 2 * PAD + 16)
    steps = -(-(wide - NARROW) // _STEP)
    return min(max(NARROW + steps * _STEP, NARROW), WIDE)
