"""The export dialog: a form, what may be chosen of it, where it goes, what was checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize, Qt, QUrl, Signal
from PySide6.QtGui import QCloseEvent, QDesktopServices, QGuiApplication, QIcon
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.design.file import FileError, write_atomically
from app.messages import Export, Exported
from app.messages.data import Working
from app.messages.onnx import Certificate
from app.window import export_files, figures, parts
from app.window import theme as look
from app.window.certificate_page import CertificatePage
from app.window.document import Document
from app.window.export_formats import FORMATS, Format
from app.window.notice import Notice
from app.window.onnx_form import OnnxForm
from app.window.picture_form import PictureForm
from app.window.report_lines import ReportLines
from app.window.runs import Runs
from app.window.sentences import Elided
from app.window.theme import theme
from app.window.weights_choice import WeightsChoice

if TYPE_CHECKING:
    from app.window.canvas.scene import Scene

__all__ = ["FORMATS", "ExportDialog", "Format"]

SIZE = QSize(960, 640)


class ExportDialog(QDialog):
    """Writes the drawing in another form. The engine does the work, but for pictures, which the window draws."""

    node_wanted = Signal(str)
    """The analysis path of a node: the user wants to see it on the canvas."""
    problems_wanted = Signal()
    any_size_wanted = Signal(bool)
    """Whether files shall take images of any size: what would not is a problem from now on."""

    def __init__(
        self, document: Document, engines: Any, runs: Runs, parent: QWidget | None = None, scene: Scene | None = None
    ) -> None:
        super().__init__(parent)
        self._document, self._engines, self._runs = document, engines, runs
        self._job: Any = None
        self._written: Path | None = None
        self._typed = False
        self.setWindowTitle("Export")
        self.formats = QListWidget(self)
        self.title = parts.label("", "title")
        self.sentence = parts.label("", "soft", wrap=True)
        self.option_label = parts.label("", "soft")
        self.onnx_label = parts.label("Options", "soft")
        self.weights = WeightsChoice(document, runs)
        self.onnx = OnnxForm(document)
        self.picture = PictureForm(document, scene)
        self.path = QLineEdit()
        self.browse = parts.button("Browse", "", "Choose the file to write")
        self.replaces = parts.label("", "soft")
        self.standing = Notice()
        """What stands in the way of an export, before it is asked for."""
        self.step = Elided("soft")
        self.bar = QProgressBar()
        self.notice = Notice()
        self.report = ReportLines()
        self.certificate = CertificatePage()
        self.copy_button = parts.button("Copy", "", "Copy the certificate as text")
        self.back_button = parts.button("Back", "", "Back to what can be chosen")
        self.export_button = parts.button("Export", "primary")
        self.close_button = parts.button("Close")
        for form in FORMATS:
            item = QListWidgetItem(form.title)
            item.setSizeHint(QSize(0, 34))
            self.formats.addItem(item)
        self._arrange()
        self._connect()
        self._paint()
        screen = self.screen()
        self.resize(SIZE.boundedTo(screen.availableSize() - QSize(24, 48)) if screen is not None else SIZE)
        self.formats.setCurrentRow(0)

    def _arrange(self) -> None:
        self.formats.setFixedWidth(216)
        self.formats.setIconSize(QSize(16, 16))
        self.formats.setAccessibleName("Format")
        self.path.setAccessibleName("File")
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Progress")
        self.export_button.setDefault(True)
        for button in (self.close_button, self.browse, self.copy_button, self.back_button):
            button.setAutoDefault(False)
        self.form = QWidget()
        grid = QGridLayout(self.form)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(10)
        grid.setColumnMinimumWidth(0, 60)
        top = Qt.AlignmentFlag.AlignTop
        grid.addWidget(self.option_label, 0, 0)
        grid.addWidget(self.weights, 0, 1, 1, 2)
        grid.addWidget(self.picture, 0, 1, 1, 2)
        grid.addWidget(self.onnx_label, 1, 0, top)
        grid.addWidget(self.onnx, 1, 1, 1, 2)
        grid.addWidget(parts.label("File", "soft"), 2, 0)
        grid.addWidget(self.path, 2, 1)
        grid.addWidget(self.browse, 2, 2)
        grid.addWidget(self.replaces, 3, 1, 1, 2)
        grid.setColumnStretch(1, 1)
        holder = parts.area("content")
        inner = QVBoxLayout(holder)
        inner.setContentsMargins(0, 0, 4, 0)
        inner.setSpacing(14)
        for widget in (self.form, self.standing, self.notice, self.certificate, self.report):
            inner.addWidget(widget)
        inner.addStretch(1)
        view = QScrollArea()
        view.setWidgetResizable(True)
        view.setFrameShape(QFrame.Shape.NoFrame)
        view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        view.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # what is in it takes the keys, and is brought into view
        view.setWidget(holder)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.step, 2)
        buttons.addWidget(self.bar, 2)
        buttons.addStretch(1)
        for button in (self.copy_button, self.back_button, self.close_button, self.export_button):
            buttons.addWidget(button)
        right = QVBoxLayout()
        right.setSpacing(12)
        right.addWidget(self.title)
        right.addWidget(self.sentence)
        right.addWidget(view, 1)
        right.addLayout(buttons)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(20, 20, 20, 20)
        layout.setSpacing(20)
        layout.addWidget(self.formats)
        layout.addLayout(right, 1)
        self._clear()
        self._set_busy(False)

    def _connect(self) -> None:
        self.formats.currentRowChanged.connect(lambda _row: self._choose())
        self.weights.changed.connect(lambda: self.onnx.show_for(self.weights.recipe))
        self.onnx.changed.connect(lambda: self.any_size_wanted.emit(self.onnx.options.any_size))
        self.onnx.changed.connect(self._say_standing)
        self.path.textEdited.connect(lambda _text: self._path_typed())
        self.path.textChanged.connect(lambda _text: self._say_replaces())
        self.browse.clicked.connect(self._browse)
        self.export_button.clicked.connect(self.export)
        self.close_button.clicked.connect(self._close_or_cancel)
        self.back_button.clicked.connect(self._clear)
        self.copy_button.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.certificate.text()))
        self.certificate.node_wanted.connect(self._show_node)
        self._document.analysed.connect(self._say_standing)
        theme.changed.connect(self._paint)

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
        for widget in (self.onnx_label, self.onnx):
            widget.setVisible(form.to == "onnx")
        if self._typed and self.path.text().strip():
            self.path.setText(str(form.named(Path(self.path.text().strip()))))
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

    def _say_standing(self) -> None:
        """Say what of the drawing stands in the way, before anybody presses Export."""
        analysis = self._document.analysis
        problems = analysis.problems if analysis is not None else ()
        errors = [p for p in problems if p.severity == "error"] if self.format.whole else []
        doubts = [p for p in self._document.open_problems if p.code.startswith("export-")]
        doubts = [p for p in doubts if self.onnx.options.any_batch or p.code != "export-batch"]
        doubts = doubts if self.format.to == "onnx" and not errors else []
        self.export_button.setEnabled(not self.busy and not errors)
        self.export_button.setToolTip("Mend the problems first" if errors else "")
        self.standing.setVisible(bool(errors or doubts) and not self.form.isHidden())
        show = ("Show problems", self._show_problems)
        if errors:
            more = f" So is {len(errors) - 1} more." if len(errors) > 1 else ""
            said = f"This is to be mended before an export: {errors[0].message}.{more}"
            self.standing.say("error", said, show, main=False)
        elif doubts:
            more = f" So do {len(doubts) - 1} more." if len(doubts) > 1 else ""
            self.standing.say("warn", f"The export may fail. {doubts[0].message}.{more}", show, main=False)

    def _show_problems(self) -> None:
        self.problems_wanted.emit()
        self.reject()

    def _show_node(self, path: str) -> None:
        reports = self._document.reports.values()
        self.node_wanted.emit(next((r.id for r in reports if path in (r.id, r.name)), path))
        self.reject()

    # exporting --------------------------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether an export is under way."""
        return self._job is not None

    def export(self) -> None:
        """Write the file; how it went is said in the dialog."""
        text = self.path.text().strip()
        if self.busy or not self.export_button.isEnabled():
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
        weights = self.weights if form.options == "weights" else None
        job = self._job = self._engines.run(Export(
            "", self._document.design, form.to, run=weights.run if weights else "",
            weights=weights.file if weights else "", name=path.stem, onnx=self.onnx.options,
        ))  # fmt: skip
        job.progress.connect(self._progressed)
        job.finished.connect(lambda exported: self._exported(job, path, exported))
        job.certified.connect(self._tell_certificate)
        job.failed.connect(self._failed)
        self._progressed(Working("", 0, 0, "The engine begins"))
        self._set_busy(True)

    def _progressed(self, told: Working) -> None:
        self.bar.setRange(0, told.total)
        self.bar.setValue(told.done)
        of = f", {told.done + 1} of {told.total}" if 0 <= told.done < told.total else ""
        self.step.setText(f"{told.step}{of}" if told.step else "")

    def _exported(self, job: Any, path: Path, exported: Exported) -> None:
        try:
            written = export_files.write(path, exported, job.files)
        except FileError as error:
            self._failed(f"{error}.")
            return
        certificate = exported.certificate
        self._tell(written, exported.report, "ok" if certificate is None or certificate.passed else "warn")
        if certificate is not None:
            self._tell_certificate(certificate)

    def _tell_certificate(self, certificate: Certificate) -> None:
        self.certificate.show_certificate(certificate)
        self._show_certificate(True)

    def _draw(self, path: Path) -> None:
        from app.window.pictures import PictureError  # late: only who draws needs it

        try:
            data, report = self.picture.draw(self.format.to)
            write_atomically(path, data)
        except PictureError as error:
            self._failed(f"The picture cannot be made: {error}.")
        except FileError as error:
            self._failed(f"{error}.")
        else:
            self._tell([path], report)

    def _tell(self, written: list[Path], report: tuple[str, ...], tone: str = "ok") -> None:
        """Say what was written, the main file first, and what was checked."""
        self._set_busy(False)
        self._written = written[0]
        self._say_replaces()
        beside = " and ".join(path.name for path in written[1:])
        said = f"{written[0].name} is written, {figures.size(written[0].stat().st_size)}"
        said += f"; beside it {beside}." if beside else "."
        self.notice.show()
        self.notice.say(tone, said, ("Show in folder", self.show_folder), main=False)
        self.report.show_lines(report)

    def report_lines(self) -> list[str]:
        """What was checked, as it is shown."""
        return self.report.lines

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
        for widget in (self.bar, self.step):
            widget.setVisible(busy)
        self.close_button.setText("Cancel" if busy else "Close")
        for field in (self.formats, self.form):
            field.setEnabled(not busy)
        self._say_standing()
        if was_busy and not busy and not self.export_button.isHidden():
            self.export_button.setFocus()  # it was disabled, and so had lost it

    def _show_certificate(self, on: bool) -> None:
        """Show the certificate in the place of the form, or the form again."""
        shown: tuple[QWidget, ...] = (self.certificate, self.copy_button, self.back_button)
        for widget in (*shown, self.form, self.sentence, self.export_button):
            widget.setVisible(on == (widget in shown))
        (self.close_button if on else self.export_button).setFocus()
        self._say_standing()

    def _clear(self) -> None:
        """Forget what was said of the export before."""
        self._show_certificate(False)
        self.notice.hide()
        self.report.show_lines(())

    def _close_or_cancel(self) -> None:
        if self.busy:
            self._cancel()
            self.notice.show()
            self.notice.say("info", "The export was cancelled; nothing was written.")
        else:
            self.reject()

    def _cancel(self) -> None:
        job, self._job = self._job, None
        if job is not None:
            for signal in (job.progress, job.finished, job.certified, job.failed):
                signal.disconnect()
            job.cancel()
            self._set_busy(False)

    def reject(self) -> None:
        """Close; an export under way is cancelled."""
        self._cancel()
        super().reject()

    def closeEvent(self, event: QCloseEvent) -> None:
        self._cancel()
        super().closeEvent(event)
