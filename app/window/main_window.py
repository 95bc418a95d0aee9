"""The main window: lays the parts out and connects them."""

from __future__ import annotations

from PySide6.QtCore import QSettings, QSize, Qt, QTimer, QUrl
from PySide6.QtGui import QCloseEvent, QDesktopServices, QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QApplication, QMainWindow, QSplitter, QVBoxLayout, QWidget

from app.design.paths import locate
from app.messages import Analysis
from app.messages.reports import NodeReport, Problem
from app.window import boxes, disk, log, style
from app.window.actions import Actions
from app.window.bottom import BottomTabs
from app.window.breadcrumbs import Breadcrumbs
from app.window.canvas.view import CanvasView
from app.window.document import Document
from app.window.engines import Engines
from app.window.export_lint import ExportLint
from app.window.files import Files, dropped_file, settings_file
from app.window.inspector import Inspector
from app.window.keeper import Keeper
from app.window.letters import Letters
from app.window.opening import Opener
from app.window.overlay_bars import OverlayBars
from app.window.palette import Palette
from app.window.panels import add_panels
from app.window.parts import area
from app.window.preview import Previews
from app.window.shelf import Shelf
from app.window.statusline import StatusLine
from app.window.tab_bar import TabBar
from app.window.theme import theme
from app.window.topbar import TopBar
from app.window.trials import Trials

BOTTOM = 300
"""The height of the panel under the canvas at the first start: the form of a recipe fits in, opened too."""


class MainWindow(QMainWindow):
    """The window on one document. `engines` may be given by a test; `start` starts them."""

    def __init__(self, document: Document | None = None, engines: Engines | None = None) -> None:
        super().__init__()
        self.document = document or Document(self)
        self.engines = engines or Engines(self)
        self.settings = QSettings(str(settings_file()), QSettings.Format.IniFormat)
        self.files = Files(self.document, self, self.settings)
        self.tabs = self.files.tabs
        self.keeper = Keeper(self.document, self)
        self.tabs.closed.connect(self.keeper.drop)
        self.setObjectName("window")
        self.setMinimumSize(QSize(900, 500))  # a screen of 1920 by 1080 at 200 % has 960 by 540
        self.setAcceptDrops(True)
        self._follow_theme()

        self.shelf = Shelf(self.settings, self)
        self.canvas = CanvasView(self.document)
        self.tabs.canvas = self.canvas
        self.palette_panel = Palette(self.document)
        self.inspector = Inspector(self.document, self.engines)
        self.bottom = BottomTabs()
        self.opener = Opener(self.document, self.engines, self)
        self.canvas.trials = Trials(self.document, self.engines, self)
        self.letters = Letters(self.document, self.engines, self)
        self.canvas.scene_.letters = self.letters.text
        self.letters.changed.connect(self.canvas.scene_.relabel)
        self.overlays = OverlayBars(self.canvas, self.engines, self)
        self.previews = Previews(self.document, self.engines, self)
        self.export_lint = ExportLint(self.document, self.engines, self)
        self.actions_ = Actions(self)
        self.letters.wanted.connect(self.actions_["letters"].trigger)
        self.topbar = TopBar(self.document, self.actions_.menus, self.actions_)
        self._arrange()
        self._dress()  # once all parts stand in their places: each move under a style sheet costs a polish
        self._connect()
        self.files.disk = disk.watch(self)
        self._restore()
        self._refresh_title()
        self.canvas.setFocus()
        self.engines.watch(self.document)

    def start(self) -> None:
        """Start the engines: right after the window is shown, so that they do not delay it."""
        self.engines.start()

    # layout -----------------------------------------------------------------------------------------------------------

    def _arrange(self) -> None:
        add_panels(self)
        upper = QWidget()
        box = QVBoxLayout(upper)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        self.tab_bar = TabBar(self.tabs)
        box.addWidget(self.tab_bar)
        box.addWidget(Breadcrumbs(self.document))
        box.addWidget(self.canvas, 1)
        self.overlays.stand_in(box)
        self._upper = box
        upper.setMinimumHeight(160)
        self.middle = QSplitter(Qt.Orientation.Vertical)
        self.middle.addWidget(upper)
        self.middle.addWidget(self.bottom)
        left = area("panel")
        left_box = QVBoxLayout(left)
        left_box.setContentsMargins(0, 0, 0, 0)
        left_box.addWidget(self.palette_panel)
        left.setMinimumWidth(180)
        self._sides: dict[str, QWidget] = {"palette": left, "inspector": self.inspector}
        self.across = QSplitter(Qt.Orientation.Horizontal)
        for part in (left, self.middle, self.inspector):
            self.across.addWidget(part)
        for splitter in (self.middle, self.across):
            splitter.setChildrenCollapsible(False)
            splitter.setHandleWidth(1)
        self.across.setStretchFactor(1, 1)
        self.middle.setStretchFactor(0, 1)

        self.status = StatusLine()
        whole = QWidget()
        column = QVBoxLayout(whole)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.topbar)
        column.addWidget(self.across, 1)
        column.addWidget(self.status)
        self.setCentralWidget(whole)

    def _connect(self) -> None:
        document, engines, canvas = self.document, self.engines, self.canvas
        canvas.selection_changed.connect(lambda: self.inspector.set_selection(*canvas.selected()))
        canvas.selection_changed.connect(lambda: self.previews.look_at(canvas.selected_ids()))
        canvas.picture_chosen.connect(lambda _id: self.bottom.show_tab("Preview"))
        self.previews.turned.connect(lambda on: canvas.scene_.cards.turn(self.previews.thumb if on else None))
        self.previews.changed.connect(lambda: canvas.scene_.cards.refresh(self.previews.old))
        canvas.hint.connect(self.say)
        self.status.start_wanted.connect(self._start_again)
        canvas.open_up_wanted.connect(self.actions_["open up"].trigger)
        self.opener.said.connect(self.say)
        canvas.gallery_wanted.connect(self.show_gallery)
        canvas.open_example.connect(self.files.open_known)
        self.palette_panel.chosen.connect(canvas.add_block)
        self.palette_panel.group_chosen.connect(canvas.add_group)
        self.palette_panel.mine_chosen.connect(canvas.add_mine)
        document.my_groups.said.connect(self.say)
        document.refused.connect(self.say)
        self.keeper.trouble.connect(self.say)
        document.file_changed.connect(self._refresh_title)
        document.analysed.connect(self._analysed)
        self.files.loaded.connect(lambda: QTimer.singleShot(0, self, canvas.fit_all))
        self.files.loaded.connect(canvas.arranger.lay_out_heap)
        self.tab_bar.close_wanted.connect(self.close_tab)
        self.tabs.leaving.connect(lambda: None if self.tab_bar.hasFocus() else self._commit())
        self.tabs.is_running = self.previews.runs.active_in
        self.previews.runs.changed.connect(lambda run: None if run.progress else self.tabs.changed.emit())
        engines.catalogue.connect(self.tabs.forget_checks)
        engines.analysed.connect(self.tabs.take)
        engines.analysed.connect(self._checked)
        engines.ready.connect(lambda: self.status.tell("Engine ready"))
        engines.died.connect(self._engine_died)
        document.consent.wanted.connect(self.ask_consent)
        document.explanation_wanted.connect(self.explain)
        self.topbar.problems_wanted.connect(lambda: self.bottom.show_tab("Problems"))
        self.topbar.train_wanted.connect(self._train_or_stop)
        self.shelf.moved.connect(self.previews.runs.moved)
        self._analysed()

    # theme and what is remembered -------------------------------------------------------------------------------------

    def _follow_theme(self) -> None:
        theme.mode = str(self.settings.value("window/theme", "system"))
        if theme.mode not in ("system", "light", "dark"):
            theme.mode = "system"
        theme.follow()
        theme.changed.connect(self._dress)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._scheme_changed)

    def _scheme_changed(self, _scheme: Qt.ColorScheme) -> None:
        theme.follow()

    def _dress(self) -> None:
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        style.apply(application)

    def _restore(self) -> None:
        self.resize(1440, 900)
        if screen := self.screen():
            self.resize(self.size().boundedTo(screen.availableSize()))
        self.across.setSizes([248, 10_000, 290])
        self.middle.setSizes([10_000, BOTTOM])
        for name, restore in (
            ("window/geometry", self.restoreGeometry), ("window/across", self.across.restoreState),
            ("window/middle", self.middle.restoreState),
        ):  # fmt: skip
            if (kept := self.settings.value(name)) is not None:
                restore(kept)
        for name in self._sides:
            self._sides[name].setVisible(self.settings.value(f"window/{name}", "true") != "false")
        self.bottom.show_tab("Problems")
        self.bottom.set_folded(self.settings.value("window/folded", "false") == "true")

    def _remember(self) -> None:
        self.settings.setValue("window/geometry", self.saveGeometry())
        self.settings.setValue("window/across", self.across.saveState())
        self.settings.setValue("window/middle", self.middle.saveState())
        self.settings.setValue("window/theme", theme.mode)
        self.settings.setValue("canvas/wire_labels", "true" if self.canvas.scene_.labels_shown else "false")
        self.settings.setValue("window/folded", "true" if self.bottom.is_folded else "false")
        for name in self._sides:
            self.settings.setValue(f"window/{name}", "true" if self.panel_shown(name) else "false")
        self.settings.sync()

    def panel_shown(self, name: str) -> bool:
        """Whether "palette", "inspector" or "bottom" is open."""
        return not self.bottom.is_folded if name == "bottom" else not self._sides[name].isHidden()

    def toggle_panel(self, name: str) -> None:
        """Open or close one of the panels."""
        if name == "bottom":
            self.bottom.set_folded(not self.bottom.is_folded)
        else:
            self._sides[name].setHidden(self.panel_shown(name))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped_file(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        if path := dropped_file(event.mimeData()):
            event.acceptProposedAction()
            # Later: a question must not keep the program waiting from which the file was dragged.
            QTimer.singleShot(0, self, lambda: self.files.open(path))

    def closeEvent(self, event: QCloseEvent) -> None:
        self._commit()
        if (self.engines.jobs and not self.ask_stop_jobs()) or not self.files.may_quit():
            event.ignore()
            return
        self._remember()
        self.keeper.forget_all()
        theme.changed.disconnect(self._dress)
        QGuiApplication.styleHints().colorSchemeChanged.disconnect(self._scheme_changed)
        self.hide()  # runs may write a checkpoint now: nobody needs to watch that
        self.end()
        event.accept()

    def end(self) -> None:
        """End the engines; the window is about to go."""
        self.canvas.arranger.wait()
        self.canvas.scene_.blockSignals(True)  # a dying scene still tells of its selection, when its items are gone
        self.shelf.close()
        self.engines.close()

    def ask_stop_jobs(self) -> bool:
        """Ask whether the runs and exports under way may be stopped."""
        return boxes.ask_stop_jobs(self)

    # saying -----------------------------------------------------------------------------------------------------------

    def say(self, sentence: str) -> None:
        """A hint or a refusal, at the left of the status line for a while."""
        self.status.say(sentence)

    def _refresh_title(self) -> None:
        self.setWindowTitle(f"{self.document.title}[*] - Netloom")
        self.setWindowModified(self.document.modified)

    def _analysed(self) -> None:
        problems = len(self.document.open_problems)
        self.bottom.set_text("Problems", f"Problems {problems:,}" if problems else "Problems")

    def _checked(self, analysis: Analysis) -> None:
        if not any(p.code == "engine-ended" for p in analysis.problems):
            self.status.tell(f"Checked in {self.engines.milliseconds:.0f} ms")

    def _engine_died(self, sentence: str) -> None:
        stopped = bool(self.engines.stopped)
        self.status.tell("Engine off" if stopped else "Engine starting", error=sentence, stopped=stopped)
        self.status.say(sentence, stays=stopped)

    def _start_again(self) -> None:
        self.engines.start()
        self.status.tell("Engine starting")
        self.say("")

    # going places -----------------------------------------------------------------------------------------------------

    def show_problem(self, problem: Problem) -> None:
        """Lead to a problem's node."""
        self.lead(problem.id)

    def show_report(self, report: NodeReport) -> None:
        """Lead to the node that a report is of."""
        self.lead(report.id)

    def preview(self, on: bool) -> None:
        """Show under each node what it makes of a sample, or no more."""
        self.previews.turn(on)
        if on:
            self.bottom.show_tab("Preview")

    def show_history(self) -> None:
        """Show the steps, with the keys in their list."""
        self._commit()
        self.bottom.show_tab("History")
        self.bottom.panel("History").setFocus()

    def check_sizes(self) -> None:
        """Show at which sizes of its Inputs the drawing works."""
        from app.window.letters import SizesDialog

        dialog = SizesDialog(self.document, self.engines, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.chosen.connect(self.lead)
        dialog.show()

    def compare_variants(self) -> None:
        """Show what each variant of the drawing costs."""
        from app.window.variants_table import VariantsDialog

        self._commit()
        dialog = VariantsDialog(self.document, self.engines, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.show()

    def above_canvas(self, bar: QWidget) -> None:
        """Put a bar between the path of Groups and the canvas."""
        self._upper.insertWidget(1, bar)

    def lead(self, id: str) -> None:
        """Show a node by its analysis path, and select it."""
        if self.show_node(id):
            self.canvas.setFocus()

    def show_node(self, id: str) -> bool:
        """Show a node by its analysis path, and select it; the keys stay where they are. False where it is gone."""
        path, _where, node = locate(self.document.design, id)
        self.document.go(path)
        if node:
            self.canvas.reveal(node)
        return bool(node)

    # doing ------------------------------------------------------------------------------------------------------------

    def _commit(self) -> None:
        """Take what is being typed in a field before the design is used."""
        focused = QApplication.focusWidget()
        if focused is not None and focused is not self.canvas and self.isAncestorOf(focused):
            focused.clearFocus()

    def save(self) -> bool:
        """Save the drawing."""
        self._commit()
        return self.files.save()

    def save_as(self) -> bool:
        """Save the drawing to another file."""
        self._commit()
        return self.files.save_as()

    def close_tab(self, index: int = -1) -> None:
        """Close a tab, the one that is shown where none is named; what is not saved is asked about."""
        self._commit()
        self.files.close(index)
        self.canvas.setFocus()

    def show_gallery(self) -> None:
        """Show the known architectures to open one."""
        from app.window.gallery import Gallery

        self._commit()
        gallery = Gallery(self.document, self.files, self)
        gallery.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        gallery.open()

    def export(self, to: str = "") -> None:
        """Open the export dialog, with the format `to` chosen."""
        from app.window.export_dialog import ExportDialog
        from app.window.runs import Runs

        self._commit()
        runs = Runs.of(self.document, self.engines)
        dialog = ExportDialog(self.document, self.engines, runs, self, self.canvas.scene_)
        dialog.problems_wanted.connect(lambda: self.bottom.show_tab("Problems"))
        dialog.node_wanted.connect(self.lead)
        dialog.any_size_wanted.connect(self.export_lint.want_any_size)
        if to:
            dialog.choose(to)
        dialog.exec()

    def ask_consent(self) -> None:
        """Show the code in the drawing that is not allowed yet, and ask whether it may run."""
        from app.window.consent import ConsentDialog

        self._commit()
        ConsentDialog(self.document, self).open()

    def own_blocks(self) -> None:
        """Choose the folder of own blocks."""
        from app.window.own_dialog import OwnDialog

        OwnDialog(self.engines.own, self).open()

    def explain(self, key: str = "") -> None:
        """Show a page of explanation; without `key` that of what has the focus or is selected."""
        from app.window import explanation

        explanation.explain(self, key)

    def _training(self) -> QWidget:
        return self.bottom.panel("Training")

    def _train_or_stop(self) -> None:
        panel = self.bottom.made("Training")
        if panel is not None and panel.running:  # type: ignore[attr-defined]
            self.stop_training()
        else:
            self.start_training()

    def start_training(self) -> None:
        """Show the training tab and start a run."""
        self._commit()
        self.bottom.show_tab("Training")
        self._training().start()  # type: ignore[attr-defined]

    def stop_training(self) -> None:
        """Stop the run; it writes its checkpoint."""
        if (panel := self.bottom.made("Training")) is not None:
            panel.stop()  # type: ignore[attr-defined]

    def running_changed(self, running: bool) -> None:
        """A run has begun, or ended."""
        self.topbar.set_running(running)
        for name in ("train", "continue"):
            self.actions_[name].setEnabled(not running)
        for name in ("pause", "stop"):
            self.actions_[name].setEnabled(running)

    def about(self) -> None:
        """What this is, and which versions."""
        boxes.about(self, self.engines.torch_version)

    def show_log(self) -> None:
        """Open the folder of the log."""
        log.path().parent.mkdir(parents=True, exist_ok=True)
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(log.path().parent)))
