"""Whether the steps of a recipe can be followed with its data and drawing: a sentence for each that cannot, and a fix.

Pure, so that the window shows what the engine would refuse.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from app.design.augment import COVERS, KINDS, Steps, added, changed, moved, value_of, without
from app.design.values import DataStep, Settings

MAPS = ("mask", "instances")
"""Fields with a value for each pixel."""
FOLLOWING = (*MAPS, "boxes", "label", "input")
"""Fields that are known to follow a picture, or not to need it."""


class TargetGiven(NamedTuple):
    """What a Target asks for."""

    name: str
    field: str
    shape: tuple[int, ...]
    dtype: str


class Given(NamedTuple):
    """What is known of the data and the drawing. `form` is that of the data's samples, "" where it is not known."""

    form: str = ""
    title: str = "the data"
    inputs: tuple[tuple[str, tuple[int, ...]], ...] = ()
    targets: tuple[TargetGiven, ...] = ()


class Fault(NamedTuple):
    """What is wrong with the step at `at`. `steps` is the list once it is mended, where `fix` says how."""

    at: int
    sentence: str
    fix: str = ""
    steps: Steps = ()


def size_of(shape: tuple[int, ...]) -> tuple[int, int, int] | None:
    """Channels, height and width of a picture of this shape; None where it is none."""
    match shape:
        case (channels, height, width):
            return channels, height, width
        case (height, width):
            return 1, height, width
    return None


def as_seen(shape: tuple[int, ...], sample: tuple[int, ...]) -> tuple[int, ...]:
    """The picture that an Input of this shape gets: one that takes a row of numbers gets a `sample` flattened."""
    flat = len(shape) == 1 and len(sample) == 3 and shape[0] == sample[0] * sample[1] * sample[2]
    return sample if flat else shape


def reading_size(steps: Steps, size: tuple[int, int]) -> tuple[int, int]:
    """Height and width at which pictures are read for an Input of this size."""
    for step in steps:
        if not step.off and step.kind in ("resize", "letterbox"):
            high, wide = value_of(step, "height"), value_of(step, "width")
            return int(high or size[0]), int(wide or size[1])  # type: ignore[arg-type]
    return size


def faults(steps: Steps, given: Given) -> list[Fault]:
    """All that is wrong, by the steps' order. What is switched off is not asked."""
    found: list[Fault] = []
    for at, step in enumerate(steps):
        if step.off:
            continue
        if step.kind not in KINDS:
            said = f"There is no step `{step.kind}`: choose of {', '.join(KINDS)}."
            found.append(Fault(at, said, "Take it out", without(steps, at)))
            continue
        wrong = list(_settings(steps, at, step))
        found += wrong
        if not wrong:
            found += _alone(steps, at, step)
            found += _with_data(steps, at, step, given)
    return found


def _settings(steps: Steps, at: int, step: DataStep) -> Iterator[Fault]:
    kind = KINDS[step.kind]
    for name, value in step.settings.items():
        setting = kind.setting(name)
        mended = changed(steps, at, settings=step.settings.without(name))
        if setting is None:
            yield Fault(at, f"{kind.title} has no setting `{name}`: take it out.", "Take it out", mended)
            continue
        try:
            setting.accept(value)
        except ValueError as error:
            yield Fault(at, f"{kind.title}: {error}.", f"Set it to {setting.default}", mended)
    for low, high in (("least", "most"),) if kind.setting("least") else ():
        least, most = value_of(step, low), value_of(step, high)
        if isinstance(least, int | float) and isinstance(most, int | float) and least > most:
            said = f"{kind.title} goes from {least:g} to {most:g}: the least needs to be at most the most."
            turned = step.settings.with_(low, most).with_(high, least)
            yield Fault(at, said, "Swap them", changed(steps, at, settings=turned))
    if step.kind == "normalise":
        yield from _numbers(steps, at, step)


def _numbers(steps: Steps, at: int, step: DataStep) -> Iterator[Fault]:
    mean, std = step.settings.get("mean", ()), step.settings.get("std", ())
    measured = changed(steps, at, settings=Settings())
    if len(mean) != len(std):
        said = f"Normalise has {_count(len(mean), 'mean')} and {_count(len(std), 'spread')}: give as many of both."
        yield Fault(at, said, "Measure them", measured)
    elif any(number <= 0 for number in std):
        yield Fault(at, f"Normalise divides by {min(std):g}: a spread needs to be above 0.", "Measure them", measured)


def _alone(steps: Steps, at: int, step: DataStep) -> Iterator[Fault]:
    """What other steps say against it."""
    kind = KINDS[step.kind]
    before = [each for each in steps[:at] if not each.off]
    if kind.place == "reading" and (other := next((e for e in before if _place(e) == "reading"), None)):
        said = f"{KINDS[other.kind].title} and {kind.title} both say how pictures are read: keep one of them."
        yield Fault(at, said, "Take it out", without(steps, at))
    elif any(each.kind == step.kind for each in before) and kind.place in ("values", "views", "batch"):
        said = f"{kind.title} stands in the list twice: once is enough."
        yield Fault(at, said, "Take it out", without(steps, at))
    if kind.place == "pixels" and step.kind != COVERS:
        place = next((i for i, e in enumerate(steps[:at]) if not e.off and e.kind == "normalise"), None)
        if place is not None:
            said = f"{kind.title} works on values from 0 to 1, but Normalise comes before it: move it up."
            yield Fault(at, said, "Move it up", moved(steps, at, place))


def _place(step: DataStep) -> str:
    return KINDS[step.kind].place if step.kind in KINDS else ""


def _with_data(steps: Steps, at: int, step: DataStep, given: Given) -> Iterator[Fault]:
    kind = KINDS[step.kind]
    out = without(steps, at)
    if given.form in ("numbers", "tokens"):
        of = "numbers" if given.form == "numbers" else "tokens"
        yield Fault(at, f"{kind.title} is for pictures, but {given.title} gives {of}: take it out.", "Take it out", out)
        return
    sizes = [(name, size) for name, shape in given.inputs if (size := size_of(shape)) is not None]
    match kind.place:
        case "reading" | "shape":
            yield from _sizes(steps, at, step, sizes)
            for target in given.targets:
                if target.field not in FOLLOWING and target.shape:
                    said = (
                        f"{kind.title} moves pixels, but how `{target.field}` of `{target.name}` would follow is not "
                        "known: take it out."
                    )
                    yield Fault(at, said, "Take it out", out)
                    break
        case "values":
            yield from _channels(steps, at, step, sizes)
        case "views":
            if given.inputs and len({size for _, size in sizes}) == len(sizes):
                said = "Two views need two Inputs for pictures of one size: add one and let its network share weights."
                yield Fault(at, said, "Take it out", out)
        case "batch":
            yield from _mixed(steps, at, kind.title, given)


def _sizes(steps: Steps, at: int, step: DataStep, sizes: list[tuple[str, tuple[int, int, int]]]) -> Iterator[Fault]:
    if not sizes:
        return
    name, (_, high, wide) = sizes[0]
    title = KINDS[step.kind].title
    read = reading_size(steps, (high, wide))
    if step.kind in ("resize", "letterbox") and read != (high, wide):
        said = f"{title} reads pictures at {read[0]}×{read[1]}, but `{name}` takes {high}×{wide}"
        if read[0] < high or read[1] < wide:
            usual = changed(steps, at, settings=step.settings.without("height").without("width"))
            yield Fault(at, f"{said}: make it as large at least.", f"Read at {high}×{wide}", usual)
        elif not any(not each.off and each.kind in ("crop", "zoom") for each in steps):
            yield Fault(at, f"{said}: add a crop.", "Add a crop", added(steps, "crop")[0])
        elif any(size[1:] != (high, wide) for _, size in sizes):
            said = f"{title} reads at one size, but the Inputs take several: leave its height and width at 0."
            usual = changed(steps, at, settings=step.settings.without("height").without("width"))
            yield Fault(at, said, "Set both to 0", usual)
    padding = value_of(step, "padding") if step.kind == "crop" else 0
    if isinstance(padding, int) and padding > min(high, wide):
        said = f"Crop puts {padding} pixels around pictures of {high}×{wide}: more of the frame is seen than of them."
        usual = changed(steps, at, settings=step.settings.with_("padding", max(min(high, wide) // 8, 1)))
        yield Fault(at, said, f"Set the padding to {max(min(high, wide) // 8, 1)}", usual)


def _channels(steps: Steps, at: int, step: DataStep, sizes: list[tuple[str, tuple[int, int, int]]]) -> Iterator[Fault]:
    count = len(step.settings.get("mean", ()))
    for name, (channels, _, _) in sizes:
        if count not in (0, 1, channels):
            said = (
                f"Normalise has {_count(count, 'mean')}, but the pictures of `{name}` have "
                f"{_count(channels, 'channel')}: give {'one' if channels == 1 else channels}, or measure them."
            )
            yield Fault(at, said, "Measure them", changed(steps, at, settings=Settings()))
            return


def _mixed(steps: Steps, at: int, title: str, given: Given) -> Iterator[Fault]:
    for target in given.targets:
        if target.field != "label" or target.dtype.startswith("float"):
            what = "numbers" if target.dtype.startswith("float") else "values"
            said = (
                f"{title} mixes samples of different classes, but `{target.name}` wants {what} ({target.field}), of "
                "which it makes no sense: take it out."
            )
            yield Fault(at, said, "Take it out", without(steps, at))
            return


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
