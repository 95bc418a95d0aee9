"""A table as text: CSV, Markdown, and the question where it shall be saved."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget


def as_csv(lines: Iterable[Sequence[str]]) -> str:
    """The lines as CSV, numbers without commas."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for cells in lines:
        writer.writerow([c.replace(",", "") if c.replace(",", "").isdigit() else c for c in cells])
    return out.getvalue()


def as_markdown(lines: Sequence[Sequence[str]], right: Sequence[bool]) -> str:
    """The lines, of which the first are the headings, as a Markdown table; `right` says which columns are numbers."""
    head, *others = lines
    rows = [head, ["---:" if side else "---" for side in right], *others]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |" for cells in rows) + "\n"


def save(parent: QWidget, name: str, csv_text: Callable[[], str], markdown: Callable[[], str]) -> str:
    """Ask for a file and write the table as its name says; a sentence where that fails, else ""."""
    chosen, _ = QFileDialog.getSaveFileName(parent, "Save the table", name, "CSV (*.csv);;Markdown (*.md)")
    if not chosen:
        return ""
    path = Path(chosen)
    try:
        path.write_text(markdown() if path.suffix.lower() in (".md", ".markdown") else csv_text(), encoding="utf-8")
    except OSError as error:
        return f"{path} cannot be written: {error.strerror}. Choose another place."
    return ""
