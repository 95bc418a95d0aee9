"""Follows one block the way torch's ONNX exporter does, without its weights, and says what the exporter would refuse.

The block runs on fake tensors that have no values, so it costs no memory whatever its size. Its inputs are made inside
the run, of the sizes that the drawing gives them at batch 2 and at batch 3: what grows from one to the other hangs on
the batch. If the run fixes the batch after all, something in the block has baked it in.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import nn

from app.engine.arguments import declared
from app.engine.lint import lines
from app.engine.lint.loosening import loosened
from app.engine.measure import Value
from app.engine.patience import HungError, limited
from app.engine.walk import Step, arguments_of
from blocks.operators import TRANSLATIONS

MOST = 2_000
"""How many looks are remembered."""
PATIENCE = 20.0
"""Seconds that a look may take."""
NAMED = 3
"""So many operators are named."""


class Look(NamedTuple):
    """What came of it: a problem's code ("" for none) and sentence, and fixes as (title, setting, value)."""

    code: str = ""
    message: str = ""
    fixes: tuple[tuple[str, str, str], ...] = ()


class Size(NamedTuple):
    """A size of an input: `of` times a free one, plus `more`. `free` numbers it, 0 is the batch; -1: it never
    changes."""

    more: int
    free: int = -1
    of: int = 1


class Asked(NamedTuple):
    """A block, what it is built with, and what it is given; equal ones need one look."""

    cls: type
    arguments: tuple[tuple[str, Any], ...]
    inputs: tuple[tuple[tuple[tuple[Size, ...], str], ...] | None, ...]
    """Tensors (their sizes, and the dtype) at each port; None where nothing is wired."""
    kinds: tuple[str, ...]
    frees: tuple[int, ...]
    """What each free size is in the drawing; that of the batch is 2."""
    rebuilt: bool
    """Whether it is built otherwise for another batch."""
    code: str = ""
    """The setting that holds Python."""

    @classmethod
    def of(cls, block: type, two: Step, three: Step, other: Step) -> Asked:
        """What is asked of a call, by its steps at batch 2, at batch 3, and at batch 2 with other sizes of the image
        (the first again where sizes stay)."""
        assert two.card is not None
        arguments = arguments_of(two)
        frees: dict[tuple[int, int], int] = {(2, 2): 0}
        inputs = tuple(_sizes(two.inputs[p], three.inputs.get(p), other.inputs.get(p), frees) for p in two.used)
        kinds = tuple(declared(two.card, port).kind for port in two.used)
        code = next((s.name for s in two.card.settings if s.type == "code"), "")
        own = tuple(sorted((name, _hashable(value)) for name, value in arguments.items()))
        sizes = tuple(size for size, _ in frees)
        return cls(block, own, inputs, kinds, sizes, arguments != arguments_of(three), code)


    def at(self, operator: str = "") -> str:
        """The line of its code that calls the operator, or without one that makes a number of a size; empty where it
        has none, or that is not known."""
        arguments = dict(self.arguments)
        source = str(arguments.get(self.code, ""))
        tensors = [name for name in arguments.get("wired", ()) if isinstance(name, str)]
        line = lines.of_operator(source, operator) if operator else lines.of_fixed_size(source, tensors)
        return f"line {line} of its code" if line else ""


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _sizes(
    two: Value | None, three: Value | None, other: Value | None, frees: dict[tuple[int, int], int]
) -> tuple[tuple[tuple[Size, ...], str], ...] | None:
    if two is None or three is None or other is None:
        return None
    made = []
    for a, b, c in zip(two, three, other, strict=True):
        sizes = []
        for n, by_batch, elsewhere in zip(a.shape, b.shape, c.shape, strict=True):
            if n != by_batch:
                grows = by_batch - n
                sizes.append(Size(n - 2 * grows, 0, grows))
            elif n != elsewhere:
                sizes.append(Size(0, frees.setdefault((n, elsewhere), len(frees))))
            else:
                sizes.append(Size(n))
        made.append((tuple(sizes), a.dtype))
    return tuple(made)


_memo: OrderedDict[Asked, Look] = OrderedDict()


def known(asked: Asked) -> Look | None:
    """What an equal look has shown."""
    return _memo.get(asked)


def look(asked: Asked) -> Look:
    """Look, and remember it. Never raises: what cannot be found out is no problem."""
    found = _memo[asked] = _look(asked)
    if len(_memo) > MOST:
        _memo.popitem(last=False)
    if found.code in ("export-batch", "export-size") and asked.code:
        found = _memo[asked] = found._replace(fixes=tuple(_mended(asked)))
    return found


def _mended(asked: Asked) -> Iterator[tuple[str, str, str]]:
    """The code with sizes that stay free, where that helps: it is looked at before it is offered."""
    arguments = dict(asked.arguments)
    wired = [name for name in arguments.get("wired", ()) if isinstance(name, str)]
    better = loosened(str(arguments[asked.code]), wired)
    if better is None:
        return
    changed = tuple(sorted({**arguments, asked.code: better[1]}.items()))
    # It is code that may run with sizes kept as they come, so it needs no consent of its own.
    if not _look(asked._replace(arguments=changed)).code:
        yield better[0], asked.code, better[1]


def _look(asked: Asked) -> Look:
    what = "its code" if asked.code else "it"
    if asked.rebuilt:
        return Look("export-batch", "its weights hang on the batch, so a file would take no other; leave the batch "
                                    "as the first size, and read no size off it")  # fmt: skip
    try:
        with limited(PATIENCE), _quiet():
            program = _captured(asked)
            if program is None:
                return Look()
            strange = _untranslated(program)
    except HungError:
        return Look()
    except Exception as error:  # whatever a block's code or the exporter raises becomes the sentence
        return _refused(error, what)
    if strange:
        names = ", ".join(f"`{name}`" for name in strange[:NAMED]) + (" and others" if len(strange) > NAMED else "")
        where = asked.at(strange[0]) or what
        said = f"{where} uses {names}, for which ONNX has no operator, so it would not export; write it otherwise"
        return Look("export-operator", said)
    return _baked(program, asked, asked.at() or what)


class _Within(nn.Module):
    """The block with inputs of its own: its argument are vectors whose lengths are the free sizes."""

    def __init__(self, block: nn.Module, asked: Asked) -> None:
        super().__init__()
        self.block = block
        self._asked = asked

    def forward(self, *free: torch.Tensor) -> Any:
        given: list[Any] = []
        for value, kind in zip(self._asked.inputs, self._asked.kinds, strict=True):
            if value is None:
                given.append(None)
                continue
            made = [
                torch.zeros([s.more if s.free < 0 else s.of * free[s.free].shape[0] + s.more for s in sizes],
                            dtype=getattr(torch, dtype))
                for sizes, dtype in value
            ]  # fmt: skip
            given.append(made if kind == "pyramid" or (kind == "any" and len(made) != 1) else made[0])
        return self.block(*given)


def _captured(asked: Asked) -> Any:
    """The block's run as torch.export sees it; None where it cannot be built without values."""
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.export import Dim, export
    from torch.fx.experimental import _config

    arguments = {name: list(value) if name in ("wired", "strides") else value for name, value in asked.arguments}
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        try:
            module = _Within(asked.cls(**arguments), asked).eval()
        except Exception:  # it was built on meta, and here it reads a value: that says nothing of its export
            return None
        free = tuple(torch.zeros(size) for size in asked.frees)
    dynamic = ({0: Dim.AUTO},) * len(free)
    with mode, torch.no_grad(), _config.patch(backed_size_oblivious=True):  # type: ignore[attr-defined]
        return export(module, free, dynamic_shapes=(dynamic,), strict=False)


@lru_cache(maxsize=1)
def _registry() -> Any:
    """What the exporter can translate."""
    from torch.onnx._internal.exporter import _constants, _registration

    registry = _registration.ONNXRegistry.from_torchlib(_constants.TORCHLIB_OPSET)
    for operator, translation in TRANSLATIONS.items():
        registry.register_op(operator, translation)
    return registry


def _untranslated(program: Any) -> list[str]:
    """The operators that have no translation, as the code calls them."""
    from torch.onnx._internal.exporter import _core, _dispatching

    registry = _registry()

    def strange(graph: Any) -> list[Any]:
        operators = [n for n in graph.nodes if n.op == "call_function" and isinstance(n.target, torch._ops.OpOverload)]
        return [node for node in operators if _dispatching.dispatch(node, registry)[0] is None]

    if not strange(program.graph):  # nearly always, and to take a run apart takes longest
        return []
    apart = _core._prepare_exported_program_for_export(program, registry=registry)
    return list(dict.fromkeys(map(_called, strange(apart.graph))))


def _called(node: Any) -> str:
    """The operator that the code called, of which this one is what is left."""
    origin = next(iter(node.meta.get("from_node", ())), None)
    target = getattr(origin, "target", None) or node.target
    name = str(target).removesuffix(".default")
    space, _, rest = name.partition(".")
    return rest.split(".")[0] if space in ("aten", "prims", "torch") and rest else name.replace(".", "::", 1)


def _baked(program: Any, asked: Asked, what: str) -> Look:
    """Whether a free size came out as one number."""
    from torch.export.graph_signature import InputKind

    users = {s.arg.name for s in program.graph_signature.input_specs if s.kind is InputKind.USER_INPUT}
    lengths = [n.meta["val"].shape[0] for n in program.graph.nodes if n.op == "placeholder" and n.name in users]
    fixed = [isinstance(length, int) or length.node.maybe_as_int() is not None for length in lengths]
    if fixed[:1] == [True]:
        return Look("export-batch", f"{what} bakes the batch in, so an ONNX file would take no other; keep the first "
                                    "size as it comes, without `int()`, and do not loop over the samples")  # fmt: skip
    if any(fixed):
        size = asked.frees[fixed.index(True)]
        return Look("export-size", f"{what} bakes in the size {size}, so an ONNX file would take images of no other; "
                                   "keep sizes as they come, without `int()`")  # fmt: skip
    return Look()


def _refused(error: BaseException, what: str) -> Look:
    from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode

    chain = [error]
    while (cause := chain[-1].__cause__) is not None and cause not in chain:
        chain.append(cause)
    if any(isinstance(each, GuardOnDataDependentSymNode) for each in chain):
        return Look("export-data", f"what {what.removeprefix('its ')} does hangs on the values of a tensor (an `if`, a "
                                   "size that it works out), which an ONNX file cannot follow; use torch.where or a "
                                   "mask")  # fmt: skip
    said = [line.strip() for line in str(chain[-1]).splitlines() if line.strip()]
    why = (said[0] if said else type(chain[-1]).__name__)[:200].rstrip(".")
    return Look("export-trace", f"torch's exporter does not follow {what}: {why}")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What the exporter has to say on its way is nobody's business here."""
    loggers: Mapping[str, logging.Logger] = {
        name: logging.getLogger(name) for name in ("torch.onnx", "torch.fx", "torch.export")
    }
    levels = {name: logger.level for name, logger in loggers.items()}
    for logger in loggers.values():
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, logger in loggers.items():
            logger.setLevel(levels[name])
