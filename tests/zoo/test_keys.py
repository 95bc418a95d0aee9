"""Checkpoints in the layouts of torchvision and timm: made here from public facts, checked, loaded, compared."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from app.cli import main
from app.engine.compile import Network, compile_design
from app.engine.keymaps import key_maps, recognise
from app.engine.weights import load
from examples import zoo
from tests.layers import drawn
from tests.zoo import make_keys
from tests.zoo.layouts import LAYOUTS, densenet121, resnet
from tests.zoo.references import FINGERPRINTS, NAMES, fill, probe, summary, values

LARGE = 10e6
"""Values from which on writing a file a second time, in torch's format, takes longer than it tells."""
HUGE = 100e6
"""Values from which on a file is made in full runs only."""


def network(name: str) -> Network:
    return compile_design(drawn(name), "inference")


def filled(shapes: Mapping[str, Sequence[int]]) -> dict[str, torch.Tensor]:
    """Tensors by the fingerprints' rule; a batch norm's buffers as they are when it is new."""
    buffers = {"running_mean": 0.0, "running_var": 1.0}
    found = {}
    for name, shape in shapes.items():
        leaf = name.rpartition(".")[2]
        if leaf in ("num_batches_tracked", "relative_position_index"):
            found[name] = torch.zeros(tuple(shape), dtype=torch.int64)
        elif leaf in buffers:
            found[name] = torch.full(tuple(shape), buffers[leaf])
        else:
            found[name] = values(name, shape).float()
    return found


def checked(capsys: pytest.CaptureFixture[str], name: str, path: Path, *options: str) -> tuple[int, dict[str, object]]:
    code = main(["check", name, "--weights", str(path), "--json", *options])
    return code, json.loads(capsys.readouterr().out)["weights"]


def size(shapes: Mapping[str, Sequence[int]]) -> int:
    return sum(math.prod(shape) for shape in shapes.values())


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] if size(LAYOUTS[n]()) > HUGE else []) for n in LAYOUTS]
)
def test_a_checkpoint_in_the_references_layout_fits_and_gives_the_same_outputs(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tensors = filled(LAYOUTS[name]())
    files = [tmp_path / "weights.safetensors"]
    save_file(tensors, files[0])
    if size(LAYOUTS[name]()) < LARGE:
        files.append(tmp_path / "weights.pth")
        torch.save(dict(reversed(tensors.items())), files[1])
    compiled = network(name)
    for path in files:
        code, said = checked(capsys, name, path)
        assert code == 0 and said["fits"] and said["loads"], said
        assert (said["missing"], said["unexpected"], said["mismatched"]) == ([], [], [])
        assert said["needed"] == said["loaded"] == len(compiled.root.state_dict())
        assert ("timm" if "timm" in str(said["layout"]) else "torchvision") in str(said["layout"])
    load(compiled.root, files[-1])
    module, image = compiled.module.eval(), probe([int(n) for n in NAMES[name]["input"].split("x")]).float()
    with torch.no_grad():
        loaded = module(image).double()
        fill(compiled.root).float()
        direct = module(image).double()
    assert torch.equal(loaded, direct)
    if name in FINGERPRINTS:  # in float32 here: the reference's own outputs, to fewer digits
        scale = max(map(abs, FINGERPRINTS[name]["values"]))
        assert summary(loaded)["values"] == pytest.approx(FINGERPRINTS[name]["values"], rel=1e-3, abs=1e-3 * scale)


@pytest.mark.parametrize(
    ("name", "theirs", "ours"),
    [
        ("resnet50", "layer3.4.conv2.weight", "backbone.stages.2.blocks.4.conv2.conv.weight"),
        ("resnet50", "layer2.3.bn3.running_var", "backbone.stages.1.blocks.3.conv3.norm.running_var"),
        ("resnet50", "layer4.0.downsample.1.bias", "backbone.stages.3.blocks.0.shortcut.norm.bias"),
        ("resnet50d", "conv1.4.weight", "stem.convs.1.norm.weight"),
        ("resnet50d", "bn1.weight", "stem.convs.2.norm.weight"),
        ("resnet50d", "layer2.0.downsample.1.weight", "backbone.stages.1.blocks.0.shortcut.1.conv.weight"),
        ("vgg16_bn", "features.17.weight", "backbone.stages.1.convs.1.conv.weight"),
        ("vgg16_bn", "features.18.weight", "backbone.stages.1.convs.1.norm.weight"),
        ("vgg16_bn", "classifier.3.bias", "head.layers.3.bias"),
        ("mobilenet_v2", "features.6.conv.1.0.weight", "backbone.stages.2.2.depthwise.conv.weight"),
        ("mobilenet_v2", "features.18.1.weight", "conv.norm.weight"),
        ("densenet121", "features.denseblock3.denselayer12.conv2.weight", "backbone.stages.2.1.layers.11.conv2.weight"),
        ("vit_b_16", "encoder.layers.encoder_layer_10.mlp.3.bias", "backbone.blocks.10.feed_forward.linear2.bias"),
        ("vit_b_16", "encoder.layers.encoder_layer_9.self_attention.in_proj_bias",
         "backbone.blocks.9.attention.qkv.bias"),
        ("swin_t", "features.5.4.mlp.3.weight", "backbone.stages.2.blocks.4.mlp.project.weight"),
        ("swin_t", "features.4.norm.bias", "backbone.stages.2.merge.norm.bias"),
        ("convnext_tiny", "features.5.7.block.5.weight", "backbone.stages.2.blocks.7.project.weight"),
        ("convnext_tiny", "features.3.1.layer_scale", "backbone.stages.1.blocks.1.scale.gamma"),
        ("efficientnet_b0", "features.4.2.block.2.fc2.bias", "backbone.stages.3.2.attention.expand.bias"),
        ("efficientnet_b0", "features.6.3.block.3.0.weight", "backbone.stages.5.3.project.conv.weight"),
        ("vit_small_patch16_224", "blocks.10.norm2.weight", "backbone.blocks.10.norm2.weight"),
        ("convnext_nano", "stages.2.blocks.6.mlp.fc1.bias", "backbone.stages.2.blocks.6.expand.bias"),
        ("darknet53", "stages.3.blocks.7.conv2.bn.weight", "backbone.stages.3.blocks.7.conv2.norm.weight"),
        ("mobilevit_xxs", "stages.1.2.conv3_1x1.conv.weight", "backbone.stages.1.2.project.conv.weight"),
        ("mobilevit_xxs", "stages.3.1.transformer.2.mlp.fc2.bias",
         "backbone.stages.3.1.transformer.2.mlp.project.bias"),
    ],
)  # fmt: skip
def test_a_tensor_goes_to_the_layer_of_its_place(name: str, theirs: str, ours: str) -> None:
    """Layers of one size are alike to every test of sizes: here some are named on both sides."""
    needed = {key: tensor.shape for key, tensor in network(name).root.state_dict().items()}
    shapes = LAYOUTS[name]()
    assert recognise(needed, shapes).names[theirs] == ours
    backwards = recognise(needed, dict(sorted(shapes.items(), reverse=True)))
    assert backwards.names[theirs] == ours, "the order of a file means nothing"


def test_older_names_of_a_published_file_fit_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """torchvision's DenseNet files say `norm.1`; batch norms without a counter; data parallelism; a trainer's dict."""
    tensors = {f"module.{n}": t for n, t in filled(densenet121(".")).items() if not n.endswith("num_batches_tracked")}
    torch.save({"epoch": 3, "model": tensors}, tmp_path / "densenet121.pth")
    code, said = checked(capsys, "densenet121", tmp_path / "densenet121.pth")
    assert (code, said["fits"], said["loaded"]) == (0, True, len(tensors))


def test_another_number_of_classes_leaves_the_classifier_new(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mobilenet.safetensors"
    save_file(filled(LAYOUTS["mobilenet_v2"]()), path)
    code, said = checked(capsys, "mobilenet_v2", path, "--set", "head.classes=10")
    assert code == 1 and said["loads"] and not said["fits"]
    assert said["mismatched"] == [
        "head.linear.weight (classifier.1.weight): 1000x1280 in the file, 10x1280 needed",
        "head.linear.bias (classifier.1.bias): 1000 in the file, 10 needed",
    ]
    main(["check", "mobilenet_v2", "--weights", str(path), "--set", "head.classes=10"])
    assert "train --weights takes what fits" in capsys.readouterr().out
    target = tmp_path / "ours.safetensors"
    call = ["export", "mobilenet_v2", "--to", "safetensors", "--weights", str(path), "-o", str(target)]
    assert main([*call, "--set", "head.classes=10"]) == 2
    assert "lack what head.linear needs" in capsys.readouterr().err
    assert main(call) == 0
    assert "314 of 314 tensors taken" in " ".join(capsys.readouterr().out.split())
    written, given = load_file(target), load_file(path)
    assert torch.equal(written["backbone.stages.1.0.expand.conv.weight"], given["features.2.conv.0.0.weight"])


def test_a_file_of_a_deeper_network_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "deeper.pth"
    torch.save({name: torch.zeros(shape) for name, shape in resnet((3, 4, 7, 3)).items()}, path)
    code, said = checked(capsys, "resnet50", path)
    assert code == 1 and not said["loads"] and not said["missing"]
    assert {str(name)[:8] for name in said["unexpected"]} == {"layer3.6"}  # type: ignore[attr-defined]
    call = ["export", "resnet50", "--to", "safetensors", "--weights", str(path), "-o", str(tmp_path / "o.safetensors")]
    assert main(call) == 2
    assert "they are of another network: they have layer3.6." in capsys.readouterr().err
    assert not (tmp_path / "o.safetensors").exists()


def test_the_backbone_of_a_classifier_begins_a_segmenter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "resnet50.safetensors"
    save_file(filled(resnet((3, 4, 6, 3))), path)
    code, said = checked(capsys, "fcn_resnet50_noaux", path)
    assert code == 1 and said["loads"] and said["loaded"] == 318
    assert {str(name).split(".")[0] for name in said["missing"]} == {"head"}  # type: ignore[attr-defined]
    assert said["unexpected"] == ["fc.bias", "fc.weight"]


def test_training_begins_with_the_weights_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With hardly any learning rate the run's weights are those of the file, but for the head of other classes."""
    given = tmp_path / "given.safetensors"
    call = ["export", "digits", "--to", "safetensors", "-o", str(given)]
    assert main([*call, "--set", "head.classes=11"]) == 0
    run = tmp_path / "run"
    train = ["train", "digits", "--epochs", "1", "--device", "cpu", "--run", str(run), "--weights", str(given)]
    capsys.readouterr()
    assert main([*train, "--recipe", "learning_rate=1e-12"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "These stay new, because the file has none that fit: head" in said
    assert "named as in Netloom" in (run / "log.txt").read_text(encoding="utf-8")
    before, after = load_file(given), load_file(next(run.glob("checkpoints/last*/weights.safetensors")))
    trained = {n for n in after if n.endswith(("weight", "bias"))}
    same = {n for n in trained if before[n].shape == after[n].shape and torch.allclose(before[n], after[n], atol=1e-6)}
    assert same and all(name.startswith("head.") for name in trained - same) and trained - same
    assert main([*train, "--resume"]) == 2
    assert "leave --weights out" in capsys.readouterr().err
    assert main([*call, "--run", str(run), "--weights", str(given)]) == 2
    assert "not from both" in capsys.readouterr().err


def test_the_page_is_made_of_the_rules_and_names_files_of_the_zoo() -> None:
    assert make_keys.PAGE.read_text(encoding="utf-8") == make_keys.page(), "run python -m tests.zoo.make_keys"
    known = {path.stem for path in zoo.families()}
    assert {family for map in key_maps() for family in map.families} <= known
