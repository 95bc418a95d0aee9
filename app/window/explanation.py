"""Explanations: a node's in short, in the inspector, and the dialog in which every page can be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, QSize, Qt, QUrl
from PySide6.QtGui import QFont, QKeySequence, QShortcut, QTextDocument
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QDialog,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from app.design.values import Design, End, Node, Settings, Wire
from app.messages.reckoning import Reckon
from app.window.document import Document
from app.window.engines import Engines
from app.window.fold import Fold
from app.window.papers import PaperLabel
from app.window.parts import area, button, label
from app.window.questions import Questions
from app.window.reckoning import CurvePicture
from app.window.theme import BODY, font, icon, theme
from app.window.topics import OK, SIGN, WARN, Topic, chapters, of_node, page_of

if TYPE_CHECKING:
    from app.window.main_window import MainWindow

ROW = 24
"""The height of a line in the list of pages: said outright, for before the dialog is shown the sheet is not heeded."""


class ExplanationBox(QWidget):
    """When a node's block helps and when it hurts, its paper, and the way to its category's page."""

    def __init__(self, document: Document, node: Node) -> None:
        super().__init__()
        card, group = document.catalogue.get(node.block), document.pages.get("Group")
        said = group if node.group else card
        category = "Group" if node.group else card.category if card else ""
        page = document.pages.get(category)
        self.fold = Fold("When it helps and when it hurts", "Say when to choose it, and when another one")
        self._signs: list[tuple[QLabel, str, str]] = []
        for name, token, text in (
            ("circle-check", "ok", said.helps if said else ""),
            ("triangle-alert", "warn", said.hurts if said else ""),
        ):
            if text:
                self.fold.body.addWidget(self._line(name, token, text))
        self.paper = PaperLabel()
        self.paper.setText(said.paper if said else "")
        tip = "What such blocks are for; F1 explains this one"
        self.about = button(f"About {page.title}" if page else "", "link", tip)
        self.about.setObjectName("about-category")
        self.about.clicked.connect(lambda: document.explanation_wanted.emit(f"category:{category}"))
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(6)
        box.addWidget(self.fold)
        box.addWidget(self.paper)
        box.addWidget(self.about, 0, Qt.AlignmentFlag.AlignLeft)
        self.fold.setVisible(bool(self._signs))
        self.paper.setVisible(bool(self.paper.text()))
        self.about.setVisible(page is not None)
        theme.changed.connect(self._paint)
        self._paint()

    def _line(self, name: str, token: str, text: str) -> QWidget:
        line, sign, sentence = QWidget(), QLabel(), label(text, "soft", wrap=True)
        sign.setFixedWidth(16)
        sign.setToolTip("When it helps" if token == "ok" else "When it hurts")
        sentence.setObjectName("helps" if token == "ok" else "hurts")
        sentence.setAccessibleName(f"{sign.toolTip()}: {text}")
        sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        row = QHBoxLayout(line)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(sentence, 1)
        self._signs.append((sign, name, token))
        return line

    def _paint(self) -> None:
        for sign, name, token in self._signs:
            sign.setPixmap(icon(name, theme.color(token).name()).pixmap(QSize(16, 16)))


class Explanation(QDialog):
    """One page at a time; beside it a list of all that stands in its chapter."""

    def __init__(self, document: Document, engines: Engines, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document, self._engines = document, engines
        self._chapters: dict[str, list[Topic]] = {}
        self.topic: Topic | None = None
        self._questions = Questions(document, engines, self)
        self.setWindowTitle("Explanation")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        room = parent.size() if parent is not None else QSize(1366, 768)
        self.resize(min(860, room.width() - 48), min(640, room.height() - 48))
        self.chapter = QComboBox()
        self.chapter.setAccessibleName("Chapter")
        self.chapter.setToolTip("What to read about")
        self.chapter.activated.connect(lambda _i: self._choose_chapter())
        self.list = QListWidget()
        self.list.setObjectName("pages")
        self.list.setAccessibleName("Pages")
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.currentItemChanged.connect(lambda item, _before: self._choose(item))
        self.text = QTextBrowser()
        self.text.setAccessibleName("Explanation")
        self.text.setOpenExternalLinks(True)
        self.text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextBrowserInteraction | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.text.setFont(font(BODY + 0.5))
        self.curve = CurvePicture()
        self.curve.setMaximumWidth(420)
        self.previous = self._step("Previous", "chevron-left", "Alt+Left", -1)
        self.next = self._step("Next", "chevron-right", "Alt+Right", 1)
        close = button("Close", tip="Esc")
        close.setAutoDefault(False)
        close.clicked.connect(self.close)
        self._arrange(close)
        self._fill()
        document.catalogue_changed.connect(self._fill)
        engines.devices.connect(self._fill)
        theme.changed.connect(self._show)
        self.list.setFocus()

    def _step(self, text: str, name: str, keys: str, by: int) -> QWidget:
        made = button(text, tip=keys.replace("Left", "\N{LEFTWARDS ARROW}").replace("Right", "\N{RIGHTWARDS ARROW}"))
        made.setAutoDefault(False)
        made.setIcon(icon(name))
        if by > 0:
            made.setLayoutDirection(Qt.LayoutDirection.RightToLeft)  # its arrow stands behind the word
        made.clicked.connect(lambda: self._go(by))
        QShortcut(QKeySequence(keys), self).activated.connect(lambda: self._go(by))
        return made

    def _arrange(self, close: QWidget) -> None:
        left = area("panel")
        left.setFixedWidth(232)
        column = QVBoxLayout(left)
        column.setContentsMargins(14, 14, 8, 12)
        column.setSpacing(10)
        column.addWidget(self.chapter)
        column.addWidget(self.list, 1)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.previous)
        row.addWidget(self.next)
        row.addStretch(1)
        row.addWidget(close)
        right = QVBoxLayout()
        right.setContentsMargins(20, 14, 20, 14)
        right.setSpacing(12)
        right.addWidget(self.text, 1)
        right.addWidget(self.curve)
        right.addLayout(row)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(left)
        whole.addLayout(right, 1)

    # what there is ----------------------------------------------------------------------------------------------------

    def _fill(self, *_new: object) -> None:
        """Take what is known now; the page that is read stays."""
        self._chapters = chapters(self._document, self._engines.last_devices)
        self.chapter.clear()
        self.chapter.addItems(list(self._chapters))
        key = self.topic.key if self.topic else ""
        if not self.show_topic(key) and self._chapters:
            self._choose_chapter()

    def show_topic(self, key: str) -> bool:
        """Turn to a page; False where there is none of that name."""
        for name, topics in self._chapters.items():
            if (topic := next((t for t in topics if t.key == key), None)) is not None:
                self._list(name, topic)
                return True
        return False

    def _choose_chapter(self) -> None:
        name = self.chapter.currentText()
        self._list(name, self._chapters[name][0])

    def _list(self, chapter: str, shown: Topic) -> None:
        """List the pages of a chapter, with `shown` as the current one."""
        self.chapter.setCurrentText(chapter)
        with QSignalBlocker(self.list):
            self.list.clear()
            section = ""
            for topic in self._chapters[chapter]:
                if topic.section != section:
                    section = topic.section
                    head = QListWidgetItem(section)
                    head.setFlags(Qt.ItemFlag.NoItemFlags)
                    head.setSizeHint(QSize(0, ROW + 10))
                    head.setTextAlignment(Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignLeft)
                    self.list.addItem(head)
                item = QListWidgetItem(topic.title)
                item.setData(Qt.ItemDataRole.UserRole, topic)
                item.setSizeHint(QSize(0, ROW))
                if topic.key.startswith("category:"):
                    item.setFont(font(BODY, weight=QFont.Weight.DemiBold))
                self.list.addItem(item)
                if topic is shown:
                    self.list.setCurrentItem(item)
        self.list.scrollToItem(self.list.currentItem())
        self._choose(self.list.currentItem())

    # reading ----------------------------------------------------------------------------------------------------------

    def _beside(self, by: int) -> QListWidgetItem | None:
        """The page before or after the current one; None at the end."""
        row = self.list.currentRow() + by
        while 0 <= row < self.list.count():
            item = self.list.item(row)
            if item.flags() & Qt.ItemFlag.ItemIsSelectable:
                return item
            row += by
        return None

    def _go(self, by: int) -> None:
        if (item := self._beside(by)) is not None:
            self.list.setCurrentItem(item)

    def _choose(self, item: QListWidgetItem | None) -> None:
        if item is None:
            return
        self.topic = item.data(Qt.ItemDataRole.UserRole)
        self.previous.setEnabled(self._beside(-1) is not None)
        self.next.setEnabled(self._beside(1) is not None)
        self._show()
        self._draw_curve()

    def _show(self) -> None:
        """Set the page, in the colours of the theme."""
        if self.topic is None:
            return
        colour = theme.category(self.topic.category) if self.topic.category else theme.color("accent")
        page = self.text.document()
        page.clear()
        for name, sign, shade in (
            (SIGN, self.topic.icon, colour), (OK, "circle-check", theme.color("ok")),
            (WARN, "triangle-alert", theme.color("warn")),
        ):  # fmt: skip
            picture = icon(sign, shade.name(), 18).pixmap(QSize(18, 18))
            page.addResource(QTextDocument.ResourceType.ImageResource.value, QUrl(name), picture)
        self.text.setHtml(page_of(self.topic))
        self.setWindowTitle(self.topic.title)

    def _draw_curve(self) -> None:
        """The curve of a single activation, from the module itself."""
        self.curve.show_curve(None)
        self._questions.drop()
        card = self.topic.card if self.topic else None
        if card is None or card.section != "Activation" or len(card.inputs) != 1:
            return
        nodes = (Node("x", block="Input", settings=Settings(size=(8, 8, 8))), Node("act", block=card.id))
        alone = Design(nodes=nodes, wires=(Wire(End("x", "out"), End("act", card.inputs[0].name)),))
        self._questions.ask(
            lambda: Reckon("", alone, "", "act"),
            lambda told: self.curve.show_curve(told.curve),
            lambda _why: self.curve.show_curve(None),
        )


def explain(window: MainWindow, key: str) -> None:
    """Show a page; with "" that of what the focus is on, or else of the node selected, or else the first."""
    key = key or _meant(window)
    dialog = next((d for d in window.findChildren(Explanation) if d.isVisible()), None)
    if dialog is None:
        dialog = Explanation(window.document, window.engines, window)
    if dialog.topic is None:
        window.say("The explanations come from the engine: they are here once it has started.")
        dialog.deleteLater()
        return
    if key and not dialog.show_topic(key):
        window.say(f"There is no page about `{key.partition(':')[2]}` here.")
        if not dialog.isVisible():
            dialog.deleteLater()
        return
    dialog.show()
    dialog.activateWindow()


def _meant(window: MainWindow) -> str:
    focus = QApplication.focusWidget()
    if focus is not None and window.palette_panel.isAncestorOf(focus) and (topic := window.palette_panel.topic()):
        return topic
    training = window.bottom.made("Training")
    if focus is not None and training is not None and (topic := training.form.topic(focus)):  # type: ignore[attr-defined]
        return topic
    ids = window.canvas.selected_ids()
    return of_node(window.document.graph.by_id[ids[0]]) if ids else ""
