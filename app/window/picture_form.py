"""What can be chosen of a picture of the drawing in the export dialog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QHBoxLayout, QVBoxLayout, QWidget

from app.window.document import Document
from app.window.drawing_pad import png
from app.window.overlays import TITLES
from app.window.theme import theme

if TYPE_CHECKING:
    from app.window.canvas.scene import Scene
    from app.window.pictures import Look


class PictureForm(QWidget):
    """Colours, ground, part and scale; draws the picture. `scene` is what the canvas shows, where there is one."""

    def __init__(self, document: Document, scene: Scene | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document, self._scene = document, scene
        self._selected = tuple(scene.selected_ids()) if scene is not None else ()
        self.colours = QComboBox()
        self.part = QComboBox()
        self.scale = QDoubleSpinBox()
        self.transparent = QCheckBox("Transparent background")
        self.labels = QCheckBox("Wire labels")
        self.overlay = QCheckBox("Overlay")
        self._fill()
        above, below = QHBoxLayout(), QHBoxLayout()
        for row, widgets in (
            (above, (self.colours, self.part, self.scale)), (below, (self.transparent, self.labels, self.overlay)),
        ):  # fmt: skip
            row.setSpacing(12)
            for widget in widgets:
                row.addWidget(widget)
            row.addStretch(1)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(8)
        box.addLayout(above)
        box.addLayout(below)

    def _fill(self) -> None:
        for text, colours in (("As shown", ""), ("Light", "light"), ("Dark", "dark")):
            self.colours.addItem(text, colours)
        self.colours.setAccessibleName("Colours")
        self.colours.setToolTip("The colours of the picture")
        inside = self._document.where
        self.part.addItem(f"The Group {inside}" if inside else "Whole drawing", ())
        if count := len(self._selected):
            self.part.addItem(f"Selection, {count} node{'s' * (count != 1)}", self._selected)
        self.part.setAccessibleName("Part")
        self.part.setToolTip("What the picture shows: select nodes on the canvas to draw them alone")
        self.scale.setRange(0.5, 8)
        self.scale.setSingleStep(0.5)
        self.scale.setDecimals(1)
        self.scale.setValue(2)
        self.scale.setSuffix(" ×")
        self.scale.setAccessibleName("Scale")
        self.scale.setToolTip("So many pixels to one of the canvas at 100 %")
        self.labels.setChecked(self._scene.labels_shown if self._scene is not None else True)
        self.labels.setToolTip("Write on each wire what goes through it")
        measure = self._document.overlay.measure
        self.overlay.setChecked(bool(measure))
        self.overlay.setEnabled(bool(measure))
        self.overlay.setText(f"Overlay: {TITLES[measure]}" if measure else "Overlay")
        self.overlay.setToolTip(
            "The colours that are on the nodes now, with their legend" if measure else
            "Choose one in the View menu first"
        )  # fmt: skip

    def show_for(self, to: str) -> None:
        """Show what can be chosen for this kind of picture."""
        self.scale.setVisible(to == "png")  # the others are sharp at any size

    def look(self) -> Look:
        """What is chosen."""
        from app.window.pictures import Look

        colours = self.colours.currentData()
        return Look(
            dark=theme.tokens.dark if not colours else colours == "dark",
            transparent=self.transparent.isChecked(),
            labels=self.labels.isChecked(),
            overlay=self.overlay.isChecked(),
            only=tuple(self.part.currentData()),
            scale=self.scale.value(),
            letters=self._scene.letters if self._scene is not None else None,
        )

    def draw(self, to: str) -> tuple[bytes, tuple[str, ...]]:
        """The picture as the bytes of a file, and what is to be said of it. Raises pictures.PictureError."""
        from app.window import pictures  # late: only who draws needs it

        look = self.look()
        if to != "png":
            return pictures.KINDS[to](self._document, look), ()
        made = pictures.image(self._document, look)
        said = [f"{made.width():,} × {made.height():,} pixels."]
        if max(made.width(), made.height()) >= pictures.LARGEST:
            said.append(f"No side has more than {pictures.LARGEST:,} pixels: SVG and PDF have no such bound.")
        return png(made), tuple(said)
