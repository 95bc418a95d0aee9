"""The memory of a training step, foretold: the step itself is run on tensors that have a device but no memory.

Fake tensors take the same way through torch as real ones of their device, so attention kernels, autocast's casts and
the optimizer's temporaries are those that training will meet (on meta, attention keeps all its weights). Each storage
counts from the call that makes it until it is freed; what CPU kernels allocate inside, `_inside` knows. Not counted:
data and batches read ahead, torch's libraries; on CUDA the context, cuDNN's and cuBLAS's workspaces, any reserve.
"""

from __future__ import annotations

import collections
import weakref
from typing import Any, NamedTuple

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from app.design.values import Design, Recipe
from app.engine import devices
from app.engine.compile import InvalidDesignError, Network, compile_design, compile_trainable
from app.engine.loop import TrainingError
from app.engine.optim import make_optimizer
from app.engine.passes import UNLED, loss_of, precisely
from app.engine.recipe import HALF_NEEDS_GPU, check_recipe, explain
from app.engine.stepping import set_training
from app.messages.forecast import MemoryForecast, MemoryParts, Moment

MOST = 2**20
"""No larger batch is looked for."""
CUDA_BLOCK = 512
"""torch's CUDA allocator hands out multiples of so many bytes (c10/cuda/CUDACachingAllocator, kMinBlockSize)."""


class ForecastError(ValueError):
    """A forecast that cannot be made; one sentence for the user."""


class Peak(NamedTuple):
    """The fullest moment of a step, in bytes, and what the forward pass leaves for the backward pass."""

    bytes: int
    moment: Moment
    parts: MemoryParts
    activations: int


def forecast_memory(
    design: Design, *, batch: int = 64, precision: str = "32", optimizer: str = "adamw", limit: int = 0,
    device: str = "auto", job: str = "",
) -> MemoryForecast:  # fmt: skip
    """What a step of training `design` with `batch` samples takes; with `limit` (bytes) also the largest batch.

    Nothing of the network is allocated. Raises ForecastError, or DeviceError where the device is absent.
    """
    if batch < 1 or limit < 0:
        raise ForecastError(f"The batch size is {batch} and the limit {limit} bytes: they need at least 1 and 0.")
    forecaster = Forecaster(design, precision, optimizer, device)
    peak = forecaster.peak(batch)
    return MemoryForecast(
        job, forecaster.device, batch, peak.bytes, peak.moment, peak.parts, *forecaster.sizes(), peak.activations,
        stand_in=not forecaster.network.losses,
        largest_batch=largest_batch(forecaster, limit, batch) if limit else None,
    )  # fmt: skip


class Forecaster:
    """A design compiled on fake tensors, whose training steps can be run at any batch size; without `training` its
    forward pass in use."""

    def __init__(
        self, design: Design, precision: str = "32", optimizer: str = "adamw", device: str = "auto", *,
        training: bool = True,
    ) -> None:  # fmt: skip
        """Raises ForecastError and DeviceError."""
        recipe = self._recipe = Recipe(optimizer=optimizer, precision=precision)
        self.device = devices.pick(device)
        try:
            check_recipe(recipe)
        except TrainingError as error:
            raise ForecastError(str(error)) from None
        if precision == "16" and self.device == "cpu":
            raise ForecastError(HALF_NEEDS_GPU)
        self.network = _compiled(design, training)
        # An Apple GPU has no fake tensors of its own: those of the CPU stand in.
        self._on = torch.device("cuda" if self.device.startswith("cuda") else "cpu")
        self._fake = FakeTensorMode(allow_non_fake_inputs=True)
        self._live = _Live(self._on.type, kernels=self.device == "cpu")
        with self._fake, self._live:
            _move(self.network.root, self._on, torch.float64 if precision == "64" else None)
        self._parameters: list[torch.Tensor] = list(self.network.module.parameters())
        if not training:
            self.network.module.eval()
            return
        set_training(self.network.module)
        if not any(p.requires_grad for p in self._parameters):
            raise ForecastError("No weight of the design can be trained: add a block with weights, or unfreeze one.")
        self._optimizer = make_optimizer(self.network.module.parameters(), recipe)
        if self._on.type == "cuda":  # torch's own choice there, but by the tensor's class, which a fake one lacks
            for group in self._optimizer.param_groups:
                group["foreach"] = True
        self._warm = False

    def peak(self, batch: int) -> Peak:
        """The fullest moment of a step with `batch` samples, once the optimizer has its state. Raises ForecastError."""
        try:
            if not self._warm:
                self._step(batch)
                self._warm = True
            return self._step(batch)
        except ForecastError:
            raise
        except Exception as error:  # whatever a block's own code raises becomes a sentence
            self._optimizer.zero_grad()
            raise _explained(error, batch) from error

    def forward(self, batch: int) -> int:
        """The most bytes that lie in memory during a forward pass without gradients. Raises ForecastError."""
        self._live.begin()
        try:
            with self._fake, self._live, torch.no_grad():
                self._values(self._samples(batch))
        except Exception as error:  # whatever a block's own code raises becomes a sentence
            raise _explained(error, batch) from error
        return self._live.peak

    def sizes(self) -> tuple[int, int, int]:
        """Bytes of all parameters, of their gradients, and of the optimizer's state, once a step was made."""
        trained = [p for p in self._parameters if self._optimizer.state.get(p)]
        size = self._live.size
        return size(self._parameters), size(trained), size(self._states())

    def _states(self) -> list[torch.Tensor]:
        return [t for t in tree_leaves(list(self._optimizer.state.values())) if isinstance(t, torch.Tensor)]

    def _step(self, batch: int) -> Peak:
        """One step as `app.engine.loop` makes it."""
        live = self._live
        live.begin()
        with self._fake, live:
            samples = self._samples(batch)
            loss = self._loss(samples)
            forward = len(live.events)
            live.moment = "backward"
            loss.backward()
            live.label("gradients", [p.grad for p in self._parameters if p.grad is not None])
            live.moment = "optimizer"
            self._optimizer.step()
            live.label("inputs", samples)
            live.label("parameters", self._parameters)
            live.label("buffers", list(self.network.root.buffers()))
            live.label("optimizer", self._states())
            self._optimizer.zero_grad()
        parts = live.parts(live.peak_at, live.peak_inside)
        return Peak(live.peak, live.peak_moment, parts, live.parts(forward).activations)

    def _samples(self, batch: int) -> list[torch.Tensor]:
        """Each Input and Target of the drawing: (batch, *its size)."""
        kinds = {"float32": torch.float64} if self._recipe.precision == "64" else {}
        ends: list[Any] = [*self.network.inputs, *self.network.targets]
        forms = [((batch, *end.shape), kinds.get(end.dtype, getattr(torch, end.dtype))) for end in ends]
        return [torch.empty(shape, dtype=dtype, device=self._on) for shape, dtype in forms]

    def _values(self, samples: list[torch.Tensor]) -> Any:
        with precisely(self._recipe.precision, self._on.type):
            return self.network.module(*samples)

    def _loss(self, samples: list[torch.Tensor]) -> torch.Tensor:
        """The scalar that training descends on; what else the forward pass gave is let go of."""
        loss = loss_of(self.network, self._values(samples))
        if loss is None:
            raise ForecastError(UNLED)
        return loss


def _compiled(design: Design, training: bool) -> Network:
    """The graph with its weights on meta. Raises ForecastError."""
    try:
        with torch.device("meta"):
            return compile_trainable(design) if training else compile_design(design, "inference")
    except InvalidDesignError as error:
        raise ForecastError(str(error)) from error


def _explained(error: Exception, batch: int) -> ForecastError:
    message = explain(error, Recipe(batch_size=batch))
    if "overflow" in message:
        message = f"With {batch} samples a tensor is larger than any machine holds: use a smaller batch size."
    return ForecastError(message.replace("Training broke", "The forecast broke"))


def _move(root: nn.Module, device: torch.device, dtype: torch.dtype | None) -> None:
    """Give all weights a device, and those of real numbers the dtype; one that two modules hold stays one."""
    known: dict[torch.Tensor, torch.Tensor] = {}
    for module in root.modules():
        for name, old in (*module._parameters.items(), *module._buffers.items()):
            if old is not None and old not in known:
                kind = dtype if dtype is not None and old.is_floating_point() else old.dtype
                new = torch.empty_strided(old.shape, old.stride(), dtype=kind, device=device)
                known[old] = nn.Parameter(new, old.requires_grad) if isinstance(old, nn.Parameter) else new
            if old is not None:
                setattr(module, name, known[old])  # by name: nn.LSTM keeps a list beside them up to date


def largest_batch(forecaster: Forecaster, limit: int, batch: int) -> int:
    """The most samples whose step takes at most `limit` bytes, 0 where no batch does; at most MOST.

    The peak grows with the batch, along a line once activations rule it: the line through two forecasts names a
    candidate, and the search ends only when one batch was seen to fit and the next one not to.
    """
    seen = {batch: forecaster.peak(batch).bytes}
    fits, fails = (batch, MOST + 1) if seen[batch] <= limit else (0, batch)
    while fails - fits > 1:
        guess = _on_the_line(seen, limit) if len(seen) % 4 else (fits + fails) // 2  # a line may creep: halve at times
        guess = min(max(guess, fits + 1), fails - 1)
        try:
            seen[guess] = forecaster.peak(guess).bytes
        except ForecastError:
            if guess > 1:
                raise
            break  # a batch norm refuses a single sample, and two do not fit
        fits, fails = (guess, fails) if seen[guess] <= limit else (fits, guess)
    return fits


def _on_the_line(seen: dict[int, int], limit: int) -> int:
    """Where the line through the two forecasts nearest to the limit reaches it."""
    nearest = sorted(seen.items(), key=lambda one: abs(one[1] - limit))[:2]
    (low, least), (high, most) = min(nearest), max(nearest)
    if most <= least:  # one forecast so far, or the optimizer's step is the peak of both
        return 4 * high if most <= limit else low // 2
    return low + (limit - least) * (high - low) // (most - least)


class _Live(TorchDispatchMode):
    """Counts the storages on a device from the call that makes each until nothing holds it, and remembers the peak.
    `events` are (number, bytes, moment), bytes below 0 where it is freed: played back they give what was there."""

    def __init__(self, device: str, *, kernels: bool) -> None:
        super().__init__()
        self._device, self._kernels = device, kernels
        self._numbers: dict[int, tuple[int, int, Any]] = {}
        """Address of a storage -> its number, its bytes, and the reference that tells of its end."""
        self._next = 0
        self.begin()

    def begin(self) -> None:
        """Forget the peak and the events; what is there stays."""
        self._kept = {number: size for number, size, _ in self._numbers.values()}
        self._roles: dict[int, str] = {}
        self.events: list[tuple[int, int, Moment]] = []
        self.live = self.peak = sum(self._kept.values())
        self.peak_at = self.peak_inside = 0
        self.moment: Moment = "forward"
        self.peak_moment: Moment = "forward"

    def size(self, tensors: list[torch.Tensor]) -> int:
        return sum({number: size for number, size, _ in map(self._known, tensors)}.values())

    def label(self, role: str, tensors: list[Any]) -> None:
        """Say what these tensors are for."""
        self._roles.update((self._known(tensor)[0], role) for tensor in tensors)

    def _known(self, tensor: torch.Tensor) -> tuple[int, int, Any]:
        return self._numbers.get(tensor.untyped_storage()._cdata, (-1, 0, None))  # -1: on another device

    def parts(self, events: int, inside: int = 0) -> MemoryParts:
        """What was there after so many events, and `inside` a kernel; what has no role goes by when it was made."""
        there = {number: (size, "temporary") for number, size in self._kept.items()}
        for number, size, moment in self.events[:events]:
            there[number] = size, "activations" if moment == "forward" else "temporary"
            if size < 0:
                del there[number]
        sums = collections.Counter(temporary=inside)
        for number, (size, role) in there.items():
            sums[self._roles.get(number, role)] += size
        return MemoryParts(**sums)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        made = result if isinstance(result, tuple | list) else (result,)
        inside, sizes = _inside(func, args, made) if self._kernels else (0, {})
        self._top(inside)
        for place, tensor in enumerate(made):
            if isinstance(tensor, torch.Tensor) and tensor.device.type == self._device:
                self._add(tensor.untyped_storage(), sizes.get(place, 0))
        self._top(0)
        return result

    def _top(self, inside: int) -> None:
        if self.live + inside > self.peak:
            self.peak, self.peak_inside = self.live + inside, inside
            self.peak_at, self.peak_moment = len(self.events), self.moment

    def _add(self, storage: torch.UntypedStorage, size: int) -> None:
        """Count a storage; `size` where the fake one's is not the real one's."""
        address = storage._cdata
        if address not in self._numbers:
            number, self._next = self._next, self._next + 1
            size = size or storage.nbytes()
            size = _up(size, CUDA_BLOCK) if self._device == "cuda" else size
            gone = weakref.ref(storage, lambda _: self._note(number, -self._numbers.pop(address)[1]))
            self._numbers[address] = number, size, gone
            self._note(number, size)

    def _note(self, number: int, size: int) -> None:
        if size:
            self.live += size
            self.events.append((number, size, self.moment))


# What CPU kernels allocate inside, as torch.profiler shows it of torch 2.13 with oneDNN 3 on one thread. More threads
# add, at most, a copy of a convolution's weight gradient each.


def _inside(func: Any, args: tuple[Any, ...], made: Any) -> tuple[int, dict[int, int]]:
    """The most bytes at one time, results included; and place -> bytes of results whose fake ones lack their size."""
    match func._schema.name:
        case "aten::convolution":
            return _convolution(made[0], *args), {}
        case "aten::convolution_backward":
            return _convolution_backward(made, *args), {}
        case "aten::mkldnn_rnn_layer":
            return _lstm(made, *args[:3], forward=True)
        case "aten::mkldnn_rnn_layer_backward":
            return _lstm(made, *args[:3], forward=False)
    return 0, {}


def _convolution(y: Any, x: Any, w: Any, bias: Any, stride: Any, padding: Any, dilation: Any, *rest: Any) -> int:
    transposed, _, groups = rest
    kernel = str(torch._C._select_conv_backend(x, w, bias, stride, padding, dilation, *rest, None))
    if "Slow2d" in kernel:
        return _columns(x, w, y, stride, padding, groups) + _size(y)
    if "Mkldnn" not in kernel:
        return 0
    if _channels_last(x, w):
        return _size(y) + 2 * _size(w)
    xs, ys = _blocked(x, groups), _blocked(y, groups)  # plain tensors are copied into blocks and the result back
    return max(xs + _size(w) + ys, ys + _size(y) * (2 if transposed else 1))


def _convolution_backward(made: Any, gy: Any, x: Any, w: Any, bias: Any, *rest: Any) -> int:
    stride, padding, dilation, transposed, more, groups, _ = rest
    kernel = str(torch._C._select_conv_backend(x, w, None, stride, padding, dilation, transposed, more, groups, None))
    gx, gw = _size(made[0]), _size(made[1])
    if "Slow2d" in kernel:
        return _columns(x, w, gy, stride, padding, groups) + gx + gw
    if "Mkldnn" not in kernel:
        return 0
    wide = 0 if w.element_size() > 2 else 4 * w.numel()  # sums over the batch stay float32
    depthwise = groups == x.shape[1] > 1 and any(k != 3 for k in w.shape[2:])  # by another kernel than 3 x 3 ones
    if _channels_last(x, w):
        return gx + 3 * _size(w) + (256 * (_size(w) + wide) if depthwise else wide)
    gys, xs, gxs = _blocked(gy, groups), _blocked(x, groups), _blocked(x, groups, least=1)
    weight = 6 * gw if depthwise else max(gys + xs + gw + wide, 2 * gw)
    return max(max(gys + _size(w) + gxs, gx + gxs) if gx else 0, gx + weight if gw else 0)


def _blocked(t: torch.Tensor, groups: int, least: int = 4) -> int:
    """Bytes of a copy whose channels are filled up to whole registers; images of 3 channels are read as they are."""
    channels, lanes = t.shape[1], 16 if "AVX512" in torch.backends.cpu.get_cpu_capability() else 8
    if channels < least:
        return 0
    return _size(t) if 1 < groups < channels else _size(t) // channels * _up(channels, lanes)


def _columns(x: torch.Tensor, w: torch.Tensor, y: torch.Tensor, stride: Any, padding: Any, groups: int) -> int:
    """The matrix of patches: (B, C / groups · kh · kw, OH · OW); a 1 x 1 kernel needs none. Groups are joined after."""
    pointwise = w[0, 0].numel() == 1 and set(stride) == {1} and set(padding) == {0}
    patches = 0 if pointwise else x.shape[0] * w[0].numel() * y[0, 0].numel() * x.element_size()
    return patches + (_size(y) if groups > 1 else 0)


def _lstm(
    made: Any, x: torch.Tensor, w: torch.Tensor, recurrent: torch.Tensor, *, forward: bool
) -> tuple[int, dict[int, int]]:
    """One direction of one layer over x (T, B, I) with `recurrent` (4 H, H). For the backward pass oneDNN keeps a
    workspace: gates, states and room for the states' gradients (float32), rows filled up to cache lines; the factors
    are those that fit its sizes for T, B, I, H and dtype one by one."""
    steps, batch, item = x.shape[0], x.shape[1], x.element_size()
    wide, hidden = (_up(size, 16) for size in (max(x.shape[2], recurrent.shape[1]), recurrent.shape[1]))
    wide += 16 if wide % 256 == 0 else 0  # rows of whole KiB would share their places in the cache
    gates = steps * batch * (4 * hidden + 16) * item
    states = batch * ((steps + 1) * (wide * (16 + 2 * item) + hidden * (8 + 2 * item)) + steps * hidden * item)
    work = _size(*made, w, recurrent) + (gates if item > 2 else 0)
    return (work + gates + states, {3: gates + states}) if forward else (work + _size(recurrent), {})


def _channels_last(*tensors: torch.Tensor) -> bool:
    last = torch.channels_last
    return any(t.dim() == 4 and t.is_contiguous(memory_format=last) and not t.is_contiguous() for t in tensors)


def _up(count: int, whole: int) -> int:
    return -(-count // whole) * whole


def _size(*tensors: torch.Tensor | None) -> int:
    return sum(t.numel() * t.element_size() for t in tensors if t is not None)
