"""torch's ONNX exporter, told once what it would work out anew for each of the hundreds of exports of a test run."""

from __future__ import annotations

import functools
import gc

import pytest


def share_the_registry(patch: pytest.MonkeyPatch) -> None:
    """Let every export start from a copy of one registry of ONNX functions; reading their sources takes 1 s each time.

    What lives by then lives on, so the garbage collector need not look at it again; and it comes by less often, for
    the exporter makes millions of small objects.
    """
    from torch.onnx._internal.exporter._registration import ONNXRegistry

    read = functools.cache(ONNXRegistry.from_torchlib)

    def copied(opset_version: int) -> ONNXRegistry:
        whole = read(opset_version)
        registry = ONNXRegistry()
        registry._opset_version = whole._opset_version
        registry.functions = {target: list(found) for target, found in whole.functions.items()}
        return registry

    patch.setattr(ONNXRegistry, "from_torchlib", staticmethod(copied))
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
