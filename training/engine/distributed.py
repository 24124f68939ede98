"""Several processes: who this one is, what all agree on. Everything is a no-op in a single process."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from training.core.collective import collective
from training.core.devices import on_device_of


def start(device: torch.device) -> None:
    """Join the group that torchrun described in the environment, if any."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not dist.is_initialized():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")


def stop() -> None:
    """Leave the group."""
    if _active():
        with contextlib.suppress(RuntimeError):  # of a group that has fallen apart
            dist.destroy_process_group()


def rank() -> int:
    """This process's number; 0 is the one that writes."""
    return dist.get_rank() if _active() else 0


def world() -> int:
    """How many processes there are."""
    return dist.get_world_size() if _active() else 1


def local_rank() -> int:
    """Which of this machine's devices is ours."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def gather(value: Any) -> list[Any]:
    """Every process's ``value``, by rank, on all of them."""
    if not _active():
        return [value]
    values: list[Any] = [None] * world()
    with collective():
        dist.all_gather_object(values, value)
    return values


def agreed(value: Any) -> Any:
    """Rank 0's ``value`` on all processes."""
    return gather(value)[0]


def broadcast(module: nn.Module) -> None:
    """Give every process rank 0's parameters and buffers."""
    if _active():
        with collective():
            for tensor in (*module.parameters(), *module.buffers()):
                whole = tensor.data.contiguous()
                dist.broadcast(whole.view(-1).view(torch.uint8), src=0)  # not all types have a name among processes
                tensor.data.copy_(whole)


def add_up(module: nn.Module, names: Iterable[str]) -> None:
    """Replace the buffers called ``names`` by their sums over processes."""
    if _active():
        buffers = dict(module.named_buffers())
        with collective():
            for name in names:
                dist.all_reduce(buffers[name])


def share_statistics(module: nn.Module) -> None:
    """Give every process rank 0's running statistics of batch norms, which are the ones that are saved."""
    if _active():
        for part in module.modules():
            if isinstance(part, nn.modules.batchnorm._BatchNorm):
                with collective():
                    for buffer in part.buffers(recurse=False):
                        dist.broadcast(buffer, src=0)


def average_gradients(params: Iterable[nn.Parameter], rows: int) -> None:
    """Replace gradients by their mean over processes, weighted by the ``rows`` each one saw.

    Explicit, so that several losses, optimizers or passes per batch all work alike. A parameter unused by some
    processes counts as zero there; one unused by all keeps no gradient.
    """
    if not _active():
        return
    params = list(params)
    grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in params]
    mine = [p.grad is not None for p in params]
    told = on_device_of(grads[0], [rows, *mine])
    flat = torch.cat([told, *(g.float().flatten() * rows for g in grads)])
    with collective():
        dist.all_reduce(flat)
    count, used, *sums = flat.split([1, len(params), *(g.numel() for g in grads)])
    # What is used here is used by someone: only to know of the rest is the device waited for.
    for p, anyone, total in zip(params, mine if all(mine) else used.tolist(), sums, strict=True):
        p.grad = (total / count).view_as(p).to(p.dtype) if anyone else None


def mean(value: Tensor, rows: int) -> Tensor:
    """The mean of a scalar over processes, weighted by rows."""
    if not _active():
        return value
    pair = torch.stack([value.detach().float() * rows, on_device_of(value, rows)])
    with collective():
        dist.all_reduce(pair)
    return pair[0] / pair[1]


def _active() -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
