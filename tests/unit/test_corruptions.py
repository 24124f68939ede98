"""Corruptions: pictures in, pictures out, worse by level, the same whoever asks, and H.264 as a whole video sees it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from preprocessing.manifest import Record, read
from training.core.errors import ConfigError, DataError
from training.core.schema import DataConfig
from training.data.corrupted import CorruptedFaces, generator
from training.data.corruptions import CORRUPTIONS, LEVELS, h264, pick
from training.data.select import Faces

ONE = Record("D", "v", 0, 1, "m", "s", "test", "i")


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.ascontiguousarray(cv2.resize(skimage.data.astronaut(), (128, 128), interpolation=cv2.INTER_AREA))


def changed(picture: np.ndarray, name: str, level: int, record: Record = ONE, seed: int = 0) -> np.ndarray:
    kind = CORRUPTIONS[name]
    if kind.change is None:
        (found,) = h264([picture], kind.value(level))
        return found
    return kind.change(picture, kind.value(level), generator(seed, name, record))


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(((a.astype(float) - b) ** 2).mean())


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_each_level_is_a_picture_and_worse_than_the_one_before(photo: np.ndarray, name: str) -> None:
    before = photo.copy()
    found = [changed(photo, name, level) for level in LEVELS]
    assert all(f.shape == photo.shape and f.dtype == np.uint8 for f in found)
    errors = [distance(f, photo) for f in found]
    assert errors[0] > 0 and (np.diff(errors) > 0).all(), errors
    assert np.array_equal(photo, before)
    assert len(CORRUPTIONS[name].levels) == len(LEVELS)


@pytest.mark.parametrize("name", ["noise", "occlusion"])
def test_chance_belongs_to_the_seed_and_the_record(photo: np.ndarray, name: str) -> None:
    other = Record("D", "v", 1, 1, "m", "s", "test", "i")
    assert np.array_equal(changed(photo, name, 2), changed(photo, name, 2))
    assert not np.array_equal(changed(photo, name, 2), changed(photo, name, 2, seed=1))
    assert not np.array_equal(changed(photo, name, 2), changed(photo, name, 2, record=other))


def test_noise_has_its_variance_and_blocks_their_share() -> None:
    plain = np.full((256, 256, 3), 128, np.uint8)
    noise = changed(plain, "noise", 3).astype(float) - 128
    assert (noise / 255).var() == pytest.approx(0.005, rel=0.03)
    black = np.zeros((256, 256, 3), np.uint8)
    share = (changed(black, "occlusion", 5) == 128).mean()
    assert 0.8 * 80 * 64 / 256**2 < share <= 80 * 64 / 256**2  # blocks may lie on each other


def test_gray_and_flat_are_the_ends_of_color(photo: np.ndarray) -> None:
    gray = changed(photo, "saturation", 5)
    expected = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    assert (gray == expected[..., None]).all()
    spread = changed(photo, "contrast", 5).astype(float) - 128
    np.testing.assert_allclose(spread, 0.35 * (photo.astype(float) - 128), atol=0.51)


def test_a_video_is_encoded_as_a_sequence_of_any_size(photo: np.ndarray) -> None:
    moving = [np.roll(photo, 2 * i, axis=1)[:101, :75] for i in range(4)] + [photo]
    found = list(h264(iter(moving), 35))
    assert [f.shape for f in found] == [p.shape for p in moving]
    assert all(20 < 10 * np.log10(255**2 / distance(f, p)) < 45 for f, p in zip(found, moving, strict=True))
    # A later picture leans on those before it: alone, it comes out differently.
    (alone,) = h264(moving[2:3], 35)
    assert not np.array_equal(alone, found[2])
    for _ in range(5):
        assert all(np.array_equal(a, b) for a, b in zip(found, h264(moving, 35), strict=True))


def records(toy: Path) -> list[Record]:
    return list(read(toy / "manifests/Toy.json").records("test"))


@pytest.mark.parametrize("name", ["noise", "h264"])
def test_stored_faces_come_corrupted_whatever_the_order(toy: Path, name: str) -> None:
    found = records(toy)
    plain = Faces(DataConfig(root=toy / "datasets"))

    def read_in(order: list[Record]) -> dict[str, np.ndarray]:
        faces = CorruptedFaces(plain, name, 5, 7, found)
        return {record.key: faces.of(record).image(record) for record in order}

    once, again = read_in(found), read_in(found[::-1])
    assert len(once) == len(found) == 24
    for record in found:
        assert np.array_equal(once[record.key], again[record.key])
        assert not np.array_equal(once[record.key], plain.of(record).image(record))
    store = CorruptedFaces(plain, name, 5, 7, found).of(found[0])
    assert np.array_equal(store.landmarks(found[0]), plain.of(found[0]).landmarks(found[0]))


def test_a_missing_frame_leaves_the_rest_of_its_video(toy: Path) -> None:
    first, *rest = records(toy)[:4]
    lost = Record(**{name: getattr(first, name) for name in first.__slots__} | {"image": "frames/no.png"})
    faces = CorruptedFaces(Faces(DataConfig(root=toy / "datasets")), "h264", 1, 0, [lost, *rest])
    with pytest.raises(DataError, match="has no image"):
        faces.of(lost).image(lost)
    assert faces.of(rest[0]).image(rest[0]).shape == (64, 64, 3)


def test_names_and_levels_are_picked_and_mistakes_named() -> None:
    assert pick([]) == [(name, level) for name in CORRUPTIONS for level in LEVELS]
    assert pick(["blur:5,1", "jpeg:2", "blur:5"]) == [("blur", 5), ("blur", 1), ("jpeg", 2)]
    with pytest.raises(ConfigError, match="did you mean 'jpeg'"):
        pick(["jpg"])
    with pytest.raises(ConfigError, match="no level '6'"):
        pick(["jpeg:6"])
