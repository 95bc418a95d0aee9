"""A tensor let go on a pyramid's port, or the other way round: which blocks lead from one to the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, Qt
from PySide6.QtWidgets import QMenu

from app.design.ports import ports
from app.design.values import Node, Wire
from app.window.canvas import commands
from app.window.canvas.face import icon_of
from app.window.canvas.fitting import Fitting
from app.window.canvas.joining import place_joined
from app.window.canvas.search_box import open_search
from app.window.document import Document
from app.window.theme import icon
from blocks.card import Card

if TYPE_CHECKING:
    from app.window.canvas.view import CanvasView


def adapters(document: Document, wire: Wire) -> list[Card]:
    """The connectors that could stand in the middle of a wire whose ends are of different kinds, with no other wire."""
    fitting = Fitting.between(document, wire)
    found = []
    for card in document.catalogue.values():
        if card.category != "Connector":
            continue
        own = ports(document.design, document.graph, Node(id="new", block=card.id), document.catalogue)
        ends = fitting.by_ports(own)
        if ends is not None and all(p.optional or p.name == ends[0] for p in own.inputs):
            found.append(card)
    return found


def offer_adapters(view: CanvasView, wire: Wire, at: QPointF, moved: Wire | None = None) -> bool:
    """Open a menu of what leads from the wire's output to its input, at a place of the scene; False: nothing does.

    `moved` is the wire that the new ones stand for.
    """
    document = view.document
    found = adapters(document, wire)
    if not found:
        return False
    fitting = Fitting.between(document, wire, moved)
    menu = QMenu(view)
    menu.setObjectName("adapters")
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    menu.setToolTipsVisible(True)
    head = menu.addAction("Put in between:")
    head.setEnabled(False)
    ends = [view.scene_.place_of(wire.source, output=True), view.scene_.place_of(wire.target, output=False)]
    middle = (ends[0] + ends[1]) / 2

    def put(card: Card) -> None:
        place_joined(view, commands.new_node(document, card.id), middle, fitting)
        view.setFocus()

    for card in found:
        action = menu.addAction(icon(icon_of(card, card.category)), card.title)
        action.setToolTip(card.summary)
        action.triggered.connect(lambda _on=False, card=card: put(card))  # type: ignore[misc]
    menu.addSeparator()
    other = menu.addAction(icon("search"), "Search others…")
    other.triggered.connect(lambda _on=False: open_search(view, middle, fitting))
    menu.popup(view.viewport().mapToGlobal(view.mapFromScene(at)))
    return True
