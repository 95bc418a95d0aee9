"""Preview: a sample is shown to the network, and what the selected node makes of it is looked at closely."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from app.design.paths import locate
from app.messages import Answer
from app.messages.preview import Preview
from app.window import parts
from app.window.document import Document
from app.window.drawing_pad import Bars
from app.window.notice import Notice, fill
from app.window.preview import Previews
from app.window.preview_sample import SampleSide
from app.window.preview_tiles import TileGrid, ValueBars
from app.window.preview_views import View, saliency_of, views_of

LEFT = 316
HINT = "Select a node to see what it makes of the sample."


class PreviewPanel(QWidget):
    """At the left the sample and the weights; at the right the selected node, or with none the answer."""

    on_wanted = Signal(bool)
    """The preview shall be turned on, or off."""

    def __init__(self, document: Document, previews: Previews, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document, self.previews = document, previews
        self._views: list[View] = []
        self._at = ("", "")
        """The node and the title of what is looked at."""
        self._only: int | None = None
        self.side = SampleSide(previews, self)
        self.title = parts.label("", "title")
        self.notice = Notice(self)
        self.off = parts.button("Turn off", "flat", "Show no preview, here and on the canvas")
        self.what = QComboBox(self)
        self.what.setAccessibleName("What is shown of the node")
        self.what.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.part = QComboBox(self)
        self.part.setAccessibleName("Which head is shown")
        self.part.setMinimumContentsLength(9)
        self.target = QComboBox(self)
        self.target.setAccessibleName("The class whose pixels are shown")
        self.target.setToolTip("The class whose pixels are shown")
        self.target.setMinimumContentsLength(13)
        self.about = parts.label("", "soft")
        self.bars = Bars(self)
        self.grid = TileGrid()
        self.grid.setObjectName("content")
        self.values = ValueBars(self)
        self.empty = Notice(self, tall=True)
        self._pages = QStackedWidget(self)
        self._bodies = QStackedWidget(self)
        self._arrange()
        self.off.clicked.connect(lambda: self.on_wanted.emit(False))
        self.what.activated.connect(self._show_view)
        self.part.activated.connect(lambda index: self._alone(index - 1 if index else None))
        self.target.activated.connect(lambda index: previews.ask_class(self.target.itemData(index)))
        self.grid.chosen.connect(lambda index: self._alone(index if self._only is None else None))
        self.grid.pointed.connect(self._point)
        self.values.pointed.connect(self._point)
        previews.changed.connect(self.refresh)
        self.refresh()

    def _arrange(self) -> None:
        left = QScrollArea(self)
        left.setWidgetResizable(True)
        left.setFrameShape(QFrame.Shape.NoFrame)
        left.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        left.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        left.setFixedWidth(LEFT)
        left.setWidget(self.side)
        scroll = QScrollArea(self)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(self.grid)
        self._bodies.addWidget(QWidget())
        self._bodies.addWidget(scroll)
        self._bodies.addWidget(self.values)
        head = QHBoxLayout()
        head.setSpacing(10)
        head.addWidget(self.title)
        for widget in (self.what, self.part, self.target):
            head.addWidget(widget)
        head.addStretch(1)
        head.addWidget(self.off)
        body = QHBoxLayout()
        body.setSpacing(20)
        body.addWidget(self.bars, 2)
        body.addWidget(self._bodies, 3)
        right = QVBoxLayout()
        right.setSpacing(6)
        right.addLayout(head)
        right.addWidget(self.notice)
        right.addLayout(body, 1)
        right.addWidget(self.about)
        self.about.setMinimumHeight(self.about.sizeHint().height())
        columns = QWidget(self)
        row = QHBoxLayout(columns)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(20)
        row.addWidget(left)
        row.addLayout(right, 1)
        self._pages.addWidget(self.empty)
        self._pages.addWidget(columns)
        whole = QWidget()
        layout = QVBoxLayout(whole)
        layout.setContentsMargins(20, 10, 20, 10)
        layout.addWidget(self._pages)
        fill(self, whole, 760)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.previews.set_closely(True)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.previews.set_closely(False)

    # showing ----------------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show what is known now."""
        previews, told = self.previews, self.previews.told
        self._pages.setCurrentIndex(1 if previews.on and told is not None else 0)
        if not previews.on:
            sentence = "See what each node makes of a sample: its feature maps, where attention looks, what matters."
            self.empty.say("info", sentence, ("Preview", lambda: self.on_wanted.emit(True)))
        elif told is None:
            waits = "Running the sample through the network."
            self.empty.say("error" if previews.trouble else "info", previews.trouble or waits)
        if not previews.on or told is None:
            return
        self.side.refresh()
        self._say(told)
        self._views = self._found(told)
        self._name(told)
        titles = [view.title for view in self._views]
        node, title = self._at
        kept = titles.index(title) if node == previews.node and title in titles else 0
        if node != previews.node:
            self._only = None
        with QSignalBlocker(self.what):
            self.what.clear()
            self.what.addItems(titles)
            self.what.setCurrentIndex(kept)
        self.what.setVisible(len(titles) > 1)
        self._show_view(kept)

    def _found(self, told: Preview) -> list[View]:
        node = self.previews.node
        if not node:
            return [saliency_of(told)] if told.saliency is not None else []
        _path, where, id = locate(self._document.design, node)
        entry = bool(id) and self._document.design.graph(where).by_id[id].block == "Input"
        return views_of(told, node, entry=entry)

    def _say(self, told: Preview) -> None:
        trouble = self.previews.trouble
        self.notice.setVisible(bool(trouble or told.said))
        self.notice.say("error" if trouble else "info", trouble or " ".join(told.said))

    def _name(self, told: Preview) -> None:
        _path, where, id = locate(self._document.design, self.previews.node) if self.previews.node else ((), "", "")
        self.title.setText(self._document.design.graph(where).by_id[id].name if id else "Answer")
        self.bars.setVisible(not self.previews.node and bool(told.answers))
        self.bars.show_answers(tuple(Answer(each.label, each.probability) for each in told.answers))

    @property
    def view(self) -> View | None:
        """What is looked at."""
        index = self.what.currentIndex()
        return self._views[index] if 0 <= index < len(self._views) else None

    def _show_view(self, index: int) -> None:
        view, previews = self.view, self.previews
        if self._at != (previews.node, view.title if view is not None else ""):
            self._only = None
        self._at = (previews.node, view.title if view is not None else "")
        self._offer_parts(view)
        self._offer_classes(view)
        if view is None:
            self._bodies.setCurrentIndex(0)
            self._bodies.setVisible(bool(previews.node))
            self.about.setText(self._why_nothing())
            return
        self._bodies.setVisible(True)
        self._bodies.setCurrentIndex(2 if view.values else 1 if view.images else 0)
        self.grid.show_images(view.images, self._only, previews.old)
        self.values.show_values(view.values, previews.old)
        self._point(-1)

    def _why_nothing(self) -> str:
        told, node = self.previews.told, self.previews.node
        if not node or told is None:
            return HINT
        why = next((each.why for each in told.skipped if each.id == node or each.id.startswith(node + "/")), "")
        if self.previews.waiting:
            return "Looking closer."
        return why or "There is no picture of this node: a Group's own node shows what leaves it."

    def _offer_parts(self, view: View | None) -> None:
        shown = view is not None and view.chooser and len(view.images) > 1
        self.part.setVisible(shown)
        if view is None or not shown:
            return
        names = ["All heads", *(view.name(i) for i in range(len(view.images)))]
        with QSignalBlocker(self.part):
            if [self.part.itemText(i) for i in range(self.part.count())] != names:
                self.part.clear()
                self.part.addItems(names)
            self.part.setCurrentIndex(0 if self._only is None else self._only + 1)

    def _offer_classes(self, view: View | None) -> None:
        told = self.previews.told
        shown = view is not None and view.saliency and told is not None and told.saliency is not None
        self.target.setVisible(shown)
        if not shown or told is None or told.saliency is None:
            return
        chosen = told.saliency.target
        classes = sorted({each.index: each.label for each in told.answers}.items() | {(chosen, told.saliency.label)})
        with QSignalBlocker(self.target):
            self.target.clear()
            self.target.addItem("Likeliest class", None)
            for index, label in classes:
                self.target.addItem(f"Class {label}", index)
            wished = self.previews.target
            place = self.target.findData(chosen) if wished is not None else 0
            self.target.setCurrentIndex(max(place, 0))

    def _alone(self, only: int | None) -> None:
        """Show one picture alone, or all again."""
        view = self.view
        if view is None or len(view.images) < 2:
            return
        self._only = only
        with QSignalBlocker(self.part):
            self.part.setCurrentIndex(0 if only is None else only + 1)
        self.grid.show_images(view.images, only, self.previews.old)
        self._point(-1)

    def _point(self, index: int) -> None:
        """Say what is under the pointer; else what is shown."""
        view = self.view
        if view is None:
            return
        index = index if index >= 0 or self._only is None else self._only
        axes = "  Queries run down, keys to the right." if view.chooser else ""
        self.about.setText(view.about(index) if index >= 0 else view.said + axes)
