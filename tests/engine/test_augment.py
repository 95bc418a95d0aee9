"""Steps on samples: chance by sample alone, what belongs to a picture follows it, colours as Pillow has them."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps

from app.design.augment import KINDS, read_steps
from app.engine.augment import colour
from app.engine.augment.draws import Draws
from app.engine.augment.policies import OPERATIONS, POLICIES, _value
from app.engine.compile import InputSpec, TargetSpec
from app.engine.data import Data, DataError, Options, open_data

PICTURE = InputSpec("image", (3, 32, 32), "float32")
MASK = TargetSpec("mask", "mask", (32, 32), "int64")
BOXES = TargetSpec("boxes", "boxes", (4, 5), "float32")
LABEL = TargetSpec("label", "label", (), "int64")
SOME = torch.arange(40)


def opened(
    words: str, inputs: tuple[InputSpec, ...] = (PICTURE,), targets: tuple[TargetSpec, ...] = (), seed: int = 0,
    data: str = "shapes",
) -> Data:  # fmt: skip
    return open_data(data, inputs, targets, seed, Options(steps=read_steps(words)))


# chance ---------------------------------------------------------------------------------------------------------------


def test_numbers_hang_on_seed_epoch_sample_step_and_nothing_else() -> None:
    samples = np.arange(20_000)
    own = Draws.of(3, 1, samples).under(2)
    numbers = own.uniform(0)
    backwards = Draws.of(3, 1, samples[::-1]).under(2).uniform(0)[::-1]
    assert (numbers == backwards).all() and (own.take(samples[5:9]).uniform(0) == numbers[5:9]).all()
    others = [
        Draws.of(4, 1, samples).under(2).uniform(0), Draws.of(3, 2, samples).under(2).uniform(0),
        Draws.of(3, 1, samples).under(3).uniform(0), own.uniform(1), Draws.of(3, 1, samples + 1).under(2).uniform(0),
    ]  # fmt: skip
    for other in others:
        assert abs(np.corrcoef(numbers, other)[0, 1]) < 0.03 and (numbers == other).mean() < 1e-3
    counts = np.histogram(numbers, 20, (0, 1))[0]
    assert abs(counts - 1000).max() < 150 and numbers.min() >= 0 and numbers.max() < 1
    noise = own.noise(30)
    assert abs(noise.mean()) < 0.01 and abs(noise.std() - 1) < 0.01 and noise.shape == (20_000, 30)
    assert np.bincount(own.whole(0, 7), minlength=7).min() > 2600


EVERY = (
    "resize height=40 width=40; crop; flip direction=both; rotate; zoom least=0.3; colour grey=0.2; blur; randaugment; "
    "autoaugment; normalise; erase"
)


def test_a_sample_is_the_same_whatever_the_batch_and_the_order() -> None:
    data = opened(EVERY, targets=(MASK, BOXES))
    split = data.splits["train"]
    whole = split.take(SOME, 2)
    single = [split.take(SOME[i : i + 1], 2) for i in (7, 3, 39)]
    for i, taken in zip((7, 3, 39), single, strict=True):
        torch.testing.assert_close(taken[0][0], whole[0][i], atol=1e-5, rtol=0)  # sums of other lengths: last bits
        assert torch.equal(taken[1][0], whole[1][i]) and torch.equal(taken[2][0], whole[2][i])
    assert all(map(torch.equal, whole, split.take(SOME, 2))), "to the bit, for the same batch"
    assert not torch.equal(whole[0], split.take(SOME, 3)[0]), "each epoch has chances of its own"
    assert not torch.equal(whole[0], opened(EVERY, targets=(MASK, BOXES), seed=1).splits["train"].take(SOME, 2)[0])


def test_batches_of_an_epoch_can_begin_anywhere() -> None:
    data = opened(EVERY + "; mixup; cutmix", targets=(LABEL,))
    all_of_them = list(islice(data.batches("train", 64, epoch=3), 4))
    rest = list(islice(data.batches("train", 64, epoch=3, skip=2), 2))
    for one, other in zip(all_of_them[2:], rest, strict=True):
        assert len(one) == len(other) == 4 and all(map(torch.equal, one, other))
    for workers in (0, 1, 5):
        others = islice(replace(data, workers=workers).batches("train", 64, epoch=3), 4)
        for one, other in zip(all_of_them, others, strict=True):
            assert all(map(torch.equal, one, other)), workers


# what steps do --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [k for k in KINDS if KINDS[k].chance and KINDS[k].place in ("shape", "pixels")])
def test_chance_is_for_training_alone(kind: str) -> None:
    bare = opened("").splits["train"].take(SOME)[0]
    split = opened(kind).splits["train"]
    trained, used = split.take(SOME, 1)[0], split.take(SOME)[0]
    assert torch.equal(used, bare), "outside training nothing happens"
    assert trained.shape == bare.shape and trained.dtype == bare.dtype and torch.isfinite(trained).all()
    assert trained.min() >= -1e-6 and trained.max() <= 1 + 1e-6, "values stay from 0 to 1"
    changed = (trained != bare).flatten(1).any(1).float().mean()
    assert changed > 0.3


def test_a_crop_from_a_larger_picture_is_the_middle_in_use_and_exact_in_training() -> None:
    data = opened("resize height=40 width=48; crop padding=2", targets=(MASK,))
    split = data.splits["validation"]
    read, mask = split.read(SOME)
    assert read.shape[1:] == (3, 40, 48) and mask.shape[1:] == (40, 48)
    used, used_mask = split.take(SOME)
    assert torch.equal(used, read[:, :, 4:36, 8:40]) and torch.equal(used_mask, mask[:, 4:36, 8:40])
    trained = split.take(SOME, 1)[0]
    for i in (0, 11):
        places = [
            (y, x) for y in range(-2, 11) for x in range(-2, 19)
            if torch.equal(_padded(read[i], 2)[:, y + 2 : y + 34, x + 2 : x + 34], trained[i])
        ]  # fmt: skip
        assert len(places) == 1


def test_masks_of_fewer_pixels_are_cut_by_the_same_share() -> None:
    half = TargetSpec("half", "mask", (16, 16), "int64")
    for words, least in (("resize height=40 width=40; crop padding=0", 0.95), ("zoom", 0.93), ("flip", 0.96)):
        whole, small = opened(words, targets=(MASK, half)).splits["train"].take(SOME, 1)[1:]
        nearest = torch.nn.functional.interpolate(whole[:, None].float(), size=(16, 16), mode="nearest-exact")[:, 0]
        assert small.shape[1:] == (16, 16) and (nearest == small).float().mean() >= least, words


def _padded(picture: torch.Tensor, by: int) -> torch.Tensor:
    return torch.nn.functional.pad(picture, (by,) * 4)


@pytest.mark.parametrize(
    "words",
    ["flip probability=1", "flip direction=vertical probability=1", "crop padding=6", "zoom least=0.3",
     "rotate degrees=40 shift=0.1 zoom=0.2", "resize height=48 width=48; crop", "randaugment magnitude=15",
     "autoaugment policy=svhn"],
)  # fmt: skip
def test_masks_and_boxes_follow(words: str) -> None:
    """Where the mask says so there is a bright shape, and each box is the one around its shape's pixels."""
    data = opened(words, targets=(MASK, BOXES, TargetSpec("parts", "instances", (32, 32), "int64")))
    _picture, mask, boxes, parts = data.splits["train"].take(torch.arange(50), 1)
    before = opened("", targets=(MASK,)).splits["train"].take(torch.arange(50))[1]
    assert (mask != before).flatten(1).any(1).float().mean() > 0.3, "it moved"
    assert set(mask.unique().tolist()) <= {-100, 0, 1, 2, 3}
    tight = 0
    for i in range(50):
        for row in boxes[i][boxes[i][:, 4] >= 0]:
            left, top, right, bottom, kind = row.tolist()
            assert 0 <= left < right <= 32 and 0 <= top < bottom <= 32
            inside = mask[i, int(top) : int(np.ceil(bottom)), int(left) : int(np.ceil(right))]
            assert (inside == kind + 1).any(), "a box holds its shape"
        for number in parts[i].unique().tolist():
            y, x = (parts[i] == number).nonzero(as_tuple=True)
            if number == 0 or len(y) < 20 or min(y.min(), x.min()) < 1 or max(y.max(), x.max()) > 30:
                continue  # of a shape that is cut its box has a part where it has no pixel
            own = torch.tensor([x.min(), y.min(), x.max() + 1, y.max() + 1]).float()
            near = (boxes[i][:, :4] - own).abs().amax(1).min()
            tight += 1 if near <= 1.5 else 0
            assert near < (2 if "flip" in words or "crop" in words else 16)
    assert tight > (5 if "augment" in words or "rotate" in words else 15)
    gone = (boxes[:, :, 4] >= 0).long()
    assert (gone.sort(1, descending=True).values == gone).all(), "rows of -1 stand last"


def test_pictures_and_masks_move_alike_to_the_pixel() -> None:
    picture = InputSpec("image", (1, 32, 32), "float32")
    copy = TargetSpec("copy", "input", (1, 32, 32), "float32")
    for words in ("flip direction=both", "crop", "zoom", "rotate"):
        image, same = opened(words, (picture,), (copy,)).splits["train"].take(SOME, 1)
        assert torch.equal(image, same)
    image, clean = opened("flip; colour; erase; normalise", (picture,), (copy,)).splits["train"].take(SOME, 1)
    flipped = opened("flip; normalise", (picture,), (copy,)).splits["train"].take(SOME, 1)[0]
    assert torch.equal(clean, flipped) and not torch.equal(image, clean), "an autoencoder learns to undo the noise"


def test_two_inputs_see_the_same_or_each_a_view_of_its_own() -> None:
    pair = (PICTURE, InputSpec("other", (3, 32, 32), "float32"))
    one, two = opened("crop; colour", pair).splits["train"].take(SOME, 1)
    assert torch.equal(one, two)
    one, two = opened("views; crop; colour", pair).splits["train"].take(SOME, 1)
    assert (one != two).flatten(1).any(1).float().mean() > 0.9
    assert torch.equal(one, opened("views; crop; colour", pair).splits["train"].take(SOME, 1)[0])
    used = opened("views; crop; colour", pair).splits["validation"].take(SOME)
    assert torch.equal(*used), "in use both see the sample as it is"


@pytest.mark.parametrize("given", ["normalise", "normalise mean=0.5 std=0.25", "normalise mean=0.1,0.2,0.3 std=1,2,4"])
def test_normalise_measures_or_takes_what_is_given(given: str) -> None:
    data = opened(given)
    split = data.splits["train"]
    read, got = split.read(torch.arange(split.size))[0], split.take(torch.arange(split.size))[0]
    assert data.prepared is not None
    (step,) = data.prepared.settled
    mean, std = (torch.tensor(step.settings[name]).view(1, -1, 1, 1) for name in ("mean", "std"))
    torch.testing.assert_close(got, (read - mean) / std, atol=1e-5, rtol=0)
    if given == "normalise":
        torch.testing.assert_close(got.mean((0, 2, 3)), torch.zeros(3), atol=0.01, rtol=0)
        torch.testing.assert_close(got.std((0, 2, 3)), torch.ones(3), atol=0.01, rtol=0)


def test_a_letterbox_keeps_proportions_in_picture_and_mask(tmp_path: Path) -> None:
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for i in range(10):
        Image.new("RGB", (40, 20), (255, 0, 0)).save(tmp_path / "images" / f"{i}.png")
        Image.fromarray(np.ones((20, 40), dtype=np.uint8)).save(tmp_path / "masks" / f"{i}.png")
    picture, mask = (
        opened("letterbox fill=0.2", targets=(MASK,), data=f"masks:{tmp_path}").splits["train"].take(torch.arange(2))
    )
    assert (mask[:, 8:24] == 1).all() and (mask[:, :8] == -100).all() and (mask[:, 24:] == -100).all()
    assert (picture[:, 0, 8:24] == 1).all() and (picture[:, :, :8] - 0.2).abs().max() < 1e-6
    filled = opened("resize fit=fill", targets=(MASK,), data=f"masks:{tmp_path}").splits["train"].take(torch.arange(2))
    assert (filled[1] == 1).all() and (filled[0][:, 0] == 1).all()
    crop = "letterbox height=40 width=40; crop padding=0"
    used = opened(crop, targets=(MASK,), data=f"masks:{tmp_path}").splits["train"].take(torch.arange(2))
    assert (used[1][:, 6:26] == 1).all() and (used[1][:, :6] == -100).all()


# colours --------------------------------------------------------------------------------------------------------------

PILLOW = {
    "Brightness": lambda p, v: ImageEnhance.Brightness(p).enhance(v),
    "Color": lambda p, v: ImageEnhance.Color(p).enhance(v),
    "Contrast": lambda p, v: ImageEnhance.Contrast(p).enhance(v),
    "Sharpness": lambda p, v: ImageEnhance.Sharpness(p).enhance(v),
    "Posterize": lambda p, v: ImageOps.posterize(p, int(v)),
    "Solarize": lambda p, v: ImageOps.solarize(p, int(np.ceil(v * 255))),
    "AutoContrast": lambda p, v: ImageOps.autocontrast(p),
    "Equalize": lambda p, v: ImageOps.equalize(p),
    "Invert": lambda p, v: ImageOps.invert(p),
}
OURS = {
    "Brightness": colour.brightness, "Color": colour.saturation, "Contrast": colour.contrast,
    "Sharpness": colour.sharpness, "Posterize": colour.posterize, "Solarize": colour.solarize,
    "AutoContrast": colour.autocontrast, "Equalize": colour.equalize, "Invert": colour.invert,
}  # fmt: skip


@pytest.mark.parametrize("name", PILLOW)
@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_colours_are_pillows(name: str, strength: float) -> None:
    random = np.random.default_rng(0)
    values = (random.integers(30, 200, (3, 24, 30)) * random.uniform(0.6, 1, (3, 1, 30))).astype(np.uint8)
    picture = Image.fromarray(values.transpose(1, 2, 0))
    for sign in (-1.0, 1.0):
        value = float(_value(name, np.array([strength]), np.array([sign]))[0])
        wanted = np.asarray(PILLOW[name](picture, value)).transpose(2, 0, 1)
        x = torch.from_numpy(values).float()[None] / 255
        got = OURS[name](x, torch.tensor([value]))[0] * 255
        assert np.abs(got.numpy() - wanted).max() <= 2.0, name
    assert OURS[name](x[:, :1], torch.tensor([value])).shape == (1, 1, 24, 30)


def test_hue_keeps_grey_and_turns_back() -> None:
    x = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 0.4 + 0.3
    turned = colour.hue(x, torch.full((4,), 0.1))
    assert (turned - x).abs().max() > 0.02
    torch.testing.assert_close(colour.grey(turned), colour.grey(x), atol=2e-3, rtol=0)
    torch.testing.assert_close(colour.hue(turned, torch.full((4,), -0.1)), x, atol=2e-3, rtol=0)


def test_the_policies_are_whole() -> None:
    assert {name: len(pairs) for name, pairs in POLICIES.items()} == {"imagenet": 25, "cifar10": 25, "svhn": 25}
    known = {*OPERATIONS, "Invert"}
    for pairs in POLICIES.values():
        for change in (one for pair in pairs for one in pair):
            assert change[0] in known and 0 <= change[1] <= 1 and 0 <= change[2] <= 9
    assert len(OPERATIONS) == 14


# refusals -------------------------------------------------------------------------------------------------------------


def test_what_cannot_be_done_is_said_before_training() -> None:
    with pytest.raises(DataError, match="3 means, but the pictures of `image` have 1 channel"):
        opened("normalise mean=1,2,3 std=1,1,1", (InputSpec("image", (1, 32, 32), "float32"),))
    with pytest.raises(DataError, match="CutMix mixes samples of different classes, but `mask` wants values"):
        opened("cutmix", targets=(MASK,))
    with pytest.raises(DataError, match=r"Flip is for pictures, but Spirals .generated. gives numbers"):
        opened("flip", (InputSpec("x", (2,), "float32"),), data="spirals")
    with pytest.raises(DataError, match="reads pictures at 40×40, but `image` takes 32×32: add a crop"):
        opened("resize height=40 width=40")
