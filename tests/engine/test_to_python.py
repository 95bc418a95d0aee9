"""A design as PyTorch code."""

from __future__ import annotations

import importlib

import pytest
import torch

from examples.zoo import networks

HAND_WRITTEN = {
    "resnet50": ("resnet50", "ResNet50"),
    "unet_original": ("unet", "UNet"),
    "vit_b_16": ("vit", "ViT"),
    "yolov8n": ("yolov8n", "YOLOv8n"),
}
"""Network of the zoo -> the module under tests/readable_code and its class."""


@pytest.mark.parametrize("name", HAND_WRITTEN)
def test_the_hand_written_networks_are_those_of_the_zoo(name: str) -> None:
    file, cls = HAND_WRITTEN[name]
    (known,) = [network for network in networks() if network.name == name]
    with torch.device("meta"):
        model = getattr(importlib.import_module(f"tests.readable_code.{file}"), cls)()
        model(*(torch.empty(shape) for shape in known.inputs))
    assert sum(p.numel() for p in model.parameters()) == known.parameters
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == known.trainable
