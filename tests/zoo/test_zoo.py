"""Every network of the zoo against its reference: parameters, MACs, the shapes of outputs and of inner features."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
import torch

from app.cli import main
from app.design import file
from app.engine.compile import compile_design, shared_analyser
from examples import zoo
from tests.layers import drawn
from tests.zoo import make_page
from tests.zoo.references import FINGERPRINTS, NAMES, SMALLEST, VISIBLE, check, fill, probe, shapes, summary

BUILT = [name for name in NAMES if zoo.find(name)]
LARGE = 5e9
"""MACs from which on a network's outputs are computed in full runs only."""
LIKE = {
    "convnext_nano": "convnext_pico", "cs3darknet_l": "cs3darknet_m", "darknet21": "darknet17",
    "deit_small_patch16_224": "deit_tiny_patch16_224", "densenet169": "densenet121",
    "densenet201": "densenet121", "efficientnet_b3": "efficientnet_b2", "efficientnet_b4": "efficientnet_b2",
    "mobilevitv2_150": "mobilevitv2_125", "pvt_v2_b2": "pvt_v2_b1", "regnet_y_3_2gf": "regnet_y_1_6gf",
    "resnet34": "resnet18", "resnet34d": "resnet18d", "skresnet34": "skresnet18",
    "vit_small_patch16_224": "vit_tiny_patch16_224", "vit_small_patch32_384": "vit_small_patch32_224",
    "vit_tiny_patch16_384": "vit_tiny_patch16_224",
}  # fmt: skip
"""Networks that differ from a smaller one in widths, depths or the image's sides alone. Their parameters, MACs and
shapes are compared in every run; what they compute shows once more that the same blocks are wired in the same way."""


def names(some: Iterable[str], *, values: bool = False, family: bool = False) -> list[Any]:
    """Those of `some` that are built. One worker runs all tests of a network, so that analysis remembers its runs.

    Where values are computed the large ones and those that are LIKE others are marked slow, with `family` all but the
    smallest of each family.
    """

    def marks(name: str) -> list[pytest.MarkDecorator]:
        slow = (values and (large(name) or name in LIKE)) or (family and name not in SMALLEST)
        return [pytest.mark.xdist_group(name), *([pytest.mark.slow] if slow else [])]

    return [pytest.param(name, marks=marks(name)) for name in some if name in BUILT]


def large(name: str) -> bool:
    return bool(VISIBLE[name].get("macs", 0) > LARGE)


def test_what_is_like_another_is_computed_there() -> None:
    for name, other in LIKE.items():
        assert other in FINGERPRINTS and other not in LIKE and not large(other), name
        assert zoo.index()[name] == zoo.index()[other], "one file, so the same blocks"
        assert VISIBLE[other].get("macs", 0) < VISIBLE[name]["macs"], name


def test_every_file_is_written_as_the_file_module_writes_it_and_says_what_it_is() -> None:
    for path in zoo.families():
        design = file.load(path, shared_analyser().cards)
        assert file.dumps(design) == path.read_bytes(), path.name
        assert design.variants, path.name
        about = design.about
        assert about.title and about.year and about.paper and about.introduced.endswith(".") and about.task, path.name
        assert len(design.nodes) >= 4, f"{path.name}: stem, backbone and head are nodes"


@pytest.mark.parametrize("name", names(BUILT))
def test_its_numbers_are_those_of_its_reference(name: str) -> None:
    """It checks without a problem at the reference's size; where that was measured, numbers and shapes are equal."""
    document = check(name)
    assert (document["code"], document["problems"], document["uncounted"]) == (0, [], [])
    sizes = [i["shape"] for i in document["inputs"]]
    assert "x".join(map(str, sizes[0])) == NAMES[name]["input"] or str(sizes) == NAMES[name]["input"]
    assert make_page.measured(document) == make_page.written().get(name), "run python -m tests.zoo.make_page"
    row = VISIBLE.get(name)
    if row is None:
        return
    assert document["trainable_parameters"] == row["params"]
    assert document["parameters"] == row.get("params_total_incl_frozen", row["params"])
    assert document["macs"] == row.get("macs", document["macs"])
    named = row.get("output_names") or [""] * len(row["output_shapes"])
    outer = [s for n, s in zip(named, row["output_shapes"], strict=True) if not is_inner(n)]
    inner = [s for n, s in zip(named, row["output_shapes"], strict=True) if is_inner(n)]
    assert [o["shape"] for o in document["outputs"]] == outer
    on_wires = shapes(document)
    wanted = inner + [feature["shape"] for feature in row.get("feature_shapes", ())]
    assert [s for s in wanted if tuple(s) not in on_wires] == []


def is_inner(output: str) -> bool:
    return output.startswith(("feats[", "backbone."))


@pytest.mark.parametrize("name", names(FINGERPRINTS, values=True))
def test_its_outputs_are_those_of_its_reference(name: str) -> None:
    row = FINGERPRINTS[name]
    network = compile_design(drawn(name), "inference")
    fill(network.root)
    with torch.no_grad():
        output = network.module.double().eval()(probe(row["input_shape"]))
    got = summary(output[0] if isinstance(output, tuple) else output)
    scale = max(map(abs, row["values"]))
    assert got["norm"] == pytest.approx(row["norm"], rel=1e-5)
    assert got["mean"] == pytest.approx(row["mean"], rel=1e-5, abs=1e-5 * scale)
    assert got["values"] == pytest.approx(row["values"], rel=1e-5, abs=1e-5 * scale)


@pytest.mark.parametrize("name", names((n for n in BUILT if NAMES[n]["input"].count("x") == 3), family=True))
def test_it_takes_other_sizes_and_class_counts(name: str) -> None:
    """`--input image=` with twice the sides, `--set head.classes=7` where the head classifies."""
    channels, height, width = (int(n) for n in NAMES[name]["input"].split("x")[1:])
    if height == 1:
        pytest.skip("it takes a vector, not an image")
    path = zoo.find(name)
    assert path is not None
    design = file.load(path)
    head = design.by_name.get("head")
    card = shared_analyser().cards.get(head.block) if head else None
    classes = ["--set", "head.classes=7"] if card and card.setting("classes") else []
    assert classes or design.about.task in ("generation", "segmentation", "detection", "recognition")
    document = check(name, "--input", f"image={channels}x{2 * height}x{2 * width}", *classes)
    assert document["code"] == 0, document["problems"]
    if classes:
        assert any(7 in output["shape"] for output in document["outputs"])


def test_the_page_is_made_of_the_numbers() -> None:
    assert (make_page.FOLDER / "README.md").read_text(encoding="utf-8") == make_page.page(make_page.written())


def test_zoo_lists_every_network_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["zoo", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert sorted(row["name"] for row in listed) == sorted(zoo.index())
    resnet = next(row for row in listed if row["name"] == "resnet50")
    assert (resnet["parameters"], resnet["macs"], resnet["year"]) == (25_557_032, 4_089_184_256, 2015)
    assert main(["zoo"]) == 0
    table = capsys.readouterr().out
    assert all(f"\n{name} " in table for name in zoo.index())


def test_a_name_that_is_nearly_right_is_told_the_right_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "resnt50"]) == 2
    assert "did you mean resnet50" in capsys.readouterr().err
