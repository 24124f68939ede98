"""Files that come in: no larger than allowed, known by their content, stored under a name that cannot lead away."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import HTTPException

from training.core.paths import atomic

HEAD = 512
"""Bytes that are looked at to tell what a file is."""
PACKET = 188
"""Bytes of a packet of an MPEG transport stream, each of which begins with the same byte."""
STEM = 40
"""Characters that are kept of a name."""
KINDS = (
    (r"\xff\xd8\xff", ".jpg"),
    (r"\x89PNG\r\n\x1a\n", ".png"),
    (r"BM", ".bmp"),
    (r"(II\*\0|MM\0\*)", ".tif"),
    (r"RIFF.{4}WEBP", ".webp"),
    (r"RIFF.{4}AVI ", ".avi"),
    (r".{4}ftypqt", ".mov"),
    (r".{4}ftyp", ".mp4"),
    (r".{4}(moov|mdat|wide|free|skip)", ".mov"),
    (r"\x1aE\xdf\xa3", ".mkv"),
    (r"FLV\x01", ".flv"),
    (r"0&\xb2u\x8ef\xcf\x11", ".wmv"),
    (r"\0\0\x01[\xba\xb3]", ".mpg"),
    (rf"G.{{{PACKET - 1}}}G", ".ts"),
)
"""How pictures and videos begin. All else is refused unopened: playlists, for one, make decoders open other files."""


def kind_of(head: bytes) -> str | None:
    """The suffix that fits a file's first bytes; None where it is neither a picture nor a video."""
    return next((suffix for start, suffix in KINDS if re.match(start.encode("latin-1"), head, re.DOTALL)), None)


def safe_stem(name: str) -> str:
    """What a file may be called of the ``name`` that somebody gave it: letters, digits, ``_``, ``-`` and ``.``."""
    return re.sub(r"[^\w.-]+", "_", Path(name.replace("\\", "/")).stem)[:STEM].strip("._-") or "upload"


async def receive(chunks: AsyncIterator[bytes], folder: Path, name: str, most: int) -> Path:
    """Write an upload into ``folder`` and say where it is.

    Raises:
        HTTPException: 413, it has more than ``most`` bytes; 415, it is no picture or video.
    """
    stem, head, size = safe_stem(name), b"", 0
    with atomic(folder / stem) as temporary:
        with temporary.open("wb") as file:
            async for chunk in chunks:
                size += len(chunk)
                if size > most:
                    raise HTTPException(413, too_large(name, most))
                head += chunk[: HEAD - len(head)]
                if len(head) == HEAD:
                    _known(head, name)
                file.write(chunk)
        suffix = _known(head, name)
    return (folder / stem).rename(folder / f"{stem}{suffix}")


def too_large(name: str, most: int) -> str:
    """The sentence about a file that has more than ``most`` bytes."""
    return f"{name}: larger than {most / 2**20:.3g} MB, which is the most that this page takes (--max-mb)"


def _known(head: bytes, name: str) -> str:
    suffix = kind_of(head)
    if suffix is None:
        what = "is empty" if not head else "is neither a picture nor a video by its content"
        raise HTTPException(415, f"{name}: {what}; expected JPEG, PNG, WebP, BMP, TIFF, MP4, MOV, MKV, AVI, ...")
    return suffix
