"""Every codec gives back what it was given, and says when it cannot."""

from __future__ import annotations

import io
import json
import sys
from typing import get_args

import cv2
import numpy as np
import pytest
from PIL import Image

from benchmarks.stores import RESULT, default_of, measure, table
from preprocessing.codecs import IN_LMDB, LOSSY, Codec, codec_of, decode, decode_mask, encode
from tests.unit.media import face
from training.core.errors import ConfigError

CODECS = get_args(Codec)
LOSSLESS = [codec for codec in CODECS if codec not in LOSSY]


@pytest.mark.parametrize("codec", LOSSLESS)
@pytest.mark.parametrize("shape", [(160, 160), (1, 1), (7, 300)])
def test_lossless_codecs_return_every_pixel(codec, shape):
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    for picture in (cv2.resize(face(), shape[::-1]), noise, np.zeros_like(noise), noise[::-1, ::-1]):
        back = decode(encode(picture, codec))
        assert back.dtype == np.uint8 and back.flags.writeable and back.flags.c_contiguous
        assert np.array_equal(back, picture)


def test_jpeg_loses_less_with_higher_quality():
    low, high = (encode(face(), "jpeg", quality) for quality in (50, 98))
    assert len(low) < len(high)
    errors = [np.abs(decode(data).astype(int) - face()).mean() for data in (low, high)]
    assert 0 < errors[1] < 2 < errors[0] < 12


@pytest.mark.parametrize("codec", CODECS)
def test_the_bytes_say_which_codec_it_is(codec):
    assert codec_of(encode(face(), codec)) == codec


@pytest.mark.parametrize("codec", ["png", "webp", "jpeg", "qoi"])
def test_other_programs_read_them(codec):
    picture = np.array(Image.open(io.BytesIO(encode(face(), codec))).convert("RGB"))
    assert picture.shape == face().shape
    assert np.array_equal(picture, face()) or codec in LOSSY


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("cut", [0, 3, 4, 11, 20, 500, -1])
def test_what_is_cut_off_is_no_picture(codec, cut):
    assert decode(encode(face(), codec)[:cut]) is None


@pytest.mark.parametrize("codec", ["png", "lz4"])
def test_png_and_lz4_notice_a_changed_byte(codec):
    data = bytearray(encode(face(), codec))
    data[len(data) // 2] ^= 1
    assert decode(bytes(data)) is None


@pytest.mark.parametrize("codec", CODECS)
def test_garbage_behind_a_known_mark_is_no_crash(codec):
    data, rng = encode(face(), codec), np.random.default_rng(0)
    for _ in range(50):
        broken = bytearray(data)
        for place in rng.integers(4, len(data), 20):
            broken[place] = rng.integers(256)
        back = decode(bytes(broken))
        assert back is None or back.ndim == 3
        assert decode(data[:4] + rng.bytes(200)) is None


def test_masks_are_png():
    mask = np.eye(8, dtype=np.uint8) * 255
    assert np.array_equal(decode_mask(encode(mask, "png")), mask)
    assert decode_mask(b"") is None and decode_mask(b"hello") is None


@pytest.mark.parametrize(("codec", "library"), [("qoi", "qoi"), ("lz4", "imagecodecs")])
def test_a_library_that_is_missing_is_named(codec, library, monkeypatch):
    data = encode(face(), codec)
    monkeypatch.setitem(sys.modules, library, None)
    for work in (lambda: encode(face(), codec), lambda: decode(data)):
        with pytest.raises(ConfigError, match=f"codec '{codec}' needs the package {library}: pip install {library}"):
            work()


def test_the_default_is_what_the_benchmark_chose():
    result = json.loads(RESULT.read_text())
    assert result["default"] == default_of(result["codecs"]) == IN_LMDB
    assert result["machine"]["processor"] and result["faces"]["count"] >= 100


def test_the_benchmark_measures_every_codec():
    rows = measure([face(), face()[::-1]], 1)
    assert set(rows) == set(CODECS) and all(min(row.values()) > 0 for codec, row in rows.items() if codec not in LOSSY)
    assert rows["qoi"]["bytes"] == pytest.approx(
        np.mean([len(encode(f, "qoi")) for f in (face(), face()[::-1])]), abs=1
    )
    assert "(1.00x)" in table(rows).splitlines()[1]
