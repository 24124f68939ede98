"""Augmentation of a whole batch on its device, as :mod:`training.data.looks` and OpenCV do it to one picture.

Pixels stay whole numbers between the steps, as there. What is left are rounding errors: OpenCV interpolates in steps of
1/32 pixel, and its JPEG and blur count in whole numbers. No row depends on another.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.core.devices import on_device_of
from training.data.batched_jpeg import jpeg
from training.data.looks import Look

MATRIX = 6
"""The numbers before those of a :class:`Look`: the map from source to result pixels, row by row."""
UNMOVED = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)

Step = Callable[[Tensor, np.ndarray], Tensor]


def changed(images: Tensor, changes: Tensor) -> Tensor:
    """``images (N, 3, H, W)`` uint8 after ``changes (N, 15)`` (see :meth:`Transform.deferred`): whole numbers, float32.

    ``changes`` lie on the CPU, so that a device need not be waited for to know which rows a step is about.
    """
    numbers = changes.numpy().astype(np.float64)
    matrices, look = numbers[:, :MATRIX], Look(*numbers[:, MATRIX:].T)
    steps: list[tuple[np.ndarray, Step, np.ndarray]] = [
        (np.abs(matrices - UNMOVED).max(1) > 1e-4, _moved, matrices),
        (look.kernel + look.sigma > 0, _blurred, np.stack([look.kernel, look.sigma], 1)),
        ((look.gain != 1) | (look.shift != 0), _lit, np.stack([look.gain, look.shift], 1)),
        (look.recolored > 0, _recolored, np.stack([look.hue, look.saturation, look.value], 1)),
        (look.quality > 0, jpeg, look.quality),
    ]
    values = images.float()
    for chosen, step, settings in steps:
        rows = np.flatnonzero(chosen)
        if len(rows) == len(values):
            values = step(values, settings)
        elif len(rows):
            at = torch.from_numpy(rows).to(values.device, non_blocking=True)
            values = values.index_copy(0, at, step(values[at], settings[rows]))
    return values


def _moved(values: Tensor, matrices: np.ndarray) -> Tensor:
    """Each picture under its map; beyond the edges it is mirrored about the outermost pixels."""
    inverse = np.stack([cv2.invertAffineTransform(matrix.reshape(2, 3)) for matrix in matrices])
    height, width = values.shape[-2:]
    y, x = torch.meshgrid(*(torch.arange(n, device=values.device) for n in (height, width)), indexing="ij")
    places = torch.stack([x, y, torch.ones_like(x)], -1).float()  # (H, W, 3)
    sources = torch.einsum("hwk,nik->nhwi", places, on_device_of(values, inverse))
    grid = sources * on_device_of(values, [2 / (width - 1), 2 / (height - 1)]) - 1
    return F.grid_sample(values, grid, padding_mode="reflection", align_corners=True).round()


def _blurred(values: Tensor, settings: np.ndarray) -> Tensor:
    """Each picture under its Gaussian kernel, first along columns, then along rows."""
    kernels = [_kernel(int(side), sigma) for side, sigma in settings]
    radius = max(map(len, kernels)) // 2
    taps = on_device_of(values, [np.pad(kernel, radius - len(kernel) // 2) for kernel in kernels])
    for axis in (2, 3):
        size = values.shape[axis]
        padded = F.pad(values, [0, 0, radius, radius] if axis == 2 else [radius, radius, 0, 0], mode="reflect")
        # Sums, since convolutions on a GPU may round to ten bits.
        values = sum(taps[:, k].view(-1, 1, 1, 1) * padded.narrow(axis, k, size) for k in range(2 * radius + 1))
    return values.round()


def _kernel(side: int, sigma: float) -> np.ndarray:
    """OpenCV's, for 8 bits; a ``side`` of 0 is that of three ``sigma`` both ways."""
    return cv2.getGaussianKernel(side or round(sigma * 6 + 1) | 1, sigma)[:, 0]


def _lit(values: Tensor, settings: np.ndarray) -> Tensor:
    gain, shift = on_device_of(values, settings).view(-1, 2, 1, 1, 1).unbind(1)
    return (values * gain + shift).clamp(0, 255).floor()


def _recolored(values: Tensor, shifts: np.ndarray) -> Tensor:
    """Shifts of hue (half degrees), saturation and value (gray levels), each kept in whole numbers."""
    red, green, blue = values.unbind(1)
    value, which = values.max(1)
    spread = value - values.amin(1)
    sixth = torch.stack([green - blue, 2 * spread + blue - red, 4 * spread + red - green]).gather(0, which[None])[0]
    hue = torch.where(spread > 0, 30 * sixth / spread.clamp(min=1), 0).round() % 180
    saturation = (255 * spread / value.clamp(min=1)).round()
    by = on_device_of(values, shifts).view(-1, 3, 1, 1).unbind(1)
    hue = ((hue + by[0]) % 180).floor()
    saturation, value = (((x + d).clamp(0, 255)).floor() for x, d in ((saturation, by[1]), (value, by[2])))
    ramps = (on_device_of(values, [5, 3, 1]).view(3, 1, 1) + (hue / 30)[:, None]) % 6
    dimmed = torch.minimum(ramps, 4 - ramps).clamp(0, 1)
    return (value[:, None] * (1 - saturation[:, None] / 255 * dimmed)).round()
