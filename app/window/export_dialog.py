"""The export dialog: a form, where it goes, what was checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize, Qt, QUrl
from PySide6.QtGui import QCloseEvent, QDesktopServices, QIcon
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)

from app.design.file import FileError, write_atomically
from app.messages import Export, Exported
from app.window import figures, parts
from app.window import theme as look
from app.window.document import Document
from app.window.notice import Notice
from app.window.picture_form import PictureForm
from app.window.runs import Runs
from app.window.theme import theme

if TYPE_CHECKING:
    from app.window.canvas.scene import Scene


@dataclass(frozen=True)
class Format:
    """A form that a design can be written in. `options` is what can be chosen: weights, how a picture looks, or
    nothing."""

    to: str
    title: str
    icon: str
    suffix: str
    sentence: str
    options: str = ""


FORMATS = (
    Format("onnx", "ONNX network", "package", ".onnx",
           "The network for ONNX Runtime and other programs, for batches of any size. It is checked, and its answers "
           "are compared with torch's at batch sizes 1, 3 and 64.", "weights"),
    Format("safetensors", "Weights", "layers", ".safetensors",
           "The weights alone, named as the nodes are, in the format that PyTorch programs read.", "weights"),
    Format("png", "Picture (PNG)", "image", ".png", "The drawing as it looks on the canvas, in pixels.", "picture"),
    Format("svg", "Vector picture (SVG)", "spline", ".svg",
           "The drawing as lines and text that stay sharp in print, for web pages and drawing programs.", "picture"),
    Format("pdf", "Vector picture (PDF)", "file", ".pdf",
           "The same on one page of its size, with its fonts in it: for papers and slides.", "picture"),
    Format("csv", "Layer table (CSV)", "table", ".csv",
           "Every layer with its shapes, parameters and multiply-adds, for a spreadsheet."),
    Format("markdown", "Layer table (Markdown)", "list", ".md", "The same table as text for a README or a draft."),
    Format("latex", "Layer table (LaTeX)", "sigma", ".tex", "The same table as a tabular for a paper."),
    Format("mermaid", "Mermaid diagram", "git-branch", ".mmd", "Nodes and wires as text that GitHub and wikis draw."),
    Format("dot", "Graphviz diagram", "workflow", ".dot", "Nodes and wires as text for Graphviz."),
)  # fmt: skip


class ExportDialog(QDialog):
    """Writes the drawing in another form. The engine does the work, but for pictures, which the window draws."""

    def __init__(
        self, document: Document, engines: Any, runs: Runs, parent: QWidget | None = None, scene: Scene | None = None
    ) -> None:
        super().__init__(parent)
        self._document, self._engines, self._runs = document, engines, runs
        self._job: Any = None
        self._written: Path | None = None
        self._typed = False
        self.setWindowTitle("Export")
        self.resize(760, 470)
        self.formats = QListWidget(self)
        self.title = parts.label("", "title")
        self.sentence = parts.label("", "soft", wrap=True)
        self.option_label = parts.label("", "soft")
        self.weights = QComboBox(self)
        self.picture = PictureForm(document, scene, self)
        self.path = QLineEdit(self)
        self.browse = parts.button("Browse", "", "Choose the file to write")
        self.replaces = parts.label("", "soft")
        self.bar = QProgressBar(self)
        self.notice = Notice(self)
        self.report = QWidget(self)
        self.export_button = parts.button("Export", "primary")
        self.close_button = parts.button("Close")
        self._fill()
        self._arrange()
        self.formats.currentRowChanged.connect(lambda _row: self._choose())
        self.path.textEdited.connect(lambda _text: self._path_typed())
        self.path.textChanged.connect(lambda _text: self._say_replaces())
        self.browse.clicked.connect(self._browse)
        self.export_button.clicked.connect(self.export)
        self.close_button.clicked.connect(self.reject)
        theme.changed.connect(self._paint)
        self._paint()
        self.formats.setCurrentRow(0)

    def _fill(self) -> None:
        for form in FORMATS:
            item = QListWidgetItem(form.title)
            item.setSizeHint(QSize(0, 34))
            self.formats.addItem(item)
        trained = self._runs.trained
        if trained is not None:
            self.weights.addItem(f"Trained, of the run {trained.name}", trained.folder)
        self.weights.addItem("Untrained", "")

    def _arrange(self) -> None:
        self.formats.setFixedWidth(216)
        self.formats.setIconSize(QSize(16, 16))
        self.formats.setAccessibleName("Format")
        self.weights.setAccessibleName("Weights")
        self.path.setAccessibleName("File")
        self.bar.setRange(0, 0)
        self.bar.setTextVisible(False)
        self.bar.hide()
        self.report.hide()
        self.notice.hide()
        self.export_button.setDefault(True)
        self.close_button.setAutoDefault(False)
        self.browse.setAutoDefault(False)
        lines = QVBoxLayout(self.report)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.setSpacing(4)
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(8)
        grid.setColumnMinimumWidth(0, 60)
        grid.addWidget(self.option_label, 0, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(self.weights, 0, 1, 1, 2)
        grid.addWidget(self.picture, 0, 1, 1, 2)
        grid.addWidget(parts.label("File", "soft"), 1, 0)
        grid.addWidget(self.path, 1, 1)
        grid.addWidget(self.browse, 1, 2)
        grid.addWidget(self.replaces, 2, 1, 1, 2)
        grid.setColumnStretch(1, 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.bar, 1)
        buttons.addStretch(1)
        buttons.addWidget(self.close_button)
        buttons.addWidget(self.export_button)
        right = QVBoxLayout()
        right.setSpacing(12)
        right.addWidget(self.title)
        right.addWidget(self.sentence)
        right.addLayout(grid)
        right.addSpacing(8)
        right.addWidget(self.notice)
        right.addWidget(self.report)
        right.addStretch(1)
        right.addLayout(buttons)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(20, 20, 20, 20)
        layout.setSpacing(20)
        layout.addWidget(self.formats)
        layout.addLayout(right, 1)

    def _paint(self) -> None:
        for row, form in enumerate(FORMATS):
            item = self.formats.item(row)
            item.setIcon(QIcon(look.icon(form.icon).pixmap(16, 16)))

    # choosing ---------------------------------------------------------------------------------------------------------

    @property
    def format(self) -> Format:
        """The format chosen."""
        return FORMATS[max(self.formats.currentRow(), 0)]

    def choose(self, to: str) -> None:
        """Choose a format by its name."""
        self.formats.setCurrentRow(next(i for i, form in enumerate(FORMATS) if form.to == to))

    def _choose(self) -> None:
        form = self.format
        self.title.setText(form.title)
        self.sentence.setText(form.sentence)
        self.option_label.setText(form.options.capitalize())
        self.picture.show_for(form.to)
        self.option_label.setVisible(bool(form.options))
        self.weights.setVisible(form.options == "weights")
        self.picture.setVisible(form.options == "picture")
        if self._typed and self.path.text().strip():
            self.path.setText(str(Path(self.path.text().strip()).with_suffix(form.suffix)))
        else:
            file = self._document.file
            folder = file.parent if file is not None else Path.cwd()
            self.path.setText(str(folder / f"{self._document.title}{form.suffix}"))
        self._clear()

    def _path_typed(self) -> None:
        self._typed = True
        self._clear()

    def _say_replaces(self) -> None:
        text = self.path.text().strip()
        there = bool(text) and Path(text).expanduser().is_file()
        self.replaces.setText("This file exists and is replaced." if there else "")

    def _browse(self) -> None:
        form = self.format
        path, _ = QFileDialog.getSaveFileName(
            self, "Export", self.path.text(), f"{form.title} (*{form.suffix});;All files (*)"
        )
        if path:
            self._typed = True
            self.path.setText(path if Path(path).suffix else path + form.suffix)
            self._clear()

    # exporting --------------------------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether an export is under way."""
        return self._job is not None

    def export(self) -> None:
        """Write the file; how it went is said in the dialog."""
        text = self.path.text().strip()
        if self.busy:
            return
        self._clear()
        if not text:
            self._failed("No file is named: type a path or choose one.")
            return
        path = Path(text).expanduser()
        if not path.parent.is_dir():
            self._failed(f"There is no folder {path.parent}: make it, or choose another place.")
        elif self.format.options == "picture":
            self._draw(path)
        else:
            self._ask(path)

    def _ask(self, path: Path) -> None:
        form = self.format
        run = str(self.weights.currentData() or "") if form.options == "weights" else ""
        request = Export("", self._document.design, form.to, run=run)
        job = self._job = self._engines.run(request)
        job.finished.connect(lambda exported: self._exported(job, path, exported))
        job.failed.connect(self._failed)
        self._set_busy(True)

    def _exported(self, job: Any, path: Path, exported: Exported) -> None:
        data = job.files.get(exported.file)
        if data is None or len(data) != exported.bytes:
            got = 0 if data is None else len(data)
            self._failed(f"Only {got:,} of {exported.bytes:,} bytes arrived, so nothing was written: export again.")
            return
        self._write(path, data, exported.report)

    def _draw(self, path: Path) -> None:
        from app.window.pictures import PictureError  # late: only who draws needs it

        try:
            data, report = self.picture.draw(self.format.to)
        except PictureError as error:
            self._failed(f"The picture cannot be made: {error}.")
            return
        self._write(path, data, report)

    def _write(self, path: Path, data: bytes, report: tuple[str, ...]) -> None:
        try:
            write_atomically(path, data)
        except FileError as error:
            self._failed(f"{error}.")
            return
        self._set_busy(False)
        self._written = path
        self._say_replaces()
        self.notice.show()
        written = f"{path.name} is written, {figures.size(len(data))}."
        self.notice.say("ok", written, ("Show in folder", self.show_folder), main=False)
        layout = self.report.layout()
        assert layout is not None
        for line in report:
            layout.addWidget(self._report_line(line))
        self.report.setVisible(bool(report))

    def _report_line(self, line: str) -> QWidget:
        row = QWidget(self.report)
        tick = QLabel(row)
        tick.setPixmap(look.icon("check", theme.color("ok").name()).pixmap(14, 14))
        tick.setAlignment(Qt.AlignmentFlag.AlignTop)
        words = parts.label(line, "soft", wrap=True)
        words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout = QHBoxLayout(row)
        layout.setContentsMargins(1, 0, 0, 0)
        layout.setSpacing(9)
        layout.addWidget(tick)
        layout.addWidget(words, 1)
        return row

    def report_lines(self) -> list[str]:
        """What was checked, as it is shown."""
        return [words.text() for words in self.report.findChildren(QLabel) if words.text() and not words.isHidden()]

    def show_folder(self) -> None:
        """Open the folder of the file that was written."""
        if self._written is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._written.resolve().parent)))

    def _failed(self, why: str) -> None:
        self._set_busy(False)
        self.notice.show()
        self.notice.say("error", why)

    def _set_busy(self, busy: bool) -> None:
        was_busy = self.busy
        if not busy:
            self._job = None
        self.bar.setVisible(busy)
        self.export_button.setEnabled(not busy)
        self.close_button.setText("Cancel" if busy else "Close")
        for field in (self.formats, self.weights, self.picture, self.path, self.browse):
            field.setEnabled(not busy)
        if was_busy and not busy:
            self.export_button.setFocus()  # it was disabled, and so had lost it

    def _clear(self) -> None:
        """Forget what was said of the export before."""
        self.notice.hide()
        self.report.hide()
        layout = self.report.layout()
        assert layout is not None
        while (item := layout.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.setParent(None)
                widget.deleteLater()

    def _cancel(self) -> None:
        job, self._job = self._job, None
        if job is not None:
            job.finished.disconnect()
            job.failed.disconnect()
            job.cancel()

    def reject(self) -> None:
        """Close; an export under way is cancelled."""
        self._cancel()
        super().reject()

    def closeEvent(self, event: QCloseEvent) -> None:
        self._cancel()
        super().closeEvent(event)
