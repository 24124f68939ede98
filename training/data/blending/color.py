"""Colors of faces: the small changes that tell a source from its target, and their adaptation to each other."""

from __future__ import annotations

import cv2
import numpy as np


def disturb(face: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """``face`` (H, W, 3) uint8 with other colors, then once coarser or sharper: what makes a source differ.

    Source: Shiohara & Yamasaki, CVPR 2022, section 3.1: channels shifted by up to 20 in three of ten faces, brightness
    and contrast by up to 0.1, then either shrunk by 2 or 4 and enlarged, or sharpened. The paper names hue, saturation
    and value too; its code shifts them by less than one step of 8 bits.
    """
    shift = rng.uniform(-20, 20, 3) if rng.random() < 0.3 else np.zeros(3)
    contrast, brightness = rng.uniform(-0.1, 0.1, 2)
    levels = np.arange(256)[:, None] + shift
    table = np.rint(levels.clip(0, 255) * (1 + contrast) + 255 * brightness).clip(0, 255).astype(np.uint8)
    face = cv2.LUT(face, table[None])
    if rng.random() < 0.5:
        return _coarser(face, int(rng.choice((2, 4))))
    return _sharper(face, rng.uniform(0.2, 0.5), rng.uniform(0.5, 1.0))


def match_color(source: np.ndarray, target: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """``source`` (H, W, 3) uint8 with the mean and deviation that each channel of ``target`` has inside ``mask``.

    Only what lies inside changes; nothing does when the mask (H, W) is empty. Source: Reinhard et al. 2001, on RGB.
    """
    inside = mask > 0
    if not inside.any():
        return source
    from_, to = source[inside].astype(np.float32), target[inside].astype(np.float32)
    gain = to.std(0) / np.maximum(from_.std(0), 1e-6)
    matched = source.copy()
    matched[inside] = ((from_ - from_.mean(0)) * gain + to.mean(0)).clip(0, 255).astype(np.uint8)
    return matched


def _coarser(face: np.ndarray, factor: int) -> np.ndarray:
    height, width = face.shape[:2]
    small = cv2.resize(face, (width // factor, height // factor), interpolation=cv2.INTER_NEAREST)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def _sharper(face: np.ndarray, share: float, lightness: float) -> np.ndarray:
    """``1 - share`` of the face and ``share`` of it filtered by a Laplacian plus ``lightness`` times itself."""
    kernel = np.full((3, 3), -share, np.float32)
    kernel[1, 1] = 1 - share + share * (8 + lightness)
    return cv2.filter2D(face, -1, kernel)
