"""The list of steps as values: edits, text, presets, and what is said against it."""

from __future__ import annotations

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from msgspec.structs import replace

from app.design import file
from app.design.augment import (
    KINDS,
    STEP_PRESETS,
    added,
    changed,
    live,
    measured_as,
    moved,
    read_steps,
    steps_words,
    with_value,
    without,
)
from app.design.augment_check import Fault, Given, TargetGiven, faults, reading_size
from app.design.recipe_text import RecipeTextError, read_changes
from app.design.values import DataStep, Design, Recipe, Settings

LABEL = TargetGiven("label", "label", (), "int64")
MASK = TargetGiven("mask", "mask", (32, 32), "int64")
PHOTOS = Given("pictures", "Photos", (("image", (3, 32, 32)),), (LABEL,))
GREY = PHOTOS._replace(inputs=(("image", (1, 32, 32)),))


def test_a_recipe_keeps_its_steps_in_its_file_and_old_files_open() -> None:
    steps = (*read_steps("crop padding=2; normalise mean=0.5 std=0.25"), DataStep("of a newer version", off=True))
    design = Design(recipe=Recipe(augment=steps))
    assert file.loads(file.dumps(design)) == design
    assert b"augment" not in file.dumps(Design()), "nothing is written where nothing is set"
    assert file.loads(b'{"netloom": 1, "recipe": {"epochs": 3}}').recipe == Recipe(epochs=3)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_words_and_defaults_that_fit(kind: str) -> None:
    known = KINDS[kind]
    assert known.help.endswith(".") and len(known.help) > 20 and known.title
    for setting in known.settings:
        assert setting.accept(setting.default) == setting.default and setting.help.endswith(".")
    views = PHOTOS._replace(inputs=(("a", (3, 32, 32)), ("b", (3, 32, 32))))
    assert faults((DataStep(kind),), views) == [], "a step that was just added is no mistake"


def test_steps_go_where_they_belong_and_move() -> None:
    steps = read_steps("flip; normalise; mixup")
    for kind, wanted in (("resize", 0), ("crop", 1), ("blur", 1), ("erase", 1), ("cutmix", 3), ("views", 0)):
        assert added(steps, kind)[1] == wanted, kind
        assert faults(added(steps, kind)[0], PHOTOS._replace(inputs=PHOTOS.inputs * 2)) == []
    assert steps_words(moved(steps, 0, 2)) == "normalise; mixup; flip"
    assert steps_words(moved(steps, 2, 0)) == "mixup; flip; normalise"
    assert steps_words(without(steps, 1)) == "flip; mixup"
    assert steps_words(changed(steps, 1, off=True)) == "flip; mixup" and len(live(changed(steps, 0, off=True))) == 2
    assert with_value(with_value(steps, 0, "probability", 1), 0, "probability", 0.5) == steps
    for name, value in (("probability", 2), ("padding", 3)):
        with pytest.raises(ValueError, match=r"probability is 2|Flip has no setting `padding`"):
            with_value(steps, 0, name, value)


def test_measured_numbers_fill_in_what_is_left_open_alone() -> None:
    known = read_steps("normalise mean=0.1 std=0.2")
    assert steps_words(measured_as(read_steps("flip; normalise"), known)) == "flip; normalise mean=0.1 std=0.2"
    given = read_steps("normalise mean=0.5 std=0.5")
    assert measured_as(given, known) == given and measured_as(read_steps("flip"), known) == read_steps("flip")


@drawn(st.lists(st.sampled_from(sorted(KINDS)), max_size=6), st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_words_are_read_back_as_they_were(kinds: list[str], seed: int) -> None:
    import random

    chance = random.Random(seed)
    steps = tuple(DataStep(kind) for kind in kinds)
    for at, kind in enumerate(kinds):
        for setting in KINDS[kind].settings:
            if setting.type == "floats":
                steps = with_value(steps, at, setting.name, tuple(chance.randint(1, 10**6) / 10**6 for _ in range(3)))
            elif setting.type == "float" and chance.random() < 0.5:
                low, high = setting.min or 0, setting.max or 1
                steps = with_value(steps, at, setting.name, float(f"{chance.uniform(low, high):.6g}"))
            elif setting.type == "choice":
                steps = with_value(steps, at, setting.name, chance.choice(setting.choices))
    assert read_steps(steps_words(steps)) == steps


def test_presets_fit_their_drawings_and_say_why() -> None:
    for preset in STEP_PRESETS:
        steps = preset.make(32)
        two = PHOTOS._replace(inputs=(("a", (3, 32, 32)), ("b", (3, 32, 32))), targets=())
        assert faults(steps, two if preset.id == "contrastive" else PHOTOS) == []
        assert preset.reason.endswith(".") and read_steps(preset.id) == steps
    assert steps_words(read_steps("light", 32)).startswith("crop padding=4; flip"), "4 pixels for 32"
    assert steps_words(read_steps("light", 224)).startswith("crop padding=28; flip")
    assert steps_words(read_steps("strong")).endswith("erase probability=0.25; mixup alpha=0.8; cutmix")


WRONG = [
    ("flip probability=1", {"probability": 3.0}, PHOTOS,
     "Flip: probability is 3.0, but it needs a number from 0 to 1."),
    ("flip", {"speed": 1}, PHOTOS, "Flip has no setting `speed`: take it out."),
    ("blur least=3", {}, PHOTOS, "Blur goes from 3 to 2: the least needs to be at most the most."),
    ("normalise mean=0.5,0.4 std=1", {}, PHOTOS, "Normalise has 2 means and 1 spread: give as many of both."),
    ("normalise mean=0.5 std=0", {}, PHOTOS, "Normalise divides by 0: a spread needs to be above 0."),
    ("normalise mean=1,2,3 std=1,1,1", {}, GREY,
     "Normalise has 3 means, but the pictures of `image` have 1 channel: give one, or measure them."),
    ("resize; letterbox", {}, PHOTOS, "Resize and Letterbox both say how pictures are read: keep one of them."),
    ("mixup; flip; mixup", {}, PHOTOS, "Mixup stands in the list twice: once is enough."),
    ("normalise; randaugment", {}, PHOTOS,
     "RandAugment works on values from 0 to 1, but Normalise comes before it: move it up."),
    ("resize height=40", {}, PHOTOS, "Resize reads pictures at 40×32, but `image` takes 32×32: add a crop."),
    ("letterbox height=20; crop", {}, PHOTOS,
     "Letterbox reads pictures at 20×32, but `image` takes 32×32: make it as large at least."),
    ("crop padding=99", {}, PHOTOS,
     "Crop puts 99 pixels around pictures of 32×32: more of the frame is seen than of them."),
    ("flip", {}, PHOTOS._replace(form="tokens", title="Words"),
     "Flip is for pictures, but Words gives tokens: take it out."),
    ("views", {}, PHOTOS,
     "Two views need two Inputs for pictures of one size: add one and let its network share weights."),
    ("cutmix", {}, PHOTOS._replace(targets=(TargetGiven("age", "label", (), "float32"),)),
     "CutMix mixes samples of different classes, but `age` wants numbers (label), of which it makes no sense: take it "
     "out."),
    ("rotate", {}, PHOTOS._replace(targets=(TargetGiven("flow", "flow", (2, 32, 32), "float32"),)),
     "Rotate moves pixels, but how `flow` of `flow` would follow is not known: take it out."),
]  # fmt: skip


@pytest.mark.parametrize(("text", "more", "given", "sentence"), WRONG, ids=[w[3][:40] for w in WRONG])
def test_each_mistake_has_its_sentence_and_a_fix_that_mends_it(
    text: str, more: dict[str, object], given: Given, sentence: str
) -> None:
    steps = read_steps(text)
    steps = (replace(steps[0], settings=Settings({**steps[0].settings, **more})), *steps[1:])
    found = faults(steps, given)
    assert found[0].sentence == sentence and found[0].fix
    for _ in range(4):
        if not found:
            break
        steps = found[0].steps
        found = faults(steps, given)
    assert found == []
    off = tuple(replace(step, off=True) for step in steps)
    assert faults(off, given) == [], "what is switched off is no mistake"


def test_what_is_fine_is_not_complained_of() -> None:
    fine = "resize height=40 width=40; crop; flip; colour; normalise; erase"
    assert faults(read_steps(fine), PHOTOS._replace(targets=(MASK,))) == []
    assert faults(read_steps("normalise mean=0.5 std=0.25"), PHOTOS) == [], "one number serves all channels"
    assert reading_size(read_steps(fine), (32, 32)) == (40, 40) and reading_size((), (32, 16)) == (32, 16)
    unknown: list[Fault] = faults((DataStep("whirl"),), PHOTOS)
    assert unknown[0].sentence.startswith("There is no step `whirl`: choose of resize,") and not unknown[0].steps


def test_the_recipe_takes_them_as_text() -> None:
    assert read_changes(Recipe(), ["augment=light"]).augment == read_steps("light")
    assert read_changes(Recipe(augment=read_steps("flip")), ["augment=none"]).augment == ()
    assert read_changes(Recipe(), ["augment=letterbox fill=1; flip"]).augment[0].settings["fill"] == 1.0
    wrong = (
        ("augment=flp", "there is no step `flp`"), ("augment=flip p=1", "has no setting `p`: it has"),
        ("augment=crop padding=x", "padding is 'x', but it needs a whole number from 0 to 512"),
    )  # fmt: skip
    for text, why in wrong:
        with pytest.raises(RecipeTextError, match=why):
            read_changes(Recipe(), [text])
    assert read_changes(Recipe(augment=read_steps("flip")), ["preset=scratch"]).augment == read_steps("flip")
