"""What happens to pictures after they leave a camera or a forger: eight corruptions at five graded levels each.

Pure functions of pictures ``(H, W, 3)`` uint8 RGB; what is random comes from the generator passed in. Levels called
DeeperForensics are those that the code behind Jiang et al., DeeperForensics-1.0 (CVPR 2020, section 5) grades its
distortions by. Deviations from it: contrast falls towards middle gray, not towards black; noise is added in RGB.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
import numpy as np

from training.core.errors import ConfigError, did_you_mean
from training.data.looks import jpeg

Change = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]
Picked = list[tuple[str, int]]
"""Names of corruptions, each with a level."""

LEVELS = (1, 2, 3, 4, 5)
GRAY = 128
BLOCK, BLOCKS_PER = 8, 256
"""Side of an occluding block, and of the picture for which their number is meant, in pixels."""
RATE = 25
"""Frames per second, by which an encoder that is told a quality does not go."""
REPEATABLE = {"threads": "1", "x264-params": "asm=0"}
"""Without its assembler routines x264 takes twice as long; with them it gave the same pictures other bits once in a
while where a side was no multiple of 64."""


@dataclass(frozen=True)
class Corruption:
    """One kind: what its five levels mean, and how it changes a picture (None: what only whole videos undergo)."""

    levels: tuple[float, ...]
    unit: str
    source: str
    change: Change | None = None

    def value(self, level: int) -> float:
        """What ``level`` (1 to 5) stands for."""
        return self.levels[level - 1]


def h264(pictures: Iterable[np.ndarray], crf: float) -> Iterator[np.ndarray]:
    """A video's ``pictures`` in order after encoding by x264 at constant rate factor ``crf``, 4:2:0, and decoding.

    Where their size changes a new stream begins.
    """
    for _, alike in itertools.groupby(pictures, key=lambda picture: picture.shape):
        yield from _encoded(alike, crf)


def _encoded(pictures: Iterator[np.ndarray], crf: float) -> Iterator[np.ndarray]:
    memory, first = io.BytesIO(), next(pictures)
    height, width = first.shape[:2]
    with av.open(memory, "w", format="matroska") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": str(crf), **REPEATABLE})
        stream.height, stream.width, stream.pix_fmt = height + height % 2, width + width % 2, "yuv420p"
        for number, picture in enumerate(itertools.chain([first], pictures)):
            even = cv2.copyMakeBorder(picture, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    memory.seek(0)
    with av.open(memory) as container:
        container.streams.video[0].codec_context.thread_count = 1
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24")[:height, :width]


def _jpeg(picture: np.ndarray, quality: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001 - alike
    return jpeg(picture, int(quality))


def _noise(picture: np.ndarray, variance: float, rng: np.random.Generator) -> np.ndarray:
    return _pixels(picture + 255 * np.sqrt(variance) * rng.standard_normal(picture.shape, np.float32))


def _blur(picture: np.ndarray, kernel: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    return cv2.GaussianBlur(picture, (int(kernel), int(kernel)), kernel / 6)


def _resize(picture: np.ndarray, factor: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (max(1, int(width / factor)), max(1, int(height / factor))))
    return cv2.resize(small, (width, height))


def _saturation(picture: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)[..., None]
    return _pixels(gray + share * (picture - gray))


def _contrast(picture: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    return cv2.LUT(picture, _pixels(GRAY + share * (np.arange(256) - GRAY)))


def _occlusion(picture: np.ndarray, blocks: float, rng: np.random.Generator) -> np.ndarray:
    """The blocks of a level are the first ones of the next."""
    picture, size = picture.copy(), np.array(picture.shape[:2])
    count = max(1, round(blocks * size.prod() / BLOCKS_PER**2))
    for top, left in (rng.random((count, 2)) * (size - BLOCK + 1).clip(1)).astype(int):
        picture[top : top + BLOCK, left : left + BLOCK] = GRAY
    return picture


def _pixels(values: np.ndarray) -> np.ndarray:
    return np.rint(values).clip(0, 255).astype(np.uint8)


OURS, THEIRS = "evenly spaced; ours", "DeeperForensics"
CORRUPTIONS = {
    "jpeg": Corruption((90, 70, 50, 30, 10), "quality", OURS, _jpeg),
    "h264": Corruption((30, 32, 35, 38, 40), "constant rate factor", THEIRS),
    "noise": Corruption((0.001, 0.002, 0.005, 0.01, 0.05), "variance, of values in [0, 1]", THEIRS, _noise),
    "blur": Corruption((7, 9, 13, 17, 21), "side of the Gaussian kernel in pixels, 6 sigma", THEIRS, _blur),
    "resize": Corruption((2, 3, 4, 5, 6), "factor of shrinking, before enlarging again", THEIRS, _resize),
    "saturation": Corruption((0.4, 0.3, 0.2, 0.1, 0.0), "share left of the difference to gray", THEIRS, _saturation),
    "contrast": Corruption((0.85, 0.725, 0.6, 0.475, 0.35), "share left", THEIRS, _contrast),
    "occlusion": Corruption((16, 32, 48, 64, 80), "gray blocks of 8 x 8 per 256 x 256 pixels", THEIRS, _occlusion),
}
"""By the name that the command line says."""


def pick(items: list[str]) -> Picked:
    """What ``items`` such as ``jpeg`` and ``h264:1,5`` name; all levels of all corruptions where there are none.

    Raises:
        ConfigError: there is no such corruption or level.
    """
    picked: dict[tuple[str, int], None] = {}
    for item in items or CORRUPTIONS:
        name, _, levels = item.partition(":")
        if name not in CORRUPTIONS:
            raise ConfigError(f"--robustness {item}: no corruption '{name}'; {did_you_mean(name, CORRUPTIONS)}")
        known = {str(level): level for level in LEVELS}
        asked = levels.split(",") if levels else list(known)
        if wrong := [level for level in asked if level not in known]:
            raise ConfigError(f"--robustness {item}: no level '{wrong[0]}'; expected 1 to 5, as in {name}:1,3,5")
        picked |= dict.fromkeys((name, known[level]) for level in asked)
    return list(picked)
