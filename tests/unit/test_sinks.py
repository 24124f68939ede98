"""Faces written straight into an LMDB: the same as in a folder, whatever stops the run on its way."""

from __future__ import annotations

import subprocess
import sys
import time

import lmdb
import numpy as np
import pytest

from preprocessing import preprocess, rearrange
from preprocessing.lock import alone
from preprocessing.manifest import SPLITS, Frame, Manifest, Video, read
from preprocessing.sidecar import Sidecar
from preprocessing.sinks import FolderSink, LmdbSink, Parcel
from preprocessing.store import Folder, Lmdb, lmdb_root, open_store, rgb_root
from tests.unit.media import face, face_video, needs_predictor, write_picture
from training.core.errors import ManifestError
from training.core.paths import ROOT


def note(video: str, *names: str) -> Sidecar:
    frames = [Frame(i, True, f"frames/{video}/{name}") for i, name in enumerate(names)]
    return Sidecar(Video("set", video, 0, "real", video, "train"), frames, {}, {}, {})


@pytest.fixture(params=[FolderSink, LmdbSink])
def sink(request, tmp_path):
    return request.param(tmp_path / "set_lmdb")


def fill(sink, told: Sidecar, data: bytes = b"x") -> Parcel:
    sink.begin(told.video.video)
    for frame in told.frames:
        sink.put(frame.image, data)
    parcel = sink.end(told)
    sink.keep(parcel)
    return parcel


def get(sink, path: str) -> bytes | None:
    return (Lmdb if isinstance(sink, LmdbSink) else Folder)(sink.root).get(path)


def test_a_video_is_complete_when_all_its_files_are_there(sink):
    told = note("a", "0.png", "1.png")
    assert not sink.complete(told)
    fill(sink, told)
    assert sink.complete(told)
    assert not sink.complete(note("a", "0.png", "2.png", "3.png"))
    assert get(sink, "frames/a/1.png") == b"x"
    assert sink.complete(note("without faces"))


def test_a_video_done_again_leaves_nothing_of_before_and_takes_no_other_with_it(sink):
    fill(sink, note("real/a", "0.png", "1.png"))
    fill(sink, note("real/a/b", "0.png"))
    fill(sink, note("real/ab", "0.png"))
    fill(sink, note("real/a", "0.qoi"), b"new")
    assert get(sink, "frames/real/a/0.png") is None and get(sink, "frames/real/a/1.png") is None
    assert get(sink, "frames/real/a/0.qoi") == b"new"
    assert get(sink, "frames/real/a/b/0.png") == get(sink, "frames/real/ab/0.png") == b"x"


def test_an_lmdb_grows_as_it_is_written(tmp_path):
    sink, big = LmdbSink(tmp_path), np.random.default_rng(0).bytes(3_000_000)
    for i in range(3):
        fill(sink, note(f"v{i}", *(f"{j}.png" for j in range(10))), big)
    assert all(sink.complete(note(f"v{i}", *(f"{j}.png" for j in range(10)))) for i in range(3))
    assert Lmdb(tmp_path).get("frames/v0/9.png") == big


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    root = tmp_path_factory.mktemp("raw")
    for i, name in enumerate(("train/real/a", "train/fake/gan/a")):
        face_video(root / f"{name}.mp4", shade=i)
    write_picture(root / "test/real/portrait.png", face())
    return root


def cut(raw, out, *flags) -> Manifest:
    where = ["--dataset", "mine", "--layout", "folder", "--root", str(raw), "--output", str(out)]
    assert preprocess.main([*where, "--frames", "3", "--workers", "0", *flags]) == 0
    rearrange.main(["--dataset", "mine", "--datasets", str(out), "--output", str(out)])
    return read(out / "mine.json")


@needs_predictor
@pytest.mark.parametrize("flags", [("--workers", "2"), ("--codec", "lz4"), ("--codec", "png")])
def test_both_stores_hold_the_same(raw, tmp_path, capsys, flags):
    folder, direct = cut(raw, tmp_path / "rgb"), cut(raw, tmp_path / "lmdb", "--store", "lmdb", *flags)
    ours, theirs = open_store(tmp_path / "lmdb", "mine"), open_store(tmp_path / "rgb", "mine")
    assert isinstance(ours.content, Lmdb)
    pairs = [pair for s in SPLITS for pair in zip(folder.records(s), direct.records(s), strict=True)]
    assert len(pairs) == 7
    for one, other in pairs:
        assert np.array_equal(theirs.image(one), ours.image(other))
        assert np.array_equal(theirs.landmarks(one), ours.landmarks(other))
    capsys.readouterr()
    cut(raw, tmp_path / "lmdb", "--store", "lmdb", *flags)
    assert "3 videos were done before, 0 now" in capsys.readouterr().out


@needs_predictor
def test_what_is_lossy_is_on_record(raw, tmp_path, capsys):
    listed = cut(raw, tmp_path, "--store", "lmdb", "--codec", "jpeg", "--quality", "90")
    assert listed.facts["settings"]["codec"] == "jpeg" and listed.facts["settings"]["quality"] == 90
    assert listed.facts["lossy"] and "lossy: faces are jpeg" in capsys.readouterr().out
    cut(raw, tmp_path, "--store", "lmdb", "--codec", "jpeg", "--quality", "80")
    assert "3 videos are done again: settings changed (quality)" in capsys.readouterr().out


@needs_predictor
def test_faces_in_both_stores_are_no_reason_to_guess(raw, tmp_path):
    cut(raw, tmp_path)
    with pytest.raises(ManifestError, match=r"faces of 'mine' are in .*rgb/mine and in .*mine_lmdb: say --store"):
        cut(raw, tmp_path, "--store", "lmdb")


@needs_predictor
def test_what_a_file_says_of_itself_is_on_record_and_stays_there(raw, tmp_path):
    media = {video.video: video.media for video, _ in cut(raw, tmp_path).entries}
    assert media["test/real/portrait"] == {"width": 160, "height": 160, "codec": "png"}
    film = media["train/real/a"]
    assert (film["width"], film["height"], film["codec"], film["fps"]) == (160, 160, "h264", 25.0)
    assert film["bit_rate"] > 0
    assert {video.video: video.media for video, _ in cut(raw, tmp_path).entries} == media


def values(out) -> dict[bytes, bytes]:
    with lmdb.open(str(lmdb_root(out, "mine")), readonly=True, lock=False) as environment, environment.begin() as read:
        return dict(read.cursor())


def notes(out) -> dict[str, str]:
    root = lmdb_root(out, "mine") / "videos"
    return {p.relative_to(root).as_posix(): p.read_text() for p in sorted(root.rglob("*.json"))}


@needs_predictor
def test_runs_killed_while_they_write_an_lmdb_end_in_the_same_bytes(raw, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    cut(raw, whole, "--store", "lmdb")
    where = ["--dataset", "mine", "--layout", "folder", "--root", str(raw), "--output", str(killed)]
    command = [sys.executable, str(ROOT / "preprocessing/preprocess.py"), *where, "--store", "lmdb", "--frames", "3"]
    for progress in (lambda: (lmdb_root(killed, "mine") / "data.mdb").exists(), lambda: notes(killed)):
        run = subprocess.Popen([*command, "--workers", "2"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not progress() and run.poll() is None:
            time.sleep(0.002)
        run.kill()
        run.wait()
    cut(raw, killed, "--store", "lmdb")
    assert notes(killed) == notes(whole) and values(killed) == values(whole)


def test_an_lmdb_that_is_being_written_is_not_read(tmp_path):
    root = lmdb_root(tmp_path, "set")
    fill(LmdbSink(root), note("a", "0.png"))
    with (
        alone(root),
        pytest.raises(ManifestError, match="set_lmdb: preprocess.py is writing it; wait until it is done"),
    ):
        open_store(tmp_path, "set")
    open_store(tmp_path, "set")


def test_a_folder_in_which_an_lmdb_was_never_written_is_passed_over(tmp_path):
    fill(FolderSink(rgb_root(tmp_path, "set")), note("a", "0.png"))
    with alone(lmdb_root(tmp_path, "set")):
        assert isinstance(open_store(tmp_path, "set").content, Folder)
