"""The dialog of own blocks: which folder, what is in it, and the user's consent that it runs."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QLineEdit, QListWidget, QVBoxLayout, QWidget

from app import trust
from app.window.own_blocks import OwnBlocks
from app.window.parts import button, label


class OwnDialog(QDialog):
    """Chooses the folder whose modules are blocks."""

    def __init__(self, own: OwnBlocks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._own = own
        self.setWindowTitle("Own blocks")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(560, 420)
        box = QVBoxLayout(self)
        box.setContentsMargins(20, 18, 20, 16)
        box.setSpacing(12)
        box.addWidget(label("Your own modules as blocks", "title"))
        box.addWidget(label(
            "Each `nn.Module` class in the Python files of this folder becomes a block, and is loaded anew when you "
            "save its file. They run on the engine's computer with your rights: choose a folder only you write to.",
            "soft", wrap=True,
        ))  # fmt: skip
        row = QHBoxLayout()
        row.setSpacing(8)
        self.path = QLineEdit(own.folder or str(trust.usual_folder()))
        self.path.setAccessibleName("folder")
        self.path.setToolTip("The folder of your Python files; it is made when it is not there")
        self.path.textChanged.connect(self._show)
        choose = button("Choose…", tip="Choose another folder")
        choose.clicked.connect(self._choose)
        look = button("Open folder", tip="Show the folder in the file manager")
        look.clicked.connect(lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(self.folder)))
        row.addWidget(self.path, 1)
        row.addWidget(choose)
        row.addWidget(look)
        box.addLayout(row)
        self.list = QListWidget()
        self.list.setAccessibleName("files")
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        box.addWidget(self.list, 1)
        self.state = label("", "soft", wrap=True)
        box.addWidget(self.state)
        last = QHBoxLayout()
        last.setSpacing(8)
        self.stop_button = button("Stop using", tip="Load none of them any more; the files stay")
        self.stop_button.clicked.connect(self._stop)
        self.stop_button.setVisible(bool(own.folder))
        cancel = button("Cancel")
        cancel.clicked.connect(self.reject)
        self.allow_button = button("Allow and load", "primary", "Let the files of this folder run, now and as you save")
        self.allow_button.clicked.connect(self.accept)
        last.addWidget(self.stop_button)
        last.addStretch(1)
        last.addWidget(cancel)
        last.addWidget(self.allow_button)
        self.allow_button.setAutoDefault(False)
        cancel.setDefault(True)
        box.addLayout(last)
        self._show()

    @property
    def folder(self) -> str:
        return str(Path(self.path.text().strip()).expanduser().absolute())

    def ask_folder(self) -> str:
        """Ask for a folder; "" for none."""
        return QFileDialog.getExistingDirectory(self, "The folder of own blocks", self.folder)

    def _choose(self) -> None:
        if chosen := self.ask_folder():
            self.path.setText(chosen)

    def _show(self) -> None:
        self.list.clear()
        try:
            files = trust.own_files(Path(self.folder)) if self.path.text().strip() else ()
        except OSError as error:
            self.state.setText(f"The folder cannot be read: {error.strerror or error}.")
            return
        for file in files:
            lines = len(file.text.splitlines())
            self.list.addItem(f"{file.name}   {lines:,} line{'s' * (lines != 1)}")
        used = "In use. " if self.folder == self._own.folder else ""
        count = f"{len(files)} Python file{'s' * (len(files) != 1)}."
        self.state.setText(used + (count if files else "No Python files yet: save one there."))

    def _stop(self) -> None:
        self._own.use("")
        super().accept()

    def accept(self) -> None:
        if not self.path.text().strip():
            self.state.setText("No folder is named: choose one first.")
            return
        try:
            Path(self.folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self.state.setText(f"The folder cannot be made: {error.strerror or error}.")
            return
        self._own.use(self.folder)
        super().accept()
