"""Edits of frames: titled rectangles behind the nodes. They say nothing of the network: analysis does not see them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from app.design.edits import FAR, EditError, _graph, _on
from app.design.names import NamingError, check_name, free_name
from app.design.values import Design, Frame, Graph

SMALLEST = 48.0
"""How narrow and how low a frame may be, in scene units."""
MAX_FRAMES = 1000
MAX_TITLE, MAX_TEXT = 120, 4000


class FrameError(EditError):
    """A frame that cannot be so; the message says why and what would do."""


def check_frames(frames: Collection[Frame]) -> None:
    """Raise FrameError unless one graph may have these frames."""
    if len(frames) > MAX_FRAMES:
        raise FrameError(f"there are {len(frames):,} frames: at most {MAX_FRAMES:,}")
    seen: set[str] = set()
    for frame in frames:
        if frame.id in seen:
            raise FrameError(f"there are two frames with the id `{frame.id}`: ids must differ")
        seen.add(frame.id)
        _check(frame)


def _check(frame: Frame) -> None:
    try:
        check_name(frame.id)
    except NamingError as error:
        raise FrameError(f"a frame's id: {error}") from None
    sides = (frame.x, frame.y, frame.width, frame.height)
    if not all(math.isfinite(v) and abs(v) < FAR for v in sides):
        raise FrameError(f"the frame `{frame.id}` lies off any canvas: stay within {FAR:g} of the middle")
    if min(frame.width, frame.height) < SMALLEST:
        size = f"{frame.width:g} by {frame.height:g}"
        raise FrameError(f"the frame `{frame.id}` is {size}: it needs {SMALLEST:g} by {SMALLEST:g} at least")
    for what, text, most in (("title", frame.title, MAX_TITLE), ("text", frame.text, MAX_TEXT)):
        if len(text) > most:
            raise FrameError(f"the {what} of a frame has {len(text):,} characters: at most {most:,}")
        if any("\ud800" <= sign <= "\udfff" for sign in text):
            raise FrameError(f"the {what} of a frame holds half of a character: it could not be saved")


def new_frame(
    graph: Graph, title: str, x: float, y: float, width: float, height: float, colour: str = ""
) -> Frame:
    """A frame with a free id, not yet on the canvas."""
    id = free_name("frame", graph.frame_by_id)
    return Frame(id, title, "", float(x), float(y), float(width), float(height), colour)


def add_frame(design: Design, where: str, frame: Frame) -> Design:
    """Put a frame behind the nodes."""
    return _with(design, where, (*_graph(design, where).frames, frame))


def change_frame(design: Design, where: str, id: str, **fields: Any) -> Design:
    """Give a frame another title, text, place, size or colour."""
    frames = _graph(design, where).frames
    _known(design, where, [id])
    changed = tuple(replace(f, **fields) if f.id == id else f for f in frames)
    return design if changed == frames else _with(design, where, changed)


def move_frames(design: Design, where: str, places: Mapping[str, tuple[float, float]]) -> Design:
    """Put frames at (x, y)."""
    _known(design, where, places)
    frames = _graph(design, where).frames
    moved = (
        replace(f, x=float(places[f.id][0]), y=float(places[f.id][1])) if f.id in places else f for f in frames
    )
    return _with(design, where, tuple(moved))


def remove_frames(design: Design, where: str, ids: Collection[str]) -> Design:
    """Take frames away; what stands in them stays."""
    frames = _graph(design, where).frames
    kept = tuple(f for f in frames if f.id not in ids)
    return design if kept == frames else _with(design, where, kept)


def add_copies(
    design: Design, where: str, frames: Iterable[Frame], *, dx: float = 0, dy: float = 0
) -> tuple[Design, tuple[str, ...]]:
    """Add copies of frames under free ids; returns the design and the new ids."""
    graph = _graph(design, where)
    taken: dict[str, Frame] = dict(graph.frame_by_id)
    added = []
    for frame in frames:
        id = free_name(frame.id, taken)
        taken[id] = frame
        added.append(replace(frame, id=id, x=frame.x + dx, y=frame.y + dy))
    if not added:
        return design, ()
    return _with(design, where, (*graph.frames, *added)), tuple(f.id for f in added)


def _known(design: Design, where: str, ids: Iterable[str]) -> None:
    known = _graph(design, where).frame_by_id
    if gone := [id for id in ids if id not in known]:
        raise FrameError(f"there is no frame `{gone[0]}` here: it may have been deleted")


def _with(design: Design, where: str, frames: tuple[Frame, ...]) -> Design:
    """The design with the frames of one graph replaced."""
    check_frames(frames)
    return _on(design, where, frames=frames)
