"""Leaks of every kind are planted and found; a clean set has none."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest
from scipy.fft import dctn
from sklearn.metrics import roc_auc_score

from preprocessing import check
from preprocessing.checks.files import files
from preprocessing.checks.giveaways import giveaways, weighted_auc
from preprocessing.checks.lookalikes import look, lookalikes, near_pairs
from preprocessing.checks.overlaps import overlaps
from preprocessing.codecs import decode, encode
from preprocessing.manifest import Frame, Manifest, Record, Video
from preprocessing.store import open_store, rgb_root
from tests.unit.media import face, write_picture

SOURCES, FRAMES, SIZE = 24, 2, 64
SPLIT_OF = ["train"] * 12 + ["val"] * 6 + ["test"] * 6


def texture(seed: int) -> np.ndarray:
    """A picture like no other seed's."""
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    return cv2.resize(coarse, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)


def touched(picture: np.ndarray) -> np.ndarray:
    """As a fake of it: nearly the same."""
    picture = picture.copy()
    picture[40:48, 24:40] //= 2
    return picture


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """Of every source a real video and a fake that looks much like it; metadata say nothing about the label."""
    root, entries, rng = tmp_path_factory.mktemp("clean"), [], np.random.default_rng(0)
    for i, split in enumerate(SPLIT_OF):
        for label, method in enumerate(("real", "gan")):
            frames = []
            for number in range(FRAMES):
                picture = texture(1000 * i + number)
                path = f"frames/{method}/{i:02d}/{number:05d}.png"
                write_picture(rgb_root(root, "set") / path, touched(picture) if label else picture)
                zoom = rng.uniform(0.5, 2)
                frames.append(Frame(number, True, path, matrix=(zoom, 0.0, 1.0, 0.0, zoom, 2.0)))
            media = {"width": int(rng.choice([640, 1280])), "codec": "h264", "bit_rate": int(rng.integers(1e5, 1e6))}
            facts = {"donor": f"{i ^ 1:02d}" if label else None, "person": f"p{i ^ label}", "media": media}
            entries.append((Video("set", f"{method}/{i:02d}", label, method, f"{i:02d}", split, **facts), frames))
    Manifest("set", entries).write(root / "json" / "set.json")
    return root, entries


def where(root) -> list[str]:
    return ["--dataset", "set", "--datasets", str(root), "--manifests", str(root / "json")]


def checked(root, *flags) -> tuple[int, dict]:
    code = check.main([*where(root), *flags])
    return code, json.loads((root / "json/checks/set.json").read_text())["set"]


def test_a_clean_set_has_no_leak_and_every_part_says_what_it_looked_at(clean, capsys):
    code, report = checked(clean[0], "--strict")
    assert (code, report["leaks"], report["files"]["broken"]) == (0, [], [])
    faces = 2 * SOURCES * FRAMES
    assert report["files"]["looked_at"] == report["lookalikes"]["looked_at"] == faces
    assert report["files"]["codecs"] == {"png": faces} and not report["files"]["lossy"]
    assert report["overlaps"]["looked_at"] == {"videos": 2 * SOURCES, "sources": SOURCES, "persons": SOURCES}
    assert report["metadata"]["looked_at"] == report["metadata"]["of"] == 2 * SOURCES
    assert set(report["metadata"]["auc"]) == {"width", "bit_rate", "face_size", "all"}
    assert "set: 48 videos, 0 broken files, 0 leaks" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"person": "p0"}, "1 persons are seen in train and in test, 'p0' for one"),
        ({"source": "00"}, "1 sources are in train and in test, '00' for one"),
        ({"donor": "12"}, "1 sources are in val and in test, '12' for one"),
    ],
)
def test_people_and_footage_in_two_splits_are_found(clean, change, says):
    *others, (video, frames) = clean[1]
    assert overlaps(Manifest("set", [*others, (replace(video, **change), frames)])).leaks == [says]


def test_a_video_in_two_splits_is_told_once(clean):
    (video, frames), *_ = clean[1]
    twice = Manifest("set", [*clean[1], (replace(video, split="test"), frames)])
    assert overlaps(twice).leaks == ["1 videos are in train and in test, 'real/00' for one"]


@pytest.fixture(scope="module")
def looks(clean):
    root, entries = clean
    return files(Manifest("set", entries), open_store(root, "set"))[1]


def spoiled(looks, place, picture):
    """The looks with another picture in one place."""
    return [look(seen.record, picture) if seen.record.key == f"set/{place}" else seen for seen in looks]


def copies(picture):
    jpeg = decode(encode(picture, "jpeg", 60))
    brighter = np.clip(picture * 0.8 + 20, 0, 255).astype(np.uint8)
    return {"same": picture, "re-encoded": jpeg, "brighter": brighter, "blurred": cv2.GaussianBlur(picture, (0, 0), 1)}


@pytest.mark.parametrize("how", copies(face()))
def test_copies_in_two_splits_are_found(looks, how):
    part = lookalikes(spoiled(looks, "real/23/00001", copies(texture(0))[how]))
    assert part.facts["train-test"]["count"] == 1 and part.facts["train-test"]["of"] == 24
    ((frame, like),) = part.facts["train-test"]["examples"]
    assert frame == "set/real/23/00001" and like in ("set/real/00/00000", "set/gan/00/00000")
    assert part.leaks[0].startswith("1 of 24 test frames look like a train frame, set/real/23/00001 like set/")


def test_a_fake_that_is_another_real_video_is_found(looks):
    part = lookalikes(spoiled(looks, "gan/06/00001", copies(texture(5000))["re-encoded"]))
    example = ["set/gan/06/00001", "set/real/05/00000"]
    assert part.facts["real-fake"] == {"count": 1, "of": 48, "examples": [example]}
    assert len(part.leaks) == 1


def test_a_fake_frame_that_nobody_touched_is_found(looks):
    part = lookalikes(spoiled(looks, "gan/06/00001", texture(6001)))
    assert part.facts["real-fake"]["examples"] == [["set/gan/06/00001", "set/real/06/00001"]]


def test_flat_pictures_are_no_lookalikes_unless_they_are_the_same(looks):
    gray = np.full((SIZE, SIZE, 3), 90, np.uint8)
    assert not lookalikes(spoiled(spoiled(looks, "real/23/00001", gray), "real/00/00001", gray + 9)).leaks
    assert len(lookalikes(spoiled(spoiled(looks, "real/23/00001", gray), "real/00/00001", gray)).leaks) == 1


@pytest.mark.parametrize("column", ["bit_rate", "codec", "fps", "face_size"])
def test_metadata_that_tell_the_label_are_found(clean, column):
    entries = []
    for video, frames in clean[1]:
        told = {"bit_rate": 1e5 + 1e5 * video.label, "codec": ("h264", "vp9")[video.label], "fps": 25 + video.label}
        if column == "face_size":
            frames = [replace(frame, matrix=(0.1 + video.label, 0.0, 0.0, 0.0, 0.1, 0.0)) for frame in frames]
        else:
            video = replace(video, media={**video.media, column: told[column]})
        entries.append((video, frames))
    part = giveaways(Manifest("set", entries))
    assert part.facts["auc"][column] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert f"{column} 1.00 [1.00, 1.00]" in part.leaks[0] and "all 1.00" in part.leaks[0]


def test_what_cannot_be_told_from_metadata_is_said(clean):
    def undefined(entries, media=None):
        entries = [(replace(video, media=media and {"width": i % media}), []) for i, (video, _) in enumerate(entries)]
        part = giveaways(Manifest("set", entries))
        assert not part.leaks and part.facts["undefined"] in part.summary
        return part.facts["undefined"]

    assert undefined(clean[1]) == "none has its resolution, frame rate or codec on record"
    assert undefined(clean[1], 1) == "these are the same for all of them"
    assert undefined(clean[1][:8], 3) == "4 sources of one label are too few for 5 folds"


def test_the_weighted_area_is_that_of_repeated_rows():
    rng = np.random.default_rng(0)
    labels, rank, weights = rng.integers(0, 2, 60), rng.integers(0, 9, 60), rng.integers(0, 4, 60)
    repeated = roc_auc_score(np.repeat(labels, weights), np.repeat(rank, weights))
    assert weighted_auc(labels, rank, weights) == pytest.approx(repeated)
    assert np.isnan(weighted_auc(labels, rank, labels))


def test_what_is_amiss_is_told_and_decides_the_exit(clean, tmp_path, capsys):
    root, path = shutil.copytree(clean[0], tmp_path / "set"), tmp_path / "here" / "report.json"
    faces = rgb_root(root, "set") / "frames"
    shutil.copy(faces / "real/00/00000.png", faces / "real/23/00001.png")
    assert checked(root)[0] == 0 and checked(root, "--strict")[0] == 1
    assert "leak: set: 1 of 24 test frames look like a train frame, " in capsys.readouterr().out
    (faces / "real/00/00000.png").unlink()
    (faces / "gan/01/00001.png").write_bytes(b"hello")
    assert check.main([*where(root), "--output", str(path)]) == 1
    report = json.loads(path.read_text())["set"]
    assert len(report["files"]["broken"]) == 2 and report["lookalikes"]["looked_at"] == 94
    told = capsys.readouterr().out
    assert "broken: set/real/00/00000: " in told and "broken: set/gan/01/00001: " in told


@pytest.mark.parametrize("distance", [0, 1, 4, 7])
def test_near_pairs_are_all_pairs_within_the_distance(distance):
    rng = np.random.default_rng(distance)
    bits = rng.integers(0, 2**64, 3000, np.uint64)
    for i in range(300):  # neighbors of every distance
        flips = rng.choice(64, i % 10, replace=False).astype(np.uint64)
        bits[1000 + i] = bits[i] ^ np.bitwise_or.reduce(np.uint64(1) << flips, initial=np.uint64(0))
    all_pairs = np.argwhere(np.triu(np.bitwise_count(bits[:, None] ^ bits[None]) <= distance, 1))
    found = {tuple(sorted(pair)) for pairs in near_pairs(bits, distance) for pair in np.stack(pairs, 1).tolist()}
    assert found == set(map(tuple, all_pairs.tolist())) and len(found) >= 30


def test_the_hash_is_the_signs_of_the_lowest_frequencies():
    record = Record("set", "a", 0, 0, "real", "a", "train", "x")
    gray = cv2.cvtColor(face(), cv2.COLOR_RGB2GRAY)
    small = gray.reshape(32, 5, 32, 5).mean((1, 3)).round()
    lowest = dctn(small, norm="ortho")[:8, :8].ravel()
    expected = lowest > np.median(lowest[1:])
    bits = np.unpackbits(np.array([look(record, face()).bits], np.uint64).view(np.uint8)).astype(bool)
    assert (bits != expected).sum() <= 2 and 31 <= bits.sum() <= 33
