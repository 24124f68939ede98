"""A folder of pictures is a video."""

from __future__ import annotations

import numpy as np
import pytest

from preprocessing.faces.video import open_media
from tests.unit.media import numbered, write_picture
from training.core.errors import DataError


@pytest.fixture
def folder(tmp_path):
    """Pictures 0, 1, ... 11, named without leading zeros, their gray levels three times their index."""
    for number, pixels in enumerate(numbered(12)):
        write_picture(tmp_path / f"frame{number}.png", pixels)
    (tmp_path / "notes.txt").touch()
    (tmp_path / ".hidden.png").touch()
    return tmp_path


def test_frames_come_in_natural_order_of_their_names(folder):
    media = open_media(folder)
    assert media.total == 12
    found = list(media.read([0, 2, 10, 11]))
    assert [shot.index for shot in found] == [0, 2, 10, 11]
    assert [int(shot.rgb.mean()) for shot in found] == [0, 6, 30, 33]
    assert all(shot.rgb.shape == (48, 64, 3) and shot.rgb.dtype == np.uint8 for shot in found)
    assert media.note is None


def test_damaged_pictures_are_passed_over_and_counted(folder):
    (folder / "frame2.png").write_bytes(b"no picture")
    media = open_media(folder)
    assert [shot.index for shot in media.read([0, 2, 10])] == [0, 10]
    assert media.note == "1 damaged pictures left out, frame2.png for one"


def test_folders_without_a_readable_picture_are_refused(folder, tmp_path):
    (folder / "frame3.png").write_bytes(b"")
    with pytest.raises(DataError, match="no picture can be read of 1"):
        list(open_media(folder).read([3]))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no pictures"):
        open_media(tmp_path / "empty")
