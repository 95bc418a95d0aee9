"""The digits network from Python: build it, check it, compile it, train it, export it."""

from pathlib import Path

from app.design import file
from app.design.build import chain, node, wire
from app.design.values import Recipe
from app.engine.compile import compile_design, shared_analyser
from app.engine.export import export
from app.engine.train import train

design = chain(
    node("image", "Input", size=(1, 8, 8)), node("stem", "ConvStem", channels=24, stride=1, pool=False),
    node("stage1", "ResidualStage", channels=24, depth=1),
    node("stage2", "ResidualStage", channels=48, depth=1, stride=2),
    node("attention", "SqueezeExcitation", reduction=8), node("head", "ClassificationHead", classes=10),
    node("output", "Output"),
    more=(node("label", "Target"), node("loss", "CrossEntropy"), node("accuracy", "Accuracy")),
    wires=tuple(wire(a, f"{b}.{c}") for a, c in (("head", "x"), ("label", "target")) for b in ("loss", "accuracy")),
    recipe=Recipe(data="digits", epochs=4, batch_size=32, learning_rate=0.003),
)  # fmt: skip
analysis = shared_analyser().analyse(design)
print(f"valid: {analysis.valid}, {analysis.parameters:,} parameters, {analysis.macs:,} MACs")
print(compile_design(design).module.code)
trained = train(design, design.recipe, name="script", device="cpu")
print(f"test accuracy {trained.values['accuracy']:.2%}, run {trained.run}")
print(*export(design, "onnx", trained.run, Path(trained.run)).lines, sep="\n")
file.save(design, Path(trained.run) / "drawing.netloom")
