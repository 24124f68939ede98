"""A disk that fills up ends a run in one line and costs nothing that was finished. The disk is a small real one."""

from __future__ import annotations

import json
import sys

import pytest

from tests.mounts import MOUNT, in_own_mounts
from tests.unit.media import face_video, needs_predictor

SCRIPT = """
import shutil, subprocess, sys
from preprocessing import preprocess, to_lmdb
from training.core.cli import run_entry

def attempt(main, *argv):
    sys.argv = ["entry", "--dataset", "mine", *argv]
    try:
        run_entry(main)
    except SystemExit as ending:
        return ending.code

raw, place, saved, store = sys.argv[1:]
cut = (preprocess.main, "--layout", "folder", "--root", raw, "--output", place, "--workers", "0", "--frames", "3")
codes = [attempt(*cut, "--store", store)]
shutil.copytree(place, saved + "/full")
subprocess.run(["mount", "-o", "remount,size=2m", place], check=True)
codes.append(attempt(*cut, "--store", store))
if store == "rgb":
    codes.append(attempt(to_lmdb.main, "--datasets", place))
shutil.copytree(place, saved + "/after")
print("codes", codes)
"""


@needs_predictor
@pytest.mark.parametrize("store", ["rgb", "lmdb"])
def test_a_full_disk_ends_a_run_in_one_line_and_loses_nothing_finished(disk, tmp_path, store):
    for i in range(5):
        face_video(tmp_path / f"raw/train/real/{i}.mp4", shade=i)
    command = MOUNT.format(size="1m", place=disk) + ' && exec "$@"'
    run = in_own_mounts(command, sys.executable, "-c", SCRIPT, str(tmp_path / "raw"), str(disk), str(tmp_path), store)
    assert f"codes {[1, 0] if store == 'lmdb' else [1, 0, 1]}" in run.stdout, run.stderr
    assert "Traceback" not in run.stderr
    errors = [line for line in run.stderr.splitlines() if "error" in line.lower()]
    assert errors[0].startswith("error: cannot write below ") and "No space left on device" in errors[0]
    finished = notes(tmp_path / "full")
    assert 0 < len(finished) < 5
    assert f"{len(finished)} videos were done before, {5 - len(finished)} now" in run.stdout
    assert len(notes(tmp_path / "after")) == 5
    if store == "rgb":
        assert errors[1].startswith("error: ") and errors[1].endswith("mine_lmdb.part: No space left on device")
        assert not list((tmp_path / "after/lmdb").iterdir())


def notes(root):
    return [json.loads(path.read_text())["entry"] for path in root.glob("*/*/videos/**/*.json")]
