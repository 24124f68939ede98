"""Fetches a file from an address: goes on where it was stopped, and keeps nothing that is not what was asked for."""

from __future__ import annotations

import hashlib
import http.client
import shutil
import urllib.error
import urllib.request
from pathlib import Path

from training.core.errors import DataError
from training.core.paths import shown

CHUNK = 1 << 20
PART = ".part"
"""Ending of a file that is not whole yet; a later fetch goes on with it."""
TIMEOUT = 60.0
"""Seconds without a byte."""
PARTIAL, BEYOND = 206, 416
"""Answers of a server that sends from where it was asked to, and of one that has no more."""


def fetch(address: str, path: Path, sha256: str | None = None, size: int | None = None) -> str:
    """Put what ``address`` holds into ``path`` and return its SHA-256.

    A file that is there already is not fetched again, but compared like a new one.

    Raises:
        DataError: the address cannot be reached, or what came has another hash or size; then nothing is kept.
    """
    if path.is_file():
        return checked(path, sha256, size)
    part = path.with_name(path.name + PART)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        _download(address, part)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", None) or error
        kept = f"; {part.stat().st_size} bytes are kept, the same command goes on there" if part.is_file() else ""
        raise DataError(f"{address}: cannot be fetched ({reason}){kept}") from error
    try:
        found = checked(part, sha256, size)
    except DataError:
        part.unlink()
        raise
    part.replace(path)
    return found


def checked(path: Path, sha256: str | None = None, size: int | None = None) -> str:
    """The SHA-256 of ``path``; it and the size in bytes must be as given, where they are.

    Raises:
        DataError: it is not so.
    """
    if size is not None and path.stat().st_size != size:
        raise DataError(f"{shown(path)}: has {path.stat().st_size} bytes, expected {size}; it is refused")
    found = sha256_of(path)
    if sha256 is not None and found != sha256:
        raise DataError(f"{shown(path)}: its SHA-256 is {found}, expected {sha256}; it is refused")
    return found


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _download(address: str, part: Path) -> None:
    """Append to ``part`` what it lacks; a server that cannot send from there sends all."""
    have = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(address, headers={"User-Agent": "assay"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            with part.open("ab" if answer.status == PARTIAL else "wb") as file:
                shutil.copyfileobj(answer, file, CHUNK)
            expected = answer.headers.get("Content-Length")
            begun = have if answer.status == PARTIAL else 0
            if expected is not None and part.stat().st_size != begun + int(expected):
                raise ConnectionError(f"it ended after {part.stat().st_size} of {begun + int(expected)} bytes")
    except urllib.error.HTTPError as error:
        if not (have and error.code == BEYOND):  # whole already: stopped between the last byte and the check
            raise
