"""How augmentation changes the look of a picture: drawn as numbers, then done to one picture by OpenCV.

:mod:`training.data.batched` does the same numbers to a whole batch on its device.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from training.core.schema import AugmentConfig


class Look(NamedTuple):
    """Numbers only. In this order: blur, then gain and shift or hue, saturation and value, then JPEG."""

    kernel: float = 0.0
    """Side of the Gaussian kernel in pixels; 0: as ``sigma`` wants it."""
    sigma: float = 0.0
    """Of the blur, in pixels; 0: as ``kernel`` wants it. Both 0: no blur."""
    gain: float = 1.0
    shift: float = 0.0
    """In gray levels."""
    hue: float = 0.0
    """In OpenCV's units: half degrees, and gray levels."""
    saturation: float = 0.0
    value: float = 0.0
    recolored: float = 0.0
    """Whether hue, saturation and value change (1)."""
    quality: float = 0.0
    """Of JPEG; 0: none."""

    def picture(self, picture: np.ndarray) -> np.ndarray:
        """``(H, W, 3)`` uint8 RGB as it looks then."""
        if self.kernel or self.sigma:
            picture = cv2.GaussianBlur(picture, (int(self.kernel), int(self.kernel)), self.sigma)
        if self.recolored:
            picture = _recolored(picture, np.array([self.hue, self.saturation, self.value], np.float32))
        elif (self.gain, self.shift) != (1.0, 0.0):
            picture = cv2.LUT(picture, (np.arange(256) * self.gain + self.shift).clip(0, 255).astype(np.uint8))
        return jpeg(picture, int(self.quality)) if self.quality else picture


def drawn(augment: AugmentConfig, rng: np.random.Generator) -> Look:
    """What ``augment`` makes of a picture, each kind with its chance."""
    found: dict[str, float] = {}
    if rng.random() < augment.blur:
        found |= _blur(augment, rng)
    if rng.random() < augment.color:
        plain = rng.random() < 0.5 or not any((augment.hue, augment.saturation, augment.value))
        found |= _contrast(augment, rng) if plain else _hue(augment, rng)
    if rng.random() < augment.jpeg:
        low, high = augment.jpeg_quality
        found["quality"] = float(rng.integers(low, high + 1))
    return Look(**found)


def jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    """``picture`` after JPEG compression at ``quality`` (1-100)."""
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)


def _blur(augment: AugmentConfig, rng: np.random.Generator) -> dict[str, float]:
    if augment.blur_sigma:
        return {"sigma": max(rng.uniform(*augment.blur_sigma), 1e-3)}  # OpenCV takes 0 for "choose one"
    low, high = augment.blur_kernel
    return {"kernel": float(rng.integers(low // 2, high // 2 + 1)) * 2 + 1}


def _contrast(augment: AugmentConfig, rng: np.random.Generator) -> dict[str, float]:
    gain = 1 + rng.uniform(-augment.contrast, augment.contrast)
    return {"gain": gain, "shift": 255 * rng.uniform(-augment.brightness, augment.brightness)}


def _hue(augment: AugmentConfig, rng: np.random.Generator) -> dict[str, float]:
    hue, saturation, value = rng.uniform(-1, 1, 3) * (augment.hue, augment.saturation, augment.value)
    return {"hue": hue, "saturation": saturation, "value": value, "recolored": 1.0}


def _recolored(picture: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """``shift`` added to hue, saturation and value; a table per channel does it."""
    table = np.arange(256, dtype=np.float32)[:, None] + shift
    table[:, 0] %= 180  # OpenCV keeps hue in half degrees
    hsv = cv2.LUT(cv2.cvtColor(picture, cv2.COLOR_RGB2HSV), table.clip(0, 255).astype(np.uint8)[None])
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
