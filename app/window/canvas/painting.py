"""How a node looks, at three distances: whole, colour and name, colour alone. It reads Face and Geometry only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QPainter, QPainterPath, QPen, QPolygonF

from app.design.shapes import FOOT, HEADER, ROW
from app.window.canvas import glyphs, heat, thumbs
from app.window.canvas.face import Face
from app.window.canvas.geometry import (
    FOOT_SIZE,
    LABEL_SIZE,
    PAD,
    RADIUS,
    ROW_SIZE,
    TITLE_SIZE,
    VALUE_SIZE,
    Geometry,
    metrics,
    text_width,
)
from app.window.canvas.thumbs import Thumb
from app.window.contrast import TEXT, readable
from app.window.theme import font, theme
from blocks.card import Port

NEAR, MIDDLE = 0.42, 0.16
"""Zooms below which a node shows name and colour, and below which colour alone."""

LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
NO_PEN, NO_BRUSH = QPen(Qt.PenStyle.NoPen), QBrush(Qt.BrushStyle.NoBrush)


@dataclass(frozen=True)
class State:
    """What the pointer and the selection add to a node's look."""

    selected: bool = False
    hovered: bool = False
    blamed: bool = False
    """What is wrong with the selected node began here."""
    port_state: Callable[[str, bool], str] | None = None
    """While a wire is drawn: (port, is it an output) -> "fits", "held" or "no"."""
    picture: Thumb | None = None
    picture_old: bool = False


@dataclass(frozen=True)
class _Inks:
    """The colours of one category in one theme, mixed once."""

    category: QColor
    body: QColor
    header: QColor
    edge: QColor
    rule: QColor
    text: QColor
    soft: QColor
    accent: QColor
    error: QColor
    warn: QColor
    canvas: QColor
    far: QColor
    mark: QColor
    plate: QColor
    """The ground of a node that is colour and name alone."""
    title: QColor
    repeat: QColor
    missing: QColor
    """Soft text, the category and an error as they can be read on the header."""


@lru_cache(maxsize=64)
def inks(category: str, dark: bool) -> _Inks:
    """The colours of a category; `dark` must be the theme's, it is here to key the cache."""
    own, node = theme.category(category), theme.color("node")
    line = theme.color("line")
    header = glyphs.mix(own, node, 0.30 if dark else 0.13)
    return _Inks(
        category=own,
        body=node,
        header=header,
        edge=glyphs.mix(own, line, 0.16 if dark else 0.14),
        rule=glyphs.mix(line, node, 0.8),
        text=theme.color("text"),
        soft=theme.color("soft"),
        accent=theme.color("accent"),
        error=theme.color("error"),
        warn=theme.color("warn"),
        canvas=theme.color("canvas"),
        far=glyphs.mix(own, theme.color("canvas"), 0.75),
        mark=QColor("#10141b") if dark else QColor("#ffffff"),
        plate=header,
        title=_on(header, theme.color("soft")),
        repeat=_on(header, own),
        missing=_on(header, theme.color("error")),
    )


def _on(ground: QColor, colour: QColor) -> QColor:
    """A colour as text on that ground."""
    return readable(colour, ground, theme.color("text"), TEXT)


@lru_cache(maxsize=512)
def _warmed(category: str, dark: bool, step: int) -> _Inks:
    """The colours of a category at a step of heat; far out the heat alone is seen."""
    ink, part = inks(category, dark), step / heat.STEPS
    body = heat.warm(heat.TINT[dark] * part, ink.body)
    soft = glyphs.mix(ink.text, ink.soft, part)
    far = heat.warm(part, glyphs.mix(ink.soft, ink.canvas, 0.3))
    return replace(ink, body=body, soft=soft, far=far, plate=heat.warm(0.75 * part, ink.body))


def _ink(face: Face) -> _Inks:
    dark = theme.tokens.dark
    return inks(face.category, dark) if face.heat is None else _warmed(face.category, dark, face.heat.step)


def far_colour(face: Face, state: State) -> QColor:
    """What a node is when it is colour alone."""
    ink = _ink(face)
    if state.selected:
        return ink.accent
    return ink.error if face.problem or face.broken else ink.warn if state.blamed or face.trouble else ink.far


def paint(painter: QPainter, face: Face, geometry: Geometry, state: State, zoom: float) -> None:
    """Draw one node at its own origin."""
    ink = _ink(face)
    if zoom < MIDDLE:
        painter.fillRect(geometry.rect, far_colour(face, state))
    elif zoom < NEAR:
        _name_only(painter, face, geometry, state, ink, zoom)
    else:
        _whole(painter, face, geometry, state, ink)


def _edge(face: Face, state: State, ink: _Inks, thin: float = 1.0) -> QPen:
    line = Qt.PenStyle.DashLine if face.missing else Qt.PenStyle.SolidLine
    if face.problem:
        return QPen(ink.error, 2 * thin, line)
    if state.selected:
        return QPen(ink.accent, 2 * thin, line)
    if face.trouble:
        return QPen(ink.error if face.broken else ink.warn, 2 * thin, line)
    if state.blamed:
        return QPen(ink.warn, 2 * thin, Qt.PenStyle.DashLine)
    if face.missing:
        return QPen(ink.soft, 1.2 * thin, line)
    return QPen(glyphs.mix(ink.category, ink.edge, 0.45) if state.hovered else ink.edge, thin)


def _name_only(painter: QPainter, face: Face, geometry: Geometry, state: State, ink: _Inks, zoom: float) -> None:
    painter.setPen(_edge(face, state, ink, 1 / zoom))
    painter.setBrush(ink.plate)
    painter.drawRoundedRect(geometry.rect, RADIUS, RADIUS)
    painter.fillRect(QRectF(0, RADIUS, 8, geometry.height - 2 * RADIUS), ink.category)
    size = min(11 / zoom, 26.0)
    painter.setFont(font(size, weight=QFont.Weight.DemiBold))
    painter.setPen(ink.text)
    inner = QRectF(18, 0, geometry.width - 24, geometry.base)
    name = metrics(float(round(size)), weight=QFont.Weight.DemiBold).elidedText(
        face.name, Qt.TextElideMode.ElideRight, inner.width()
    )
    painter.drawText(inner, LEFT, name)
    if face.below and state.picture is not None and not state.picture.words:  # words are too small to be read here
        thumbs.paint(painter, geometry.picture, state.picture, old=state.picture_old)


def _whole(painter: QPainter, face: Face, geometry: Geometry, state: State, ink: _Inks) -> None:
    rect = geometry.rect
    edge = _edge(face, state, ink)
    if face.group:  # a sheaf of paper: there is more inside
        painter.setPen(QPen(ink.edge, 1))
        for shift in (8.0, 4.0):
            painter.setBrush(glyphs.mix(ink.body, ink.canvas, 0.5 if shift == 8 else 0.75))
            painter.drawRoundedRect(rect.adjusted(shift, shift, -shift, shift * 0.9), RADIUS, RADIUS)
    elif not theme.tokens.dark and not face.missing:
        painter.setPen(NO_PEN)
        painter.setBrush(QColor(20, 30, 50, 16))
        painter.drawRoundedRect(rect.adjusted(0, 1, 0, 2.5), RADIUS, RADIUS)
    painter.setPen(NO_PEN)
    painter.setBrush(ink.body)
    painter.drawRoundedRect(rect, RADIUS, RADIUS)
    painter.setBrush(ink.header)
    painter.drawPath(_header_path(geometry.width))
    _header(painter, face, geometry, ink)
    if not face.within:
        _rows(painter, face, geometry, ink)
    if face.foot and not face.within:
        _foot(painter, face, geometry, ink)
    if not geometry.picture.isNull():
        thumbs.paint(painter, geometry.picture, state.picture, old=state.picture_old)
    painter.setBrush(NO_BRUSH)
    painter.setPen(edge)
    painter.drawRoundedRect(rect, RADIUS, RADIUS)
    if state.selected and face.problem:  # both are said: the problem by the edge, the selection around it
        painter.setPen(QPen(ink.accent, 1.5))
        painter.drawRoundedRect(rect.adjusted(-4, -4, 4, 4), RADIUS + 3, RADIUS + 3)
    _labels(painter, face, geometry, ink)
    for ports, places, output in ((face.inputs, geometry.inputs, False), (face.outputs, geometry.outputs, True)):
        for port in ports:
            mode = state.port_state(port.name, output) if state.port_state else ""
            paint_port(painter, port, places[port.name], ink, mode, bad=not output and port.name in face.bad_ports)
    if face.heat is not None and face.heat.text:
        _figure(painter, face, face.heat, geometry, ink)
    if face.trouble and not face.problem:
        _pulse(painter, geometry, ink, ink.error if face.broken else ink.warn)
    if face.problem:
        count = f"{min(face.inside, 99)}" if face.inside else ""
        wide = max(18.0, text_width(count, FOOT_SIZE, bold=True) + 10)
        badge = QRectF(geometry.width + 7 - wide, -9, wide, 18)
        painter.setPen(QPen(ink.canvas, 2))
        painter.setBrush(ink.error)
        painter.drawRoundedRect(badge, 9, 9)
        if count:  # a Group: how many are wrong inside
            painter.setPen(ink.mark)
            painter.setFont(font(FOOT_SIZE, weight=QFont.Weight.DemiBold))
            painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, count)
            return
        painter.setPen(QPen(ink.mark, 2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        middle = badge.center()
        painter.drawLine(QLineF(middle.x(), middle.y() - 4, middle.x(), middle.y() + 0.5))
        painter.drawPoint(QPointF(middle.x(), middle.y() + 4))


def _pulse(painter: QPainter, geometry: Geometry, ink: _Inks, colour: QColor) -> None:
    """The badge of a node that fared ill in training: a line that breaks out."""
    badge = QRectF(geometry.width - 19, -9, 26, 18)
    painter.setPen(QPen(ink.canvas, 2))
    painter.setBrush(colour)
    painter.drawRoundedRect(badge, 9, 9)
    painter.setPen(QPen(ink.mark, 1.6, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
    painter.setBrush(NO_BRUSH)
    middle = badge.center()
    line = ((-8, 0), (-4, 0), (-1.5, -5), (2, 5), (4, 0), (8, 0))
    painter.drawPolyline(QPolygonF([QPointF(middle.x() + x, middle.y() + y) for x, y in line]))


@lru_cache(maxsize=32)
def _header_path(width: float) -> QPainterPath:
    """A rectangle with its upper corners rounded."""
    path = QPainterPath(QPointF(0, HEADER))
    path.lineTo(0, RADIUS)
    path.arcTo(0, 0, 2 * RADIUS, 2 * RADIUS, 180, -90)
    path.lineTo(width - RADIUS, 0)
    path.arcTo(width - 2 * RADIUS, 0, 2 * RADIUS, 2 * RADIUS, 90, -90)
    path.lineTo(width, HEADER)
    path.closeSubpath()
    return path


def _header(painter: QPainter, face: Face, geometry: Geometry, ink: _Inks) -> None:
    glyphs.tile(painter, face.icon, QRectF(10, 7.5, 17, 17), ink.category, ink.mark)
    left, right = 36.0, geometry.width - PAD
    for shown, name in ((face.frozen, "lock"), (face.shares, "link")):
        if shown:
            right -= 13
            glyphs.draw(painter, name, QRectF(right, 9.5, 13, 13), ink.title)
            right -= 6
    full = text_width(face.name, 12.5, bold=True)
    repeat = text_width(face.repeat, TITLE_SIZE, mono=True) + 8 if face.repeat else 0.0
    room = right - left - repeat
    bold = metrics(12.5, weight=QFont.Weight.DemiBold)
    name = face.name if full <= room else bold.elidedText(face.name, Qt.TextElideMode.ElideRight, room)
    painter.setFont(font(12.5, weight=QFont.Weight.DemiBold))
    painter.setPen(ink.text)
    painter.drawText(QRectF(left, 0, room, HEADER), LEFT, name)
    left += min(full, room)
    if face.repeat:
        painter.setFont(font(TITLE_SIZE, mono=True))
        painter.setPen(ink.repeat)
        painter.drawText(QRectF(left + 8, 0, repeat, HEADER), LEFT, face.repeat)
        left += repeat
    title = "missing" if face.missing else face.title
    room = right - left - 10
    if room > 24:
        painter.setFont(font(TITLE_SIZE))
        painter.setPen(ink.missing if face.missing else ink.title)
        shown_title = metrics(TITLE_SIZE).elidedText(title, Qt.TextElideMode.ElideRight, room)
        painter.drawText(QRectF(left + 10, 0, room, HEADER), RIGHT, shown_title)


def _rows(painter: QPainter, face: Face, geometry: Geometry, ink: _Inks) -> None:
    for i, (name, value) in enumerate(face.rows):
        row = geometry.row(i)
        painter.setFont(font(ROW_SIZE))
        painter.setPen(ink.soft)
        painter.drawText(row, LEFT, name)
        room = row.width() - text_width(name, ROW_SIZE) - 12
        painter.setFont(font(VALUE_SIZE, mono=True))
        painter.setPen(ink.text)
        shown = metrics(VALUE_SIZE, True).elidedText(value, Qt.TextElideMode.ElideRight, room)
        painter.drawText(row, RIGHT, shown)


def _foot(painter: QPainter, face: Face, geometry: Geometry, ink: _Inks) -> None:
    top = geometry.foot_top
    painter.setPen(QPen(ink.rule, 1))
    painter.drawLine(QLineF(1, top, geometry.width - 1, top))
    if face.heat is not None and face.heat.text:
        return  # the overlay's figure stands there
    line = QRectF(PAD, top, geometry.width - 2 * PAD, FOOT)
    painter.setFont(font(FOOT_SIZE, mono=True))
    painter.setPen(ink.soft)
    painter.drawText(line, LEFT, face.parameters or "–")
    painter.drawText(line, RIGHT, face.macs or "–")


def _figure(painter: QPainter, face: Face, shown: heat.Heat, geometry: Geometry, ink: _Inks) -> None:
    """The overlay's figure, in a pill: in the foot in place of the costs, or on the edge where there is none."""
    wide = text_width(shown.text, FOOT_SIZE, mono=True) + 16
    pill = QRectF(geometry.width - wide - 8, geometry.foot_top + 3 if face.foot else geometry.height - 4, wide, 18)
    part = shown.step / heat.STEPS
    ground = ink.canvas if shown.old else heat.warm(0.2 + 0.8 * part, ink.canvas)
    painter.setPen(QPen(ink.rule if shown.old else ink.canvas, 1))
    painter.setBrush(ground)
    painter.drawRoundedRect(pill, 9, 9)
    painter.setFont(font(FOOT_SIZE, mono=True))
    painter.setPen(ink.soft if shown.old else heat.legible(ground))
    painter.drawText(pill, Qt.AlignmentFlag.AlignCenter, shown.text)


def _labels(painter: QPainter, face: Face, geometry: Geometry, ink: _Inks) -> None:
    painter.setFont(font(LABEL_SIZE))
    painter.setPen(ink.soft)
    wide = geometry.width - 2 * PAD
    if geometry.label_inputs:
        for port in face.inputs:
            painter.setPen(ink.error if port.name in face.bad_ports else ink.soft)
            painter.drawText(QRectF(PAD, geometry.inputs[port.name].y() - ROW / 2, wide, ROW), LEFT, port.name)
    painter.setPen(ink.soft)
    if geometry.label_outputs:
        for port in face.outputs:
            painter.drawText(QRectF(PAD, geometry.outputs[port.name].y() - ROW / 2, wide, ROW), RIGHT, port.name)


def paint_port(painter: QPainter, port: Port, at: QPointF, ink: _Inks, mode: str = "", *, bad: bool = False) -> None:
    """Draw a port in the form of its kind. `mode` is "" at rest, else what the wire being drawn makes of it."""
    colour = ink.error if bad else ink.category
    if port.optional and not bad:
        colour = glyphs.mix(colour, ink.soft, 0.45)
    fill = ink.canvas
    grow = 0.0
    if mode == "no":
        colour, fill = glyphs.mix(colour, ink.body, 0.28), ink.body
    elif mode in ("fits", "held"):
        colour, fill, grow = ink.accent, glyphs.mix(ink.accent, ink.canvas, 0.35), 1.0
        painter.setPen(NO_PEN)
        halo = QColor(ink.accent)
        halo.setAlpha(46)
        painter.setBrush(halo)
        painter.drawEllipse(at, 10, 10)
    painter.setPen(QPen(colour, 2))
    painter.setBrush(fill)
    if port.kind == "pyramid":
        painter.setPen(QPen(colour, 1.6))
        for shift in (-7.0, 0.0, 7.0):
            painter.drawEllipse(QPointF(at.x(), at.y() + shift), 3.2 + grow / 2, 3.2 + grow / 2)
    elif port.kind in ("boxes", "detections"):
        half = 4.4 + grow
        painter.drawPolygon(QPolygonF(QRectF(at.x() - half, at.y() - half, 2 * half, 2 * half)))
        if port.kind == "detections":
            painter.setBrush(colour)
            painter.drawRect(QRectF(at.x() - 1.5, at.y() - 1.5, 3, 3))
    elif port.kind == "scalar":
        painter.setBrush(colour)
        painter.drawEllipse(at, 3.4 + grow, 3.4 + grow)
    else:
        painter.drawEllipse(at, 4.6 + grow, 4.6 + grow)
