"""Small designs for the tests of training."""

from __future__ import annotations

from app.design.values import Design, End, Node, Recipe, Settings, Wire

SHORT = Recipe(data="digits", epochs=2, batch_size=64, learning_rate=0.01, seed=3)


def wire(source: str, target: str, port: str = "x") -> Wire:
    node, _, out = source.partition(".")
    return Wire(End(node, out or "out"), End(target, port))


def digits(
    classes: int = 10, size: tuple[int, ...] = (1, 8, 8), channels: int = 8, frozen: bool = False
) -> Design:
    """A stem with batch norm, then dropout: what tells of a generator or a statistic that is not restored."""
    return Design(
        nodes=(
            Node("image", block="Input", settings=Settings(size=size)),
            Node("stem", block="ConvStem", settings=Settings(channels=channels, kernel_size=3, stride=1, pool=False),
                 frozen=frozen),
            Node("flatten", block="Flatten"),
            Node("dropout", block="Dropout", settings=Settings(p=0.1)),
            Node("head", block="Linear", settings=Settings(out_features=classes)),
            Node("output", block="Output"),
            Node("label", block="Target"),
            Node("loss", block="CrossEntropy"),
            Node("accuracy", block="Accuracy"),
        ),
        wires=(
            wire("image", "stem"), wire("stem", "flatten"), wire("flatten", "dropout"), wire("dropout", "head"),
            wire("head", "output"), wire("head", "loss"),
            wire("label", "loss", "target"), wire("head", "accuracy"), wire("label", "accuracy", "target"),
        ),
        recipe=SHORT,
    )  # fmt: skip
