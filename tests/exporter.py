"""torch's ONNX exporter, told once what it would work out anew for each of the hundreds of exports of a test run."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest


@pytest.fixture(scope="session", autouse=True)
def quick_exporter() -> Iterator[None]:
    """For the folders whose tests export much: their conftest.py takes it in. Others need not import torch for it."""
    with pytest.MonkeyPatch.context() as patch:
        share_the_registry(patch)
        find_composites_once(patch)
        enter_kernels_quickly(patch)
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


def find_composites_once(patch: pytest.MonkeyPatch) -> None:
    """Let each set of registered operators be searched once: an export does so 56 times, for a third of its time.

    torch does not keep what it finds, because operators may come at any time: where there are more, it looks again.
    """
    from torch._export import utils

    find = utils._collect_all_valid_cia_ops_for_namespace
    known: dict[Any, tuple[int, Any]] = {}

    def found(namespace: Any) -> Any:
        count, ops = known.get(namespace, (-1, None))
        if count != len(namespace._dir):
            ops = find(namespace)
            known[namespace] = len(namespace._dir), ops
        return set(ops)

    patch.setattr(utils, "_collect_all_valid_cia_ops_for_namespace", found)


def enter_kernels_quickly(patch: pytest.MonkeyPatch) -> None:
    """Enter a kernel for a dispatch key without what torch does for other kinds of keys.

    An export enters 11,000 kernels and takes them out again; what is said in the entering function's own types alone,
    worked out anew each time, takes longer than all the rest.
    """
    from torch._C import DispatchKey
    from torch._ops import OperatorBase

    whole = OperatorBase.py_impl

    def py_impl(self: OperatorBase, key: Any) -> Callable[[Any], Any]:
        if type(key) is not DispatchKey or key == DispatchKey.Python or key in self.py_kernels:
            return whole(self, key)

        def enter(kernel):  # type: ignore[no-untyped-def]
            self.py_kernels[key] = kernel
            self._dispatch_cache.clear()
            return kernel

        return enter

    patch.setattr(OperatorBase, "py_impl", py_impl)
