"""What the options of preprocess.py change in the faces that come out: which frames, which face, how it is cut."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from preprocessing import manifest
from preprocessing.store import open_store
from tests.unit.media import face, face_video, needs_predictor, numbered, write_picture, write_video
from tests.unit.own_data import command, make_manifest, run
from training.core.errors import ConfigError
from training.core.paths import ROOT

pytestmark = needs_predictor


@pytest.fixture
def raw(tmp_path):
    """One's own data: a video of eleven frames."""
    face_video(tmp_path / "raw/train/real/a.mp4", frames=11)
    return tmp_path / "raw"


def records(out):
    return [record for split in manifest.SPLITS for record in make_manifest(out).records(split)]


def test_clips_are_cut_frame_by_frame(raw, tmp_path):
    assert run(raw, tmp_path, "--sampling", "clips", "--clips", "2", "--clip-length", "4") == 0
    assert [record.frame for record in records(tmp_path)] == [0, 1, 2, 3, 7, 8, 9, 10]
    facts = make_manifest(tmp_path).facts["settings"]
    assert (facts["sampling"], facts["clips"], facts["clip_length"]) == ("clips", 2, 4) and "frames" not in facts


def test_a_forehead_is_on_record(raw, tmp_path):
    assert run(raw, tmp_path, "--forehead") == 0
    store = open_store(tmp_path, "mine")
    assert all(store.landmarks(record).shape == (81, 2) for record in records(tmp_path))
    predictor = make_manifest(tmp_path).facts["settings"]["predictor"]
    assert (predictor["points"], predictor["forehead"]) == (81, "extrapolated")


def test_a_margin_makes_larger_pictures(raw, tmp_path):
    assert run(raw, tmp_path, "--size", "128", "--margin", "16") == 0
    store = open_store(tmp_path, "mine")
    assert {store.image(record).shape for record in records(tmp_path)} == {(160, 160, 3)}


def test_exact_faces_say_so(raw, tmp_path):
    assert run(raw, tmp_path, "--exact") == 0
    facts = make_manifest(tmp_path).facts["settings"]
    assert facts["detection"] == "exact"
    assert facts["detector"] == {"name": "hog", "upsample": 1, "min_score": 0.0}
    assert all(
        (points == np.rint(points)).all() for points in map(open_store(tmp_path, "mine").landmarks, records(tmp_path))
    )


def test_crops_are_brought_to_size_and_nothing_more(tmp_path):
    crop = cv2.resize(face(), (300, 200))
    write_picture(tmp_path / "raw/train/real/crop.png", crop)
    write_picture(tmp_path / "raw/train/real/blank.png", numbered(9)[8])
    flags = ("--detector", "already-cropped")
    assert run(tmp_path / "raw", tmp_path, *flags, "--no-landmarks") == 0
    store = open_store(tmp_path, "mine")
    found = {record.video: record for record in records(tmp_path)}
    assert len(found) == 2 and all(record.landmarks is None for record in found.values())
    expected = cv2.resize(crop, (256, 256), interpolation=cv2.INTER_AREA)
    assert np.array_equal(store.image(found["train/real/crop"]), expected)
    assert run(tmp_path / "raw", tmp_path, *flags) == 0
    assert all(open_store(tmp_path, "mine").landmarks(record).shape == (68, 2) for record in records(tmp_path))


def test_the_manipulated_one_of_two_faces_is_cut(tmp_path):
    """The larger and clearer one is at the left; the mask marks the other."""
    root = tmp_path / "FaceForensics++"
    root.mkdir()
    for split, pair in {"train": ["000", "001"], "val": ["002", "003"], "test": ["004", "005"]}.items():
        (root / f"{split}.json").write_text(json.dumps([pair]))
    small = cv2.copyMakeBorder(cv2.resize(face(), (110, 110)), 20, 30, 20, 30, cv2.BORDER_REPLICATE)
    frames = [np.hstack([face(), np.roll(small, i, axis=1)]) for i in range(3)]
    mask = np.zeros_like(frames[0])
    mask[60:110, 220:260] = 255
    for folder, pictures in (("c23", frames), ("masks", [mask] * 3)):
        write_video(root / f"manipulated_sequences/Deepfakes/{folder}/videos/000_001.mp4", pictures)
    for flag, left in (("--masks", False), ("--no-masks", True)):
        assert run(root, tmp_path, flag, dataset="FaceForensics++") == 0
        for record in make_manifest(tmp_path, "FaceForensics++").records("train"):
            back = cv2.invertAffineTransform(np.array(record.matrix).reshape(2, 3))
            assert (back[0] @ (128, 128, 1) < 160) == left


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--exact", "--detector", "cnn"), "detection 'exact' has its own detector"),
        (("--exact", "--min-score", "0.2"), "detection 'exact' has its own detector"),
        (("--no-landmarks",), "only pictures that are crops"),
        (("--detector", "already-cropped", "--margin", "3"), "only aligned faces have one"),
        (("--detector", "hog,cnm"), "did you mean 'cnn'?"),
        (("--clip-length", "0"), "--clip-length: 'clip_length' is 0; expected 1 or more"),
    ],
)
def test_options_that_exclude_each_other_are_named(raw, tmp_path, flags, says):
    with pytest.raises(ConfigError) as error:
        run(raw, tmp_path, *flags)
    assert says in str(error.value)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="memory is told by Linux alone")
def test_memory_does_not_grow_with_the_video(tmp_path):
    program = (
        "import sys; from preprocessing import preprocess; from benchmarks.machine import peak_mib;"
        "preprocess.main(sys.argv[1:]); print(peak_mib())"
    )

    def peak(frames: int) -> int:
        """MiB of a run without other processes on one video, of which every frame is cut."""
        root = tmp_path / str(frames)
        pictures = (cv2.resize(np.roll(face(), i % 9, axis=1), (640, 480)) for i in range(frames))
        write_video(root / "raw/train/real/a.mp4", pictures)
        python, _, *arguments = command(root / "raw", root, "--sampling", "all", "--workers", "0")
        said = subprocess.run([python, "-c", program, *arguments], capture_output=True, text=True, check=True, cwd=ROOT)
        return int(said.stdout.split()[-1])

    short, long = peak(40), peak(400)
    assert long < 600 and long - short < 25
