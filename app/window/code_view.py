"""Code as it is shown: line numbers, lit lines, marks on lines that are wrong; a text that changes keeps its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from PySide6.QtCore import QEvent, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFont,
    QHelpEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QTextBlock,
    QTextCharFormat,
    QTextCursor,
)
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit, QToolTip, QWidget

from app.window.code_edit import indent_after
from app.window.code_lines import differing, line_map
from app.window.highlight import PythonColours
from app.window.number_edit import undoes_the_drawing
from app.window.parts import area
from app.window.theme import font, icon, theme

MOST_FOUND = 2000
"""So many places of a search are tinted and counted."""
INDENT = "    "


class CodeView(QPlainTextEdit):
    """Lines of Python, read-only until `set_editing`. Lines count from 1."""

    line_chosen = Signal(int)
    """The cursor was put on another line, by mouse or keys."""
    find_wanted = Signal()
    handed_in = Signal()
    """Ctrl+Return while one edits."""
    given_up = Signal()
    """Escape while one edits."""

    def __init__(self) -> None:
        super().__init__()
        self.setReadOnly(True)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.setUndoRedoEnabled(False)
        face = font(12, mono=True)
        face.setFeature(QFont.Tag("calt"), 0)  # `->` and `==` as they are typed
        self.setFont(face)
        self.setTabStopDistance(4 * self.fontMetrics().horizontalAdvance(" "))
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setTabChangesFocus(True)  # the keyboard must lead out again; Return indents where Python needs it
        self.setCornerWidget(area("content"))
        self.settled = ""
        """The text shown last; what is typed while one edits differs from it."""
        self._colours = PythonColours(self.document())
        self._lit: frozenset[int] = frozenset()
        self._marks: dict[int, str] = {}
        self._found: list[QTextCursor] = []
        self._line = 1
        self._filling = False
        self._dim = False
        self._gutter = _Gutter(self)
        self.blockCountChanged.connect(self._room)
        self.updateRequest.connect(self._scrolled)
        self.cursorPositionChanged.connect(self._cursor_moved)
        theme.changed.connect(self._recolour)
        self._room()

    # the text ---------------------------------------------------------------------------------------------------------

    @property
    def text(self) -> str:
        return self.toPlainText()

    @property
    def changed(self) -> bool:
        """Whether something was typed since a text was shown."""
        return self.toPlainText() != self.settled

    def show_text(self, text: str) -> None:
        """Show a text: only the lines that differ are put in, so that the cursor and what is looked at stay."""
        self.settled = text
        before, after = self.toPlainText().split("\n"), text.split("\n")
        if before == after:
            return
        self._filling = True
        top = QTextCursor(self.firstVisibleBlock())
        if before == [""]:
            self.setPlainText(text)
        else:
            line, column = self.line, self.textCursor().positionInBlock()
            self._put(before, after)
            if not self.textCursor().hasSelection():
                self._stay(line_map("\n".join(before), text).get(line, self.line), column)
            self.verticalScrollBar().setValue(top.block().blockNumber())
        if not self.isReadOnly():
            self.document().clearUndoRedoStacks()
        self._line = self.textCursor().blockNumber() + 1
        self._filling = False
        self._search()

    def _stay(self, line: int, column: int) -> None:
        """Put the cursor where it was, in a line that may be another by now."""
        block = self.document().findBlockByNumber(line - 1)
        cursor = QTextCursor(block)
        cursor.setPosition(block.position() + min(column, block.length() - 1))
        self.setTextCursor(cursor)

    def type_text(self, text: str) -> None:
        """Put a text in as if it had been typed: it is what one edits, and undo takes it back."""
        self._filling = True
        self._put(self.toPlainText().split("\n"), text.split("\n"))
        self._filling = False

    def _put(self, before: list[str], after: list[str]) -> None:
        hand = QTextCursor(self.document())
        hand.beginEditBlock()
        for kind, i1, i2, j1, j2 in reversed(differing(before, after)):
            # From the end of the line before to the end of the last one: so lines at either end need no case of theirs.
            start = self.document().findBlockByNumber(i1)
            if kind == "insert" and not start.isValid():
                hand.movePosition(QTextCursor.MoveOperation.End)
                hand.insertText("".join("\n" + line for line in after[j1:j2]))
                continue
            hand.setPosition(start.position())
            if i2 < len(before):
                hand.setPosition(
                    self.document().findBlockByNumber(i2).position(), QTextCursor.MoveMode.KeepAnchor
                )
                hand.insertText("".join(line + "\n" for line in after[j1:j2]))
            elif j2 > j1:
                hand.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
                hand.insertText("\n".join(after[j1:j2]))
            else:
                hand.movePosition(QTextCursor.MoveOperation.Left)
                hand.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
                hand.removeSelectedText()
        hand.endEditBlock()

    def set_editing(self, on: bool) -> None:
        """Let one type, or no more."""
        if on == (not self.isReadOnly()):
            return
        flags = Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        self.setUndoRedoEnabled(on)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextEditorInteraction if on else flags)
        self._gutter.update()

    def set_dim(self, on: bool) -> None:
        """Show that the text is no longer what is drawn."""
        if on != self._dim:
            self._dim = on
            self.viewport().update()

    @property
    def is_dim(self) -> bool:
        return self._dim

    # lines ------------------------------------------------------------------------------------------------------------

    @property
    def line(self) -> int:
        """The line on which the cursor stands."""
        return self.textCursor().blockNumber() + 1

    def put_cursor(self, line: int) -> None:
        """Put the cursor at the beginning of a line, and show it; nothing is announced."""
        block = self.document().findBlockByNumber(line - 1)
        if block.isValid():
            self._filling = True
            cursor = QTextCursor(block)
            self.setTextCursor(cursor)
            self._filling = False
            self._line = line
            self.look_at(range(line, line + 1))

    def light(self, lines: Iterable[int], *, scroll: bool = True) -> None:
        """Light lines, and with `scroll` bring the first of them into view, unless one is."""
        self._lit = frozenset(lines)
        self.viewport().update()
        self._gutter.update()
        if scroll and self._lit and not self._lit & set(self.seen):
            self.look_at(range(min(self._lit), min(self._lit) + 1))

    @property
    def lit(self) -> list[int]:
        """The lines that are lit."""
        return sorted(self._lit)

    def mark(self, marks: Mapping[int, str]) -> None:
        """Mark lines as wrong, each with a sentence."""
        self._marks = dict(marks)
        self.viewport().update()
        self._gutter.update()

    @property
    def marks(self) -> dict[int, str]:
        """The sentence on each line that is marked."""
        return dict(self._marks)

    @property
    def seen(self) -> range:
        """The lines in view."""
        first = self.firstVisibleBlock().blockNumber() + 1
        return range(first, first + max(self.viewport().height() // self.fontMetrics().lineSpacing(), 1))

    def look_at(self, lines: range) -> None:
        """Bring lines into view, where they are not: a third of the way down."""
        seen = self.seen
        if lines.start >= seen.start and min(lines.stop, lines.start + len(seen) // 2) <= seen.stop:
            return
        self.verticalScrollBar().setValue(max(lines.start - 1 - len(seen) // 3, 0))

    # finding ----------------------------------------------------------------------------------------------------------

    def find_all(self, wish: str) -> int:
        """Tint every place where a text stands, whatever its case; returns how many there are."""
        self._wish = wish
        self._search()
        return len(self._found)

    def _search(self) -> None:
        self._found = []
        wish = getattr(self, "_wish", "")
        if wish:
            found = self.document().find(wish, 0)
            while not found.isNull() and len(self._found) < MOST_FOUND:
                self._found.append(found)
                found = self.document().find(wish, found)
        self._tint()

    def _tint(self) -> None:
        selections = []
        colour = theme.color("warn")
        colour.setAlpha(70)
        for cursor in self._found:
            selection = QTextEdit.ExtraSelection()
            selection.cursor = cursor  # type: ignore[attr-defined]
            look = QTextCharFormat()
            look.setBackground(colour)
            selection.format = look  # type: ignore[attr-defined]
            selections.append(selection)
        self.setExtraSelections(selections)

    def step(self, by: int, start: int | None = None) -> int:
        """Go to the next place found, or the one before; returns which it is, from 1, and 0 where there is none."""
        if not self._found:
            return 0
        here = self.textCursor().selectionStart() if start is None else start
        starts = [cursor.selectionStart() for cursor in self._found]
        if start is not None:
            index = next((i for i, at in enumerate(starts) if at >= here), 0)
        elif by > 0:
            index = next((i for i, at in enumerate(starts) if at > here), 0)
        else:
            index = next((i for i in reversed(range(len(starts))) if starts[i] < here), len(starts) - 1)
        self.setTextCursor(self._found[index])
        self.look_at(range(self.line, self.line + 1))
        self.ensureCursorVisible()
        return index + 1

    # events -----------------------------------------------------------------------------------------------------------

    def _cursor_moved(self) -> None:
        self._gutter.update()
        if not self._filling and self.line != self._line:
            self._line = self.line
            self.line_chosen.emit(self._line)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        if event.button() == Qt.MouseButton.LeftButton and not self.textCursor().hasSelection():
            self._line = self.line
            self.line_chosen.emit(self._line)  # also on the line where the cursor was: it is meant again

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            self._tell(event)
            return True
        if undoes_the_drawing(event, self.isReadOnly() or not self.changed):
            return False
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride and self._ours(event):
            event.accept()
            return True
        return super().event(event)

    def _ours(self, event: QKeyEvent) -> bool:
        if event.matches(QKeySequence.StandardKey.Find):
            return True
        return not self.isReadOnly() and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Find):
            self.find_wanted.emit()
            return
        if self.isReadOnly():
            super().keyPressEvent(event)
            return
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                self.handed_in.emit()
                return
            indent = indent_after(self)
            self.textCursor().beginEditBlock()
            super().keyPressEvent(event)
            self.insertPlainText(indent)
            self.textCursor().endEditBlock()
            return
        if event.key() == Qt.Key.Key_Escape:
            self.given_up.emit()
            return
        super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._gutter.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        place = self.contentsRect()
        self._gutter.setGeometry(QRect(place.left(), place.top(), self._gutter.wide, place.height()))

    def _tell(self, event: QHelpEvent) -> None:
        """Say what is wrong with the line under the pointer."""
        at = self.viewport().mapFrom(self, event.pos())
        sentence = self._marks.get(self.cursorForPosition(at).blockNumber() + 1, "")
        QToolTip.showText(event.globalPos(), sentence, self)

    # painting ---------------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        lit = theme.color("accent")
        lit.setAlpha(38 if theme.dark else 26)
        wrong = theme.color("error")
        wrong.setAlpha(40)
        for line, place in self._places():
            if line in self._marks:
                painter.fillRect(place, wrong)
            elif line in self._lit:
                painter.fillRect(place, lit)
        painter.end()
        super().paintEvent(event)
        if self._dim:
            veil = theme.color("raised")
            veil.setAlpha(150)
            painter = QPainter(self.viewport())
            painter.fillRect(event.rect(), veil)

    def _places(self) -> Iterable[tuple[int, QRectF]]:
        """The lines in view, and where each stands."""
        block: QTextBlock = self.firstVisibleBlock()
        top = self.blockBoundingGeometry(block).translated(self.contentOffset()).top()
        while block.isValid() and top <= self.viewport().height():
            height = self.blockBoundingRect(block).height()
            if block.isVisible():
                yield block.blockNumber() + 1, QRectF(0, top, self.viewport().width(), height)
            top += height
            block = block.next()

    def _recolour(self) -> None:
        self._tint()
        self._gutter.update()

    def _room(self, *_count: int) -> None:
        """Room at the left for as many digits as there are."""
        self._gutter.measure(self.blockCount())
        self.setViewportMargins(self._gutter.wide, 0, 0, 0)
        place = self.contentsRect()
        self._gutter.setGeometry(QRect(place.left(), place.top(), self._gutter.wide, place.height()))

    def _scrolled(self, place: QRect, by: int) -> None:
        if by:
            self._gutter.scroll(0, by)
        else:
            self._gutter.update(0, place.y(), self._gutter.width(), place.height())

    def paint_gutter(self, painter: QPainter, wide: int) -> None:
        """Draw the numbers of the lines in view, and the marks."""
        painter.setFont(font(11, mono=True))
        here = self.line if self.hasFocus() else 0
        for line, place in self._places():
            lit, wrong = line in self._lit, line in self._marks
            if lit:
                painter.fillRect(QRectF(wide - 3, place.top(), 2, place.height()), theme.color("accent"))
            if wrong:
                sign = icon("circle-alert", theme.color("error").name()).pixmap(12, 12)
                painter.drawPixmap(2, round(place.center().y() - 6), sign)
            colour: QColor = theme.color("error" if wrong else "text" if line == here or lit else "soft")
            painter.setPen(colour)
            where = QRectF(0, place.top(), wide - 8, place.height())
            painter.drawText(where, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, str(line))


class _Gutter(QWidget):
    """Stands left of the lines and has their numbers."""

    def __init__(self, view: CodeView) -> None:
        super().__init__(view)
        self._view = view
        self.wide = 0

    def measure(self, lines: int) -> None:
        """Take the width that so many lines need."""
        digits = max(len(str(lines)), 3)
        self.wide = 26 + digits * self._view.fontMetrics().horizontalAdvance("9")

    def sizeHint(self) -> QSize:
        return QSize(self.wide, 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setClipRect(event.rect())
        self._view.paint_gutter(painter, self.wide)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A number is its line."""
        cursor = self._view.cursorForPosition(self._view.viewport().mapFrom(self, event.position().toPoint()))
        self._view.setTextCursor(QTextCursor(cursor.block()))
        self._view.setFocus(Qt.FocusReason.MouseFocusReason)
