"""The small questions and notices of the main window."""

from __future__ import annotations

import sys

from PySide6.QtWidgets import QMessageBox, QWidget

import app


def ask_for_good(parent: QWidget, text: str, more: str, go: str, stay: str = "Cancel") -> bool:
    """Ask whether something may go that does not come back; Return and Escape choose `stay`."""
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.NoIcon)
    box.setText(text)
    box.setInformativeText(more)
    chosen = box.addButton(go, QMessageBox.ButtonRole.DestructiveRole)
    box.setDefaultButton(box.addButton(stay, QMessageBox.ButtonRole.RejectRole))
    box.exec()
    return box.clickedButton() is chosen


def ask_stop_jobs(parent: QWidget) -> bool:
    """Ask whether the runs and exports under way may be stopped."""
    more = "Quitting stops it. A run keeps its last checkpoint and can be resumed."
    return ask_for_good(parent, "A run or export is under way.", more, "Stop and quit", "Keep working")


def about(parent: QWidget, torch_version: str) -> None:
    """Say what this is, and which versions."""
    box = QMessageBox(parent)
    box.setWindowTitle("About Netloom")
    box.setText(f"Netloom {app.__version__}")
    python = ".".join(map(str, sys.version_info[:3]))
    torch = f", torch {torch_version}" if torch_version else ""
    line = "Draw a neural network, check it, train it, take it with you."
    box.setInformativeText(f"{line}\nPython {python}{torch}. Apache-2.0.")
    box.exec()
