"""What the Outputs of a network say of a sample: classes, a mask, a picture, numbers or tokens, in a form to be looked
at; and what would be right, in the same form."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from msgspec.structs import replace
from torch.nn import functional

from app.design.values import Design
from app.engine.compile import Network, TargetSpec, shared_analyser
from app.engine.data import dataset_of
from app.engine.data.masks import PASSED_OVER
from app.engine.walk import Walk, reaching
from app.messages.data import ShownSample
from app.messages.predictions import Answer, Reading
from app.messages.preview import Look, Tile

SIDE = 64
"""Pictures are told at most so large: of a run there are many."""
CLASSES, TOKENS = 10, 5
"""So many classes or tokens are told, the most probable ones."""
NUMBERS = 12
"""Outputs of more numbers than these have no form in which one could read them."""
CELLS, LETTERS = 16, 200
"""So many cells of a sample that is a row, or letters of a text, are told."""
SIGMOID = ("BinaryCrossEntropy", "BinaryFocalLoss")
"""These losses take raw scores of values between 0 and 1."""
TEXTS = ("characters", "words")
NO_CLASS = 255
"""The byte of a pixel that has no class."""
NO_PICTURES = ("table", "sequences", "spirals", *TEXTS)


class Aim(NamedTuple):
    """What an Output is judged by: the place of its Target among the network's, and whether its values are scores."""

    target: TargetSpec | None = None
    place: int = -1
    scores: bool = False


class Facts(NamedTuple):
    """What is known of the data: its kind, its classes, and the size of its pictures where all have one."""

    kind: str
    classes: tuple[str, ...]
    native: tuple[int, int, int] | None = None
    inputs: tuple[tuple[int, ...], ...] = ()
    """The shapes of the network's Inputs."""

    @property
    def pictures(self) -> bool:
        return self.kind not in NO_PICTURES


def picture_size(spec: str) -> tuple[int, int, int] | None:
    """The size that all pictures of this data have, C×H×W; None where there is none."""
    card = dataset_of(spec)
    if card is None or card.form != "pictures" or len(card.sample) != 3:
        return None
    return card.sample[0], card.sample[1], card.sample[2]


# which Target judges which Output -------------------------------------------------------------------------------------


def aims(design: Design, training: Network, inference: Network) -> tuple[Aim, ...]:
    """For each Output the Target of the loss that judges it: the one that reads the same, else the one nearest."""
    walk = shared_analyser().walk(design)
    places = {target.name: at for at, target in enumerate(training.targets)}
    losses = []
    for id, step in walk.steps.items():
        if step.card is None or step.card.category != "Loss" or step.measured is None:
            continue
        sources = walk.expanded.sources[id]
        marks = [i for i in reaching(walk, {sources["target"].node}) if walk.steps[i].call.block == "Target"] if (
            "target" in sources
        ) else []  # fmt: skip
        found = [places[walk.steps[i].call.name] for i in marks if walk.steps[i].call.name in places]
        if found:
            read = [end for port, end in sources.items() if port != "target"]
            losses.append((found[0], step.call.block in SIGMOID, read))
    by_name = {step.call.name: id for id, step in walk.steps.items() if step.call.block == "Output"}
    found_aims = []
    for name in inference.outputs:
        ranked = sorted(losses, key=lambda loss: _distance(walk, by_name[name], loss[2]))
        near = [loss for loss in ranked if _distance(walk, by_name[name], loss[2]) < FAR]
        place, scores = near[0][:2] if near else (-1, False)
        found_aims.append(Aim(training.targets[place] if near else None, place, scores))
    return tuple(found_aims)


FAR = 3


def _distance(walk: Walk, output: str, read: Sequence[object]) -> int:
    """How near what a loss reads is to what an Output gives: 0 the same, 1 or 2 one made of the other, FAR apart."""
    source = walk.expanded.sources[output]["x"]
    if source in read:
        return 0
    nodes = {end.node for end in read}  # type: ignore[attr-defined]
    if nodes & reaching(walk, {source.node}):
        return 1
    return 2 if source.node in reaching(walk, nodes) else FAR


# reading --------------------------------------------------------------------------------------------------------------


def read(
    name: str, given: object, aim: Aim, facts: Facts, *, side: int = SIDE, scale: tuple[float, float] = (0.0, 1.0),
    most: int = CLASSES,
) -> Reading:  # fmt: skip
    """What an Output gives for one sample (a batch of one), to be looked at. `scale` is what is black and white."""
    if not isinstance(given, torch.Tensor) or given.ndim < 2:
        return Reading("none", name, said="It gives several tensors, which are not shown here.")
    value = given[0].detach().float().cpu()
    if not torch.isfinite(value).all():
        return Reading("none", name, said="Its values are not numbers any more: train with a lower learning rate.")
    match kind_of(tuple(value.shape), aim.target, facts):
        case "classes":
            names = class_names(facts, len(value.reshape(-1)))
            return Reading("classes", name, answers=_answers(value.reshape(-1), names, most))
        case "mask":
            classes = class_names(facts, max(value.shape[0], 2))
            return Reading("mask", name, look=mask_look(_mask_of(value), side), names=classes)
        case "picture":
            shown = _bounded(value) if aim.scores else value
            return Reading("picture", name, look=picture_look(_viewed(shown, facts), side, scale))
        case "numbers":
            shown = _bounded(value) if aim.scores else value
            return Reading("numbers", name, numbers=tuple(shown.reshape(-1).tolist()))
        case "tokens":
            by_place = value if value.shape[0] == len(facts.classes) else value.T  # (V, L)
            text = written_tokens(by_place.argmax(0).tolist(), facts)
            return Reading("tokens", name, answers=_answers(by_place[:, -1], facts.classes, TOKENS), text=text)
    return Reading("none", name, said=f"It gives {'×'.join(map(str, value.shape))} values, which have no picture.")


def truth(name: str, aim: Aim, value: torch.Tensor, shape: tuple[int, ...], facts: Facts,
          scale: tuple[float, float] = (0.0, 1.0)) -> Reading:  # fmt: skip
    """What a Target says of one sample (without the batch), for an Output of this shape."""
    kind = kind_of(shape, aim.target, facts)
    match kind:
        case "classes":
            at, names = int(value.reshape(-1)[0]), class_names(facts, math.prod(shape))
            if not 0 <= at < len(names):
                return Reading("none", name)
            return Reading("classes", name, answers=(Answer(names[at], 1.0),))
        case "mask":
            classes = class_names(facts, max(shape[0], 2))
            mask = value if value.ndim == 2 else _mask_of(value.float(), 0.5)
            return Reading("mask", name, look=mask_look(mask), names=classes)
        case "picture":
            return Reading("picture", name, look=picture_look(_viewed(value, facts), SIDE, scale))
        case "numbers":
            return Reading("numbers", name, numbers=tuple(value.float().reshape(-1).tolist()))
        case "tokens":
            tokens = value.reshape(-1).tolist()
            return Reading("tokens", name, text=written_tokens(tokens, facts),
                           answers=(Answer(written_tokens(tokens[-1:], facts), 1.0),))  # fmt: skip
    return Reading("none", name)


def judged(reading: Reading, given: torch.Tensor, aim: Aim, value: torch.Tensor) -> Reading:
    """The reading with what of it is right, or how far off it is."""
    given, value = given[0].detach().float().cpu(), value.cpu()
    match reading.kind:
        case "classes":
            return replace(reading, right=float(int(given.argmax()) == int(value.reshape(-1)[0])))
        case "mask":
            guess = _mask_of(given)
            mask = value if value.ndim == 2 else _mask_of(value.float(), 0.5)
            if guess.shape != mask.shape:
                guess = _nearest(guess, mask.shape)
            counts = mask != PASSED_OVER
            return replace(reading, right=float((guess == mask)[counts].float().mean()) if counts.any() else None)
        case "picture" | "numbers" if given.numel() == value.numel():
            shown = _bounded(given) if aim.scores else given
            return replace(reading, error=float((shown.reshape(-1) - value.float().reshape(-1)).square().mean()))
        case "tokens":
            tokens = value.reshape(-1)
            by_place = given if given.shape[1] == len(tokens) else given.T
            return replace(reading, right=float((by_place.argmax(0) == tokens).float().mean()))
    return reading


def kind_of(shape: tuple[int, ...], target: TargetSpec | None, facts: Facts) -> str:
    """In which form an Output of this shape (without the batch) is read."""
    classes, count = len(facts.classes), math.prod(shape)
    if target is None:
        if len(shape) == 1 and shape[0] == classes > 1:
            return "classes"
        if shape in facts.inputs and len(shape) > 1 and _as_picture(shape, facts):
            return "picture"
        return "numbers" if count <= NUMBERS else "none"
    same = math.prod(target.shape) == count
    if target.dtype == "int64":
        if math.prod(target.shape) == 1 and len(shape) == 1 and count > 1:
            return "classes"
        if len(target.shape) == 2 and len(shape) == 3:
            return "mask"
        if len(target.shape) == 1 and len(shape) == 2 and facts.kind in TEXTS and {*shape} == {
            classes, target.shape[0]
        }:  # fmt: skip
            return "tokens"
        return "none"
    if target.field == "mask" and len(shape) == 3 and same:
        return "mask"
    if same and count > NUMBERS and target.field == "input" and _as_picture(shape, facts):
        return "picture"
    return "numbers" if same and count <= NUMBERS else "none"


def class_names(facts: Facts, count: int) -> tuple[str, ...]:
    """Names for so many classes: the data's where they are its."""
    return facts.classes if len(facts.classes) == count else tuple(map(str, range(count)))


def probabilities(scores: torch.Tensor) -> list[float]:
    """What the scores of the classes say as probabilities."""
    values = scores.float()
    certain = bool((values >= 0).all()) and abs(float(values.sum()) - 1) < 1e-3  # a softmax is drawn in the network
    return [float(v) for v in (values if certain else torch.softmax(values, 0))]


def written_tokens(tokens: Sequence[int], facts: Facts) -> str:
    """Tokens as the text that they stand for; of other data their numbers."""
    names = facts.classes
    if facts.kind not in TEXTS:
        return " ".join(map(str, tokens))
    return ("" if facts.kind == "characters" else " ").join(names[t] if 0 <= t < len(names) else "?" for t in tokens)


def _answers(scores: torch.Tensor, names: Sequence[str], most: int) -> tuple[Answer, ...]:
    chances = probabilities(scores)
    best = sorted(zip(names, chances, strict=True), key=lambda pair: -pair[1])[:most]
    return tuple(Answer(*pair) for pair in best)


def _bounded(values: torch.Tensor) -> torch.Tensor:
    """Scores as values in 0..1; what lies there already has gone through a sigmoid in the drawing."""
    return values if bool(((values >= 0) & (values <= 1)).all()) else values.sigmoid()


def _mask_of(value: torch.Tensor, threshold: float | None = None) -> torch.Tensor:
    """K maps of scores as the class of each pixel; of one map whether it is above the threshold. K×H×W to H×W."""
    if value.shape[0] > 1:
        return value.argmax(0)
    if threshold is None:
        threshold = 0.5 if bool(((value >= 0) & (value <= 1)).all()) else 0.0
    return (value[0] > threshold).long()


def _as_picture(shape: tuple[int, ...], facts: Facts) -> tuple[int, int, int] | None:
    """The size C×H×W of a picture of this shape; None where it is none."""
    if not facts.pictures:
        return None
    match shape:
        case (1 | 3 as channels, high, wide) if high > 1 and wide > 1:
            return channels, high, wide
        case (high, wide) if high > 3 and wide > 3:
            return 1, high, wide
        case (length,) if facts.native is not None and length == math.prod(facts.native):
            return facts.native
    return None


def _viewed(value: torch.Tensor, facts: Facts) -> torch.Tensor:
    size = _as_picture(tuple(value.shape), facts)
    return value.reshape(size) if size is not None else value


# looks ----------------------------------------------------------------------------------------------------------------


def scale_of(values: torch.Tensor) -> tuple[float, float]:
    """What is to be black and white: 0 and 1, or of pictures that were normalised their own range."""
    low, high = float(values.min()), float(values.max())
    return (0.0, 1.0) if low >= -0.01 and high <= 1.01 else (low, high)


def picture_look(picture: torch.Tensor, side: int = SIDE, scale: tuple[float, float] = (0.0, 1.0)) -> Look:
    """A picture C×H×W as three bytes a pixel, at most `side` high and wide."""
    picture = picture.detach().float().cpu()
    low, high = scale
    picture = ((picture - low) / max(high - low, 1e-12)).clamp(0, 1)
    if (size := _smaller(tuple(picture.shape[1:]), side)) is not None:
        picture = functional.interpolate(picture.unsqueeze(0), size=size, mode="area")[0]
    picture = picture.expand(3, -1, -1) if picture.shape[0] == 1 else picture
    _, tall, wide = picture.shape
    pixels = (picture * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous()
    tile = Tile(0, low, high, float(picture.mean()), 0.0)
    return Look("colour", tuple(picture.shape), wide, tall, bytes(pixels.numpy().tobytes()), (tile,), of=1)


def shown_sample(
    value: torch.Tensor, number: int, facts: Facts, scale: tuple[float, float],
    cells: Callable[[int], tuple[str, ...]] | None = None, side: int = SIDE,
) -> ShownSample:  # fmt: skip
    """What a network gets in its first Input, to be looked at."""
    size = _as_picture(tuple(value.shape), facts)
    if size is not None and value.is_floating_point():
        return ShownSample(number, look=picture_look(value.reshape(size), side, scale))
    if not value.is_floating_point():
        return ShownSample(number, text=written_tokens(value.reshape(-1).tolist(), facts)[-LETTERS:])
    if cells is not None:
        return ShownSample(number, cells=cells(number)[:CELLS])
    return ShownSample(number, cells=tuple(f"{v:.4g}" for v in value.reshape(-1)[:CELLS].tolist()))


def mask_look(mask: torch.Tensor, side: int = SIDE) -> Look:
    """The class of each pixel as a byte, 255 where there is none, at most `side` high and wide. H×W."""
    if (size := _smaller(tuple(mask.shape), side)) is not None:
        mask = _nearest(mask, size)
    tall, wide = mask.shape
    pixels = mask.cpu().masked_fill(mask.cpu() == PASSED_OVER, NO_CLASS).clamp(0, NO_CLASS).to(torch.uint8).contiguous()
    tile = Tile(0, float(pixels.min()), float(pixels.max()), 0.0, 0.0)
    return Look("maps", (1, tall, wide), wide, tall, bytes(pixels.numpy().tobytes()), (tile,), of=1)


def _smaller(size: tuple[int, ...], side: int) -> tuple[int, int] | None:
    high, wide = size
    by = side / max(high, wide)
    return None if by >= 1 else (max(round(high * by), 1), max(round(wide * by), 1))


def _nearest(mask: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    scaled = functional.interpolate(mask[None, None].double(), size=tuple(size), mode="nearest")
    return scaled[0, 0].long()
