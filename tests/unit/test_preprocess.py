"""The whole way from raw files to faces, manifest and LMDB: real videos, real dlib."""

from __future__ import annotations

import json
import shutil

import cv2
import numpy as np
import pytest

from preprocessing import check, manifest, to_lmdb
from preprocessing.faces.align import FIVE_POINTS, template
from preprocessing.faces.video import open_media
from preprocessing.sidecar import read_all
from preprocessing.store import open_store
from tests.unit.media import face, face_video, needs_predictor, numbered, write_video
from tests.unit.own_data import make_manifest, run
from training.core.errors import ConfigError

pytestmark = needs_predictor


def test_faces_come_out_aligned_with_landmarks_in_the_crop(done):
    listed = make_manifest(done)
    store = open_store(done, "mine")
    records = [record for split in manifest.SPLITS for record in listed.records(split)]
    assert len(records) == 5 * 3 + 1
    for record in records:
        image, points = store.image(record), store.landmarks(record)
        assert image.shape == (256, 256, 3) and points.shape == (68, 2) and points.dtype == np.float32
        assert np.abs(points[list(FIVE_POINTS)] - template()).mean() < 8
        # the crop is the source under the matrix that is on record
        assert cv2.Laplacian(image, cv2.CV_64F).std() > 1
    portrait = next(r for r in records if r.video == "train/real/portrait")
    warped = cv2.warpAffine(face(), np.array(portrait.matrix).reshape(2, 3), (256, 256))
    assert np.abs(store.image(portrait).astype(int) - warped).max() <= 1


def test_the_manifest_says_what_how_and_how_much(done):
    listed = make_manifest(done)
    facts = {v.video: (v.label, v.method, v.split, v.source) for v, _ in listed.entries}
    assert facts["test/fake/gan/b"] == (1, "gan", "test", "b") and facts["test/real/b"] == (0, "real", "test", "b")
    assert listed.facts["settings"]["predictor"]["points"] == 68
    assert listed.facts["settings"]["detector"] == {"name": "hog", "upsample": 1, "min_score": 0.3}
    assert {"av", "cv2", "dlib"} <= listed.facts["versions"].keys()
    rows = {(row["split"], row["method"]): (row["videos"], row["faces"]) for row in listed.facts["coverage"]}
    assert rows == {
        ("train", "real"): (2, 4), ("train", "gan"): (1, 3), ("val", "real"): (1, 3),
        ("test", "real"): (1, 3), ("test", "gan"): (1, 3),
    }  # fmt: skip


def test_broken_files_are_reported_counted_and_lose_nothing(raw, tmp_path, capsys):
    root = tmp_path / "raw"
    shutil.copytree(raw, root)
    (root / "train/real/empty.mp4").touch()
    (root / "train/real/text.jpg").write_text("hello")
    write_video(root / "test/real/nobody.mp4", numbered(5))
    noise = [np.where(i, np.random.default_rng(i).integers(0, 60, (160, 160, 3)), 0) + face() // 2 for i in range(30)]
    cut = write_video(root / "test/fake/gan/cut.mp4", [f.astype(np.uint8) for f in noise], movflags="faststart")
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    assert run(root, tmp_path) == 1
    says = capsys.readouterr().out
    assert "problem: train/real/empty: cannot be opened as a video (empty file)" in says
    assert "problem: train/real/text: cannot be opened as a picture (not a known picture format)" in says
    assert "problem: test/real/nobody: no face found; frames looked at: 3" in says
    assert "problem: test/fake/gan/cut: decoded " in says and "of 30 announced frames" in says
    assert "10 videos, 4 with something amiss, 2 of them failed" in says
    listed = make_manifest(tmp_path)
    notes = {v.video: v.note for v, _ in listed.entries}
    assert len(notes) == 10 and notes["train/real/a"] is None
    assert notes["train/real/empty"] == "cannot be opened as a video (empty file)"
    report = json.loads((tmp_path / "rgb/mine/preprocess_report.json").read_text())
    assert report["problems"].keys() == {v for v, note in notes.items() if note}
    assert run(root, tmp_path) == 1
    assert "2 videos are done again: they failed" in capsys.readouterr().out


def test_masks_are_cut_with_the_faces_and_their_faults_are_told(tmp_path, capsys):
    root = tmp_path / "FaceForensics++"
    root.mkdir()
    for split, pair in {"train": ["000", "001"], "val": ["002", "003"], "test": ["004", "005"]}.items():
        (root / f"{split}.json").write_text(json.dumps([pair]))
    for fake in ("000_001", "002_003", "004_005"):
        face_video(root / f"manipulated_sequences/Deepfakes/c23/videos/{fake}.mp4")
    masks = root / "manipulated_sequences/Deepfakes/masks/videos"
    half = np.zeros_like(face())
    half[:, 80:] = 255
    write_video(masks / "000_001.mp4", [half] * 4)
    write_video(masks / "002_003.mp4", [half[:80]] * 4)
    (masks / "004_005.mp4").write_text("hello")
    assert run(root, tmp_path, dataset="FaceForensics++") == 0
    says = capsys.readouterr().out
    assert "Deepfakes/c23/002_003: no mask of the picture's size for 3 of 3 faces" in says
    assert "Deepfakes/c23/004_005: no mask of the picture's size for 3 of 3 faces; masks: cannot be opened" in says
    listed, store = make_manifest(tmp_path, "FaceForensics++"), open_store(tmp_path, "FaceForensics++")
    records = list(listed.records("train"))
    assert len(records) == 3
    for record in records:
        mask = store.mask(record)
        assert set(np.unique(mask)) == {0, 255}
        expected = cv2.warpAffine(half, np.array(record.matrix).reshape(2, 3), (256, 256))[..., 0] > 127
        assert ((mask == 255) == expected).mean() > 0.97
    assert all(record.mask is None for split in ("val", "test") for record in listed.records(split))


@pytest.fixture
def family(tmp_path):
    """FaceForensics++ with two real videos, of which one has two fakes, and a fake of a third that is not there."""
    root = tmp_path / "FaceForensics++"
    root.mkdir()
    for split, pair in {"train": ["000", "001"], "val": ["002", "003"], "test": ["004", "005"]}.items():
        (root / f"{split}.json").write_text(json.dumps([pair]))
    real = [np.roll(face(), 2 * i, axis=1) for i in range(4)]
    fake = [cv2.GaussianBlur(frame, (0, 0), 1) for frame in real]
    write_video(root / "original_sequences/youtube/c23/videos/000.mp4", real[:3])
    write_video(root / "original_sequences/youtube/c23/videos/002.mp4", [frame[:120] for frame in real])
    for name, frames in {"Deepfakes": fake[::-1], "FaceSwap": fake[:2]}.items():
        write_video(root / f"manipulated_sequences/{name}/c23/videos/000_001.mp4", frames)
    for name in ("002_003", "004_005"):
        write_video(root / f"manipulated_sequences/Deepfakes/c23/videos/{name}.mp4", fake)
    return root


@pytest.mark.parametrize("store", ["rgb", "lmdb"])
def test_a_fakes_real_picture_is_cut_by_its_matrix(family, tmp_path, store, capsys):
    def cut(*flags):
        assert run(family, tmp_path, "--store", store, *flags, dataset="FaceForensics++") == 0
        return make_manifest(tmp_path, "FaceForensics++")

    listed = cut("--paired")
    says = capsys.readouterr().out
    assert "remark: 1 fakes are not paired, their one real video is not here: Deepfakes/c23/004_005" in says
    faces = open_store(tmp_path, "FaceForensics++", store)
    media = open_media(family / "original_sequences/youtube/c23/videos/000.mp4")
    real = {shot.index: shot.rgb for shot in media.read([0, 1, 2])}
    fakes = [record for split in manifest.SPLITS for record in listed.records(split) if record.label == 1]
    paired = {f"{record.video} {record.frame}": record for record in fakes if record.source_image}
    # Of the frames 0, 1 and 3 of Deepfakes the real video lacks the last; 002 has frames of another size.
    assert sorted(paired) == [f"{method}/c23/000_001 {i}" for method in ("Deepfakes", "FaceSwap") for i in (0, 1)]
    for record in paired.values():
        crop = cv2.warpAffine(real[record.frame], np.array(record.matrix).reshape(2, 3), (256, 256))
        assert np.array_equal(faces.source(record), crop)
    rows = {(row["split"], row["method"]): row["sources"] for row in listed.facts["coverage"]}
    assert (rows["train", "Deepfakes"], rows["train", "FaceSwap"], rows["train", "real"]) == (2, 2, 0)
    assert cut("--paired").entries == cut().entries == listed.entries
    assert capsys.readouterr().out.count("6 videos were done before, 0 now") == 2


def test_pairs_wait_for_the_real_video(family, tmp_path, capsys):
    path = family / "original_sequences/youtube/c23/videos/000.mp4"
    whole = path.read_bytes()
    path.write_text("hello")
    assert run(family, tmp_path, "--paired", dataset="FaceForensics++") == 1
    assert "remark: 2 fakes of youtube/c23/000 are not paired: cannot be opened as a video" in capsys.readouterr().out
    path.write_bytes(whole)
    assert run(family, tmp_path, "--paired", dataset="FaceForensics++") == 0
    notes = {note.video.video: note for note in read_all(tmp_path / "rgb/FaceForensics++")}
    assert sum(frame.source_image is not None for frame in notes["FaceSwap/c23/000_001"].frames) == 2


def test_lossless_codecs_give_the_same_pixels(raw, done, tmp_path):
    assert run(raw, tmp_path, "--codec", "webp") == 0
    png, webp = (list(make_manifest(out).records("test")) for out in (done, tmp_path))
    for a, b in zip(png, webp, strict=True):
        assert np.array_equal(open_store(done, "mine").image(a), open_store(tmp_path, "mine").image(b))


def test_packed_faces_are_the_same_and_check_finds_what_breaks(done, tmp_path, capsys):
    out = tmp_path / "out"
    shutil.copytree(done, out)
    to_lmdb.main(["--dataset", "mine", "--datasets", str(out)])
    with pytest.raises(ConfigError, match="mine_lmdb: exists already; --force replaces it"):
        to_lmdb.main(["--dataset", "mine", "--datasets", str(out)])
    to_lmdb.main(["--dataset", "mine", "--datasets", str(out), "--force"])
    for record in make_manifest(out).records("train"):
        rgb, packed = open_store(out, "mine", "rgb"), open_store(out, "mine", "lmdb")
        assert np.array_equal(rgb.image(record), packed.image(record))
        assert np.array_equal(rgb.landmarks(record), packed.landmarks(record))
    arguments = ["--dataset", "mine", "--datasets", str(out), "--manifests", str(out / "json")]
    assert check.main([*arguments, "--store", "lmdb"]) == check.main([*arguments, "--store", "rgb"]) == 0
    (out / "rgb/mine/frames/train/real/a/00000.png").write_text("hello")
    (out / "rgb/mine/landmarks/val/real/c/00000.npy").unlink()
    assert check.main([*arguments, "--store", "rgb"]) == 1
    says = capsys.readouterr().out
    assert "broken: mine/train/real/a/00000: " in says and "broken: mine/val/real/c/00000: " in says
    assert "mine: 6 videos, 2 broken files" in says
