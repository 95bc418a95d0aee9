"""The journal: what it holds, what a cut line costs, whose it is, and what happens when the disk is full."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.design import edits, file
from app.design.delta import DeltaError, apply, difference
from app.design.values import Design, End, Node, Settings, Wire
from app.window import journal
from app.window.document import Document
from app.window.journal import Claim, read
from app.window.keeper import Keeper
from app.window.steps import History
from app.window.tabs import Tabs


@pytest.fixture
def document(qapp: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Document]:
    monkeypatch.setenv("NETLOOM_SETTINGS", str(tmp_path / "settings"))
    document = Document()
    document.keeper = Keeper(document)  # type: ignore[attr-defined]
    yield document
    document.keeper.forget()  # type: ignore[attr-defined]


def keeper(document: Document) -> Keeper:
    return document.keeper  # type: ignore[attr-defined, no-any-return]


def path_of(document: Document) -> Path:
    kept = keeper(document).journal
    assert kept is not None
    return kept.path


def kept(document: Document) -> History:
    history = read(path_of(document))
    assert history is not None
    return history


def add(document: Document, id: str) -> None:
    assert document.edit(f"Add {id}", lambda d: edits.add_node(d, "", Node(id, block="Input")))


def move(document: Document, id: str, x: float, **how: Any) -> None:
    assert document.edit(f"Move {id}", lambda d: edits.move(d, "", {id: (x, 0)}), **how)


def same(one: History, other: History) -> None:
    """All but the time of the last thing, which a journal that is only read knows better."""
    assert [s.text for s in one.steps] == [s.text for s in other.steps]
    assert [s.after for s in one.steps] == [s.after for s in other.steps]
    for name in ("opened", "index", "clean", "file", "name", "saved", "design", "modified"):
        assert getattr(one, name) == getattr(other, name), name


def comes_back(document: Document) -> None:
    """The journal holds the history, and a document that is given it has the same one."""
    same(kept(document), document.history)
    again = Document()
    again.restore(kept(document))
    same(again.history, document.history)
    assert again.modified == document.modified and again.title == document.title


def chain(count: int) -> Design:
    nodes = tuple(Node(f"conv_{i}", "Conv2d", settings=Settings(out_channels=64), x=200.0 * i) for i in range(count))
    wires = tuple(Wire(End(f"conv_{i}", "out"), End(f"conv_{i + 1}", "x")) for i in range(count - 1))
    return Design(nodes=nodes, wires=wires)


def test_a_drawing_without_an_edit_has_no_journal(document: Document, tmp_path: Path) -> None:
    document.load(chain(3), None, "chain")
    assert keeper(document).journal is None and not journal.folder().exists()
    add(document, "a")
    assert journal.folder() == tmp_path / "settings" / "journals"
    assert list(journal.folder().glob("*.journal")) == [path_of(document)]
    document.new()
    assert not list(journal.folder().iterdir()), "the old drawing was given up: its journal goes"


def test_edits_undo_redo_merges_and_saves_are_kept(document: Document, tmp_path: Path) -> None:
    document.load(chain(3), None, "chain")
    for step in range(4):
        move(document, "conv_1", step + 1.0, merge="move conv_1", within=60)
        comes_back(document)
    add(document, "a")
    document.undo_stack.undo()
    comes_back(document)
    document.save(tmp_path / "net.netloom")
    comes_back(document)
    assert not kept(document).modified and kept(document).file.endswith("net.netloom")
    document.undo_stack.undo()
    assert kept(document).modified and kept(document).design == chain(3)
    document.go_to_step(2)
    comes_back(document)
    document.undo_stack.undo()
    document.undo_stack.undo()
    add(document, "other")  # what was saved can be reached no more
    comes_back(document)
    assert kept(document).clean == -1 and kept(document).saved == file.load(tmp_path / "net.netloom")


def test_what_is_restored_goes_on_as_it_was(document: Document, tmp_path: Path) -> None:
    document.load(chain(3), tmp_path / "net.netloom")
    for id in "abcd":
        add(document, id)
    document.undo_stack.undo()
    claim_free = path_of(document)
    again = Document()
    again.restore(kept(document))
    same(again.history, document.history)
    assert again.modified and again.file == tmp_path / "net.netloom" and again.undo_stack.redoText() == "Add d"
    again.undo_stack.redo()
    assert again.design == document.history.at(4)
    for _ in range(4):
        again.undo_stack.undo()
    assert again.design == chain(3) and not again.modified
    assert read(claim_free) is not None


def test_the_last_line_cut_anywhere_costs_the_last_edit_alone(document: Document) -> None:
    document.load(chain(4), None)
    add(document, "a")
    add(document, "b")
    before, whole = kept(document), path_of(document).read_bytes()
    add(document, "c")
    last = path_of(document).read_bytes()[len(whole) :]
    torn = path_of(document).with_name("torn.journal")
    for cut in range(len(last)):
        torn.write_bytes(whole + last[:cut])
        history = read(torn)
        assert history is not None and history.design == before.design and history.index == 2
    torn.write_bytes(whole + last)
    history = read(torn)
    assert history is not None and history.design == document.design
    torn.write_bytes(whole + b"\0\0\0\n" + last)  # what a machine without power may leave
    history = read(torn)
    assert history is not None and history.design == before.design
    for nothing in (b"", b"\n", b"{}\n", whole[:50], b'{"what":"opened","journal":99,"time":1,"design":{}}\n'):
        torn.write_bytes(nothing)
        assert read(torn) is None


def test_an_edit_of_a_large_drawing_writes_a_little(document: Document) -> None:
    document.load(chain(1000), None)
    move(document, "conv_0", 5.0)
    first = path_of(document).stat().st_size
    assert first > 100_000
    for i in range(20):
        move(document, f"conv_{i * 7 + 1}", 7.0)
    assert path_of(document).stat().st_size - first < 20 * 400
    assert document.edit("Delete", lambda d: edits.remove(d, "", [f"conv_{i}" for i in range(0, 1000, 100)]))
    assert path_of(document).stat().st_size - first < 20 * 400 + 1000
    same(kept(document), document.history)


def test_a_large_journal_is_written_anew(document: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.window.keeper.LARGE", 5000)
    document.load(chain(3), None)
    for step in range(200):
        move(document, "conv_1", step + 1.0, merge="move")
    assert path_of(document).stat().st_size < 5500
    same(kept(document), document.history)


def test_a_full_disk_is_told_once_and_made_good(document: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    keeper(document).trouble.connect(said.append)
    add(document, "a")
    write = os.write

    def full(handle: int, data: bytes) -> int:
        if len(data) > 10:
            return write(handle, data[:10])  # the last few bytes that there is room for
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    add(document, "b")
    add(document, "c")
    monkeypatch.setattr(os, "write", write)
    assert said == ["Edits cannot be kept for the case of a crash: No space left on device. Save often."]
    assert set(kept(document).design.by_id) == {"a"}, "what was whole stays whole"
    add(document, "d")
    same(kept(document), document.history)
    assert set(kept(document).design.by_id) == {*"abcd"}
    assert sorted(p.suffix for p in journal.folder().iterdir()) == [".journal", ".lock"]


HOLD = """
import sys, time
from pathlib import Path
from app.window.journal import Claim
claim = Claim.take(Path(sys.argv[1]))
print("held" if claim else "taken", flush=True)
time.sleep(60)
"""


def test_a_claim_ends_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "one.journal"
    path.write_text("x")
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None and other.stdout.readline() == "held\n"
    assert Claim.take(path) is None
    other.send_signal(signal.SIGKILL)
    other.wait()
    claim = Claim.take(path)
    assert claim is not None and Claim.take(path) is None, "a window of the same process counts too"
    claim.let_go()
    again = Claim.take(path)
    assert again is not None
    again.remove()
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_understood_is_left_alone(document: Document) -> None:
    add(document, "a")
    strange = journal.folder() / "1-1.journal"
    strange.write_bytes(b'{"what":"opened","journal":99,"time":1,"design":{}}\n')
    (journal.folder() / "2-2.lock").touch()  # of a window that ended before its first edit was written
    assert journal.left_behind() == [], "the one that can be read belongs to a window that lives"
    assert strange.exists() and not (journal.folder() / "2-2.lock").exists()


def test_a_difference_fits_one_design_only() -> None:
    old = chain(5)
    new = edits.remove(old, "", ["conv_2"])
    assert apply(old, difference(old, new)) == new and apply(new, difference(new, old)) == old
    with pytest.raises(DeltaError):
        apply(chain(2), difference(old, new))


EDIT_AND_SAVE = """
import os, sys
from pathlib import Path
from PySide6.QtCore import QCoreApplication
application = QCoreApplication([])
from app.design import edits
from app.design.values import Design, Node
from app.window import keeper
from app.window.document import Document
keeper.LARGE = 4000
document = Document()
kept = keeper.Keeper(document)
document.load(Design(nodes=tuple(Node(f"n{i}", block="Input") for i in range(8))), None)
for step in range(1, 100_000):
    document.edit(f"Move {step}", lambda d: edits.move(d, "", {f"n{step % 8}": (float(step), 0)}))
    os.write(1, b"%d\\n" % step)
    document.save(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("after", [1, 7, 40])
def test_a_kill_amid_edits_and_saves_costs_one_edit_at_most(
    document: Document, tmp_path: Path, after: int
) -> None:
    path = tmp_path / "net.netloom"
    child = subprocess.Popen([sys.executable, "-c", EDIT_AND_SAVE, str(path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    for _ in range(after):
        child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    done = after + len(child.stdout.readlines())
    child.wait()
    ((claim, history),) = journal.left_behind()
    claim.let_go()
    step = history.index
    assert step in (done, done + 1), "what was done stands in the journal"
    assert history.design.by_id[f"n{step % 8}"].x == step and len(history.steps) == step
    if path.exists():  # whole, and no older than the step before the last
        assert max(node.x for node in file.load(path).nodes) in (step, step - 1)


def test_each_tab_has_a_journal_of_its_own(document: Document) -> None:
    """A kill loses the hidden tabs no more than the one that is shown; a closed tab leaves nothing."""
    tabs = Tabs(document)
    tabs.closed.connect(keeper(document).drop)

    def held() -> list[Design]:
        found = [read(path) for path in journal.folder().glob(f"*{journal.SUFFIX}")]
        return sorted((history.design for history in found if history is not None), key=lambda d: -len(d.nodes))

    document.load(Design(nodes=(Node("old", block="Input"),)), None, "first")
    add(document, "a")
    first = document.design
    tabs.add()
    assert held() == [first], "a drawing without an edit has none"
    add(document, "b")
    second = document.design
    assert held() == [first, second]
    tabs.show(0)
    add(document, "c")
    document.undo_stack.undo()
    assert document.design == first and held() == [first, second]
    tabs.show(1)
    assert document.design == second
    add(document, "d")
    third = document.design
    assert {frozenset(d.by_id) for d in held()} == {frozenset(first.by_id), frozenset(third.by_id)}, "each goes on"
    tabs.close(1)
    assert held() == [first]
    keeper(document).forget_all()
    assert held() == []
