"""Small videos, pictures and data folders for the tests of preprocessing."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import skimage.data

from training.core.paths import WEIGHTS

PREDICTOR = WEIGHTS / "shape_predictor_68_face_landmarks.dat"
needs_predictor = pytest.mark.skipif(not PREDICTOR.is_file(), reason="no landmark predictor; run ./install.sh")


def face() -> np.ndarray:
    """``(160, 160, 3)`` RGB with one face of about 90 px."""
    return np.ascontiguousarray(skimage.data.astronaut()[35:195, 140:300])


def face_video(path: Path, frames: int = 4, shade: int = 0) -> Path:
    """The face, moving a little; ``shade`` tells videos apart."""
    pictures = [np.roll(face(), i, axis=1) // 2 + 60 + shade for i in range(frames)]
    return write_video(path, pictures)


def write_video(path: Path, frames: Iterable[np.ndarray], codec: str = "libx264", **options: str) -> Path:
    """A video of RGB ``frames``; ``ffv1`` is lossless. ``options`` go to the container."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=options) as container:
        stream = None
        for number, pixels in enumerate(frames):
            if stream is None:
                stream = container.add_stream(codec, rate=25)
                stream.height, stream.width = pixels.shape[:2]
                stream.pix_fmt = "bgr0" if codec == "ffv1" else "yuv420p"
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def numbered(count: int, size: tuple[int, int] = (48, 64)) -> list[np.ndarray]:
    """Plain frames whose gray level is three times their index."""
    return [np.full((*size, 3), 3 * i, np.uint8) for i in range(count)]


def write_picture(path: Path, pixels: np.ndarray) -> Path:
    """An RGB or gray picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), pixels if pixels.ndim == 2 else pixels[..., ::-1])
    return path
