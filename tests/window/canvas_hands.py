"""The canvas under a person's hands: a small catalogue, a drawing, and real mouse and key events."""

from __future__ import annotations

import msgspec
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent, QGuiApplication, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from app.design.values import Design, End, Node, Settings, Wire
from app.window.canvas.view import CanvasView
from app.window.document import Document
from blocks.card import Card, Port, Setting

LEVELS = Port("x", "[B c h w]", "pyramid")
X, OUT = Port("x", "B C H W"), Port("out", "B C H W")
CARDS = (
    Card("Input", "Input", "Ends", outputs=(OUT,), settings=(Setting("size", "ints", (3, 32, 32)),), shown=("size",)),
    Card("Output", "Output", "Ends", inputs=(Port("x", "*S", "any"),)),
    Card(
        "Conv2d", "Convolution", "Layer", inputs=(X,), outputs=(OUT,), icon="grid-3x3",
        settings=(Setting("out_channels", "int", 64, min=1), Setting("kernel_size", "pair", (3, 3))),
        shown=("out_channels", "kernel_size"), summary="Slide a kernel over the image.",
    ),
    Card("ReLU", "ReLU", "Layer", inputs=(X,), outputs=(OUT,)),
    Card("Add", "Add", "Connector", inputs=(Port("xs", "B C H W", many="*", at_least=2),), outputs=(OUT,)),
    Card("ResNet", "ResNet", "Backbone", inputs=(X,), outputs=(Port("out", "[B c h w]", "pyramid"),)),
    Card("FPN", "FPN", "Neck", inputs=(LEVELS,), outputs=(msgspec.structs.replace(LEVELS, name="out"),)),
    Card("GroupInput", "Group input", "Ends", outputs=(OUT,)),
    Card("GroupOutput", "Group output", "Ends", inputs=(X,)),
)  # fmt: skip


def node(id: str, block: str, x: float, y: float = 0, **settings: object) -> Node:
    return Node(id=id, block=block, x=x, y=y, settings=Settings(settings))


def wire(source: str, target: str, port: str = "x") -> Wire:
    return Wire(End(source, "out"), End(target, port))


CHAIN = Design(
    nodes=(
        node("image", "Input", 0), node("conv", "Conv2d", 260),
        node("relu", "ReLU", 520), node("output", "Output", 780),
    ),
    wires=(wire("image", "conv"), wire("relu", "output")),
)  # fmt: skip


def shown(qtbot, document: Document) -> CanvasView:  # type: ignore[no-untyped-def]
    view = CanvasView(document)
    qtbot.addWidget(view)
    view.resize(1200, 700)
    view.show()
    qtbot.waitExposed(view)
    return view


def port(view: CanvasView, id: str, name: str, *, output: bool = False) -> QPoint:
    return view.mapFromScene(view.scene_.place_of(End(id, name), output=output))


def body(view: CanvasView, id: str) -> QPoint:
    item = view.scene_.nodes[id]
    return view.mapFromScene(item.rect.center().x(), item.rect.top() + 16)


def drag(
    view: CanvasView,
    start: QPoint,
    end: QPoint,
    modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
    button: Qt.MouseButton = Qt.MouseButton.LeftButton,
    *,
    release: bool = True,
) -> None:
    where = view.viewport()
    QTest.mousePress(where, button, modifier, start)
    for part in (0.3, 0.7, 1.0):
        QTest.mouseMove(where, start + (end - start) * part)
    QTest.mouseMove(where, end)
    if release:
        QTest.mouseRelease(where, button, modifier, end)


class _Nowhere(QWidget):
    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        event.accept()


def let_go() -> None:
    """Release what mouse buttons are held: the hands are the whole process's, not the widget's that was pressed."""
    held = QGuiApplication.mouseButtons()
    for button in (Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton):
        if button in held:
            QTest.mouseRelease(_Nowhere(), button)


def drop(view: CanvasView, mime: str, name: str, at: QPoint) -> None:
    data = QMimeData()
    data.setData(mime, name.encode())
    shape = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    for event in (QDragEnterEvent(at, *shape), QDragMoveEvent(at, *shape), QDropEvent(QPointF(at), *shape)):
        QGuiApplication.sendEvent(view.viewport(), event)


def key(view: CanvasView, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    QTest.keyClick(view, key, modifier)
