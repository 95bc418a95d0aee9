"""What the list of runs has the window do: open a run's drawing, resume it, use its weights, compare runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt

from app.design.values import Design
from app.window.runs import Runs

if TYPE_CHECKING:
    from app.window.main_window import MainWindow
    from app.window.run_folder import Kept
    from app.window.weights_dialog import WeightsDialog


def open_drawing(window: MainWindow, run: Kept) -> bool:
    """Show what a run trained: in the tab that shows the same, or in a new one. Its curves and weights become those of
    the tab. False where the folder holds no drawing that can be read."""
    if run.design is None:
        return False
    tabs = window.tabs
    places = [tabs.index, *range(len(tabs))]
    same = next((at for at in places if _same(tabs.design(at), run.design)), None)
    if same is None:
        tabs.open(run.design, None, run.name)
        window.files.loaded.emit()
    else:
        tabs.show(same)
    runs = Runs.of(window.document, window.engines)
    taken = runs.adopt(run)
    if taken is not None and taken.active and taken is not runs.at(run.path):
        window.say(f"{taken.name} is being trained with this drawing: its curves stay until it has ended.")
        return False
    return True


def resume(window: MainWindow, run: Kept) -> None:
    """Go on with a run from its last checkpoint."""
    if open_drawing(window, run):
        window.bottom.show_tab("Training")
        window.bottom.panel("Training").resume()  # type: ignore[attr-defined]


def try_weights(window: MainWindow, run: Kept) -> None:
    """Show samples to a run's network."""
    if open_drawing(window, run):
        window.bottom.show_tab("Try")


def export_weights(window: MainWindow, run: Kept) -> None:
    """Export a run's network."""
    if open_drawing(window, run):
        window.export()


def pause(window: MainWindow) -> None:
    """Hold the run that is shown, or let it go on."""
    if (panel := window.bottom.made("Training")) is not None:
        panel.pause()  # type: ignore[attr-defined]


def carry_on(window: MainWindow) -> None:
    """Start a run of what is drawn now with the last run's weights."""
    window.bottom.show_tab("Training")
    if not window.bottom.panel("Training").carry_on():  # type: ignore[attr-defined]
        window.say("To continue, change the drawing once a run of it has ended: it begins with that run's weights.")


def compare(window: MainWindow, runs: list[Kept]) -> None:
    """Put runs beside each other."""
    from app.window.run_compare import RunCompare

    dialog = RunCompare(window.shelf, runs, window)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.show()


def _same(a: Design, b: Design) -> bool:
    return (a.nodes, a.wires, a.groups) == (b.nodes, b.wires, b.groups)


def weights(window: MainWindow) -> WeightsDialog:
    """Show which weights of a file fit the drawing."""
    from app.window.weights_dialog import WeightsDialog

    dialog = WeightsDialog(window.document, window.engines, window)
    dialog.lead.connect(window.lead)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.show()
    return dialog


def transfer(window: MainWindow) -> None:
    """Show the guide to transfer learning."""
    window.bottom.show_tab("Training")
    window.bottom.panel("Training").form.details.weights.open_guide()  # type: ignore[attr-defined]
