"""What lens, tone curve and sensor make of a clean picture; real and fake videos pass through the same camera."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera and its encoder.

    `gamma` is the tone curve's exponent, `gains` the white balance of R, G, B, `blur` the lens' standard deviation in
    pixels, `noise` the sensor's in [0, 1], `rate` frames per second, `crf` the quality setting of H.264.
    """

    gamma: float
    gains: tuple[float, float, float]
    blur: float
    noise: float
    rate: int
    crf: int

    def develop(self, picture: np.ndarray) -> np.ndarray:
        """Lens, white balance and tone of a clean picture; (H, W, 3) float32 in [0, 1] in and out."""
        seen = cv2.GaussianBlur(picture, (0, 0), self.blur) * np.float32(self.gains)
        return np.clip(seen, 0, 1) ** self.gamma

    def grain(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """The sensor's noise in one frame, (size, size, 3) float32."""
        return self.noise * rng.standard_normal((size, size, 3), dtype=np.float32)


def quantize(image: np.ndarray) -> np.ndarray:
    """Float image in [0, 1] to uint8; what lies outside is clipped."""
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)


STUDIO = Camera(gamma=0.89, gains=(1.0, 1.0, 1.0), blur=0.55, noise=0.008, rate=10, crf=23)
"""Shoots the FaceForensics++-like set, at its compression c23."""
HANDHELD = Camera(gamma=0.80, gains=(1.05, 0.98, 0.86), blur=0.75, noise=0.016, rate=12, crf=27)
"""Shoots the Celeb-DF-like set: brighter, warmer, softer, noisier and more compressed."""
