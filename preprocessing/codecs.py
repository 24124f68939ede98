"""Pictures as bytes. The first bytes say how the rest was written, so a store may hold any mixture of codecs.

PNG, LZ4 and QOI as written here notice every changed byte; the others what was cut off and most of the rest.
"""

from __future__ import annotations

import importlib
import io
import math
import struct
import sys
import warnings
import zlib
from types import ModuleType
from typing import Literal

import cv2
import numpy as np
from PIL import Image

from training.core.errors import ConfigError

Codec = Literal["png", "webp", "qoi", "lz4", "jpeg"]
LOSSY = ("jpeg",)
IN_LMDB: Codec = "qoi"
"""What an LMDB is written with by default: as small as PNG and three times as fast to read
(``benchmarks/results/stores.json``)."""

# OpenCV takes a WebP quality above 100 as lossless.
_WEBP = [cv2.IMWRITE_WEBP_QUALITY, 101]
_LZ4 = (struct.Struct("<4sI"), struct.Struct("<HH"))
"""Mark and checksum of all that follows; height and width; behind them the RGB bytes, bit-shuffled, then LZ4."""
_TAIL = struct.Struct("<4sI")
"""Mark and checksum of all that comes before, behind the end of a QOI file, where other readers do not look."""
_QOI_END = bytes(7) + b"\1"
_LENGTH = struct.Struct("<I")
"""Of what is unpacked; LZ4 begins with it."""
_MARKS: dict[bytes, Codec] = {
    b"\x89PNG": "png",
    b"RIFF": "webp",
    b"qoif": "qoi",
    b"bsl4": "lz4",
    b"\xff\xd8\xff": "jpeg",
}

_SIZES: dict[Codec, tuple[int, struct.Struct]] = {
    "png": (16, struct.Struct(">II")),
    "qoi": (4, struct.Struct(">II")),
    "lz4": (_LZ4[0].size, _LZ4[1]),
}
"""Where in the header width and height stand, and how."""


def encode(picture: np.ndarray, codec: Codec, quality: int = 95) -> bytes:
    """The bytes of ``picture``, ``(H, W, 3)`` uint8 RGB; ``png`` takes ``(H, W)`` too, ``quality`` is for ``jpeg``.

    Raises:
        ConfigError: a library is missing that the codec needs.
    """
    if codec == "qoi":
        data = bytes(_library("qoi", codec).encode(np.ascontiguousarray(picture)))
        return data + _TAIL.pack(b"crc4", zlib.crc32(data))
    if codec == "lz4":
        library, (mark, size) = _library("imagecodecs", codec), _LZ4
        shuffled = library.bitshuffle_encode(picture.tobytes(), itemsize=1)
        body = size.pack(*picture.shape[:2]) + library.lz4_encode(shuffled, header=True)
        return mark.pack(b"bsl4", zlib.crc32(body)) + body
    options = {"webp": _WEBP, "jpeg": [cv2.IMWRITE_JPEG_QUALITY, quality]}.get(codec, [])
    return cv2.imencode(f".{codec}", picture if picture.ndim == 2 else picture[..., ::-1], options)[1].tobytes()


def decode(data: bytes) -> np.ndarray | None:
    """The picture, ``(H, W, 3)`` uint8 RGB; None where ``data`` is none, or damaged.

    Raises:
        ConfigError: a library is missing that reads it.
    """
    codec = codec_of(data)
    if codec == "qoi":
        return _qoi(data)
    if codec == "lz4":
        return _lz4(data)
    return _opencv(data, cv2.IMREAD_COLOR_RGB)


def pixels_of(data: bytes) -> int | None:
    """How many pixels the header of ``data`` announces, before anything is decoded; None where it cannot be told."""
    codec = codec_of(data)
    if codec in _SIZES:
        at, form = _SIZES[codec]
        return math.prod(form.unpack_from(data, at)) if len(data) >= at + form.size else None
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data)) as image:
            return image.width * image.height
    except Image.DecompressionBombError:
        return sys.maxsize
    except (OSError, ValueError, SyntaxError):
        return None


def decode_mask(data: bytes) -> np.ndarray | None:
    """``(H, W)`` uint8 of a mask, which is a PNG or another file that OpenCV reads; None where it is none."""
    return _opencv(data, cv2.IMREAD_GRAYSCALE)


def codec_of(data: bytes) -> Codec | None:
    """How ``data`` was written, None for what only OpenCV may know."""
    return next((codec for mark, codec in _MARKS.items() if data.startswith(mark)), None)


def _opencv(data: bytes, mode: int) -> np.ndarray | None:
    return cv2.imdecode(np.frombuffer(data, np.uint8), mode) if data else None


def _qoi(data: bytes) -> np.ndarray | None:
    body, (mark, kept) = data[: -_TAIL.size], _TAIL.unpack_from(data.rjust(_TAIL.size), max(0, len(data) - _TAIL.size))
    if (zlib.crc32(body) != kept) if mark == b"crc4" else not data.endswith(_QOI_END):  # others write no checksum
        return None
    try:
        picture = _library("qoi", "qoi").decode(data)
    except RuntimeError:
        return None
    return picture if picture.shape[2] == 3 else np.ascontiguousarray(picture[..., :3])


def _lz4(data: bytes) -> np.ndarray | None:
    library, (mark, size) = _library("imagecodecs", "lz4"), _LZ4
    body = memoryview(data)[mark.size :]
    if len(body) < size.size + _LENGTH.size or zlib.crc32(body) != mark.unpack_from(data)[1]:
        return None
    picture, (announced,) = np.empty((*size.unpack_from(body), 3), np.uint8), _LENGTH.unpack_from(body, size.size)
    if announced != picture.nbytes:
        return None
    try:
        shuffled = library.lz4_decode(body[size.size :], header=True)
    except RuntimeError:  # a checksum can be made to fit
        return None
    library.bitshuffle_decode(shuffled, itemsize=1, out=picture.reshape(-1))
    return picture


def _library(name: str, codec: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ConfigError(f"codec '{codec}' needs the package {name}: pip install {name}") from error
