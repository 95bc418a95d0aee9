"""The steps between reading a sample and the network: what there is, what each can be set to, and usual lists of them.

What they do is in `app.engine.augment`; here is what a person needs to choose them, without torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from msgspec.structs import replace

from app.design.values import DataStep, Design, Settings, SettingValue
from blocks.card import Setting, SettingType, Value

Steps = tuple[DataStep, ...]
Place = Literal["reading", "shape", "pixels", "values", "views", "batch"]
"""Where it acts: as a picture is read, on where pixels lie, on colours, on numbers, on several Inputs, on batches."""


class StepKind(NamedTuple):
    """A kind of step. `chance` says whether it belongs to training alone."""

    id: str
    title: str
    help: str
    place: Place
    chance: bool
    settings: tuple[Setting, ...] = ()
    source: str = ""

    def setting(self, name: str) -> Setting | None:
        return next((each for each in self.settings if each.name == name), None)


def _set(
    name: str, kind: SettingType, default: Value, help: str, low: float | None = 0, high: float | None = None,
    choices: tuple[str, ...] = (),
) -> Setting:  # fmt: skip
    return Setting(name, kind, default, help, low, high, choices)


_HEIGHT = _set("height", "int", 0, "Rows to read it at. 0: as many as the Input takes.", 0, 8192)
_WIDTH = _set("width", "int", 0, "Columns to read it at. 0: as many as the Input takes.", 0, 8192)
_FILL = _set("fill", "float", 0.0, "What stands where there is no picture: 0 is black, 1 white.", 0, 1)


def _probability(default: float) -> Setting:
    return _set("probability", "float", default, "How often it happens.", 0, 1)


_ALL = (
    StepKind(
        "resize", "Resize", "Reads each picture at a size of one's own: larger than the Input where a crop follows.",
        "reading", False,
        (_HEIGHT, _WIDTH,
         _set("fit", "choice", "stretch", "stretch: proportions may change; fill: they stay, and what juts out is cut.",
              choices=("stretch", "fill"))),
    ),
    StepKind(
        "letterbox", "Letterbox", "Reads each picture whole and in its proportions, with bars where it does not reach. "
        "In masks the bars are of no class.", "reading", False,
        (_HEIGHT, _WIDTH, _set("fill", "float", 0.5, "What the bars hold: 0 is black, 1 white.", 0, 1)),
    ),
    StepKind(
        "crop", "Crop", "Cuts a piece as large as the Input: from a place left to chance in training, else from the "
        "middle.", "shape", True,
        (_set("padding", "int", 4, "Rows and columns of `fill` that are put around it before, in training.", 0, 512),
         _FILL), "He et al. 2015, arXiv:1512.03385",
    ),
    StepKind(
        "zoom", "Zoomed crop", "Cuts a piece of any size and proportions and resizes it to the Input; outside training "
        "the middle.", "shape", True,
        (_set("least", "float", 0.08, "The smallest piece, as a share of the picture's area.", 0.01, 1),
         _set("most", "float", 1.0, "The largest piece, as a share of the picture's area.", 0.01, 1),
         _set("ratio", "float", 1.3333, "By how much width and height may differ: from 1 / ratio to ratio.", 1, 4)),
        "Szegedy et al. 2014, arXiv:1409.4842",
    ),
    StepKind(
        "flip", "Flip", "Mirrors pictures. Not for what reads differently in a mirror, as letters do.", "shape", True,
        (_set("direction", "choice", "horizontal", "Left and right, top and bottom, or each by itself.",
              choices=("horizontal", "vertical", "both")), _probability(0.5)),
    ),
    StepKind(
        "rotate", "Rotate", "Turns pictures about their middle, and may move and zoom them too.", "shape", True,
        (_set("degrees", "float", 15.0, "The largest turn, either way.", 0, 180),
         _set("shift", "float", 0.0, "The farthest move, as a share of height and width.", 0, 1),
         _set("zoom", "float", 0.0, "By how much it may be larger or smaller: 0.1 is from 1 / 1.1 to 1.1.", 0, 4),
         _FILL), "Simard et al. 2003, Best practices for convolutional neural networks",
    ),
    StepKind(
        "colour", "Colour", "Changes brightness, contrast, saturation and hue.", "pixels", True,
        (_set("brightness", "float", 0.4, "Multiplied by 1 - this to 1 + this.", 0, 1),
         _set("contrast", "float", 0.4, "Distance from the mean, multiplied likewise.", 0, 1),
         _set("saturation", "float", 0.4, "Distance from grey, multiplied likewise.", 0, 1),
         _set("hue", "float", 0.1, "Turned by up to this share of the circle of colours.", 0, 0.5),
         _set("grey", "float", 0.0, "How often all colour is taken away.", 0, 1), _probability(1.0)),
        "Chen et al. 2020, SimCLR, arXiv:2002.05709, appendix A",
    ),
    StepKind(
        "blur", "Blur", "Blurs with a Gaussian.", "pixels", True,
        (_set("least", "float", 0.1, "The smallest sigma, in pixels.", 0.01, 20),
         _set("most", "float", 2.0, "The largest sigma, in pixels.", 0.01, 20), _probability(0.5)),
        "Chen et al. 2020, SimCLR, arXiv:2002.05709, appendix A",
    ),
    StepKind(
        "erase", "Erase", "Covers a rectangle, so that no single part of a thing decides.", "pixels", True,
        (_probability(0.5), _set("least", "float", 0.02, "The smallest share of the area.", 0, 1),
         _set("most", "float", 0.4, "The largest share of the area.", 0, 1),
         _set("ratio", "float", 0.3, "The flattest rectangle: height and width differ from this to 1 / this.", 0.05, 1),
         _set("fill", "choice", "noise", "What covers it: noise, or zeros (the mean, after Normalise).",
              choices=("noise", "zero"))), "Zhong et al. 2017, arXiv:1708.04896",
    ),
    StepKind(
        "randaugment", "RandAugment", "Some of fourteen changes in turn, all of one strength.", "pixels", True,
        (_set("operations", "int", 2, "How many changes each picture gets.", 1, 8),
         _set("magnitude", "int", 9, "How strong they are, of 30.", 0, 30)),
        "Cubuk et al. 2019, arXiv:1909.13719",
    ),
    StepKind(
        "autoaugment", "AutoAugment", "One of 25 pairs of changes that a search found best.", "pixels", True,
        (_set("policy", "choice", "imagenet", "The data on which they were found.",
              choices=("imagenet", "cifar10", "svhn")),), "Cubuk et al. 2018, arXiv:1805.09501",
    ),
    StepKind(
        "normalise", "Normalise", "Takes away the mean and divides by the spread, channel by channel: as measured on "
        "the train split when training begins, or as given.", "values", False,
        (_set("mean", "floats", (), "A number for each channel, of values from 0 to 1. None: measured.", None),
         _set("std", "floats", (), "The spread, likewise. None: measured.", 0)),
    ),
    StepKind(
        "views", "Two views", "Each Input gets a view of its own of the same sample: the steps fall out anew for each.",
        "views", True, (), "Chen et al. 2020, SimCLR, arXiv:2002.05709",
    ),
    StepKind(
        "mixup", "Mixup", "Blends two samples of a batch; the loss is that of both classes, in the same shares.",
        "batch", True,
        (_set("alpha", "float", 0.2, "The share is drawn from Beta(alpha, alpha): small keeps one sample.", 0.001, 10),
         _probability(1.0)), "Zhang et al. 2017, arXiv:1710.09412",
    ),
    StepKind(
        "cutmix", "CutMix", "Puts a rectangle of another sample of the batch into each; the loss is that of both "
        "classes, by area.", "batch", True,
        (_set("alpha", "float", 1.0, "The share of the area is drawn from Beta(alpha, alpha).", 0.001, 10),
         _probability(1.0)), "Yun et al. 2019, arXiv:1905.04899",
    ),
)  # fmt: skip
KINDS: dict[str, StepKind] = {kind.id: kind for kind in _ALL}
ORDER: tuple[Place, ...] = ("reading", "views", "shape", "pixels", "values", "batch")
"""Where a step that is added goes by itself."""
SIDE = 32
"""Of pictures whose size is not known."""
COVERS = "erase"
"""Works on any numbers, so it may follow Normalise."""


def value_of(step: DataStep, name: str) -> SettingValue:
    """A setting of a step of a known kind, which may be left at its default."""
    setting = KINDS[step.kind].setting(name)
    assert setting is not None
    value: SettingValue = step.settings.get(name, setting.default)
    return value


def live(steps: Steps) -> Steps:
    """The steps that are switched on."""
    return tuple(step for step in steps if not step.off)


def mixes(steps: Steps) -> bool:
    """Whether batches are mixed."""
    return any(step.kind in KINDS and KINDS[step.kind].place == "batch" for step in live(steps))


def measured_as(steps: Steps, known: Steps) -> Steps:
    """The steps with the mean and spread that the known ones have, where these are to be measured."""
    numbers = next((s.settings for s in known if s.kind == "normalise" and s.settings.get("mean")), None)
    return tuple(
        replace(step, settings=numbers)
        if numbers is not None and step.kind == "normalise" and not (step.off or step.settings.get("mean"))
        else step
        for step in steps
    )


# edits of the list ----------------------------------------------------------------------------------------------------


def added(steps: Steps, kind: str) -> tuple[Steps, int]:
    """The list with a step of this kind where such steps go, and its place."""
    rank = ORDER.index(KINDS[kind].place)
    ranks = [ORDER.index(KINDS[step.kind].place) if step.kind in KINDS else 0 for step in steps]
    at = next((i for i, other in enumerate(ranks) if other > rank), len(steps))
    return (*steps[:at], DataStep(kind), *steps[at:]), at


def moved(steps: Steps, start: int, end: int) -> Steps:
    """The list with the step at `start` at the place `end`."""
    rest = [*steps[:start], *steps[start + 1 :]]
    return (*rest[:end], steps[start], *rest[end:])


def without(steps: Steps, at: int) -> Steps:
    return (*steps[:at], *steps[at + 1 :])


def changed(steps: Steps, at: int, **fields: object) -> Steps:
    """The list with fields of the step at `at` set."""
    return (*steps[:at], replace(steps[at], **fields), *steps[at + 1 :])


def with_value(steps: Steps, at: int, name: str, value: object) -> Steps:
    """The list with a setting of a step changed; its default is not written. Raises ValueError with a sentence."""
    step = steps[at]
    setting = KINDS[step.kind].setting(name)
    if setting is None:
        names = ", ".join(each.name for each in KINDS[step.kind].settings) or "none"
        raise ValueError(f"{KINDS[step.kind].title} has no setting `{name}`: it has {names}.")
    accepted = setting.accept(value)
    settings = step.settings.without(name) if accepted == setting.default else step.settings.with_(name, accepted)
    return changed(steps, at, settings=settings)


# usual lists ----------------------------------------------------------------------------------------------------------


class StepPreset(NamedTuple):
    """A list that is usual. `make` gets the shorter side of the Input, in pixels."""

    id: str
    title: str
    reason: str
    source: str
    make: Callable[[int], Steps]


def _step(kind: str, **settings: object) -> DataStep:
    return DataStep(kind, Settings(settings))


def _padding(side: int) -> int:
    """4 pixels for 32, as the papers have it."""
    return max(round(side / 8), 1)


STEP_PRESETS = (
    StepPreset("none", "None", "Samples as they are.", "", lambda side: ()),
    StepPreset(
        "light", "Light: crop and flip", "What small photographs have been trained with since ResNet.",
        "He et al. 2015, arXiv:1512.03385",
        lambda side: (_step("crop", padding=_padding(side)), _step("flip"), _step("normalise")),
    ),
    StepPreset(
        "written", "Written signs: turn and move", "For digits and letters, which read otherwise in a mirror.",
        "Simard et al. 2003",
        lambda side: (_step("rotate", degrees=10.0, shift=0.1, zoom=0.1), _step("normalise")),
    ),
    StepPreset(
        "strong", "Strong: RandAugment, mixup, CutMix", "For long runs of large networks; short ones learn slower.",
        "Touvron et al. 2020, DeiT, arXiv:2012.12877",
        lambda side: (
            _step("zoom"), _step("flip"), _step("randaugment"), _step("normalise"), _step("erase", probability=0.25),
            _step("mixup", alpha=0.8), _step("cutmix"),
        ),
    ),
    StepPreset(
        "contrastive", "Two views: SimCLR", "For learning without labels: a drawing with two Inputs.",
        "Chen et al. 2020, SimCLR, arXiv:2002.05709",
        lambda side: (
            _step("views"), _step("zoom"), _step("flip"),
            _step("colour", brightness=0.8, contrast=0.8, saturation=0.8, hue=0.2, grey=0.2, probability=0.8),
            *((_step("blur"),) if side >= 64 else ()),
        ),
    ),
)  # fmt: skip


def step_preset(id: str) -> StepPreset | None:
    return next((each for each in STEP_PRESETS if each.id == id), None)


def side_of(design: Design) -> int:
    """The shorter side of the pictures that the design's first Input takes; SIDE where that is not known."""
    for node in design.nodes:
        size = node.settings.get("size")
        if node.block == "Input" and isinstance(size, tuple) and len(size) in (2, 3):
            sides = [n for n in size[-2:] if isinstance(n, int)]
            return min(sides) if len(sides) == 2 else SIDE
    return SIDE


# as text --------------------------------------------------------------------------------------------------------------


def step_words(step: DataStep) -> str:
    """`crop padding=4`, as `read_steps` reads it."""
    pairs = (f"{name}={_written(step.settings[name])}" for name in sorted(step.settings))
    return " ".join((step.kind, *pairs))


def steps_words(steps: Steps) -> str:
    """The steps that are switched on, as `read_steps` reads them."""
    return "; ".join(map(step_words, live(steps))) or "none"


def _written(value: SettingValue) -> str:
    if isinstance(value, tuple):
        return ",".join(map(_written, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def read_steps(text: str, side: int = SIDE) -> Steps:
    """A preset's name, or `flip; crop padding=4; normalise mean=0.5,0.5,0.5 std=0.2,0.2,0.2`. Raises ValueError."""
    if (known := step_preset(text.strip())) is not None:
        return known.make(side)
    steps: Steps = ()
    for part in filter(None, (each.strip() for each in text.split(";"))):
        kind, *pairs = part.split()
        if kind not in KINDS:
            presets = ", ".join(each.id for each in STEP_PRESETS)
            raise ValueError(f"there is no step `{kind}`: choose of {', '.join(KINDS)}, or one of {presets} alone")
        steps = (*steps, DataStep(kind))
        for pair in pairs:
            name, _, value = pair.partition("=")
            setting = KINDS[kind].setting(name)
            try:
                steps = with_value(steps, len(steps) - 1, name, _read(value, setting) if setting else value)
            except ValueError as error:
                raise ValueError(f"{kind}: {str(error).rstrip('.')}") from None
    return steps


def _read(value: str, setting: Setting) -> object:
    try:
        match setting.type:
            case "int":
                return int(value)
            case "float":
                return float(value)
            case "floats":
                return tuple(float(part) for part in value.split(",") if part)
    except ValueError:
        pass  # the setting says what it needs
    return value
