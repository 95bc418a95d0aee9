"""Which weights of another run a run began with: kept, kept in part, made new, and not needed any more."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog, QHBoxLayout, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from app.messages.training import Carried
from app.window import parts
from app.window.theme import font

KINDS = (
    ("kept", "Kept as they are"),
    ("sliced", "Kept in part; the rest is new"),
    ("fresh", "New"),
    ("dropped", "Of the run before, without a place in the drawing"),
)


class CarriedDialog(QDialog):
    """A list of the weights by what became of them."""

    def __init__(self, carried: Carried, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Weights that were kept")
        self.resize(520, 460)
        self.list = QTreeWidget(self)
        self.list.setObjectName("layers")
        self.list.setHeaderHidden(True)
        self.list.setAccessibleName("Weights")
        for kind, title in KINDS:
            names = getattr(carried, kind)
            if not names:
                continue
            top = QTreeWidgetItem([f"{title}: {len(names):,}"])
            for name in names:
                item = QTreeWidgetItem([name])
                item.setFont(0, font(12, mono=True))
                top.addChild(item)
            self.list.addTopLevelItem(top)
            top.setExpanded(kind != "kept")
        close = parts.button("Close")
        close.clicked.connect(self.accept)
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(close)
        box = QVBoxLayout(self)
        box.setContentsMargins(20, 16, 20, 16)
        box.setSpacing(12)
        box.addWidget(parts.label(f"{carried.summary[:1].upper()}{carried.summary[1:]}.", wrap=True))
        box.addWidget(self.list, 1)
        box.addLayout(foot)
