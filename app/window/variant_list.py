"""The list of a drawing's variants in the top bar, with what each of them sets."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import QEvent, QPoint, QSignalBlocker, Qt
from PySide6.QtGui import QHelpEvent
from PySide6.QtWidgets import QComboBox, QToolTip

from app.design.paths import show_value, variant_changes
from app.design.values import SettingValue
from app.window.document import Document

MOST = 12
"""So many settings are listed; of more, how many."""
SHOWN = 6000
"""Milliseconds for which a choice says what it has set."""


class VariantList(QComboBox):
    """Chooses a variant. Its tip, and that of each entry, say what it sets."""

    def __init__(self, document: Document) -> None:
        super().__init__()
        self._document = document
        self.setAccessibleName("Variant")
        self.setPlaceholderText("changed")
        self.setMinimumContentsLength(12)
        self.activated.connect(self._choose)

    def refresh(self) -> None:
        """Show the variants of the drawing, and which of them it is."""
        variants = self._document.design.variants
        names = [variant.name for variant in variants]
        with QSignalBlocker(self):
            if [self.itemText(i) for i in range(self.count())] != names:
                self.clear()
                self.addItems(names)
            self.setCurrentIndex(self.findText(self._document.variant))
        # Once their settings are drawn out (a block was opened up), variants may not differ any more.
        self.setVisible(len({v.settings for v in variants}) > 1)

    def showPopup(self) -> None:
        for i in range(self.count()):
            self.setItemData(i, self.tip(self.itemText(i)), Qt.ItemDataRole.ToolTipRole)
        super().showPopup()

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            about = "The variants of this design: choosing one sets what it names, as one step to undo"
            now = self._document.variant
            QToolTip.showText(event.globalPos(), f"{about}<br>{self.tip(now)}" if now else about, self)
            return True
        return super().event(event)

    def tip(self, name: str) -> str:
        """What the variant sets: all of it where the drawing is that variant, else what would be another value."""
        document = self._document
        if name == document.variant:
            settings = next(v.settings for v in document.design.variants if v.name == name)
            return _listed(name, [(path, value, None) for path, value in settings.items()])
        return self._against(name, "now")

    def _against(self, name: str, word: str) -> str:
        changes = variant_changes(self._document.design, name, self._document.catalogue)
        return _listed(name, [(path, value, f"{word} {show_value(drawn)}") for path, drawn, value in changes])

    def _choose(self, index: int) -> None:
        name = self.itemText(index)
        said = self._against(name, "was")
        before = self._document.design
        if self._document.choose_variant(name) and self._document.design is not before:
            QToolTip.showText(self.mapToGlobal(QPoint(0, self.height() - 12)), said, self, self.rect(), SHOWN)
        self.refresh()  # a refused choice leaves the one before


def _listed(name: str, settings: list[tuple[str, SettingValue, str | None]]) -> str:
    lines = [f"<b>{escape(name)}</b>"]
    for path, value, note in settings[:MOST]:
        lines.append(escape(f"{path} = {show_value(value)}".replace("= = ", "= ") + (f" ({note})" if note else "")))
    if len(settings) > MOST:
        lines.append(f"and {len(settings) - MOST} more")
    if not settings:
        lines.append("It sets nothing that is not so already.")
    return "<br>".join(lines)
