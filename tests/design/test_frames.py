"""Frames: titled rectangles that travel with a drawing and change nothing of the network."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from app.design import edits, file, frames, grouping
from app.design.expand import expand
from app.design.file import FileError
from app.design.values import Design, Frame
from tests.design.drawings import CATALOGUE, designs, grouped, small


def framed(**fields: Any) -> Design:
    made = frames.new_frame(small(), "Stem", -24, -40, 400, 200, "Stem")
    return frames.add_frame(small(), "", replace(made, **fields))


def test_a_file_holds_frames_one_a_line_and_omits_what_there_is_none_of() -> None:
    text = file.dumps(framed()).decode()
    line = '    {"id": "frame", "title": "Stem", "x": -24, "y": -40, "width": 400, "height": 200, "colour": "Stem"}\n'
    assert line in text
    assert "frames" not in file.dumps(small()).decode()
    assert file.loads(text.encode(), "it", CATALOGUE) == framed()


def test_a_file_keeps_the_frames_inside_a_group() -> None:
    inside = frames.add_frame(grouped(), "block", Frame("note", "What repeats", "Twice\nas wide", 1.5, 2, 300, 100))
    data = file.dumps(inside)
    assert file.loads(data) == inside
    assert [*json.loads(data)["groups"][0]] == ["name", "settings", "nodes", "wires", "frames"]


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        ({"id": "frame", "width": 3}, "it needs 48 by 48 at least"),
        ({"id": "frame", "x": 1e12}, "off any canvas"),
        ({"id": "no name"}, "a frame's id"),
        ({"id": "frame", "title": "x" * 200}, "at most 120"),
        ({"id": "frame", "colour": 3}, "Expected `str`"),
        ({"id": "frame", "z": 3}, "unknown field `z`"),
    ],
)
def test_a_bad_frame_in_a_file_is_told_in_a_sentence(frame: dict[str, Any], said: str) -> None:
    with pytest.raises(FileError, match=said):
        file.loads(json.dumps({"netloom": 1, "frames": [frame]}).encode())


def test_two_frames_of_one_id_are_refused() -> None:
    with pytest.raises(FileError, match="two frames with the id `a`"):
        file.loads(json.dumps({"netloom": 1, "frames": [{"id": "a"}, {"id": "a"}]}).encode())


def test_edits_of_a_frame() -> None:
    design = frames.change_frame(framed(), "", "frame", title="Trunk", colour="Backbone")
    assert design.frames == (Frame("frame", "Trunk", "", -24, -40, 400, 200, "Backbone"),)
    design = frames.move_frames(design, "", {"frame": (8, 12)})
    assert (design.frames[0].x, design.frames[0].y) == (8, 12)
    assert frames.change_frame(design, "", "frame", title="Trunk") is design
    assert frames.remove_frames(design, "", ["frame"]) == small()
    with pytest.raises(frames.FrameError, match="there is no frame `gone` here"):
        frames.change_frame(design, "", "gone", title="x")
    with pytest.raises(frames.FrameError, match="48 by 48 at least"):
        frames.change_frame(design, "", "frame", height=2)
    with pytest.raises(edits.EditError, match="there is no Group `gone` here"):
        frames.remove_frames(design, "gone", [])


def test_copies_get_ids_of_their_own() -> None:
    design, ids = frames.add_copies(framed(), "", framed().frames, dx=32, dy=32)
    assert ids == ("frame_2",)
    assert design.frames[1] == replace(framed().frames[0], id="frame_2", x=8.0, y=-8.0)


def test_other_edits_leave_frames_alone() -> None:
    design = edits.move(framed(), "", {"a": (40, 40)})
    design = edits.remove(edits.rename(design, "", "b", "second"), "", ["c"])
    assert design.frames == framed().frames


def test_frames_go_into_a_group_and_come_out_again() -> None:
    design, id = grouping.collapse(framed(), "", ["b", "c"], "part", CATALOGUE, ["frame"])
    assert design.frames == ()
    assert design.group_by_name["part"].frames == framed().frames
    out, _ = grouping.ungroup(design, "", id)
    assert [f.title for f in out.frames] == ["Stem"]
    moved = edits.move(design, "", {id: (1000, 0)})
    again, _ = grouping.ungroup(moved, "", id)
    assert again.frames[0].x == pytest.approx(out.frames[0].x + 1000 - design.by_id[id].x)
    stays, _ = grouping.collapse(framed(), "", ["b", "c"], "part", CATALOGUE)
    assert stays.frames == framed().frames


@settings(max_examples=30)
@given(designs())
def test_frames_are_no_part_of_what_runs(design: Design) -> None:
    bare = replace(design, frames=(), groups=tuple(replace(g, frames=()) for g in design.groups))
    assert expand(design) == expand(bare)
