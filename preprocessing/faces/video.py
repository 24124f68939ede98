"""Frames of a video, of a folder of pictures, or the one of a picture, and a note on what was amiss."""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import av
import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from training.core.errors import DataError
from training.core.paths import shown

VIDEO_SUFFIXES = frozenset(
    (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".ts", ".wmv", ".flv", ".3gp")
)
PICTURE_SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"))


@dataclass(eq=False)
class Shot:
    """One frame. It is converted only to what is asked for, and only once."""

    index: int
    """In the video."""
    source: av.VideoFrame | np.ndarray
    """As decoded, or RGB."""

    @cached_property
    def rgb(self) -> np.ndarray:
        """``(H, W, 3)`` uint8, upright."""
        return self.source if isinstance(self.source, np.ndarray) else self._upright("rgb24")

    @cached_property
    def gray(self) -> np.ndarray:
        """``(H, W)`` uint8, upright: of a decoded frame its luma, which costs next to nothing."""
        if isinstance(self.source, np.ndarray):
            return cv2.cvtColor(self.source, cv2.COLOR_RGB2GRAY)
        return self._upright("gray")

    def _upright(self, form: str) -> np.ndarray:
        """With the container's display rotation applied."""
        return np.ascontiguousarray(np.rot90(self.source.to_ndarray(format=form), round(self.source.rotation / 90)))


class Media(Protocol):
    """Something with frames. ``total`` is how many it announces; ``note`` says, after reading, what was amiss.

    ``facts`` tell, after reading, what the file says of itself: ``width``, ``height`` and ``codec``, of a video also
    ``fps`` and ``bit_rate`` (bits per second).
    """

    total: int
    note: str | None
    facts: dict[str, Any]

    def read(self, indices: Sequence[int]) -> Iterator[Shot]:
        """A shot for each of the increasing ``indices`` that can be decoded."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What is refused, so that no file can take all memory or time there is."""

    megapixels: float = 50.0
    """Of a picture or frame."""
    frames: int = 200_000
    """Of a video: two hours."""


def open_media(path: Path, limits: Limits = Limits()) -> Media:  # noqa: B008 - frozen
    """The video or picture in ``path``, told apart by the file name's ending. A folder is a video cut into pictures.

    Raises:
        DataError: the file is missing, no video or picture, without frames, or above the ``limits``.
    """
    if path.is_dir():
        media: Media = FrameFolder(path, limits.megapixels)
    elif path.suffix.lower() in PICTURE_SUFFIXES:
        media = Picture(path, limits.megapixels)
    else:
        media = VideoFile(path, limits.megapixels)
    if media.total > limits.frames:
        raise DataError(f"{shown(path)}: has {media.total} frames, more than video_limit ({limits.frames})")
    return media


def in_natural_order(name: str) -> list[str | int]:
    """Sort key that puts ``a9`` before ``a10``."""
    return [int(part) if i % 2 else part for i, part in enumerate(re.split(r"(\d+)", name))]


class VideoFile:
    """A video, decoded from its start in one go: seeking is slower, and wrong in damaged files."""

    def __init__(self, path: Path, megapixels: float) -> None:
        self.path, self.note, self._megapixels = path, None, megapixels
        with self._open() as container:
            self.facts, self.total = _facts(container), _announced(container)
        self._check_size(self.facts.get("width", 0), self.facts.get("height", 0))
        if self.total == 0:
            raise DataError(f"{shown(path)}: holds no video frames")

    def read(self, indices: Sequence[int]) -> Iterator[Shot]:
        """See :class:`Media`. Frames come upright, each in its own size: some streams change it on the way."""
        wanted = indices if isinstance(indices, range) else frozenset(indices)
        last = indices[-1] if indices else -1
        self._seen = self._damaged = 0
        came = False
        places = self._places() if last + 1 > 2 * len(indices) else None
        with self._open() as container:
            for index, frame in self._decode(container, wanted, places):
                came = True
                if index in wanted and (shot := self._shot(index, frame)) is not None:
                    yield shot
                if index >= last:
                    break
        if not came:
            raise DataError(f"{shown(self.path)}: no frame can be decoded of {self.total} announced ones")
        if self._seen <= last:
            self.note = f"decoded {self._seen} of {self.total} announced frames"
        elif self._damaged:
            self.note = f"{self._damaged} damaged packets or frames left out"

    def _decode(
        self, container: av.container.InputContainer, wanted: Container[int], places: dict[int, int] | None
    ) -> Iterator[tuple[int, av.VideoFrame]]:
        """Frames with their indices; with ``places`` only those that are ``wanted`` or needed to decode others."""
        packets = container.demux(video=0)
        codec = container.streams.video[0].codec_context
        while True:
            try:
                packet = next(packets)
                if places is not None:
                    codec.skip_frame = "DEFAULT" if places.get(packet.pts) in wanted else "NONREF"
                frames = packet.decode()
            except StopIteration:
                return
            except av.FFmpegError:
                self._damaged += 1
                continue
            if places is not None:
                self._seen += packet.size > 0
                yield from ((places[frame.pts], frame) for frame in frames if frame.pts in places)
                continue
            for frame in frames:
                self._seen += 1
                yield self._seen - 1, frame

    def _places(self) -> dict[int, int] | None:
        """Index by time stamp, where each frame has one of its own and the codec marks those that no other refers to.

        Passing over these saves a quarter to a third of the decoding and changes no pixel of the others.
        """
        with self._open() as container:
            if container.streams.video[0].codec_context.name != "h264":
                return None
            try:
                stamps = [None if p.is_discard else p.pts for p in container.demux(video=0) if p.size]
            except av.FFmpegError:
                return None
        if None in stamps or len(set(stamps)) < len(stamps):
            return None
        return {stamp: index for index, stamp in enumerate(sorted(stamps))}

    def _open(self) -> av.container.InputContainer:
        try:
            container = av.open(str(self.path), metadata_errors="ignore")
        except (av.FFmpegError, OSError, ValueError) as error:
            empty = self.path.is_file() and self.path.stat().st_size == 0
            reason = "empty file" if empty else getattr(error, "strerror", None) or error
            raise DataError(f"{shown(self.path)}: cannot be opened as a video ({reason})") from error
        codec = container.streams.video[0].codec_context if container.streams.video else None
        if codec is None:
            lacks = "a codec that FFmpeg does not know" if container.streams.video else "no video stream"
            container.close()
            raise DataError(f"{shown(self.path)}: has {lacks}")
        # Videos are processed in parallel; threads inside each would only compete.
        codec.thread_count = 1
        return container

    def _check_size(self, width: int, height: int) -> None:
        if width * height > self._megapixels * 1e6:
            raise DataError(f"{shown(self.path)}: {_too_large(width, height, self._megapixels)}")

    def _shot(self, index: int, frame: av.VideoFrame) -> Shot | None:
        """The frame, None if it is damaged."""
        self._check_size(frame.width, frame.height)  # some streams change it on the way
        shot = Shot(index, frame)
        try:
            shot.gray  # noqa: B018 - the judge of what can be converted
        except (av.FFmpegError, ValueError):
            self._damaged += 1
            return None
        return shot


def _announced(container: av.container.InputContainer) -> int:
    """The container's frame count, or where it keeps none the number of its packets (counted without decoding)."""
    stream = container.streams.video[0]
    try:
        return stream.frames or sum(1 for packet in container.demux(stream) if packet.size)
    except av.FFmpegError:
        return 0


def _facts(container: av.container.InputContainer) -> dict[str, Any]:
    stream = container.streams.video[0]
    facts = {
        "width": stream.codec_context.width,
        "height": stream.codec_context.height,
        "codec": stream.codec_context.name,
        "fps": round(float(stream.average_rate or 0), 3),
        "bit_rate": stream.bit_rate or container.bit_rate,
    }
    return {name: value for name, value in facts.items() if value}


def _too_large(width: int, height: int, megapixels: float) -> str:
    return f"has {width} x {height} pixels, more than picture_limit ({megapixels:g} megapixels)"


class Picture:
    """A still picture: one frame, upright by its EXIF orientation; alpha is ignored, 16 bits become 8."""

    total, note = 1, None

    def __init__(self, path: Path, megapixels: float) -> None:
        self.path = path
        try:
            self._data = path.read_bytes()
            with self._pillow() as image:
                width, height = image.size
                self.facts = {"width": width, "height": height, "codec": str(image.format).lower()}
        except UnidentifiedImageError as error:
            reason = "not a known picture format" if self._data else "empty file"
            raise self._error(f"cannot be opened as a picture ({reason})") from error
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise self._error(f"cannot be opened as a picture ({getattr(error, 'strerror', None) or error})") from error
        if width * height > megapixels * 1e6:
            raise self._error(_too_large(width, height, megapixels))

    def read(self, indices: Sequence[int]) -> Iterator[Shot]:
        """See :class:`Media`."""
        try:
            with self._pillow() as image:
                image.load()  # the judge of truncated files
                through_pillow = image.mode == "CMYK" or image.format in ("GIF", "MPO")
                pixels = ImageOps.exif_transpose(image).convert("RGB") if through_pillow else None
        except (OSError, ValueError, SyntaxError) as error:
            raise self._error(f"damaged picture ({error})") from error
        if 0 in indices:
            yield Shot(0, self._opencv() if pixels is None else np.array(pixels))

    @contextlib.contextmanager
    def _pillow(self) -> Iterator[Image.Image]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # mostly of metadata that nobody here reads
            with Image.open(io.BytesIO(self._data)) as image:
                yield image

    def _opencv(self) -> np.ndarray:
        """OpenCV reads what Pillow clips: 16-bit gray and color."""
        pixels = cv2.imdecode(np.frombuffer(self._data, np.uint8), cv2.IMREAD_COLOR_RGB)
        if pixels is None:
            raise self._error("a kind of picture that cannot be decoded")
        return pixels

    def _error(self, says: str) -> DataError:
        return DataError(f"{shown(self.path)}: {says}")


class FrameFolder:
    """A video that comes as a folder of pictures, its frames in natural order of their names."""

    def __init__(self, path: Path, megapixels: float) -> None:
        self.path, self.note, self.facts, self._megapixels = path, None, {}, megapixels
        names = (file.name for file in path.iterdir() if not file.name.startswith("."))
        pictures = (name for name in names if Path(name).suffix.lower() in PICTURE_SUFFIXES)
        self._names = sorted(pictures, key=in_natural_order)
        self.total = len(self._names)
        if self.total == 0:
            raise DataError(f"{shown(path)}: holds no pictures")

    def read(self, indices: Sequence[int]) -> Iterator[Shot]:
        """See :class:`Media`; damaged pictures are passed over and counted."""
        damaged = []
        for index in indices:
            try:
                picture = Picture(self.path / self._names[index], self._megapixels)
                (shot,) = picture.read([0])
            except DataError:
                damaged.append(self._names[index])
            else:
                self.facts = self.facts or picture.facts
                yield Shot(index, shot.source)
        if len(damaged) == len(indices):
            raise DataError(f"{shown(self.path)}: no picture can be read of {len(indices)}")
        if damaged:
            self.note = f"{len(damaged)} damaged pictures left out, {damaged[0]} for one"
