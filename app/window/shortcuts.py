"""Help > Shortcuts: every key of the window on one page, made from the actions themselves."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication, QTextDocument
from PySide6.QtWidgets import QDialog, QHBoxLayout, QTextBrowser, QVBoxLayout, QWidget

from app.window.command_palette import Command, commands
from app.window.parts import button, label
from app.window.theme import theme

if TYPE_CHECKING:
    from app.window.actions import Actions

POINTER = (
    ("Wheel", "Zoom at the pointer"), ("Middle button and drag", "Pan"), ("Space and drag", "Pan"),
    ("Drag from a port", "Draw a wire"), ("Drag on the canvas", "Select what the frame touches"),
    ("Ctrl or Shift and click", "Add to the selection, or take from it"), ("Alt and drag a node", "Copy it"),
    ("Double-click a node", "Look inside a Group, rename another node"),
)  # fmt: skip
"""What the pointer does on the canvas: the one part of the page that is no action."""


def sections(actions: Actions) -> dict[str, list[Command]]:
    """The commands that have keys, by the menus that lead to them."""
    found: dict[str, list[Command]] = {}
    for command in commands(actions.menus, actions):
        if command.keys:
            found.setdefault(" › ".join(command.path), []).append(command)
    return found


def page(actions: Actions) -> str:
    """The page as HTML."""
    look = theme.tokens
    parts = []
    rows = {head: [(c.text, ", ".join(c.keys)) for c in listed] for head, listed in sections(actions).items()}
    rows["With the pointer, on the canvas"] = [(what, how) for how, what in POINTER]
    for head, lines in rows.items():
        parts.append(f"<h3>{escape(head)}</h3><table width='100%' cellpadding='3'>")
        for text, keys in lines:
            parts.append(
                f"<tr><td width='60%'>{escape(text)}</td>"
                f"<td style='color: {look.soft}; font-family: \"JetBrains Mono\"'>{escape(keys)}</td></tr>"
            )
        parts.append("</table>")
    return "".join(parts)


def plain_page(actions: Actions) -> str:
    """The page as text, for another place."""
    lines: list[str] = []
    for head, listed in sections(actions).items():
        lines += ["", head, *(f"  {', '.join(c.keys):24} {c.text}" for c in listed)]
    lines += ["", "With the pointer, on the canvas", *(f"  {how:24} {what}" for how, what in POINTER)]
    return "\n".join(lines).strip() + "\n"


class ShortcutsDialog(QDialog):
    """Shows the page; it can be copied and printed."""

    def __init__(self, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._actions = actions
        self.setWindowTitle("Shortcuts")
        self.resize(560, 620)
        self.text = QTextBrowser()
        self.text.setAccessibleName("Shortcuts")
        self.text.setHtml(page(actions))
        self.copy = button("Copy", tip="Copy the page as text")
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(plain_page(actions)))
        self.print = button("Print…", tip="Print the page, or keep it as PDF")
        self.print.clicked.connect(self._print)
        close = button("Close", "primary")
        close.clicked.connect(self.accept)
        row = QHBoxLayout()
        row.addWidget(self.copy)
        row.addWidget(self.print)
        row.addStretch()
        row.addWidget(close)
        box = QVBoxLayout(self)
        box.setContentsMargins(20, 16, 20, 16)
        box.setSpacing(12)
        box.addWidget(label("Shortcuts", "title"))
        box.addWidget(label("Ctrl+K finds every action by name, with or without keys.", "soft"))
        box.addWidget(self.text, 1)
        box.addLayout(row)
        self.text.setFocus()

    def _print(self) -> None:
        from PySide6.QtPrintSupport import QPrintDialog, QPrinter

        printer = QPrinter(QPrinter.PrinterMode.HighResolution)
        if QPrintDialog(printer, self).exec():
            paper = QTextDocument()
            paper.setDefaultStyleSheet("body, td, h3 { color: black; }")
            paper.setHtml(page(self._actions))
            paper.print_(printer)
