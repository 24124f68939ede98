"""The whole way from raw files to faces, manifest and LMDB: real videos, real dlib, real signals."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from preprocessing import check, manifest, preprocess, rearrange, settings, to_lmdb
from preprocessing.faces.align import FIVE_POINTS, template
from preprocessing.faces.video import open_media
from preprocessing.lock import alone
from preprocessing.sidecar import read_all
from preprocessing.store import open_store
from tests.unit.media import face, face_video, needs_predictor, numbered, write_picture, write_video
from training.core.errors import BenchError, ConfigError, ManifestError
from training.core.paths import ROOT

pytestmark = needs_predictor
VIDEOS = 6


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """One's own data: three real videos, two fakes and a picture."""
    root = tmp_path_factory.mktemp("raw")
    for i, name in enumerate(("train/real/a", "test/real/b", "val/real/c", "train/fake/gan/a", "test/fake/gan/b")):
        face_video(root / f"{name}.mp4", shade=i)
    write_picture(root / "train/real/portrait.png", face())
    return root


def run(raw, out, *flags, dataset="mine"):
    flags = ("--layout", "folder", "--workers", "0", *flags) if dataset == "mine" else ("--workers", "0", *flags)
    return preprocess.main(["--dataset", dataset, "--root", str(raw), "--output", str(out), "--frames", "3", *flags])


def command(raw, out, *flags):
    arguments = ["--dataset", "mine", "--layout", "folder", "--root", str(raw), "--output", str(out), "--frames", "3"]
    return [sys.executable, str(ROOT / "preprocessing/preprocess.py"), *arguments, "--workers", "2", *flags]


def contents(folder: Path) -> dict[str, str]:
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def make_manifest(out: Path, dataset="mine") -> manifest.Manifest:
    rearrange.main(["--dataset", dataset, "--datasets", str(out), "--output", str(out / "json")])
    return manifest.read(out / "json" / f"{dataset}.json")


@pytest.fixture(scope="module")
def done(raw, tmp_path_factory):
    """What an uninterrupted run leaves."""
    out = tmp_path_factory.mktemp("done")
    assert run(raw, out) == 0
    make_manifest(out)
    return out


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


def test_a_second_run_does_nothing_and_changes_nothing(raw, done, capsys):
    before = contents(done)
    assert run(raw, done) == 0
    assert f"{VIDEOS} videos were done before, 0 now" in capsys.readouterr().out
    assert contents(done) == before


def test_processes_and_no_processes_give_the_same(raw, done, tmp_path):
    subprocess.run(command(raw, tmp_path), check=True, capture_output=True)
    make_manifest(tmp_path)
    assert contents(tmp_path) == contents(done)


def test_other_settings_are_announced_and_done_again(raw, done, tmp_path, capsys):
    shutil.copytree(done, tmp_path / "out")
    assert run(raw, tmp_path / "out", "--size", "128", "--min-score", "0.2") == 0
    assert f"{VIDEOS} videos are done again: settings changed (detector, size)" in capsys.readouterr().out
    assert run(raw, tmp_path / "out") == 0
    make_manifest(tmp_path / "out")
    assert contents(tmp_path / "out") == contents(done)


def test_what_changed_or_went_missing_is_done_again(raw, done, tmp_path, capsys):
    out, root = tmp_path / "out", tmp_path / "raw"
    shutil.copytree(done, out)
    shutil.copytree(raw, root)
    next((out / "rgb/mine/frames/train/real/a").iterdir()).unlink()
    (out / "rgb/mine/videos/val/real/c.json").write_text("{")
    face_video(root / "test/real/b.mp4", frames=5)
    (root / "train/fake/gan/a.mp4").rename(root / "test/fake/gan/a.mp4")
    assert run(root, out) == 0
    says = capsys.readouterr().out
    assert "1 videos are done again: files are missing" in says
    assert "1 videos are done again: their notes cannot be read" in says
    assert "1 videos are done again: the raw files changed" in says
    assert "remark: 1 videos have faces but no raw file any more: train/fake/gan/a" in says


def test_new_facts_need_no_new_faces(raw, tmp_path, capsys):
    table, out = tmp_path / "t.csv", tmp_path / "out"
    for split in ("train", "test"):
        table.write_text(f"path,label,split\n{raw}/train/real/a.mp4,real,{split}\n")
        assert run(table, out) == 0
    assert "1 videos were done before, 0 now" in capsys.readouterr().out
    assert [s.video.split for s in read_all(out / "rgb/mine")] == ["test"]


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


def test_an_lmdb_older_than_its_faces_is_not_used(raw, tmp_path):
    out = tmp_path / "out"
    run(raw, out)
    to_lmdb.main(["--dataset", "mine", "--datasets", str(out)])
    open_store(out, "mine")
    run(raw, out)
    open_store(out, "mine")  # nothing was cut again
    run(raw, out, "--size", "128")
    with pytest.raises(ManifestError, match=r"mine_lmdb is older than the faces in .*to_lmdb\.py --force"):
        open_store(out, "mine")
    to_lmdb.main(["--dataset", "mine", "--datasets", str(out), "--force"])
    open_store(out, "mine")


def test_faces_cut_in_two_ways_make_no_manifest(raw, tmp_path):
    for name, size in (("a", "128"), ("b", "256")):
        table = tmp_path / f"{name}.csv"
        table.write_text(f"path,label,split\n{raw}/{'train' if name == 'a' else 'test'}/real/{name}.mp4,real,train\n")
        assert run(table, tmp_path, "--size", size) == 0
    with pytest.raises(
        ManifestError, match=r"mine: faces were cut with different settings, size: (128|256) and (128|256); run"
    ):
        make_manifest(tmp_path)


def test_a_time_limit_ends_a_video_not_the_run(raw, tmp_path, capsys):
    long = tmp_path / "raw"
    face_video(long / "train/real/long.mp4", frames=60)
    write_picture(long / "train/real/portrait.png", face())
    assert run(long, tmp_path, "--sampling", "all", "--time-limit", "0.1") == 1
    assert "problem: train/real/long: took more than time_limit (0.1 s)" in capsys.readouterr().out
    assert not (tmp_path / "rgb/mine/frames/train/real/long").exists() or not list(
        (tmp_path / "rgb/mine/frames/train/real/long").iterdir()
    )


# Usage


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--dataset", "Celeb-DF-v3"], "unknown dataset 'Celeb-DF-v3'; did you mean 'Celeb-DF-v2'?"),
        (["--dataset", "Celeb-DF-v2"], "where are the videos of Celeb-DF-v2? Give --root"),
        (["--dataset", "Celeb-DF-v2", "--root", "nowhere"], "root nowhere: no such folder; expected there: Celeb-real"),
        ([], "which dataset? Give --dataset"),
        (["--dataset", "a/b", "--layout", "folder"], "--dataset: 'a/b' cannot name a folder"),
        (["--sampling", "evne"], "--sampling: 'sampling' is 'evne'; did you mean 'even'?"),
        (["--frames", "0"], "--frames: 'frames' is 0; expected 1 or more"),
        (["--compression", "c223"], "--compression: 'compression' is 'c223'; did you mean 'c23'?"),
        (["--detector", "hogg", "--dataset", "mine", "--layout", "folder", "--root", "RAW"], "did you mean 'hog'?"),
        (["--config", "nowhere.yaml"], "no such configuration file: nowhere.yaml"),
        (
            ["--landmarks", "no.dat", "--dataset", "mine", "--layout", "folder", "--root", "RAW"],
            "no landmark predictor no.dat",
        ),
    ],
)
def test_bad_usage_is_one_line_that_names_the_culprit(raw, flags, says):
    flags = [str(raw) if flag == "RAW" else flag for flag in flags]
    with pytest.raises(BenchError) as error:
        preprocess.main(flags)
    assert says in str(error.value) and "\n" not in str(error.value)
    assert error.value.exit_code == 2


def test_a_wrong_key_in_the_configuration_is_named_with_its_file(tmp_path):
    (tmp_path / "c.yaml").write_text("framse: 3\n")
    with pytest.raises(ConfigError, match=r"c\.yaml: 'framse' is not a known key; did you mean 'frames'\?"):
        preprocess.main(["--config", str(tmp_path / "c.yaml")])


def test_datasets_are_listed(capsys):
    assert preprocess.main(["--list-datasets"]) == 0
    says = capsys.readouterr().out
    assert all(name in says for name in ("FaceForensics++", "Celeb-DF-v2", "your own (layout folder)"))


def test_the_dataset_of_the_configuration_is_the_default(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="no dataset: give --dataset NAME, or set 'dataset'"):
        settings.asked_for(None, None)
    own = tmp_path / "config.yaml"
    own.write_text("dataset: mine\noutput: elsewhere\n")
    monkeypatch.setattr(settings, "CONFIG", own)
    assert settings.asked_for(None, None) == (["mine"], ROOT / "elsewhere")
    assert settings.asked_for(["a", "b"], tmp_path) == (["a", "b"], tmp_path)


def test_unknown_faces_are_answered_with_the_nearest(done):
    for entry in (rearrange, to_lmdb):
        with pytest.raises(ManifestError, match=r"no faces of 'mien' in .*; did you mean 'mine'\?"):
            entry.main(["--dataset", "mien", "--datasets", str(done)])


@pytest.mark.parametrize("folder", [ROOT, ROOT / "preprocessing"])
@pytest.mark.parametrize("entry", ["preprocess", "rearrange", "to_lmdb", "check"])
def test_entries_work_from_the_root_and_from_their_folder(folder, entry):
    script = os.path.relpath(ROOT / "preprocessing" / f"{entry}.py", folder)
    said = subprocess.run(
        [sys.executable, script, "--help"], cwd=folder, capture_output=True, text=True, check=True
    ).stdout
    assert "--dataset" in said


def test_failures_and_bad_usage_exit_differently(tmp_path):
    (tmp_path / "raw/real").mkdir(parents=True)
    (tmp_path / "raw/real/broken.mp4").touch()
    failed = subprocess.run(command(tmp_path / "raw", tmp_path), capture_output=True, text=True)
    misused = subprocess.run(command(tmp_path / "nowhere", tmp_path), capture_output=True, text=True)
    assert (failed.returncode, misused.returncode) == (1, 2)
    assert misused.stderr.startswith("error: root ") and misused.stderr.count("\n") == 1


def test_a_place_that_cannot_be_written_stops_the_run(raw, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"file/rgb/mine: cannot be written \(Not a directory\)"):
        run(raw, tmp_path / "file")
    (tmp_path / "rgb/mine").mkdir(parents=True)
    (tmp_path / "rgb/mine/frames").touch()
    stopped = subprocess.run(command(raw, tmp_path), capture_output=True, text=True)
    assert stopped.returncode == 1
    assert stopped.stderr.splitlines()[-1].startswith("error: cannot write below ")


# Interruptions


def started(raw, out):
    """A run in its own process, once it has begun to write (or has ended)."""
    before = written(out)
    process = subprocess.Popen(
        command(raw, out), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    while written(out) == before and process.poll() is None:
        time.sleep(0.005)
    return process


def written(out):
    return sorted(path for path in (out / "rgb/mine").rglob("*.png"))


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130)])
def test_a_stopped_run_says_how_to_go_on_and_leaves_no_process(raw, done, tmp_path, sent, code):
    many = tmp_path / "raw"
    for i in range(20):
        shutil.copytree(raw, many / f"train/real/{i}")
    process = started(many, tmp_path)
    if sent == signal.SIGINT:
        os.killpg(process.pid, sent)  # a terminal sends Ctrl-C to the workers too
    else:
        process.send_signal(sent)
    said, _ = process.communicate(timeout=20)
    assert process.returncode == code
    assert "videos left to do; the same command again goes on from here" in said
    assert "Traceback" not in said


def kill_and_go_on(raw, out, delays):
    for delay in delays:
        process = started(raw, out)
        time.sleep(delay)
        process.kill()
        process.communicate()
    subprocess.run(command(raw, out), check=True, capture_output=True)
    make_manifest(out)
    return contents(out)


def test_killed_runs_end_in_the_same_bytes(raw, done, tmp_path):
    assert kill_and_go_on(raw, tmp_path, [0.0, 0.05, 0.2]) == contents(done)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_runs_killed_at_any_moment_end_in_the_same_bytes(raw, done, tmp_path, seed):
    draw = random.Random(seed)
    assert kill_and_go_on(raw, tmp_path, [draw.uniform(0, 0.6) for _ in range(4)]) == contents(done)


def test_two_runs_do_not_share_a_folder(raw, tmp_path):
    with alone(tmp_path / "rgb/mine"), pytest.raises(ConfigError, match="rgb/mine: another run is at work here"):
        run(raw, tmp_path)
    assert run(raw, tmp_path) == 0
