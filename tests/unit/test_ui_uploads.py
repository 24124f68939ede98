"""What may be uploaded is told by its content, and no name leads anywhere."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import HTTPException
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from preprocessing.faces.video import open_media
from tests.unit.media import face, numbered, write_video
from training.ui.uploads import kind_of, receive, safe_stem

VIDEOS = {"mp4": "libx264", "mov": "libx264", "mkv": "libx264", "avi": "mpeg4", "webm": "libvpx", "flv": "flv1"} | {
    "mpg": "mpeg2video",
    "ts": "libx264",
    "wmv": "wmv2",
    "3gp": "libx264",
}


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "webp", "tiff"])
def test_pictures_are_known_by_their_content(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(face()).save(path)
    stored = path.rename(tmp_path / f"b{kind_of(path.read_bytes()[:512])}")
    assert [shot.rgb.shape for shot in open_media(stored).read([0])] == [(160, 160, 3)]


@pytest.mark.parametrize("suffix", VIDEOS)
def test_videos_are_known_by_their_content(tmp_path: Path, suffix: str) -> None:
    path = write_video(tmp_path / f"a.{suffix}", numbered(30), VIDEOS[suffix])
    stored = path.rename(tmp_path / f"b{kind_of(path.read_bytes()[:512])}")
    assert len(list(open_media(stored).read(range(30)))) == 30


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"words",
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<!DOCTYPE html><script>alert(1)</script>",
        b"%PDF-1.7",
        b"PK\x03\x04",
        b"\x7fELF",
        b"RIFF\0\0\0\0WAVE",
    ],
)
def test_all_else_is_refused_before_a_decoder_sees_it(tmp_path: Path, content: bytes) -> None:
    assert kind_of(content) is None
    with pytest.raises(HTTPException, match=r"face\.mp4: .*(empty|neither a picture nor a video)") as refused:
        upload(tmp_path, [content], "face.mp4")
    assert refused.value.status_code == 415
    assert not list(tmp_path.iterdir())


@given(st.text(max_size=300))
def test_a_stem_is_one_plain_name(name: str) -> None:
    stem = safe_stem(name)
    assert stem and stem == Path(stem).name and not stem.startswith((".", "-"))
    assert len(os.fsencode(f"0001_{stem}_heat.png")) < 255
    assert not set(stem) & set("/\\\0\n'\"<>$ ")


@pytest.mark.parametrize(
    ("name", "stem"),
    [("a b.mp4", "a_b"), ("../../etc/passwd", "passwd"), ("C:\\x\\y.png", "y"), ("..", "upload"), (".png", "png")],
)
def test_stems(name: str, stem: str) -> None:
    assert safe_stem(name) == stem


def test_the_suffix_is_that_of_the_content(tmp_path: Path) -> None:
    png = b"\x89PNG\r\n\x1a\n"
    stored = upload(tmp_path, [png[:3], png[3:], b"rest"], "../face.mp4")
    assert stored == tmp_path / "face.png" and stored.read_bytes() == png + b"rest"
    assert list(tmp_path.iterdir()) == [stored]


def test_what_is_too_large_is_stopped_on_its_way_and_leaves_nothing(tmp_path: Path) -> None:
    sent = []

    def chunks() -> list[bytes]:
        for number in range(100):
            sent.append(number)
            yield b"\xff\xd8\xff" + b"x" * 97

    with pytest.raises(HTTPException, match="larger than") as refused:
        upload(tmp_path, chunks(), "a.jpg", most=250)
    assert refused.value.status_code == 413 and len(sent) == 3 and not list(tmp_path.iterdir())


def upload(folder: Path, chunks: object, name: str, most: int = 1000) -> Path:
    async def stream() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return asyncio.run(receive(stream(), folder, name, most))
