"""The canvas offers to let a node's weights follow another's, says so on the node, and takes it back."""

from __future__ import annotations

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from app.design import edits
from app.window.canvas import menus, tips
from app.window.canvas.scene import Hit
from app.window.canvas.view import CanvasView


def entry(menu: QMenu, text: str) -> QAction:
    return next(a for a in menu.actions() if a.text() == text)


def menu_of(view: CanvasView, id: str) -> QMenu:
    view.scene_.select([id])
    return menus.menu_at(view, view.scene_.nodes[id].rect.center())


def test_a_node_follows_another_by_the_menu(view: CanvasView) -> None:
    document = view.document
    pasted, (twin,) = edits.paste(document.design, "", [document.graph.by_id["conv"]], (), dy=400)
    document.edit("Paste", lambda d: pasted)
    menu = menu_of(view, twin)
    sub = entry(menu, "Follow the weights of").menu()
    assert isinstance(sub, QMenu)
    entry(sub, "conv").trigger()
    assert document.graph.by_id[twin].follows == "conv"
    said = tips.tip(view.scene_, Hit(node=view.scene_.nodes[twin]))
    assert "moving average of those of conv, with momentum 0.99" in said
    texts = [a.text() for a in menu_of(view, "conv").actions()]
    assert "Follow the weights of" not in texts and "Share weights with" not in texts, "it has a follower of its own"
    entry(menu_of(view, twin), "Use own weights").trigger()
    assert document.graph.by_id[twin].follows == ""
    document.undo_stack.undo()
    assert document.graph.by_id[twin].follows == "conv"
