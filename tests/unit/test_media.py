"""What is read from videos and pictures, and what is said about damaged ones."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from preprocessing.faces.video import Limits, Shot, open_media
from tests.unit.media import face, numbered, write_video
from training.core.errors import DataError


def read(path, indices=None, **options):
    media = open_media(path, **options)
    shots = media.read(list(range(media.total)) if indices is None else indices)
    return [(shot.index, shot.rgb) for shot in shots], media


@pytest.mark.parametrize(
    ("suffix", "codec"), [(".mkv", "ffv1"), (".avi", "ffv1"), (".mp4", "libx264"), (".MOV", "mpeg4")]
)
def test_the_frames_asked_for_come(tmp_path, suffix, codec):
    path = write_video(tmp_path / f"v{suffix}", numbered(60), codec)
    frames, media = read(path, [0, 7, 31, 59])
    assert (media.total, media.note) == (60, None)
    assert [i for i, _ in frames] == [0, 7, 31, 59]
    for index, image in frames:
        assert image.shape == (48, 64, 3) and image.dtype == np.uint8
        assert abs(int(image.mean()) - 3 * index) <= (0 if codec == "ffv1" else 3)


@pytest.mark.parametrize("options", [{}, {"movflags": "frag_keyframe+empty_moov"}])
def test_frames_that_are_passed_over_change_none_of_the_others(tmp_path, options):
    moving = [np.roll(face(), 2 * i, axis=1) for i in range(60)]
    path = write_video(tmp_path / "v.mp4", moving, **options)
    every = dict(read(path)[0])
    for wanted in ([59], [0, 20, 40], list(range(1, 60, 7))):
        some, media = read(path, wanted)
        assert [index for index, _ in some] == wanted and media.note is None
        assert all(np.array_equal(image, every[index]) for index, image in some)


def test_gray_is_the_brightness_of_the_colors(tmp_path):
    shots = open_media(write_video(tmp_path / "v.mp4", [face()] * 3)).read([0])
    for shot in (*shots, Shot(0, face())):
        expected = cv2.cvtColor(shot.rgb, cv2.COLOR_RGB2GRAY)
        assert shot.gray.shape == expected.shape and np.abs(shot.gray.astype(int) - expected).mean() < 2


def test_reading_stops_after_the_last_frame_wanted(tmp_path):
    path = write_video(tmp_path / "v.mkv", numbered(20), "ffv1")
    path.write_bytes(path.read_bytes()[:-200])
    frames, media = read(path, [0, 1])
    assert len(frames) == 2 and media.note is None


def test_a_truncated_video_gives_what_it_has(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (80, 48, 64, 3), dtype=np.uint8)
    path = write_video(tmp_path / "v.mp4", noise, movflags="faststart")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    frames, media = read(path)
    assert media.total == 80 and 20 < len(frames) < 60
    assert media.note == f"decoded {len(frames)} of 80 announced frames"


def _cut_head(path):
    write_video(path, numbered(20))
    path.write_bytes(path.read_bytes()[:800])


def _no_data(path):
    write_video(path, numbered(20), movflags="faststart")
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"mdat") + 4])


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, "cannot be opened as a video (No such file or directory)"),
        (lambda path: path.write_bytes(b""), "cannot be opened as a video (empty file)"),
        (lambda path: path.write_text("hello"), "cannot be opened as a video (Invalid data"),
        (lambda path: path.mkdir(), "holds no pictures"),
        (_cut_head, "cannot be opened as a video (Invalid data"),
        (_no_data, "no frame can be decoded of 20 announced ones"),
    ],
)
def test_an_unreadable_video_is_named(tmp_path, make, says):
    path = tmp_path / "broken.mp4"
    make(path)
    with pytest.raises(DataError) as error:
        read(path)
    assert "broken.mp4: " in str(error.value) and says in str(error.value)


def test_a_video_without_frames_is_named(tmp_path):
    path = tmp_path / "none.avi"
    cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (64, 48)).release()
    with pytest.raises(DataError, match=r"none\.avi"):
        open_media(path)


def test_display_rotation_is_applied(tmp_path):
    frame = np.zeros((48, 64, 3), np.uint8)
    frame[:, :16] = 250
    path = write_video(tmp_path / "v.mp4", [frame] * 3)
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    # a quarter turn clockwise in ISO 14496-12's fixed-point matrix: x' = -y, y' = x
    turn = [0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30]
    data[at : at + 36] = np.array(turn, ">i4").tobytes()
    path.write_bytes(data)
    [(_, image)], _ = read(path, [0])
    assert image.shape == (64, 48, 3)
    assert image[:12].mean() > 200 and image[20:].mean() < 50


def test_frames_keep_their_size_where_it_changes(tmp_path):
    parts = [write_video(tmp_path / f"{i}.ts", numbered(5, size)) for i, size in enumerate([(48, 64), (96, 64)])]
    path = tmp_path / "v.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    frames, _ = read(path)
    assert [image.shape[0] for _, image in frames] == [48] * 5 + [96] * 5


def test_decoding_is_repeatable(tmp_path):
    noise = np.random.default_rng(1).integers(0, 255, (12, 48, 64, 3), dtype=np.uint8)
    path = write_video(tmp_path / "v.mp4", noise)
    first, second = read(path)[0], read(path)[0]
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(first, second, strict=True))


def _save(mode, suffix, **options):
    def make(folder):
        path = folder / f"p{suffix}"
        Image.fromarray(face()).convert(mode).save(path, **options)
        return path

    return make


def _sixteen_bits(folder):
    cv2.imwrite(str(folder / "p.png"), face()[..., ::-1].astype(np.uint16) * 257)
    return folder / "p.png"


def _translucent(folder):
    Image.fromarray(np.dstack([face(), np.full(face().shape[:2], 128, np.uint8)])).save(folder / "p.png")
    return folder / "p.png"


def _lying(folder):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(face())).save(folder / "p.jpg", quality=98, exif=exif)
    return folder / "p.jpg"


def _lying_cmyk(folder):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(face())).convert("CMYK").save(folder / "p.jpg", quality=98, exif=exif)
    return folder / "p.jpg"


@pytest.mark.parametrize(
    ("make", "allowed"),
    [
        (_save("RGB", ".PNG"), 0),
        (_save("RGB", ".bmp"), 0),
        (_save("RGB", ".tif"), 0),
        (_save("RGB", ".webp", lossless=True), 0),
        (_save("RGB", ".jpg", quality=98), 3),
        (_save("CMYK", ".jpg", quality=98), 3),
        (_save("CMYK", ".tif"), 3),
        (_save("P", ".png"), 20),
        (_sixteen_bits, 1),
        (_translucent, 0),
        (_lying, 3),
        (_lying_cmyk, 3),
    ],
)
def test_pictures_of_all_kinds_come_as_upright_rgb(tmp_path, make, allowed):
    [(index, image)], media = read(make(tmp_path))
    assert (index, media.total, image.shape, image.dtype) == (0, 1, face().shape, np.uint8)
    assert np.abs(image.astype(int) - face()).mean() <= allowed


@pytest.mark.parametrize("scale", [1, 257])
def test_gray_pictures_get_three_channels(tmp_path, scale):
    gray = face().mean(axis=2).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "p.png"), gray.astype(np.uint8 if scale == 1 else np.uint16) * scale)
    [(_, image)], _ = read(tmp_path / "p.png")
    assert np.abs(image.astype(int) - gray[..., None]).max() <= 1


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (None, "cannot be opened as a picture (No such file or directory)"),
        (b"", "cannot be opened as a picture (empty file)"),
        (b"hello", "cannot be opened as a picture (not a known picture format)"),
        ("cut", "damaged picture"),
    ],
)
def test_an_unreadable_picture_is_named(tmp_path, data, says):
    path = tmp_path / "broken.jpg"
    if data == "cut":
        Image.fromarray(face()).save(path)
        data = path.read_bytes()[:2000]
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(DataError) as error:
        read(path)
    assert "broken.jpg: " in str(error.value) and says in str(error.value)


def test_a_picture_above_the_limit_is_refused(tmp_path):
    Image.fromarray(face()).save(tmp_path / "p.png")
    with pytest.raises(DataError, match="160 x 160 pixels, more than picture_limit"):
        open_media(tmp_path / "p.png", Limits(megapixels=0.02))
