"""How a run goes: what is done again, what stops it, what it says to wrong usage; real processes, real signals."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

from preprocessing import preprocess, rearrange, settings, to_lmdb
from preprocessing.lock import alone
from preprocessing.sidecar import read_all
from preprocessing.store import open_store
from tests.unit.media import face, face_video, needs_predictor, write_picture
from tests.unit.own_data import VIDEOS, command, contents, make_manifest, run
from training.core.errors import BenchError, ConfigError, ManifestError
from training.core.paths import ROOT

pytestmark = needs_predictor


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
    shutil.copytree(raw / "train", tmp_path / "train")
    for split in ("train", "test"):
        table.write_text(f"path,label,split\ntrain/real/a.mp4,real,{split}\n")
        assert run(table, out) == 0
    assert "1 videos were done before, 0 now" in capsys.readouterr().out
    assert [s.video.split for s in read_all(out / "rgb/mine")] == ["test"]


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
    shutil.copytree(raw, tmp_path / "raw")
    for name, size in (("a", "128"), ("b", "256")):
        table = tmp_path / f"{name}.csv"
        table.write_text(f"path,label,split\nraw/{'train' if name == 'a' else 'test'}/real/{name}.mp4,real,train\n")
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
