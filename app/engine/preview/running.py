"""The compiled drawing, run once: what each call gives is looked at as it comes, and let go when nothing needs it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import fx, nn

from app.engine.compile import CALL
from app.engine.preview import attention
from app.messages.preview import Inside

_MISSING = object()
"""Stands for what a call did not give, because it failed or is fed by one that did."""


class Stopped(ValueError):
    """The preview is not wanted any more: a newer one was asked for, or it was cancelled."""


class Watcher(fx.Interpreter):
    """Runs the graph call by call. `seen(id, value)` is told of every call's value; what a call refuses is in `failed`,
    and what is fed by it is left out."""

    def __init__(
        self,
        module: fx.GraphModule,
        seen: Callable[[str, Any], None],
        *,
        attend: Collection[str] = (),
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(module)
        self._seen, self._attend, self._stop = seen, attend, stop
        self.failed: dict[str, str] = {}
        self.attention: list[Inside] = []

    def run_node(self, n: fx.Node) -> Any:
        if self._stop():
            raise Stopped("The preview was stopped.")
        if n.op != "output" and any(self.env[source] is _MISSING for source in n.all_input_nodes):
            return _MISSING
        id = n.meta.get(CALL, "")
        try:
            with self._watched(n, id) as found:
                value = super().run_node(n)
        except Exception as error:  # a block's code, the user's own too, raises whatever it likes
            if not id:
                raise
            self.failed[id] = str(error).strip().split("\n")[0][:200] or type(error).__name__
            return _MISSING
        if value is _MISSING:
            return value
        self.attention += [attention.heat(id, each) for each in found or ()][: attention.MOST - len(self.attention)]
        if id:
            self._seen(id, value)
        return value

    def outputs(self, *inputs: torch.Tensor | None) -> list[Any]:
        """Run with these inputs (None: not known). What arrives at each Output, in order; None where nothing does."""
        result = self.run(*(_MISSING if value is None else value for value in inputs))
        values = result if isinstance(result, tuple) else (result,)
        return [None if value is _MISSING else value for value in values]

    def _watched(self, n: fx.Node, id: str) -> AbstractContextManager[list[attention.Attended] | None]:
        if id not in self._attend or n.op != "call_module":
            return nullcontext(None)
        module = self.fetch_attr(str(n.target))
        assert isinstance(module, nn.Module)
        return attention.watched(module)


def parts(value: Any, ports: Mapping[str, str]) -> list[tuple[str, list[torch.Tensor] | None]]:
    """What a call gives, port by port (name -> kind): the tensor or the levels of a pyramid; None for what has no
    picture, such as boxes."""
    values = [value] if len(ports) == 1 else list(value)
    found: list[tuple[str, list[torch.Tensor] | None]] = []
    for (port, kind), one in zip(ports.items(), values, strict=False):
        levels = one if isinstance(one, list | tuple) else [one]
        plain = kind in ("tensor", "scalar", "pyramid", "any") and all(isinstance(x, torch.Tensor) for x in levels)
        found.append((port, list(levels) if plain else None))
    return found
