"""Comparison of what we compute with a golden figure: numbers, nested lists, or the statistics of a tensor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

PICTURES = "needs pictures that do not come with the figures"
"""Detail of figures that nobody without the reference's data can compare."""


@dataclass(frozen=True)
class Result:
    """One entry of a golden file. ``ok`` is None when it was not compared; ``detail`` says why, or by how much."""

    entry: str
    ok: bool | None
    detail: str = ""


def is_statistics(expected: Any) -> bool:
    """Is this the ``{shape, mean, std, ...}`` or ``{shape, sum, ...}`` of a tensor instead of the tensor?"""
    return isinstance(expected, Mapping) and "shape" in expected


def flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """``(a.b.c, figure)`` for every figure of a nested golden entry."""
    for key, value in tree.items():
        if isinstance(value, Mapping) and not is_statistics(value):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def compare(entry: str, expected: Any, got: Any, relative: float = 1e-4) -> Result:
    """Is ``got`` within ``relative`` times the largest expected magnitude of ``expected``?

    Of statistics, the mean, the deviation and the first values are compared, relative to mean plus deviation; or the
    sum of magnitudes and the norm, relative to themselves, and the first values to the largest of them.
    """
    got = got.detach().to(torch.float64).cpu().numpy() if isinstance(got, Tensor) else np.asarray(got, dtype=float)
    shape = tuple(expected["shape"]) if is_statistics(expected) else np.shape(expected)
    if got.shape != shape:
        return Result(entry, False, f"shape {got.shape}, expected {shape}")
    if not is_statistics(expected):
        scale = np.abs(expected).max(initial=0)
        return _verdict(entry, [(expected, got)], scale, relative)
    if "l2" in expected:
        return _sums(entry, expected, got, relative)
    # Some files hold the deviation of a population, others of a sample.
    deviation = min((got.std(ddof=d) for d in (0, 1) if got.size > d), key=lambda s: abs(s - expected["std"]))
    ours = {"mean": got.mean(), "std": deviation, "first8": got.ravel()[:8]}
    if "sum" in expected:
        expected = {**expected, "mean": expected["sum"] / got.size}
    scale = max(abs(expected["mean"]) + expected["std"], np.abs(expected.get("first8", 0.0)).max())
    return _verdict(entry, [(expected[k], v) for k, v in ours.items() if k in expected], scale, relative)


def _sums(entry: str, expected: Mapping[str, Any], got: np.ndarray, relative: float) -> Result:
    head = np.asarray(expected["head"])
    pairs = {
        "abs_sum": (expected["abs_sum"], np.abs(got).sum(), expected["abs_sum"]),
        "l2": (expected["l2"], np.linalg.norm(got), expected["l2"]),
        "head": (head, got.ravel()[: head.size], max(np.abs(head).max(initial=0), expected["l2"] / got.size**0.5)),
    }
    verdicts = [_verdict(entry, [(a, b)], scale, relative) for a, b, scale in pairs.values()]
    return next((verdict for verdict in verdicts if not verdict.ok), verdicts[0])


def _verdict(entry: str, pairs: list[tuple[Any, Any]], scale: float, relative: float) -> Result:
    difference = max(float(np.abs(np.asarray(a) - np.asarray(b)).max(initial=0)) for a, b in pairs)
    share = difference / scale if scale else difference
    return Result(entry, bool(share <= relative), f"{share:.1e} of {scale:.4g}, allowed {relative:.1e}")
