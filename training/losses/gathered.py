"""The rows of all processes, for losses that compare samples: they then are those of the whole batch."""

from __future__ import annotations

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

from training.core.collective import collective


def gathered(z: Tensor, *more: Tensor) -> tuple[Tensor, ...]:
    """``z`` and what belongs to its rows, of every process by rank; in a single process, as they are.

    Gradients reach this process's rows of ``z`` alone and are made larger by the share of all rows that these are. The
    mean of the processes' gradients, weighted by rows, then is the gradient of the loss on the whole batch.
    """
    if not dist.is_available() or not dist.is_initialized() or dist.get_world_size() == 1:
        return z, *more
    counts = [torch.zeros(1, dtype=torch.int64, device=z.device) for _ in range(dist.get_world_size())]
    with collective():
        dist.all_gather(counts, torch.tensor([len(z)], device=z.device))
    rows = [int(count) for count in counts]
    parts = _parts(z.detach(), rows)
    parts[dist.get_rank()] = z.detach() + sum(rows) / len(z) * (z - z.detach())
    return torch.cat(parts), *(torch.cat(_parts(value, rows)) for value in more)


def _parts(value: Tensor, rows: list[int]) -> list[Tensor]:
    """Every process's ``value``, of which it has ``rows``; padded on the way, as all must send alike."""
    most = max(rows)
    padded = F.pad(value, [0, 0] * (value.ndim - 1) + [0, most - len(value)]).contiguous()
    parts = [torch.empty_like(padded) for _ in rows]
    with collective():
        dist.all_gather(parts, padded)
    return [part[:count] for part, count in zip(parts, rows, strict=True)]
