"""The context menus of a node, a wire and the bare canvas."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QInputDialog, QMenu

from app.design.values import Expression, Node
from app.window.canvas import commands, frame_menu, frames
from app.window.canvas.fitting import Fitting
from app.window.canvas.scene import Hit
from app.window.canvas.search_box import open_search
from app.window.opening import why_closed
from app.window.palette_mine import keep
from app.window.sentences import plain
from app.window.theme import icon
from app.window.topics import of_node

if TYPE_CHECKING:
    from app.window.canvas.view import CanvasView

_MOST_PARTNERS = 24


def menu_at(view: CanvasView, at: QPointF) -> QMenu:
    """The menu for what lies at `at`; what is not selected yet is selected first."""
    hit = view.scene_.hit(at, 0.0)
    menu = QMenu(view)
    menu.setToolTipsVisible(True)
    if hit.node is not None:
        if not hit.node.isSelected():
            view.scene_.select([hit.node.node.id])
        _node_menu(view, menu, hit.node.node)
    elif hit.wire is not None:
        if not hit.wire.isSelected():
            view.scene_.clearSelection()
            hit.wire.setSelected(True)
        ends = hit.wire.wire
        fitting = Fitting.between(view.document, ends)
        _add(menu, "Insert a block…", "plus", lambda: open_search(view, at, fitting, ends)).setToolTip(
            "Search what fits into this wire (double-click on it)"
        )
        _add(menu, "Delete wire", "trash-2", view.delete_selection, "Del").setToolTip(
            "Ctrl and the right button draw a stroke that cuts all wires it crosses"
        )
    elif hit.frame is not None:
        if not hit.frame.isSelected():
            view.scene_.frames.select([hit.frame.frame.id])
        frame_menu.fill(view, menu, hit.frame.frame)
    else:
        _add(menu, "Add a block…", "plus", lambda: open_search(view, at), "Tab").setToolTip(
            "Search a block or Group to put here (double-click on the canvas)"
        )
        _add(menu, "Paste", "clipboard-paste", lambda: commands.paste(view, at), "Ctrl+V")
        _add(menu, "Select all", "mouse-pointer-2", view.select_all, "Ctrl+A")
        _add(menu, "Add a frame", "square", lambda: frames.frame_selection(view, at, alone=True), "Ctrl+J")
        menu.addSeparator()
        _add(menu, "Fit the drawing", "maximize", view.fit_all, "Home")
        _arrange(view, menu)
        if view.document.path:
            _add(menu, "Leave the Group", "log-out", view.document.leave, "U")
    return menu


def place_of_selection(view: CanvasView) -> QPointF:
    """Where the menu opens that a key asks for: on the selected node or wire, else where nothing lies."""
    if ids := view.selected_ids():
        return view.scene_.nodes[ids[-1]].rect.center()
    if wires := view.scene_.selected_wires():
        return QPointF(*view.scene_.wires[wires[-1]].curve.at(0.5))
    at = view.middle()
    while view.scene_.hit(at, 0.0) != Hit():
        at += QPointF(0, 40)
    return at


def _add(menu: QMenu, text: str, mark: str, do: Callable[[], object], keys: str = "") -> QAction:
    action = menu.addAction(icon(mark), text)
    if keys:
        action.setShortcut(QKeySequence(keys))
    action.triggered.connect(lambda _checked=False: do())
    return action


def _arrange(view: CanvasView, menu: QMenu) -> None:
    """The window's own Arrange menu, where there is one."""
    if view.arrange_menu is not None:
        menu.addAction(view.arrange_menu.menuAction())  # `addMenu` would give it to this menu, to die with it


def _node_menu(view: CanvasView, menu: QMenu, node: Node) -> None:
    ids = view.scene_.selected_ids()
    several = len(ids) > 1
    if node.group and not several:
        _add(menu, "Enter", "log-in", lambda: view.document.enter(node.id), "Return")
    if node.block and not several:
        reason = why_closed(view.document, ids)
        open_up = _add(menu, "Open up", "boxes", view.open_up_wanted.emit, "Ctrl+Shift+E")
        open_up.setEnabled(not reason)
        open_up.setToolTip(plain(reason) or "Draw what the block is made of in its place, as a Group")
    if not several:
        _add(menu, "Rename", "pencil", lambda: view.rename(node.id), "F2")
        _add(menu, "Explain", "info", lambda: view.document.explanation_wanted.emit(of_node(node)), "F1")
    _add(menu, "Duplicate", "copy", view.duplicate_selection, "Ctrl+D")
    _add(menu, "Copy", "clipboard", view.copy_selection, "Ctrl+C")
    menu.addSeparator()
    _arrange(view, menu)
    _add(menu, "Group", "group", view.group_selection, "Ctrl+G")
    _add(menu, "Frame", "square", view.frame_selection, "Ctrl+J")
    if any(view.document.graph.by_id[id].group for id in ids):
        _add(menu, "Ungroup", "ungroup", view.ungroup_selection, "Ctrl+Shift+G")
    if node.group and not several:
        _add(menu, "Save to my Groups", "save", lambda: keep(view.document, node.group, view))
        _add(menu, "Repeat…", "repeat", lambda: _ask_repeat(view, node))
    if not several:
        _share_menu(view, menu, node)
    freeze = not all(view.document.graph.by_id[id].frozen for id in ids)
    _add(
        menu,
        "Freeze weights" if freeze else "Unfreeze weights",
        "snowflake" if freeze else "lock-open",
        lambda: commands.set_frozen(view, ids, freeze),
    )
    menu.addSeparator()
    _add(menu, "Delete", "trash-2", view.delete_selection, "Del").setToolTip(
        "What fed it is wired to what it fed, where that fits"
    )
    _add(menu, "Delete and leave the gap", "unlink", view.delete_open, "Ctrl+Del")


def _share_menu(view: CanvasView, menu: QMenu, node: Node) -> None:
    """Offer the nodes of the same block whose weights this one could use, or follow."""
    if node.shares or node.follows:
        _add(menu, "Use own weights", "unlink", lambda: commands.share(view, node.id, ""))
        return
    partners = [
        other
        for other in view.document.graph.nodes
        if other.id != node.id and (other.block, other.group) == (node.block, node.group) and not other.shares
    ]
    leaders = [other for other in partners if not other.follows]
    if any(other.follows == node.id for other in view.document.graph.nodes):
        partners, leaders = [other for other in partners if other.follows != node.id], []
    if not partners or node.block in (*commands.TOP_ONLY, *commands.INSIDE_ONLY):
        return
    sub = menu.addMenu(icon("link"), "Share weights with")
    for other in partners[:_MOST_PARTNERS]:
        _add(sub, other.name, "link", lambda other=other: commands.share(view, node.id, other.id))  # type: ignore[misc]
    if leaders:
        sub = menu.addMenu(icon("link"), "Follow the weights of")
        for other in leaders[:_MOST_PARTNERS]:
            _add(sub, other.name, "link", lambda other=other: commands.follow(view, node.id, other.id))  # type: ignore[misc]


def _ask_repeat(view: CanvasView, node: Node) -> None:
    if isinstance(node.repeat, Expression):
        view.document.refused.emit(f"{node.name} repeats `{node.repeat.expression}` times: set that in the inspector")
        return
    question = f"How often {node.name} runs, one after another:"
    times, chosen = QInputDialog.getInt(view, "Repeat", question, node.repeat, 1, 10_000)
    if chosen:
        commands.repeat(view, node.id, times)
