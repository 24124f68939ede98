"""Soft shapes and compositing from which every picture of the demo is built; all arrays are float32."""

from __future__ import annotations

import numpy as np


def blob(x: np.ndarray, y: np.ndarray, cx: float, cy: float, sx: float, sy: float) -> np.ndarray:
    """Gaussian bump of height 1 around (cx, cy) with standard deviations sx and sy."""
    return np.exp(-0.5 * (((x - cx) / sx) ** 2 + ((y - cy) / sy) ** 2))


def ridge(distance: np.ndarray, width: float | np.ndarray) -> np.ndarray:
    """Gaussian line of height 1 where `distance` is 0."""
    return np.exp(-0.5 * (distance / width) ** 2)


def step(value: np.ndarray, softness: float) -> np.ndarray:
    """Soft step: 0 where `value` is well below 0, 1 well above, half at 0."""
    return 1.0 / (1.0 + np.exp(-np.clip(value / softness, -40.0, 40.0)))


def arch(u: np.ndarray) -> np.ndarray:
    """Half circle over -1 < u < 1, 0 outside: the profile of lips and eyelids."""
    return np.sqrt(np.clip(1.0 - u**2, 0.0, 1.0))


def over(below: np.ndarray, color: np.ndarray | float, alpha: np.ndarray) -> np.ndarray:
    """Lay `color` with opacity `alpha` (H, W) over the image `below` (H, W, 3)."""
    return below + (color - below) * alpha[..., None]


def darken(image: np.ndarray, amount: np.ndarray) -> np.ndarray:
    """Multiply an image (H, W, 3) by 1 - amount (H, W)."""
    return image * (1.0 - amount)[..., None]
