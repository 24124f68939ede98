"""torch.compile for a detector's networks, where it pays; where it fails, a line says so and training goes on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import nn
from torch._dynamo.exc import TorchDynamoException
from tqdm import tqdm

from training.detectors.base import Detector

METHODS = ("forward", "feature_map")
"""What detectors call of a backbone, see :mod:`training.networks.zoo`."""
LEAST_STEPS = 1000
"""Below these, compiling takes longer than it saves (``auto``)."""


def compile_networks(
    detector: Detector, wanted: Literal["auto", "always", "never"], device: torch.device, steps: int
) -> bool:
    """Let the backbones of ``detector`` be compiled when they are first called; whether any will be.

    Names and values of its parameters stay. ``auto``: on a GPU, in a run of many ``steps``.
    """
    if wanted == "never" or (wanted == "auto" and (device.type != "cuda" or steps < LEAST_STEPS)):
        return False
    backbones = [module for module in detector.children() if isinstance(getattr(module, "dim", None), int)]
    for backbone in backbones:
        for name in METHODS:
            if hasattr(type(backbone), name):
                setattr(backbone, name, _Compiled(backbone, getattr(backbone, name), name))
    return bool(backbones)


class _Compiled:
    """``function`` compiled, until that fails."""

    def __init__(self, backbone: nn.Module, function: Callable[..., Any], name: str) -> None:
        self._plain, self._fast = function, torch.compile(function)
        self._what = f"{type(backbone).__name__}.{name}"

    def __call__(self, *args: Any) -> Any:
        if self._fast is not None and torch.is_grad_enabled():
            try:
                return self._fast(*args)
            except TorchDynamoException as error:
                self._fast = None
                reason = str(error).strip().splitlines()[0]
                tqdm.write(f"{self._what} cannot be compiled here and runs as it is: {reason}", file=sys.stderr)
        return self._plain(*args)
