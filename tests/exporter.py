"""torch's ONNX exporter, told once what it would work out anew for each of the hundreds of exports of a test run."""

from __future__ import annotations

import functools
import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def quick_exporter() -> Iterator[None]:
    """For the folders whose tests export much: their conftest.py takes it in. Others need not import torch for it."""
    with pytest.MonkeyPatch.context() as patch:
        share_the_registry(patch)
        # What lives by now lives on, so the garbage collector need not look at it again; and it comes by less often,
        # for the exporter makes millions of small objects.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)
        yield


def share_the_registry(patch: pytest.MonkeyPatch) -> None:
    """Let every export start from a copy of one registry of ONNX functions, which takes 1 s to read."""
    from torch.onnx._internal.exporter._registration import ONNXRegistry

    read = functools.cache(ONNXRegistry.from_torchlib)

    def copied(opset_version: int) -> ONNXRegistry:
        whole = read(opset_version)
        registry = ONNXRegistry()
        registry._opset_version = whole._opset_version
        registry.functions = {target: list(found) for target, found in whole.functions.items()}
        return registry

    patch.setattr(ONNXRegistry, "from_torchlib", staticmethod(copied))
