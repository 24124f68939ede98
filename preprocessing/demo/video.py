"""Writes H.264 files whose bytes depend on nothing but the frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np

from training.core.paths import atomic

REPEATABLE = "cpu-independent=1"
"""x264's faster arithmetic gives other bytes on other processors, and even from one run to the next."""


def write_video(path: Path, frames: Sequence[np.ndarray], rate: int, crf: int) -> None:
    """Encode uint8 frames, (H, W, 3) RGB or (H, W) gray with even sides, to an mp4 that appears only when complete."""
    with atomic(path) as part, av.open(str(part), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": str(crf), "x264-params": REPEATABLE})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        for pixels in frames:
            kind = "gray" if pixels.ndim == 2 else "rgb24"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format=kind)))
        container.mux(stream.encode(None))
