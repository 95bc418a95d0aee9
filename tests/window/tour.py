"""The first five minutes with Netloom, by real mouse and key events on the real window: drawn, mended, trained, opened.

`python -m tests.window.tour` walks through it and writes the pictures of examples/tour/README.md; the suite walks
through it without them.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QPixmap
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QPushButton, QWidget

from app.design.values import End
from app.window import theme as themes
from app.window.gallery import Gallery
from app.window.main_window import MainWindow
from app.window.runs import FINISHED

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "tour"
LEFT = Qt.MouseButton.LeftButton
NONE = Qt.KeyboardModifier.NoModifier
CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
SIZE = (1366, 768)
PATIENCE = 90.0
"""Seconds for what an engine does."""


class Tour:
    """Hands on a window whose engines are warm. `shoot` is given the name of each picture when it is time for it."""

    def __init__(self, window: MainWindow, shoot: Callable[[str], None] = lambda name: None) -> None:
        self.window, self.shoot = window, shoot
        self.canvas, self.document = window.canvas, window.document

    def walk(self) -> None:
        """All of it, in order."""
        self.search_the_first_block()
        self.pull_wires_into_the_void()
        self.make_a_mistake_and_take_the_fix()
        self.train()
        self.open_a_known_network()
        self.compare_two_variants()
        self.find_a_command()

    # what one does ----------------------------------------------------------------------------------------------------

    def search_the_first_block(self) -> None:
        """A double-click on the empty canvas: type a name, Enter."""
        at = QPoint(90, 300)
        QTest.mouseClick(self.canvas.viewport(), LEFT, NONE, at)
        QTest.mouseDClick(self.canvas.viewport(), LEFT, NONE, at)
        image = self.type("inp", "Input")
        self.set(image, "size", "1, 8, 8")
        self.valid(False)

    def pull_wires_into_the_void(self) -> None:
        """A wire let go over nothing asks what to put there, of what fits, and wires it."""
        self.pull()
        conv = self.type("conv", "Conv2d", shot="1-search")
        self.set(conv, "out_channels", "32")
        for text, block in (("batch", "BatchNorm2d"), ("relu", "ReLU"), ("flatten", "Flatten"), ("linear", "Linear")):
            self.pull()
            last = self.type(text, block)
        self.set(last, "out_features", "10")
        self.pull()
        self.type("output", "Output")
        self.valid()
        assert self.document.analysis is not None
        assert self.document.analysis.outputs[0].tensors[0].shape == (1, 10)

    def make_a_mistake_and_take_the_fix(self) -> None:
        """A kernel larger than the picture: the sentence says so, one click mends it."""
        self.set("conv2d", "kernel_size-1", "11")
        self.valid(False)
        bubble = self.canvas.bubble
        self.until(bubble.isVisible)
        self.shoot("2-mistake")
        fix = next(b for b in bubble.findChildren(QPushButton) if b.isVisible() and "back to 3×3" in b.text())
        QTest.mouseClick(fix, LEFT)
        self.valid()
        assert self.document.graph.by_id["conv2d"].settings.get("kernel_size", (3, 3)) == (3, 3)

    def train(self) -> None:
        """The usual loss and the digits in a click each; the curves are live."""
        panel = self.tab("Training")
        self.press(panel, "Add the usual one (CrossEntropy on label)")
        panel.form.data.setFocus()
        QTest.keyClick(panel.form.data, Qt.Key.Key_Down)
        assert self.document.design.recipe.data == "digits"
        panel.form.epochs.setFocus()
        panel.form.epochs.selectAll()
        QTest.keyClicks(panel.form.epochs, "8")
        QTest.keyClick(panel.form.epochs, Qt.Key.Key_Return)
        QTest.keyClick(self.canvas, Qt.Key.Key_Home)
        self.valid()
        self.press(self.window.topbar, "Train")
        self.until(lambda: not panel.running)
        assert panel.runs.last.state == FINISHED, panel.runs.last.message
        assert panel.runs.last.values["accuracy"] > 0.9
        QTest.keyClick(self.canvas, Qt.Key.Key_Home)
        self.shoot("3-training")

    def open_a_known_network(self) -> None:
        """ResNet-50 from the gallery, in a tab of its own: its MACs as colours, a stage opened and entered."""
        QTest.keyClick(self.window, Qt.Key.Key_O, CONTROL | SHIFT)
        gallery = self.window.findChild(Gallery)
        assert isinstance(gallery, Gallery)
        self.until(gallery.isVisible)
        QTest.keyClicks(gallery.focusWidget() or gallery, "resnet50")
        self.wait(1.5)  # its small pictures are drawn one after another
        self.shoot("4-gallery")
        QTest.keyClick(gallery.focusWidget() or gallery, Qt.Key.Key_Return)
        self.until(lambda: self.document.title == "resnet50")
        self.valid()
        assert self.document.analysis is not None and self.document.analysis.parameters == 25_557_032
        self.tab("Layers")
        self.come_back()
        self.click("backbone")
        QTest.keyClick(self.canvas, Qt.Key.Key_E, CONTROL | SHIFT)
        self.until(lambda: bool(self.document.graph.by_id["backbone"].group))
        self.valid()
        assert self.document.analysis.parameters == 25_557_032, "opened up it is the same network"
        at = self.canvas.mapFromScene(self.canvas.scene_.nodes["backbone"].rect.center())
        QTest.mouseDClick(self.canvas.viewport(), LEFT, NONE, at)
        self.until(lambda: self.document.path == ("backbone",))
        self.window.actions_["overlay macs"].trigger()
        QTest.keyClick(self.canvas, Qt.Key.Key_Home)
        self.shoot("5-opened")

    def compare_two_variants(self) -> None:
        """ResNet-50 beside ResNet-18: what differs is marked on both."""
        said: list[str] = []

        def look() -> None:
            dialog = next((w for w in QApplication.topLevelWidgets() if type(w).__name__ == "CompareDialog"), None)
            if dialog is None or not dialog.isVisible() or dialog.waiting:  # type: ignore[attr-defined]
                return
            clock.stop()
            self.wait(0.5)
            said.append(dialog.summary.text())  # type: ignore[attr-defined]
            self.shoot("6-compare")
            dialog.close()

        clock = QTimer(self.window)
        clock.timeout.connect(look)
        clock.start(100)
        QTest.keyClick(self.window, Qt.Key.Key_Z, CONTROL)  # closed again, as the zoo draws it
        self.window.actions_.compare.with_variant("resnet18")
        self.until(lambda: bool(said))
        assert "differ" in said[0], said

    def find_a_command(self) -> None:
        """Ctrl+K finds everything that the menus hold, with its key."""
        self.come_back()
        QTest.keyClick(self.window, Qt.Key.Key_K, CONTROL)
        QTest.keyClicks(QApplication.focusWidget(), "export")
        self.shoot("7-commands")
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Escape)

    # hands ------------------------------------------------------------------------------------------------------------

    def until(self, what: Callable[[], object], seconds: float = PATIENCE) -> None:
        end = time.monotonic() + seconds
        while not what():
            QApplication.processEvents()
            time.sleep(0.002)
            assert time.monotonic() < end, f"not within {seconds:.0f} s"

    def wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            QApplication.processEvents()
            time.sleep(0.002)

    def come_back(self) -> None:
        """From a dialog to the window."""
        self.window.activateWindow()
        self.until(self.window.isActiveWindow)

    def valid(self, wanted: bool = True) -> None:
        """Wait until analysis says that the drawing is valid, or that it is not."""

        def told() -> bool:
            analysis = self.document.analysis
            return analysis is not None and analysis.revision == self.document.revision and analysis.valid == wanted

        self.until(told)

    def type(self, text: str, block: str, shot: str = "") -> str:
        """Type into the open search and take what it offers first; the new node's id."""
        before = set(self.document.graph.by_id)
        assert self.canvas.search is not None
        QTest.keyClicks(self.canvas.search.field, text)
        if shot:
            self.wait(0.4)
            self.shoot(shot)
        QTest.keyClick(self.canvas.search.field, Qt.Key.Key_Return)
        (new,) = set(self.document.graph.by_id) - before
        assert self.document.graph.by_id[new].block == block
        return new

    def port(self, id: str, name: str = "out") -> QPoint:
        return self.canvas.mapFromScene(self.canvas.scene_.place_of(End(id, name), output=True))

    def pull(self) -> None:
        """Drag a wire from the output of the node made last to the right, and let it go over the void."""
        QTest.keyClick(self.canvas, Qt.Key.Key_Home)
        view = self.canvas.viewport()
        start = self.port(self.document.graph.nodes[-1].id)
        end = start + QPoint(round(64 * self.canvas.zoom), 0)
        QTest.mousePress(view, LEFT, NONE, start)
        for part in (0.3, 0.7, 1.0):
            QTest.mouseMove(view, start + (end - start) * part)
        QTest.mouseRelease(view, LEFT, NONE, end)

    def click(self, id: str) -> None:
        rect = self.canvas.scene_.nodes[id].rect
        at = self.canvas.mapFromScene(QPointF(rect.center().x(), rect.top() + 12))
        QTest.mouseClick(self.canvas.viewport(), LEFT, NONE, at)
        assert self.canvas.selected_ids() == [id]

    def set(self, id: str, setting: str, text: str) -> None:
        """Click a node and type one of its settings."""
        self.click(id)
        inspector = self.window.inspector
        self.until(lambda: inspector.findChild(QWidget, f"setting-{setting}") is not None)
        field: Any = inspector.findChild(QWidget, f"setting-{setting}")
        QTest.mouseClick(field, LEFT)
        field.selectAll()
        QTest.keyClicks(field, text)
        QTest.keyClick(field, Qt.Key.Key_Return)

    def tab(self, name: str) -> Any:
        tabs = self.window.bottom.tabs
        index = next(i for i in range(tabs.count()) if tabs.tabText(i).startswith(name))
        QTest.mouseClick(tabs, LEFT, NONE, tabs.tabRect(index).center())
        return self.window.bottom.panel(name)

    def press(self, place: QWidget, text: str) -> None:
        button = next(b for b in place.findChildren(QPushButton) if b.text() == text and b.isVisible())
        QTest.mouseClick(button, LEFT)


def picture(window: MainWindow) -> QPixmap:
    """The window, or the dialog that is open over it."""
    over = [w for w in QApplication.topLevelWidgets() if isinstance(w, QDialog) and w.isVisible()]
    return (over[0] if over else window).grab()


def main() -> None:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ["NETLOOM_SETTINGS"] = tempfile.mkdtemp()
    os.environ["NETLOOM_CALM"] = "1"
    FOLDER.mkdir(exist_ok=True)
    application = QApplication(sys.argv[:1])
    themes.load_fonts()
    work = tempfile.TemporaryDirectory()
    os.chdir(work.name)
    window = MainWindow()
    window.resize(*SIZE)
    window.show()
    window.activateWindow()
    window.start()

    def shoot(name: str) -> None:
        tour.wait(0.3)
        picture(window).save(str(FOLDER / f"{name}.png"))
        print(name)

    tour = Tour(window, shoot)
    tour.until(lambda: window.engines.is_ready and window.engines.last_devices)
    tour.walk()
    window.files.ask_save = lambda: "discard"  # type: ignore[method-assign]
    window.close()
    application.processEvents()


if __name__ == "__main__":
    main()
