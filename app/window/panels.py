"""The panels under the canvas, each made when it is first looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QWidget

from app.window.problems import ProblemsPanel

if TYPE_CHECKING:
    from app.window.main_window import MainWindow

CODE_BESIDE = "window/code_beside"
"""Where it is kept whether the code stands beside the canvas."""


def add_panels(window: MainWindow) -> None:
    """Give the window its tabs below the canvas."""
    for title, make in PANELS.items():
        window.bottom.add(title, lambda make=make: make(window))  # type: ignore[misc]
    if window.settings.value(CODE_BESIDE, "false") == "true":  # it stood beside the canvas, and does again
        QTimer.singleShot(0, window, lambda: window.bottom.panel("Code"))


def code_beside(window: MainWindow) -> None:
    """Put the code beside the canvas, or back into its tab."""
    tab = window.bottom.panel("Code")
    tab.stand(not tab.beside)  # type: ignore[attr-defined]


def read_code(window: MainWindow) -> None:
    """Show the Code tab and read edited code from a file."""
    window.bottom.show_tab("Code")
    window.bottom.panel("Code").code.file.read()  # type: ignore[attr-defined]


def _problems(window: MainWindow) -> QWidget:
    panel = ProblemsPanel(window.document)
    panel.chosen.connect(window.show_problem)
    return panel


def _layers(window: MainWindow) -> QWidget:
    from app.window.layers import LayersPanel

    panel = LayersPanel(window.document, window.engines)
    panel.chosen.connect(window.show_report)
    panel.measure_wanted.connect(lambda: window.overlays.profile().open())
    return panel


def _data(window: MainWindow) -> QWidget:
    from app.window.data_panel import DataPanel

    panel = DataPanel(window.document, window.engines)
    panel.chosen.connect(window.show_problem)
    return panel


def _training(window: MainWindow) -> QWidget:
    from app.window.training import TrainingPanel

    panel = TrainingPanel(window.document, window.engines, shelf=window.shelf)
    panel.running_changed.connect(window.running_changed)
    panel.problems_wanted.connect(lambda: window.bottom.show_tab("Problems"))
    panel.try_wanted.connect(lambda: window.bottom.show_tab("Try"))
    panel.export_wanted.connect(window.export)
    panel.node_wanted.connect(window.lead)
    return panel


def _augment(window: MainWindow) -> QWidget:
    from app.window.augment_panel import AugmentPanel

    return AugmentPanel(window.document, window.engines)


def _runs(window: MainWindow) -> QWidget:
    from app.window import run_deeds
    from app.window.runs import Runs
    from app.window.runs_panel import RunsPanel

    panel = RunsPanel(window.shelf, Runs.of(window.document, window.engines))
    panel.open_wanted.connect(lambda run: run_deeds.open_drawing(window, run))
    panel.resume_wanted.connect(lambda run: run_deeds.resume(window, run))
    panel.try_wanted.connect(lambda run: run_deeds.try_weights(window, run))
    panel.export_wanted.connect(lambda run: run_deeds.export_weights(window, run))
    panel.compare_wanted.connect(lambda runs: run_deeds.compare(window, runs))
    return panel


def _try(window: MainWindow) -> QWidget:
    from app.window.try_panel import TryPanel

    panel = TryPanel(window.document, window.engines)
    panel.train_wanted.connect(window.start_training)
    return panel


def _preview(window: MainWindow) -> QWidget:
    from app.window.preview_panel import PreviewPanel

    panel = PreviewPanel(window.document, window.previews)
    panel.on_wanted.connect(window.actions_["preview"].setChecked)
    return panel


def _history(window: MainWindow) -> QWidget:
    from app.window.history_panel import HistoryPanel

    return HistoryPanel(window.document)


def _code(window: MainWindow) -> QWidget:
    from app.window.code_side import CodeTab

    tab = CodeTab(window)
    panel = tab.code
    panel.node_wanted.connect(window.show_node)
    panel.problems_wanted.connect(lambda: window.bottom.show_tab("Problems"))
    window.canvas.selection_changed.connect(lambda: panel.follow(window.canvas.selected_ids()))
    panel.follow(window.canvas.selected_ids())
    return tab


PANELS: dict[str, Callable[[MainWindow], QWidget]] = {
    "Problems": _problems, "Layers": _layers, "Data": _data, "Augment": _augment, "Training": _training, "Runs": _runs,
    "Try": _try, "Preview": _preview, "History": _history, "Code": _code,
}  # fmt: skip
"""By their titles, in the order of the tabs."""
