"""Golden-data rule v1: numbers that anyone can draw again from a name, as weights and as inputs (data/RULE.md)."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from fnmatch import fnmatch

import numpy as np
import torch
from torch import Tensor

INTEGER_ENDINGS = ("num_batches_tracked", "position_ids", "relative_position_index")


def rng(name: str, salt: str = "") -> np.random.Generator:
    """The generator that belongs to ``name``."""
    return np.random.Generator(np.random.PCG64(zlib.crc32((salt + name).encode())))


def rule_input(shape: tuple[int, ...] | list[int], name: str = "input", salt: str = "") -> Tensor:
    """The rule-made input called ``name``: normal with standard deviation 0.5, float32."""
    return torch.from_numpy((rng(name, salt).standard_normal(shape) * 0.5).astype(np.float32))


def fill_one(key: str, shape: tuple[int, ...] | list[int], gain: float = 1.0, salt: str = "") -> Tensor:
    """The weight called ``key``."""
    if key.endswith("running_var"):
        value = 0.5 + rng(key, salt).random(shape)
    else:
        value = rng(key, salt).standard_normal(shape)
        if len(shape) >= 2:
            value *= gain / math.sqrt(math.prod(shape[1:]))
        else:
            value = value * 0.1 + (1.0 if len(shape) == 1 and key.endswith("weight") else 0.0)
    return torch.from_numpy(np.asarray(value, dtype=np.float32))


def fill(
    shapes: Mapping[str, list[int]],
    constants: Mapping[str, object],
    gain: float | Mapping[str, float] = 1.0,
    salt: str = "",
) -> dict[str, Tensor]:
    """A whole state dict. ``gain`` may differ by key prefix (``*`` for the rest).

    Float entries of ``constants`` become NaN: whoever loads them instead of constructing them will notice.
    """
    state = {}
    for key, shape in shapes.items():
        if key.endswith(INTEGER_ENDINGS):
            state[key] = torch.zeros(shape, dtype=torch.int64)
        elif any(fnmatch(key, pattern) for pattern in constants):
            state[key] = torch.full(shape, torch.nan)
        else:
            state[key] = fill_one(key, shape, _gain_of(key, gain), salt)
    return state


def _gain_of(key: str, gain: float | Mapping[str, float]) -> float:
    if not isinstance(gain, Mapping):
        return gain
    return next((g for prefix, g in gain.items() if key.startswith(prefix)), gain.get("*", 1.0))
