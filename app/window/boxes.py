"""The small questions and notices of the main window."""

from __future__ import annotations

import sys

from PySide6.QtWidgets import QMessageBox, QWidget

import app


def ask_stop_jobs(parent: QWidget) -> bool:
    """Ask whether the runs and exports under way may be stopped."""
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.NoIcon)
    box.setText("A run or export is under way.")
    box.setInformativeText("Quitting stops it. A run keeps its last checkpoint and can be resumed.")
    stop = box.addButton("Stop and quit", QMessageBox.ButtonRole.DestructiveRole)
    stay = box.addButton("Keep working", QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(stay)
    box.exec()
    return box.clickedButton() is stop


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
