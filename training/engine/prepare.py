"""From a batch as drawn to one a network takes: on the device, normalized, in the memory format that is fast there."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from training.core.devices import on_device_of
from training.core.errors import ConfigError
from training.core.types import Batch
from training.data.batched import changed
from training.engine.distributed import local_rank


@dataclass(frozen=True)
class Prepare:
    """``prepare(batch)``: uint8 pixels become ``(x / 255 - mean) / std`` float32 on ``device``; features stay.

    Augmentation that was put off is done there, too.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    device: torch.device

    def __call__(self, batch: Batch) -> Batch:
        """The batch on the device, its images and views normalized."""
        changes, batch = batch.changes, replace(batch, changes=None).to(self.device)
        if changes is not None:
            batch = replace(batch, image=_changed(batch.image, changes))
        view = None if batch.view is None else self.normalize(batch.view)
        return replace(batch, image=self.normalize(batch.image), view=view)

    def normalize(self, image: Tensor) -> Tensor:
        """``(..., 3, H, W)`` uint8 to normalized float32; ``(N, d)`` features as they are."""
        if image.ndim == 2:
            return image
        mean, std = (on_device_of(image, v).view(3, 1, 1) for v in (self.mean, self.std))
        fast = torch.channels_last if image.ndim == 4 and image.is_cuda else torch.contiguous_format
        return (image.to(torch.float32, memory_format=fast) / 255).sub_(mean).div_(std)


def _changed(image: Tensor, changes: Tensor) -> Tensor:
    """Pictures, or clips ``(N, T, 3, H, W)`` whose frames all change alike, after what was put off."""
    if image.ndim == 4:
        return changed(image, changes)
    frames = image.shape[1]
    return changed(image.flatten(0, 1), changes.repeat_interleave(frames, 0)).unflatten(0, (-1, frames))


def pick_device(name: str) -> torch.device:
    """``auto`` (the GPU of this process, else the CPU), ``cpu``, ``cuda`` (the GPU of this process) or ``cuda:N``.

    Raises:
        ConfigError: unknown name, or no such device here.
    """
    if name == "cuda" or (name == "auto" and torch.cuda.is_available()):
        name = f"cuda:{local_rank()}"
    elif name == "auto":
        name = "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"device '{name}'; expected auto, cpu, cuda or cuda:N") from error
    if device.type == "cuda":
        if not torch.cuda.is_available() or device.index >= torch.cuda.device_count():
            raise ConfigError(f"device '{name}' is not here; this machine has {torch.cuda.device_count()} GPUs")
        torch.cuda.set_device(device)
        torch.backends.cudnn.benchmark = True  # batches are of one size: the search for the fastest kernels pays
    return device


def pick_precision(name: str, device: torch.device) -> torch.dtype | None:
    """The autocast type: ``auto`` is bf16 on a GPU that has it and float32 (None) elsewhere."""
    if name == "auto":
        return torch.bfloat16 if device.type == "cuda" and torch.cuda.is_bf16_supported() else None
    return torch.bfloat16 if name == "bf16" else None
