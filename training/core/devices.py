"""Numbers that the host knows, on a device that it does not wait for."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor


def on_device_of(like: Tensor, numbers: ArrayLike, dtype: torch.dtype = torch.float32) -> Tensor:
    """``numbers`` where ``like`` lies. ``torch.tensor(device=)`` would wait until a GPU has done all it was asked."""
    here = torch.as_tensor(np.asarray(numbers), dtype=dtype)
    return (here.pin_memory() if like.is_cuda else here).to(like.device, non_blocking=True)
