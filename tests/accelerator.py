"""A GPU that is not there: tensors that say they lie on ``cuda:0``, while the CPU computes them.

What a GPU refuses is refused: operands on two devices, numpy of its tensors, generators of the CPU. Autocast goes by
CUDA's lists. What would make the host wait for the GPU is counted, with the line of ours that asked for it.
"""

from __future__ import annotations

import contextlib
import traceback
from collections import Counter
from collections.abc import Iterator
from typing import Any
from unittest import mock

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._foreach_utils import _group_tensors_by_device_and_dtype
from torch.utils._python_dispatch import TorchDispatchMode

from tests.cuda_autocast import cuda_autocast, leaves_of, mapped
from training.core.paths import ROOT

GPU, HOST = torch.device("cuda:0"), torch.device("cpu")
aten = torch.ops.aten

HOST_OPERANDS = {aten.copy_, aten.index, aten.index_put_, aten._index_put_impl_, aten.index_put}
"""Operators that take any tensor of the CPU's beside one of a GPU's."""
HOST_SCALARS = {aten.where, aten.masked_fill, aten.masked_fill_, aten.fill_, aten.clamp}
"""Likewise numbers; so do all that work element by element."""
WAITING = {
    aten._local_scalar_dense, aten.nonzero, aten.masked_select, aten.equal, aten.bincount, aten._unique2,
    aten.unique_dim, aten.unique_consecutive,
}  # fmt: skip
"""Operators whose outcome, or its size, the host has to know."""


class OnGpu(Tensor):
    """A tensor of the GPU's: it is dispatched as CUDA's are, but its memory is the CPU's."""

    __torch_function__ = torch._C._disabled_torch_function_impl
    device = property(lambda self: GPU)
    is_cuda = property(lambda self: True)
    is_cpu = property(lambda self: False)

    @classmethod
    def __torch_dispatch__(cls, operator: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        raise RuntimeError(f"{operator} of a tensor on the GPU, outside of its `with` block")

    def to(self, *args: Any, **kwargs: Any) -> Tensor:
        kwargs.pop("copy", None)
        if args and isinstance(args[0], Tensor):
            args = args[0].device, args[0].dtype, *args[1:]
        device, dtype, asynchronous, form = torch._C._nn._parse_to(*args, **kwargs)
        there = super().to(dtype or self.dtype, memory_format=form or torch.preserve_format)
        return there if device in (None, GPU) else _Download.apply(there, asynchronous)

    def cpu(self) -> Tensor:
        return _Download.apply(self, False)

    def numpy(self, **_: Any) -> Any:
        raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first")

    __array__ = numpy

    def tolist(self) -> Any:
        return self.detach().cpu().tolist()

    def new_tensor(self, data: Any, **kwargs: Any) -> Tensor:
        return torch.tensor(data, **{"dtype": self.dtype, "device": GPU, **kwargs})

    def __repr__(self, *_: Any) -> str:
        return f"OnGpu({_plain(self)!r})"

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.detach().cpu().__reduce_ex__(protocol)


class _Download(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, there: Tensor, asynchronous: bool) -> Tensor:
        if not asynchronous:
            Gpu.running.waits("copy to the host")
        return _plain(there).clone()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None]:
        return _on_gpu(slope), None


def _on_gpu(value: Tensor) -> OnGpu:
    return Tensor._make_subclass(OnGpu, value, False, dispatch_device=False, device_for_backend_keys=GPU)


def _plain(value: Any) -> Any:
    """The same memory as a tensor of the CPU's."""
    if not isinstance(value, OnGpu):
        return value
    bare = torch.empty(0, dtype=value.dtype)
    return bare.set_(value.untyped_storage(), value.storage_offset(), value.size(), value.stride())


class _Calls(TorchFunctionMode):
    """Knows whether the function that now runs was given tensors of the GPU: then what it makes lies there, too."""

    def __init__(self) -> None:
        super().__init__()
        self.there = False

    def __torch_function__(self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs, before = kwargs or {}, self.there
        self.there = any(isinstance(leaf, OnGpu) for leaf in leaves_of((args, kwargs)))
        try:
            if function is F.one_hot and self.there:  # looks at the values, but on a CPU
                return _one_hot(*args, **kwargs)
            if function is Tensor.to and isinstance(args[-1], Tensor) and len(args) > 1:
                return args[0].to(args[-1].device, args[-1].dtype, **kwargs)
            if function in (torch.tensor, torch.as_tensor) and _is_gpu(kwargs.get("device")):
                return function(*args, **{**kwargs, "device": None}).to(GPU)
            return function(*args, **kwargs)
        finally:
            self.there = before


def _one_hot(label: Tensor, classes: int = -1) -> Tensor:
    if classes < 0:
        Gpu.running.waits("one_hot without its number of classes")
        classes = int(_plain(label).max()) + 1
    return (label[..., None] == torch.arange(classes, device=GPU)).long()


class Gpu(TorchDispatchMode):
    """While it is entered there is a GPU, of which :attr:`waited` counts why and where the host waited for it."""

    running: Gpu

    def __init__(self) -> None:
        super().__init__()
        self.waited: Counter[tuple[str, str]] = Counter()
        self._calls, self._stack = _Calls(), contextlib.ExitStack()

    def __enter__(self) -> Gpu:
        Gpu.running = self
        there = cuda_autocast(lambda leaf: isinstance(leaf, OnGpu))
        for patch in (*_patches(), there, torch.backends.cudnn.flags(enabled=False), self._calls):
            self._stack.enter_context(patch)
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._stack.close()

    def waits(self, why: str) -> None:
        frames = [f for f in traceback.extract_stack() if f.filename.startswith(str(ROOT / "training"))]
        where = f"{frames[-1].filename.removeprefix(str(ROOT))}:{frames[-1].lineno}" if frames else "elsewhere"
        self.waited[why, where] += 1

    def __torch_dispatch__(self, operator: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        leaves = list(leaves_of((args, kwargs)))
        there = [leaf for leaf in leaves if isinstance(leaf, OnGpu)]
        host = [leaf for leaf in leaves if isinstance(leaf, Tensor) and not isinstance(leaf, OnGpu)]
        made_there = _is_gpu(kwargs.get("device")) or (not host and not there and self._calls.there)
        if not there and not made_there:
            return operator(*args, **kwargs)
        packet = operator.overloadpacket
        if any(isinstance(leaf, torch.Generator) for leaf in leaves):
            raise RuntimeError(f"{operator}: Expected a 'cuda' device type for generator but found 'cpu'")
        if there and host:
            _check_devices(operator, packet, args, host)
        self._count(packet, args, kwargs, host)
        if torch.Tag.inplace_view in operator.tags:
            with torch._C._ExcludeDispatchKeyGuard(torch._C.DispatchKeySet(torch._C.DispatchKey.Python)):
                return operator(*args, **kwargs)
        return _run(operator, args, kwargs, keeps=packet is aten.copy_ and not isinstance(args[0], OnGpu))

    def _count(self, packet: Any, args: tuple, kwargs: dict, host: list[Tensor]) -> None:
        if packet in WAITING:
            self.waits(packet.__name__)
        elif packet is aten.multinomial:  # checks what it is given
            self.waits("multinomial")
        elif packet is aten._to_copy and host and not kwargs.get("non_blocking"):
            self.waits("copy from the host")
        elif packet is aten.copy_ and not (args[2:] or kwargs.get("non_blocking")):
            if not isinstance(args[0], OnGpu):
                self.waits("copy to the host")
            elif host and host[0].ndim:
                self.waits("copy from the host")
        elif packet in HOST_OPERANDS - {aten.copy_}:
            self._count_index(packet, args)

    def _count_index(self, packet: Any, args: tuple) -> None:
        at = [index for index in args[1] if index is not None]
        filled = packet is not aten.index and args[2].numel() == 1
        if any(index.dtype in (torch.bool, torch.uint8) for index in at) and not filled:
            self.waits("index by a mask")
        if any(not isinstance(index, OnGpu) for index in at):
            self.waits("index from the host")


def _run(operator: Any, args: tuple, kwargs: dict, keeps: bool) -> Any:
    """What ``operator`` returns of the same memory on the CPU, on the GPU; ``keeps``: what it was given."""
    kwargs = {key: HOST if key == "device" and _is_gpu(value) else value for key, value in kwargs.items()}
    given: dict[int, Tensor] = {}

    def bare(leaf: Any) -> Any:
        value = _plain(leaf)
        given[id(value)] = leaf
        return value

    args, kwargs = mapped(bare, (args, kwargs))
    found = operator(*args, **kwargs)

    def wrapped(leaf: Any) -> Any:
        if not isinstance(leaf, Tensor):
            return leaf
        return given[id(leaf)] if id(leaf) in given else _on_gpu(leaf)

    return args[0] if keeps else mapped(wrapped, found)


def _check_devices(operator: Any, packet: Any, args: tuple, host: list[Tensor]) -> None:
    numbers = torch.Tag.pointwise in operator.tags or packet in HOST_SCALARS
    if packet in HOST_OPERANDS:
        value = args[2:] if packet is not aten.index and packet is not aten.copy_ else ()
        wrong = [t for t in value if isinstance(t, Tensor) and not isinstance(t, OnGpu) and t.ndim]
        wrong += [] if packet is aten.copy_ or isinstance(args[0], OnGpu) else [args[0]]
    else:
        wrong = [t for t in host if t.ndim or not numbers]
    if wrong:
        shapes = [tuple(t.shape) for t in wrong]
        raise RuntimeError(
            f"{operator}: Expected all tensors to be on the same device; those of {shapes} are on the cpu"
        )


def _groups(tensors: list[list[Tensor | None]], *rest: Any) -> dict:
    """Torch's groups of tensors by device and type; it takes ours for the CPU's."""
    there = any(isinstance(leaf, OnGpu) for leaf in leaves_of(tensors))
    found = _group_tensors_by_device_and_dtype(tensors, *rest)
    return {(GPU if there else device, dtype): group for (device, dtype), group in found.items()}


def _is_gpu(device: Any) -> bool:
    return device is not None and torch.device(device).type == "cuda"


def _moved(module: nn.Module, *args: Any, **kwargs: Any) -> nn.Module:
    """``module.to(device)``, for a GPU that is not there."""
    device = torch._C._nn._parse_to(*args, **kwargs)[0]
    done: dict[int, Tensor] = {}

    def move(value: Tensor) -> Tensor:
        if id(value) not in done:
            there = value.detach().to(device)
            done[id(value)] = nn.Parameter(there, value.requires_grad) if isinstance(value, nn.Parameter) else there
        return done[id(value)]

    for part in module.modules():
        for table in (part._parameters, part._buffers):
            table.update({name: move(value) for name, value in table.items() if value is not None})
    return module


def _patches() -> Iterator[contextlib.AbstractContextManager]:
    """Of what asks for the driver."""
    nothing = {name: lambda *_, **__: None for name in ("_lazy_init", "set_device", "synchronize", "empty_cache")}
    nothing["reset_peak_memory_stats"] = nothing["synchronize"]
    said = {
        "is_available": True, "device_count": 1, "current_device": 0, "is_bf16_supported": True,
        "max_memory_allocated": 0, "get_device_name": "a GPU that is not there",
    }  # fmt: skip
    for name, function in nothing.items():
        yield mock.patch.object(torch.cuda, name, function)
    for name, value in said.items():
        yield mock.patch.object(torch.cuda, name, lambda *_, value=value, **__: value)
    yield mock.patch.object(torch.cuda, "get_rng_state", lambda *_: torch.get_rng_state())
    yield mock.patch.object(torch.cuda, "set_rng_state", lambda state, *_: torch.set_rng_state(state))
    yield mock.patch.object(torch.cuda.amp.common, "amp_definitely_not_available", lambda: False)
    for name in ("_accelerator_graph_capture_health_check", "_cuda_graph_capture_health_check"):
        if hasattr(torch.optim.Optimizer, name):
            yield mock.patch.object(torch.optim.Optimizer, name, lambda _: None)
    # With it, operators made of others would come as they are, and not what they are made of.
    yield mock.patch.object(torch._C, "_InferenceMode", lambda mode: torch.no_grad() if mode else torch.enable_grad())
    yield mock.patch("torch.nn.utils.clip_grad._group_tensors_by_device_and_dtype", _groups)
    yield mock.patch.object(torch.cuda, "Event", mock.MagicMock)
    yield mock.patch.object(Tensor, "pin_memory", lambda self, *_: self)
    yield mock.patch.object(nn.Module, "to", _moved)
