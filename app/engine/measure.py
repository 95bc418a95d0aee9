"""Runs one block on torch's meta device and reads off what it does: shapes, strides, parameters, MACs, memory.

The module itself is the only source; nothing here knows a formula for a shape. Equal runs are made once.
"""

from __future__ import annotations

import importlib
import math
import re
import signal
from collections import OrderedDict
from collections.abc import Collection, Container, Mapping
from typing import Any

import msgspec
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from app.design.values import Settings
from app.engine.arguments import Refusal, bind, declared
from app.engine.meta import Remembering, at_once, storage, tensors_in
from app.engine.patience import PATIENCE, HungError, limited
from app.messages.reports import Tensor
from app.trust import digest
from blocks.card import Card, Kind, Setting

CONSENT = "it holds Python code that has not been allowed to run here: read it, then allow it"
MEMO_SIZE = 20_000
PROBE = 64
"""By how many steps of the coarsest input a second run is larger: a multiple of the usual total strides."""

Value = tuple[Tensor, ...]
"""What a wire carries: one tensor, or a pyramid's several."""


class Measured(msgspec.Struct, frozen=True):
    """What one run of one block showed. Counts are elements; memory is bytes."""

    outputs: tuple[Value, ...] = ()
    parameters: int = 0
    trainable: int = 0
    largest: int = 0
    """Of its trainable parameters."""
    buffers: int = 0
    weight_bytes: int = 0
    macs: int = 0
    activations: int = 0
    ports: int = 0
    """What stands at its inputs and outputs."""
    uncounted: tuple[str, ...] = ()
    opens: bool = False
    """Whether it is made of blocks that can be looked at one by one."""
    refusal: Refusal | None = None


Key = tuple[str, Settings, tuple[Value | None, ...], tuple[str, ...]]
"""The names of the ports belong to it: a refusal names one."""


class Measurer:
    """Measures blocks and remembers the results, so that an edit runs only what it changes."""

    def __init__(self, cards: Mapping[str, Card], classes: Mapping[str, type]) -> None:
        self.cards, self.classes = cards, classes
        self.runs = 0
        """How many modules were run: what the memo saved is the difference to the nodes."""
        self.most = MEMO_SIZE
        """How many runs are remembered."""
        self.patience = PATIENCE
        """Seconds that one block may run."""
        self.trusted: Container[str] = frozenset()
        """The hashes of the code in drawings that may run."""
        self._memo: OrderedDict[Key, Measured] = OrderedDict()
        self._coded: dict[str, tuple[Card, list[Setting]]] = {}
        """Card and settings that hold code, by the block's id."""

    def known(self, key: Key) -> Measured | None:
        """What is known of a run; None where it has to be made."""
        if not self._consented(key[0], key[1]):  # first, and never remembered: it may be allowed in a moment
            return Measured(refusal=Refusal("consent", "", CONSENT))
        found = self._memo.get(key)
        if found is not None:
            self._memo.move_to_end(key)
        return found

    def measure(
        self, block: str, settings: Settings, inputs: tuple[Value | None, ...], ports: tuple[str, ...]
    ) -> Measured:
        """What `block` does with `inputs`, one a port (None: optional and not wired). Never raises: see `refusal`."""
        key = (block, settings, inputs, ports)
        found = self.known(key)
        if found is None:
            found = self._memo[key] = self._run(block, settings, inputs, ports)
            if len(self._memo) > self.most:
                self._memo.popitem(last=False)
        return found

    def condemn(self, key: Key, why: str) -> None:
        """Never make this run, nor an equal one: it has ended an engine."""
        self._memo[key] = Measured(refusal=Refusal("engine-ended", "", why))

    def _consented(self, block: str, settings: Settings) -> bool:
        """Whether all code among the settings is the block's own default or was allowed by the user: the only gate."""
        card = self.cards[block]
        if self._coded.get(block, (None,))[0] is not card:  # a block of the user's own may be another one now
            self._coded[block] = card, [s for s in card.settings if s.type == "code"]
        return all(
            not isinstance(value := settings.get(s.name, s.default), str)
            or value == s.default
            or digest(value) in self.trusted
            for s in self._coded[block][1]
        )

    def forget(self, blocks: Collection[str]) -> None:
        """Drop what is remembered of these blocks: they are other ones now."""
        self._memo = OrderedDict((key, kept) for key, kept in self._memo.items() if key[0] not in blocks)

    def _run(
        self, block: str, settings: Settings, inputs: tuple[Value | None, ...], ports: tuple[str, ...]
    ) -> Measured:
        self.runs += 1
        card = self.cards[block]
        _import_what_torch_needs_late()
        try:
            with limited(self.patience):
                arguments = bind(card, settings, inputs, ports)
                module = build(self.classes[block], arguments, "meta")
                if refusal := too_large(module):
                    return Measured(refusal=refusal)
                return self._forward(card, module, inputs, [declared(card, port).kind for port in ports])
        except Refusal as refusal:
            # without its traceback: the frames would keep the module alive as long as the memo
            return Measured(refusal=refusal.with_traceback(None))
        except HungError:
            return Measured(refusal=Refusal("engine-ended", "", _hung(self.patience)))
        except KeyboardInterrupt:
            if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # a person's Ctrl+C, which an engine ignores
                raise
            return Measured(refusal=Refusal("failed", "", "its code asks to be interrupted, which no block may"))
        except SystemExit:
            return Measured(refusal=Refusal("failed", "", "its code ends the program, which no block may"))
        except Exception as error:  # whatever a block's own code raises becomes the problem's sentence
            return Measured(refusal=refused(error, card))

    def _forward(self, card: Card, module: nn.Module, inputs: tuple[Value | None, ...], kinds: list[Kind]) -> Measured:
        values = [on_meta(value, kind) for value, kind in zip(inputs, kinds, strict=True)]
        counter, watch, kept = FlopCounterMode(display=False), _Watch(), Kept(module, values)
        keeping = torch.autograd.graph.saved_tensors_hooks(kept.keep, lambda x: x)
        with torch.device("meta"), Remembering(), counter, watch, keeping:
            result = module(*values)
        outputs = outputs_of(result, card)
        strides = self._strides(card, module, inputs, kinds, outputs)
        described = tuple(
            tuple(Tensor(tuple(t.shape), _dtype(t), stride) for t, stride in zip(levels, of_levels, strict=True))
            for levels, of_levels in zip(outputs, strides, strict=True)
        )
        for levels in outputs:
            for tensor in levels:
                kept.keep(tensor)
        parameters = list(module.parameters())
        buffers = list(module.buffers())
        return Measured(
            outputs=described,
            parameters=sum(p.numel() for p in parameters),
            trainable=sum(p.numel() for p in parameters if p.requires_grad),
            largest=max((p.numel() for p in parameters if p.requires_grad), default=0),
            buffers=sum(b.numel() for b in buffers),
            weight_bytes=sum(t.numel() * t.element_size() for t in (*parameters, *buffers)),
            macs=counter.get_total_flops() // 2,
            activations=kept.bytes,
            ports=sum(t.numel() * t.element_size() for t in tensors_in([values, outputs])),
            uncounted=tuple(sorted(watch.uncounted)),
            opens=not card.leaf and any(True for _ in module.children()),
        )

    def _strides(
        self,
        card: Card,
        module: nn.Module,
        inputs: tuple[Value | None, ...],
        kinds: list[Kind],
        outputs: list[list[torch.Tensor]],
    ) -> list[list[float | None]]:
        """Pixels of the network's input a step of each output: the quotient of the differences of two runs."""
        unknown: list[list[float | None]] = [[None] * len(levels) for levels in outputs]
        strides = [t.stride for value in inputs for t in value or ()]
        images = [t for value in inputs for t in value or () if len(t.shape) == 4 and t.stride]
        if not images or not any(t.dim() == 4 for levels in outputs for t in levels):
            return unknown
        reach = PROBE * max(s for s in strides if s)
        larger = tuple(None if v is None else tuple(_grown(t, reach) for t in v) for v in inputs)
        try:
            with torch.device("meta"), Remembering(), torch.no_grad():
                result = module(*(on_meta(v, kind) for v, kind in zip(larger, kinds, strict=True)))
            second = outputs_of(result, card)
        except Exception:  # a block that takes one size only: the plain ratio is all there is
            if None in strides:  # or inputs that should have grown together
                return unknown
            finest = images[0]
            return [
                [finest.shape[2] * (finest.stride or 1) / t.shape[2] if t.dim() == 4 else None for t in levels]
                for levels in outputs
            ]
        for levels, others, found in zip(outputs, second, unknown, strict=True):
            for i, (small, large) in enumerate(zip(levels, others, strict=True)):
                if small.dim() == 4 and large.dim() == 4 and large.shape[2] > small.shape[2]:
                    found[i] = reach / (large.shape[2] - small.shape[2])
        return unknown


def build(cls: type, arguments: Mapping[str, Any], device: str) -> nn.Module:
    """Construct a block on a device, in eval mode."""
    with torch.device(device):
        module = cls(**arguments)
    if not isinstance(module, nn.Module):
        raise TypeError(f"{cls.__name__} is not an nn.Module")
    return module.eval()


MAX_PARAMETERS = 2 * 10**11
MAX_ELEMENTS = 2 * 10**11


def too_large(module: nn.Module) -> Refusal | None:
    """Meta tensors cost nothing, but nobody could run this: refuse it with its numbers."""
    count = sum(p.numel() for p in module.parameters())
    if count > MAX_PARAMETERS:
        message = f"it would have {count:.3g} parameters, but at most {MAX_PARAMETERS:.0g} are run; make it smaller"
        return Refusal("too-large", "", message)
    return None


def _import_what_torch_needs_late() -> None:
    """What the first run on meta imports, which takes seconds where the machine is busy: that is no block's time, and
    broken off in the middle it could not be imported again."""
    importlib.import_module("torch._dynamo")


def _hung(seconds: float) -> str:
    return f"it did not finish within {seconds:g} s and was stopped; change its settings, or what feeds it"


def refused(error: Exception, card: Card) -> Refusal:
    """What a block's own code raised, as a sentence."""
    text = str(error).strip().split("\n")[0] or type(error).__name__
    if "Kernel size can't be greater than actual input size" in text or "Output size is too small" in text:
        return Refusal("kernel", "x", _outgrown(text, any(s.name == "kernel_size" for s in card.settings)))
    if "Expected more than 1 spatial element" in text:
        message = "it compares the pixels of each channel, but gets one; give it a larger image, or leave it out"
        return Refusal("one-value", "x", message)
    if "should be at most half of" in text:
        message = f"its padding is too large: {_small(text)}; use at most half of the kernel"
        return Refusal("padding", "x", message)
    if "Storage size calculation overflowed" in text or "numel: integer multiplication overflow" in text:
        message = "its weights or its output would have more elements than any machine holds; make them smaller"
        return Refusal("too-large", "", message)
    code = "refused" if isinstance(error, ValueError) else "failed"
    return Refusal(code, "", _by_values(text) or _small(text))


def _by_values(text: str) -> str:
    """Where torch says that meta tensors have no values: what of the block needs them, and what to do; else ""."""
    at = re.match(r"line \d+ of its code: ", text)
    line = at[0] if at else ""
    if "Tensor.item() cannot be called on meta tensors" in text:
        return (
            f"{line}it reads the value of a tensor (a number taken out of one, or an `if` on one), but shapes have to "
            "be known before it runs, and no ONNX file could follow it; use torch.where, or a mask as a factor"
        )
    if "register_meta function for torch.nonzero()" in text:
        return (
            f"{line}what it gives is as large as its values say (nonzero, or a mask as an index), but a size has to be "
            "known before it runs; use torch.where with three arguments, or a mask as a factor"
        )
    return ""


def _outgrown(text: str, own: bool) -> str:
    """A kernel larger than what it slides over. `own`: the block sets it; otherwise it is one of a block inside."""
    padded = re.search(r"size per channel: \(([\d x]+)\)\. Kernel size: \(([\d x]+)\)", text)
    given = re.search(r"input size: \(\d+x([\dx]+)\)", text)
    kernel, size = "", f" of {given[1].replace('x', '×')}" if given else ""
    if padded:
        got, needed = (sizes.replace(" x ", "×") for sizes in padded.groups())
        kernel, size = f" of {needed}", f" of {got}, padding included"
    if own:
        return f"its kernel{kernel} is larger than its input{size}; use a smaller one, pad more or give a larger input"
    return f"its input is too small: a kernel{kernel} inside meets one{size}; give the network a larger input"


def _small(text: str) -> str:
    return text[:300].rstrip(".")


def on_meta(value: Value | None, kind: str) -> Any:
    """What a wire carries, as a block's forward takes it: a tensor on meta, a list of them for a pyramid, or None."""
    if value is None:
        return None
    made = [
        torch.empty(t.shape, dtype=getattr(torch, t.dtype), device="meta", requires_grad=t.dtype.startswith("float"))
        for t in value
    ]
    for tensor in made:
        if tensor.numel() > MAX_ELEMENTS:
            raise Refusal("too-large", "", f"its input would have {tensor.numel():.3g} elements: no machine holds that")
    return made if kind == "pyramid" or (kind == "any" and len(made) != 1) else made[0]


def run_on_meta(module: nn.Module, card: Card, inputs: Mapping[str, Value | None]) -> list[list[torch.Tensor]]:
    """What a block gives for what arrives at its ports, each output as its levels. Raises what the block raises."""
    values = [on_meta(value, declared(card, port).kind) for port, value in inputs.items()]
    with torch.device("meta"), torch.no_grad():
        return outputs_of(module(*values), card)


def outputs_of(result: Any, card: Card) -> list[list[torch.Tensor]]:
    """The outputs as one list of levels a port."""
    many = len(card.outputs) > 1 or any(port.many for port in card.outputs)
    values = list(result) if many and isinstance(result, tuple) else [result]
    for output, value in zip(card.outputs, values, strict=False):
        if output.kind == "tensor" and isinstance(value, list | tuple):
            raise TypeError(f"`{output.name}` is one tensor, but {card.title} gave {len(value)} at once")
    levels = [list(v) if isinstance(v, list | tuple) else [v] for v in values]
    for port in levels:
        for tensor in port:
            if not isinstance(tensor, torch.Tensor):
                raise TypeError(f"{card.title} gave {type(tensor).__name__}, but a block gives tensors")
            if tensor.numel() > MAX_ELEMENTS:
                raise Refusal(
                    "too-large", "", f"its output would have {tensor.numel():.3g} elements: no machine holds that"
                )
            if not tensor.numel():  # on meta some layers give what they refuse on a device
                size = "×".join(map(str, tensor.shape))
                message = f"nothing would be left of its input: the output is {size}; pad or crop less, or feed it more"
                raise Refusal("kernel", "", message)
    return levels


def _dtype(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _grown(tensor: Tensor, reach: float) -> Tensor:
    """The tensor of an input that is `reach` pixels higher and wider; what has no stride does not grow with it."""
    if len(tensor.shape) != 4 or not tensor.stride:
        return tensor
    step = reach / tensor.stride
    if not math.isclose(step, round(step)):
        return tensor
    b, c, h, w = tensor.shape
    return msgspec.structs.replace(tensor, shape=(b, c, h + round(step), w + round(step)))


class Kept:
    """Adds up the memory of the distinct tensors that a block makes and that training would keep."""

    def __init__(self, module: nn.Module, inputs: list[Any]) -> None:
        given = [t for v in inputs for t in (v if isinstance(v, list) else [v]) if t is not None]
        # The tensors are held, so that no storage is freed and its number given to another one.
        self._held: dict[int, Any] = {storage(t): t for t in (*module.parameters(), *module.buffers(), *given)}
        self.bytes = 0

    def keep(self, tensor: torch.Tensor) -> torch.Tensor:
        number = storage(tensor)
        if number not in self._held:
            self._held[number] = tensor
            self.bytes += tensor.untyped_storage().nbytes()
        return tensor


# Work that multiplies and adds, but that torch's counter does not know.
_MULTIPLIES = ("mv", "dot", "vdot", "addmv", "addr", "cdist", "fft", "lstm", "gru", "rnn", "trilinear", "householder")


class _Watch(TorchDispatchMode):
    """Collects the names of operations that multiply and add without being counted."""

    def __init__(self) -> None:
        super().__init__()
        self.uncounted: set[str] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if (made := at_once(func, args)) is not None:
            return made
        namespace, _, name = func._schema.name.partition("::")
        if namespace not in ("aten", "prim", "prims", "netloom") or name.strip("_").startswith(_MULTIPLIES):
            self.uncounted.add(func._schema.name)
        return func(*args, **(kwargs or {}))
