"""Copied nodes and frames on the system's clipboard: a small design as a file's text, so that they paste into an editor
or a chat too, and come back from there."""

from __future__ import annotations

import re
from collections.abc import Iterable

from PySide6.QtCore import QMimeData
from PySide6.QtGui import QGuiApplication

from app.design import edits, file
from app.design.ports import Catalogue
from app.design.ties import retied
from app.design.values import Design, Graph

MIME = "application/x-netloom-nodes"
_FENCED = re.compile(r"(?:```|~~~)[^\n]*\n(.*?)(?:```|~~~)", re.DOTALL)
"""What a chat puts around code: a line of three marks, with the language's name or not, before it and after it."""


class NothingToPasteError(ValueError):
    """The clipboard holds no drawing; the message says what it holds, and what to do."""


def write(design: Design, graph: Graph, ids: Iterable[str], frames: Iterable[str] = ()) -> None:
    """Copy nodes of `graph`, the wires between them and the Groups that they use; and frames."""
    chosen, framed = set(ids), set(frames)
    nodes = tuple(n for n in graph.nodes if n.id in chosen)
    wires = tuple(w for w in graph.wires if w.source.node in chosen and w.target.node in chosen)
    used: set[str] = set()
    for node in nodes:
        if node.group:
            used |= edits.used_groups(design, node.group)
    nodes = tuple(retied(n, lambda id: id if id in chosen else "") for n in nodes)
    groups = tuple(g for g in design.groups if g.name in used)
    held = Design(nodes=nodes, wires=wires, groups=groups, frames=tuple(f for f in graph.frames if f.id in framed))
    text = file.dumps(held)
    data = QMimeData()
    data.setData(MIME, text)
    data.setText(text.decode())
    QGuiApplication.clipboard().setMimeData(data)


def read(catalogue: Catalogue | None = None) -> Design:
    """What was copied, here or out of a text. Raises NothingToPasteError; with a catalogue wires are checked too."""
    data = QGuiApplication.clipboard().mimeData()
    if data is None or not (data.hasFormat(MIME) or data.text().strip()):
        raise NothingToPasteError("There is nothing to paste: copy some nodes first")
    held = bytes(data.data(MIME).data()) if data.hasFormat(MIME) else drawing_in(data.text())
    if not held.startswith((b"{", file.BOM)):
        raise NothingToPasteError(
            "There is nothing to paste: the clipboard holds a text that is no drawing. Copy some nodes, or the whole "
            "text of a drawing from { to }, first"
        )
    try:
        design = file.loads(held, "the copied text", catalogue)
    except file.FileError as error:
        raise NothingToPasteError(f"There is nothing to paste: {error}") from None
    if not (design.nodes or design.frames):
        raise NothingToPasteError("There is nothing to paste: the copied drawing is empty. Copy some nodes first")
    return design


def drawing_in(text: str) -> bytes:
    """The part of a text that may be a drawing: what stands in a code fence, or else all, without what surrounds it."""
    fenced = next((part for part in _FENCED.findall(text) if part.lstrip().startswith("{")), text)
    return str(fenced).strip().encode("utf-8", "replace")
