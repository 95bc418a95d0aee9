"""Modules made on torch's meta device, and what each was told when it was made and called."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import FrameType
from typing import Any, NamedTuple

import torch
from torch import nn

_TORCH = "torch."
_FILLS = frozenset(name for name in vars(nn.init) if name.endswith("_") and not name.startswith("_"))


class Fill(NamedTuple):
    """A function of `torch.nn.init` that filled a weight, and what it was told beside its defaults."""

    function: str
    arguments: tuple[tuple[str, Any], ...]


class Record:
    """What one module was told: `arguments` of its constructor (defaults included) and `locals`, its constructor's
    names as they stood at its end. `passed`: the parameters of its forward that were ever given something; `always`:
    those that were in every call."""

    def __init__(self, cls: type, arguments: dict[str, Any]) -> None:
        self.cls, self.arguments = cls, arguments
        self.locals: dict[str, Any] = {}
        self.passed: set[str] = set()
        self.always: set[str] = set()
        self.called = 0


def is_torch(cls: type) -> bool:
    """Whether the class is one of torch's own."""
    return cls.__module__ == "torch" or cls.__module__.startswith(_TORCH)


def signature_of(cls: type, method: str = "__init__") -> inspect.Signature:
    """The parameters of a method, without `self`."""
    return _signature(getattr(cls, method))


@lru_cache(maxsize=2048)
def _whole(function: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(function)


@lru_cache(maxsize=2048)
def _signature(method: Callable[..., Any]) -> inspect.Signature:
    whole = inspect.signature(method)
    return whole.replace(parameters=list(whole.parameters.values())[1:])


class Recorder:
    """Watches constructors run, and then forwards."""

    def __init__(self) -> None:
        self.records: dict[int, Record] = {}
        self.fills: dict[int, Fill] = {}
        """What filled a weight last, by the weight's id: only where it was no layer of torch's itself."""
        self._kept: list[Any] = []
        self._frames: dict[int, Record] = {}

    def of(self, module: nn.Module) -> Record | None:
        return self.records.get(id(module))

    def make(self, build: Callable[[], nn.Module]) -> nn.Module:
        """What `build` makes, each of its modules on record."""
        before = sys.getprofile()
        sys.setprofile(self._seen)
        try:
            with torch.device("meta"):
                made = build()
        finally:
            sys.setprofile(before)
            self._frames.clear()
        self._kept.append(made)
        return made

    def _seen(self, frame: FrameType, event: str, _argument: Any) -> None:
        function = frame.f_code.co_name
        if function in _FILLS and event == "call":
            self._filled(function, frame)
        if function != "__init__" or event not in ("call", "return"):
            return
        if event == "return":
            record = self._frames.pop(id(frame), None)
            if record is not None:
                record.locals = dict(frame.f_locals)
            return
        names = frame.f_code.co_varnames
        module = frame.f_locals.get(names[0]) if names else None
        if not isinstance(module, nn.Module) or is_torch(type(module)) or id(module) in self.records:
            return
        cls = type(module)
        if frame.f_code is not getattr(cls.__init__, "__code__", None):
            return
        told = {name: frame.f_locals[name] for name in signature_of(cls).parameters if name in frame.f_locals}
        record = Record(cls, told)
        self.records[id(module)] = self._frames[id(frame)] = record
        self._kept.append(module)  # so that no other object gets its id

    def _filled(self, function: str, frame: FrameType) -> None:
        """Note what fills a weight. Asked for by torch itself it is how the layer begins anyway."""
        asked = str(frame.f_back.f_globals.get("__name__", "")) if frame.f_back is not None else ""
        if frame.f_globals.get("__name__") != "torch.nn.init" or asked.split(".")[0] == "torch":
            return
        first, *others = _whole(getattr(nn.init, function)).parameters.values()
        weight = frame.f_locals[first.name]
        told = tuple((p.name, frame.f_locals[p.name]) for p in others if frame.f_locals[p.name] != p.default)
        self.fills[id(weight)] = Fill(function, told)
        self._kept.append(weight)

    def run(self, module: nn.Module, values: list[Any]) -> Any:
        """What the module makes of the values; notes which arguments each module inside was given."""
        handles = [m.register_forward_pre_hook(self._called, with_kwargs=True) for m in module.modules()]
        try:
            with torch.device("meta"), torch.no_grad():
                return module(*values)
        finally:
            for handle in handles:
                handle.remove()

    def _called(self, module: nn.Module, values: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        record = self.of(module)
        if record is None:
            return
        record.called += 1
        bound = signature_of(type(module), "forward").bind(*values, **named).arguments
        given = {name for name, value in bound.items() if value is not None}
        record.always = given if record.called == 1 else record.always & given
        record.passed |= given
