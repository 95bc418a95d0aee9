"""On the page of a Group: its name and what it does, and its ports, named by typing, ordered by buttons and keys."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.design import edits
from app.design.group_names import describe_group, rename_group
from app.design.port_order import move_port, port_nodes
from app.design.ports import port_kind
from app.design.values import Design, Node
from app.window.document import Document
from app.window.parts import IconButton, label, line

_SIDES = (("GroupInput", "Inputs"), ("GroupOutput", "Outputs"))


def try_edit(document: Document, text: str, change: Callable[[Design], Design], *, merge: str = "") -> str:
    """Make an edit; returns the sentence of its refusal, or ""."""
    said: list[str] = []
    document.refused.connect(said.append)
    done = document.edit(text, change, merge=merge)
    document.refused.disconnect(said.append)
    return "" if done else (said[-1] if said else "The edit was refused.")


class GroupHead(QWidget):
    """A Group's name, and what it is said to do: type others."""

    def __init__(self, document: Document, group: str) -> None:
        super().__init__()
        self._document, self._group = document, group
        self.name = QLineEdit(group)
        self.name.setProperty("role", "name")
        self.name.setObjectName("group-name")
        self.name.setAccessibleName("Name of the Group")
        self.name.setToolTip("The Group's name: type another to rename it, in all places that use it")
        self.name.editingFinished.connect(self._rename)
        self.help = QLineEdit()
        self.help.setObjectName("group-help")
        self.help.setAccessibleName("What the Group does")
        self.help.setPlaceholderText("What it does")
        self.help.setToolTip("Shown where the Group is chosen")
        self.help.editingFinished.connect(self._describe)
        self.error = label("", "error", wrap=True)
        self.error.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for part in (self.name, self.help, self.error):
            column.addWidget(part)

    def refresh(self) -> None:
        """Show what the Group is said to do now; another name makes another page."""
        if self.error.isHidden() and self.name.text() != self._group and not self.name.isModified():
            self.name.setText(self._group)
        help = self._document.design.group_by_name[self._group].help
        if self.help.text() != help and not self.help.isModified():
            self.help.setText(help)
            self.help.setCursorPosition(0)

    def _rename(self) -> None:
        wish = self.name.text().strip()
        self.name.setModified(False)
        if wish != self._group and self._group in self._document.design.group_by_name:
            self._edit(f"Rename the Group to {wish}", lambda d: rename_group(d, self._group, wish))

    def _describe(self) -> None:
        group, help = self._document.design.group_by_name.get(self._group), self.help.text().strip()
        self.help.setModified(False)
        if group is not None and help != group.help:
            self._edit("Describe the Group", lambda d: describe_group(d, self._group, help))

    def _edit(self, text: str, change: Callable[[Design], Design]) -> None:
        refusal = try_edit(self._document, text, change)
        self.error.setText(refusal)
        self.error.setVisible(bool(refusal))


class PortsBox(QWidget):
    """Lists a Group's inputs and outputs in their order. Each change is one undo step."""

    def __init__(self, document: Document, group: str) -> None:
        super().__init__()
        self._document, self._group = document, group
        self._shown: tuple[Node, ...] | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(4)
        self._rows = QWidget()
        self.error = label("", "error", wrap=True)
        self.error.setObjectName("port-error")
        self.error.hide()
        self._column.addWidget(self._rows)
        self._column.addWidget(self.error)

    def refresh(self) -> None:
        """Show the ports as they are now; the rows are made anew only when one is another."""
        group = self._document.design.group_by_name.get(self._group)
        if group is None:
            return
        ports = tuple(n for block, _ in _SIDES for n in port_nodes(group, block))
        essence = tuple(Node(id=n.id, block=n.block, name=n.name, settings=n.settings) for n in ports)
        if essence == self._shown:
            return
        held = self._held()
        self._shown = essence
        rows = QWidget()
        column = QVBoxLayout(rows)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for block, title in _SIDES:
            listed = [n for n in ports if n.block == block]
            if not listed:
                continue
            column.addSpacing(4)
            column.addWidget(line())
            column.addSpacing(2)
            column.addWidget(label(title, "heading"))
            for i, node in enumerate(listed):
                column.addWidget(self._row(node, first=i == 0, last=i == len(listed) - 1))
        self._column.replaceWidget(self._rows, rows)
        rows.show()  # at once: only what is seen can take the focus
        self._rows.hide()
        self._rows.deleteLater()
        self._rows = rows
        if held:
            self._focus(*held)

    def _held(self) -> tuple[str, str] | None:
        """Which row has the focus, and in which of its parts."""
        focused = self._rows.focusWidget()
        if focused is None or not focused.hasFocus():
            return None
        row = focused.parentWidget()
        return (row.objectName(), focused.objectName()) if row is not None else None

    def _focus(self, row: str, part: str) -> None:
        """Stay with the port that was moved; where its button has nothing left to do, with the other one."""
        there = self._rows.findChild(QWidget, row)
        if there is None:
            return
        for name in (part, "up" if part == "down" else "down", "name"):
            widget = there.findChild(QWidget, name)
            if widget is not None and widget.isEnabled():
                widget.setFocus(Qt.FocusReason.OtherFocusReason)
                return

    def _row(self, node: Node, *, first: bool, last: bool) -> QWidget:
        row = QWidget()
        row.setObjectName(f"port-{node.id}")
        box = QHBoxLayout(row)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(4)
        name = QLineEdit(node.name)
        name.setObjectName("name")
        name.setAccessibleName(f"Name of the port {node.name}")
        name.setToolTip("The port's name: type another to rename it. Alt+Up and Alt+Down move it.")
        name.setCursorPosition(0)

        def move(by: int) -> None:
            self._rename(node.id, name)  # what is being typed would be lost with the row
            self._move(node.id, by)

        keys = _Keys(name, move, lambda: name.setText(self._name_of(node.id)))
        name.installEventFilter(keys)
        name.editingFinished.connect(lambda: self._rename(node.id, name))
        box.addWidget(name, 1)
        if (kind := port_kind(node)) != "tensor":
            box.addWidget(label(kind, "soft"))
        for icon, part, by, ends in (("chevron-up", "up", -1, first), ("chevron-down", "down", 1, last)):
            mover = IconButton(icon, f"Move {node.name} {part}", side=26)
            mover.setObjectName(part)
            mover.setEnabled(not ends)
            mover.clicked.connect(lambda _on=False, by=by: self._move(node.id, by))
            box.addWidget(mover)
        return row

    def _name_of(self, id: str) -> str:
        return self._document.design.group_by_name[self._group].by_id[id].name

    def _rename(self, id: str, field: QLineEdit) -> None:
        wish = field.text().strip()
        if self._shown is None or wish == self._name_of(id):
            return
        self._edit(f"Rename the port to {wish}", lambda d: edits.rename(d, self._group, id, wish))

    def _move(self, id: str, by: int) -> None:
        self._edit(
            f"Move the port {self._name_of(id)} {'up' if by < 0 else 'down'}",
            lambda d: move_port(d, self._group, id, by),
        )
        self.refresh()

    def _edit(self, text: str, change: Callable[[Design], Design]) -> None:
        refusal = try_edit(self._document, text, change)
        self.error.setText(refusal)
        self.error.setVisible(bool(refusal))


class _Keys(QObject):
    """Alt with an arrow moves the port whose name is being typed; Esc puts its name back."""

    def __init__(self, field: QLineEdit, move: Callable[[int], None], reset: Callable[[], None]) -> None:
        super().__init__(field)
        self._move, self._reset = move, reset

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            held = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
            if held == Qt.KeyboardModifier.AltModifier and event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
                self._move(-1 if event.key() == Qt.Key.Key_Up else 1)
                return True
            if event.key() == Qt.Key.Key_Escape:
                self._reset()
                return True
        return super().eventFilter(watched, event)
