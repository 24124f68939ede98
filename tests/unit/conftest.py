"""Data that several files of tests look at, made once."""

from __future__ import annotations

import pytest

from tests.unit.media import face, face_video, write_picture
from tests.unit.own_data import make_manifest, run


@pytest.fixture(scope="session")
def raw(tmp_path_factory):
    """One's own data: three real videos, two fakes and a picture."""
    root = tmp_path_factory.mktemp("raw")
    for i, name in enumerate(("train/real/a", "test/real/b", "val/real/c", "train/fake/gan/a", "test/fake/gan/b")):
        face_video(root / f"{name}.mp4", shade=i)
    write_picture(root / "train/real/portrait.png", face())
    return root


@pytest.fixture(scope="session")
def done(raw, tmp_path_factory):
    """What an uninterrupted run leaves."""
    out = tmp_path_factory.mktemp("done")
    assert run(raw, out) == 0
    make_manifest(out)
    return out
