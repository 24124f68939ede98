"""What happens to pictures on their way: CADDM's augmentations of training faces.

Source: Dong et al., Implicit identity leakage (CVPR 2023), published code, each with its chance and range. Deviations:
being shrunk and enlarged again, and being mirrored, have an effect; mirroring is the run's ``data.augment.flip``.
All is on pictures (H, W, 3), uint8 RGB.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from training.data.looks import jpeg

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def degraded(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """``picture`` after each of :data:`CHANGES`, by chance."""
    for chance, change in CHANGES:
        if rng.random() < chance:
            picture = change(picture, rng)
    return picture


def _jpeg(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return jpeg(picture, int(rng.integers(15, 80)))


def _stretch(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001 - all are called alike
    """Values from 0 to 255."""
    low, high = int(picture.min()), int(picture.max())
    return _pixels((picture.astype(np.float32) - low) / (high - low + 1) * 255)


def _uneven_light(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Noise of low frequency, the same in all channels."""
    height, width = picture.shape[:2]
    coarse = 2 * rng.standard_normal((max(height // 4, 1), max(width // 4, 1)), np.float32)
    return _pixels(picture + cv2.resize(coarse, (width, height))[..., None])


def _saturation_and_value(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    hsv = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV).astype(np.float32)
    for channel, highest in ((1, 1.15), (2, 2.0)):
        if rng.random() < 0.5:
            hsv[..., channel] *= rng.uniform(0.5, 1) if rng.random() < 0.5 else rng.uniform(1, highest)
    return cv2.cvtColor(_pixels(hsv), cv2.COLOR_HSV2RGB)


def _gamma(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return cv2.LUT(picture, _pixels(255 * (np.arange(256) / 255) ** rng.uniform(0.6, 1.4)))


def _motion_blur(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Along a line of 1 to 10 pixels in any direction."""
    length, degrees = int(rng.integers(1, 11)), float(rng.integers(360))
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1
    center = (length - 1) / 2
    kernel = cv2.warpAffine(kernel, cv2.getRotationMatrix2D((center, center), degrees, 1), (length, length))
    return cv2.filter2D(picture, -1, kernel / max(kernel.sum(), 1e-6)) if kernel.any() else picture


def _blur(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    sigma = int(rng.integers(3))
    return cv2.GaussianBlur(picture, (3, 3), sigma) if sigma else picture


def _noise(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    sigma = rng.uniform(15, 21) if rng.random() < 0.5 else rng.uniform(0, 4)
    return _pixels(picture + sigma * rng.standard_normal(picture.shape, np.float32))


def _tone(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A share of one color over all."""
    color, share = rng.integers(60, 256, 3), rng.uniform(0, 0.3)
    return _pixels((1 - share) * picture + share * color)


def _coarser(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shrunk to at least a half, and enlarged again."""
    height, width = picture.shape[:2]
    factor = rng.uniform(0.5, 1)
    small = cv2.resize(picture, (max(round(width * factor), 1), max(round(height * factor), 1)))
    return cv2.resize(small, (width, height))


def _pixels(values: np.ndarray) -> np.ndarray:
    return np.rint(values).clip(0, 255).astype(np.uint8)


CHANGES: tuple[tuple[float, Change], ...] = (
    (0.3, _jpeg),
    (0.5, _stretch),
    (0.5, _uneven_light),
    (0.25, _saturation_and_value),
    (1.0, _gamma),
    (0.3, _motion_blur),
    (0.3, _blur),
    (0.3, _noise),
    (0.3, _tone),
    (0.25, _coarser),
)
"""Chances and changes, in order."""
