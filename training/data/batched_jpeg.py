"""What JPEG compression loses, for a whole batch on its device: ITU-T T.81 without entropy coding, as in libjpeg.

Color is kept at half the size (averages of 2 x 2, enlarged linearly), in JFIF's YCbCr.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.core.devices import on_device_of

BLOCK = 8
TO_YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
"""Without the offset of 128 of both colors (JFIF 1.02, page 3)."""
LUMA = """
16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62
18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99
"""
COLOR = """
17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99 99 99 47 66 99 99 99 99 99 99
99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99
"""
"""Quantization tables of annex K, row by row, for quality 50."""


def jpeg(values: Tensor, quality: np.ndarray) -> Tensor:
    """``values (N, 3, H, W)``, whole numbers from 0 to 255, after compression at ``quality (N,)``, 1 to 100."""
    height, width = values.shape[-2:]
    side = 2 * BLOCK
    padded = F.pad(values, [0, -width % side, 0, -height % side], mode="replicate")
    ycc = _mixed(TO_YCC, padded).round()
    luma = _quantized(ycc[:, :1] - 128, _tables(LUMA, quality)) + 128
    color = _quantized(F.avg_pool2d(ycc[:, 1:], 2).round(), _tables(COLOR, quality))
    color = F.interpolate(color, scale_factor=2, mode="bilinear", align_corners=False).round()
    rgb = _mixed(np.linalg.inv(TO_YCC), torch.cat([luma.clamp(0, 255), color.clamp(-128, 127)], 1))
    return rgb.round().clamp(0, 255)[..., :height, :width]


def _quantized(values: Tensor, tables: np.ndarray) -> Tensor:
    """``values (N, C, H, W)`` whose blocks' cosine coefficients are multiples of ``tables (N, 8, 8)``."""
    cosines, steps = on_device_of(values, _COSINES), on_device_of(values, tables)[:, None, None, :, None]
    blocks = values.unflatten(3, (-1, BLOCK)).unflatten(2, (-1, BLOCK))  # (N, C, rows, 8, columns, 8)
    found = torch.einsum("ui,vj,ncrisj->ncrusv", cosines, cosines, blocks)
    kept = (found / steps).round() * steps
    return torch.einsum("ui,vj,ncrusv->ncrisj", cosines, cosines, kept).flatten(4).flatten(2, 3).round()


def _tables(base: str, quality: np.ndarray) -> np.ndarray:
    """libjpeg's scaling of a table by quality."""
    percent = np.where(quality < 50, 5000 // quality.clip(1), 200 - 2 * quality)
    table = np.array(base.split(), np.int64).reshape(BLOCK, BLOCK)
    return ((table * percent[:, None, None] + 50) // 100).clip(1, 255)


def _mixed(matrix: np.ndarray, values: Tensor) -> Tensor:
    return torch.einsum("kc,nchw->nkhw", on_device_of(values, matrix), values)


_COSINES = np.cos(np.outer(np.arange(BLOCK), 2 * np.arange(BLOCK) + 1) * np.pi / (2 * BLOCK)) / 2
_COSINES[0] /= np.sqrt(2)
