"""The gallery of known architectures: searchable cards, the details of one, and a button that opens it."""

from __future__ import annotations

from collections import deque
from typing import Any

from PySide6.QtCore import QAbstractListModel, QEvent, QModelIndex, QObject, QSize, Qt, QTimer
from PySide6.QtGui import QKeyEvent, QPixmap, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QButtonGroup,
    QComboBox,
    QDialog,
    QHBoxLayout,
    QLineEdit,
    QListView,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.design import file
from app.window import figures, log
from app.window.document import Document
from app.window.files import Files
from app.window.flow import Flow
from app.window.gallery_cards import CARD, PICTURE, ROLE, SORTS, CardPainter, Family, Index, chosen, families
from app.window.notice import Notice
from app.window.papers import PaperLabel
from app.window.parts import area, button, label, line
from app.window.rows import NOT_KNOWN, Facts
from app.window.sketch import sketch
from app.window.theme import icon, theme
from examples import zoo

DETAILS = 308
"""The width of the details."""


class _Cards(QAbstractListModel):
    """The families shown."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.families: list[Family] = []

    def show(self, families: list[Family]) -> None:
        self.beginResetModel()
        self.families = families
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 (Qt's own signature)
        return 0 if parent.isValid() else len(self.families)

    def data(self, index: Index, role: int = ROLE) -> Any:
        family = self.families[index.row()]
        if role == ROLE:
            return family
        if role in (int(Qt.ItemDataRole.DisplayRole), int(Qt.ItemDataRole.AccessibleTextRole)):
            return f"{family.title}, {family.about.year}"
        return family.about.introduced if role == int(Qt.ItemDataRole.ToolTipRole) else None


class Details(QWidget):
    """One family: what it is, its variants to choose from, and what the chosen one costs."""

    def __init__(self) -> None:
        super().__init__()
        self.family: Family | None = None
        self.picture = label()
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.setFixedHeight(PICTURE.height() + 20)
        self.title, self._what = label("", "title", wrap=True), label("", "soft", wrap=True)
        self._introduced, self.paper = label("", wrap=True), PaperLabel()
        self.variants = QWidget()
        self._row = Flow(6, self.variants)
        self._group = QButtonGroup(self)
        self._group.idToggled.connect(lambda _id, on: self._show_costs() if on else None)
        self.facts = Facts()
        box = QVBoxLayout(self)
        box.setContentsMargins(16, 12, 16, 12)
        box.setSpacing(8)
        for widget in (self.picture, self.title, self._what, self._introduced, self.paper, line(),
                       label("Variant", "heading"), self.variants, self.facts):  # fmt: skip
            box.addWidget(widget)
        box.addStretch(1)

    @property
    def name(self) -> str:
        """The network chosen; "" while there is none."""
        index = self._group.checkedId()
        return self.family.variants[index].name if self.family is not None and index >= 0 else ""

    def show_family(self, family: Family | None, meant: int) -> None:
        """Show a family, with the variant number `meant` chosen."""
        if family is not self.family:
            self.family = family
            for old in self._group.buttons():
                self._group.removeButton(old)
                self._row.removeWidget(old)
                old.hide()
                old.deleteLater()
            for i, network in enumerate(family.variants if family else ()):
                chip = QPushButton(network.name)
                chip.setProperty("kind", "chip")
                chip.setCheckable(True)
                chip.setToolTip(f"Open {network.name}")
                self._group.addButton(chip, i)
                self._row.addWidget(chip)
                chip.show()
        self.setVisible(family is not None)
        if family is not None:
            about = family.about
            self.title.setText(family.title)
            self._what.setText(" · ".join(filter(None, (str(about.year or ""), about.task))))
            self._introduced.setText(about.introduced)
            self.paper.setText(about.paper)
            self._group.button(meant).setChecked(True)
            self._show_costs()

    def _show_costs(self) -> None:
        if self.family is None or self._group.checkedId() < 0:
            return
        network = self.family.variants[self._group.checkedId()]

        def count(number: int | None) -> str:
            return NOT_KNOWN if number is None else figures.count(number)

        sizes = " × ".join
        lines = [("input", "  ".join(sizes(map(str, s[1:])) for s in network.inputs) or NOT_KNOWN)]
        lines.append(("parameters", count(network.parameters)))
        if network.trainable != network.parameters:
            lines.append(("trainable", count(network.trainable)))
        self.facts.show_lines([*lines, ("MACs", count(network.macs))])


class Gallery(QDialog):
    """Chooses a known architecture; `accept` opens it as a drawing without a file."""

    def __init__(self, document: Document, files: Files, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document, self._files = document, files
        self.setWindowTitle("Known architectures")
        room = parent.size() if parent is not None else QSize(1366, 768)
        self.resize(min(1240, room.width() - 48), min(820, room.height() - 48))
        self._pictures: dict[str, QPixmap | None] = {}
        self._waiting: deque[Family] = deque()
        self._painting = QTimer(self)
        self._painting.timeout.connect(self._paint_next)
        self._all = self._read()
        self._task = ""
        self._find()
        self._show_cards()
        self._arrange()
        document.catalogue_changed.connect(self._forget)
        theme.changed.connect(self._forget)
        self._filter()
        self.search.setFocus()

    def _read(self) -> tuple[Family, ...]:
        try:
            return families()
        except (OSError, ValueError) as error:  # msgspec's errors among them
            log.write("window", f"the known architectures cannot be read: {error}")
            return ()

    # parts ------------------------------------------------------------------------------------------------------------

    def _find(self) -> None:
        self.search = QLineEdit()
        count = sum(len(f.variants) for f in self._all)
        self.search.setPlaceholderText(f"Search {count:,} networks: a name, an author, a year, an idea")
        self.search.setAccessibleName("Search the known architectures")
        self.search.setClearButtonEnabled(True)
        self.search.addAction(icon("search"), QLineEdit.ActionPosition.LeadingPosition)
        self.search.textChanged.connect(lambda _text: self._filter())
        self.search.installEventFilter(self)
        self.sort = QComboBox()
        self.sort.setAccessibleName("Sort")
        self.sort.setToolTip("The order of the cards")
        self.sort.addItems(SORTS)
        self.sort.currentIndexChanged.connect(lambda _i: self._filter())
        self.tasks = QWidget()
        row = Flow(6, self.tasks)
        self._task_group = QButtonGroup(self)
        tasks = sorted({f.about.task for f in self._all if f.about.task})
        for task in ("", *tasks):
            found = sum(not task or f.about.task == task for f in self._all)
            chip = QPushButton(f"{(task or 'all').capitalize()}  {found}")
            chip.setObjectName(f"task-{task or 'all'}")
            chip.setProperty("kind", "chip")
            chip.setCheckable(True)
            chip.setChecked(not task)
            chip.setAutoDefault(False)
            chip.clicked.connect(lambda _on=False, task=task: self._choose_task(task))
            self._task_group.addButton(chip)
            row.addWidget(chip)

    def _show_cards(self) -> None:
        self._model = _Cards(self)
        self._painter = CardPainter(self._picture)
        self.cards = QListView()
        self.cards.setModel(self._model)
        self.cards.setItemDelegate(self._painter)
        self.cards.setViewMode(QListView.ViewMode.IconMode)
        self.cards.setMovement(QListView.Movement.Static)
        self.cards.setResizeMode(QListView.ResizeMode.Adjust)
        self.cards.setUniformItemSizes(True)
        self.cards.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.cards.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.cards.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.cards.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.cards.setMouseTracking(True)
        self.cards.setAccessibleName("Known architectures")
        self.cards.installEventFilter(self)
        self.cards.viewport().installEventFilter(self)
        self.cards.selectionModel().currentChanged.connect(lambda *_: self._show_details())
        self.cards.doubleClicked.connect(lambda _index: self.accept())
        self.none = Notice(tall=True)
        self.none.hide()

    def _arrange(self) -> None:
        self.details = Details()
        self.details.setObjectName("content")
        side = area("panel")
        side.setFixedWidth(DETAILS)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(self.details)
        self.open_button = button("Open", "primary", "Open the chosen network as a new drawing (Enter)")
        self.open_button.setDefault(True)
        self.open_button.clicked.connect(self.accept)
        close = button("Close", "", "Leave the gallery (Escape)")
        close.setAutoDefault(False)
        close.clicked.connect(self.reject)
        buttons = QHBoxLayout()
        buttons.setContentsMargins(16, 8, 16, 16)
        buttons.setSpacing(8)
        buttons.addWidget(close)
        buttons.addWidget(self.open_button, 1)
        right = QVBoxLayout(side)
        right.setContentsMargins(0, 0, 0, 0)
        right.addWidget(scroll, 1)
        right.addLayout(buttons)
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(self.search, 1)
        top.addWidget(self.sort)
        left = QVBoxLayout()
        left.setContentsMargins(16, 16, 4, 8)
        left.setSpacing(10)
        left.addLayout(top)
        left.addWidget(self.tasks)
        left.addWidget(self.cards, 1)
        left.addWidget(self.none, 1)
        self.tasks.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(left, 1)
        rule = line()
        rule.setFixedSize(1, 16_777_215)
        rule.setMinimumHeight(0)
        whole.addWidget(rule)
        whole.addWidget(side)

    # choosing ---------------------------------------------------------------------------------------------------------

    @property
    def shown(self) -> list[Family]:
        """The families whose cards are shown, in order."""
        return self._model.families

    def _choose_task(self, task: str) -> None:
        self._task = task
        self._filter()

    def _filter(self) -> None:
        found = chosen(self._all, self.search.text(), self._task, self.sort.currentText())
        self._waiting.clear()
        self._model.show(found)
        self.cards.setVisible(bool(found))
        self.none.setVisible(not found)
        if not self._all:
            self.none.say("error", "The known architectures are missing here: install Netloom again.")
        else:
            self.none.say("info", "No known architecture has all of these words.", ("Show all", self._show_all))
        if found:
            self.cards.setCurrentIndex(self._model.index(0))
            self.cards.scrollToTop()
        self._show_details()

    def _show_all(self) -> None:
        self._task = ""
        self._task_group.buttons()[0].setChecked(True)
        self.search.clear()
        self._filter()
        self.search.setFocus()

    def _show_details(self) -> None:
        index = self.cards.currentIndex()
        family = self._model.families[index.row()] if index.isValid() else None
        self.details.show_family(family, family.meant(self.search.text().lower().split()) if family else 0)
        self.open_button.setEnabled(family is not None)
        if family is not None and (picture := self._picture(family)) is not None:
            self.details.picture.setPixmap(picture)
        else:
            self.details.picture.clear()

    def accept(self) -> None:
        """Open the chosen network; the gallery stays where the open drawing shall not go after all."""
        if (name := self.details.name) and self._files.open_known(name):
            super().accept()

    # keys -------------------------------------------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if watched is self.search and event.key() in (Qt.Key.Key_Down, Qt.Key.Key_PageDown) and self.shown:
                self.cards.setFocus()
                return True
            first_line = self.cards.currentIndex().row() < self._columns()
            if watched is self.cards and event.key() == Qt.Key.Key_Up and first_line:
                self.search.setFocus()
                return True
            if watched is self.cards and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.accept()
                return True
            if watched is self.cards and event.text().strip() and not event.modifiers():
                self.search.setFocus()  # whoever types means to search
                self.search.insert(event.text())
                return True
        if watched is self.cards.viewport() and isinstance(event, QResizeEvent):
            self._fill_lines()
        return super().eventFilter(watched, event)

    def _columns(self) -> int:
        return max((self.cards.viewport().width() - 2) // CARD.width(), 1)

    def _fill_lines(self) -> None:
        """Make the cards as wide as fills a line."""
        width = (self.cards.viewport().width() - 2) // self._columns()
        if width != self._painter.width:
            self._painter.width = width
            self._painter.sizeHintChanged.emit(self._model.index(0))
            self.cards.scheduleDelayedItemsLayout()

    # pictures ---------------------------------------------------------------------------------------------------------

    def _picture(self, family: Family) -> QPixmap | None:
        """The picture of a family; where there is none yet it is painted a little later, and shown then."""
        if family.name not in self._pictures and family not in self._waiting:
            self._waiting.append(family)
            if not self._painting.isActive():
                self._painting.start(0)
        return self._pictures.get(family.name)

    def _paint_next(self) -> None:
        if not self._waiting:
            self._painting.stop()
            return
        family = self._waiting.popleft()
        try:
            design = file.load(zoo.find(family.about.name) or "")
            self._pictures[family.name] = sketch(design, self._document.catalogue, PICTURE, self.devicePixelRatioF())
        except (file.FileError, OSError) as error:
            log.write("window", f"no picture of {family.name}: {error}")
            self._pictures[family.name] = None
        self.cards.viewport().update()
        if family is self.details.family:
            self._show_details()

    def _forget(self) -> None:
        """Paint anew: colours have changed."""
        self._pictures.clear()
        self.cards.viewport().update()
        self._show_details()
