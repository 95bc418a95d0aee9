"""Random runs of edits, undo and redo in a document with its scene and its journal: 10,000 steps in all.

A run is made of bytes: a run that breaks a rule prints them. They are not made fewer: that would take many minutes.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from app.design import edits, file, frames, grouping
from app.design.bringing import bring_groups
from app.design.ports import ports
from app.design.values import Design, End, Expression, Wire
from app.window import theme
from app.window.canvas.face import face_of
from app.window.canvas.scene import Scene
from app.window.document import Document
from app.window.journal import read
from app.window.keeper import Keeper
from tests.design.drawings import CATALOGUE as FULL
from tests.window.canvas_hands import CARDS, CHAIN

RUNS, BYTES = 26, 2000
"""A step takes about five bytes: 10,000 steps and more in all."""
MOST_NODES = 14
"""A drawing that has more loses some: small ones are quick, and their nodes meet more often."""

CATALOGUE = {card.id: card for card in CARDS} | {id: FULL[id] for id in ("GroupInput", "GroupOutput")}
BLOCKS = ("Conv2d", "Conv2d", "ReLU", "Add", "Input", "Output", "ResNet", "FPN", "Gone")
INSIDE = ("Conv2d", "ReLU", "Add", "GroupInput", "GroupOutput", "FPN")
NAMES = ("stem", "neck", "conv", "conv_2", "group", "2bad", "forward", "")


class Dice:
    """Choices out of bytes."""

    def __init__(self, data: bytes) -> None:
        self._bytes = iter(data)

    def below(self, count: int) -> int:
        return next(self._bytes) % count  # StopIteration ends the run

    def one(self, of: Sequence[T]) -> T:
        return of[self.below(len(of))]


T = TypeVar("T")
Change = Callable[[Design], Design]


def change_of(dice: Dice, document: Document, kind: str) -> tuple[Change, str]:
    """A random edit of one kind, and what it merges by."""
    where, graph = document.where, document.graph
    if kind == "recipe":
        recipe = replace(document.design.recipe, epochs=1 + dice.below(4), data=dice.one(("digits", "")))
        return lambda d: edits.set_recipe(d, recipe), dice.one(("", "recipe"))
    if kind == "use" and document.design.groups:
        group, x = dice.one(document.design.groups).name, dice.below(40) * 20.0
        return lambda d: edits.add_node(d, where, edits.new_group_node(d, where, group, x=x)), ""
    if kind in ("add", "use") or not graph.nodes:
        block, x, y = dice.one(INSIDE if where else BLOCKS), dice.below(40) * 20.0, dice.below(20) * 20.0
        return lambda d: edits.add_node(d, where, edits.new_node(d, where, block, x=x, y=y)), ""
    if kind == "frame":
        framed = frames.new_frame(graph, "part", 20.0 * dice.below(9), 0, 200, 80)
        return lambda d: frames.add_frame(d, where, framed), ""
    if kind == "reframe" and graph.frames:
        old = dice.one(graph.frames).id
        if dice.below(3) == 0:
            return lambda d: frames.remove_frames(d, where, [old]), ""
        return lambda d: frames.change_frame(d, where, old, title=dice.one(NAMES)), ""
    node = dice.one(graph.nodes)
    id = node.id
    some = {id, dice.one(graph.nodes).id, dice.one(graph.nodes).id}
    if kind == "move":
        x, y = node.x + dice.below(5) * 20 - 40, node.y + 20
        return lambda d: edits.move(d, where, {id: (x, y)}), dice.one(("", f"move {where} {id}"))
    if kind == "remove":
        wires = [dice.one(graph.wires)] if graph.wires else []
        return lambda d: edits.remove(d, where, [id], wires), ""
    if kind == "wire":
        outs = [End(n.id, p.name) for n in graph.nodes for p in ports(document.design, graph, n, CATALOGUE).outputs]
        ins = [End(n.id, p.name) for n in graph.nodes for p in ports(document.design, graph, n, CATALOGUE).inputs]
        if outs and ins:
            source, target = dice.one(outs), dice.one(ins)
            return lambda d: edits.connect(d, where, source, target, CATALOGUE, replace_wire=True), ""
    if kind == "unwire" and graph.wires:
        wire: Wire = dice.one(graph.wires)
        return lambda d: edits.disconnect(d, where, [wire]), ""
    if kind == "insert" and graph.wires:
        on = dice.one(graph.wires)
        new = edits.new_node(document.design, where, "ReLU", x=40.0)
        return lambda d: edits.insert_on_wire(d, where, on, new, "x", "out", CATALOGUE), ""
    if kind == "set":
        known = edits.settings_of(document.design, node, CATALOGUE)
        name = dice.one(known).name if known else "anything"
        value: object = dice.one((8, 16, 64, (3, 3), (1, 5), (3, 32, 32), -1, "text", Expression("width * 2"), 2.0))
        return lambda d: edits.set_setting(d, where, id, name, value, CATALOGUE), dice.one(("", f"set {id} {name}"))
    if kind == "rename":
        wanted = dice.one(NAMES)
        return lambda d: edits.rename(d, where, id, wanted), ""
    if kind == "group":
        return lambda d: grouping.collapse(d, where, some, "group", CATALOGUE)[0], ""
    groups = [n.id for n in graph.nodes if n.group] or [id]
    if kind == "ungroup":
        gone = dice.one(groups)
        return lambda d: grouping.ungroup(d, where, gone)[0], ""
    if kind == "repeat":
        times, many = dice.below(4), dice.one(groups)
        return lambda d: edits.set_repeat(d, where, many, times), ""
    if kind == "freeze":
        frozen = bool(dice.below(2))
        return lambda d: edits.set_frozen(d, where, id, frozen), ""
    if kind == "share":
        other = dice.one(("", *graph.by_id))
        tie = dice.one((edits.set_shares, edits.set_follows))
        return lambda d: tie(d, where, id, other), ""
    held = document.design.graph(dice.one(("", *document.design.group_by_name)))
    chosen = [n for n in held.nodes if dice.below(3) == 0]

    def paste(design: Design) -> Design:
        design, brought = bring_groups(design, document.design.groups, chosen)
        return edits.paste(design, where, brought, held.wires, dx=20, dy=40)[0]

    return paste, ""


KINDS = (
    "undo", "undo", "undo", "redo", "redo", "add", "add", "add", "use", "remove", "move", "move", "wire", "wire",
    "wire", "wire", "unwire", "insert", "set", "set", "set", "rename", "group", "group", "ungroup", "freeze", "share",
    "repeat", "paste", "recipe", "frame", "reframe", "enter", "enter", "leave", "jump", "save",
)  # fmt: skip


class Run:
    """A document under random hands, and what is known of it from outside."""

    def __init__(self, data: bytes, folder: Path) -> None:
        self.dice = Dice(data)
        self.folder = folder
        self.document = Document()
        self.document.set_catalogue(tuple(CATALOGUE.values()))
        self.keeper = Keeper(self.document)
        self.scene = Scene(self.document)
        self.document.load(CHAIN, None)
        self.trail = [CHAIN]
        """The design after each step."""
        self.index = 0
        self.kept: list[tuple[int, Design]] = []
        """How long the journal was, and which design it led to then."""

    def step(self) -> None:
        """One edit, undo, redo, jump in the history or change of place."""
        dice, document, stack = self.dice, self.document, self.document.undo_stack
        kind = dice.one(KINDS)
        if len(document.graph.nodes) > MOST_NODES and kind not in ("undo", "leave"):
            kind = "remove"
        if kind in ("undo", "redo"):
            stack.undo() if kind == "undo" else stack.redo()
            self.index = min(max(self.index + (-1 if kind == "undo" else 1), 0), len(self.trail) - 1)
        elif kind == "jump":
            self.index = dice.below(len(self.trail))
            document.go_to_step(self.index)
        elif kind == "enter":
            if groups := [n.id for n in document.graph.nodes if n.group]:
                document.enter(dice.one(groups))
        elif kind == "leave":
            document.leave()
        elif kind == "save":
            document.save(self.folder / "net.netloom")
            assert not document.modified
        else:
            self.edit(*change_of(dice, document, kind), kind)
        assert document.design is self.trail[self.index]
        assert (stack.index(), stack.count()) == (self.index, len(self.trail) - 1)
        if self.keeper.journal is not None:
            self.kept.append((self.keeper.journal.size, document.design))

    def edit(self, change: Change, merge: str, kind: str) -> None:
        document, count = self.document, self.document.undo_stack.index()
        before = document.design
        done = document.edit(kind, change, merge=merge)
        if document.design is before:
            return  # refused, or it changed nothing
        assert done
        merged = document.undo_stack.index() == count
        assert not merged or merge
        del self.trail[self.index + 1 - merged :]
        self.trail.append(document.design)
        self.index = len(self.trail) - 1

    # what must hold ---------------------------------------------------------------------------------------------------

    def agrees(self) -> None:
        """The scene shows the graph that is looked at: its nodes and wires, no others, where they are, by name."""
        graph, scene = self.document.graph, self.scene
        assert scene.graph is graph
        assert scene.nodes.keys() == graph.by_id.keys() and scene.wires.keys() == set(graph.wires)
        for id, node in graph.by_id.items():
            item = scene.nodes[id]
            assert item.node is node and item.face.name == node.name
            assert (item.pos().x(), item.pos().y()) == (node.x, node.y)

    def agrees_in_all(self) -> None:
        """Faces and wires are what a new scene would show, and the file gives back the same design."""
        document, design = self.document, self.document.design
        file.check(design, CATALOGUE)
        assert file.loads(file.dumps(design), catalogue=CATALOGUE) == design
        for id, node in document.graph.by_id.items():
            assert self.scene.nodes[id].face == face_of(document, document.graph, node, None, []), id
        shown = {item.wire for item in self.scene.items() if hasattr(item, "wire")}
        assert shown == self.scene.wires.keys()
        for wire, item in self.scene.wires.items():
            curve = self.scene._curve(wire)
            assert (item.curve.start, item.curve.end) == (curve.start, curve.end), wire

    def outlives_a_kill(self) -> None:
        """Wherever the journal is cut, the last whole line's design comes back."""
        kept = self.keeper.journal
        if kept is None:
            return
        whole, torn = kept.path.read_bytes(), kept.path.with_name("torn.journal")
        assert len(whole) == kept.size
        for tenth in range(3, 11):
            cut = len(whole) * tenth // 10
            torn.write_bytes(whole[:cut])
            history = read(torn)
            least = [design for size, design in self.kept if size <= cut]
            if least:
                assert history is not None and history.design == least[-1]
        history = read(kept.path)
        assert history is not None and history.design == self.document.design
        assert [step.after for step in history.steps] == self.trail[1:] and history.opened == CHAIN

    def goes_back_and_forth(self) -> None:
        """Undo all gives the very design that it began with, redo all the last."""
        document, stack = self.document, self.document.undo_stack
        while stack.canUndo():
            stack.undo()
        assert document.design is CHAIN
        while stack.canRedo():
            stack.redo()
        assert document.design is self.trail[-1]
        self.index = len(self.trail) - 1
        self.agrees()


@pytest.fixture(scope="module")
def folder(qapp: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    theme.load_fonts()
    before, made = os.environ.get("NETLOOM_SETTINGS"), tmp_path_factory.mktemp("random")
    os.environ["NETLOOM_SETTINGS"] = str(made)
    yield made
    os.environ.pop("NETLOOM_SETTINGS")
    if before is not None:
        os.environ["NETLOOM_SETTINGS"] = before


def test_random_edits_keep_every_rule(folder: Path) -> None:
    steps = 0

    @settings(
        max_examples=RUNS, phases=[Phase.explicit, Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip
    @given(data=st.binary(min_size=BYTES, max_size=BYTES))
    @example(data=bytes(range(256)) * 8)
    def runs(data: bytes) -> None:
        nonlocal steps
        run = Run(data, folder)
        for number in itertools.count(1):
            try:
                run.step()
            except StopIteration:
                break
            steps += 1
            run.agrees()
            if number % 25 == 0:
                run.agrees_in_all()
        run.agrees_in_all()
        run.outlives_a_kill()
        run.goes_back_and_forth()
        run.keeper.forget()

    runs()
    assert steps >= 10_000
