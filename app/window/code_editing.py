"""Code under one's hands: it is read as one types, what it would change is listed, and applied it is one edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QObject, QTimer

from app.design.compare import Comparison, Place, compare
from app.design.read_back import Base, ReadBack, read_back, verify
from app.design.values import Design
from app.messages.code import Code, GetCode
from app.window.code_lines import merged
from app.window.code_outline import summary
from app.window.questions import Questions

if TYPE_CHECKING:
    from app.window.code_panel import CodePanel

PAUSE = 200
"""Milliseconds without a key after which what was typed is read."""


class Draft(NamedTuple):
    """An edit that is not applied, kept while another drawing is shown."""

    base: Base
    design: Design
    text: str


class Origin(NamedTuple):
    """Code that left the window as a file, and the design that it was the code of."""

    base: Base
    design: Design


class Editing(QObject):
    """The edit of one panel's code."""

    def __init__(self, panel: CodePanel) -> None:
        super().__init__(panel)
        self._panel = panel
        self._drafts: dict[int, Draft] = {}
        self._number = panel.document.number
        self.read: ReadBack | None = None
        """What was read last; None where nothing was typed."""
        self.found = Comparison()
        self.source = ""
        """The name of the file that the text is from; "" where it was typed here."""
        self._wanted: tuple[str, str, Origin | None] | None = None
        self._origin: Origin | None = None
        """What the text was made from, where that is not the code of the drawing as it is now."""
        self._applies = self._rest = False
        """Whether to apply, once it is known what; and whether one consents to a part."""
        self._text = ""
        """What was read last."""
        self._checks = Questions(panel.document, panel.engines, self)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAUSE)
        self._timer.timeout.connect(self.refresh)
        view = panel.view
        view.textChanged.connect(self._typed)
        view.handed_in.connect(self.apply)
        view.given_up.connect(self.revert)
        panel.edit_button.toggled.connect(self._toggled)
        panel.apply_button.clicked.connect(lambda _on=False: self.apply())
        panel.revert_button.clicked.connect(self.revert)
        panel.outline.line_chosen.connect(self._to_line)
        panel.outline.node_chosen.connect(self._to_node)
        self._show()

    # what is so -------------------------------------------------------------------------------------------------------

    @property
    def on(self) -> bool:
        """Whether one may type."""
        return not self._panel.view.isReadOnly()

    @property
    def touched(self) -> bool:
        """Whether something was typed that is not applied."""
        return self.on and self._panel.view.changed

    def keeps(self, number: int) -> bool:
        """Whether something was typed in the code of the drawing with this number that is not applied."""
        return number in self._drafts or (number == self._number and self.touched)

    def forget(self, number: int) -> None:
        """The drawing with this number is closed."""
        self._drafts.pop(number, None)

    @property
    def ready(self) -> bool:
        """Whether what is typed can be read: the code under it is that of the drawing as it is now."""
        return self._panel.base is not None and self._panel.base_design is self._panel.document.design

    # turning ----------------------------------------------------------------------------------------------------------

    def turn(self, on: bool) -> None:
        """Let one type, or no more."""
        self._panel.edit_button.setChecked(on)

    def _toggled(self, on: bool) -> None:
        if not on and self.touched:
            self._panel.edit_button.setChecked(True)
            self._panel.say(
                "warn", "The edit of the code is not applied.", ("Apply", self.apply),
                ("Give it up", lambda: self.leave(forget=True)),
            )  # fmt: skip
            return
        self._panel.view.set_editing(on)
        self._panel.view.set_dim(False)
        self.source = "" if not on else self.source
        self._show()
        if on and self._panel.isVisible():
            self._panel.view.setFocus()

    def leave(self, *, forget: bool = False) -> None:
        """End typing. What is not applied is kept for when the drawing is shown again, or with `forget` given up."""
        panel = self._panel
        self._timer.stop()
        if self.touched and not forget and panel.base is not None and self._origin is None:
            self._drafts[self._number] = Draft(panel.base, panel.base_design, panel.view.text)
        self._wanted = self._origin = None
        self._applies = False
        panel.view.show_text(panel.view.settled)
        self.turn(False)
        self.refresh()
        panel.say("none", "")

    def resume(self) -> None:
        """Another drawing is shown: go on with what was typed in its code, if it is still as it was."""
        self._number = self._panel.document.number
        draft = self._drafts.pop(self._number, None)
        if draft is not None and draft.design is self._panel.document.design:
            self._panel.base, self._panel.base_design = draft.base, draft.design
            self._panel.view.show_text(draft.base.text)
            self._panel.pages.setCurrentIndex(1)
            self.turn(True)
            self._panel.view.type_text(draft.text)

    # reading ----------------------------------------------------------------------------------------------------------

    def _typed(self) -> None:
        if self.on and self._panel.view.text != self._text:  # colours that are put on a text are no edit of it
            self._timer.start()
            self._show()

    def refresh(self) -> None:
        """Read what is typed, and list what it would change."""
        self._timer.stop()
        self._checks.drop()
        self._read(0)

    def _read(self, way: int) -> None:
        panel = self._panel
        self._text = panel.view.text
        self.read, self.found = None, Comparison()
        if self.touched and panel.base is not None:
            base, design = self._origin or Origin(panel.base, panel.base_design)
            cards, now = panel.document.catalogue, panel.document.design
            self.read = read_back(panel.view.text, base, design, cards, way, now if self.ready else design)
            self.found = compare(now if self.ready else design, self.read.design, cards)
            if self.read.guesses:
                self._check(self.read, way)
        self._list()

    def _list(self) -> None:
        """Mark the lines that cannot be read, and list what changes."""
        panel = self._panel
        troubles = self.read.troubles if self.read is not None else ()
        marks: dict[int, str] = {}
        for trouble in troubles:
            marks.setdefault(trouble.line, trouble.message)
        panel.view.mark(marks)
        panel.outline.show_reading(self.found, troubles, sure=self.read is None or not self.read.guesses)
        panel.light(scroll=False)
        self._show()

    def _check(self, read: ReadBack, way: int) -> None:
        """What was read is a guess: it holds if its code is what was typed. Else another way is tried, and in the end
        none."""
        panel = self._panel
        text, name = panel.view.text, panel.document.title

        def told(reply: Code) -> None:
            if reply.text and not verify(text, reply.text, read.guesses):
                self.read = read._replace(guesses=())
            else:
                self._read(way + 1 if reply.text and way + 1 < read.ways else -1)
            if self.read is not None and not self.read.guesses and self._applies:
                self.apply(rest=self._rest)

        self._checks.ask(
            lambda: GetCode("", read.design, name=name), told, lambda why: told(Code("", "", problem=why)), wait=0
        )

    def _show(self) -> None:
        panel, touched = self._panel, self.touched
        panel.outline.setVisible(self.read is not None)
        panel.revert_button.setVisible(self.on)
        panel.apply_button.setVisible(self.on)
        panel.revert_button.setEnabled(touched)
        panel.apply_button.setEnabled(touched)

    def rebase(self, before: Base | None, base: Base) -> None:
        """The drawing has changed under the edit: put the edit over its new code."""
        panel = self._panel
        text = panel.view.text
        if self._origin is not None:  # it stands for itself, whatever is drawn
            panel.view.settled = base.text
            self.refresh()
            return
        together = merged(before.text, text, base.text) if before is not None else None
        panel.view.settled = base.text
        if together is None:
            panel.say(
                "warn", "The drawing has changed where its code was edited too. Applied, the edit holds.",
                ("Take the drawing's", self.revert), main=False,
            )  # fmt: skip
            self._applies = False
        else:
            panel.view.type_text(together)
        self.refresh()
        if self._applies:
            self.apply(rest=self._rest)

    def take(self, text: str, source: str, origin: Origin | None = None) -> None:
        """Go on with the text of a file, as if it had been typed. `origin` is what it was when it left: what the
        drawing has become since then stays."""
        panel = self._panel
        if panel.base is None or not self.ready:
            self._wanted = (text, source, origin)
            return
        self._origin = None if origin is None or origin.base == panel.base else origin
        self.turn(True)
        panel.view.type_text(text)
        self.source = source
        self.refresh()
        if self.read is None:
            panel.say("info", f"`{source}` holds the code of the drawing as it is: there is nothing to apply.")
        elif self.read.troubles:
            self._refuse()
        else:
            panel.say("info", f"{summary(self.found)}, says `{source}`.", ("Apply", self.apply))

    def arrived(self) -> None:
        """The code of the drawing is there: a file that waited for it is read."""
        if self._wanted is not None and self.ready:
            wanted, self._wanted = self._wanted, None
            self.take(*wanted)

    # applying ---------------------------------------------------------------------------------------------------------

    def apply(self, *, rest: bool = False) -> None:
        """Make what was read an edit of the drawing. Where a line cannot be read nothing is changed, unless one
        consents to the `rest`."""
        panel = self._panel
        if not self.touched:
            return
        self._rest = rest
        if not self.ready:
            self._applies = True  # the drawing was edited a moment ago: its code is on its way
            return
        read = self._newest()
        if read is None:
            return
        if read.guesses:
            self._applies = True  # it is being held against the code that it gives
            return
        self._applies = False
        if read.troubles and not rest:
            self._refuse()
            return
        if self.found.empty:
            panel.say("info", "The text differs, but it draws the same network: there is nothing to apply.")
            return
        words = summary(self.found)
        if not panel.document.edit(f"Edit code: {words[:1].lower()}{words[1:]}", lambda _design: read.design):
            return
        panel.view.settled = panel.view.text  # what was typed is drawn now; the code of that follows
        self.source, self._origin = "", None
        self.refresh()
        panel.say("ok", f"{words}: applied. Undo takes it back.")

    def _newest(self) -> ReadBack | None:
        """What the text is read as; it is read now where keys were pressed since."""
        if self._timer.isActive() or self.read is None:
            self.refresh()
        return self.read

    def _refuse(self) -> None:
        assert self.read is not None
        count = len(self.read.troubles)
        first = self.read.troubles[0]
        buttons = [(f"Go to line {first.line}", lambda: self._to_line(first.line))]
        if not self.found.empty:
            buttons.append(("Apply the rest", lambda: self.apply(rest=True)))
        what = f"Line {first.line} cannot be read" if count == 1 else f"{count:,} lines cannot be read"
        self._panel.say("warn", f"{what}, so nothing was changed.", *buttons, main=False)  # the list says why

    def revert(self) -> None:
        """Show the code of the drawing again; undo brings back what was typed."""
        panel = self._panel
        if not self.touched:
            self.turn(False)
            return
        self._applies, self._origin = False, None
        panel.view.type_text(panel.view.settled)
        panel.say("none", "")
        self.refresh()

    def _to_line(self, line: int) -> None:
        self._panel.view.put_cursor(line)
        self._panel.view.setFocus()

    def _to_node(self, place: Place) -> None:
        self._panel.node_wanted.emit("/".join(place))
