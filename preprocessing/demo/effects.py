"""What forging does to pixels; each of these leaves a trace. Images are (H, W, 3) float32 in [0, 1]."""

from __future__ import annotations

import cv2
import numpy as np


def lose_resolution(image: np.ndarray, factor: float) -> np.ndarray:
    """Shrink an image by `factor` and enlarge it again."""
    size = len(image)
    small = max(8, round(size / factor))
    shrunk = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
    return cv2.resize(shrunk, (size, size), interpolation=cv2.INTER_CUBIC)


def match_color(face: np.ndarray, scene: np.ndarray, mask: np.ndarray, amount: float) -> np.ndarray:
    """Move the mean color of `face` inside the mask towards the scene's: not at all for 0, fully for 1."""
    inside = mask > 0.5
    return face + amount * (scene[inside].mean(0) - face[inside].mean(0))


def sharpen(image: np.ndarray, sigma: float, amount: float) -> np.ndarray:
    """Unsharp masking."""
    return image + amount * (image - cv2.GaussianBlur(image, (0, 0), sigma))


def warp(image: np.ndarray, field: np.ndarray, amount: float) -> np.ndarray:
    """Displace pixels by a smooth field (2, h, w) of unit variance, times `amount` of the image's size."""
    size = len(image)
    rows, columns = np.indices((size, size), dtype=np.float32)
    dy, dx = (amount * size * cv2.resize(f, (size, size), interpolation=cv2.INTER_CUBIC) for f in field)
    return cv2.remap(image, columns + dx, rows + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def lattice(size: int, period: float) -> np.ndarray:
    """Checkered wave (size, size) in [-1, 1] with a period in pixels."""
    wave = np.sin(2 * np.pi / period * np.arange(size, dtype=np.float32))
    return np.outer(wave, wave)


def upsample_unevenly(image: np.ndarray, pixel: float, unevenness: float) -> np.ndarray:
    """What a strided transposed convolution makes of a small image, whose pixels are `pixel` frame pixels wide.

    Where its kernels overlap, values add up more often: every other row and column comes out brighter.
    """
    size = len(image)
    small = round(size / pixel / 2)
    features = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
    doubled = cv2.resize(features, (2 * small, 2 * small), interpolation=cv2.INTER_CUBIC)
    gain = 1 + unevenness * np.where(np.arange(2 * small) % 2, -1, 1).astype(np.float32)
    doubled = doubled * np.outer(gain, gain)[..., None]
    return cv2.resize(doubled, (size, size), interpolation=cv2.INTER_LINEAR)


def blotch(image: np.ndarray, noise: np.ndarray, amount: float) -> np.ndarray:
    """Add smooth colored spots: ``noise`` (h, w, 3) of unit variance, enlarged to the image, times ``amount``."""
    size = len(image)
    return image + amount * cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC)


def posterize(image: np.ndarray, levels: float) -> np.ndarray:
    """Round colors to ``levels`` steps between 0 and 1."""
    return np.round(image * levels) / levels


def recompress(image: np.ndarray, blocks: int, quality: int) -> np.ndarray:
    """JPEG at `quality`, as if the image had `blocks` blocks of 8 pixels a side."""
    size = len(image)
    small = cv2.resize(image, (8 * blocks, 8 * blocks), interpolation=cv2.INTER_AREA)
    pixels = (np.clip(small, 0, 1) * 255 + 0.5).astype(np.uint8)
    _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR).astype(np.float32) / 255
    return cv2.resize(decoded, (size, size), interpolation=cv2.INTER_LINEAR)
