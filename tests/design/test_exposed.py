"""A Group's setting renamed: its expressions, the values of its uses and the variants follow."""

from __future__ import annotations

import pytest

from app.design.edits import EditError
from app.design.exposed import rename_group_setting
from app.design.names import NamingError
from app.design.values import Design, Expression, Group, Node, Settings, Variant
from blocks.card import Setting


def drawing() -> Design:
    inner = Group(
        name="stage",
        settings=(Setting("width", "int", 8), Setting("depth", "int", 1)),
        nodes=(
            Node("a", block="Conv2d", settings=Settings(channels=Expression("max(width*2, depth)"))),
            Node("b", block="Conv2d", settings=Settings(channels=Expression("width"), bias=Expression("no ("))),
            Node("c", block="Conv2d", settings=Settings(kernel_size=(Expression("width"), 1))),
        ),
    )
    outer = Group(
        name="encoder",
        settings=(Setting("width", "int", 4),),
        nodes=(
            Node("s1", group="stage", settings=Settings(width=Expression("width * 2")), repeat=Expression("width")),
        ),
    )
    return Design(
        nodes=(
            Node("e", group="encoder", name="enc", settings=Settings(width=6)),
            Node("s2", group="stage", settings=Settings(width=16, depth=3)),
        ),
        groups=(inner, outer),
        variants=(Variant("s", Settings({"enc/s1.width": 2, "enc.width": 3, "s2.width": 5, "gone.width": 7})),),
    )


def test_expressions_values_and_variants_follow() -> None:
    after = rename_group_setting(drawing(), "stage", "width", "channels")
    stage, outer = after.group_by_name["stage"], after.group_by_name["encoder"]
    assert [s.name for s in stage.settings] == ["channels", "depth"]
    assert stage.by_id["a"].settings["channels"] == Expression("max(channels * 2, depth)")
    assert stage.by_id["b"].settings == Settings(channels=Expression("channels"), bias=Expression("no ("))
    assert stage.by_id["c"].settings["kernel_size"] == (Expression("channels"), 1)
    assert outer.by_id["s1"].settings == Settings(channels=Expression("width * 2"))  # the width is the encoder's own
    assert outer.by_id["s1"].repeat == Expression("width")
    assert after.by_id["s2"].settings == Settings(channels=16, depth=3)
    assert after.by_id["e"].settings == Settings(width=6)
    assert set(after.variants[0].settings) == {"enc/s1.channels", "enc.width", "s2.channels", "gone.width"}


def test_the_outer_setting_of_the_same_name() -> None:
    after = rename_group_setting(drawing(), "encoder", "width", "w")
    node = after.group_by_name["encoder"].by_id["s1"]
    assert node.settings == Settings(width=Expression("w * 2"))
    assert node.repeat == Expression("w")
    assert after.by_id["e"].settings == Settings(w=6)
    assert after.group_by_name["stage"] == drawing().group_by_name["stage"]


def test_back_again_is_the_same() -> None:
    once = rename_group_setting(drawing(), "stage", "width", "channels")
    back = rename_group_setting(once, "stage", "channels", "width")
    assert back == rename_group_setting(rename_group_setting(back, "stage", "width", "q"), "stage", "q", "width")
    assert rename_group_setting(drawing(), "stage", "width", "width") == drawing()


@pytest.mark.parametrize(
    ("group", "old", "new", "error", "words"),
    [
        ("stage", "width", "depth", NamingError, "already"),
        ("stage", "width", "a b", NamingError, "cannot be a name"),
        ("stage", "height", "h", EditError, "exposes no setting"),
        ("gone", "width", "w", EditError, "no Group"),
    ],
)
def test_refusals(group: str, old: str, new: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        rename_group_setting(drawing(), group, old, new)
