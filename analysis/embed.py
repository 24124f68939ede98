"""Pictures inside a page, made smaller until the page can be sent by mail."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from training.core.errors import DataError

LIMIT = 10_000_000
"""Bytes that a page stays below."""
SCALES = (1.0, 0.75, 0.5, 0.35, 0.25)
"""Of the pictures' sides, tried one after the other."""
QUALITY = 85
"""Of photographs, as JPEG."""
SHADES = 64
"""Colors that a figure is left with where it is made smaller."""


def fitting(render: Callable[[float], str]) -> str:
    """The page that ``render`` makes with pictures of the largest scale that keeps it below the limit.

    Raises:
        DataError: none does.
    """
    for scale in SCALES:
        page = render(scale)
        if len(page.encode()) < LIMIT:
            return page
    raise DataError(f"the report would be larger than {LIMIT / 1e6:.0f} MB; report fewer runs or test sets at a time")


def figure_uri(path: Path, scale: float = 1.0) -> str:
    """A figure as a ``data:`` address; as it is where ``scale`` is 1."""
    if scale == 1:
        return _uri("png", path.read_bytes())
    with Image.open(path) as picture:
        smaller = _scaled(picture, scale).quantize(SHADES)
    return _saved(smaller, "png", optimize=True)


def photo_uri(path: Path, scale: float = 1.0) -> str:
    """A photograph as a ``data:`` address, as JPEG."""
    with Image.open(path) as picture:
        return _saved(_scaled(picture, scale), "jpeg", quality=QUALITY)


def _scaled(picture: Image.Image, scale: float) -> Image.Image:
    size = tuple(max(1, round(scale * side)) for side in picture.size)
    return picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def _saved(picture: Image.Image, kind: str, **options: bool | int) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return _uri(kind, buffer.getvalue())


def _uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
