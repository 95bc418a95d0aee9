"""Variants name settings by path: the paths follow when what they name is renamed."""

from __future__ import annotations

from app.design import edits
from app.design.exposed import rename_group_setting
from app.design.paths import apply_variant
from app.design.values import Design, Expression, Group, Settings, Variant
from blocks import catalogue
from blocks.card import Setting
from tests.drawing import IMAGE, OUTPUT, node, wire

STAGE = Group(
    name="stage",
    nodes=(node("x", "GroupInput"), node("conv", "Conv2d", out_channels=Expression("width")), node("y", "GroupOutput")),
    wires=(wire("x", "conv"), wire("conv", "y")),
    settings=(Setting("width", "int", 8),),
)
DESIGN = Design(
    nodes=(IMAGE, node("a", group="stage"), node("b", group="stage"), OUTPUT),
    wires=(wire("image", "a.x"), wire("a.y", "b.x"), wire("b.y", "output")),
    groups=(STAGE,),
    variants=(
        Variant("wide", Settings({"a.width": 16, "b/conv.stride": (2, 2), "image.size": (3, 8, 8), "gone.x": 1})),
    ),
)


def paths(design: Design) -> set[str]:
    return set(design.variants[0].settings)


def test_renaming_a_node_renames_the_paths_through_it() -> None:
    assert paths(edits.rename(DESIGN, "", "a", "first")) == {"first.width", "b/conv.stride", "image.size", "gone.x"}
    assert paths(edits.rename(DESIGN, "", "b", "last")) == {"a.width", "last/conv.stride", "image.size", "gone.x"}
    inside = edits.rename(DESIGN, "stage", "conv", "kernel")
    assert paths(inside) == {"a.width", "b/kernel.stride", "image.size", "gone.x"}


def test_renaming_a_groups_setting_renames_the_paths_to_it() -> None:
    assert paths(rename_group_setting(DESIGN, "stage", "width", "w")) == {
        "a.w", "b/conv.stride", "image.size", "gone.x",
    }  # fmt: skip


def test_a_renamed_variant_does_what_it_did() -> None:
    cards = catalogue.load()
    known = Variant("wide", Settings({k: v for k, v in DESIGN.variants[0].settings.items() if k != "gone.x"}))
    design = edits.set_variants(DESIGN, (known,))
    renamed = edits.rename(design, "stage", "conv", "kernel")
    before, after = apply_variant(design, "wide", cards), apply_variant(renamed, "wide", cards)
    assert [g.by_id["conv"].settings for g in before.groups] == [g.by_id["conv"].settings for g in after.groups]
    assert before.by_id["a"].settings == after.by_id["a"].settings == Settings(width=16)
