"""One run of a block on meta that is watched: which module was called with which shapes, what it multiplied, and which
call or function each tensor comes from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import flop_registry

from app.engine.measure import Value, on_meta
from app.engine.meta import Remembering, tensors_in
from app.engine.reckoning.macs import Product, product_of
from blocks.card import Kind

Shape = tuple[int, ...]


class Called(NamedTuple):
    """One call of a module that is looked at as a whole. `given` and `made` hold its tensors, flat; `given_shapes` are
    its arguments: a shape, a list of shapes (a pyramid) or None each."""

    path: str
    module: nn.Module
    given_shapes: list[Any]
    given: list[torch.Tensor]
    made: list[torch.Tensor]


class Computed(NamedTuple):
    """A function between modules, such as torch.cat, and its tensors."""

    name: str
    given: list[torch.Tensor]


class Trace(NamedTuple):
    """What was seen. `outputs` are the block's own, port after port, the levels of each."""

    inputs: list[torch.Tensor]
    given_shapes: list[Any]
    outputs: list[list[torch.Tensor]]
    calls: list[Called]
    source: dict[int, Called | Computed]
    """By the `id` of a tensor; those of `inputs` are not in it."""
    products: dict[str, list[Product]]
    """By the path of the module, "" for the block itself: what it multiplied and added."""

    @property
    def made(self) -> list[torch.Tensor]:
        return [tensor for levels in self.outputs for tensor in levels]


def trace(module: nn.Module, inputs: Sequence[Value | None], kinds: Sequence[Kind], whole: set[int]) -> Trace:
    """Run `module`, which lies on meta. Modules whose `id` is in `whole`, and those without any inside, are seen as
    single calls."""
    watch = _Watch(module, whole)
    given = [on_meta(value, kind) for value, kind in zip(inputs, kinds, strict=True)]
    watch.known.update(id(t) for t in tensors_in(given))
    with ExitStack() as stack:
        for context in watch.hooks(module):
            stack.callback(context.remove)
        for mode in (torch.no_grad(), torch.device("meta"), _Counting(watch), _Following(watch)):
            stack.enter_context(mode)
        result = module(*given)
    outputs = list(result) if isinstance(result, tuple) else [result]
    made = [tensors_in(value) for value in outputs]
    return Trace(tensors_in(given), shapes(given), made, watch.calls, watch.source, watch.products)


def shapes(value: Any) -> Any:
    """The same value with shapes in the tensors' places."""
    if isinstance(value, torch.Tensor):
        return tuple(value.shape)
    return [shapes(part) for part in value] if isinstance(value, list | tuple) else None


class _Watch:
    """Where the run stands, and what was seen so far."""

    def __init__(self, root: nn.Module, whole: set[int]) -> None:
        self.paths: dict[int, str] = {}
        """Of the modules that are seen as a whole, by `id`."""
        self._find(root, "", whole)
        self.inside = ""
        """The path of the one of them that runs now."""
        self.calls: list[Called] = []
        self.source: dict[int, Called | Computed] = {}
        self.known: set[int] = set()
        self.products: dict[str, list[Product]] = {}
        self._held: list[Any] = []
        """Tensors, so that none is freed and its `id` given to another one."""

    def _find(self, module: nn.Module, path: str, whole: set[int]) -> None:
        for name, inner in module.named_children():
            here = f"{path}.{name}" if path else name
            if id(inner) in whole or not inner._modules:
                self.paths.setdefault(id(inner), here)
            else:
                self._find(inner, here, whole)

    def hooks(self, root: nn.Module) -> Iterator[Any]:
        for module in root.modules():
            if id(module) in self.paths:
                yield module.register_forward_pre_hook(self._before)
                yield module.register_forward_hook(self._after)

    def _before(self, module: nn.Module, given: Any) -> None:
        if not self.inside:
            self.inside = self.paths[id(module)]

    def _after(self, module: nn.Module, given: Any, made: Any) -> None:
        path = self.paths[id(module)]
        if self.inside == path:
            self.inside = ""
            call = Called(path, module, shapes(given), tensors_in(given), tensors_in(made))
            self._held.append((given, made))
            self.calls.append(call)
            self._comes_from(call.made, call)

    def function(self, name: str, given: Any, made: Any) -> None:
        tensors = tensors_in(made)
        if tensors and not self.inside:
            self._held.append(made)
            self._comes_from(tensors, Computed(name, tensors_in(given)))

    def _comes_from(self, tensors: list[torch.Tensor], source: Called | Computed) -> None:
        for tensor in tensors:
            if id(tensor) not in self.known:  # an Identity gives what it got
                self.known.add(id(tensor))
                self.source[id(tensor)] = source


class _Counting(Remembering):
    """Notes what torch's own counter would count."""

    def __init__(self, watch: _Watch) -> None:
        super().__init__()
        self.watch = watch

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = super().__torch_dispatch__(func, types, args, kwargs)
        if func._overloadpacket in flop_registry:
            product = product_of(func, args, kwargs or {}, result)
            self.watch.products.setdefault(self.watch.inside, []).append(product)
        return result


class _Following(TorchFunctionMode):
    """Notes which tensors a function between modules was given."""

    def __init__(self, watch: _Watch) -> None:
        super().__init__()
        self.watch = watch

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if not self.watch.inside and isinstance(result, torch.Tensor | tuple | list):
            self.watch.function(getattr(func, "__name__", str(func)), [args, *(kwargs or {}).values()], result)
        return result
