"""The mistakes that people make, one drawing each: what is said of it, of which node, and which node began it."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from app.design.values import Design, Expression, Group, Recipe
from blocks.card import Setting
from tests.drawing import IMAGE, OUTPUT, chain, node, wire


class Kind(NamedTuple):
    """A drawing with one mistake. `first` is the title of the fix that is offered first."""

    design: Design
    code: str
    node: str
    says: str
    first: str
    blame: str = ""
    keeps: bool = True
    """Whether a fix leaves all that was drawn: what cannot run at all can only go."""


FEATURES = node("image", "Input", size=(7,))
CONV = node("conv", "Conv2d", out_channels=8)
TOKENS = node("text", "Input", size=(16, 30))
LABEL, LOSS = node("label", "Target"), node("loss", "CrossEntropy")
FC = node("fc", "Linear", out_features=10)
BODY = Group(
    name="body", settings=(Setting("width", "int", 8, min=1),),
    nodes=(node("x", "GroupInput"), node("conv", "Conv2d", out_channels=Expression("width")),
           node("out", "GroupOutput"), node("loose", "GroupOutput")),
    wires=(wire("x", "conv"), wire("conv", "out")),
)  # fmt: skip


def image(*size: int) -> object:
    return node("image", "Input", size=size)


def merged(block: str, *, size: tuple[int, ...] = (3, 32, 32), **settings: object) -> Design:
    """An image, a convolution, another (`down`) with the settings, and both into `block`."""
    return Design(
        nodes=(image(*size), CONV, node("down", "Conv2d", **settings), node("both", block), OUTPUT),
        wires=(wire("image", "conv"), wire("conv", "down"), wire("conv", "both.a"), wire("down", "both.b"),
               wire("both", "output")),
    )  # fmt: skip


def there_and_back(block: str) -> Design:
    """33 rows become 17 and then 34."""
    return Design(
        nodes=(image(3, 33, 33), node("down", "Conv2d", stride=(2, 2), out_channels=8),
               node("up", "ConvTranspose2d", out_channels=3), node("both", block), OUTPUT),
        wires=(wire("image", "down"), wire("down", "up"), wire("image", "both.a"), wire("up", "both.b"),
               wire("both", "output")),
    )  # fmt: skip


def judged(*parts: object, scores: str = "", recipe: Recipe | None = None, target: object = LABEL) -> Design:
    """A row of nodes whose last one goes to an Output, and `scores` (or the last one) to a loss."""
    source = scores or parts[-1].id  # type: ignore[attr-defined]
    design = chain(*parts, OUTPUT, more=(target, LOSS), wires=(wire(source, "loss.x"), wire("label", "loss.target")))
    return design if recipe is None else replace(design, recipe=recipe)


DIGITS = Recipe(data="digits")
MADE = Path(tempfile.mkdtemp(prefix="netloom-kinds-"))
atexit.register(shutil.rmtree, MADE, ignore_errors=True)
TEXT = MADE / "a.txt"
TEXT.write_text("a text of a few letters, no more. " * 9)
LETTERS = len(set(TEXT.read_text()))
np.savez(MADE / "bright.npz", x=np.full((20, 3, 8, 8), 200.0, np.float32), y=np.arange(20) % 2)
TABLE = MADE / "a.csv"
TABLE.write_text("x,y,price,label\n" + "1,2,3.5,a\n2,1,4.5,b\n" * 9)


def reader(vocabulary: int, scores: int, dtype: str = "int64") -> Design:
    """Text through an embedding and an LSTM, judged by what comes next."""
    words = Recipe(data=f"characters:{TEXT}")
    design = judged(
        node("text", "Input", size=(16,), dtype=dtype), node("words", "Embedding", vocabulary=vocabulary, features=8),
        node("body", "LSTM", hidden=8), node("fc", "Linear", out_features=scores),
        node("turn", "Permute", order=(2, 1)), recipe=words,
        target=node("label", "Target", field="next", size=(16,)),
    )  # fmt: skip
    return design


def by_another(design: Design, block: str) -> Design:
    """The design with another block for its loss."""
    return replace(design, nodes=tuple(replace(n, block=block) if n.id == "loss" else n for n in design.nodes))


QUANTITY = judged(
    node("image", "Input", size=(2,)), node("fc", "Linear", out_features=3), recipe=Recipe(data="spirals")
)

SHAPES = {
    "channels differ at an Add": Kind(
        merged("Add", out_channels=16), "differs", "both", "`b` is 1x16x32x32 but `a` is 1x8x32x32",
        "Set down's out_channels to 8", "down"),
    "a stride differs at an Add": Kind(
        merged("Add", out_channels=8, stride=(2, 2)), "differs", "both", "`b` is 1x8x16x16",
        "Conv 1x1 stride 2 after conv", "down"),
    "channels and stride differ at an Add": Kind(
        merged("Add", out_channels=24, stride=(2, 2)), "differs", "both", "all sizes must be equal (from down)",
        "Conv 1x1 stride 2 after conv", "down"),
    "sizes differ at a Concat": Kind(
        merged("Concat", stride=(2, 2)), "differs", "both", "S must be equal", "Resize down to 32x32", "down"),
    "one row too many at an Add": Kind(
        there_and_back("Add"), "differs", "both", "`b` is 1x3x34x34 but `a` is 1x3x33x33", "Crop up to 33x33", "up"),
    "one row too many at a Concat": Kind(
        there_and_back("Concat"), "differs", "both", "`b` is 1x3x34x34", "Crop up to 33x33", "up"),
    "vectors differ at an Add": Kind(
        Design(nodes=(FEATURES, FC, node("both", "Add"), OUTPUT),
               wires=(wire("image", "fc"), wire("image", "both.a"), wire("fc", "both.b"), wire("both", "output"))),
        "differs", "both", "`b` is 1x10 but `a` is 1x7", "Set fc's out_features to 7", "fc"),
    "a gate of other channels": Kind(
        Design(nodes=(image(3, 32, 32), CONV, node("both", "Multiply"), OUTPUT),
               wires=(wire("image", "conv"), wire("image", "both.x"), wire("conv", "both.gate"),
                      wire("both", "output"))),
        "differs", "both", "C must be equal (from conv)", "Set conv's out_channels to 3", "conv"),
    "a matrix product the wrong way round": Kind(
        Design(nodes=(node("q", "Input", size=(4, 8)), node("k", "Input", size=(4, 8)), node("both", "MatMul"), OUTPUT),
               wires=(wire("q", "both.a"), wire("k", "both.b"), wire("both", "output"))),
        "differs", "both", "`b` is 1x4x8 but `a` is 1x4x8", "Swap the last two sizes of k", "k"),
    "groups that do not divide": Kind(
        chain(IMAGE, CONV, node("bad", "Conv2d", out_channels=12, groups=3), OUTPUT),
        "divides", "bad", "needs a multiple of groups = 3", "Set groups to 2", "conv"),
    "groups of a norm, behind an activation": Kind(
        chain(IMAGE, node("conv", "Conv2d", out_channels=12), node("act", "ReLU"), node("bad", "GroupNorm"), OUTPUT),
        "divides", "bad", "`x` has C = 12, but it needs a multiple of groups = 8 (from conv)", "Set groups to 6",
        "conv"),
    "heads that do not divide": Kind(
        chain(TOKENS, node("at", "LearnedPositions"), node("bad", "MultiHeadSelfAttention"), OUTPUT),
        "divides", "bad", "`x` has D = 30, but it needs a multiple of heads = 4", "Set heads to 3", "text"),
    "channels that cannot be shuffled into pixels": Kind(
        chain(IMAGE, node("bad", "PixelShuffle"), OUTPUT),
        "refused", "bad", "3 channels, but factor 2 needs a multiple of 4", "Conv 1x1 to 4 channels after image",
        "image"),
    "a kernel larger than its input": Kind(
        chain(IMAGE, node("bad", "Conv2d", kernel_size=(40, 40), padding=(0, 0)), OUTPUT),
        "kernel", "bad", "its kernel of 40×40 is larger than its input of 32×32", "Set kernel_size to 32x32", "image"),
    "an image that has shrunk too far": Kind(
        chain(image(3, 16, 16), node("down", "Conv2d", stride=(8, 8)), node("bad", "Conv2d", padding=(0, 0)), OUTPUT),
        "kernel", "bad", "its kernel of 3×3 is larger than its input of 2×2", "Set kernel_size to 2x2", "down"),
    "a transposed convolution that takes all away": Kind(
        chain(image(3, 1, 4), node("bad", "ConvTranspose2d", kernel_size=(1, 1), stride=(1, 1), padding=(1, 0),
                                   output_padding=(1, 0), dilation=(2, 1)), OUTPUT),
        "kernel", "bad", "nothing would be left of its input: the output is 1×64×0×4",
        "Set padding to 0x0", "image"),
    "padding beyond half of a window": Kind(
        chain(IMAGE, node("bad", "MaxPool2d", padding=(2, 2)), OUTPUT),
        "refused", "bad", "padding is 2, but a window of 2 takes at most 1", "Set padding back to 0×0"),
    "an image where tokens are wanted": Kind(
        chain(image(64, 8, 8), node("bad", "LSTM"), OUTPUT),
        "rank", "bad", "`x` is 1x64x8x8 (4 sizes), but it needs B L D", "Make each pixel a token", "image"),
    "an image into attention": Kind(
        chain(image(3, 8, 8), CONV, node("bad", "TransformerEncoderLayer"), OUTPUT),
        "rank", "bad", "(4 sizes), but it needs B L D (3 sizes) (from image)", "Make each pixel a token", "image"),
    "a vector where an image is wanted": Kind(
        chain(node("image", "Input", size=(64,)), node("bad", "Conv2d"), OUTPUT),
        "rank", "bad", "`x` is 1x64 (2 sizes), but it needs B C H W", "Make it an image of one pixel", "image"),
    "a vector where tokens are wanted": Kind(
        chain(node("image", "Input", size=(64,)), node("bad", "LSTM"), OUTPUT),
        "rank", "bad", "`x` is 1x64 (2 sizes), but it needs B L D", "Make it one token", "image"),
    "tokens where an image is wanted": Kind(
        chain(node("text", "Input", size=(16, 64)), node("bad", "Conv2d"), OUTPUT),
        "rank", "bad", "`x` is 1x16x64 (3 sizes), but it needs B C H W", "Lay the tokens out as an image", "text"),
    "tokens where a vector is wanted": Kind(
        chain(node("text", "Input", size=(16, 64)), node("bad", "LinearClassifier"), OUTPUT),
        "rank", "bad", "(3 sizes), but it needs B D (2 sizes)", "Average over the tokens first", "text"),
    "an image where a vector is wanted": Kind(
        chain(image(8, 4, 4), node("act", "ReLU"), node("bad", "LinearClassifier"), OUTPUT),
        "rank", "bad", "(4 sizes), but it needs B D (2 sizes)", "Flatten it first", "image"),
    "an image where a pyramid is wanted": Kind(
        chain(image(3, 64, 64), node("bad", "FPN"), node("pick", "PickLevel"), OUTPUT),
        "levels", "bad", "`x` has 1 level, but it needs 2 or more", "Make several levels by a ResNet", "image"),
    "a pyramid of too few levels": Kind(
        chain(image(3, 64, 64), node("body", "ResidualBackbone", levels=(3,)), node("bad", "FPN"),
              node("pick", "PickLevel"), OUTPUT),
        "levels", "bad", "let the backbone give more of its levels", "Let body give all its levels", "body"),
    "a level that is not there": Kind(
        chain(image(3, 64, 64), node("body", "ResidualBackbone"), node("bad", "PickLevel", level=7), OUTPUT),
        "refused", "bad", "7", "Set level back to 1"),
    "one pixel in an instance norm": Kind(
        chain(image(3, 8, 8), node("down", "Conv2d", stride=(8, 8)), node("bad", "InstanceNorm2d"), OUTPUT),
        "one-value", "bad", "it compares the pixels of each channel, but gets one", "Set down's stride to 1×1", "down"),
    "fractions into an embedding": Kind(
        chain(node("text", "Input", size=(16,)), node("bad", "Embedding"), OUTPUT),
        "dtype", "bad", "it needs whole numbers (int64)", "Set text's dtype to int64", "text"),
    "a reshape that loses values": Kind(
        chain(IMAGE, node("bad", "Reshape", size=(10, 10)), OUTPUT),
        "refused", "bad", "3072 values a sample do not fit it", "Set size back to 1×-1"),
    "an order of too few sizes": Kind(
        chain(IMAGE, node("bad", "Permute", order=(2, 1)), OUTPUT),
        "refused", "bad", "order names 2 sizes", "Set order to 1, 3, 2"),
    "an index beyond the end": Kind(
        chain(IMAGE, node("bad", "Select", dim=1, index=5), OUTPUT),
        "refused", "bad", "use 0 to 2", "Set index back to 0"),
}  # fmt: skip

DRAWING = {
    "nothing wired to an input": Kind(
        Design(nodes=(IMAGE, CONV, OUTPUT), wires=(wire("conv", "output"),)),
        "missing-input", "conv", "nothing is wired to `x`", "Wire image to conv"),
    "a loss without a target": Kind(
        chain(IMAGE, node("head", "ClassificationHead", classes=10), OUTPUT, more=(LOSS,),
              wires=(wire("head", "loss"),)),
        "missing-input", "loss", "nothing is wired to `target`", "Add a Target before loss"),
    "a Group's output that is dry": Kind(
        chain(IMAGE, node("body", group="body"), OUTPUT, more=(node("second", "Output"),),
              wires=(wire("body.loose", "second"),), groups=(BODY,)),
        "missing-input", "second", "inside body, nothing is wired to `loose`", "Wire image to second instead of body"),
    "a port of no Group": Kind(
        Design(nodes=(IMAGE, node("port", "GroupInput"), OUTPUT), wires=(wire("port", "output"),)),
        "missing-input", "output", "stands in none", "Wire image to output instead of port"),
    "no Output": Kind(chain(IMAGE, CONV), "no-output", "", "has no Output", "Add an Output after conv"),
    "no Input": Kind(chain(CONV, OUTPUT), "no-input", "", "has no Input", "Add an Input before conv"),
    "a metric alone": Kind(
        chain(FEATURES, FC, node("loss", "Accuracy"), more=(LABEL,), wires=(wire("label", "loss.target"),)),
        "no-output", "", "has no Output", "Add an Output after fc"),
    "a dead branch": Kind(
        chain(IMAGE, CONV, OUTPUT, more=(node("dead", "ReLU"),), wires=(wire("conv", "dead"),)),
        "dead-branch", "dead", "feeds no Output and no loss", "Remove dead", keeps=False),
    "a Group that feeds nothing": Kind(
        chain(IMAGE, CONV, OUTPUT, more=(node("body", group="body"),), wires=(wire("image", "body"),), groups=(BODY,)),
        "dead-branch", "body", "body feeds no Output", "Remove body", keeps=False),
    "an Output of a loss": Kind(
        Design(nodes=(FEATURES, FC, LABEL, LOSS, OUTPUT),
               wires=(wire("image", "fc"), wire("fc", "loss.x"), wire("label", "loss.target"),
                      wire("loss.loss", "output"))),
        "target-output", "output", "a Target is there in training only", "Remove output", "label", keeps=False),
    "one tensor twice": Kind(
        Design(nodes=(IMAGE, CONV, node("both", "Concat"), OUTPUT),
               wires=(wire("image", "conv"), wire("conv", "both.a"), wire("conv", "both.b"), wire("both", "output"))),
        "same-twice", "both", "`a` and `b` are both conv", "Wire image to both.b instead of conv", "conv"),
    "an unknown block": Kind(
        chain(IMAGE, node("odd", "Frobnicate"), OUTPUT), "block-missing", "odd", "is not known here",
        "Remove odd and wire image in its place", keeps=False),
}  # fmt: skip

SETTINGS = {
    "a setting out of bounds": Kind(
        chain(IMAGE, node("bad", "Conv2d", out_channels=0), OUTPUT), "setting", "bad", "out_channels is 0",
        "Set out_channels back to 64"),
    "a setting of no such choice": Kind(
        chain(IMAGE, node("bad", "Conv2d", fit="nonsense"), OUTPUT), "setting", "bad",
        "needs one of padding, same, valid", "Set fit back to padding"),
    "a setting that is not known": Kind(
        chain(IMAGE, node("bad", "Conv2d", colour="red"), OUTPUT), "setting-unknown", "bad", "no setting `colour`",
        "Forget colour"),
    "an expression outside Groups": Kind(
        chain(IMAGE, node("conv", "Conv2d", out_channels=Expression("width * 2")), OUTPUT),
        "expression", "conv", "only settings that a Group exposes", "Set out_channels back to 64"),
    "an expression that gives a fraction": Kind(
        chain(IMAGE, node("conv", "Conv2d", out_channels=Expression("8 / 3")), OUTPUT),
        "setting", "conv", "needs a whole number of at least 1", "Set out_channels back to 64"),
    "a Group's setting out of bounds": Kind(
        chain(IMAGE, node("body", group="body", width=0), OUTPUT, groups=(BODY,)),
        "setting", "body", "width is 0", "Set width back to 8"),
    "shared weights of other settings": Kind(
        chain(IMAGE, node("conv", "Conv2d", out_channels=3, padding=(1, 1)),
              node("twin", "Conv2d", out_channels=7, shares="conv"), OUTPUT),
        "shares", "twin", "out_channels is 7 here and 3 there", "Set out_channels, padding as in conv", "conv"),
    "shared weights of other inputs": Kind(
        chain(IMAGE, CONV, node("act", "ReLU"), node("twin", "Conv2d", out_channels=8, shares="conv"), OUTPUT),
        "shares", "twin", "C is 8 here and 3 there", "Give twin weights of its own", "conv"),
    "repetitions that cannot share": Kind(
        chain(IMAGE, node("body", group="body", repeat=3, shares="body"), OUTPUT, groups=(BODY,)),
        "shares", "body/1/conv", "it uses the weights of body/0/conv", "Give each repetition weights of its own",
        "body/0/conv"),
    "Groups of other settings that share": Kind(
        chain(IMAGE, node("conv", "Conv2d", out_channels=3), node("a", group="body", width=3),
              node("b", group="body", shares="a", width=9), OUTPUT, groups=(BODY,)),
        "shares", "b/conv", "out_channels is 9 here and 3 there", "Give b weights of its own", "a/conv"),
    "weights that follow ones of other settings": Kind(
        chain(IMAGE, node("conv", "Conv2d", out_channels=3, padding=(1, 1)),
              node("slow", "Conv2d", out_channels=7, follows="conv"), OUTPUT),
        "follows", "slow", "out_channels is 7 here and 3 there", "Set out_channels, padding as in conv", "conv"),
    "weights that follow fewer repetitions": Kind(
        chain(IMAGE, node("conv", "Conv2d", out_channels=8), node("fast", group="body"),
              node("slow", group="body", repeat=2, follows="fast"), OUTPUT, groups=(BODY,)),
        "follows", "slow/0/conv", "the weights of fast/0/conv, which is not there", "Give slow weights of its own"),
    "more weights than any machine holds": Kind(
        chain(IMAGE, node("conv", "Conv2d", kernel_size=(10**9, 10**9)), OUTPUT),
        "too-large", "conv", "more elements than any machine holds", "Set kernel_size back to 3×3"),
    "an image larger than any machine holds": Kind(
        chain(node("image", "Input", size=(3, 10**9, 10**9)), CONV, OUTPUT),
        "too-large", "image", "its size has 3e+18 elements", "Set size back to 3, 224, 224"),
}  # fmt: skip

LEARNING = {
    "a label of fractions": Kind(
        judged(FEATURES, FC, target=node("label", "Target", dtype="float32")),
        "dtype", "loss", "it needs whole numbers", "Set label's dtype to int64", "label"),
    "a label of another size": Kind(
        judged(FEATURES, FC, target=node("label", "Target", size=(4,))),
        "differs", "loss", "all sizes must be equal", "Set label's size to one number", "label"),
    "a softmax before cross-entropy": Kind(
        judged(FEATURES, FC, node("soft", "Softmax")), "softmax-loss", "loss", "does that itself",
        "Wire fc to loss instead", "soft"),
    "a ReLU before cross-entropy": Kind(
        judged(FEATURES, FC, node("act", "ReLU")), "bounded-scores", "loss", "which bounds the scores",
        "Wire fc to loss instead", "act"),
    "a batch norm behind the last Linear": Kind(
        judged(FEATURES, node("fc", "Linear", out_features=10, bias=False), node("norm", "BatchNorm1d")),
        "norm-last", "norm", "a norm belongs before the layer", "Move norm before fc", "fc"),
    "a dropout behind the last Linear": Kind(
        judged(FEATURES, FC, node("drop", "Dropout")), "dropout-last", "drop", "drops scores of fc",
        "Move drop before fc", "fc"),
    "a bias before a batch norm": Kind(
        chain(IMAGE, CONV, node("norm", "BatchNorm2d"), node("act", "ReLU"), OUTPUT),
        "spare-bias", "conv", "norm takes it away again", "Leave the bias out", "norm"),
    "two Linear layers in a row": Kind(
        chain(FEATURES, node("one", "Linear", out_features=20), node("drop", "Dropout"), FC, OUTPUT),
        "no-activation", "fc", "it follows one with no activation in between", "Put a ReLU between the two", "one"),
    "convolutions in a row": Kind(
        chain(IMAGE, CONV, *(node(f"next{i}", "Conv2d", out_channels=8) for i in range(3)), OUTPUT),
        "no-activation", "next0", "(so do 2 more)", "Put a ReLU between each of 3 pairs", "conv"),
    "attention without positions": Kind(
        chain(node("text", "Input", size=(16, 32)), node("att", "TransformerEncoderLayer"), OUTPUT),
        "no-positions", "att", "sees its tokens as a set", "Add learned positions"),
    "a gradient that is stopped": Kind(
        judged(FEATURES, node("first", "Linear"), node("act", "ReLU"), node("stop", "StopGradient"), FC),
        "no-gradient", "stop", "so first will never learn", "Freeze what stands before it", "first"),
    "nothing left to learn": Kind(
        judged(FEATURES, replace(FC, frozen=True)), "all-frozen", "loss", "there is nothing to learn",
        "Let fc learn again", "fc"),
    "fewer scores than classes": Kind(
        judged(image(1, 8, 8), node("flat", "Flatten"), node("fc", "Linear", out_features=7), recipe=DIGITS),
        "class-count", "loss", "fc gives 7 scores, but Handwritten digits has 10 classes",
        "Set fc's out_features to 10", "fc"),
    "an input that the data does not fill": Kind(
        judged(image(5, 8, 8), node("flat", "Flatten"), FC, recipe=DIGITS),
        "sample-size", "image", "takes 5×8×8 (float32), but Handwritten digits gives pictures of 1×8×8",
        "Set image's size to 1x8x8"),
    "samples of pictures where the data has rows": Kind(
        judged(image(1, 8, 8), node("flat", "Flatten"), node("fc", "Linear", out_features=2),
               recipe=Recipe(data=f"table:{TABLE}")),
        "sample-size", "image", "takes 1×8×8 (float32), but a.csv gives 3 numbers", "Set image's size to 3"),
    "tokens into an input of quantities": Kind(
        judged(FEATURES, node("fc", "Linear", out_features=LETTERS), recipe=Recipe(data=f"characters:{TEXT}"),
               target=node("label", "Target", field="next")),
        "sample-dtype", "image", "it takes float32, but a.txt gives tokens (int64)",
        "Read the tokens by an Embedding, and average them"),
    "a field that the data has not": Kind(
        judged(image(1, 8, 8), node("flat", "Flatten"), FC, recipe=DIGITS,
               target=node("label", "Target", field="mask")),
        "target-field", "label", "names the field `mask`, but Handwritten digits has only `label`, `input`",
        "Let label give `label`"),
    "a column that the table has not": Kind(
        judged(node("image", "Input", size=(3,)), node("fc", "Linear", out_features=2),
               recipe=Recipe(data=f"table:{TABLE}"), target=node("label", "Target", field="colour")),
        "target-field", "label", "but a.csv has only `label`, `x`, `y`, `price`, `input`", "Let label give `label`"),
    "one number for a mask": Kind(
        judged(image(3, 16, 16), node("flat", "Flatten"), node("fc", "Linear", out_features=4),
               recipe=Recipe(data="shapes"), target=node("label", "Target", field="mask")),
        "target-size", "label", "it takes one number (int64), but `mask` of Shapes (generated) is a map",
        "Let label give `label`"),
    "quantities where there are classes": Kind(
        replace(QUANTITY, nodes=(*QUANTITY.nodes, node("amount", "Target", dtype="float32"))),
        "target-dtype", "amount", "`label` of Spirals (generated) holds whole numbers, one a class",
        "Set amount's dtype to int64"),
    "fewer classes of pixels than the masks hold": Kind(
        judged(image(3, 16, 16), node("conv", "Conv2d", out_channels=3), recipe=Recipe(data="shapes"),
               target=node("label", "Target", field="mask", size=(16, 16))),
        "class-count", "loss", "conv gives 3 scores, but Shapes (generated) has 4 classes",
        "Set conv's out_channels to 4", "conv"),
    "a focal loss of too few classes": Kind(
        by_another(judged(image(1, 8, 8), node("flat", "Flatten"), node("fc", "Linear", out_features=7), recipe=DIGITS),
                   "FocalLoss"),
        "class-count", "loss", "fc gives 7 scores, but Handwritten digits has 10 classes",
        "Set fc's out_features to 10", "fc"),
    "a Dice loss of too few classes": Kind(
        by_another(judged(image(3, 16, 16), node("conv", "Conv2d", out_channels=1), recipe=Recipe(data="shapes"),
                          target=node("label", "Target", field="mask", size=(16, 16))), "DiceLoss"),
        "class-count", "loss", "conv gives 1 score, but Shapes (generated) has 4 classes",
        "Set conv's out_channels to 4", "conv"),
    "fewer scores than tokens, turned round": Kind(
        reader(LETTERS, 5), "class-count", "loss", f"fc gives 5 scores, but a.txt has {LETTERS} tokens",
        f"Set fc's out_features to {LETTERS}", "fc"),
    "an embedding of too few tokens": Kind(
        reader(6, LETTERS), "vocabulary", "words", f"its vocabulary is 6, but a.txt has {LETTERS} tokens",
        f"Set words's vocabulary to {LETTERS}", "text"),
    "pictures of 0 to 255": Kind(
        judged(image(3, 8, 8), node("flat", "Flatten"), node("fc", "Linear", out_features=2),
               recipe=Recipe(data=f"arrays:{MADE / 'bright.npz'}")),
        "value-range", "image", "its samples have values up to 200", "Scale its values by 1/255"),
    "a batch norm over one value": Kind(
        judged(FEATURES, node("first", "Linear", bias=False), node("norm", "BatchNorm1d"), node("act", "ReLU"), FC,
               recipe=Recipe(batch_size=1)),
        "one-sample", "norm", "the spread of one value is zero", "Train in batches of 32", "first"),
}  # fmt: skip

KINDS = {**SHAPES, **DRAWING, **SETTINGS, **LEARNING}
