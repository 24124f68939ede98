"""Videos of a moving face by rule: scikit-image's astronaut, panned, zoomed and turned before its own background."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from training.core.errors import ConfigError

FACE = ((220, 121), 91)
"""Of the picture: center of the face and its width, as HOG sees it, in pixels."""


def film(path: Path, width: int, height: int, frames: int = 500, seed: int = 0) -> Path:
    """A video as a phone would take it: 25 frames per second, H.264 at constant quality 23, a key frame every 250.

    The face is 0.22 to 0.45 of the height wide.

    Raises:
        ConfigError: scikit-image is missing.
    """
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "23", "preset": "faster", "g": "250"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number, pixels in enumerate(pictures(width, height, frames, seed)):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def pictures(width: int, height: int, count: int, seed: int) -> Iterator[np.ndarray]:
    """``count`` frames of one, ``(height, width, 3)`` uint8 RGB.

    Raises:
        ConfigError: scikit-image is missing.
    """
    try:
        import skimage.data
    except ImportError as error:
        raise ConfigError("scikit-image is missing, whose astronaut is filmed; or give --videos FOLDER") from error
    portrait, (center, face) = skimage.data.astronaut(), FACE
    rng = np.random.default_rng(seed)
    grain = rng.normal(0, 3, (height, width, 1)).astype(np.float32)
    phases = rng.uniform(0, 2 * math.pi, 4)
    for i in range(count):
        zoom, turn, x, y = (
            math.sin(speed * i * math.tau / count + p) for speed, p in zip((2, 3, 3, 2), phases, strict=True)
        )
        matrix = cv2.getRotationMatrix2D(center, 12 * turn, (0.335 + 0.115 * zoom) * height / face)
        matrix[:, 2] += (width * (0.5 + 0.15 * x) - center[0], height * (0.5 + 0.1 * y) - center[1])
        picture = cv2.warpAffine(portrait, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)
        yield np.clip(picture + np.roll(grain, 37 * i, axis=0), 0, 255).astype(np.uint8)
