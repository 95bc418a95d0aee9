"""The palette's rows of the Groups that a person keeps, and what is done with them: keep, rename, delete."""

from __future__ import annotations

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QInputDialog, QMenu, QMessageBox, QTreeWidgetItem, QWidget

from app.design.file import FileError
from app.design.group_names import rename_group
from app.design.names import NamingError
from app.window.boxes import ask_for_good
from app.window.canvas.face import ICONS
from app.window.document import Document
from app.window.my_groups import Kept, MyGroups
from app.window.palette_rows import CATEGORY, ICON, KEY
from app.window.sentences import rich
from app.window.theme import icon


def rows(groups: MyGroups) -> list[QTreeWidgetItem]:
    """A row for each; a file that is none of a Group says so."""
    return [_row(kept) for kept in groups.listed]


def _row(kept: Kept) -> QTreeWidgetItem:
    row = QTreeWidgetItem([kept.name])
    row.setData(0, KEY, f"mine:{kept.name}")
    row.setData(0, CATEGORY, "Group" if kept.group is not None else "Connector")
    row.setData(0, ICON, ICONS["Group"] if kept.group is not None else "circle-alert")
    count = len(kept.group.nodes) if kept.group is not None else 0
    about = (kept.group.help if kept.group is not None else kept.trouble) or f"A Group of yours, of {count} nodes."
    row.setToolTip(0, rich(about))
    return row


def fill_menu(menu: QMenu, document: Document, key: str, parent: QWidget) -> None:
    """What can be done with a Group of the drawing, or with one that is kept."""
    kind, _, name = key.partition(":")
    groups = document.my_groups
    if kind == "group":
        call = menu.addAction(icon("pencil"), "Rename…")
        call.triggered.connect(lambda _on=False: _rename_drawn(document, name, parent))
        keep_it = menu.addAction(icon("save"), "Save to my Groups")
        keep_it.triggered.connect(lambda _on=False: keep(document, name, parent))
        menu.addSeparator()
    kept = groups.find(name) if kind == "mine" else None
    if kept is None:
        return
    rename = menu.addAction(icon("pencil"), "Rename…")
    rename.setEnabled(kept.drawing is not None)
    rename.triggered.connect(lambda _on=False: _rename(groups, kept, parent))
    menu.addAction(icon("trash-2"), "Delete…").triggered.connect(lambda _on=False: _delete(groups, kept, parent))
    folder = menu.addAction(icon("folder-open"), "Show the folder")
    folder.triggered.connect(lambda _on=False: QDesktopServices.openUrl(QUrl.fromLocalFile(str(groups.folder))))
    menu.addSeparator()


def keep(document: Document, group: str, parent: QWidget) -> None:
    """Save a Group of the drawing as a block of one's own; asks where another has its name already."""
    groups, answer = document.my_groups, "replace"
    if groups.taken(document.design, group) is not None:
        answer = ask_replace(parent, group)
    if not answer:
        return
    try:
        kept = groups.save(document.design, group, beside=answer == "beside")
    except FileError as error:
        groups.said.emit(str(error))
        return
    groups.said.emit(f"{kept.name} is one of your Groups now: every drawing finds it in the palette")


def ask_replace(parent: QWidget, name: str) -> str:
    """Ask what becomes of the Group that is kept under a name: "replace", "beside" or "" for nothing."""
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.NoIcon)
    box.setText(f"There is another {name} among your Groups.")
    box.setInformativeText("Drawings that use it keep their copy, whatever you choose.")
    replace = box.addButton("Replace", QMessageBox.ButtonRole.DestructiveRole)
    beside = box.addButton("Keep both", QMessageBox.ButtonRole.AcceptRole)
    box.addButton("Cancel", QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(beside)
    box.exec()
    return {replace: "replace", beside: "beside"}.get(box.clickedButton(), "")  # type: ignore[call-overload, no-any-return]


def ask_delete(parent: QWidget, name: str) -> bool:
    """Ask whether a kept Group shall go."""
    more = "Its file is deleted; that cannot be undone. Drawings that use it keep their copy."
    return ask_for_good(parent, f"Delete {name} from your Groups?", more, "Delete")


def _rename(groups: MyGroups, kept: Kept, parent: QWidget) -> None:
    name, chosen = QInputDialog.getText(parent, "Rename", "Name of the Group:", text=kept.name)
    if not chosen:
        return
    try:
        groups.rename(kept, name.strip())
    except (FileError, NamingError) as error:
        groups.said.emit(str(error))


def _rename_drawn(document: Document, group: str, parent: QWidget) -> None:
    name, chosen = QInputDialog.getText(parent, "Rename", "Name of the Group:", text=group)
    if chosen:
        wish = name.strip()
        document.edit(f"Rename the Group to {wish}", lambda d: rename_group(d, group, wish))


def _delete(groups: MyGroups, kept: Kept, parent: QWidget) -> None:
    if not ask_delete(parent, kept.name):
        return
    try:
        groups.delete(kept)
    except FileError as error:
        groups.said.emit(str(error))
