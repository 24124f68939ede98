"""Damaged videos and pictures, made by rule: the same seed gives the same files."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tests.unit.media import face, write_picture, write_video

Mutation = Callable[[bytearray, random.Random], None]


def seeds(folder: Path) -> list[Path]:
    """One whole file of each kind, each with a face."""
    containers = {
        "mp4": "libx264",
        "mov": "mpeg4",
        "avi": "mpeg4",
        "mkv": "libx264",
        "webm": "libvpx-vp9",
        "ts": "libx264",
    }
    frames = [np.roll(face(), i, axis=1) for i in range(4)]
    videos = [write_video(folder / f"seed.{suffix}", frames, codec) for suffix, codec in containers.items()]
    front = write_video(folder / "front.mp4", frames, movflags="faststart")
    pictures = [write_picture(folder / f"seed.{suffix}", face()) for suffix in ("png", "jpg", "bmp", "webp", "tiff")]
    return [*videos, front, *pictures]


def mutations(folder: Path, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """``count`` damaged files as names and contents; every kind of damage on every kind of file, in turn."""
    draw, whole = random.Random(seed), seeds(folder)
    kinds = (truncate, flip_bits, flip_header_bits, edit_header, zero, insert, rename)
    for number in range(count):
        path = whole[number % len(whole)]
        kind = kinds[(number // len(whole)) % len(kinds)]
        data = bytearray(path.read_bytes())
        suffix = draw.choice(whole).suffix if kind is rename else path.suffix
        kind(data, draw)
        not_unicode = "\udcff" if number % 10 == 0 else ""
        yield f"{number:03}_{kind.__name__}_{path.suffix[1:]}{not_unicode}{suffix}", bytes(data)


def truncate(data: bytearray, draw: random.Random) -> None:
    del data[draw.randrange(len(data)) :]


def flip_bits(data: bytearray, draw: random.Random) -> None:
    for _ in range(draw.choice((1, 10, 100))):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)


def flip_header_bits(data: bytearray, draw: random.Random) -> None:
    """Where a container says how long and large everything is: at its start, or (MP4, AVI's index) at its end."""
    for _ in range(draw.choice((1, 5))):
        data[draw.choice((1, -1)) * draw.randrange(1, 600)] ^= 1 << draw.randrange(8)


def edit_header(data: bytearray, draw: random.Random) -> None:
    """Numbers that are absurd: none, the largest, a negative one."""
    at = draw.choice((draw.randrange(4, 400), -draw.randrange(8, 800)))
    data[at : at + 4] = draw.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f"))


def zero(data: bytearray, draw: random.Random) -> None:
    start = draw.randrange(len(data))
    end = min(len(data), start + draw.choice((16, 512, 4096)))
    data[start:end] = bytes(end - start)


def insert(data: bytearray, draw: random.Random) -> None:
    at = draw.randrange(len(data))
    data[at:at] = draw.randbytes(draw.choice((1, 100)))


def rename(data: bytearray, draw: random.Random) -> None:
    """The content is whole; only the name's ending is another."""
